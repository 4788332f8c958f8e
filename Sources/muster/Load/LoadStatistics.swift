/// What a phase counted.
struct LoadStatistics {
    var started = 0
    var done = 0
    var errors = 0
    var timeouts = 0
    var retransmissions = 0
    var notifies = 0
    var repeatedNotifies = 0
    var lateResponses = 0
    var notifyBytes = 0
    var emptyNotifies = 0
    var foreignNotifies = 0
    var packetsReceived = 0
    /// Final responses by status.
    var statuses = [Int](repeating: 0, count: 700)
    /// Microseconds from the request to its final response.
    var finalResponse = LatencySample()
    /// Microseconds from the request to the last NOTIFY that belongs to it.
    var lastNotify = LatencySample()
    /// Microseconds from the request to each NOTIFY that it caused.
    var eachNotify = LatencySample()
}

/// Durations in microseconds, kept to be sorted at the end.
struct LatencySample {
    private var values: [UInt32] = []

    var isEmpty: Bool { self.values.isEmpty }

    @inline(__always)
    mutating func add(_ microseconds: UInt64) { self.values.append(UInt32(clamping: microseconds)) }

    /// The figures of the sample; nil if it is empty.
    func summary() -> Summary? {
        guard let largest = self.values.max() else { return nil }
        let sorted = self.values.sorted()
        return Summary(
            count: sorted.count, p50: sorted[sorted.count / 2], p90: sorted[sorted.count * 9 / 10],
            p99: sorted[sorted.count * 99 / 100], maximum: largest)
    }

    /// Percentiles, in microseconds.
    struct Summary: Equatable {
        var count: Int
        var p50: UInt32
        var p90: UInt32
        var p99: UInt32
        var maximum: UInt32
    }
}
