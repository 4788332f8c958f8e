package import Ground

/// The entity tag of a publication (RFC 3903 §5): 64 bits of chance and a count, so that none is ever used twice,
/// also not after a restart.
package struct EntityTag: Hashable, Sendable {
    private let chance: UInt64
    private let count: UInt32

    /// Draws tags. One source serves all publications of a compositor.
    package struct Source: Sendable {
        private var count: UInt32 = 0

        package init() {}

        /// A tag that was never given before.
        package mutating func next(_ entropy: inout Entropy) -> EntityTag {
            self.count &+= 1
            return EntityTag(chance: entropy.next(), count: self.count)
        }
    }

    /// A tag that is never given.
    package static let none = EntityTag(chance: 0, count: 0)

    private init(chance: UInt64, count: UInt32) {
        self.chance = chance
        self.count = count
    }

    /// Reads what ``bytes`` wrote. Nil for every other tag: it is unknown here.
    package init?(_ text: Octets) {
        guard text.count == 24, let chance = HexadecimalDigits.number(text.prefix(16)),
            let count = HexadecimalDigits.number(text.suffix(8))
        else { return nil }
        self.chance = chance
        self.count = UInt32(truncatingIfNeeded: count)
    }

    /// The token: 24 hexadecimal digits.
    package var bytes: [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(32)
        text.append(hex: self.chance)
        text.append(hex: UInt64(self.count), digits: 8)
        return text
    }
}

/// Reads the hexadecimal digits of tags.
enum HexadecimalDigits {
    /// The number that up to 16 digits are. Only lower-case ones count: tags are compared byte by byte (RFC 3903 §6).
    static func number(_ digits: Octets) -> UInt64? {
        digits.withUnsafeBufferPointer { digits in
            var value: UInt64 = 0
            for digit in digits {
                let isDecimal = digit &- 0x30 < 10
                guard isDecimal || digit &- 0x61 < 6 else { return nil }
                value = value &<< 4 | UInt64(isDecimal ? digit &- 0x30 : digit &- 0x57)
            }
            return value
        }
    }
}

/// The entity tag of notified state (RFC 5839 §4): made of the content itself.
///
/// Equal content gives the equal tag, in every view, dialog and process, so that a watcher can come back with its tag
/// after a restart and after a new subscription, and nothing needs to be remembered.
package struct ContentTag: Hashable, Sendable {
    /// Never zero; zero means "nothing yet" where a tag is kept in eight bytes.
    package let raw: UInt64

    package init(raw: UInt64) { self.raw = raw }

    /// - Parameter body: the full state in its canonical form.
    package init(of body: [UInt8]) {
        self.raw = body.withUnsafeBytes { Self.digest($0) }
    }

    /// The tag of two runs of bytes, one behind the other.
    package init(of first: Octets, _ second: Octets) {
        self.raw = withUnsafeTemporaryAllocation(byteCount: first.count + second.count, alignment: 8) { joined in
            first.withUnsafeBytes { joined.copyMemory(from: $0) }
            second.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(rebasing: joined[first.count...]).copyMemory(from: $0)
            }
            return Self.digest(UnsafeRawBufferPointer(joined))
        }
    }

    /// Reads a tag from a header. Nil if it is not of our making.
    package init?(_ text: Octets) {
        guard text.count == 16, let value = HexadecimalDigits.number(text), value != 0 else { return nil }
        self.raw = value
    }

    /// Appends the token: 16 hexadecimal digits.
    package func append(to bytes: inout [UInt8]) { bytes.append(hex: self.raw) }

    /// Two multiply-and-fold lanes over eight bytes at a time: fast, and good enough that two documents of one
    /// presentity do not meet by accident. It guards against chance only: who could search for a collision can
    /// harm but the freshness of their own state.
    private static func digest(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var first: UInt64 = 0x9E37_79B9_7F4A_7C15
        var second: UInt64 = 0xC2B2_AE3D_27D4_EB4F ^ UInt64(bytes.count)
        var offset = 0
        while offset &+ 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self).littleEndian
            first = Self.fold(first ^ word, 0xA076_1D64_78BD_642F)
            second = Self.fold(second &+ word, 0xE703_7ED1_A0B4_28DB)
            offset &+= 8
        }
        var rest: UInt64 = 0
        while offset < bytes.count {
            rest = rest &<< 8 | UInt64(bytes[offset])
            offset &+= 1
        }
        let mixed = Self.fold(first ^ rest, 0x8EBC_6AF0_9C88_C6E3) ^ Self.fold(second &+ rest, 0x5899_65CC_7537_4CC3)
        return mixed == 0 ? 1 : mixed
    }

    @inline(__always)
    private static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }
}
