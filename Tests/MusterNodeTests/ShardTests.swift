import DigestAuth
import Foundation
import Ground
import MusterNode
import NIOCore
import NIOPosix
import PresenceServer
import SIPTransactions
import Signalling
import Storage
import Synchronization
import Testing
import XDMServer

/// A shard whose commits are in the hand of the test.
@Suite("A shard that keeps documents", .timeLimit(.minutes(1)))
struct ShardTests {
    /// A storage that can refuse.
    private final class Ledger: Sendable {
        let store = InMemoryStore()
        let refusal = Mutex<Fault?>(nil)
        let commits = Mutex(0)

        func commit(_ operations: [StoreOperation]) throws(Fault) {
            if let fault = self.refusal.withLock({ $0 }) { throw fault }
            self.commits.withLock { $0 += 1 }
            try self.store.commit(operations)
        }
    }

    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let ledger = Ledger()

    private func shard(inFlight: Int = 4096, distance: Duration = .zero) -> Shard {
        var documents = XDMServer.Configuration(rootURI: "http://127.0.0.1:8070/xcap", servedDomains: ["home.test"])
        documents.users = .everyone
        let ledger = self.ledger
        var parts = Shard.Parts(
            transactions: { _ in TransactionLayer.Configuration(sentBy: [:]) }, transports: TransportConfiguration(),
            listeners: [], presence: nil, registrar: { _ in nil }, documents: documents,
            router: Router(domains: ["home.test"]), resolver: nil,
            commit: { (operations) throws(Fault) in try ledger.commit(operations) }, credentials: { _ in .unknown },
            exists: { _ in true }, trace: nil, failed: { _ in }, decided: { _, _ in })
        parts.utRequestsInFlight = inFlight
        parts.commitDistance = distance
        return Shard(loop: self.group.next(), parts: parts, clock: AnchoredClock())
    }

    private func put(_ user: String) -> UtRequest {
        NodeFixture.request(
            "PUT", NodeFixture.rulesTarget(of: user), of: user, body: NodeFixture.rules("bob", "allow"))
    }

    /// Collects answers in the order in which they come.
    private final class Answers: Sendable {
        private let state = Mutex<[String]>([])
        var all: [String] { self.state.withLock { $0 } }
        func add(_ name: String, _ response: UtResponse) {
            self.state.withLock { $0.append("\(name) \(response.status)") }
        }
    }

    /// Lets the shard's loop take all that was given to it.
    private func catchUp(_ shard: Shard) async { _ = await shard.snapshot() }

    @Test("answers when the commit is made, joins what comes meanwhile, and refuses what is too much")
    func boundsWhatWaits() async throws {
        let shard = self.shard(inFlight: 3, distance: .seconds(3600))
        _ = try await shard.open(rules: nil, restoring: StoredState())
        let answers = Answers()
        // The first commit is made at once, the next would be in an hour.
        for name in ["one", "two", "three", "four", "five"] {
            shard.utRequest(self.put(name)) { answers.add(name, $0) }
        }
        await self.catchUp(shard)
        #expect(answers.all == ["one 201", "five 503"])
        #expect(await shard.snapshot().shard.counters.utRefused == 1)
        #expect(try self.ledger.store.load().documents.documents.count == 1)
        // The end keeps and answers what waits.
        await shard.close()
        #expect(answers.all == ["one 201", "five 503", "two 201", "three 201", "four 201"])
        #expect(try self.ledger.store.load().documents.documents.count == 4)
        #expect(self.ledger.commits.withLock { $0 } == 2)
        shard.utRequest(self.put("six")) { answers.add("six", $0) }
        #expect(answers.all.last == "six 503")
        try await self.group.shutdownGracefully()
    }

    @Test("promises nothing that the storage did not take")
    func promisesNothing() async throws {
        let shard = self.shard()
        _ = try await shard.open(rules: nil, restoring: StoredState())
        let answers = Answers()
        shard.utRequest(self.put("one")) { answers.add("one", $0) }
        await self.catchUp(shard)
        self.ledger.refusal.withLock { $0 = .storageFull("no room") }
        shard.utRequest(self.put("two")) { answers.add("two", $0) }
        shard.utRequest(self.put("three")) { answers.add("three", $0) }
        await self.catchUp(shard)
        #expect(answers.all == ["one 201", "two 503", "three 503"])
        #expect(try self.ledger.store.load().documents.documents.count == 1)
        await shard.close()
        try await self.group.shutdownGracefully()
    }

    @Test("takes the next request from within an answer, a thousand times, on its own loop")
    func answersNest() async throws {
        let shard = self.shard()
        _ = try await shard.open(rules: nil, restoring: StoredState())
        let get = NodeFixture.request("GET", NodeFixture.rulesTarget(of: "nobody"), of: "nobody")
        let count = Mutex(0)
        let (done, continuation) = AsyncStream<Void>.makeStream()
        @Sendable func next(_ response: UtResponse) {
            #expect(response.status == 404)
            let number = count.withLock { number in
                number += 1
                return number
            }
            if number == 1000 { continuation.yield() } else { shard.utRequest(get, next) }
        }
        shard.utRequest(get, next)
        var signals = done.makeAsyncIterator()
        await signals.next()
        #expect(count.withLock { $0 } == 1000)
        await shard.close()
        try await self.group.shutdownGracefully()
    }
}
