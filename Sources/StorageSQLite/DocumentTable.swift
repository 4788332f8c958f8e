import EventNotification
import Ground
import Storage
import XDMServer

/// The tables of documents and of the subscriptions to them.
struct DocumentTable {
    private let putDocument: Statement
    private let removeDocument: Statement
    private let markUnreadable: Statement
    private let putSubscription: Statement
    private let removeSubscription: Statement

    init(_ connection: Connection) throws(Fault) {
        // The row keeps its id, so that a document that changes often stays where it is.
        self.putDocument = try connection.prepare(
            """
            INSERT INTO document (selector, auid, owner, entity_tag, modified, body) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (selector) DO UPDATE SET auid = excluded.auid, owner = excluded.owner,
                entity_tag = excluded.entity_tag, modified = excluded.modified, body = excluded.body
            """)
        self.removeDocument = try connection.prepare("DELETE FROM document WHERE selector = ?")
        self.markUnreadable = try connection.prepare(
            """
            INSERT INTO document (selector, auid, owner, entity_tag, modified, body) VALUES (?, x'', x'', x'', 0, NULL)
            ON CONFLICT (selector) DO UPDATE SET body = NULL
            """)
        self.putSubscription = try connection.prepare(
            """
            INSERT OR REPLACE INTO document_subscription (id, resource, watcher, package, state, expires, local_cseq,
                dialog) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """)
        self.removeSubscription = try connection.prepare("DELETE FROM document_subscription WHERE id = ?")
    }

    func put(_ record: DocumentRecord) throws(Fault) {
        let statement = self.putDocument
        statement.bind(1, record.selector)
        statement.bind(2, record.auid)
        statement.bind(3, record.owner)
        statement.bind(4, record.entityTag)
        statement.bind(5, record.modified.nanoseconds)
        try statement.run("store a document", 6, inPlace: record.body)
    }

    func remove(_ selector: [UInt8]) throws(Fault) {
        self.removeDocument.bind(1, selector)
        try self.removeDocument.run("remove a document")
    }

    /// Keeps in mind that there was a document, whose content is lost.
    func markUnreadable(_ selector: [UInt8]) throws(Fault) {
        self.markUnreadable.bind(1, selector)
        try self.markUnreadable.run("put a document aside")
    }

    func put(_ record: NotifierRecord) throws(Fault) {
        let statement = self.putSubscription
        statement.bind(1, id: record.id)
        statement.bind(2, record.resource)
        statement.bind(3, record.watcher)
        statement.bind(4, record.package)
        statement.bind(5, Int64(record.state))
        statement.bind(6, record.expires.nanoseconds)
        statement.bind(7, Int64(record.localCSeq))
        statement.bind(8, record.dialog)
        try statement.run("store a subscription to documents")
    }

    func removeSubscription(_ id: UInt64) throws(Fault) {
        self.removeSubscription.bind(1, id: id)
        try self.removeSubscription.run("remove a subscription to documents")
    }
}
