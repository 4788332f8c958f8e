import Foundation
import Ground
import PresenceServer
import SCSCF
import Storage
import Synchronization
import Testing

/// A storage whose commits wait until the test lets them go on, and may be told to fail.
private final class HeldStore: Store {
    private struct State {
        var commits: [[StoreOperation]] = []
        var fault: Fault?
    }

    private let state = Mutex(State())
    private let entered = DispatchSemaphore(value: 0)
    private let released = DispatchSemaphore(value: 0)

    func waitUntilEntered() { self.entered.wait() }
    func release() { self.released.signal() }
    func failNext(with fault: Fault?) { self.state.withLock { $0.fault = fault } }
    var commits: [[StoreOperation]] { self.state.withLock { $0.commits } }

    func commit(_ operations: [StoreOperation]) throws(Fault) {
        self.entered.signal()
        self.released.wait()
        let fault = self.state.withLock { state in
            state.commits.append(operations)
            return state.fault
        }
        if let fault { throw fault }
    }

    func load() throws(Fault) -> StoredState { StoredState() }
    func subscriber(user: String, realm: String) throws(Fault) -> SubscriberRecord? { nil }
    func putSubscriber(_ record: SubscriberRecord) throws(Fault) {}
    func removeSubscriber(user: String, realm: String) throws(Fault) -> Bool { false }
    func subscriberIdentities() throws(Fault) -> [[UInt8]] { [] }
    func subscriberChanges() throws(Fault) -> Int64 { 0 }
    func subscribers() throws(Fault) -> [SubscriberRecord] { [] }
    func hasSubscriber(identity: [UInt8]) throws(Fault) -> Bool { false }
    func close() {}
}

/// A thread that commits once.
private final class Caller: Sendable {
    private let done = DispatchSemaphore(value: 0)
    private let fault = Mutex<Fault?>(nil)

    init(_ committer: GroupCommitter, _ ids: [UInt64]) {
        let thread = Thread {
            do throws(Fault) {
                try committer.commit(ids.map { .presence(.removePublication($0)) })
            } catch {
                self.fault.withLock { $0 = error }
            }
            self.done.signal()
        }
        thread.start()
    }

    func wait() -> Fault? {
        self.done.wait()
        return self.fault.withLock { $0 }
    }
}

@Suite("the group committer")
struct GroupCommitterTests {
    /// Lets callers come until so many wait behind the leader.
    private static func waitForFollowers(_ committer: GroupCommitter, _ count: Int) {
        while committer.waitingCallers < count { sched_yield() }
    }

    @Test("writes what one thread gives as it is")
    func writesAlone() throws {
        let store = InMemoryStore()
        let committer = GroupCommitter(store: store)
        try committer.commit([])
        try committer.commit([.presence(.putPublication(Samples.publication(1)))])
        #expect(try store.load().presence.publications.count == 1)
        #expect(committer.statistics.transactions == 1)
        #expect(committer.statistics.sizes[1] == 1)
    }

    @Test("joins all who wait into one transaction, and keeps the order of each")
    func joinsFollowers() {
        let store = HeldStore()
        let committer = GroupCommitter(store: store)
        let leader = Caller(committer, [1])
        store.waitUntilEntered()
        let followers = [Caller(committer, [2, 3]), Caller(committer, [4, 5]), Caller(committer, [6, 7])]
        Self.waitForFollowers(committer, 3)
        store.release()
        store.release()
        #expect(leader.wait() == nil)
        #expect(followers.allSatisfy { $0.wait() == nil })

        #expect(store.commits.count == 2)
        #expect(store.commits.first?.count == 1)
        let ids = (store.commits.last ?? []).compactMap { operation -> UInt64? in
            if case .presence(.removePublication(let id)) = operation { id } else { nil }
        }
        #expect(Set(ids) == [2, 3, 4, 5, 6, 7])
        for first: UInt64 in [2, 4, 6] {
            let position = ids.firstIndex(of: first) ?? -2
            #expect(ids.firstIndex(of: first + 1) == position + 1)
        }
        #expect(committer.statistics.transactions == 2)
        #expect(committer.statistics.callers == 4)
        #expect(committer.statistics.operations == 7)
    }

    @Test("tells everybody of a group that failed, and nobody else")
    func tellsFaults() {
        let store = HeldStore()
        let committer = GroupCommitter(store: store)
        let leader = Caller(committer, [1])
        store.waitUntilEntered()
        let followers = [Caller(committer, [2]), Caller(committer, [3])]
        Self.waitForFollowers(committer, 2)
        store.release()
        #expect(leader.wait() == nil)
        store.waitUntilEntered()
        store.failNext(with: .storageFull("full"))
        store.release()
        #expect(followers.allSatisfy { $0.wait() == .storageFull("") })
        store.failNext(with: nil)
        let next = Caller(committer, [4])
        store.waitUntilEntered()
        store.release()
        #expect(next.wait() == nil)
        #expect(committer.statistics.failures == 1)
    }

    @Test("loses and doubles nothing when many threads commit at once")
    func survivesContention() throws {
        let store = InMemoryStore()
        let committer = GroupCommitter(store: store)
        let faults = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for number in 0..<500 {
                let id = UInt64(thread * 1000 + number)
                do {
                    try committer.commit([.presence(.putPublication(Samples.publication(id)))])
                    if number % 2 == 1 { try committer.commit([.presence(.removePublication(id))]) }
                } catch {
                    faults.withLock { $0 += 1 }
                }
            }
        }
        #expect(faults.withLock { $0 } == 0)
        #expect(try store.load().presence.publications.count == 8 * 250)
        #expect(committer.statistics.callers == 8 * 750)
        #expect(committer.statistics.operations == 8 * 750)
    }

    @Test("sorts sizes into classes by powers of two")
    func sizeClasses() {
        #expect([0, 1, 2, 3, 4, 7, 8, 1 << 20].map(GroupCommitter.Statistics.sizeClass) == [0, 1, 2, 2, 3, 3, 4, 15])
    }
}
