package import Ground

/// Where the parts of a via-parm lie.
struct ViaPieces: Hashable, Sendable {
    /// Whether the sent-protocol is `SIP/2.0`.
    var isSIP2: Bool
    var transport: Piece
    var host: Piece
    var port: UInt16?
    var parameters: Piece
    var end: UInt32
}

/// One entry of a Via header (RFC 3261 §20.42).
package struct Via: Hashable, Sendable {
    /// The whole entry.
    package let octets: Octets
    let pieces: ViaPieces

    /// Reads one entry; the bytes hold nothing else.
    package static func parse(_ octets: Octets) throws(ParseFault) -> Via {
        let pieces = try octets.withCursor { (cursor) throws(ParseFault) -> ViaPieces in
            let pieces = try ViaGrammar.scan(&cursor)
            guard cursor.isAtEnd else { throw ParseFault(.badVia) }
            return pieces
        }
        return Via(octets: octets, pieces: pieces)
    }

    /// The transport of the sent-protocol, as it is written: `UDP`, `TLS`, `WSS` …
    package var transport: Octets { self.octets[self.pieces.transport] }
    /// The host of the sent-by.
    package var host: Octets { self.octets[self.pieces.host] }
    /// The port of the sent-by, if one is written.
    package var port: UInt16? { self.pieces.port }
    /// All parameters.
    package var parameters: Parameters { Parameters(self.octets[self.pieces.parameters]) }
    /// The identifier of the transaction (RFC 3261 §8.1.1.7).
    package var branch: Octets? { self.parameters.value(of: "branch") }
    /// Whether the branch begins with the cookie `z9hG4bK` of RFC 3261, and so identifies a transaction alone.
    package var hasMagicCookie: Bool {
        guard let branch = self.branch else { return false }
        return branch.count >= 7 && branch.prefix(7).equalsIgnoringCase("z9hG4bK")
    }
    /// Whether the sender asks for symmetric responses (RFC 3581 §3).
    package var hasRPort: Bool { self.parameters.contains("rport") }
    /// The port that the server saw (RFC 3581 §4); nil while the parameter has no value.
    package var rport: UInt16? { self.parameters.value(of: "rport")?.decimal.flatMap { UInt16(exactly: $0) } }
    /// The address that the server saw (RFC 3261 §18.2.1).
    package var received: Octets? { self.parameters.value(of: "received") }
    /// The address behind ``received``, with or without brackets (RFC 5118 §4.5).
    package var receivedAddress: IPAddress? { self.received.flatMap { HostGrammar.address($0) } }
    /// Where a multicast response goes.
    package var maddr: Octets? { self.parameters.value(of: "maddr") }
    /// The time to live of a multicast response.
    package var ttl: UInt8? { self.parameters.value(of: "ttl")?.decimal.flatMap { UInt8(exactly: $0) } }
    /// The address of the sent-by, if it is one.
    package var hostAddress: IPAddress? { HostGrammar.address(self.host) }
}

/// The grammar of via-parm (RFC 3261 §25.1).
enum ViaGrammar {
    /// Reads one entry and leaves the cursor at its end: the end of the bytes or a comma.
    static func scan(_ cursor: inout Cursor) throws(ParseFault) -> ViaPieces {
        var pieces = try self.beginning(&cursor)
        guard let parameters = try? Parameters.checkHeaderParameters(&cursor) else { throw ParseFault(.badVia) }
        pieces.parameters = parameters
        pieces.end = UInt32(truncatingIfNeeded: cursor.position)
        return pieces
    }

    /// Reads an entry up to its parameters: sent-protocol and sent-by.
    static func beginning(_ cursor: inout Cursor) throws(ParseFault) -> ViaPieces {
        cursor.skipBlanks()
        let name = cursor.longRun(CharacterClass.token)
        guard !name.isEmpty, self.slash(&cursor) else { throw ParseFault(.badVia) }
        let version = cursor.longRun(CharacterClass.token)
        guard !version.isEmpty, self.slash(&cursor) else { throw ParseFault(.badVia) }
        let transport = cursor.longRun(CharacterClass.token)
        guard !transport.isEmpty, cursor.current == 0x20 || cursor.current == 0x09 else { throw ParseFault(.badVia) }
        cursor.skipBlanks()
        guard let host = try? HostGrammar.host(&cursor) else { throw ParseFault(.badVia) }
        cursor.skipBlanks()
        var port: UInt16?
        if cursor.take(UInt8(ascii: ":")) {
            cursor.skipBlanks()
            guard let read = try? HostGrammar.port(&cursor) else { throw ParseFault(.badVia) }
            port = read
        }
        // Another version is let through here: a 505 has to find its way back (RFC 4475 §3.1.2.16).
        let isSIP2 =
            Bytes.equalIgnoringCase(cursor.base, name, "sip") && Bytes.equalIgnoringCase(cursor.base, version, "2.0")
        return ViaPieces(
            isSIP2: isSIP2, transport: Piece(transport), host: Piece(host), port: port, parameters: .none, end: 0)
    }

    private static func slash(_ cursor: inout Cursor) -> Bool {
        cursor.skipBlanks()
        guard cursor.take(UInt8(ascii: "/")) else { return false }
        cursor.skipBlanks()
        return true
    }
}
