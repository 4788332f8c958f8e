import Foundation
import Ground
import MusterNode
import Telemetry
import Testing
import WebEdge
import XDMServer

/// What operators ask a node about decisions.
@Suite("The administration of a node", .timeLimit(.minutes(1)))
struct NodeAdministrationTests {
    private let fixture = NodeFixture()

    private struct Answer {
        var status: Int
        var object: [String: Any]
    }

    private func get(_ node: Node, _ path: String, _ query: [String: String]) async throws -> Answer {
        let route = try #require(NodeAdministration(node).routes.first { $0.path == path })
        let response = await route.handler(AdministrationRequest(method: .get, query: query))
        let object = response.status == 200 ? try JSONSerialization.jsonObject(with: Data(response.body)) : [:]
        return Answer(status: response.status, object: object as? [String: Any] ?? [:])
    }

    @Test("explains which rule decided, why the others did not, and what the watcher sees")
    func explains() async throws {
        let node = try await self.fixture.start(try self.fixture.settings())
        let alice = try LoopbackPhone("alice", server: node.endpoints[0])
        #expect(try await alice.publish(note: "in the garden").status == 200)
        let rules = NodeFixture.request(
            "PUT", NodeFixture.rulesTarget(of: "alice"), of: "alice", body: NodeFixture.rules("bob", "allow"))
        #expect(await node.utRequest(rules).status == 201)
        let path = "/api/policy/explain"
        let bob = try await self.get(
            node, path, ["presentity": "sip:alice@home.test", "watcher": "sip:bob@HOME.test;transport=tcp"])
        #expect(bob.object["handling"] as? String == "allow")
        #expect(bob.object["watcher"] as? String == "sip:bob@home.test")
        #expect((bob.object["sees"] as? String)?.contains("in the garden") == true)
        let rule = (bob.object["rules"] as? [[String: Any]])?.first
        #expect(rule?["rule"] as? String == "r1")
        #expect(rule?["document"] as? String == NodeFixture.rulesTarget(of: "alice"))
        #expect(rule?["decides"] as? Bool == true)
        let carol = try await self.get(
            node, path, ["presentity": "sip:alice@home.test", "watcher": "sip:carol@home.test"])
        #expect(carol.object["handling"] as? String == "block")
        #expect(carol.object["sees"] as? String == "")
        #expect((carol.object["rules"] as? [[String: Any]])?.first?["matches"] as? Bool == false)
        let nobody = try await self.get(node, path, ["presentity": "sip:alice@home.test"])
        #expect(nobody.object["watcher"] as? String == "anonymous")
        #expect(try await self.get(node, path, ["watcher": "sip:bob@home.test"]).status == 400)
        #expect(try await self.get(node, path, ["presentity": "sip:"]).status == 400)
        #expect(try await self.get(node, path, ["presentity": "sip:a@home.test", "watcher": "<"]).status == 400)
        await node.stop()
    }

    @Test("shows the decisions, the latest first, also those of before a restart")
    func showsDecisions() async throws {
        let settings = try self.fixture.settings()
        let node = try await self.fixture.start(settings)
        let bob = try LoopbackPhone("bob", server: node.endpoints[0])
        #expect(try await bob.subscribe(to: "alice").status == 200)
        #expect(try await bob.notification() != nil)
        let rules = NodeFixture.request(
            "PUT", NodeFixture.rulesTarget(of: "alice"), of: "alice", body: NodeFixture.rules("bob", "block"))
        #expect(await node.utRequest(rules).status == 201)
        await node.stop()

        let again = try await self.fixture.start(settings)
        let carol = try LoopbackPhone("carol", server: again.endpoints[0])
        #expect(try await carol.subscribe(to: "dave").status == 200)
        let all = try await self.get(again, "/api/audit", [:])
        let decisions = try #require(all.object["decisions"] as? [[String: Any]])
        #expect(decisions.map { $0["watcher"] as? String } == ["carol", "bob", "bob"].map { "sip:\($0)@home.test" })
        #expect(decisions.map { $0["handling"] as? String } == ["allow", "block", "allow"])
        #expect(decisions[1]["rule"] as? String == "r1")
        #expect(decisions[1]["document"] as? String == NodeFixture.rulesTarget(of: "alice"))
        #expect((decisions[0]["time"] as? String)?.hasSuffix("Z") == true)
        func count(_ query: [String: String]) async throws -> Int? {
            (try await self.get(again, "/api/audit", query).object["decisions"] as? [Any])?.count
        }
        #expect(try await count(["presentity": "sip:alice@home.test"]) == 2)
        #expect(try await count(["watcher": "sip:carol@home.test"]) == 1)
        #expect(try await count(["watcher": "anonymous"]) == 0)
        #expect(try await count(["limit": "1"]) == 1)
        #expect(try await count(["until": "2020-01-01T00:00:00Z"]) == 0)
        #expect(try await count(["since": "2020-01-01T00:00:00Z"]) == 3)
        for wrong in [["limit": "0"], ["limit": "many"], ["since": "noon"], ["presentity": "sip:"], ["watcher": "<>"]] {
            #expect(try await self.get(again, "/api/audit", wrong).status == 400)
        }
        let registry = MetricsRegistry()
        NodeMetrics(again).register(in: registry)
        let text = await registry.exposition()
        #expect(text.contains("muster_documents 1\n"))
        #expect(text.contains("muster_audit_entries_total{outcome=\"written\"} 1\n"))
        await again.stop()
    }

    @Test("keeps no decisions where none are wanted, and goes on without a log that is damaged")
    func livesWithoutLog() async throws {
        let without = try await self.fixture.start(try self.fixture.settings("audit:\n  keep: 0s"))
        let bob = try LoopbackPhone("bob", server: without.endpoints[0])
        #expect(try await bob.subscribe(to: "alice").status == 200)
        #expect((try await self.get(without, "/api/audit", [:]).object["decisions"] as? [Any])?.isEmpty == true)
        await without.stop()
        let path = self.fixture.folder + "/audit.sqlite"
        #expect(!FileManager.default.fileExists(atPath: path))

        try Data(repeating: 0x41, count: 10_000).write(to: URL(fileURLWithPath: path))
        let node = try await self.fixture.start(try self.fixture.settings())
        let carol = try LoopbackPhone("carol", server: node.endpoints[0])
        #expect(try await carol.subscribe(to: "alice").status == 200)
        #expect((try await self.get(node, "/api/audit", [:]).object["decisions"] as? [Any])?.count == 1)
        await node.stop()
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)).count == 10_000)
    }
}
