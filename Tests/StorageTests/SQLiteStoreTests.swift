import Foundation
import GRDB
import Ground
import PresenceServer
import SCSCF
import Storage
import StorageSQLite
import Synchronization
import Testing

@Suite("the storage in SQLite")
struct SQLiteStoreTests {
    /// Runs SQL on the closed file.
    private static func execute(_ folder: TemporaryFolder, _ sql: String) throws {
        let queue = try DatabaseQueue(path: folder.database)
        try queue.write { try $0.execute(sql: sql) }
        try queue.close()
    }

    private static func value<Value: DatabaseValueConvertible>(_ folder: TemporaryFolder, _ sql: String) throws
        -> Value?
    {
        let queue = try DatabaseQueue(path: folder.database)
        defer { do { try queue.close() } catch { Issue.record(error) } }
        return try queue.read { try Value.fetchOne($0, sql: sql) }
    }

    @Test("writes ahead, syncs at each commit when strict, and can be read by its owner only")
    func isDurable() throws {
        let folder = try TemporaryFolder()
        let store = try folder.open()
        #expect(store.pragma("journal_mode") == "wal")
        #expect(store.pragma("synchronous") == "2")
        store.close()
        let relaxed = try folder.open(durability: .relaxed)
        #expect(relaxed.pragma("synchronous") == "1")
        let attributes = try FileManager.default.attributesOfItem(atPath: folder.database)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
    }

    @Test("is served by one process at a time, and administered beside it")
    func isServedOnce() throws {
        let folder = try TemporaryFolder()
        let server = try folder.open()
        #expect(throws: Fault.storageInUse("")) { try folder.open() }
        let administration = try folder.open(role: .administration)
        try administration.putSubscriber(Samples.subscriber("alice"))
        #expect(try server.subscriber(user: "alice", realm: "home.test") == Samples.subscriber("alice"))
        administration.close()
        server.close()
        #expect(try folder.open().subscribers().count == 1)
    }

    @Test("can be opened by several at the moment when it is made")
    func isMadeOnce() throws {
        for _ in 0..<10 {
            let folder = try TemporaryFolder()
            let faults = Mutex<[String]>([])
            DispatchQueue.concurrentPerform(iterations: 6) { _ in
                do {
                    try folder.open(role: .administration).close()
                } catch {
                    faults.withLock { $0.append("\(error)") }
                }
            }
            #expect(faults.withLock { $0 }.isEmpty)
        }
    }

    @Test("refuses a database that a newer version wrote, and leaves it as it is")
    func refusesNewer() throws {
        let folder = try TemporaryFolder()
        let newer = Schema(steps: Schema.current.steps + ["CREATE TABLE later (id INTEGER PRIMARY KEY)"])
        let store = try folder.open(schema: newer)
        try store.commit([.presence(.putPublication(Samples.publication(1)))])
        store.close()
        #expect(throws: Fault.storageTooNew("")) { try folder.open() }
        #expect(try folder.open(schema: newer).load().presence.publications.count == 1)
    }

    @Test("brings an older database to its version, and keeps what is in it")
    func migratesOlder() throws {
        let folder = try TemporaryFolder()
        let store = try folder.open()
        try store.commit([.presence(.putSubscription(Samples.subscription(1)))])
        store.close()
        let newer = Schema(steps: Schema.current.steps + ["ALTER TABLE subscription ADD COLUMN note TEXT"])
        #expect(try folder.open(schema: newer).load().presence.subscriptions == [Samples.subscription(1)])
        #expect(try Self.value(folder, "PRAGMA user_version") == newer.version)
    }

    @Test("leaves the older database whole when a migration fails")
    func failedMigrationChangesNothing() throws {
        let folder = try TemporaryFolder()
        let store = try folder.open()
        try store.commit([.presence(.putSubscription(Samples.subscription(1)))])
        store.close()
        let broken = Schema(steps: Schema.current.steps + ["DROP TABLE subscription; SELECT nonsense FROM nowhere"])
        #expect(throws: Fault.self) { try folder.open(schema: broken) }
        #expect(try folder.open().load().presence.subscriptions == [Samples.subscription(1)])
    }

    @Test("refuses a file of another program and one that is no database")
    func refusesForeignFiles() throws {
        let folder = try TemporaryFolder()
        try Self.execute(folder, "CREATE TABLE recipes (id INTEGER PRIMARY KEY)")
        #expect(throws: Fault.storageDamaged("")) { try folder.open() }
        try Data(repeating: 0x41, count: 10_000).write(to: URL(fileURLWithPath: folder.database))
        #expect(throws: Fault.storageDamaged("")) { try folder.open() }
    }

    @Test("says clearly that the master key is another one")
    func refusesOtherKey() throws {
        let folder = try TemporaryFolder()
        try folder.open().close()
        #expect(throws: Fault.masterKeyUnusable("")) { try folder.open(vault: Samples.vault(9)) }
        #expect(throws: Never.self) { try folder.open() }
    }

    @Test("keeps no secret in the clear in its files")
    func sealsSecrets() throws {
        let folder = try TemporaryFolder()
        let store = try folder.open()
        try store.putSubscriber(Samples.subscriber("alice"))
        let secret = Data(Samples.subscriber("alice").ha1MD5.reveal())
        #expect(secret.count == 32)
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/" + name))
            #expect(bytes.range(of: secret) == nil)
        }
    }

    @Test("puts a damaged row aside, reports it, and gives everything else")
    func quarantinesDamage() throws {
        let folder = try TemporaryFolder()
        let store = try folder.open()
        try store.commit(
            (1...5).map { .presence(.putSubscription(Samples.subscription($0))) }
                + (1...2).map { .presence(.putPublication(Samples.publication($0))) }
                + (1...2).map { .registrar(.putBinding(Samples.binding($0))) })
        store.close()
        try Self.execute(
            folder,
            """
            UPDATE subscription SET dialog = 'text' WHERE id = 2;
            UPDATE subscription SET state = 4711 WHERE id = 3;
            UPDATE subscription SET local_cseq = -1 WHERE id = 4;
            UPDATE publication SET expires = 'soon' WHERE id = 1;
            UPDATE binding SET path = x'ff' WHERE id = 2;
            """)
        let again = try folder.open()
        let state = try again.load()
        #expect(state.presence.subscriptions == [Samples.subscription(1), Samples.subscription(5)])
        #expect(state.presence.publications == [Samples.publication(2)])
        #expect(state.bindings == [Samples.binding(1)])
        #expect(
            state.damages.map { "\($0.table) \($0.id ?? 0)" } == [
                "publication 1", "subscription 2", "subscription 3", "subscription 4", "binding 2",
            ])
        #expect(try again.load().damages.isEmpty)
        again.close()
        #expect(try Self.value(folder, "SELECT count(*) FROM quarantine") == 5)
        let content: String? = try Self.value(folder, "SELECT content FROM quarantine WHERE origin_id = 3")
        #expect(content?.contains("state=4711") == true)
    }

    @Test("reports damaged marks and uses the others")
    func survivesDamagedMarks() throws {
        let folder = try TemporaryFolder()
        let store = try folder.open()
        try store.commit([
            .presence(.putSubscription(Samples.subscription(1))), .presence(.putSubscription(Samples.subscription(2))),
            .presence(.notified([NotificationMark(subscription: 1, cseq: 7, partialVersion: 0)])),
        ])
        store.close()
        let second = try folder.open()
        try second.commit([.presence(.notified([NotificationMark(subscription: 2, cseq: 9, partialVersion: 0)]))])
        second.close()
        try Self.execute(folder, "UPDATE notification_mark SET marks = x'01ffffffffffffffffffff01' WHERE id = 1")
        let state = try folder.open().load()
        #expect(state.presence.subscriptions.map(\.localCSeq) == [1, 9])
        #expect(state.damages.map(\.table) == ["notification_mark"])
    }

    @Test("gives what lies on sound pages when a page is destroyed")
    func readsAroundDamagedPages() throws {
        let folder = try TemporaryFolder()
        let store = try folder.open()
        try store.commit((1...2000).map { .presence(.putSubscription(Samples.subscription($0))) })
        store.close()
        var bytes = try Data(contentsOf: URL(fileURLWithPath: folder.database))
        #expect(bytes.count > 500_000)
        let middle = bytes.count / 2 / 4096 * 4096
        bytes.replaceSubrange(middle..<(middle + 4096), with: Data(repeating: 0xEE, count: 4096))
        try bytes.write(to: URL(fileURLWithPath: folder.database))
        let state = try folder.open().load()
        #expect(state.presence.subscriptions.count > 1900)
        #expect(state.presence.subscriptions.allSatisfy { $0 == Samples.subscription($0.id) })
        #expect(!state.damages.isEmpty)
    }

    @Test("gives a fault when the disk is full, and half of nothing is written")
    func survivesFullDisk() throws {
        let folder = try TemporaryFolder()
        let store = try folder.open()
        try store.commit([.presence(.putPublication(Samples.publication(1)))])
        try store.limitPages(to: 40)
        let many: [StoreOperation] = (2...2000).map { .presence(.putPublication(Samples.publication($0))) }
        #expect(throws: Fault.storageFull("")) { try store.commit(many) }
        #expect(try store.load().presence.publications == [Samples.publication(1)])
        try store.commit([.presence(.putPublication(Samples.publication(2)))])
        try store.limitPages(to: 1_000_000)
        try store.commit(many)
        #expect(try store.load().presence.publications.count == 2000)
    }

    @Test("gives a fault where the folder does not exist")
    func refusesMissingFolder() throws {
        #expect(throws: Fault.storageUnavailable("")) {
            try SQLiteStore(path: "/nonexistent/folder/muster.sqlite", vault: Samples.vault())
        }
    }

    @Test("keeps the mark log short")
    func foldsMarkLog() throws {
        let folder = try TemporaryFolder()
        let store = try folder.open(durability: .relaxed)
        try store.commit((1...10).map { .presence(.putSubscription(Samples.subscription($0))) })
        for round in 1...70 {
            let marks = (0..<1000).map {
                NotificationMark(subscription: UInt64($0 % 10 + 1), cseq: UInt32(round * 1000 + $0), partialVersion: 0)
            }
            try store.commit([.presence(.notified(marks))])
        }
        store.close()
        let rows: Int? = try Self.value(folder, "SELECT count(*) FROM notification_mark")
        #expect((rows ?? 1000) < 40)
    }
}
