package import Ground
internal import XMLTree

/// The identities of watchers as keys, so that rules find them however they are written.
package enum PolicyIdentity {
    /// One form for all URIs of the same user: `sip:user@host` for sip, sips and pres (host in lower case, no
    /// parameters, no password, no default port), `tel:` without separators, local numbers with their context.
    /// `tel:` never equals `sip:` (RFC 5025 §3.1.1.2). A key has itself as its key.
    package static func key(_ uri: Octets) -> [UInt8] {
        let text = uri.trimmingSpace
        guard let colon = text.firstIndex(of: UInt8(ascii: ":")) else { return Array(text) }
        let scheme = text[..<colon]
        let rest = text[(colon + 1)...]
        if scheme.equalsIgnoringCase("tel") { return Self.telephoneKey(rest) }
        guard
            scheme.equalsIgnoringCase("sip") || scheme.equalsIgnoringCase("sips") || scheme.equalsIgnoringCase("pres")
        else { return scheme.map { ASCII.lowercased($0) } + text[colon...] }
        var key = Array("sip:".utf8)
        let end = rest.firstIndex(of: UInt8(ascii: "?")) ?? rest.endIndex
        var address = rest[..<end]
        if let at = address.firstIndex(of: UInt8(ascii: "@")) {
            Self.append(user: address[..<at].prefix { $0 != UInt8(ascii: ":") }, to: &key)
            key.append(UInt8(ascii: "@"))
            address = address[(at + 1)...]
        }
        let (host, port) = Self.hostAndPort(address.prefix { $0 != UInt8(ascii: ";") })
        key += Self.hostKey(host)
        if let port {
            key.append(UInt8(ascii: ":"))
            key += port
        }
        return key
    }

    /// A domain as `many` and `except` name it, in ASCII and lower case, without a dot at its end. What is no domain in
    /// any language stays as it is, and so equals no domain of an identity.
    package static func hostKey(_ host: Octets) -> [UInt8] {
        let text = host.trimmingSpace
        return Self.domainKey(text) ?? text.map { ASCII.lowercased($0) }
    }

    /// The same; nil for what cannot be brought into the form of protocols (RFC 4745 §7.1.3).
    static func domainKey(_ host: Octets) -> [UInt8]? {
        let text = host.trimmingSpace
        var key: [UInt8]
        if text.contains(where: { $0 >= 0x80 || $0 == UInt8(ascii: "%") }) {
            guard let converted = InternationalDomain.ascii(text) else { return nil }
            key = converted
        } else {
            key = text.map { ASCII.lowercased($0) }
        }
        // A dot at the end makes a name absolute, which every name in SIP is.
        while key.count > 1, key.last == UInt8(ascii: ".") { key.removeLast() }
        return key
    }

    /// The domain of a key; empty for telephone numbers.
    package static func domain(ofKey key: [UInt8]) -> Octets {
        guard key.starts(with: "sip:".utf8), let at = key.firstIndex(of: UInt8(ascii: "@")) else { return [] }
        return Self.hostAndPort(key[(at + 1)...]).host
    }

    /// Whether a key is that of the anonymous URI (RFC 3323 §4.1.1.3), or of nothing at all.
    package static func isAnonymous(_ key: [UInt8]) -> Bool {
        key.isEmpty || Self.domain(ofKey: key).equals("anonymous.invalid")
    }

    /// Host and port; the ports that SIP has anyway are no part of an identity.
    private static func hostAndPort(_ text: Octets) -> (host: Octets, port: Octets?) {
        var host = text
        var port: Octets?
        if host.first == UInt8(ascii: "["), let bracket = host.firstIndex(of: UInt8(ascii: "]")) {
            host = host[...bracket]
            let rest = text[host.endIndex...]
            if rest.first == UInt8(ascii: ":") { port = rest.dropFirst() }
        } else if let colon = host.firstIndex(of: UInt8(ascii: ":")) {
            host = text[..<colon]
            port = text[(colon + 1)...]
        }
        if let number = port, number.isEmpty || number.equals("5060") || number.equals("5061") { port = nil }
        return (host, port)
    }

    /// RFC 3966 §5: separators and case mean nothing; a local number is one only together with its context.
    private static func telephoneKey(_ text: Octets) -> [UInt8] {
        var key = Array("tel:".utf8)
        let end = text.firstIndex { $0 == UInt8(ascii: ";") || $0 == UInt8(ascii: "?") } ?? text.endIndex
        Self.append(number: text[..<end], to: &key)
        guard key.count > 4, key[4] != UInt8(ascii: "+") else { return key }
        var rest = text[end...]
        while rest.first == UInt8(ascii: ";") {
            rest = rest.dropFirst()
            let parameter = rest.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: "?") }
            rest = rest[parameter.endIndex...]
            guard let equals = parameter.firstIndex(of: UInt8(ascii: "=")),
                parameter[..<equals].equalsIgnoringCase("phone-context")
            else { continue }
            key.append(literal: ";phone-context=")
            let context = parameter[(equals + 1)...]
            if context.first == UInt8(ascii: "+") {
                Self.append(number: context, to: &key)
            } else {
                key += context.map { ASCII.lowercased($0) }
            }
            break
        }
        return key
    }

    private static func append(number: Octets, to key: inout [UInt8]) {
        for byte in number where !"-.()".utf8.contains(byte) { key.append(ASCII.lowercased(byte)) }
    }

    /// Escapes of characters that need none are resolved, the others written with capital digits (RFC 3261
    /// §19.1.4), so that equal users have equal keys.
    private static func append(user: Octets, to key: inout [UInt8]) {
        var index = user.startIndex
        while index < user.endIndex {
            let byte = user[index]
            guard byte == UInt8(ascii: "%"), user.endIndex - index > 2, let high = ASCII.hexValue(user[index + 1]),
                let low = ASCII.hexValue(user[index + 2])
            else {
                key.append(byte)
                index += 1
                continue
            }
            let value = high << 4 | low
            if ASCII.isLetter(value) || ASCII.isDigit(value) || "-_.!~*'()".utf8.contains(value) {
                key.append(value)
            } else {
                key.append(byte)
                for digit in [high, low] { key.append(digit < 10 ? 0x30 + digit : 0x37 + digit) }
            }
            index += 3
        }
    }
}
