import Ground
import MusterTesting
import Testing

@testable import PresenceDocuments

@Suite("Authorization rules of the hostile")
struct PolicyHostileTests {
    private let bob = PolicySample.watcher("sip:bob@home1.net")

    private func fault(_ text: String) -> DocumentFault? {
        do {
            _ = try Ruleset.parse(octets(text))
            return nil
        } catch {
            return error
        }
    }

    @Test("ten thousand rules are read and judged; one more is refused", .spec("RFC 4745 §14/1"))
    func manyRules() throws {
        let rules = (0..<10_000).map {
            "<rule id=\"r\($0)\"><conditions>\(PolicySample.one("sip:u\($0)@home1.net"))</conditions><actions><pr:sub-handling>allow</pr:sub-handling></actions></rule>"
        }
        let text = rules.joined()
        let set = try PolicySample.set(text)
        #expect(set.entries.count == 10_000)
        #expect(set.evaluate(PolicySample.watcher("sip:u9999@home1.net"), PolicySample.situation()).handling == .allow)
        #expect(set.evaluate(self.bob, PolicySample.situation()) == .nothing)
        #expect(set.explain(self.bob, PolicySample.situation()).count == 10_000)
        #expect(self.fault(PolicySample.text(text + "<rule id=\"last\"/>"))?.status == 413)
    }

    @Test("one rule with very many names, exceptions or periods is refused", .spec("RFC 4745 §14/1"))
    func manyNames() throws {
        func times(_ count: Int, _ text: String) -> String { String(repeating: text, count: count) }
        let one = "<one id=\"sip:a@b\"/>"
        let names = PolicyLimits.names
        #expect(
            self.fault(PolicySample.text(PolicySample.rule("r", if: "<identity>\(times(names, one))</identity>")))
                == nil)
        for (conditions, isRefused) in [
            ("<identity>\(times(names + 1, one))</identity>", true),
            ("<identity><many>\(times(names, "<except id=\"sip:a@b\"/>"))</many></identity>", true),
            ("<oc:external-list>\(times(names + 1, "<oc:entry anc=\"a\"/>"))</oc:external-list>", true),
            ("<validity>\(times(PolicyLimits.periods + 1, "<from/>"))</validity>", true),
            (times(PolicyLimits.conditions, "<x:y/>"), false), (times(PolicyLimits.conditions + 1, "<x:y/>"), true),
        ] {
            #expect(
                self.fault(PolicySample.text(PolicySample.rule("r", if: conditions)))?.status == (isRefused ? 413 : nil)
            )
        }
        for (transformation, member) in [
            ("pr:provide-services", "pr:class"), ("pr:provide-persons", "pr:occurrence-id"),
        ] {
            let members = (0...PolicyLimits.members).map { "<\(member)>c\($0)</\(member)>" }.joined()
            let rule = PolicySample.rule("r", show: "<\(transformation)>\(members)</\(transformation)>")
            #expect(self.fault(PolicySample.text(rule))?.status == 413)
        }
        let attributes = (0...PolicyLimits.members).map {
            "<pr:provide-unknown-attribute name=\"a\($0)\" ns=\"urn:x\">true</pr:provide-unknown-attribute>"
        }
        #expect(self.fault(PolicySample.text(PolicySample.rule("r", show: attributes.joined())))?.status == 413)
    }

    @Test("deep nesting, bombs and bytes that are no text are refused", .spec("RFC 4745 §13/1", "RFC 4745 §14/1"))
    func bombs() {
        let deep = String(repeating: "<x:a>", count: 100_000)
        #expect(
            self.fault(PolicySample.text(deep))?.status == 413 || self.fault(PolicySample.text(deep))?.status == 400)
        let nested = String(repeating: "<x:a>", count: 200) + String(repeating: "</x:a>", count: 200)
        #expect(self.fault(PolicySample.text(PolicySample.rule("r", if: nested))) != nil)
        #expect(self.fault(String(repeating: " ", count: PolicyLimits.document + 1))?.status == 413)
        let bomb =
            "<!DOCTYPE r [<!ENTITY a \"aa\"><!ENTITY b \"&a;&a;\">]><ruleset xmlns=\"urn:ietf:params:xml:ns:common-policy\">&b;</ruleset>"
        #expect(self.fault(bomb)?.status == 400)
        #expect(throws: DocumentFault.self) { try Ruleset.parse([0xFF, 0xFE, 0x00][...]) }
        var cut = Array(
            PolicySample.text(PolicySample.rule("r", if: PolicySample.one("sip:bob@home1.net"), "allow")).utf8)
        cut.removeLast(12)
        #expect(throws: DocumentFault.self) { try Ruleset.parse(cut[...]) }
    }

    @Test("whatever a document leaves out, a cut never grants more", .spec("RFC 4745 §14/1"))
    func mutations() throws {
        // A rule that grants to bob; every document made by one changed byte grants to eve only if it names her.
        let text = PolicySample.text(
            PolicySample.rule(
                "r",
                if: PolicySample.one("sip:bob@home1.net")
                    + "<validity><from>2025-01-01T00:00:00Z</from><until>2026-01-01T00:00:00Z</until></validity>",
                "allow",
                show: PolicySample.everything))
        let bytes = Array(text.utf8)
        let eve = PolicySample.watcher("sip:eve@home9.net")
        var random = SeededRandom(4745)
        var readable = 0
        for _ in 0..<4000 {
            var mutated = bytes
            mutated[random.below(mutated.count)] = UInt8(truncatingIfNeeded: random.next())
            guard let ruleset = try? Ruleset.parse(mutated[...]) else { continue }
            readable += 1
            let set = PolicySet([([], ruleset)])
            #expect(
                set.evaluate(eve, PolicySample.situation()).handling == .block
                    || !string(mutated).contains("<conditions>"))
        }
        #expect(readable > 100)
    }

    @Test("identities of any bytes have a key that is its own key", .spec("RFC 5025 §3.1.1.2/1"))
    func keys() {
        var random = SeededRandom(5025)
        let parts = [
            "sip:", "sips:", "tel:", "@", "%41", "%4", "%", ":5060", ":", ";", "=", "phone-context", "+", "[", "]", "?",
            "a", "B", ".", "-", "é",
        ]
        for _ in 0..<20_000 {
            let text = (0..<random.below(9)).map { _ in random.pick(parts) }.joined()
            let key = PolicyIdentity.key(octets(text))
            #expect(PolicyIdentity.key(key[...]) == key, "\(text)")
            _ = PolicyIdentity.domain(ofKey: key)
            _ = GrantedServiceURI(octets(text)).isEquivalent(to: GrantedServiceURI(key[...]))
            _ = DeviceURN.key(octets(text))
        }
    }

    @Test("a large document under many grants is filtered in time that grows with both alone", .spec("RFC 5025 §4/2"))
    func largeView() throws {
        var content = ""
        for index in 0..<1200 {
            content += "<tuple id=\"t\(index)\"><status/><contact>sip:ana@pc;gr=\(index)</contact></tuple>"
        }
        let members = (0..<1000).map { "<pr:service-uri>sip:ana@pc\($0)</pr:service-uri>" }.joined()
        let rules = (0..<9).map {
            PolicySample.rule(
                "r\($0)", nil,
                show: "<pr:provide-services>\(members.replacing("pc", with: "pc\($0)x"))</pr:provide-services>")
        }
        let set = try PolicySample.set(rules.joined() + PolicySample.rule("all", if: nil, "allow"))
        let outcome = set.evaluate(self.bob, PolicySample.situation())
        let document = try Sample.document(content)
        #expect(PolicySample.body(outcome.permissions.apply(to: document)) == "")
        #expect(outcome.permissions != .nothing)
    }
}
