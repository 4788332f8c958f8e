import DigestAuth
import Ground
import SCSCF
import Storage

/// The table of subscribers, whose secrets are sealed.
struct SubscriberTable {
    private let findOne: Statement
    private let putOne: Statement
    private let removeOne: Statement
    private let readAll: Statement
    private let findIdentity: Statement
    private let readIdentities: Statement
    private let readChanges: Statement
    private let countChange: Statement

    init(_ connection: Connection) throws(Fault) {
        self.findOne = try connection.prepare(
            "SELECT realm, digest_user, identity, secret, created_at FROM subscriber WHERE realm = ? AND digest_user = ?"
        )
        self.putOne = try connection.prepare(
            """
            INSERT OR REPLACE INTO subscriber (realm, digest_user, identity, secret, created_at)
            VALUES (?, ?, ?, ?, ?)
            """)
        self.removeOne = try connection.prepare("DELETE FROM subscriber WHERE realm = ? AND digest_user = ?")
        self.readAll = try connection.prepare(
            "SELECT realm, digest_user, identity, secret, created_at FROM subscriber ORDER BY realm, digest_user")
        self.findIdentity = try connection.prepare("SELECT 1 FROM subscriber WHERE identity = ? LIMIT 1")
        self.readIdentities = try connection.prepare("SELECT identity FROM subscriber")
        self.readChanges = try connection.prepare("SELECT value FROM meta WHERE key = 'subscriber_changes'")
        self.countChange = try connection.prepare(
            """
            INSERT INTO meta (key, value) VALUES ('subscriber_changes', 1)
            ON CONFLICT (key) DO UPDATE SET value = value + 1
            """)
    }

    func find(user: String, realm: String, vault: SubscriberVault) throws(Fault) -> SubscriberRecord? {
        self.findOne.bind(1, text: realm)
        self.findOne.bind(2, text: user)
        defer { self.findOne.reset() }
        guard try self.findOne.next("read a subscriber") else { return nil }
        return try Self.record(self.findOne, vault: vault)
    }

    func has(identity: [UInt8]) throws(Fault) -> Bool {
        self.findIdentity.bind(1, identity)
        defer { self.findIdentity.reset() }
        return try self.findIdentity.next("read a subscriber")
    }

    func put(_ record: SubscriberRecord, secret: [UInt8]) throws(Fault) {
        self.putOne.bind(1, text: record.realm)
        self.putOne.bind(2, text: record.digestUser)
        self.putOne.bind(3, record.identity)
        self.putOne.bind(4, secret)
        self.putOne.bind(5, record.createdAt.nanoseconds)
        try self.putOne.run("store a subscriber")
    }

    func remove(user: String, realm: String) throws(Fault) {
        self.removeOne.bind(1, text: realm)
        self.removeOne.bind(2, text: user)
        try self.removeOne.run("remove a subscriber")
    }

    func all(vault: SubscriberVault) throws(Fault) -> [SubscriberRecord] {
        var records: [SubscriberRecord] = []
        defer { self.readAll.reset() }
        while try self.readAll.next("read the subscribers") {
            records.append(try Self.record(self.readAll, vault: vault))
        }
        return records
    }

    /// The identities alone: no secret is opened.
    func identities() throws(Fault) -> [[UInt8]] {
        var identities: [[UInt8]] = []
        defer { self.readIdentities.reset() }
        while try self.readIdentities.next("read the subscribers") {
            if let identity = self.readIdentities.blob(0) { identities.append(identity) }
        }
        return identities
    }

    /// Counts a change, so that a server beside this process notices it.
    func noteChange() throws(Fault) { try self.countChange.run("store a subscriber") }

    /// How often a subscriber was added, replaced or removed since the database was made.
    func changes() throws(Fault) -> Int64 {
        defer { self.readChanges.reset() }
        guard try self.readChanges.next("read the subscribers") else { return 0 }
        return self.readChanges.int64(0) ?? 0
    }

    private static func record(_ row: Statement, vault: SubscriberVault) throws(Fault) -> SubscriberRecord {
        guard let realm = row.text(0), let user = row.text(1), let identity = row.blob(2), let secret = row.blob(3),
            let createdAt = row.int64(4)
        else {
            throw .storageDamaged("A row of the subscribers is damaged. Remove that subscriber and add it again.")
        }
        return try vault.open(
            secret, identity: identity, user: user, realm: realm, createdAt: Instant(nanoseconds: createdAt))
    }
}
