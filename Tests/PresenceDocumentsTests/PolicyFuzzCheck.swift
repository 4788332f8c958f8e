import Ground
import PresenceDocuments
import XMLTree

/// What must hold for every text read as a ruleset: see ``FuzzCheck``.
enum PolicyFuzzCheck {
    private static let shownSample: PresenceDocument? = try? PresenceDocument.parse(
        Array(
            """
            <presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" xmlns:x="urn:x" entity="sip:ana@home1.net">
            <tuple id="t1" x:a="1"><status><basic>open</basic></status><r:class>work</r:class><x:e/><contact>sip:ana@pc</contact><note>n</note></tuple>
            <tuple id="t2"><status/><contact>tel:+1</contact></tuple><note>all</note><x:top/>
            <dm:person id="p"><r:activities><r:away/></r:activities><r:mood><r:sad/></r:mood><r:user-input idle-threshold="1" last-input="2025-06-15T10:00:00Z">idle</r:user-input></dm:person>
            <dm:device id="d"><dm:deviceID>urn:uuid:1</dm:deviceID></dm:device></presence>
            """.utf8)[...])

    /// Authorization rules.
    static func ruleset(_ input: [UInt8]) -> String? {
        guard let sample = Self.shownSample else { return "the sample is not valid" }
        guard let ruleset = try? Ruleset.parse(input[...]) else { return nil }
        _ = ruleset.summary
        let set = PolicySet([(Array("d".utf8), ruleset)])
        let situation = PolicySituation(
            now: set.nextChange(after: .zero) ?? Instant(seconds: 1_749_988_800), sphere: Array("work".utf8)
        ) { anchor, _ in anchor.count % 2 == 0 }
        let bob = Array("sip:bob@home1.net".utf8)
        for watcher in [PolicyWatcher(identities: [bob]), .anonymous] {
            let outcome = set.evaluate(watcher, situation)
            let verdicts = set.explain(watcher, situation)
            let best = verdicts.filter(\.isMatch).compactMap(\.rule.handling).max() ?? .block
            if best != outcome.handling { return "judgement and explanation differ" }
            if (set.deciding(watcher, situation)?.rule.handling ?? .block) != best { return "the wrong rule decides" }
            for verdict in verdicts { _ = verdict.reason }
            let view = outcome.permissions.apply(to: sample)
            if outcome.permissions.apply(to: view) != view { return "filtering twice differs from once" }
            let bytes = view.serialised()
            if (try? PresenceDocument.parse(bytes[...]))?.serialised() != bytes { return "a view is not valid" }
            for rule in ruleset.rules { _ = rule.permissions.apply(to: sample) }
        }
        return Self.edited(input, ruleset, bob)
    }

    private static func edited(_ input: [UInt8], _ ruleset: Ruleset, _ bob: [UInt8]) -> String? {
        let change: RulesetEditing.Change
        do {
            change = try RulesetEditing.setting(.block, for: .identity(bob), in: input[...])
        } catch {
            return error.kind == .overLimit ? nil : "a ruleset cannot be edited: \(error)"
        }
        guard let parsed = try? Ruleset.parse(change.document[...]) else { return "what is edited cannot be read" }
        let situation = PolicySituation(now: Instant(seconds: 1_749_988_800), sphere: Array("work".utf8)) { _, _ in true
        }
        let outcome = PolicySet([([], parsed)]).evaluate(PolicyWatcher(identities: [bob]), situation)
        if change.remaining.isEmpty, outcome.handling != .block { return "who is blocked is not blocked" }
        if let again = try? RulesetEditing.setting(.block, for: .identity(bob), in: change.document[...]),
            again.document != change.document
        {
            return "the same change twice differs from once"
        }
        guard let gone = try? RulesetEditing.removing(.identity(bob), from: change.document[...]) else {
            return "who is blocked cannot be forgotten"
        }
        return (try? Ruleset.parse(gone[...])) == nil ? "what is left cannot be read" : nil
    }
}
