import EventNotification
import Ground
import MusterTesting
import PresenceDocuments
import PresenceServer
import SIPTransactions
import SIPWire
import Testing

@Suite("Decisions by rules documents")
struct PolicyDecisionTests {
    @Test(
        "the rules of a document decide over a new subscription",
        .spec(
            "RFC 5025 §3.2.1", "RFC 5025 §3.2.1/1", "RFC 5025 §3.2.1/2", "RFC 5025 §3.2.1/3", "RFC 5025 §3.2.1/4",
            "RFC 5025 §3.2.1/5", "RFC 5025 §3.2.1/6", "REQ-33141-10", "REQ-24141-20", "REQ-23141-10",
            "REQ-22141-13"),
        arguments: [
            ("block", 403, nil, nil), ("confirm", 200, "pending;expires=600", nil),
            ("polite-block", 200, "active;expires=600", "closed"), ("allow", 200, "active;expires=600", "real"),
            (nil, 403, nil, nil),
        ] as [(String?, Int, String?, String?)])
    func decides(_ handling: String?, _ status: Int, _ state: String?, _ word: String?) throws {
        var bench = Bench()
        bench.rules("ann", .rule("watcher", handling, id: "mine"))
        try bench.publish("ann", body: Bench.pidf("ann", note: "real"))
        #expect(try bench.subscribe("ann").answer.status == status)
        let told = bench.drain()
        #expect(told.map(\.state) == (state.map { [$0] } ?? []))
        #expect(told.last.map { $0.body.isEmpty } ?? true == (word == nil))
        if let word { #expect(told.last?.body.contains(word) == true) }
        #expect(told.last?.body.contains("real") != (word != "real"))
        let decision = try #require(bench.decisions.last)
        #expect(decision.handling.word == handling ?? "block")
        let rule = Decision.Reason.ruleDocument(selector: "pres-rules/users/sip:ann@bench.test/index", id: "mine")
        #expect(decision.reason == (handling == nil ? .noRule : rule))
    }

    @Test(
        "whom no rule of a document is about is blocked, whatever the defaults say",
        .spec("RFC 4745 §6/2", "RFC 5025 §3.2.1/2", "REQ-33141-10", "REQ-22141-16"))
    func noRule() throws {
        var bench = Bench {
            $0.defaultHandling = .allow
            $0.anonymousHandling = .allow
        }
        bench.rules("ann", .rule("bob", "allow"))
        #expect(try bench.subscribe("ann", as: "bob").answer.status == 200)
        #expect(try bench.subscribe("ann", as: "cat").answer.status == 403)
        #expect(bench.decisions.last?.reason == .noRule)
        #expect(try bench.subscribe("ann", as: "sip:anonymous@anonymous.invalid").answer.status == 403)
        // Others keep no documents.
        #expect(try bench.subscribe("bea", as: "cat").answer.status == 200)
        #expect(bench.decisions.last?.reason == .defaultHandling)
    }

    @Test(
        "the presentity itself sees everything, whatever its rules say", .spec("RFC 3856 §6.6.1", "REQ-22141-13"))
    func itself() throws {
        var bench = Bench()
        bench.rules("ann", .rule("ann", "block"), .rule(nil, "polite-block", id: "r2"))
        try bench.publish("ann", body: Bench.pidf("ann", note: "real"))
        #expect(try bench.subscribe("ann", as: "ann").answer.status == 200)
        #expect(bench.drain().last?.body.contains("real") == true)
        #expect(bench.decisions.last?.reason == .presentity)
    }

    @Test(
        "rules of several documents and the operator's rules for the presentity count together",
        .spec("RFC 4745 §10.2", "RFC 4745 §10.2/3", "RFC 5025 §7/1", "RFC 5025 §9.7/1", "REQ-OMAPRS-13"))
    func together() throws {
        var bench = Bench { $0.defaultHandling = .allow }
        bench.feed(
            .rulesChanged(
                .all([
                    Bench.rule("ann", "dan", .allow, id: "operator"), Bench.rule("ann", "*", .confirm, id: "rest"),
                    AuthorizationRule(id: "every", presentity: .every, watcher: .everyone, handling: .allow),
                ])))
        bench.put(
            Bench.document(.rules, "ann", RuleText.document([.rule("bob", "confirm")])),
            Bench.document(
                .rules, "ann", RuleText.document([.rule("bob", "allow", id: "oma"), .rule("cat", "block", id: "c")]),
                usage: "org.openmobilealliance.pres-rules"))
        for (watcher, handling, reason) in [
            (
                "bob", SubHandling.allow,
                Decision.Reason.ruleDocument(
                    selector: "org.openmobilealliance.pres-rules/users/sip:ann@bench.test/index", id: "oma")
            ),
            // A rule names cat, so the one for all others is not about cat.
            (
                "cat", .block,
                .ruleDocument(
                    selector: "org.openmobilealliance.pres-rules/users/sip:ann@bench.test/index", id: "c")
            ),
            ("dan", .allow, .rule(id: "operator")), ("eve", .confirm, .rule(id: "rest")),
        ] {
            _ = try bench.subscribe("ann", as: watcher)
            #expect(bench.decisions.last?.handling == handling, "\(watcher)")
            #expect(bench.decisions.last?.reason == reason, "\(watcher)")
        }
        // Without documents the other rules of the file count again.
        bench.removeRules("ann")
        bench.put(
            Bench.document(.rules, "ann", nil, usage: "org.openmobilealliance.pres-rules"))
        _ = try bench.subscribe("ann", as: "fay")
        #expect(bench.decisions.last?.reason == .rule(id: "every"))
        #expect(bench.decisions.last?.handling == .allow)
    }

    /// One row of the table of RFC 5025 §3.2.1.
    struct Change: CustomStringConvertible, Sendable {
        let from: SubHandling
        let to: SubHandling
        let state: String?
        let shows: AuthorizationTests.Change.Body
        var description: String { "\(self.from.word) to \(self.to.word)" }
    }

    static let table: [Change] = SubHandling.allCases.filter { $0 != .block }.flatMap { from in
        SubHandling.allCases.map { to in
            switch (from, to) {
            case (let same, let other) where same == other: Change(from: from, to: to, state: nil, shows: .none)
            case (_, .block): Change(from: from, to: to, state: "terminated;reason=rejected", shows: .none)
            case (_, .confirm): Change(from: from, to: to, state: "pending;expires=600", shows: .none)
            case (_, .politeBlock): Change(from: from, to: to, state: "active;expires=600", shows: .fake)
            case (_, .allow): Change(from: from, to: to, state: "active;expires=600", shows: .real)
            }
        }
    }

    @Test(
        "a change of the document acts on live subscriptions in the same turn",
        .spec(
            "RFC 5025 §3.2.1", "RFC 5025 §3.2.1/3", "RFC 5025 §3.2.1/4", "RFC 5025 §3.2.1/5", "RFC 5025 §3.2.1/6",
            "REQ-24141-26", "REQ-33141-D2", "REQ-22141-14", "REQ-33141-10"),
        arguments: table, [false, true])
    func changes(_ change: Change, _ partial: Bool) throws {
        var bench = Bench()
        bench.rules("ann", .rule("watcher", change.from.word))
        let tag = try bench.publish("ann", body: Bench.pidf("ann", note: "real")).text(.sipETag)
        _ = try bench.subscribe(
            "ann", extra: partial ? "Accept: application/pidf-diff+xml, application/pidf+xml;q=0.5\r\n" : "")
        _ = bench.drain()
        bench.rules("ann", .rule("watcher", change.to.word, id: "r2"))
        let told = bench.drain()
        #expect(told.map(\.state) == (change.state.map { [$0] } ?? []))
        switch change.shows {
        case .none: #expect(told.last?.body.isEmpty ?? true)
        case .real: #expect(told.last?.body.contains("real") == true)
        case .fake:
            #expect(told.last?.body.contains("closed") == true)
            #expect(told.last?.body.contains("real") == false)
        }
        #expect(bench.subscriptions.isEmpty == (change.to == .block))
        try bench.publish("ann", body: Bench.pidf("ann", note: "later"), tag: tag)
        #expect(bench.drain().contains { $0.body.contains("later") } == (change.to == .allow))
        if change.to != .block {
            let stored = try #require(bench.subscriptions.values.first)
            #expect(stored.state == (change.to == .confirm ? 0 : 1))
        }
    }

    @Test(
        "blocked and allowed again: a new subscription is needed, and works", .spec("RFC 5025 §3.2.1", "REQ-33141-D2"))
    func unblocked() throws {
        var bench = Bench()
        bench.rules("ann", .rule("watcher", "allow"))
        try bench.publish("ann", body: Bench.pidf("ann", note: "real"))
        let dialog = try bench.subscribe("ann")
        bench.rules("ann", .rule("watcher", "block"))
        #expect(bench.drain().last?.state == "terminated;reason=rejected")
        #expect(try bench.resubscribe(dialog, cseq: 2).status == 481)
        #expect(try bench.subscribe("ann").answer.status == 403)
        bench.rules("ann", .rule("watcher", "allow"))
        #expect(bench.drain().isEmpty)
        #expect(try bench.subscribe("ann").answer.status == 200)
        #expect(bench.drain().last?.body.contains("real") == true)
    }

    @Test(
        "what changes nothing is told to nobody",
        .spec("RFC 5025 §3.2.1", "REQ-24141-26"))
    func noChange() throws {
        var bench = Bench()
        bench.rules("ann", .rule("watcher", "allow"))
        try bench.publish("ann")
        _ = try bench.subscribe("ann")
        _ = bench.drain()
        let read = bench.server.counters.policiesRead
        // The same bytes are not even read again.
        bench.rules("ann", .rule("watcher", "allow"))
        #expect(bench.server.counters.policiesRead == read)
        bench.rules("ann", .rule("watcher", "allow", id: "renamed"), .rule("other", "block", id: "more"))
        #expect(bench.server.counters.policiesRead == read + 1)
        #expect(bench.drain().isEmpty)
        let decisions = bench.decisions.count
        bench.rules("ann", .rule(nil, "allow", id: "everybody"))
        #expect(bench.drain().isEmpty)
        #expect(bench.decisions.count == decisions)
    }

    @Test(
        "rules go with their document, and then the defaults count for those who live",
        .spec("REQ-24141-26", "REQ-22141-18"))
    func removed() throws {
        var bench = Bench { $0.defaultHandling = .confirm }
        bench.rules("ann", .rule("watcher", "allow"))
        try bench.publish("ann")
        _ = try bench.subscribe("ann")
        bench.removeRules("ann")
        #expect(bench.drain().last?.state.hasPrefix("pending") == true)
        bench.rules("ann", .rule("watcher", "block"))
        #expect(bench.drain().last?.state == "terminated;reason=rejected")
    }

    @Test(
        "a change in the middle of a NOTIFY is told after it, as it is then",
        .spec("RFC 5025 §3.2.1", "RFC 6665 §4.2.2", "REQ-33141-D2"))
    func underWay() throws {
        var bench = Bench()
        bench.rules("ann", .rule("watcher", "allow"))
        try bench.publish("ann", body: Bench.pidf("ann", note: "real"))
        bench.answer = nil
        _ = try bench.subscribe("ann")
        _ = bench.drain()
        bench.rules("ann", .rule("watcher", "confirm"))
        bench.rules("ann", .rule("watcher", "polite-block"))
        #expect(bench.drain().isEmpty)
        bench.answerAll(200)
        let told = bench.drain()
        #expect(told.map(\.state) == ["active;expires=600"])
        #expect(told.last?.body.contains("real") == false)
    }

    @Test(
        "after a restart the documents of now count",
        .spec("REQ-24141-26", "REQ-33141-D2", "RFC 5025 §3.2.1"),
        arguments: [SubHandling.block, .confirm, .politeBlock, .allow])
    func restart(_ handling: SubHandling) throws {
        var bench = Bench()
        bench.rules("ann", .rule("watcher", "allow"))
        let tag = try bench.publish("ann", body: Bench.pidf("ann", note: "real")).text(.sipETag)
        _ = try bench.subscribe("ann")
        _ = bench.drain()
        let changed = Bench.document(.rules, "ann", RuleText.document([.rule("watcher", handling.word)]))
        bench.documents[changed.selector] = changed
        bench.restart()
        let told = bench.drain()
        switch handling {
        case .block: #expect(told.map(\.state) == ["terminated;reason=rejected"])
        case .confirm: #expect(told.map(\.state) == ["pending;expires=600"])
        case .politeBlock, .allow: #expect(told.isEmpty)
        }
        #expect(!told.contains { $0.body.contains("real") })
        try bench.publish("ann", body: Bench.pidf("ann", note: "later"), tag: tag)
        #expect(bench.drain().contains { $0.body.contains("later") } == (handling == .allow))
    }

    @Test(
        "both asserted identities of a watcher count, also after a restart",
        .spec("RFC 3325 §9.1", "RFC 5025 §3.1.1.1/1", "RFC 5025 §3.1.1.2/2", "REQ-33141-11", "REQ-24141-41"))
    func bothIdentities() throws {
        var bench = IdentityTests.strict()
        bench.rules("ann", .rule("tel:+1-201-555-0123", "allow"))
        try bench.publish("ann", extra: Bench.asserted("sip:ann@bench.test"))
        let both = "P-Asserted-Identity: <sip:bob@bench.test>, <tel:+12015550123>\r\n"
        #expect(try bench.subscribe("ann", extra: both).answer.status == 200)
        #expect(try bench.subscribe("ann", extra: Bench.asserted("sip:bob@bench.test")).answer.status == 403)
        let like = Bench.asserted("sip:+12015550123@bench.test;user=phone")
        #expect(try bench.subscribe("ann", extra: like).answer.status == 403)
        _ = bench.drain()
        bench.restart()
        #expect(bench.drain().isEmpty)
        bench.rules("ann", .rule("sip:bob@bench.test", "allow"))
        #expect(bench.drain().isEmpty)
        bench.rules("ann", .rule("sip:eve@bench.test", "allow"))
        #expect(bench.drain().map(\.state) == ["terminated;reason=rejected"])
    }

    @Test(
        "a watcher who asks for privacy is still that identity, and is anonymous for OMA; both also after a restart",
        .spec(
            "RFC 5025 §3.1.1.1/3", "REQ-OMAPRS-3", "RFC 3325 §7", "REQ-33141-12", "REQ-33141-48", "REQ-24141-17",
            "REQ-22141-16"))
    func privacy() throws {
        var bench = IdentityTests.strict()
        bench.rules("ann", .rule("bob", "allow"))
        try bench.publish("ann", extra: Bench.asserted("sip:ann@bench.test"))
        let hidden = Bench.asserted("sip:bob@bench.test") + "Privacy: id\r\n"
        #expect(try bench.subscribe("ann", extra: hidden).answer.status == 200)
        bench.rules("ann", RuleText(conditions: "<oc:anonymous-request/>", handling: "allow"))
        #expect(bench.drain().last?.state == "active;expires=600")
        #expect(try bench.subscribe("ann", extra: Bench.asserted("sip:cat@bench.test")).answer.status == 403)
        #expect(try bench.subscribe("ann").answer.status == 200)
        _ = bench.drain()
        bench.restart()
        #expect(bench.drain().isEmpty)
        #expect(bench.server.counters.activeSubscriptions == 2)
        bench.rules("ann", RuleText(conditions: "<cr:identity/>", handling: "allow"))
        #expect(bench.drain().map(\.state) == ["terminated;reason=rejected"])
        #expect(bench.server.counters.activeSubscriptions == 1)
    }

    @Test(
        "the anonymous URI names nobody, also where the trust domain asserts it",
        .spec("RFC 5025 §3.1.1.1/2", "RFC 5025 §3.1.1.1/4", "REQ-22141-16", "REQ-33141-12"))
    func assertedAnonymous() throws {
        var bench = IdentityTests.strict { $0.defaultHandling = .allow }
        let anonymous = Bench.asserted("sip:anonymous@Anonymous.invalid")
        #expect(try bench.subscribe("ann", extra: anonymous).answer.status == 403)
        #expect(bench.decisions.last?.reason == .anonymousHandling)
        #expect(bench.decisions.last?.actor == [])
        bench.rules("ann", .rule("sip:anonymous@anonymous.invalid", "allow"))
        #expect(try bench.subscribe("ann", extra: anonymous).answer.status == 403)
        bench.rules("ann", RuleText(conditions: "<cr:identity><cr:many/></cr:identity>", handling: "allow"))
        #expect(try bench.subscribe("ann", extra: anonymous).answer.status == 403)
        bench.rules("ann", RuleText(conditions: "<cr:identity/>", handling: "confirm"))
        let dialog = try bench.subscribe("ann", extra: anonymous)
        #expect(dialog.answer.status == 200)
        #expect(try bench.resubscribe(dialog, cseq: 2, extra: anonymous).status == 200)
    }

    @Test(
        "a digest proves an identity that rules name",
        .spec("RFC 5025 §3.1.1.1/1", "REQ-33141-11", "REQ-24141-20"))
    func digest() throws {
        var bench = IdentityTests.withDigest()
        bench.rules("ann", .rule("bob", "allow"))
        // Without credentials nobody is judged.
        #expect(try bench.subscribe("ann", as: "bob").answer.status == 401)
        #expect(bench.decisions.isEmpty)
        #expect(try IdentityTests().authorized(&bench, "SUBSCRIBE", "bob", to: "ann").status == 200)
        bench.rules("ann", .rule("ann", "allow"))
        #expect(bench.drain().last?.state == "terminated;reason=rejected")
        #expect(try IdentityTests().authorized(&bench, "SUBSCRIBE", "bob", to: "ann").status == 403)
    }
}
