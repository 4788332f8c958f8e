package import Ground

/// A URI as it stands in SIP messages: sip, sips, tel, pres, im, or any other whose text is kept.
///
/// The parts are cut out of the bytes that the URI came in; escapes stay as they are. Equality of values is
/// equality of bytes; ``isEquivalent(to:)`` is the comparison of RFC 3261 §19.1.4.
package struct SIPURI: Hashable, Sendable {
    /// What the URI begins with.
    package enum Scheme: Hashable, Sendable {
        case sip, sips, tel, pres, im
        /// The scheme as it came, without the colon.
        case other(Octets)
    }

    /// The whole URI.
    package let octets: Octets
    let pieces: URIPieces

    init(octets: Octets, pieces: URIPieces) {
        self.octets = octets
        self.pieces = pieces
    }

    /// Reads a URI; the bytes hold nothing else.
    package static func parse(_ octets: Octets) throws(ParseFault) -> SIPURI {
        let pieces = try octets.withCursor { (cursor) throws(ParseFault) -> URIPieces in
            try URIGrammar.scan(cursor.base, cursor.position..<cursor.end)
        }
        return SIPURI(octets: octets, pieces: pieces)
    }

    /// Reads a URI from a text, for settings and tests. Nil if it is none.
    package init?(_ text: String) {
        guard let uri = try? SIPURI.parse(Array(text.utf8)[...]) else { return nil }
        self = uri
    }

    package var scheme: Scheme {
        switch self.pieces.kind {
        case .sip: .sip
        case .sips: .sips
        case .tel: .tel
        case .pres: .pres
        case .im: .im
        case .other: .other(self.octets[self.pieces.scheme])
        }
    }

    /// Whether the scheme is sip or sips: the URI can be sent to.
    package var isSIP: Bool { self.pieces.kind == .sip || self.pieces.kind == .sips }

    /// The user before the `@`, escapes included; the number of a tel URI. Nil if there is none.
    package var user: Octets? { self.pieces.user.map { self.octets[$0] } }
    /// The password, which nobody should use (RFC 3261 §19.1.1).
    package var password: Octets? { self.pieces.password.map { self.octets[$0] } }
    /// The host, an IPv6 address with its brackets; empty for tel and for unknown schemes.
    package var host: Octets { self.octets[self.pieces.host] }
    /// The port, if one is written.
    package var port: UInt16? { self.pieces.port }
    /// The parameters of the URI.
    package var parameters: Parameters { Parameters(self.octets[self.pieces.parameters]) }
    /// What stands behind the `?`.
    package var headers: Octets? { self.pieces.headers.map { self.octets[$0] } }
    /// What stands behind the scheme and its colon.
    package var schemeSpecificPart: Octets {
        self.octets[(self.octets.startIndex + Int(self.pieces.scheme.end) + 1)...]
    }

    /// The address, if the host is one.
    package var hostAddress: IPAddress? { HostGrammar.address(self.host) }
    /// The transport parameter (RFC 3261 §19.1.1), as it is written.
    package var transport: Octets? { self.parameters.value(of: "transport") }
    /// The lr parameter: the element at the URI routes as RFC 3261 does, not as RFC 2543.
    package var isLooseRouter: Bool { self.parameters.contains("lr") }
    /// Whether the URI names one instance of a user agent (RFC 5627 §3).
    package var isGRUU: Bool { self.parameters.contains("gr") }

    /// The URI as bytes.
    package func serialised() -> [UInt8] { Array(self.octets) }
}
