import EventNotification
import Ground
import MusterTesting
import SIPTransactions
import SIPWire
import Testing

@Suite("The notifier: subscriptions")
struct NotifierTests {
    @Test(
        "a subscription is answered at once and told the state at once",
        .spec(
            "RFC 6665 §4.2.1.1/2", "RFC 6665 §4.2.1.1/6", "RFC 6665 §4.2.1.1/7", "RFC 6665 §4.2.1.2/1",
            "RFC 6665 §4.2.2/1", "RFC 6665 §4.2.2/2", "RFC 6665 §4.2.2/3", "RFC 6665 §4.2.2/12",
            "RFC 6665 §4.5.1/1", "RFC 5839 §6.1/1"))
    func initial() throws {
        var bench = NotifierBench()
        let dialog = try bench.subscribe(event: "lamp;id=7")
        #expect(dialog.answer.status == 200)
        #expect(dialog.answer.text(.expires) == "600")
        #expect(dialog.answer.text(.contact) == "<sip:127.0.0.1:5070>")
        #expect(dialog.answer.text(.allowEvents) == "lamp, radio")
        let notify = try #require(bench.drain().first)
        #expect(notify.message.requestURI.text == "sip:w@127.0.0.1:6060")
        #expect(notify.message.fromTag()?.text == dialog.toTag)
        #expect(notify.message.toTag()?.text == dialog.fromTag)
        #expect(notify.header(.callID) == dialog.callID)
        #expect(notify.header(.event) == "lamp;id=7")
        #expect(notify.state == "active;expires=600")
        #expect(notify.header(.contentType) == "text/plain")
        #expect(notify.header(.contact) == "<sip:127.0.0.1:5070>")
        #expect(notify.body == "off")
        #expect(notify.cseq == 1)
        #expect(notify.transaction.raw & 3 == 2)
        #expect(bench.notifier.counters.activeSubscriptions == 1)
        #expect(bench.records.count == 1)
    }

    @Test(
        "a package that is not served, or none, is 489 with those that are",
        .spec("RFC 6665 §4.2.1.1/1", "RFC 6665 §8.3.2/1", "RFC 6665 §8.2.1/2", "RFC 6665 §8.2.2/1"))
    func packages() throws {
        var bench = NotifierBench()
        for event in [nil, "door", "Lamp", "lamp.winfo"] {
            let answer = try bench.send(bench.request(event: event))
            #expect(answer.status == 489)
            #expect(answer.text(.allowEvents) == "lamp, radio")
        }
        #expect(bench.notifier.counters.refusals[489] == 4)
        #expect(bench.notifier.count == 0)
    }

    @Test(
        "durations: the package's without a wish, shortened, never lengthened, 423 only below an hour",
        .spec(
            "RFC 6665 §4.2.1.1/3", "RFC 6665 §4.2.1.1/4", "RFC 6665 §4.2.1.1/5", "RFC 6665 §5.4.4/1"))
    func durations() throws {
        var bench = NotifierBench { $0.expiry = ExpiryPolicy(standard: 3600, minimum: 60, maximum: 7200) }
        #expect(try bench.subscribe(expires: nil).answer.text(.expires) == "1800")
        bench.resources["r"] = "on"
        #expect(try bench.subscribe(to: "r", event: "radio", expires: nil).answer.text(.expires) == "900")
        #expect(try bench.subscribe(expires: "99999").answer.text(.expires) == "7200")
        let brief = try bench.subscribe(expires: "59").answer
        #expect(brief.status == 423 && brief.text(.minExpires) == "60")
        #expect(try bench.send(bench.request(expires: "soon")).status == 400)
    }

    @Test(
        "what is accepted decides the type, and what cannot be given is 406 or 415",
        .spec("RFC 6665 §4.2.2/5", "RFC 6665 §5.4.5/1", "RFC 3261 §8.2.3"))
    func bodies() throws {
        var bench = NotifierBench()
        for (accept, type) in [
            ("*/*", "text/plain"), ("application/lamp", "application/lamp"), ("application/*", "application/lamp"),
            ("text/plain;q=0.1, application/lamp;q=0.9", "application/lamp"),
            ("application/lamp;q=0, */*", "text/plain"),
        ] {
            _ = try bench.subscribe(extra: "Accept: \(accept)\r\n")
            #expect(bench.drain().last?.header(.contentType) == type, "\(accept)")
        }
        let refused = try bench.subscribe(extra: "Accept: text/html\r\n").answer
        #expect(refused.status == 406 && refused.text(.accept) == "text/plain, application/lamp")
        #expect(try bench.subscribe(extra: "Accept: text/\r\n").answer.status == 400)
        let body = try bench.send(bench.request(body: "x", contentType: "text/html"))
        #expect(body.status == 415 && body.text(.accept) == "application/lamp-filter")
        let coded = try bench.send(
            bench.request(extra: "Content-Encoding: gzip\r\n", body: "x", contentType: "application/lamp-filter"))
        #expect(coded.status == 415 && coded.text(.acceptEncoding) == "identity")
        let optional = "Content-Disposition: render;handling=optional\r\n"
        #expect(
            try bench.send(bench.request(extra: optional, body: "x", contentType: "text/html")).status == 200)
        let filter = try bench.send(bench.request(body: "bright", contentType: "application/lamp-filter"))
        let id = ContentTag(filter.toTag() ?? [])?.raw ?? 0
        #expect(bench.notifier.standing(of: id)?.context == Array("bright".utf8))
    }

    @Test("a body that is too large is 413, and counted", .spec("RFC 6665 §6.3/1"))
    func largeBody() throws {
        var bench = NotifierBench { $0.limits.bodyBytes = 10 }
        let answer = try bench.send(
            bench.request(body: String(repeating: "x", count: 11), contentType: "application/lamp-filter"))
        #expect(answer.status == 413)
        #expect(bench.observations == [.bodyLimit])
    }

    @Test(
        "what breaks the grammar, or asks for what is not understood, is refused in the protocol's terms",
        .spec("RFC 3261 §8.2.2.3", "RFC 3261 §8.1.1.8", "RFC 5839 §7.2/1"))
    func malformed() throws {
        var bench = NotifierBench()
        #expect(try bench.send(bench.request(contact: nil)).status == 400)
        #expect(try bench.send(bench.request(contact: "*")).status == 400)
        #expect(try bench.send(bench.request(contact: "<sip:a@h>, <sip:b@h>")).status == 400)
        #expect(try bench.send(bench.request(contact: "<tel:+1>")).status == 400)
        #expect(try bench.send(bench.request(extra: "Suppress-If-Match: a b\r\n")).status == 400)
        #expect(
            try bench.send(bench.request(extra: "Suppress-If-Match: a\r\nSuppress-If-Match: b\r\n")).status == 400)
        let required = try bench.send(bench.request(extra: "Require: path, 100rel\r\n"))
        #expect(required.status == 420 && required.text(.unsupported) == "100rel")
        #expect(bench.notifier.count == 0 && bench.notifications.isEmpty)
    }

    @Test("a fetch is one NOTIFY with the state, and nothing stays", .spec("RFC 6665 §4.4.3/1"))
    func fetch() throws {
        var bench = NotifierBench()
        let dialog = try bench.subscribe(expires: "0")
        #expect(dialog.answer.status == 200 && dialog.answer.text(.expires) == "0")
        let notifications = bench.drain()
        #expect(notifications.map(\.state) == ["terminated;reason=timeout"])
        #expect(notifications.first?.body == "off")
        #expect(bench.notifier.count == 0 && bench.records.isEmpty && bench.notifier.nextDeadline == nil)
        #expect(bench.ended == [dialog.id])
    }

    @Test(
        "a refresh extends, keeps the dialog, moves the target, and is followed by the state",
        .spec("RFC 6665 §4.2.1.4/1", "RFC 6665 §4.2.1.2/1", "RFC 3261 §12.2.2/3"))
    func refresh() throws {
        var bench = NotifierBench()
        let dialog = try bench.subscribe(extra: "Record-Route: <sip:127.0.0.1:6061;lr>\r\n")
        #expect(dialog.answer.list(.recordRoute).count == 1)
        bench.advance(.seconds(500))
        let answer = try bench.refresh(
            dialog, cseq: 2, extra: "Record-Route: <sip:evil.test;lr>\r\n", contact: "<sip:w@127.0.0.1:7070>")
        #expect(answer.status == 200 && answer.toTag()?.text == dialog.toTag)
        #expect(answer.list(.recordRoute).isEmpty && answer.first(.allowEvents) == nil)
        let notify = try #require(bench.drain().last)
        #expect(notify.message.requestURI.text == "sip:w@127.0.0.1:7070")
        #expect(notify.message.list(.route).map(\.text) == ["<sip:127.0.0.1:6061;lr>"])
        #expect(notify.cseq == 2 && notify.state == "active;expires=600" && notify.body == "off")
        guard case .flow(let flow) = notify.target else {
            Issue.record("the next hop is an address")
            return
        }
        #expect(flow.remote.port == 6061)
        bench.advance(.seconds(599))
        #expect(bench.notifier.count == 1)
        _ = try bench.refresh(dialog, cseq: 3, contact: nil)
        #expect(bench.drain().last?.message.requestURI.text == "sip:w@127.0.0.1:7070")
    }

    @Test(
        "a request in an unknown dialog or usage is 481; one out of order 500; one of a stranger 403",
        .spec(
            "RFC 6665 §4.2.1.4/3", "RFC 6665 §4.2.1.4/4", "RFC 6665 §4.5.2/1", "RFC 6665 §8.2.1/1",
            "RFC 3261 §12.2.2", "RFC 6665 §6.4/1"))
    func dialogs() throws {
        var bench = NotifierBench()
        let dialog = try bench.subscribe(event: "lamp;id=1")
        #expect(try bench.refresh(dialog, cseq: 2, event: "lamp").status == 481)
        #expect(try bench.refresh(dialog, cseq: 2, event: "radio;id=1").status == 481)
        #expect(try bench.refresh(dialog, cseq: 2, event: "lamp;id=2").status == 481)
        #expect(try bench.refresh(dialog, cseq: 2, event: "lamp;id=1", callID: "other").status == 481)
        #expect(try bench.refresh(dialog, cseq: 2, event: "lamp;id=1", fromTag: "other").status == 481)
        #expect(try bench.refresh(dialog, cseq: 1, event: "lamp;id=1").status == 500)
        #expect(try bench.refresh(dialog, cseq: 2, event: "lamp;id=1;x=y").status == 200)
        #expect(try bench.refresh(dialog, cseq: 2, event: "lamp;id=1").status == 500)
        #expect(try bench.refresh(dialog, cseq: 9, event: "lamp;id=1", user: "eve").status == 403)
        #expect(bench.observations == [.foreignDialog])
        bench.isUnasserted = true
        #expect(try bench.refresh(dialog, cseq: 9, event: "lamp;id=1").status == 200)
    }

    @Test(
        "Expires 0 ends a subscription with the state, and the dialog with it",
        .spec("RFC 6665 §4.1.2.3/1", "RFC 6665 §4.2.2/4", "RFC 6665 §4.4.1/2"))
    func unsubscribe() throws {
        var bench = NotifierBench()
        let dialog = try bench.subscribe()
        _ = bench.drain()
        #expect(try bench.refresh(dialog, cseq: 2, expires: "0").text(.expires) == "0")
        let notify = try #require(bench.drain().first)
        #expect(notify.state == "terminated;reason=timeout" && notify.body == "off")
        #expect(bench.records.isEmpty && bench.notifier.count == 0)
        #expect(try bench.refresh(dialog, cseq: 3).status == 481)
    }

    @Test("without a refresh it ends by time", .spec("RFC 6665 §4.2.1.4/2"))
    func expiry() throws {
        var bench = NotifierBench()
        _ = try bench.subscribe()
        _ = bench.drain()
        bench.advance(.seconds(599))
        #expect(bench.notifications.isEmpty)
        bench.advance(.seconds(1))
        #expect(bench.drain().map(\.state) == ["terminated;reason=timeout"])
        #expect(bench.notifier.counters.subscriptionsExpired == 1 && bench.notifier.count == 0)
    }

    @Test(
        "pending is told without the state; what follows a decision is told at once",
        .spec(
            "RFC 6665 §4.2.1.2/2", "RFC 6665 §4.2.1.3/3", "RFC 6665 §4.2.2/10", "RFC 6446 §5.2"))
    func pending() throws {
        var bench = NotifierBench { $0.minimumInterval = .seconds(60) }
        bench.undecided = ["lamp"]
        let dialog = try bench.subscribe()
        #expect(dialog.answer.status == 200)
        bench.set("lamp", "on")
        let first = bench.drain()
        #expect(first.map(\.state) == ["pending;expires=600"] && first[0].body.isEmpty)
        #expect(first[0].header(.contentType).isEmpty && first[0].header(.contentLength) == "0")
        #expect(bench.notifier.counters.pendingSubscriptions == 1)
        bench.run { $0.activate(dialog.id, at: $1, into: &$2) }
        let second = bench.drain()
        #expect(second.map(\.state) == ["active;expires=600"] && second[0].body == "on")
        #expect(bench.records[dialog.id]?.state == 1)
        bench.run { $0.suspend(dialog.id, at: $1, into: &$2) }
        #expect(bench.drain().map(\.state) == ["pending;expires=600"])
        #expect(bench.records[dialog.id]?.state == 0)
        bench.run { $0.terminate(dialog.id, .rejected, withState: true, at: $1, into: &$2) }
        let last = bench.drain()
        #expect(last.map(\.state) == ["terminated;reason=rejected"] && last[0].body.isEmpty)
    }

    @Test("the end says why, and when another try makes sense", .spec("RFC 6665 §4.1.3/7", "RFC 6665 §4.2.2/4"))
    func reasons() throws {
        for reason in TerminationReason.allCases {
            var bench = NotifierBench()
            let dialog = try bench.subscribe()
            _ = bench.drain()
            bench.run { $0.terminate(dialog.id, reason, retryAfter: 30, at: $1, into: &$2) }
            let state = bench.drain().first?.state
            let hasMeaning = [.probation, .giveup, .invariant, .badfilter].contains(reason)
            #expect(state == "terminated;reason=\(reason.token)" + (hasMeaning ? ";retry-after=30" : ""))
            // A second end changes nothing.
            bench.run { $0.terminate(dialog.id, .rejected, at: $1, into: &$2) }
            #expect(bench.notifications.isEmpty)
        }
    }

    @Test(
        "bounds refuse with 503 and are counted; a subscriber cannot take the room of others", .spec("RFC 6665 §6.3/1"))
    func bounds() throws {
        var bench = NotifierBench {
            $0.limits.subscriptions = 3
            $0.limits.subscriptionsPerWatcher = 2
        }
        for _ in 0..<2 { #expect(try bench.subscribe("eve").answer.status == 200) }
        let third = try bench.subscribe("eve").answer
        #expect(third.status == 503 && third.text(.retryAfter) == "30")
        #expect(try bench.subscribe("ann").answer.status == 200)
        #expect(try bench.subscribe("bob").answer.status == 503)
        #expect(bench.observations == [.watcherLimit, .subscriptionLimit])
        // A fetch takes no room.
        #expect(try bench.subscribe("bob", expires: "0").answer.status == 200)
        bench.advance(.seconds(600))
        #expect(try bench.subscribe("eve").answer.status == 200)
        #expect(bench.notifier.count == 1)
    }

    @Test("a route set that is too long, or no route set at all, makes no dialog", .spec("RFC 3261 §12.1.1"))
    func longRoutes() throws {
        var bench = NotifierBench()
        let routes = (0..<40).map { "Record-Route: <sip:p\($0).test;lr>\r\n" }.joined()
        #expect(try bench.subscribe(extra: routes).answer.status == 400)
        #expect(try bench.subscribe(extra: "Record-Route: nonsense\r\n").answer.status == 400)
        #expect(bench.notifier.count == 0)
    }

    @Test("every subscription has a dialog of its own", .spec("RFC 6665 §4.4.1/3"))
    func independent() throws {
        var bench = NotifierBench()
        let dialogs = try (0..<5).map { _ in try bench.subscribe() }
        #expect(Set(dialogs.map(\.toTag)).count == 5)
        bench.run { $0.terminate(dialogs[2].id, .noresource, at: $1, into: &$2) }
        #expect(bench.notifier.count == 4)
    }

    @Test(
        "when the process ends new work is refused, and subscriptions stay or are sent elsewhere",
        .spec("RFC 6665 §4.4.2/1"))
    func draining() throws {
        var bench = NotifierBench()
        let dialog = try bench.subscribe()
        _ = bench.drain()
        bench.run { $0.drain(at: $1, into: &$2) }
        #expect(try bench.refresh(dialog, cseq: 2).status == 503)
        #expect(bench.notifications.isEmpty && bench.notifier.count == 1)
        var moving = NotifierBench { $0.deactivatesWhenDrained = true }
        _ = try moving.subscribe()
        _ = moving.drain()
        moving.run { $0.drain(at: $1, into: &$2) }
        #expect(moving.drain().map(\.state) == ["terminated;reason=deactivated"])
        #expect(moving.records.isEmpty)
    }

    @Test("contacts follow the transport of the subscriber", .spec("RFC 6665 §4.5.1/1", "RFC 3261 §12.1.1"))
    func contacts() throws {
        for (transport, contact) in [
            (Transport.tcp, "<sip:127.0.0.1:5070;transport=tcp>"), (.tls, "<sip:127.0.0.1:5070;transport=tls>"),
            (.ws, "<sip:127.0.0.1:5070;transport=ws>"),
        ] {
            var bench = NotifierBench()
            bench.transport = transport
            #expect(try bench.subscribe().answer.text(.contact) == contact)
            guard case .flowOrURI(let flow, _)? = bench.drain().first?.target else {
                Issue.record("a connection is used again")
                continue
            }
            #expect(flow.connection == 9)
        }
        var named = NotifierBench { $0.contactHost = Array("n1.home.test".utf8) }
        #expect(try named.subscribe().answer.text(.contact) == "<sip:n1.home.test:5070>")
    }
}
