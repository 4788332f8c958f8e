internal import Ground

/// Finds the number of a header name: one multiplication and, nearly always, one comparison of four words.
///
/// Names are folded to lower case by setting bit 5 of every byte. That is exact for letters, digits and the hyphen
/// among the characters of a token, which is all that the caller passes.
struct HeaderNameTable: Sendable {
    /// The length of the longest name that is known.
    static let longest = 32

    static let shared = HeaderNameTable()

    private struct Entry: Sendable {
        var words: SIMD4<UInt64>
        var length: UInt8
        var name: HeaderName
    }

    private var slots: [Entry]

    private init() {
        let empty = Entry(words: SIMD4(), length: 0, name: .other)
        var slots = Array(repeating: empty, count: 512)
        for name in HeaderName.allCases where name != .other {
            let text = name.canonical.withUTF8Buffer { Array($0) }
            precondition(text.count <= Self.longest, "every known header name fits the table")
            Self.insert(text, name, into: &slots)
            if let compact = name.compact { Self.insert([compact], name, into: &slots) }
        }
        self.slots = slots
    }

    private static func insert(_ text: [UInt8], _ name: HeaderName, into slots: inout [Entry]) {
        let words = text.withUnsafeBufferPointer { buffer -> SIMD4<UInt64> in
            guard let base = buffer.baseAddress else { return SIMD4() }
            return Self.words(base, 0..<buffer.count, limit: buffer.count)
        }
        var slot = Self.slot(words, text.count)
        while slots[slot].length != 0 { slot = (slot + 1) & 511 }
        slots[slot] = Entry(words: words, length: UInt8(text.count), name: name)
    }

    @inline(__always)
    private static func slot(_ words: SIMD4<UInt64>, _ length: Int) -> Int {
        let mixed = (words[0] ^ (words[1] &<< 1) ^ (words[2] &<< 2) ^ UInt64(length)) &* 0x9E37_79B9_7F4A_7C15
        return Int(mixed &>> 55)
    }

    /// The bytes of a name, folded, in four words; what lies beyond the name is zero.
    @inline(__always)
    private static func words(_ base: UnsafePointer<UInt8>, _ range: Range<Int>, limit: Int) -> SIMD4<UInt64> {
        let length = range.upperBound &- range.lowerBound
        var words = SIMD4<UInt64>()
        let start = base + range.lowerBound
        if range.lowerBound &+ 32 <= limit {
            // Whole words can be read because the message goes on behind the name.
            words[0] = Self.word(start, 0, length)
            if length > 8 { words[1] = Self.word(start, 8, length) }
            if length > 16 {
                words[2] = Self.word(start, 16, length)
                words[3] = Self.word(start, 24, length)
            }
            return words
        }
        for index in 0..<length {
            words[index &>> 3] |= UInt64(start[index] | 0x20) &<< UInt64((index & 7) &* 8)
        }
        return words
    }

    @inline(__always)
    private static func word(_ start: UnsafePointer<UInt8>, _ offset: Int, _ length: Int) -> UInt64 {
        let wanted = length &- offset
        guard wanted > 0 else { return 0 }
        let raw = UnsafeRawPointer(start + offset).loadUnaligned(as: UInt64.self)
        let folded = UInt64(littleEndian: raw) | 0x2020_2020_2020_2020
        return wanted >= 8 ? folded : folded & ((1 &<< UInt64(wanted &* 8)) &- 1)
    }

    /// - Parameters:
    ///   - range: the name, all of it token characters.
    ///   - limit: how many bytes can be read from `base`.
    @inline(__always)
    func name(_ base: UnsafePointer<UInt8>, _ range: Range<Int>, limit: Int) -> HeaderName {
        let length = range.upperBound &- range.lowerBound
        guard length > 0, length <= Self.longest else { return .other }
        let words = Self.words(base, range, limit: limit)
        var slot = Self.slot(words, length)
        return self.slots.withUnsafeBufferPointer { slots in
            while true {
                let entry = slots[slot]
                if entry.length == 0 { return .other }
                if Int(entry.length) == length, entry.words == words { return entry.name }
                slot = (slot &+ 1) & 511
            }
        }
    }
}
