import EventNotification
import Ground
import MusterTesting
import PresenceDocuments
import PresenceServer
import SIPTransactions
import SIPWire
import Testing

@Suite("Hard state, and explanations")
struct PolicyHardStateTests {
    static func hard(_ user: String, tuple: String = "h1", contact: String = "sip:hard@bench.test", note: String)
        -> String
    {
        "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:\(user)@bench.test\"><tuple id=\"\(tuple)\"><status>"
            + "<basic>closed</basic></status><contact>\(contact)</contact><note>\(note)</note></tuple></presence>"
    }

    @Test(
        "who publishes nothing is shown by hard state, at once and after a restart, until the document goes",
        .spec("RFC 4827 §3/1", "RFC 4827 §3/3", "REQ-22141-13", "REQ-33141-D2"))
    func alone() throws {
        var bench = Bench()
        _ = try bench.subscribe("ann")
        #expect(bench.drain().last?.body.contains("offline") == true)
        bench.put(Bench.document(.hardState, "ann", Self.hard("ann", note: "on holiday")))
        #expect(bench.drain().map { $0.body.contains("on holiday") } == [true])
        bench.put(Bench.document(.hardState, "ann", Self.hard("ann", note: "back soon")))
        #expect(bench.drain().map { $0.body.contains("back soon") } == [true])
        bench.advance(.seconds(500))
        #expect(bench.drain().isEmpty)
        bench.restart()
        _ = try bench.subscribe("ann", as: "other", expires: "0")
        #expect(bench.drain().last?.body.contains("back soon") == true)
        bench.put(Bench.document(.hardState, "ann", nil))
        #expect(bench.drain().map { $0.body.contains("offline") } == [true])
    }

    @Test(
        "hard state fills in what no publication says, and PUBLISH does not change it",
        .spec("RFC 4827 §3/1", "RFC 4827 §3/2", "REQ-23141-3", "REQ-23141-6"))
    func composed() throws {
        var bench = Bench()
        let hard = Self.hard("ann", note: "hard").replacingFirst(
            "</presence>",
            "<tuple id=\"t1\"><status><basic>closed</basic></status><contact>mailto:ann@bench.test</contact></tuple>"
                + "</presence>")
        bench.put(Bench.document(.hardState, "ann", hard))
        _ = try bench.subscribe("ann")
        let before = try #require(bench.drain().last)
        // The publication has a tuple of the same key as the first of hard state, and one of the same id as the second.
        let soft = Bench.pidf("ann", note: "soft").replacingFirst(
            "<dm:person",
            "<tuple id=\"t2\"><status><basic>open</basic></status><contact>sip:hard@bench.test</contact></tuple><dm:person"
        )
        let tag = try bench.publish("ann", body: soft).text(.sipETag)
        let body = try #require(bench.drain().last).body
        #expect(body.contains("soft") && !body.contains(">hard<"))
        #expect(body.contains("mailto:ann@bench.test"))
        let document = try PresenceDocument.parse(Array(body.utf8)[...])
        #expect(document.summary.services.count == 3)
        #expect(document.summary.services.contains { $0.id == "t1" && $0.isOpen == true })
        try bench.publish("ann", body: "", tag: tag, expires: "0")
        let after = try #require(bench.drain().last)
        #expect(after.body == before.body && after.entityTag == before.entityTag)
    }

    @Test(
        "hard state that cannot be read is left out and counted; rules apply to it as to all the rest",
        .spec("RFC 4827 §3/1", "RFC 5025 §3.3", "REQ-33141-10"))
    func damaged() throws {
        var bench = Bench()
        bench.put(Bench.document(.hardState, "ann", "<presence"))
        _ = try bench.subscribe("ann")
        #expect(bench.drain().last?.body.contains("offline") == true)
        #expect(bench.server.counters.observations[.unusableDocument] == 1)
        bench.rules("ann", .rule("watcher", "allow", RuleText.services))
        bench.put(Bench.document(.hardState, "ann", Self.hard("ann", note: "hidden")))
        let told = bench.drain()
        #expect(told.last?.body.contains("sip:hard@bench.test") == true)
        #expect(!told.contains { $0.body.contains("hidden") })
    }

    @Test(
        "rules and hard state that change together are told as one: nothing new to whom the new rules deny it",
        .spec("REQ-24141-26", "REQ-33141-10", "RFC 4827 §3/1"))
    func together() throws {
        var bench = Bench()
        bench.rules("ann", .rule("watcher", "allow"))
        _ = try bench.subscribe("ann")
        _ = bench.drain()
        bench.put(
            Bench.document(.hardState, "ann", Self.hard("ann", note: "secret")),
            Bench.document(.rules, "ann", RuleText.document([.rule("watcher", "confirm")])))
        let told = bench.drain()
        #expect(told.map { $0.state.prefix(7) } == ["pending"])
        #expect(!told.contains { $0.body.contains("secret") })
    }

    // MARK: Explanations

    @Test(
        "an explanation names the rule that decided, why the others did not, and what the watcher sees",
        .spec("REQ-33141-10", "REQ-22141-13", "RFC 5025 §3.2.1"))
    func explained() throws {
        var bench = PolicySituationTests.bench()
        bench.rules(
            "ann", .rule("bob", "allow", RuleText.services, id: "friends"),
            .rule("cat", "block", id: "foes"), .rule("bob", "confirm", "", id: "weaker"),
            .rule("bob", "allow", id: "office", also: PolicySituationTests.sphere("work")))
        bench.setRules("ann", [Bench.rule("ann", "dan", .allow, id: "operator")])
        try bench.publish("ann", body: Bench.rich("ann", sphere: "home"))
        let decisions = bench.decisions.count
        let seen = try bench.explain("ann", "bob")
        #expect(bench.decisions.count == decisions)
        #expect(seen.decision.handling == .allow)
        let selector = "pres-rules/users/sip:ann@bench.test/index"
        #expect(seen.decision.reason == .ruleDocument(selector: selector, id: "friends"))
        #expect(seen.documents == [Array(selector.utf8)])
        #expect(seen.sphere == Array("home".utf8))
        #expect(seen.verdicts.map(\.rule) == ["friends", "foes", "weaker", "office", "operator"])
        #expect(seen.verdicts.map(\.isMatch) == [true, false, true, false, false])
        #expect(seen.verdicts.map(\.isDeciding) == [true, false, false, false, false])
        #expect(seen.verdicts[1].reason.contains("does not name"))
        #expect(seen.verdicts[3].reason.contains("home"))
        #expect(seen.verdicts[4].source == .rulesFile)
        #expect("\(seen.permissions)" == "all services")
        // What is said to be seen is what is seen.
        _ = try bench.subscribe("ann", as: "bob", expires: "0")
        #expect(bench.drain().last?.body == seen.body[...].text)
        for (watcher, handling) in [("cat", SubHandling.block), ("eve", .block)] {
            let explanation = try bench.explain("ann", watcher)
            #expect(explanation.decision.handling == handling)
            #expect(explanation.body.isEmpty)
        }
        #expect(try bench.explain("ann", "eve").decision.reason == .noRule)
        #expect(try bench.explain("ann", "dan").decision.reason == .rule(id: "operator"))
        let own = try bench.explain("ann", "ann")
        #expect(own.decision.reason == .presentity)
        #expect(own.body[...].text.contains("meeting"))
        #expect(!own.verdicts.contains { $0.isDeciding })
        // Nothing was left behind by the questions.
        #expect(bench.server.counters.activeSubscriptions == 0)
    }

    @Test(
        "without documents the rules file and the defaults are explained, with hard state as what is seen",
        .spec("REQ-33141-10", "REQ-22141-16"))
    func explainedFile() throws {
        var bench = Bench {
            $0.defaultHandling = .confirm
            $0.anonymousHandling = .politeBlock
        }
        bench.feed(
            .rulesChanged(
                .all([
                    Bench.rule("ann", "bob", .allow, id: "bob"), Bench.rule("ann", "*", .block, id: "rest"),
                    AuthorizationRule(
                        id: "home", presentity: .domain(Array("bench.test".utf8)), watcher: .anonymous,
                        handling: .block),
                ])))
        bench.put(Bench.document(.hardState, "ann", Self.hard("ann", note: "hard")))
        let bob = try bench.explain("ann", "bob")
        #expect(bob.decision.reason == .rule(id: "bob"))
        #expect(bob.verdicts.map(\.isMatch) == [true, true, false])
        #expect(bob.verdicts.map(\.isDeciding) == [true, false, false])
        #expect(bob.verdicts[1].reason.contains("another rule"))
        #expect(bob.body[...].text.contains("hard"))
        let eve = try bench.explain("ann", "eve")
        #expect(eve.decision.reason == .rule(id: "rest"))
        #expect(try bench.explain("ann", nil).decision.reason == .rule(id: "home"))
        #expect(try bench.explain("bea", "eve").decision.handling == .confirm)
        bench.feed(.rulesChanged(.all([])))
        #expect(try bench.explain("bea", "eve").decision.reason == .defaultHandling)
        let nobody = try bench.explain("bea", nil)
        #expect(nobody.decision.reason == .anonymousHandling)
        #expect(nobody.body[...].text.contains("closed"))
    }

    @Test("a document that cannot be read is named in the explanation", .spec("RFC 4745 §14/1"))
    func explainedUnusable() throws {
        var bench = Bench()
        bench.put(Bench.document(.rules, "ann", "<nothing/>"))
        let seen = try bench.explain("ann", "bob")
        #expect(
            seen.decision.reason == .unusableDocument(selector: "pres-rules/users/sip:ann@bench.test/index"))
        #expect(seen.verdicts.isEmpty && seen.documents.count == 1 && seen.body.isEmpty)
    }

    // MARK: The ids of transactions

    @Test("ids of transactions leave the two low bits to the shard, which routes answers by them")
    func transactionIDs() throws {
        var bench = Bench()
        for index in 0..<64 { _ = try bench.subscribe("ann", as: "w\(index)") }
        let told = bench.drain()
        #expect(told.count == 64)
        #expect(told.allSatisfy { $0.transaction.raw & 3 == 0 })
    }
}
