import Ground

/// A range of IP addresses, written `10.0.0.0/8` or `2001:db8::/32`; one address stands for itself.
package struct AddressRange: Hashable, Sendable, CustomStringConvertible {
    /// The first address of the range.
    package let base: IPAddress
    /// How many leading bits an address shares with ``base``: 0 to 32, or 0 to 128 for IPv6.
    package let prefixLength: Int

    /// Reads an address or a range. Nil if it is neither, or if bits behind the prefix are set.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let head = parts.first, let base = IPAddress(head) else { return nil }
        let width = base.isIPv6 ? 128 : 32
        var length = width
        if parts.count == 2 {
            guard let given = Int(parts[1]), (0...width).contains(given), !parts[1].hasPrefix("+") else { return nil }
            length = given
        }
        self.base = base
        self.prefixLength = length
        let (high, low) = Self.masked(base, length)
        guard high == base.high, low == base.low else { return nil }
    }

    /// Whether an address lies in the range. An IPv4 range holds no IPv6 address.
    package func contains(_ address: IPAddress) -> Bool {
        guard address.isIPv6 == self.base.isIPv6 else { return false }
        let (high, low) = Self.masked(address, self.prefixLength)
        return high == self.base.high && low == self.base.low
    }

    private static func masked(_ address: IPAddress, _ length: Int) -> (high: UInt64, low: UInt64) {
        guard address.isIPv6 else {
            return (0, length == 0 ? 0 : address.low & (UInt64.max << UInt64(32 - length)))
        }
        if length == 0 { return (0, 0) }
        if length <= 64 { return (address.high & (UInt64.max << UInt64(64 - length)), 0) }
        return (address.high, address.low & (UInt64.max << UInt64(128 - length)))
    }

    package var description: String { "\(self.base)/\(self.prefixLength)" }
}

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

extension Shape where Value == AddressRange {
    /// A range of addresses.
    package static let network = Shape("an IP address or a range such as 10.0.0.0/8 without bits behind the prefix") {
        AddressRange($0)
    }
}

extension Shape where Value == ListenerAddress {
    /// A listener.
    package static let listener = Shape(
        "transport:address:port, such as udp:127.0.0.1:5060 or tls:[::1]:5061, with udp, tcp, tls, ws or wss"
    ) { ListenerAddress($0) }
}
