import Ground
import MusterTesting
import Testing

@testable import PresenceDocuments
@testable import XMLTree

@Suite("Authorization rules at random")
struct PolicyPropertyTests {
    private static let rounds = 250

    private func policies(_ texts: [String]) throws -> PolicySet {
        try PolicySet(texts.enumerated().map { (Array("d\($0)".utf8), try Ruleset.parse(octets($1))) })
    }

    @Test(
        "judgement and view are those of a slow model that is obviously right",
        .spec(
            "RFC 4745 §6/1", "RFC 4745 §6/2", "RFC 4745 §7/1", "RFC 4745 §10.2/1", "RFC 5025 §3.3/1", "RFC 5025 §5/1",
            "RFC 5025 §4/2"))
    func model() throws {
        var allowed = 0
        for seed in 1...UInt64(Self.rounds) {
            var maker = PolicyMaker(seed)
            let texts = (0..<1 + maker.random.below(2)).map { maker.ruleset("r\($0)x") }
            let set = try self.policies(texts)
            let document = try PresenceDocument.parse(octets(maker.document()))
            for _ in 0..<3 {
                let (watcher, situation) = (maker.watcher(), maker.situation())
                let model = try PolicyModel(texts, watcher, situation)
                let outcome = set.evaluate(watcher, situation)
                let verdicts = set.explain(watcher, situation)
                let matching = verdicts.filter(\.isMatch).map { $0.rule.id[...] }
                #expect(matching == model.matching.compactMap { $0.attribute("id") }, "seed \(seed)")
                #expect(outcome.handling == model.handling, "seed \(seed)")
                let deciding = set.deciding(watcher, situation)
                #expect(deciding?.rule.id == verdicts.first(where: \.isDeciding)?.rule.id, "seed \(seed)")
                #expect(deciding?.rule.handling ?? .block == outcome.handling, "seed \(seed)")
                let view = outcome.permissions.apply(to: document)
                #expect(view == (try model.view(of: document)), "seed \(seed)")
                if outcome.handling == .allow { allowed += 1 }
            }
        }
        #expect(allowed > Self.rounds / 4)
    }

    @Test("filtering twice is filtering once, and gives a valid document", .spec("RFC 5025 §4/1", "RFC 5025 §4/2"))
    func idempotence() throws {
        for seed in 1...UInt64(Self.rounds) {
            var maker = PolicyMaker(seed &* 7919)
            let document = try PresenceDocument.parse(octets(maker.document()))
            let rules = try Ruleset.parse(octets(PolicySample.text(maker.rule("a") + maker.rule("b"))))
            let permissions = rules.rules[0].permissions.union(rules.rules[1].permissions)
            let once = permissions.apply(to: document)
            #expect(permissions.apply(to: once) == once, "seed \(seed)")
            let bytes = once.serialised()
            let again = try PresenceDocument.parse(bytes[...])
            #expect(again.serialised() == bytes, "seed \(seed)")
            // A stranger who filters what was sent never shows more than was sent, and shows the same unless a class
            // that nobody may see had a say.
            let repeated = permissions.apply(to: again)
            #expect(Self.isPart(repeated, of: again), "seed \(seed)")
            if permissions.grants.attributes.contains(.classification) || permissions.grants.providesAll
                || !Self.usesClass(permissions)
            {
                #expect(repeated == again, "seed \(seed)")
            }
        }
    }

    private static func usesClass(_ permissions: Permissions) -> Bool {
        [permissions.grants.devices, permissions.grants.persons, permissions.grants.services].contains { occurrences in
            guard case .some(let selectors) = occurrences else { return false }
            return selectors.contains { $0.kind == .classification }
        }
    }

    @Test("adding a rule never shows less", .spec("RFC 4745 §6/2", "RFC 4745 §10.2/3", "RFC 4745 §10.2/4"))
    func monotony() throws {
        for seed in 1...UInt64(Self.rounds) {
            var maker = PolicyMaker(seed &* 104_729)
            let document = try PresenceDocument.parse(octets(maker.document()))
            // A rule that is about a watcher takes the watcher away from the rules for all others, which is what
            // other-identity is for; without it rules only add.
            let text = maker.ruleset("r").replacing("<oc:other-identity/>", with: "")
            let added = maker.rule("z").replacing("<oc:other-identity/>", with: "")
            let less = try self.policies([text])
            let more = try self.policies([text, PolicySample.text(added)])
            let (watcher, situation) = (maker.watcher(), maker.situation())
            let before = less.evaluate(watcher, situation)
            let after = more.evaluate(watcher, situation)
            #expect(before.handling <= after.handling, "seed \(seed)")
            #expect(before.permissions.union(after.permissions) == after.permissions, "seed \(seed)")
            #expect(
                Self.isPart(before.permissions.apply(to: document), of: after.permissions.apply(to: document)),
                "seed \(seed)")
        }
    }

    /// Whether one document holds nothing that another lacks: its elements, in their order, with their attributes.
    static func isPart(_ part: PresenceDocument, of whole: PresenceDocument) -> Bool {
        func isPart(_ part: XMLElement, of whole: XMLElement) -> Bool {
            guard part.name == whole.name, part.namespace == whole.namespace else { return false }
            for attribute in part.document.attributes(of: part.id) {
                let value = part.document.value(attribute)
                let theirs = whole.document.attributes(of: whole.id)
                guard theirs.contains(where: { whole.document.value($0) == value }) else { return false }
            }
            if part.children.isEmpty { return whole.text.starts(with: part.text) }
            var rest = whole.children[...]
            for child in part.children {
                guard let found = rest.firstIndex(where: { isPart(child, of: $0) }) else { return false }
                rest = rest[(found + 1)...]
            }
            return true
        }
        guard let mine = try? PresenceDocument.parse(part.serialised()[...]).tree.rootElement,
            let theirs = try? PresenceDocument.parse(whole.serialised()[...]).tree.rootElement
        else { return false }
        return isPart(mine, of: theirs)
    }

    @Test("a pruned tree is what is left, numbered anew", .spec("RFC 5025 §4/2"))
    func pruning() throws {
        for seed in 1...UInt64(300) {
            var maker = PolicyMaker(seed)
            let tree = try PresenceDocument.parse(octets(maker.document())).tree
            var doomed: [XMLDocument.NodeID] = []
            var marks = [Bool](repeating: false, count: tree.nodes.count)
            for id in tree.nodes.indices where id > 0 && XMLDocument.NodeID(id) != tree.root && maker.random.chance(15)
            {
                guard tree.nodes[id].kind != .namespace else { continue }
                doomed.append(XMLDocument.NodeID(id))
                marks[id] = true
            }
            var slow = tree
            slow.detach(all: doomed)
            let fast = tree.pruned(marks)
            #expect(fast == slow, "seed \(seed)")
            #expect(fast.serialised() == slow.serialised(), "seed \(seed)")
            #expect(fast.nodes.dropFirst().allSatisfy { $0.parent >= 0 }, "seed \(seed)")
        }
    }
}
