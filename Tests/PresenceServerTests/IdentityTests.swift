import DigestAuth
import EventNotification
import Ground
import MusterTesting
import PresenceServer
import SIPTransactions
import SIPWire
import Testing

@Suite("Who sent a request, and attacks on that")
struct IdentityTests {
    /// A server as in an operator's network: From decides nothing.
    static func strict(_ change: (inout PresenceServer.Configuration) -> Void = { _ in }) -> Bench {
        Bench {
            $0.fromStandsInForIdentity = false
            change(&$0)
        }
    }

    static func withDigest() -> Bench {
        var bench = Self.strict {
            $0.authentication = .digest(
                DigestAuthenticator.Configuration(realm: "bench.test", nonceSecret: Redacted(Array("secret".utf8))))
        }
        bench.trusted = false
        for user in ["ann", "bob"] {
            bench.users[user] = DigestCredentials(
                identities: [Array("sip:\(user)@bench.test".utf8)], user: user, realm: "bench.test",
                password: Redacted("pw-\(user)"))
        }
        return bench
    }

    @Test(
        "an identity that the trust domain asserted counts",
        .spec(
            "RFC 3325 §5", "REQ-24141-20", "REQ-23141-11", "REQ-22141-19", "RFC 3856 §6.6.1/1", "REQ-33141-11",
            "REQ-33141-47"))
    func asserted() throws {
        var bench = Self.strict { $0.defaultHandling = .block }
        bench.setRules("ann", [Bench.rule("ann", "bob", .allow)])
        let extra = Bench.asserted("sip:bob@bench.test")
        #expect(try bench.subscribe("ann", as: "sip:someone@else.test", extra: extra).answer.status == 200)
        #expect(bench.subscriptions.values.first?.watcher == Array("sip:bob@bench.test".utf8))
    }

    @Test("of two asserted identities the SIP one counts for rules, each for publishing", .spec("RFC 3325 §9.1"))
    func twoAsserted() throws {
        var bench = Self.strict { $0.defaultHandling = .block }
        bench.setRules("ann", [Bench.rule("ann", "bob", .allow)])
        let extra = "P-Asserted-Identity: <tel:+12015550123>, <sip:bob@bench.test>\r\n"
        #expect(try bench.subscribe("ann", extra: extra).answer.status == 200)
        let text = bench.request(
            "PUBLISH", "x", extra: extra, body: Bench.pidf("x").replacingFirst("sip:x@bench.test", "tel:+12015550123"),
            uri: "tel:+12015550123")
        #expect(try bench.send(text)?.status == 200)
    }

    @Test(
        "an identity that an untrusted peer claims to be asserted is worth nothing",
        .spec("RFC 3325 §8", "RFC 3325 §6", "REQ-24141-20", "REQ-33141-11", "REQ-33141-41", "REQ-33141-42"))
    func forgedAssertion() throws {
        var bench = Self.strict { $0.defaultHandling = .block }
        bench.trusted = false
        bench.setRules("ann", [Bench.rule("ann", "bob", .allow)])
        let extra = Bench.asserted("sip:bob@bench.test")
        #expect(try bench.subscribe("ann", as: "bob", extra: extra).answer.status == 403)
        #expect(bench.decisions.last?.actor == [])
        #expect(bench.decisions.last?.reason == .anonymousHandling)
        #expect(try bench.publish("bob", extra: extra).status == 403)
        #expect(bench.publications.isEmpty)
    }

    @Test("From decides nothing", .spec("RFC 3261 §22", "REQ-24141-20", "RFC 3903 §14.1/1", "REQ-33141-11"))
    func forgedFrom() throws {
        var bench = Self.strict { $0.defaultHandling = .block }
        bench.setRules("ann", [Bench.rule("ann", "bob", .allow)])
        #expect(try bench.subscribe("ann", as: "ann").answer.status == 403)
        #expect(try bench.subscribe("ann", as: "bob").answer.status == 403)
        #expect(try bench.publish("ann").status == 403)
    }

    @Test(
        "nobody publishes for somebody else",
        .spec(
            "RFC 3903 §14.1", "RFC 3903 §6", "REQ-24141-23", "REQ-23141-7", "RFC 3856 §6.11.1/1", "RFC 3903 §6/17",
            "RFC 3903 §14.1/1", "REQ-33141-22"))
    func foreignPublication() throws {
        var bench = Self.strict()
        let extra = Bench.asserted("sip:bob@bench.test")
        let answer = try bench.publish("ann", extra: extra)
        #expect(answer.status == 403)
        #expect(bench.observations.contains(.foreignPublication))
        #expect(bench.decisions.last?.reason == .notThePresentity)
        // Not with the tag of the other either.
        let tag = try bench.publish("ann", extra: Bench.asserted("sip:ann@bench.test")).text(.sipETag)
        for (body, expires) in [("", "600"), ("", "0"), (Bench.pidf("ann"), "600")] {
            #expect(try bench.publish("ann", body: body, tag: tag, expires: expires, extra: extra).status == 403)
        }
        #expect(bench.publications.count == 1)
    }

    @Test("an agent of the network publishes for others", .spec("REQ-24141-23", "REQ-23141-17", "REQ-22141-10"))
    func agent() throws {
        var bench = Self.strict { $0.trustedPublishers = [Array("sip:pna@bench.test".utf8)] }
        #expect(try bench.publish("ann", extra: Bench.asserted("sip:pna@bench.test")).status == 200)
        #expect(bench.decisions.last?.reason == .trustedPublisher)
        #expect(bench.publications.values.first?.publisher == Array("sip:pna@bench.test".utf8))
    }

    @Test(
        "an anonymous watcher is treated by policy",
        .spec("REQ-22141-16", "RFC 3325 §7", "REQ-23141-11", "REQ-24141-17", "REQ-33141-12"))
    func anonymous() throws {
        var bench = Self.strict { $0.anonymousHandling = .confirm }
        #expect(try bench.subscribe("ann", as: "sip:anonymous@anonymous.invalid").answer.status == 200)
        #expect(bench.drain().last?.state.hasPrefix("pending") == true)
        bench.setRules("ann", [Bench.rule("ann", "anonymous", .allow), Bench.rule("ann", "*", .block)])
        #expect(bench.drain().last?.state.hasPrefix("active") == true)
        var stricter = Self.strict()
        #expect(try stricter.subscribe("ann").answer.status == 403)
    }

    @Test(
        "asking for privacy does not change whom rules see",
        .spec("RFC 5025 §3.1.1.1", "RFC 3325 §7", "REQ-33141-12", "REQ-33141-48"))
    func privacy() throws {
        var bench = Self.strict { $0.defaultHandling = .block }
        bench.setRules("ann", [Bench.rule("ann", "bob", .allow)])
        let extra = Bench.asserted("sip:bob@bench.test") + "Privacy: id\r\n"
        #expect(try bench.subscribe("ann", as: "sip:anonymous@anonymous.invalid", extra: extra).answer.status == 200)
    }

    @Test(
        "nobody uses the dialog of somebody else",
        .spec("RFC 6665 §4.2.1.4", "RFC 3261 §22", "RFC 6665 §4.2.1.4/4", "REQ-33141-7"))
    func foreignDialog() throws {
        var bench = Self.strict()
        let dialog = try bench.subscribe("ann", extra: Bench.asserted("sip:bob@bench.test"))
        let thief = Bench.asserted("sip:thief@bench.test")
        #expect(try bench.resubscribe(dialog, cseq: 2, extra: thief, expires: "0").status == 403)
        #expect(try bench.resubscribe(dialog, cseq: 2, extra: thief, contact: "<sip:t@127.0.0.1:9>").status == 403)
        #expect(bench.observations.contains(.foreignDialog))
        // The trust domain sends requests inside a dialog without an identity; an outsider must not.
        bench.trusted = false
        #expect(try bench.resubscribe(dialog, cseq: 2, expires: "0").status == 403)
        bench.trusted = true
        #expect(try bench.resubscribe(dialog, cseq: 2).status == 200)
        #expect(bench.drain().last?.message.requestURI.text == "sip:w@127.0.0.1:6060")
    }

    @Test(
        "a user in a certificate is an identity, a domain is not",
        .spec("RFC 5922 §7.1", "REQ-24141-20", "RFC 3856 §9.2/1", "REQ-33141-29"))
    func certificate() throws {
        var bench = Self.strict { $0.defaultHandling = .block }
        bench.trusted = false
        bench.setRules("ann", [Bench.rule("ann", "bob", .allow)])
        var origin = bench.origin
        origin.certificateIdentities = ["bench.test", "sip:bench.test", "sip:bob@bench.test"]
        #expect(try bench.send(bench.request("SUBSCRIBE", "ann"), origin: origin)?.status == 200)
        origin.certificateIdentities = ["bench.test", "sip:bench.test"]
        #expect(try bench.send(bench.request("SUBSCRIBE", "ann"), origin: origin)?.status == 403)
    }

    @Test(
        "where nothing proves an identity a digest is asked for",
        .spec(
            "RFC 3261 §22.1", "RFC 3261 §22.2", "RFC 8760 §2.3", "RFC 6665 §4.2.1.3", "REQ-24141-20",
            "RFC 3261 §7.3.1/5", "RFC 3261 §22.1/1", "RFC 3856 §6.6/1", "RFC 3856 §9.2/1", "RFC 6665 §4.2.1.3/1",
            "REQ-33141-11", "REQ-33141-51"))
    func challenge() throws {
        var bench = Self.withDigest()
        let answer = try bench.subscribe("ann", as: "bob").answer
        #expect(answer.status == 401)
        #expect(answer.all(.wwwAuthenticate).count == 2)
        #expect(answer.count(.proxyAuthenticate) == 0)
        #expect(bench.server.counters.challenges == 1)
        #expect(bench.notifications.isEmpty)
    }

    func authorized(
        _ bench: inout Bench, _ method: String, _ user: String, to presentity: String, password: String? = nil,
        from: String? = nil, body: String = "", expires: String = "600"
    ) throws -> SIPMessage {
        let make = { (bench: inout Bench, extra: String) in
            bench.request(
                method, presentity, extra: extra, body: body, from: from ?? "sip:\(user)@bench.test", expires: expires)
        }
        let challenge = try #require(try bench.send(make(&bench, "")))
        var client = DigestClient(user: user, password: Redacted(password ?? "pw-\(user)"))
        var entropy = Entropy.seeded(5)
        let answers = client.answer(
            challenges: challenge.all(.wwwAuthenticate), method: Array(method.utf8)[...],
            uri: Array("sip:\(presentity)@bench.test".utf8)[...], body: Array(body.utf8)[...], entropy: &entropy)
        let extra = answers.map { "Authorization: \(String(decoding: $0, as: UTF8.self))\r\n" }.joined()
        return try #require(try bench.send(make(&bench, extra)))
    }

    @Test(
        "the right password opens the door, whatever From says",
        .spec(
            "RFC 3261 §22.2", "RFC 7616 §3.4", "REQ-22141-19", "RFC 3856 §6.6.1/1", "RFC 3903 §6/17", "REQ-33141-29",
            "REQ-33141-62"))
    func digest() throws {
        var bench = Self.withDigest()
        #expect(try self.authorized(&bench, "SUBSCRIBE", "bob", to: "ann").status == 200)
        #expect(bench.subscriptions.values.first?.watcher == Array("sip:bob@bench.test".utf8))
        #expect(try self.authorized(&bench, "PUBLISH", "ann", to: "ann", body: Bench.pidf("ann")).status == 200)
        // Bob may not publish for Ann, also when From says Ann.
        let forged = try self.authorized(
            &bench, "PUBLISH", "bob", to: "ann", from: "sip:ann@bench.test", body: Bench.pidf("ann"))
        #expect(forged.status == 403)
        #expect(bench.publications.count == 1)
    }

    @Test(
        "a wrong password or an unknown user is challenged again",
        .spec("RFC 3261 §22.1", "RFC 7616 §3.4.6", "RFC 3261 §22.1/2", "REQ-33141-55", "REQ-33141-57"))
    func wrongPassword() throws {
        var bench = Self.withDigest()
        #expect(try self.authorized(&bench, "SUBSCRIBE", "bob", to: "ann", password: "guess").status == 401)
        #expect(try self.authorized(&bench, "SUBSCRIBE", "mallory", to: "ann").status == 401)
        #expect(bench.subscriptions.isEmpty)
    }

    @Test(
        "a captured digest does not open the door twice",
        .spec(
            "RFC 7616 §5.12", "RFC 7616 §3.4.5", "RFC 3856 §9.4/1", "RFC 3903 §14.3/1", "RFC 6665 §6.4/1",
            "REQ-33141-30"))
    func replay() throws {
        var bench = Self.withDigest()
        let challenge = try bench.subscribe("ann", as: "bob").answer
        var client = DigestClient(user: "bob", password: Redacted("pw-bob"))
        var entropy = Entropy.seeded(5)
        let answers = client.answer(
            challenges: challenge.all(.wwwAuthenticate), method: Array("SUBSCRIBE".utf8)[...],
            uri: Array("sip:ann@bench.test".utf8)[...], body: [], entropy: &entropy)
        let extra = answers.map { "Authorization: \(String(decoding: $0, as: UTF8.self))\r\n" }.joined()
        #expect(try bench.subscribe("ann", as: "bob", extra: extra).answer.status == 200)
        let again = try bench.subscribe("ann", as: "bob", extra: extra).answer
        #expect(again.status == 401)
        #expect(again.text(.wwwAuthenticate).contains("stale=true"))
    }

    @Test("an answer for an unknown ticket is counted and dropped")
    func unknownTicket() throws {
        var bench = Bench()
        bench.feed(.loaded(Ticket(number: 99), .unknown))
        #expect(bench.observations == [.unknownTicket])
        #expect(bench.responses.isEmpty)
    }

    @Test(
        "a challenged NOTIFY is sent again with credentials, once",
        .spec("RFC 3261 §22.2", "RFC 6665 §4.2.2", "RFC 6665 §4.2.2/13"))
    func challengedNotify() throws {
        var bench = Bench {
            $0.notifierCredentials = [NotifierCredentials(realm: "out.test", user: "ps", password: Redacted("pw"))]
        }
        bench.answer = nil
        _ = try bench.subscribe("ann")
        let challenge = "Digest realm=\"out.test\", nonce=\"abc\", qop=\"auth\", algorithm=SHA-256"
        bench.answerAll(401, "WWW-Authenticate: \(challenge)\r\n")
        let sent = bench.drain()
        #expect(sent.count == 2)
        #expect(sent.last?.header(.authorization).contains("username=\"ps\"") == true)
        #expect(sent.map(\.cseq) == [1, 2])
        bench.answerAll(401, "WWW-Authenticate: \(challenge)\r\n")
        #expect(bench.drain().isEmpty)
        #expect(bench.observations.contains(.notificationChallenged))
        #expect(bench.subscriptions.count == 1)
        bench.answerAll(407, "Proxy-Authenticate: \(challenge)\r\n")
    }

    @Test("a challenge of a proxy is answered in its own header", .spec("RFC 3261 §22.3", "RFC 3261 §22.3/1"))
    func challengedByProxy() throws {
        var bench = Bench {
            $0.notifierCredentials = [NotifierCredentials(realm: "out.test", user: "ps", password: Redacted("pw"))]
        }
        bench.answer = nil
        _ = try bench.subscribe("ann")
        bench.answerAll(407, "Proxy-Authenticate: Digest realm=\"out.test\", nonce=\"abc\", qop=\"auth\"\r\n")
        #expect(bench.drain().last?.header(.proxyAuthorization).contains("out.test") == true)
        bench.answerAll(407, "Proxy-Authenticate: Digest realm=\"unknown.test\", nonce=\"abc\", qop=\"auth\"\r\n")
        #expect(bench.subscriptions.count == 1)
    }

    @Test(
        "requests that wait for credentials are bounded",
        .spec("RFC 3261 §26.3.2.4", "RFC 3261 §26.3.2.4/1", "RFC 3856 §9.6/1", "REQ-33141-55", "REQ-33141-D9"))
    func boundedChallenges() throws {
        var bench = Self.withDigest()
        bench.configuration.limits.challengesInFlight = 0
        bench.restart()
        #expect(try self.authorized(&bench, "SUBSCRIBE", "bob", to: "ann").status == 503)
        #expect(bench.observations.contains(.challengeLimit))
    }

    @Test(
        "a stranger cannot aim notifications at somebody else",
        .spec("RFC 3856 §9.5/1", "REQ-33141-11", "REQ-33141-51"))
    func aimed() throws {
        let victim = "<sip:victim@203.0.113.9:5060>"
        var bench = Self.withDigest()
        for watcher in ["bob", "sip:anonymous@anonymous.invalid"] {
            #expect(try bench.subscribe("ann", as: watcher, contact: victim).answer.status == 401)
            #expect(try bench.subscribe("ann", as: watcher, expires: "0", contact: victim).answer.status == 401)
        }
        #expect(bench.notifications.isEmpty)
        #expect(bench.server.counters.activeSubscriptions == 0 && bench.server.counters.presentities == 0)
    }

    @Test(
        "an assertion that cannot be read is none", .spec("RFC 3325 §9.1", "REQ-33141-42", "REQ-33141-47"),
        arguments: [
            "P-Asserted-Identity: \r\n", "P-Asserted-Identity: bob\r\n", "P-Asserted-Identity: <sip:bob@bench.test\r\n",
            "P-Asserted-Identity: \"sip:bob@bench.test\"\r\n", "P-Asserted-Identity: <mailto:bob@bench.test>\r\n",
            "P-Asserted-Identity: <sip:a@bench.test>, <sip:c@bench.test>, <sip:bob@bench.test>\r\n",
            "P-Preferred-Identity: <sip:bob@bench.test>\r\n", "Remote-Party-ID: <sip:bob@bench.test>\r\n",
        ])
    func brokenAssertion(_ header: String) throws {
        var bench = Self.strict { $0.defaultHandling = .block }
        bench.setRules("ann", [Bench.rule("ann", "bob", .allow)])
        let answer = try bench.subscribe("ann", as: "bob", extra: header).answer
        #expect([400, 403].contains(answer.status))
        #expect(bench.notifications.isEmpty && bench.subscriptions.isEmpty)
        #expect([400, 403].contains(try bench.publish("bob", extra: header).status))
        #expect(bench.publications.isEmpty)
    }
}
