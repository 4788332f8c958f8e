import Ground
import PresenceServer
import SCSCF
import Storage

/// What an open database needs to be written: the statements, and the state of the mark log.
///
/// Not thread-safe: used inside the database queue.
final class Session {
    let connection: Connection
    let subscribers: SubscriberTable
    private let statements: Statements
    /// Marks that were added since the log was last folded, and how many it held then.
    private var marksSinceFold = 0
    private var foldedMarks = 0
    /// Subscriptions removed since then: their marks are dropped by the next folding.
    private var removedSinceFold: Set<UInt64> = []
    /// What the running transaction adds to the above, when it succeeds.
    private var newMarks: [NotificationMark] = []
    private var newRemovals: [UInt64] = []

    init(_ connection: Connection) throws(Fault) {
        self.connection = connection
        self.statements = try Statements(connection)
        self.subscribers = try SubscriberTable(connection)
    }

    func commit(_ operations: [StoreOperation]) throws(Fault) {
        try self.inTransaction { () throws(Fault) in
            for operation in operations {
                switch operation {
                case .presence(let change): try self.apply(change)
                case .registrar(.putBinding(let record)): try self.statements.put(record)
                case .registrar(.removeBinding(let id)): try self.statements.removeBinding(id)
                }
            }
            if !self.newMarks.isEmpty { try self.statements.addMarks(MarkLog.encode(self.newMarks)) }
        }
        self.marksSinceFold += self.newMarks.count
        self.removedSinceFold.formUnion(self.newRemovals)
        self.newMarks.removeAll(keepingCapacity: true)
        self.newRemovals.removeAll(keepingCapacity: true)
        if max(self.marksSinceFold, self.removedSinceFold.count) >= max(MarkLog.foldThreshold, self.foldedMarks * 2) {
            // The commit is durable already; a folding that fails is tried again after the next one.
            do { try self.fold() } catch { self.foldFaults &+= 1 }
        }
    }

    /// How often folding failed.
    private(set) var foldFaults: UInt64 = 0

    private func apply(_ change: PresenceServer.StoreOperation) throws(Fault) {
        switch change {
        case .putPublication(let record): try self.statements.put(record)
        case .removePublication(let id): try self.statements.removePublication(id)
        case .putSubscription(let record): try self.statements.put(record)
        case .removeSubscription(let id):
            try self.statements.removeSubscription(id)
            self.newRemovals.append(id)
        case .notified(let marks): self.newMarks += marks
        }
    }

    /// Runs the body in a transaction; whatever fails, nothing of it stays.
    func inTransaction(_ body: () throws(Fault) -> Void) throws(Fault) {
        try self.statements.begin.run("begin a transaction")
        do {
            try body()
            try self.statements.commit.run("commit")
        } catch {
            self.newMarks.removeAll()
            self.newRemovals.removeAll()
            // SQLite has rolled back by itself after some faults, for example a full disk.
            if self.connection.isInTransaction { try self.statements.rollback.run("roll back") }
            throw error
        }
    }

    /// Writes the mark log anew with one mark for each subscription.
    private func fold() throws(Fault) {
        var latest: [UInt64: NotificationMark] = [:]
        latest.reserveCapacity(self.foldedMarks + self.marksSinceFold)
        let read = try self.markReader()
        while try read.next("read the marks of notifications") {
            if let blob = read.blob(0) { _ = MarkLog.merge(blob, into: &latest) }
        }
        read.reset()
        for id in self.removedSinceFold { latest[id] = nil }
        try self.rewriteMarks(latest)
    }

    /// Replaces the mark log.
    func rewriteMarks(_ latest: [UInt64: NotificationMark]) throws(Fault) {
        let marks = Array(latest.values)
        try self.inTransaction { () throws(Fault) in
            try self.statements.clearMarks()
            for start in stride(from: 0, to: marks.count, by: MarkLog.foldedBlobSize) {
                let end = min(start + MarkLog.foldedBlobSize, marks.count)
                try self.statements.addMarks(MarkLog.encode(marks[start..<end]))
            }
        }
        self.noteFolded(latest.count)
    }

    /// Takes the mark log as folded.
    func noteFolded(_ count: Int) {
        self.marksSinceFold = 0
        self.foldedMarks = count
        self.removedSinceFold = []
    }

    private var cachedMarkReader: Statement?
    func markReader() throws(Fault) -> Statement {
        if let cached = self.cachedMarkReader { return cached }
        let statement = try self.connection.prepare("SELECT marks, id FROM notification_mark ORDER BY id")
        self.cachedMarkReader = statement
        return statement
    }
}
