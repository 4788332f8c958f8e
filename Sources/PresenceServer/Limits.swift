extension PresenceServer {
    /// The bounds of everything a peer can make grow here. Each is counted when it is hit.
    package struct Limits: Hashable, Sendable {
        /// Presentities that are remembered because somebody publishes or watches. Beyond it: 503.
        package var presentities = 4_000_000
        /// Subscriptions. Beyond it: 503.
        package var subscriptions = 4_000_000
        /// Subscriptions to one presentity. Beyond it: 503.
        package var watchersPerPresentity = 100_000
        /// Publications of one presentity. Beyond it: 503.
        package var publicationsPerPresentity = 32
        /// Different views (watcher filters) of one presentity. Beyond it a filter is refused with 488.
        package var viewsPerPresentity = 1_024
        /// Bodies that are kept although nobody watches, for the next who asks. Beyond it one takes the place of another.
        package var restingViews = 1_024
        /// Bytes of a published document. Beyond it: 413.
        package var documentBytes = 60_000
        /// Bytes of a filter. Beyond it: 413.
        package var filterBytes = 16_384
        /// Bytes of the header part of a NOTIFY, which a long route set makes long. Beyond it: 513.
        package var dialogBytes = 8_192
        /// Requests that wait for the credentials of their user. Beyond it: 503.
        package var challengesInFlight = 10_000
        /// Seconds in the Retry-After of those 503.
        package var retryAfterSeconds: UInt32 = 30

        package init() {}
    }
}
