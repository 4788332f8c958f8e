/// The bounds of what a peer can make grow in this room.
package enum Limits {
    /// Notifications that an adaptive minimum rate remembers, at most. RFC 6446 §5.3.1 leaves the period to the
    /// notifier; this many times the wanted interval is long enough to smooth and short enough to keep.
    package static let adaptivePeriodCount = 10
    /// The remembered times of notifications inside one period, at most; beyond it the oldest is forgotten.
    package static let rememberedNotifications = 64
    /// Bytes of an entity tag that a peer may send us. Ours are shorter, so a longer one is simply unknown.
    package static let entityTagBytes = 128
    /// Seconds that a Retry-After in an answer to a NOTIFY can hold a subscription back, at most.
    package static let retryAfterSeconds: Int64 = 3600
}

/// The bounds of what peers can make grow in one ``Notifier``. Each is observed when it is hit.
package struct NotifierLimits: Hashable, Sendable {
    /// Subscriptions. Beyond it: 503.
    package var subscriptions = 100_000
    /// Subscriptions of one subscriber; nobody's count together. Beyond it: 503.
    package var subscriptionsPerWatcher = 64
    /// Bytes of the body of a SUBSCRIBE. Beyond it: 413.
    package var bodyBytes = 65_536
    /// Seconds in the Retry-After of those 503.
    package var retryAfterSeconds: UInt32 = 30
    /// CSeq numbers that are set aside with one record. A restart leaves at most so many unused, which a subscriber
    /// takes for lost notifications and nothing else (RFC 3261 §12.2.2 allows gaps).
    package var reservedSequenceNumbers: UInt32 = 64

    package init() {}
}
