import Foundation
import GRDB
import Ground
import MusterNode
import MusterTesting
import Settings
import Storage
import Testing
import WebEdge
import XDMServer

/// A whole node over loopback: what a document means for those who watch.
@Suite("Documents in a node", .timeLimit(.minutes(1)))
struct NodeDocumentTests {
    private let fixture = NodeFixture()

    private func put(_ node: Node, _ user: String, _ rules: String) async -> Int {
        await node.utRequest(
            NodeFixture.request("PUT", NodeFixture.rulesTarget(of: user), of: user, body: rules)
        ).status
    }

    @Test(
        "act on a live watcher in the turn of the PUT: its NOTIFY has left when the answer is there",
        .spec("REQ-33141-D2"))
    func actsInTheTurn() async throws {
        let node = try await self.fixture.start(try self.fixture.settings())
        let bob = try LoopbackPhone("bob", server: node.endpoints[0])
        #expect(try await bob.subscribe(to: "alice").status == 200)
        #expect(try await bob.notification()?.state.hasPrefix("active") == true)
        await self.fixture.settle(node)
        #expect(await self.put(node, "alice", NodeFixture.rules("bob", "block")) == 201)
        let ended = try await bob.notification(now: true)
        #expect(ended?.state.hasPrefix("terminated") == true)

        // The document that lets him in again is a change like any other.
        #expect(await self.put(node, "alice", NodeFixture.rules("bob", "allow")) == 200)
        #expect(try await bob.subscribe(to: "alice").status == 200)
        #expect(try await bob.notification()?.state.hasPrefix("active") == true)

        await self.fixture.settle(node)
        // Removing it leaves the default, which lets everybody in: nothing changes for bob.
        let removal = NodeFixture.request("DELETE", NodeFixture.rulesTarget(of: "alice"), of: "alice")
        #expect(await node.utRequest(removal).status == 200)
        #expect(try await bob.notification(now: true)?.state.hasPrefix("terminated") != true)
        await node.stop()
    }

    @Test("show hard state to watchers in the turn of the PUT", .spec("RFC 4827 §3/1", "RFC 4827 §8/1"))
    func showsHardState() async throws {
        let node = try await self.fixture.start(try self.fixture.settings())
        let bob = try LoopbackPhone("bob", server: node.endpoints[0])
        #expect(try await bob.subscribe(to: "alice").status == 200)
        #expect(try await bob.notification() != nil)
        await self.fixture.settle(node)
        let state = """
            <presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@home.test"><tuple id="h1"><status>\
            <basic>closed</basic></status><note>on leave</note></tuple></presence>
            """
        let request = NodeFixture.request(
            "PUT", "pidf-manipulation/users/sip:alice@home.test/index", of: "alice", body: state,
            type: "application/pidf+xml")
        #expect(await node.utRequest(request).status == 201)
        #expect(try await bob.notification(now: true)?.body.contains("on leave") == true)
        await node.stop()
    }

    @Test("are there after a restart, with their entity tags, and keep watchers out from the first moment")
    func surviveRestart() async throws {
        let settings = try self.fixture.settings()
        let node = try await self.fixture.start(settings)
        let bob = try LoopbackPhone("bob", server: node.endpoints[0])
        #expect(try await bob.subscribe(to: "alice").status == 200)
        #expect(try await bob.notification() != nil)
        #expect(await self.put(node, "carol", NodeFixture.rules("bob", "block")) == 201)
        let get = NodeFixture.request("GET", NodeFixture.rulesTarget(of: "carol"), of: "carol")
        let before = await node.utRequest(get)
        await node.stop()

        let again = try await self.fixture.start(settings)
        let after = await again.utRequest(get)
        #expect(after == before)
        #expect(after.status == 200)
        #expect(after.body[...].text.contains("block"))
        #expect(await again.status().documents?.documents == 1)
        let dave = try LoopbackPhone("bob", server: again.endpoints[0])
        #expect(try await dave.subscribe(to: "carol").status == 403)
        // A write with the old tag goes on where the writer was.
        let tag = before.fields.first { $0.name.lowercased() == "etag" }?.value[...].text
        let change = NodeFixture.request(
            "PUT", NodeFixture.rulesTarget(of: "carol"), of: "carol", body: NodeFixture.rules("bob", "allow"),
            ifMatch: tag)
        #expect(await again.utRequest(change).status == 200)
        #expect(try await dave.subscribe(to: "carol").status == 200)
        await again.stop()
    }

    @Test("of one user are reached by every name that the settings give it", .spec("REQ-33141-D1"))
    func aliases() async throws {
        let settings = try self.fixture.settings(
            "xcap:\n  aliases: [\"tel:+49-30-12345=sip:Alice@home.test\", al=sip:Alice@HOME.test]")
        let node = try await self.fixture.start(settings)
        let rules = NodeFixture.rules("bob", "block")
        let put = NodeFixture.request("PUT", "pres-rules/users/tel:+493012345/index", of: "Alice", body: rules)
        #expect(await node.utRequest(put).status == 201)
        for name in ["sip:Alice@home.test", "al", "tel:+493012345"] {
            let get = NodeFixture.request("GET", "pres-rules/users/\(name)/index", of: "Alice")
            #expect(await node.utRequest(get).body == Array(rules.utf8), "\(name)")
            let foreign = NodeFixture.request("GET", "pres-rules/users/\(name)/index", of: "bob")
            #expect(await node.utRequest(foreign).status == 403)
        }
        await node.stop()
    }

    @Test("that cannot be read let nobody in, at every start, until they are written again")
    func failsClosed() async throws {
        let settings = try self.fixture.settings()
        let node = try await self.fixture.start(settings)
        #expect(await self.put(node, "alice", NodeFixture.rules("bob", "allow")) == 201)
        await node.stop()
        let queue = try DatabaseQueue(path: self.fixture.folder + "/muster.sqlite")
        try await queue.write { try $0.execute(sql: "UPDATE document SET body = 'text'") }
        try queue.close()
        for _ in 0..<2 {
            let broken = try await self.fixture.start(settings)
            let bob = try LoopbackPhone("bob", server: broken.endpoints[0])
            #expect(try await bob.subscribe(to: "alice").status == 403)
            // Only hers: carol keeps no rules.
            #expect(try await bob.subscribe(to: "carol").status == 200)
            let alice = try LoopbackPhone("alice", server: broken.endpoints[0])
            #expect(try await alice.subscribe(to: "alice").status == 200)
            await broken.stop()
        }
        let healed = try await self.fixture.start(settings)
        #expect(await self.put(healed, "alice", NodeFixture.rules("bob", "allow")) == 201)
        let bob = try LoopbackPhone("bob", server: healed.endpoints[0])
        #expect(try await bob.subscribe(to: "alice").status == 200)
        await healed.stop()
    }

    @Test("are written by many at a time, each answered once, and none after the end")
    func takesMany() async throws {
        let node = try await self.fixture.start(try self.fixture.settings())
        let statuses = await withTaskGroup(of: Int.self) { group in
            for number in 0..<200 {
                group.addTask {
                    let user = "user\(number % 50)"
                    return await node.utRequest(
                        NodeFixture.request(
                            "PUT", NodeFixture.rulesTarget(of: user), of: user,
                            body: NodeFixture.rules("watcher\(number)", "allow"))
                    ).status
                }
            }
            return await group.reduce(into: [Int]()) { $0.append($1) }
        }
        #expect(statuses.count == 200)
        #expect(statuses.filter { $0 == 201 }.count == 50)
        #expect(statuses.filter { $0 == 200 }.count == 150)
        let status = await node.status()
        #expect(status.documents?.documents == 50)
        #expect(status.documents?.documentsReplaced == 150)
        await node.stop()
        let late = await node.utRequest(NodeFixture.request("GET", NodeFixture.rulesTarget(of: "user1"), of: "user1"))
        #expect(late.status == 503)
        #expect(late.fields.contains { $0.name == "Retry-After" })
    }

    @Test("are not served where the function does not run")
    func needsTheFunction() async throws {
        let node = try await self.fixture.start(try self.fixture.settings(functions: "presence"))
        let request = NodeFixture.request("GET", NodeFixture.rulesTarget(of: "alice"), of: "alice")
        #expect(await node.utRequest(request).status == 503)
        let bob = try LoopbackPhone("bob", server: node.endpoints[0])
        #expect(try await bob.subscribe(to: "bob", event: "xcap-diff").status == 489)
        #expect(await node.status().documents == nil)
        await node.stop()
    }

    @Test("are told to those who subscribed to their changes", .spec("RFC 5875 §4.1"))
    func tellsDifferences() async throws {
        let node = try await self.fixture.start(try self.fixture.settings())
        let alice = try LoopbackPhone("alice", server: node.endpoints[0])
        let target = NodeFixture.rulesTarget(of: "alice")
        let list = """
            <resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list><entry uri="\(target)"/></list>\
            </resource-lists>
            """
        #expect(try await alice.subscribe(to: "alice", event: "xcap-diff", list: list).status == 200)
        #expect(try await alice.notification()?.state.hasPrefix("active") == true)
        await self.fixture.settle(node)
        #expect(await self.put(node, "alice", NodeFixture.rules("bob", "block")) == 201)
        let told = try #require(try await alice.notification())
        #expect(told.body.contains("xcap-diff"))
        #expect(told.body.contains(target))
        #expect(told.body.contains("new-etag"))
        await node.stop()
    }
}
