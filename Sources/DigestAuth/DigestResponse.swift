import Ground

/// The answer to a challenge: the value of Authorization or Proxy-Authorization (RFC 7616 §3.4).
package struct DigestResponse: Sendable {
    /// The user name, escapes resolved.
    package var user: [UInt8]
    /// The realm, escapes resolved.
    package var realm: [UInt8]
    /// As it stands between the quotes.
    package var nonce: Octets
    /// The digest-uri as it stands between the quotes.
    package var uri: Octets
    /// The request-digest, 32 or 64 hexadecimal digits.
    package var response: Octets
    package var algorithm: DigestAlgorithm
    package var opaque: Octets?
    /// Nil for the form of RFC 2069.
    package var protection: DigestProtection?
    /// As it stands between the quotes; empty for the form of RFC 2069.
    package var clientNonce: Octets
    /// The eight digits; empty for the form of RFC 2069.
    package var nonceCount: Octets
    /// Whether the user name is a hash of it (RFC 7616 §3.4.4).
    package var isUserHashed: Bool

    /// What can be wrong with a header value.
    package enum Reading: Sendable {
        /// It is a digest response.
        case response(DigestResponse)
        /// It belongs to another scheme.
        case otherScheme
        /// It uses an algorithm or a protection that is unknown here.
        case unsupported
        /// It breaks the grammar; the text says where and can stand in a reason phrase.
        case malformed(String)
    }

    package init(
        user: [UInt8], realm: [UInt8], nonce: Octets, uri: Octets, response: Octets, algorithm: DigestAlgorithm,
        opaque: Octets?, protection: DigestProtection?, clientNonce: Octets, nonceCount: Octets
    ) {
        self.user = user
        self.realm = realm
        self.nonce = nonce
        self.uri = uri
        self.response = response
        self.algorithm = algorithm
        self.opaque = opaque
        self.protection = protection
        self.clientNonce = clientNonce
        self.nonceCount = nonceCount
        self.isUserHashed = false
    }

    /// Reads a header value.
    package static func read(_ value: Octets) -> Reading {
        // The scheme comes first: what follows another one, the token of Basic for instance, has a grammar of its own.
        let scheme = AuthenticationParameters.scheme(of: value)
        guard scheme.isEmpty || scheme.equalsIgnoringCase("Digest") else { return .otherScheme }
        guard let parameters = AuthenticationParameters(value) else { return .malformed("Bad Authorization") }
        guard let user = parameters["username"], let realm = parameters["realm"], let nonce = parameters["nonce"],
            let uri = parameters["uri"], let response = parameters["response"]
        else { return .malformed("Incomplete Digest Authorization") }
        var algorithm = DigestAlgorithm.md5
        if let named = parameters["algorithm"] {
            guard let known = DigestAlgorithm(token: named.value[...]) else { return .unsupported }
            algorithm = known
        }
        var result = DigestResponse(
            user: user.value, realm: realm.value, nonce: nonce.raw, uri: uri.raw, response: response.raw,
            algorithm: algorithm, opaque: parameters["opaque"]?.raw, protection: nil, clientNonce: [],
            nonceCount: [])
        result.isUserHashed = parameters["userhash"].map { $0.raw.equalsIgnoringCase("true") } ?? false
        guard result.response.allSatisfy({ ASCII.hexValue($0) != nil }) else {
            return .malformed("Bad Digest Response")
        }
        guard let named = parameters["qop"] else { return .response(result) }
        guard let protection = DigestProtection(token: named.value[...]) else { return .unsupported }
        // RFC 7616 §3.4: both must stand where qop stands.
        guard let clientNonce = parameters["cnonce"], let count = parameters["nc"] else {
            return .malformed("Digest Without nc Or cnonce")
        }
        guard count.raw.count == 8, Self.number(count.raw) != nil else { return .malformed("Bad Digest nc") }
        result.protection = protection
        result.clientNonce = clientNonce.raw
        result.nonceCount = count.raw
        return .response(result)
    }

    /// The nonce count as a number; 0 where there is none.
    package var count: UInt32 { Self.number(self.nonceCount) ?? 0 }

    /// What the request-digest is computed from.
    package var computation: DigestComputation {
        DigestComputation(
            algorithm: self.algorithm, protection: self.protection, nonce: self.nonce, clientNonce: self.clientNonce,
            nonceCount: self.nonceCount, uri: self.uri)
    }

    /// The header value.
    package func serialised() -> [UInt8] {
        var value: [UInt8] = []
        value.reserveCapacity(384)
        value.append(literal: "Digest ")
        value.append(parameter: "username", quoted: self.user, isFirst: true)
        value.append(parameter: "realm", quoted: self.realm)
        value.append(parameter: "nonce", raw: self.nonce)
        value.append(parameter: "uri", raw: self.uri)
        value.append(parameter: "response", raw: self.response)
        value.append(parameter: "algorithm", token: self.algorithm.token.bytes)
        if let opaque = self.opaque { value.append(parameter: "opaque", raw: opaque) }
        if let protection = self.protection {
            value.append(parameter: "qop", token: protection.token.bytes)
            value.append(parameter: "nc", token: self.nonceCount)
            value.append(parameter: "cnonce", raw: self.clientNonce)
        }
        return value
    }

    private static func number(_ digits: Octets) -> UInt32? {
        guard digits.count == 8 else { return nil }
        var value: UInt32 = 0
        for digit in digits {
            guard let nibble = ASCII.hexValue(digit) else { return nil }
            value = value << 4 | UInt32(nibble)
        }
        return value
    }
}
