internal import Ground

/// One header line of a message: what it is called and where its value lies. Nothing is copied.
package struct HeaderField: Hashable, Sendable {
    /// The name, if it is known.
    package let name: HeaderName
    /// Whether the line broke the form `name: value`. Such a line carries no value that anyone may use.
    let isMalformed: Bool
    /// Where the name stands in the storage.
    let nameStart: UInt32
    let nameEnd: UInt32
    /// Where the value stands in the storage, without the blanks around it.
    let valueStart: UInt32
    let valueEnd: UInt32

    /// The place of the name in the storage of the message.
    package var nameRange: Range<Int> { Int(self.nameStart)..<Int(self.nameEnd) }
    /// The place of the value in the storage of the message.
    package var valueRange: Range<Int> { Int(self.valueStart)..<Int(self.valueEnd) }
}

/// What a Content-Length said.
enum DeclaredLength: Hashable, Sendable {
    case absent
    case bytes(UInt64)
    case malformed
    /// Several lines that disagree.
    case conflicting
}

/// Splits header lines (RFC 3261 §7.3, §25.1 message-header), of a message or of a body part.
struct HeadScanner {
    let base: UnsafePointer<UInt8>
    /// Where the bytes end that may be read.
    let end: Int
    let limits: Limits

    var fields: [HeaderField] = []
    /// Whether a value contains a folded line, whose line break the owner of the bytes makes blank.
    var hasFold = false
    /// The first thing that was wrong.
    var fault: ParseFault.Kind?
    var declaredLength = DeclaredLength.absent

    init(_ base: UnsafePointer<UInt8>, end: Int, limits: Limits) {
        self.base = base
        self.end = end
        self.limits = limits
    }

    /// The first byte below 0x20 at or after a position, eight bytes at a time.
    @inline(__always)
    static func indexOfControl(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Int {
        var index = start
        while index &+ 8 <= end {
            let word = UInt64(littleEndian: UnsafeRawPointer(base + index).loadUnaligned(as: UInt64.self))
            let hit = (word &- 0x2020_2020_2020_2020) & ~word & 0x8080_8080_8080_8080
            if hit != 0 { return index &+ (hit.trailingZeroBitCount &>> 3) }
            index &+= 8
        }
        while index < end {
            if base[index] < 0x20 { return index }
            index &+= 1
        }
        return end
    }

    /// Reads header lines from `start` until the empty line; returns where the body begins.
    mutating func scan(from start: Int) throws(ParseFault) -> Int {
        let table = HeaderNameTable.shared
        let base = self.base
        let end = self.end
        var fields: [HeaderField] = []
        fields.reserveCapacity(24)
        defer { self.fields = fields }
        var position = start
        while true {
            if position >= end {
                // The empty line is missing; what is there can still be answered.
                self.note(.unfinishedHead)
                return end
            }
            if base[position] == 0x0D, position &+ 1 < end, base[position &+ 1] == 0x0A { return position &+ 2 }
            if fields.count >= self.limits.maximumHeaders { throw ParseFault(.tooManyHeaders) }
            let lineStart = position
            let nameEnd: Int
            let name: HeaderName
            var isMalformed = false
            if let known = position &+ 32 <= end ? table.known(base + position) : self.knownNearEnd(position, table) {
                name = known.name
                nameEnd = position &+ known.colon
                position = nameEnd &+ 1
            } else {
                nameEnd = self.nameEnd(from: position)
                position = self.valueStart(from: nameEnd, &isMalformed)
                isMalformed = isMalformed || nameEnd == lineStart
                if isMalformed { self.note(.badHeaderLine) }
                name =
                    isMalformed
                    ? .other
                    : table.name(UnsafeBufferPointer(start: base + lineStart, count: nameEnd &- lineStart))
            }
            let (lineEnd, next) = self.endOfLine(from: position)
            if next &- lineStart > self.limits.maximumHeaderBytes { throw ParseFault(.headerTooLong) }
            var valueStart = position
            var valueEnd = lineEnd
            while valueStart < valueEnd, Self.isBlank(base[valueStart]) { valueStart &+= 1 }
            while valueEnd > valueStart, Self.isBlank(base[valueEnd &- 1]) { valueEnd &-= 1 }
            if name == .contentLength { self.readLength(valueStart..<valueEnd) }
            fields.append(
                HeaderField(
                    name: name, isMalformed: isMalformed, nameStart: UInt32(truncatingIfNeeded: lineStart),
                    nameEnd: UInt32(truncatingIfNeeded: nameEnd), valueStart: UInt32(truncatingIfNeeded: valueStart),
                    valueEnd: UInt32(truncatingIfNeeded: valueEnd)))
            position = next
        }
    }

    /// A known name less than 32 bytes before the end: it is looked up in a copy.
    private func knownNearEnd(_ position: Int, _ table: HeaderNameTable) -> (name: HeaderName, colon: Int)? {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { copy in
            guard let start = copy.baseAddress else { return nil }
            start.initialize(repeating: 0, count: 32)
            start.update(from: self.base + position, count: self.end &- position)
            return table.known(start)
        }
    }

    private func nameEnd(from start: Int) -> Int {
        var position = start
        while position < self.end, CharacterClass.token.contains(self.base[position]) { position &+= 1 }
        return position
    }

    /// Behind the colon, which blanks may stand before (RFC 3261 §25.1 HCOLON).
    private func valueStart(from nameEnd: Int, _ isMalformed: inout Bool) -> Int {
        var position = nameEnd
        while position < self.end, self.base[position] == 0x20 || self.base[position] == 0x09 { position &+= 1 }
        guard position < self.end, self.base[position] == UInt8(ascii: ":") else {
            isMalformed = true
            return position
        }
        return position &+ 1
    }

    /// Blank, or part of the line break of a fold.
    @inline(__always)
    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A
    }

    /// Where the line that `start` is in ends, folded lines included, and where the next one begins.
    @inline(__always)
    private mutating func endOfLine(from start: Int) -> (end: Int, next: Int) {
        var position = start
        while true {
            position = Self.indexOfControl(self.base, position, self.end)
            if position >= self.end {
                self.note(.unfinishedHead)
                return (self.end, self.end)
            }
            let byte = self.base[position]
            if byte == 0x0D, position &+ 1 < self.end, self.base[position &+ 1] == 0x0A {
                let next = position &+ 2
                guard next < self.end, self.base[next] == 0x20 || self.base[next] == 0x09 else {
                    return (position, next)
                }
                self.hasFold = true
                position = next
            } else {
                // A line break that is none would let two readers of the message see different headers.
                if byte == 0x0D || byte == 0x0A { self.note(.badLineEnding) }
                position &+= 1
            }
        }
    }

    private mutating func note(_ kind: ParseFault.Kind) {
        if self.fault == nil { self.fault = kind }
    }

    private mutating func readLength(_ range: Range<Int>) {
        var cursor = Cursor(self.base, range)
        let read: DeclaredLength
        if let number = cursor.number(), cursor.isAtEnd { read = .bytes(number) } else { read = .malformed }
        switch self.declaredLength {
        case .absent: self.declaredLength = read
        case .malformed: break
        case .bytes, .conflicting:
            if read != self.declaredLength { self.declaredLength = .conflicting }
        }
    }
}
