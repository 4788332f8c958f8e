/// What the transports have counted since they were made.
package struct TransportCounters: Hashable, Sendable {
    package var datagramsReceived: UInt64 = 0
    package var datagramsSent: UInt64 = 0
    /// System calls that read, and that wrote, datagrams: the sizes of batches follow.
    package var datagramReads: UInt64 = 0
    package var datagramWrites: UInt64 = 0
    /// Datagrams that the kernel refused to send: no route, no such address.
    package var datagramsRefused: UInt64 = 0
    /// Datagrams that were not sent because the socket's buffer stayed full.
    package var datagramsDropped: UInt64 = 0
    package var streamMessagesReceived: UInt64 = 0
    package var streamMessagesSent: UInt64 = 0
    /// CRLF pings, empty datagrams and STUN requests (RFC 5626 §4.4).
    package var keepAlivesReceived: UInt64 = 0
    package var keepAlivesAnswered: UInt64 = 0
    /// Messages that one source sent too many.
    package var flooded: UInt64 = 0
    /// Stream messages or frames over the bound.
    package var oversized: UInt64 = 0
    /// Streams that lost their framing for another reason.
    package var framingFaults: UInt64 = 0
    package var connectionsAccepted: UInt64 = 0
    package var connectionsOpened: UInt64 = 0
    package var connectionsClosed: UInt64 = 0
    package var connectionsFailed: UInt64 = 0
    /// Connections that were turned away because there are too many, altogether or from their source.
    package var connectionsRefused: UInt64 = 0
    package var handshakesFailed: UInt64 = 0
    /// Connections closed because of a bound of time: idle, unfinished handshake or message, unread output.
    package var idleClosed: UInt64 = 0
    package var slowClosed: UInt64 = 0
    package var stalledClosed: UInt64 = 0
    /// Messages that could not be brought to their peer, for whatever reason.
    package var transmissionsFailed: UInt64 = 0
    /// Connections that a peer gave us for requests of our own (RFC 5923).
    package var aliasesRegistered: UInt64 = 0
    /// Listeners that broke and were opened again.
    package var listenersReopened: UInt64 = 0

    package init() {}
}
