import EventNotification
import Ground
import MusterTesting
import PresenceDocuments
import PresenceServer
import SIPTransactions
import SIPWire
import Testing

@Suite("Attacks on the rules of presentities")
struct PolicyPrivacyTests {
    @Test(
        "a blocked watcher learns nothing by fetching, nor under another spelling of its name or a forged From",
        .spec(
            "RFC 5025 §3.2.1/3", "RFC 3856 §6.6.2/2", "REQ-33141-11", "REQ-33141-D1", "REQ-24141-20",
            "REQ-33141-10"),
        arguments: [
            "sip:eve@bench.test", "SIP:eve@BENCH.test", "sips:eve@bench.test", "sip:%65ve@bench.test:5060",
            "sip:EVE@bench.test", "sip:eve@bench.test;user=phone", "sip:eve@bench.test.",
        ])
    func blocked(_ spelling: String) throws {
        var bench = IdentityTests.strict { $0.defaultHandling = .allow }
        bench.rules("ann", .rule("bob", "allow"), .rule("eve", "block", id: "no"))
        try bench.publish("ann", body: Bench.pidf("ann", note: "secret"), extra: Bench.asserted("sip:ann@bench.test"))
        for from in ["sip:bob@bench.test", "sip:ann@bench.test", spelling] {
            let asserted = Bench.asserted(spelling)
            #expect(try bench.subscribe("ann", as: from, extra: asserted).answer.status == 403)
            #expect(try bench.subscribe("ann", as: from, extra: asserted, expires: "0").answer.status == 403)
            #expect(
                try bench.subscribe("ann", as: from, extra: asserted + "Privacy: id\r\n", expires: "0").answer.status
                    == 403)
        }
        #expect(bench.drain().isEmpty)
        #expect(bench.subscriptions.isEmpty)
    }

    @Test(
        "an identity with another user part is another identity",
        .spec("RFC 5025 §3.1.1.2/1", "REQ-33141-D1"))
    func otherCase() throws {
        var bench = IdentityTests.strict()
        bench.rules("ann", .rule("bob", "allow"))
        for identity in ["sip:Bob@bench.test", "sip:bob@bench.test.evil.test", "sip:bob%40bench.test@evil.test"] {
            #expect(try bench.subscribe("ann", extra: Bench.asserted(identity)).answer.status == 403, "\(identity)")
        }
        #expect(try bench.subscribe("ann", extra: Bench.asserted("sips:bob@BENCH.TEST")).answer.status == 200)
    }

    @Test(
        "the entity tag of a richer view is worth nothing in a poorer one, and says nothing of it",
        .spec("RFC 5839 §6.1/2", "RFC 5025 §3.3", "REQ-33141-10"))
    func conditional() throws {
        var bench = Bench()
        bench.rules(
            "ann", .rule("bob", "allow", id: "b"), .rule("eve", "allow", RuleText.services, id: "e"),
            .rule("pol", "polite-block", id: "p"))
        try bench.publish("ann", body: Bench.rich("ann"))
        _ = try bench.subscribe("ann", as: "bob")
        let rich = try #require(bench.drain().last).entityTag
        for watcher in ["eve", "pol"] {
            _ = try bench.subscribe("ann", as: watcher)
            let own = try #require(bench.drain().last)
            #expect(own.entityTag != rich)
            // The tag that Bob has matches nothing of Eve's, whether or not it is the state of now.
            let condition = "Suppress-If-Match: \(rich)\r\n"
            let dialog = try bench.subscribe("ann", as: watcher, extra: condition)
            let told = try #require(bench.drain().last)
            #expect(told.body == own.body && told.entityTag == own.entityTag)
            #expect(try bench.resubscribe(dialog, cseq: 2, extra: condition).status == 200)
            #expect(bench.drain().last?.body == own.body)
            // The own one does.
            #expect(
                try bench.resubscribe(dialog, cseq: 3, extra: "Suppress-If-Match: \(own.entityTag)\r\n").status == 204)
        }
        // A tag of the time before the rules were tightened is one of them too.
        bench.rules("ann", .rule("bob", "allow", RuleText.services, id: "b"))
        _ = bench.drain()
        _ = try bench.subscribe("ann", as: "bob", extra: "Suppress-If-Match: \(rich)\r\n")
        let told = try #require(bench.drain().last)
        #expect(!told.body.isEmpty && !told.body.contains("meeting"))
        #expect(told.entityTag != rich)
    }

    @Test(
        "a politely blocked watcher cannot tell that from a presentity that is not there",
        .spec("RFC 5025 §3.2.1/5", "REQ-33141-D3", "REQ-22141-15", "RFC 6665 §6.2/1"),
        arguments: ["", PolicyViewTests.partial, "Privacy: id\r\n"], [false, true])
    func polite(_ extra: String, _ isFiltered: Bool) throws {
        // Both allow by default; Ann of the one world publishes, keeps hard state and blocks politely.
        var offline = Bench()
        var blocked = Bench()
        offline.rules("ann", .rule("watcher", "allow"))
        blocked.rules("ann", .rule("watcher", "polite-block"))
        blocked.put(Bench.document(.hardState, "ann", Bench.pidf("ann", note: "hard secret")))
        var tag = try blocked.publish("ann", body: Bench.rich("ann")).text(.sipETag)
        let filter = isFiltered ? WatcherFilterTests.filter("ann", what: WatcherFilterTests.basic) : ""
        func same(_ here: [Notification], _ there: [Notification]) {
            #expect(here.map(\.body) == there.map(\.body))
            #expect(here.map(\.state) == there.map(\.state))
            #expect(here.map(\.entityTag) == there.map(\.entityTag))
            #expect(here.map { $0.message.headers.count } == there.map { $0.message.headers.count })
            #expect(here.map(\.cseq) == there.map(\.cseq))
        }
        let one = try offline.subscribe("ann", extra: extra, body: filter)
        let other = try blocked.subscribe("ann", extra: extra, body: filter)
        #expect(one.answer.status == other.answer.status)
        #expect(one.answer.headers.count == other.answer.headers.count)
        let first = offline.drain()
        same(first, blocked.drain())
        // Whatever Ann does, and whatever she keeps, nothing comes of it.
        tag = try blocked.publish("ann", body: Bench.rich("ann", activity: "busy"), tag: tag).text(.sipETag)
        blocked.put(Bench.document(.hardState, "ann", nil))
        blocked.advance(.seconds(30))
        offline.advance(.seconds(30))
        try blocked.publish("ann", body: "", tag: tag, expires: "0")
        #expect(blocked.drain().isEmpty)
        // A refresh, a conditional refresh, a fetch and the end look the same too.
        let condition = "Suppress-If-Match: \(try #require(first.last).entityTag)\r\n"
        #expect(
            try offline.resubscribe(one, cseq: 2).status == (try blocked.resubscribe(other, cseq: 2).status))
        same(offline.drain(), blocked.drain())
        #expect(try offline.resubscribe(one, cseq: 3, extra: condition).status == 204)
        #expect(try blocked.resubscribe(other, cseq: 3, extra: condition).status == 204)
        _ = try offline.subscribe("ann", extra: extra, body: filter, expires: "0")
        _ = try blocked.subscribe("ann", extra: extra, body: filter, expires: "0")
        same(offline.drain(), blocked.drain())
        _ = try offline.resubscribe(one, cseq: 4, expires: "0")
        _ = try blocked.resubscribe(other, cseq: 4, expires: "0")
        same(offline.drain(), blocked.drain())
    }

    @Test(
        "to be blocked politely looks like the presentity going away, also in partial documents",
        .spec("RFC 5025 §3.2.1/5", "REQ-33141-D3", "REQ-24141-26"),
        arguments: ["", PolicyViewTests.partial])
    func goingAway(_ extra: String) throws {
        var leaving = Bench()
        var blocking = Bench()
        var tags: [String] = []
        leaving.rules("ann", .rule("watcher", "allow"))
        blocking.rules("ann", .rule("watcher", "allow"))
        tags.append(try leaving.publish("ann", body: Bench.rich("ann")).text(.sipETag))
        try blocking.publish("ann", body: Bench.rich("ann"))
        _ = try leaving.subscribe("ann", extra: extra)
        _ = try blocking.subscribe("ann", extra: extra)
        _ = (leaving.drain(), blocking.drain())
        try leaving.publish("ann", body: "", tag: tags[0], expires: "0")
        blocking.rules("ann", .rule("watcher", "polite-block"))
        let gone = leaving.drain()
        let blocked = blocking.drain()
        #expect(gone.count == 1)
        #expect(gone.map(\.body) == blocked.map(\.body))
        #expect(gone.map(\.state) == blocked.map(\.state))
        #expect(gone.map(\.entityTag) == blocked.map(\.entityTag))
    }

    @Test(
        "a document that cannot be read lets nobody in but the presentity, at once and after a restart, and is counted",
        .spec("RFC 4745 §14/1", "REQ-33141-10", "REQ-24141-26"),
        arguments: [
            "", "not XML", "<ruleset/>", "<cr:ruleset xmlns:cr=\"urn:ietf:params:xml:ns:common-policy\"><cr:rule",
            "<!DOCTYPE r [<!ENTITY e \"x\">]><cr:ruleset xmlns:cr=\"urn:ietf:params:xml:ns:common-policy\"/>",
            "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:ann@bench.test\"/>", "\u{FEFF}\u{0}",
        ])
    func unusable(_ text: String) throws {
        var bench = Bench { $0.defaultHandling = .allow }
        bench.setRules("ann", [Bench.rule("ann", "watcher", .allow)])
        try bench.publish("ann", body: Bench.pidf("ann", note: "secret"))
        _ = try bench.subscribe("ann")
        _ = try bench.subscribe("ann", as: "ann")
        _ = bench.drain()
        bench.put(
            Bench.document(.rules, "ann", RuleText.document([.rule("watcher", "allow")])),
            Bench.document(.rules, "ann", text, name: "broken"))
        #expect(bench.drain().map(\.state) == ["terminated;reason=rejected"])
        #expect(bench.observations.filter { $0 == .unusableDocument }.count == 1)
        #expect(try bench.subscribe("ann").answer.status == 403)
        #expect(
            bench.decisions.last?.reason
                == .unusableDocument(selector: "pres-rules/users/sip:ann@bench.test/broken"))
        #expect(try bench.subscribe("ann", as: "ann").answer.status == 200)
        #expect(bench.drain().last?.body.contains("secret") == true)
        bench.restart(rules: [Bench.rule("ann", "watcher", .allow)])
        #expect(try bench.subscribe("ann").answer.status == 403)
        // The document is mended, and the others count again.
        bench.put(Bench.document(.rules, "ann", nil, name: "broken"))
        #expect(try bench.subscribe("ann").answer.status == 200)
    }

    @Test(
        "more documents or larger ones than the limits have let nobody in",
        .spec("RFC 4745 §14/1", "REQ-33141-10"))
    func limits() throws {
        var bench = Bench {
            $0.limits.rulesDocuments = 2
            $0.limits.rulesBytes = 4_000
        }
        let allow = RuleText.document([.rule("watcher", "allow")])
        for name in ["a", "b"] { bench.put(Bench.document(.rules, "ann", allow, name: name)) }
        #expect(try bench.subscribe("ann").answer.status == 200)
        bench.put(Bench.document(.rules, "ann", allow, name: "c"))
        #expect(bench.drain().last?.state == "terminated;reason=rejected")
        bench.put(Bench.document(.rules, "ann", nil, name: "c"))
        #expect(try bench.subscribe("ann").answer.status == 200)
        let many = RuleText.document((0..<20).map { .rule("watcher", "allow", id: "r\($0)") })
        bench.put(Bench.document(.rules, "ann", many, name: "a"))
        #expect(bench.drain().last?.state == "terminated;reason=rejected")
        #expect(bench.observations.contains(.unusableDocument))
    }

    @Test("documents of those whom nobody watches are forgotten again, as bytes they stay", .spec("REQ-33141-10"))
    func forgotten() throws {
        var bench = Bench { $0.limits.restingSubscribers = 2 }
        for user in ["ann", "bea", "cat", "dot"] { bench.rules(user, .rule("watcher", "allow")) }
        for user in ["ann", "bea", "cat", "dot"] { _ = try bench.subscribe(user, expires: "0") }
        #expect(bench.server.counters.policiesRead == 4)
        _ = try bench.subscribe("dot", expires: "0")
        #expect(bench.server.counters.policiesRead == 4)
        _ = try bench.subscribe("ann", expires: "0")
        #expect(bench.server.counters.policiesRead == 5)
        // Who is watched stays.
        _ = try bench.subscribe("ann")
        for user in ["bea", "cat", "dot"] { _ = try bench.subscribe(user, expires: "0") }
        let read = bench.server.counters.policiesRead
        _ = try bench.subscribe("ann", as: "other", expires: "0")
        #expect(bench.server.counters.policiesRead == read)
    }
}
