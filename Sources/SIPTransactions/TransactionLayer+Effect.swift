package import Ground
package import SIPWire

extension TransactionLayer {
    /// What the layer wants done.
    package enum Effect: Sendable {
        // To the network.
        /// Send on a flow that exists. If it does not any more, tell it with ``Input/transmissionFailed(_:)``.
        case transmit([UInt8], Flow)
        /// Connect if there is no connection to the hop yet, then send. For UDP: send from the socket that fits.
        case open([UInt8], Hop)
        /// Send a response on the connection that its request came on; if that is gone, open the hop (RFC 3261 §18.2.2).
        /// A failure need not be reported. Rare beside the others and larger than they, so it stands apart from them.
        indirect case reply([UInt8], Flow, otherwise: Hop?)
        /// Ask the name system.
        case resolve(Ticket, ResolutionQuestion)

        // To the transaction user.
        /// A new request. Every one of them wants a final response sooner or later.
        case requestReceived(ServerTransactionID, SIPMessage, Origin)
        /// The peer no longer wants the answer to this INVITE. The CANCEL itself is already answered.
        case cancelReceived(ServerTransactionID)
        /// An ACK that belongs to a 2xx. The transaction is given while it is still known (RFC 6026 §7.1).
        case ackReceived(SIPMessage, Origin, ServerTransactionID?)
        /// A response to a request of ours.
        case responseReceived(ClientTransactionID, SIPMessage, Origin)
        /// A request of ours got no final response, and will get none.
        case requestFailed(ClientTransactionID, RequestFailure)
        /// The peer never acknowledged a final response to its INVITE (timer H), or the 2xx ran out of time (timer L).
        case acknowledgementMissing(ServerTransactionID)

        // To the counters.
        /// Something was thrown away.
        case dropped(DropReason)
        /// Something happened that operators count.
        case observed(Observation)
    }
}

/// Why something was thrown away.
package enum DropReason: String, Hashable, Sendable, CaseIterable {
    /// Bytes that are no SIP message.
    case unparsable
    /// A response that breaks the grammar: nobody can be told.
    case malformedResponse
    /// An ACK that breaks the grammar: an ACK is never answered.
    case malformedAcknowledgement
    /// A response for which there is no transaction (any more).
    case unknownTransaction
    /// A response whose top Via is not ours (RFC 3261 §18.1.2).
    case foreignVia
    /// A retransmission of a request that is still being worked on, or of a response that was already passed on.
    case retransmissionAbsorbed
    /// A second answer of the user to one request, or an answer to a request that is gone.
    case superfluousAnswer
    /// An answer that a non-INVITE must not get: 1xx other than 100, an early 100, 408 (RFC 4320 §4).
    case forbiddenAnswer
    /// An answer that is no response.
    case unusableAnswer
    /// An answer of the name system that nobody waits for.
    case unknownTicket
    /// A cancel for something that cannot be cancelled (any more).
    case nothingToCancel
    /// A failed ACK or CANCEL.
    case failedAcknowledgement
    /// A second request under an identifier that is in use.
    case identifierInUse
}

/// What operators count.
package enum Observation: String, Hashable, Sendable, CaseIterable {
    /// A copy of a request arrived; a response, or a request of ours, was sent again.
    case requestRetransmitted, responseRetransmitted, requestResent
    /// A malformed request got its 400 (or the status that the fault names).
    case malformedRequestAnswered
    /// The same request came by two ways and got a 482.
    case mergedRequestAnswered
    /// A CANCEL matched nothing and got a 481.
    case unmatchedCancel
    /// A new request got a 503 because a table is full.
    case refusedByLimit
    /// A request of ours could not be sent because a table is full.
    case sendingRefusedByLimit
    /// An answered transaction left its table before its time because the table is full.
    case completedEvicted
    /// A non-INVITE was still unanswered when its late 100 was due.
    case lateTrying
    /// The user never answered a request.
    case abandoned
    /// A request went to the next hop.
    case failedOver
    /// A request too large for UDP went over TCP; TCP was refused and it went over UDP after all.
    case switchedToTCP, fellBackToUDP
    /// A hop asked to be left alone for a while, or was passed over because of that.
    case hopHeld, hopSkipped
    case clientTimeout, transportFailure, unresolvable
    /// The name system failed.
    case resolutionFailed
}
