import DigestAuth
import EventNotification
import Ground
import PresenceDocuments
import SIPTransactions
import SIPWire
import Testing
import XDMServer
import XMLTree

/// A NOTIFY that the server sent.
struct DifferenceNotify {
    let message: SIPMessage
    let transaction: ClientTransactionID
    let at: Instant

    func header(_ name: HeaderName) -> String { self.message.first(name)?.text ?? "" }
    var state: String { self.header(.subscriptionState) }
    var body: String { self.message.body.text }
    var tag: String { self.header(.sipETag) }

    /// The entries of the body, each in a line: kind, selector, tags, what more there is.
    var lines: [String] {
        guard let received = try? DifferenceDocument.Received.parse(self.message.body) else { return [] }
        return received.entries.map { entry in
            var line = "\(entry.kind) " + String(decoding: entry.selector, as: UTF8.self)
            guard entry.kind == .document else {
                return line + (entry.exists ? entry.content == nil ? " there" : " with content" : " gone")
            }
            line += entry.previousTag == nil ? " new" : entry.newTag == nil ? " gone" : " changed"
            if entry.isBodyNotChanged { line += " body-not-changed" }
            if entry.operationCount > 0 { line += " patched" }
            return line
        }
    }
}

/// A subscriber's side of a dialog.
struct DifferenceDialog {
    let callID: String
    let fromTag: String
    let toTag: String
    let user: String
    let answer: SIPMessage
}

/// An XDM server in virtual time, driven on Ut and by SIP, with a storage that keeps what it is told.
struct DifferenceBench {
    let configuration: XDMServer.Configuration
    var server: XDMServer
    var now = Instant(seconds: 1_800_000_000)
    var documents: [[UInt8]: DocumentRecord] = [:]
    var subscriptions: [UInt64: NotifierRecord] = [:]
    var subscriptionWrites = 0
    var responses: [SIPMessage] = []
    var notifications: [DifferenceNotify] = []
    var unanswered: [DifferenceNotify] = []
    var observations: [XDMServer.Observation] = []
    var credentials: [String: DigestCredentials] = [:]
    /// What a NOTIFY is answered with; nil leaves it unanswered.
    var answer: Int? = 200
    var isTrusted = true
    /// Whether what is sent may be damaged, because what was stored is.
    var toleratesDamage = false
    /// The entity tags that Ut gave, by target.
    var tags: [String: String] = [:]
    private var serial: UInt64 = 0
    private var seed: UInt64 = 21

    static let lists = "resource-lists/users/sip:alice@home.net/index"
    static let other = "resource-lists/users/sip:alice@home.net/other"
    static let rules = "pres-rules/users/sip:alice@home.net/index"
    static let bobs = "resource-lists/users/sip:bob@home.net/index"

    init(_ change: (inout XDMServer.Configuration) -> Void = { _ in }) {
        var configuration = XDMServer.Configuration(rootURI: "http://home.net/xcap/", servedDomains: ["home.net"])
        configuration.trustedReaders = [Array("sip:rls@home.net".utf8)]
        configuration.notificationInterval = .zero
        change(&configuration)
        self.configuration = configuration
        self.server = XDMServer(configuration: configuration, entropy: .seeded(21))
    }

    mutating func unique() -> String {
        self.serial += 1
        return "u\(self.serial)"
    }

    // MARK: Ut

    static func type(of target: String) -> String {
        if target.contains("/~~/") { return target.contains("/@") ? Sample.attributeType : Sample.elementType }
        return target.hasPrefix("pres-rules") ? Sample.rulesType : Sample.listType
    }

    /// Changes a document on Ut as its owner, and returns the status.
    @discardableResult
    mutating func edit(_ method: String, _ target: String, _ body: String = "", as user: String = "alice") -> Int {
        self.serial += 1
        let ticket = Ticket(number: 1_000_000 + self.serial)
        let request = UtBench.request(
            method, target, as: user, type: method == "PUT" ? Self.type(of: target) : nil, body: body)
        var status = 0
        for case .answer(_, let response) in self.give(.utRequestReceived(ticket, request)) {
            status = response.status
            if let tag = response.field("ETag") {
                self.tags[target.split(separator: "/~~/").first.map(String.init) ?? target] = String(
                    tag.dropFirst().dropLast())
            }
        }
        return status
    }

    @discardableResult
    mutating func put(_ target: String, _ body: String, as user: String = "alice") -> Int {
        self.edit("PUT", target, body, as: user)
    }

    /// A list document with these entries.
    static func list(_ uris: String..., name: String = "friends") -> String {
        let entries = uris.map { "  <entry uri=\"sip:\($0)@home.net\"/>\n" }.joined()
        return
            "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">\n <list name=\"\(name)\">\n\(entries) </list>\n</resource-lists>"
    }

    // MARK: SIP

    static func watching(_ uris: String...) -> String { Self.watching(uris) }

    static func watching(_ uris: [String]) -> String {
        let entries = uris.map { uri -> String in
            var escaped: [UInt8] = []
            XMLWriter.escape(Array(uri.utf8)[...], inAttribute: true, into: &escaped)
            return "<entry uri=\"\(String(decoding: escaped, as: UTF8.self))\"/>"
        }
        return
            "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list>\(entries.joined())</list></resource-lists>"
    }

    mutating func request(
        _ user: String, body: String?, mode: String? = nil, extra: String = "", callID: String? = nil,
        cseq: UInt32 = 1, fromTag: String? = nil, toTag: String? = nil, expires: String? = "600",
        contentType: String = Sample.listType, asserted: String? = nil, method: String = "SUBSCRIBE"
    ) -> String {
        var text = "\(method) sip:alice@home.net SIP/2.0\r\n"
        text += "Via: SIP/2.0/UDP 127.0.0.1:6060;branch=z9hG4bK\(self.unique())\r\nMax-Forwards: 70\r\n"
        text += "From: <sip:\(user)@home.net>;tag=\(fromTag ?? self.unique())\r\n"
        text += "To: <sip:alice@home.net>\(toTag.map { ";tag=" + $0 } ?? "")\r\n"
        text += "Call-ID: \(callID ?? self.unique())\r\nCSeq: \(cseq) \(method)\r\n"
        text += "Contact: <sip:w@127.0.0.1:6060>\r\n"
        text += "Event: xcap-diff\(mode.map { ";diff-processing=" + $0 } ?? "")\r\n"
        if let expires { text += "Expires: \(expires)\r\n" }
        if self.isTrusted { text += asserted ?? "P-Asserted-Identity: <sip:\(user)@home.net>\r\n" }
        if body != nil { text += "Content-Type: \(contentType)\r\n" }
        return text + extra + "Content-Length: \((body ?? "").utf8.count)\r\n\r\n\(body ?? "")"
    }

    @discardableResult
    mutating func send(_ text: String) throws -> SIPMessage? {
        let message = try SIPMessage.parse(Array(text.utf8), framing: .datagram)
        self.serial += 1
        let flow = Flow(
            transport: .udp, local: Endpoint(IPAddress(ipv4: 0x7F00_0001), 5070),
            remote: Endpoint(IPAddress(ipv4: 0x7F00_0001), 6060))
        let before = self.responses.count
        self.give(
            .requestReceived(
                ServerTransactionID(raw: self.serial), message, Origin(flow: flow, isTrusted: self.isTrusted)))
        return self.responses.count > before ? self.responses[before] : nil
    }

    mutating func subscribe(
        _ user: String = "alice", to uris: [String]?, mode: String? = nil, extra: String = "",
        expires: String? = "600"
    ) throws -> DifferenceDialog {
        let callID = self.unique()
        let fromTag = self.unique()
        let answer = try self.send(
            self.request(
                user, body: uris.map { Self.watching($0) }, mode: mode, extra: extra, callID: callID,
                fromTag: fromTag, expires: expires))
        let response = try #require(answer)
        return DifferenceDialog(
            callID: callID, fromTag: fromTag, toTag: response.toTag()?.text ?? "", user: user, answer: response)
    }

    @discardableResult
    mutating func refresh(
        _ dialog: DifferenceDialog, cseq: UInt32, to uris: [String]? = nil, mode: String? = nil, extra: String = "",
        expires: String? = "600"
    ) throws -> SIPMessage {
        let answer = try self.send(
            self.request(
                dialog.user, body: uris.map { Self.watching($0) }, mode: mode, extra: extra, callID: dialog.callID,
                cseq: cseq, fromTag: dialog.fromTag, toTag: dialog.toTag, expires: expires))
        return try #require(answer)
    }

    // MARK: The shell

    @discardableResult
    mutating func give(_ input: XDMServer.Input) -> [XDMServer.Effect] {
        var effects: [XDMServer.Effect] = []
        self.server.handle(input, at: self.now, into: &effects)
        self.perform(effects)
        return effects
    }

    private mutating func perform(_ effects: [XDMServer.Effect]) {
        var next: [XDMServer.Input] = []
        for effect in effects {
            switch effect {
            case .store(.putDocument(let record)): self.documents[record.selector] = record
            case .store(.removeDocument(let selector)): self.documents[selector] = nil
            case .store(.putSubscription(let record)):
                self.subscriptions[record.id] = record
                self.subscriptionWrites += 1
            case .store(.removeSubscription(let id)): self.subscriptions[id] = nil
            case .respond(_, let bytes):
                if let message = try? SIPMessage.parse(bytes, framing: .datagram) { self.responses.append(message) }
            case .send(let transaction, let request):
                guard let notify = self.notify(transaction, request) else {
                    if !self.toleratesDamage { Issue.record("a NOTIFY does not parse") }
                    break
                }
                self.notifications.append(notify)
                if let status = self.answer {
                    next.append(.responseReceived(transaction, Self.response(to: notify, status)))
                } else {
                    self.unanswered.append(notify)
                }
            case .load(let ticket, let question):
                next.append(.loaded(ticket, self.credentials[question.user].map { .found($0) } ?? .unknown))
            case .observed(let observation): self.observations.append(observation)
            case .answer, .documentChanged: break
            }
        }
        for input in next { self.give(input) }
    }

    private func notify(_ transaction: ClientTransactionID, _ request: OutgoingRequest) -> DifferenceNotify? {
        var bytes = Array(request.bytes[..<request.viaOffset])
        bytes += Array("Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKx\r\n".utf8)
        bytes += request.bytes[request.viaOffset...]
        guard let message = try? SIPMessage.parse(bytes, framing: .stream), (try? message.validate()) != nil else {
            return nil
        }
        return DifferenceNotify(message: message, transaction: transaction, at: self.now)
    }

    static func response(to notify: DifferenceNotify, _ status: Int) -> SIPMessage {
        var writer = notify.message.response(status)
        guard let response = try? SIPMessage.parse(writer.finish(), framing: .datagram) else {
            preconditionFailure("our own response parses")
        }
        return response
    }

    /// Answers what was left unanswered.
    mutating func answerAll(_ status: Int = 200) {
        let waiting = self.unanswered
        self.unanswered = []
        for notify in waiting { self.give(.responseReceived(notify.transaction, Self.response(to: notify, status))) }
    }

    mutating func advance(_ duration: Duration) {
        let end = self.now + duration
        while let next = self.server.nextDeadline, next <= end {
            self.now = max(self.now, next)
            var effects: [XDMServer.Effect] = []
            self.server.deadlineReached(at: self.now, into: &effects)
            self.perform(effects)
        }
        self.now = end
    }

    mutating func restart(_ change: (inout XDMServer.Configuration) -> Void = { _ in }) {
        var configuration = self.configuration
        change(&configuration)
        self.seed += 1
        self.server = XDMServer(configuration: configuration, entropy: .seeded(self.seed))
        self.unanswered = []
        self.give(
            .restored(
                StoredDocuments(
                    documents: self.documents.values.sorted { $0.selector.lexicographicallyPrecedes($1.selector) },
                    subscriptions: self.subscriptions.values.sorted { $0.id < $1.id })))
    }

    /// Takes the notifications since the last time.
    mutating func drain() -> [DifferenceNotify] {
        defer { self.notifications = [] }
        return self.notifications
    }

    mutating func drainLines() -> [String] { self.drain().flatMap(\.lines) }
}

extension SIPMessage {
    func text(_ name: HeaderName) -> String { self.first(name)?.text ?? "" }
}
