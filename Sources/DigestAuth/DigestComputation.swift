import Cryptography
import Ground

/// The arithmetic of RFC 7616 §3.4.1: request-digest from the parts of a response.
package struct DigestComputation: Sendable {
    package var algorithm: DigestAlgorithm
    /// Nil for the form of RFC 2069, which RFC 2617 still allows: neither client nonce nor counter.
    package var protection: DigestProtection?
    /// The server's nonce as it stands between its quotes.
    package var nonce: Octets
    /// The client's nonce as it stands between its quotes.
    package var clientNonce: Octets
    /// The eight digits of the nonce count as they were sent.
    package var nonceCount: Octets
    /// The digest-uri as it stands between its quotes.
    package var uri: Octets

    package init(
        algorithm: DigestAlgorithm, protection: DigestProtection?, nonce: Octets, clientNonce: Octets,
        nonceCount: Octets, uri: Octets
    ) {
        self.algorithm = algorithm
        self.protection = protection
        self.nonce = nonce
        self.clientNonce = clientNonce
        self.nonceCount = nonceCount
        self.uri = uri
    }

    /// The request-digest as lower-case hexadecimal digits.
    ///
    /// - Parameters:
    ///   - ha1: H(user:realm:password) as lower-case hexadecimal digits.
    ///   - method: the method of the request; empty for the `rspauth` of Authentication-Info (RFC 7616 §3.5).
    ///   - body: the body; looked at for `auth-int` only.
    package func response(ha1: Redacted<[UInt8]>, method: Octets, body: Octets) -> [UInt8] {
        let colon = UInt8(ascii: ":")
        let function = self.algorithm.hashFunction
        var key = ha1.reveal()
        defer { key.wipe() }
        if self.algorithm.isSession {
            var hashing = Hashing(function)
            hashing.update(key)
            hashing.update(colon)
            hashing.update(self.nonce)
            hashing.update(colon)
            hashing.update(self.clientNonce)
            key = Hexadecimal.encode(hashing.finish())
        }
        var second = Hashing(function)
        second.update(method)
        second.update(colon)
        second.update(self.uri)
        if self.protection == .integrity {
            second.update(colon)
            second.update(Hexadecimal.encode(function.hash(body)))
        }
        let ha2 = Hexadecimal.encode(second.finish())
        var third = Hashing(function)
        third.update(key)
        third.update(colon)
        third.update(self.nonce)
        if let protection = self.protection {
            third.update(colon)
            third.update(self.nonceCount)
            third.update(colon)
            third.update(self.clientNonce)
            third.update(colon)
            protection.token.withUTF8Buffer { third.update(Octets($0)) }
        }
        third.update(colon)
        third.update(ha2)
        return Hexadecimal.encode(third.finish())
    }
}
