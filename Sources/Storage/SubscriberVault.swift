import Cryptography
import DigestAuth
import Ground
import SCSCF
import Synchronization

/// Seals the secrets of subscribers before a storage keeps them, and opens them again.
///
/// H(A1) is as good as the password for everybody who gets it, so it is kept under AES-256-GCM. The row that a box
/// belongs to is its context: a box that somebody moved to another row does not open.
package final class SubscriberVault: Sendable {
    private let key: SealingKey
    private let entropy = Mutex(Entropy.system)

    /// The first byte of a box: how the rest is made.
    private static let format: UInt8 = 1
    private static let probeText = Array("muster master key".utf8)
    private static let probeContext = Array("probe".utf8)

    package init(key: SealingKey) { self.key = key }

    /// A box that tells later whether a key is the same one.
    package func makeProbe() -> [UInt8] { self.seal(Self.probeText, context: Self.probeContext) }

    /// Whether a probe was made under this key.
    package func opens(probe: [UInt8]) -> Bool { self.open(probe, context: Self.probeContext) == Self.probeText }

    /// The three H(A1) of a subscriber in one box.
    package func seal(_ record: SubscriberRecord) -> [UInt8] {
        var plain = PackedWriter(reserving: 200)
        for secret in [record.ha1MD5, record.ha1SHA256, record.ha1SHA512_256] { plain.append(secret.reveal()) }
        return self.seal(plain.bytes, context: Self.context(record.identity, record.digestUser, record.realm))
    }

    /// Opens the box of a subscriber.
    /// - Throws: `storage.master-key-unusable` if it was sealed under another key, or for another row, or was changed.
    package func open(
        _ box: [UInt8], identity: [UInt8], user: String, realm: String, createdAt: Instant
    ) throws(Fault) -> SubscriberRecord {
        guard var plain = self.open(box, context: Self.context(identity, user, realm)) else {
            throw .masterKeyUnusable(
                "The secret of subscriber \(user) in \(realm) does not open under this master key. "
                    + "Put back the key it was sealed with, or set the password again.")
        }
        defer { plain.wipe() }
        var reader = PackedReader(plain[...])
        guard let md5 = reader.string(), let sha256 = reader.string(), let sha512 = reader.string(), reader.isAtEnd
        else {
            throw .storageDamaged("The secret of subscriber \(user) in \(realm) is damaged. Set the password again.")
        }
        return SubscriberRecord(
            identity: identity, digestUser: user, realm: realm, ha1MD5: Redacted(md5), ha1SHA256: Redacted(sha256),
            ha1SHA512_256: Redacted(sha512), createdAt: createdAt)
    }

    private static func context(_ identity: [UInt8], _ user: String, _ realm: String) -> [UInt8] {
        var context = PackedWriter()
        context.append(Array("subscriber".utf8))
        context.append(identity)
        context.append(Array(user.utf8))
        context.append(Array(realm.utf8))
        return context.bytes
    }

    private func seal(_ plain: [UInt8], context: [UInt8]) -> [UInt8] {
        [Self.format] + self.entropy.withLock { self.key.seal(plain[...], context: context[...], entropy: &$0) }
    }

    private func open(_ box: [UInt8], context: [UInt8]) -> [UInt8]? {
        guard box.first == Self.format else { return nil }
        return self.key.open(box.dropFirst(), context: context[...])
    }
}
