import Cryptography
import Ground

/// The algorithms of HTTP digest authentication (RFC 7616 §3.3, §6.1), as RFC 8760 §2.1 lets SIP use them.
package enum DigestAlgorithm: UInt8, CaseIterable, Sendable, Hashable {
    case md5
    case md5Session
    case sha256
    case sha256Session
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case sha512_256
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case sha512_256Session

    /// - Parameter token: as it stands in the `algorithm` parameter, in any case. Nil if it is unknown here.
    package init?(token: Octets) {
        guard let known = Self.allCases.first(where: { token.equalsIgnoringCase($0.token) }) else { return nil }
        self = known
    }

    /// The name of the algorithm on the wire.
    package var token: StaticString {
        switch self {
        case .md5: "MD5"
        case .md5Session: "MD5-sess"
        case .sha256: "SHA-256"
        case .sha256Session: "SHA-256-sess"
        case .sha512_256: "SHA-512-256"
        case .sha512_256Session: "SHA-512-256-sess"
        }
    }

    /// The hash function that the algorithm is made of.
    package var hashFunction: HashFunction {
        switch self {
        case .md5, .md5Session: .md5
        case .sha256, .sha256Session: .sha256
        case .sha512_256, .sha512_256Session: .sha512_256
        }
    }

    /// Whether the nonces go into the key once for a session (RFC 7616 §3.4.2).
    package var isSession: Bool {
        switch self {
        case .md5, .sha256, .sha512_256: false
        case .md5Session, .sha256Session, .sha512_256Session: true
        }
    }
}

/// The quality of protection (RFC 7616 §3.4): what a response covers beside the name of the resource.
package enum DigestProtection: UInt8, CaseIterable, Sendable, Hashable {
    /// `auth`: the method and the URI.
    case authentication
    /// `auth-int`: the body too.
    case integrity

    /// - Parameter token: as it stands in the `qop` parameter, in any case. Nil if it is unknown.
    package init?(token: Octets) {
        if token.equalsIgnoringCase("auth") {
            self = .authentication
        } else if token.equalsIgnoringCase("auth-int") {
            self = .integrity
        } else {
            return nil
        }
    }

    /// The name on the wire.
    package var token: StaticString { self == .authentication ? "auth" : "auth-int" }
}
