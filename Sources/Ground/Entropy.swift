import Synchronization

/// Where a core takes its chance from: branches, tags, nonces, entity tags.
///
/// The shell gives the operating system's generator, tests give a seed, so that a run can be repeated.
package struct Entropy: Sendable {
    private let refill: @Sendable (_ count: Int) -> [UInt8]
    private var pool: [UInt8] = []
    private var position = 0

    /// - Parameter refill: makes that many unpredictable bytes.
    package init(refill: @escaping @Sendable (_ count: Int) -> [UInt8]) {
        self.refill = refill
    }

    /// A repeatable sequence (SplitMix64) for tests and simulation. Not for production: it can be predicted.
    package static func seeded(_ seed: UInt64) -> Entropy {
        let state = SeededState(seed)
        return Entropy { count in state.bytes(count) }
    }

    /// The next 64 bits.
    package mutating func next() -> UInt64 {
        if self.position &+ 8 > self.pool.count {
            self.pool = self.refill(4096)
            precondition(self.pool.count >= 8, "an entropy source gives as many bytes as it is asked for")
            self.position = 0
        }
        let value = self.pool.withUnsafeBytes { pool in
            UInt64(bigEndian: pool.loadUnaligned(fromByteOffset: self.position, as: UInt64.self))
        }
        self.position &+= 8
        return value
    }

    /// A number below a bound, without a bias that matters (below 2^-32 for bounds below 2^32).
    package mutating func next(below bound: UInt64) -> UInt64 {
        precondition(bound > 0, "a bound of zero has no number below it")
        return self.next() % bound
    }

    /// A token of 16 lower-case hexadecimal digits (64 bits).
    package mutating func token() -> [UInt8] {
        var token: [UInt8] = []
        token.reserveCapacity(16)
        token.append(hex: self.next())
        return token
    }
}

/// The state behind ``Entropy/seeded(_:)``: each pool is made from the seed and the number of the pool, so that
/// copies of an Entropy stay deterministic too.
private final class SeededState: Sendable {
    private let seed: UInt64

    init(_ seed: UInt64) { self.seed = seed }

    func bytes(_ count: Int) -> [UInt8] {
        self.lock.withLock { state in
            var bytes: [UInt8] = []
            bytes.reserveCapacity(count)
            while bytes.count < count {
                state &+= 0x9E37_79B9_7F4A_7C15
                var mixed = state ^ self.seed
                mixed = (mixed ^ (mixed &>> 30)) &* 0xBF58_476D_1CE4_E5B9
                mixed = (mixed ^ (mixed &>> 27)) &* 0x94D0_49BB_1331_11EB
                mixed ^= mixed &>> 31
                for shift in stride(from: 56, through: 0, by: -8) where bytes.count < count {
                    bytes.append(UInt8(truncatingIfNeeded: mixed &>> UInt64(shift)))
                }
            }
            return bytes
        }
    }

    private let lock = Mutex<UInt64>(0)
}
