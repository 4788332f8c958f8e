/// The watchers of a resource as a subscriber to watcher information knows them, kept right by the documents that it
/// receives (RFC 3858 §4).
package struct WatcherInformationTable: Hashable, Sendable {
    /// Whose watchers a row belongs to.
    private struct Key: Hashable, Sendable {
        let resource: [UInt8]
        let package: [UInt8]
        let id: [UInt8]
    }

    /// What a document did to the table.
    package enum Outcome: Hashable, Sendable {
        /// It was taken in; these watchers are not as they were, those that are gone with the status `terminated`.
        case applied([WatcherInformation.Watcher])
        /// It was taken in, but something before it is missing: a refresh brings the full state.
        case appliedWithGap([WatcherInformation.Watcher])
        /// It is older than what is known and changed nothing.
        case discarded
        /// It would make the table larger than its bound; nothing of it was taken in.
        case overLimit
    }

    /// Rows of the table, at most.
    package static let maximumRows = 200_000

    /// The version of the last document that was taken in; nil before the first of a subscription.
    package private(set) var version: UInt64?
    private var rows: [Key: WatcherInformation.Watcher] = [:]

    package init() {}

    /// The watchers, by their URI.
    package var watchers: [WatcherInformation.Watcher] {
        self.rows.values.sorted { ($0.uri.text, $0.id.text) < ($1.uri.text, $1.id.text) }
    }

    package var count: Int { self.rows.count }

    /// The watchers that wait for a decision: pending ones, and those that went before one was made.
    package var undecided: [WatcherInformation.Watcher] {
        self.watchers.filter { $0.status == .pending || $0.status == .waiting }
    }

    /// A new subscription begins: its versions start again, and until its first document the rows stay as they are.
    package mutating func restart() { self.version = nil }

    /// Takes a document in.
    package mutating func merge(_ document: WatcherInformation) -> Outcome {
        // RFC 3858 §4: a version that is not higher is late.
        if let version = self.version, document.version <= version { return .discarded }
        let arriving = document.lists.reduce(0) { $0 + $1.watchers.count }
        guard arriving + (document.isFull ? 0 : self.rows.count) <= Self.maximumRows else { return .overLimit }
        let follows = document.isFull || (self.version.map { document.version - $0 == 1 } ?? false)
        self.version = document.version
        let changes = document.isFull ? self.replace(by: document) : self.update(by: document)
        return follows ? .applied(changes) : .appliedWithGap(changes)
    }

    private mutating func update(by document: WatcherInformation) -> [WatcherInformation.Watcher] {
        var changes: [WatcherInformation.Watcher] = []
        for list in document.lists {
            for watcher in list.watchers {
                let key = Key(resource: list.resource, package: list.package, id: watcher.id)
                if self.rows[key] != watcher { changes.append(watcher) }
                self.rows[key] = watcher.status == .terminated ? nil : watcher
            }
        }
        return changes
    }

    private mutating func replace(by document: WatcherInformation) -> [WatcherInformation.Watcher] {
        let before = self.rows
        self.rows = [:]
        var changes: [WatcherInformation.Watcher] = []
        for list in document.lists {
            for watcher in list.watchers {
                let key = Key(resource: list.resource, package: list.package, id: watcher.id)
                if before[key]?.status != watcher.status || before[key]?.event != watcher.event {
                    changes.append(watcher)
                }
                if watcher.status != .terminated { self.rows[key] = watcher }
            }
        }
        let told = Set(changes.map(\.id))
        for (key, watcher) in before where self.rows[key] == nil && !told.contains(watcher.id) {
            // How it ended was in a document that did not arrive.
            var gone = watcher
            gone.status = .terminated
            gone.event = .timeout
            changes.append(gone)
        }
        return changes
    }
}

extension [UInt8] {
    fileprivate var text: String { String(decoding: self, as: UTF8.self) }
}
