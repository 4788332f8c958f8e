import Foundation
import Ground
import Logging
import MusterNode
import MusterTesting
import SIPWire
import Settings
import Telemetry
import Testing

/// A node in this process: how it starts, what it says about itself, and what stands in its way.
@Suite("A node")
struct NodeTests {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("node-\(UUID().uuidString)").path

    private func settings(_ more: String = "", listen: String = "udp:127.0.0.1:0, tcp:127.0.0.1:0") throws
        -> NodeConfiguration
    {
        let text =
            "node:\n  data-directory: \(self.folder)\nsip:\n  listen: [\"\(listen.replacing(", ", with: "\", \""))\"]\n\(more)"
        return try LoadedConfiguration.read(file: ("test.yaml", text)).configuration
    }

    private func start(_ settings: NodeConfiguration) async throws -> Node {
        var log = Logger(label: "test")
        log.logLevel = .critical
        return try await Node.start(settings, log: log)
    }

    @Test("chooses ports where the configuration leaves them open, and counts from nothing")
    func starts() async throws {
        let node = try await self.start(try self.settings())
        #expect(node.endpoints.count == 2)
        #expect(node.endpoints.allSatisfy { $0.port != 0 })
        #expect(node.isReady)
        let status = await node.status()
        #expect(status.presence?.publications == 0)
        #expect(status.shard.counters.requests == 0)
        let registry = MetricsRegistry()
        NodeMetrics(node).register(in: registry)
        let text = await registry.exposition()
        for name in [
            "muster_subscriptions", "muster_publications", "muster_commit_operations", "muster_datagrams_total",
        ] {
            #expect(text.contains("# TYPE \(name) "), "\(name) is missing")
        }
        await node.stop()
        try FileManager.default.removeItem(atPath: self.folder)
    }

    @Test("refuses a data directory that another node serves from, and leaves nothing running")
    func oneNodeADirectory() async throws {
        let node = try await self.start(try self.settings())
        await #expect(throws: Fault(code: "storage.in-use", reason: "")) {
            _ = try await self.start(try self.settings())
        }
        await node.stop()
        let again = try await self.start(try self.settings())
        await again.stop()
        try FileManager.default.removeItem(atPath: self.folder)
    }

    @Test(
        "answers a request that is over a limit with what could be read of it", .spec("RFC 3261 §21.5.7"),
        arguments: [
            (String(repeating: "X-Much: more\r\n", count: 300), 513),
            ("Subject: \(String(repeating: "x", count: 20_000))\r\n", 513),
            (String(repeating: "Subject: \(String(repeating: "x", count: 8_000))\r\n", count: 5), 513),
        ])
    func answersOverLimits(_ excess: String, _ status: Int) async throws {
        let node = try await self.start(try self.settings(listen: "udp:127.0.0.1:0"))
        let phone = try LoopbackPhone("ann", server: try #require(node.endpoints.first))
        phone.send(
            "OPTIONS sip:home.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5099;branch=z9hG4bKmuch;rport\r\n"
                + "From: <sip:ann@home.test>;tag=1\r\nTo: <sip:home.test>\r\nCall-ID: much\r\nCSeq: 7 OPTIONS\r\n"
                + "Max-Forwards: 70\r\n\(excess)Content-Length: 0\r\n\r\n")
        let answer = try #require(try await phone.receive())
        #expect(answer.status == status)
        #expect(answer.first(.callID)?.text == "much")
        #expect(answer.first(.cseq)?.text == "7 OPTIONS")
        await node.stop()
        try FileManager.default.removeItem(atPath: self.folder)
    }

    @Test("says which port it cannot have")
    func portInUse() async throws {
        let node = try await self.start(try self.settings())
        let taken = try #require(node.endpoints.last)
        let other = FileManager.default.temporaryDirectory.appendingPathComponent("node-\(UUID().uuidString)").path
        var settings = try self.settings(listen: "tcp:\(taken)")
        settings.node.dataDirectory = other
        await #expect(throws: Fault(code: "signalling.port-unavailable", reason: "")) {
            _ = try await self.start(settings)
        }
        await node.stop()
        try FileManager.default.removeItem(atPath: self.folder)
        try FileManager.default.removeItem(atPath: other)
    }

    @Test("does not start with a rules file that it cannot understand")
    func unreadableRules() async throws {
        let rules = self.folder + ".rules"
        try "sip:alice@home.test sip:bob@home.test sometimes\n".write(toFile: rules, atomically: true, encoding: .utf8)
        await #expect(throws: Fault.configurationInvalid("")) {
            _ = try await self.start(try self.settings("presence:\n  rules-file: \(rules)\n"))
        }
        try FileManager.default.removeItem(atPath: rules)
        try FileManager.default.removeItem(atPath: self.folder)
    }
}
