import Ground
import PresenceServer
import SCSCF
import Storage

/// What an open database needs to be written: the statements, and the state of the journal and of the mark log.
///
/// Not thread-safe: used inside the database queue.
final class Session {
    let connection: Connection
    let subscribers: SubscriberTable
    let statements: Statements
    let documents: DocumentTable
    /// How many bytes the journal gets before it is folded; nil for a session beside a server, which leaves it alone.
    private let foldingThreshold: Int?
    /// What the journal holds and no folding has taken up.
    var changes = JournalChanges()
    /// The folding that is under way.
    var folding: Folding?
    /// The key of the next row of the journal, which was empty when the session began.
    private var nextRow: Int64 = 1
    private var writer = PackedWriter(reserving: 65_536)
    /// What was wrong with the journal when the session began, until ``load()`` tells.
    var journalDamages: [StorageDamage] = []
    /// Marks that were added since the mark log was last folded, and how many it held then.
    private var marksSinceFold = 0
    private var foldedMarks = 0
    /// Subscriptions removed since then: their marks are dropped by the next folding.
    private var removedSinceFold: Set<UInt64> = []
    /// What the running transaction adds to the above, when it succeeds.
    private var newMarks = 0
    private var newRemovals: [UInt64] = []

    /// The fewest steps of a folding that a commit takes along.
    private static let stepsPerCommit = 64

    /// - Parameter foldingThreshold: nil beside a server. With a number, the session is the server's, and begins with
    ///   folding what a server that ended without warning left in the journal.
    init(_ connection: Connection, foldingThreshold: Int?) throws(Fault) {
        self.connection = connection
        self.statements = try Statements(connection)
        self.subscribers = try SubscriberTable(connection)
        self.documents = try DocumentTable(connection)
        self.foldingThreshold = foldingThreshold
        if foldingThreshold != nil { try self.replayJournal() }
    }

    /// Appends the operations to the journal, in one row; a folding that is under way goes on in the same transaction.
    func commit(_ operations: [StoreOperation]) throws(Fault) {
        guard let threshold = self.foldingThreshold else {
            throw .storageUnavailable("Only the server changes presence, registrations and documents.")
        }
        JournalCoding.begin(&self.writer)
        for operation in operations { JournalCoding.encode(operation, into: &self.writer) }
        let row = self.nextRow
        let position = self.folding?.position
        do {
            try self.inTransaction { () throws(Fault) in
                try self.statements.addJournalRow(row, self.writer.bytes)
                // Twice as fast as the journal grows, so a folding is done before the next is due.
                try self.takeSteps(max(Self.stepsPerCommit, operations.count * 2))
            }
        } catch {
            if let position { self.folding?.position = position }
            throw error
        }
        self.nextRow += 1
        for operation in operations { self.changes.apply(operation) }
        self.changes.note(row: row, bytes: self.writer.bytes.count)
        if self.folding?.isDone == true { self.folding = nil }
        if self.folding == nil, self.changes.bytes >= threshold {
            self.folding = Folding(self.changes)
            self.changes = JournalChanges()
        }
        self.foldMarksIfDue()
    }

    /// Folds all that is left of the journal, in one transaction.
    func foldJournal() throws(Fault) {
        let position = self.folding?.position
        let last = Folding(self.changes)
        do {
            try self.inTransaction { () throws(Fault) in
                try self.takeSteps(.max)
                for index in 0..<last.count { try self.take(last[index]) }
            }
        } catch {
            if let position { self.folding?.position = position }
            throw error
        }
        self.folding = nil
        self.changes = JournalChanges()
    }

    /// Takes steps of the folding that is under way, if one is. The caller puts the position back if it fails.
    private func takeSteps(_ most: Int) throws(Fault) {
        guard let folding = self.folding else { return }
        let end = folding.position + min(most, folding.count - folding.position)
        for index in folding.position..<end { try self.take(folding[index]) }
        self.folding?.position = end
    }

    /// Takes one step, inside a transaction.
    func take(_ step: Folding.Step) throws(Fault) {
        switch step {
        case .publication(_, .put(let record)): try self.statements.put(record)
        case .publication(let id, .touch(let entityTag, let expires)):
            try self.statements.touchPublication(id, entityTag: entityTag, expires: expires)
        case .publication(let id, .remove): try self.statements.removePublication(id)
        case .subscription(_, let record?): try self.statements.put(record)
        case .subscription(let id, nil):
            try self.statements.removeSubscription(id)
            self.newRemovals.append(id)
        case .binding(_, let record?): try self.statements.put(record)
        case .binding(let id, nil): try self.statements.removeBinding(id)
        case .document(_, let record?): try self.documents.put(record)
        case .document(let selector, nil): try self.documents.remove(selector)
        case .documentSubscription(_, let record?): try self.documents.put(record)
        case .documentSubscription(let id, nil): try self.documents.removeSubscription(id)
        case .marks(let marks):
            try self.statements.addMarks(MarkLog.encode(marks))
            self.newMarks += marks.count
        case .forget(let rows): try self.statements.removeJournalRows(rows)
        }
    }

    private func foldMarksIfDue() {
        if max(self.marksSinceFold, self.removedSinceFold.count) >= max(MarkLog.foldThreshold, self.foldedMarks * 2) {
            // The commit is durable already; a folding that fails is tried again after the next one.
            do { try self.foldMarks() } catch { self.foldFaults &+= 1 }
        }
    }

    /// How often folding the mark log failed.
    private(set) var foldFaults: UInt64 = 0

    /// Runs the body in a transaction; whatever fails, nothing of it stays.
    func inTransaction(_ body: () throws(Fault) -> Void) throws(Fault) {
        try self.statements.begin.run("begin a transaction")
        do {
            try body()
            try self.statements.commit.run("commit")
            self.marksSinceFold += self.newMarks
            self.removedSinceFold.formUnion(self.newRemovals)
            self.newMarks = 0
            self.newRemovals.removeAll(keepingCapacity: true)
        } catch {
            self.newMarks = 0
            self.newRemovals.removeAll()
            // SQLite has rolled back by itself after some faults, for example a full disk.
            if self.connection.isInTransaction { try self.statements.rollback.run("roll back") }
            throw error
        }
    }

    /// Writes the mark log anew with one mark for each subscription.
    private func foldMarks() throws(Fault) {
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
