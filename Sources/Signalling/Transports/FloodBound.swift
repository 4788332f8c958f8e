import Ground

/// Token buckets by source address, in a table of fixed size.
///
/// Each address has two places in the table, chosen by a hash that nobody outside can predict. It takes the one
/// that is its own, else one whose bucket is full, which therefore limits nobody; where both are in use by others,
/// it shares. So memory is bounded, the newcomer always fits, and only a source that collides with a flooder in both
/// places ever pays for another.
struct FloodBound {
    /// What one source may still send.
    private struct Bucket {
        var owner: IPAddress?
        var tokens: Double
        var filledAt: Int64
    }

    private let rate: Double
    private let burst: Double
    private let seed: UInt64
    private var buckets: [Bucket]

    /// - Parameter seed: unpredictable.
    init(_ bound: TransportConfiguration.FloodBound, seed: UInt64) {
        self.rate = Double(max(1, bound.messagesPerSecond)) / 1e9
        self.burst = Double(max(1, bound.burst))
        self.seed = seed
        self.buckets = Array(
            repeating: Bucket(owner: nil, tokens: self.burst, filledAt: 0), count: Limits.floodBuckets)
    }

    /// Takes a token for one message. False if the source has none left.
    mutating func allows(_ source: IPAddress, at now: Instant) -> Bool {
        let index = self.place(of: source, at: now)
        guard self.buckets[index].tokens >= 1 else { return false }
        self.buckets[index].tokens -= 1
        return true
    }

    /// Whether a message of the source would be allowed now.
    mutating func wouldAllow(_ source: IPAddress, at now: Instant) -> Bool {
        self.buckets[self.place(of: source, at: now)].tokens >= 1
    }

    private mutating func place(of source: IPAddress, at now: Instant) -> Int {
        let mixed = Self.mix(source.low ^ Self.mix(source.high ^ self.seed))
        let first = Int(truncatingIfNeeded: mixed & 0xFFFF_FFFF) % self.buckets.count
        let second = Int(truncatingIfNeeded: mixed &>> 32) % self.buckets.count
        if self.buckets[first].owner == source {
            self.fill(first, at: now)
            return first
        }
        if self.buckets[second].owner == source {
            self.fill(second, at: now)
            return second
        }
        self.fill(first, at: now)
        if self.buckets[first].tokens >= self.burst {
            self.buckets[first].owner = source
            return first
        }
        self.fill(second, at: now)
        if self.buckets[second].tokens >= self.burst {
            self.buckets[second].owner = source
            return second
        }
        return self.buckets[first].tokens >= self.buckets[second].tokens ? first : second
    }

    private mutating func fill(_ index: Int, at now: Instant) {
        let elapsed = now.nanoseconds &- self.buckets[index].filledAt
        guard elapsed > 0 else { return }
        self.buckets[index].filledAt = now.nanoseconds
        self.buckets[index].tokens = min(self.burst, self.buckets[index].tokens + Double(elapsed) * self.rate)
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var mixed = value &+ 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed &>> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed &>> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed &>> 31)
    }
}
