import Ground
import PresenceDocuments
import SIPTransactions
import SIPWire

extension UserAgent {
    /// What a user agent is told.
    package enum Input: Sendable {
        /// The user wants something.
        case ordered(Order)
        /// A request arrived from the network.
        case requestReceived(ServerTransactionID, SIPMessage, Origin)
        /// A response to a request of this user agent arrived.
        case responseReceived(ClientTransactionID, SIPMessage)
        /// A request of this user agent got no answer (RFC 3261 §8.1.3.1).
        case requestFailed(ClientTransactionID, RequestFailure)
    }

    /// What the user may want.
    package enum Order: Sendable {
        /// Registers, and keeps the registration alive (RFC 3261 §10.2).
        case register
        /// Removes the registration.
        case deregister
        /// Publishes this state of the user, first or instead of the last one, and keeps it alive (RFC 3903 §4).
        case publish(PresenceDocument)
        /// Removes what was published.
        case unpublish
        /// Subscribes, and keeps the subscription alive (RFC 6665 §4.1). The caller chooses an identifier of its own.
        case watch(SubscriptionID, SubscriptionRequest)
        /// Asks for the state once (RFC 6665 §4.4.3).
        case fetch(SubscriptionID, SubscriptionRequest)
        /// Refreshes a subscription now.
        case refresh(SubscriptionID)
        /// Changes the rates of a live subscription (RFC 6446 §4): the next request carries them.
        case setRates(SubscriptionID, NotificationRates)
        /// Ends a subscription.
        case unwatch(SubscriptionID)
        /// Ends everything in the right order: publication and subscriptions, then the registration
        /// (REQ-24141-10). ``Event/closed`` follows.
        case close
    }
}

/// Which subscription of a user agent is meant. The number is the caller's.
package struct SubscriptionID: Hashable, Sendable, CustomStringConvertible {
    package let number: UInt64

    package init(_ number: UInt64) { self.number = number }

    package var description: String { "subscription \(self.number)" }
}

/// How often notifications may or must come, in notifications a second (RFC 6446 §5).
package struct NotificationRates: Equatable, Sendable {
    /// No more than this many.
    package var maximum: Double?
    /// At least this many.
    package var minimum: Double?
    /// At least this many, averaged over time.
    package var adaptiveMinimum: Double?

    package init(maximum: Double? = nil, minimum: Double? = nil, adaptiveMinimum: Double? = nil) {
        self.maximum = maximum
        self.minimum = minimum
        self.adaptiveMinimum = adaptiveMinimum
    }

    /// No wish about rates.
    package static let none = NotificationRates()
}

/// What to subscribe to.
package struct SubscriptionRequest: Equatable, Sendable {
    /// The resource: a `sip:`, `sips:`, `pres:` or `tel:` URI.
    package var resource: String
    /// The event package.
    package var package: String
    /// The `id` of the Event header, for several subscriptions to one resource.
    package var eventID: String?
    /// Seconds to ask for; the package's default (an hour) unless told.
    package var expires: UInt32
    /// Body types in the order of preference; empty: what the package needs.
    package var accept: [String]
    /// Whether differences may come instead of whole documents (RFC 5263).
    package var partial: Bool
    /// Whether unchanged state may be left out of the notifications (RFC 5839).
    package var conditional: Bool
    /// A filter document, application/simple-filter+xml (RFC 4661).
    package var filter: [UInt8]?
    /// Wishes about rates (RFC 6446).
    package var rates: NotificationRates
    /// Whether the watcher asks to stay anonymous (RFC 3323, REQ-24141-17).
    package var anonymous: Bool

    package init(
        resource: String, package: String = "presence", eventID: String? = nil, expires: UInt32 = 3600,
        accept: [String] = [], partial: Bool = false, conditional: Bool = false, filter: [UInt8]? = nil,
        rates: NotificationRates = .none, anonymous: Bool = false
    ) {
        self.resource = resource
        self.package = package
        self.eventID = eventID
        self.expires = expires
        self.accept = accept
        self.partial = partial
        self.conditional = conditional
        self.filter = filter
        self.rates = rates
        self.anonymous = anonymous
    }

    /// The event package of watcher information about presence (RFC 3857).
    package static let watcherInformationPackage = "presence.winfo"

    /// What asks for the watchers of a user, which only that user may do (REQ-24141-7). ``UserAgent/Event/watchersChanged(_:_:)``
    /// tells them.
    /// - Parameters:
    ///   - identity: the user's own URI.
    ///   - expires: seconds to ask for.
    package static func watchers(of identity: String, expires: UInt32 = 3600) -> SubscriptionRequest {
        SubscriptionRequest(resource: identity, package: Self.watcherInformationPackage, expires: expires)
    }

    /// The body types that go into the Accept header.
    var acceptedTypes: [String] {
        if !self.accept.isEmpty { return self.accept }
        switch self.package {
        case "presence": return ["application/pidf+xml"]
        case Self.watcherInformationPackage: return ["application/watcherinfo+xml"]
        case "reg": return ["application/reginfo+xml"]
        case "xcap-diff": return ["application/xcap-diff+xml"]
        default: return []
        }
    }
}
