import Dispatch
import Ground
import Synchronization

/// Takes decisions from the shards and writes them to an ``AuditStore`` later, in batches, on a thread of its own.
///
/// Noting a decision costs a lock and a place in an array. A store that is slow or fails costs entries, never an answer.
package final class AuditLog<Fact: Sendable>: Sendable {
    /// How much is kept, and how much may wait.
    package struct Configuration: Hashable, Sendable {
        /// How long entries are kept.
        package var age: Duration = .seconds(30 * 86_400)
        /// How many entries are kept at most.
        package var count = 500_000
        /// How many decisions may wait to be written; those beyond it are dropped and counted.
        package var waiting = 65_536
        /// How long decisions wait for others to be written with.
        package var delay: Duration = .milliseconds(250)
        /// How often old entries are looked for.
        package var pruneInterval: Duration = .seconds(60)

        package init() {}
    }

    /// What became of the decisions since the start.
    package struct Statistics: Hashable, Sendable {
        package var written: UInt64 = 0
        /// Lost because too many waited.
        package var dropped: UInt64 = 0
        /// Lost because the store refused them.
        package var failed: UInt64 = 0
        package var pruned: UInt64 = 0
    }

    /// What waits, and what became of what waited.
    private struct State {
        var waiting: [(time: Instant, fact: Fact)] = []
        var isScheduled = false
        var isClosed = false
        var nextPrune = Instant.zero
        var statistics = Statistics()
    }

    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "audit", qos: .utility)
    private let store: any AuditStore
    private let configuration: Configuration
    private let describe: @Sendable (Fact, Instant) -> AuditEntry
    private let failed: @Sendable (Fault) -> Void

    /// - Parameters:
    ///   - describe: makes the entry of a decision, on the thread that writes.
    ///   - failed: told when a batch could not be written.
    package init(
        store: any AuditStore, configuration: Configuration = Configuration(),
        describe: @escaping @Sendable (Fact, Instant) -> AuditEntry,
        failed: @escaping @Sendable (Fault) -> Void = { _ in }
    ) {
        self.store = store
        self.configuration = configuration
        self.describe = describe
        self.failed = failed
    }

    /// Notes a decision. It is in the store some ``Configuration/delay`` later.
    package func note(_ fact: Fact, at now: Instant) {
        let mustSchedule = self.state.withLock { state -> Bool in
            guard !state.isClosed, state.waiting.count < self.configuration.waiting else {
                state.statistics.dropped &+= 1
                return false
            }
            state.waiting.append((now, fact))
            guard !state.isScheduled else { return false }
            state.isScheduled = true
            return true
        }
        guard mustSchedule else { return }
        self.queue.asyncAfter(deadline: .now() + .nanoseconds(Int(clamping: self.configuration.delay.wholeNanoseconds)))
        {
            self.write()
        }
    }

    /// Writes what waits now.
    package func flush() { self.queue.sync { self.write() } }

    /// The entries that a query asks for, the latest first, with all that was noted before.
    package func entries(_ query: AuditQuery) async throws -> [AuditEntry] {
        try await withCheckedThrowingContinuation { continuation in
            self.queue.async {
                self.write()
                continuation.resume(with: Result { try self.store.entries(query) })
            }
        }
    }

    /// What became of the decisions so far.
    package var statistics: Statistics { self.state.withLock { $0.statistics } }

    /// Writes what waits, and closes the store. What is noted later is dropped.
    package func close() {
        self.state.withLock { $0.isClosed = true }
        self.queue.sync {
            self.write()
            self.store.close()
        }
    }

    /// On the queue only.
    private func write() {
        let batch = self.state.withLock { state -> [(time: Instant, fact: Fact)] in
            var batch: [(time: Instant, fact: Fact)] = []
            swap(&batch, &state.waiting)
            state.isScheduled = false
            return batch
        }
        guard let last = batch.last else { return }
        do throws(Fault) {
            try self.store.append(batch.map { self.describe($0.fact, $0.time) })
            self.state.withLock { $0.statistics.written &+= UInt64(batch.count) }
        } catch {
            self.state.withLock { $0.statistics.failed &+= UInt64(batch.count) }
            self.failed(error)
            return
        }
        self.prune(at: last.time)
    }

    private func prune(at now: Instant) {
        guard now >= self.state.withLock({ $0.nextPrune }) else { return }
        self.state.withLock { $0.nextPrune = now + self.configuration.pruneInterval }
        do throws(Fault) {
            let removed = try self.store.prune(
                before: now - self.configuration.age, keeping: self.configuration.count)
            self.state.withLock { $0.statistics.pruned &+= UInt64(removed) }
        } catch {
            self.failed(error)
        }
    }
}
