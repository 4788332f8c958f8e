internal import Ground

/// Finds the number of a header name: one multiplication and, nearly always, one comparison of four words.
///
/// Names are folded to lower case by setting bit 5 of every byte. That is exact for letters, digits and the hyphen
/// among the characters of a token; the callers pass nothing else, or check for the one exception, control
/// characters.
struct HeaderNameTable: Sendable {
    /// The length of the longest name that fits.
    static let longest = 32

    static let shared = HeaderNameTable()

    /// A folded name; what lies behind its end is zero.
    private struct Words: Equatable, Sendable {
        var first: UInt64 = 0
        var second: UInt64 = 0
        var third: UInt64 = 0
        var fourth: UInt64 = 0
    }

    /// A name in the table and the header that it means.
    private struct Entry: Sendable {
        var words = Words()
        var length: UInt32 = 0
        var name = HeaderName.other
    }

    private var slots: [Entry]

    private init() {
        var slots = Array(repeating: Entry(), count: 512)
        for name in HeaderName.allCases where name != .other {
            let text = name.canonical.withUTF8Buffer { Array($0) }
            precondition(text.count <= Self.longest, "every known header name fits the table")
            Self.insert(text, name, into: &slots)
            if let compact = name.compact { Self.insert([compact], name, into: &slots) }
        }
        self.slots = slots
    }

    private static func insert(_ text: [UInt8], _ name: HeaderName, into slots: inout [Entry]) {
        let words = Self.words(text[...])
        var slot = Self.slot(words, text.count)
        while slots[slot].length != 0 { slot = (slot + 1) & 511 }
        slots[slot] = Entry(words: words, length: UInt32(text.count), name: name)
    }

    @inline(__always)
    private static func slot(_ words: Words, _ length: Int) -> Int {
        let mixed = (words.first ^ (words.second &<< 1) ^ (words.third &<< 2) ^ UInt64(truncatingIfNeeded: length))
        return Int(truncatingIfNeeded: (mixed &* 0x9E37_79B9_7F4A_7C15) &>> 55)
    }

    private static func words(_ name: some Collection<UInt8>) -> Words {
        var lanes: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        var index: UInt64 = 0
        for byte in name {
            let folded = UInt64(byte | 0x20) &<< ((index & 7) &* 8)
            switch index &>> 3 {
            case 0: lanes.0 |= folded
            case 1: lanes.1 |= folded
            case 2: lanes.2 |= folded
            default: lanes.3 |= folded
            }
            index &+= 1
        }
        return Words(first: lanes.0, second: lanes.1, third: lanes.2, fourth: lanes.3)
    }

    /// - Parameter name: token characters only.
    func name(_ name: UnsafeBufferPointer<UInt8>) -> HeaderName {
        guard !name.isEmpty, name.count <= Self.longest else { return .other }
        return self.find(Self.words(name), name.count)
    }

    @inline(__always)
    private func find(_ words: Words, _ length: Int) -> HeaderName {
        var slot = Self.slot(words, length)
        return self.slots.withUnsafeBufferPointer { slots in
            guard let slots = slots.baseAddress else { return .other }
            while true {
                let entry = slots + slot
                if entry.pointee.length == 0 { return .other }
                if entry.pointee.words == words { return entry.pointee.name }
                slot = (slot &+ 1) & 511
            }
        }
    }

    /// The fast way for a line that begins with a known name and its colon: the name and where the colon stands.
    /// Nil says nothing about the line; it is to be read byte by byte.
    ///
    /// - Parameter start: where the line begins; 32 bytes can be read from there.
    @inline(__always)
    func known(_ start: UnsafePointer<UInt8>) -> (name: HeaderName, colon: Int)? {
        var words = Words()
        var lane = Lane(start, 0)
        words.first = lane.folded
        var isClean = lane.isClean
        if lane.count == 8 {
            lane = Lane(start, 8)
            words.second = lane.folded
            isClean = isClean && lane.isClean
            if lane.count == 8 {
                lane = Lane(start, 16)
                words.third = lane.folded
                isClean = isClean && lane.isClean
                if lane.count == 8 {
                    lane = Lane(start, 24)
                    words.fourth = lane.folded
                    isClean = isClean && lane.isClean
                }
            }
        }
        // Setting bit 5 makes a hyphen of a carriage return: a name with control characters must not be found.
        guard lane.count < 8, isClean else { return nil }
        let colon = lane.offset &+ lane.count
        let name = self.find(words, colon)
        return name == .other ? nil : (name, colon)
    }

    /// Eight bytes of a line, up to its colon.
    private struct Lane {
        let offset: Int
        /// How many bytes stand before the colon; 8 if there is none.
        let count: Int
        let folded: UInt64
        /// Whether no byte before the colon is a control character.
        let isClean: Bool

        @inline(__always)
        init(_ start: UnsafePointer<UInt8>, _ offset: Int) {
            let raw = UnsafeRawPointer(start).loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let word = UInt64(littleEndian: raw)
            let difference = word ^ 0x3A3A_3A3A_3A3A_3A3A
            let hit = (difference &- 0x0101_0101_0101_0101) & ~difference & 0x8080_8080_8080_8080
            self.offset = offset
            self.count = hit.trailingZeroBitCount &>> 3
            // The bytes below the lowest bit of the hit are those before the colon; no hit leaves all of them.
            let mask = hit == 0 ? UInt64.max : (hit & (0 &- hit)) &>> 7 &- 1
            self.folded = (word | 0x2020_2020_2020_2020) & mask
            self.isClean = (word &- 0x2020_2020_2020_2020) & ~word & mask & 0x8080_8080_8080_8080 == 0
        }
    }
}
