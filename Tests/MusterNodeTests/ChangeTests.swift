import DigestAuth
import Foundation
import Ground
import MusterNode
import SCSCF
import Settings
import Testing

/// What changes beside a node: the rules file, the users, the ports.
@Suite("A change beside a node", .timeLimit(.minutes(1)))
struct NodeChangeTests {
    private let fixture = NodeFixture()

    @Test("of the rules file between its start and its run is found when it runs")
    func rulesBetween() async throws {
        let file = self.fixture.folder + ".rules"
        defer { try? FileManager.default.removeItem(atPath: file) }
        try "sip:alice@home.test sip:bob@home.test allow one\n".write(toFile: file, atomically: true, encoding: .utf8)
        let node = try await self.fixture.start(try self.fixture.settings("  rules-file: \(file)"))
        let bob = try LoopbackPhone("bob", server: node.endpoints[0])
        #expect(try await bob.subscribe(to: "alice").status == 200)
        #expect(try await bob.notification()?.state.hasPrefix("active") == true)
        try "sip:alice@home.test sip:bob@home.test block one\n".write(toFile: file, atomically: true, encoding: .utf8)
        let running = Task { try await node.run() }
        // Where an answer is slow, the NOTIFY of before comes once more.
        var told = try await bob.notification()
        while told?.state.hasPrefix("active") == true { told = try await bob.notification() }
        #expect(told?.state.hasPrefix("terminated") == true)
        running.cancel()
        try await running.value
        await node.stop()
    }

    @Test("of the users between its start and its run is found when it runs")
    func usersBetween() async throws {
        let settings = try self.fixture.settings(knownUsers: "subscribers")
        let node = try await self.fixture.start(settings)
        let bob = try LoopbackPhone("bob", server: node.endpoints[0])
        #expect(try await bob.subscribe(to: "alice").status == 404)
        let store = try NodeStorage.open(settings, directory: self.fixture.folder, role: .administration)
        for name in ["alice", "bob"] {
            try store.putSubscriber(
                SubscriberRecord(
                    identity: Array("sip:\(name)@home.test".utf8), digestUser: name, realm: "home.test",
                    password: Redacted("secret"), createdAt: .zero))
        }
        store.close()
        let running = Task { try await node.run() }
        var answer = try await bob.subscribe(to: "alice")
        // The first look of a run comes at once, and yet not before everything else.
        while answer.status == 404 {
            await Task.yield()
            answer = try await bob.subscribe(to: "alice")
        }
        #expect(answer.status == 200)
        running.cancel()
        try await running.value
        await node.stop()
    }

    @Test("of a port that the system chose is named in what the node sends")
    func namesBoundPorts() async throws {
        let node = try await self.fixture.start(try self.fixture.settings(functions: "presence, registrar, documents"))
        let port = try #require(node.endpoints.first).port
        #expect(port != 0)
        let bob = try LoopbackPhone("bob", server: node.endpoints[0])
        #expect(try await bob.subscribe(to: "alice").status == 200)
        let notify = try #require(try await bob.notification())
        #expect(notify.via.contains("127.0.0.1:\(port);"))
        #expect(notify.contact.contains("127.0.0.1:\(port)"))
        await node.stop()
    }
}
