internal import Ground
internal import SIPWire

/// A place in the table of client transactions. Places are used again.
final class ClientSlot {
    /// How far the cancelling of an INVITE has come.
    enum Cancellation {
        case none
        /// The user wants to cancel, but no provisional response is there yet (RFC 3261 §9.1).
        case wanted
        case sent
    }

    /// The machine of every method but INVITE; `terminated` where an INVITE or nobody lives here.
    var nonInvite: NonInviteClientTransaction = .terminated
    /// The machine of an INVITE.
    var invite: MachineBox<InviteClientTransaction>?
    /// What the user calls the transaction; nil for our own CANCEL and for an attempt that another has replaced.
    var user: ClientTransactionID?
    /// The number in the branch; for a CANCEL what stands for it in the index.
    var number: UInt64 = 0
    var method: Method = .options
    var plan: AttemptPlan?
    var cancellation = Cancellation.none
    /// Neighbours in the list of those that wait for the same peer; -1 at an end.
    fileprivate var previous: Int32 = -1
    fileprivate var next: Int32 = -1
    /// The list that the slot stands in; -1 if in none.
    fileprivate var list = -1

    /// The way of a request that waits for its final response.
    var pendingPath: Path? {
        if let invite { return invite.machine.attempt?.path }
        return self.nonInvite.path
    }
}

/// The client transactions of a layer: found by the number in their branch, and by the peer they wait for.
struct ClientTable {
    private var slots: [ClientSlot] = []
    /// As in ``ServerTable``.
    private var lives: [UInt32] = []
    private var vacant: [Int32] = []
    private var index = NumberIndex()
    /// First places of the lists of those that wait for the same peers, by a hash of the peer's address.
    private var lists: [Int32] = Array(repeating: -1, count: 4096)
    /// Transactions that wait for their final response, and all INVITEs.
    private(set) var pendingCount = 0
    /// Finished non-INVITE transactions.
    private(set) var completedCount = 0

    /// All transactions.
    var count: Int { self.index.count }

    subscript(_ place: Int32) -> ClientSlot { self.slots[Int(place)] }

    func find(_ number: UInt64) -> Int32? { self.index.find(number) }
    func life(of place: Int32) -> UInt32 { self.lives[Int(place)] }
    func isCurrent(_ key: TimerKey) -> Bool { self.lives[Int(key.slot)] & 0xFF_FFFF == key.life }

    /// Makes room for a transaction. The caller puts the machine in.
    mutating func insert(number: UInt64, method: Method, user: ClientTransactionID?, path: Path) -> Int32 {
        let place: Int32
        if let used = self.vacant.popLast() {
            place = used
        } else {
            place = Int32(truncatingIfNeeded: self.slots.count)
            self.slots.append(ClientSlot())
            self.lives.append(0)
        }
        let slot = self.slots[Int(place)]
        slot.number = number
        slot.method = method
        slot.user = user
        self.index.insert(number, slot: place)
        self.pendingCount &+= 1
        self.link(place, slot, list: Self.list(of: path))
        return place
    }

    /// A non-INVITE transaction has its final response: the timers of its first part are void.
    mutating func completed(_ place: Int32) {
        self.lives[Int(place)] &+= 1
        self.pendingCount &-= 1
        self.completedCount &+= 1
        let slot = self.slots[Int(place)]
        slot.plan = nil
        self.unlink(slot)
    }

    /// Ends a transaction.
    mutating func remove(_ place: Int32, wasCompleted: Bool) {
        let slot = self.slots[Int(place)]
        self.index.remove(slot.number)
        self.unlink(slot)
        slot.nonInvite = .terminated
        slot.invite = nil
        slot.plan = nil
        slot.user = nil
        slot.cancellation = .none
        self.lives[Int(place)] &+= 1
        self.vacant.append(place)
        if wasCompleted { self.completedCount &-= 1 } else { self.pendingCount &-= 1 }
    }

    /// The places whose request waits for an answer from the peer of a path.
    func waiting(for path: Path) -> [Int32] {
        var found: [Int32] = []
        var place = self.lists[Self.list(of: path)]
        while place >= 0 {
            let slot = self.slots[Int(place)]
            if let mine = slot.pendingPath, Self.fails(mine, with: path) { found.append(place) }
            place = slot.next
        }
        return found
    }

    /// Whether what befell one path concerns another: the same connection, or the same peer over the same transport.
    private static func fails(_ mine: Path, with failed: Path) -> Bool {
        guard mine.transport == failed.transport, mine.remote == failed.remote else { return false }
        if case .flow(let left) = mine, case .flow(let right) = failed, left.transport.isReliable {
            return left.connection == right.connection
        }
        return true
    }

    @inline(__always)
    private static func list(of path: Path) -> Int {
        let remote = path.remote
        let mixed =
            (remote.address.high ^ remote.address.low &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(remote.port))
            &* 0xBF58_476D_1CE4_E5B9
        return Int(truncatingIfNeeded: mixed &>> 52)
    }

    private mutating func link(_ place: Int32, _ slot: ClientSlot, list: Int) {
        let first = self.lists[list]
        slot.list = list
        slot.previous = -1
        slot.next = first
        if first >= 0 { self.slots[Int(first)].previous = place }
        self.lists[list] = place
    }

    private mutating func unlink(_ slot: ClientSlot) {
        guard slot.list >= 0 else { return }
        if slot.previous >= 0 {
            self.slots[Int(slot.previous)].next = slot.next
        } else {
            self.lists[slot.list] = slot.next
        }
        if slot.next >= 0 { self.slots[Int(slot.next)].previous = slot.previous }
        slot.list = -1
        slot.previous = -1
        slot.next = -1
    }
}
