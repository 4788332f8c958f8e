import Ground
import MusterTesting
import PresenceDocuments
import SIPTransactions
import SIPWire
import Testing

@testable import UserAgent

@Suite("Notifications")
struct NotificationTests {
    /// What a watcher does after the end of its subscription.
    enum Follow: Sendable {
        case atOnce, later(Int64), never
    }

    @Test(
        "each reason for an end has its consequence",
        .spec(
            "RFC 6665 §4.1.3", "RFC 4660 §5", "REQ-24141-16", "RFC 4660 §3.3.4/1", "RFC 6665 §4.1.3/5",
            "RFC 6665 §4.1.3/6", "RFC 6665 §4.1.3/7", "RFC 6665 §4.4.2/2"),
        arguments: [
            ("deactivated", Follow.atOnce), ("deactivated;retry-after=100", .atOnce), ("timeout", .atOnce),
            ("probation;retry-after=77", .later(77)), ("giveup;retry-after=50", .later(50)), ("giveup", .atOnce),
            ("rejected", .never), ("noresource", .never), ("noresource;retry-after=5", .never),
            ("invariant;retry-after=31536000", .never), ("badfilter", .never), ("sunspots;retry-after=9", .later(9)),
            ("sunspots", .atOnce),
        ])
    func terminated(reason: String, follow: Follow) throws {
        var (stage, initial) = try subscribed()
        #expect(try stage.notify(initial, "terminated;reason=\(reason)", cseq: 2).status == 200)
        switch follow {
        case .atOnce:
            let new = try stage.next(.subscribe).message
            #expect(new.callID.text != initial.callID.text)
            #expect(new.toTag() == nil)
        case .later(let seconds):
            #expect(stage.sent.isEmpty)
            stage.wait(.seconds(seconds) - .milliseconds(1))
            #expect(stage.sent.isEmpty)
            stage.wait(.milliseconds(1))
            #expect(stage.sent.count == 1)
        case .never:
            stage.wait(.seconds(100_000))
            #expect(stage.sent.isEmpty)
            #expect(stage.agent.subscriptionCount == 0)
        }
    }

    @Test("a terminated subscription without a reason may be made again", .spec("RFC 6665 §4.1.3", "RFC 6665 §4.1.3/6"))
    func withoutReason() throws {
        var (stage, initial) = try subscribed()
        try stage.notify(initial, "terminated", cseq: 2)
        #expect(stage.sent.count == 1)
    }

    @Test("a notifier that takes and drops in turn is not asked without end", .spec("RFC 6665 §4.1.3"))
    func flapping() throws {
        var (stage, initial) = try subscribed()
        try stage.notify(initial, "terminated;reason=deactivated", cseq: 2)
        var count = 0
        let end = stage.now + .seconds(60)
        while stage.now < end {
            while !stage.sent.isEmpty {
                count += 1
                let again = try stage.next(.subscribe)
                try stage.notify(again.message, "terminated;reason=deactivated", cseq: 1)
                if count > 100 { break }
            }
            stage.wait(.seconds(1))
        }
        #expect((2...12).contains(count))
    }

    @Test(
        "pending is told, and active when the user has consented",
        .spec("RFC 6665 §4.1.3", "RFC 3856 §6.6", "RFC 6665 §4.1.2.1/4", "RFC 6665 §4.1.2.1/6"))
    func pending() throws {
        var (stage, subscribe) = try watching()
        try stage.answer(subscribe, 202, "Expires: 600")
        try stage.notify(subscribe.message, "pending;expires=600", cseq: 1)
        #expect(stage.events == [.subscriptionChanged(first, .pending(expires: 600))])
        try stage.notify(subscribe.message, "active;expires=500", cseq: 2, body: Sample.text())
        #expect(stage.events.last == .subscriptionChanged(first, .active(expires: 500)))
    }

    @Test(
        "a time that is missing or absurd does not disturb", .spec("RFC 6665 §4.1.3", "RFC 6665 §4.1.3/8"),
        arguments: ["active", "active;expires=4294967295", "active;expires=99999999999999999999"])
    func oddTimes(state: String) throws {
        var (stage, subscribe) = try watching()
        try stage.answer(subscribe, 200, "Expires: 1800")
        #expect(try stage.notify(subscribe.message, state, cseq: 1, body: Sample.text()).status == 200)
        #expect(stage.agent.nextDeadline != nil)
    }

    @Test(
        "a NOTIFY that arrives out of order is refused, so that old state never replaces new",
        .spec("RFC 3261 §12.2.2", "RFC 3856 §6.8/1")
    )
    func outOfOrder() throws {
        var (stage, initial) = try subscribed()
        #expect(try stage.notify(initial, "active;expires=600", cseq: 5, body: Sample.text("closed")).status == 200)
        stage.clear()
        #expect(try stage.notify(initial, "active;expires=600", cseq: 4, body: Sample.text()).status == 500)
        #expect(try stage.notify(initial, "active;expires=600", cseq: 5, body: Sample.text()).status == 500)
        #expect(stage.events.isEmpty)
    }

    @Test("a NOTIFY that belongs to nothing gets 481", .spec("RFC 6665 §4.1.3", "RFC 6665 §4.1.3/1", "REQ-33141-7"))
    func unknown() throws {
        var (stage, initial) = try subscribed()
        let other = try SIPMessage.parse(
            Array(initial.storage[...].text.replacing(initial.callID.text, with: "another-call").utf8),
            framing: .datagram)
        #expect(try stage.notify(other, "active;expires=600", cseq: 2).status == 481)
    }

    @Test("a NOTIFY with another tag of ours gets 481", .spec("RFC 6665 §4.1.3", "RFC 6665 §4.1.3/1"))
    func otherTag() throws {
        var (stage, initial) = try subscribed()
        let tag = try #require(initial.fromTag()).text
        let other = try SIPMessage.parse(
            Array(initial.storage[...].text.replacing(tag, with: "guessed").utf8), framing: .datagram)
        #expect(try stage.notify(other, "active;expires=600", cseq: 2).status == 481)
        #expect(stage.events.isEmpty)
    }

    @Test("a NOTIFY of a package that was never asked for gets 489", .spec("RFC 6665 §4.1.3", "RFC 6665 §4.1.3/2"))
    func unknownPackage() throws {
        var (stage, initial) = try subscribed()
        let other = try SIPMessage.parse(
            Array(initial.storage[...].text.replacing(initial.callID.text, with: "another-call").utf8),
            framing: .datagram)
        let response = try stage.notify(other, "active", cseq: 2, event: "dialog")
        #expect(response.status == 489)
        #expect(response.first(.allowEvents)?.text == "presence")
    }

    @Test(
        "another package or id inside the dialog is another subscription",
        .spec("RFC 6665 §8.2.1", "RFC 6665 §8.2.1/1"),
        arguments: ["presence.winfo", "presence;id=7"])
    func otherEvent(event: String) throws {
        var (stage, initial) = try subscribed()
        #expect(try stage.notify(initial, "active;expires=600", cseq: 2, event: event).status == 481)
    }

    @Test("the id of the subscription must come back", .spec("RFC 6665 §8.2.1"))
    func eventID() throws {
        var (stage, subscribe) = try watching(
            SubscriptionRequest(resource: "sip:alice@home.test", eventID: "a1"))
        #expect(subscribe.message.first(.event)?.text == "presence;id=a1")
        #expect(try stage.notify(subscribe.message, "active;expires=60", cseq: 1).status == 481)
        #expect(
            try stage.notify(subscribe.message, "active;expires=60", cseq: 1, event: "presence;id=a1").status == 200)
    }

    @Test("without Subscription-State a NOTIFY means nothing", .spec("RFC 6665 §4.2.2"))
    func noState() throws {
        var (stage, initial) = try subscribed()
        #expect(try stage.notify(initial, "", cseq: 2).status == 400)
    }

    @Test("an extension that is required and unknown gets 420", .spec("RFC 3261 §8.2.2.3"))
    func required() throws {
        var (stage, initial) = try subscribed()
        let response = try stage.notify(initial, "active;expires=60", cseq: 2, headers: ["Require: eventlist"])
        #expect(response.status == 420)
        #expect(response.first(.unsupported)?.text == "eventlist")
    }

    @Test("a body that was not offered gets 415 with what is taken", .spec("RFC 3261 §8.2.3", "REQ-24141-14"))
    func bodyType() throws {
        var (stage, initial) = try subscribed()
        let response = try stage.notify(initial, "active;expires=60", cseq: 2, type: "text/plain", body: "open")
        #expect(response.status == 415)
        #expect(response.first(.accept)?.text == "application/pidf+xml")
        let encoded = try stage.notify(
            initial, "active;expires=60", cseq: 3, headers: ["Content-Encoding: gzip"], body: Sample.text())
        #expect(encoded.status == 415)
        #expect(encoded.first(.acceptEncoding)?.text == "identity")
    }

    @Test("a document that cannot be read is set aside, and the state that was known stays", .spec("RFC 3863 §4.1"))
    func badDocument() throws {
        var (stage, initial) = try subscribed()
        #expect(try stage.notify(initial, "active;expires=600", cseq: 2, body: "<presence").status == 200)
        guard case .notificationUnreadable(first, _) = stage.events.first else {
            Issue.record("the unreadable document is reported")
            return
        }
        stage.clear()
        try stage.notify(initial, "active;expires=600", cseq: 3, body: Sample.text())
        #expect(stage.events.contains(.stateUnchanged(first)))
    }

    @Test("the same state twice is one change", .spec("RFC 3856 §6.7", "RFC 3856 §6.8/2"))
    func unchanged() throws {
        var (stage, initial) = try subscribed()
        try stage.notify(initial, "active;expires=600", cseq: 2, body: Sample.text())
        #expect(stage.events == [.stateUnchanged(first)])
    }

    @Test(
        "a refresh carries the tag of the state; a 204 keeps it and no NOTIFY is waited for",
        .spec("RFC 5839 §5.4", "RFC 6665 §4.1.2.2", "RFC 5839 §5.2/1", "RFC 5839 §5.3/1", "RFC 5839 §5.6/1"))
    func conditional() throws {
        var (stage, subscribe) = try watching(
            SubscriptionRequest(resource: "sip:alice@home.test", conditional: true))
        #expect(subscribe.message.first(.suppressIfMatch) == nil)
        try stage.answer(subscribe, 200, "Expires: 600")
        try stage.notify(
            subscribe.message, "active;expires=600", cseq: 1, headers: ["SIP-ETag: e1"], body: Sample.text())
        stage.clear()
        stage.wait(.seconds(300))
        let refresh = try stage.next(.subscribe)
        #expect(refresh.message.first(.suppressIfMatch)?.text == "e1")
        try stage.answer(refresh, 204, "Expires: 600")
        #expect(stage.events == [.stateUnchanged(first)])
        stage.wait(.seconds(299))
        #expect(stage.sent.isEmpty)
        stage.wait(.seconds(1))
        #expect(stage.sent.count == 1)
    }

    @Test(
        "a NOTIFY without a body and with the known tag confirms the state", .spec("RFC 5839 §5.2", "RFC 5839 §5.3/2"))
    func suppressedBody() throws {
        var (stage, subscribe) = try watching(
            SubscriptionRequest(resource: "sip:alice@home.test", conditional: true))
        try stage.notify(
            subscribe.message, "active;expires=600", cseq: 1, headers: ["SIP-ETag: e1"], body: Sample.text())
        stage.clear()
        try stage.notify(subscribe.message, "active;expires=600", cseq: 2, headers: ["SIP-ETag: e1"])
        #expect(stage.events.first == .stateUnchanged(first))
    }

    @Test("an unsubscription answered 204 is over at once", .spec("RFC 5839 §5.5", "RFC 5839 §5.7/1"))
    func conditionalEnd() throws {
        var (stage, _) = try subscribed(SubscriptionRequest(resource: "sip:alice@home.test", conditional: true))
        stage.order(.unwatch(first))
        try stage.answer(try stage.next(.subscribe), 204)
        #expect(stage.events.last == .subscriptionEnded(first, .asOrdered, retryAt: nil))
    }

    @Test("a body that the notifier's own OPTIONS would show: OPTIONS is answered", .spec("RFC 3261 §11.2"))
    func options() throws {
        var stage = Stage()
        try stage.receive(
            "OPTIONS sip:bob@192.0.2.7 SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
                + "From: <sip:a@b>;tag=1\r\nTo: <sip:bob@home.test>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n")
        let response = try #require(stage.responses.first)
        #expect(response.status == 200)
        #expect(response.contains("NOTIFY", in: .allow))
        #expect(response.toTag() != nil)
    }

    @Test(
        "any other request gets 405 with what is allowed", .spec("RFC 3261 §8.2.1"),
        arguments: ["INVITE", "MESSAGE", "SUBSCRIBE", "PUBLISH", "FOO"])
    func notAllowed(method: String) throws {
        var stage = Stage()
        try stage.receive(
            "\(method) sip:bob@192.0.2.7 SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
                + "From: <sip:a@b>;tag=1\r\nTo: <sip:bob@home.test>\r\nCall-ID: 1\r\nCSeq: 1 \(method)\r\n\r\n")
        #expect(stage.responses.first?.status == 405)
        #expect(stage.responses.first?.first(.allow)?.text == "NOTIFY, OPTIONS")
    }
}
