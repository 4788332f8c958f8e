import Ground
import PresenceDocuments
import SIPTransactions
import SIPWire
import Testing

@testable import UserAgent

/// A request that the user agent sent. Said in a few words where a test fails.
struct Sent: CustomStringConvertible {
    var id: ClientTransactionID
    var message: SIPMessage
    var description: String { "\(self.message.method) \(self.message.first(.cseq)?.text ?? "")" }
}

/// A user agent in virtual time, and the other end of its messages written by the test.
struct Stage {
    var agent: UserAgent
    var now = Instant(seconds: 1_000_000)
    /// Requests that were sent and not yet looked at.
    var sent: [Sent] = []
    /// Responses that were given and not yet looked at.
    var responses: [SIPMessage] = []
    var events: [UserAgent.Event] = []
    private var nextServer: UInt64 = 1

    init(
        identity: String = "sip:bob@home.test", password: String? = nil, server: String? = "sip:192.0.2.1:5060",
        adjust: (inout UserAgent.Configuration) -> Void = { _ in }
    ) {
        var configuration = UserAgent.Configuration(
            identity: identity, contact: "sip:bob@192.0.2.7:5062", server: server,
            credentials: password.map { UserAgent.Credentials(user: "bob", password: Redacted($0)) })
        adjust(&configuration)
        self.agent = UserAgent(configuration: configuration, entropy: .seeded(7))
    }

    mutating func take(_ effects: [UserAgent.Effect]) {
        for effect in effects {
            switch effect {
            case .send(let id, let request):
                var bytes = Array(request.bytes[..<request.viaOffset])
                bytes += Array("Via: SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK1\r\n".utf8)
                bytes += request.bytes[request.viaOffset...]
                do {
                    let message = try SIPMessage.parse(bytes, framing: .datagram)
                    try message.validate()
                    self.sent.append(Sent(id: id, message: message))
                } catch {
                    Issue.record("the user agent sent what breaks the grammar: \(error) in \(bytes[...].text)")
                }
            case .respond(_, let bytes):
                if let message = try? SIPMessage.parse(bytes, framing: .datagram) {
                    self.responses.append(message)
                } else {
                    Issue.record("the user agent answered with what is no message")
                }
            case .report(let event): self.events.append(event)
            }
        }
    }

    mutating func order(_ order: UserAgent.Order) {
        var effects: [UserAgent.Effect] = []
        self.agent.handle(.ordered(order), at: self.now, into: &effects)
        self.take(effects)
    }

    /// Lets time pass, deadline by deadline.
    mutating func wait(_ duration: Duration) {
        let end = self.now + duration
        while let deadline = self.agent.nextDeadline, deadline <= end {
            self.now = max(self.now, deadline)
            var effects: [UserAgent.Effect] = []
            self.agent.deadlineReached(at: self.now, into: &effects)
            self.take(effects)
        }
        self.now = end
    }

    /// The oldest request that was not yet looked at.
    mutating func next(_ method: SIPWire.Method) throws -> Sent {
        let first = try #require(self.sent.first, "a \(method) was sent")
        self.sent.removeFirst()
        #expect(first.message.method == method)
        return first
    }

    mutating func answer(
        _ request: Sent, _ status: Int, _ headers: String...
    ) throws {
        var writer = request.message.response(status, toTag: Octets(Array("notifier".utf8)))
        writer.raw(Octets(Array(headers.map { $0 + "\r\n" }.joined().utf8)))
        let message = try SIPMessage.parse(writer.finish(), framing: .datagram)
        var effects: [UserAgent.Effect] = []
        self.agent.handle(.responseReceived(request.id, message), at: self.now, into: &effects)
        self.take(effects)
    }

    mutating func fail(_ request: Sent, _ failure: RequestFailure) {
        var effects: [UserAgent.Effect] = []
        self.agent.handle(.requestFailed(request.id, failure), at: self.now, into: &effects)
        self.take(effects)
    }

    mutating func receive(_ text: String) throws {
        let message = try SIPMessage.parse(Array(text.utf8), framing: .datagram)
        let flow = Flow(
            transport: .udp, local: Endpoint(.loopback, 5062), remote: Endpoint(.loopback, 5060))
        self.nextServer += 1
        var effects: [UserAgent.Effect] = []
        self.agent.handle(
            .requestReceived(ServerTransactionID(raw: self.nextServer), message, Origin(flow: flow)), at: self.now,
            into: &effects)
        self.take(effects)
    }

    /// Sends a NOTIFY for a SUBSCRIBE and says how it was answered.
    @discardableResult
    mutating func notify(
        _ subscribe: SIPMessage, _ state: String, cseq: UInt32, tag: String = "notifier",
        event: String = "presence", headers: [String] = [], type: String = "application/pidf+xml",
        body: String = ""
    ) throws -> SIPMessage {
        let callID = subscribe.callID.text
        let from = subscribe.first(.to)?.text.split(separator: ";tag=").first.map { String($0) } ?? ""
        let to = subscribe.first(.from)?.text ?? ""
        var lines = [
            "NOTIFY sip:bob@192.0.2.7:5062 SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKn\(cseq)",
            "Max-Forwards: 70", "From: \(from);tag=\(tag)", "To: \(to)", "Call-ID: \(callID)",
            "CSeq: \(cseq) NOTIFY", "Contact: <sip:ps@192.0.2.1:5060>", "Event: \(event)",
        ]
        if !state.isEmpty { lines.append("Subscription-State: \(state)") }
        lines += headers
        if !body.isEmpty { lines.append("Content-Type: \(type)") }
        lines.append("Content-Length: \(body.utf8.count)")
        try self.receive(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
        let response = try #require(self.responses.last)
        self.responses.removeLast()
        return response
    }

    /// Forgets what was reported so far.
    mutating func clear() { self.events = [] }
}

/// Documents for the tests.
enum Sample {
    static func text(_ basic: String = "open", note: String = "") -> String {
        """
        <?xml version="1.0" encoding="UTF-8"?><presence xmlns="urn:ietf:params:xml:ns:pidf" \
        entity="sip:alice@home.test"><tuple id="t1"><status><basic>\(basic)</basic></status>\
        \(note.isEmpty ? "" : "<note>\(note)</note>")</tuple></presence>
        """
    }

    static func document(_ basic: String = "open", note: String = "") throws -> PresenceDocument {
        try PresenceDocument.parse(Octets(Array(self.text(basic, note: note).utf8)))
    }
}

let first = SubscriptionID(1)
