import Ground
import MusterTesting
import PresenceDocuments
import SIPTransactions
import SIPWire
import Testing

@testable import UserAgent

/// A stage with one SUBSCRIBE out.
func watching(_ request: SubscriptionRequest = SubscriptionRequest(resource: "sip:alice@home.test")) throws -> (
    Stage, Sent
) {
    var stage = Stage()
    stage.order(.watch(first, request))
    let subscribe = try stage.next(.subscribe)
    return (stage, subscribe)
}

/// A stage with a live subscription.
func subscribed(
    _ request: SubscriptionRequest = SubscriptionRequest(resource: "sip:alice@home.test"), expires: UInt32 = 3600
) throws -> (Stage, SIPMessage) {
    var (stage, subscribe) = try watching(request)
    try stage.answer(subscribe, 200, "Expires: \(expires)", "Contact: <sip:ps@192.0.2.1:5060>")
    try stage.notify(subscribe.message, "active;expires=\(expires)", cseq: 1, body: Sample.text())
    stage.clear()
    return (stage, subscribe.message)
}

@Suite("Subscribing")
struct SubscriberTests {
    @Test(
        "a SUBSCRIBE carries one Event, Expires, Accept and Contact",
        .spec(
            "RFC 6665 §4.1.2.1", "RFC 3856 §6.3", "REQ-24141-11", "RFC 3261 §8.1.1.8/1", "RFC 3856 §6.5/2",
            "RFC 3856 §6.5/3", "RFC 6665 §4.1.2.1/1", "RFC 6665 §4.1.2.1/2", "RFC 6665 §4.1.2.1/3", "RFC 6665 §4.5.2/2")
    )
    func initial() throws {
        let (_, subscribe) = try watching()
        let message = subscribe.message
        #expect(message.requestURI.text == "sip:alice@home.test")
        #expect(message.all(.event).map(\.text) == ["presence"])
        #expect(message.first(.expires)?.text == "3600")
        #expect(message.first(.accept)?.text == "application/pidf+xml")
        #expect(try message.firstContact()?.uriOctets.text == "sip:bob@192.0.2.7:5062")
        #expect(message.toTag() == nil)
        #expect(message.fromTag() != nil)
    }

    @Test(
        "a NOTIFY makes the subscription and brings the state",
        .spec("RFC 6665 §4.1.3", "RFC 6665 §4.4.1", "RFC 3856 §6.8/2", "RFC 6665 §4.4.1/1", "REQ-24141-11"))
    func notified() throws {
        var (stage, subscribe) = try watching()
        try stage.answer(subscribe, 200, "Expires: 3600")
        let response = try stage.notify(subscribe.message, "active;expires=3000", cseq: 1, body: Sample.text())
        #expect(response.status == 200)
        #expect(
            stage.events == [
                .presenceChanged(first, try Sample.document()), .subscriptionChanged(first, .active(expires: 3000)),
            ])
    }

    @Test(
        "a NOTIFY before the 2xx is taken",
        .spec("RFC 6665 §4.1.2.4", "RFC 6665 §4.4.1", "RFC 6665 §4.1.2.4/2", "RFC 6665 §4.1.3/4"))
    func earlyNotify() throws {
        var (stage, subscribe) = try watching()
        let response = try stage.notify(subscribe.message, "active;expires=600", cseq: 1, body: Sample.text())
        #expect(response.status == 200)
        try stage.answer(subscribe, 200, "Expires: 3600")
        // The time of the NOTIFY counts, not that of the 2xx (RFC 6665 §4.1.3).
        stage.wait(.seconds(300))
        #expect(stage.sent.count == 1)
    }

    @Test(
        "the response to a NOTIFY leaves before anything that the NOTIFY causes",
        .spec("RFC 6665 §4.1.3", "RFC 6665 §4.1.3/3"))
    func answerFirst() throws {
        let (stage, message) = try subscribed()
        var agent = stage.agent
        let text = """
            NOTIFY sip:bob@192.0.2.7:5062 SIP/2.0\r
            Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r
            Max-Forwards: 70\r
            From: <sip:alice@home.test>;tag=notifier\r
            To: \(message.first(.from)?.text ?? "")\r
            Call-ID: \(message.callID.text)\r
            CSeq: 2 NOTIFY\r
            Event: presence\r
            Contact: <sip:ps@192.0.2.1>\r
            Subscription-State: terminated;reason=deactivated\r
            Content-Length: 0\r
            \r\n
            """
        let notify = try SIPMessage.parse(Array(text.utf8), framing: .datagram)
        var effects: [UserAgent.Effect] = []
        let flow = Flow(transport: .udp, local: Endpoint(.loopback, 1), remote: Endpoint(.loopback, 2))
        agent.handle(
            .requestReceived(ServerTransactionID(raw: 9), notify, Origin(flow: flow)), at: stage.now, into: &effects)
        guard case .respond = effects.first else {
            Issue.record("the response is the first effect")
            return
        }
        #expect(effects.contains { if case .send = $0 { true } else { false } })
    }

    @Test(
        "without a NOTIFY the subscription is gone after Timer N, whatever the 2xx said",
        .spec("RFC 6665 §4.1.2.4", "RFC 6665 §4.1.2.1/4", "RFC 6665 §4.1.2.4/1"))
    func timerN() throws {
        var (stage, subscribe) = try watching()
        try stage.answer(subscribe, 200, "Expires: 3600")
        stage.wait(.seconds(32) - .milliseconds(1))
        #expect(stage.events.isEmpty)
        stage.wait(.milliseconds(1))
        guard case .subscriptionEnded(first, .neverNotified, .some) = stage.events.last else {
            Issue.record("the end is reported with the next try")
            return
        }
        stage.wait(.seconds(5))
        let again = try stage.next(.subscribe)
        #expect(again.message.callID.text != subscribe.message.callID.text)
    }

    @Test("where even the SUBSCRIBE is unanswered, the user learns that", .spec("RFC 6665 §4.1.2.4"))
    func unanswered() throws {
        var (stage, _) = try watching()
        stage.wait(.seconds(32))
        guard case .subscriptionEnded(first, .failed(.unanswered), .some) = stage.events.last else {
            Issue.record("the missing answer is reported")
            return
        }
    }

    @Test("Timer N also runs after a refresh", .spec("RFC 6665 §4.1.2.2", "RFC 6665 §4.1.2.2/4"))
    func timerNOfRefresh() throws {
        var (stage, _) = try subscribed()
        stage.wait(.seconds(3000))
        try stage.answer(try stage.next(.subscribe), 200, "Expires: 3600")
        stage.wait(.seconds(32))
        guard case .subscriptionEnded(first, .neverNotified, .some) = stage.events.last else {
            Issue.record("a refresh that no NOTIFY follows ends the subscription")
            return
        }
    }

    @Test(
        "of a forked SUBSCRIBE the first dialog is kept; others get 481",
        .spec("RFC 6665 §4.1.4", "RFC 3856 §6.9", "RFC 3856 §6.9/1", "RFC 6665 §4.1.4/1", "RFC 6665 §5.4.9/1"))
    func forked() throws {
        var (stage, subscribe) = try watching()
        try stage.answer(subscribe, 200, "Expires: 3600")
        #expect(try stage.notify(subscribe.message, "active;expires=600", cseq: 1, tag: "one").status == 200)
        #expect(try stage.notify(subscribe.message, "active;expires=600", cseq: 1, tag: "two").status == 481)
        #expect(try stage.notify(subscribe.message, "active;expires=600", cseq: 2, tag: "one").status == 200)
    }

    @Test(
        "a refresh goes to the notifier's Contact in the dialog, before the end",
        .spec("RFC 6665 §4.1.2.2", "REQ-24141-16", "RFC 3261 §8.1.1.4/1", "RFC 6665 §4.1.2.2/1"))
    func refresh() throws {
        var (stage, initial) = try subscribed()
        stage.wait(.seconds(3000) - .milliseconds(1))
        #expect(stage.sent.isEmpty)
        stage.wait(.milliseconds(1))
        let refresh = try stage.next(.subscribe).message
        #expect(refresh.requestURI.text == "sip:ps@192.0.2.1:5060")
        #expect(refresh.callID.text == initial.callID.text)
        #expect(refresh.toTag()?.text == "notifier")
        #expect(refresh.fromTag()?.text == initial.fromTag()?.text)
        #expect(try refresh.cseq().number == initial.cseq().number + 1)
        #expect(refresh.first(.event)?.text == "presence")
    }

    @Test(
        "the route set comes from the Record-Route of the NOTIFY",
        .spec("RFC 6665 §4.4.1", "RFC 3261 §12.1.1", "RFC 6665 §4.4.1/1"))
    func routeSet() throws {
        var (stage, subscribe) = try watching()
        try stage.answer(subscribe, 200, "Expires: 60", "Record-Route: <sip:other.test;lr>")
        try stage.notify(
            subscribe.message, "active;expires=60", cseq: 1,
            headers: ["Record-Route: <sip:p1.test;lr>, <sip:p2.test;lr>"])
        stage.wait(.seconds(30))
        let refresh = try stage.next(.subscribe).message
        #expect(refresh.all(.route).map(\.text) == ["<sip:p1.test;lr>", "<sip:p2.test;lr>"])
        #expect(refresh.requestURI.text == "sip:ps@192.0.2.1:5060")
    }

    @Test("a strict router becomes the Request-URI", .spec("RFC 3261 §12.2.1.1"))
    func strictRoute() throws {
        var (stage, subscribe) = try watching()
        try stage.notify(
            subscribe.message, "active;expires=60", cseq: 1,
            headers: ["Record-Route: <sip:p1.test>, <sip:p2.test;lr>"])
        try stage.answer(subscribe, 200, "Expires: 60")
        stage.wait(.seconds(30))
        let refresh = try stage.next(.subscribe).message
        #expect(refresh.requestURI.text == "sip:p1.test")
        #expect(refresh.all(.route).map(\.text) == ["<sip:p2.test;lr>", "<sip:ps@192.0.2.1:5060>"])
    }

    @Test(
        "a 481 to a refresh makes a new subscription",
        .spec(
            "RFC 6665 §4.1.2.2", "RFC 3261 §8.1.1.3/1", "RFC 3261 §8.1.1.4/1", "RFC 6665 §4.1.2.2/2",
            "RFC 6665 §4.5.2/2"))
    func lostDialog() throws {
        var (stage, initial) = try subscribed()
        stage.wait(.seconds(3000))
        try stage.answer(try stage.next(.subscribe), 481)
        let new = try stage.next(.subscribe).message
        #expect(new.callID.text != initial.callID.text)
        #expect(new.fromTag()?.text != initial.fromTag()?.text)
        #expect(new.toTag() == nil)
        #expect(new.requestURI.text == "sip:alice@home.test")
        #expect(new.all(.route).isEmpty)
    }

    @Test(
        "a refresh refused for a while leaves the subscription alive until its time is over",
        .spec("RFC 6665 §4.1.2.2", "RFC 6665 §4.1.2.2/3"), arguments: [500, 503, 403])
    func refreshRefused(status: Int) throws {
        var (stage, initial) = try subscribed()
        stage.wait(.seconds(3000))
        try stage.answer(try stage.next(.subscribe), status)
        #expect(try stage.notify(initial, "active;expires=500", cseq: 2, body: Sample.text("closed")).status == 200)
        stage.wait(.seconds(250))
        #expect(stage.sent.count == 1)
    }

    @Test(
        "some refusals of a refresh end the subscription", .spec("RFC 6665 §4.1.2.2"),
        arguments: [404, 405, 410, 416, 482, 483, 484, 485, 489, 501, 604])
    func refreshFatal(status: Int) throws {
        var (stage, initial) = try subscribed()
        stage.wait(.seconds(3000))
        try stage.answer(try stage.next(.subscribe), status)
        guard case .subscriptionEnded(first, .failed(.refused(status, _)), nil) = stage.events.last else {
            Issue.record("the end is reported")
            return
        }
        #expect(try stage.notify(initial, "active;expires=500", cseq: 2).status == 481)
        #expect(stage.agent.subscriptionCount == 0)
        #expect(stage.agent.nextDeadline == nil)
    }

    @Test(
        "a 423 is followed by the same request for at least Min-Expires",
        .spec("RFC 6665 §4.1.2.1", "RFC 6665 §4.1.2.1/7"))
    func tooBrief() throws {
        var (stage, subscribe) = try watching(SubscriptionRequest(resource: "sip:alice@home.test", expires: 30))
        try stage.answer(subscribe, 423, "Min-Expires: 300")
        let again = try stage.next(.subscribe).message
        #expect(again.first(.expires)?.text == "300")
        #expect(try again.cseq().number == subscribe.message.cseq().number + 1)
    }

    @Test("a 489 means that the package is not there", .spec("RFC 6665 §4.1.2.1", "RFC 6665 §4.1.2.1/5"))
    func badEvent() throws {
        var (stage, subscribe) = try watching()
        try stage.answer(subscribe, 489, "Allow-Events: reg")
        #expect(
            stage.events == [
                .subscriptionEnded(first, .failed(.refused(status: 489, reason: "Bad Event")), retryAt: nil)
            ])
        #expect(stage.agent.subscriptionCount == 0)
    }

    @Test("a 503 with Retry-After to the first SUBSCRIBE is obeyed", .spec("RFC 3261 §20.33"))
    func unavailable() throws {
        var (stage, subscribe) = try watching()
        try stage.answer(subscribe, 503, "Retry-After: 40 (overload)")
        stage.wait(.seconds(39))
        #expect(stage.sent.isEmpty)
        stage.wait(.seconds(1))
        #expect(stage.sent.count == 1)
    }

    @Test(
        "an unsubscription carries Expires 0 and ends with the terminated NOTIFY",
        .spec("RFC 6665 §4.1.2.3", "RFC 6665 §4.1.2.3/1", "RFC 6665 §4.4.1/2"))
    func unsubscribe() throws {
        var (stage, initial) = try subscribed()
        stage.order(.unwatch(first))
        let removal = try stage.next(.subscribe)
        #expect(removal.message.first(.expires)?.text == "0")
        #expect(removal.message.toTag()?.text == "notifier")
        try stage.answer(removal, 200, "Expires: 0")
        #expect(stage.events.isEmpty)
        #expect(try stage.notify(initial, "terminated;reason=timeout", cseq: 2).status == 200)
        #expect(stage.events == [.subscriptionEnded(first, .asOrdered, retryAt: nil)])
        #expect(stage.agent.nextDeadline == nil)
    }

    @Test(
        "an unsubscription that no NOTIFY follows ends with Timer N", .spec("RFC 6665 §4.1.2.4", "RFC 6665 §4.1.2.4/1"))
    func unsubscribeUnnotified() throws {
        var (stage, _) = try subscribed()
        stage.order(.unwatch(first))
        try stage.answer(try stage.next(.subscribe), 200)
        stage.wait(.seconds(32))
        #expect(stage.events == [.subscriptionEnded(first, .asOrdered, retryAt: nil)])
    }

    @Test(
        "one who changes the mind before the first NOTIFY unsubscribes when it comes",
        .spec("RFC 6665 §4.1.2.3", "RFC 6665 §4.1.2.3/1"))
    func unsubscribeEarly() throws {
        var (stage, subscribe) = try watching()
        stage.order(.unwatch(first))
        #expect(stage.sent.isEmpty)
        #expect(try stage.notify(subscribe.message, "active;expires=600", cseq: 1).status == 200)
        #expect(stage.sent.isEmpty)
        try stage.answer(subscribe, 200, "Expires: 600")
        #expect(try stage.next(.subscribe).message.first(.expires)?.text == "0")
    }

    @Test(
        "a fetch is a SUBSCRIBE with Expires 0, complete with its one NOTIFY",
        .spec("RFC 6665 §4.4.3", "REQ-24141-16", "RFC 6665 §4.4.3/2"))
    func fetch() throws {
        var stage = Stage()
        stage.order(.fetch(first, SubscriptionRequest(resource: "sip:alice@home.test")))
        let subscribe = try stage.next(.subscribe)
        #expect(subscribe.message.first(.expires)?.text == "0")
        try stage.answer(subscribe, 200, "Expires: 0")
        try stage.notify(subscribe.message, "terminated;reason=timeout", cseq: 1, body: Sample.text())
        #expect(
            stage.events == [
                .presenceChanged(first, try Sample.document()), .subscriptionEnded(first, .asOrdered, retryAt: nil),
            ])
        #expect(stage.agent.nextDeadline == nil)
        #expect(stage.agent.subscriptionCount == 0)
    }

    @Test("a fetch that is refused is told and not tried again", .spec("RFC 6665 §4.4.3"))
    func fetchRefused() throws {
        var stage = Stage()
        stage.order(.fetch(first, SubscriptionRequest(resource: "sip:alice@home.test")))
        try stage.answer(try stage.next(.subscribe), 503)
        guard case .subscriptionEnded(first, .failed, nil) = stage.events.last else {
            Issue.record("the refusal is reported")
            return
        }
    }

    @Test(
        "rates stand in the Event header",
        .spec(
            "RFC 6446 §5.1", "REQ-24141-13", "RFC 6446 §4.1/1", "RFC 6446 §5.1/1", "RFC 6446 §6.1/1", "RFC 6446 §5.1/2")
    )
    func rates() throws {
        var (stage, _) = try subscribed(
            SubscriptionRequest(
                resource: "sip:alice@home.test", rates: NotificationRates(maximum: 0.2, minimum: 0.01)))
        stage.order(.setRates(first, NotificationRates(maximum: 1)))
        #expect(try stage.next(.subscribe).message.first(.event)?.text == "presence;max-rate=1.0000")
    }

    @Test(
        "a filter travels in the first SUBSCRIBE and not in refreshes",
        .spec("RFC 4660 §4.1", "REQ-24141-13", "RFC 4660 §3.2/1", "RFC 4660 §3.3.3/2", "RFC 4660 §6/1"))
    func filter() throws {
        let filter = Array("<filter-set/>".utf8)
        let (stage, initial) = try subscribed(
            SubscriptionRequest(resource: "sip:alice@home.test", filter: filter))
        #expect(initial.first(.contentType)?.text == "application/simple-filter+xml")
        #expect(Array(initial.body) == filter)
        var later = stage
        later.wait(.seconds(3000))
        #expect(try later.next(.subscribe).message.body.isEmpty)
    }

    @Test("who wants to be unknown says so in From and Privacy", .spec("RFC 3323 §4.1", "REQ-24141-17", "REQ-33141-48"))
    func anonymous() throws {
        let (_, subscribe) = try watching(SubscriptionRequest(resource: "sip:alice@home.test", anonymous: true))
        #expect(try subscribe.message.from().uriOctets.text == "sip:anonymous@anonymous.invalid")
        #expect(subscribe.message.privacy().contains(.id))
        #expect(subscribe.message.first(.pPreferredIdentity)?.text == "<sip:bob@home.test>")
    }

    @Test(
        "watcher information and xcap-diff are subscribed to with their own types",
        .spec("REQ-24141-7", "REQ-24141-8", "REQ-24141-18"))
    func otherPackages() throws {
        var (stage, subscribe) = try watching(
            SubscriptionRequest(resource: "sip:bob@home.test", package: "presence.winfo"))
        #expect(subscribe.message.first(.accept)?.text == "application/watcherinfo+xml")
        let response = try stage.notify(
            subscribe.message, "active;expires=60", cseq: 1, event: "presence.winfo",
            type: "application/watcherinfo+xml",
            body: "<watcherinfo xmlns=\"urn:ietf:params:xml:ns:watcherinfo\" version=\"0\" state=\"full\"/>")
        #expect(response.status == 200)
        #expect(stage.events.first == .watchersChanged(first, WatcherReport(watchers: [], changes: [])))
        var (other, diff) = try watching(SubscriptionRequest(resource: "sip:bob@home.test", package: "xcap-diff"))
        #expect(diff.message.first(.accept)?.text == "application/xcap-diff+xml")
        try other.notify(
            diff.message, "active;expires=60", cseq: 1, event: "xcap-diff", type: "application/xcap-diff+xml",
            body: "<xcap-diff/>")
        #expect(
            other.events.first
                == .notified(first, contentType: "application/xcap-diff+xml", body: Array("<xcap-diff/>".utf8)))
    }

    @Test("a pres URI is asked for by its sip form", .spec("RFC 3856 §5", "RFC 3856 §5/1"))
    func presURI() throws {
        let (_, subscribe) = try watching(SubscriptionRequest(resource: "pres:alice@home.test"))
        #expect(subscribe.message.requestURI.text == "sip:alice@home.test")
    }

    @Test("a redirection is followed", .spec("RFC 3261 §8.1.3.4", "RFC 3261 §8.1.3.4/1"))
    func redirected() throws {
        var (stage, subscribe) = try watching()
        try stage.answer(subscribe, 302, "Contact: <sip:alice@other.test>")
        #expect(try stage.next(.subscribe).message.requestURI.text == "sip:alice@other.test")
    }

    @Test("redirections in a circle end", .spec("RFC 3261 §8.1.3.4", "RFC 3261 §8.1.3.4/1"))
    func redirectedForEver() throws {
        var (stage, subscribe) = try watching()
        try stage.answer(subscribe, 302, "Contact: <sip:a@other.test>")
        var count = 0
        while !stage.sent.isEmpty, count < 50 {
            count += 1
            try stage.answer(try stage.next(.subscribe), 302, "Contact: <sip:\(count)@other.test>")
        }
        #expect(count < 10)
    }

    @Test("a resource that is no URI of a user is refused at once", arguments: ["not a uri", "http://home.test", ""])
    func nonsense(resource: String) {
        var stage = Stage()
        stage.order(.watch(first, SubscriptionRequest(resource: resource)))
        #expect(stage.events == [.subscriptionEnded(first, .failed(.unresolvable), retryAt: nil)])
        #expect(stage.sent.isEmpty)
    }
}
