import Ground

/// A challenge: the value of WWW-Authenticate or Proxy-Authenticate with the scheme Digest (RFC 7616 §3.3).
package struct DigestChallenge: Sendable, Equatable {
    /// As it stands between the quotes, escapes left alone.
    package var realm: Octets
    /// As it stands between the quotes, escapes left alone.
    package var nonce: Octets
    /// To be given back unchanged, if there is one.
    package var opaque: Octets?
    /// Whether only the nonce was too old, so that the same password may be tried again.
    package var isStale: Bool
    package var algorithm: DigestAlgorithm
    /// What the server offers, in its order; empty for a server of RFC 2069.
    package var protections: [DigestProtection]
    /// Whether the server offers to take a hash in place of the user name (RFC 7616 §3.4.4).
    package var allowsUserHash: Bool

    /// Reads a header value. Nil if it is another scheme, broken, or of an algorithm unknown here: such challenges are to be
    /// passed over (RFC 7616 §3.7, RFC 8760 §2.4).
    package init?(_ value: Octets) {
        guard let parameters = AuthenticationParameters(value), parameters.scheme.equalsIgnoringCase("Digest"),
            let realm = parameters["realm"], let nonce = parameters["nonce"]
        else { return nil }
        if let named = parameters["algorithm"] {
            guard let algorithm = DigestAlgorithm(token: named.value[...]) else { return nil }
            self.algorithm = algorithm
        } else {
            self.algorithm = .md5
        }
        self.realm = realm.raw
        self.nonce = nonce.raw
        self.opaque = parameters["opaque"]?.raw
        self.isStale = parameters["stale"].map { $0.raw.equalsIgnoringCase("true") } ?? false
        self.allowsUserHash = parameters["userhash"].map { $0.raw.equalsIgnoringCase("true") } ?? false
        self.protections = []
        if let offered = parameters["qop"] {
            for part in offered.value.split(whereSeparator: { $0 == UInt8(ascii: ",") || $0 <= 0x20 }) {
                if let protection = DigestProtection(token: part) { self.protections.append(protection) }
            }
            // A server that offers only what is unknown here cannot be answered.
            guard !self.protections.isEmpty else { return nil }
        }
    }

    package init(
        realm: Octets, nonce: Octets, opaque: Octets?, isStale: Bool, algorithm: DigestAlgorithm,
        protections: [DigestProtection]
    ) {
        self.realm = realm
        self.nonce = nonce
        self.opaque = opaque
        self.isStale = isStale
        self.algorithm = algorithm
        self.protections = protections
        self.allowsUserHash = false
    }

    /// The header value.
    package func serialised() -> [UInt8] {
        var value: [UInt8] = []
        value.reserveCapacity(256)
        value.append(literal: "Digest ")
        value.append(parameter: "realm", raw: self.realm, isFirst: true)
        value.append(parameter: "nonce", raw: self.nonce)
        if let opaque = self.opaque { value.append(parameter: "opaque", raw: opaque) }
        if self.isStale { value.append(parameter: "stale", token: "true".utf8) }
        value.append(parameter: "algorithm", token: self.algorithm.token.bytes)
        if !self.protections.isEmpty {
            value.append(
                parameter: "qop", raw: Octets(self.protections.map { $0.token.bytes }.joined(separator: [0x2C])))
        }
        return value
    }
}
