import Ground
import PresenceDocuments
import SIPTransactions

extension UserAgent {
    /// What a user agent wants done.
    package enum Effect: Sendable {
        /// Send a request.
        case send(ClientTransactionID, OutgoingRequest)
        /// Give a response.
        case respond(ServerTransactionID, [UInt8])
        /// Tell the user.
        case report(Event)
    }

    /// What a user gets to know.
    package enum Event: Equatable, Sendable {
        /// The registration stands for that many seconds. The GRUU is the one that the registrar gave, if any.
        case registered(expires: UInt32, publicGRUU: String?)
        /// The registration is gone, as ordered.
        case deregistered
        /// The registrar refused, or did not answer. With `retryAt`, it is tried again by itself then.
        case registrationFailed(Problem, retryAt: Instant?)
        /// The state is published under this entity tag for that many seconds.
        case published(entityTag: String, expires: UInt32)
        /// The publication is gone, as ordered.
        case unpublished
        /// The compositor refused, or did not answer. With `retryAt`, it is tried again by itself then.
        case publicationFailed(Problem, retryAt: Instant?)
        /// The subscription became pending or active. The times of later notifications are not told.
        case subscriptionChanged(SubscriptionID, SubscriptionStatus)
        /// The state of a presentity is known, or changed.
        case presenceChanged(SubscriptionID, PresenceDocument)
        /// The watchers of a user are known, or changed (RFC 3857).
        case watchersChanged(SubscriptionID, WatcherReport)
        /// A notification of another package came; its body as it is.
        case notified(SubscriptionID, contentType: String, body: [UInt8])
        /// A notification could not be read and was set aside.
        case notificationUnreadable(SubscriptionID, reason: String)
        /// The notifier confirmed that the known state still holds (RFC 5839).
        case stateUnchanged(SubscriptionID)
        /// The subscription ended. With `retryAt`, a new one is made by itself then.
        case subscriptionEnded(SubscriptionID, EndReason, retryAt: Instant?)
        /// Everything that `close` ended has ended.
        case closed
    }

    /// Why a request did not do what it should.
    package enum Problem: Equatable, Sendable {
        /// The peer refused.
        case refused(status: Int, reason: String)
        /// The peer asked for a password and none is configured.
        case passwordNeeded(realm: String)
        /// The peer did not accept the password.
        case passwordWrong(realm: String)
        /// No answer came.
        case unanswered
        /// The network did not carry the request.
        case unreachable
        /// The name of the peer leads nowhere.
        case unresolvable
        /// The answer breaks the protocol; the text says how.
        case answerUnusable(String)
    }

    /// How a subscription stands.
    package enum SubscriptionStatus: Equatable, Sendable {
        /// The notifier has not decided yet.
        case pending(expires: UInt32)
        /// The watcher is authorized.
        case active(expires: UInt32)
    }

    /// Why a subscription ended.
    package enum EndReason: Equatable, Sendable {
        /// As the user ordered; a fetch that got its answer too.
        case asOrdered
        /// The notifier ended it, with the reason it gave (RFC 6665 §4.1.3).
        case terminated(TerminationReason)
        /// The request was refused or not answered.
        case failed(Problem)
        /// No notification came within Timer N (RFC 6665 §4.1.2.4).
        case neverNotified
        /// The time ran out without a word from the notifier.
        case expired
    }

    /// The `reason` of a terminated subscription (RFC 6665 §4.1.3, RFC 4660 §5).
    package enum TerminationReason: Equatable, Sendable {
        case deactivated, probation, rejected, timeout, giveUp, noResource, invariant, badFilter
        /// No reason, or one that no standard knows.
        case other(String?)
    }
}
