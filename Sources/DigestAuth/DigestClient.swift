import Cryptography
import Ground

/// The client's side of digest authentication: answers challenges, counts its use of nonces, gives up when the password
/// is wrong.
package struct DigestClient: Sendable {
    /// A realm that has challenged us.
    private struct Session: Sendable {
        var challenge: DigestChallenge
        var count: UInt32 = 0
        /// Whether a request with this password was accepted since the last challenge.
        var isProven = false
    }

    /// The user name.
    package let user: String
    private let password: Redacted<String>
    private let algorithms: Set<DigestAlgorithm>
    private var sessions: [[UInt8]: Session] = [:]

    /// More realms than this are not answered in one request.
    package static let maximumRealms = 8

    /// - Parameter algorithms: what may be answered; a client that never wants MD5 leaves it out (RFC 8760 §2.5).
    package init(
        user: String, password: Redacted<String>, algorithms: Set<DigestAlgorithm> = Set(DigestAlgorithm.allCases)
    ) {
        self.user = user
        self.password = password
        self.algorithms = algorithms.filter { $0.hashFunction.isAvailable }
    }

    /// Answers the challenges of a 401 or 407: one header value for each realm, made for the first challenge of the realm that is
    /// understood (RFC 8760 §2.4).
    ///
    /// Empty if no challenge is understood, or if the password is wrong: a realm that refuses an answer without calling it stale, or
    /// refuses the same nonce again, is not asked a second time.
    package mutating func answer(
        challenges: [Octets], method: Octets, uri: Octets, body: Octets, entropy: inout Entropy
    ) -> [[UInt8]] {
        var order: [[UInt8]] = []
        var chosen: [[UInt8]: DigestChallenge] = [:]
        for value in challenges {
            guard let challenge = DigestChallenge(value), self.algorithms.contains(challenge.algorithm) else {
                continue
            }
            let realm = Array(challenge.realm)
            guard chosen[realm] == nil, order.count < Self.maximumRealms else { continue }
            chosen[realm] = challenge
            order.append(realm)
        }
        for realm in order {
            guard let challenge = chosen[realm] else { continue }
            if let session = self.sessions[realm] {
                let isSameNonce = session.challenge.nonce == challenge.nonce
                let wasUsed = session.count > 0
                if wasUsed, isSameNonce || !(challenge.isStale || session.isProven) {
                    self.sessions[realm] = nil
                    return []
                }
            }
            if self.sessions.count >= Self.maximumRealms, self.sessions[realm] == nil { self.sessions.removeAll() }
            self.sessions[realm] = Session(challenge: challenge)
        }
        return order.compactMap { self.next(realm: $0, method: method, uri: uri, body: body, entropy: &entropy) }
    }

    /// Header values for a request to realms that have challenged before, with the next count of the same nonce
    /// (RFC 7616 §3.6); empty before the first challenge.
    package mutating func authorization(
        method: Octets, uri: Octets, body: Octets, entropy: inout Entropy
    ) -> [[UInt8]] {
        let realms = self.sessions.keys.sorted { $0.lexicographicallyPrecedes($1) }
        return realms.compactMap { self.next(realm: $0, method: method, uri: uri, body: body, entropy: &entropy) }
    }

    /// Notes that a request was accepted. An Authentication-Info with `nextnonce` changes the nonce (RFC 7616 §3.5).
    package mutating func accepted(authenticationInfo: Octets? = nil) {
        for realm in self.sessions.keys { self.sessions[realm]?.isProven = true }
        guard let info = authenticationInfo, self.sessions.count == 1, let realm = self.sessions.keys.first,
            let parameters = AuthenticationParameters(Octets(Array("Digest ".utf8) + info)),
            let next = parameters["nextnonce"]
        else { return }
        self.sessions[realm]?.challenge.nonce = Octets(Array(next.raw))
        self.sessions[realm]?.count = 0
    }

    private mutating func next(
        realm: [UInt8], method: Octets, uri: Octets, body: Octets, entropy: inout Entropy
    ) -> [UInt8]? {
        guard var session = self.sessions[realm], session.count < .max else { return nil }
        let challenge = session.challenge
        session.count += 1
        self.sessions[realm] = session
        let plainRealm = AuthenticationParameters.Entry(name: [], raw: realm[...], isQuoted: true).value
        guard
            let ha1 = DigestCredentials.ha1(
                challenge.algorithm.hashFunction, user: self.user, realm: String(decoding: plainRealm, as: UTF8.self),
                password: self.password)
        else { return nil }
        // `auth` before `auth-int`: bodies may be changed on the way, and most servers offer only the first.
        let protection = challenge.protections.contains(.authentication) ? .authentication : challenge.protections.first
        var count: [UInt8] = []
        var clientNonce: [UInt8] = []
        if protection != nil {
            for shift in stride(from: UInt32(28), through: 0, by: -4) {
                count.append(ASCII.hexDigit(UInt8(session.count >> shift & 15)))
            }
        }
        if protection != nil || challenge.algorithm.isSession { clientNonce = entropy.token() }
        var response = DigestResponse(
            user: Array(self.user.utf8), realm: plainRealm, nonce: challenge.nonce, uri: uri, response: [],
            algorithm: challenge.algorithm, opaque: challenge.opaque, protection: protection,
            clientNonce: clientNonce[...], nonceCount: count[...])
        response.response = response.computation.response(ha1: ha1, method: method, body: body)[...]
        return response.serialised()
    }
}
