package import Ground

extension SIPMessage {
    /// The value of the first header line of that name.
    package func first(_ name: HeaderName) -> Octets? {
        guard let field = self.field(name) else { return nil }
        return self.storage[field.valueRange]
    }

    /// The first header line of that name.
    @inline(__always)
    func field(_ name: HeaderName) -> HeaderField? {
        self.headers.withUnsafeBufferPointer { fields in
            for index in fields.indices where fields[index].name == name { return fields[index] }
            return nil
        }
    }

    /// The values of all header lines of that name, one a line.
    package func all(_ name: HeaderName) -> [Octets] {
        var values: [Octets] = []
        for field in self.headers where field.name == name { values.append(self.storage[field.valueRange]) }
        return values
    }

    /// The elements of all header lines of that name, comma lists split (RFC 3261 §7.3.1). Empty elements are left
    /// out.
    package func list(_ name: HeaderName) -> [Octets] {
        var elements: [Octets] = []
        for field in self.headers where field.name == name {
            CommaList.split(self.storage[field.valueRange], into: &elements)
        }
        return elements
    }

    /// The value of the first header line of that name, for names that ``HeaderName`` does not know.
    package func first(named name: StaticString) -> Octets? {
        for field in self.headers where self.storage[field.nameRange].equalsIgnoringCase(name) {
            return self.storage[field.valueRange]
        }
        return nil
    }

    /// The values of all header lines of that name, one a line.
    package func all(named name: StaticString) -> [Octets] {
        var values: [Octets] = []
        for field in self.headers where self.storage[field.nameRange].equalsIgnoringCase(name) {
            values.append(self.storage[field.valueRange])
        }
        return values
    }

    /// The name of a header line as it came.
    package func name(of field: HeaderField) -> Octets { self.storage[field.nameRange] }
    /// The value of a header line.
    package func value(of field: HeaderField) -> Octets { self.storage[field.valueRange] }

    /// How many header lines have that name.
    package func count(_ name: HeaderName) -> Int {
        var count = 0
        for field in self.headers where field.name == name { count += 1 }
        return count
    }

    /// Whether a list of tokens contains one: option tags in Supported and Require, methods in Allow. Tokens are
    /// compared without regard to case.
    package func contains(_ token: StaticString, in name: HeaderName) -> Bool {
        for field in self.headers where field.name == name {
            let isFound = self.storage[field.valueRange].withCursor { cursor in
                while !cursor.isAtEnd {
                    cursor.skipBlanks()
                    let start = cursor.position
                    while !cursor.isAtEnd, !CommaList.endsToken(cursor.current) { cursor.advance() }
                    if Bytes.equalIgnoringCase(cursor.base, start..<cursor.position, token) { return true }
                    while !cursor.isAtEnd, !cursor.take(UInt8(ascii: ",")) { cursor.advance() }
                }
                return false
            }
            if isFound { return true }
        }
        return false
    }
}

/// Comma lists (RFC 3261 §7.3.1).
package enum CommaList {
    /// The elements of one header value. A comma in a quoted string or between angle brackets separates nothing.
    package static func split(_ value: Octets) -> [Octets] {
        var elements: [Octets] = []
        self.split(value, into: &elements)
        return elements
    }

    static func split(_ value: Octets, into elements: inout [Octets]) {
        guard value.contains(UInt8(ascii: ",")) else {
            let element = value.trimmed
            if !element.isEmpty { elements.append(element) }
            return
        }
        var start = 0
        while start <= value.count {
            let end = value.withCursor { cursor in
                cursor.position = start
                self.skipElement(&cursor)
                return cursor.position
            }
            let element = value[Piece(start..<end)].trimmed
            if !element.isEmpty { elements.append(element) }
            start = end + 1
        }
    }

    /// Moves to the comma that ends the element, or to the end.
    static func skipElement(_ cursor: inout Cursor) {
        var depth = 0
        while !cursor.isAtEnd {
            switch cursor.current {
            case UInt8(ascii: "\""):
                guard cursor.quotedString() != nil else {
                    cursor.position = cursor.end
                    return
                }
                continue
            case UInt8(ascii: "<"): depth = 1
            case UInt8(ascii: ">"): depth = 0
            case UInt8(ascii: ",") where depth == 0: return
            default: break
            }
            cursor.advance()
        }
    }

    static func endsToken(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ",") || byte == 0x20 || byte == 0x09 || byte == UInt8(ascii: ";")
    }
}
