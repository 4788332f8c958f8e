import Cryptography
import Ground

/// The server's side of digest authentication, for registrars, proxies, notifiers and HTTP servers.
///
/// Checking goes in two steps, because the passwords lie behind a store: ``assess(_:at:)`` reads the headers and says whose
/// credentials are needed; ``verify(_:method:uri:body:answer:at:)`` judges. Nothing is kept for a client that has not
/// yet proven its password: nonces carry their own proof of origin.
package struct DigestAuthenticator: Sendable {
    /// How a realm authenticates.
    package struct Configuration: Sendable {
        /// The realm: shown to users, part of every hash. RFC 3261 §22.1 wants it globally unique: a domain.
        package var realm: String
        /// What is offered, most preferred first (RFC 8760 §2.3).
        package var algorithms: [DigestAlgorithm]
        /// What `qop` offers.
        package var protections: [DigestProtection]
        /// How long a nonce may be used; 10 seconds to an hour is sensible.
        package var nonceLifetime: Duration
        /// Whether responses without `qop` are taken, as clients of RFC 2069 send them. They can be replayed while the
        /// nonce lives.
        package var allowsMissingProtection: Bool
        /// How many nonces in use are tracked; beyond that the oldest are made stale.
        package var maximumTrackedNonces: Int
        /// Signs nonces. To be made anew at every start of the process (a nonce must not outlive the memory of its
        /// counters), and shared by all shards of the process.
        package var nonceSecret: Redacted<[UInt8]>

        package init(
            realm: String, algorithms: [DigestAlgorithm] = [.sha256, .md5],
            protections: [DigestProtection] = [.authentication], nonceLifetime: Duration = .seconds(300),
            allowsMissingProtection: Bool = false, maximumTrackedNonces: Int = 65536,
            nonceSecret: Redacted<[UInt8]>
        ) {
            self.realm = realm
            self.algorithms = algorithms
            self.protections = protections
            self.nonceLifetime = nonceLifetime
            self.allowsMissingProtection = allowsMissingProtection
            self.maximumTrackedNonces = maximumTrackedNonces
            self.nonceSecret = nonceSecret
        }
    }

    /// What the headers say before anybody looks at a password.
    package enum Assessment: Sendable {
        /// There is nothing for this realm: challenge.
        case absent
        /// The nonce is too old, or not from here: challenge with `stale`.
        case stale
        /// The header breaks the grammar: 400 with this reason.
        case malformed(String)
        /// Ask this, then verify.
        case needed(CredentialQuestion, DigestResponse)
    }

    /// The judgement over a response.
    package enum Verdict: Sendable, Equatable {
        /// The client knows the password.
        case accepted(DigestCredentials)
        /// The nonce or its counter was used before, or is too old: challenge with `stale`.
        case stale
        /// Unknown user or wrong password; which of the two is not said.
        case wrong
        /// The response was made for another resource: 400 with this reason (RFC 7616 §3.4.6).
        case malformed(String)
    }

    package let configuration: Configuration
    private let algorithms: [DigestAlgorithm]
    private let signer: MessageAuthenticationKey
    private let opaque: [UInt8]
    private let realm: [UInt8]
    private let decoy: DigestCredentials
    private var counters: NonceCounters

    /// Algorithms that the library lacks are not offered.
    package init(_ configuration: Configuration) {
        self.configuration = configuration
        self.algorithms = configuration.algorithms.filter { $0.hashFunction.isAvailable }
        self.signer = MessageAuthenticationKey(configuration.nonceSecret.reveal())
        self.realm = Array(configuration.realm.utf8)
        self.opaque = Hexadecimal.encode(self.signer.code(Array("opaque:".utf8) + self.realm).prefix(8))
        self.decoy = DigestCredentials(
            identities: [], user: "", realm: configuration.realm, password: Redacted("no password"))
        self.counters = NonceCounters(capacity: configuration.maximumTrackedNonces)
    }

    /// The number of nonces that are tracked.
    package var trackedNonces: Int { self.counters.count }

    /// Challenges, one for each algorithm, most preferred first: each is the value of one header line.
    ///
    /// - Parameter isStale: whether only the nonce was refused.
    package func challenge(isStale: Bool = false, at now: Instant, entropy: inout Entropy) -> [[UInt8]] {
        let nonce = self.nonce(at: now, entropy: &entropy)
        return self.algorithms.map { algorithm in
            var realm: [UInt8] = []
            realm.append(parameter: "r", quoted: self.realm, isFirst: true)
            let challenge = DigestChallenge(
                realm: realm.dropFirst(3).dropLast(), nonce: nonce[...], opaque: self.opaque[...], isStale: isStale,
                algorithm: algorithm, protections: self.configuration.protections)
            return challenge.serialised()
        }
    }

    /// Reads the values of Authorization (or Proxy-Authorization) and decides whether credentials are needed.
    package func assess(_ authorization: [Octets], at now: Instant) -> Assessment {
        var best: DigestResponse?
        var fault: String?
        for value in authorization.prefix(Self.maximumHeaders) {
            switch DigestResponse.read(value) {
            case .response(let response):
                guard response.realm == self.realm, !response.isUserHashed, let rank = self.rank(response),
                    best.flatMap({ self.rank($0) }).map({ rank < $0 }) ?? true
                else { continue }
                best = response
            case .malformed(let reason): fault = fault ?? reason
            case .otherScheme, .unsupported: continue
            }
        }
        guard let response = best else { return fault.map { .malformed($0) } ?? .absent }
        guard self.issue(of: response.nonce, at: now) != nil, response.opaque.map({ $0 == self.opaque[...] }) ?? true
        else { return .stale }
        let user = String(decoding: response.user, as: UTF8.self)
        return .needed(CredentialQuestion(user: user, realm: self.configuration.realm), response)
    }

    /// Judges a response with the credentials at hand.
    ///
    /// - Parameters:
    ///   - uri: the Request-URI. A digest-uri that names the same resource in other words is accepted.
    ///   - body: the body, for `auth-int`.
    package mutating func verify(
        _ response: DigestResponse, method: Octets, uri: Octets, body: Octets, answer: CredentialAnswer,
        at now: Instant
    ) -> Verdict {
        var credentials = self.decoy
        var isKnown = false
        if case .found(let found) = answer {
            credentials = found
            isKnown = true
        }
        // An unknown user costs as much time as a wrong password.
        var kept = credentials.ha1(for: response.algorithm)
        if kept == nil {
            kept = self.decoy.ha1(for: response.algorithm)
            isKnown = false
        }
        guard let ha1 = kept else { return .wrong }
        let expected = response.computation.response(ha1: ha1, method: method, body: body)
        let given = response.response.map { ASCII.lowercased($0) }
        guard constantTimeEquals(given, expected), isKnown else { return .wrong }
        guard DigestURI.isSameResource(response.uri, uri) else { return .malformed("Digest URI Mismatch") }
        guard let issue = self.issue(of: response.nonce, at: now) else { return .stale }
        if response.protection != nil {
            self.counters.forget(before: now - self.configuration.nonceLifetime)
            guard self.counters.use(issue.serial, issuedAt: issue.at, count: response.count) else { return .stale }
        }
        return .accepted(credentials)
    }

    /// The value of Authentication-Info that proves to the client that the server knows the password too
    /// (RFC 7616 §3.5). Nil for clients of RFC 2069.
    package func authenticationInfo(
        for response: DigestResponse, credentials: DigestCredentials, body: Octets
    ) -> [UInt8]? {
        guard let protection = response.protection, let ha1 = credentials.ha1(for: response.algorithm) else {
            return nil
        }
        let proof = response.computation.response(ha1: ha1, method: [], body: body)
        var value: [UInt8] = []
        value.append(parameter: "rspauth", raw: proof[...], isFirst: true)
        value.append(parameter: "qop", token: protection.token.bytes)
        value.append(parameter: "cnonce", raw: response.clientNonce)
        value.append(parameter: "nc", token: response.nonceCount)
        return value
    }

    /// More Authorization lines than this are not looked at.
    package static let maximumHeaders = 8

    /// How much we like a response; nil if we never offered what it uses.
    private func rank(_ response: DigestResponse) -> Int? {
        if let protection = response.protection {
            guard self.configuration.protections.contains(protection) else { return nil }
        } else if !self.configuration.allowsMissingProtection {
            return nil
        }
        return self.algorithms.firstIndex(of: response.algorithm)
    }

    // A nonce is time (8 bytes) ‖ serial (8 random bytes) ‖ HMAC over both and the realm (16 bytes), in hexadecimal.

    private func nonce(at now: Instant, entropy: inout Entropy) -> [UInt8] {
        var nonce: [UInt8] = []
        nonce.reserveCapacity(64)
        nonce.append(hex: UInt64(bitPattern: now.nanoseconds))
        nonce.append(hex: entropy.next())
        nonce += Hexadecimal.encode(self.signer.code(nonce + self.realm).prefix(16))
        return nonce
    }

    /// When a nonce was issued and its serial number; nil if it is not ours or too old.
    private func issue(of nonce: Octets, at now: Instant) -> (at: Instant, serial: UInt64)? {
        guard nonce.count == 64, let bytes = Hexadecimal.decode(nonce) else { return nil }
        guard self.signer.verifies(bytes[16...], of: Octets(Array(nonce.prefix(32)) + self.realm)) else { return nil }
        var time: UInt64 = 0
        var serial: UInt64 = 0
        for index in 0..<8 {
            time = time << 8 | UInt64(bytes[index])
            serial = serial << 8 | UInt64(bytes[index + 8])
        }
        let issued = Instant(nanoseconds: Int64(bitPattern: time))
        guard now < issued + self.configuration.nonceLifetime else { return nil }
        return (issued, serial)
    }
}
