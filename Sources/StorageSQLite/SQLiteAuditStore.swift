import GRDB
import GRDBSQLite
import Glibc
import Ground
import Storage

/// The audit log in a SQLite file of its own, beside the one of ``SQLiteStore``: SQLite has one writer a file, and a
/// batch of decisions must not make a commit wait.
///
/// A commit of it is not synced, so a power failure may take the last entries along.
package final class SQLiteAuditStore: AuditStore {
    private let queue: DatabaseQueue
    /// Touched inside ``queue`` only.
    private nonisolated(unsafe) var session: AuditSession?
    /// Whether the connection refused to be closed.
    private nonisolated(unsafe) var isClosedUncleanly = false

    /// Opens the file, or makes it. It may be open elsewhere, for reading beside a server.
    ///
    /// - Throws: `storage.too-new`, `storage.damaged`, `storage.unavailable`, `storage.full`.
    package init(path: String) throws(Fault) {
        let isNew = access(path, F_OK) != 0
        do {
            self.queue = try DatabaseQueue(path: path, configuration: SQLiteStore.configuration)
        } catch {
            throw SQLiteStore.fault(error, what: "be opened at \(path)")
        }
        do {
            try self.queue.inDatabase { database in
                guard let handle = database.sqliteConnection else {
                    throw Fault.storageUnavailable("The audit log was closed.")
                }
                let connection = Connection(handle)
                do {
                    try connection.execute("PRAGMA synchronous = NORMAL")
                    try Schema.auditLog.migrate(connection, path: path)
                    self.session = try AuditSession(connection)
                } catch {
                    connection.finalize()
                    throw error
                }
            }
        } catch {
            self.close()
            throw SQLiteStore.fault(error, what: "be opened at \(path)")
        }
        if isNew { chmod(path, 0o600) }
    }

    deinit { self.close() }

    package func append(_ entries: [AuditEntry]) throws(Fault) {
        guard !entries.isEmpty else { return }
        try self.inSession { (session) throws(Fault) in try session.append(entries) }
    }

    package func entries(_ query: AuditQuery) throws(Fault) -> [AuditEntry] {
        try self.inSession { (session) throws(Fault) in try session.entries(query) }
    }

    package func prune(before: Instant, keeping most: Int) throws(Fault) -> Int {
        try self.inSession { (session) throws(Fault) in try session.prune(before: before, keeping: most) }
    }

    package func close() {
        do {
            self.queue.inDatabase { _ in
                self.session?.connection.finalize()
                self.session = nil
            }
            try self.queue.close()
        } catch {
            // Closed already, or not closable any more; what was appended is with the operating system.
            self.isClosedUncleanly = true
        }
    }

    private func inSession<Result>(_ body: (AuditSession) throws(Fault) -> Result) throws(Fault) -> Result {
        do {
            return try self.queue.inDatabase { _ in
                guard let session = self.session else { throw Fault.storageUnavailable("The audit log was closed.") }
                return try body(session)
            }
        } catch {
            throw SQLiteStore.fault(error, what: "be used")
        }
    }
}

/// An open audit log: its statements. Used inside the database queue.
private struct AuditSession {
    let connection: Connection
    private let begin: Statement
    private let commit: Statement
    private let rollback: Statement
    private let add: Statement
    private let readEnds: Statement
    private let findFirstSince: Statement
    private let removeBefore: Statement
    /// Without a filter a statement would read all rows, so one is made for each kind of query.
    private let readAll: Statement
    private let readSome: Statement

    /// Rows that one transaction removes.
    private static let rowsPerSlice: Int64 = 4096

    init(_ connection: Connection) throws(Fault) {
        self.connection = connection
        self.begin = try connection.prepare("BEGIN IMMEDIATE")
        self.commit = try connection.prepare("COMMIT")
        self.rollback = try connection.prepare("ROLLBACK")
        self.add = try connection.prepare(
            """
            INSERT INTO decision (time, presentity, watcher, matter, handling, reason, document, rule)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """)
        self.readEnds = try connection.prepare(
            "SELECT (SELECT id FROM decision ORDER BY id LIMIT 1), (SELECT id FROM decision ORDER BY id DESC LIMIT 1)")
        self.findFirstSince = try connection.prepare("SELECT id FROM decision WHERE time >= ? ORDER BY id LIMIT 1")
        self.removeBefore = try connection.prepare("DELETE FROM decision WHERE id < ?")
        let columns = "time, presentity, watcher, matter, handling, reason, document, rule"
        self.readAll = try connection.prepare("SELECT \(columns) FROM decision ORDER BY id DESC LIMIT ?")
        self.readSome = try connection.prepare(
            """
            SELECT \(columns) FROM decision WHERE time >= ? AND time < ? AND (?3 IS NULL OR presentity = ?3)
                AND (?4 IS NULL OR watcher = ?4) ORDER BY id DESC LIMIT ?5
            """)
    }

    func append(_ entries: [AuditEntry]) throws(Fault) {
        try self.inTransaction { () throws(Fault) in
            for entry in entries {
                self.add.bind(1, entry.time.nanoseconds)
                self.add.bind(2, entry.presentity)
                self.add.bind(3, entry.watcher)
                self.add.bind(4, text: entry.matter)
                self.add.bind(5, text: entry.handling)
                self.add.bind(6, text: entry.reason)
                self.add.bind(7, entry.document)
                self.add.bind(8, text: entry.rule)
                try self.add.run("store a decision")
            }
        }
    }

    func entries(_ query: AuditQuery) throws(Fault) -> [AuditEntry] {
        let isPlain = query.presentity == nil && query.watcher == nil && query.since == nil && query.until == nil
        let read = isPlain ? self.readAll : self.readSome
        let limit = Int64(max(query.limit, 0))
        if isPlain {
            read.bind(1, limit)
        } else {
            read.bind(1, query.since?.nanoseconds ?? .min)
            read.bind(2, query.until?.nanoseconds ?? .max)
            read.bind(3, optional: query.presentity)
            read.bind(4, optional: query.watcher)
            read.bind(5, limit)
        }
        defer { read.reset() }
        var entries: [AuditEntry] = []
        while try read.next("read the audit log") {
            // A row that is not what it has to be is no entry.
            if let entry = Self.entry(read) { entries.append(entry) }
        }
        return entries
    }

    private static func entry(_ row: Statement) -> AuditEntry? {
        guard let time = row.int64(0), let presentity = row.blob(1), let watcher = row.blob(2),
            let matter = row.text(3), let handling = row.text(4), let reason = row.text(5),
            let document = row.blob(6), let rule = row.text(7)
        else { return nil }
        return AuditEntry(
            time: Instant(nanoseconds: time), matter: matter, presentity: presentity, watcher: watcher,
            handling: handling, reason: reason, document: document, rule: rule)
    }

    /// Removes slice by slice, so that the log of what is undone stays small. Ids have no gaps but those that damage
    /// left, so the number of rows follows from the first and the last.
    func prune(before: Instant, keeping most: Int) throws(Fault) -> Int {
        guard let ends = try self.ends() else { return 0 }
        let kept = Int64(clamping: max(most, 0))
        let firstOfTime = try self.firstID(since: before) ?? ends.upperBound + 1
        let bound = max(firstOfTime, ends.upperBound - min(kept, ends.upperBound) + 1)
        var removed = 0
        var position = ends.lowerBound
        while position < bound {
            position = min(position + Self.rowsPerSlice, bound)
            self.removeBefore.bind(1, position)
            try self.removeBefore.run("remove old decisions")
            removed += Int(self.connection.changes)
        }
        return removed
    }

    /// The ids of the first and the last row; nil without rows.
    private func ends() throws(Fault) -> ClosedRange<Int64>? {
        defer { self.readEnds.reset() }
        guard try self.readEnds.next("read the audit log"), let first = self.readEnds.int64(0),
            let last = self.readEnds.int64(1), first > 0, last >= first, last < .max
        else { return nil }
        return first...last
    }

    private func firstID(since time: Instant) throws(Fault) -> Int64? {
        self.findFirstSince.bind(1, time.nanoseconds)
        defer { self.findFirstSince.reset() }
        return try self.findFirstSince.next("read the audit log") ? self.findFirstSince.int64(0) : nil
    }

    private func inTransaction(_ body: () throws(Fault) -> Void) throws(Fault) {
        try self.begin.run("begin a transaction")
        do {
            try body()
            try self.commit.run("commit")
        } catch {
            if self.connection.isInTransaction { try self.rollback.run("roll back") }
            throw error
        }
    }
}
