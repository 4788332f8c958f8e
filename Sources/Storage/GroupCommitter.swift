import Ground

/// Joins the commits of several threads into one transaction (leader and followers).
///
/// The first thread that comes becomes the leader and writes at once. Threads that come while it writes form the next
/// group and sleep; when the leader is done it wakes one of them, which writes for the whole group. A thread alone
/// never sleeps, wakes nobody and copies nothing: it pays for one uncontended lock.
package final class GroupCommitter: Sendable {
    /// How many operations and callers the transactions had.
    package struct Statistics: Hashable, Sendable {
        /// Transactions that were written.
        package var transactions: UInt64 = 0
        /// Calls of ``GroupCommitter/commit(_:)`` that they served.
        package var callers: UInt64 = 0
        /// Operations in them.
        package var operations: UInt64 = 0
        /// Transactions that failed.
        package var failures: UInt64 = 0
        /// Transactions by number of operations: entry n counts those with fewer than 2^n operations that entry n-1
        /// does not; the last entry counts all larger ones too.
        package var sizes: [UInt64] = Array(repeating: 0, count: 16)

        /// The entry of ``sizes`` for a number of operations.
        package static func sizeClass(of operations: Int) -> Int {
            min(Int.bitWidth - max(operations, 0).leadingZeroBitCount, 15)
        }

        fileprivate mutating func note(operations: Int, callers: Int, failed: Bool) {
            self.transactions &+= 1
            self.callers &+= UInt64(callers)
            self.operations &+= UInt64(operations)
            if failed { self.failures &+= 1 }
            self.sizes[Self.sizeClass(of: operations)] &+= 1
        }
    }

    /// Threads that wait to be written together, and what became of them. Touched under the lock, but for
    /// ``operations``, which its leader reads when nobody can join any more.
    private final class Group {
        var operations: [StoreOperation] = []
        var callers = 0
        /// Set by the leader before it, when it asks one of the group to lead.
        var mayLead = false
        var isDone = false
        var fault: Fault?
        let condition = Condition()
    }

    /// Who leads, and who waits.
    private struct State {
        var isLed = false
        var waiting: Group?
        var statistics = Statistics()
    }

    private let store: any Store
    private let lock = LockedValue(State())

    package init(store: any Store) { self.store = store }

    /// Writes the operations; durable when it returns. Blocks the calling thread.
    ///
    /// Operations of one call stay together and in order, and a call that begins after another one returned is
    /// written after it.
    /// - Throws: the fault of the transaction; then nothing of it is stored.
    package func commit(_ operations: [StoreOperation]) throws(Fault) {
        guard !operations.isEmpty else { return }
        self.lock.acquire()
        if !self.lock.value.isLed {
            self.lock.value.isLed = true
            self.lock.release()
            let fault = self.write(operations)
            self.finishLeading(operations: operations.count, callers: 1, fault: fault)
            if let fault { throw fault }
            return
        }
        let group = self.lock.value.waiting ?? Group()
        self.lock.value.waiting = group
        group.operations += operations
        group.callers += 1
        while !group.isDone && !group.mayLead { self.lock.wait(for: group.condition) }
        if group.isDone {
            self.lock.release()
            if let fault = group.fault { throw fault }
            return
        }
        group.mayLead = false
        self.lock.value.waiting = nil
        self.lock.release()

        let fault = self.write(group.operations)
        self.finishLeading(operations: group.operations.count, callers: group.callers, fault: fault, group: group)
        if let fault { throw fault }
    }

    private func write(_ operations: [StoreOperation]) -> Fault? {
        do {
            try self.store.commit(operations)
            return nil
        } catch {
            return error
        }
    }

    /// Hands the lead to the group that gathered meanwhile, and tells the own group.
    private func finishLeading(operations: Int, callers: Int, fault: Fault?, group: Group? = nil) {
        self.lock.acquire()
        self.lock.value.statistics.note(operations: operations, callers: callers, failed: fault != nil)
        if let next = self.lock.value.waiting {
            next.mayLead = true
            next.condition.signal()
        } else {
            self.lock.value.isLed = false
        }
        if let group {
            group.fault = fault
            group.isDone = true
            if group.callers > 1 { group.condition.broadcast() }
        }
        self.lock.release()
    }

    /// How many threads wait behind the one that writes.
    package var waitingCallers: Int {
        self.lock.acquire()
        defer { self.lock.release() }
        return self.lock.value.waiting?.callers ?? 0
    }

    /// The figures since the start.
    package var statistics: Statistics {
        self.lock.acquire()
        defer { self.lock.release() }
        return self.lock.value.statistics
    }
}
