package import Ground

/// The command sequence of a message (RFC 3261 §20.16).
package struct CSeq: Hashable, Sendable {
    /// Below 2^31 (RFC 3261 §8.1.1.5).
    package let number: UInt32
    package let method: Method

    package init(number: UInt32, method: Method) {
        self.number = number
        self.method = method
    }

    /// Reads `1*DIGIT LWS Method`.
    package static func parse(_ octets: Octets) throws(ParseFault) -> CSeq {
        try octets.withCursor { (cursor) throws(ParseFault) -> CSeq in
            guard let parts = self.scan(&cursor) else { throw ParseFault(.badCSeq) }
            let method = Method(
                UnsafeBufferPointer(start: cursor.base + parts.method.lowerBound, count: parts.method.count))
            return CSeq(number: parts.number, method: method)
        }
    }

    /// The number and where the method stands; nil if the value is not a CSeq.
    static func scan(_ cursor: inout Cursor) -> (number: UInt32, method: Range<Int>)? {
        cursor.skipBlanks()
        guard let number = cursor.number(), number < 1 << 31, cursor.current == 0x20 || cursor.current == 0x09 else {
            return nil
        }
        cursor.skipBlanks()
        let method = cursor.longRun(CharacterClass.token)
        cursor.skipBlanks()
        guard !method.isEmpty, cursor.isAtEnd else { return nil }
        return (UInt32(number), method)
    }
}
