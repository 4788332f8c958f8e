import Ground

/// A message that went over the wire, for a trace.
package struct TracedMessage: Sendable {
    /// What carried it, as far as a capture file shows it.
    package enum Carrier: Hashable, Sendable {
        case datagram
        /// TCP, and in the clear what went through TLS or WebSocket.
        case stream
    }

    package let at: Instant
    package let carrier: Carrier
    package let source: Endpoint
    package let destination: Endpoint
    package let bytes: [UInt8]

    package init(at: Instant, carrier: Carrier, source: Endpoint, destination: Endpoint, bytes: [UInt8]) {
        self.at = at
        self.carrier = carrier
        self.source = source
        self.destination = destination
        self.bytes = bytes
    }
}
