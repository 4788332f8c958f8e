/// Eight bytes that are looked at together, each in its own lane of a word.
struct ASCIIWord {
    private let word: UInt64

    /// - Parameter start: where the eight bytes stand.
    @inline(__always)
    init(_ start: UnsafePointer<UInt8>) {
        self.word = UInt64(littleEndian: UnsafeRawPointer(start).loadUnaligned(as: UInt64.self))
    }

    /// A word with one value in every lane.
    @inline(__always)
    private static func all(_ byte: UInt8) -> UInt64 { UInt64(byte) &* 0x0101_0101_0101_0101 }

    /// In every lane bit 7 if the lane is not less than a value. Bit 7 of the lanes is clear, the value at most 128, so
    /// no lane carries into the next.
    @inline(__always)
    private static func isAtLeast(_ value: UInt8, _ lanes: UInt64) -> UInt64 { lanes &+ Self.all(0x80 &- value) }

    /// How many of the bytes, from the first on, are letters and digits.
    @inline(__always)
    var leadingAlphanumerics: Int {
        let lanes = self.word & Self.all(0x7F)
        let folded = lanes | Self.all(0x20)
        let isDigit = Self.isAtLeast(0x30, lanes) & ~Self.isAtLeast(0x3A, lanes)
        let isLetter = Self.isAtLeast(0x61, folded) & ~Self.isAtLeast(0x7B, folded)
        let others = (~(isDigit | isLetter) | self.word) & Self.all(0x80)
        return others.trailingZeroBitCount &>> 3
    }

    /// How many bytes stand before the first of a value; 8 if it is not there.
    @inline(__always)
    func bytesBefore(_ byte: UInt8) -> Int {
        let difference = self.word ^ Self.all(byte)
        // Bit 7 marks zero lanes; a false mark can only stand behind a true one.
        let zeros = (difference &- Self.all(0x01)) & ~difference & Self.all(0x80)
        return zeros.trailingZeroBitCount &>> 3
    }
}
