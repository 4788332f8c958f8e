/// Finds a slot by a 64-bit number: open addressing with linear probing, without tombstones.
///
/// The numbers must be hard to choose for a peer: random branches or keyed hashes.
struct NumberIndex: Sendable {
    private var keys: [UInt64]
    /// The slot under the key at the same place; -1 where there is none.
    private var slots: [Int32]
    private var mask: Int
    private(set) var count = 0

    init() {
        self.keys = Array(repeating: 0, count: 64)
        self.slots = Array(repeating: -1, count: 64)
        self.mask = 63
    }

    @inline(__always)
    private func home(_ key: UInt64) -> Int {
        Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) &>> 24) & self.mask
    }

    /// The slot under a number.
    func find(_ key: UInt64) -> Int32? {
        var place = self.home(key)
        while true {
            let slot = self.slots[place]
            if slot < 0 { return nil }
            if self.keys[place] == key { return slot }
            place = (place &+ 1) & self.mask
        }
    }

    /// Puts a slot under a number that is not there yet.
    mutating func insert(_ key: UInt64, slot: Int32) {
        if (self.count &+ 1) &* 4 > (self.mask &+ 1) &* 3 { self.grow() }
        self.place(key, slot)
        self.count &+= 1
    }

    private mutating func place(_ key: UInt64, _ slot: Int32) {
        var place = self.home(key)
        while self.slots[place] >= 0 { place = (place &+ 1) & self.mask }
        self.keys[place] = key
        self.slots[place] = slot
    }

    private mutating func grow() {
        let oldKeys = self.keys
        let oldSlots = self.slots
        let size = (self.mask &+ 1) &* 2
        self.keys = Array(repeating: 0, count: size)
        self.slots = Array(repeating: -1, count: size)
        self.mask = size &- 1
        for index in oldSlots.indices where oldSlots[index] >= 0 { self.place(oldKeys[index], oldSlots[index]) }
    }

    /// Takes a number out. Nothing happens if it is not there.
    mutating func remove(_ key: UInt64) {
        var hole = self.home(key)
        while true {
            if self.slots[hole] < 0 { return }
            if self.keys[hole] == key { break }
            hole = (hole &+ 1) & self.mask
        }
        self.count &-= 1
        // Entries behind the hole that may stand there are moved into it, so that no search stops too early.
        var next = (hole &+ 1) & self.mask
        while self.slots[next] >= 0 {
            let distance = (next &- self.home(self.keys[next])) & self.mask
            if distance >= (next &- hole) & self.mask {
                self.keys[hole] = self.keys[next]
                self.slots[hole] = self.slots[next]
                hole = next
            }
            next = (next &+ 1) & self.mask
        }
        self.slots[hole] = -1
    }
}
