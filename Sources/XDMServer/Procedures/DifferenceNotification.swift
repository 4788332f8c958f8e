internal import DigestAuth
internal import EventNotification
internal import Ground
internal import SIPTransactions
internal import SIPWire

/// The SIP side of this box: subscriptions to changes of documents (RFC 5875).
extension XDMServer {
    /// RFC 6665 §4.2.1.1: an event package that is not served is 489.
    mutating func subscriptionRequestReceived(
        _ transaction: ServerTransactionID, _ message: SIPMessage, _ origin: Origin, at now: Instant,
        into effects: inout [Effect]
    ) {
        switch message.method {
        case .ack, .cancel: return
        default: break
        }
        var tag: [UInt8] = []
        ContentTag(of: Array(message.callID)).append(to: &tag)
        var writer = message.response(489, nil, toTag: tag[...], receivedFrom: origin.flow.remote)
        effects.append(.respond(transaction, writer.finish()))
    }

    /// No NOTIFY is on its way.
    mutating func notificationAnswered(
        _ transaction: ClientTransactionID, _ message: SIPMessage, at now: Instant, into effects: inout [Effect]
    ) {}

    /// No NOTIFY is on its way.
    mutating func notificationFailed(
        _ transaction: ClientTransactionID, _ failure: RequestFailure, at now: Instant, into effects: inout [Effect]
    ) {}

    /// The credentials of a subscriber are there.
    mutating func subscriberCredentialsLoaded(
        _ ticket: Ticket, _ answer: CredentialAnswer, at now: Instant, into effects: inout [Effect]
    ) {
        self.observe(.unknownTicket, into: &effects)
    }

    /// A document was created, replaced or removed.
    mutating func differencesNoted(_ change: DocumentChange, at now: Instant, into effects: inout [Effect]) {}

    /// The subscriptions that the storage kept; the documents are there already.
    mutating func restoreSubscriptions(_ records: [NotifierRecord], at now: Instant, into effects: inout [Effect]) {}

    /// The process is about to end.
    mutating func drainSubscriptions(at now: Instant, into effects: inout [Effect]) {}
}
