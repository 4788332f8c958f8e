import Ground
import MusterTesting
import Settings
import Testing

@Suite("settings of documents")
struct DocumentSettingsTests {
    private static func read(_ text: String) throws(Mistakes) -> NodeConfiguration {
        try LoadedConfiguration.read(file: ("node.yaml", text)).configuration
    }

    private static func mistakes(_ text: String) -> [String] {
        do throws(Mistakes) {
            _ = try Self.read(text)
            return []
        } catch {
            return error.all.map(\.description)
        }
    }

    @Test(
        "serve documents on loopback to those who prove who they are, unless something else is said",
        .spec("REQ-33141-11"))
    func standard() throws {
        let configuration = try Self.read("node:\n  domains: [a.test]\nregistrar:\n  realm: b.test\n")
        #expect(configuration.node.functions == [.presence, .registrar, .documents])
        let xcap = configuration.xcap
        #expect(xcap.listener?.endpoint == Endpoint(.loopback, 8070) && xcap.listener?.path == "/xcap")
        #expect(xcap.rootURI == "http://127.0.0.1:8070/xcap" && xcap.realm == "b.test")
        #expect(xcap.trustedProxies.isEmpty && xcap.trustedReaders.isEmpty && !xcap.xuiStandsInForIdentity)
        #expect(try Self.read("node:\n  domains: [a.test]\n").xcap.realm == "a.test")
        #expect(try Self.read("xcap:\n  listen: \"\"\n").xcap.listener == nil)
    }

    @Test("are read from a file")
    func values() throws {
        let configuration = try Self.read(
            """
            xcap:
              listen: http://[::1]:8080/services/
              root-uri: https://xcap.home.test/services/
              trusted-proxies: [127.0.0.1, "::1"]
              trusted-readers: [sip:rls@home.test, tel:+4930]
              aliases: ["tel:+49301;phone-context=+49=sip:alice@home.test", bob=sip:bob@home.test]
              realm: xcap.test
              document-bytes: 2048
              documents-per-user: 2
              bytes-per-user: 4096
              connections: 10
              idle-timeout: 5s
              diff:
                subscribe-expires: {minimum: 10s, maximum: 2h, default: 30m}
                notification-interval: 0s
                resynchronisation: 10s
            audit: {keep: 0s, entries: 10}
            presence: {winfo-interval: 0s, waiting-time: 0s, resynchronisation: 0s}
            """)
        let xcap = configuration.xcap
        #expect(xcap.listener?.description == "http://[::1]:8080/services")
        #expect(xcap.rootURI == "https://xcap.home.test/services" && xcap.realm == "xcap.test")
        #expect(xcap.trustedProxies.map(\.description) == ["127.0.0.1/32", "::1/128"])
        #expect(xcap.trustedReaders == ["sip:rls@home.test", "tel:+4930"])
        #expect(xcap.documentBytes == 2048 && xcap.documentsPerUser == 2 && xcap.bytesPerUser == 4096)
        #expect(xcap.connections == 10 && xcap.idleTimeout == .seconds(5))
        #expect(
            xcap.aliases == [
                Alias(name: "tel:+49301;phone-context=+49", identity: "sip:alice@home.test"),
                Alias(name: "bob", identity: "sip:bob@home.test"),
            ])
        let differences = xcap.differences
        #expect(differences.subscribeExpires.minimum == .seconds(10) && differences.notificationInterval == .zero)
        #expect(differences.subscribeExpires.maximum == .seconds(7200))
        #expect(differences.subscribeExpires.standard == .seconds(1800))
        #expect(differences.resynchronisation == .seconds(10) && configuration.presence.resynchronisation == .zero)
        #expect(configuration.audit.keep == .zero && configuration.audit.entries == 10)
        #expect(configuration.presence.winfoInterval == .zero && configuration.presence.waitingTime == .zero)
    }

    @Test(
        "refuse what would give documents to everybody, and what is no root", .spec("RFC 4825 §6.1"),
        arguments: [
            ("listen: http://0.0.0.0:8070/xcap", "0.0.0.0 is not a loopback address: without TLS"),
            ("listen: \"http://[2001:db8::1]/xcap\"", "2001:db8::1 is not a loopback address"),
            ("listen: https://127.0.0.1/xcap", "this listener has no TLS yet"),
            ("listen: http://xcap.home.test/xcap", "allowed is http://address:port/path"),
            ("listen: http://localhost.evil.test/xcap", "allowed is http://address:port/path"),
            ("listen: http://127.0.0.1:8070/xcap?a", "allowed is http://address:port/path"),
            ("listen: http://127.0.0.1:8070/a/../b", "allowed is http://address:port/path"),
            ("listen: http://127.0.0.1:8070//xcap", "allowed is http://address:port/path"),
            ("listen: http://127.0.0.1:8070/~~", "allowed is http://address:port/path"),
            ("listen: \"http://127.0.0.1:8070/a%20b\"", "allowed is http://address:port/path"),
            ("listen: http://127.0.0.1:99999/xcap", "allowed is http://address:port/path"),
            ("listen: \"http://::1:80/xcap\"", "allowed is http://address:port/path"),
            ("listen: 127.0.0.1:8070", "allowed is http://address:port/path"),
            ("listen: http://127.0.0.1:8091/xcap", "the administration port (administration.port) has this address"),
            ("root-uri: xcap.home.test", "allowed is an http or https URL without a query"),
            ("root-uri: http:///xcap", "allowed is an http or https URL without a query"),
            ("root-uri: \"https://a.test/xcap?b\"", "allowed is an http or https URL without a query"),
            ("trusted-readers: [alice]", "allowed is a list: each a sip, sips or tel URI"),
            ("trusted-readers: [\"sip:\"]", "allowed is a list: each a sip, sips or tel URI"),
            ("aliases: [alice]", "allowed is a list: each name=identity"),
            ("aliases: [alice=bob]", "allowed is a list: each name=identity"),
            ("aliases: [=sip:bob@home.test]", "allowed is a list: each name=identity"),
            ("aliases: [a/b=sip:bob@home.test]", "allowed is a list: each name=identity"),
            ("trusted-proxies: [everybody]", "allowed is a list: each an IP address or a range"),
            ("bytes-per-user: 1024", "1024 is less than xcap.document-bytes, which is 524288"),
            ("documents-per-user: 0", "allowed is a whole number from 1 to"),
        ])
    func refusals(_ line: String, _ expected: String) {
        let found = Self.mistakes("xcap:\n  \(line)\n")
        #expect(found.count == 1 && found[0].hasPrefix("node.yaml:2: xcap."), "\(found)")
        #expect(found.contains { $0.contains(expected) }, "\(found)")
    }

    @Test("know the root by the port that the system chose")
    func chosenPort() throws {
        var follows = try Self.read("xcap:\n  listen: http://localhost:0/xcap\n").xcap
        follows.portChosen(4711)
        #expect(follows.rootURI == "http://127.0.0.1:4711/xcap" && follows.listener?.endpoint.port == 4711)
        var named = try Self.read("xcap:\n  listen: http://127.0.0.1:0\n  root-uri: http://a.test/\n").xcap
        named.portChosen(4711)
        #expect(named.rootURI == "http://a.test" && named.listener?.endpoint.port == 4711 && named.listener?.path == "")
        var fixed = try Self.read("").xcap
        fixed.portChosen(4711)
        #expect(fixed.listener?.endpoint.port == 8070)
    }
}
