/// Many deadlines, of which the earliest matters: a binary heap with positions, so that a deadline can be moved or
/// taken back in logarithmic time.
///
/// A key stands in the queue at most once.
package struct DeadlineQueue<Key: Hashable & Sendable>: Sendable {
    /// A key and when it is due.
    @usableFromInline
    struct Entry {
        @usableFromInline var at: Instant
        var key: Key
    }

    @usableFromInline var heap: [Entry] = []
    private var positions: [Key: Int] = [:]

    package init() {}

    package var count: Int { self.heap.count }
    package var isEmpty: Bool { self.heap.isEmpty }

    /// The earliest deadline. It is asked for in every turn, so other rooms see through it: a generic type of another
    /// room is otherwise looked up at run time each time.
    @inlinable package var next: Instant? { self.heap.isEmpty ? nil : self.heap[0].at }

    /// Sets the deadline of a key, replacing an earlier one.
    package mutating func set(_ key: Key, at instant: Instant) {
        if let position = self.positions[key] {
            let before = self.heap[position].at
            self.heap[position].at = instant
            if instant < before { self.siftUp(position) } else { self.siftDown(position) }
            return
        }
        self.heap.append(Entry(at: instant, key: key))
        self.positions[key] = self.heap.count - 1
        self.siftUp(self.heap.count - 1)
    }

    /// The deadline of a key, if it has one.
    package func deadline(of key: Key) -> Instant? { self.positions[key].map { self.heap[$0].at } }

    /// Takes a key's deadline back. Nothing happens if it has none.
    package mutating func remove(_ key: Key) {
        guard let position = self.positions.removeValue(forKey: key) else { return }
        let last = self.heap.removeLast()
        guard position < self.heap.count else { return }
        self.heap[position] = last
        self.positions[last.key] = position
        self.siftUp(position)
        self.siftDown(self.positions[last.key] ?? position)
    }

    /// Takes out the earliest key whose deadline is not after `now`.
    package mutating func popDue(at now: Instant) -> Key? {
        guard let first = self.heap.first, first.at <= now else { return nil }
        self.remove(first.key)
        return first.key
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        let entry = self.heap[child]
        while child > 0 {
            let parent = (child - 1) / 2
            guard entry.at < self.heap[parent].at else { break }
            self.heap[child] = self.heap[parent]
            self.positions[self.heap[child].key] = child
            child = parent
        }
        self.heap[child] = entry
        self.positions[entry.key] = child
    }

    private mutating func siftDown(_ start: Int) {
        var parent = start
        let entry = self.heap[parent]
        while true {
            var child = parent * 2 + 1
            guard child < self.heap.count else { break }
            if child + 1 < self.heap.count, self.heap[child + 1].at < self.heap[child].at { child += 1 }
            guard self.heap[child].at < entry.at else { break }
            self.heap[parent] = self.heap[child]
            self.positions[self.heap[parent].key] = parent
            parent = child
        }
        self.heap[parent] = entry
        self.positions[entry.key] = parent
    }
}

/// Deadlines that all lie the same time ahead: a queue in order of arrival, which costs no search at all.
///
/// A key that is no longer wanted is left where it is and skipped by its owner when it comes up.
package struct FixedDelayQueue<Key: Sendable>: Sendable {
    package let delay: Duration
    private let nanoseconds: Int64
    private var entries: [(at: Instant, key: Key)] = []
    private var head = 0

    package init(delay: Duration) {
        self.delay = delay
        self.nanoseconds = delay.wholeNanoseconds
    }

    package var count: Int { self.entries.count - self.head }

    /// The earliest deadline.
    package var next: Instant? { self.head < self.entries.count ? self.entries[self.head].at : nil }

    /// Adds a key, due ``delay`` from now. `now` must not run backwards between calls.
    package mutating func append(_ key: Key, at now: Instant) {
        self.entries.append((Instant(nanoseconds: now.nanoseconds &+ self.nanoseconds), key))
    }

    /// Takes out the earliest key whose deadline is not after `now`.
    package mutating func popDue(at now: Instant) -> Key? {
        guard self.head < self.entries.count, self.entries[self.head].at <= now else { return nil }
        let key = self.entries[self.head].key
        self.head += 1
        if self.head > 1024, self.head * 2 > self.entries.count {
            self.entries.removeFirst(self.head)
            self.head = 0
        }
        return key
    }
}
