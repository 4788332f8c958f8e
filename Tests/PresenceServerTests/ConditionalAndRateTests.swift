import EventNotification
import Ground
import MusterTesting
import PresenceServer
import SIPTransactions
import SIPWire
import Testing

@Suite("Conditional notification")
struct ConditionalNotificationTests {
    @Test(
        "every NOTIFY carries a tag that names the state",
        .spec("RFC 5839 §4", "RFC 5839 §6.1", "RFC 5839 §6.1/1", "RFC 5839 §6.1/2"))
    func tags() throws {
        var bench = Bench()
        let tag = try bench.publish("ann").text(.sipETag)
        let dialog = try bench.subscribe("ann")
        _ = try bench.resubscribe(dialog, cseq: 2)
        try bench.publish("ann", body: Bench.pidf("ann", note: "other"), tag: tag)
        _ = try bench.resubscribe(dialog, cseq: 3, expires: "0")
        let tags = bench.drain().map(\.entityTag)
        #expect(tags.count == 4)
        #expect(tags[0] == tags[1])
        #expect(tags[2] != tags[1])
        #expect(tags[3] == tags[2])
        #expect(tags.allSatisfy { !$0.isEmpty })
    }

    @Test(
        "a refresh with the current tag is answered with 204 and extends the subscription",
        .spec(
            "RFC 5839 §5.5", "RFC 5839 §6.4", "RFC 5839 §8.1", "RFC 5839 §6.3/1", "RFC 5839 §6.3/4", "RFC 5839 §6.3/5",
            "RFC 5839 §7.1/1"))
    func refresh() throws {
        var bench = Bench()
        try bench.publish("ann")
        let dialog = try bench.subscribe("ann", expires: "100")
        let tag = try #require(bench.drain().last).entityTag
        bench.advance(.seconds(90))
        let answer = try bench.resubscribe(dialog, cseq: 2, extra: "Suppress-If-Match: \(tag)\r\n", expires: "200")
        #expect(answer.status == 204)
        #expect(answer.reason.text == "No Notification")
        #expect(answer.text(.expires) == "200")
        #expect(bench.drain().isEmpty)
        bench.advance(.seconds(150))
        #expect(bench.subscriptions.count == 1)
        let late = try bench.resubscribe(dialog, cseq: 3, extra: "Suppress-If-Match: 0123456789abcdef\r\n")
        #expect(late.status == 200)
        #expect(bench.drain().last?.body.isEmpty == false)
    }

    @Test(
        "after a suppressed refresh a change is told as always",
        .spec("RFC 5839 §5.5", "RFC 5839 §6.3", "RFC 5839 §6.3/6"))
    func changeAfterRefresh() throws {
        var bench = Bench()
        let first = try bench.publish("ann").text(.sipETag)
        let dialog = try bench.subscribe("ann")
        let tag = try #require(bench.drain().last).entityTag
        _ = try bench.resubscribe(dialog, cseq: 2, extra: "Suppress-If-Match: \(tag)\r\n")
        try bench.publish("ann", body: Bench.pidf("ann", note: "new"), tag: first)
        #expect(bench.drain().last?.body.contains("new") == true)
    }

    @Test(
        "a new subscription with the current tag gets a NOTIFY without a body",
        .spec(
            "RFC 5839 §5.3", "RFC 5839 §6.2", "RFC 5839 §6.1/1", "RFC 5839 §6.2/2", "RFC 5839 §6.2/3", "RFC 5839 §6.3/3"
        ))
    func resume() throws {
        var bench = Bench()
        try bench.publish("ann")
        _ = try bench.subscribe("ann", expires: "0")
        let tag = try #require(bench.drain().last).entityTag
        let dialog = try bench.subscribe("ann", extra: "Suppress-If-Match: \(tag)\r\n")
        #expect(dialog.answer.status == 200)
        let notify = try #require(bench.drain().last)
        #expect(notify.body.isEmpty)
        #expect(notify.contentType.isEmpty)
        #expect(notify.header(.contentLength) == "0")
        #expect(notify.entityTag == tag)
        #expect(notify.state.hasPrefix("active"))
    }

    @Test(
        "a conditional fetch of known state brings no body", .spec("RFC 5839 §5.4", "RFC 5839 §6.2", "RFC 5839 §6.2/2"))
    func conditionalFetch() throws {
        var bench = Bench()
        try bench.publish("ann")
        _ = try bench.subscribe("ann", expires: "0")
        let tag = try #require(bench.drain().last).entityTag
        _ = try bench.subscribe("ann", extra: "Suppress-If-Match: \(tag)\r\n", expires: "0")
        let notify = try #require(bench.drain().last)
        #expect(notify.state == "terminated;reason=timeout")
        #expect(notify.body.isEmpty)
        #expect(notify.entityTag == tag)
    }

    @Test(
        "an end with the current tag is answered with 204 and brings no NOTIFY",
        .spec("RFC 5839 §5.6", "RFC 5839 §6.4", "RFC 5839 §6.3/7")
    )
    func unsubscribe() throws {
        var bench = Bench()
        let dialog = try bench.subscribe("ann")
        let tag = try #require(bench.drain().last).entityTag
        let answer = try bench.resubscribe(dialog, cseq: 2, extra: "Suppress-If-Match: \(tag)\r\n", expires: "0")
        #expect(answer.status == 204)
        #expect(bench.drain().isEmpty)
        #expect(bench.subscriptions.isEmpty)
    }

    @Test(
        "a star puts the subscription to sleep until a SUBSCRIBE without it",
        .spec(
            "RFC 5839 §5.3", "RFC 5839 §6.3", "RFC 5839 §7.1", "RFC 5839 §6.2/1", "RFC 5839 §6.2/4", "RFC 5839 §6.3/2"))
    func star() throws {
        var bench = Bench()
        let tag = try bench.publish("ann").text(.sipETag)
        let dialog = try bench.subscribe("ann", extra: "Suppress-If-Match: *\r\n")
        #expect(bench.drain().map(\.body) == [""])
        let next = try bench.publish("ann", body: Bench.pidf("ann", note: "unseen"), tag: tag).text(.sipETag)
        #expect(bench.drain().isEmpty)
        #expect(try bench.resubscribe(dialog, cseq: 2, extra: "Suppress-If-Match: *\r\n").status == 204)
        bench.setRules("ann", [Bench.rule("ann", "watcher", .confirm)])
        #expect(bench.drain().map(\.body) == [""])
        bench.setRules("ann", [])
        #expect(bench.drain().map(\.body) == [""])
        #expect(try bench.resubscribe(dialog, cseq: 3).status == 200)
        #expect(bench.drain().last?.body.contains("unseen") == true)
        try bench.publish("ann", body: Bench.pidf("ann", note: "awake"), tag: next)
        #expect(bench.drain().last?.body.contains("awake") == true)
    }

    @Test(
        "a condition that is no tag is answered with 400", .spec("RFC 5839 §7.1", "RFC 5839 §6.3/5", "RFC 5839 §7.2/1"))
    func bad() throws {
        var bench = Bench()
        #expect(try bench.subscribe("ann", extra: "Suppress-If-Match: a b\r\n").answer.status == 400)
        #expect(try bench.subscribe("ann", extra: "Suppress-If-Match: someone-elses-tag\r\n").answer.status == 200)
        #expect(bench.drain().last?.body.isEmpty == false)
    }

    @Test("a tag survives a restart", .spec("RFC 5839 §4", "RFC 5839 §6.5", "RFC 5839 §6.1/3"))
    func restart() throws {
        var bench = Bench()
        try bench.publish("ann")
        let dialog = try bench.subscribe("ann")
        let tag = try #require(bench.drain().last).entityTag
        bench.restart()
        #expect(try bench.resubscribe(dialog, cseq: 2, extra: "Suppress-If-Match: \(tag)\r\n").status == 204)
    }
}

@Suite("Rate control of notifications")
struct RateControlTests {
    @Test(
        "a maximum rate holds changes back, and the latest state is sent",
        .spec(
            "RFC 6446 §5.1", "RFC 6446 §5.2", "REQ-24141-22", "REQ-24141-13", "REQ-22141-23", "RFC 6446 §4.2/1",
            "RFC 6446 §5.2/1", "RFC 6446 §5.5.2/1", "RFC 6446 §5.2/7"))
    func maximum() throws {
        var bench = Bench()
        var tag = try bench.publish("ann").text(.sipETag)
        _ = try bench.subscribe("ann", event: "presence;max-rate=0.5")
        #expect(bench.drain().map(\.state) == ["active;expires=600;max-rate=0.5"])
        for index in 0..<5 {
            tag = try bench.publish("ann", body: Bench.pidf("ann", note: "v\(index)"), tag: tag).text(.sipETag)
        }
        bench.advance(.milliseconds(1500))
        #expect(bench.drain().isEmpty)
        bench.advance(.seconds(3))
        let later = bench.drain()
        #expect(later.count == 1)
        #expect(later.first?.body.contains("v4") == true)
    }

    @Test("a state that came back while it was held is not sent", .spec("RFC 6446 §5.2"))
    func cameBack() throws {
        var bench = Bench()
        var tag = try bench.publish("ann").text(.sipETag)
        _ = try bench.subscribe("ann", event: "presence;max-rate=0.1")
        _ = bench.drain()
        tag = try bench.publish("ann", body: Bench.pidf("ann", note: "x"), tag: tag).text(.sipETag)
        tag = try bench.publish("ann", tag: tag).text(.sipETag)
        bench.advance(.seconds(30))
        #expect(bench.drain().isEmpty)
    }

    @Test(
        "a refresh is answered with a NOTIFY whatever the rate",
        .spec("RFC 6446 §5.2", "RFC 6446 §5.2/2", "RFC 6446 §5.2/4"))
    func exempt() throws {
        var bench = Bench()
        let dialog = try bench.subscribe("ann", event: "presence;max-rate=0.1")
        _ = bench.drain()
        _ = try bench.resubscribe(dialog, cseq: 2, event: "presence;max-rate=0.1")
        #expect(bench.drain().count == 1)
        bench.setRules("ann", [Bench.rule("ann", "watcher", .block)])
        #expect(bench.drain().map(\.state) == ["terminated;reason=rejected"])
    }

    @Test(
        "pending to active is told at once whatever the rate",
        .spec("RFC 6446 §5.2", "RFC 3856 §6.7/1", "RFC 6446 §5.2/3", "RFC 6665 §4.2.2/10"))
    func pendingToActive() throws {
        var bench = Bench { $0.defaultHandling = .confirm }
        _ = try bench.subscribe("ann", event: "presence;max-rate=0.01")
        _ = bench.drain()
        bench.setRules("ann", [Bench.rule("ann", "watcher", .allow)])
        #expect(bench.drain().first?.state.hasPrefix("active") == true)
    }

    @Test(
        "a minimum rate brings notifications without a change",
        .spec(
            "RFC 6446 §6.1", "RFC 6446 §6.2", "RFC 6446 §4.2/1", "RFC 6446 §6.2/1", "RFC 6446 §6.2/2", "RFC 6446 §6.2/3"
        ))
    func minimum() throws {
        var bench = Bench()
        try bench.publish("ann")
        _ = try bench.subscribe("ann", event: "presence;min-rate=1")
        _ = bench.drain()
        bench.advance(.milliseconds(2600))
        let told = bench.drain()
        #expect(told.count == 2)
        #expect(told.allSatisfy { $0.body.contains("presence") && $0.state.contains("min-rate=1") })
    }

    @Test(
        "an adaptive minimum rate brings notifications too",
        .spec("RFC 6446 §7.1", "RFC 6446 §7.2", "RFC 6446 §4.2/1", "RFC 6446 §7.2/1", "RFC 6446 §7.2/2"))
    func adaptive() throws {
        var bench = Bench()
        _ = try bench.subscribe("ann", event: "presence;adaptive-min-rate=0.1")
        #expect(bench.drain().last?.state.contains("adaptive-min-rate=0.1") == true)
        bench.advance(.seconds(100))
        let told = bench.drain().count
        #expect((5...15).contains(told))
    }

    @Test(
        "a SUBSCRIBE without the parameters removes the control",
        .spec("RFC 6446 §4.3", "RFC 6446 §5.1", "RFC 6446 §5.1/3"))
    func removed() throws {
        var bench = Bench()
        var tag = try bench.publish("ann").text(.sipETag)
        let dialog = try bench.subscribe("ann", event: "presence;max-rate=0.01")
        _ = try bench.resubscribe(dialog, cseq: 2)
        #expect(bench.drain().last?.state == "active;expires=600")
        tag = try bench.publish("ann", body: Bench.pidf("ann", note: "now"), tag: tag).text(.sipETag)
        #expect(bench.drain().count == 1)
    }

    @Test(
        "the answer to a NOTIFY may change the rates",
        .spec("RFC 6446 §4.2", "RFC 6446 §5.1", "RFC 6446 §8", "RFC 6446 §9.3/1", "RFC 6446 §9.3/2", "RFC 6446 §4.2/1"))
    func inAnswer() throws {
        var bench = Bench()
        var tag = try bench.publish("ann").text(.sipETag)
        bench.answerHeaders = "Event: presence;max-rate=0.1\r\n"
        _ = try bench.subscribe("ann")
        _ = bench.drain()
        bench.answerHeaders = ""
        tag = try bench.publish("ann", body: Bench.pidf("ann", note: "a"), tag: tag).text(.sipETag)
        #expect(bench.drain().isEmpty)
        bench.answerHeaders = "Event: presence\r\n"
        bench.advance(.seconds(11))
        let told = bench.drain()
        #expect(told.count == 1)
        #expect(told.first?.state.contains("max-rate=0.1") == true)
        bench.answerHeaders = "Event: other;max-rate=0.1\r\n"
        for index in 0..<3 {
            tag = try bench.publish("ann", body: Bench.pidf("ann", note: "b\(index)"), tag: tag).text(.sipETag)
        }
        #expect(bench.drain().count == 3)
    }

    @Test("a rate that would let nothing through is raised", .spec("RFC 6446 §5.2", "RFC 6446 §5.3/1"))
    func raised() throws {
        var bench = Bench()
        _ = try bench.subscribe("ann", event: "presence;max-rate=0.0001", expires: "100")
        #expect(bench.drain().last?.state == "active;expires=100;max-rate=0.01")
    }

    @Test("a value that breaks the grammar counts as absent", .spec("RFC 6446 §9.3", "RFC 6446 §9.2/1"))
    func badValues() throws {
        var bench = Bench()
        _ = try bench.subscribe("ann", event: "presence;max-rate=0;min-rate=-1;adaptive-min-rate=abc")
        #expect(bench.drain().last?.state == "active;expires=600")
    }

    @Test(
        "the policy of the operator holds where the watcher asks for nothing",
        .spec(
            "RFC 3856 §6.10", "REQ-24141-22", "REQ-23141-13", "RFC 6665 §5.4.10", "RFC 3856 §6.10/1", "RFC 6446 §5.2/6",
            "RFC 6665 §5.4.10/1"))
    func baseline() throws {
        var bench = Bench { $0.minimumInterval = .seconds(5) }
        var tag = try bench.publish("ann").text(.sipETag)
        _ = try bench.subscribe("ann")
        _ = bench.drain()
        for index in 0..<10 {
            tag = try bench.publish("ann", body: Bench.pidf("ann", note: "v\(index)"), tag: tag).text(.sipETag)
            bench.advance(.seconds(1))
        }
        bench.advance(.seconds(10))
        let told = bench.drain()
        #expect((2...3).contains(told.count))
        #expect(told.last?.body.contains("v9") == true)
    }

    @Test("a shorter life raises a rate that would let nothing through", .spec("RFC 6446 §5.3/2"))
    func raisedAgain() throws {
        var bench = Bench()
        let dialog = try bench.subscribe("ann", event: "presence;max-rate=0.002", expires: "1000")
        #expect(bench.drain().last?.state == "active;expires=1000;max-rate=0.002")
        _ = try bench.resubscribe(dialog, cseq: 2, event: "presence;max-rate=0.002", expires: "100")
        #expect(bench.drain().last?.state == "active;expires=100;max-rate=0.01")
    }

    @Test("other parameters of the Event in an answer are ignored, its id too", .spec("RFC 6446 §9.3/3"))
    func otherParameters() throws {
        for event in ["presence;max-rate=0.1", "presence;id=8;max-rate=0.1;x=y", "presence;id=7;max-rate=0.1"] {
            var bench = Bench()
            let tag = try bench.publish("ann").text(.sipETag)
            bench.answerHeaders = "Event: \(event)\r\n"
            let dialog = try bench.subscribe("ann", event: "presence;id=7")
            _ = bench.drain()
            try bench.publish("ann", body: Bench.pidf("ann", note: "a"), tag: tag)
            #expect(bench.drain().isEmpty, "\(event)")
            bench.advance(.seconds(11))
            let told = bench.drain()
            #expect(told.map { $0.header(.event) } == ["presence;id=7"])
            #expect(told.first?.state.contains("max-rate=0.1") == true)
            #expect(try bench.resubscribe(dialog, cseq: 2, event: "presence;id=7").status == 200)
        }
    }
}
