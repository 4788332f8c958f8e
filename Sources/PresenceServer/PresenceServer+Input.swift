package import DigestAuth
package import Ground
package import PresenceDocuments
package import SIPTransactions
package import SIPWire

extension PresenceServer {
    /// What the presence server is told. At a start the rules and documents come first, then what was stored, then the
    /// network.
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
        /// Documents of subscribers were created, replaced or removed. They act on live subscriptions at once. At a
        /// start all of them come so, before what was stored.
        case documentsChanged([SubscriberDocument])
        /// Somebody wants to know how a watcher of a presentity (canonical identity) is treated and why; answered by
        /// ``Effect/explained(_:_:)`` in the same turn.
        case explain(Ticket, presentity: [UInt8], watcher: PolicyWatcher)
        /// Who is a user of the served domains changed.
        case usersChanged(Configuration.Users)
        /// What the storage kept, once at a start.
        case restored(StoredPresence)
        /// The process is about to end: no new work is taken, what is live stays as it is.
        case drained
    }
}
