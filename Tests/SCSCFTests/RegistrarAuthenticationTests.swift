import DigestAuth
import Ground
import MusterTesting
import SCSCF
import SIPTransactions
import SIPWire
import Testing

/// Who may register, and what attackers try.
@Suite("Registrar authentication")
struct RegistrarAuthenticationTests {
    private let alice = Array("sip:alice@example.com".utf8)

    /// Sends a REGISTER, answers its challenge, and sends it again.
    private func register(
        _ bench: inout Bench, as name: String, password: String? = nil, user: String = "alice",
        contacts: [String] = ["<sip:x@192.0.2.16>"]
    ) throws -> String {
        var client = DigestClient(user: name, password: Redacted(password ?? "secret-\(name)"))
        try bench.receive(Requests.register(contacts, user: user))
        let challenge = try bench.answer()
        #expect(challenge.status == 401)
        let headers = client.answer(
            challenges: challenge.all(.wwwAuthenticate), method: Array("REGISTER".utf8)[...],
            uri: Array("sip:example.com".utf8)[...], body: [], entropy: &bench.entropy)
        let text = Requests.register(
            contacts, user: user, cseq: 2,
            headers: headers.map { "Authorization: " + String(decoding: $0, as: UTF8.self) })
        try bench.receive(text)
        return text
    }

    @Test(
        "a REGISTER is challenged, and accepted with the right answer",
        .spec(
            "RFC 3261 §22.2", "RFC 3261 §10.3", "RFC 8760 §2.3", "RFC 7315 §4.1", "RFC 3261 §10.3/3", "REQ-33141-51",
            "REQ-33141-62"))
    func acceptance() throws {
        var bench = Bench()
        _ = try self.register(&bench, as: "alice")
        let answer = try bench.answer()
        #expect(answer.status == 200)
        #expect(answer.texts(.pAssociatedURI) == ["<sip:alice@example.com>"])
        #expect(bench.box.isBound(self.alice, at: bench.now))
    }

    @Test("there is a challenge for each algorithm, the stronger first", .spec("RFC 8760 §2.3"))
    func challenges() throws {
        var bench = Bench()
        try bench.receive(Requests.register(["<sip:x@192.0.2.16>"]))
        let challenges = try bench.answer().all(.wwwAuthenticate).compactMap { DigestChallenge($0) }
        #expect(challenges.map(\.algorithm) == [.sha256, .md5])
        #expect(bench.stored.isEmpty && bench.asked.isEmpty, "nothing is looked up for somebody who has shown nothing")
    }

    @Test(
        "a wrong password is challenged again, and an unknown user looks the same",
        .spec("RFC 3261 §22.1", "RFC 7616 §5.2"))
    func wrong() throws {
        var bench = Bench()
        _ = try self.register(&bench, as: "alice", password: "guess")
        #expect(try bench.answer().status == 401)
        var other = Bench()
        _ = try self.register(&other, as: "nobody")
        #expect(try other.answer().status == 401)
        #expect(!bench.box.isBound(self.alice, at: bench.now))
    }

    @Test(
        "nobody registers for somebody else",
        .spec("RFC 3261 §10.3", "RFC 3261 §26.1.1", "RFC 3261 §10.3/4", "REQ-33141-22"))
    func foreignIdentity() throws {
        var bench = Bench()
        _ = try self.register(&bench, as: "alice", user: "bob")
        #expect(try bench.answer().status == 403)
        #expect(!bench.box.isBound(Array("sip:bob@example.com".utf8), at: bench.now))
    }

    @Test("a recorded REGISTER is worthless", .spec("RFC 7616 §5.5", "RFC 3261 §26.1.1", "REQ-33141-30"))
    func replay() throws {
        var bench = Bench()
        let text = try self.register(&bench, as: "alice")
        #expect(try bench.answer().status == 200)
        try bench.receive(text)
        let refused = try bench.answer()
        #expect(refused.status == 401)
        #expect(DigestChallenge(refused.all(.wwwAuthenticate)[0])?.isStale == true)
        #expect(bench.stored.isEmpty)
        let changed = text.replacing("<sip:x@192.0.2.16>", with: "<sip:thief@203.0.113.66>")
        try bench.receive(changed)
        #expect(try bench.answer().status == 401)
    }

    @Test("an expired nonce is stale", .spec("RFC 7616 §3.3", "RFC 3261 §22.4/2"))
    func expired() throws {
        var bench = Bench()
        var client = DigestClient(user: "alice", password: Redacted("secret-alice"))
        try bench.receive(Requests.register(["<sip:x@192.0.2.16>"]))
        let headers = client.answer(
            challenges: try bench.answer().all(.wwwAuthenticate), method: Array("REGISTER".utf8)[...],
            uri: Array("sip:example.com".utf8)[...], body: [], entropy: &bench.entropy)
        try bench.wait(.seconds(301))
        try bench.receive(
            Requests.register(
                ["<sip:x@192.0.2.16>"], cseq: 2,
                headers: ["Authorization: " + String(decoding: headers[0], as: UTF8.self)]))
        #expect(try bench.answer().status == 401)
        #expect(DigestChallenge(try bench.answer().all(.wwwAuthenticate)[0])?.isStale == true)
    }

    @Test("broken credentials are answered 400", .spec("RFC 3261 §21.4.1"))
    func malformed() throws {
        var bench = Bench()
        try bench.receive(
            Requests.register(["<sip:x@192.0.2.16>"], headers: ["Authorization: Digest username=\"alice"]))
        #expect(try bench.answer().status == 400)
    }

    @Test(
        "a trusted peer's assertion stands for a digest, an outsider's does not",
        .spec("RFC 3325 §5", "RFC 3325 §9.1", "REQ-33141-42"))
    func asserted() throws {
        let text = Requests.register(["<sip:x@192.0.2.16>"], headers: ["P-Asserted-Identity: <sip:alice@example.com>"])
        var bench = Bench()
        try bench.receive(text, from: Bench.origin(trusted: true))
        #expect(try bench.answer().status == 200)
        var outside = Bench()
        try outside.receive(text)
        #expect(try outside.answer().status == 401)
        var other = Bench()
        let wrong = Requests.register(["<sip:x@192.0.2.16>"], headers: ["P-Asserted-Identity: <sip:bob@example.com>"])
        try other.receive(wrong, from: Bench.origin(trusted: true))
        #expect(try other.answer().status == 403)
    }

    @Test("a database that stays silent costs nothing but an answer", .spec("RFC 3261 §21.5.1", "REQ-33141-57"))
    func silence() throws {
        var bench = Bench { $0.limits.pendingAnswers = 1 }
        bench.answersDatabase = false
        var client = DigestClient(user: "alice", password: Redacted("secret-alice"))
        try bench.receive(Requests.register(["<sip:x@192.0.2.16>"]))
        let headers = client.answer(
            challenges: try bench.answer().all(.wwwAuthenticate), method: Array("REGISTER".utf8)[...],
            uri: Array("sip:example.com".utf8)[...], body: [], entropy: &bench.entropy)
        let text = Requests.register(
            ["<sip:x@192.0.2.16>"], cseq: 2, headers: ["Authorization: " + String(decoding: headers[0], as: UTF8.self)])
        try bench.receive(text)
        #expect(bench.answers.isEmpty)
        try bench.receive(text)
        #expect(try bench.answer().status == 503)
        #expect(try bench.answer().count(.retryAfter) == 1)
        try bench.wait(.seconds(10))
        #expect(bench.statuses == [500])
        #expect(bench.box.isIdle)
        try bench.take(.loaded(bench.asked[0], .unknown))
        #expect(bench.answers.isEmpty, "an answer that comes too late is dropped")
    }
}
