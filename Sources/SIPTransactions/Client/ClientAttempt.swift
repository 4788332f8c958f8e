internal import Ground
internal import SIPWire

/// A request on its way to one hop: what a client transaction needs until it has its final response.
struct ClientAttempt {
    /// The request as it is sent, our Via in it.
    let bytes: [UInt8]
    let path: Path
    /// How long until the next retransmission, once this one is sent (timers A and E).
    var interval: Duration

    var isReliable: Bool { self.path.transport.isReliable }
}

/// What is left to try when the hop at hand fails (RFC 3263 §4.3).
final class AttemptPlan {
    /// A way to try next.
    struct Alternative {
        let path: Path
        /// Only for the case that the attempt before could not be sent at all: UDP behind a refused TCP
        /// (RFC 3261 §18.1.1). Otherwise it is passed over.
        let onlyAfterTransportFailure: Bool
    }

    let request: OutgoingRequest
    /// The ways left, the next one last.
    var alternatives: [Alternative] = []
    /// A URI to resolve when the ways above are used up.
    var uri: SIPURI?
    /// Whether the size of the request has already moved it to TCP once.
    var mayNotSwitch = false

    init(request: OutgoingRequest) { self.request = request }
}
