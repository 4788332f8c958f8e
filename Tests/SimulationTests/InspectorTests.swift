import DigestAuth
import Ground
import MusterTesting
import PresenceDocuments
import PresenceServer
import SCSCF
import Simulation
import Storage
import Testing
import UserAgent

/// A storage that keeps no publication, and says that it did.
private final class ForgetfulStore: Store {
    private let kept = InMemoryStore()

    func load() throws(Fault) -> StoredState { try self.kept.load() }
    func commit(_ operations: [StoreOperation]) throws(Fault) {
        try self.kept.commit(
            operations.filter { operation in
                if case .presence(.putPublication) = operation { false } else { true }
            })
    }
    func subscriber(user: String, realm: String) throws(Fault) -> SubscriberRecord? {
        try self.kept.subscriber(user: user, realm: realm)
    }
    func putSubscriber(_ record: SubscriberRecord) throws(Fault) { try self.kept.putSubscriber(record) }
    func removeSubscriber(user: String, realm: String) throws(Fault) -> Bool {
        try self.kept.removeSubscriber(user: user, realm: realm)
    }
    func subscribers() throws(Fault) -> [SubscriberRecord] { try self.kept.subscribers() }
    func subscriberIdentities() throws(Fault) -> [[UInt8]] { try self.kept.subscribers().map(\.identity) }
    func subscriberChanges() throws(Fault) -> Int64 { 0 }
    func hasSubscriber(identity: [UInt8]) throws(Fault) -> Bool { try self.kept.hasSubscriber(identity: identity) }
    func close() { self.kept.close() }
}

/// A simulation that finds nothing proves something only if it would have found it.
@Suite("What the simulation notices")
struct InspectorTests {
    /// Alice publishes and Bob, whom she allows, watches.
    private struct Scene {
        let world: World
        let server: ServerNode
        let alice: Terminal
        let bob: Terminal

        init(store: any Store = InMemoryStore()) throws {
            let world = World(seed: 1, start: Instant(seconds: 1_800_000_000), conditions: .perfect)
            var rules = RuleBook()
            rules.set(Array("sip:alice@home.test".utf8), watcher: Array("sip:bob@home.test".utf8), .allow)
            let address = Endpoint(IPAddress(ipv4: 0x0A00_0001), 5060)
            self.server = ServerNode(
                name: "server", endpoint: address, seed: 7, presence: .init(servedDomains: ["home.test"]),
                store: store, rules: rules)
            func terminal(_ name: String, _ number: UInt32) -> Terminal {
                Terminal(
                    name: name, identity: "sip:\(name)@home.test",
                    endpoint: Endpoint(IPAddress(ipv4: 0x0A00_0001 + number), 5060), server: address,
                    seed: UInt64(number) * 100)
            }
            self.alice = terminal("alice", 1)
            self.bob = terminal("bob", 2)
            self.world = world
            let names = [self.alice.endpoint: self.alice.identity, self.bob.endpoint: self.bob.identity]
            world.identities = { source in names[source].map { [$0] } ?? [] }
            self.server.identityOfCall = { _ in Array("sip:bob@home.test".utf8) }
            for node in [self.server, self.alice, self.bob] as [any Node] { world.add(node) }
            self.server.start(at: world.now)
            world.collect(self.server)
            try self.publish("v1")
            self.bob.order(
                .watch(SubscriptionID(1), SubscriptionRequest(resource: "sip:alice@home.test")), at: world.now)
            world.collect(self.bob)
            world.run(for: .seconds(1))
        }

        func publish(_ version: String) throws {
            var chance = Entropy.seeded(1)
            let bytes = Documents.make(
                entity: self.alice.identity, tuple: "dev-1", version: version, at: self.world.now, chance: &chance)
            self.alice.order(.publish(try PresenceDocument.parse(bytes[...])), at: self.world.now)
            self.world.collect(self.alice)
            self.world.run(for: .seconds(1))
        }
    }

    @Test("a good server is not blamed")
    func good() throws {
        let scene = try Scene()
        try scene.publish("v2")
        scene.server.crash()
        scene.server.start(at: scene.world.now)
        scene.world.collect(scene.server)
        try scene.publish("v3")
        #expect(scene.world.violations.isEmpty)
        let document = try #require(scene.bob.watches[SubscriptionID(1)]?.document)
        #expect(Documents.versions(in: document) == ["dev-1": "v3"])
        #expect(scene.server.notificationsWithState == 3)
    }

    @Test("a server that does not act on a change of the rules is caught", .spec("RFC 5025 §3.2.1"))
    func unheardRules() throws {
        for handling in [AuthorizationRule.Handling.block, .confirm, .politeBlock] {
            let scene = try Scene()
            scene.server.rules.set(
                Array("sip:alice@home.test".utf8), watcher: Array("sip:bob@home.test".utf8), handling)
            try scene.publish("v2")
            #expect(scene.world.violations.count == 1)
        }
    }

    @Test("a server that shows more than a document of rules grants is caught", .spec("RFC 5025 §3.3"))
    func laxDocument() throws {
        let alice = "sip:alice@home.test"
        let bob = RulesDocument.Whom.one("sip:bob@home.test")
        let strict: [(Shown, String)] = [
            (Shown(tuples: ["dev-2"], notes: true, classification: true), "the tuple dev-1"),
            (Shown(classes: ["work"], classification: true), "a note"),
            (Shown(classes: ["work"], notes: true), "a class"),
            (Shown(notes: true, classification: true), "the tuple dev-1"),
        ]
        for (shown, offence) in strict {
            let scene = try Scene()
            let lax = RulesDocument(rules: [.init(whom: bob, handling: .allow, shown: .everything)])
            scene.server.store(lax, of: alice, at: scene.world.now)
            scene.world.collect(scene.server)
            try scene.publish("v2")
            #expect(scene.world.violations.isEmpty)
            // What counts from here on is stricter, and the server does not know it.
            scene.server.rules.documents[Array(alice.utf8)] = RulesDocument(
                rules: [.init(whom: bob, handling: .allow, shown: shown)])
            try scene.publish("v3")
            #expect(scene.world.violations.contains { $0.contains("shown \(offence)") })
        }
    }

    @Test("rules as a document outlive a crash, and those that were never kept do not", .spec("REQ-33141-D2"))
    func documentsAndCrashes() throws {
        let alice = "sip:alice@home.test"
        for point in ServerNode.CrashPoint.allCases {
            let scene = try Scene()
            // A NOTIFY that was numbered and never left is a gap that only a crash explains.
            let server = scene.server
            scene.bob.epoch = { server.generation }
            let lax = RulesDocument(
                rules: [.init(whom: .one("sip:bob@home.test"), handling: .allow, shown: .everything)])
            scene.server.store(lax, of: alice, at: scene.world.now)
            scene.world.collect(scene.server)
            // From here on the document alone lets bob in.
            var rules = scene.server.rules
            rules.set(Array(alice.utf8), watcher: Array("sip:bob@home.test".utf8), nil)
            scene.server.change(rules: rules, of: Array(alice.utf8), at: scene.world.now)
            scene.world.collect(scene.server)
            let deaf = RulesDocument(
                rules: [.init(whom: .one("sip:bob@home.test"), handling: .politeBlock, shown: Shown())])
            scene.server.plannedCrash = point
            scene.server.store(deaf, of: alice, at: scene.world.now)
            scene.world.collect(scene.server)
            #expect(!scene.server.isUp)
            scene.server.start(at: scene.world.now)
            scene.world.collect(scene.server)
            try scene.publish("v2")
            #expect(scene.world.violations.isEmpty)
            let wasKept = point != .beforeCommit
            #expect(scene.server.rules.documents[Array(alice.utf8)] == (wasKept ? deaf : lax))
            let document = try #require(scene.bob.watches[SubscriptionID(1)]?.document)
            #expect(Documents.versions(in: document) == (wasKept ? [:] : ["dev-1": "v2"]))
        }
    }

    @Test("a storage that loses what was acknowledged is caught", .spec("REQ-33141-D10"))
    func forgetfulStorage() throws {
        let scene = try Scene(store: ForgetfulStore())
        #expect(scene.world.violations.isEmpty)
        scene.server.crash()
        scene.server.start(at: scene.world.now)
        scene.world.collect(scene.server)
        #expect(scene.world.violations.contains { $0.contains("storage lost or changed a publication") })
    }

    @Test("what is left in the tables is told")
    func leftovers() throws {
        let scene = try Scene()
        #expect(scene.server.leftovers.contains("1 publications"))
        #expect(scene.server.leftovers.contains("1 active subscriptions"))
        #expect(!scene.bob.leftovers.isEmpty)
        for terminal in [scene.bob, scene.alice] {
            terminal.order(.close, at: scene.world.now)
            scene.world.collect(terminal)
            scene.world.run(for: .seconds(1))
        }
        #expect(scene.bob.isClosed && scene.alice.isClosed)
        // Deadlines that nobody needs any more are not taken back: they come up and are found empty.
        #expect(scene.world.runDry(until: scene.world.now + .seconds(4000)))
        #expect(scene.server.leftovers.isEmpty)
        #expect(scene.bob.leftovers.isEmpty)
    }
}
