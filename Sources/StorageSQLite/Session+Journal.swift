import Ground
import Storage

extension Session {
    /// Folds what an earlier server left in the journal, in one transaction; afterwards the journal is empty.
    ///
    /// A damaged row is put aside, and so is the whole journal when SQLite itself cannot read it through; whatever
    /// could be read is used.
    func replayJournal() throws(Fault) {
        var changes = JournalChanges()
        var refused: [Int64] = []
        var isReadable = true
        var last: Int64?
        let forward = try self.connection.prepare("SELECT id, operations FROM journal ORDER BY id")
        do throws(Fault) {
            while try forward.next("read the journal") { last = Self.take(forward, into: &changes, &refused) ?? last }
        } catch {
            isReadable = false
            self.journalDamages.append(StorageDamage(table: "journal", id: nil, reason: error.reason))
        }
        forward.reset()
        if !isReadable { try self.readJournalBackwards(after: last, into: &changes, &refused) }
        guard last != nil || !isReadable else { return }
        try self.inTransaction { () throws(Fault) in
            let folding = Folding(changes)
            for index in 0..<folding.count { try self.take(folding[index]) }
            for id in refused {
                try self.connection.execute(
                    """
                    INSERT INTO quarantine (origin, origin_id, reason, content)
                        SELECT 'journal', id, 'a commit cannot be read', quote(operations) FROM journal WHERE id = \(id)
                    """)
            }
            try self.connection.execute(
                isReadable ? "DELETE FROM journal" : Self.setAside(try self.freeName("damaged_journal_")))
        }
        for id in refused {
            self.journalDamages.append(
                StorageDamage(
                    table: "journal", id: UInt64(bitPattern: id), reason: "a commit cannot be read to its end"))
        }
    }

    /// Takes up the row that a statement stands on; gives its id.
    private static func take(_ row: Statement, into changes: inout JournalChanges, _ refused: inout [Int64]) -> Int64? {
        guard let id = row.int64(0) else { return nil }
        let isSound = row.blob(1).map { JournalCoding.decode($0) { changes.apply($0) } } ?? false
        if !isSound { refused.append(id) }
        return id
    }

    /// Reads what lies behind a place that SQLite cannot pass. The rows come last to first, so they are kept until the
    /// first is reached, and then taken up in their order.
    private func readJournalBackwards(after last: Int64?, into changes: inout JournalChanges, _ refused: inout [Int64])
        throws(Fault)
    {
        var rows: [(id: Int64, operations: [UInt8]?)] = []
        let bound = last.map { "WHERE id > \($0) " } ?? ""
        let backward = try self.connection.prepare("SELECT id, operations FROM journal \(bound)ORDER BY id DESC")
        defer { backward.reset() }
        var isMore = true
        while isMore {
            // The other edge of the damaged place ends it; that was reported when its first edge was reached.
            do throws(Fault) { isMore = try backward.next("read the journal") } catch { isMore = false }
            if isMore, let id = backward.int64(0) { rows.append((id, backward.blob(1))) }
        }
        for row in rows.reversed() {
            let isSound = row.operations.map { JournalCoding.decode($0) { changes.apply($0) } } ?? false
            if !isSound { refused.append(row.id) }
        }
    }

    /// A name under which a damaged table can be kept.
    func freeName(_ prefix: String) throws(Fault) -> String {
        let count = try self.connection.prepare(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name LIKE '\(prefix)%'")
        defer { count.reset() }
        guard try count.next("read the schema"), let number = count.int64(0) else { return "\(prefix)0" }
        return "\(prefix)\(number + 1)"
    }

    /// Keeps the journal for the operator and makes an empty one. Neither touches a page of the damaged table.
    private static func setAside(_ name: String) -> String {
        "ALTER TABLE journal RENAME TO \(name); CREATE TABLE journal (id INTEGER PRIMARY KEY, operations BLOB NOT NULL);"
    }
}
