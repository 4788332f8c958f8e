import EventNotification
import Ground
import MusterTesting
import PresenceServer
import SIPTransactions
import SIPWire
import Testing

@Suite("What answers to a NOTIFY do")
struct NotificationAnswerTests {
    @Test("a provisional answer ends nothing", .spec("RFC 3261 §17.1.2.2"))
    func provisional() throws {
        var bench = Bench()
        bench.answer = 100
        _ = try bench.subscribe("ann")
        #expect(bench.server.counters.notificationsUnderWay == 1)
    }

    @Test(
        "answers that say nobody is there remove the subscription",
        .spec("RFC 6665 §4.2.2", "RFC 5057 §5.1", "RFC 3261 §12.2.1.2/1", "RFC 6665 §4.2.2/6"),
        arguments: [404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604])
    func fatalAnswers(_ status: Int) throws {
        var bench = Bench()
        let tag = try bench.publish("ann").text(.sipETag)
        _ = try bench.subscribe("ann")
        bench.answer = status
        let next = try bench.publish("ann", body: Bench.pidf("ann", note: "a"), tag: tag).text(.sipETag)
        bench.answer = 200
        _ = bench.drain()
        #expect(bench.subscriptions.isEmpty)
        try bench.publish("ann", body: Bench.pidf("ann", note: "b"), tag: next)
        #expect(bench.drain().isEmpty)
        #expect(bench.server.counters.activeSubscriptions == 0)
    }

    @Test(
        "a NOTIFY that nobody answers removes the subscription",
        .spec("RFC 6665 §4.2.2", "RFC 3261 §8.1.3.1/1", "RFC 3261 §12.2.1.2/1", "RFC 6665 §4.2.2/7"))
    func timeouts() throws {
        for failure in [RequestFailure.timeout, .transport, .unresolvable] {
            var bench = Bench()
            bench.answer = nil
            _ = try bench.subscribe("ann")
            let notify = try #require(bench.drain().first)
            bench.feed(.requestFailed(notify.transaction, failure))
            #expect(bench.subscriptions.isEmpty)
            #expect(bench.server.counters.notificationsUnderWay == 0)
        }
    }

    @Test("a full transaction table of our own loses no subscription")
    func overloaded() throws {
        var bench = Bench()
        bench.answer = nil
        _ = try bench.subscribe("ann")
        let notify = try #require(bench.drain().first)
        bench.answer = 200
        bench.feed(.requestFailed(notify.transaction, .overloaded))
        #expect(bench.subscriptions.count == 1)
        bench.advance(.seconds(3))
        #expect(bench.drain().map(\.cseq) == [2])
    }

    @Test(
        "5xx with Retry-After is tried again later with the state of then",
        .spec("RFC 6665 §4.2.2", "RFC 6665 §4.2.2/8"))
    func retryAfter() throws {
        var bench = Bench()
        var tag = try bench.publish("ann").text(.sipETag)
        _ = try bench.subscribe("ann")
        _ = bench.drain()
        bench.answer = 503
        bench.answerHeaders = "Retry-After: 30\r\n"
        tag = try bench.publish("ann", body: Bench.pidf("ann", note: "first"), tag: tag).text(.sipETag)
        bench.answer = 200
        bench.answerHeaders = ""
        try bench.publish("ann", body: Bench.pidf("ann", note: "second"), tag: tag)
        #expect(bench.drain().count == 1)
        bench.advance(.seconds(29))
        #expect(bench.drain().isEmpty)
        bench.advance(.seconds(2))
        let later = bench.drain()
        #expect(later.count == 1)
        #expect(later.first?.body.contains("second") == true)
    }

    @Test(
        "another failure keeps the subscription, and the next NOTIFY carries the state",
        .spec("RFC 6665 §4.2.2", "RFC 3856 §6.7/3", "RFC 6665 §4.2.2/9"))
    func otherFailures() throws {
        for status in [400, 403, 488, 500, 600, 603] {
            var bench = Bench()
            let tag = try bench.publish("ann").text(.sipETag)
            _ = try bench.subscribe("ann")
            bench.answer = status
            let next = try bench.publish("ann", body: Bench.pidf("ann", note: "lost"), tag: tag).text(.sipETag)
            bench.answer = 200
            _ = bench.drain()
            #expect(bench.subscriptions.count == 1)
            // The same document again: the watcher never got it, so it is told now.
            try bench.publish("ann", body: Bench.pidf("ann", note: "lost"), tag: next)
            #expect(bench.drain().count == 1)
        }
    }
}
