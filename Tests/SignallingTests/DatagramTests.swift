import Ground
import MusterTesting
import SIPTransactions
import Testing

@testable import Signalling

@Suite("UDP")
struct DatagramTests {
    @Test(
        "a datagram arrives with the address of its sender and is answered there, over both address families",
        .spec("RFC 3261 §18.2.1", "RFC 3261 §18.2.2"), arguments: ["127.0.0.1", "::1"])
    func echo(address: String) async throws {
        let node = try await TestNode()
        let endpoint = try await node.listen(.udp, address)
        try await node.echo()
        let socket = try await RawSocket(address)
        try await socket.send(Sample.message(), to: endpoint)
        let arrival = try await node.message()
        #expect(arrival.bytes == Sample.message())
        #expect(arrival.framing == .datagram)
        let local = try #require(socket.local)
        #expect(arrival.origin.flow == Flow(transport: .udp, local: endpoint, remote: local))
        #expect(!arrival.origin.isTrusted)
        #expect(try await socket.receive() == Sample.message())
        try await socket.close()
        try await node.shutDown()
    }

    @Test("a datagram of the largest size passes both ways", .spec("RFC 3261 §18.1.1"))
    func largest() async throws {
        let node = try await TestNode()
        let endpoint = try await node.listen(.udp)
        try await node.echo()
        let socket = try await RawSocket()
        let message = Sample.message(body: 64_000)
        try await socket.send(message, to: endpoint)
        #expect(try await socket.receive() == message)
        try await socket.close()
        try await node.shutDown()
    }

    @Test("many datagrams come in order, and many at once make one turn")
    func manyAtOnce() async throws {
        let node = try await TestNode()
        let endpoint = try await node.listen(.udp)
        let sender = try await TestNode()
        _ = try await sender.listen(.udp)
        let hop = Hop(transport: .udp, endpoint: endpoint)
        try await sender.perform { content in
            for number in 1...200 { content.transports.open(Sample.message(number), hop) }
            content.transports.flush()
        }
        for number in 1...200 { #expect(try await node.message().bytes == Sample.message(number)) }
        let turns = try await node.perform { $0.turns }
        #expect(turns.reduce(0, +) == 200)
        #expect(turns.count < 200)
        let counters = try await sender.counters
        #expect(counters.datagramsSent == 200)
        #expect(counters.datagramWrites <= 7)
        try await sender.shutDown()
        try await node.shutDown()
    }

    @Test("a socket is read until it is empty, and that is one turn")
    func readsUntilEmpty() async throws {
        let node = try await TestNode()
        let endpoint = try await node.listen(.udp)
        // The loop sends to itself, so all of it is there before the loop can read.
        try await node.perform { content in
            for number in 1...200 {
                content.transports.open(Sample.message(number), Hop(transport: .udp, endpoint: endpoint))
            }
            content.transports.flush()
        }
        for number in 1...200 { #expect(try await node.message().bytes == Sample.message(number)) }
        let (reads, ends) = try await node.perform { ($0.turns, $0.ends) }
        #expect(reads.reduce(0, +) == 200)
        #expect(reads.count == 4)
        // One, unless the machine was so busy that a read took longer than a turn may.
        #expect(ends >= 1 && ends < reads.count)
        try await node.shutDown()
    }

    @Test("keep-alive datagrams are swallowed and counted", .spec("RFC 5626 §4.4", "RFC 3261 §7.5"))
    func keepAlives() async throws {
        let node = try await TestNode()
        let endpoint = try await node.listen(.udp)
        let socket = try await RawSocket()
        try await socket.send([], [13, 10], [13, 10, 13, 10], [0], to: endpoint)
        try await socket.send([13, 10] + Sample.message(), to: endpoint)
        #expect(try await node.message().bytes == Sample.message())
        #expect(try await node.counters.keepAlivesReceived == 4)
        try await socket.close()
        try await node.shutDown()
    }

    @Test("a STUN binding request is answered with the sender's address", .spec("RFC 5626 §4.4.2", "RFC 5626 §8"))
    func stun() async throws {
        let node = try await TestNode()
        let endpoint = try await node.listen(.udp)
        let socket = try await RawSocket()
        let transaction: [UInt8] = Array(1...12)
        try await socket.send([0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42] + transaction, to: endpoint)
        let answer = try await socket.receive()
        #expect(answer.prefix(4) == [1, 1, 0, 12])
        #expect(answer[8..<20].elementsEqual(transaction))
        let port = UInt16(answer[26]) << 8 | UInt16(answer[27])
        #expect(port ^ 0x2112 == socket.local?.port)
        #expect(Array(answer[28..<32]) == [127 ^ 0x21, 0x12, 0xA4, 1 ^ 0x42])
        try await socket.close()
        try await node.shutDown()
    }

    @Test(
        "an address that cannot be reached costs one message and nothing else", .spec("RFC 3261 §18.4"),
        arguments: ["255.255.255.255:5060", "127.0.0.1:0", "[ff02::1]:5060"])
    func unreachable(target: String) async throws {
        let node = try await TestNode()
        let endpoint = try await node.listen(.udp)
        let socket = try await RawSocket()
        let bad = Hop(transport: .udp, endpoint: try #require(Endpoint(target)))
        let good = Hop(transport: .udp, endpoint: try #require(socket.local))
        try await node.perform { content in
            content.transports.open(Sample.message(1), good)
            content.transports.open(Sample.message(2), bad)
            content.transports.open(Sample.message(3), good)
            content.transports.flush()
        }
        #expect(try await socket.receive() == Sample.message(1))
        #expect(try await socket.receive() == Sample.message(3))
        let failure = try await node.failure()
        #expect(failure.bytes == Sample.message(2))
        #expect(failure.path == .hop(bad))
        try await socket.send(Sample.message(4), to: endpoint)
        #expect(try await node.message().bytes == Sample.message(4))
        try await socket.close()
        try await node.shutDown()
    }

    @Test("a message too large for any datagram fails alone")
    func tooLarge() async throws {
        let node = try await TestNode()
        _ = try await node.listen(.udp)
        let hop = Hop(transport: .udp, endpoint: Endpoint(.loopback, 9))
        try await node.open([UInt8](repeating: 65, count: 65_520), [UInt8](repeating: 66, count: 70_000), to: hop)
        let failures = [try await node.failure().bytes.count, try await node.failure().bytes.count]
        #expect(failures.sorted() == [65_520, 70_000])
        try await node.shutDown()
    }

    @Test("a source that sends too much is cut down; others and trusted ones are not")
    func flood() async throws {
        let node = try await TestNode {
            $0.floodBound = .init(messagesPerSecond: 1, burst: 5)
            $0.trustedNetworks = [IPNetwork("127.0.0.2")].compactMap { $0 }
        }
        let endpoint = try await node.listen(.udp)
        let flooder = try await RawSocket("127.0.0.1")
        let trusted = try await RawSocket("127.0.0.2")
        let other = try await RawSocket("127.0.0.3")
        for number in 1...20 { try await flooder.send(Sample.message(number), to: endpoint) }
        for number in 101...120 { try await trusted.send(Sample.message(number), to: endpoint) }
        try await other.send(Sample.message(201), to: endpoint)
        var arrivals: [Arrival] = []
        while arrivals.last?.bytes != Sample.message(201) { arrivals.append(try await node.message()) }
        #expect(arrivals.filter { $0.origin.isTrusted }.count == 20)
        let untrusted = arrivals.filter { !$0.origin.isTrusted }
        #expect((6...8).contains(untrusted.count))
        #expect(try await node.counters.flooded >= 13)
        for socket in [flooder, trusted, other] { try await socket.close() }
        try await node.shutDown()
    }

    @Test("every message is shown to the trace, both ways")
    func trace() async throws {
        let node = try await TestNode()
        let endpoint = try await node.listen(.udp)
        try await node.echo()
        let seen = LockedBox<[String]>([])
        try await node.perform { content in
            content.transports.trace = { bytes, flow, direction, _ in
                seen.with { $0.append("\(direction) \(bytes.count) \(flow.transport)") }
            }
        }
        let socket = try await RawSocket()
        try await socket.send(Sample.message(), to: endpoint)
        _ = try await socket.receive()
        let count = Sample.message().count
        #expect(seen.with { $0 } == ["received \(count) udp", "sent \(count) udp"])
        try await socket.close()
        try await node.shutDown()
    }

    @Test("a port that is taken is reported as a fault")
    func portTaken() async throws {
        let node = try await TestNode()
        for transport in [Transport.udp, .tcp] {
            let endpoint = try await node.listen(transport)
            await #expect(throws: Fault.portUnavailable("")) {
                _ = try await node.listen(ListenerConfiguration(transport, endpoint))
            }
        }
        try await node.shutDown()
    }
}
