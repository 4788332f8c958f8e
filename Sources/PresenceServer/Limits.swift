internal import PresenceDocuments

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
        /// Subscriptions to the watcher information of one presentity. Beyond it: 503.
        package var watcherInformationSubscriptions = 64
        /// Bytes of the watchers in one watcher information document. What is beyond it follows in the next one.
        package var watcherInformationBytes = 48_000
        /// Changes of watchers that are remembered for who has not heard of them yet. Beyond it they get the full state.
        package var watcherChanges = 4_096
        /// Watchers of one presentity that wait for a decision after their subscription has ended. Beyond it the one
        /// that waits longest is given up.
        package var waitingPerPresentity = 256
        /// Presentities whose decision one watcher can wait for so. Beyond it its subscriptions end without waiting.
        package var waitingPerWatcher = 256
        /// Watchers that wait so in all. Beyond it subscriptions end without waiting.
        package var waitingWatchers = 1_000_000
        /// Rules documents of one presentity. With more of them nobody is let in.
        package var rulesDocuments = 16
        /// Bytes of one rules document. With a larger one nobody is let in.
        package var rulesBytes = PolicyLimits.document
        /// Documents of hard state of one presentity. What is beyond it is left out.
        package var hardStateDocuments = 4
        /// How many references from list to list are followed in a row. Who stands behind more is not in the list.
        package var listDepth = 8
        /// Members that all lists named by the rules of one presentity have together. Who stands behind more of them
        /// is not in the list.
        package var listMembers = 50_000
        /// Presentities whose documents stay read although nobody watches them. Beyond it one takes the place of
        /// another.
        package var restingSubscribers = 256
        /// Bytes of a published document, with all parts that come with it. Beyond it: 413.
        package var documentBytes = 60_000
        /// Parts beside the document that one publication has. Beyond it: 413.
        package var partsPerPublication = 16
        /// Bytes of the parts in one NOTIFY. What is beyond it is left out.
        package var notifiedPartBytes = 60_000
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
