internal import EventNotification

/// What the presence server has done and holds, for metrics.
package struct PresenceCounters: Equatable, Sendable {
    /// Gauges: what there is now.
    package var presentities = 0
    package var publications = 0
    package var activeSubscriptions = 0
    package var pendingSubscriptions = 0
    package var views = 0
    /// Of the active subscriptions, those to watcher information.
    package var watcherInformationSubscriptions = 0
    /// Watchers whose subscription ended before anybody decided about it (RFC 3857 §4.7.1).
    package var waitingWatchers = 0
    package var notificationsUnderWay = 0

    /// Counts since the start.
    package var publishes: UInt64 = 0
    package var subscribes: UInt64 = 0
    package var fetches: UInt64 = 0
    package var notificationsSent: UInt64 = 0
    package var notificationsDelivered: UInt64 = 0
    package var notificationsFailed: UInt64 = 0
    /// Notifications that were not sent because the view had not changed.
    package var notificationsSuppressed: UInt64 = 0
    /// Refreshes that were answered with 204 (RFC 5839).
    package var refreshesSuppressed: UInt64 = 0
    package var partialNotifications: UInt64 = 0
    package var compositions: UInt64 = 0
    /// How often the rules documents of a presentity were read.
    package var policiesRead: UInt64 = 0
    package var publicationsExpired: UInt64 = 0
    package var subscriptionsExpired: UInt64 = 0
    package var challenges: UInt64 = 0
    /// Judgements about subscriptions, by outcome.
    package var allowed: UInt64 = 0
    package var confirmed: UInt64 = 0
    package var politelyBlocked: UInt64 = 0
    package var blocked: UInt64 = 0
    /// Requests that were refused, by status code; codes that this box gives only.
    package var refusals: [Int: UInt64] = [:]
    /// How often each observation was made.
    package var observations: [PresenceServer.Observation: UInt64] = [:]

    package init() {}

    /// Counts a judgement.
    mutating func decided(_ handling: AuthorizationRule.Handling) {
        switch handling {
        case .allow: self.allowed += 1
        case .confirm: self.confirmed += 1
        case .politeBlock: self.politelyBlocked += 1
        case .block: self.blocked += 1
        }
    }
}
