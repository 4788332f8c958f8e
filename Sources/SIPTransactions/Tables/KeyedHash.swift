internal import Ground

/// A 64-bit hash under a secret: a peer that chooses what is hashed cannot choose where it lands.
///
/// Words are folded through full multiplications with secret operands, as wyhash does; the secret comes from the
/// layer's Entropy, so that a run can be repeated.
struct KeyedHash: Sendable {
    private let first: UInt64
    private let second: UInt64

    init(entropy: inout Entropy) {
        // Odd operands cannot be zero, which would wipe out what they are multiplied with.
        self.first = entropy.next() | 1
        self.second = entropy.next() | 1
    }

    @inline(__always)
    private static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }

    /// The hash of some bytes, on top of an earlier hash. The result is never zero.
    @inline(__always)
    func hash(_ bytes: UnsafeRawBufferPointer, on start: UInt64 = 0) -> UInt64 {
        var state = start ^ self.first
        var offset = 0
        let count = bytes.count
        while offset &+ 16 <= count {
            let left = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let right = bytes.loadUnaligned(fromByteOffset: offset &+ 8, as: UInt64.self)
            state = Self.fold(left ^ self.second, right ^ state)
            offset &+= 16
        }
        var left: UInt64 = 0
        var right: UInt64 = 0
        if offset &+ 8 <= count {
            left = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            offset &+= 8
        }
        while offset < count {
            right = right &<< 8 | UInt64(bytes[offset])
            offset &+= 1
        }
        state = Self.fold(left ^ self.second, right ^ state)
        return max(1, Self.fold(state ^ self.second, UInt64(truncatingIfNeeded: count) ^ self.first))
    }

    /// The hash of some bytes, on top of an earlier hash.
    @inline(__always)
    func hash(_ octets: Octets, on start: UInt64 = 0) -> UInt64 {
        octets.withUnsafeBytes { self.hash($0, on: start) }
    }

    /// A number folded into an earlier hash. The result is never zero.
    @inline(__always)
    func hash(_ number: UInt64, on start: UInt64) -> UInt64 {
        max(1, Self.fold(start ^ self.first, number ^ self.second))
    }
}
