internal import Ground

/// The server transactions of a layer: found by the keyed hash of their key.
struct ServerTable {
    private var slots: [ServerSlot] = []
    /// Which tenant of a slot, or which part of its life, a timer was set for. Stands beside the slots, so that
    /// timers that are no longer wanted are recognised without touching the slot.
    private var lives: [UInt32] = []
    private var vacant: [Int32] = []
    private var index = NumberIndex()
    private var merges = NumberIndex()
    /// Transactions that wait for their answer, and all INVITEs.
    private(set) var pendingCount = 0
    /// Answered non-INVITE transactions.
    private(set) var completedCount = 0

    /// All transactions.
    var count: Int { self.index.count }

    subscript(_ place: Int32) -> ServerSlot { self.slots[Int(place)] }

    /// The place of the transaction under a number.
    func find(_ number: UInt64) -> Int32? { self.index.find(number) }

    /// The place of the transaction that a merged request would belong to.
    func findMerged(_ number: UInt64) -> Int32? { self.merges.find(number) }

    func life(of place: Int32) -> UInt32 { self.lives[Int(place)] }

    /// Whether a timer is still wanted.
    func isCurrent(_ key: TimerKey) -> Bool { self.lives[Int(key.slot)] & 0xFF_FFFF == key.life }

    /// Makes room for a transaction. The caller puts the machine in.
    mutating func insert(key: [UInt8], number: UInt64, mergeNumber: UInt64) -> Int32 {
        let place: Int32
        if let used = self.vacant.popLast() {
            place = used
        } else {
            place = Int32(truncatingIfNeeded: self.slots.count)
            self.slots.append(ServerSlot())
            self.lives.append(0)
        }
        let slot = self.slots[Int(place)]
        slot.key = key
        slot.number = number
        self.index.insert(number, slot: place)
        if mergeNumber != 0, self.merges.find(mergeNumber) == nil {
            slot.mergeNumber = mergeNumber
            self.merges.insert(mergeNumber, slot: place)
        }
        self.pendingCount &+= 1
        return place
    }

    /// A non-INVITE transaction was answered: the timers of its first part are void.
    mutating func completed(_ place: Int32) {
        self.lives[Int(place)] &+= 1
        self.pendingCount &-= 1
        self.completedCount &+= 1
    }

    /// The transaction no longer stands for the requests that are merged with it.
    mutating func forgetMerge(_ place: Int32) {
        let slot = self.slots[Int(place)]
        guard slot.mergeNumber != 0 else { return }
        self.merges.remove(slot.mergeNumber)
        slot.mergeNumber = 0
    }

    /// Ends a transaction.
    mutating func remove(_ place: Int32, wasCompleted: Bool) {
        let slot = self.slots[Int(place)]
        self.index.remove(slot.number)
        self.forgetMerge(place)
        slot.nonInvite = .terminated
        slot.invite = nil
        slot.key = []
        self.lives[Int(place)] &+= 1
        self.vacant.append(place)
        if wasCompleted { self.completedCount &-= 1 } else { self.pendingCount &-= 1 }
    }
}
