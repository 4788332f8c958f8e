import EventNotification
import Ground
import MusterTesting
import SIPTransactions
import SIPWire
import Testing

@Suite("The notifier: delivery, rates, conditions, restarts")
struct NotifierDeliveryTests {
    @Test("changes are told once, one NOTIFY at a time", .spec("RFC 6665 §4.2.2/11", "RFC 5263 §4.4/5"))
    func changes() throws {
        var bench = NotifierBench()
        _ = try bench.subscribe()
        bench.answer = nil
        _ = bench.drain()
        bench.set("lamp", "on")
        for text in ["dim", "bright", "red"] { bench.set("lamp", text) }
        #expect(bench.drain().map(\.body) == ["on"])
        let first = try bench.take()
        bench.give(200, to: first)
        #expect(bench.drain().map(\.body) == ["red"])
        let second = try bench.take()
        bench.give(200, to: second)
        #expect(bench.drain().isEmpty)
        bench.set("lamp", "red")
        #expect(bench.drain().isEmpty && bench.notifier.counters.notificationsSuppressed == 1)
    }

    @Test(
        "the advised interval holds changes back, not answers to SUBSCRIBE",
        .spec("RFC 6665 §5.4.10/1", "RFC 6446 §5.2"))
    func interval() throws {
        var bench = NotifierBench { $0.minimumInterval = nil }
        let dialog = try bench.subscribe()
        _ = bench.drain()
        let start = bench.now
        bench.set("lamp", "on")
        bench.set("lamp", "off")
        bench.set("lamp", "dim")
        #expect(bench.notifications.isEmpty)
        _ = try bench.refresh(dialog, cseq: 2)
        #expect(bench.drain().map(\.body) == ["dim"])
        bench.set("lamp", "red")
        bench.advance(.seconds(10))
        #expect(bench.notifications.map(\.body) == ["red"])
        #expect(bench.drain().first?.at == start + .seconds(5))
    }

    @Test("the box may find that nothing is new", .spec("RFC 6665 §4.2.2/11"))
    func nothingNew() throws {
        var bench = NotifierBench()
        _ = try bench.subscribe()
        _ = bench.drain()
        bench.isSilent = true
        bench.set("lamp", "on")
        #expect(bench.drain().isEmpty && bench.occasions == [.whole, .change])
        bench.isSilent = false
        bench.set("lamp", "dim")
        #expect(bench.drain().map(\.body) == ["dim"])
    }

    @Test(
        "the rates that are asked for are kept and echoed, and those of a 2xx take their place",
        .spec("RFC 6446 §4.2", "RFC 6446 §5.2", "RFC 6446 §6.2", "RFC 6446 §9.2"))
    func rates() throws {
        var bench = NotifierBench()
        let dialog = try bench.subscribe(event: "lamp;max-rate=0.1;min-rate=0.02")
        #expect(bench.drain().first?.state == "active;expires=600;max-rate=0.1;min-rate=0.02")
        let start = bench.now
        bench.set("lamp", "on")
        bench.advance(.seconds(59))
        #expect(bench.notifications.map { $0.at - start } == [.seconds(10)])
        _ = bench.drain()
        bench.advance(.seconds(2))
        // Nothing changed for fifty seconds, and still a NOTIFY with all of the state is due.
        #expect(bench.notifications.map(\.body) == ["on"])
        #expect(bench.drain().first?.at == start + .seconds(60))
        bench.answerHeaders = "Event: lamp;max-rate=1\r\n"
        bench.set("lamp", "off")
        bench.advance(.seconds(10))
        _ = bench.drain()
        bench.answerHeaders = ""
        bench.set("lamp", "dim")
        bench.advance(.seconds(1))
        #expect(bench.drain().map(\.state) == ["active;expires=529;max-rate=1"])
        _ = try bench.refresh(dialog, cseq: 2)
        #expect(bench.drain().last?.state == "active;expires=600")
    }

    @Test(
        "a condition that holds leaves the body out, answers 204 in a dialog, and ends with a change",
        .spec(
            "RFC 5839 §6.2/1", "RFC 5839 §6.2/2", "RFC 5839 §6.2/3", "RFC 5839 §6.3/1", "RFC 5839 §6.3/4",
            "RFC 5839 §6.3/5", "RFC 5839 §6.3/6", "RFC 5839 §6.3/7", "RFC 5839 §7.1/1"))
    func conditions() throws {
        var bench = NotifierBench()
        _ = try bench.subscribe()
        let tag = try #require(bench.drain().first).header(.sipETag)
        let dialog = try bench.subscribe(extra: "Suppress-If-Match: \(tag)\r\n")
        #expect(dialog.answer.status == 200)
        let notify = try #require(bench.drain().first)
        #expect(notify.body.isEmpty && notify.header(.contentType).isEmpty && notify.header(.sipETag) == tag)
        #expect(notify.header(.contentLength) == "0")
        let refreshed = try bench.refresh(dialog, cseq: 2, extra: "Suppress-If-Match: \(tag)\r\n")
        #expect(refreshed.status == 204 && refreshed.text(.expires) == "600" && bench.notifications.isEmpty)
        bench.set("lamp", "on")
        #expect(bench.drain().map(\.body).contains("on"))
        let stale = try bench.refresh(dialog, cseq: 3, extra: "Suppress-If-Match: \(tag)\r\n")
        #expect(stale.status == 200 && bench.drain().map(\.body) == ["on"])
        let now = try bench.refresh(dialog, cseq: 4)
        let current = try #require(bench.drain().last).header(.sipETag)
        #expect(now.status == 200 && current != tag)
        let end = try bench.refresh(dialog, cseq: 5, extra: "Suppress-If-Match: \(current)\r\n", expires: "0")
        #expect(end.status == 204 && end.text(.expires) == "0" && bench.notifications.isEmpty)
        #expect(bench.records.count == 1)
    }

    @Test("an asterisk suppresses until it is taken back", .spec("RFC 5839 §6.2/4", "RFC 5839 §6.3/2"))
    func asterisk() throws {
        var bench = NotifierBench()
        let dialog = try bench.subscribe()
        _ = bench.drain()
        #expect(try bench.refresh(dialog, cseq: 2, extra: "Suppress-If-Match: *\r\n").status == 204)
        bench.set("lamp", "on")
        #expect(bench.drain().isEmpty)
        #expect(try bench.refresh(dialog, cseq: 3).status == 200)
        #expect(bench.drain().map(\.body) == ["on"])
    }

    @Test(
        "answers to NOTIFY: what ends a subscription, what holds it, what makes it tell everything again",
        .spec(
            "RFC 6665 §4.2.2/6", "RFC 6665 §4.2.2/7", "RFC 6665 §4.2.2/8", "RFC 6665 §4.2.2/9"))
    func answers() throws {
        for status in [404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604] {
            var bench = NotifierBench()
            bench.answer = status
            let dialog = try bench.subscribe()
            #expect(bench.notifier.count == 0 && bench.records.isEmpty && bench.ended == [dialog.id], "\(status)")
        }
        for failure in [RequestFailure.timeout, .transport, .unresolvable] {
            var bench = NotifierBench()
            bench.answer = nil
            _ = try bench.subscribe()
            bench.fail(try #require(bench.unanswered.first), failure)
            #expect(bench.notifier.count == 0 && bench.records.isEmpty && bench.notifier.nextDeadline == nil)
        }
        var bench = NotifierBench()
        bench.answer = nil
        _ = try bench.subscribe()
        let first = try bench.take()
        bench.give(500, to: first, "Retry-After: 20\r\n")
        bench.set("lamp", "on")
        #expect(bench.drain().count == 1)
        bench.advance(.seconds(20))
        #expect(bench.drain().map(\.body) == ["on"])
        #expect(bench.occasions == [.whole, .whole])
        bench.give(488, to: try bench.take())
        #expect(bench.notifier.count == 1)
        bench.set("lamp", "off")
        #expect(bench.drain().map(\.body) == ["off"] && bench.occasions.last == .whole)
        bench.fail(try bench.take(), .overloaded)
        bench.advance(.seconds(2))
        #expect(bench.drain().map(\.body) == ["off"])
        bench.give(200, to: try bench.take())
        #expect(bench.delivered == 1)
    }

    @Test("a provisional answer, one that comes twice and one of nobody change nothing")
    func strayAnswers() throws {
        var bench = NotifierBench()
        bench.answer = nil
        _ = try bench.subscribe()
        let notify = try #require(bench.unanswered.first)
        bench.give(183, to: notify)
        #expect(bench.notifier.counters.notificationsUnderWay == 1)
        bench.give(200, to: notify)
        bench.give(481, to: notify)
        bench.fail(notify, .timeout)
        #expect(bench.notifier.count == 1 && bench.notifier.counters.notificationsDelivered == 1)
    }

    @Test("a challenge is answered with credentials, once", .spec("RFC 6665 §4.2.2/13"))
    func challenges() throws {
        var bench = NotifierBench()
        bench.answer = nil
        bench.credentials = [(.authorization, Array("Digest x".utf8))]
        _ = try bench.subscribe()
        bench.give(401, to: try bench.take())
        let second = try #require(bench.drain().last)
        #expect(second.header(.authorization) == "Digest x" && second.cseq == 2 && second.body == "off")
        bench.give(401, to: try bench.take())
        #expect(bench.drain().isEmpty && bench.observations == [.notificationChallenged])
        bench.set("lamp", "on")
        let third = try #require(bench.drain().first)
        #expect(third.header(.authorization).isEmpty && third.body == "on")
        bench.credentials = []
        bench.give(407, to: try bench.take())
        #expect(bench.observations.count == 2 && bench.notifier.count == 1)
    }

    @Test("the end waits for the NOTIFY under way, and survives a crash meanwhile", .spec("RFC 6665 §4.2.1.4/2"))
    func endWhileUnderWay() throws {
        var bench = NotifierBench()
        bench.answer = nil
        let dialog = try bench.subscribe()
        _ = bench.drain()
        bench.run { $0.terminate(dialog.id, .rejected, at: $1, into: &$2) }
        #expect(bench.notifications.isEmpty)
        var crashed = bench
        bench.give(200, to: try bench.take())
        #expect(bench.drain().map(\.state) == ["terminated;reason=rejected"] && bench.notifier.count == 0)
        #expect(crashed.restart().isEmpty)
        #expect(crashed.drain().map(\.state) == ["terminated;reason=rejected"])
        #expect(crashed.records.isEmpty && crashed.notifier.count == 0)
    }

    @Test(
        "after a restart dialogs go on, and no CSeq number is used twice",
        .spec("RFC 6665 §4.2.2/12", "RFC 3261 §12.2.1.1"))
    func restart() throws {
        var bench = NotifierBench { $0.limits.reservedSequenceNumbers = 4 }
        let dialog = try bench.subscribe(
            extra: "Record-Route: <sip:127.0.0.1:6061;lr>\r\nAccept: application/lamp\r\n",
            event: "lamp;id=3;max-rate=2")
        var numbers = bench.drain().map(\.cseq)
        let writes = bench.recordWrites
        for round in 0..<10 {
            bench.set("lamp", "v\(round)")
            bench.advance(.seconds(1))
        }
        numbers += bench.drain().map(\.cseq)
        // Eleven notifications in blocks of four.
        #expect(bench.recordWrites - writes <= 3)
        let standing = try #require(bench.restart(after: .seconds(5)).first)
        #expect(standing.id == dialog.id && standing.resource == Array("lamp".utf8))
        #expect(standing.watcher == Array("sip:ann@home.test".utf8) && bench.notifications.isEmpty)
        bench.set("lamp", "v9")
        let notify = try #require(bench.drain().first)
        #expect(notify.cseq > numbers.max() ?? 0)
        #expect(notify.cseq - (numbers.max() ?? 0) <= 5)
        #expect(notify.header(.callID) == dialog.callID && notify.message.fromTag()?.text == dialog.toTag)
        #expect(notify.message.list(.route).map(\.text) == ["<sip:127.0.0.1:6061;lr>"])
        #expect(notify.header(.event) == "lamp;id=3" && notify.header(.contentType) == "application/lamp")
        #expect(notify.state.contains(";max-rate=2") && notify.body == "v9")
        #expect(bench.occasions.last == .whole)
        #expect(try bench.refresh(dialog, cseq: 2, event: "lamp;id=3").status == 200)
    }

    @Test("what ended while the process was down is told, the others hear the state again, spread over time")
    func resynchronisation() throws {
        var bench = NotifierBench { $0.resynchronisation = .seconds(60) }
        let short = try bench.subscribe(expires: "100")
        for _ in 0..<3 { _ = try bench.subscribe() }
        _ = bench.drain()
        let living = bench.restart(after: .seconds(100))
        #expect(living.count == 3)
        let ended = bench.drain()
        #expect(ended.map(\.state) == ["terminated;reason=timeout"])
        #expect(ended.first?.header(.callID) == short.callID)
        let start = bench.now
        bench.advance(.seconds(60))
        #expect(bench.drain().map { $0.at - start } == [.seconds(20), .seconds(40), .seconds(60)])
    }

    @Test("records that are damaged are left out, whatever is wrong with them")
    func damaged() throws {
        var bench = NotifierBench()
        _ = try bench.subscribe(event: "lamp;max-rate=1")
        let good = try #require(bench.records.values.first)
        func restored(_ change: (inout NotifierRecord) -> Void) -> (Int, [NotifierObservation]) {
            var record = good
            change(&record)
            var notifier = Notifier(configuration: bench.configuration, entropy: .seeded(1))
            var orders: [NotifierOrder] = []
            let living = notifier.restore([record], at: bench.now, into: &orders)
            let observations = orders.compactMap { order -> NotifierObservation? in
                if case .observed(let observation) = order { observation } else { nil }
            }
            return (living.count, observations)
        }
        #expect(restored { _ in } == (1, []))
        #expect(restored { $0.package = Array("door".utf8) } == (0, [.damagedRecord]))
        #expect(restored { $0.id = 0 } == (0, [.damagedRecord]))
        #expect(restored { $0.state = 9 } == (0, [.damagedRecord]))
        #expect(restored { $0.localCSeq = .max } == (0, [.damagedRecord]))
        #expect(restored { $0.dialog[0] = 9 } == (0, [.damagedRecord]))
        for length in good.dialog.indices {
            _ = restored { $0.dialog = Array($0.dialog.prefix(length)) }
        }
        for index in good.dialog.indices {
            for bit in [UInt8(1), 0x80] { _ = restored { $0.dialog[index] ^= bit } }
        }
        // The same record twice is one subscription.
        var notifier = Notifier(configuration: bench.configuration, entropy: .seeded(1))
        var orders: [NotifierOrder] = []
        #expect(notifier.restore([good, good], at: bench.now, into: &orders).count == 1)
    }

    @Test("CSeq numbers stay in their range whatever was stored", .spec("RFC 3261 §8.1.1.5"))
    func sequenceRange() throws {
        var bench = NotifierBench()
        let dialog = try bench.subscribe()
        bench.records[dialog.id]?.localCSeq = 0x7FFF_FFFD
        _ = bench.restart()
        _ = bench.drain()
        for round in 0..<4 { bench.set("lamp", "v\(round)") }
        #expect(bench.drain().map(\.cseq) == [0x7FFF_FFFE, 1, 2, 3])
    }

    @Test("what the box keeps comes back after a restart", .spec("RFC 6665 §4.2.1.4/1"))
    func context() throws {
        var bench = NotifierBench()
        let dialog = try bench.subscribe()
        let writes = bench.recordWrites
        bench.run {
            $0.setContext([1, 2], of: dialog.id, stores: false, into: &$2); _ = $1
        }
        #expect(bench.recordWrites == writes)
        bench.run {
            $0.setContext([3], of: dialog.id, stores: true, into: &$2); _ = $1
        }
        #expect(bench.recordWrites == writes + 1)
        #expect(bench.restart().first?.context == [3])
    }

    @Test("random life leaves nothing behind and never sends two NOTIFYs at once", .spec("RFC 6665 §6.3/1"))
    func randomLife() throws {
        var dice = Entropy.seeded(99)
        var bench = NotifierBench { $0.limits.subscriptions = 20 }
        bench.answer = nil
        var dialogs: [(dialog: SubscriberDialog, cseq: UInt32)] = []
        for _ in 0..<1500 {
            switch dice.next(below: 9) {
            case 0:
                let dialog = try bench.subscribe("u\(dice.next(below: 5))", expires: "\(60 + dice.next(below: 200))")
                if dialog.answer.status == 200 { dialogs.append((dialog, 1)) }
            case 1 where !dialogs.isEmpty:
                let index = Int(dice.next(below: UInt64(dialogs.count)))
                dialogs[index].cseq += 1
                let expires = dice.next(below: 4) == 0 ? "0" : "120"
                _ = try bench.refresh(dialogs[index].dialog, cseq: dialogs[index].cseq, expires: expires)
            case 2, 3: bench.set("lamp", "v\(dice.next(below: 4))")
            case 4, 5, 6:
                guard !bench.unanswered.isEmpty else { continue }
                let notify = bench.unanswered.remove(at: Int(dice.next(below: UInt64(bench.unanswered.count))))
                let statuses = [200, 200, 200, 500, 503, 481, 488]
                bench.give(statuses[Int(dice.next(below: 7))], to: notify, "Retry-After: 3\r\n")
            case 7:
                guard !bench.unanswered.isEmpty else { continue }
                bench.fail(bench.unanswered.removeFirst(), .overloaded)
            default: bench.advance(.seconds(Int64(dice.next(below: 30))))
            }
            var underWay: [String: Int] = [:]
            for notify in bench.unanswered where !notify.state.hasPrefix("terminated") {
                underWay[notify.header(.callID), default: 0] += 1
            }
            #expect(underWay.values.allSatisfy { $0 == 1 })
        }
        while let notify = bench.unanswered.popLast() { bench.give(200, to: notify) }
        bench.answer = 200
        bench.advance(.seconds(1000))
        #expect(bench.notifier.count == 0 && bench.records.isEmpty && bench.notifier.nextDeadline == nil)
        #expect(bench.notifier.counters.notificationsUnderWay == 0)
    }
}
