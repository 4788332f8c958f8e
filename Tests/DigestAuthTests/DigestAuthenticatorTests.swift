import DigestAuth
import Ground
import MusterTesting
import Testing

/// The server's side against our own client and against attackers.
@Suite("Digest server and client")
struct DigestAuthenticatorTests {
    private static let realm = "example.com"
    private var entropy = Entropy.seeded(42)
    private let start = Instant(seconds: 1_800_000_000)
    private let known = CredentialAnswer.found(
        DigestCredentials(
            identities: [Array("sip:alice@example.com".utf8)], user: "alice", realm: Self.realm,
            password: Redacted("secret")))

    private func octets(_ text: String) -> Octets { Array(text.utf8)[...] }

    private func server(
        secret: String = "s", realm: String = Self.realm,
        _ change: (inout DigestAuthenticator.Configuration) -> Void = { _ in }
    ) -> DigestAuthenticator {
        var configuration = DigestAuthenticator.Configuration(
            realm: realm, nonceSecret: Redacted(Array(secret.utf8)))
        change(&configuration)
        return DigestAuthenticator(configuration)
    }

    /// What the server says to header values, with alice's credentials.
    private func judge(
        _ server: inout DigestAuthenticator, _ headers: [[UInt8]], method: String = "REGISTER",
        uri: String = "sip:example.com", body: String = "", at now: Instant, answer: CredentialAnswer? = nil
    ) -> String {
        switch server.assess(headers.map { $0[...] }, at: now) {
        case .absent: return "absent"
        case .stale: return "stale"
        case .malformed: return "malformed"
        case .needed(_, let response):
            let verdict = server.verify(
                response, method: self.octets(method), uri: self.octets(uri), body: self.octets(body),
                answer: answer ?? self.known, at: now)
            switch verdict {
            case .accepted: return "accepted"
            case .stale: return "stale"
            case .wrong: return "wrong"
            case .malformed: return "malformed"
            }
        }
    }

    private mutating func challenge(_ server: DigestAuthenticator, at now: Instant) -> [Octets] {
        server.challenge(at: now, entropy: &self.entropy).map { $0[...] }
    }

    private mutating func answer(
        _ client: inout DigestClient, _ challenges: [Octets], uri: String = "sip:example.com", body: String = ""
    ) -> [[UInt8]] {
        client.answer(
            challenges: challenges, method: self.octets("REGISTER"), uri: self.octets(uri), body: self.octets(body),
            entropy: &self.entropy)
    }

    private func client(password: String = "secret", user: String = "alice") -> DigestClient {
        DigestClient(user: user, password: Redacted(password))
    }

    @Test(
        "challenges come one for each algorithm, most preferred first, with realm, nonce, opaque and qop",
        .spec("RFC 8760 §2.3", "RFC 7616 §3.3", "RFC 3261 §22.1", "RFC 3261 §22.1/1", "RFC 3261 §22.4/4"))
    mutating func challenges() throws {
        let server = self.server()
        let challenges = self.challenge(server, at: self.start).compactMap { DigestChallenge($0) }
        #expect(challenges.map(\.algorithm) == [.sha256, .md5])
        for challenge in challenges {
            #expect(challenge.realm.text == Self.realm)
            #expect(challenge.protections == [.authentication])
            #expect(challenge.opaque != nil)
            #expect(!challenge.isStale)
        }
        let again = self.challenge(server, at: self.start).compactMap { DigestChallenge($0) }
        #expect(again[0].nonce != challenges[0].nonce)
    }

    @Test(
        "the right password is accepted, with each algorithm", .spec("RFC 7616 §3.4", "RFC 8760 §2.4", "RFC 3261 §22.2")
    )
    mutating func acceptance() throws {
        for algorithm in DigestAlgorithm.allCases {
            var server = self.server { $0.algorithms = [algorithm] }
            var client = self.client()
            let headers = self.answer(&client, self.challenge(server, at: self.start))
            #expect(headers.count == 1)
            #expect(self.judge(&server, headers, at: self.start) == "accepted", "\(algorithm)")
        }
    }

    @Test("the client picks the first challenge that it supports", .spec("RFC 8760 §2.4"))
    mutating func clientChoice() throws {
        let server = self.server()
        var strong = self.client()
        let first = self.answer(&strong, self.challenge(server, at: self.start))
        #expect(String(decoding: first[0], as: UTF8.self).contains("algorithm=SHA-256"))
        var weak = DigestClient(user: "alice", password: Redacted("secret"), algorithms: [.md5])
        let second = self.answer(&weak, self.challenge(server, at: self.start))
        #expect(String(decoding: second[0], as: UTF8.self).contains("algorithm=MD5"))
        #expect(self.answer(&weak, [self.octets(#"Digest realm="r", nonce="n", algorithm=SHA-256"#)]).isEmpty)
    }

    @Test(
        "a wrong password and an unknown user are both just wrong",
        .spec("RFC 7616 §3.4", "RFC 3261 §22.1", "RFC 3261 §22.1/2", "REQ-33141-55"))
    mutating func wrongPassword() throws {
        var server = self.server()
        var client = self.client(password: "guess")
        let headers = self.answer(&client, self.challenge(server, at: self.start))
        #expect(self.judge(&server, headers, at: self.start) == "wrong")
        var right = self.client()
        let good = self.answer(&right, self.challenge(server, at: self.start))
        #expect(self.judge(&server, good, at: self.start, answer: .unknown) == "wrong")
        #expect(server.trackedNonces == 0, "who has not proven a password leaves no trace")
    }

    @Test(
        "a nonce count cannot be used twice, and counts may overtake each other",
        .spec("RFC 7616 §3.4", "RFC 7616 §5.5", "REQ-33141-30"))
    mutating func replay() throws {
        var server = self.server()
        var client = self.client()
        let first = self.answer(&client, self.challenge(server, at: self.start))
        var later: [[[UInt8]]] = []
        for _ in 0..<70 {
            later.append(
                client.authorization(
                    method: self.octets("REGISTER"), uri: self.octets("sip:example.com"), body: [],
                    entropy: &self.entropy))
        }
        #expect(self.judge(&server, first, at: self.start) == "accepted")
        #expect(self.judge(&server, first, at: self.start) == "stale")
        #expect(self.judge(&server, later[1], at: self.start) == "accepted")
        #expect(self.judge(&server, later[0], at: self.start) == "accepted", "it was overtaken, but is not a replay")
        #expect(self.judge(&server, later[0], at: self.start) == "stale")
        #expect(self.judge(&server, later[69], at: self.start) == "accepted")
        #expect(self.judge(&server, later[2], at: self.start) == "stale", "too far behind to be known as unused")
        #expect(self.judge(&server, later[68], at: self.start) == "accepted")
    }

    @Test("a count of zero is never accepted", .spec("RFC 7616 §3.4"))
    mutating func zeroCount() throws {
        var server = self.server()
        let challenge = try #require(DigestChallenge(self.challenge(server, at: self.start)[0]))
        guard case .found(let credentials) = self.known, let ha1 = credentials.ha1(for: .sha256) else {
            Issue.record("no credentials")
            return
        }
        var response = DigestResponse(
            user: Array("alice".utf8), realm: Array(Self.realm.utf8), nonce: challenge.nonce,
            uri: self.octets("sip:example.com"), response: [], algorithm: .sha256, opaque: challenge.opaque,
            protection: .authentication, clientNonce: self.octets("c"), nonceCount: self.octets("00000000"))
        response.response = response.computation.response(ha1: ha1, method: self.octets("REGISTER"), body: [])[...]
        #expect(self.judge(&server, [response.serialised()], at: self.start) == "stale")
    }

    @Test(
        "an old nonce is stale, and the client tries again with the same password",
        .spec("RFC 7616 §3.3", "RFC 3261 §22.2", "RFC 3261 §22.4/2"))
    mutating func expiry() throws {
        var server = self.server()
        var client = self.client()
        let first = self.answer(&client, self.challenge(server, at: self.start))
        let later = self.start + .seconds(300)
        #expect(self.judge(&server, first, at: later) == "stale")
        let again = server.challenge(isStale: true, at: later, entropy: &self.entropy).map { $0[...] }
        #expect(DigestChallenge(again[0])?.isStale == true)
        let second = self.answer(&client, again)
        #expect(self.judge(&server, second, at: later) == "accepted")
    }

    @Test("a nonce that another server or nobody made is stale", .spec("RFC 7616 §3.3", "RFC 7616 §5.4"))
    mutating func foreignNonce() throws {
        var server = self.server()
        let other = self.server(secret: "other")
        var client = self.client()
        #expect(
            self.judge(&server, self.answer(&client, self.challenge(other, at: self.start)), at: self.start) == "stale")
        var made = self.client()
        let invented = [self.octets(#"Digest realm="example.com", nonce="0000", qop="auth""#)]
        #expect(self.judge(&server, self.answer(&made, invented), at: self.start) == "stale")
    }

    @Test(
        "a nonce is bound to its realm, and answers for other realms are passed over",
        .spec("RFC 7616 §3.3", "RFC 3261 §22.1", "RFC 3261 §22.4/1"))
    mutating func realms() throws {
        var server = self.server()
        let other = self.server(realm: "elsewhere.org")
        var client = self.client()
        let foreign = self.answer(&client, self.challenge(other, at: self.start))
        #expect(self.judge(&server, foreign, at: self.start) == "absent")
        let theirs = try #require(DigestChallenge(self.challenge(other, at: self.start)[0]))
        var moved = theirs
        moved.realm = self.octets(Self.realm)
        var mover = self.client()
        let serialised = moved.serialised()
        #expect(self.judge(&server, self.answer(&mover, [serialised[...]]), at: self.start) == "stale")
        var both = self.client()
        let mixed = self.challenge(other, at: self.start) + self.challenge(server, at: self.start)
        let headers = self.answer(&both, mixed)
        #expect(headers.count == 2, "each realm of aggregated challenges is answered (RFC 3261 §22.3)")
        #expect(self.judge(&server, headers, at: self.start) == "accepted")
    }

    @Test(
        "what was made for another method, URI or body is refused",
        .spec("RFC 7616 §3.4.3", "RFC 3261 §22.4", "RFC 3261 §22.4/1", "REQ-33141-29", "REQ-33141-46"))
    mutating func otherRequest() throws {
        var server = self.server { $0.protections = [.integrity] }
        var client = self.client()
        let headers = self.answer(&client, self.challenge(server, at: self.start), body: "one")
        #expect(self.judge(&server, headers, method: "INVITE", body: "one", at: self.start) == "wrong")
        #expect(self.judge(&server, headers, body: "two", at: self.start) == "wrong")
        #expect(self.judge(&server, headers, uri: "sip:other.example", body: "one", at: self.start) == "malformed")
        #expect(self.judge(&server, headers, uri: "sip:EXAMPLE.com;x=y", body: "one", at: self.start) == "accepted")
    }

    @Test(
        "responses without qop are taken only where that is configured",
        .spec("RFC 2617 §3.2.2", "RFC 7616 §3.4", "RFC 3261 §22.4/4"))
    mutating func legacy() throws {
        let strict = self.server { $0.algorithms = [.md5] }
        var lenient = self.server {
            $0.algorithms = [.md5]
            $0.allowsMissingProtection = true
        }
        let challenge = try #require(DigestChallenge(self.challenge(strict, at: self.start)[0]))
        let old = DigestChallenge(
            realm: challenge.realm, nonce: challenge.nonce, opaque: nil, isStale: false, algorithm: .md5,
            protections: [])
        let serialised = old.serialised()
        var client = self.client()
        let headers = self.answer(&client, [serialised[...]])
        var server = strict
        #expect(self.judge(&server, headers, at: self.start) == "absent")
        #expect(self.judge(&lenient, headers, at: self.start) == "accepted")
    }

    @Test(
        "an algorithm that was not offered cannot be forced on the server",
        .spec("RFC 8760 §2.5", "RFC 7616 §5.8", "REQ-33141-31"))
    mutating func downgrade() throws {
        var server = self.server { $0.algorithms = [.sha256] }
        let challenge = try #require(DigestChallenge(self.challenge(server, at: self.start)[0]))
        let weaker = DigestChallenge(
            realm: challenge.realm, nonce: challenge.nonce, opaque: challenge.opaque, isStale: false, algorithm: .md5,
            protections: [.authentication])
        let serialised = weaker.serialised()
        var client = self.client()
        #expect(self.judge(&server, self.answer(&client, [serialised[...]]), at: self.start) == "absent")
    }

    @Test(
        "a client answers a refusal of its password once and never the same nonce twice",
        .spec("RFC 3261 §22.2", "RFC 7616 §3.3"))
    mutating func givingUp() throws {
        let server = self.server()
        var client = self.client(password: "guess")
        let challenge = self.challenge(server, at: self.start)
        #expect(!self.answer(&client, challenge).isEmpty)
        #expect(self.answer(&client, challenge).isEmpty)
        var other = self.client(password: "guess")
        #expect(!self.answer(&other, self.challenge(server, at: self.start)).isEmpty)
        #expect(
            self.answer(&other, self.challenge(server, at: self.start)).isEmpty,
            "a fresh nonce without stale means: wrong")
        var proven = self.client()
        #expect(!self.answer(&proven, self.challenge(server, at: self.start)).isEmpty)
        proven.accepted()
        #expect(
            !self.answer(&proven, self.challenge(server, at: self.start)).isEmpty, "a server that restarted asks anew")
    }

    @Test("the client counts its use of a nonce, and takes a next one", .spec("RFC 7616 §3.4", "RFC 7616 §3.5"))
    mutating func counting() throws {
        let server = self.server()
        var client = self.client()
        #expect(client.authorization(method: [], uri: [], body: [], entropy: &self.entropy).isEmpty)
        _ = self.answer(&client, self.challenge(server, at: self.start))
        let second = client.authorization(
            method: self.octets("REGISTER"), uri: self.octets("sip:example.com"), body: [], entropy: &self.entropy)
        #expect(String(decoding: second[0], as: UTF8.self).contains("nc=00000002"))
        client.accepted(authenticationInfo: self.octets(#"nextnonce="fresh", qop=auth"#))
        let third = client.authorization(
            method: self.octets("REGISTER"), uri: self.octets("sip:example.com"), body: [], entropy: &self.entropy)
        #expect(String(decoding: third[0], as: UTF8.self).contains("nc=00000001"))
        #expect(String(decoding: third[0], as: UTF8.self).contains(#"nonce="fresh""#))
    }

    @Test("the server can prove that it knows the password too", .spec("RFC 7616 §3.5"))
    mutating func authenticationInfo() throws {
        let server = self.server()
        var client = self.client()
        let headers = self.answer(&client, self.challenge(server, at: self.start))
        guard case .needed(let question, let response) = server.assess(headers.map { $0[...] }, at: self.start),
            case .found(let credentials) = self.known
        else {
            Issue.record("the answer was not understood")
            return
        }
        #expect(question == CredentialQuestion(user: "alice", realm: Self.realm))
        let info = try #require(server.authenticationInfo(for: response, credentials: credentials, body: []))
        let text = String(decoding: info, as: UTF8.self)
        #expect(text.hasPrefix("rspauth=\"") && text.contains("nc=00000001") && text.contains("qop=auth"))
    }

    @Test("the table of counters is bounded, and what falls out of it is stale", .spec("RFC 7616 §5.5", "REQ-33141-D9"))
    mutating func bounded() throws {
        var server = self.server { $0.maximumTrackedNonces = 4 }
        var first: [[UInt8]] = []
        for index in 0..<20 {
            var client = self.client()
            let now = self.start + .seconds(index)
            let headers = self.answer(&client, self.challenge(server, at: now))
            if index == 0 { first = headers }
            #expect(self.judge(&server, headers, at: now) == "accepted")
            #expect(server.trackedNonces <= 4)
        }
        #expect(self.judge(&server, first, at: self.start + .seconds(20)) == "stale")
        var late = self.client()
        let headers = self.answer(&late, self.challenge(server, at: self.start + .seconds(1000)))
        #expect(self.judge(&server, headers, at: self.start + .seconds(1000)) == "accepted")
        #expect(server.trackedNonces == 1, "expired nonces are forgotten")
    }

    @Test("secrets do not show when they are printed")
    func redaction() {
        guard case .found(let credentials) = self.known else { return }
        var shown = ""
        dump(credentials, to: &shown)
        #expect(!shown.contains("[48,") && !"\(credentials)".contains("secret"))
        #expect("\(credentials)".contains("<redacted>"))
    }

    @Test("Basic is never taken and never offered", .spec("RFC 3261 §22.4/3", "REQ-33141-31"))
    func basic() {
        var server = self.server()
        // alice:secret, in the clear for everybody on the way.
        let headers = [Array("Basic YWxpY2U6c2VjcmV0".utf8)]
        #expect(self.judge(&server, headers, at: self.start) == "absent")
        var entropy = Entropy.seeded(1)
        for challenge in server.challenge(at: self.start, entropy: &entropy) {
            #expect(challenge.starts(with: Array("Digest ".utf8)))
        }
    }
}
