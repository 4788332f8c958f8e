import Ground

/// Where SIP messages are taken: `udp:127.0.0.1:5060`.
package struct ListenerAddress: Hashable, Sendable, CustomStringConvertible {
    /// The transport of a listener. TLS and secure WebSocket use the certificate of the `tls` section.
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        case udp, tcp, tls, ws, wss

        /// Whether the listener needs a certificate.
        package var isSecure: Bool { self == .tls || self == .wss }
        /// The port that is meant when none is written (RFC 3261 §19.1.2, RFC 7118 §5.3).
        package var standardPort: UInt16 {
            switch self {
            case .udp, .tcp: 5060
            case .tls: 5061
            case .ws: 80
            case .wss: 443
            }
        }
    }

    package let kind: Kind
    /// The address and port to bind. Port 0 lets the system choose.
    package let endpoint: Endpoint

    package init(kind: Kind, endpoint: Endpoint) {
        self.kind = kind
        self.endpoint = endpoint
    }

    /// Reads `transport:address:port`, the port being optional. Nil if it is not that.
    package init?(_ text: some StringProtocol) {
        guard let colon = text.firstIndex(of: ":"), let kind = Kind(rawValue: String(text[..<colon])) else {
            return nil
        }
        let rest = text[text.index(after: colon)...]
        if let address = IPAddress(rest) {
            guard !address.isIPv6 || rest.hasPrefix("[") else { return nil }
            self.init(kind: kind, endpoint: Endpoint(address, kind.standardPort))
        } else if let endpoint = Endpoint(rest) {
            guard !endpoint.address.isIPv6 || rest.hasPrefix("[") else { return nil }
            self.init(kind: kind, endpoint: endpoint)
        } else {
            return nil
        }
    }

    package var description: String { "\(self.kind.rawValue):\(self.endpoint)" }
}

extension Shape where Value == IPNetwork {
    /// A range of addresses.
    package static let network = Shape("an IP address or a range such as 10.0.0.0/8 without bits behind the prefix") {
        IPNetwork(exactly: $0)
    }
}

extension Shape where Value == ListenerAddress {
    /// A listener.
    package static let listener = Shape(
        "transport:address:port, such as udp:127.0.0.1:5060 or tls:[::1]:5061, with udp, tcp, tls, ws or wss"
    ) { ListenerAddress($0) }
}

/// Where documents are taken over HTTP: the XCAP root as a listener has it, `http://127.0.0.1:8070/xcap`.
package struct RootAddress: Hashable, Sendable, CustomStringConvertible {
    /// Whether it is written `https`.
    package let isSecure: Bool
    /// The address and port to bind. Port 0 lets the system choose.
    package let endpoint: Endpoint
    /// The path of the root: empty, or with a slash at its start and none at its end.
    package let path: String

    package init(isSecure: Bool = false, endpoint: Endpoint, path: String) {
        self.isSecure = isSecure
        self.endpoint = endpoint
        self.path = path
    }

    /// Reads an absolute URL whose host is an IP address or `localhost`. Nil for anything else, and for a path that
    /// would need escapes, has a query (RFC 4825 §6.1) or empty or dot segments.
    package init?(_ text: some StringProtocol) {
        let schemes: [(prefix: String, isSecure: Bool, port: UInt16)] = [
            ("http://", false, 80), ("https://", true, 443),
        ]
        guard let scheme = schemes.first(where: { text.hasPrefix($0.prefix) }) else { return nil }
        let rest = text.dropFirst(scheme.prefix.count)
        let authority = rest.prefix { $0 != "/" }
        guard let endpoint = Self.endpoint(String(authority), port: scheme.port) else { return nil }
        var path = String(rest.dropFirst(authority.count))
        if path.hasSuffix("/") { path.removeLast() }
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        let plain = segments.allSatisfy { segment in
            !segment.isEmpty && segment != "." && segment != ".." && segment != "~~"
                && segment.utf8.allSatisfy {
                    ASCII.isLetter($0) || ASCII.isDigit($0) || "-._~!$&'()*+,;=:@".utf8.contains($0)
                }
        }
        guard plain else { return nil }
        self.init(isSecure: scheme.isSecure, endpoint: endpoint, path: path)
    }

    private static func endpoint(_ authority: String, port: UInt16) -> Endpoint? {
        let named = "localhost"
        let host =
            authority.hasPrefix(named) ? IPAddress.loopback.description + authority.dropFirst(named.count) : authority
        if let address = IPAddress(host) {
            return !address.isIPv6 || host.hasPrefix("[") ? Endpoint(address, port) : nil
        }
        guard let endpoint = Endpoint(host), !endpoint.address.isIPv6 || host.hasPrefix("[") else { return nil }
        return endpoint
    }

    package var description: String { "\(self.isSecure ? "https" : "http")://\(self.endpoint)\(self.path)" }
}

extension Shape where Value == RootAddress? {
    /// Empty for none, or the address of an XCAP root.
    package static let optionalRoot = Shape(
        "http://address:port/path, such as http://127.0.0.1:8070/xcap, without a query; or \"\" for none"
    ) { text in
        if text.isEmpty { return .some(nil) }
        return RootAddress(text).map { .some($0) }
    }
}

extension Shape where Value == String {
    /// Empty, or the XCAP root as clients write it: an absolute HTTP URL without a query (RFC 4825 §6.1).
    package static let optionalURL = Shape("an http or https URL without a query, or \"\" for none") { text in
        if text.isEmpty { return "" }
        let allowed = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"?#\"<>\\^`{|}".utf8.contains($0) }
        let prefix = ["http://", "https://"].first { text.hasPrefix($0) }
        guard allowed, let prefix, let first = text.dropFirst(prefix.count).first, first != "/" else { return nil }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }

    /// A public identity: a sip, sips or tel URI.
    package static let identity = Shape("a sip, sips or tel URI such as sip:rls@home.test") { text in
        guard let prefix = ["sip:", "sips:", "tel:"].first(where: { text.lowercased().hasPrefix($0) }),
            text.utf8.count > prefix.utf8.count, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return nil }
        return text
    }
}

/// Another name of a user, and the identity that it means: `tel:+493012345=sip:alice@home.test`.
package struct Alias: Hashable, Sendable {
    package let name: String
    package let identity: String

    package init(name: String, identity: String) {
        self.name = name
        self.identity = identity
    }

    /// Reads `name=identity`. The last `=` divides, because parameters of a URI have one too. Nil if it is not that.
    package init?(_ text: String) {
        guard let equals = text.lastIndex(of: "="),
            case .value(let identity) = Shape<String>.identity.read([String(text[text.index(after: equals)...])])
        else { return nil }
        let name = text[..<equals]
        guard !name.isEmpty, name != identity, name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x2F }) else {
            return nil
        }
        self.init(name: String(name), identity: identity)
    }
}

extension Shape where Value == Alias {
    /// Another name of a user.
    package static let alias = Shape("name=identity such as tel:+493012345=sip:alice@home.test") { Alias($0) }
}
