package import Ground

/// URIs of presentities, as far as documents need to compare them.
package enum EntityURI {
    /// A URI as a key: `sip:user@host` with the host in lower case, no port, no parameters and no password, also for
    /// `sips:` and `pres:`; `tel:` without visual separators; anything else as it is, the scheme in lower case.
    package static func canonical(_ uri: Octets) -> [UInt8] {
        let text = uri.trimmingSpaces
        guard let colon = text.firstIndex(of: UInt8(ascii: ":")) else { return Array(text) }
        let scheme = text[..<colon]
        let rest = text[(colon + 1)...]
        if scheme.equalsIgnoringCase("tel") {
            var key = Array("tel:".utf8)
            for byte in rest {
                if byte == UInt8(ascii: ";") { break }
                if byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "(")
                    || byte == UInt8(ascii: ")")
                {
                    continue
                }
                key.append(ASCII.lowercased(byte))
            }
            return key
        }
        guard
            scheme.equalsIgnoringCase("sip") || scheme.equalsIgnoringCase("sips") || scheme.equalsIgnoringCase("pres")
        else { return scheme.map { ASCII.lowercased($0) } + text[colon...] }
        let end = rest.firstIndex { $0 == UInt8(ascii: "?") } ?? rest.endIndex
        let at = rest[..<end].lastIndex(of: UInt8(ascii: "@"))
        var key = Array("sip:".utf8)
        var host = rest[..<end]
        if let at {
            let user = rest[..<at].prefix { $0 != UInt8(ascii: ":") }
            Self.appendUnescaped(user, to: &key)
            key.append(UInt8(ascii: "@"))
            host = rest[(at + 1)..<end]
        }
        host = host.prefix { $0 != UInt8(ascii: ";") }
        if host.first == UInt8(ascii: "["), let bracket = host.firstIndex(of: UInt8(ascii: "]")) {
            host = host[...bracket]
        } else {
            host = host.prefix { $0 != UInt8(ascii: ":") }
        }
        key.append(contentsOf: host.map { ASCII.lowercased($0) })
        return key
    }

    /// Escapes of characters that need none (RFC 3261 §19.1.2) are resolved, so that equal users have equal keys.
    private static func appendUnescaped(_ user: Octets, to key: inout [UInt8]) {
        var index = user.startIndex
        while index < user.endIndex {
            let byte = user[index]
            if byte == UInt8(ascii: "%"), user.endIndex - index > 2, let high = ASCII.hexValue(user[index + 1]),
                let low = ASCII.hexValue(user[index + 2])
            {
                let value = high << 4 | low
                if ASCII.isLetter(value) || ASCII.isDigit(value) || "-_.!~*'()".utf8.contains(value) {
                    key.append(value)
                    index += 3
                    continue
                }
            }
            key.append(byte)
            index += 1
        }
    }
}

extension ArraySlice<UInt8> {
    /// The bytes without spaces at both ends.
    fileprivate var trimmingSpaces: Octets {
        var slice = self
        while let first = slice.first, first <= 0x20 { slice = slice.dropFirst() }
        while let last = slice.last, last <= 0x20 { slice = slice.dropLast() }
        return slice
    }
}
