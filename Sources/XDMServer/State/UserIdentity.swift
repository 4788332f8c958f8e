internal import Ground
internal import SIPWire

/// The names of users as they stand in paths and headers (RFC 4825 §6.2, TS 24.141 §6).
enum UserIdentity {
    /// The canonical identity that an XUI means: a SIP, pres or tel URI without parameters, headers and password, or
    /// `user@domain`. Nil for everything else.
    ///
    /// - Parameter name: percent-encoding already undone, once.
    static func canonical(_ name: Octets) -> [UInt8]? {
        guard !name.isEmpty, name.count <= 512, !name.contains(where: Self.isForbidden) else { return nil }
        var text = Array(name)
        if !text.contains(UInt8(ascii: ":")) {
            guard text.contains(UInt8(ascii: "@")), !text.contains(UInt8(ascii: "%")) else { return nil }
            text = Array("sip:".utf8) + text
        }
        guard let uri = try? SIPURI.parse(text[...]), uri.headers == nil, uri.password == nil else { return nil }
        switch uri.scheme {
        case .sip, .sips, .pres:
            guard let user = uri.user, !user.isEmpty, uri.port == nil, uri.parameters.isEmpty else { return nil }
        case .tel: guard !uri.dialledDigits.isEmpty else { return nil }
        case .im, .other: return nil
        }
        return uri.canonicalIdentity
    }

    /// The domain of a canonical identity; empty for `tel:`.
    static func domain(of identity: [UInt8]) -> Octets {
        guard identity.starts(with: "sip:".utf8) else { return [] }
        guard let at = identity.lastIndex(of: UInt8(ascii: "@")) else { return identity[4...] }
        return identity[(at + 1)...]
    }

    /// Reads a header that asserts identities: one or more, separated by commas, each in quotes, in angle brackets or
    /// bare. What is no identity is left out.
    static func list(_ header: Octets, limits: XDMServer.Limits) -> [[UInt8]] {
        guard header.count <= limits.assertionBytes else { return [] }
        var identities: [[UInt8]] = []
        for part in Self.parts(header) {
            guard identities.count < limits.assertedIdentities else { break }
            guard let identity = Self.canonical(Self.bare(part)), !identities.contains(identity) else { continue }
            identities.append(identity)
        }
        return identities
    }

    /// Cuts at the commas that stand outside of quotes and angle brackets: a user part may hold one.
    private static func parts(_ header: Octets) -> [Octets] {
        var parts: [Octets] = []
        var start = header.startIndex
        var close: UInt8?
        for index in header.indices {
            let byte = header[index]
            if let end = close {
                if byte == end { close = nil }
            } else if byte == UInt8(ascii: "\"") {
                close = byte
            } else if byte == UInt8(ascii: "<") {
                close = UInt8(ascii: ">")
            } else if byte == UInt8(ascii: ",") {
                parts.append(header[start..<index])
                start = index + 1
            }
        }
        parts.append(header[start...])
        return parts
    }

    /// What stands between the blanks, quotes and brackets of a value.
    private static func bare(_ part: Octets) -> Octets {
        var part = part
        while let first = part.first, first == 0x20 || first == 0x09 { part.removeFirst() }
        while let last = part.last, last == 0x20 || last == 0x09 { part.removeLast() }
        for (open, close) in [(UInt8(ascii: "\""), UInt8(ascii: "\"")), (UInt8(ascii: "<"), UInt8(ascii: ">"))]
        where part.count >= 2 && part.first == open && part.last == close {
            part = part.dropFirst().dropLast()
        }
        return part
    }

    /// Bytes that no name of a user has: they would make one path look like another.
    static func isForbidden(_ byte: UInt8) -> Bool {
        byte <= 0x20 || byte == 0x7F || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\\")
            || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "<") || byte == UInt8(ascii: ">")
    }
}
