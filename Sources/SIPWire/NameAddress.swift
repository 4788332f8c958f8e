package import Ground

/// Where the parts of a name-addr or addr-spec with its parameters lie.
struct NameAddressPieces: Hashable, Sendable {
    var displayName: Piece?
    var uri: Piece
    var isBracketed: Bool
    var parameters: Piece
}

/// A name, a URI and parameters, as in From, To, Contact, Route (RFC 3261 §20.10, §25.1).
package struct NameAddress: Hashable, Sendable {
    /// The whole value.
    package let octets: Octets
    let pieces: NameAddressPieces
    /// The URI.
    package let uri: SIPURI

    /// Reads one value; the bytes hold nothing else.
    package static func parse(_ octets: Octets) throws(ParseFault) -> NameAddress {
        let pieces = try octets.withCursor { (cursor) throws(ParseFault) -> NameAddressPieces in
            let pieces = try NameAddressGrammar.scan(&cursor)
            guard cursor.isAtEnd else { throw ParseFault(.badNameAddress) }
            return pieces
        }
        return NameAddress(octets: octets, pieces: pieces, uri: try SIPURI.parse(octets[pieces.uri]))
    }

    /// The display name as it came, with quotes if it has them; nil if there is none.
    package var displayName: Octets? { self.pieces.displayName.map { self.octets[$0] } }
    /// The display name as a person reads it.
    package var displayText: [UInt8]? { self.displayName.map { QuotedString.unquoted($0) } }
    /// The bytes of the URI.
    package var uriOctets: Octets { self.octets[self.pieces.uri] }
    /// The parameters of the header field, not those of the URI.
    package var parameters: Parameters { Parameters(self.octets[self.pieces.parameters]) }
    /// The tag parameter of From and To.
    package var tag: Octets? { self.parameters.value(of: "tag") }
}

/// What a Contact header says (RFC 3261 §20.10, §10.2.2).
package enum ContactList: Hashable, Sendable {
    /// `*`: all bindings are meant.
    case wildcard
    /// The addresses in their order; none if there is no Contact.
    case addresses([NameAddress])

    /// The addresses; none for the wildcard.
    package var addresses: [NameAddress] {
        if case .addresses(let addresses) = self { return addresses }
        return []
    }
}

/// The grammar `( name-addr / addr-spec ) *( SEMI generic-param )`.
enum NameAddressGrammar {
    /// Reads one value and leaves the cursor at its end: the end of the bytes or a comma. The URI is only cut out.
    static func scan(_ cursor: inout Cursor) throws(ParseFault) -> NameAddressPieces {
        var pieces = try self.address(&cursor)
        pieces.parameters = try Parameters.checkHeaderParameters(&cursor)
        return pieces
    }

    /// Reads one value up to its parameters.
    static func address(_ cursor: inout Cursor) throws(ParseFault) -> NameAddressPieces {
        cursor.skipBlanks()
        let start = cursor.position
        var displayName: Piece?
        if cursor.current == UInt8(ascii: "\"") {
            guard let quoted = cursor.quotedString() else { throw ParseFault(.badQuotedString) }
            displayName = Piece(quoted)
            cursor.skipBlanks()
            guard cursor.current == UInt8(ascii: "<") else { throw ParseFault(.badNameAddress) }
        } else if cursor.current != UInt8(ascii: "<") {
            displayName = self.tokens(&cursor)
        }
        if cursor.take(UInt8(ascii: "<")) {
            let uri = cursor.position
            cursor.skip(to: UInt8(ascii: ">"))
            let uriEnd = cursor.position
            guard uriEnd > uri, cursor.take(UInt8(ascii: ">")) else { throw ParseFault(.badNameAddress) }
            return NameAddressPieces(
                displayName: displayName, uri: Piece(uri..<uriEnd), isBracketed: true, parameters: .none)
        }
        // RFC 3261 §20.10: without brackets everything behind the first semicolon belongs to the header field, and
        // a URI with a comma, a semicolon or a question mark cannot stand here.
        cursor.position = start
        while !cursor.isAtEnd, !self.endsAddress(cursor.current) { cursor.advance() }
        let uri = start..<cursor.position
        guard !uri.isEmpty else { throw ParseFault(.badNameAddress) }
        for index in uri where cursor.base[index] == UInt8(ascii: "?") { throw ParseFault(.badNameAddress) }
        return NameAddressPieces(displayName: nil, uri: Piece(uri), isBracketed: false, parameters: .none)
    }

    /// `*( token LWS )` before a `<`. Bytes beyond ASCII are let through: senders write names in their own script
    /// without quotes.
    private static func tokens(_ cursor: inout Cursor) -> Piece? {
        let start = cursor.position
        var end = start
        while !cursor.isAtEnd {
            let byte = cursor.current
            if CharacterClass.token.contains(byte) || byte >= 0x80 {
                cursor.advance()
                end = cursor.position
            } else if byte == 0x20 || byte == 0x09 {
                cursor.advance()
            } else {
                break
            }
        }
        return end > start ? Piece(start..<end) : nil
    }

    @inline(__always)
    private static func endsAddress(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ";") || byte == UInt8(ascii: ",") || byte == 0x20 || byte == 0x09
    }
}
