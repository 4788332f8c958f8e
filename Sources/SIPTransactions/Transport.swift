package import Ground

/// How a SIP message travels (RFC 3261 §18, RFC 7118 §5).
package enum Transport: UInt8, Hashable, Sendable, CaseIterable {
    case udp, tcp, tls, ws, wss

    /// Whether the transport itself retransmits, so that the machines need not (RFC 3261 §17).
    package var isReliable: Bool { self != .udp }

    /// Whether the messages are encrypted on this hop (RFC 3261 §26.2.2).
    package var isSecure: Bool { self == .tls || self == .wss }

    /// What stands in a Via after `SIP/2.0/`.
    package var viaToken: StaticString {
        switch self {
        case .udp: "UDP"
        case .tcp: "TCP"
        case .tls: "TLS"
        case .ws: "WS"
        case .wss: "WSS"
        }
    }

    /// The port that is meant when none is written (RFC 3261 §19.1.2, RFC 7118 §5.5).
    package var defaultPort: UInt16 {
        switch self {
        case .udp, .tcp: 5060
        case .tls: 5061
        case .ws: 80
        case .wss: 443
        }
    }

    /// Reads the token of a Via or of a `transport` parameter, without regard to case. Nil if it is none of ours.
    package init?(token: Octets) {
        if token.equalsIgnoringCase("UDP") {
            self = .udp
        } else if token.equalsIgnoringCase("TCP") {
            self = .tcp
        } else if token.equalsIgnoringCase("TLS") {
            self = .tls
        } else if token.equalsIgnoringCase("WS") {
            self = .ws
        } else if token.equalsIgnoringCase("WSS") {
            self = .wss
        } else {
            return nil
        }
    }
}

/// The way between us and one peer: a pair of UDP addresses, or one connection (RFC 5626 §2).
package struct Flow: Hashable, Sendable {
    package let transport: Transport
    /// Our end.
    package let local: Endpoint
    /// The peer's end as we see it, behind any address translation.
    package let remote: Endpoint
    /// The number that the shell gave the connection; never used again after it has closed. Zero for UDP.
    package let connection: UInt64

    package init(transport: Transport, local: Endpoint, remote: Endpoint, connection: UInt64 = 0) {
        self.transport = transport
        self.local = local
        self.remote = remote
        self.connection = connection
    }
}

/// Where a message came from, and what the shell knows about the sender.
package struct Origin: Sendable {
    package var flow: Flow
    /// Whether the peer belongs to the trust domain (RFC 3325 §2.3). The shell decides, by its configuration.
    package var isTrusted: Bool
    /// The names in the certificate that the peer has proven to hold: DNS names and SIP URIs. Empty without one.
    package var certificateIdentities: [String]

    package init(flow: Flow, isTrusted: Bool = false, certificateIdentities: [String] = []) {
        self.flow = flow
        self.isTrusted = isTrusted
        self.certificateIdentities = certificateIdentities
    }
}

/// The name of a server transaction. The layer makes it; it names one transaction while that lives.
package struct ServerTransactionID: Hashable, Sendable {
    package let raw: UInt64

    package init(raw: UInt64) { self.raw = raw }
}

/// The name of a client transaction: a random number that its user draws, and that the layer writes into the branch.
package struct ClientTransactionID: Hashable, Sendable {
    package let raw: UInt64

    package init(raw: UInt64) { self.raw = raw }
}

/// One place to try: what RFC 3263 ends with.
package struct Hop: Hashable, Sendable {
    package let transport: Transport
    package let endpoint: Endpoint
    /// The name that the certificate of a TLS peer must carry (RFC 5922 §7.3); nil where an address was asked for.
    package let serverName: String?

    package init(transport: Transport, endpoint: Endpoint, serverName: String? = nil) {
        self.transport = transport
        self.endpoint = endpoint
        self.serverName = serverName
    }
}

/// Which way a message takes: one that exists, or one that the shell opens.
package enum Path: Hashable, Sendable {
    case flow(Flow)
    case hop(Hop)

    package var transport: Transport {
        switch self {
        case .flow(let flow): flow.transport
        case .hop(let hop): hop.transport
        }
    }

    /// The peer's address.
    package var remote: Endpoint {
        switch self {
        case .flow(let flow): flow.remote
        case .hop(let hop): hop.endpoint
        }
    }
}
