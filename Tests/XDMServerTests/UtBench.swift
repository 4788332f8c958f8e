import DigestAuth
import Ground
import Testing
import XCAPEngine
import XDMServer

/// An XDM server in virtual time with a storage that keeps what it is told, driven as the listener of Ut drives it.
struct UtBench {
    let configuration: XDMServer.Configuration
    var server: XDMServer
    var now = Instant(seconds: 1_800_000_000)
    /// What the storage holds, by selector.
    var storage: [[UInt8]: DocumentRecord] = [:]
    var changes: [DocumentChange] = []
    var observations: [XDMServer.Observation] = []
    /// What answers questions for credentials, by user name.
    var credentials: [String: DigestCredentials] = [:]
    /// Answers by the number of the ticket.
    var answers: [UInt64: UtResponse] = [:]
    private var ticket: UInt64 = 0

    static let root = "/xcap/"

    init(_ change: (inout XDMServer.Configuration) -> Void = { _ in }) {
        var configuration = XDMServer.Configuration(rootURI: "http://home.net/xcap/", servedDomains: ["Home.NET"])
        configuration.trustedReaders = [Array("sip:rls@home.net".utf8)]
        change(&configuration)
        self.configuration = configuration
        self.server = XDMServer(configuration: configuration, entropy: .seeded(11))
    }

    /// A request as the listener hands it on.
    static func request(
        _ method: String, _ target: String, as user: String? = "alice", trusted: Bool = true, type: String? = nil,
        ifMatch: String? = nil, ifNoneMatch: String? = nil, authorization: String? = nil, asserted: String? = nil,
        intended: String? = nil, body: String = ""
    ) -> UtRequest {
        let identity = asserted ?? user.map { "\"sip:\($0)@home.net\"" }
        return UtRequest(
            method: Array(method.utf8), target: Array(target.utf8), requestTarget: Array((Self.root + target).utf8),
            authorization: authorization.map { Array($0.utf8) }, assertedIdentity: identity.map { Array($0.utf8) },
            intendedIdentity: intended.map { Array($0.utf8) }, isTrustedPeer: trusted,
            contentType: type.map { Array($0.utf8) }, ifMatch: ifMatch.map { Array($0.utf8) },
            ifNoneMatch: ifNoneMatch.map { Array($0.utf8) }, body: Array(body.utf8),
            remote: Endpoint(IPAddress(ipv4: 0x7F00_0001), 40_000))
    }

    /// Sends a request and returns the answer, which must come in the same turn or after the credentials.
    @discardableResult
    mutating func send(_ request: UtRequest) -> UtResponse {
        self.ticket += 1
        let ticket = Ticket(number: 1_000_000 + self.ticket)
        self.give(.utRequestReceived(ticket, request))
        guard let answer = self.answers[ticket.number] else {
            Issue.record("no answer to \(String(decoding: request.target, as: UTF8.self))")
            return UtResponse(status: 0)
        }
        return answer
    }

    @discardableResult
    mutating func get(_ target: String, as user: String? = "alice", ifNoneMatch: String? = nil) -> UtResponse {
        self.send(Self.request("GET", target, as: user, ifNoneMatch: ifNoneMatch))
    }

    @discardableResult
    mutating func put(
        _ target: String, _ body: String, type: String, as user: String? = "alice", ifMatch: String? = nil,
        ifNoneMatch: String? = nil
    ) -> UtResponse {
        self.send(
            Self.request("PUT", target, as: user, type: type, ifMatch: ifMatch, ifNoneMatch: ifNoneMatch, body: body))
    }

    @discardableResult
    mutating func delete(_ target: String, as user: String? = "alice", ifMatch: String? = nil) -> UtResponse {
        self.send(Self.request("DELETE", target, as: user, ifMatch: ifMatch))
    }

    /// Gives an input, answers questions for credentials, applies what is to be stored before anything else is seen.
    mutating func give(_ input: XDMServer.Input) {
        var effects: [XDMServer.Effect] = []
        self.server.handle(input, at: self.now, into: &effects)
        for effect in effects {
            switch effect {
            case .store(.putDocument(let record)): self.storage[record.selector] = record
            case .store(.removeDocument(let selector)): self.storage[selector] = nil
            case .answer(let ticket, let response):
                #expect(self.answers.updateValue(response, forKey: ticket.number) == nil, "answered twice")
            case .documentChanged(let change): self.changes.append(change)
            case .observed(let observation): self.observations.append(observation)
            case .load(let ticket, let question):
                let known = self.credentials[question.user].map { CredentialAnswer.found($0) }
                self.give(.loaded(ticket, known ?? .unknown))
            case .store, .respond, .send: break
            }
        }
    }

    /// The server of a new process, with what the storage kept.
    mutating func restart() {
        self.server = XDMServer(configuration: self.configuration, entropy: .seeded(12))
        let documents = self.storage.values.sorted { $0.selector.lexicographicallyPrecedes($1.selector) }
        self.give(.restored(StoredDocuments(documents: documents)))
    }

    var documentNames: [String] { self.storage.keys.map { String(decoding: $0, as: UTF8.self) }.sorted() }

    static func users(_ names: String...) -> Set<[UInt8]> { Set(names.map { Array("sip:\($0)@home.net".utf8) }) }
}

extension UtResponse {
    func field(_ name: String) -> String? {
        self.fields.first { $0.name == name }.map { String(decoding: $0.value, as: UTF8.self) }
    }

    func fields(_ name: String) -> [String] {
        self.fields.filter { $0.name == name }.map { String(decoding: $0.value, as: UTF8.self) }
    }

    var text: String { String(decoding: self.body, as: UTF8.self) }
    /// With its quotes.
    var tag: String { self.field("ETag") ?? "" }
}

/// Documents that tests put.
enum Sample {
    static let listType = "application/resource-lists+xml"
    static let serviceType = "application/rls-services+xml"
    static let rulesType = "application/auth-policy+xml"
    static let presenceType = "application/pidf+xml"
    static let elementType = "application/xcap-el+xml"
    static let attributeType = "application/xcap-att+xml"

    static let lists = "resource-lists/users/sip:alice@home.net/index"
    static let services = "rls-services/users/sip:alice@home.net/index"

    /// Two lists with white space, a comment and an element of a foreign namespace.
    static let friends = """
        <?xml version="1.0" encoding="UTF-8"?>
        <resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists" xmlns:x="urn:x">
          <list name="friends">
            <!-- from school -->
            <entry uri="sip:bob@home.net"><display-name>Bob</display-name></entry>
            <entry uri="sip:carol@home.net"/>
            <x:colour>blue</x:colour>
          </list>
          <list name="work"/>
        </resource-lists>
        """

    static func service(_ uri: String, name: String = "friends", user: String = "alice") -> String {
        """
        <service uri="\(uri)"><resource-list>http://home.net/xcap/resource-lists/users/sip:\(user)@home.net/index/~~/\
        resource-lists/list%5B@name=%22\(name)%22%5D</resource-list><packages><package>presence</package></packages>\
        </service>
        """
    }

    static func services(_ elements: String...) -> String {
        "<rls-services xmlns=\"urn:ietf:params:xml:ns:rls-services\">" + elements.joined() + "</rls-services>"
    }

    static let rules = """
        <cr:ruleset xmlns="urn:ietf:params:xml:ns:pres-rules" xmlns:cr="urn:ietf:params:xml:ns:common-policy">\
        <cr:rule id="a"><cr:conditions><cr:identity><cr:one id="sip:bob@home.net"/></cr:identity></cr:conditions>\
        <cr:actions><sub-handling>allow</sub-handling></cr:actions><cr:transformations/></cr:rule></cr:ruleset>
        """

    static func presence(_ entity: String) -> String {
        """
        <presence xmlns="urn:ietf:params:xml:ns:pidf" entity="\(entity)">\
        <tuple id="t1"><status><basic>open</basic></status></tuple></presence>
        """
    }
}
