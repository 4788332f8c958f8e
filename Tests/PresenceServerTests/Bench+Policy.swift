import Ground
import PresenceDocuments
import PresenceServer
import Testing

/// One rule of a rules document, in the words of RFC 4745.
struct RuleText {
    var id = "r1"
    var conditions = ""
    var handling: String? = "allow"
    var transformations = RuleText.everything

    static let everything =
        "<pr:provide-devices><pr:all-devices/></pr:provide-devices>"
        + "<pr:provide-persons><pr:all-persons/></pr:provide-persons>"
        + "<pr:provide-services><pr:all-services/></pr:provide-services><pr:provide-all-attributes/>"

    static let services = "<pr:provide-services><pr:all-services/></pr:provide-services>"
    static let persons = "<pr:provide-persons><pr:all-persons/></pr:provide-persons>"

    static func one(_ user: String) -> String {
        let uri = user.contains(":") ? user : "sip:\(user)@bench.test"
        return "<cr:identity><cr:one id=\"\(uri)\"/></cr:identity>"
    }

    /// A rule about one watcher, or about everybody.
    static func rule(
        _ watcher: String?, _ handling: String?, _ transformations: String = RuleText.everything, id: String = "r1",
        also conditions: String = ""
    ) -> RuleText {
        RuleText(
            id: id, conditions: (watcher.map { one($0) } ?? "") + conditions, handling: handling,
            transformations: transformations)
    }

    var text: String {
        "<cr:rule id=\"\(self.id)\"><cr:conditions>\(self.conditions)</cr:conditions><cr:actions>"
            + (self.handling.map { "<pr:sub-handling>\($0)</pr:sub-handling>" } ?? "")
            + "</cr:actions><cr:transformations>\(self.transformations)</cr:transformations></cr:rule>"
    }

    static func document(_ rules: [RuleText]) -> String {
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><cr:ruleset xmlns:cr=\"urn:ietf:params:xml:ns:common-policy\" "
            + "xmlns:pr=\"urn:ietf:params:xml:ns:pres-rules\" xmlns:oc=\"urn:oma:xml:xdm:common-policy\">"
            + rules.map(\.text).joined() + "</cr:ruleset>"
    }
}

extension Bench {
    /// The XCAP root of the documents of these tests.
    static let root = "http://127.0.0.1:8070/xcap"

    static func identity(_ user: String) -> [UInt8] {
        Array((user.contains(":") ? user : "sip:\(user)@bench.test").utf8)
    }

    static func document(
        _ kind: SubscriberDocument.Kind, _ user: String, _ body: String?, name: String = "index",
        usage: String? = nil
    ) -> SubscriberDocument {
        let auid =
            switch kind {
            case .rules: usage ?? "pres-rules"
            case .hardState: "pidf-manipulation"
            case .resourceLists: "resource-lists"
            }
        let owner = Self.identity(user)
        return SubscriberDocument(
            kind: kind, owner: owner, selector: Array("\(auid)/users/\(owner[...].text)/\(name)".utf8),
            body: body.map { Array($0.utf8) })
    }

    /// Puts documents, as the XDM server does it.
    mutating func put(_ documents: SubscriberDocument...) {
        for document in documents { self.documents[document.selector] = document.body == nil ? nil : document }
        self.feed(.documentsChanged(documents))
    }

    /// Replaces the rules document of a presentity.
    mutating func rules(_ user: String, _ rules: RuleText...) {
        self.put(Self.document(.rules, user, RuleText.document(rules)))
    }

    mutating func removeRules(_ user: String) { self.put(Self.document(.rules, user, nil)) }

    mutating func explain(
        _ user: String, _ watcher: String?, asksForPrivacy: Bool = false
    ) throws -> PolicyExplanation {
        let identities = watcher.map { [Self.identity($0)] } ?? []
        self.feed(
            .explain(
                Ticket(number: 77), presentity: Self.identity(user),
                watcher: PolicyWatcher(identities: identities, asksForPrivacy: asksForPrivacy)))
        let explanation = self.explanations.popLast()
        return try #require(explanation)
    }

    /// A document with something of everything: two services, a person, a device.
    static func rich(_ user: String, sphere: String = "", activity: String = "meeting") -> String {
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
            + "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" "
            + "xmlns:r=\"urn:ietf:params:xml:ns:pidf:rpid\" xmlns:x=\"urn:example:extra\" "
            + "entity=\"sip:\(user)@bench.test\">"
            + "<tuple id=\"call\"><status><basic>open</basic></status><x:game>chess</x:game>"
            + "<r:class>work</r:class><r:privacy><r:text/></r:privacy>"
            + "<r:relationship><r:assistant/></r:relationship>"
            + "<r:status-icon>http://icons.bench.test/call</r:status-icon><r:user-input idle-threshold=\"600\" "
            + "last-input=\"2027-01-15T07:00:00Z\">idle</r:user-input>"
            + "<dm:deviceID>urn:uuid:phone</dm:deviceID><contact>sip:\(user)@bench.test</contact>"
            + "<note>call me</note><timestamp>2027-01-15T08:00:00Z</timestamp></tuple>"
            + "<tuple id=\"mail\"><status><basic>open</basic></status><r:class>home</r:class>"
            + "<contact>mailto:\(user)@bench.test</contact><note>write me</note></tuple>"
            + "<dm:person id=\"p1\"><r:activities><r:\(activity)/></r:activities><r:class>self</r:class>"
            + "<r:mood><r:happy/></r:mood><r:place-is><r:audio><r:noisy/></r:audio></r:place-is>"
            + "<r:place-type><lt:office xmlns:lt=\"urn:ietf:params:xml:ns:location-type\"/></r:place-type>"
            + (sphere.isEmpty ? "" : "<r:sphere><r:\(sphere)/></r:sphere>")
            + "<r:time-offset>60</r:time-offset><dm:note>as a person</dm:note></dm:person>"
            + "<dm:device id=\"d1\"><r:class>phone</r:class><dm:deviceID>urn:uuid:phone</dm:deviceID>"
            + "<dm:note>the phone</dm:note></dm:device></presence>"
    }
}
