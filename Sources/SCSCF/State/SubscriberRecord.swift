import DigestAuth
import Ground

/// A subscriber as storage keeps it: who may use an identity, and how that is proven.
package struct SubscriberRecord: Equatable, Sendable {
    /// The canonical public identity, `sip:user@domain`.
    package var identity: [UInt8]
    /// The user name of digest authentication.
    package var digestUser: String
    /// The realm that the user name belongs to.
    package var realm: String
    /// H(A1) by MD5: 32 lower-case hexadecimal digits, empty if it is not kept.
    package var ha1MD5: Redacted<[UInt8]>
    /// H(A1) by SHA-256: 64 lower-case hexadecimal digits, empty if it is not kept.
    package var ha1SHA256: Redacted<[UInt8]>
    /// H(A1) by SHA-512/256: 64 lower-case hexadecimal digits, empty if it is not kept.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    package var ha1SHA512_256: Redacted<[UInt8]>
    /// When the subscriber was added.
    package var createdAt: Instant

    package init(
        identity: [UInt8], digestUser: String, realm: String, ha1MD5: Redacted<[UInt8]>,
        ha1SHA256: Redacted<[UInt8]>, ha1SHA512_256: Redacted<[UInt8]>, createdAt: Instant
    ) {
        self.identity = identity
        self.digestUser = digestUser
        self.realm = realm
        self.ha1MD5 = ha1MD5
        self.ha1SHA256 = ha1SHA256
        self.ha1SHA512_256 = ha1SHA512_256
        self.createdAt = createdAt
    }

    /// A new subscriber with a password, of which only hashes are kept.
    package init(
        identity: [UInt8], digestUser: String, realm: String, password: Redacted<String>, createdAt: Instant
    ) {
        let made = DigestCredentials(identities: [identity], user: digestUser, realm: realm, password: password)
        self.init(
            identity: identity, digestUser: digestUser, realm: realm, ha1MD5: made.ha1MD5 ?? Redacted([]),
            ha1SHA256: made.ha1SHA256 ?? Redacted([]), ha1SHA512_256: made.ha1SHA512_256 ?? Redacted([]),
            createdAt: createdAt)
    }

    /// What digest authentication needs of the record.
    package var credentials: DigestCredentials {
        DigestCredentials(
            identities: [self.identity], ha1MD5: self.ha1MD5, ha1SHA256: self.ha1SHA256,
            ha1SHA512_256: self.ha1SHA512_256)
    }
}
