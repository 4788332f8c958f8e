package import Ground

/// A set of ASCII characters, as two words of bits. Bytes from 0x80 on are never in a set.
struct CharacterSet128: Sendable {
    let low: UInt64
    let high: UInt64

    @inline(__always)
    func contains(_ byte: UInt8) -> Bool {
        let word = byte & 0x40 == 0 ? self.low : self.high
        return (word &>> UInt64(byte)) & 1 == 1 && byte < 0x80
    }
}

/// The character classes of RFC 3261 §25.1. The words are checked against the grammar's own lists by a test.
enum CharacterClass {
    /// token
    @inline(__always) static var token: CharacterSet128 {
        CharacterSet128(low: 0x03FF_6CA2_0000_0000, high: 0x47FF_FFFF_87FF_FFFE)
    }
    /// word, the two halves of a Call-ID
    @inline(__always) static var word: CharacterSet128 {
        CharacterSet128(low: 0xD7FF_EFA6_0000_0000, high: 0x6FFF_FFFF_BFFF_FFFE)
    }
    /// unreserved / user-unreserved
    @inline(__always) static var user: CharacterSet128 {
        CharacterSet128(low: 0xABFF_FFD2_0000_0000, high: 0x47FF_FFFE_87FF_FFFE)
    }
    /// password without escapes
    @inline(__always) static var password: CharacterSet128 {
        CharacterSet128(low: 0x23FF_7FD2_0000_0000, high: 0x47FF_FFFE_87FF_FFFE)
    }
    /// param-unreserved / unreserved: paramchar without escapes
    @inline(__always) static var uriParameter: CharacterSet128 {
        CharacterSet128(low: 0x07FF_EFD2_0000_0000, high: 0x47FF_FFFE_AFFF_FFFE)
    }
    /// hnv-unreserved / unreserved
    @inline(__always) static var uriHeader: CharacterSet128 {
        CharacterSet128(low: 0x87FF_EF92_0000_0000, high: 0x47FF_FFFE_AFFF_FFFE)
    }
    /// uric without escapes (RFC 2396): what follows the scheme of a URI that is not ours
    @inline(__always) static var uri: CharacterSet128 {
        CharacterSet128(low: 0xAFFF_FFD2_0000_0000, high: 0x47FF_FFFE_87FF_FFFF)
    }
    /// unreserved
    @inline(__always) static var unreserved: CharacterSet128 {
        CharacterSet128(low: 0x03FF_6782_0000_0000, high: 0x47FF_FFFE_87FF_FFFE)
    }
    /// hostname; the underscore is no letter of it, but stands in names that are in use
    @inline(__always) static var host: CharacterSet128 {
        CharacterSet128(low: 0x03FF_6000_0000_0000, high: 0x07FF_FFFE_87FF_FFFE)
    }
    /// scheme after its first letter
    @inline(__always) static var scheme: CharacterSet128 {
        CharacterSet128(low: 0x03FF_6800_0000_0000, high: 0x07FF_FFFE_07FF_FFFE)
    }
    /// gen-value without quotes: token, or a host with brackets and colons
    @inline(__always) static var parameterValue: CharacterSet128 {
        CharacterSet128(low: 0x07FF_6CA2_0000_0000, high: 0x47FF_FFFF_AFFF_FFFE)
    }
}

/// Comparisons of raw bytes with literals.
enum Bytes {
    @inline(__always)
    static func equal(_ bytes: UnsafeBufferPointer<UInt8>, _ literal: StaticString) -> Bool {
        let count = literal.utf8CodeUnitCount
        guard bytes.count == count else { return false }
        let other = literal.utf8Start
        for index in 0..<count where bytes[index] != other[index] { return false }
        return true
    }

    /// Ignores the case of ASCII letters.
    @inline(__always)
    static func equalIgnoringCase(_ base: UnsafePointer<UInt8>, _ range: Range<Int>, _ literal: StaticString) -> Bool {
        let count = literal.utf8CodeUnitCount
        guard range.upperBound &- range.lowerBound == count else { return false }
        let mine = base + range.lowerBound
        let other = literal.utf8Start
        for index in 0..<count {
            let difference = mine[index] ^ other[index]
            if difference == 0 { continue }
            guard difference == 0x20, (mine[index] | 0x20) &- 0x61 < 26 else { return false }
        }
        return true
    }

    /// DIGIT, here because calls into another room are not inlined.
    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    /// HEXDIG, here because calls into another room are not inlined.
    @inline(__always)
    static func isHexDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 6 }
}

/// A place in bytes that are being read. Every read is bounded by `end`; nothing traps.
struct Cursor {
    let base: UnsafePointer<UInt8>
    let end: Int
    /// Where the bytes end that may be looked at: those behind ``end`` belong to the same message and mean nothing here,
    /// but a whole word can be loaded that reaches into them.
    let readable: Int
    var position: Int

    /// - Parameter readable: where the bytes end that may be looked at; not before the range does.
    @inline(__always)
    init(_ base: UnsafePointer<UInt8>, _ range: Range<Int>, readable: Int = 0) {
        self.base = base
        self.end = range.upperBound
        self.readable = max(readable, range.upperBound)
        self.position = range.lowerBound
    }

    @inline(__always) var isAtEnd: Bool { self.position >= self.end }

    /// The byte at the position; 0 at the end, which is in no character class.
    @inline(__always) var current: UInt8 { self.position < self.end ? self.base[self.position] : 0 }

    @inline(__always)
    func byte(ahead offset: Int) -> UInt8 {
        let index = self.position &+ offset
        return index < self.end ? self.base[index] : 0
    }

    @inline(__always)
    mutating func advance() { self.position &+= 1 }

    /// Takes one byte if it is the next.
    @inline(__always)
    mutating func take(_ byte: UInt8) -> Bool {
        guard self.position < self.end, self.base[self.position] == byte else { return false }
        self.position &+= 1
        return true
    }

    /// Takes blanks (SP, HTAB; line breaks of folds were made blanks when the message was parsed).
    @inline(__always)
    mutating func skipBlanks() {
        while self.position < self.end, self.base[self.position] == 0x20 || self.base[self.position] == 0x09 {
            self.position &+= 1
        }
    }

    /// Takes the longest run of a class; may be empty.
    @inline(__always)
    mutating func run(_ set: CharacterSet128) -> Range<Int> {
        let start = self.position
        var index = start
        while index < self.end, set.contains(self.base[index]) { index &+= 1 }
        self.position = index
        return start..<index
    }

    /// The same for a class that contains all letters and digits, of which most values consist: these are taken eight
    /// at a time.
    @inline(__always)
    mutating func longRun(_ set: CharacterSet128) -> Range<Int> {
        let start = self.position
        self.skipAlphanumerics()
        while self.position < self.end, set.contains(self.base[self.position]) {
            self.position &+= 1
            self.skipAlphanumerics()
        }
        return start..<self.position
    }

    /// Moves over letters and digits. Near the end of the message it may stop before one: it looks at whole words only.
    @inline(__always)
    mutating func skipAlphanumerics() {
        while self.position < self.end, self.position &+ 8 <= self.readable {
            let count = ASCIIWord(self.base + self.position).leadingAlphanumerics
            self.position = min(self.position &+ count, self.end)
            if count < 8 { return }
        }
    }

    /// Moves to the next byte of a value, or to the end.
    @inline(__always)
    mutating func skip(to byte: UInt8) {
        while self.position < self.end, self.position &+ 8 <= self.readable {
            let count = ASCIIWord(self.base + self.position).bytesBefore(byte)
            self.position = min(self.position &+ count, self.end)
            if count < 8 { return }
        }
        while self.position < self.end, self.base[self.position] != byte { self.position &+= 1 }
    }

    /// Takes the longest run of a class with all letters and digits in which `%` and two hexadecimal digits may stand too. False if a `%` is
    /// not followed by two digits.
    @inline(__always)
    mutating func escapedRun(_ set: CharacterSet128) -> Bool {
        while true {
            _ = self.longRun(set)
            guard self.current == UInt8(ascii: "%") else { return true }
            guard self.position &+ 2 < self.end, Bytes.isHexDigit(self.base[self.position &+ 1]),
                Bytes.isHexDigit(self.base[self.position &+ 2])
            else { return false }
            self.position &+= 3
        }
    }

    /// Takes a quoted string that begins at the position, quotes included. Nil if it does not end.
    mutating func quotedString() -> Range<Int>? {
        let start = self.position
        guard self.take(UInt8(ascii: "\"")) else { return nil }
        while self.position < self.end {
            let byte = self.base[self.position]
            self.position &+= 1
            if byte == UInt8(ascii: "\"") { return start..<self.position }
            if byte == UInt8(ascii: "\\") {
                // RFC 3261 §25.1: a quoted pair is any of ASCII but CR and LF.
                guard self.position < self.end, self.base[self.position] < 0x80,
                    self.base[self.position] != 0x0A, self.base[self.position] != 0x0D
                else { return nil }
                self.position &+= 1
            } else if (byte < 0x20 && byte != 0x09) || byte == 0x7F {
                return nil
            }
        }
        return nil
    }

    /// Takes a decimal number. Nil if there is no digit or the number does not fit 64 bits.
    @inline(__always)
    mutating func number() -> UInt64? {
        let start = self.position
        var value: UInt64 = 0
        while self.position < self.end, Bytes.isDigit(self.base[self.position]) {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(self.base[self.position] &- 0x30))
            if overflow || carry { return nil }
            value = sum
            self.position &+= 1
        }
        return self.position == start ? nil : value
    }
}

/// A piece of the bytes of a value, relative to the first of them: half the size of a Range, and it keeps no
/// reference.
struct Piece: Hashable, Sendable {
    var start: UInt32
    var end: UInt32

    @inline(__always)
    init(_ range: Range<Int>) {
        self.start = UInt32(truncatingIfNeeded: range.lowerBound)
        self.end = UInt32(truncatingIfNeeded: range.upperBound)
    }

    /// No bytes at the very beginning.
    static let none = Piece(0..<0)

    @inline(__always) var isEmpty: Bool { self.start == self.end }
    @inline(__always) var range: Range<Int> { Int(self.start)..<Int(self.end) }
}

extension Octets {
    /// The bytes of a piece of this value.
    @inline(__always)
    subscript(piece: Piece) -> Octets {
        self[(self.startIndex &+ Int(piece.start))..<(self.startIndex &+ Int(piece.end))]
    }

    /// Reads the bytes through a pointer that is never nil.
    @inline(__always)
    func withCursor<Result, Fault: Error>(_ body: (inout Cursor) throws(Fault) -> Result) throws(Fault) -> Result {
        try self.withUnsafeBufferPointer { (buffer) throws(Fault) -> Result in
            guard let base = buffer.baseAddress else {
                var empty = Cursor(Cursor.nothing, 0..<0)
                return try body(&empty)
            }
            var cursor = Cursor(base, 0..<buffer.count)
            return try body(&cursor)
        }
    }

    /// The number that the bytes are in decimal, if they are nothing else and fit 32 bits.
    package var decimal: UInt32? {
        self.withCursor { cursor in
            guard let number = cursor.number(), cursor.isAtEnd else { return nil }
            return UInt32(exactly: number)
        }
    }

    /// The bytes without the blanks around them.
    package var trimmed: Octets {
        var slice = self
        while let first = slice.first, first == 0x20 || first == 0x09 { slice = slice.dropFirst() }
        while let last = slice.last, last == 0x20 || last == 0x09 { slice = slice.dropLast() }
        return slice
    }
}

extension Cursor {
    /// Somewhere to point at when there is nothing to read.
    static var nothing: UnsafePointer<UInt8> {
        let empty: StaticString = ""
        return empty.utf8Start
    }
}
