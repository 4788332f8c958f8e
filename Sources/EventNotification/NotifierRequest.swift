package import Ground
package import SIPTransactions
package import SIPWire

/// A SUBSCRIBE on its way through a ``Notifier``.
package struct NotifierRequest: Sendable {
    package let transaction: ServerTransactionID
    package let message: SIPMessage
    package let origin: Origin

    package init(transaction: ServerTransactionID, message: SIPMessage, origin: Origin) {
        self.transaction = transaction
        self.message = message
        self.origin = origin
    }
}

/// Who sent a request, as the box has found out (design law 8). To and From decide nothing.
package struct NotifierIdentity: Hashable, Sendable {
    /// Canonical identities of the sender, the main one first; empty for an anonymous one.
    package var identities: [[UInt8]]
    /// Whether the request came from the trust domain without an identity, as requests inside a dialog do: then the
    /// dialog itself says who it is.
    package var isUnasserted: Bool

    package init(identities: [[UInt8]], isUnasserted: Bool = false) {
        self.identities = identities
        self.isUnasserted = isUnasserted
    }

    /// Nobody in particular.
    package static let anonymous = NotifierIdentity(identities: [])

    /// The identity that a subscription belongs to; empty for an anonymous sender.
    package var main: [UInt8] { self.identities.first ?? [] }
}

/// What a SUBSCRIBE asks for, checked: all that RFC 6665 lets a notifier say without knowing the resource.
package struct SubscribeWish: Sendable {
    package let request: NotifierRequest
    package let identity: NotifierIdentity
    /// The number of the event package in the registry.
    package let package: Int
    /// The subscription that is refreshed or ended; nil for a request outside of a dialog.
    package let subscription: UInt64?
    /// Seconds granted; zero ends the subscription or makes a fetch.
    package let expires: UInt32
    /// Which of the package's NOTIFY bodies the subscriber likes best; nil if it did not say.
    package let contentType: StaticString?
    /// The body, and which of the types that the package knows it is; nil without one.
    package let body: (bytes: Octets, type: StaticString)?
    /// Parameters of the Event header.
    package let parameters: Parameters
    /// The rates that are asked for (RFC 6446).
    package let rates: NotificationRates
    /// What need not be told (RFC 5839).
    package let condition: SuppressIfMatch?

    /// Whether the request wants the state once (RFC 6665 §4.4.3).
    package var isFetch: Bool { self.subscription == nil && self.expires == 0 }
}
