import Ground
import MusterTesting
import NIOCore
import NIOPosix
import SIPTransactions
import Testing

@testable import Signalling

@Suite("TCP")
struct StreamTests {
    @Test("messages that come glued together are told apart", .spec("RFC 3261 §18.3"))
    func glued() async throws {
        let node = try await TestNode()
        let client = try await RawClient(try await node.listen(.tcp))
        try await client.send(Sample.message(1, body: 10) + Sample.message(2) + Sample.message(3, body: 5))
        #expect(try await node.message().bytes == Sample.message(1, body: 10))
        #expect(try await node.message().bytes == Sample.message(2))
        let third = try await node.message()
        #expect(third.bytes == Sample.message(3, body: 5))
        #expect(third.framing == .stream)
        #expect(third.origin.flow.remote == client.local)
        #expect(try await node.perform { $0.turns } == [3])
        try await client.close()
        try await node.shutDown()
    }

    @Test("a message that comes byte by byte is put together", .spec("RFC 3261 §18.3"))
    func split() async throws {
        let node = try await TestNode()
        let client = try await RawClient(try await node.listen(.tcp))
        for byte in Sample.message(1, body: 20) { try await client.send([byte]) }
        #expect(try await node.message().bytes == Sample.message(1, body: 20))
        try await client.close()
        try await node.shutDown()
    }

    @Test("a ping is answered by a pong", .spec("RFC 5626 §4.4.1", "RFC 5626 §5.4"))
    func ping() async throws {
        let node = try await TestNode()
        let client = try await RawClient(try await node.listen(.tcp))
        try await client.send([13, 10, 13, 10])
        #expect(try await client.receive(2) == [13, 10])
        try await client.send(Sample.message())
        #expect(try await node.message().bytes == Sample.message())
        #expect(try await node.counters.keepAlivesAnswered == 1)
        try await client.close()
        try await node.shutDown()
    }

    @Test("the answer goes back on the connection of the request", .spec("RFC 3261 §18.2.2", "RFC 3261 §18.2.2/1"))
    func answer() async throws {
        let node = try await TestNode()
        let client = try await RawClient(try await node.listen(.tcp))
        try await client.send(Sample.message(1))
        let flow = try await node.message().origin.flow
        try await node.transmit(Sample.message(2), on: flow)
        #expect(try await client.receive(Sample.message(2).count) == Sample.message(2))
        #expect(try await node.perform { $0.transports.isAlive(flow) })
        try await client.close()
        #expect(try await node.closed() == flow)
        #expect(try await !node.perform { $0.transports.isAlive(flow) })
        try await node.transmit(Sample.message(3), on: flow)
        let failure = try await node.failure()
        #expect(failure.bytes == Sample.message(3) && failure.path == .flow(flow))
        try await node.shutDown()
    }

    @Test(
        "messages to one hop share one connection, and requests of the other end come back on it",
        .spec("RFC 3261 §18.1.1", "RFC 5626 §5.3"))
    func shared() async throws {
        let server = try await TestNode()
        let client = try await TestNode()
        let hop = Hop(transport: .tcp, endpoint: try await server.listen(.tcp))
        try await client.open(Sample.message(1), Sample.message(2), to: hop)
        let flow = try await server.message().origin.flow
        #expect(try await server.message().origin.flow == flow)
        try await client.open(Sample.message(3), to: hop)
        #expect(try await server.message().origin.flow == flow)
        try await server.transmit(Sample.message(4), on: flow)
        let back = try await client.message()
        #expect(back.bytes == Sample.message(4))
        #expect(back.origin.flow.remote == hop.endpoint)
        try await client.transmit([13, 10, 13, 10], on: back.origin.flow)
        guard case .keepAliveAnswered(back.origin.flow) = try await client.event() else {
            Issue.record("the ping was not answered")
            return
        }
        #expect(try await server.connectionCount == 1)
        try await client.shutDown()
        try await server.shutDown()
    }

    @Test("a refused connection fails each of its messages", .spec("RFC 3261 §18.4", "RFC 3261 §8.1.3.1"))
    func refused() async throws {
        let node = try await TestNode()
        let other = try await TestNode()
        let endpoint = try await other.listen(.tcp)
        try await other.shutDown()
        let hop = Hop(transport: .tcp, endpoint: endpoint)
        try await node.open(Sample.message(1), Sample.message(2), to: hop)
        for number in 1...2 {
            let failure = try await node.failure()
            #expect(failure.bytes == Sample.message(number) && failure.path == .hop(hop))
        }
        #expect(try await node.connectionCount == 0)
        try await node.shutDown()
    }

    @Test(
        "a response whose connection is gone opens the hop of its Via", .spec("RFC 3261 §18.2.2", "RFC 3261 §18.2.2/3"))
    func reply() async throws {
        let server = try await TestNode()
        let client = try await TestNode()
        let back = Hop(transport: .tcp, endpoint: try await client.listen(.tcp))
        let raw = try await RawClient(try await server.listen(.tcp))
        try await raw.send(Sample.message(1))
        let flow = try await server.message().origin.flow
        try await raw.close()
        _ = try await server.closed()
        try await server.perform { content in
            content.transports.reply(Sample.message(2), flow, otherwise: back)
            content.transports.flush()
        }
        #expect(try await client.message().bytes == Sample.message(2))
        try await client.shutDown()
        try await server.shutDown()
    }

    @Test("a peer that has closed its own direction still gets its answer")
    func halfClosed() async throws {
        let node = try await TestNode()
        try await node.echo()
        let client = try await RawClient(try await node.listen(.tcp))
        try await client.channel.setOption(.allowRemoteHalfClosure, value: true).get()
        try await client.send(Sample.message(1))
        try await client.channel.close(mode: .output).get()
        #expect(try await client.receive(Sample.message(1).count) == Sample.message(1))
        try await client.close()
        try await node.shutDown()
    }

    @Test(
        "a stream without framing is told to the receiver, who may still answer, and then closed",
        .spec("RFC 3261 §18.3", "RFC 3261 §20.14"), arguments: ["9999999", "-1", "x"])
    func framing(length: String) async throws {
        let node = try await TestNode()
        try await node.perform { $0.faultAnswer = Sample.message(3) }
        let client = try await RawClient(try await node.listen(.tcp))
        let text = String(decoding: Sample.message(1), as: UTF8.self)
            .replacing("Content-Length: 0", with: "Content-Length: \(length)")
        try await client.send(Sample.message(7) + Array(text.utf8) + Sample.message(2))
        #expect(try await node.message().bytes == Sample.message(7))
        guard case .framingFailed(let fault, let head, let origin) = try await node.event() else {
            Issue.record("the fault was not told")
            return
        }
        #expect(fault.status == (length == "9999999" ? 413 : 400))
        #expect(String(decoding: head, as: UTF8.self) == text)
        #expect(try await client.receive(Sample.message(3).count) == Sample.message(3))
        _ = try await client.end()
        #expect(try await node.closed() == origin.flow)
        let counters = try await node.counters
        #expect(counters.oversized + counters.framingFaults == 1)
        try await node.shutDown()
    }

    @Test("endless headers end the connection")
    func endless() async throws {
        let node = try await TestNode { $0.halfCloseLinger = .milliseconds(20) }
        let client = try await RawClient(try await node.listen(.tcp))
        try await client.send(Array("MESSAGE sip:bob@example.com SIP/2.0\r\n".utf8))
        try await client.send([UInt8](repeating: UInt8(ascii: "a"), count: 200_000))
        _ = try await client.end()
        #expect(try await node.connectionCount == 0)
        try await node.shutDown()
    }

    @Test("a message that takes too long, and a connection that says nothing, are closed")
    func slow() async throws {
        let node = try await TestNode { $0.messageTimeout = .seconds(1) }
        let endpoint = try await node.listen(.tcp)
        let silent = try await RawClient(endpoint)
        _ = try await silent.end()
        let slow = try await RawClient(endpoint)
        try await slow.send(Sample.message(1))
        _ = try await node.closed()
        _ = try await node.message()
        try await slow.send(Array(Sample.message(2).prefix(30)))
        _ = try await slow.end()
        #expect(try await node.counters.slowClosed == 2)
        try await node.shutDown()
    }

    @Test("an idle connection is closed")
    func idle() async throws {
        // Long enough for a busy machine to send the message before the connection counts as idle.
        let node = try await TestNode { $0.idleTimeout = .seconds(5) }
        let client = try await RawClient(try await node.listen(.tcp))
        try await client.send(Sample.message(1))
        _ = try await node.message()
        _ = try await client.end()
        #expect(try await node.counters.idleClosed == 1)
        try await node.shutDown()
    }

    @Test("connections are bounded for each source and altogether; trusted sources only altogether")
    func bounds() async throws {
        let node = try await TestNode {
            $0.maximumConnectionsPerSource = 2
            $0.maximumConnections = 3
        }
        let endpoint = try await node.listen(.tcp)
        let clients = [try await RawClient(endpoint), try await RawClient(endpoint)]
        for client in clients { try await client.send(Sample.message(1)) }
        for _ in clients { _ = try await node.message() }
        let third = try await RawClient(endpoint)
        _ = try await third.end()
        #expect(try await node.counters.connectionsRefused == 1)
        try await clients[0].close()
        _ = try await node.closed()
        let fourth = try await RawClient(endpoint)
        try await fourth.send(Sample.message(2))
        #expect(try await node.message().bytes == Sample.message(2))
        try await fourth.close()
        try await clients[1].close()
        try await node.shutDown()
    }

    @Test("a peer that does not read is cut off, and what it should have got is reported")
    func stalled() async throws {
        let node = try await TestNode {
            $0.maximumWaitingBytes = 100_000
            $0.stallTimeout = .milliseconds(50)
        }
        let client = try await RawClient(try await node.listen(.tcp), reads: false)
        try await client.send(Sample.message(1))
        let flow = try await node.message().origin.flow
        let large = Sample.message(2, body: 60_000)
        try await node.perform { content in
            for _ in 1...1000 {
                content.transports.transmit(large, flow)
                content.transports.flush()
            }
        }
        #expect(try await node.failure().path == .flow(flow))
        try await node.until("the stalled connection is closed") { $0.transports.counters.stalledClosed == 1 }
        try await client.close()
        try await node.shutDown()
    }

    @Test("a source that sends too much on a stream is slowed down, and nothing is lost")
    func flood() async throws {
        let node = try await TestNode { $0.floodBound = .init(messagesPerSecond: 200, burst: 10) }
        let client = try await RawClient(try await node.listen(.tcp))
        try await client.send((1...30).flatMap { Sample.message($0) })
        for number in 1...30 { #expect(try await node.message().bytes == Sample.message(number)) }
        #expect(try await node.counters.flooded > 0)
        try await client.close()
        try await node.shutDown()
    }

    @Test("messages that wait for a connection are bounded")
    func waiting() async throws {
        let node = try await TestNode { $0.maximumWaitingMessages = 3 }
        let other = try await TestNode()
        let hop = Hop(transport: .tcp, endpoint: try await other.listen(.tcp))
        try await node.perform { content in
            for number in 1...5 { content.transports.open(Sample.message(number), hop) }
            content.transports.flush()
        }
        #expect(try await node.failure().bytes == Sample.message(4))
        #expect(try await node.failure().bytes == Sample.message(5))
        for number in 1...3 { #expect(try await other.message().bytes == Sample.message(number)) }
        try await node.shutDown()
        try await other.shutDown()
    }

    @Test("over TCP an alias is honoured only for trusted peers by policy", .spec("RFC 5923 §5"))
    func alias() async throws {
        for isTrusted in [false, true] {
            let node = try await TestNode {
                $0.aliasPolicy = .trustedNetworks
                $0.trustedNetworks = isTrusted ? [IPNetwork("127.0.0.0/8")].compactMap { $0 } : []
                $0.connectTimeout = .milliseconds(500)
            }
            let client = try await RawClient(try await node.listen(.tcp))
            // Nobody listens on port 1: a request to it can only arrive on the connection that exists.
            try await client.send(Sample.message(1, via: "SIP/2.0/TCP 127.0.0.1:1;alias"))
            _ = try await node.message()
            let hop = Hop(transport: .tcp, endpoint: Endpoint(.loopback, 1))
            try await node.open(Sample.message(2), to: hop)
            if isTrusted {
                #expect(try await client.receive(Sample.message(2).count) == Sample.message(2))
            } else {
                #expect(try await node.failure().path == .hop(hop))
            }
            try await client.close()
            try await node.shutDown()
        }
    }

    @Test("connections of different shards and times never share a number")
    func numbers() async throws {
        let first = try await TestNode { $0.shard = 1 }
        let second = try await TestNode { $0.shard = 2 }
        let numbers = [
            try await first.perform { [$0.transports.nextConnectionNumber(), $0.transports.nextConnectionNumber()] },
            try await second.perform { [$0.transports.nextConnectionNumber()] },
        ]
        #expect(Set(numbers.joined()).count == 3)
        #expect(numbers[0].allSatisfy { $0 >> 56 == 1 } && numbers[1].allSatisfy { $0 >> 56 == 2 })
        try await first.shutDown()
        try await second.shutDown()
    }
}
