import Ground
import PresenceServer
import SCSCF
import Storage

/// The statements of the hot path, prepared once.
struct Statements {
    let begin: Statement
    let commit: Statement
    let rollback: Statement
    private let putPublication: Statement
    private let touchPublication: Statement
    private let removePublication: Statement
    private let putSubscription: Statement
    private let removeSubscription: Statement
    private let putBinding: Statement
    private let removeBinding: Statement
    private let addMarks: Statement
    private let deleteMarks: Statement
    private let addJournalRow: Statement
    private let removeJournalRows: Statement

    init(_ connection: Connection) throws(Fault) {
        self.begin = try connection.prepare("BEGIN IMMEDIATE")
        self.commit = try connection.prepare("COMMIT")
        self.rollback = try connection.prepare("ROLLBACK")
        // REPLACE on a table without other indexes overwrites the row in place.
        self.putPublication = try connection.prepare(
            """
            INSERT OR REPLACE INTO publication (id, presentity, package, entity_tag, publisher, content_type, body,
                published_at, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        self.touchPublication = try connection.prepare(
            "UPDATE publication SET entity_tag = ?, expires = ? WHERE id = ?")
        self.removePublication = try connection.prepare("DELETE FROM publication WHERE id = ?")
        self.putSubscription = try connection.prepare(
            """
            INSERT OR REPLACE INTO subscription (id, presentity, watcher, package, state, expires, local_cseq,
                partial_version, dialog) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        self.removeSubscription = try connection.prepare("DELETE FROM subscription WHERE id = ?")
        self.putBinding = try connection.prepare(
            """
            INSERT OR REPLACE INTO binding (id, address_of_record, contact, parameters, instance, reg_id, call_id, cseq,
                q, path, expires, flow, user_agent, created_at, refreshed_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        self.removeBinding = try connection.prepare("DELETE FROM binding WHERE id = ?")
        self.addMarks = try connection.prepare("INSERT INTO notification_mark (marks) VALUES (?)")
        self.deleteMarks = try connection.prepare("DELETE FROM notification_mark")
        self.addJournalRow = try connection.prepare("INSERT INTO journal (id, operations) VALUES (?, ?)")
        self.removeJournalRows = try connection.prepare("DELETE FROM journal WHERE id BETWEEN ? AND ?")
    }

    func put(_ record: PublicationRecord) throws(Fault) {
        let statement = self.putPublication
        statement.bind(1, id: record.id)
        statement.bind(2, record.presentity)
        statement.bind(3, record.package)
        statement.bind(4, record.entityTag)
        statement.bind(5, record.publisher)
        statement.bind(6, record.contentType)
        statement.bind(7, record.body)
        statement.bind(8, record.publishedAt.nanoseconds)
        statement.bind(9, record.expires.nanoseconds)
        try statement.run("store a publication")
    }

    func touchPublication(_ id: UInt64, entityTag: [UInt8], expires: Instant) throws(Fault) {
        self.touchPublication.bind(1, entityTag)
        self.touchPublication.bind(2, expires.nanoseconds)
        self.touchPublication.bind(3, id: id)
        try self.touchPublication.run("store a refresh of a publication")
    }

    func removePublication(_ id: UInt64) throws(Fault) {
        self.removePublication.bind(1, id: id)
        try self.removePublication.run("remove a publication")
    }

    func put(_ record: SubscriptionRecord) throws(Fault) {
        let statement = self.putSubscription
        statement.bind(1, id: record.id)
        statement.bind(2, record.presentity)
        statement.bind(3, record.watcher)
        statement.bind(4, record.package)
        statement.bind(5, Int64(record.state))
        statement.bind(6, record.expires.nanoseconds)
        statement.bind(7, Int64(record.localCSeq))
        statement.bind(8, Int64(record.partialVersion))
        statement.bind(9, record.dialog)
        try statement.run("store a subscription")
    }

    func removeSubscription(_ id: UInt64) throws(Fault) {
        self.removeSubscription.bind(1, id: id)
        try self.removeSubscription.run("remove a subscription")
    }

    func put(_ record: BindingRecord) throws(Fault) {
        let statement = self.putBinding
        statement.bind(1, id: record.id)
        statement.bind(2, record.addressOfRecord)
        statement.bind(3, record.contact)
        statement.bind(4, record.parameters)
        statement.bind(5, optional: record.instance)
        statement.bind(6, Int64(record.regID))
        statement.bind(7, record.callID)
        statement.bind(8, Int64(record.cseq))
        statement.bind(9, Int64(record.q))
        var path = PackedWriter()
        for hop in record.path { path.append(hop) }
        statement.bind(10, path.bytes)
        statement.bind(11, record.expires.nanoseconds)
        statement.bind(12, record.flow)
        statement.bind(13, record.userAgent)
        statement.bind(14, record.createdAt.nanoseconds)
        statement.bind(15, record.refreshedAt.nanoseconds)
        try statement.run("store a binding")
    }

    func removeBinding(_ id: UInt64) throws(Fault) {
        self.removeBinding.bind(1, id: id)
        try self.removeBinding.run("remove a binding")
    }

    func addMarks(_ blob: [UInt8]) throws(Fault) {
        self.addMarks.bind(1, blob)
        try self.addMarks.run("store the marks of notifications")
    }

    func addJournalRow(_ id: Int64, _ operations: [UInt8]) throws(Fault) {
        self.addJournalRow.bind(1, id)
        try self.addJournalRow.run("store a commit", 2, inPlace: operations)
    }

    func removeJournalRows(_ ids: ClosedRange<Int64>) throws(Fault) {
        self.removeJournalRows.bind(1, ids.lowerBound)
        self.removeJournalRows.bind(2, ids.upperBound)
        try self.removeJournalRows.run("remove commits that were folded")
    }

    func clearMarks() throws(Fault) { try self.deleteMarks.run("fold the marks of notifications") }
}
