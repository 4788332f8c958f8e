import Ground
import MusterTesting
import NIOCore
import SIPTransactions
import Testing

@testable import Signalling

@Suite("Hostile input")
struct HostileInputTests {
    @Test(
        "nothing that is thrown at a listener harms those who come after",
        arguments: [Transport.tcp, .tls, .ws, .wss])
    func garbage(transport: Transport) async throws {
        let node = try await TestNode {
            $0.messageTimeout = .seconds(1)
            $0.handshakeTimeout = .seconds(1)
            $0.maximumConnectionsPerSource = 1000
        }
        let tls = transport.isSecure ? try TestCertificates.server() : nil
        let endpoint = try await node.listen(transport, tls: tls)
        var entropy = Entropy.seeded(UInt64(transport.rawValue) + 1)
        for round in 0..<60 {
            var bytes =
                switch round % 4 {
                case 0: (0..<200).map { _ in UInt8(truncatingIfNeeded: entropy.next()) }
                case 1: WebSocketTests.opening("Sec-WebSocket-Protocol: sip")
                case 2: Sample.message(round, body: 40)
                default: [0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3] + [UInt8](repeating: 7, count: 194)
                }
            for _ in 0..<3 where round % 3 == 0 {
                bytes[Int(entropy.next(below: UInt64(bytes.count)))] = UInt8(truncatingIfNeeded: entropy.next())
            }
            let client = try await RawClient(endpoint)
            client.channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
            if round % 2 == 0 { client.channel.close(promise: nil) }
        }
        try await node.until("all of them are gone") { $0.transports.connectionCount == 0 }
        let client = try await RawClient(
            endpoint, tls: tls == nil ? nil : try TestCertificates.client(), serverName: "example.com")
        let last = Sample.message(4711)
        if transport == .ws || transport == .wss {
            try await client.send(WebSocketTests.opening("Sec-WebSocket-Protocol: sip"))
            _ = try await client.receive(upTo: "\r\n\r\n")
            try await client.send(Frame.masked(1, last))
        } else {
            try await client.send(last)
        }
        var hasArrived = false
        while !hasArrived {
            if case .arrived(let arrival) = try await node.event() { hasArrived = arrival.bytes == last }
        }
        #expect(try await node.connectionCount == 1)
        try await client.close()
        try await node.until("the tables are empty") {
            $0.transports.connectionCount == 0 && $0.transports.inboundBySource.isEmpty
                && $0.transports.connectionsByKey.isEmpty
        }
        try await node.shutDown()
    }

    @Test("closing the transports closes everything, and what is given to them afterwards fails")
    func afterClose() async throws {
        let node = try await TestNode()
        let endpoint = try await node.listen(.tcp)
        _ = try await node.listen(.udp)
        let client = try await RawClient(endpoint)
        try await client.send(Sample.message(1))
        let flow = try await node.message().origin.flow
        try await node.shutDown()
        _ = try await client.end()
        #expect(try await node.closed() == flow)
        try await node.open(Sample.message(2), to: Hop(transport: .tcp, endpoint: endpoint))
        try await node.open(Sample.message(3), to: Hop(transport: .udp, endpoint: endpoint))
        #expect(try await node.failure().bytes == Sample.message(2))
        #expect(try await node.failure().bytes == Sample.message(3))
    }

    @Test("a UDP socket that broke is opened again at its place")
    func reopened() async throws {
        let node = try await TestNode()
        let endpoint = try await node.listen(.udp)
        try await node.perform { $0.transports.datagrams.first?.channel?.close(promise: nil) }
        try await node.until("the socket is back") {
            $0.transports.counters.listenersReopened == 1 && $0.transports.datagrams.first?.local == endpoint
        }
        let socket = try await RawSocket()
        try await socket.send(Sample.message(), to: endpoint)
        #expect(try await node.message().bytes == Sample.message())
        try await socket.close()
        try await node.shutDown()
    }
}
