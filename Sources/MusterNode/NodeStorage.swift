import Cryptography
import DigestAuth
import Foundation
import Ground
import Logging
import PresenceServer
import SCSCF
import Settings
import Storage
import StorageSQLite

/// What signs and seals what peers carry for us, and must therefore be the same after a restart. Derived from the
/// master key.
struct NodeSecrets: Sendable {
    /// Signs what stands in Record-Route.
    let route: Redacted<[UInt8]>
    /// Signs nonces. Drawn at every start, because a nonce must not outlive the memory of its counters; the same for
    /// both boxes, so that a nonce that one of them gave serves with the other.
    let nonce: Redacted<[UInt8]>
    /// Seals temporary GRUUs (RFC 5627 §3.1.2).
    let temporaryGRUU: Redacted<[UInt8]>

    init(master: SealingKey) {
        self.route = master.derived(for: "muster record-route")
        self.nonce = Redacted(SecureRandom.bytes(32))
        self.temporaryGRUU = master.derived(for: "muster temporary gruu")
    }
}

/// How a node opens its storage and what it asks it while it runs.
package enum NodeStorage {
    /// Opens the database of a data directory, making both where they are missing.
    ///
    /// - Parameter role: a server locks the database; administration works beside it.
    package static func open(
        _ settings: NodeConfiguration, directory: String, role: SQLiteStore.Role = .server
    ) throws(Fault) -> SQLiteStore {
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw .fileUnusable("the data directory \(directory) cannot be made: \(error.localizedDescription)")
        }
        let key = try self.masterKey(settings, directory: directory)
        return try SQLiteStore(
            path: "\(directory)/muster.sqlite", vault: SubscriberVault(key: key),
            durability: settings.storage.durability == .strict ? .strict : .relaxed, role: role)
    }

    /// Opens the audit log of a data directory. One that is damaged is reported and left as it is; then decisions are kept
    /// in memory, because they are no reason to serve nobody.
    /// - Throws: `storage.too-new`.
    static func openAuditLog(directory: String, log: Logger) throws(Fault) -> any AuditStore {
        do throws(Fault) {
            return try SQLiteAuditStore(path: "\(directory)/audit.sqlite")
        } catch {
            guard error != .storageTooNew("") else { throw error }
            log.error("decisions are kept in memory only, because the audit log cannot be used: \(error)")
            return InMemoryAuditStore()
        }
    }

    /// The master key, made at the first start.
    static func masterKey(_ settings: NodeConfiguration, directory: String) throws(Fault) -> SealingKey {
        let file = settings.storage.masterKeyFile
        return try MasterKey.loadOrCreate(path: file.isEmpty ? "\(directory)/master.key" : file)
    }

    /// Who exists, by the setting `presence.known-users`.
    static func users(
        _ settings: NodeConfiguration, store: any Store
    ) throws(Fault) -> KnownUsers {
        switch settings.presence.knownUsers {
        case .any: .everyone
        case .subscribers: .subscribers(Set(try store.subscriberIdentities()))
        }
    }

    /// What is kept of a user's password. A storage that does not answer knows nobody: a login that cannot be checked
    /// fails.
    static func credentials(_ question: CredentialQuestion, store: any Store, log: Logger) -> CredentialAnswer {
        do {
            guard let record = try store.subscriber(user: question.user, realm: question.realm) else { return .unknown }
            return .found(record.credentials)
        } catch {
            log.error("the credentials of a user cannot be read: \(error)")
            return .unknown
        }
    }

    /// Whether an identity is a subscriber's. A storage that does not answer has nobody.
    static func exists(_ identity: [UInt8], store: any Store, log: Logger) -> Bool {
        do {
            return try store.hasSubscriber(identity: identity)
        } catch {
            log.error("the subscribers cannot be read: \(error)")
            return false
        }
    }
}
