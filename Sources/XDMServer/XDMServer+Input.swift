package import DigestAuth
package import Ground
package import SIPTransactions
package import SIPWire

extension XDMServer {
    /// What the XDM server is told. At a start what was stored comes first, then the network.
    package enum Input: Sendable {
        /// A request on Ut. It is answered by ``Effect/answer(_:_:)`` with the same ticket, in this turn or after
        /// ``loaded(_:_:)``.
        case utRequestReceived(Ticket, UtRequest)
        /// The answer to ``Effect/load(_:_:)``.
        case loaded(Ticket, CredentialAnswer)
        /// Who is a user of the served domains changed. The documents of those who are none any more are removed.
        case usersChanged(Configuration.Users)
        /// What the storage kept, once at a start.
        case restored(StoredDocuments)
        /// A SIP request for this box: SUBSCRIBE to xcap-diff (RFC 5875), or one that it has to refuse.
        case requestReceived(ServerTransactionID, SIPMessage, Origin)
        /// A response to a NOTIFY.
        case responseReceived(ClientTransactionID, SIPMessage)
        /// A NOTIFY got no response.
        case requestFailed(ClientTransactionID, RequestFailure)
        /// The process is about to end: no new work is taken, what is live stays as it is.
        case drained
    }
}
