import Ground
import MusterTesting
import NIOCore
import SIPTransactions
import Testing

@testable import Signalling

/// Frames made and read by hand (RFC 6455 §5.2), so that the library under the server is not its own judge.
enum Frame {
    static func masked(_ opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true, isMasked: Bool = true) -> [UInt8] {
        var frame: [UInt8] = [(isFinal ? 0x80 : 0) | opcode]
        let mask: UInt8 = isMasked ? 0x80 : 0
        if payload.count < 126 {
            frame.append(mask | UInt8(payload.count))
        } else if payload.count < 65536 {
            frame += [mask | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
        } else {
            frame += [mask | 127, 0, 0, 0, 0] + [24, 16, 8, 0].map { UInt8(payload.count >> $0 & 255) }
        }
        let key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
        if isMasked { frame += key }
        return frame + payload.enumerated().map { isMasked ? $1 ^ key[$0 & 3] : $1 }
    }

    static func read(_ client: RawClient) async throws -> (opcode: UInt8, payload: [UInt8]) {
        let head = try await client.receive(2)
        #expect(head[1] & 0x80 == 0, "a server does not mask (RFC 6455 §5.1)")
        var count = Int(head[1] & 0x7F)
        if count == 126 {
            count = try await client.receive(2).reduce(0) { $0 << 8 | Int($1) }
        } else if count == 127 {
            count = try await client.receive(8).reduce(0) { $0 << 8 | Int($1) }
        }
        return (head[0] & 0x0F, try await client.receive(count))
    }
}

@Suite("WebSocket")
struct WebSocketTests {
    static func opening(_ fields: String...) -> [UInt8] {
        let text = """
            GET / HTTP/1.1\r
            Host: sip.example.com\r
            Upgrade: websocket\r
            Connection: Upgrade\r
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
            Sec-WebSocket-Version: 13\r

            """
        return Array((text + fields.map { $0 + "\r\n" }.joined() + "\r\n").utf8)
    }

    /// A client whose opening handshake is over.
    static func opened(_ endpoint: Endpoint, tls: TLSConfiguration? = nil) async throws -> RawClient {
        let client = try await RawClient(endpoint, tls: tls, serverName: tls == nil ? nil : "example.com")
        try await client.send(Self.opening("Origin: https://www.example.com", "Sec-WebSocket-Protocol: sip"))
        let answer = try await client.receive(upTo: "\r\n\r\n").lowercased()
        #expect(answer.hasPrefix("http/1.1 101"))
        #expect(answer.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="))
        #expect(answer.contains("sec-websocket-protocol: sip\r\n"))
        return client
    }

    @Test(
        "messages go both ways, one a frame, text and binary", .spec("RFC 7118 §4", "RFC 7118 §5", "RFC 7118 §4.2"),
        arguments: [false, true])
    func bothWays(isSecure: Bool) async throws {
        let node = try await TestNode()
        let transport: Transport = isSecure ? .wss : .ws
        let endpoint = try await node.listen(transport, tls: isSecure ? try TestCertificates.server() : nil)
        try await node.echo()
        let client = try await Self.opened(endpoint, tls: isSecure ? try TestCertificates.client() : nil)
        for (opcode, size) in [(1, 10), (2, 10), (1, 300), (2, 60_000)] as [(UInt8, Int)] {
            let message = Sample.message(1, body: size)
            try await client.send(Frame.masked(opcode, message))
            let arrival = try await node.message()
            #expect(arrival.bytes == message)
            #expect(arrival.origin.flow.transport == transport)
            #expect(arrival.framing == .datagram)
            let frame = try await Frame.read(client)
            #expect(frame.opcode == 1 && frame.payload == message)
        }
        let binary = Sample.message(2) + [0xFF, 0xFE]
        let flow = try await node.perform { content in
            let flow = content.transports.connections.values.first?.flow
            if let flow { content.transports.transmit(binary, flow) }
            content.transports.flush()
            return flow
        }
        let frame = try await Frame.read(client)
        #expect(frame.opcode == 2 && frame.payload == binary)
        try await client.close()
        #expect(try await node.closed() == flow)
        try await node.shutDown()
    }

    @Test("a message in fragments is put together", .spec("RFC 6455 §5.4", "RFC 7118 §5"))
    func fragments() async throws {
        let node = try await TestNode()
        let client = try await Self.opened(try await node.listen(.ws))
        let message = Sample.message(1, body: 30)
        try await client.send(Frame.masked(1, Array(message[..<10]), isFinal: false))
        try await client.send(Frame.masked(9, [1, 2, 3]))
        try await client.send(Frame.masked(0, Array(message[10..<50]), isFinal: false))
        try await client.send(Frame.masked(0, Array(message[50...])))
        #expect(try await node.message().bytes == message)
        let pong = try await Frame.read(client)
        #expect(pong.opcode == 10 && pong.payload == [1, 2, 3])
        try await client.close()
        try await node.shutDown()
    }

    @Test("pings and CRLF keep-alives are answered", .spec("RFC 7118 §6", "RFC 5626 §4.4.1"))
    func keepAlives() async throws {
        let node = try await TestNode()
        let client = try await Self.opened(try await node.listen(.ws))
        try await client.send(Frame.masked(9, [7]))
        let pong = try await Frame.read(client)
        #expect(pong.opcode == 10 && pong.payload == [7])
        try await client.send(Frame.masked(1, [13, 10, 13, 10]))
        let answer = try await Frame.read(client)
        #expect(answer.opcode == 1 && answer.payload == [13, 10])
        try await client.close()
        try await node.shutDown()
    }

    @Test("a close frame is answered and ends the connection", .spec("RFC 6455 §5.5.1"))
    func closing() async throws {
        let node = try await TestNode()
        let client = try await Self.opened(try await node.listen(.ws))
        try await client.send(Frame.masked(8, [3, 232]))
        let answer = try await Frame.read(client)
        #expect(answer.opcode == 8 && answer.payload == [3, 232])
        _ = try await client.end()
        _ = try await node.closed()
        try await node.shutDown()
    }

    @Test(
        "an opening without the subprotocol sip, or from a page that is not allowed, is refused",
        .spec("RFC 7118 §4.1", "RFC 6455 §10.2"),
        arguments: [
            ["Sec-WebSocket-Protocol: chat"], [],
            ["Sec-WebSocket-Protocol: sip", "Origin: https://evil.example"],
        ])
    func refused(fields: [String]) async throws {
        let node = try await TestNode()
        var listener = ListenerConfiguration(.ws, Endpoint(.loopback, 0))
        listener.allowedWebSocketOrigins = ["https://www.example.com"]
        let client = try await RawClient(try await node.listen(listener))
        let text = String(decoding: Self.opening(), as: UTF8.self)
            .replacing("\r\n\r\n", with: "\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n")
        try await client.send(Array(text.utf8))
        let answer = try await client.receive(upTo: "\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 400"))
        _ = try await client.end()
        #expect(try await node.connectionCount == 0)
        try await node.shutDown()
    }

    @Test(
        "an ordinary HTTP request and garbage are refused",
        arguments: ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "hello\r\n\r\n"])
    func noWebSocket(text: String) async throws {
        let node = try await TestNode()
        let client = try await RawClient(try await node.listen(.ws))
        try await client.send(Array(text.utf8))
        let answer = try await client.receive(upTo: "\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 4"))
        _ = try await client.end()
        #expect(try await node.counters.handshakesFailed == 1)
        try await node.shutDown()
    }

    @Test(
        "frames that break the protocol end the connection with its code", .spec("RFC 6455 §7.1.7", "RFC 6455 §5.1"),
        arguments: [0, 1, 2, 3, 4, 5, 6])
    func broken(kind: Int) async throws {
        let node = try await TestNode()
        let client = try await Self.opened(try await node.listen(.ws))
        let (bytes, code): ([UInt8], Int) =
            switch kind {
            case 0: (Frame.masked(1, Sample.message(), isMasked: false), 1002)
            case 1: (Frame.masked(0, [1]), 1002)
            case 2: (Frame.masked(2, [UInt8](repeating: 65, count: 70_000)), 1009)
            case 3: (Frame.masked(1, [0xC3, 0x28]), 1007)
            // The first of the reserved bits.
            case 4: (Frame.masked(1 | 0x40, Sample.message()), 1002)
            case 5: (Frame.masked(8, [3]), 1002)
            default: (Frame.masked(3, [1]), 1002)
            }
        try await client.send(bytes)
        let answer = try await Frame.read(client)
        #expect(answer.opcode == 8)
        #expect(answer.payload.prefix(2).reduce(0) { $0 << 8 | Int($1) } == code)
        _ = try await client.end()
        #expect(try await node.counters.streamMessagesReceived == 0)
        try await node.shutDown()
    }

    @Test(
        "only a GET with a key of 16 bytes opens a WebSocket", .spec("RFC 6455 §4.2.1"),
        arguments: [("GET /", "POST /"), ("Sec-WebSocket-Key: ", "Sec-WebSocket-Key: x")])
    func notAnOpening(change: (from: String, to: String)) async throws {
        let node = try await TestNode()
        let client = try await RawClient(try await node.listen(.ws))
        let opening = Self.opening("Origin: https://www.example.com", "Sec-WebSocket-Protocol: sip")
        let text = String(decoding: opening, as: UTF8.self).replacing(change.from, with: change.to)
        try await client.send(Array(text.utf8))
        let answer = try await client.receive(upTo: "\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 400"))
        _ = try await client.end()
        try await node.shutDown()
    }

    @Test("fragments without end are bounded in bytes")
    func endlessFragments() async throws {
        let node = try await TestNode()
        let client = try await Self.opened(try await node.listen(.ws))
        try await client.send(Frame.masked(2, [UInt8](repeating: 65, count: 40_000), isFinal: false))
        try await client.send(Frame.masked(0, [UInt8](repeating: 65, count: 40_000), isFinal: false))
        #expect(try await Frame.read(client).payload.prefix(2) == [3, 241])
        #expect(try await node.counters.oversized == 1)
        try await node.shutDown()
    }

    @Test("an opening that does not come is not waited for")
    func slow() async throws {
        let node = try await TestNode { $0.handshakeTimeout = .seconds(1) }
        let client = try await RawClient(try await node.listen(.ws))
        try await client.send(Array("GET / HTTP/1.1\r\nHost:".utf8))
        _ = try await client.end()
        #expect(try await node.counters.slowClosed == 1)
        try await node.shutDown()
    }

    @Test("a WebSocket peer cannot be connected to", .spec("RFC 7118 §5"))
    func noClient() async throws {
        let node = try await TestNode()
        let hop = Hop(transport: .ws, endpoint: Endpoint(.loopback, 80))
        try await node.open(Sample.message(), to: hop)
        #expect(try await node.failure().path == .hop(hop))
        try await node.shutDown()
    }
}
