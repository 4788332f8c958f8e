internal import Ground

/// How a ``Notifier`` behaves: good for one package as it stands.
package struct NotifierConfiguration: Sendable {
    /// The event packages that are served.
    package var packages: EventPackageRegistry
    /// The least and the most that a subscription may live, in seconds. What it lives without a wish is up to its
    /// package (RFC 6665 §5.4.4).
    package var expiry: ExpiryPolicy
    /// The least time between two notifications of a subscription that asked for no maximum rate; nil takes what the
    /// package advises (RFC 6665 §5.4.10).
    package var minimumInterval: Duration?
    /// The host that subscribers reach the notifier at, an IPv6 address in brackets; nil takes the address that the
    /// SUBSCRIBE came to. The port is always the one that it came to.
    package var contactHost: [UInt8]?
    /// After a restart every subscriber is told the state once more within this time, because the NOTIFY that was
    /// under way when the process ended may be lost. Nil: with the next change.
    package var resynchronisation: Duration?
    /// Whether subscriptions are ended as "deactivated" when the process ends, so that subscribers come back to
    /// another one (RFC 6665 §4.4.2). Without it they stay and go on after the restart.
    package var deactivatesWhenDrained = false
    /// The two low bits of the client transactions, by which the shell knows whose answer it has.
    package var transactionMark: UInt64
    package var limits: NotifierLimits

    /// - Parameters:
    ///   - packages: in the order of Allow-Events.
    ///   - expiry: its ``ExpiryPolicy/standard`` counts only where it is less than what the package says.
    ///   - transactionMark: 0 to 3.
    package init(
        packages: [EventPackage], expiry: ExpiryPolicy = ExpiryPolicy(standard: 3600, minimum: 60, maximum: 86_400),
        transactionMark: UInt64 = 2, limits: NotifierLimits = NotifierLimits()
    ) {
        precondition(transactionMark < 4, "a mark has two bits")
        self.packages = EventPackageRegistry(packages)
        self.expiry = expiry
        self.transactionMark = transactionMark
        self.limits = limits
    }
}

/// What a ``Notifier`` has done and holds, for metrics.
package struct NotifierCounters: Equatable, Sendable {
    /// Gauges: what there is now.
    package var activeSubscriptions = 0
    package var pendingSubscriptions = 0
    package var notificationsUnderWay = 0

    /// Counts since the start.
    package var subscribes: UInt64 = 0
    package var fetches: UInt64 = 0
    package var notificationsSent: UInt64 = 0
    package var notificationsDelivered: UInt64 = 0
    package var notificationsFailed: UInt64 = 0
    /// Notifications that were not sent because nothing new was to be told.
    package var notificationsSuppressed: UInt64 = 0
    /// Refreshes that were answered with 204 (RFC 5839).
    package var refreshesSuppressed: UInt64 = 0
    package var subscriptionsExpired: UInt64 = 0
    /// Requests that were refused, by status code.
    package var refusals: [Int: UInt64] = [:]

    package init() {}
}
