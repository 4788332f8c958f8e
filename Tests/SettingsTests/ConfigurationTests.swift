import Foundation
import Ground
import Settings
import Testing

/// Reads a configuration from a text, and gives the mistakes if there are any.
private func read(
    _ text: String, environment: [String: String] = [:], overrides: [String: String] = [:]
) -> Result<LoadedConfiguration, Mistakes> {
    do throws(Mistakes) {
        return .success(
            try LoadedConfiguration.read(
                file: ("node.yaml", text), environment: environment, overrides: overrides))
    } catch {
        return .failure(error)
    }
}

private func mistakes(
    _ text: String, environment: [String: String] = [:], overrides: [String: String] = [:]
) -> [String] {
    switch read(text, environment: environment, overrides: overrides) {
    case .success: []
    case .failure(let mistakes): mistakes.all.map(\.description)
    }
}

@Suite("a configuration")
struct ConfigurationTests {
    @Test(
        "of an empty file, of no file and of comments is the default",
        arguments: ["", "# nothing\n", "\n\n", "~", "node:\n"])
    func emptyIsDefault(_ text: String) throws {
        let standard = try LoadedConfiguration.read(file: nil)
        let loaded = try read(text).get()
        #expect(loaded.configuration == standard.configuration)
        #expect(loaded.values.allSatisfy { $0.source == .standard })
        #expect(standard.configuration.sip.listeners.allSatisfy { $0.endpoint.address.isLoopback })
        #expect(!standard.configuration.sip.trustedLoopback)
        #expect(standard.configuration.registrar.challenge)
        #expect(standard.configuration.registrar.realm == "home.test")
        #expect(standard.configuration.storage.durability == .strict)
        #expect(!standard.configuration.presence.fromStandsInForIdentity)
    }

    @Test("takes every kind of value from the file")
    func readsValues() throws {
        let configuration = try read(
            """
            node:
              domains: [Home.Test, other.test]
            sip:
              listen:
                - udp:10.0.0.1:5070
                - tls:[2001:db8::1]:5061
                - tcp:10.0.0.1
              trusted-networks: [10.0.0.0/8, 192.0.2.7, "2001:db8::/32"]
            tls: {certificate-file: a.pem, key-file: b.pem}
            presence:
              default-handling: polite-block
              subscribe-expires: {minimum: 30, maximum: 2h, default: 90m}
              notification-interval: 500ms
            registrar:
              maximum-contacts: 2
              challenge: no
              digest-algorithms: [SHA-512-256]
            dns:
              servers: [192.0.2.53, "[2001:db8::53]:5353"]
            """
        ).get().configuration
        #expect(configuration.node.domains == ["home.test", "other.test"])
        #expect(configuration.registrar.maximumContacts == 2)
        #expect(
            configuration.sip.listeners.map(\.description) == [
                "udp:10.0.0.1:5070", "tls:[2001:db8::1]:5061", "tcp:10.0.0.1:5060",
            ])
        #expect(
            configuration.sip.trustedNetworks.map(\.description) == ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"])
        #expect(configuration.presence.defaultHandling == .politeBlock)
        #expect(configuration.presence.subscribeExpires.minimum == .seconds(30))
        #expect(configuration.presence.subscribeExpires.maximum == .seconds(7200))
        #expect(configuration.presence.subscribeExpires.standard == .seconds(5400))
        #expect(configuration.presence.notificationInterval == .milliseconds(500))
        #expect(!configuration.registrar.challenge)
        #expect(configuration.registrar.digestAlgorithms == [.sha512256])
        #expect(configuration.dns.servers.map(\.description) == ["192.0.2.53:53", "[2001:db8::53]:5353"])
    }

    @Test("prefers the command line to the environment, that to the file, and says where each value is from")
    func ordersSources() throws {
        let loaded = try read(
            "node:\n  name: file\n  functions: [presence]\n  data-directory: file\nlogging:\n  level: debug\n",
            environment: [
                "MUSTER_NODE_NAME": "environment", "MUSTER_NODE_DATA_DIRECTORY": "environment",
                "MUSTER_NODE_DOMAINS": "a.test, b.test", "HOME": "/root", "MUSTER_TEST_ANYTHING": "1",
            ],
            overrides: ["node.data-directory": "line"]
        ).get()
        #expect(loaded.configuration.node.name == "environment")
        #expect(loaded.configuration.node.dataDirectory == "line")
        #expect(loaded.configuration.node.domains == ["a.test", "b.test"])
        let sources = Dictionary(uniqueKeysWithValues: loaded.values.map { ($0.key, $0.source) })
        #expect(sources["node.name"] == .environment("MUSTER_NODE_NAME"))
        #expect(sources["node.data-directory"] == .commandLine)
        #expect(sources["node.functions"] == .file("node.yaml", line: 3))
        #expect(sources["logging.level"] == .file("node.yaml", line: 6))
        #expect(sources["logging.format"] == .standard)
        #expect(loaded.values.map(\.key) == SettingsCatalogue.all.map(\.key))
    }

    @Test("reports all mistakes at once, each with its line, its key and what is allowed")
    func reportsEverything() {
        let found = mistakes(
            """
            administration:
              port: 65536
            node:
              domans: [home.test]
            sip:
              listen:
                - udp:127.0.0.1:5060
                - sctp:127.0.0.1:5060
              trusted-networks: [10.0.0.1/8]
            presnece:
              default-handling: allow
            presence:
              default-handling: allowed
              subscribe-expires:
                minimum: 2h
                maximum: 1h
            """)
        #expect(found.count == 7)
        #expect(
            found.first
                == "node.yaml:2: administration.port: \"65536\" is not allowed; allowed is a port from 0 to 65535; 0 lets the system choose"
        )
        #expect(found.contains("node.yaml:4: node.domans: there is no such setting; did you mean node.domains?"))
        #expect(found.contains { $0.hasPrefix("node.yaml:8: sip.listen: \"sctp:127.0.0.1:5060\" is not allowed") })
        #expect(found.contains { $0.hasPrefix("node.yaml:9: sip.trusted-networks: \"10.0.0.1/8\"") })
        #expect(
            found.contains {
                $0
                    == "node.yaml:11: presnece.default-handling: there is no such setting; did you mean presence.default-handling?"
            })
        #expect(found.contains { $0.hasSuffix("allowed is one of allow, block, confirm, polite-block") })
        #expect(
            found.contains {
                $0 == "node.yaml:15: presence.subscribe-expires.minimum: 2h is more than "
                    + "presence.subscribe-expires.maximum, which is 1h"
            })
    }

    @Test(
        "refuses what could be misread",
        arguments: [
            ("node:\n  domains: home.test\n", "node.yaml:2: node.domains: this has to be a list"),
            (
                "registrar:\n  maximum-contacts: [1]\n",
                "node.yaml:2: registrar.maximum-contacts: this is a list; allowed is a whole number"
            ),
            ("registrar:\n  maximum-contacts: 1.5\n", "node.yaml:2: registrar.maximum-contacts: \"1.5\""),
            ("registrar:\n  maximum-contacts:\n", "node.yaml:2: registrar.maximum-contacts: there is no value"),
            ("node:\n  domains: []\n", "node.yaml:2: node.domains: too few values"),
            ("node:\n  name:\n    first: x\n", "node.yaml:2: node.name: there is no value"),
            ("- a\n- b\n", "node.yaml:1: the file has to be a list of sections"),
            ("node:\n  name: a\n  name: b\n", "a key is written twice: name"),
            ("node:\n\tname: x\n", "node.yaml:2: this is not YAML"),
            ("sip:\n  listen: [\"tls:127.0.0.1:5061\"]\n", "node.yaml: tls.certificate-file: a tls or wss listener"),
            ("tls:\n  certificate-file: a\n", "tls.key-file: a certificate and its key belong together"),
            (
                "sip:\n  listen: [\"udp:0.0.0.0:5060\"]\npresence:\n  from-stands-in-for-identity: true\n",
                "node.yaml:4: presence.from-stands-in-for-identity: this is allowed only where every listener is on loopback"
            ),
            ("sip:\n  listen: [\"udp:[::1\"]\n", "node.yaml:2: sip.listen: \"udp:[::1\" is not allowed"),
            ("sip:\n  listen: [\"udp:127.0.0.1:5060\", \"udp:127.0.0.1\"]\n", "the same listener stands here twice"),
            ("presence:\n  notification-interval: -1s\n", "node.yaml:2: presence.notification-interval: \"-1s\""),
            ("presence:\n  notification-interval: 99999999999999999999s\n", "presence.notification-interval"),
            ("completely: {different: 1}\n", "the sections are node, storage, sip"),
        ])
    func refuses(_ text: String, _ expected: String) {
        let found = mistakes(text)
        #expect(found.contains { $0.contains(expected) }, "\(found)")
    }

    @Test("refuses environment variables and command line keys that do not exist")
    func refusesUnknownElsewhere() {
        #expect(
            mistakes("", environment: ["MUSTER_NODE_NAM": "x"]) == [
                "environment variable MUSTER_NODE_NAM: there is no such setting; did you mean MUSTER_NODE_NAME?"
            ])
        #expect(
            mistakes("", environment: ["MUSTER_REGISTRAR_MAXIMUM_CONTACTS": "many"]) == [
                "environment variable MUSTER_REGISTRAR_MAXIMUM_CONTACTS: registrar.maximum-contacts: \"many\" is not allowed; "
                    + "allowed is a whole number from 1 to 1000"
            ])
        #expect(mistakes("", overrides: ["node.domain": "1"]).first?.contains("did you mean node.domains?") == true)
    }

    @Test("never crashes on damaged files", arguments: [1, 2, 3, 4] as [UInt64])
    func survivesNoise(_ seed: UInt64) {
        var entropy = Entropy.seeded(seed)
        let original = Array(ExampleConfiguration.yaml().utf8)
        for _ in 0..<150 {
            var bytes = original
            for _ in 0...entropy.next(below: 8) {
                let position = Int(entropy.next(below: UInt64(bytes.count)))
                if entropy.next(below: 2) == 0 {
                    bytes[position] = UInt8(entropy.next(below: 256))
                } else {
                    bytes.removeSubrange(position..<min(position + 20, bytes.count))
                }
            }
            // Whatever comes out, it comes back: a configuration, or mistakes that say something.
            if case .failure(let mistakes) = read(String(decoding: bytes, as: UTF8.self)) {
                #expect(mistakes.all.allSatisfy { !$0.message.isEmpty })
            }
        }
    }
}

@Suite("values of settings")
struct ShapeTests {
    @Test("times are read and written in the units of people")
    func durations() {
        #expect(DurationText.read("90") == .seconds(90))
        #expect(DurationText.read("1500ms") == .milliseconds(1500))
        #expect(DurationText.read("2d") == .seconds(172_800))
        for text in ["", "s", "1w", "1 h", "+1s", "1.5h", "9223372036854775807d", "١s"] {
            #expect(DurationText.read(text) == nil)
        }
        #expect(DurationText.write(.seconds(5400)) == "90m")
        #expect(DurationText.write(.milliseconds(1500)) == "1500ms")
        #expect(DurationText.write(.zero) == "0s")
    }

    private static func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    @Test("address ranges hold what lies in them")
    func ranges() throws {
        let ten = try #require(IPNetwork(exactly: "10.0.0.0/8"))
        #expect(try ten.contains(Self.address("10.255.1.2")) == true)
        #expect(try ten.contains(Self.address("11.0.0.0")) == false)
        #expect(try ten.contains(Self.address("::ffff:10.0.0.1")) == false)
        let documentation = try #require(IPNetwork(exactly: "2001:db8::/33"))
        #expect(try documentation.contains(Self.address("2001:db8:7fff::1")) == true)
        #expect(try documentation.contains(Self.address("2001:db8:8000::1")) == false)
        let long = try #require(IPNetwork(exactly: "2001:db8::8/125"))
        #expect(try long.contains(Self.address("2001:db8::f")) == true)
        #expect(try long.contains(Self.address("2001:db8::10")) == false)
        let all = try #require(IPNetwork(exactly: "0.0.0.0/0"))
        #expect(all.contains(try #require(IPAddress("255.255.255.255"))))
        #expect(IPNetwork(exactly: "::/0")?.contains(.loopback) == false)
        for text in [
            "", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.1/8", "/8", "::/129", "10/8",
        ] {
            #expect(IPNetwork(exactly: text) == nil)
        }
    }

    @Test("the nearest word is suggested, and none where nothing is near")
    func suggestions() {
        #expect(Suggestion.nearest(to: "alow", in: ["allow", "block"]) == "allow")
        #expect(Suggestion.nearest(to: "blokc", in: ["allow", "block"]) == "block")
        #expect(Suggestion.nearest(to: "zzzzzz", in: ["allow", "block"]) == nil)
    }
}
