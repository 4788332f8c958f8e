import COpenSSL
import Ground

/// A key that seals short secrets: AES-256 in Galois/Counter Mode (NIST SP 800-38D) with a random nonce.
///
/// A sealed box is `nonce (12) ‖ ciphertext ‖ tag (16)`. One key may seal 2^32 boxes before random nonces could
/// meet (SP 800-38D §8.3), far more than a table of subscribers has rows.
package struct SealingKey: Sendable {
    private let key: Redacted<[UInt8]>

    /// The length of a key in bytes.
    package static let size = 32
    /// How much longer a sealed box is than what is in it, in bytes.
    package static let overhead = 28

    /// - Parameter key: 32 bytes. Nil if it has another length.
    package init?(_ key: [UInt8]) {
        guard key.count == Self.size else { return nil }
        self.key = Redacted(key)
    }

    /// Seals bytes. `context` is not kept in the box but must be the same when it is opened: it ties a box to its
    /// place (the column and the row, say).
    package func seal(_ plain: Octets, context: Octets, entropy: inout Entropy) -> [UInt8] {
        var nonce: [UInt8] = []
        while nonce.count < 16 {
            withUnsafeBytes(of: entropy.next().bigEndian) { nonce.append(contentsOf: $0) }
        }
        nonce.removeLast(4)
        return self.seal(plain, context: context, nonce: nonce)
    }

    /// Seals with a nonce of 12 bytes that the caller answers for: it must never be used twice with one key.
    func seal(_ plain: Octets, context: Octets, nonce: [UInt8]) -> [UInt8] {
        precondition(nonce.count == 12, "a nonce of Galois/Counter Mode has 12 bytes")
        let cipher = CipherContext(key: self.key.reveal(), nonce: nonce, isSealing: true)
        cipher.authenticate(context)
        var box = nonce
        box += cipher.transform(plain)
        box += cipher.finishSealing()
        return box
    }

    /// A key of 32 bytes for another purpose: the same for the same purpose, and telling nothing about this key
    /// (NIST SP 800-108 §4.1 with one iteration of HMAC-SHA-256).
    package func derived(for purpose: StaticString) -> Redacted<[UInt8]> {
        var label: [UInt8] = [1]
        label.append(literal: purpose)
        return Redacted(MessageAuthenticationKey(self.key.reveal()).code(label))
    }

    /// Opens a box. Nil if a single bit of the box, the key or the context is another.
    package func open(_ box: Octets, context: Octets) -> [UInt8]? {
        guard box.count >= Self.overhead else { return nil }
        let cipher = CipherContext(key: self.key.reveal(), nonce: Array(box.prefix(12)), isSealing: false)
        cipher.authenticate(context)
        var plain = cipher.transform(box.dropFirst(12).dropLast(16))
        guard cipher.finishOpening(tag: Array(box.suffix(16))) else {
            plain.wipe()
            return nil
        }
        return plain
    }
}

/// One run of the cipher.
private final class CipherContext {
    private let context: OpaquePointer

    init(key: [UInt8], nonce: [UInt8], isSealing: Bool) {
        guard let context = EVP_CIPHER_CTX_new(), let algorithm = FetchedAlgorithms.aes256GCM else {
            preconditionFailure("the library has AES-256-GCM")
        }
        let begun = EVP_CipherInit_ex2(context, algorithm, key, nonce, isSealing ? 1 : 0, nil)
        precondition(begun == 1, "AES-256-GCM is begun with 32 bytes of key and 12 of nonce")
        self.context = context
    }

    deinit { EVP_CIPHER_CTX_free(self.context) }

    func authenticate(_ bytes: Octets) {
        guard !bytes.isEmpty else { return }
        var length: Int32 = 0
        bytes.withUnsafeBufferPointer {
            _ = EVP_CipherUpdate(self.context, nil, &length, $0.baseAddress, Int32(clamping: $0.count))
        }
    }

    func transform(_ bytes: Octets) -> [UInt8] {
        guard !bytes.isEmpty else { return [] }
        return [UInt8](unsafeUninitializedCapacity: bytes.count) { out, count in
            var length: Int32 = 0
            let done = bytes.withUnsafeBufferPointer {
                EVP_CipherUpdate(self.context, out.baseAddress, &length, $0.baseAddress, Int32(clamping: $0.count))
            }
            precondition(done == 1 && Int(length) == bytes.count, "a stream cipher gives as many bytes as it takes")
            count = Int(length)
        }
    }

    func finishSealing() -> [UInt8] {
        var length: Int32 = 0
        var rest: [UInt8] = Array(repeating: 0, count: 16)
        let ended = EVP_CipherFinal_ex(self.context, &rest, &length)
        var tag: [UInt8] = Array(repeating: 0, count: 16)
        let tagged = EVP_CIPHER_CTX_ctrl(self.context, EVP_CTRL_AEAD_GET_TAG, 16, &tag)
        precondition(ended == 1 && tagged == 1, "sealing that was begun can be ended")
        return tag
    }

    func finishOpening(tag: [UInt8]) -> Bool {
        var expected = tag
        var length: Int32 = 0
        var rest: [UInt8] = Array(repeating: 0, count: 16)
        guard EVP_CIPHER_CTX_ctrl(self.context, EVP_CTRL_AEAD_SET_TAG, 16, &expected) == 1 else { return false }
        return EVP_CipherFinal_ex(self.context, &rest, &length) == 1
    }
}
