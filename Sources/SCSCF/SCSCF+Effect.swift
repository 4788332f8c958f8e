import DigestAuth
import Ground
import SIPTransactions
import SIPWire

extension SCSCF {
    /// What the box wants done.
    package enum Effect: Sendable {
        /// Answer a request.
        case respond(ServerTransactionID, [UInt8])
        /// Send a request as a new transaction.
        case send(ClientTransactionID, OutgoingRequest)
        /// Take back an INVITE.
        case cancel(ClientTransactionID)
        /// Pass an ACK for a 2xx on, outside every transaction.
        case acknowledge(OutgoingRequest)
        /// Change what is kept; durable before the answers of the same turn leave.
        case store(RegistrarStoreOperation)
        /// Ask for a user's credentials; answered by ``Input/loaded(_:_:)``.
        case load(Ticket, CredentialQuestion)
        /// Ask whether an identity is one of our subscribers; answered by ``Input/lookedUp(_:exists:)``.
        case lookUp(Ticket, identity: [UInt8])
        /// Count something.
        case observed(Observation)
    }

    /// What operators count.
    package enum Observation: String, Hashable, Sendable, CaseIterable {
        case registered, refreshed, unregistered, expired, registrationQueried
        case challenged, staleNonce, wrongCredentials, forbidden
        case forwarded, refusedRelay, loopFound, claimedIdentityStripped
        case flowLost
        case tooManyContacts, tooManyBindings, tooManyPending, databaseSilent
    }
}
