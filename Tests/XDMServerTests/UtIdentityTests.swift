import DigestAuth
import Ground
import MusterTesting
import Testing
import XDMServer

@Suite("Who asks on Ut, and attacks on that")
struct UtIdentityTests {
    static func withDigest(_ change: (inout XDMServer.Configuration) -> Void = { _ in }) -> UtBench {
        var bench = UtBench {
            $0.authentication = .digest(
                DigestAuthenticator.Configuration(realm: "home.net", nonceSecret: Redacted(Array("secret".utf8))))
            change(&$0)
        }
        for user in ["alice", "bob"] {
            bench.credentials[user] = DigestCredentials(
                identities: [Array("sip:\(user)@home.net".utf8)], user: user, realm: "home.net",
                password: Redacted("pw-\(user)"))
        }
        return bench
    }

    /// A client with its own memory of nonces.
    struct Client {
        var digest: DigestClient
        var entropy = Entropy.seeded(3)

        init(_ user: String, password: String? = nil, algorithms: Set<DigestAlgorithm> = [.sha256, .md5]) {
            self.digest = DigestClient(
                user: user, password: Redacted(password ?? "pw-\(user)"), algorithms: algorithms)
        }

        /// Authorization for a request, made of a challenge.
        mutating func authorization(_ challenge: UtResponse, _ method: String, _ uri: String) throws -> String {
            let made = self.digest.answer(
                challenges: challenge.fields("WWW-Authenticate").map { Array($0.utf8)[...] },
                method: Array(method.utf8)[...], uri: Array(uri.utf8)[...], body: [], entropy: &self.entropy)
            return String(decoding: try #require(made.first), as: UTF8.self)
        }

        /// Authorization with the next count of the same nonce.
        mutating func next(_ method: String, _ uri: String) throws -> String {
            let made = self.digest.authorization(
                method: Array(method.utf8)[...], uri: Array(uri.utf8)[...], body: [], entropy: &self.entropy)
            return String(decoding: try #require(made.first), as: UTF8.self)
        }
    }

    private static func ask(
        _ bench: inout UtBench, _ method: String, _ target: String, _ authorization: String?,
        intended: String? = nil, type: String? = nil, body: String = ""
    ) -> UtResponse {
        bench.send(
            UtBench.request(
                method, target, as: nil, trusted: false, type: type, authorization: authorization, intended: intended,
                body: body))
    }

    @Test(
        "who does not say who it is, is challenged for each algorithm, whatever it asks for",
        .spec("REQ-33141-15", "REQ-33141-16", "REQ-33141-51", "REQ-33141-20"))
    func challenged() {
        var bench = Self.withDigest()
        for (method, target) in [("GET", Sample.lists), ("PUT", Sample.lists), ("GET", "xcap-caps/global/index")] {
            let answer = Self.ask(&bench, method, target, nil, type: Sample.listType, body: Sample.friends)
            #expect(answer.status == 401 && answer.body.isEmpty)
            let challenges = answer.fields("WWW-Authenticate")
            #expect(challenges.count == 2)
            #expect(challenges.first?.contains("algorithm=SHA-256") == true)
            #expect(challenges.last?.contains("algorithm=MD5") == true)
            #expect(challenges.allSatisfy { $0.contains("qop=\"auth\"") && $0.contains("realm=\"home.net\"") })
        }
        #expect(bench.storage.isEmpty)
        #expect(bench.server.counters.challenges == 3)
    }

    @Test("digest lets a user at its own documents, by SHA-256 and by MD5", .spec("REQ-33141-15", "REQ-33141-D5"))
    func digest() throws {
        for algorithm in [DigestAlgorithm.sha256, .md5] {
            var bench = Self.withDigest()
            var client = Client("alice", algorithms: [algorithm])
            let uri = UtBench.root + Sample.lists
            let challenge = Self.ask(&bench, "PUT", Sample.lists, nil)
            let proof = try client.authorization(challenge, "PUT", uri)
            let created = Self.ask(
                &bench, "PUT", Sample.lists, proof, type: Sample.listType, body: Sample.friends)
            #expect(created.status == 201)
            #expect(created.field("Authentication-Info")?.contains("rspauth=") == true)
            let again = try client.next("GET", uri)
            #expect(Self.ask(&bench, "GET", Sample.lists, again).text == Sample.friends)
        }
    }

    @Test("a proof that covers the body holds for no other one", .spec("REQ-33141-46", "RFC 7616 §3.4.3"))
    func protectedBody() throws {
        var bench = UtBench {
            $0.authentication = .digest(
                DigestAuthenticator.Configuration(
                    realm: "home.net", protections: [.authentication, .integrity],
                    nonceSecret: Redacted(Array("secret".utf8))))
        }
        let credentials = DigestCredentials(
            identities: [Array("sip:alice@home.net".utf8)], user: "alice", realm: "home.net",
            password: Redacted("pw-alice"))
        bench.credentials["alice"] = credentials
        let packed: [UInt8] = [0x1F, 0x8B, 1, 2, 3]
        for (proven, packed, status) in [
            (Array(Sample.friends.utf8), nil, 201), (Array("x".utf8), nil, 401), (packed, packed, 200),
            (Array(Sample.friends.utf8), packed, 401),
        ] as [([UInt8], [UInt8]?, Int)] {
            let challenge = Self.ask(&bench, "PUT", Sample.lists, nil).fields("WWW-Authenticate")
            #expect(challenge.allSatisfy { $0.contains("qop=\"auth,auth-int\"") })
            // A client that has no choice protects the body.
            var client = Client("alice")
            let only = challenge.map { Array($0.replacing("auth,auth-int", with: "auth-int").utf8)[...] }
            let made = client.digest.answer(
                challenges: only, method: Array("PUT".utf8)[...], uri: Array((UtBench.root + Sample.lists).utf8)[...],
                body: proven[...], entropy: &client.entropy)
            var request = UtBench.request(
                "PUT", Sample.lists, as: nil, trusted: false, type: Sample.listType,
                authorization: String(decoding: try #require(made.first), as: UTF8.self), body: Sample.friends)
            request.packedBody = packed
            #expect(bench.send(request).status == status)
        }
    }

    @Test("a wrong password and an unknown user get one and the same answer", .spec("REQ-33141-55", "REQ-33141-D7"))
    func wrongPassword() throws {
        var bench = Self.withDigest()
        for var client in [Client("alice", password: "guess"), Client("nobody")] {
            let challenge = Self.ask(&bench, "GET", Sample.lists, nil)
            let proof = try client.authorization(challenge, "GET", UtBench.root + Sample.lists)
            let answer = Self.ask(&bench, "GET", Sample.lists, proof)
            #expect(answer.status == 401 && answer.fields("WWW-Authenticate").count == 2 && answer.body.isEmpty)
        }
    }

    @Test("a recorded response opens neither the same resource twice nor another one", .spec("REQ-33141-30"))
    func replay() throws {
        var bench = Self.withDigest()
        var client = Client("alice")
        let uri = UtBench.root + Sample.lists
        let challenge = Self.ask(&bench, "GET", Sample.lists, nil)
        let proof = try client.authorization(challenge, "GET", uri)
        #expect(Self.ask(&bench, "GET", Sample.lists, proof).status == 404, "proven, and there is no document")
        let again = Self.ask(&bench, "GET", Sample.lists, proof)
        #expect(again.status == 401 && again.fields("WWW-Authenticate").first?.contains("stale=true") == true)
        let fresh = try client.next("GET", uri)
        #expect(Self.ask(&bench, "GET", Sample.services, fresh).status == 400, "made for another resource")
        #expect(Self.ask(&bench, "PUT", Sample.lists, fresh, type: Sample.listType, body: Sample.friends).status == 401)
        let old = try client.next("GET", uri)
        bench.now += .seconds(3600)
        let late = Self.ask(&bench, "GET", Sample.lists, old)
        #expect(late.status == 401 && late.fields("WWW-Authenticate").first?.contains("stale=true") == true)
        #expect(bench.storage.isEmpty)
    }

    @Test("an identity that an untrusted peer asserts counts for nothing", .spec("REQ-33141-41", "REQ-33141-42"))
    func foreignAssertion() {
        var bench = Self.withDigest()
        let forged = UtBench.request("GET", Sample.lists, as: "alice", trusted: false)
        #expect(bench.send(forged).status == 401)
        #expect(bench.observations == [.foreignAssertion])
        var closed = UtBench()
        #expect(closed.send(forged).status == 403, "without any way to prove an identity nobody has one")
        #expect(closed.send(UtBench.request("GET", "xcap-caps/global/index", as: nil, trusted: true)).status == 403)
    }

    @Test(
        "a trusted proxy may assert several identities, in every form of the header",
        .spec("REQ-33141-15", "OMA XDM identity/1"))
    func severalAsserted() {
        for header in [
            "\"tel:+12015550123\", \"sip:alice@home.net\"", "sip:alice@home.net", "<sip:alice@home.net>",
            " \"SIPS:alice@HOME.net\" ,\"sip:x,y@home.net\"",
        ] {
            var bench = UtBench()
            let put = UtBench.request(
                "PUT", Sample.lists, type: Sample.listType, asserted: header, body: Sample.friends)
            #expect(bench.send(put).status == 201, "\(header)")
        }
        for header in ["", "\"\"", "alice", "\"sip:alice@home.net", "sip:alice@home.net;x=y", "sip:@home.net"] {
            var bench = UtBench()
            let put = UtBench.request(
                "PUT", Sample.lists, type: Sample.listType, asserted: header, body: Sample.friends)
            #expect(bench.send(put).status == 403, "\(header)")
            #expect(bench.storage.isEmpty)
        }
    }

    @Test("a user may say as whom it acts, if that is itself", .spec("REQ-33141-40"))
    func intention() throws {
        var bench = Self.withDigest()
        var client = Client("alice")
        let uri = UtBench.root + Sample.lists
        let challenge = Self.ask(&bench, "GET", Sample.lists, nil)
        let proof = try client.authorization(challenge, "GET", uri)
        #expect(Self.ask(&bench, "GET", Sample.lists, proof, intended: "\"sip:alice@home.net\"").status == 404)
        for other in ["\"sip:bob@home.net\"", "nonsense", "\"sip:alice@home.net\",\"sip:bob@home.net\""] {
            let proof = try client.next("GET", uri)
            #expect(Self.ask(&bench, "GET", Sample.lists, proof, intended: other).status == 403)
        }
    }

    @Test("the owner in the path stands in for an identity only where a load tool needs it")
    func standIn() {
        var bench = UtBench { $0.xuiStandsInForIdentity = true }
        #expect(bench.put(Sample.lists, Sample.friends, type: Sample.listType, as: nil).status == 201)
        #expect(bench.get(Sample.lists, as: nil).status == 200)
        #expect(bench.get(Sample.lists, as: "bob").status == 403, "an asserted identity counts first")
        #expect(bench.get("xcap-caps/global/index", as: nil).status == 200)
        #expect(bench.get("rls-services/global/index", as: nil).status == 403)
        #expect(bench.get(Sample.lists + "/~~/q:a", as: nil).status == 400)
    }

    @Test("requests that wait for credentials are bounded, and an unknown ticket is counted", .spec("REQ-33141-D9"))
    func bounded() throws {
        var bench = Self.withDigest { $0.limits.challengesInFlight = 0 }
        var client = Client("alice")
        let challenge = Self.ask(&bench, "GET", Sample.lists, nil)
        let proof = try client.authorization(challenge, "GET", UtBench.root + Sample.lists)
        let refused = Self.ask(&bench, "GET", Sample.lists, proof)
        #expect(refused.status == 503 && refused.field("Retry-After") == "30")
        bench.give(.loaded(Ticket(number: 77), .unknown))
        #expect(bench.observations == [.challengeLimit, .unknownTicket])
    }

    @Test("what is no digest is challenged, and what is broken is refused")
    func broken() {
        var bench = Self.withDigest()
        #expect(Self.ask(&bench, "GET", Sample.lists, "Basic YWxpY2U6cHc=").status == 401)
        #expect(Self.ask(&bench, "GET", Sample.lists, "Digest username=\"alice\"").status == 400)
        #expect(Self.ask(&bench, "GET", Sample.lists, "Digest ,,,\u{0}").status == 400)
    }
}
