import DigestAuth
import EventNotification
import Ground
import PresenceDocuments
import PresenceServer
import SIPTransactions
import SIPWire
import Testing

/// A NOTIFY that the server sent.
struct Notification {
    let message: SIPMessage
    let transaction: ClientTransactionID
    let target: Target
    let at: Instant

    func header(_ name: HeaderName) -> String { self.message.first(name)?.text ?? "" }
    var state: String { self.header(.subscriptionState) }
    var body: String { self.message.body.text }
    var contentType: String { self.header(.contentType) }
    var entityTag: String { self.header(.sipETag) }
    var cseq: UInt32 { (try? self.message.cseq().number) ?? 0 }
    var callID: String { self.header(.callID) }
}

/// A presence server in virtual time, driven with the bytes of SIP messages, with a storage that keeps what it is told.
struct Bench {
    var configuration: PresenceServer.Configuration
    var server: PresenceServer
    var now = Instant(seconds: 1_800_000_000)
    /// What the storage holds.
    var publications: [UInt64: PublicationRecord] = [:]
    var subscriptions: [UInt64: SubscriptionRecord] = [:]
    /// Responses and notifications since they were last taken.
    var responses: [SIPMessage] = []
    var notifications: [Notification] = []
    var decisions: [Decision] = []
    var explanations: [PolicyExplanation] = []
    /// The documents that the XDM server has, by selector.
    var documents: [[UInt8]: SubscriberDocument] = [:]
    var observations: [PresenceServer.Observation] = []
    var stored: [PresenceServer.StoreOperation] = []
    /// How a NOTIFY is answered; nil leaves it unanswered.
    var answer: Int? = 200
    /// What stands in the answers to NOTIFY besides.
    var answerHeaders = ""
    var unanswered: [Notification] = []
    var users: [String: DigestCredentials] = [:]
    var trusted = true
    var transport = Transport.udp
    private var serial: UInt64 = 0
    private var seed: UInt64 = 7

    static let local = Endpoint(IPAddress(ipv4: 0x7F00_0001), 5070)
    static let remote = Endpoint(IPAddress(ipv4: 0x7F00_0001), 6060)

    init(_ change: (inout PresenceServer.Configuration) -> Void = { _ in }) {
        var configuration = PresenceServer.Configuration(servedDomains: ["bench.test"])
        configuration.fromStandsInForIdentity = true
        configuration.defaultHandling = .allow
        configuration.publicationExpiry = ExpiryPolicy(standard: 3600, minimum: 2, maximum: 7200)
        configuration.subscriptionExpiry = ExpiryPolicy(standard: 3600, minimum: 2, maximum: 7200)
        change(&configuration)
        self.configuration = configuration
        self.server = PresenceServer(configuration: configuration, entropy: .seeded(7))
    }

    mutating func unique() -> String {
        self.serial += 1
        return "u\(self.serial)"
    }

    // MARK: Requests

    /// A request as a client writes it.
    mutating func request(
        _ method: String, _ user: String, extra: String = "", body: String = "", callID: String? = nil,
        cseq: UInt32 = 1,
        fromTag: String? = nil, toTag: String? = nil, from: String? = nil, contact: String? = "<sip:w@127.0.0.1:6060>",
        event: String? = "presence", contentType: String? = "application/pidf+xml", expires: String? = "600",
        uri: String? = nil, via: String = "SIP/2.0/UDP 127.0.0.1:6060"
    ) -> String {
        let from = from ?? "sip:\(user)@bench.test"
        var text = "\(method) \(uri ?? "sip:\(user)@bench.test") SIP/2.0\r\n"
        text += "Via: \(via);branch=z9hG4bK\(self.unique());rport\r\nMax-Forwards: 70\r\n"
        text += "From: <\(from)>;tag=\(fromTag ?? self.unique())\r\n"
        text += "To: <sip:\(user)@bench.test>\(toTag.map { ";tag=" + $0 } ?? "")\r\n"
        text += "Call-ID: \(callID ?? self.unique())\r\nCSeq: \(cseq) \(method)\r\n"
        if let contact { text += "Contact: \(contact)\r\n" }
        if let event { text += "Event: \(event)\r\n" }
        if let expires { text += "Expires: \(expires)\r\n" }
        if !body.isEmpty, let contentType { text += "Content-Type: \(contentType)\r\n" }
        text += extra
        return text + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    var origin: Origin {
        Origin(
            flow: Flow(
                transport: self.transport, local: Self.local, remote: Self.remote,
                connection: self.transport == .udp ? 0 : 9),
            isTrusted: self.trusted)
    }

    /// Gives a request to the server and returns its answer, if there is one already.
    @discardableResult
    mutating func send(_ text: String, origin: Origin? = nil) throws -> SIPMessage? {
        let message = try SIPMessage.parse(Array(text.utf8), framing: .datagram)
        self.serial += 1
        let before = self.responses.count
        self.feed(.requestReceived(ServerTransactionID(raw: self.serial), message, origin ?? self.origin))
        return self.responses.count > before ? self.responses[before] : nil
    }

    /// Gives the server an input and does what it wants.
    mutating func feed(_ input: PresenceServer.Input) {
        var effects: [PresenceServer.Effect] = []
        self.server.handle(input, at: self.now, into: &effects)
        self.perform(effects)
    }

    private mutating func perform(_ effects: [PresenceServer.Effect]) {
        var answers: [PresenceServer.Input] = []
        for effect in effects {
            switch effect {
            case .respond(_, let bytes):
                if let message = try? SIPMessage.parse(bytes, framing: .datagram) { self.responses.append(message) }
            case .send(let transaction, let request):
                guard let notification = self.notification(transaction, request) else {
                    Issue.record("a NOTIFY does not parse")
                    continue
                }
                self.notifications.append(notification)
                if let status = self.answer {
                    answers.append(
                        .responseReceived(transaction, Self.response(to: notification, status, self.answerHeaders)))
                } else {
                    self.unanswered.append(notification)
                }
            case .store(let operation): self.keep(operation)
            case .load(let ticket, let question):
                answers.append(.loaded(ticket, self.users[question.user].map { .found($0) } ?? .unknown))
            case .decided(let decision): self.decisions.append(decision)
            case .explained(_, let explanation): self.explanations.append(explanation)
            case .observed(let observation): self.observations.append(observation)
            }
        }
        for answer in answers { self.feed(answer) }
    }

    private func notification(_ transaction: ClientTransactionID, _ request: OutgoingRequest) -> Notification? {
        var bytes = Array(request.bytes[..<request.viaOffset])
        bytes += Array("Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKx\r\n".utf8)
        bytes += request.bytes[request.viaOffset...]
        guard let message = try? SIPMessage.parse(bytes, framing: .stream), (try? message.validate()) != nil else {
            return nil
        }
        return Notification(message: message, transaction: transaction, target: request.target, at: self.now)
    }

    static func response(to notification: Notification, _ status: Int, _ headers: String = "") -> SIPMessage {
        var writer = notification.message.response(status)
        writer.raw(Array(headers.utf8)[...])
        let bytes = writer.finish()
        guard let message = try? SIPMessage.parse(bytes, framing: .datagram) else {
            preconditionFailure("our own response parses")
        }
        return message
    }

    /// Answers what was left unanswered.
    mutating func answerAll(_ status: Int, _ headers: String = "") {
        let waiting = self.unanswered
        self.unanswered = []
        for notification in waiting {
            self.feed(.responseReceived(notification.transaction, Self.response(to: notification, status, headers)))
        }
    }

    private mutating func keep(_ operation: PresenceServer.StoreOperation) {
        self.stored.append(operation)
        switch operation {
        case .putPublication(let record): self.publications[record.id] = record
        case .touchPublication(let id, let entityTag, let expires):
            self.publications[id]?.entityTag = entityTag
            self.publications[id]?.expires = expires
        case .removePublication(let id): self.publications[id] = nil
        case .putSubscription(let record): self.subscriptions[record.id] = record
        case .removeSubscription(let id): self.subscriptions[id] = nil
        case .notified(let marks):
            for mark in marks where self.subscriptions[mark.subscription] != nil {
                self.subscriptions[mark.subscription]?.localCSeq = mark.cseq
                self.subscriptions[mark.subscription]?.partialVersion = mark.partialVersion
            }
        }
    }

    // MARK: Time

    /// Lets time pass, deadline by deadline.
    mutating func advance(_ duration: Duration) {
        let end = self.now + duration
        while let next = self.server.nextDeadline, next <= end {
            self.now = max(self.now, next)
            self.reachDeadline()
        }
        self.now = end
    }

    private mutating func reachDeadline() {
        var effects: [PresenceServer.Effect] = []
        self.server.deadlineReached(at: self.now, into: &effects)
        self.perform(effects)
    }

    /// The process ends without a word and starts again after a while.
    mutating func restart(after duration: Duration = .zero, rules: [AuthorizationRule] = []) {
        self.now = self.now + duration
        self.seed += 1
        self.server = PresenceServer(configuration: self.configuration, entropy: .seeded(self.seed))
        self.unanswered = []
        if !rules.isEmpty { self.feed(.rulesChanged(.all(rules))) }
        if !self.documents.isEmpty { self.feed(.documentsChanged(Array(self.documents.values))) }
        self.feed(
            .restored(
                StoredPresence(
                    publications: self.publications.values.sorted { $0.id < $1.id },
                    subscriptions: self.subscriptions.values.sorted { $0.id < $1.id })))
    }

    /// Takes the notifications since the last time.
    mutating func drain() -> [Notification] {
        defer { self.notifications = [] }
        return self.notifications
    }
}
