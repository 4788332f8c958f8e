import EventNotification
import Ground
import MusterTesting
import PresenceDocuments
import SIPTransactions
import SIPWire
import Testing

@testable import PresenceServer

@Suite("Watcher information: how it is told")
struct WatcherInformationDeliveryTests {
    @Test(
        "changes are told no more often than every five seconds, all of them together",
        .spec("RFC 3857 §4.10/1", "RFC 3857 §4.7/2"))
    func paced() throws {
        var bench = Bench()
        #expect(bench.configuration.watcherInformationInterval == .seconds(5))
        _ = try bench.watchWatchers("ann")
        #expect(bench.drainInformation().count == 1)
        let dialog = try bench.subscribe("ann", as: "bob")
        _ = try bench.subscribe("ann", as: "carol")
        #expect(try bench.resubscribe(dialog, cseq: 2, expires: "0").status == 200)
        #expect(bench.drainInformation().isEmpty)
        bench.advance(.milliseconds(4_900))
        #expect(bench.drainInformation().isEmpty)
        bench.advance(.milliseconds(200))
        let told = bench.drainInformation()
        #expect(told.count == 1)
        #expect(
            try Set(told[0].watchers()) == [
                "sip:bob@bench.test terminated timeout", "sip:carol@bench.test active subscribe",
            ])
        #expect(try told[0].information().lists[0].watchers.count == 2)
    }

    @Test("a SUBSCRIBE is answered at once, whatever the rate", .spec("RFC 3857 §4.10/1", "RFC 6446 §5.2"))
    func refreshUnpaced() throws {
        var bench = Bench()
        let dialog = try bench.watchWatchers("ann")
        for cseq in UInt32(2)..<5 {
            #expect(try bench.resubscribe(dialog, cseq: cseq, event: "presence.winfo").status == 200)
        }
        #expect(try bench.drainInformation().map { try $0.information().version } == [0, 1, 2, 3])
    }

    @Test("the subscriber's own rate counts, and is said back", .spec("RFC 6446 §5.2", "RFC 6446 §5.1"))
    func ownRate() throws {
        var bench = Bench.ofWatchers()
        _ = try bench.watchWatchers("ann", event: "presence.winfo;max-rate=0.1")
        #expect(bench.drainInformation().map(\.state) == ["active;expires=600;max-rate=0.1"])
        _ = try bench.subscribe("ann", as: "bob")
        bench.advance(.seconds(9))
        #expect(bench.drainInformation().isEmpty)
        bench.advance(.seconds(2))
        #expect(bench.drainInformation().count == 1)
    }

    @Test("one NOTIFY is under way at a time; what happens meanwhile is in the next", .spec("RFC 6665 §4.2.2"))
    func oneAtATime() throws {
        var bench = Bench.ofWatchers()
        _ = try bench.watchWatchers("ann")
        _ = bench.drain()
        bench.answer = nil
        _ = try bench.subscribe("ann", as: "bob")
        _ = try bench.subscribe("ann", as: "carol")
        _ = try bench.subscribe("ann", as: "dave")
        #expect(bench.drainInformation().count == 1)
        bench.answerAll(200)
        let told = bench.drainInformation()
        #expect(told.count == 1)
        #expect(
            try told[0].watchers() == ["sip:carol@bench.test active subscribe", "sip:dave@bench.test active subscribe"])
    }

    @Test("where nobody asks nothing is remembered", .spec("RFC 3857 §4.7/4"))
    func unasked() throws {
        var bench = Bench.ofWatchers()
        for index in 0..<20 { _ = try bench.subscribe("ann", as: "w\(index)") }
        bench.setRules("ann", [Bench.rule("ann", "w1", .block)])
        #expect(bench.server.watcherInformation.count == 0)
        let dialog = try bench.watchWatchers("ann")
        #expect(bench.server.watcherInformation.count == 1)
        _ = try bench.subscribe("ann", as: "late")
        let state = try #require(bench.server.watcherInformation.places.first)
        #expect(bench.server.watcherInformation[state].changes.isEmpty, "what everybody knows is forgotten")
        #expect(try bench.resubscribe(dialog, cseq: 2, event: "presence.winfo", expires: "0").status == 200)
        #expect(bench.server.watcherInformation.count == 0)
        #expect(
            bench.server.presentities.places.allSatisfy {
                bench.server.presentities[$0].watcherInformation == Subscription.nowhere
            })
    }

    // MARK: Many watchers

    @Test(
        "what one message has no room for follows in the next ones, the undecided first",
        .spec("RFC 3857 §4.7/5", "RFC 3261 §18.1.1"))
    func large() throws {
        var bench = Bench.ofWatchers {
            $0.limits.watcherInformationBytes = 2_000
            $0.watcherInformationInterval = .seconds(5)
        }
        bench.setRules("ann", [Bench.rule("ann", "asks", .confirm), Bench.rule("ann", "asked", .confirm)])
        for index in 0..<100 { _ = try bench.subscribe("ann", as: "w\(index)") }
        _ = try bench.subscribe("ann", as: "asked", expires: "0")
        _ = try bench.subscribe("ann", as: "asks")
        _ = bench.drain()
        _ = try bench.watchWatchers("ann")
        let told = bench.drainInformation()
        #expect(told.count > 5)
        #expect(told.allSatisfy { $0.message.body.count < 2_600 })
        #expect(
            try Array(told[0].watchers().prefix(2)) == [
                "sip:asks@bench.test pending subscribe", "sip:asked@bench.test waiting timeout",
            ])
        var table = WatcherInformationTable()
        for notification in told {
            if case .applied = table.merge(try notification.information()) { continue }
            Issue.record("a document does not follow the one before it")
        }
        #expect(table.count == 102)
        #expect(try told.map { try $0.information().isFull } == [true] + Array(repeating: false, count: told.count - 1))
    }

    @Test("what happens while the rest is told is not lost", .spec("RFC 3857 §4.7/5"))
    func largeAndBusy() throws {
        var bench = Bench.ofWatchers { $0.limits.watcherInformationBytes = 1_000 }
        var dialogs: [WatcherDialogUnderTest] = []
        for index in 0..<40 { dialogs.append(try bench.subscribe("ann", as: "w\(index)")) }
        _ = bench.drain()
        bench.answer = nil
        _ = try bench.watchWatchers("ann")
        var table = WatcherInformationTable()
        for round in 0..<30 {
            for notification in bench.drainInformation() { _ = table.merge(try notification.information()) }
            if round < dialogs.count / 2 {
                _ = try bench.resubscribe(dialogs[round * 2], cseq: 2, expires: "0")
                _ = try bench.subscribe("ann", as: "new\(round)")
            }
            bench.answerAll(200)
        }
        for notification in bench.drainInformation() { _ = table.merge(try notification.information()) }
        let expected =
            (0..<20).map { "sip:new\($0)@bench.test" } + (0..<20).map { "sip:w\($0 * 2 + 1)@bench.test" }
        #expect(Set(table.watchers.map { $0.uri[...].text }) == Set(expected))
    }

    @Test("a fetch is cut where one message has no more room", .spec("RFC 3857 §4.7/5"))
    func largeFetch() throws {
        var bench = Bench.ofWatchers { $0.limits.watcherInformationBytes = 1_000 }
        for index in 0..<40 { _ = try bench.subscribe("ann", as: "w\(index)") }
        _ = bench.drain()
        _ = try bench.watchWatchers("ann", expires: "0")
        let told = bench.drainInformation()
        #expect(told.count == 1)
        #expect(told[0].message.body.count < 1_600)
        #expect(bench.observations.contains(.watcherInformationCut))
        #expect(bench.server.watcherInformation.count == 0)
    }

    @Test("who misses more changes than are remembered gets the full state", .spec("RFC 3857 §4.7/1"))
    func forgotten() throws {
        var bench = Bench.ofWatchers { $0.limits.watcherChanges = 8 }
        _ = try bench.watchWatchers("ann")
        _ = bench.drain()
        bench.answer = nil
        for index in 0..<20 { _ = try bench.subscribe("ann", as: "w\(index)") }
        bench.answerAll(200)
        let told = bench.drainInformation()
        #expect(try told.map { try $0.information().isFull } == [false, true])
        #expect(try told[1].watchers().count == 20)
        #expect(try told[1].information().version == 2)
    }

    @Test("a flood of watchers who are refused does not make the full state be told", .spec("RFC 3857 §6.1/1"))
    func refusedFlood() throws {
        var bench = Bench {
            $0.limits.watcherChanges = 40
            $0.defaultHandling = .block
        }
        _ = try bench.watchWatchers("ann")
        _ = bench.drain()
        for index in 0..<200 { #expect(try bench.subscribe("ann", as: "eve\(index)").answer.status == 403) }
        bench.advance(.seconds(6))
        let told = bench.drainInformation()
        #expect(told.count == 1)
        #expect(try told[0].information().isFull == false)
        #expect(try told[0].watchers().count == 10)
    }

    @Test("with very many watchers a change costs no more than with few", .spec("RFC 3857 §4.7/2"))
    func cheap() throws {
        var bench = Bench.ofWatchers()
        for index in 0..<2_000 { _ = try bench.subscribe("ann", as: "w\(index)") }
        _ = try bench.watchWatchers("ann")
        _ = bench.drain()
        for index in 0..<20 { _ = try bench.subscribe("ann", as: "v\(index)") }
        let told = bench.drainInformation()
        #expect(told.count == 20)
        #expect(told.allSatisfy { $0.message.body.count < 500 })
    }

    // MARK: Restarts

    @Test(
        "after a restart dialog, versions and names go on, and the next document is a full one",
        .spec("RFC 3858 §3.1/3", "RFC 3857 §4.7/1", "RFC 6665 §4.2.2"))
    func restarted() throws {
        var bench = Bench.ofWatchers()
        let dialog = try bench.watchWatchers("ann")
        _ = try bench.subscribe("ann", as: "bob")
        let before = bench.drainInformation()
        let name = try #require(before.last).information().lists[0].watchers[0].id
        bench.restart(after: .seconds(10))
        #expect(bench.drain().isEmpty)
        _ = try bench.subscribe("ann", as: "carol")
        let after = try #require(bench.drainInformation().first)
        #expect(after.callID == dialog.callID)
        #expect(after.cseq == 3)
        #expect(after.state == "active;expires=590")
        let document = try after.information()
        #expect(document.version == 2)
        #expect(document.isFull)
        #expect(document.lists[0].watchers.map { $0.uri[...].text } == ["sip:bob@bench.test", "sip:carol@bench.test"])
        #expect(document.lists[0].watchers[0].id == name)
        #expect(document.lists[0].watchers[0].durationSubscribed == 10)
        #expect(try bench.resubscribe(dialog, cseq: 2, event: "presence.winfo").status == 200)
        #expect(try bench.drainInformation().first?.information().version == 3)
    }

    @Test(
        "what the rules and time did while the process was down is told after it",
        .spec("RFC 3857 §4.7.1/2", "RFC 3857 §4.7.1/6", "REQ-24141-26"))
    func restartedWithNews() throws {
        var bench = Bench.ofWatchers()
        bench.setRules("ann", [Bench.rule("ann", "bob", .confirm), Bench.rule("ann", "dave", .confirm)])
        _ = try bench.watchWatchers("ann")
        for watcher in ["bob", "eve"] { _ = try bench.subscribe("ann", as: watcher) }
        _ = try bench.subscribe("ann", as: "dave", expires: "100")
        _ = bench.drain()
        bench.restart(
            after: .seconds(200), rules: [Bench.rule("ann", "eve", .block), Bench.rule("ann", "dave", .confirm)])
        let told = bench.drainInformation()
        #expect(told.count == 1)
        #expect(try told[0].information().isFull)
        #expect(
            try told[0].watchers() == ["sip:dave@bench.test waiting timeout", "sip:bob@bench.test active approved"])
        #expect(bench.server.counters.waitingWatchers == 1)
    }

    @Test(
        "who waits still waits after a restart, unless it was decided or is over",
        .spec("RFC 3857 §4.7.1/6", "RFC 3857 §4.7.1/10"))
    func waitingKept() throws {
        var bench = Bench.ofWatchers { $0.waitingPeriod = .seconds(1000) }
        let ask = ["bob", "carol", "dave"].map { Bench.rule("ann", $0, .confirm) }
        bench.setRules("ann", ask)
        _ = try bench.subscribe("ann", as: "dave", expires: "0")
        bench.advance(.seconds(500))
        for watcher in ["bob", "carol"] { _ = try bench.subscribe("ann", as: watcher, expires: "0") }
        #expect(bench.subscriptions.count == 3)
        let kept = bench.subscriptions
        bench.restart(rules: ask)
        #expect(bench.server.counters.waitingWatchers == 3)
        #expect(bench.subscriptions == kept)
        bench.restart(after: .seconds(600), rules: [ask[0], Bench.rule("ann", "carol", .allow)])
        #expect(bench.server.counters.waitingWatchers == 1)
        #expect(bench.subscriptions.count == 1)
        _ = try bench.watchWatchers("ann")
        #expect(try bench.drainInformation().first?.watchers() == ["sip:bob@bench.test waiting timeout"])
        bench.advance(.seconds(500))
        #expect(try bench.drainInformation().last?.watchers() == ["sip:bob@bench.test terminated giveup"])
    }

    @Test("a record of a watcher that waits is damaged in no way that hurts", .spec("RFC 6665 §4.2.2"))
    func damaged() throws {
        var bench = Bench.ofWatchers { $0.defaultHandling = .confirm }
        _ = try bench.subscribe("ann", as: "bob", expires: "0")
        let record = try #require(bench.subscriptions.values.first)
        for length in 0..<record.dialog.count {
            var broken = record
            broken.dialog = Array(record.dialog[..<length])
            bench.subscriptions = [broken.id: broken]
            bench.restart()
        }
        #expect(bench.observations.filter { $0 == .damagedRecord }.count == record.dialog.count)
        var other = record
        other.dialog[0] = 9
        bench.subscriptions = [other.id: other]
        bench.restart()
        #expect(bench.server.counters.waitingWatchers == 0)
        #expect(bench.server.counters.presentities == 0)
    }

    @Test("a dialog that an older version stored is read", .spec("RFC 6665 §4.2.2"))
    func olderDialog() throws {
        var bench = Bench.ofWatchers()
        _ = try bench.subscribe("ann", as: "bob")
        _ = bench.drain()
        var record = try #require(bench.subscriptions.values.first)
        record.dialog.removeSubrange(32..<44)
        record.dialog[0] = 1
        bench.subscriptions = [record.id: record]
        bench.restart(after: .seconds(1))
        _ = try bench.watchWatchers("ann")
        let watcher = try #require(bench.drainInformation().first?.information().lists[0].watchers.first)
        #expect(watcher.uri == Array("sip:bob@bench.test".utf8))
        #expect(watcher.durationSubscribed == nil)
        #expect(watcher.id != Array("0000000000000000".utf8))
        #expect(watcher.expiration == 599)
    }
}
