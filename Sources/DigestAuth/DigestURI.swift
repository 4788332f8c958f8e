import Ground

/// Compares a digest-uri with a Request-URI.
package enum DigestURI {
    /// Whether both name the same resource (RFC 3261 §22.4, RFC 7616 §3.4.6).
    ///
    /// Elements on the way may have added or lost URI parameters, and clients write the same host in other case or with its
    /// default port: only scheme, user, host and port are compared, for HTTP the path and query.
    package static func isSameResource(_ left: Octets, _ right: Octets) -> Bool {
        if left == right { return true }
        guard let mine = Parts(left), let theirs = Parts(right) else { return false }
        return mine == theirs
    }

    /// The parts of a digest-uri that two spellings must share.
    private struct Parts: Equatable {
        var isSecure: Bool
        var user: [UInt8]?
        var host: [UInt8]
        var port: [UInt8]

        init?(_ uri: Octets) {
            guard let colon = uri.firstIndex(of: UInt8(ascii: ":")) else { return nil }
            let scheme = uri[..<colon]
            self.isSecure = scheme.equalsIgnoringCase("sips")
            guard self.isSecure || scheme.equalsIgnoringCase("sip") else { return nil }
            var rest = uri[uri.index(after: colon)...]
            // A user part may hold `;` and `?`, so it is cut off first.
            if let at = rest.firstIndex(of: UInt8(ascii: "@")) {
                self.user = Self.decoded(rest[..<at])
                rest = rest[rest.index(after: at)...]
            }
            var host = rest.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: "?") }
            var port = Array((self.isSecure ? "5061" : "5060").utf8)
            if let separator = host.lastIndex(of: UInt8(ascii: ":")), host.last != UInt8(ascii: "]") {
                port = Array(host[host.index(after: separator)...])
                host = host[..<separator]
            }
            guard !host.isEmpty else { return nil }
            self.host = host.map { ASCII.lowercased($0) }
            self.port = port
        }

        private static func decoded(_ text: Octets) -> [UInt8] {
            var result: [UInt8] = []
            var index = text.startIndex
            while index < text.endIndex {
                let byte = text[index]
                if byte == UInt8(ascii: "%"), text.endIndex - index > 2, let high = ASCII.hexValue(text[index + 1]),
                    let low = ASCII.hexValue(text[index + 2])
                {
                    result.append(high << 4 | low)
                    index += 3
                } else {
                    result.append(byte)
                    index += 1
                }
            }
            return result
        }
    }
}
