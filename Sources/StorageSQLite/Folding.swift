import EventNotification
import Ground
import PresenceServer
import SCSCF
import Storage
import XDMServer

/// The last word of the journal on every record that a run of its rows names: what the tables do not have yet.
///
/// Many operations on one record are one change here, which is what makes the journal cheaper than writing the tables
/// at each commit.
struct JournalChanges {
    /// What becomes of a publication.
    enum PublicationChange {
        case put(PublicationRecord)
        /// Its row in the table stays, with another tag and end.
        case touch(entityTag: [UInt8], expires: Instant)
        case remove
    }

    private(set) var publications: [UInt64: PublicationChange] = [:]
    /// Nil where the subscription is removed.
    private(set) var subscriptions: [UInt64: SubscriptionRecord?] = [:]
    /// Nil where the binding is removed.
    private(set) var bindings: [UInt64: BindingRecord?] = [:]
    /// By selector; nil where the document is removed.
    private(set) var documents: [[UInt8]: DocumentRecord?] = [:]
    /// Nil where the subscription is removed.
    private(set) var documentSubscriptions: [UInt64: NotifierRecord?] = [:]
    private(set) var marks: [UInt64: NotificationMark] = [:]
    /// The journal's rows that it was made of; nil before the first.
    private(set) var rows: ClosedRange<Int64>?
    /// The bytes of those rows.
    private(set) var bytes = 0

    /// Takes up a row whose operations were or will be applied.
    mutating func note(row: Int64, bytes: Int) {
        self.rows = (self.rows?.lowerBound ?? row)...row
        self.bytes += bytes
    }

    mutating func apply(_ operation: StoreOperation) {
        switch operation {
        case .presence(let change): self.apply(change)
        case .registrar(.putBinding(let record)): self.bindings[record.id] = .some(record)
        case .registrar(.removeBinding(let id)): self.bindings[id] = .some(nil)
        case .documents(.putDocument(let record)): self.documents[record.selector] = .some(record)
        case .documents(.removeDocument(let selector)): self.documents[selector] = .some(nil)
        case .documents(.putSubscription(let record)): self.documentSubscriptions[record.id] = .some(record)
        case .documents(.removeSubscription(let id)): self.documentSubscriptions[id] = .some(nil)
        }
    }

    private mutating func apply(_ change: PresenceServer.StoreOperation) {
        switch change {
        case .putPublication(let record): self.publications[record.id] = .put(record)
        case .touchPublication(let id, let entityTag, let expires):
            switch self.publications[id] {
            case .put(var record):
                record.entityTag = entityTag
                record.expires = expires
                self.publications[id] = .put(record)
            case .remove: break
            case .touch, nil: self.publications[id] = .touch(entityTag: entityTag, expires: expires)
            }
        case .removePublication(let id): self.publications[id] = .remove
        case .putSubscription(let record): self.subscriptions[record.id] = .some(record)
        case .removeSubscription(let id):
            self.subscriptions[id] = .some(nil)
            self.marks[id] = nil
        case .notified(let marks):
            for mark in marks where mark.cseq > self.marks[mark.subscription]?.cseq ?? 0 {
                self.marks[mark.subscription] = mark
            }
        }
    }
}

/// A folding of the journal into the tables that is under way, a slice with each commit.
///
/// A crash in the middle does no harm: as long as a row of the journal stands, all rows after it stand too, and doing
/// them once more over tables that are ahead ends in the same state, because every operation states the whole of what
/// it changes.
struct Folding {
    /// One step, small enough that a slice of them holds no commit up.
    enum Step {
        case publication(UInt64, JournalChanges.PublicationChange)
        case subscription(UInt64, SubscriptionRecord?)
        case binding(UInt64, BindingRecord?)
        case document([UInt8], DocumentRecord?)
        case documentSubscription(UInt64, NotifierRecord?)
        case marks(ArraySlice<NotificationMark>)
        case forget(ClosedRange<Int64>)
    }

    /// Marks in one row of the mark log.
    private static let marksPerStep = 1024
    /// Rows of the journal that one step removes.
    private static let rowsPerStep: Int64 = 16

    private let changes: JournalChanges
    private let publications: [UInt64]
    private let subscriptions: [UInt64]
    private let bindings: [UInt64]
    private let documents: [[UInt8]]
    private let documentSubscriptions: [UInt64]
    /// The mark log and the journal, which come after the tables.
    private var rest: [Step] = []
    /// The number of steps.
    let count: Int
    /// The step that comes next.
    var position = 0

    var isDone: Bool { self.position == self.count }

    /// Lays out the steps: the tables in the order of their rows, so that a slice touches few pages; the journal last.
    init(_ changes: JournalChanges) {
        self.changes = changes
        self.publications = Self.inRowOrder(changes.publications.keys)
        self.subscriptions = Self.inRowOrder(changes.subscriptions.keys)
        self.bindings = Self.inRowOrder(changes.bindings.keys)
        self.documents = changes.documents.keys.sorted { $0.lexicographicallyPrecedes($1) }
        self.documentSubscriptions = Self.inRowOrder(changes.documentSubscriptions.keys)
        let marks = Array(changes.marks.values)
        for start in stride(from: 0, to: marks.count, by: Self.marksPerStep) {
            self.rest.append(.marks(marks[start..<min(start + Self.marksPerStep, marks.count)]))
        }
        if let rows = changes.rows {
            for first in stride(from: rows.lowerBound, through: rows.upperBound, by: Int(Self.rowsPerStep)) {
                self.rest.append(.forget(first...min(first + Self.rowsPerStep - 1, rows.upperBound)))
            }
        }
        self.count =
            self.publications.count + self.subscriptions.count + self.bindings.count + self.documents.count
            + self.documentSubscriptions.count + self.rest.count
    }

    /// The step with this number, counted from 0.
    subscript(_ position: Int) -> Step {
        var index = position
        if index < self.publications.count {
            let id = self.publications[index]
            return .publication(id, self.changes.publications[id] ?? .remove)
        }
        index -= self.publications.count
        if index < self.subscriptions.count {
            let id = self.subscriptions[index]
            return .subscription(id, self.changes.subscriptions[id] ?? nil)
        }
        index -= self.subscriptions.count
        if index < self.bindings.count {
            let id = self.bindings[index]
            return .binding(id, self.changes.bindings[id] ?? nil)
        }
        index -= self.bindings.count
        if index < self.documents.count {
            let selector = self.documents[index]
            return .document(selector, self.changes.documents[selector] ?? nil)
        }
        index -= self.documents.count
        if index < self.documentSubscriptions.count {
            let id = self.documentSubscriptions[index]
            return .documentSubscription(id, self.changes.documentSubscriptions[id] ?? nil)
        }
        return self.rest[index - self.documentSubscriptions.count]
    }

    private static func inRowOrder(_ ids: some Sequence<UInt64>) -> [UInt64] {
        ids.sorted { Int64(bitPattern: $0) < Int64(bitPattern: $1) }
    }
}
