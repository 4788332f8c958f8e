import DigestAuth
import Ground
import MusterTesting
import SCSCF
import SIPTransactions
import SIPWire
import Testing

/// What is asserted about a sender, and what is taken away (RFC 3325, RFC 3323).
@Suite("Sender identity")
struct SenderIdentityTests {
    private func bench() throws -> Bench {
        var bench = Bench()
        let text = Requests.register(
            ["<sip:bob@192.0.2.31>"], user: "bob", headers: ["P-Asserted-Identity: <sip:bob@example.com>"])
        try bench.receive(text, from: Bench.origin(trusted: true))
        return bench
    }

    /// Sends a request, answers the 407, and sends it again.
    private func authenticated(
        _ bench: inout Bench, as name: String, from: String, to: String = "sip:bob@example.com", headers: [String] = []
    ) throws {
        var client = DigestClient(user: name, password: Redacted("secret-\(name)"))
        try bench.receive(Requests.request(to: to, from: from, headers: headers))
        let challenge = try bench.answer()
        #expect(challenge.status == 407)
        let values = client.answer(
            challenges: challenge.all(.proxyAuthenticate), method: Array("MESSAGE".utf8)[...], uri: Array(to.utf8)[...],
            body: [],
            entropy: &bench.entropy)
        let credentials = values.map { "Proxy-Authorization: " + String(decoding: $0, as: UTF8.self) }
        try bench.receive(Requests.request(to: to, from: from, call: "c2", cseq: 2, headers: headers + credentials))
    }

    @Test("an outsider's claims are taken away", .spec("RFC 3325 §5", "RFC 3325 §9.1", "REQ-33141-41", "REQ-33141-47"))
    func forged() throws {
        var bench = try self.bench()
        try bench.receive(
            Requests.request(
                to: "sip:bob@example.com",
                headers: ["P-Asserted-Identity: <sip:ceo@example.com>", "P-Preferred-Identity: <sip:ceo@example.com>"]))
        let copy = try #require(bench.copies.first).request
        #expect(copy.count(.pAssertedIdentity) == 0)
        #expect(copy.count(.pPreferredIdentity) == 0)
        #expect(bench.observed.contains(.claimedIdentityStripped))
    }

    @Test(
        "who says to be one of ours must prove it",
        .spec("RFC 3261 §22.3", "RFC 3325 §5", "RFC 3261 §16.3/5", "RFC 3261 §22.3/1"))
    func claimsUser() throws {
        var bench = try self.bench()
        try self.authenticated(&bench, as: "alice", from: "sip:alice@example.com")
        let copy = try #require(bench.copies.first).request
        #expect(copy.texts(.pAssertedIdentity) == ["<sip:alice@example.com>"])
        #expect(copy.count(.proxyAuthorization) == 0, "our credentials end here")
    }

    @Test(
        "the password of one does not make another of its owner",
        .spec("RFC 3261 §26.1.1", "RFC 3325 §5", "REQ-33141-22"))
    func spoofing() throws {
        var bench = try self.bench()
        try self.authenticated(&bench, as: "alice", from: "sip:carol@example.com")
        #expect(bench.statuses == [403])
        #expect(bench.copies.isEmpty)
    }

    @Test("a preferred identity is honoured if it is the sender's own", .spec("RFC 3325 §6"))
    func preferred() throws {
        var bench = try self.bench()
        bench.users["alice"]?.identities.append(Array("sip:sales@example.com".utf8))
        try self.authenticated(
            &bench, as: "alice", from: "sip:alice@example.com",
            headers: ["P-Preferred-Identity: <sip:sales@example.com>"])
        #expect(bench.copies.first?.request.texts(.pAssertedIdentity) == ["<sip:sales@example.com>"])
        try self.authenticated(
            &bench, as: "alice", from: "sip:alice@example.com", headers: ["P-Preferred-Identity: <sip:bob@example.com>"]
        )
        #expect(bench.copies.first?.request.texts(.pAssertedIdentity) == ["<sip:alice@example.com>"])
    }

    @Test(
        "a trusted peer's assertion passes, but not to outsiders when privacy is asked for",
        .spec("RFC 3325 §5", "RFC 3325 §7", "RFC 3323 §4.2", "REQ-33141-47", "REQ-33141-48"))
    func privacy() throws {
        var bench = try self.bench()
        let asserted = ["P-Asserted-Identity: \"A\" <sip:alice@example.com>, <tel:+4912345>"]
        try bench.receive(
            Requests.request(to: "sip:bob@example.com", headers: asserted), from: Bench.origin(trusted: true))
        #expect(
            bench.copies.first?.request.texts(.pAssertedIdentity) == [
                "\"A\" <sip:alice@example.com>", "<tel:+4912345>",
            ])
        try bench.receive(
            Requests.request(to: "sip:bob@example.com", call: "c2", headers: asserted + ["Privacy: id"]),
            from: Bench.origin(trusted: true))
        #expect(bench.copies.first?.request.count(.pAssertedIdentity) == 0)
        var trusting = Bench { $0.trustedDomains = ["friend.example"] }
        try trusting.receive(
            Requests.request(to: "sip:x@friend.example", headers: asserted + ["Privacy: id"]),
            from: Bench.origin(trusted: true))
        #expect(trusting.copies.first?.request.count(.pAssertedIdentity) == 1)
    }

    @Test("an answerer outside asserts nothing either", .spec("RFC 3325 §5", "REQ-33141-41"))
    func responses() throws {
        var bench = try self.bench()
        try bench.receive(Requests.request(to: "sip:bob@example.com"))
        try bench.respond(to: bench.copies[0], 200, [(.pAssertedIdentity, "<sip:ceo@example.com>")])
        #expect(try bench.answer().count(.pAssertedIdentity) == 0)
    }

    @Test(
        "our users may reach other domains, once they have proven who they are",
        .spec("RFC 3261 §16.3", "RFC 3261 §22.3", "RFC 3261 §16.5/1"))
    func outgoing() throws {
        var bench = try self.bench()
        try self.authenticated(&bench, as: "alice", from: "sip:alice@example.com", to: "sip:friend@elsewhere.org")
        let copy = try #require(bench.copies.first)
        guard case .uri(let uri) = copy.target else { return }
        #expect(uri.host.text == "elsewhere.org")
        #expect(copy.request.texts(.pAssertedIdentity) == ["<sip:alice@example.com>"])
    }

    @Test("a wrong password is challenged again", .spec("RFC 3261 §22.3"))
    func wrongPassword() throws {
        var bench = try self.bench()
        bench.users["alice"] = bench.users["carol"]
        try self.authenticated(&bench, as: "alice", from: "sip:alice@example.com")
        #expect(bench.statuses == [407])
        #expect(bench.copies.isEmpty)
    }

    @Test("a CANCEL finds a request that still waits for the database", .spec("RFC 3261 §9.2", "RFC 3261 §16.10"))
    func cancelWhileAsking() throws {
        var bench = Bench { $0.directory = .subscribers }
        bench.answersDatabase = false
        let transaction = try bench.receive(Requests.request("INVITE", to: "sip:carol@example.com"))
        #expect(bench.answers.isEmpty)
        try bench.take(.cancelReceived(transaction))
        #expect(bench.statuses == [487])
        #expect(bench.box.isIdle)
    }
}
