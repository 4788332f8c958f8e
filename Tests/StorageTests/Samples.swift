import Cryptography
import EventNotification
import Foundation
import Ground
import PresenceServer
import SCSCF
import Storage
import StorageSQLite
import XDMServer

/// Records for tests, all different from each other.
enum Samples {
    static func publication(_ id: UInt64, expires: Int64 = 5000) -> PublicationRecord {
        PublicationRecord(
            id: id, presentity: Array("sip:user\(id)@home.test".utf8), package: Array("presence".utf8),
            entityTag: Array("tag-\(id)".utf8), publisher: Array("sip:user\(id)@home.test".utf8),
            contentType: Array("application/pidf+xml".utf8),
            body: Array("<presence entity='sip:user\(id)@home.test'/>".utf8) + [0, 255, 10],
            publishedAt: Instant(seconds: 1000), expires: Instant(seconds: expires))
    }

    static func subscription(_ id: UInt64, cseq: UInt32 = 1, dialogBytes: Int = 300) -> SubscriptionRecord {
        SubscriptionRecord(
            id: id, presentity: Array("sip:alice@home.test".utf8), watcher: Array("sip:watcher\(id)@home.test".utf8),
            package: Array("presence".utf8), state: 2, expires: Instant(seconds: 4600), localCSeq: cseq,
            partialVersion: 0, dialog: (0..<dialogBytes).map { UInt8(truncatingIfNeeded: $0 &+ Int(id % 251)) })
    }

    static func binding(_ id: UInt64, instance: [UInt8]? = nil) -> BindingRecord {
        BindingRecord(
            id: id, addressOfRecord: Array("sip:alice@home.test".utf8),
            contact: Array("sip:alice@192.0.2.\(id % 250):5060".utf8), parameters: Array(";+sip.ice".utf8),
            instance: instance, regID: 1, callID: Array("call-\(id)".utf8), cseq: .max, q: 700,
            path: [Array("<sip:edge1.home.test;lr>".utf8), [], Array("<sip:edge2.home.test;lr>".utf8)],
            expires: Instant(seconds: 4600), flow: [1, 2, 3], userAgent: Array("phone/1".utf8),
            createdAt: Instant(seconds: 1), refreshedAt: Instant(nanoseconds: 1_234_567_890))
    }

    static func selector(_ number: UInt64) -> [UInt8] {
        Array("pres-rules/users/sip:user\(number)@home.test/index".utf8)
    }

    static func document(_ number: UInt64, version: UInt64 = 1, bytes: Int = 700) -> DocumentRecord {
        DocumentRecord(
            selector: self.selector(number), auid: Array("pres-rules".utf8),
            owner: Array("sip:user\(number)@home.test".utf8), entityTag: Array("tag-\(number)-\(version)".utf8),
            modified: Instant(nanoseconds: 1_700_000_000_000_000_000 + Int64(version)),
            body: (0..<bytes).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ Int(number % 251) &+ Int(version)) })
    }

    static func documentSubscription(_ id: UInt64, cseq: UInt32 = 1) -> NotifierRecord {
        NotifierRecord(
            id: id, resource: Array("sip:alice@home.test".utf8), watcher: Array("sip:alice@home.test".utf8),
            package: Array("xcap-diff".utf8), state: 2, expires: Instant(seconds: 4600), localCSeq: cseq,
            dialog: (0..<200).map { UInt8(truncatingIfNeeded: $0 &+ Int(id % 251)) })
    }

    static func subscriber(_ user: String, realm: String = "home.test", password: String = "secret")
        -> SubscriberRecord
    {
        SubscriberRecord(
            identity: Array("sip:\(user)@\(realm)".utf8), digestUser: user, realm: realm,
            password: Redacted(password), createdAt: Instant(seconds: 77))
    }

    static func vault(_ fill: UInt8 = 7) -> SubscriberVault {
        guard let key = SealingKey(Array(repeating: fill, count: SealingKey.size)) else {
            preconditionFailure("32 bytes are a key")
        }
        return SubscriberVault(key: key)
    }
}

/// A folder of its own, gone at the end.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        self.path =
            NSTemporaryDirectory() + "muster-storage-\(ProcessInfo.processInfo.processIdentifier)-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: self.path) } catch {
            print("left behind: \(self.path): \(error)")
        }
    }

    var database: String { self.path + "/muster.sqlite" }

    func open(
        durability: CommitDurability = .strict, role: SQLiteStore.Role = .server, schema: Schema = .current,
        vault: SubscriberVault = Samples.vault(), foldingThreshold: Int = SQLiteStore.foldingThreshold
    ) throws -> SQLiteStore {
        try SQLiteStore(
            path: self.database, vault: vault, durability: durability, role: role, schema: schema,
            foldingThreshold: foldingThreshold)
    }

    /// A folder with what would be on the disk if the process ended at this moment without warning.
    func afterCrash() throws -> TemporaryFolder {
        let other = try TemporaryFolder()
        for suffix in ["", "-wal"] where FileManager.default.fileExists(atPath: self.database + suffix) {
            try FileManager.default.copyItem(atPath: self.database + suffix, toPath: other.database + suffix)
        }
        return other
    }
}
