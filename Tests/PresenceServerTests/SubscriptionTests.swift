import EventNotification
import Ground
import MusterTesting
import PresenceServer
import SIPTransactions
import SIPWire
import Testing

@Suite("The notifier of presence")
struct SubscriptionTests {
    @Test(
        "a subscription is answered with 200, Expires and Contact, and a NOTIFY follows at once",
        .spec(
            "RFC 6665 §4.2.1.1", "RFC 6665 §4.2.1.2", "RFC 6665 §4.2.2", "RFC 3856 §6.5", "RFC 3856 §6.7",
            "RFC 3856 §6.8",
            "REQ-24141-19", "REQ-24141-21", "REQ-22141-20", "REQ-23141-8", "RFC 3261 §12.1.1/2", "RFC 3856 §6.1/1",
            "RFC 3856 §6.5/1", "RFC 3856 §6.5/2", "RFC 3856 §6.7/1", "RFC 6665 §4.2.1.1/2", "RFC 6665 §4.2.1.1/6",
            "RFC 6665 §4.2.1.1/7", "RFC 6665 §4.2.1.2/1", "RFC 6665 §4.2.2/2", "RFC 6665 §4.2.2/3",
            "RFC 6665 §4.2.2/12", "RFC 6665 §4.5.1/1", "RFC 6665 §5.4.5/1", "REQ-33141-5"))
    func initial() throws {
        var bench = Bench()
        try bench.publish("ann", body: Bench.pidf("ann", note: "hello"))
        let dialog = try bench.subscribe("ann", expires: "1800")
        #expect(dialog.answer.status == 200)
        #expect(dialog.answer.text(.expires) == "1800")
        #expect(dialog.answer.text(.contact) == "<sip:127.0.0.1:5070>")
        let notify = try #require(bench.drain().first)
        #expect(notify.state == "active;expires=1800")
        #expect(notify.header(.event) == "presence")
        #expect(notify.header(.contact) == "<sip:127.0.0.1:5070>")
        #expect(notify.contentType == "application/pidf+xml")
        #expect(notify.body.contains("hello"))
        #expect(notify.cseq == 1)
        #expect(notify.callID == dialog.callID)
        #expect(notify.message.fromTag()?.text == dialog.toTag)
        #expect(notify.message.toTag()?.text == dialog.fromTag)
        #expect(notify.message.requestURI.text == "sip:w@127.0.0.1:6060")
        #expect(notify.header(.maxForwards) == "70")
        #expect(!notify.entityTag.isEmpty)
    }

    @Test("a presentity without state is shown as closed", .spec("RFC 3856 §6.6", "REQ-23141-30"))
    func offline() throws {
        var bench = Bench()
        _ = try bench.subscribe("ann")
        let notify = try #require(bench.drain().first)
        #expect(notify.state.hasPrefix("active"))
        #expect(notify.body.contains("closed"))
        #expect(notify.body.contains("sip:ann@bench.test"))
    }

    @Test(
        "without Expires the duration is that of the package",
        .spec(
            "RFC 3856 §6.4", "RFC 6665 §4.2.1.1", "RFC 3856 §6.4/1", "RFC 6665 §4.2.1.1/3", "RFC 6665 §4.2.1.1/4",
            "RFC 6665 §5.4.4/1"))
    func defaultExpires() throws {
        var bench = Bench()
        #expect(try bench.subscribe("ann", expires: nil).answer.text(.expires) == "3600")
        #expect(try bench.subscribe("ann", expires: "100000").answer.text(.expires) == "7200")
    }

    @Test("too short a duration is answered with 423", .spec("RFC 6665 §4.2.1.1", "RFC 6665 §4.2.1.1/5"))
    func tooBrief() throws {
        var bench = Bench()
        let answer = try bench.subscribe("ann", expires: "1").answer
        #expect(answer.status == 423)
        #expect(answer.text(.minExpires) == "2")
        #expect(bench.notifications.isEmpty)
    }

    @Test(
        "a missing or unknown package is answered with 489 and Allow-Events",
        .spec(
            "RFC 6665 §4.2.1.1", "RFC 6665 §8.3.2", "RFC 3856 §6.1/1", "RFC 6665 §4.2.1.1/1", "RFC 6665 §8.2.1/2",
            "RFC 6665 §8.3.2/1"))
    func packages() throws {
        var bench = Bench()
        for event in ["nonesuch", "presence.other", nil] {
            let answer = try bench.subscribe("ann", event: event).answer
            #expect(answer.status == 489)
            #expect(answer.text(.allowEvents) == "presence")
        }
        #expect(try bench.subscribe("ann", event: "presence;x=;;").answer.status == 400)
    }

    @Test(
        "a SUBSCRIBE without a usable Contact is answered with 400",
        .spec("RFC 3261 §8.1.1.8", "RFC 6665 §4.1.2", "RFC 3261 §8.1.1.8/1"))
    func contact() throws {
        var bench = Bench()
        for contact in [nil, "*", "<mailto:x@y.test>", "<sip:a@127.0.0.1>, <sip:b@127.0.0.1>"] {
            #expect(try bench.subscribe("ann", contact: contact).answer.status == 400)
        }
        #expect(bench.notifications.isEmpty)
        #expect(bench.server.counters.activeSubscriptions == 0)
    }

    @Test(
        "an Accept without presence documents is answered with 406",
        .spec(
            "RFC 3856 §6.3", "RFC 3261 §21.4.7", "RFC 3261 §21.4.7/1", "RFC 3856 §6.5/1",
            "RFC 6665 §4.2.2/5", "RFC 6665 §5.4.5/1", "RFC 4660 §5.3/4"))
    func accept() throws {
        var bench = Bench()
        for value in ["text/plain", "application/pidf+xml;q=0", "text/*", ""] {
            let answer = try bench.subscribe("ann", extra: "Accept: \(value)\r\n").answer
            #expect(answer.status == 406)
            #expect(answer.text(.accept).contains("application/pidf+xml"))
        }
        for value in ["application/pidf+xml", "*/*", "application/*", "text/plain, application/pidf+xml;q=0.1"] {
            #expect(try bench.subscribe("ann", extra: "Accept: \(value)\r\n").answer.status == 200)
        }
    }

    @Test(
        "an unknown dialog is answered with 481",
        .spec("RFC 6665 §4.2.1", "RFC 3261 §12.2.2", "RFC 3261 §12.2.2/1", "RFC 6665 §4.2.1.4/3", "RFC 6665 §4.5.2/1"))
    func unknownDialog() throws {
        var bench = Bench()
        let dialog = try bench.subscribe("ann")
        #expect(try bench.resubscribe(dialog, cseq: 2, toTag: "zzz").status == 481)
        #expect(try bench.resubscribe(dialog, cseq: 2, toTag: "0123456789abcdef").status == 481)
        #expect(try bench.resubscribe(dialog, cseq: 2, fromTag: "other").status == 481)
        #expect(try bench.resubscribe(dialog, cseq: 2, callID: "other").status == 481)
        #expect(try bench.resubscribe(dialog, cseq: 2, event: "presence;id=9").status == 481)
        #expect(try bench.resubscribe(dialog, cseq: 2).status == 200)
    }

    @Test(
        "an extension that has to be understood is answered with 420", .spec("RFC 3261 §8.2.2.3", "RFC 3261 §8.2.2.3/1")
    )
    func required() throws {
        var bench = Bench()
        let answer = try bench.subscribe("ann", extra: "Require: nonesuch\r\n").answer
        #expect(answer.status == 420)
        #expect(answer.text(.unsupported) == "nonesuch")
    }

    @Test(
        "a CSeq that does not rise is answered with 500",
        .spec("RFC 3261 §12.2.2", "RFC 3261 §12.2.2/2", "RFC 3856 §9.4/1", "RFC 6665 §6.4/1"))
    func oldCSeq() throws {
        var bench = Bench()
        let dialog = try bench.subscribe("ann", cseq: 10)
        #expect(try bench.resubscribe(dialog, cseq: 5).status == 500)
        #expect(try bench.resubscribe(dialog, cseq: 10).status == 500)
        #expect(try bench.resubscribe(dialog, cseq: 20).status == 200)
        #expect(try bench.resubscribe(dialog, cseq: 19).status == 500)
    }

    @Test(
        "a refresh keeps its dialog and is followed by a NOTIFY with the next number",
        .spec(
            "RFC 6665 §4.2.1.4", "RFC 6665 §4.2.1.2", "RFC 3261 §12.2.1.1", "REQ-24141-16", "RFC 3261 §12.2.1.1/1",
            "RFC 6665 §4.2.1.2/1", "RFC 6665 §4.2.1.4/1", "RFC 6665 §4.2.2/12"))
    func refresh() throws {
        var bench = Bench()
        let dialog = try bench.subscribe("ann", expires: "100")
        bench.advance(.seconds(90))
        let answer = try bench.resubscribe(dialog, cseq: 2, expires: "300")
        #expect(answer.status == 200)
        #expect(answer.text(.expires) == "300")
        #expect(answer.toTag()?.text == dialog.toTag)
        let notifications = bench.drain()
        #expect(notifications.map(\.cseq) == [1, 2])
        #expect(notifications.last?.state == "active;expires=300")
        bench.advance(.seconds(299))
        #expect(bench.drain().isEmpty)
        bench.advance(.seconds(2))
        #expect(bench.drain().map(\.state) == ["terminated;reason=timeout"])
    }

    @Test(
        "Expires 0 in the dialog ends the subscription with the state and the reason timeout",
        .spec(
            "RFC 6665 §4.2.1.4", "RFC 6665 §4.1.2.3", "RFC 3856 §6.4", "REQ-22141-20", "RFC 3856 §6.4/2",
            "RFC 6665 §4.2.2/4", "RFC 6665 §4.4.1/2"))
    func unsubscribe() throws {
        var bench = Bench()
        let tag = try bench.publish("ann").text(.sipETag)
        let dialog = try bench.subscribe("ann")
        _ = bench.drain()
        let answer = try bench.resubscribe(dialog, cseq: 2, expires: "0")
        #expect(answer.status == 200)
        #expect(answer.text(.expires) == "0")
        let notify = try #require(bench.drain().first)
        #expect(notify.state == "terminated;reason=timeout")
        #expect(!notify.state.contains("expires"))
        #expect(notify.body.contains("presence"))
        #expect(bench.subscriptions.isEmpty)
        #expect(try bench.resubscribe(dialog, cseq: 3).status == 481)
        try bench.publish("ann", body: Bench.pidf("ann", note: "later"), tag: tag)
        #expect(bench.drain().isEmpty)
    }

    @Test(
        "a fetch brings one NOTIFY with the state and leaves nothing",
        .spec("RFC 6665 §4.4.3", "RFC 3856 §6.4", "REQ-22141-20", "RFC 3856 §6.4/2", "RFC 6665 §4.4.3/1", "REQ-33141-5")
    )
    func fetch() throws {
        var bench = Bench()
        try bench.publish("ann", body: Bench.pidf("ann", note: "seen"))
        let before = bench.stored.count
        let dialog = try bench.subscribe("ann", expires: "0")
        #expect(dialog.answer.status == 200)
        #expect(dialog.answer.text(.expires) == "0")
        let notifications = bench.drain()
        #expect(notifications.count == 1)
        #expect(notifications.first?.state == "terminated;reason=timeout")
        #expect(notifications.first?.body.contains("seen") == true)
        #expect(bench.stored.count == before)
        #expect(bench.server.counters.activeSubscriptions == 0)
        #expect(bench.server.counters.views == 0)
        #expect(bench.server.counters.fetches == 1)
        _ = try bench.subscribe("nobody", expires: "0")
        #expect(bench.server.counters.presentities == 1)
    }

    @Test("who is asked for again and again is composed once for each state", .spec("RFC 6665 §4.4.3"))
    func restingView() throws {
        var bench = Bench()
        try bench.publish("ann", body: Bench.pidf("ann", note: "first"))
        for _ in 0..<3 {
            _ = try bench.subscribe("ann", expires: "0")
            #expect(bench.drain().first?.body.contains("first") == true)
        }
        #expect(bench.server.counters.compositions == 1)
        try bench.publish("ann", body: Bench.pidf("ann", note: "second"))
        _ = try bench.subscribe("ann", expires: "0")
        #expect(bench.drain().first?.body.contains("second") == true)
        #expect(bench.server.counters.compositions == 2)
        // Once nothing is published any more, nobody is shown what was.
        bench.advance(.seconds(7300))
        _ = try bench.subscribe("ann", expires: "0")
        let last = try #require(bench.drain().first)
        #expect(!last.body.contains("first") && !last.body.contains("second"))
    }

    @Test("polling is a run of fetches", .spec("RFC 6665 §4.4.3", "REQ-22141-20", "RFC 6665 §4.4.3/1"))
    func poll() throws {
        var bench = Bench()
        for round in 0..<3 {
            try bench.publish("ann", body: Bench.pidf("ann", note: "round \(round)"))
            _ = try bench.subscribe("ann", expires: "0")
            #expect(bench.drain().last?.body.contains("round \(round)") == true)
            bench.advance(.seconds(60))
        }
    }

    @Test(
        "a subscription that is not refreshed ends with the reason timeout",
        .spec("RFC 6665 §4.2.2", "REQ-23141-13", "RFC 6665 §4.2.1.4/2"))
    func expiry() throws {
        var bench = Bench()
        _ = try bench.subscribe("ann", expires: "2")
        _ = bench.drain()
        bench.advance(.seconds(1))
        #expect(bench.drain().isEmpty)
        bench.advance(.seconds(5))
        #expect(bench.drain().map(\.state) == ["terminated;reason=timeout"])
        #expect(bench.subscriptions.isEmpty)
        #expect(bench.server.counters.subscriptionsExpired == 1)
        #expect(bench.server.nextDeadline == nil)
    }

    @Test(
        "a change is told to every watcher, an equal state to nobody",
        .spec("RFC 6665 §4.2.2", "RFC 3856 §6.7", "REQ-22141-14", "RFC 3856 §6.7/3", "RFC 6665 §4.2.2/11"))
    func changes() throws {
        var bench = Bench()
        var tag = try bench.publish("ann").text(.sipETag)
        for index in 0..<10 { _ = try bench.subscribe("ann", as: "w\(index)") }
        _ = bench.drain()
        tag = try bench.publish("ann", body: Bench.pidf("ann", basic: "closed"), tag: tag).text(.sipETag)
        let told = bench.drain()
        #expect(told.count == 10)
        #expect(Set(told.map(\.body)).count == 1)
        #expect(Set(told.map(\.entityTag)).count == 1)
        tag = try bench.publish("ann", body: Bench.pidf("ann", basic: "closed"), tag: tag).text(.sipETag)
        _ = try bench.publish("ann", body: "", tag: tag)
        #expect(bench.drain().isEmpty)
        #expect(bench.server.counters.views == 1)
    }

    @Test(
        "publications of several devices are composed, and the rest stays when one goes",
        .spec("RFC 3903 §3", "REQ-23141-3", "REQ-23141-4", "REQ-22141-10", "RFC 3856 §6.11.1/1", "RFC 3903 §10.3/1"))
    func aggregation() throws {
        var bench = Bench()
        _ = try bench.subscribe("ann")
        let first = try bench.publish("ann", body: Bench.pidf("ann", tuple: "t1", note: "one")).text(.sipETag)
        try bench.publish("ann", body: Bench.pidf("ann", tuple: "t2", basic: "closed", note: "two"))
        let both = try #require(bench.drain().last)
        #expect(both.body.contains("one") && both.body.contains("two"))
        try bench.publish("ann", body: "", tag: first, expires: "0")
        let rest = try #require(bench.drain().last)
        #expect(rest.body.contains("two") && !rest.body.contains("one"))
    }

    @Test(
        "one NOTIFY at a time is on its way in a dialog, and the next carries the latest state",
        .spec("RFC 6665 §4.2.2", "RFC 3856 §6.10"))
    func oneAtATime() throws {
        var bench = Bench()
        var tag = try bench.publish("ann").text(.sipETag)
        _ = try bench.subscribe("ann")
        _ = bench.drain()
        bench.answer = nil
        for index in 0..<5 {
            tag = try bench.publish("ann", body: Bench.pidf("ann", note: "v\(index)"), tag: tag).text(.sipETag)
        }
        #expect(bench.drain().count == 1)
        bench.answerAll(200)
        let next = bench.drain()
        #expect(next.count == 1)
        #expect(next.first?.body.contains("v4") == true)
        bench.answerAll(200)
        #expect(bench.drain().isEmpty)
    }

    @Test("compact forms are understood", .spec("RFC 3261 §7.3.3", "RFC 6665 §8.2.1", "RFC 3261 §7.3.3/1"))
    func compactForms() throws {
        var bench = Bench()
        var text = bench.request("SUBSCRIBE", "ann")
        for (long, short) in [
            ("Via:", "v:"), ("From:", "f:"), ("To:", "t:"), ("Call-ID:", "i:"), ("Contact:", "m:"), ("Event:", "o:"),
        ] { text = text.replacingFirst("\r\n\(long)", "\r\n\(short)") }
        #expect(try bench.send(text)?.status == 200)
    }

    @Test("a telephone number is a presentity too", .spec("REQ-22141-11", "RFC 3966 §5"))
    func telephone() throws {
        var bench = Bench()
        let text = bench.request("SUBSCRIBE", "ann", from: "sip:w@bench.test", uri: "tel:+1-201-555-0123")
        #expect(try bench.send(text)?.status == 200)
        #expect(bench.subscriptions.values.first?.presentity == Array("tel:+12015550123".utf8))
        var closed = Bench { $0.servesTelephone = false }
        #expect(try closed.send(text)?.status == 404)
    }

    @Test(
        "unknown users and foreign domains are answered with 404",
        .spec("RFC 6665 §4.2.1.1", "REQ-24141-27", "RFC 3261 §8.2.2.1/2", "REQ-33141-9"))
    func unknownUsers() throws {
        var bench = Bench { $0.users = .provisioned([Array("sip:ann@bench.test".utf8)]) }
        #expect(try bench.subscribe("ann").answer.status == 200)
        #expect(try bench.subscribe("bob").answer.status == 404)
        #expect(try bench.subscribe("ann", uri: "sip:ann@elsewhere.test").answer.status == 404)
        bench.feed(.usersChanged(.provisioned([])))
        #expect(bench.drain().last?.state == "terminated;reason=noresource")
        #expect(bench.subscriptions.isEmpty)
    }

    @Test(
        "bounds are answered with 503 and Retry-After",
        .spec(
            "RFC 6665 §4.4.4", "RFC 3261 §21.5.4", "REQ-24141-27", "REQ-23141-13", "RFC 3261 §21.5.4/1",
            "RFC 3261 §26.3.2.4/1", "RFC 3856 §9.6/1", "RFC 6665 §6.3/1", "REQ-33141-D9"))
    func bounds() throws {
        var bench = Bench {
            $0.limits.subscriptions = 2
            $0.limits.presentities = 5
        }
        #expect(try bench.subscribe("ann").answer.status == 200)
        #expect(try bench.subscribe("bob").answer.status == 200)
        let answer = try bench.subscribe("cat").answer
        #expect(answer.status == 503)
        #expect(!answer.text(.retryAfter).isEmpty)
        #expect(bench.observations.contains(.subscriptionLimit))
    }

    @Test("a route set beyond the bound is refused", .spec("RFC 3261 §21.5.13"))
    func longRoutes() throws {
        var bench = Bench { $0.limits.dialogBytes = 1000 }
        let route = "Record-Route: <sip:\(String(repeating: "a", count: 200)).example.com;lr>\r\n"
        #expect(try bench.subscribe("ann", extra: String(repeating: route, count: 6)).answer.status == 513)
        #expect(bench.server.counters.presentities == 0)
    }

    @Test(
        "draining takes no new work and keeps what lives",
        .spec("RFC 6665 §4.4.4", "RFC 3856 §6.11.2/1", "RFC 6665 §4.4.2/1", "REQ-24141-27"))
    func drained() throws {
        var bench = Bench()
        _ = try bench.subscribe("ann")
        bench.feed(.drained)
        #expect(try bench.subscribe("ann").answer.status == 503)
        #expect(bench.subscriptions.count == 1)
        var leaving = Bench { $0.deactivatesWhenDrained = true }
        _ = try leaving.subscribe("ann")
        leaving.feed(.drained)
        #expect(leaving.drain().last?.state == "terminated;reason=deactivated")
        #expect(leaving.subscriptions.isEmpty)
    }

    @Test(
        "a body that may be left aside is left aside",
        .spec("RFC 3261 §20.11", "RFC 3261 §8.2.3", "RFC 3261 §8.2.3/2", "RFC 4660 §5.2/1"))
    func optionalBody() throws {
        var bench = Bench()
        let refused = try bench.subscribe("ann", body: "x", contentType: "text/plain").answer
        #expect(refused.status == 415)
        #expect(refused.text(.accept) == "application/simple-filter+xml")
        let taken = try bench.subscribe(
            "ann", extra: "Content-Disposition: session;handling=optional\r\n", body: "x", contentType: "text/plain")
        #expect(taken.answer.status == 200)
    }

    @Test("a live subscription is small")
    func memory() throws {
        var bench = Bench()
        _ = try bench.subscribe("ann")
        let record = try #require(bench.subscriptions.values.first)
        #expect(record.dialog.count < 400)
        #expect(MemoryLayout<NotifierSubscription>.size <= 24)
    }

    @Test("all tables are empty when everything has ended", .spec("RFC 6665 §6.3/1"))
    func emptiness() throws {
        var bench = Bench()
        for index in 0..<20 {
            _ = try bench.publish("p\(index % 5)", expires: "\(10 + index)")
            _ = try bench.subscribe(
                "p\(index % 5)", as: "w\(index)", event: index % 3 == 0 ? "presence;max-rate=1" : "presence",
                expires: "\(5 + index)")
        }
        bench.advance(.seconds(100))
        let counters = bench.server.counters
        #expect(counters.presentities == 0 && counters.publications == 0 && counters.views == 0)
        #expect(counters.activeSubscriptions == 0 && counters.pendingSubscriptions == 0)
        #expect(counters.notificationsUnderWay == 0)
        #expect(bench.subscriptions.isEmpty && bench.publications.isEmpty)
        #expect(bench.server.nextDeadline == nil)
    }

    @Test("subscriptions of one watcher live side by side", .spec("RFC 6665 §4.4.1/3"))
    func sideBySide() throws {
        var bench = Bench()
        let tag = try bench.publish("ann").text(.sipETag)
        let one = try bench.subscribe("ann", event: "presence;id=1")
        let two = try bench.subscribe("ann", event: "presence;id=2")
        #expect(one.toTag != two.toTag)
        _ = bench.drain()
        #expect(try bench.resubscribe(one, cseq: 2, event: "presence;id=1", expires: "0").status == 200)
        #expect(bench.drain().map(\.callID) == [one.callID])
        try bench.publish("ann", body: Bench.pidf("ann", note: "later"), tag: tag)
        let told = bench.drain()
        #expect(told.map(\.callID) == [two.callID])
        #expect(told.first?.header(.event) == "presence;id=2")
    }
}
