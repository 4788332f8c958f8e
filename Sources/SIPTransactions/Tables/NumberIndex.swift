/// Finds a slot by a 64-bit number: open addressing with linear probing, without tombstones.
///
/// The numbers must be hard to choose for a peer: random branches or keyed hashes.
struct NumberIndex: Sendable {
    /// A number and the slot under it; -1 where nothing stands. Side by side, so that a search touches one cache line.
    private struct Entry {
        var key: UInt64
        var slot: Int32
    }

    private var entries: [Entry]
    private var mask: Int
    private(set) var count = 0

    init() {
        self.entries = Array(repeating: Entry(key: 0, slot: -1), count: 64)
        self.mask = 63
    }

    @inline(__always)
    private static func home(_ key: UInt64, _ mask: Int) -> Int {
        Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) &>> 24) & mask
    }

    /// The slot under a number.
    func find(_ key: UInt64) -> Int32? {
        let mask = self.mask
        return self.entries.withUnsafeBufferPointer { entries in
            var place = Self.home(key, mask)
            while true {
                let entry = entries[place]
                if entry.slot < 0 { return nil }
                if entry.key == key { return entry.slot }
                place = (place &+ 1) & mask
            }
        }
    }

    /// Puts a slot under a number that is not there yet.
    mutating func insert(_ key: UInt64, slot: Int32) {
        if (self.count &+ 1) &* 4 > (self.mask &+ 1) &* 3 { self.grow() }
        self.place(Entry(key: key, slot: slot))
        self.count &+= 1
    }

    private mutating func place(_ entry: Entry) {
        let mask = self.mask
        self.entries.withUnsafeMutableBufferPointer { entries in
            var place = Self.home(entry.key, mask)
            while entries[place].slot >= 0 { place = (place &+ 1) & mask }
            entries[place] = entry
        }
    }

    private mutating func grow() {
        let old = self.entries
        let size = (self.mask &+ 1) &* 2
        self.entries = Array(repeating: Entry(key: 0, slot: -1), count: size)
        self.mask = size &- 1
        for entry in old where entry.slot >= 0 { self.place(entry) }
    }

    /// Takes a number out. Nothing happens if it is not there.
    mutating func remove(_ key: UInt64) {
        let mask = self.mask
        let isFound = self.entries.withUnsafeMutableBufferPointer { entries in
            var hole = Self.home(key, mask)
            while entries[hole].key != key || entries[hole].slot < 0 {
                if entries[hole].slot < 0 { return false }
                hole = (hole &+ 1) & mask
            }
            // Entries behind the hole that may stand there are moved into it, so that no search stops too early.
            var next = (hole &+ 1) & mask
            while entries[next].slot >= 0 {
                let distance = (next &- Self.home(entries[next].key, mask)) & mask
                if distance >= (next &- hole) & mask {
                    entries[hole] = entries[next]
                    hole = next
                }
                next = (next &+ 1) & mask
            }
            entries[hole].slot = -1
            return true
        }
        if isFound { self.count &-= 1 }
    }
}
