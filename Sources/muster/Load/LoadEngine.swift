import Ground

/// The load generator: presentities, subscriptions and operations in flight, on one thread.
///
/// An operation is complete only when all that it must cause has arrived: the 200 and, with watchers, the NOTIFY with
/// the new state at every one of them. Each operation is a true transaction with the retransmissions of RFC 3261
/// §17.1.2, and a repeated NOTIFY is recognised by its CSeq.
final class LoadEngine {
    /// A presentity and its publication.
    struct Presentity {
        var entityTag: [UInt8] = []
        var version = 0
        var sequence = 0
        /// Watchers that do not yet know the last state.
        var remaining = 0
        /// The operation in flight, or -1.
        var operation = -1
    }

    /// A subscription as its watcher sees it.
    struct Subscription {
        var presentity = 0
        var tag: [UInt8] = []
        var target: [UInt8] = []
        var sequence = 0
        var notifySequence = 0
        var version = 0
        /// The operation in flight, or -1.
        var operation = -1
    }

    /// What an operation does.
    enum Kind {
        case publish, subscribe, refresh, fetch, unsubscribe
    }

    /// An operation in flight. It owns one client transaction.
    struct Operation {
        var kind = Kind.publish
        var isUsed = false
        var isAnswered = false
        var awaitsNotify = false
        /// Tells this use of the slot from earlier ones, in the branch.
        var generation = 0
        var index = 0
        var startedAt: UInt64 = 0
        var retransmitAt: UInt64 = 0
        var interval: UInt64 = 0
        var length = 0
    }

    let plan: LoadPlan
    let link: any LoadLink
    let names: LoadNames
    var presentities: [Presentity]
    var subscriptions: [Subscription] = []
    var operations: [Operation]
    var freeOperations: [Int]
    let buffers: UnsafeMutablePointer<UInt8>
    let responseBuffer: UnsafeMutablePointer<UInt8>
    let capacity: Int
    var generation = 0
    var inFlight = 0
    var statistics = LoadStatistics()
    /// Watchers of each presentity in the phase that runs: none while the stage is set.
    var watchers = 0
    /// Whether a subscription waits for a NOTIFY with state.
    var expectsState: Bool
    /// Where the search for an idle presentity goes on.
    var cursor = 0
    private var nextScan: UInt64 = 0
    /// When the whole run must have ended.
    let end: UInt64

    init(plan: LoadPlan, link: any LoadLink, runID: String) {
        var plan = plan
        if plan.mode == .publishInitial { plan.presentities = max(plan.presentities, plan.operations) }
        self.plan = plan
        self.link = link
        self.names = LoadNames(plan: plan, runID: runID)
        self.presentities = Array(repeating: Presentity(), count: plan.presentities)
        self.capacity = max(plan.window, plan.setUpWindow) + 8
        self.operations = Array(repeating: Operation(), count: self.capacity)
        self.freeOperations = Array((0..<self.capacity).reversed())
        self.buffers = .allocate(capacity: self.capacity * LoadPacket.capacity)
        self.responseBuffer = .allocate(capacity: LoadPacket.capacity)
        self.expectsState = plan.prePublish
        self.end = LoadClock.now + UInt64(plan.maximumTime * 1_000_000)
    }

    deinit {
        self.buffers.deallocate()
        self.responseBuffer.deallocate()
    }

    /// Whether the time for the whole run is over.
    var isOverdue: Bool { LoadClock.now >= self.end }

    /// Takes a free slot; nil while all are in use.
    func newOperation(_ kind: Kind, index: Int) -> Int? {
        guard let slot = self.freeOperations.popLast() else { return nil }
        self.generation += 1
        self.operations[slot] = Operation(kind: kind, isUsed: true, generation: self.generation, index: index)
        self.inFlight += 1
        return slot
    }

    /// Sends the request that was built in the slot's buffer.
    func begin(_ slot: Int, length: Int) {
        let now = LoadClock.now
        let interval = UInt64(self.plan.t1) * 1000
        self.operations[slot].length = length
        self.operations[slot].startedAt = now
        self.operations[slot].interval = interval
        self.operations[slot].retransmitAt = self.link.isReliable ? .max : now + interval
        self.statistics.started += 1
        self.link.send(self.buffers + slot * LoadPacket.capacity, count: length, to: .target)
    }

    func buffer(of slot: Int) -> UnsafeMutablePointer<UInt8> { self.buffers + slot * LoadPacket.capacity }

    private func free(_ slot: Int) {
        let operation = self.operations[slot]
        if operation.kind == .publish {
            self.presentities[operation.index].operation = -1
        } else {
            self.subscriptions[operation.index].operation = -1
        }
        self.operations[slot].isUsed = false
        self.inFlight -= 1
        self.freeOperations.append(slot)
    }

    /// Ends an operation that has all it waited for.
    func completeIfDone(_ slot: Int) {
        guard self.operations[slot].isAnswered, !self.operations[slot].awaitsNotify else { return }
        self.statistics.done += 1
        self.free(slot)
    }

    func fail(_ slot: Int) {
        self.statistics.errors += 1
        self.free(slot)
    }

    /// Reads what has arrived, sends what is due, and waits at most that long if there was nothing to read.
    func pump(microseconds: Int) {
        self.link.flush()
        let now = LoadClock.now
        let count = self.link.receive { bytes, count, peer in self.received(bytes, count: count, from: peer) }
        self.link.flush()
        if now >= self.nextScan {
            self.nextScan = now + 20_000
            self.checkTimers(at: now)
            self.link.flush()
        }
        if count == 0, microseconds > 0 { self.link.wait(microseconds: microseconds) }
    }

    /// Timers E and F of RFC 3261 §17.1.2.2 and the bound of the operation as a whole.
    private func checkTimers(at now: UInt64) {
        let timerF = UInt64(self.plan.timerF * 1_000_000)
        let timeout = UInt64(self.plan.operationTimeout * 1_000_000)
        for slot in self.operations.indices where self.operations[slot].isUsed {
            let operation = self.operations[slot]
            if !operation.isAnswered, now >= operation.retransmitAt {
                self.link.send(self.buffer(of: slot), count: operation.length, to: .target)
                self.statistics.retransmissions += 1
                let interval = min(operation.interval * 2, 4_000_000)
                self.operations[slot].interval = interval
                self.operations[slot].retransmitAt = now + interval
            }
            let age = now - min(now, operation.startedAt)
            if age >= timeout || (!operation.isAnswered && age >= timerF) {
                self.statistics.timeouts += 1
                self.fail(slot)
            }
        }
    }
}
