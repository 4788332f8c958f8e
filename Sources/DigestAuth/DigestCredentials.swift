import Cryptography
import Ground

/// What a box asks when somebody claims to be a user.
package struct CredentialQuestion: Hashable, Sendable {
    /// The user name, unescaped, as the `username` parameter names it.
    package var user: String
    /// The realm that the user name belongs to.
    package var realm: String

    package init(user: String, realm: String) {
        self.user = user
        self.realm = realm
    }
}

/// The answer to a ``CredentialQuestion``.
package enum CredentialAnswer: Equatable, Sendable {
    /// The user is known.
    case found(DigestCredentials)
    /// There is no such user in that realm.
    case unknown
}

/// What a server keeps of a password: H(user:realm:password) for each hash function, never the password itself.
package struct DigestCredentials: Equatable, Sendable {
    /// The public identities that the user may use, in canonical form (`sip:user@domain`), the main one first.
    package var identities: [[UInt8]]
    /// H(A1) by MD5 as 32 lower-case hexadecimal digits; nil if it is not kept.
    package var ha1MD5: Redacted<[UInt8]>?
    /// H(A1) by SHA-256 as 64 lower-case hexadecimal digits; nil if it is not kept.
    package var ha1SHA256: Redacted<[UInt8]>?
    /// H(A1) by SHA-512/256 as 64 lower-case hexadecimal digits; nil if it is not kept.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    package var ha1SHA512_256: Redacted<[UInt8]>?

    package init(
        identities: [[UInt8]], ha1MD5: Redacted<[UInt8]>?, ha1SHA256: Redacted<[UInt8]>?,
        ha1SHA512_256: Redacted<[UInt8]>?
    ) {
        self.identities = identities
        self.ha1MD5 = ha1MD5
        self.ha1SHA256 = ha1SHA256
        self.ha1SHA512_256 = ha1SHA512_256
    }

    /// Makes all hashes of a password that the library can compute.
    package init(identities: [[UInt8]], user: String, realm: String, password: Redacted<String>) {
        self.init(
            identities: identities, ha1MD5: Self.ha1(.md5, user: user, realm: realm, password: password),
            ha1SHA256: Self.ha1(.sha256, user: user, realm: realm, password: password),
            ha1SHA512_256: Self.ha1(.sha512_256, user: user, realm: realm, password: password))
    }

    /// H(A1) for an algorithm; the session variants use the one of their base. Nil if it is not kept.
    package func ha1(for algorithm: DigestAlgorithm) -> Redacted<[UInt8]>? {
        let kept =
            switch algorithm.hashFunction {
            case .md5: self.ha1MD5
            case .sha256: self.ha1SHA256
            case .sha512_256: self.ha1SHA512_256
            case .sha1: nil as Redacted<[UInt8]>?
            }
        guard let kept, kept.reveal().count == algorithm.hashFunction.size * 2 else { return nil }
        return kept
    }

    /// H(user:realm:password) as lower-case hexadecimal digits (RFC 7616 §3.4.2). Nil if the library lacks the function.
    package static func ha1(
        _ function: HashFunction, user: String, realm: String, password: Redacted<String>
    ) -> Redacted<[UInt8]>? {
        guard function.isAvailable else { return nil }
        var secret: [UInt8] = []
        secret.append(text: user)
        secret.append(UInt8(ascii: ":"))
        secret.append(text: realm)
        secret.append(UInt8(ascii: ":"))
        secret.append(text: password.reveal())
        defer { secret.wipe() }
        return Redacted(Hexadecimal.encode(function.hash(secret)))
    }
}
