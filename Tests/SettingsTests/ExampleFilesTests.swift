import Foundation
import MusterTesting
import Settings
import Testing

/// The files of the repository that follow from the catalogue of settings. `UPDATE_REFERENCE=1 swift test --filter
/// SettingsTests` writes them anew.
@Suite("files about settings")
struct ExampleFilesTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .resolvingSymlinksInPath().deletingLastPathComponent()

    private static func check(_ path: String, is text: String) throws {
        let file = Self.root.appendingPathComponent(path)
        if ProcessInfo.processInfo.environment["UPDATE_REFERENCE"] == "1" {
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: file, encoding: .utf8) == text, "\(path) is not what the code says")
    }

    @Test("the reference of settings is what the code says")
    func referenceIsCurrent() throws {
        try Self.check("docs/reference/settings.md", is: ExampleConfiguration.reference())
    }

    @Test("operator.yaml is the default written out")
    func operatorFileIsCurrent() throws {
        try Self.check("examples/operator.yaml", is: ExampleConfiguration.yaml())
        let written = try Self.load("operator.yaml")
        let standard = try LoadedConfiguration.read(file: nil)
        #expect(written.configuration == standard.configuration)
        #expect(!written.values.contains { $0.source == .standard })
    }

    private static func load(_ name: String) throws -> LoadedConfiguration {
        let text = try String(contentsOf: Self.root.appendingPathComponent("examples/" + name), encoding: .utf8)
        return try LoadedConfiguration.read(file: (name, text))
    }

    @Test("bench.yaml is what the benchmarks rely on")
    func benchFile() throws {
        let bench = try Self.load("bench.yaml").configuration
        #expect(bench.sip.listeners.map(\.description) == ["udp:127.0.0.1:5070", "tcp:127.0.0.1:5070"])
        #expect(bench.node.domains == ["bench.test", "example.com"])
        #expect(bench.sip.trustedLoopback && bench.presence.fromStandsInForIdentity)
        #expect(bench.presence.knownUsers == .any && bench.presence.defaultHandling == .allow)
        #expect(bench.presence.subscribeExpires.maximum >= .seconds(3600))
        #expect(bench.presence.notificationInterval == .zero && bench.presence.winfoInterval == .zero)
        #expect(!bench.registrar.challenge && bench.storage.durability == .strict)
        #expect(bench.flood.messagesPerSecond == 0)
        #expect(bench.node.functions.contains(.documents) && bench.xcap.xuiStandsInForIdentity)
        #expect(bench.xcap.listener?.description == "http://127.0.0.1:8070/xcap")
        #expect(bench.xcap.trustedProxies.contains { $0.contains(.loopback) })
    }

    @Test(
        "where UDP is listened on, TCP is too, at the same place", .spec("RFC 3261 §18.2.1/3"),
        arguments: ["operator.yaml", "presence.yaml", "bench.yaml"])
    func bothTransports(file: String) throws {
        let places = try Self.load(file).configuration.sip.listeners.map(\.description)
        let datagrams = places.filter { $0.hasPrefix("udp:") }.map { $0.dropFirst(4) }
        #expect(!datagrams.isEmpty)
        for place in datagrams { #expect(places.contains("tcp:" + place)) }
    }

    @Test("presence.yaml believes nobody without proof", .spec("REQ-33141-11"))
    func presenceFile() throws {
        let presence = try Self.load("presence.yaml").configuration
        #expect(presence.registrar.challenge && !presence.sip.trustedLoopback && presence.sip.trustedNetworks.isEmpty)
        #expect(!presence.presence.fromStandsInForIdentity && presence.presence.knownUsers == .subscribers)
        #expect(presence.administration.address.isLoopback)
        #expect(presence.node.functions.contains(.documents) && presence.xcap.trustedProxies.isEmpty)
        #expect(!presence.xcap.xuiStandsInForIdentity && presence.xcap.listener?.endpoint.address.isLoopback == true)
    }

    @Test("every setting stands once, in a section that exists, with a sentence, and its default is allowed")
    func catalogueIsSound() {
        let keys = SettingsCatalogue.all.map(\.key)
        #expect(Set(keys).count == keys.count)
        #expect(Set(SettingsCatalogue.all.map(\.section)) == Set(SettingsCatalogue.sections.map(\.name)))
        #expect(Set(SettingsCatalogue.all.map(\.environmentVariable)).count == keys.count)
        for setting in SettingsCatalogue.all {
            #expect(setting.meaning.first?.isUppercase == true && setting.meaning.hasSuffix("."), "\(setting.key)")
        }
    }
}
