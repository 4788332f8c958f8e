internal import Ground

/// Timers that all run equally long: a ring in the order of their start.
///
/// It does what Ground's `FixedDelayQueue` does, but for one type of key: this is the hottest place of the layer, and a
/// generic type of another module is not specialised here.
struct TimerQueue: Sendable {
    /// A timer and when it fires.
    private struct Entry {
        var at: Int64
        var key: TimerKey
    }

    private let delay: Int64
    private var entries: [Entry] = []
    private var head = 0

    init(delay: Duration) { self.delay = max(0, delay.wholeNanoseconds) }

    /// How many wait, wanted or not.
    var count: Int { self.entries.count &- self.head }

    /// When the first is due, in nanoseconds; the largest number if none waits.
    @inline(__always)
    var next: Int64 { self.head < self.entries.count ? self.entries[self.head].at : .max }

    /// Starts a timer. `now` must not run backwards between calls.
    mutating func append(_ key: TimerKey, at now: Instant) {
        self.entries.append(Entry(at: now.nanoseconds &+ self.delay, key: key))
    }

    /// Takes out the first timer that is not due after `now`.
    mutating func popDue(at now: Instant) -> TimerKey? {
        guard self.head < self.entries.count, self.entries[self.head].at <= now.nanoseconds else { return nil }
        let key = self.entries[self.head].key
        self.head &+= 1
        if self.head == self.entries.count {
            self.entries.removeAll(keepingCapacity: self.head <= 4096)
            self.head = 0
        } else if self.head > 1024, self.head &* 2 > self.entries.count {
            self.entries.removeFirst(self.head)
            self.head = 0
        }
        return key
    }
}
