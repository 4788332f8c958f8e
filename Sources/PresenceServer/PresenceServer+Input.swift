package import DigestAuth
package import Ground
package import SIPTransactions
package import SIPWire

extension PresenceServer {
    /// What the presence server is told. At a start the rules come first, then what was stored, then the network.
    package enum Input: Sendable {
        /// A request for this box: PUBLISH, SUBSCRIBE, OPTIONS, or one that it has to refuse.
        case requestReceived(ServerTransactionID, SIPMessage, Origin)
        /// A response to a NOTIFY.
        case responseReceived(ClientTransactionID, SIPMessage)
        /// A NOTIFY got no response.
        case requestFailed(ClientTransactionID, RequestFailure)
        /// The answer to ``Effect/load(_:_:)``.
        case loaded(Ticket, CredentialAnswer)
        /// The subscription authorization changed. It acts on live subscriptions at once.
        case rulesChanged(RuleChange)
        /// Who is a user of the served domains changed.
        case usersChanged(Configuration.Users)
        /// What the storage kept, once at a start.
        case restored(StoredPresence)
        /// The process is about to end: no new work is taken, what is live stays as it is.
        case drained
    }
}
