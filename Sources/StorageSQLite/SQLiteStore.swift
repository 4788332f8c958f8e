import GRDB
import GRDBSQLite
import Glibc
import Ground
import PresenceServer
import SCSCF
import Storage
import Synchronization

/// A storage in one SQLite file, in write-ahead mode.
///
/// A commit is one transaction and, with strict durability, one sync of the log. It appends one row to a journal, with
/// all its operations; the tables, keyed by the records' ids, follow by and by (``Folding``).
package final class SQLiteStore: Store {
    /// What the process does with the storage.
    package enum Role: Hashable, Sendable {
        /// Serves from it: only one process at a time can.
        case server
        /// Looks at it or changes subscribers, beside a server that may run.
        case administration
    }

    private let queue: DatabaseQueue
    private let vault: SubscriberVault
    private let path: String
    /// The open lock file of a server; -1 without one.
    private let lockDescriptor: Mutex<Int32>
    /// Touched inside ``queue`` only.
    private nonisolated(unsafe) var connection: Connection?
    private nonisolated(unsafe) var session: Session?
    /// Whether the connection refused to be closed.
    private nonisolated(unsafe) var isClosedUncleanly = false

    /// How many bytes the journal gets before it is folded into the tables, where nothing else is said. Until that is
    /// done, what is in it stays in memory too.
    package static let foldingThreshold = 16 << 20

    /// Opens the file, or makes it.
    ///
    /// - Parameters:
    ///   - path: the database file; its folder has to exist.
    ///   - masterKey: opens the secrets of subscribers.
    ///   - foldingThreshold: how many bytes the journal gets before it is folded into the tables.
    /// - Throws: `storage.too-new`, `storage.in-use`, `storage.damaged`, `storage.unavailable`, `storage.full`, and
    ///   `storage.master-key-unusable` if the database was made under another master key.
    package init(
        path: String, vault: SubscriberVault, durability: CommitDurability = .strict, role: Role = .server,
        schema: Schema = .current, foldingThreshold: Int = SQLiteStore.foldingThreshold
    ) throws(Fault) {
        self.path = path
        self.vault = vault
        let descriptor = role == .server ? try Self.lock(path) : -1
        self.lockDescriptor = Mutex(descriptor)
        let isNew = access(path, F_OK) != 0
        do {
            self.queue = try DatabaseQueue(path: path, configuration: Self.configuration)
        } catch {
            if descriptor >= 0 { Glibc.close(descriptor) }
            throw Self.fault(error, what: "be opened at \(path)")
        }
        do {
            try self.inQueue { (database) throws(Fault) in
                guard let handle = database.sqliteConnection else {
                    throw .storageUnavailable("The database was closed.")
                }
                let connection = Connection(handle)
                self.connection = connection
                // Here and not where the connection is prepared, because GRDB relaxes it when it turns on the log.
                try connection.execute("PRAGMA synchronous = \(durability == .strict ? "FULL" : "NORMAL")")
                try schema.migrate(connection, path: path)
                try Self.checkKey(connection, vault: vault, path: path)
                self.session = try Session(connection, foldingThreshold: role == .server ? foldingThreshold : nil)
            }
            if isNew {
                chmod(path, 0o600)
                try DirectorySync.sync(directoryOf: path)
            }
        } catch {
            self.close()
            throw error
        }
    }

    deinit { self.close() }

    static var configuration: Configuration {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        configuration.busyMode = .timeout(5)
        configuration.journalMode = .wal
        configuration.prepareDatabase { database in
            try database.execute(
                sql: """
                    PRAGMA cache_size = -8192;
                    PRAGMA wal_autocheckpoint = 4000;
                    PRAGMA journal_size_limit = 67108864;
                    PRAGMA temp_store = MEMORY;
                    PRAGMA secure_delete = FAST;
                    """)
        }
        return configuration
    }

    /// Takes the lock that tells servers from each other. It is released by the system when the process ends.
    private static func lock(_ path: String) throws(Fault) -> Int32 {
        let lockPath = path + "-lock"
        let descriptor = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .storageUnavailable(
                "The database cannot be opened: \(lockPath): \(String(cString: strerror(errno))). "
                    + "Check that the data directory exists and who may write to it.")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            Glibc.close(descriptor)
            throw .storageInUse("Another Muster serves from \(path). End it, or name another data directory.")
        }
        return descriptor
    }

    private static func checkKey(_ connection: Connection, vault: SubscriberVault, path: String) throws(Fault) {
        if try self.findsKey(connection, vault: vault, path: path) { return }
        // Another process may open the same new database at this moment; then its probe stays, and is checked.
        let write = try connection.prepare(
            "INSERT INTO meta (key, value) VALUES ('master-key-probe', ?) ON CONFLICT (key) DO NOTHING")
        write.bind(1, vault.makeProbe())
        try write.run("store the probe of the master key")
        _ = try self.findsKey(connection, vault: vault, path: path)
    }

    /// Whether the database holds a probe; throws if that was made under another key.
    private static func findsKey(
        _ connection: Connection, vault: SubscriberVault, path: String
    ) throws(Fault) -> Bool {
        let read = try connection.prepare("SELECT value FROM meta WHERE key = 'master-key-probe'")
        defer { read.reset() }
        guard try read.next("read the probe of the master key") else { return false }
        guard let probe = read.blob(0), vault.opens(probe: probe) else {
            throw .masterKeyUnusable(
                "\(path) was made under another master key. Put back the key file that belongs to it; "
                    + "without it the subscribers' secrets are lost.")
        }
        return true
    }

    package func commit(_ operations: [StoreOperation]) throws(Fault) {
        guard !operations.isEmpty else { return }
        try self.inSession { (session) throws(Fault) in try session.commit(operations) }
    }

    package func load() throws(Fault) -> StoredState {
        try self.inSession { (session) throws(Fault) in try session.load() }
    }

    package func subscriber(user: String, realm: String) throws(Fault) -> SubscriberRecord? {
        let vault = self.vault
        return try self.inSession { (session) throws(Fault) in
            try session.subscribers.find(user: user, realm: realm, vault: vault)
        }
    }

    package func putSubscriber(_ record: SubscriberRecord) throws(Fault) {
        let secret = self.vault.seal(record)
        try self.inSession { (session) throws(Fault) in
            try session.subscribers.put(record, secret: secret)
            try session.subscribers.noteChange()
        }
    }

    package func removeSubscriber(user: String, realm: String) throws(Fault) -> Bool {
        try self.inSession { (session) throws(Fault) in
            try session.subscribers.remove(user: user, realm: realm)
            guard session.connection.changes > 0 else { return false }
            try session.subscribers.noteChange()
            return true
        }
    }

    package func subscriberIdentities() throws(Fault) -> [[UInt8]] {
        try self.inSession { (session) throws(Fault) in try session.subscribers.identities() }
    }

    package func subscriberChanges() throws(Fault) -> Int64 {
        try self.inSession { (session) throws(Fault) in try session.subscribers.changes() }
    }

    package func subscribers() throws(Fault) -> [SubscriberRecord] {
        let vault = self.vault
        return try self.inSession { (session) throws(Fault) in try session.subscribers.all(vault: vault) }
    }

    package func hasSubscriber(identity: [UInt8]) throws(Fault) -> Bool {
        try self.inSession { (session) throws(Fault) in try session.subscribers.has(identity: identity) }
    }

    package func close() {
        do {
            self.queue.inDatabase { _ in
                // What cannot be folded now stays in the journal, and is folded when the storage is opened again.
                do { try self.session?.foldJournal() } catch { self.isClosedUncleanly = true }
                self.session = nil
                self.connection?.finalize()
                self.connection = nil
            }
            try self.queue.close()
        } catch {
            // Closed already, or not closable any more: every commit was durable when it returned, so nothing is lost.
            self.isClosedUncleanly = true
        }
        self.lockDescriptor.withLock { descriptor in
            if descriptor >= 0 { Glibc.close(descriptor) }
            descriptor = -1
        }
    }

    /// A setting of the open connection, for tests and for `muster explain`. Nil if there is no such setting.
    package func pragma(_ name: String) -> String? {
        self.queue.inDatabase { database in
            do { return try String.fetchOne(database, sql: "PRAGMA \(name)") } catch { return nil }
        }
    }

    /// Bounds the size of the file: what does not fit is refused as on a full disk. 4,096 bytes a page.
    package func limitPages(to count: Int) throws(Fault) {
        try self.inQueue { (_) throws(Fault) in try self.connection?.execute("PRAGMA max_page_count = \(count)") }
    }

    private func inSession<Result>(
        _ body: (Session) throws(Fault) -> Result
    ) throws(Fault) -> Result {
        try self.inQueue { (_) throws(Fault) in
            guard let session = self.session else { throw .storageUnavailable("The storage was closed.") }
            return try body(session)
        }
    }

    private func inQueue<Result>(_ body: (Database) throws(Fault) -> Result) throws(Fault) -> Result {
        do {
            return try self.queue.inDatabase { database in try body(database) }
        } catch {
            throw Self.fault(error, what: "be used")
        }
    }

    static func fault(_ error: any Error, what: String) -> Fault {
        switch error {
        case let fault as Fault: fault
        case let error as DatabaseError:
            Connection.fault(code: error.resultCode.rawValue, message: error.message ?? "no reason given", what: what)
        default: .storageUnavailable("The database cannot \(what): \(error).")
        }
    }
}
