import Foundation
import GRDB
import Ground
import Storage
import StorageSQLite
import Synchronization
import Testing

/// A kind of place for the audit log.
enum AuditBackend: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case memory, sqlite

    var testDescription: String { self.rawValue }

    func open(_ folder: TemporaryFolder) throws -> any AuditStore {
        switch self {
        case .memory: InMemoryAuditStore()
        case .sqlite: try SQLiteAuditStore(path: folder.path + "/audit.sqlite")
        }
    }
}

extension AuditEntry {
    fileprivate static func sample(_ number: Int, watcher: String? = nil) -> AuditEntry {
        AuditEntry(
            time: Instant(seconds: Int64(number)), matter: "subscription",
            presentity: Array("sip:user\(number % 3)@home.test".utf8),
            watcher: Array((watcher ?? "sip:watcher\(number % 2)@home.test").utf8),
            handling: ["allow", "block", "polite-block"][number % 3], reason: "because of \u{0} '\(number)'",
            document: number % 2 == 0 ? [] : Array("pres-rules/users/sip:user@home.test/index".utf8),
            rule: number % 2 == 0 ? "" : "rule-\(number)")
    }
}

/// What every place for the audit log has to do.
@Suite("every audit log")
struct AuditStoreTests {
    @Test("gives entries back as they were, the latest first", arguments: AuditBackend.allCases)
    func keepsEntries(_ backend: AuditBackend) throws {
        let folder = try TemporaryFolder()
        let store = try backend.open(folder)
        try store.append((1...10).map { .sample($0) })
        try store.append([])
        try store.append([.sample(11, watcher: "")])
        #expect(
            try store.entries(AuditQuery(limit: 4)) == [.sample(11, watcher: "")]
                + (8...10).reversed().map { .sample($0) })
        #expect(try store.entries(AuditQuery(limit: 100)).count == 11)
        #expect(try store.entries(AuditQuery(limit: 0)).isEmpty)
        #expect(try store.entries(AuditQuery(limit: -1)).isEmpty)
    }

    @Test("finds entries by presentity, watcher and time", arguments: AuditBackend.allCases)
    func finds(_ backend: AuditBackend) throws {
        let folder = try TemporaryFolder()
        let store = try backend.open(folder)
        try store.append((1...30).map { .sample($0) } + [.sample(31, watcher: "")])
        func numbers(_ query: AuditQuery) throws -> [Int64] { try store.entries(query).map(\.time.seconds) }
        let user: [UInt8] = Array("sip:user1@home.test".utf8)
        let watcher: [UInt8] = Array("sip:watcher0@home.test".utf8)
        #expect(try numbers(AuditQuery(presentity: user, limit: 3)) == [31, 28, 25])
        #expect(try numbers(AuditQuery(presentity: user, watcher: watcher)) == [28, 22, 16, 10, 4])
        #expect(try numbers(AuditQuery(watcher: [])) == [31])
        #expect(
            try numbers(AuditQuery(watcher: watcher, since: Instant(seconds: 10), until: Instant(seconds: 16)))
                == [14, 12, 10])
        #expect(try numbers(AuditQuery(presentity: Array("sip:user1@home.tes".utf8))).isEmpty)
    }

    @Test("removes the oldest by time and by number, and nothing else", arguments: AuditBackend.allCases)
    func prunes(_ backend: AuditBackend) throws {
        let folder = try TemporaryFolder()
        let store = try backend.open(folder)
        #expect(try store.prune(before: Instant(seconds: 9), keeping: 0) == 0)
        try store.append((1...10_000).map { .sample($0) })
        #expect(try store.prune(before: Instant(seconds: 5001), keeping: 100_000) == 5000)
        #expect(try store.entries(AuditQuery(limit: 10_000)).map(\.time.seconds).last == 5001)
        #expect(try store.prune(before: Instant(seconds: 5001), keeping: 5000) == 0)
        #expect(try store.prune(before: .zero, keeping: 10) == 4990)
        #expect(try store.entries(AuditQuery(limit: 100)).map(\.time.seconds) == (9991...10_000).reversed())
        #expect(try store.prune(before: .distantFuture, keeping: 10) == 10)
        #expect(try store.entries(AuditQuery()).isEmpty)
        try store.append([.sample(1)])
        #expect(try store.entries(AuditQuery()) == [.sample(1)])
    }

    @Test("throws after it was closed, and can be closed twice", arguments: AuditBackend.allCases)
    func refusesAfterClose(_ backend: AuditBackend) throws {
        let folder = try TemporaryFolder()
        let store = try backend.open(folder)
        store.close()
        store.close()
        #expect(throws: Fault.storageUnavailable("")) { try store.append([.sample(1)]) }
        #expect(throws: Fault.storageUnavailable("")) { try store.entries(AuditQuery()) }
    }
}

@Suite("the audit log in SQLite")
struct SQLiteAuditStoreTests {
    @Test("keeps its entries over a restart, in a file that only its owner reads, and is read beside a server")
    func isKept() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/audit.sqlite"
        let store = try SQLiteAuditStore(path: path)
        try store.append((1...100).map { .sample($0) })
        let beside = try SQLiteAuditStore(path: path)
        #expect(try beside.entries(AuditQuery(limit: 1)) == [.sample(100)])
        beside.close()
        store.close()
        #expect(try SQLiteAuditStore(path: path).entries(AuditQuery(limit: 1000)).count == 100)
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
    }

    @Test("refuses a file of a newer version, of another program, and one that is no database")
    func refusesForeignFiles() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/audit.sqlite"
        try SQLiteAuditStore(path: path).close()
        let queue = try DatabaseQueue(path: path)
        try queue.write { try $0.execute(sql: "PRAGMA user_version = 4711") }
        try queue.close()
        #expect(throws: Fault.storageTooNew("")) { _ = try SQLiteAuditStore(path: path) }
        let other = folder.path + "/other.sqlite"
        try Data(repeating: 0x41, count: 10_000).write(to: URL(fileURLWithPath: other))
        #expect(throws: Fault.storageDamaged("")) { _ = try SQLiteAuditStore(path: other) }
    }

    @Test("reports a row that is no entry by leaving it out")
    func leavesDamageOut() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/audit.sqlite"
        let store = try SQLiteAuditStore(path: path)
        try store.append((1...3).map { .sample($0) })
        let queue = try DatabaseQueue(path: path)
        try queue.write { try $0.execute(sql: "UPDATE decision SET watcher = 5 WHERE id = 2") }
        try queue.close()
        #expect(try store.entries(AuditQuery()) == [.sample(3), .sample(1)])
    }
}

/// A place for entries that does what a test wants.
private final class FickleAuditStore: AuditStore {
    let inner = InMemoryAuditStore()
    let isRefusing = Mutex(false)
    let batches = Mutex<[Int]>([])

    func append(_ entries: [AuditEntry]) throws(Fault) {
        if self.isRefusing.withLock({ $0 }) { throw .storageFull("no room") }
        self.batches.withLock { $0.append(entries.count) }
        try self.inner.append(entries)
    }

    func entries(_ query: AuditQuery) throws(Fault) -> [AuditEntry] { try self.inner.entries(query) }
    func prune(before: Instant, keeping most: Int) throws(Fault) -> Int {
        try self.inner.prune(before: before, keeping: most)
    }
    func close() { self.inner.close() }
}

@Suite("the way of a decision into the audit log")
struct AuditLogTests {
    private func log(_ store: any AuditStore, _ change: (inout AuditLog<Int>.Configuration) -> Void = { _ in })
        -> AuditLog<Int>
    {
        var configuration = AuditLog<Int>.Configuration()
        // Long enough that only the test says when something is written.
        configuration.delay = .seconds(3600)
        change(&configuration)
        return AuditLog(store: store, configuration: configuration, describe: { number, _ in .sample(number) })
    }

    @Test("is a batch with the decisions that wait")
    func writesBatches() async throws {
        let store = FickleAuditStore()
        let log = self.log(store)
        for number in 1...50 { log.note(number, at: Instant(seconds: Int64(number))) }
        #expect(store.batches.withLock { $0 }.isEmpty)
        log.flush()
        for number in 51...60 { log.note(number, at: Instant(seconds: Int64(number))) }
        // Whoever reads sees what was noted before.
        #expect(try await log.entries(AuditQuery(limit: 1)) == [.sample(60)])
        #expect(store.batches.withLock { $0 } == [50, 10])
        #expect(log.statistics.written == 60)
    }

    @Test("ends where too many wait, and every loss is counted")
    func isBounded() async throws {
        let store = FickleAuditStore()
        let log = self.log(store) { $0.waiting = 10 }
        for number in 1...25 { log.note(number, at: Instant(seconds: Int64(number))) }
        #expect(log.statistics.dropped == 15)
        store.isRefusing.withLock { $0 = true }
        log.flush()
        #expect(log.statistics.failed == 10)
        store.isRefusing.withLock { $0 = false }
        log.note(26, at: Instant(seconds: 26))
        #expect(try await log.entries(AuditQuery()) == [.sample(26)])
        log.note(27, at: Instant(seconds: 27))
        log.close()
        log.note(28, at: Instant(seconds: 28))
        #expect(log.statistics.written == 2)
        #expect(log.statistics.dropped == 16)
    }

    @Test("ends after some time, and when there are too many, at most once an interval")
    func prunes() async throws {
        let store = FickleAuditStore()
        let log = self.log(store) {
            $0.age = .seconds(100)
            $0.count = 5
            $0.pruneInterval = .seconds(60)
        }
        for number in 1...10 { log.note(number, at: Instant(seconds: Int64(number))) }
        #expect(try await log.entries(AuditQuery()).map(\.time.seconds) == [10, 9, 8, 7, 6])
        for number in 11...13 { log.note(number, at: Instant(seconds: Int64(number))) }
        #expect(try await log.entries(AuditQuery()).count == 8)
        log.note(109, at: Instant(seconds: 109))
        #expect(try await log.entries(AuditQuery()).map(\.time.seconds) == [109, 13, 12, 11, 10])
        #expect(log.statistics.pruned == 9)
    }

    @Test("writes by itself after its delay")
    func writesByItself() async throws {
        let store = FickleAuditStore()
        let written = AsyncStream<Void>.makeStream()
        var configuration = AuditLog<Int>.Configuration()
        configuration.delay = .milliseconds(1)
        let log = AuditLog(
            store: store, configuration: configuration,
            describe: { (number: Int, _) in
                written.continuation.yield()
                return .sample(number)
            })
        log.note(1, at: Instant(seconds: 1))
        var signals = written.stream.makeAsyncIterator()
        await signals.next()
        log.flush()
        #expect(store.batches.withLock { $0 } == [1])
    }
}
