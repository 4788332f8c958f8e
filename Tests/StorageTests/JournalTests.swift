import Foundation
import GRDB
import Ground
import PresenceServer
import SCSCF
import Storage
import StorageSQLite
import Testing
import XDMServer

@Suite("the journal of the storage in SQLite") struct JournalTests {
    private static func execute(_ folder: TemporaryFolder, _ sql: String) throws {
        let queue = try DatabaseQueue(path: folder.database)
        try queue.write { try $0.execute(sql: sql) }
        try queue.close()
    }

    private static func count(_ folder: TemporaryFolder, _ sql: String) throws -> Int? {
        let queue = try DatabaseQueue(path: folder.database)
        defer { do { try queue.close() } catch { Issue.record(error) } }
        return try queue.read { try Int.fetchOne($0, sql: sql) }
    }

    /// Operations as a server makes them: subscription ids rise and are not used again.
    private struct History {
        var entropy: Entropy
        var lastSubscription: UInt64 = 0
        var live: [UInt64] = []

        mutating func commit(_ round: Int) -> [StoreOperation] {
            (0...self.entropy.next(below: 12)).map { _ in self.operation(UInt32(round)) }
        }

        private mutating func operation(_ number: UInt32) -> StoreOperation {
            let id = self.entropy.next(below: 30)
            let place = Int(self.entropy.next(below: UInt64(max(self.live.count, 1))))
            switch self.entropy.next(below: 13) {
            case 0, 1: return .presence(.putPublication(Samples.publication(id, expires: Int64(number))))
            case 2:
                let tag = Array("touch-\(number)".utf8)
                return .presence(.touchPublication(id, entityTag: tag, expires: Instant(seconds: Int64(number))))
            case 3: return .presence(.removePublication(id))
            case 4 where !self.live.isEmpty:
                return .presence(.putSubscription(Samples.subscription(self.live[place], cseq: number)))
            case 5 where !self.live.isEmpty: return .presence(.removeSubscription(self.live.remove(at: place)))
            case 6 where !self.live.isEmpty:
                let mark = NotificationMark(subscription: self.live[place], cseq: number * 2, partialVersion: number)
                return .presence(.notified([mark]))
            case 7: return .registrar(.putBinding(Samples.binding(id, instance: id % 2 == 0 ? [1] : nil)))
            case 8: return .registrar(.removeBinding(id))
            case 9: return .documents(.putDocument(Samples.document(id, version: UInt64(number))))
            case 10: return .documents(.removeDocument(selector: Samples.selector(id)))
            case 11: return .documents(.putSubscription(Samples.documentSubscription(id, cseq: number)))
            case 12: return .documents(.removeSubscription(id))
            default:
                self.lastSubscription += 1
                self.live.append(self.lastSubscription)
                return .presence(.putSubscription(Samples.subscription(self.lastSubscription, cseq: number)))
            }
        }
    }

    @Test("loses nothing wherever in a folding a crash comes", arguments: [1, 2, 3, 4] as [UInt64])
    func survivesCrashes(_ seed: UInt64) throws {
        var history = History(entropy: Entropy.seeded(seed))
        let reference = InMemoryStore()
        let folder = try TemporaryFolder()
        let store = try folder.open(durability: .relaxed, foldingThreshold: 3000 * Int(seed))
        for round in 1...150 {
            let operations = history.commit(round)
            try reference.commit(operations)
            try store.commit(operations)
            if round % 3 == 0 {
                let crashed = try folder.afterCrash()
                #expect(try crashed.open(foldingThreshold: 3000).load() == reference.load())
            }
        }
        #expect(try store.load() == reference.load())
    }

    @Test("does not grow for ever, and is empty after an orderly end") func isFolded() throws {
        let folder = try TemporaryFolder()
        let store = try folder.open(durability: .relaxed, foldingThreshold: 20_000)
        try store.commit([.presence(.putPublication(Samples.publication(1)))])
        for round in 1...1000 {
            try store.commit([.presence(.putPublication(Samples.publication(1, expires: Int64(round))))])
        }
        let rows = try Self.count(try folder.afterCrash(), "SELECT count(*) FROM journal")
        #expect((1...400).contains(rows ?? 0))
        store.close()
        #expect(try Self.count(folder, "SELECT count(*) FROM journal") == 0)
        #expect(try Self.count(folder, "SELECT expires FROM publication WHERE id = 1") == 1_000_000_000_000)
    }

    @Test("with a damaged row is reported, put aside and otherwise used") func survivesDamagedRow() throws {
        let folder = try TemporaryFolder()
        let store = try folder.open()
        try store.commit((1...4).map { .presence(.putPublication(Samples.publication($0))) })
        for id: UInt64 in 1...4 {
            try store.commit([.presence(.putPublication(Samples.publication(id, expires: 7000)))])
        }
        let crashed = try folder.afterCrash()
        try Self.execute(
            crashed,
            """
            UPDATE journal SET operations = substr(operations, 1, length(operations) - 1) WHERE id = 1;
            UPDATE journal SET operations = x'01ff' WHERE id = 2;
            UPDATE journal SET operations = 'text' WHERE id = 3;
            """)
        let again = try crashed.open()
        let state = try again.load()
        #expect(state.damages.map { "\($0.table) \($0.id ?? 0)" } == ["journal 1", "journal 2", "journal 3"])
        #expect(
            state.presence.publications
                == (1...2).map { Samples.publication($0) } + (3...4).map { Samples.publication($0, expires: 7000) })
        #expect(try again.load().damages.isEmpty)
        again.close()
        #expect(try Self.count(crashed, "SELECT count(*) FROM quarantine WHERE origin = 'journal'") == 3)
    }

    @Test("with a destroyed page is kept for the operator, and what lies on its sound pages is used")
    func survivesDamagedPage() throws {
        let folder = try TemporaryFolder()
        let store = try folder.open()
        try store.commit((1...200).map { .presence(.putPublication(Samples.publication($0))) })
        for id: UInt64 in 1...200 {
            try store.commit([.presence(.putPublication(Samples.publication(id, expires: 7000)))])
        }
        let crashed = try folder.afterCrash()
        try Self.execute(crashed, "PRAGMA user_version")
        var bytes = try Data(contentsOf: URL(fileURLWithPath: crashed.database))
        let place = try #require(bytes.range(of: Data("sip:user100@home.test".utf8), options: .backwards))
        let page = place.lowerBound / 4096 * 4096
        bytes.replaceSubrange(page..<(page + 4096), with: Data(repeating: 0xEE, count: 4096))
        try bytes.write(to: URL(fileURLWithPath: crashed.database))
        let again = try crashed.open()
        let state = try again.load()
        #expect(state.presence.publications.count == 200)
        let renewed = state.presence.publications.filter { $0.expires == Instant(seconds: 7000) }.count
        #expect((150..<200).contains(renewed))
        #expect(state.damages.map(\.table) == ["journal"])
        try again.commit([.presence(.putPublication(Samples.publication(1, expires: 8000)))])
        again.close()
        #expect(try Self.count(crashed, "SELECT count(*) FROM sqlite_schema WHERE name = 'damaged_journal_1'") == 1)
        let last = try crashed.open().load()
        #expect(last.presence.publications.first == Samples.publication(1, expires: 8000))
        #expect(last.damages.isEmpty)
    }

    @Test("that cannot be folded on a full disk fails its commit whole, and is folded when there is room")
    func survivesFullDisk() throws {
        let folder = try TemporaryFolder()
        let store = try folder.open(durability: .relaxed, foldingThreshold: 30_000)
        try store.commit([.registrar(.putBinding(Samples.binding(1)))])
        try store.limitPages(to: 30)
        let reference = InMemoryStore()
        try reference.commit([.registrar(.putBinding(Samples.binding(1)))])
        var refused = 0
        for id: UInt64 in 2...800 {
            let operations: [StoreOperation] = [.registrar(.putBinding(Samples.binding(id)))]
            do {
                try store.commit(operations)
                try reference.commit(operations)
            } catch {
                #expect(error == Fault.storageFull(""))
                refused += 1
            }
        }
        #expect(refused > 100)
        #expect(try folder.afterCrash().open().load() == reference.load())
        try store.limitPages(to: 100_000)
        for id: UInt64 in 2...800 {
            let operations: [StoreOperation] = [.registrar(.putBinding(Samples.binding(id)))]
            try store.commit(operations)
            try reference.commit(operations)
        }
        #expect(try store.load() == reference.load())
    }

    @Test("comes to a database of the version before it") func migrates() throws {
        let folder = try TemporaryFolder()
        let publication = Samples.publication(1)
        let queue = try DatabaseQueue(path: folder.database)
        try queue.write { database in
            try database.execute(sql: Schema.current.steps[0])
            try database.execute(sql: "PRAGMA user_version = 1; PRAGMA application_id = \(0x4D55_5354)")
            try database.execute(
                sql: "INSERT INTO publication VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)",
                arguments: [
                    Data(publication.presentity), Data(publication.package), Data(publication.entityTag),
                    Data(publication.publisher), Data(publication.contentType), Data(publication.body),
                    publication.publishedAt.nanoseconds, publication.expires.nanoseconds,
                ])
        }
        try queue.close()
        let store = try folder.open()
        try store.commit([.presence(.putPublication(Samples.publication(2)))])
        try store.commit([.presence(.touchPublication(2, entityTag: [1], expires: Instant(seconds: 1)))])
        let state = try folder.afterCrash().open().load()
        #expect(state.presence.publications.map(\.id) == [1, 2])
        #expect(state.presence.publications.first == publication)
    }

    @Test("of the version before documents is folded when it migrates, and documents are kept from then on")
    func migratesJournal() throws {
        let folder = try TemporaryFolder()
        let older = Schema(steps: Array(Schema.current.steps.prefix(2)))
        let queue = try DatabaseQueue(path: folder.database)
        try queue.write { database in
            for step in older.steps { try database.execute(sql: step) }
            try database.execute(sql: "PRAGMA user_version = 2; PRAGMA application_id = \(0x4D55_5354)")
            // One commit of a server that was killed: the removal of publication 5 and a mark.
            try database.execute(sql: "INSERT INTO journal VALUES (1, x'0103050601010203')")
            try database.execute(
                sql: """
                    INSERT INTO publication SELECT 5, x'', x'', x'', x'', x'', x'', 1, 1;
                    INSERT INTO publication SELECT 6, x'', x'', x'', x'', x'', x'', 1, 1
                    """)
        }
        try queue.close()
        let store = try folder.open()
        try store.commit([.documents(.putDocument(Samples.document(1)))])
        let state = try folder.afterCrash().open().load()
        #expect(state.presence.publications.map(\.id) == [6])
        #expect(state.documents.documents == [Samples.document(1)])
        #expect(state.damages.isEmpty)
    }

    @Test("is left alone by an administrator's process") func isServersAlone() throws {
        let folder = try TemporaryFolder()
        let server = try folder.open()
        try server.commit([.registrar(.putBinding(Samples.binding(1)))])
        let administration = try folder.open(role: .administration)
        #expect(throws: Fault.storageUnavailable("")) { try administration.commit([.registrar(.removeBinding(1))]) }
        administration.close()
        #expect(try folder.afterCrash().open().load().bindings == [Samples.binding(1)])
    }
}
