import Ground
import MusterTesting
import NIOCore
import NIOPosix
import SIPTransactions
import Testing

@testable import Signalling

/// A name server on loopback that answers from a table written in the test.
final class FakeNameServer: Sendable {
    /// What is said about a name: an answer section, or a response code.
    enum Reply: Sendable {
        case records([[UInt8]])
        case code(UInt8)
        case silence
    }

    private final class Responder: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        let table: [String: Reply]
        let asked: LockedBox<[String]>
        init(_ table: [String: Reply], _ asked: LockedBox<[String]>) {
            self.table = table
            self.asked = asked
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let envelope = self.unwrapInboundIn(data)
            let query = [UInt8](envelope.data.readableBytesView)
            var name: [String] = []
            var at = 12
            while query[at] != 0 {
                name.append(String(decoding: query[(at + 1)..<(at + 1 + Int(query[at]))], as: UTF8.self))
                at += 1 + Int(query[at])
            }
            let kind = query[at + 2]
            let key = "\(name.joined(separator: ".").lowercased())/\(kind)"
            self.asked.with { $0.append(key) }
            let question = Array(query[12..<(at + 5)])
            var code: UInt8 = 0
            var records: [[UInt8]] = []
            switch self.table[key] {
            case .records(let list): records = list
            case .code(let number): code = number
            case .silence: return
            case nil: break
            }
            var answer = Array(query[0..<2]) + [0x81, 0x80 | code, 0, 1, 0, UInt8(records.count), 0, 0, 0, 0]
            answer += question
            for record in records { answer += record }
            let reply = AddressedEnvelope(remoteAddress: envelope.remoteAddress, data: ByteBuffer(bytes: answer))
            context.writeAndFlush(NIOAny(reply), promise: nil)
        }
    }

    let channel: any Channel
    let asked = LockedBox<[String]>([])

    init(_ table: [String: Reply]) async throws {
        let asked = self.asked
        self.channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Responder(table, asked))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    var endpoint: Endpoint { Endpoint(self.channel.localAddress) ?? Endpoint(.loopback, 53) }

    static func name(_ text: String) -> [UInt8] {
        text.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }

    /// A record about the name in the question.
    static func record(_ kind: UInt8, _ value: [UInt8], owner: [UInt8] = [0xC0, 12], seconds: UInt8 = 60) -> [UInt8] {
        owner + [0, kind, 0, 1, 0, 0, 0, seconds, UInt8(value.count >> 8), UInt8(value.count & 255)] + value
    }

    static func text(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }
}

@Suite("Name resolution")
struct ResolverTests {
    static func resolver(_ server: FakeNameServer, timeout: Duration = .seconds(8), maximum: Int = 256) throws
        -> NetworkResolver
    {
        try NetworkResolver(
            .init(servers: [server.endpoint], timeout: timeout, tries: 1, maximumQuestions: maximum))
    }

    static func ask(_ resolver: any DomainResolver, _ question: ResolutionQuestion) async throws -> ResolutionAnswer {
        try await resolver.resolve(question, on: MultiThreadedEventLoopGroup.singleton.next()).get()
    }

    @Test(
        "NAPTR, SRV, A and AAAA records are found", .spec("RFC 3263 §4.1", "RFC 3263 §4.2", "RFC 2782", "RFC 3403 §4.1")
    )
    func records() async throws {
        let naptr: [UInt8] =
            [0, 10, 0, 50] + FakeNameServer.text("s") + FakeNameServer.text("SIPS+D2T") + [0]
            + FakeNameServer.name("_sips._tcp.example.com")
        let server = try await FakeNameServer([
            "example.com/35": .records([FakeNameServer.record(35, naptr)]),
            "_sip._udp.example.com/33": .records([
                FakeNameServer.record(33, [0, 1, 0, 2, 0x13, 0xC4] + FakeNameServer.name("One.example.com")),
                FakeNameServer.record(33, [0, 2, 0, 0, 0x13, 0xC5] + FakeNameServer.name("two.example.com")),
            ]),
            "one.example.com/1": .records([FakeNameServer.record(1, [192, 0, 2, 1])]),
            "one.example.com/28": .records([
                FakeNameServer.record(28, [0x20, 1, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7])
            ]),
        ])
        let resolver = try Self.resolver(server)
        #expect(
            try await Self.ask(resolver, .naptr("Example.com."))
                == .naptr([
                    NAPTRRecord(
                        order: 10, preference: 50, flags: "s", service: "SIPS+D2T",
                        replacement: "_sips._tcp.example.com")
                ]))
        #expect(
            try await Self.ask(resolver, .service("_sip._udp.example.com"))
                == .service([
                    ServiceRecord(priority: 1, weight: 2, port: 5060, target: "one.example.com"),
                    ServiceRecord(priority: 2, weight: 0, port: 5061, target: "two.example.com"),
                ]))
        let addresses = [IPAddress("192.0.2.1"), IPAddress("2001:db8::7")].compactMap { $0 }
        #expect(try await Self.ask(resolver, .addresses("one.example.com")) == .addresses(addresses))
        resolver.close()
        try await server.channel.close().get()
    }

    @Test("an alias is followed", .spec("RFC 3263 §4.2"))
    func alias() async throws {
        let target = FakeNameServer.name("real.example.com")
        let server = try await FakeNameServer([
            "alias.example.com/1": .records([
                FakeNameServer.record(5, target), FakeNameServer.record(1, [192, 0, 2, 9], owner: target),
                FakeNameServer.record(1, [203, 0, 113, 1], owner: FakeNameServer.name("intruder.example.com")),
            ])
        ])
        let resolver = try Self.resolver(server)
        #expect(
            try await Self.ask(resolver, .addresses("alias.example.com"))
                == .addresses([IPAddress(ipv4: 0xC000_0209)]))
        resolver.close()
        try await server.channel.close().get()
    }

    @Test(
        "a name that does not exist has no records; a server that fails or is silent is a failure",
        .spec("RFC 3263 §4.3"))
    func failures() async throws {
        let server = try await FakeNameServer([
            "gone.example.com/33": .code(3), "broken.example.com/33": .code(2), "silent.example.com/33": .silence,
            "half.example.com/1": .records([FakeNameServer.record(1, [192, 0, 2, 3])]),
            "half.example.com/28": .silence,
        ])
        let resolver = try Self.resolver(server)
        #expect(try await Self.ask(resolver, .service("gone.example.com")) == .service([]))
        #expect(try await Self.ask(resolver, .service("broken.example.com")) == .failed)
        let impatient = try Self.resolver(server, timeout: .seconds(1))
        async let silent = Self.ask(impatient, .service("silent.example.com"))
        async let half = Self.ask(impatient, .addresses("half.example.com"))
        #expect(try await silent == .failed)
        #expect(try await half == .addresses([IPAddress(ipv4: 0xC000_0203)]))
        impatient.close()
        resolver.close()
        try await server.channel.close().get()
    }

    @Test("an answer is kept as long as its record allows, and equal questions are asked once")
    func cache() async throws {
        let server = try await FakeNameServer([
            "kept.example.com/1": .records([FakeNameServer.record(1, [192, 0, 2, 1])]),
            "fresh.example.com/1": .records([FakeNameServer.record(1, [192, 0, 2, 2], seconds: 0)]),
        ])
        let resolver = try Self.resolver(server)
        for _ in 1...3 {
            async let first = Self.ask(resolver, .addresses("kept.example.com"))
            async let second = Self.ask(resolver, .addresses("KEPT.example.com"))
            #expect(try await first == second)
            _ = try await Self.ask(resolver, .addresses("fresh.example.com"))
        }
        let asked = server.asked.with { $0 }
        #expect(asked.filter { $0 == "kept.example.com/1" }.count == 1)
        #expect(asked.filter { $0 == "fresh.example.com/1" }.count == 3)
        #expect(resolver.cachedAnswers == 1)
        resolver.close()
        try await server.channel.close().get()
    }

    @Test("open questions are bounded, and closing answers them")
    func bounds() async throws {
        let server = try await FakeNameServer([
            "a.example.com/33": .silence, "b.example.com/33": .silence, "c.example.com/33": .silence,
        ])
        let resolver = try Self.resolver(server, timeout: .seconds(60), maximum: 2)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let first = resolver.resolve(.service("a.example.com"), on: loop)
        let second = resolver.resolve(.service("b.example.com"), on: loop)
        #expect(try await Self.ask(resolver, .service("c.example.com")) == .failed)
        resolver.close()
        #expect(try await first.get() == .failed)
        #expect(try await second.get() == .failed)
        #expect(try await Self.ask(resolver, .service("d.example.com")) == .failed)
        try await server.channel.close().get()
    }

    @Test(
        "names that cannot exist are not asked for",
        arguments: [
            "", ".", "a..b", "a b", "ex\u{e4}mple", String(repeating: "a", count: 64),
            String(repeating: "a.", count: 130),
        ])
    func impossible(name: String) async throws {
        let server = try await FakeNameServer([:])
        let resolver = try Self.resolver(server)
        #expect(try await Self.ask(resolver, .addresses(name)) == .addresses([]))
        #expect(server.asked.with { $0 }.isEmpty)
        resolver.close()
        try await server.channel.close().get()
    }

    @Test("the hosts file comes before the name server")
    func hosts() async throws {
        let server = try await FakeNameServer([:])
        let resolver = try Self.resolver(server)
        guard case .addresses(let found) = try await Self.ask(resolver, .addresses("localhost")) else {
            Issue.record("localhost has no addresses")
            return
        }
        #expect(found.contains(.loopback))
        #expect(server.asked.with { $0 }.isEmpty)
        resolver.close()
        try await server.channel.close().get()
    }

    @Test("a table answers what it knows and nothing else")
    func table() async throws {
        let records = [ServiceRecord(priority: 1, weight: 1, port: 5060, target: "a.example.com")]
        let resolver = TableResolver([.service("_sip._udp.example.com"): .service(records)])
        #expect(try await Self.ask(resolver, .service("_SIP._udp.Example.com")) == .service(records))
        #expect(try await Self.ask(resolver, .naptr("example.com")) == .naptr([]))
    }

    @Test("no message of a name server, cut or twisted, can harm the reader")
    func hostile() throws {
        let naptr: [UInt8] =
            [0, 10, 0, 50] + FakeNameServer.text("s") + FakeNameServer.text("SIP+D2U") + [0] + [0xC0, 12]
        let message: [UInt8] =
            [0, 1, 0x81, 0x80, 0, 1, 0, 3, 0, 0, 0, 0] + FakeNameServer.name("example.com") + [0, 35, 0, 1]
            + FakeNameServer.record(35, naptr) + FakeNameServer.record(1, [192, 0, 2, 1])
            + FakeNameServer.record(33, [0, 1, 0, 2, 0x13, 0xC4, 0xC0, 12])
        let whole = try #require(DNSMessage(message))
        #expect(whole.answers.count == 3)
        for end in 0..<message.count { #expect(DNSMessage(Array(message[..<end])) == nil) }
        var entropy = Entropy.seeded(7)
        var readable = 0
        for _ in 0..<20_000 {
            var twisted = message
            for _ in 0...Int(entropy.next(below: 4)) {
                twisted[Int(entropy.next(below: UInt64(message.count)))] = UInt8(truncatingIfNeeded: entropy.next())
            }
            if let read = DNSMessage(twisted) {
                readable += 1
                _ = read.values(of: "example.com")
            }
        }
        #expect(readable > 0)
        // A name that points at itself, and two that point at each other.
        let loop: [UInt8] = [0, 1, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, 0xC0, 12, 0, 1, 0, 1]
        #expect(DNSMessage(loop) == nil)
        let pair: [UInt8] = [0, 1, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, 0xC0, 14, 0xC0, 12, 0, 1, 0, 1]
        #expect(DNSMessage(pair) == nil)
    }
}
