import EventNotification
import Glibc
import Ground
import Storage
import XDMServer

extension Session {
    /// Reads the documents and the subscriptions to them.
    ///
    /// A document decides who sees what, so one that cannot be read must not be forgotten: its row stays without a body,
    /// until the document is put again or removed.
    /// - Throws: `storage.damaged` where it cannot even be told which documents there were.
    func loadDocuments(into state: inout StoredState) throws(Fault) {
        var sharedUsage: [UInt8] = []
        let isWhole = try self.scan("document", Self.documentColumns, into: &state, asides: Self.setAside) {
            row, state in
            guard let selector = row.blob(1) else { return false }
            if row.isNull(6) {
                state.unreadableDocuments.append(selector)
                return true
            }
            guard let record = Self.document(row, selector, usage: &sharedUsage) else {
                state.unreadableDocuments.append(selector)
                return false
            }
            state.documents.documents.append(record)
            return true
        }
        if !isWhole { try self.rebuildDocuments(into: &state) }
        Self.sort(&state.documents.documents)
        state.unreadableDocuments.sort { Self.precedes($0, $1) }
        var sharedPackage: [UInt8] = []
        _ = try self.scan("document_subscription", Self.subscriptionColumns, into: &state) { row, state in
            guard let record = Self.subscription(row, package: &sharedPackage) else { return false }
            state.documents.subscriptions.append(record)
            return true
        }
        Self.sort(&state.documents.subscriptions, by: \.id)
    }

    /// Makes the table anew from what could be read of it, and keeps the damaged one for the operator. What is missing
    /// is known from the index, whose pages are others than the table's.
    private func rebuildDocuments(into state: inout StoredState) throws(Fault) {
        var missing = try self.indexedSelectors()
        for record in state.documents.documents { missing.remove(record.selector) }
        missing.subtract(state.unreadableDocuments)
        state.unreadableDocuments += missing
        let name = try self.freeName("damaged_document_")
        try self.inTransaction { () throws(Fault) in
            try self.connection.execute("ALTER TABLE document RENAME TO \(name); \(Schema.documentTable);")
            for record in state.documents.documents { try self.documents.put(record) }
            for selector in state.unreadableDocuments { try self.documents.markUnreadable(selector) }
        }
    }

    private func indexedSelectors() throws(Fault) -> Set<[UInt8]> {
        var selectors: Set<[UInt8]> = []
        let read = try self.connection.prepare("SELECT selector FROM document ORDER BY selector")
        defer { read.reset() }
        do throws(Fault) {
            while try read.next("read the index of the documents") {
                if let selector = read.blob(0) { selectors.insert(selector) }
            }
        } catch {
            throw .storageDamaged(
                "Documents are damaged, and it cannot be told which: \(error.reason) Some may be rules that keep "
                    + "watchers out, so nothing is served. Put back a copy of the database.")
        }
        return selectors
    }

    /// What becomes of a row of documents that was copied into the quarantine: it stays as the sign that there was one.
    private static func setAside(_ id: Int64) -> String {
        """
        UPDATE document SET auid = x'', owner = x'', entity_tag = x'', modified = 0, body = NULL
            WHERE id = \(id) AND typeof(selector) = 'blob';
        DELETE FROM document WHERE id = \(id) AND typeof(selector) <> 'blob';
        """
    }

    private static let documentColumns = "selector, auid, owner, entity_tag, modified, body"
    private static let subscriptionColumns = "resource, watcher, package, state, expires, local_cseq, dialog"

    private static func document(_ row: Statement, _ selector: [UInt8], usage: inout [UInt8]) -> DocumentRecord? {
        guard let auid = row.blob(2, sharing: &usage), let owner = row.blob(3), let entityTag = row.blob(4),
            let modified = row.int64(5), let body = row.blob(6)
        else { return nil }
        return DocumentRecord(
            selector: selector, auid: auid, owner: owner, entityTag: entityTag,
            modified: Instant(nanoseconds: modified), body: body)
    }

    private static func subscription(_ row: Statement, package: inout [UInt8]) -> NotifierRecord? {
        guard let id = row.int64(0), let resource = row.blob(1), let watcher = row.blob(2),
            let package = row.blob(3, sharing: &package), let state: UInt8 = row.integer(4),
            let expires = row.int64(5), let cseq: UInt32 = row.integer(6), let dialog = row.blob(7)
        else { return nil }
        return NotifierRecord(
            id: UInt64(bitPattern: id), resource: resource, watcher: watcher, package: package, state: state,
            expires: Instant(nanoseconds: expires), localCSeq: cseq, dialog: dialog)
    }

    /// Sorts indices, because a record is too large to be moved about.
    private static func sort(_ records: inout [DocumentRecord]) {
        let order = records.indices.sorted { Self.precedes(records[$0].selector, records[$1].selector) }
        records = order.map { records[$0] }
    }

    private static func precedes(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.withUnsafeBytes { mine in
            right.withUnsafeBytes { theirs in
                guard let one = mine.baseAddress, let other = theirs.baseAddress else {
                    return mine.count < theirs.count
                }
                let order = memcmp(one, other, min(mine.count, theirs.count))
                return order == 0 ? mine.count < theirs.count : order < 0
            }
        }
    }
}
