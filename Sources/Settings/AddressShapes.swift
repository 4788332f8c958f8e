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
