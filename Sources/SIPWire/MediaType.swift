package import Ground

/// The value of Content-Type (RFC 3261 §20.15).
package struct MediaType: Hashable, Sendable {
    /// As it is written; compare with ``matches(_:)``.
    package let type: Octets
    package let subtype: Octets
    package let parameters: Parameters

    package static func parse(_ octets: Octets) throws(ParseFault) -> MediaType {
        let parts = try octets.withCursor { (cursor) throws(ParseFault) -> MediaRangePieces in
            let parts = try MediaRangePieces.scan(&cursor, or: .badContentType)
            guard cursor.isAtEnd else { throw ParseFault(.badContentType) }
            return parts
        }
        return MediaType(
            type: octets[parts.type], subtype: octets[parts.subtype],
            parameters: Parameters(octets[parts.parameters]))
    }

    /// Whether the type is `type/subtype`, in any case, whatever its parameters.
    package func matches(_ literal: StaticString) -> Bool {
        let count = self.type.count
        guard count + 1 + self.subtype.count == literal.utf8CodeUnitCount else { return false }
        return literal.withUTF8Buffer { other in
            guard other[count] == UInt8(ascii: "/") else { return false }
            return self.type.elementsEqual(other[..<count]) { ASCII.lowercased($0) == ASCII.lowercased($1) }
                && self.subtype.elementsEqual(other[(count + 1)...]) { ASCII.lowercased($0) == ASCII.lowercased($1) }
        }
    }

    /// `type/subtype` in lower case.
    package var essence: [UInt8] { AcceptEntry.essence(self.type, self.subtype) }
    /// The boundary of a multipart type, without quotes.
    package var boundary: [UInt8]? { self.parameters.unquotedValue(of: "boundary") }
}

/// One range of an Accept header (RFC 3261 §20.1).
package struct AcceptEntry: Hashable, Sendable {
    /// As they are written; either may be `*`.
    let type: Octets
    let subtype: Octets
    /// How much the range is wanted, in thousandths: 0 is not at all.
    package let quality: Int
    package let parameters: Parameters

    /// `type/subtype` in lower case; either may be `*`.
    package var essence: [UInt8] { Self.essence(self.type, self.subtype) }

    /// Whether the range is written so, in any case: a type, or one with `*`.
    package func isWritten(_ range: StaticString) -> Bool {
        range.withUTF8Buffer { range in
            let count = self.type.count
            guard count + 1 + self.subtype.count == range.count, range[count] == UInt8(ascii: "/") else { return false }
            return self.type.withUnsafeBufferPointer { Self.isSame($0, range[..<count]) }
                && self.subtype.withUnsafeBufferPointer { Self.isSame($0, range[(count + 1)...]) }
        }
    }

    /// Whether bytes of a message equal a literal in lower case.
    private static func isSame(_ mine: UnsafeBufferPointer<UInt8>, _ literal: Slice<UnsafeBufferPointer<UInt8>>) -> Bool
    {
        let other = UnsafeBufferPointer(rebasing: literal)
        for index in mine.indices where ASCII.lowercased(mine[index]) != other[index] { return false }
        return true
    }

    /// Whether a type, in lower case, falls into the range.
    package func accepts(_ mediaType: StaticString) -> Bool {
        mediaType.withUTF8Buffer { self.accepts($0) }
    }

    /// Whether a type, in lower case, falls into the range.
    package func accepts(_ mediaType: some Collection<UInt8>) -> Bool {
        guard self.quality > 0 else { return false }
        let essence = self.essence
        if essence.elementsEqual([0x2A, 0x2F, 0x2A]) { return true }
        if essence.count >= 2, essence[essence.count - 1] == 0x2A, essence[essence.count - 2] == 0x2F {
            return mediaType.starts(with: essence.dropLast())
        }
        return essence.elementsEqual(mediaType)
    }

    /// Reads one range.
    package static func parse(_ octets: Octets) throws(ParseFault) -> AcceptEntry {
        let parts = try octets.withCursor { (cursor) throws(ParseFault) -> MediaRangePieces in
            let parts = try MediaRangePieces.scan(&cursor, or: .badAccept)
            guard cursor.isAtEnd else { throw ParseFault(.badAccept) }
            return parts
        }
        let parameters = Parameters(octets[parts.parameters])
        return AcceptEntry(
            type: octets[parts.type], subtype: octets[parts.subtype],
            quality: parameters.value(of: "q").flatMap { Self.quality($0) } ?? 1000, parameters: parameters)
    }

    /// A qvalue in thousandths (RFC 3261 §25.1); nil if it is none.
    package static func quality(_ octets: Octets) -> Int? {
        octets.withCursor { cursor in
            guard let whole = cursor.number(), whole <= 1 else { return nil }
            var value = Int(whole) * 1000
            if cursor.take(UInt8(ascii: ".")) {
                var weight = 100
                while ASCII.isDigit(cursor.current) {
                    value += Int(cursor.current - 0x30) * weight
                    weight /= 10
                    cursor.advance()
                }
            }
            return cursor.isAtEnd && value <= 1000 ? value : nil
        }
    }

    static func essence(_ type: Octets, _ subtype: Octets) -> [UInt8] {
        var essence: [UInt8] = []
        essence.reserveCapacity(type.count + subtype.count + 1)
        for byte in type { essence.append(ASCII.lowercased(byte)) }
        essence.append(UInt8(ascii: "/"))
        for byte in subtype { essence.append(ASCII.lowercased(byte)) }
        return essence
    }
}

/// Where the parts of `type/subtype;parameters` lie.
struct MediaRangePieces {
    var type: Piece
    var subtype: Piece
    var parameters: Piece

    /// Reads one range and leaves the cursor at its end: the end of the bytes or a comma.
    static func scan(_ cursor: inout Cursor, or kind: ParseFault.Kind) throws(ParseFault) -> MediaRangePieces {
        cursor.skipBlanks()
        let type = cursor.longRun(CharacterClass.token)
        cursor.skipBlanks()
        guard !type.isEmpty, cursor.take(UInt8(ascii: "/")) else { throw ParseFault(kind) }
        cursor.skipBlanks()
        let subtype = cursor.longRun(CharacterClass.token)
        guard !subtype.isEmpty, let parameters = try? Parameters.checkHeaderParameters(&cursor) else {
            throw ParseFault(kind)
        }
        return MediaRangePieces(type: Piece(type), subtype: Piece(subtype), parameters: parameters)
    }
}
