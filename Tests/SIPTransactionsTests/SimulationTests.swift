import Ground
import MusterTesting
import SIPTransactions
import SIPWire
import Testing

/// Two layers with a network between them that loses, doubles and delays.
private struct Simulation {
    private struct Packet {
        var at: Instant
        var toServer: Bool
        var bytes: [UInt8]
    }

    private var client: TransactionLayer
    private var server: TransactionLayer
    private var chance: Entropy
    private var packets: [Packet] = []
    private var now = Rig.start
    private let transport: Transport
    private let lossPercent: UInt64
    private static let clientEnd = Endpoint(IPAddress(ipv4: 0x0A00_0001), 5060)
    private static let serverEnd = Endpoint(IPAddress(ipv4: 0x0A00_0002), 5060)

    /// What the users saw.
    var requestsSeen: [String: Int] = [:]
    var finalsSeen: [UInt64: Int] = [:]
    var failuresSeen: [UInt64: Int] = [:]
    private var answers: [(at: Instant, id: ServerTransactionID, bytes: [UInt8])] = []

    init(seed: UInt64, transport: Transport, lossPercent: UInt64) {
        func layer(_ host: String, _ seed: UInt64) -> TransactionLayer {
            var configuration = TransactionLayer.Configuration(sentBy: [
                .udp: .init(host: host, port: 5060), .tcp: .init(host: host, port: 5060),
            ])
            configuration.switchesToTCP = false
            return TransactionLayer(configuration: configuration, entropy: .seeded(seed))
        }
        self.client = layer("10.0.0.1", seed &* 2)
        self.server = layer("10.0.0.2", seed &* 2 &+ 1)
        self.chance = .seeded(seed)
        self.transport = transport
        self.lossPercent = lossPercent
    }

    private func flow(atServer: Bool) -> Flow {
        Flow(
            transport: self.transport, local: atServer ? Self.serverEnd : Self.clientEnd,
            remote: atServer ? Self.clientEnd : Self.serverEnd, connection: self.transport == .udp ? 0 : 1)
    }

    private mutating func carry(_ bytes: [UInt8], toServer: Bool) {
        let isReliable = self.transport.isReliable
        let copies = isReliable ? 1 : 1 + Int(self.chance.next(below: 5) / 4)
        for _ in 0..<copies {
            if !isReliable, self.chance.next(below: 100) < self.lossPercent { continue }
            let delay = isReliable ? 10 : Int(self.chance.next(below: 900))
            self.packets.append(Packet(at: self.now + .milliseconds(delay), toServer: toServer, bytes: bytes))
        }
    }

    private mutating func run(_ effects: [TransactionLayer.Effect], atServer: Bool) {
        for effect in effects {
            switch effect {
            case .transmit(let bytes, _), .open(let bytes, _), .reply(let bytes, _, _):
                self.carry(bytes, toServer: !atServer)
            case .requestReceived(let id, let message, _):
                self.requestsSeen[message.callID.text, default: 0] += 1
                var writer = message.response(
                    self.chance.next(below: 4) == 0 ? 404 : 200, toTag: Array("us".utf8)[...],
                    receivedFrom: Self.clientEnd)
                let delay = Duration.milliseconds(Int(self.chance.next(below: 6000)))
                self.answers.append((self.now + delay, id, writer.finish()))
            case .responseReceived(let id, let message, _) where message.status >= 200:
                self.finalsSeen[id.raw, default: 0] += 1
            case .requestFailed(let id, _):
                self.failuresSeen[id.raw, default: 0] += 1
            default: break
            }
        }
    }

    mutating func send(_ number: Int) {
        let method: Method = number % 4 == 0 ? .invite : .notify
        let name = String(decoding: method.token, as: UTF8.self)
        let text =
            "\(name) sip:bob@10.0.0.2 SIP/2.0\r\nMax-Forwards: 70\r\nFrom: <sip:a@x.example.com>;tag=1\r\n"
            + "To: <sip:bob@10.0.0.2>\r\nCall-ID: call-\(number)\r\nCSeq: 1 \(name)\r\n"
            + "Contact: <sip:a@10.0.0.1>\r\nContent-Length: 0\r\n\r\n"
        var effects: [TransactionLayer.Effect] = []
        let id = ClientTransactionID(raw: UInt64(number))
        self.client.handle(
            .send(
                id,
                OutgoingRequest(method: method, bytes: Array(text.utf8), target: .flow(self.flow(atServer: false)))),
            at: self.now, into: &effects)
        self.run(effects, atServer: false)
    }

    /// Runs until nothing is left to happen.
    mutating func finish() throws {
        while let next = self.nextEvent() {
            self.now = max(self.now, next)
            try self.deliver()
            for atServer in [false, true] {
                var effects: [TransactionLayer.Effect] = []
                if atServer {
                    self.server.deadlineReached(at: self.now, into: &effects)
                } else {
                    self.client.deadlineReached(at: self.now, into: &effects)
                }
                self.run(effects, atServer: atServer)
            }
        }
    }

    private func nextEvent() -> Instant? {
        [
            self.client.nextDeadline, self.server.nextDeadline, self.packets.map(\.at).min(),
            self.answers.map(\.at).min(),
        ].compactMap { $0 }.min()
    }

    private mutating func deliver() throws {
        let duePackets = self.packets.filter { $0.at <= self.now }
        self.packets.removeAll { $0.at <= self.now }
        for packet in duePackets {
            var effects: [TransactionLayer.Effect] = []
            let message = try SIPMessage.parse(
                packet.bytes, framing: self.transport.isReliable ? .stream : .datagram)
            let origin = Origin(flow: self.flow(atServer: packet.toServer))
            if packet.toServer {
                self.server.handle(.messageReceived(message, origin), at: self.now, into: &effects)
            } else {
                self.client.handle(.messageReceived(message, origin), at: self.now, into: &effects)
            }
            self.run(effects, atServer: packet.toServer)
        }
        let dueAnswers = self.answers.filter { $0.at <= self.now }
        self.answers.removeAll { $0.at <= self.now }
        for answer in dueAnswers {
            var effects: [TransactionLayer.Effect] = []
            self.server.handle(.respond(answer.id, answer.bytes), at: self.now, into: &effects)
            self.run(effects, atServer: true)
        }
    }

    var isEmpty: Bool {
        self.client.clientTransactionCount == 0 && self.server.serverTransactionCount == 0
            && self.client.timerCount == 0 && self.server.timerCount == 0
    }
}

@Suite("Simulated networks")
struct SimulationTests {
    @Test(
        "through loss, doubling and reordering each request goes up once, each has one outcome, and nothing is left",
        .spec("RFC 3261 §17", "RFC 3261 §17.1.2.2", "RFC 3261 §17.2.2", "RFC 6026 §7"), arguments: 1...30)
    func lossy(_ seed: Int) throws {
        var simulation = Simulation(seed: UInt64(seed), transport: .udp, lossPercent: UInt64(seed % 4) * 20)
        let requests = 24
        for number in 1...requests { simulation.send(number) }
        try simulation.finish()
        #expect(simulation.requestsSeen.values.allSatisfy { $0 == 1 })
        for number in 1...requests {
            let id = UInt64(number)
            let finals = simulation.finalsSeen[id] ?? 0
            let failures = simulation.failuresSeen[id] ?? 0
            // A 2xx to an INVITE may come several times: its copies are the user's (RFC 6026 §7.2).
            #expect(number % 4 == 0 ? finals + failures >= 1 : finals + failures == 1, "request \(number)")
        }
        if seed % 4 == 0 {
            #expect(simulation.failuresSeen.isEmpty)
            #expect(simulation.requestsSeen.count == requests)
        }
        #expect(simulation.isEmpty)
    }

    @Test("over a reliable transport every request is answered once", .spec("RFC 3261 §17"), arguments: 1...5)
    func reliable(_ seed: Int) throws {
        var simulation = Simulation(seed: UInt64(seed), transport: .tcp, lossPercent: 0)
        for number in 1...24 { simulation.send(number) }
        try simulation.finish()
        #expect(simulation.requestsSeen.count == 24)
        #expect(simulation.finalsSeen.count == 24)
        #expect(simulation.finalsSeen.values.allSatisfy { $0 == 1 })
        #expect(simulation.failuresSeen.isEmpty)
        #expect(simulation.isEmpty)
    }

    @Test("whatever arrives in whatever order, nothing hangs and every table is empty in the end", arguments: 1...8)
    func storm(_ seed: Int) throws {
        var rig = Rig(seed: UInt64(seed)) {
            $0.limits.pendingServerTransactions = 40
            $0.limits.completedServerTransactions = 20
            $0.limits.pendingClientTransactions = 40
            $0.limits.completedClientTransactions = 20
            $0.limits.pendingResolutions = 10
        }
        var chance = Entropy.seeded(UInt64(seed) &* 977)
        var known: [(ServerTransactionID, String)] = []
        var sent: [[UInt8]] = []
        var tickets: [Ticket] = []
        for step in 0..<1200 {
            var seen: Seen?
            switch chance.next(below: 12) {
            case 0...2:
                let method = ["SUBSCRIBE", "PUBLISH", "INVITE", "ACK", "CANCEL"][Int(chance.next(below: 5))]
                let number = chance.next(below: 60)
                let text = Rig.request(method, branch: "z9hG4bK\(number)", callID: "c\(number)")
                let transport: Transport = chance.next(below: 3) == 0 ? .tcp : .udp
                let got = try rig.receive(text, over: Rig.flow(transport))
                known += got.requests.map { ($0.id, text) }
                seen = got
            case 3...5:
                guard !known.isEmpty else { continue }
                let entry = known[Int(chance.next(below: UInt64(known.count)))]
                seen = try rig.respond(
                    entry.0, entry.1, [100, 180, 200, 202, 302, 408, 503][Int(chance.next(below: 7))])
            case 6, 7:
                let method: Method = chance.next(below: 3) == 0 ? .invite : .notify
                let target = try Self.target(&chance)
                let id = ClientTransactionID(raw: chance.next(below: 100))
                seen = rig.feed(
                    .send(id, Rig.outgoing(method, to: target, bytes: Int(chance.next(below: 3)) * 900)))
            case 8:
                guard !sent.isEmpty else { continue }
                let bytes = sent[Int(chance.next(below: UInt64(sent.count)))]
                seen = try rig.receive(
                    try Rig.response([100, 200, 404, 503][Int(chance.next(below: 4))], to: bytes))
            case 9:
                seen = rig.feed(.cancel(ClientTransactionID(raw: chance.next(below: 100))))
            case 10:
                guard let ticket = tickets.popLast() else { continue }
                let address = IPAddress(ipv4: UInt32(chance.next(below: 4)))
                seen = rig.feed(
                    .hopsResolved(ticket, chance.next(below: 2) == 0 ? .addresses([address]) : .failed))
            default:
                let hop = Hop(transport: .tcp, endpoint: Rig.peer)
                seen = rig.feed(.transmissionFailed(chance.next(below: 2) == 0 ? .hop(hop) : .flow(Rig.flow())))
                for event in rig.pass(.milliseconds(Int(chance.next(below: 2000)))) { _ = event }
            }
            if let seen {
                sent += seen.sent.map(\.bytes).filter { !$0.starts(with: Array("SIP".utf8)) }
                tickets += seen.questions.map(\.ticket)
            }
            if sent.count > 50 { sent.removeFirst(sent.count - 50) }
            if known.count > 50 { known.removeFirst(known.count - 50) }
            #expect(rig.layer.serverTransactionCount <= 60, "step \(step)")
            #expect(rig.layer.clientTransactionCount <= 100, "step \(step)")
        }
        rig.pass(.seconds(3600))
        #expect(rig.isEmpty)
    }

    private static func target(_ chance: inout Entropy) throws -> Target {
        let hops = [
            Hop(transport: .udp, endpoint: Rig.peer), Hop(transport: .tcp, endpoint: Rig.peer),
            Hop(transport: .tls, endpoint: Rig.peer, serverName: "x.example.com"),
        ]
        let uri = try #require(SIPURI("sip:x.example.com:5060"))
        switch chance.next(below: 5) {
        case 0: return .flow(Rig.flow())
        case 1: return .flow(Rig.flow(.tcp))
        case 2: return .hops(Array(hops.prefix(Int(chance.next(below: 4)))))
        case 3: return .uri(uri)
        default: return .flowOrURI(Rig.flow(), uri)
        }
    }

    @Test("damaged messages never do harm", .spec("RFC 3261 §8.2"))
    func damaged() throws {
        var rig = Rig()
        var chance = Entropy.seeded(99)
        let texts = [
            Rig.request("SUBSCRIBE", extra: "Event: presence\r\n"), Rig.request("INVITE"), Rig.request("ACK"),
            Rig.request("CANCEL"), Rig.request("OPTIONS", via: "SIP/2.0/UDP a;branch=1;rport;maddr=1.2.3.4"),
        ]
        var parsed = 0
        for _ in 0..<5_000 {
            var bytes = Array(texts[Int(chance.next(below: UInt64(texts.count)))].utf8)
            for _ in 0...chance.next(below: 6) {
                let place = Int(chance.next(below: UInt64(bytes.count)))
                switch chance.next(below: 3) {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: chance.next())
                case 1: bytes.remove(at: place)
                default: bytes.insert(bytes[Int(chance.next(below: UInt64(bytes.count)))], at: place)
                }
            }
            do {
                let message = try SIPMessage.parse(bytes, framing: .datagram)
                parsed += 1
                let seen = rig.feed(.messageReceived(message, Origin(flow: Rig.flow())))
                if message.isRequest, message.method == .ack { #expect(seen.sent.isEmpty) }
                if !message.isRequest { #expect(seen.sent.isEmpty) }
            } catch {
                rig.feed(.unparsableReceived(error, Origin(flow: Rig.flow())))
            }
        }
        #expect(parsed > 1000)
        rig.pass(.seconds(3600))
        #expect(rig.isEmpty)
    }
}
