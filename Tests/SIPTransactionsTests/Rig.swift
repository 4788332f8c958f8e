import Ground
import SIPTransactions
import SIPWire
import Testing

/// A transaction layer in virtual time, and what it has ordered since the last look.
struct Rig: CustomStringConvertible {
    var description: String {
        "\(self.layer.serverTransactionCount) server, \(self.layer.clientTransactionCount) client, "
            + "\(self.layer.resolutionCount) resolutions, \(self.layer.timerCount) timers"
    }

    static let start = Instant(seconds: 1_000_000)
    static let us = Endpoint(IPAddress(ipv4: 0xC000_0201), 5060)
    static let peer = Endpoint(IPAddress(ipv4: 0xC000_0263), 5070)

    var layer: TransactionLayer
    var now = Rig.start
    var effects: [TransactionLayer.Effect] = []

    init(seed: UInt64 = 1, _ adjust: (inout TransactionLayer.Configuration) -> Void = { _ in }) {
        var configuration = TransactionLayer.Configuration(sentBy: [
            .udp: .init(host: "192.0.2.1", port: 5060), .tcp: .init(host: "192.0.2.1", port: 5060),
            .tls: .init(host: "muster.example.com", port: 5061), .ws: .init(host: "192.0.2.1", port: 80),
        ])
        adjust(&configuration)
        self.layer = TransactionLayer(configuration: configuration, entropy: .seeded(seed))
    }

    static func flow(_ transport: Transport = .udp, remote: Endpoint = Rig.peer, connection: UInt64? = nil) -> Flow {
        Flow(
            transport: transport, local: Rig.us, remote: remote,
            connection: connection ?? (transport == .udp ? 0 : 7))
    }

    /// Feeds one input and gives what it led to.
    @discardableResult
    mutating func feed(_ input: TransactionLayer.Input) -> Seen {
        self.effects.removeAll()
        self.layer.handle(input, at: self.now, into: &self.effects)
        return Seen(self.effects)
    }

    @discardableResult
    mutating func receive(_ text: String, over flow: Flow = Rig.flow()) throws -> Seen {
        let message = try Rig.message(text, framing: flow.transport == .udp ? .datagram : .stream)
        return self.feed(.messageReceived(message, Origin(flow: flow)))
    }

    @discardableResult
    mutating func respond(_ id: ServerTransactionID, _ request: String, _ status: Int) throws -> Seen {
        var writer = try Rig.message(request).response(
            status, toTag: Array("us".utf8)[...], receivedFrom: Rig.peer)
        return self.feed(.respond(id, writer.finish()))
    }

    /// Lets time pass, stopping at each deadline, and gives what happened with its time in milliseconds from now.
    @discardableResult
    mutating func pass(_ duration: Duration) -> [(at: Int, Seen)] {
        let begin = self.now
        let end = begin + duration
        var seen: [(at: Int, Seen)] = []
        while let next = self.layer.nextDeadline, next <= end {
            self.now = max(next, self.now)
            self.effects.removeAll()
            self.layer.deadlineReached(at: self.now, into: &self.effects)
            if !self.effects.isEmpty {
                seen.append((Int((self.now - begin).wholeNanoseconds / 1_000_000), Seen(self.effects)))
            }
        }
        self.now = end
        return seen
    }

    /// Whether nothing is left in any table.
    var isEmpty: Bool {
        self.layer.serverTransactionCount == 0 && self.layer.clientTransactionCount == 0
            && self.layer.resolutionCount == 0 && self.layer.timerCount == 0 && self.layer.nextDeadline == nil
    }

    static func message(_ text: String, framing: Framing = .datagram) throws -> SIPMessage {
        try SIPMessage.parse(Array(text.utf8), framing: framing)
    }

    /// A request of the peer's.
    static func request(
        _ method: String, branch: String = "z9hG4bKpeer1", via: String? = nil, to: String = "<sip:alice@example.com>",
        from: String = "<sip:bob@example.com>;tag=b1", callID: String = "call1", cseq: String? = nil,
        extra: String = "", body: String = ""
    ) -> String {
        let topVia = via ?? "SIP/2.0/UDP 192.0.2.99:5070;branch=\(branch)"
        return "\(method) sip:alice@example.com SIP/2.0\r\nVia: \(topVia)\r\nMax-Forwards: 70\r\nFrom: \(from)\r\n"
            + "To: \(to)\r\nCall-ID: \(callID)\r\nCSeq: \(cseq ?? "1 \(method)")\r\n"
            + "Contact: <sip:bob@192.0.2.99:5070>\r\n\(extra)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    /// A request of ours, without our Via.
    static func outgoing(_ method: Method = .notify, to target: Target, bytes size: Int = 0) -> OutgoingRequest {
        let name = String(decoding: method.token, as: UTF8.self)
        let body = String(repeating: "x", count: size)
        let text =
            "\(name) sip:bob@192.0.2.99:5070 SIP/2.0\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=us\r\n"
            + "To: <sip:bob@example.com>;tag=b1\r\nCall-ID: call2\r\nCSeq: 1 \(name)\r\n"
            + "Contact: <sip:192.0.2.1>\r\nContent-Length: \(size)\r\n\r\n\(body)"
        return OutgoingRequest(method: method, bytes: Array(text.utf8), target: target)
    }

    /// The peer's response to a request that we sent.
    static func response(_ status: Int, to sent: [UInt8], extra: String = "") throws -> String {
        var writer = try SIPMessage.parse(sent, framing: .datagram).response(status, toTag: Array("b9".utf8)[...])
        var text = String(decoding: writer.finish(), as: UTF8.self)
        if !extra.isEmpty { text = text.replacingOccurrences("Content-Length", with: extra + "Content-Length") }
        return text
    }
}

extension String {
    /// The text with the first occurrence of one part replaced.
    func replacingOccurrences(_ part: String, with other: String) -> String {
        guard let range = self.firstRange(of: part) else { return self }
        return self.replacingCharacters(range, with: other)
    }

    private func firstRange(of part: String) -> Range<String.Index>? {
        let mine = Array(self.utf8)
        let theirs = Array(part.utf8)
        guard mine.count >= theirs.count else { return nil }
        for offset in 0...(mine.count - theirs.count) where Array(mine[offset..<offset + theirs.count]) == theirs {
            let start = self.utf8.index(self.utf8.startIndex, offsetBy: offset)
            return start..<self.utf8.index(start, offsetBy: theirs.count)
        }
        return nil
    }

    private func replacingCharacters(_ range: Range<String.Index>, with other: String) -> String {
        String(self[..<range.lowerBound]) + other + String(self[range.upperBound...])
    }
}

/// The effects of one call, sorted by kind.
struct Seen: CustomStringConvertible {
    var sent: [(bytes: [UInt8], path: Path)] = []
    var fallbacks: [Hop?] = []
    var requests: [(id: ServerTransactionID, message: SIPMessage)] = []
    var cancelled: [ServerTransactionID] = []
    var acknowledgements: [ServerTransactionID?] = []
    var responses: [(id: ClientTransactionID, status: Int)] = []
    var failures: [(id: ClientTransactionID, failure: RequestFailure)] = []
    var unacknowledged: [ServerTransactionID] = []
    var questions: [(ticket: Ticket, question: ResolutionQuestion)] = []
    var dropped: [DropReason] = []
    var observed: [Observation] = []

    init(_ effects: [TransactionLayer.Effect]) {
        for effect in effects {
            switch effect {
            case .transmit(let bytes, let flow): self.sent.append((bytes, .flow(flow)))
            case .open(let bytes, let hop): self.sent.append((bytes, .hop(hop)))
            case .reply(let bytes, let flow, let otherwise):
                self.sent.append((bytes, .flow(flow)))
                self.fallbacks.append(otherwise)
            case .resolve(let ticket, let question): self.questions.append((ticket, question))
            case .requestReceived(let id, let message, _): self.requests.append((id, message))
            case .cancelReceived(let id): self.cancelled.append(id)
            case .ackReceived(_, _, let id): self.acknowledgements.append(id)
            case .responseReceived(let id, let message, _): self.responses.append((id, message.status))
            case .requestFailed(let id, let failure): self.failures.append((id, failure))
            case .acknowledgementMissing(let id): self.unacknowledged.append(id)
            case .dropped(let reason): self.dropped.append(reason)
            case .observed(let observation): self.observed.append(observation)
            }
        }
    }

    /// The first line of each message that was sent.
    var lines: [String] {
        self.sent.map { String(decoding: $0.bytes.prefix { $0 != 0x0D }, as: UTF8.self) }
    }

    /// The whole of the first message that was sent.
    var text: String { self.sent.first.map { String(decoding: $0.bytes, as: UTF8.self) } ?? "" }

    var description: String { "sent \(self.lines), dropped \(self.dropped), observed \(self.observed)" }
}
