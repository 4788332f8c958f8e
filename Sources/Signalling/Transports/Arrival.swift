import Ground
import SIPTransactions
import SIPWire

/// One message as it came from the network.
package struct Arrival: Sendable {
    /// The whole message, start line to body.
    package let bytes: [UInt8]
    /// The flow it came on and what is known of its sender.
    package let origin: Origin
    /// Whether the end of the message is the end of the datagram or frame, or is found by Content-Length.
    package let framing: Framing

    package init(bytes: [UInt8], origin: Origin, framing: Framing) {
        self.bytes = bytes
        self.origin = origin
        self.framing = framing
    }
}

/// Who is told what the network brings: the shard. All calls come on the event loop, none of them from inside a
/// call into ``SIPTransports``.
package protocol ArrivalReceiver: AnyObject {
    /// What one read of a socket brought, in order. More of the same turn may follow at once.
    func arrived(_ arrivals: [Arrival])
    /// The socket has no more for now, or it was read long enough: the turn ends, with one commit and one flush.
    func arrivalsEnded()
    /// A message could not be brought to its peer: the connection is gone, could not be opened or takes no more.
    ///
    /// - Parameters:
    ///   - bytes: the message.
    ///   - path: the flow given to ``SIPTransports/transmit(_:_:)`` or the hop given to ``SIPTransports/open(_:_:)``.
    func transmissionFailed(_ bytes: [UInt8], _ path: Path)
    /// A connection has ended, whoever ended it. Its flow will never be seen again (RFC 5626 §4.2.2).
    func connectionClosed(_ flow: Flow)
    /// A stream broke the rules of framing, so that no message can be found in it any more. If `head` has a whole
    /// header section it may still be answered, at once (RFC 3261 §18.3); the connection closes a moment later.
    func framingFailed(_ fault: ParseFault, head: [UInt8], _ origin: Origin)
    /// The peer answered a keep-alive of ours (RFC 5626 §4.4.1).
    func keepAliveAnswered(_ flow: Flow)
}

extension ArrivalReceiver {
    package func arrivalsEnded() {}
    package func framingFailed(_ fault: ParseFault, head: [UInt8], _ origin: Origin) {}
    package func keepAliveAnswered(_ flow: Flow) {}
}

/// Which way a traced message went.
package enum TraceDirection: Sendable { case received, sent }

/// Gets every message that passes the transports; those over TLS in clear text. Called on the event loop of each
/// shard, so it must neither block nor take long.
package typealias TraceSink =
    @Sendable (_ bytes: [UInt8], _ flow: Flow, _ direction: TraceDirection, _ at: Instant) -> Void
