import Ground
import SIPTransactions
import SIPWire

/// A plain SIP client over the real transaction layer: it sends what it is told and answers as it is told.
package final class Phone: Node {
    package let name: String
    package let endpoint: Endpoint
    package let identity: String
    package var isUp: Bool { true }
    /// The status that a request of a method is answered with; 200 for the others.
    package var answers: [String: Int] = [:]

    private let server: Endpoint
    private var layer: TransactionLayer
    private var entropy: Entropy
    private var sequence: UInt32 = 0
    private var ready: [Datagram] = []

    package init(name: String, identity: String, endpoint: Endpoint, server: Endpoint, seed: UInt64) {
        self.name = name
        self.identity = identity
        self.endpoint = endpoint
        self.server = server
        var configuration = TransactionLayer.Configuration(
            sentBy: [.udp: .init(host: endpoint.address.hostText, port: endpoint.port)])
        configuration.switchesToTCP = false
        self.layer = TransactionLayer(configuration: configuration, entropy: .seeded(seed))
        self.entropy = .seeded(seed &+ 1)
    }

    package var nextDeadline: Instant? { self.layer.nextDeadline }

    /// Sends a request outside every dialog to the server.
    ///
    /// - Parameter lines: further header lines, without their ends.
    package func send(_ method: String, to uri: String, lines: [String] = [], body: String = "", at now: Instant) {
        self.sequence += 1
        let user = self.identity.dropFirst(4).prefix { $0 != "@" }
        let to = method == "REGISTER" ? self.identity : uri
        var text = "\(method) \(uri) SIP/2.0\r\nMax-Forwards: 70\r\n"
        text += "From: <\(self.identity)>;tag=\(self.entropy.token()[...].text)\r\nTo: <\(to)>\r\n"
        text += "Call-ID: \(self.entropy.token()[...].text)\r\nCSeq: \(self.sequence) \(method)\r\n"
        if method != "MESSAGE" { text += "Contact: <sip:\(user)@\(self.endpoint)>\r\n" }
        for line in lines { text += line + "\r\n" }
        if !body.isEmpty { text += "Content-Type: text/plain\r\n" }
        text += "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        let request = OutgoingRequest(
            method: Method(Array(method.utf8)[...]), bytes: Array(text.utf8),
            target: .hops([Hop(transport: .udp, endpoint: self.server)]))
        self.tell(.send(self.layer.newClientTransaction(), request), at: now)
    }

    package func receive(_ datagram: Datagram, identities: [String], at now: Instant) {
        let origin = Origin(flow: Flow(transport: .udp, local: self.endpoint, remote: datagram.source))
        guard let message = try? SIPMessage.parse(datagram.bytes, framing: .datagram) else { return }
        self.tell(.messageReceived(message, origin), at: now)
    }

    package func wake(at now: Instant) {
        var effects: [TransactionLayer.Effect] = []
        self.layer.deadlineReached(at: now, into: &effects)
        self.perform(effects, at: now)
    }

    package func takeDepartures() -> [Datagram] {
        defer { self.ready = [] }
        return self.ready
    }

    package func takeViolations() -> [String] { [] }

    private func tell(_ fact: TransactionLayer.Input, at now: Instant) {
        var effects: [TransactionLayer.Effect] = []
        self.layer.handle(fact, at: now, into: &effects)
        self.perform(effects, at: now)
    }

    private func perform(_ effects: [TransactionLayer.Effect], at now: Instant) {
        for effect in effects {
            switch effect {
            case .transmit(let bytes, let flow), .reply(let bytes, let flow, _):
                self.ready.append(Datagram(source: self.endpoint, destination: flow.remote, bytes: bytes))
            case .open(let bytes, let hop):
                self.ready.append(Datagram(source: self.endpoint, destination: hop.endpoint, bytes: bytes))
            case .requestReceived(let id, let message, _):
                let status = self.answers[message.method.token[...].text] ?? 200
                var writer = message.response(status, toTag: self.entropy.token()[...])
                self.tell(.respond(id, writer.finish()), at: now)
            default: break
            }
        }
    }
}
