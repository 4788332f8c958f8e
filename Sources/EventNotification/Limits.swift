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
