import Ground
import SIPTransactions
import SIPWire

/// One address to listen on.
package struct ListenerConfiguration: Hashable, Sendable {
    /// How messages arrive there.
    package var transport: Transport
    /// Where. Port zero lets the system choose one.
    package var endpoint: Endpoint
    /// For ``Transport/tls`` and ``Transport/wss``: certificate, key and what is asked of clients.
    package var tls: TLSConfiguration?
    /// Whether the port may be shared with other processes and shards, among which the kernel spreads the peers
    /// (SO_REUSEPORT).
    package var sharesPort: Bool
    /// For WebSocket: the origins whose pages may connect (RFC 6455 §10.2); nil for all. A client that names no
    /// origin is no page in a browser and may connect.
    package var allowedWebSocketOrigins: Set<String>?

    package init(
        _ transport: Transport, _ endpoint: Endpoint, tls: TLSConfiguration? = nil, sharesPort: Bool = false,
        allowedWebSocketOrigins: Set<String>? = nil
    ) {
        self.transport = transport
        self.endpoint = endpoint
        self.tls = tls
        self.sharesPort = sharesPort
        self.allowedWebSocketOrigins = allowedWebSocketOrigins
    }
}

/// How the transports treat their peers. The defaults suit one machine that faces the Internet.
package struct TransportConfiguration: Sendable {
    /// How many messages one source may send in the long run and at once.
    package struct FloodBound: Hashable, Sendable {
        /// Messages a second.
        package var messagesPerSecond: Int
        /// Messages at once, after a pause.
        package var burst: Int

        package init(messagesPerSecond: Int, burst: Int) {
            self.messagesPerSecond = messagesPerSecond
            self.burst = burst
        }
    }

    /// On which connections requests may go back to a peer that asked for it by `alias` (RFC 5923).
    package enum AliasPolicy: Hashable, Sendable {
        /// Only over TLS, and only for names that the peer's certificate proves (RFC 5923 §9.1).
        case authenticatedOnly
        /// Also over TCP for peers of the trusted networks, whose addresses are believed.
        case trustedNetworks
    }

    /// Peers at these addresses belong to the trust domain (RFC 3325 §2.3) and escape the flood bound.
    package var trustedNetworks: [IPNetwork] = []
    /// Peers whose certificate proves one of these names belong to the trust domain. Lower-case domains.
    package var trustedIdentities: Set<String> = []
    /// For connections that we open over TLS; nil where there is no TLS client.
    package var clientTLS: TLSConfiguration?
    /// Which connections carry requests in both directions without our having opened them.
    package var aliasPolicy = AliasPolicy.authenticatedOnly
    /// The bound for each source address; nil for none.
    package var floodBound: FloodBound? = FloodBound(messagesPerSecond: 2000, burst: 4000)
    /// Connections at the same time, both directions together.
    package var maximumConnections = 16384
    /// Connections at the same time from one address that is not trusted.
    package var maximumConnectionsPerSource = 256
    /// A connection on which nothing has moved for so long is closed. Longer than the refresh interval that is
    /// usual for subscriptions, so that peers behind address translators that do send keep-alives stay reachable.
    package var idleTimeout: Duration = .seconds(4000)
    /// How long a connection that we open may take until the socket is connected.
    package var connectTimeout: Duration = .seconds(5)
    /// How long the TLS and WebSocket handshakes may take.
    package var handshakeTimeout: Duration = .seconds(10)
    /// How long a message may take from its first byte to its last, and the first message after a handshake.
    package var messageTimeout: Duration = .seconds(20)
    /// How long a peer may leave what we have written unread.
    package var stallTimeout: Duration = .seconds(30)
    /// How long answers may still be written to a peer that has closed its own direction.
    package var halfCloseLinger: Duration = .milliseconds(500)
    /// How often the bounds of time above are looked at.
    package var sweepInterval: Duration = .seconds(1)
    /// Bytes that wait for one peer to read them, or for a connection to be opened; more is refused.
    package var maximumWaitingBytes = 4 << 20
    /// Messages that wait for one connection to be opened; more is refused.
    package var maximumWaitingMessages = 1024
    /// Socket buffers of UDP, in bytes, each direction; the kernel may grant less.
    package var datagramBufferBytes = 4 << 20
    /// Bounds of one message.
    package var wireLimits = SIPWire.Limits.standard
    /// Distinguishes the connections of several shards: their numbers never meet.
    package var shard: UInt8 = 0

    package init() {}
}
