import Foundation
import GRDB
import Ground
import Storage
import StorageSQLite
import Testing
import XDMServer

/// A document may be the rules of a presentity, so one that is lost must not be taken for one that never was.
@Suite("a document in SQLite that is damaged") struct DamagedDocumentTests {
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

    private static func filled(_ count: UInt64) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let store = try folder.open()
        try store.commit((1...count).map { .documents(.putDocument(Samples.document($0))) })
        store.close()
        return folder
    }

    @Test("is named at every start until it is put again or removed, and its row is put aside")
    func isNamed() throws {
        let folder = try Self.filled(4)
        try Self.execute(
            folder,
            """
            UPDATE document SET body = 'text' WHERE selector = (SELECT min(selector) FROM document);
            UPDATE document SET modified = 'soon' WHERE selector = (SELECT max(selector) FROM document);
            """)
        let lost = [Samples.selector(1), Samples.selector(4)]
        let store = try folder.open()
        let state = try store.load()
        #expect(state.documents.documents == [Samples.document(2), Samples.document(3)])
        #expect(state.unreadableDocuments == lost)
        #expect(state.damages.map(\.table) == ["document", "document"])
        store.close()
        #expect(try Self.count(folder, "SELECT count(*) FROM quarantine WHERE origin = 'document'") == 2)
        for _ in 0..<2 {
            let again = try folder.open()
            #expect(try again.load().unreadableDocuments == lost)
            #expect(try again.load().damages.isEmpty)
            again.close()
        }
        let third = try folder.open()
        try third.commit([
            .documents(.putDocument(Samples.document(1, version: 2))),
            .documents(.removeDocument(selector: Samples.selector(4))),
        ])
        let healed = try third.load()
        #expect(healed.unreadableDocuments.isEmpty)
        #expect(
            healed.documents.documents == [Samples.document(1, version: 2), Samples.document(2), Samples.document(3)])
    }

    @Test("with its page is still named, from the index; the table is made anew and takes changes")
    func survivesDamagedPage() throws {
        let folder = try Self.filled(200)
        try Self.destroyPage(in: folder, with: Samples.document(100).body)
        let store = try folder.open()
        let state = try store.load()
        #expect(!state.unreadableDocuments.isEmpty)
        #expect(state.unreadableDocuments.contains(Samples.selector(100)))
        #expect(state.documents.documents.count > 150)
        #expect(
            Set(state.documents.documents.map(\.selector) + state.unreadableDocuments)
                == Set((1...200).map { Samples.selector($0) }))
        #expect(state.damages.map(\.table) == ["document"])
        let everyone: [StoreOperation] = (1...200).map { .documents(.putDocument(Samples.document($0, version: 9))) }
        try store.commit(everyone)
        store.close()
        #expect(try Self.count(folder, "SELECT count(*) FROM sqlite_schema WHERE name = 'damaged_document_1'") == 1)
        let last = try folder.open().load()
        #expect(last.documents.documents.count == 200)
        #expect(last.documents.documents.allSatisfy { $0.modified == Samples.document(1, version: 9).modified })
        #expect(last.unreadableDocuments.isEmpty)
        #expect(last.damages.isEmpty)
    }

    @Test("with its page and the index is a fault, because nobody knows whose rules are missing")
    func refusesWithoutIndex() throws {
        let folder = try Self.filled(400)
        try Self.destroyPage(in: folder, with: Samples.document(100).body)
        // A page of the index holds many selectors and no body.
        var bytes = try Data(contentsOf: URL(fileURLWithPath: folder.database))
        let page = try #require(
            stride(from: bytes.count - 4096, to: 0, by: -4096).first { start in
                let content = bytes[start..<(start + 4096)]
                return content.range(of: Data(Samples.selector(200))) != nil
                    && content.range(of: Data(Samples.document(200).body)) == nil
            })
        bytes.replaceSubrange(page..<(page + 4096), with: Data(repeating: 0xEE, count: 4096))
        try bytes.write(to: URL(fileURLWithPath: folder.database))
        let store = try folder.open()
        #expect(throws: Fault.storageDamaged("")) { _ = try store.load().damages }
    }

    private static func destroyPage(in folder: TemporaryFolder, with content: [UInt8]) throws {
        var bytes = try Data(contentsOf: URL(fileURLWithPath: folder.database))
        // The last place: those before it are what the journal left behind.
        let place = try #require(bytes.range(of: Data(content), options: .backwards))
        let page = place.lowerBound / 4096 * 4096
        bytes.replaceSubrange(page..<(page + 4096), with: Data(repeating: 0xEE, count: 4096))
        try bytes.write(to: URL(fileURLWithPath: folder.database))
    }
}
