import COpenSSL
import Ground

/// The hash functions of the standards that this house implements.
///
/// Every algorithm is fetched from the library once; each call uses a context of its own, so that all of this may be
/// used from any thread.
package enum HashFunction: UInt8, CaseIterable, Sendable {
    /// RFC 1321. For digest authentication with old clients only.
    case md5
    /// FIPS 180-4, 20 bytes. For name-based identifiers and WebSocket handshakes only.
    case sha1
    /// FIPS 180-4, 32 bytes.
    case sha256
    /// FIPS 180-4 §5.3.6.2, 32 bytes: SHA-512 with initial values of its own, cut short.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case sha512_256

    /// The length of a result in bytes.
    package var size: Int {
        switch self {
        case .md5: 16
        case .sha1: 20
        case .sha256, .sha512_256: 32
        }
    }

    /// Whether the library offers the function. A library that runs in FIPS mode has no MD5.
    package var isAvailable: Bool { FetchedAlgorithms.digest(self) != nil }

    /// The hash of some bytes.
    package func hash(_ bytes: Octets) -> [UInt8] {
        var hashing = Hashing(self)
        hashing.update(bytes)
        return hashing.finish()
    }

    /// The hash of some bytes.
    package func hash(_ bytes: [UInt8]) -> [UInt8] { self.hash(bytes[...]) }

    /// The name under which the library knows the function.
    var libraryName: String {
        switch self {
        case .md5: "MD5"
        case .sha1: "SHA1"
        case .sha256: "SHA256"
        case .sha512_256: "SHA512-256"
        }
    }
}

/// A hash that is being computed, piece by piece.
package struct Hashing: ~Copyable {
    private let context: OpaquePointer
    private let size: Int

    /// - Parameter function: must be available (``HashFunction/isAvailable``).
    package init(_ function: HashFunction) {
        guard let algorithm = FetchedAlgorithms.digest(function), let context = EVP_MD_CTX_new() else {
            preconditionFailure("a hash function is asked for only where the library has it")
        }
        let begun = EVP_DigestInit_ex2(context, algorithm, nil)
        precondition(begun == 1, "a fetched hash function can be begun")
        self.context = context
        self.size = function.size
    }

    deinit { EVP_MD_CTX_free(self.context) }

    /// Adds bytes.
    package mutating func update(_ bytes: Octets) {
        guard !bytes.isEmpty else { return }
        bytes.withUnsafeBytes { _ = EVP_DigestUpdate(self.context, $0.baseAddress, $0.count) }
    }

    /// Adds bytes.
    package mutating func update(_ bytes: [UInt8]) { self.update(bytes[...]) }

    /// Adds one byte.
    package mutating func update(_ byte: UInt8) {
        withUnsafeBytes(of: byte) { _ = EVP_DigestUpdate(self.context, $0.baseAddress, 1) }
    }

    /// The hash of all that was added.
    package consuming func finish() -> [UInt8] {
        var length: UInt32 = 0
        return [UInt8](unsafeUninitializedCapacity: 64) { buffer, count in
            let ended = EVP_DigestFinal_ex(self.context, buffer.baseAddress, &length)
            precondition(ended == 1 && Int(length) == self.size, "a hash that was begun can be ended")
            count = self.size
        }
    }
}

/// Algorithms fetched from the library once: an implicit fetch in every call would cost more than a short hash.
enum FetchedAlgorithms {
    // The library counts references to its algorithms atomically and never changes them: sharing them is safe.
    nonisolated(unsafe) private static let digests: [OpaquePointer?] = HashFunction.allCases.map {
        EVP_MD_fetch(nil, $0.libraryName, nil)
    }

    static func digest(_ function: HashFunction) -> OpaquePointer? { self.digests[Int(function.rawValue)] }

    nonisolated(unsafe) static let hmac: OpaquePointer? = EVP_MAC_fetch(nil, "HMAC", nil)
    nonisolated(unsafe) static let aes256GCM: OpaquePointer? = EVP_CIPHER_fetch(nil, "AES-256-GCM", nil)
}
