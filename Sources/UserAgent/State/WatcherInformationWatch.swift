import Ground
import PresenceDocuments

/// What is known of the watchers of a user, kept right by the documents of one subscription after another (RFC 3857
/// §4.8, RFC 3858 §4).
package struct WatcherInformationWatch: Equatable, Sendable {
    private var table = WatcherInformationTable()

    package init() {}

    /// What a document brought.
    package enum Outcome: Equatable, Sendable {
        /// News, which may be none.
        case news(WatcherReport)
        /// News, and the full state is needed, because something before it did not arrive.
        case newsWithGap(WatcherReport)
        /// It is late: everything in it is known.
        case late
    }

    /// A new subscription counts its documents anew. What is known stays until the first of them.
    mutating func restart() { self.table.restart() }

    /// Takes a document in.
    /// - Throws: what is wrong with it; nothing of it is taken in.
    package mutating func take(_ body: Octets) throws(DocumentFault) -> Outcome {
        let document = try WatcherInformation.parse(body)
        switch self.table.merge(document) {
        case .applied(let changes): return .news(self.report(changes))
        case .appliedWithGap(let changes): return .newsWithGap(self.report(changes))
        case .discarded: return .late
        case .overLimit:
            throw DocumentFault(kind: .overLimit, status: 400, reason: "Bad watcherinfo: too many watchers")
        }
    }

    private func report(_ changes: [WatcherInformation.Watcher]) -> WatcherReport {
        WatcherReport(
            watchers: self.table.watchers.map { KnownWatcher($0) }, changes: changes.map { KnownWatcher($0) })
    }
}

/// Who watches a user, and what is new about it.
package struct WatcherReport: Equatable, Sendable {
    /// All watchers there are, by their URI.
    package var watchers: [KnownWatcher]
    /// Those that are not as they were; who is gone has the status `terminated` and is not among ``watchers``.
    package var changes: [KnownWatcher]

    package init(watchers: [KnownWatcher], changes: [KnownWatcher]) {
        self.watchers = watchers
        self.changes = changes
    }

    /// The watchers about whom the user has yet to decide.
    package var undecided: [KnownWatcher] { self.watchers.filter(\.isUndecided) }
}

/// A watcher, as a user gets to know it. Its texts come from the network: they are to be made harmless before a
/// terminal shows them.
package struct KnownWatcher: Equatable, Sendable {
    /// Names the subscription: one watcher may have several.
    package var id: String
    package var uri: String
    package var displayName: String?
    package var status: WatcherInformation.Status
    package var event: WatcherInformation.Event
    /// Seconds that the subscription had left when that was written.
    package var expiration: UInt64?
    /// Seconds that the subscription had lasted then.
    package var durationSubscribed: UInt64?

    package init(_ watcher: WatcherInformation.Watcher) {
        self.id = String(decoding: watcher.id, as: UTF8.self)
        self.uri = String(decoding: watcher.uri, as: UTF8.self)
        self.displayName = watcher.displayName.map { String(decoding: $0, as: UTF8.self) }
        self.status = watcher.status
        self.event = watcher.event
        self.expiration = watcher.expiration
        self.durationSubscribed = watcher.durationSubscribed
    }

    /// Whether it waits for a decision of the user, its subscription alive or not.
    package var isUndecided: Bool { self.status == .pending || self.status == .waiting }

    /// Whether the watcher does not say who it is (RFC 3323 §4.1.1.3).
    package var isAnonymous: Bool { self.uri.lowercased().hasSuffix("@anonymous.invalid") }
}
