package import DigestAuth
package import Ground
package import SIPTransactions

extension XDMServer {
    /// What the XDM server wants done. The ``store(_:)`` effects of a turn are durable before its ``answer(_:_:)``,
    /// ``respond(_:_:)`` and ``send(_:_:)`` effects leave.
    package enum Effect: Sendable {
        /// The answer to ``Input/utRequestReceived(_:_:)``.
        case answer(Ticket, UtResponse)
        /// Fetch the credentials of a user; answered by ``Input/loaded(_:_:)``.
        case load(Ticket, CredentialQuestion)
        /// A change of durable state.
        case store(XDMStoreOperation)
        /// A document was created, replaced or removed: who lives by it acts in the same turn.
        case documentChanged(DocumentChange)
        /// A whole response to a SIP request.
        case respond(ServerTransactionID, [UInt8])
        /// A NOTIFY.
        case send(ClientTransactionID, OutgoingRequest)
        /// Something happened that operators count, and that ``XDMServer/counters`` counted.
        case observed(Observation)
    }

    /// What is worth a line in a log when it happens.
    package enum Observation: String, Hashable, Sendable, CaseIterable {
        /// A bound of ``Limits`` refused something.
        case documentLimit, userDocumentLimit, documentSizeLimit, userBytesLimit, targetLimit, serviceIndexLimit
        case challengeLimit, subscriptionLimit
        /// An answer came for a ticket that nobody waits for.
        case unknownTicket
        /// Somebody tried to reach the documents of another user.
        case foreignDocument
        /// A peer that is not trusted asserted an identity.
        case foreignAssertion
        /// Somebody asked to act as a user that they are not.
        case foreignIntention
        /// A request target was refused because of how it is written.
        case badTarget
        /// A body was refused because of how it is written: a bomb, a broken encoding, a type definition.
        case badBody
        /// A stored record could not be read and was left out.
        case damagedRecord
        /// A NOTIFY was challenged, and there are no credentials for the realm.
        case notificationChallenged
        /// Somebody without the right tried to use a dialog of another subscriber.
        case foreignDialog
    }
}
