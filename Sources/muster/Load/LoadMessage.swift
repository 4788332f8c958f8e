import Glibc

/// What the load generator looks at in a message that arrived: a quick scan, because it trusts its own test server
/// and must cost little. It points into the receive buffer and lives no longer than one call.
struct LoadMessage {
    /// A run of bytes in the message.
    struct Piece {
        var start: UnsafePointer<UInt8>
        var count: Int

        var bytes: [UInt8] { Array(UnsafeBufferPointer(start: self.start, count: self.count)) }

        /// The decimal number at the start, or 0.
        func number(from offset: Int = 0) -> Int {
            var value = 0
            var index = offset
            while index < self.count, self.start[index] &- 0x30 < 10, value < 1_000_000_000 {
                value = value * 10 + Int(self.start[index] &- 0x30)
                index += 1
            }
            return value
        }

        /// The offset behind the first place where a text stands.
        func end(of text: StaticString, from offset: Int = 0) -> Int? {
            let size = text.utf8CodeUnitCount
            var index = offset
            while index + size <= self.count {
                guard let found = memchr(self.start + index, Int32(text.utf8Start.pointee), self.count - index)
                else { return nil }
                index = UnsafeRawPointer(found) - UnsafeRawPointer(self.start)
                guard index + size <= self.count else { return nil }
                if memcmp(self.start + index, text.utf8Start, size) == 0 { return index + size }
                index += 1
            }
            return nil
        }

        /// The value of the tag parameter.
        var tag: [UInt8]? {
            guard let start = self.end(of: ";tag=") else { return nil }
            var end = start
            while end < self.count, !Self.endsToken(self.start[end]) { end += 1 }
            return Array(UnsafeBufferPointer(start: self.start + start, count: end - start))
        }

        private static func endsToken(_ byte: UInt8) -> Bool {
            byte == UInt8(ascii: ";") || byte == UInt8(ascii: " ") || byte == UInt8(ascii: ">")
                || byte == UInt8(ascii: ",")
        }

        /// The URI of a name-addr or addr-spec.
        var uri: [UInt8] {
            var start = 0
            var end = self.count
            if let open = memchr(self.start, 0x3C, self.count) {
                start = UnsafeRawPointer(open) - UnsafeRawPointer(self.start) + 1
                end = start
                while end < self.count, self.start[end] != 0x3E { end += 1 }
            } else if let semicolon = memchr(self.start, 0x3B, self.count) {
                end = UnsafeRawPointer(semicolon) - UnsafeRawPointer(self.start)
            }
            return Array(UnsafeBufferPointer(start: self.start + start, count: end - start))
        }
    }

    /// The Via values, a line each.
    private(set) var vias: InlineArray<8, Piece?> = InlineArray(repeating: nil)
    private(set) var viaCount = 0
    private(set) var from: Piece?
    private(set) var to: Piece?
    private(set) var callID: Piece?
    private(set) var sequence: Piece?
    private(set) var entityTag: Piece?
    private(set) var contact: Piece?
    private(set) var body: Piece?

    init(_ bytes: UnsafePointer<UInt8>, count: Int) {
        guard let firstEnd = memchr(bytes, 0x0A, count) else { return }
        var position = UnsafeRawPointer(firstEnd) - UnsafeRawPointer(bytes) + 1
        while position < count {
            guard let found = memchr(bytes + position, 0x0A, count - position) else { return }
            let next = UnsafeRawPointer(found) - UnsafeRawPointer(bytes) + 1
            var end = next - 1
            if end > position, bytes[end - 1] == 0x0D { end -= 1 }
            if end == position {
                self.body = Piece(start: bytes + next, count: count - next)
                return
            }
            self.take(Piece(start: bytes + position, count: end - position))
            position = next
        }
    }

    private mutating func take(_ line: Piece) {
        guard let colon = memchr(line.start, 0x3A, line.count) else { return }
        let length = UnsafeRawPointer(colon) - UnsafeRawPointer(line.start)
        var nameEnd = length
        while nameEnd > 0, line.start[nameEnd - 1] == 0x20 { nameEnd -= 1 }
        var start = length + 1
        while start < line.count, line.start[start] == 0x20 { start += 1 }
        let value = Piece(start: line.start + start, count: line.count - start)
        func named(_ name: StaticString) -> Bool {
            nameEnd == name.utf8CodeUnitCount
                && name.withUTF8Buffer { expected in
                    for index in 0..<nameEnd where line.start[index] | 0x20 != expected[index] | 0x20 { return false }
                    return true
                }
        }
        switch line.start[0] | 0x20 {
        case UInt8(ascii: "v") where named("via") || nameEnd == 1:
            if self.viaCount < 8 {
                self.vias[self.viaCount] = value
                self.viaCount += 1
            }
        case UInt8(ascii: "f") where named("from") || nameEnd == 1: self.from = value
        case UInt8(ascii: "t") where named("to") || nameEnd == 1: self.to = value
        case UInt8(ascii: "i") where nameEnd == 1: self.callID = value
        case UInt8(ascii: "c"):
            if named("call-id") { self.callID = value }
            if named("cseq") { self.sequence = value }
            if named("contact") { self.contact = value }
        case UInt8(ascii: "m") where nameEnd == 1: self.contact = value
        case UInt8(ascii: "s") where named("sip-etag"): self.entityTag = value
        default: break
        }
    }

    /// The highest number in a note `v<number>` of the body: several publications may be merged into one document.
    var version: Int {
        guard let body = self.body else { return 0 }
        var highest = 0
        var offset = 0
        while let end = body.end(of: "note>v", from: offset) {
            highest = max(highest, body.number(from: end))
            offset = end
        }
        return highest
    }
}
