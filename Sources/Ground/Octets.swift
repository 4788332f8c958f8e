/// A run of bytes inside a larger message: what parsers hand out instead of copies.
package typealias Octets = ArraySlice<UInt8>

extension ArraySlice<UInt8> {
    /// The bytes as text. Bytes that are not UTF-8 become U+FFFD.
    package var text: String { String(decoding: self, as: UTF8.self) }

    /// Whether the bytes equal an ASCII literal, ignoring the case of letters.
    @inlinable
    package func equalsIgnoringCase(_ literal: StaticString) -> Bool {
        guard self.count == literal.utf8CodeUnitCount else { return false }
        return literal.withUTF8Buffer { other in
            self.withUnsafeBufferPointer { mine in
                for index in mine.indices where ASCII.lowercased(mine[index]) != ASCII.lowercased(other[index]) {
                    return false
                }
                return true
            }
        }
    }

    /// Whether two runs of bytes are equal when the case of ASCII letters is ignored.
    @inlinable
    package func equalsIgnoringCase(_ other: ArraySlice<UInt8>) -> Bool {
        guard self.count == other.count else { return false }
        return self.withUnsafeBufferPointer { mine in
            other.withUnsafeBufferPointer { theirs in
                for index in mine.indices where ASCII.lowercased(mine[index]) != ASCII.lowercased(theirs[index]) {
                    return false
                }
                return true
            }
        }
    }

    /// Whether the bytes equal an ASCII literal exactly.
    @inlinable
    package func equals(_ literal: StaticString) -> Bool {
        guard self.count == literal.utf8CodeUnitCount else { return false }
        return literal.withUTF8Buffer { other in
            self.withUnsafeBufferPointer { mine in
                for index in mine.indices where mine[index] != other[index] { return false }
                return true
            }
        }
    }
}

/// Classes of ASCII bytes that the grammars of RFC 3261 §25.1 and RFC 9110 are made of.
@usableFromInline
package enum ASCII {
    /// The lower-case form of an ASCII letter; any other byte unchanged.
    @inlinable @inline(__always)
    package static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }

    /// DIGIT.
    @inlinable @inline(__always)
    package static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    /// ALPHA.
    @inlinable @inline(__always)
    package static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }

    /// The value of a hexadecimal digit, or nil.
    @inlinable @inline(__always)
    package static func hexValue(_ byte: UInt8) -> UInt8? {
        if isDigit(byte) { return byte &- 0x30 }
        let lower = byte | 0x20
        return lower &- 0x61 < 6 ? lower &- 0x61 &+ 10 : nil
    }

    /// The lower-case hexadecimal digit of a value below 16.
    @inlinable @inline(__always)
    package static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? 0x30 &+ value : 0x57 &+ value
    }
}

extension ASCII {
    /// The eight lower-case hexadecimal digits of a number, the first of them in the first byte in memory.
    static func hexDigits(_ value: UInt32) -> UInt64 {
        // Each half byte goes into a byte of its own, in three steps.
        var lanes = UInt64(value)
        lanes = (lanes | lanes &<< 16) & 0x0000_FFFF_0000_FFFF
        lanes = (lanes | lanes &<< 8) & 0x00FF_00FF_00FF_00FF
        lanes = (lanes | lanes &<< 4) & 0x0F0F_0F0F_0F0F_0F0F
        // 1 in the lanes of ten and more, which are letters.
        let letters = (lanes &+ 0x0606_0606_0606_0606) &>> 4 & 0x0101_0101_0101_0101
        return (lanes &+ 0x3030_3030_3030_3030 &+ letters &* 0x27).bigEndian
    }
}

extension [UInt8] {
    /// Appends the UTF-8 bytes of a text.
    @inlinable @inline(__always)
    package mutating func append(text: String) { self.append(contentsOf: text.utf8) }

    /// Appends the bytes of a literal, without making a String of it.
    @inlinable @inline(__always)
    package mutating func append(literal: StaticString) {
        literal.withUTF8Buffer { self.append(contentsOf: $0) }
    }

    /// Appends a number in decimal.
    package mutating func append(decimal value: UInt64) {
        if value < 10 {
            self.append(0x30 &+ UInt8(value))
            return
        }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var rest = value
            var start = 20
            while rest > 0 {
                start -= 1
                digits[start] = 0x30 &+ UInt8(rest % 10)
                rest /= 10
            }
            self.append(contentsOf: UnsafeBufferPointer(rebasing: digits[start..<20]))
        }
    }

    /// Appends a number as lower-case hexadecimal digits.
    /// - Parameter count: how many digits, 16 at most; those of the lowest value are written.
    package mutating func append(hex value: UInt64, digits count: Int = 16) {
        let digits = (
            ASCII.hexDigits(UInt32(truncatingIfNeeded: value &>> 32)),
            ASCII.hexDigits(UInt32(truncatingIfNeeded: value))
        )
        Swift.withUnsafeBytes(of: digits) {
            self.append(contentsOf: UnsafeRawBufferPointer(rebasing: $0[(16 - count)...]))
        }
    }
}
