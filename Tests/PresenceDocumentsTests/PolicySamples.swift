import Ground
import MusterTesting
import Testing

@testable import PresenceDocuments
@testable import XMLTree

/// Rulesets, watchers and documents for the tests of authorization rules.
enum PolicySample {
    static let declarations =
        "xmlns=\"urn:ietf:params:xml:ns:common-policy\" xmlns:pr=\"urn:ietf:params:xml:ns:pres-rules\" "
        + "xmlns:oc=\"urn:oma:xml:xdm:common-policy\" xmlns:op=\"urn:oma:xml:prs:pres-rules\" xmlns:x=\"urn:example:x\""

    static func text(_ rules: String) -> String {
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ruleset \(self.declarations)>\(rules)</ruleset>"
    }

    static func rule(
        _ id: String, if conditions: String? = nil, _ handling: String? = nil, show transformations: String? = nil
    ) -> String {
        "<rule id=\"\(id)\">" + (conditions.map { "<conditions>\($0)</conditions>" } ?? "")
            + (handling.map { "<actions><pr:sub-handling>\($0)</pr:sub-handling></actions>" } ?? "")
            + (transformations.map { "<transformations>\($0)</transformations>" } ?? "") + "</rule>"
    }

    static func one(_ identities: String...) -> String {
        "<identity>" + identities.map { "<one id=\"\($0)\"/>" }.joined() + "</identity>"
    }

    static func ruleset(_ rules: String) throws -> Ruleset { try Ruleset.parse(octets(self.text(rules))) }

    static func set(_ documents: String...) throws -> PolicySet {
        try PolicySet(documents.enumerated().map { (Array("d\($0)".utf8), try self.ruleset($1)) })
    }

    static func watcher(_ identities: String..., privacy: Bool = false) -> PolicyWatcher {
        PolicyWatcher(identities: identities.map { Array($0.utf8) }, asksForPrivacy: privacy)
    }

    /// 2025-06-15T12:00:00Z
    static let noon = Instant(seconds: 1_749_988_800)

    static func situation(
        _ sphere: String? = nil, at now: Instant = Self.noon, listed: [String: [String]] = [:]
    ) -> PolicySituation {
        PolicySituation(now: now, sphere: sphere.map { Array($0.utf8) }) { anchor, identities in
            identities.contains { listed[anchor.text]?.contains($0[...].text) ?? false }
        }
    }

    static let everything =
        "<pr:provide-services><pr:all-services/></pr:provide-services><pr:provide-persons><pr:all-persons/>"
        + "</pr:provide-persons><pr:provide-devices><pr:all-devices/></pr:provide-devices>"

    /// What is left of a document under transformations, without the root element.
    static func shown(_ transformations: String, of content: String) throws -> String {
        let rules = try self.ruleset(self.rule("r", nil, show: transformations))
        let document = try Sample.document(content)
        let filtered = rules.rules[0].permissions.apply(to: document)
        // Whatever is shown can be read again, and says the same.
        #expect(try PresenceDocument.parse(filtered.serialised()[...]) == filtered)
        #expect(filtered.entityOctets == document.entityOctets)
        return self.body(filtered)
    }

    static func body(_ document: PresenceDocument) -> String {
        let text = string(document.serialised())
        let body = text.drop { $0 != "\n" }.dropFirst().drop { $0 != ">" }.dropFirst()
        return String(body.dropLast("</presence>".count))
    }
}
