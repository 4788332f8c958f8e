import DigestAuth
import Ground
import SIPTransactions
import SIPWire

extension SCSCF {
    /// What the box is told.
    package enum Input: Sendable {
        /// A request arrived: REGISTER, OPTIONS, or anything that is to reach a user.
        case requestReceived(ServerTransactionID, SIPMessage, Origin)
        /// The sender has cancelled its INVITE.
        case cancelReceived(ServerTransactionID)
        /// An ACK for a 2xx arrived.
        case ackReceived(SIPMessage, Origin, ServerTransactionID?)
        /// A request that was forwarded has been answered.
        case responseReceived(ClientTransactionID, SIPMessage, Origin)
        /// A request that was forwarded gets no answer.
        case requestFailed(ClientTransactionID, RequestFailure)
        /// The subscriber database has answered an ``Effect/load(_:_:)``.
        case loaded(Ticket, CredentialAnswer)
        /// The subscriber database has answered an ``Effect/lookUp(_:identity:)``.
        case lookedUp(Ticket, exists: Bool)
        /// The bindings that storage kept, at start, before anything else.
        case restored([BindingRecord])
        /// A connection has closed: nobody is reached over it any more (RFC 5626 §5.3).
        case connectionClosed(Flow)
    }
}
