import EventNotification
import Ground
import SIPTransactions
import SIPWire
import Testing

/// A NOTIFY that the notifier sent.
struct SentNotification {
    let message: SIPMessage
    let transaction: ClientTransactionID
    let target: Target
    let at: Instant

    func header(_ name: HeaderName) -> String { self.message.first(name)?.text ?? "" }
    var state: String { self.header(.subscriptionState) }
    var body: String { self.message.body.text }
    var cseq: UInt32 { (try? self.message.cseq().number) ?? 0 }
}

/// A subscriber's side of a dialog.
struct SubscriberDialog {
    let callID: String
    let fromTag: String
    let toTag: String
    let user: String
    let answer: SIPMessage

    var id: UInt64 { ContentTag(Array(self.toTag.utf8)[...])?.raw ?? 0 }
}

/// The smallest box around a notifier: every resource is a text, and who asks is who From says. Time is virtual, and the
/// storage keeps what it is told.
struct NotifierBench {
    var configuration: NotifierConfiguration
    var notifier: Notifier
    var now = Instant(seconds: 1_800_000_000)
    /// What is watched, by name.
    var resources: [String: String] = ["lamp": "off"]
    /// Resources whose subscriptions are pending.
    var undecided: Set<String> = []
    /// Subscriptions that the box has answered "nothing new" for, whatever they are asked.
    var isSilent = false
    /// What a NOTIFY is answered with; nil leaves it unanswered.
    var answer: Int? = 200
    var answerHeaders = ""
    /// Headers that answer a challenge.
    var credentials: [(HeaderName, [UInt8])] = []
    var isUnasserted = false

    var responses: [SIPMessage] = []
    var notifications: [SentNotification] = []
    var unanswered: [SentNotification] = []
    var records: [UInt64: NotifierRecord] = [:]
    var recordWrites = 0
    var occasions: [NotifierOccasion] = []
    var observations: [NotifierObservation] = []
    var ended: [UInt64] = []
    var delivered = 0
    var transport = Transport.udp
    private var serial: UInt64 = 0
    private var seed: UInt64 = 3

    static let local = Endpoint(IPAddress(ipv4: 0x7F00_0001), 5070)
    static let remote = Endpoint(IPAddress(ipv4: 0x7F00_0001), 6060)

    static let lamp = EventPackage(
        name: "lamp", subscribeBodies: ["application/lamp-filter"], defaultExpires: 1800,
        notifyBodies: ["text/plain", "application/lamp"], advisedInterval: 5, forking: .oneDialog)
    static let radio = EventPackage(
        name: "radio", defaultExpires: 900, notifyBodies: ["text/radio"], advisedInterval: 0, forking: .oneDialog)

    init(_ change: (inout NotifierConfiguration) -> Void = { _ in }) {
        var configuration = NotifierConfiguration(packages: [Self.lamp, Self.radio])
        configuration.minimumInterval = .zero
        change(&configuration)
        self.configuration = configuration
        self.notifier = Notifier(configuration: configuration, entropy: .seeded(3))
    }

    private mutating func unique() -> String {
        self.serial += 1
        return "u\(self.serial)"
    }

    func origin(_ local: Endpoint = Self.local) -> Origin {
        Origin(
            flow: Flow(
                transport: self.transport, local: local, remote: Self.remote,
                connection: self.transport == .udp ? 0 : 9), isTrusted: true)
    }

    // MARK: Requests

    mutating func request(
        _ user: String = "ann", to resource: String = "lamp", extra: String = "", body: String = "",
        callID: String? = nil, cseq: UInt32 = 1, fromTag: String? = nil, toTag: String? = nil,
        contact: String? = "<sip:w@127.0.0.1:6060>", event: String? = "lamp", contentType: String? = nil,
        expires: String? = "600", uri: String? = nil
    ) -> String {
        var text = "SUBSCRIBE \(uri ?? "sip:\(resource)@home.test") SIP/2.0\r\n"
        text += "Via: SIP/2.0/UDP 127.0.0.1:6060;branch=z9hG4bK\(self.unique())\r\nMax-Forwards: 70\r\n"
        text += "From: \"A\" <sip:\(user)@home.test>;tag=\(fromTag ?? self.unique())\r\n"
        text += "To: <sip:\(resource)@home.test>\(toTag.map { ";tag=" + $0 } ?? "")\r\n"
        text += "Call-ID: \(callID ?? self.unique())\r\nCSeq: \(cseq) SUBSCRIBE\r\n"
        if let contact { text += "Contact: \(contact)\r\n" }
        if let event { text += "Event: \(event)\r\n" }
        if let expires { text += "Expires: \(expires)\r\n" }
        if let contentType { text += "Content-Type: \(contentType)\r\n" }
        return text + extra + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    /// Gives the notifier a SUBSCRIBE as a box does, and returns its answer.
    @discardableResult
    mutating func send(_ text: String) throws -> SIPMessage {
        let message = try SIPMessage.parse(Array(text.utf8), framing: .datagram)
        self.serial += 1
        let request = NotifierRequest(
            transaction: ServerTransactionID(raw: self.serial), message: message, origin: self.origin())
        var orders: [NotifierOrder] = []
        do throws(RequestRefusal) {
            let package = try self.notifier.admit(message)
            let user = (try? message.from().uri.canonicalIdentity) ?? []
            let identity =
                self.isUnasserted
                ? NotifierIdentity(identities: [], isUnasserted: true) : NotifierIdentity(identities: [user])
            let wish = try self.notifier.examine(request, package: package, identity: identity, into: &orders)
            let known = wish.subscription.flatMap { self.notifier.standing(of: $0)?.resource }
            let uri = (try? SIPURI.parse(message.requestURI))?.user.map { Array($0) } ?? []
            let resource = known ?? uri
            let name = String(decoding: resource, as: UTF8.self)
            guard let text = self.resources[name] else { throw RequestRefusal(404) }
            try self.notifier.accept(
                wish, resource: resource, watcher: identity.main, isPending: self.undecided.contains(name),
                context: wish.body.map { Array($0.bytes) }, tag: ContentTag(of: Array(text.utf8)), at: self.now,
                into: &orders)
        } catch {
            self.notifier.refuse(request, error, into: &orders)
        }
        let before = self.responses.count
        self.perform(orders)
        return try #require(self.responses.count > before ? self.responses[before] : nil)
    }

    mutating func subscribe(
        _ user: String = "ann", to resource: String = "lamp", extra: String = "", event: String = "lamp",
        expires: String? = "600", contact: String = "<sip:w@127.0.0.1:6060>"
    ) throws -> SubscriberDialog {
        let callID = self.unique()
        let fromTag = self.unique()
        let answer = try self.send(
            self.request(
                user, to: resource, extra: extra, callID: callID, fromTag: fromTag, contact: contact, event: event,
                expires: expires))
        return SubscriberDialog(
            callID: callID, fromTag: fromTag, toTag: answer.toTag()?.text ?? "", user: user, answer: answer)
    }

    @discardableResult
    mutating func refresh(
        _ dialog: SubscriberDialog, cseq: UInt32, extra: String = "", event: String = "lamp",
        expires: String? = "600", contact: String? = "<sip:w@127.0.0.1:6060>", user: String? = nil,
        callID: String? = nil, fromTag: String? = nil
    ) throws -> SIPMessage {
        try self.send(
            self.request(
                user ?? dialog.user, extra: extra, callID: callID ?? dialog.callID, cseq: cseq,
                fromTag: fromTag ?? dialog.fromTag, toTag: dialog.toTag, contact: contact, event: event,
                expires: expires, uri: "sip:127.0.0.1:5070"))
    }

    // MARK: The box

    /// Changes a resource and tells the notifier of everybody who watches it.
    mutating func set(_ resource: String, _ text: String) {
        self.resources[resource] = text
        self.run { notifier, now, orders in
            for id in notifier.identifiers
            where notifier.standing(of: id)?.resource == Array(resource.utf8) {
                notifier.changed(id, at: now, into: &orders)
            }
        }
    }

    mutating func run(_ body: (inout Notifier, Instant, inout [NotifierOrder]) -> Void) {
        var orders: [NotifierOrder] = []
        body(&self.notifier, self.now, &orders)
        self.perform(orders)
    }

    private mutating func perform(_ first: [NotifierOrder]) {
        var orders = first
        var sent: [SentNotification] = []
        var next = 0
        while next < orders.count {
            switch orders[next] {
            case .respond(_, let bytes):
                if let message = try? SIPMessage.parse(bytes, framing: .datagram) { self.responses.append(message) }
            case .send(let transaction, let request):
                guard let notification = self.notification(transaction, request) else {
                    Issue.record("a NOTIFY does not parse")
                    break
                }
                self.notifications.append(notification)
                sent.append(notification)
            case .store(let record):
                self.records[record.id] = record
                self.recordWrites += 1
            case .forget(let id): self.records[id] = nil
            case .contentWanted(let id):
                guard let occasion = self.notifier.occasion(of: id), let standing = self.notifier.standing(of: id)
                else { break }
                self.occasions.append(occasion)
                if self.isSilent, occasion == .change {
                    self.notifier.nothingNew(id, at: self.now)
                    break
                }
                let text = Array((self.resources[String(decoding: standing.resource, as: UTF8.self)] ?? "").utf8)
                self.notifier.notify(
                    id, NotifierContent(contentType: standing.contentType, body: text, tag: ContentTag(of: text)),
                    at: self.now, into: &orders)
            case .challenged(let id, _, _):
                self.notifier.authorize(id, with: self.credentials, at: self.now, into: &orders)
            case .delivered: self.delivered += 1
            case .ended(let id): self.ended.append(id)
            case .observed(let observation): self.observations.append(observation)
            }
            next += 1
        }
        for notification in sent {
            if let status = self.answer {
                self.give(status, to: notification, self.answerHeaders)
            } else {
                self.unanswered.append(notification)
            }
        }
    }

    /// Answers a NOTIFY.
    mutating func give(_ status: Int, to notification: SentNotification, _ headers: String = "") {
        var writer = notification.message.response(status)
        writer.raw(Array(headers.utf8)[...])
        guard let response = try? SIPMessage.parse(writer.finish(), framing: .datagram) else {
            Issue.record("a response does not parse")
            return
        }
        self.run { $0.answered(notification.transaction, response, at: $1, into: &$2) }
    }

    mutating func fail(_ notification: SentNotification, _ failure: RequestFailure) {
        self.run { $0.failed(notification.transaction, failure, at: $1, into: &$2) }
    }

    private func notification(_ transaction: ClientTransactionID, _ request: OutgoingRequest) -> SentNotification? {
        var bytes = Array(request.bytes[..<request.viaOffset])
        bytes += Array("Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKx\r\n".utf8)
        bytes += request.bytes[request.viaOffset...]
        guard let message = try? SIPMessage.parse(bytes, framing: .stream), (try? message.validate()) != nil else {
            return nil
        }
        return SentNotification(message: message, transaction: transaction, target: request.target, at: self.now)
    }

    // MARK: Time

    /// Lets time pass, deadline by deadline.
    mutating func advance(_ duration: Duration) {
        let end = self.now + duration
        while let next = self.notifier.nextDeadline, next <= end {
            self.now = max(self.now, next)
            self.run { $0.deadlineReached(at: $1, into: &$2) }
        }
        self.now = end
    }

    /// The process ends without a word and starts again.
    mutating func restart(after duration: Duration = .zero) -> [NotifierStanding] {
        self.now = self.now + duration
        self.seed += 1
        self.notifier = Notifier(configuration: self.configuration, entropy: .seeded(self.seed))
        self.unanswered = []
        var standings: [NotifierStanding] = []
        let records = self.records.values.sorted { $0.id < $1.id }
        self.run { standings = $0.restore(records, at: $1, into: &$2) }
        return standings
    }

    /// Takes the NOTIFY that was left unanswered last.
    mutating func take() throws -> SentNotification {
        let last = self.unanswered.popLast()
        return try #require(last)
    }

    /// Takes the notifications since the last time.
    mutating func drain() -> [SentNotification] {
        defer { self.notifications = [] }
        return self.notifications
    }
}

extension SIPMessage {
    func text(_ name: HeaderName) -> String { self.first(name)?.text ?? "" }
}
