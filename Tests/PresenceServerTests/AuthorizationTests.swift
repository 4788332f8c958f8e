import EventNotification
import Ground
import MusterTesting
import PresenceServer
import SIPTransactions
import SIPWire
import Testing

@Suite("Subscription authorization")
struct AuthorizationTests {
    @Test(
        "a blocked watcher is refused with 403 and learns nothing",
        .spec(
            "RFC 5025 §3.2.1", "RFC 3856 §6.6.1", "REQ-24141-20", "REQ-22141-22", "REQ-23141-10", "RFC 3856 §6.6/1",
            "RFC 3856 §6.6.2/2", "RFC 6665 §4.2.1.3/2", "REQ-33141-10"))
    func block() throws {
        var bench = Bench()
        bench.setRules("ann", [Bench.rule("ann", "watcher", .block, id: "no-watcher")])
        try bench.publish("ann")
        #expect(try bench.subscribe("ann").answer.status == 403)
        #expect(try bench.subscribe("ann", expires: "0").answer.status == 403)
        #expect(bench.drain().isEmpty)
        let decision = try #require(bench.decisions.last)
        #expect(decision.handling == .block)
        #expect(decision.reason == .rule(id: "no-watcher"))
        #expect(decision.actor == Array("sip:watcher@bench.test".utf8))
        #expect(try bench.subscribe("ann", as: "other").answer.status == 200)
    }

    @Test(
        "an undecided watcher is pending and shown nothing",
        .spec(
            "RFC 5025 §3.2.1", "RFC 3856 §6.6.1", "RFC 6665 §4.2.2", "REQ-22141-22", "RFC 3856 §6.6.2/3",
            "RFC 3856 §9.3/1", "RFC 6665 §4.2.1.1/2", "RFC 6665 §4.2.1.1/8", "RFC 6665 §4.2.1.2/1",
            "RFC 6665 §4.2.1.2/2", "RFC 6665 §4.2.2/2", "REQ-33141-10"))
    func confirm() throws {
        var bench = Bench { $0.defaultHandling = .confirm }
        let tag = try bench.publish("ann").text(.sipETag)
        let dialog = try bench.subscribe("ann")
        #expect(dialog.answer.status == 200)
        let notify = try #require(bench.drain().first)
        #expect(notify.state == "pending;expires=600")
        #expect(notify.body.isEmpty && notify.contentType.isEmpty)
        try bench.publish("ann", body: Bench.pidf("ann", note: "secret"), tag: tag)
        #expect(bench.drain().isEmpty)
        _ = try bench.resubscribe(dialog, cseq: 2)
        #expect(bench.drain().map(\.state) == ["pending;expires=600"])
        #expect(bench.server.counters.pendingSubscriptions == 1)
    }

    @Test(
        "a fetch of an undecided watcher brings no state",
        .spec("RFC 5025 §3.2.1", "RFC 6665 §4.4.3", "RFC 3856 §6.7/4"))
    func pendingFetch() throws {
        var bench = Bench { $0.defaultHandling = .confirm }
        try bench.publish("ann", body: Bench.pidf("ann", note: "secret"))
        _ = try bench.subscribe("ann", expires: "0")
        let notify = try #require(bench.drain().first)
        #expect(notify.state == "terminated;reason=timeout")
        #expect(notify.body.isEmpty)
    }

    @Test(
        "a politely blocked watcher cannot tell that from somebody who is never there",
        .spec(
            "RFC 5025 §3.2.1", "RFC 3856 §6.6.1", "REQ-22141-15", "RFC 3856 §6.6.2/2", "RFC 3856 §9.3/1",
            "RFC 6665 §6.2/1", "REQ-33141-10", "REQ-33141-D3"))
    func politeBlock() throws {
        var offline = Bench()
        var blocked = Bench()
        blocked.setRules("ann", [Bench.rule("ann", "watcher", .politeBlock)])
        try blocked.publish("ann", body: Bench.pidf("ann", note: "secret"))
        for accept in ["", "Accept: application/pidf+xml, application/pidf-diff+xml\r\n"] {
            let one = try offline.subscribe("ann", extra: accept)
            let other = try blocked.subscribe("ann", extra: accept)
            #expect(one.answer.status == other.answer.status)
            let seen = try #require(offline.drain().last)
            let shown = try #require(blocked.drain().last)
            #expect(shown.body == seen.body)
            #expect(shown.entityTag == seen.entityTag)
            #expect(shown.state == seen.state)
            #expect(shown.message.headers.count == seen.message.headers.count)
            _ = try offline.resubscribe(one, cseq: 2)
            _ = try blocked.resubscribe(other, cseq: 2)
            #expect(offline.drain().last?.body == blocked.drain().last?.body)
        }
        try blocked.publish("ann", body: Bench.pidf("ann", note: "more"))
        #expect(blocked.drain().isEmpty)
        _ = try offline.subscribe("ann", expires: "0")
        _ = try blocked.subscribe("ann", expires: "0")
        #expect(offline.drain().last?.body == blocked.drain().last?.body)
    }

    @Test("the presentity itself is always allowed", .spec("RFC 3856 §6.6.1", "REQ-22141-13"))
    func itself() throws {
        var bench = Bench { $0.defaultHandling = .block }
        bench.setRules("ann", [Bench.rule("ann", "ann", .block)])
        #expect(try bench.subscribe("ann", as: "ann").answer.status == 200)
        #expect(bench.decisions.last?.reason == .presentity)
    }

    @Test(
        "without a matching rule the default counts", .spec("RFC 5025 §3.2.1", "REQ-22141-13", "RFC 3856 §6.6.2/1"),
        arguments: AuthorizationRule.Handling.allCases)
    func defaults(_ handling: AuthorizationRule.Handling) throws {
        var bench = Bench { $0.defaultHandling = handling }
        #expect(try bench.subscribe("ann").answer.status == (handling == .block ? 403 : 200))
        #expect(bench.decisions.last?.reason == .defaultHandling)
        #expect(bench.decisions.last?.handling == handling)
    }

    @Test(
        "of several rules the most generous counts, and rules for everyone else only where none names the watcher",
        .spec("RFC 4745 §10.2", "RFC 5025 §3.2.1", "REQ-22141-13", "RFC 3856 §6.6.2/1", "RFC 6665 §6.1/1"))
    func combination() throws {
        var bench = Bench { $0.defaultHandling = .block }
        bench.setRules(
            "ann",
            [
                Bench.rule("ann", "*", .confirm, id: "rest"),
                Bench.rule("ann", "@bench.test", .politeBlock, id: "domain"),
                Bench.rule("ann", "bob", .allow, id: "bob"), Bench.rule("ann", "bob", .block, id: "not-bob"),
            ])
        _ = try bench.subscribe("ann", as: "bob")
        #expect(bench.decisions.last?.reason == .rule(id: "bob"))
        _ = try bench.subscribe("ann", as: "cat")
        #expect(bench.decisions.last?.reason == .rule(id: "domain"))
        _ = try bench.subscribe("ann", as: "sip:dan@elsewhere.test")
        #expect(bench.decisions.last?.reason == .rule(id: "rest"))
    }

    @Test("operators have rules for a domain and for everyone", .spec("REQ-22141-30"))
    func operatorRules() throws {
        var bench = Bench { $0.defaultHandling = .block }
        bench.feed(
            .rulesChanged(
                .all([
                    AuthorizationRule(
                        id: "home", presentity: .domain(Array("bench.test".utf8)),
                        watcher: .domain(Array("bench.test".utf8)), handling: .allow),
                    AuthorizationRule(id: "any", presentity: .every, watcher: .anonymous, handling: .confirm),
                ])))
        _ = try bench.subscribe("ann", as: "bob")
        #expect(bench.decisions.last?.reason == .rule(id: "home"))
        #expect(try bench.subscribe("ann", as: "sip:bob@elsewhere.test").answer.status == 403)
        _ = try bench.subscribe("ann", as: "sip:anonymous@anonymous.invalid")
        #expect(bench.decisions.last?.reason == .rule(id: "any"))
    }

    @Test(
        "a telephone identity never equals a SIP identity", .spec("RFC 5025 §3.1.1.2", "REQ-24141-41", "REQ-33141-D1"))
    func telephoneIsOther() throws {
        var bench = Bench { $0.defaultHandling = .block }
        bench.setRules(
            "ann",
            [
                AuthorizationRule(
                    id: "tel", presentity: .identity(Array("sip:ann@bench.test".utf8)),
                    watcher: .identity(Array("tel:+12015550123".utf8)), handling: .allow)
            ])
        #expect(try bench.subscribe("ann", as: "sip:+12015550123@bench.test").answer.status == 403)
        #expect(try bench.subscribe("ann", as: "tel:+1-201-555-0123").answer.status == 200)
    }

    /// One row of the table of RFC 5025 §3.2.1: from one handling to another while the subscription lives.
    struct Change: CustomStringConvertible {
        let from: AuthorizationRule.Handling
        let to: AuthorizationRule.Handling
        /// What the NOTIFY says; nil if there is none.
        let state: String?
        /// Whether it carries the real document, the fake one, or none.
        let body: Body
        enum Body { case none, real, fake }
        var description: String { "\(self.from.word) to \(self.to.word)" }
    }

    static let table: [Change] = [
        Change(from: .allow, to: .block, state: "terminated;reason=rejected", body: .none),
        Change(from: .allow, to: .confirm, state: "pending;expires=600", body: .none),
        Change(from: .allow, to: .politeBlock, state: "active;expires=600", body: .fake),
        Change(from: .politeBlock, to: .block, state: "terminated;reason=rejected", body: .none),
        Change(from: .politeBlock, to: .confirm, state: "pending;expires=600", body: .none),
        Change(from: .politeBlock, to: .allow, state: "active;expires=600", body: .real),
        Change(from: .confirm, to: .block, state: "terminated;reason=rejected", body: .none),
        Change(from: .confirm, to: .confirm, state: nil, body: .none),
        Change(from: .confirm, to: .politeBlock, state: "active;expires=600", body: .fake),
        Change(from: .confirm, to: .allow, state: "active;expires=600", body: .real),
        Change(from: .allow, to: .allow, state: nil, body: .none),
    ]

    @Test(
        "a change of rules acts on live subscriptions at once",
        .spec(
            "RFC 5025 §3.2.1", "REQ-24141-26", "REQ-22141-14", "REQ-24141-20", "REQ-22141-22", "RFC 3856 §6.7/2",
            "RFC 6665 §4.2.1.3/3", "RFC 6665 §4.2.2/10", "REQ-23141-10", "REQ-33141-10", "REQ-33141-D2"),
        arguments: table)
    func ruleChange(_ change: Change) throws {
        var bench = Bench()
        bench.setRules("ann", [Bench.rule("ann", "watcher", change.from)])
        let tag = try bench.publish("ann", body: Bench.pidf("ann", note: "real")).text(.sipETag)
        _ = try bench.subscribe("ann")
        _ = bench.drain()
        bench.setRules("ann", [Bench.rule("ann", "watcher", change.to, id: "r2")])
        let told = bench.drain()
        #expect(told.map(\.state) == (change.state.map { [$0] } ?? []))
        switch change.body {
        case .none: #expect(told.last?.body.isEmpty ?? true)
        case .real: #expect(told.last?.body.contains("real") == true)
        case .fake:
            #expect(told.last?.body.contains("closed") == true)
            #expect(told.last?.body.contains("real") == false)
        }
        #expect(bench.subscriptions.isEmpty == (change.to == .block))
        // And it stays so.
        try bench.publish("ann", body: Bench.pidf("ann", note: "real later"), tag: tag)
        #expect(bench.drain().contains { $0.body.contains("real later") } == (change.to == .allow))
    }

    @Test(
        "a rule change in the middle of a NOTIFY is told after it",
        .spec("RFC 5025 §3.2.1", "RFC 6665 §4.2.2", "REQ-33141-D2"))
    func changeUnderWay() throws {
        var bench = Bench()
        bench.answer = nil
        _ = try bench.subscribe("ann")
        _ = bench.drain()
        bench.setRules("ann", [Bench.rule("ann", "watcher", .block)])
        #expect(bench.drain().isEmpty)
        #expect(bench.subscriptions.values.first?.expires == bench.now)
        bench.answerAll(200)
        #expect(bench.drain().map(\.state) == ["terminated;reason=rejected"])
        #expect(bench.subscriptions.isEmpty)
    }

    @Test("removing all rules brings the default back", .spec("REQ-24141-26", "REQ-22141-18"))
    func allRules() throws {
        var bench = Bench()
        _ = try bench.subscribe("ann")
        _ = try bench.subscribe("bob")
        bench.feed(
            .rulesChanged(
                .all([AuthorizationRule(id: "off", presentity: .every, watcher: .everyone, handling: .block)])))
        #expect(bench.drain().suffix(2).map(\.state) == ["terminated;reason=rejected", "terminated;reason=rejected"])
        bench.feed(.rulesChanged(.all([])))
        #expect(try bench.subscribe("ann").answer.status == 200)
    }

    @Test("a rule among those of one presentity cannot be about another", .spec("RFC 6665 §6.1/1"))
    func foreignRule() throws {
        var bench = Bench { $0.defaultHandling = .block }
        bench.setRules("ann", [Bench.rule("bob", "watcher", .allow)])
        #expect(try bench.subscribe("bob").answer.status == 403)
        #expect(try bench.subscribe("ann").answer.status == 403)
    }

    @Test("decisions are counted by outcome")
    func counted() throws {
        var bench = Bench()
        bench.setRules(
            "ann",
            [Bench.rule("ann", "a", .block), Bench.rule("ann", "b", .confirm), Bench.rule("ann", "c", .politeBlock)])
        for watcher in ["a", "b", "c", "d", "e"] { _ = try bench.subscribe("ann", as: watcher) }
        let counters = bench.server.counters
        #expect([counters.blocked, counters.confirmed, counters.politelyBlocked, counters.allowed] == [1, 1, 1, 2])
        #expect(counters.refusals[403] == 1)
    }

    @Test(
        "a rule meets its watcher however the watcher writes itself", .spec("REQ-33141-D1"),
        arguments: [
            "sip:watcher@bench.test", "SIP:watcher@BENCH.test", "sips:watcher@bench.test;transport=tls",
            "sip:%77atcher@bench.test", "sip:watcher:pw@bench.test;x=y", "pres:watcher@bench.test",
        ])
    func written(_ watcher: String) throws {
        var bench = Bench { $0.fromStandsInForIdentity = false }
        bench.setRules("ann", [Bench.rule("ann", "watcher", .block)])
        #expect(try bench.subscribe("ann", extra: Bench.asserted(watcher)).answer.status == 403)
        #expect(bench.decisions.last?.actor == Array("sip:watcher@bench.test".utf8))
        #expect(bench.notifications.isEmpty)
    }
}
