import COpenSSL
import Ground

/// A key for HMAC (RFC 2104), prepared once.
///
/// The prepared context is never changed: each computation works on a duplicate, so that a key may be used from any
/// thread at the same time.
package struct MessageAuthenticationKey: Sendable {
    private let prepared: PreparedMAC
    /// The length of a code in bytes.
    package let size: Int

    /// - Parameters:
    ///   - key: any length; at least as long as the hash is wise (RFC 2104 §3).
    ///   - function: must be available.
    package init(_ key: [UInt8], function: HashFunction = .sha256) {
        self.prepared = PreparedMAC(key, function: function)
        self.size = function.size
    }

    /// The authentication code of some bytes.
    package func code(_ bytes: Octets) -> [UInt8] { self.prepared.code(bytes, size: self.size) }

    /// The authentication code of some bytes.
    package func code(_ bytes: [UInt8]) -> [UInt8] { self.code(bytes[...]) }

    /// Whether a code, or the beginning of one of at least 10 bytes, belongs to some bytes. Takes the same time whatever the
    /// code is.
    package func verifies(_ code: Octets, of bytes: Octets) -> Bool {
        guard code.count >= 10, code.count <= self.size else { return false }
        return constantTimeEquals(code, self.code(bytes).prefix(code.count))
    }
}

/// The context behind a key; frees it when the last key is gone. It is only ever read after `init`.
private final class PreparedMAC: @unchecked Sendable {
    private let context: OpaquePointer

    init(_ key: [UInt8], function: HashFunction) {
        guard let context = EVP_MAC_CTX_new(FetchedAlgorithms.hmac) else {
            preconditionFailure("the library has HMAC")
        }
        var name = Array(function.libraryName.utf8CString)
        // The library refuses a missing pointer, even where no byte is to be read from it.
        let bytes = key.isEmpty ? [0] : key
        let begun = name.withUnsafeMutableBufferPointer { buffer in
            let parameters = [
                OSSL_PARAM_construct_utf8_string("digest", buffer.baseAddress, 0), OSSL_PARAM_construct_end(),
            ]
            return EVP_MAC_init(context, bytes, key.count, parameters)
        }
        precondition(begun == 1, "HMAC is begun with a hash function that the library has")
        self.context = context
    }

    deinit { EVP_MAC_CTX_free(self.context) }

    func code(_ bytes: Octets, size: Int) -> [UInt8] {
        guard let copy = EVP_MAC_CTX_dup(self.context) else {
            preconditionFailure("a prepared authentication context can be copied")
        }
        defer { EVP_MAC_CTX_free(copy) }
        if !bytes.isEmpty { bytes.withUnsafeBufferPointer { _ = EVP_MAC_update(copy, $0.baseAddress, $0.count) } }
        return [UInt8](unsafeUninitializedCapacity: 64) { buffer, count in
            var length = 0
            let ended = EVP_MAC_final(copy, buffer.baseAddress, &length, 64)
            precondition(ended == 1 && length == size, "an authentication code that was begun can be ended")
            count = length
        }
    }
}
