package import Ground

/// The parameters behind a value: `;name=value;flag`. They stay bytes; a look-up is one walk along them.
///
/// Both kinds are read: those of header fields, with blanks and quoted strings (RFC 3261 §25.1 generic-param), and
/// those of URIs (uri-parameter).
package struct Parameters: Sendable, Hashable, Sequence {
    /// One parameter. The value is nil if there is no `=`; quotes, if any, are still around it.
    package struct Element: Sendable, Hashable {
        package let name: Octets
        package let value: Octets?
    }

    /// The bytes, beginning with the first `;`; empty if there is none.
    package let octets: Octets

    /// - Parameter octets: `;name=value…`, as a parser of this room cut it out.
    package init(_ octets: Octets) { self.octets = octets }

    /// No parameters.
    package static let none = Parameters([])

    package var isEmpty: Bool { self.octets.isEmpty }

    /// The value of the first parameter of that name: nil if there is no such parameter, empty if it has no value.
    /// Names are compared without regard to case. Quotes stay around a quoted value.
    package func value(of name: StaticString) -> Octets? {
        let found = self.octets.withCursor { cursor in Self.find(&cursor, name) }
        guard let found else { return nil }
        return self.octets[found]
    }

    /// The same as ``value(of:)``.
    package subscript(name: StaticString) -> Octets? { self.value(of: name) }

    /// The value of the first parameter of that name, without quotes and escapes.
    package func unquotedValue(of name: StaticString) -> [UInt8]? {
        guard let value = self.value(of: name) else { return nil }
        return QuotedString.unquoted(value)
    }

    /// Whether a parameter of that name is there, with or without a value.
    package func contains(_ name: StaticString) -> Bool {
        self.octets.withCursor { cursor in Self.find(&cursor, name) } != nil
    }

    /// How many parameters have that name.
    package func count(of name: StaticString) -> Int {
        self.octets.withCursor { cursor in
            var count = 0
            while let found = Self.next(&cursor) {
                if Bytes.equalIgnoringCase(cursor.base, found.name.range, name) { count += 1 }
            }
            return count
        }
    }

    /// Walks over the parameters in their order.
    package func makeIterator() -> AnyIterator<Element> {
        var position = 0
        let octets = self.octets
        return AnyIterator {
            let found = octets.withCursor { cursor -> Found? in
                cursor.position = position
                let found = Self.next(&cursor)
                position = cursor.position
                return found
            }
            guard let found else { return nil }
            return Element(name: octets[found.name], value: found.value.map { octets[$0] })
        }
    }

    /// Where a parameter lies.
    struct Found {
        var name: Piece
        var value: Piece?
        /// All of it, from the end of what stands before it: with its semicolon.
        var whole: Piece

        /// Whether there is no value, or only one that is empty or quoted.
        @inline(__always)
        func isWithoutPlainValue(_ base: UnsafePointer<UInt8>) -> Bool {
            guard let value = self.value, !value.isEmpty else { return true }
            return base[Int(value.start)] == UInt8(ascii: "\"")
        }
    }

    static func find(_ cursor: inout Cursor, _ name: StaticString) -> Piece? {
        while let found = Self.next(&cursor) {
            if Bytes.equalIgnoringCase(cursor.base, found.name.range, name) { return found.value ?? Piece.none }
        }
        return nil
    }

    /// The next parameter, read generously: the grammar was checked when the value was parsed.
    static func next(_ cursor: inout Cursor) -> Found? {
        let before = cursor.position
        cursor.skipBlanks()
        guard cursor.take(UInt8(ascii: ";")) else { return nil }
        cursor.skipBlanks()
        let name = cursor.longRun(.parameterName)
        cursor.skipBlanks()
        guard cursor.take(UInt8(ascii: "=")) else {
            return Found(name: Piece(name), value: nil, whole: Piece(before..<cursor.position))
        }
        cursor.skipBlanks()
        if cursor.current == UInt8(ascii: "\"") {
            guard let quoted = cursor.quotedString() else { return nil }
            return Found(name: Piece(name), value: Piece(quoted), whole: Piece(before..<cursor.position))
        }
        let start = cursor.position
        while !cursor.isAtEnd, !Self.endsValue(cursor.current) { cursor.advance() }
        return Found(
            name: Piece(name), value: Piece(start..<cursor.position), whole: Piece(before..<cursor.position))
    }

    @inline(__always)
    private static func endsValue(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ";") || byte == 0x20 || byte == 0x09
    }

    /// Checks the parameters of a header field (RFC 3261 §25.1: `*( SEMI generic-param )`) up to the end of the
    /// bytes or a comma, and leaves the cursor there.
    static func checkHeaderParameters(_ cursor: inout Cursor) throws(ParseFault) -> Piece {
        try self.walk(&cursor) { (_) throws(ParseFault) in }
    }

    /// The same, and shows each parameter on the way.
    @inline(__always)
    static func walk(
        _ cursor: inout Cursor, _ visit: (Found) throws(ParseFault) -> Void
    ) throws(ParseFault) -> Piece {
        cursor.skipBlanks()
        let start = cursor.position
        var end = start
        while cursor.take(UInt8(ascii: ";")) {
            let before = end
            cursor.skipBlanks()
            let name = cursor.longRun(CharacterClass.token)
            if name.isEmpty { throw ParseFault(.badParameter) }
            end = cursor.position
            cursor.skipBlanks()
            var value: Piece?
            if cursor.take(UInt8(ascii: "=")) {
                cursor.skipBlanks()
                let from = cursor.position
                if cursor.current == UInt8(ascii: "\"") {
                    guard cursor.quotedString() != nil else { throw ParseFault(.badQuotedString) }
                } else if cursor.longRun(CharacterClass.parameterValue).isEmpty {
                    throw ParseFault(.badParameter)
                }
                end = cursor.position
                value = Piece(from..<end)
                cursor.skipBlanks()
            }
            try visit(Found(name: Piece(name), value: value, whole: Piece(before..<end)))
        }
        guard cursor.isAtEnd || cursor.current == UInt8(ascii: ",") else { throw ParseFault(.badParameter) }
        return Piece(start..<end)
    }
}

extension CharacterSet128 {
    /// What the name of a parameter is read as: a token or paramchars.
    static var parameterName: CharacterSet128 {
        let token = CharacterClass.token
        let parameter = CharacterClass.uriParameter
        return CharacterSet128(low: token.low | parameter.low, high: token.high | parameter.high)
    }
}
