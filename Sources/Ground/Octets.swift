/// A run of bytes inside a larger message: what parsers hand out instead of copies.
package typealias Octets = ArraySlice<UInt8>

extension ArraySlice<UInt8> {
    /// The bytes as text. Bytes that are not UTF-8 become U+FFFD.
    package var text: String { String(decoding: self, as: UTF8.self) }

    /// Whether the bytes equal an ASCII literal, ignoring the case of letters.
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
    package func equals(_ literal: StaticString) -> Bool {
        guard self.count == literal.utf8CodeUnitCount else { return false }
        return literal.withUTF8Buffer { other in self.withUnsafeBufferPointer { $0.elementsEqual(other) } }
    }
}

/// Classes of ASCII bytes that the grammars of RFC 3261 §25.1 and RFC 9110 are made of.
package enum ASCII {
    /// The lower-case form of an ASCII letter; any other byte unchanged.
    @inline(__always)
    package static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }

    /// DIGIT.
    @inline(__always)
    package static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    /// ALPHA.
    @inline(__always)
    package static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }

    /// The value of a hexadecimal digit, or nil.
    @inline(__always)
    package static func hexValue(_ byte: UInt8) -> UInt8? {
        if isDigit(byte) { return byte &- 0x30 }
        let lower = byte | 0x20
        return lower &- 0x61 < 6 ? lower &- 0x61 &+ 10 : nil
    }

    /// The lower-case hexadecimal digit of a value below 16.
    @inline(__always)
    package static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? 0x30 &+ value : 0x57 &+ value
    }
}

extension [UInt8] {
    /// Appends the UTF-8 bytes of a text.
    @inline(__always)
    package mutating func append(text: String) { self.append(contentsOf: text.utf8) }

    /// Appends the bytes of a literal, without making a String of it.
    @inline(__always)
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

    /// Appends a number as 16 lower-case hexadecimal digits.
    package mutating func append(hex value: UInt64) {
        var shift: UInt64 = 60
        while true {
            self.append(ASCII.hexDigit(UInt8((value &>> shift) & 15)))
            if shift == 0 { return }
            shift -= 4
        }
    }
}
