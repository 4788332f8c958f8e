package import Ground

/// Deadlines of things that live in slot tables: a heap of 16 bytes an entry, without an index from thing to entry.
///
/// A deadline that moves to a later time costs nothing: its owner leaves the old entry where it is, notices when it
/// comes up that it is too early, and sets a new one. An entry whose owner is gone is skipped. ``compact(keeping:)``
/// sweeps the forgotten ones out when they become many.
package struct LazyDeadlines: Sendable {
    /// What a deadline is of.
    package struct Entry: Hashable, Sendable {
        package let at: Instant
        /// A small number that the owner gives a meaning (0 to 3).
        package let kind: UInt8
        /// The place in the table of that kind (30 bits).
        package let place: UInt32
        /// The low 32 bits of the place's generation.
        package let generation: UInt32
    }

    /// A deadline in the heap; it may be out of date.
    private struct Node: Sendable {
        var at: Int64
        var name: UInt32
        var generation: UInt32
    }

    private var heap: [Node] = []
    private var countAfterSweep = 0

    package init() {}

    package var count: Int { self.heap.count }

    /// The earliest deadline.
    package var next: Instant? { self.heap.first.map { Instant(nanoseconds: $0.at) } }

    /// Adds a deadline.
    package mutating func set(at instant: Instant, kind: UInt8, place: UInt32, generation: UInt32) {
        precondition(kind < 4 && place < 1 << 30, "a deadline names one of four tables and 2^30 places")
        let node = Node(at: instant.nanoseconds, name: UInt32(kind) << 30 | place, generation: generation)
        var child = self.heap.count
        self.heap.append(node)
        self.heap.withUnsafeMutableBufferPointer { heap in
            while child > 0 {
                let parent = (child &- 1) &>> 1
                guard node.at < heap[parent].at else { break }
                heap[child] = heap[parent]
                child = parent
            }
            heap[child] = node
        }
    }

    /// Takes out the earliest entry that is not after `now`.
    package mutating func popDue(at now: Instant) -> Entry? {
        guard let first = self.heap.first, first.at <= now.nanoseconds else { return nil }
        let last = self.heap.removeLast()
        if !self.heap.isEmpty { self.sink(last, from: 0) }
        return Self.entry(first)
    }

    /// Whether so many entries came since the last sweep that another one is worth it.
    /// - Parameter live: how many things have a deadline.
    package func wantsCompaction(live: Int) -> Bool {
        self.heap.count > 2 * live + 1024 && self.heap.count > 2 * self.countAfterSweep
    }

    /// Drops the entries that their owners no longer want.
    package mutating func compact(keeping isWanted: (Entry) -> Bool) {
        var kept = self.heap.filter { isWanted(Self.entry($0)) }
        // A sorted array is a heap.
        kept.sort { $0.at < $1.at }
        self.heap = kept
        self.countAfterSweep = kept.count
    }

    private static func entry(_ node: Node) -> Entry {
        Entry(
            at: Instant(nanoseconds: node.at), kind: UInt8(node.name >> 30), place: node.name & 0x3FFF_FFFF,
            generation: node.generation)
    }

    private mutating func sink(_ node: Node, from start: Int) {
        var parent = start
        self.heap.withUnsafeMutableBufferPointer { heap in
            while true {
                var child = parent &* 2 &+ 1
                guard child < heap.count else { break }
                if child &+ 1 < heap.count, heap[child &+ 1].at < heap[child].at { child &+= 1 }
                guard heap[child].at < node.at else { break }
                heap[parent] = heap[child]
                parent = child
            }
            heap[parent] = node
        }
    }
}
