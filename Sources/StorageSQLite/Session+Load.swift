import Ground
import PresenceServer
import SCSCF
import Storage

extension Session {
    /// Reads everything, puts damaged rows aside, and folds the journal and the mark log.
    func load() throws(Fault) -> StoredState {
        var state = StoredState()
        try self.foldJournal()
        state.damages = self.journalDamages
        self.journalDamages = []
        var sharedPackage: [UInt8] = []
        var sharedType: [UInt8] = []
        _ = try self.scan("publication", Self.publicationColumns, into: &state) { row, state in
            guard let record = Self.publication(row, package: &sharedPackage, type: &sharedType) else { return false }
            state.presence.publications.append(record)
            return true
        }
        _ = try self.scan("subscription", Self.subscriptionColumns, into: &state) { row, state in
            guard let record = Self.subscription(row, package: &sharedPackage) else { return false }
            state.presence.subscriptions.append(record)
            return true
        }
        _ = try self.scan("binding", Self.bindingColumns, into: &state) { row, state in
            guard let record = Self.binding(row) else { return false }
            state.bindings.append(record)
            return true
        }
        try self.foldMarks(into: &state)
        try self.loadDocuments(into: &state)
        Self.sort(&state.presence.publications, by: \.id)
        Self.sort(&state.presence.subscriptions, by: \.id)
        Self.sort(&state.bindings, by: \.id)
        return state
    }

    /// Ids are ordered without a sign, rows with one; so only ids of 2^63 and more are out of order.
    static func sort<Record>(_ records: inout [Record], by id: (Record) -> UInt64) {
        guard let first = records.first, id(first) > UInt64(Int64.max) else { return }
        records.sort { id($0) < id($1) }
    }

    /// Reads a table row by row. A row that the body refuses is put aside; where SQLite itself cannot go on, the rest is
    /// read from the other end.
    ///
    /// - Parameter asides: the SQL that takes a row away after it was copied into the quarantine; without it the row is
    ///   deleted.
    /// - Returns: false where SQLite could not read all.
    func scan(
        _ table: String, _ columns: String, into state: inout StoredState, asides: ((Int64) -> String)? = nil,
        _ body: (Statement, inout StoredState) -> Bool
    ) throws(Fault) -> Bool {
        var refused: [Int64] = []
        var isWhole = true
        var last: Int64?
        let forward = try self.connection.prepare("SELECT id, \(columns) FROM \(table) ORDER BY id")
        defer { forward.reset() }
        do throws(Fault) {
            while try forward.next("read the table \(table)") {
                guard let id = forward.int64(0) else { continue }
                last = id
                if !body(forward, &state) { refused.append(id) }
            }
        } catch {
            isWhole = false
            state.damages.append(StorageDamage(table: table, id: nil, reason: error.reason))
            try self.scanBackwards(table, columns, after: last, into: &state, refused: &refused, body)
        }
        forward.reset()
        for id in refused {
            let removal = asides?(id) ?? "DELETE FROM \(table) WHERE id = \(id);"
            try self.quarantine(table, id, columns: columns, removal: removal, into: &state)
        }
        return isWhole
    }

    private func scanBackwards(
        _ table: String, _ columns: String, after last: Int64?, into state: inout StoredState, refused: inout [Int64],
        _ body: (Statement, inout StoredState) -> Bool
    ) throws(Fault) {
        let bound = last.map { "WHERE id > \($0) " } ?? ""
        let backward = try self.connection.prepare("SELECT id, \(columns) FROM \(table) \(bound)ORDER BY id DESC")
        defer { backward.reset() }
        do throws(Fault) {
            while try backward.next("read the table \(table)") {
                guard let id = backward.int64(0) else { continue }
                if !body(backward, &state) { refused.append(id) }
            }
        } catch {
            // This is the other edge of the damaged place, which was reported when its first edge was reached.
            return
        }
    }

    /// Moves a row into the table `quarantine`, where an operator can look at it.
    private func quarantine(
        _ table: String, _ id: Int64, columns: String, removal: String, into state: inout StoredState
    ) throws(Fault) {
        let reason = "a column is missing, of the wrong type or out of range"
        let content: String = columns.split(separator: ",").map { column -> String in
            let name = column.filter { !$0.isWhitespace }
            return "'\(name)=' || quote(\(name))"
        }.joined(separator: " || ' ' || ")
        try self.inTransaction { () throws(Fault) in
            try self.connection.execute(
                """
                INSERT INTO quarantine (origin, origin_id, reason, content)
                    SELECT '\(table)', id, '\(reason)', \(content) FROM \(table) WHERE id = \(id);
                \(removal)
                """)
        }
        state.damages.append(StorageDamage(table: table, id: UInt64(bitPattern: id), reason: reason))
    }

    private func foldMarks(into state: inout StoredState) throws(Fault) {
        var latest: [UInt64: NotificationMark] = [:]
        var rows = 0
        let read = try self.markReader()
        defer { read.reset() }
        while try read.next("read the marks of notifications") {
            rows += 1
            guard let blob = read.blob(0), MarkLog.merge(blob, into: &latest) else {
                let id: Int64 = read.int64(1) ?? 0
                state.damages.append(
                    StorageDamage(
                        table: "notification_mark", id: UInt64(bitPattern: id),
                        reason: "the marks cannot be read; a number may be used twice"))
                continue
            }
        }
        read.reset()
        guard rows > 0 else { return self.noteFolded(0) }
        var live: [UInt64: NotificationMark] = [:]
        live.reserveCapacity(min(latest.count, state.presence.subscriptions.count))
        for index in state.presence.subscriptions.indices {
            let id = state.presence.subscriptions[index].id
            guard let mark = latest[id] else { continue }
            state.presence.subscriptions[index].advance(to: mark)
            live[id] = mark
        }
        try self.rewriteMarks(live)
    }
}

// MARK: rows to records; nil where a column is not what it has to be

extension Session {
    private static let publicationColumns =
        "presentity, package, entity_tag, publisher, content_type, body, published_at, expires"
    private static let subscriptionColumns =
        "presentity, watcher, package, state, expires, local_cseq, partial_version, dialog"
    private static let bindingColumns =
        """
        address_of_record, contact, parameters, instance, reg_id, call_id, cseq, q, path, expires, flow, user_agent, \
        created_at, refreshed_at
        """

    private static func publication(
        _ row: Statement, package: inout [UInt8], type: inout [UInt8]
    ) -> PublicationRecord? {
        guard let id = row.int64(0), let presentity = row.blob(1), let package = row.blob(2, sharing: &package),
            let entityTag = row.blob(3), let publisher = row.blob(4), let type = row.blob(5, sharing: &type),
            let body = row.blob(6), let publishedAt = row.int64(7), let expires = row.int64(8)
        else { return nil }
        return PublicationRecord(
            id: UInt64(bitPattern: id), presentity: presentity, package: package, entityTag: entityTag,
            publisher: publisher, contentType: type, body: body, publishedAt: Instant(nanoseconds: publishedAt),
            expires: Instant(nanoseconds: expires))
    }

    private static func subscription(_ row: Statement, package: inout [UInt8]) -> SubscriptionRecord? {
        guard let id = row.int64(0), let presentity = row.blob(1), let watcher = row.blob(2),
            let package = row.blob(3, sharing: &package), let state: UInt8 = row.integer(4),
            let expires = row.int64(5), let cseq: UInt32 = row.integer(6), let version: UInt32 = row.integer(7),
            let dialog = row.blob(8)
        else { return nil }
        return SubscriptionRecord(
            id: UInt64(bitPattern: id), presentity: presentity, watcher: watcher, package: package, state: state,
            expires: Instant(nanoseconds: expires), localCSeq: cseq, partialVersion: version, dialog: dialog)
    }

    private static func binding(_ row: Statement) -> BindingRecord? {
        guard let id = row.int64(0), let addressOfRecord = row.blob(1), let contact = row.blob(2),
            let parameters = row.blob(3), let instance = row.optionalBlob(4), let regID: UInt32 = row.integer(5),
            let callID = row.blob(6), let cseq: UInt32 = row.integer(7), let q: UInt16 = row.integer(8),
            let packedPath = row.blob(9), let path = Self.path(packedPath), let expires = row.int64(10),
            let flow = row.blob(11), let userAgent = row.blob(12), let createdAt = row.int64(13),
            let refreshedAt = row.int64(14)
        else { return nil }
        return BindingRecord(
            id: UInt64(bitPattern: id), addressOfRecord: addressOfRecord, contact: contact, parameters: parameters,
            instance: instance, regID: regID, callID: callID, cseq: cseq, q: q, path: path,
            expires: Instant(nanoseconds: expires), flow: flow, userAgent: userAgent,
            createdAt: Instant(nanoseconds: createdAt), refreshedAt: Instant(nanoseconds: refreshedAt))
    }

    private static func path(_ packed: [UInt8]) -> [[UInt8]]? {
        var reader = PackedReader(packed[...])
        var path: [[UInt8]] = []
        while !reader.isAtEnd {
            guard let hop = reader.string() else { return nil }
            path.append(hop)
        }
        return path
    }
}
