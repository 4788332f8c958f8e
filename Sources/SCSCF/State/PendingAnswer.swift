import DigestAuth
import Ground
import SIPTransactions
import SIPWire

/// A request whose handling goes on when the subscriber database has answered.
struct PendingAnswer: Sendable {
    /// What was asked, and what goes on with the answer.
    enum Step: Sendable {
        /// Whether the REGISTER's digest is right.
        case registration(DigestResponse)
        /// Whether the digest of a request to be forwarded is right.
        case sender(DigestResponse)
        /// Whether the user without a contact exists.
        case recipient
    }

    var step: Step
    var transaction: ServerTransactionID
    var request: SIPMessage
    var origin: Origin
}
