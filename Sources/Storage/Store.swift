import DigestAuth
import Ground
import PresenceServer
import SCSCF
import XDMServer

/// A change of durable state, of whichever box. Operations are applied in the order in which they were given.
package enum StoreOperation: Equatable, Sendable {
    case presence(PresenceServer.StoreOperation)
    case registrar(RegistrarStoreOperation)
    case documents(XDMStoreOperation)
}

/// Everything a storage kept, as it stands at a start.
package struct StoredState: Equatable, Sendable {
    /// Publications and subscriptions in the order of their ids, marks already folded in.
    package var presence: StoredPresence
    /// The location table in the order of its ids.
    package var bindings: [BindingRecord]
    /// Documents in the order of their selectors, subscriptions to them in the order of their ids.
    package var documents: StoredDocuments
    /// Selectors of documents that are there and cannot be read, in their order: whoever depends on such a document has
    /// to take it as one that forbids everything. A selector stays here until its document is put again or removed.
    package var unreadableDocuments: [[UInt8]]
    /// What could not be read. The rest is complete without it.
    package var damages: [StorageDamage]

    package init(
        presence: StoredPresence = StoredPresence(), bindings: [BindingRecord] = [],
        documents: StoredDocuments = StoredDocuments(), unreadableDocuments: [[UInt8]] = [],
        damages: [StorageDamage] = []
    ) {
        self.presence = presence
        self.bindings = bindings
        self.documents = documents
        self.unreadableDocuments = unreadableDocuments
        self.damages = damages
    }
}

/// A record that could not be read and was put aside.
package struct StorageDamage: Hashable, Sendable, CustomStringConvertible {
    /// The table it stood in.
    package let table: String
    /// Its id, where that could still be read.
    package let id: UInt64?
    /// What is wrong with it.
    package let reason: String

    package init(table: String, id: UInt64?, reason: String) {
        self.table = table
        self.id = id
        self.reason = reason
    }

    package var description: String {
        "\(self.table) \(self.id.map { String($0) } ?? "(id unknown)"): \(self.reason)"
    }
}

/// How surely a commit is kept.
package enum CommitDurability: Hashable, Sendable {
    /// When ``Store/commit(_:)`` returns, the disk has it: it survives a power failure.
    case strict
    /// When ``Store/commit(_:)`` returns, the operating system has it: it survives the death of the process, and after
    /// a power failure the storage is sound but may lack the last commits.
    case relaxed
}

/// A place that keeps state over restarts. Every backend passes the same conformance suite.
///
/// All methods block the calling thread, and may be called from any.
package protocol Store: Sendable {
    /// Reads everything. Called once, at a start.
    func load() throws(Fault) -> StoredState

    /// Applies the operations, all of them or none. Durable when it returns.
    ///
    /// Putting a record replaces the one with the same id (a document: the same selector); removing one that is not there does nothing. The latest mark
    /// of a subscription advances the numbers of whatever record ``load()`` finds under its id, also of one that was
    /// put again with older numbers: what was used is never used again. Marks without a record are ignored.
    func commit(_ operations: [StoreOperation]) throws(Fault)

    /// The subscriber who has a user name in a realm; nil if there is none.
    func subscriber(user: String, realm: String) throws(Fault) -> SubscriberRecord?

    /// Adds a subscriber, or replaces the one with the same user name and realm. Durable when it returns.
    func putSubscriber(_ record: SubscriberRecord) throws(Fault)

    /// Removes a subscriber; false if there was none. Durable when it returns.
    func removeSubscriber(user: String, realm: String) throws(Fault) -> Bool

    /// All subscribers, ordered by realm and user name.
    func subscribers() throws(Fault) -> [SubscriberRecord]

    /// The canonical identities of all subscribers, in no order; no secret is opened for it.
    func subscriberIdentities() throws(Fault) -> [[UInt8]]

    /// How often a subscriber was added, replaced or removed, by whichever process. Cheap enough to be asked every
    /// second.
    func subscriberChanges() throws(Fault) -> Int64

    /// Whether a subscriber has this canonical identity.
    func hasSubscriber(identity: [UInt8]) throws(Fault) -> Bool

    /// Ends the use of the storage. What comes after it throws.
    func close()
}

extension Fault {
    /// The disk or the quota is full.
    package static func storageFull(_ reason: String) -> Fault { Fault(code: "storage.full", reason: reason) }

    /// Another process has the storage.
    package static func storageInUse(_ reason: String) -> Fault { Fault(code: "storage.in-use", reason: reason) }

    /// The master key does not open what was sealed, or cannot be used.
    package static func masterKeyUnusable(_ reason: String) -> Fault {
        Fault(code: "storage.master-key-unusable", reason: reason)
    }
}
