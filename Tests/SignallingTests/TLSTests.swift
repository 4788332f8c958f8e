import Foundation
import Ground
import MusterTesting
import NIOCore
import SIPTransactions
import Testing

@testable import Signalling

/// Certificates for all tests of this room, made once.
enum TestCertificates {
    struct Made: Sendable {
        let server: SelfMadeAuthority.Files
        let client: SelfMadeAuthority.Files
        let stranger: SelfMadeAuthority.Files
        let expired: SelfMadeAuthority.Files
    }

    static let made = Result<Made, any Error> {
        let directory = NSTemporaryDirectory() + "/muster-tls-\(ProcessInfo.processInfo.processIdentifier)"
        try FileManager.default.createDirectory(atPath: directory + "/other", withIntermediateDirectories: true)
        let authority = try SelfMadeAuthority()
        let other = try SelfMadeAuthority(name: "Somebody else")
        return Made(
            server: try authority.write(names: ["example.com", "127.0.0.1"], as: "server", to: directory),
            client: try authority.write(names: ["client.example.com"], as: "client", to: directory),
            stranger: try other.write(names: ["client.example.com"], as: "stranger", to: directory + "/other"),
            expired: try authority.write(names: ["example.com"], as: "expired", to: directory, days: -1))
    }

    static func server(_ verification: TLSConfiguration.PeerVerification = .none) throws -> TLSConfiguration {
        let files = try Self.made.get().server
        return TLSConfiguration(
            certificateFile: files.certificateFile, keyFile: files.keyFile, authorityFile: files.authorityFile,
            peerVerification: verification)
    }

    static func client(_ files: SelfMadeAuthority.Files? = nil) throws -> TLSConfiguration {
        TLSConfiguration(
            certificateFile: files?.certificateFile, keyFile: files?.keyFile,
            authorityFile: try Self.made.get().server.authorityFile)
    }
}

@Suite("TLS")
struct TLSTests {
    @Test(
        "a request goes over TLS and its answer comes back on the same connection",
        .spec(
            "RFC 3261 §18.2.2", "RFC 3261 §26.3.1", "REQ-33141-8", "REQ-33141-43", "REQ-33141-49", "RFC 3261 §26.3.1/1",
            "RFC 3856 §9.1/1"),
        arguments: [TLSConfiguration.Version.tls12, .tls13])
    func bothVersions(version: TLSConfiguration.Version) async throws {
        let server = try await TestNode()
        let endpoint = try await server.listen(.tls, tls: try TestCertificates.server())
        try await server.echo()
        var tls = try TestCertificates.client()
        tls.maximumVersion = version
        tls.minimumVersion = version
        let final = tls
        let client = try await TestNode { $0.clientTLS = final }
        let hop = Hop(transport: .tls, endpoint: endpoint, serverName: "example.com")
        let large = Sample.message(2, body: 60_000)
        try await client.open(Sample.message(1), large, to: hop)
        #expect(try await client.message().bytes == Sample.message(1))
        let second = try await client.message()
        #expect(second.bytes == large)
        #expect(second.origin.certificateIdentities.contains("example.com"))
        let first = try await server.message()
        #expect(first.origin.flow.transport == .tls)
        #expect(first.origin.certificateIdentities.isEmpty)
        try await client.shutDown()
        try await server.shutDown()
    }

    @Test(
        "mutual TLS shows who the client is, and trusts it if it is listed",
        .spec("RFC 5922 §7.4", "RFC 5922 §7.1", "RFC 3325 §2.3", "REQ-33141-42", "RFC 3261 §26.3.1/1"))
    func mutual() async throws {
        let server = try await TestNode { $0.trustedIdentities = ["client.example.com"] }
        let endpoint = try await server.listen(.tls, tls: try TestCertificates.server(.required))
        let tls = try TestCertificates.client(try TestCertificates.made.get().client)
        let client = try await TestNode { $0.clientTLS = tls }
        try await client.open(
            Sample.message(), to: Hop(transport: .tls, endpoint: endpoint, serverName: "EXAMPLE.com"))
        let arrival = try await server.message()
        #expect(arrival.origin.certificateIdentities == ["client.example.com"])
        #expect(arrival.origin.isTrusted)
        try await client.shutDown()
        try await server.shutDown()
    }

    @Test(
        "a client without a certificate that we believe is refused, and nothing it sends arrives",
        .spec("RFC 5922 §7.4", "REQ-33141-53", "REQ-33141-8", "RFC 3261 §26.3.1/1"),
        arguments: [0, 1], [TLSConfiguration.Version.tls12, .tls13])
    func refusedClient(kind: Int, version: TLSConfiguration.Version) async throws {
        let server = try await TestNode()
        let endpoint = try await server.listen(.tls, tls: try TestCertificates.server(.required))
        var tls = try TestCertificates.client(kind == 0 ? nil : try TestCertificates.made.get().stranger)
        tls.maximumVersion = version
        let client = try await RawClient(endpoint, tls: tls, serverName: "example.com")
        client.channel.writeAndFlush(ByteBuffer(bytes: Sample.message()), promise: nil)
        let reasons = try await client.end()
        #expect(!reasons.isEmpty)
        try await server.until("the handshake is counted") { $0.transports.counters.handshakesFailed == 1 }
        #expect(try await server.counters.streamMessagesReceived == 0)
        #expect(try await server.connectionCount == 0)
        try await server.shutDown()
    }

    @Test("a client may come without a certificate where one is only wished for; a bad one is still refused")
    func wished() async throws {
        let server = try await TestNode()
        let endpoint = try await server.listen(.tls, tls: try TestCertificates.server(.ifPresented))
        let client = try await RawClient(endpoint, tls: try TestCertificates.client(), serverName: "example.com")
        try await client.send(Sample.message())
        #expect(try await server.message().origin.certificateIdentities.isEmpty)
        let stranger = try TestCertificates.client(try TestCertificates.made.get().stranger)
        let bad = try await RawClient(endpoint, tls: stranger, serverName: "example.com")
        #expect(try await !bad.end().isEmpty)
        try await client.close()
        try await server.shutDown()
    }

    @Test(
        "a server that is not the one we wanted gets no byte of the message",
        .spec("RFC 5922 §7.3", "RFC 5922 §7.2", "REQ-33141-18", "RFC 3261 §26.3.1/2", "REQ-33141-44"),
        arguments: ["other.example", "sub.example.com", "example.com.evil", "127.0.0.2"])
    func wrongName(name: String) async throws {
        let server = try await TestNode()
        let endpoint = try await server.listen(.tls, tls: try TestCertificates.server())
        let tls = try TestCertificates.client()
        let client = try await TestNode { $0.clientTLS = tls }
        let hop = Hop(transport: .tls, endpoint: endpoint, serverName: name)
        try await client.open(Sample.message(), to: hop)
        let failure = try await client.failure()
        #expect(failure.bytes == Sample.message() && failure.path == .hop(hop))
        #expect(try await client.counters.handshakesFailed == 1)
        #expect(try await server.counters.streamMessagesReceived == 0)
        try await client.shutDown()
        try await server.shutDown()
    }

    @Test("a hop known by its address alone is checked against the addresses in the certificate")
    func addressName() async throws {
        let server = try await TestNode()
        let endpoint = try await server.listen(.tls, tls: try TestCertificates.server())
        let tls = try TestCertificates.client()
        let client = try await TestNode { $0.clientTLS = tls }
        try await client.open(Sample.message(), to: Hop(transport: .tls, endpoint: endpoint))
        #expect(try await server.message().bytes == Sample.message())
        try await client.shutDown()
        try await server.shutDown()
    }

    @Test(
        "an expired certificate and an unknown authority end the attempt", .spec("REQ-33141-18", "REQ-33141-53"),
        arguments: [true, false])
    func badServer(isExpired: Bool) async throws {
        let server = try await TestNode()
        var configuration = try TestCertificates.server()
        if isExpired {
            let expired = try TestCertificates.made.get().expired
            configuration.certificateFile = expired.certificateFile
            configuration.keyFile = expired.keyFile
        }
        let endpoint = try await server.listen(.tls, tls: configuration)
        var tls = try TestCertificates.client()
        if !isExpired { tls.authorityFile = try TestCertificates.made.get().stranger.authorityFile }
        let client = try await RawClient(endpoint, tls: tls, serverName: "example.com")
        let reasons = try await client.end()
        #expect(reasons.contains { $0.contains(isExpired ? "expired" : "certificate") })
        try await server.shutDown()
    }

    @Test(
        "a connection is reused for the names its certificate proves and for no other",
        .spec("RFC 5923 §9.1", "RFC 5923 §5"))
    func alias() async throws {
        let server = try await TestNode { $0.clientTLS = try? TestCertificates.client() }
        let endpoint = try await server.listen(.tls, tls: try TestCertificates.server(.required))
        let tls = try TestCertificates.client(try TestCertificates.made.get().client)
        let client = try await RawClient(endpoint, tls: tls, serverName: "example.com")
        try await client.send(Sample.message(1, via: "SIP/2.0/TLS 127.0.0.1:1;alias"))
        _ = try await server.message()
        let there = Endpoint(.loopback, 1)
        try await server.open(
            Sample.message(2), to: Hop(transport: .tls, endpoint: there, serverName: "client.example.com"))
        #expect(try await client.receive(Sample.message(2).count) == Sample.message(2))
        let other = Hop(transport: .tls, endpoint: there, serverName: "victim.example.com")
        try await server.open(Sample.message(3), to: other)
        #expect(try await server.failure().path == .hop(other))
        try await client.close()
        try await server.shutDown()
    }

    @Test(
        "what is no TLS at all ends the connection",
        arguments: ["GET / HTTP/1.0\r\n\r\n", "\u{16}\u{3}\u{1}\u{0}\u{5}hello"])
    func garbage(text: String) async throws {
        let server = try await TestNode()
        let client = try await RawClient(try await server.listen(.tls, tls: try TestCertificates.server()))
        try await client.send(Array(text.utf8))
        _ = try await client.end()
        #expect(try await server.counters.handshakesFailed == 1)
        #expect(try await server.connectionCount == 0)
        try await server.shutDown()
    }

    @Test(
        "a record that was changed on the way ends the connection and changes nothing else",
        .spec("REQ-33141-28", "REQ-33141-54", "REQ-33141-45"), arguments: [TLSConfiguration.Version.tls12, .tls13])
    func tampered(version: TLSConfiguration.Version) async throws {
        let server = try await TestNode()
        let endpoint = try await server.listen(.tls, tls: try TestCertificates.server())
        let tampers = LockedBox(false)
        var tls = try TestCertificates.client()
        tls.maximumVersion = version
        let client = try await RawClient(endpoint, tls: tls, serverName: "example.com", tampers: tampers)
        try await client.send(Sample.message(1))
        let flow = try await server.message().origin.flow
        tampers.with { $0 = true }
        try await client.send(Sample.message(2))
        let reasons = try await client.end()
        #expect(reasons.contains { $0.contains("bad record mac") })
        #expect(try await server.closed() == flow)
        #expect(try await server.counters.streamMessagesReceived == 1)
        try await server.shutDown()
    }

    @Test("a handshake that is not finished in time is ended")
    func slowHandshake() async throws {
        let server = try await TestNode { $0.handshakeTimeout = .milliseconds(50) }
        let client = try await RawClient(try await server.listen(.tls, tls: try TestCertificates.server()))
        _ = try await client.end()
        #expect(try await server.counters.slowClosed == 1)
        try await server.shutDown()
    }

    @Test("files that cannot be used are faults, not crashes")
    func badFiles() async throws {
        let good = try TestCertificates.server()
        var missing = good
        missing.certificateFile = "/nonexistent.pem"
        var swapped = good
        swapped.keyFile = try TestCertificates.made.get().client.keyFile
        var none = good
        none.certificateFile = nil
        for configuration in [missing, swapped, none] {
            #expect(throws: Fault.tlsUnusable("")) { _ = try TLSContext(configuration, role: .server) }
        }
        let authority = try SelfMadeAuthority()
        #expect(throws: Fault.tlsUnusable("")) { _ = try authority.issue(names: ["a,DNS:b"]) }
        #expect(throws: Fault.tlsUnusable("")) { _ = try authority.issue(names: []) }
        #expect(throws: Fault.fileUnusable("")) { _ = try authority.write(names: ["a"], to: "/nonexistent") }
    }

    @Test("a private key is readable by its owner alone")
    func keyMode() async throws {
        let attributes = try FileManager.default.attributesOfItem(
            atPath: try TestCertificates.made.get().server.keyFile)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
    }

    @Test(
        "the wild card, the user and the scheme in a certificate count for nothing",
        .spec("RFC 5922 §7.1", "RFC 5922 §7.2", "REQ-33141-44"))
    func names() {
        let plain = PeerCertificate(domainNames: ["Example.com", "*.example.net"], uris: [])
        #expect(plain.matches(domain: "EXAMPLE.COM") && plain.matches(domain: "example.com."))
        #expect(!plain.matches(domain: "a.example.net") && !plain.matches(domain: ""))
        let both = PeerCertificate(domainNames: ["dns.example"], uris: ["SIP:uri.example", "sip:bob@user.example"])
        #expect(both.matches(domain: "uri.example") && !both.matches(domain: "dns.example"))
        #expect(!both.matches(domain: "user.example"))
        #expect(both.identities == ["uri.example", "sip:bob@user.example"])
        let sips = PeerCertificate(domainNames: [], uris: ["sips:secure.example", "https://web.example"])
        #expect(sips.domainIdentities.isEmpty)
    }
}
