internal import Ground

/// Where the parts of a URI lie, relative to its first byte.
struct URIPieces: Hashable, Sendable {
    var kind: Kind
    var scheme: Piece
    var user: Piece?
    var password: Piece?
    /// Empty for a tel URI and for schemes that are not known.
    var host = Piece.none
    var port: UInt16?
    /// With the leading `;`.
    var parameters = Piece.none
    /// Behind the `?`.
    var headers: Piece?

    /// How the rest behind the scheme is read.
    enum Kind: UInt8, Hashable, Sendable { case sip, sips, tel, pres, im, other }
}

/// The grammar of SIP-URI, SIPS-URI, telephone-uri and absoluteURI (RFC 3261 §25.1, RFC 3966 §3, RFC 3859 §3).
enum URIGrammar {
    /// Reads a whole URI: the range holds nothing else.
    /// - Parameter readable: where the bytes end that may be looked at.
    static func scan(
        _ base: UnsafePointer<UInt8>, _ range: Range<Int>, readable: Int = 0
    ) throws(ParseFault) -> URIPieces {
        var cursor = Cursor(base, range, readable: readable)
        guard (cursor.current | 0x20) &- 0x61 < 26 else { throw ParseFault(.badURI) }
        let scheme = cursor.run(CharacterClass.scheme)
        guard cursor.take(UInt8(ascii: ":")) else { throw ParseFault(.badURI) }
        var pieces = URIPieces(kind: self.kind(base, scheme), scheme: Piece(scheme))
        switch pieces.kind {
        case .sip, .sips, .pres, .im: try self.hierarchical(&cursor, &pieces)
        case .tel: try self.telephone(&cursor, &pieces)
        case .other:
            guard !cursor.isAtEnd, cursor.escapedRun(CharacterClass.uri), cursor.isAtEnd else {
                throw ParseFault(.badURI)
            }
        }
        return pieces
    }

    private static func kind(_ base: UnsafePointer<UInt8>, _ scheme: Range<Int>) -> URIPieces.Kind {
        switch scheme.count {
        case 2: Bytes.equalIgnoringCase(base, scheme, "im") ? .im : .other
        case 3:
            if Bytes.equalIgnoringCase(base, scheme, "sip") {
                .sip
            } else {
                Bytes.equalIgnoringCase(base, scheme, "tel") ? .tel : .other
            }
        case 4:
            if Bytes.equalIgnoringCase(base, scheme, "sips") {
                .sips
            } else {
                Bytes.equalIgnoringCase(base, scheme, "pres") ? .pres : .other
            }
        default: .other
        }
    }

    /// `[ userinfo "@" ] hostport uri-parameters [ "?" headers ]`
    private static func hierarchical(_ cursor: inout Cursor, _ pieces: inout URIPieces) throws(ParseFault) {
        // Whether what begins here is a user shows only at the "@" behind it.
        let start = cursor.position
        guard cursor.escapedRun(CharacterClass.user) else { throw ParseFault(.badURI) }
        let user = start..<cursor.position
        var password: Range<Int>?
        if cursor.take(UInt8(ascii: ":")) {
            let passwordStart = cursor.position
            guard cursor.escapedRun(CharacterClass.password) else { throw ParseFault(.badURI) }
            password = passwordStart..<cursor.position
        }
        if cursor.take(UInt8(ascii: "@")) {
            if user.isEmpty { throw ParseFault(.badURI) }
            pieces.user = Piece(user)
            pieces.password = password.map { Piece($0) }
        } else {
            cursor.position = start
        }
        pieces.host = Piece(try HostGrammar.host(&cursor))
        if cursor.take(UInt8(ascii: ":")) { pieces.port = try HostGrammar.port(&cursor) }
        pieces.parameters = try self.parameters(&cursor)
        if cursor.take(UInt8(ascii: "?")) { pieces.headers = try self.headers(&cursor) }
        guard cursor.isAtEnd else { throw ParseFault(.badURI) }
    }

    /// `*( ";" pname [ "=" pvalue ] )`
    private static func parameters(_ cursor: inout Cursor) throws(ParseFault) -> Piece {
        let start = cursor.position
        var count = 0
        while cursor.take(UInt8(ascii: ";")) {
            count &+= 1
            guard count <= Limits.maximumURIParameters else { throw ParseFault(.tooManyElements) }
            let name = cursor.position
            guard cursor.escapedRun(CharacterClass.uriParameter), cursor.position > name else {
                throw ParseFault(.badURI)
            }
            if cursor.take(UInt8(ascii: "=")) {
                let value = cursor.position
                guard cursor.escapedRun(CharacterClass.uriParameter), cursor.position > value else {
                    throw ParseFault(.badURI)
                }
            }
        }
        return Piece(start..<cursor.position)
    }

    /// `hname "=" hvalue *( "&" hname "=" hvalue )`
    private static func headers(_ cursor: inout Cursor) throws(ParseFault) -> Piece {
        let start = cursor.position
        var count = 0
        repeat {
            count &+= 1
            guard count <= Limits.maximumURIParameters else { throw ParseFault(.tooManyElements) }
            let name = cursor.position
            guard cursor.escapedRun(CharacterClass.uriHeader), cursor.position > name,
                cursor.take(UInt8(ascii: "=")), cursor.escapedRun(CharacterClass.uriHeader)
            else { throw ParseFault(.badURI) }
        } while cursor.take(UInt8(ascii: "&"))
        return Piece(start..<cursor.position)
    }

    /// RFC 3966 §3: a global number, or a local one with its context.
    private static func telephone(_ cursor: inout Cursor, _ pieces: inout URIPieces) throws(ParseFault) {
        let start = cursor.position
        let isGlobal = cursor.take(UInt8(ascii: "+"))
        var digits = 0
        while !cursor.isAtEnd, cursor.current != UInt8(ascii: ";") {
            if let value = TelephoneNumber.digit(cursor.current, isGlobal: isGlobal) {
                if value { digits &+= 1 }
                cursor.advance()
            } else if !isGlobal, cursor.current == UInt8(ascii: "%"), cursor.byte(ahead: 1) == UInt8(ascii: "2"),
                cursor.byte(ahead: 2) == UInt8(ascii: "3")
            {
                // "#" cannot stand in a URI as it is (RFC 3986 §3.5), so it comes escaped.
                digits &+= 1
                cursor.position &+= 3
            } else {
                throw ParseFault(.badTelephoneNumber)
            }
        }
        guard digits > 0 else { throw ParseFault(.badTelephoneNumber) }
        pieces.user = Piece(start..<cursor.position)
        pieces.parameters = try self.parameters(&cursor)
        guard cursor.isAtEnd else { throw ParseFault(.badTelephoneNumber) }
        if !isGlobal {
            var parameters = Cursor(cursor.base, pieces.parameters.range)
            guard let context = Parameters.find(&parameters, "phone-context"), !context.isEmpty else {
                throw ParseFault(.badTelephoneNumber)
            }
        }
    }
}

/// Digits of telephone numbers (RFC 3966 §3).
enum TelephoneNumber {
    /// True for a digit, false for a visual separator, nil for anything else.
    static func digit(_ byte: UInt8, isGlobal: Bool) -> Bool? {
        switch byte {
        case 0x30...0x39: true
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "("), UInt8(ascii: ")"): false
        case UInt8(ascii: "*"), UInt8(ascii: "#"): isGlobal ? nil : true
        default: !isGlobal && ASCII.hexValue(byte) != nil ? true : nil
        }
    }
}

/// Hosts and ports as they stand in URIs and in Via (RFC 3261 §25.1, RFC 5954 §4.1).
enum HostGrammar {
    /// Takes a host: a name, an IPv4 address or an IPv6 reference in brackets.
    static func host(_ cursor: inout Cursor) throws(ParseFault) -> Range<Int> {
        let start = cursor.position
        if cursor.current == UInt8(ascii: "[") {
            while !cursor.isAtEnd, cursor.current != UInt8(ascii: "]") { cursor.advance() }
            guard cursor.take(UInt8(ascii: "]")), self.isIPv6Reference(cursor.base, start..<cursor.position) else {
                throw ParseFault(.badHost)
            }
            return start..<cursor.position
        }
        guard cursor.current != UInt8(ascii: "."), cursor.current != UInt8(ascii: "-") else {
            throw ParseFault(.badHost)
        }
        cursor.skipAlphanumerics()
        while CharacterClass.host.contains(cursor.current) {
            let isDot = cursor.current == UInt8(ascii: ".")
            cursor.advance()
            if isDot, cursor.current == UInt8(ascii: ".") { throw ParseFault(.badHost) }
            cursor.skipAlphanumerics()
        }
        guard cursor.position > start else { throw ParseFault(.badHost) }
        return start..<cursor.position
    }

    /// Takes a port behind its colon.
    static func port(_ cursor: inout Cursor) throws(ParseFault) -> UInt16 {
        guard let number = cursor.number(), let port = UInt16(exactly: number) else { throw ParseFault(.badPort) }
        return port
    }

    private static func isIPv6Reference(_ base: UnsafePointer<UInt8>, _ range: Range<Int>) -> Bool {
        guard range.count <= 64 else { return false }
        return self.address(Array(UnsafeBufferPointer(start: base + range.lowerBound, count: range.count))[...]) != nil
    }

    /// The address that a host is, if it is one.
    ///
    /// RFC 5118 §4.10: the grammar of RFC 3261 lets a sender write three colons before an IPv4 tail; they mean two.
    static func address(_ host: Octets) -> IPAddress? {
        if let address = IPAddress(octets: host) { return address }
        guard let first = host.firstRange(of: [0x3A, 0x3A, 0x3A]) else { return nil }
        return IPAddress(octets: host[..<first.lowerBound] + host[host.index(after: first.lowerBound)...])
    }
}
