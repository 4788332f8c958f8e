import Ground
import Storage

/// The versions of the database's schema.
///
/// Version n is what steps 1 to n make. A released step is never changed: a new one is added after it.
package struct Schema: Sendable {
    /// SQL that leads from each version to the next; the first makes version 1 out of an empty file.
    package let steps: [String]

    package init(steps: [String]) { self.steps = steps }

    /// The version that this program reads and writes.
    package var version: Int { self.steps.count }

    /// Marks a file as ours (`PRAGMA application_id`): "MUST".
    static let applicationID = 0x4D55_5354

    /// What this program uses.
    ///
    /// Ids are 64 bits without a sign, stored as the same bits with one. Times are nanoseconds since 1970. There is no
    /// index but the keys: everything is read once, at the start.
    package static let current = Schema(steps: [
        """
        CREATE TABLE publication (
            id INTEGER PRIMARY KEY, presentity BLOB NOT NULL, package BLOB NOT NULL, entity_tag BLOB NOT NULL,
            publisher BLOB NOT NULL, content_type BLOB NOT NULL, body BLOB NOT NULL, published_at INTEGER NOT NULL,
            expires INTEGER NOT NULL);
        CREATE TABLE subscription (
            id INTEGER PRIMARY KEY, presentity BLOB NOT NULL, watcher BLOB NOT NULL, package BLOB NOT NULL,
            state INTEGER NOT NULL, expires INTEGER NOT NULL, local_cseq INTEGER NOT NULL,
            partial_version INTEGER NOT NULL, dialog BLOB NOT NULL);
        CREATE TABLE notification_mark (id INTEGER PRIMARY KEY, marks BLOB NOT NULL);
        CREATE TABLE binding (
            id INTEGER PRIMARY KEY, address_of_record BLOB NOT NULL, contact BLOB NOT NULL, parameters BLOB NOT NULL,
            instance BLOB, reg_id INTEGER NOT NULL, call_id BLOB NOT NULL, cseq INTEGER NOT NULL, q INTEGER NOT NULL,
            path BLOB NOT NULL, expires INTEGER NOT NULL, flow BLOB NOT NULL, user_agent BLOB NOT NULL,
            created_at INTEGER NOT NULL, refreshed_at INTEGER NOT NULL);
        CREATE TABLE subscriber (
            realm TEXT NOT NULL, digest_user TEXT NOT NULL, identity BLOB NOT NULL, secret BLOB NOT NULL,
            created_at INTEGER NOT NULL, PRIMARY KEY (realm, digest_user)) WITHOUT ROWID;
        CREATE INDEX subscriber_identity ON subscriber (identity);
        CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE quarantine (
            id INTEGER PRIMARY KEY, origin TEXT NOT NULL, origin_id INTEGER, reason TEXT NOT NULL,
            content TEXT NOT NULL);
        """,
        // Version 2: a commit is one row here; the other tables follow later (``JournalCoding``, ``Folding``).
        """
        CREATE TABLE journal (id INTEGER PRIMARY KEY, operations BLOB NOT NULL);
        """,
        // Version 3: documents and who watches them. A document whose content was put aside has no body (``Session``).
        """
        \(Schema.documentTable);
        CREATE TABLE document_subscription (
            id INTEGER PRIMARY KEY, resource BLOB NOT NULL, watcher BLOB NOT NULL, package BLOB NOT NULL,
            state INTEGER NOT NULL, expires INTEGER NOT NULL, local_cseq INTEGER NOT NULL, dialog BLOB NOT NULL);
        """,
    ])

    /// What the file of the audit log holds. The newest row has the largest id. There is no index: the log is written
    /// all the time and read seldom, and reading a million rows through takes a fraction of a second.
    package static let auditLog = Schema(steps: [
        """
        CREATE TABLE decision (
            id INTEGER PRIMARY KEY, time INTEGER NOT NULL, presentity BLOB NOT NULL, watcher BLOB NOT NULL,
            matter TEXT NOT NULL, handling TEXT NOT NULL, reason TEXT NOT NULL, document BLOB NOT NULL,
            rule TEXT NOT NULL);
        """
    ])

    /// The table of documents as version 3 makes it. The index on the selectors is also a second list of what there is,
    /// for the case that a page of the table is destroyed.
    static let documentTable = """
        CREATE TABLE document (
            id INTEGER PRIMARY KEY, selector BLOB NOT NULL UNIQUE, auid BLOB NOT NULL, owner BLOB NOT NULL,
            entity_tag BLOB NOT NULL, modified INTEGER NOT NULL, body BLOB)
        """

    /// Brings the database to this version, in one transaction.
    /// - Throws: `storage.too-new` if a newer program wrote it, `storage.damaged` if it is somebody else's.
    func migrate(_ connection: Connection, path: String) throws(Fault) {
        // Looking costs no lock: a database that needs nothing is opened beside a server that writes.
        if try self.check(connection, path: path) { return }
        try connection.execute("BEGIN IMMEDIATE")
        do {
            // Another process may have been faster.
            if try !self.check(connection, path: path) {
                let version = try Self.number(connection, "PRAGMA user_version")
                for step in self.steps.dropFirst(version) { try connection.execute(step) }
                try connection.execute("PRAGMA user_version = \(self.version)")
                try connection.execute("PRAGMA application_id = \(Self.applicationID)")
            }
            try connection.execute("COMMIT")
        } catch {
            if connection.isInTransaction { try connection.execute("ROLLBACK") }
            throw error
        }
    }

    /// Whether the database has this version already.
    private func check(_ connection: Connection, path: String) throws(Fault) -> Bool {
        let version = try Self.number(connection, "PRAGMA user_version")
        let application = try Self.number(connection, "PRAGMA application_id")
        let tables = try Self.number(connection, "SELECT count(*) FROM sqlite_schema")
        guard application == Self.applicationID || (application == 0 && version == 0 && tables == 0) else {
            throw .storageDamaged("\(path) is a database of another program. Name another data directory.")
        }
        guard version <= self.version else {
            throw .storageTooNew(
                "\(path) was written by a newer version of Muster (schema \(version); this program knows "
                    + "\(self.version)). Start the newer version, or name another data directory.")
        }
        return version == self.version
    }

    private static func number(_ connection: Connection, _ sql: String) throws(Fault) -> Int {
        let statement = try connection.prepare(sql)
        defer { statement.reset() }
        guard try statement.next("read its version"), let number: Int = statement.integer(0) else {
            throw .storageDamaged("The database has no version.")
        }
        return number
    }
}
