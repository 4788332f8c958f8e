import DigestAuth
import Ground
import SCSCF
import SIPTransactions
import SIPWire
import Testing

/// An S-CSCF on a table: messages as text in, answers and copies out, the subscriber database beside it, time by hand.
struct Bench {
    /// A copy of a request on its way to a target.
    struct Copy {
        var id: ClientTransactionID
        /// As the target sees it, with our Via.
        var request: SIPMessage
        var target: Target
    }

    var box: SCSCF
    var now = Instant(seconds: 1_800_000_000)
    var users: [String: DigestCredentials] = [:]
    var subscribers: Set<String> = []
    var answersDatabase = true
    /// What came out with the last input.
    var answers: [(transaction: ServerTransactionID, message: SIPMessage)] = []
    var copies: [Copy] = []
    var cancelled: [ClientTransactionID] = []
    var acknowledged: [SIPMessage] = []
    var stored: [RegistrarStoreOperation] = []
    var asked: [Ticket] = []
    var observed: [SCSCF.Observation] = []
    private var transactions: UInt64 = 0
    var entropy = Entropy.seeded(99)

    static let near = Flow(
        transport: .udp, local: Endpoint(.loopback, 5060), remote: Endpoint(IPAddress(ipv4: 0xC000_0210), 5060))
    static let connection = Flow(
        transport: .tcp, local: Endpoint(.loopback, 5060), remote: Endpoint(IPAddress(ipv4: 0xC000_0220), 40001),
        connection: 7)

    init(seed: UInt64 = 1, _ change: (inout SCSCF.Configuration) -> Void = { _ in }) {
        var configuration = SCSCF.Configuration(
            domains: ["example.com", "second.example"],
            sentBy: [
                .udp: .init(host: "192.0.2.1", port: 5060), .tcp: .init(host: "192.0.2.1", port: 5060),
                .tls: .init(host: "proxy.example.com", port: 5061), .ws: .init(host: "192.0.2.1", port: 8080),
            ])
        change(&configuration)
        self.box = SCSCF(configuration: configuration, entropy: .seeded(seed))
        for name in ["alice", "bob", "carol"] {
            self.users[name] = DigestCredentials(
                identities: [Array("sip:\(name)@example.com".utf8)], user: name, realm: "example.com",
                password: Redacted("secret-\(name)"))
            self.subscribers.insert("sip:\(name)@example.com")
        }
    }

    /// One where nobody has to prove anything.
    static func open(_ change: (inout SCSCF.Configuration) -> Void = { _ in }) -> Bench {
        Bench {
            $0.authentication = .none
            change(&$0)
        }
    }

    static func origin(_ flow: Flow = Bench.near, trusted: Bool = false) -> Origin {
        Origin(flow: flow, isTrusted: trusted)
    }

    static func message(_ text: String) throws -> SIPMessage {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n")
        return try SIPMessage.parse(Array((lines + "\r\n\r\n").utf8), framing: .datagram, limits: .standard)
    }

    /// Gives the box one input and sorts what comes out; questions to the database are answered at once.
    mutating func take(_ input: SCSCF.Input) throws {
        self.answers = []
        self.copies = []
        self.cancelled = []
        self.acknowledged = []
        self.stored = []
        self.observed = []
        var effects: [SCSCF.Effect] = []
        self.box.handle(input, at: self.now, into: &effects)
        try self.sort(effects)
    }

    /// Lets time pass and everything happen that becomes due.
    mutating func wait(_ duration: Duration) throws {
        self.answers = []
        self.copies = []
        self.cancelled = []
        self.stored = []
        self.observed = []
        let end = self.now + duration
        while let next = self.box.nextDeadline, next <= end {
            self.now = max(self.now, next)
            var effects: [SCSCF.Effect] = []
            self.box.deadlineReached(at: self.now, into: &effects)
            try self.sort(effects)
        }
        self.now = end
    }

    private mutating func sort(_ effects: [SCSCF.Effect]) throws {
        for effect in effects {
            switch effect {
            case .respond(let transaction, let bytes):
                let message = try SIPMessage.parse(bytes, framing: .datagram, limits: .standard)
                try message.validate()
                self.answers.append((transaction, message))
            case .send(let id, let outgoing): self.copies.append(try Self.copy(id, outgoing))
            case .cancel(let id): self.cancelled.append(id)
            case .acknowledge(let outgoing):
                self.acknowledged.append(try Self.copy(ClientTransactionID(raw: 1), outgoing).request)
            case .store(let operation): self.stored.append(operation)
            case .load(let ticket, let question):
                self.asked.append(ticket)
                guard self.answersDatabase else { continue }
                let answer = self.users[question.user].map { CredentialAnswer.found($0) } ?? .unknown
                var more: [SCSCF.Effect] = []
                self.box.handle(.loaded(ticket, answer), at: self.now, into: &more)
                try self.sort(more)
            case .lookUp(let ticket, let identity):
                self.asked.append(ticket)
                guard self.answersDatabase else { continue }
                let exists = self.subscribers.contains(String(decoding: identity, as: UTF8.self))
                var more: [SCSCF.Effect] = []
                self.box.handle(.lookedUp(ticket, exists: exists), at: self.now, into: &more)
                try self.sort(more)
            case .observed(let observation): self.observed.append(observation)
            }
        }
    }

    /// What the target sees: the transaction layer has put in its Via.
    private static func copy(_ id: ClientTransactionID, _ outgoing: OutgoingRequest) throws -> Copy {
        var bytes = Array(outgoing.bytes.prefix(outgoing.viaOffset))
        bytes.append(contentsOf: "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK\(String(id.raw, radix: 16))".utf8)
        bytes += outgoing.viaParameters
        bytes.append(contentsOf: "\r\n".utf8)
        bytes += outgoing.bytes.dropFirst(outgoing.viaOffset)
        let request = try SIPMessage.parse(bytes, framing: .datagram, limits: .standard)
        try request.validate()
        return Copy(id: id, request: request, target: outgoing.target)
    }

    /// Brings a request in. The text is checked as the transaction layer would.
    @discardableResult
    mutating func receive(_ text: String, from origin: Origin = Bench.origin()) throws -> ServerTransactionID {
        try self.receive(try Self.message(text), from: origin)
    }

    @discardableResult
    mutating func receive(_ request: SIPMessage, from origin: Origin = Bench.origin()) throws -> ServerTransactionID {
        try request.validate()
        self.transactions += 1
        let id = ServerTransactionID(raw: self.transactions)
        try self.take(.requestReceived(id, request, origin))
        return id
    }

    /// The target of a copy answers.
    mutating func respond(
        to copy: Copy, _ status: Int, trusted: Bool = false, _ headers: [(HeaderName, String)] = []
    ) throws {
        var writer = copy.request.response(status, toTag: Array("t\(copy.id.raw % 1000)".utf8)[...])
        for (name, value) in headers { writer.header(name, value) }
        let response = try SIPMessage.parse(writer.finish(), framing: .datagram, limits: .standard)
        try self.take(.responseReceived(copy.id, response, Bench.origin(trusted: trusted)))
    }

    /// The one answer.
    func answer() throws -> SIPMessage {
        #expect(self.answers.count == 1)
        return try #require(self.answers.first).message
    }

    /// The statuses of all answers.
    var statuses: [Int] { self.answers.map(\.message.status) }
}

extension SIPMessage {
    /// The values of a header, as text.
    func texts(_ name: HeaderName) -> [String] { self.list(name).map(\.text) }
    /// The first value of a header, as text.
    func text(_ name: HeaderName) -> String? { self.first(name)?.text }
}

/// Requests as text.
enum Requests {
    static func register(
        _ contacts: [String], user: String = "alice", call: String = "reg-1", cseq: Int = 1, expires: Int? = nil,
        uri: String = "sip:example.com", to: String? = nil, via: String = "SIP/2.0/UDP 192.0.2.16:5060",
        headers: [String] = []
    ) -> String {
        var lines = [
            "REGISTER \(uri) SIP/2.0", "Via: \(via);branch=z9hG4bK\(call)\(cseq)", "Max-Forwards: 70",
            "From: <sip:\(user)@example.com>;tag=f", "To: \(to ?? "<sip:\(user)@example.com>")", "Call-ID: \(call)",
            "CSeq: \(cseq) REGISTER",
        ]
        lines += contacts.map { "Contact: \($0)" }
        if let expires { lines.append("Expires: \(expires)") }
        lines += headers
        lines.append("Content-Length: 0")
        return lines.joined(separator: "\n")
    }

    static func request(
        _ method: String = "MESSAGE", to uri: String, from: String = "sip:stranger@elsewhere.net", call: String = "c1",
        cseq: Int = 1,
        via: [String] = ["SIP/2.0/UDP 192.0.2.16:5060;branch=z9hG4bKa"], toTag: String? = nil, headers: [String] = []
    ) -> String {
        var lines = ["\(method) \(uri) SIP/2.0"]
        lines += via.map { "Via: \($0)" }
        if !headers.contains(where: { $0.hasPrefix("Max-Forwards") }) { lines.append("Max-Forwards: 70") }
        lines += [
            "From: <\(from)>;tag=f", "To: <sip:bob@example.com>" + (toTag.map { ";tag=\($0)" } ?? ""),
            "Call-ID: \(call)",
            "CSeq: \(cseq) \(method)",
        ]
        if ["INVITE", "SUBSCRIBE", "NOTIFY", "REFER", "UPDATE"].contains(method) {
            lines.append("Contact: <sip:stranger@192.0.2.16>")
        }
        if method == "SUBSCRIBE" || method == "NOTIFY" { lines.append("Event: presence") }
        if method == "NOTIFY" { lines.append("Subscription-State: active") }
        lines += headers
        lines.append("Content-Length: 0")
        return lines.joined(separator: "\n")
    }
}
