import EventNotification
import Ground
import MusterTesting
import PresenceServer
import SIPTransactions
import SIPWire
import Testing

@Suite("Bad input and long runs")
struct RobustnessTests {
    @Test("a place is used again under another generation")
    func slots() {
        var table = SlotTable<String>(vacant: "")
        let first = table.insert("a")
        let generation = table.generation(of: first)
        table.remove(first)
        table.remove(first)
        #expect(table.insert("b") == first)
        #expect(!table.contains(first, generation: generation))
        #expect(table[first] == "b")
        #expect(table.count == 1)
        #expect(table.places == [first])
    }

    @Test("mutilated requests never hurt the server and always get an answer", .spec("RFC 3261 §26.1.5", "RFC 4475 §3"))
    func mutilated() throws {
        var bench = Bench()
        var entropy = Entropy.seeded(11)
        let dialog = try bench.subscribe("ann", extra: PartialPresenceTests.both, event: "presence;id=1;max-rate=5")
        for round in 0..<3000 {
            let method = ["PUBLISH", "SUBSCRIBE", "OPTIONS", "NOTIFY"][round % 4]
            let body =
                method == "PUBLISH"
                ? Bench.pidf("ann", note: "\(round)")
                : round % 8 == 1 ? WatcherFilterTests.filter("ann", what: WatcherFilterTests.basic) : ""
            let text = bench.request(
                method, "ann", extra: "Accept: application/pidf+xml\r\nSuppress-If-Match: *\r\n", body: body,
                callID: round % 3 == 0 ? dialog.callID : nil, cseq: UInt32(round + 2), fromTag: dialog.fromTag,
                toTag: round % 5 == 1 ? dialog.toTag : nil,
                contentType: method == "PUBLISH" ? "application/pidf+xml" : "application/simple-filter+xml")
            var bytes = Array(text.utf8)
            for _ in 0..<(1 + entropy.next(below: 6)) {
                let place = Int(entropy.next(below: UInt64(bytes.count)))
                switch entropy.next(below: 3) {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: entropy.next())
                case 1: bytes.remove(at: place)
                default: bytes.insert(bytes[Int(entropy.next(below: UInt64(bytes.count)))], at: place)
                }
            }
            // The transaction layer answers what does not pass the grammar; only the rest comes here.
            guard let message = try? SIPMessage.parse(bytes, framing: .datagram), message.isRequest,
                (try? message.validate()) != nil
            else { continue }
            let before = bench.responses.count
            bench.feed(.requestReceived(ServerTransactionID(raw: UInt64(round)), message, bench.origin))
            if message.method != .ack, message.method != .cancel { #expect(bench.responses.count == before + 1) }
            if round % 100 == 0 { bench.advance(.seconds(3)) }
        }
        bench.advance(.seconds(20_000))
        #expect(bench.server.counters.activeSubscriptions == 0)
        #expect(bench.server.counters.publications == 0)
        #expect(bench.server.counters.presentities == 0)
        #expect(bench.server.nextDeadline == nil)
    }

    @Test("mutilated answers to NOTIFY never hurt the server", .spec("RFC 6665 §4.2.2"))
    func mutilatedAnswers() throws {
        var bench = Bench()
        var entropy = Entropy.seeded(12)
        bench.answer = nil
        for round in 0..<500 {
            _ = try bench.subscribe("ann", as: "w\(round)", expires: "100")
            for notification in bench.unanswered {
                var bytes = Bench.response(
                    to: notification, 200 + Int(entropy.next(below: 450)),
                    "Event: presence;max-rate=1;min-rate=0.1\r\nRetry-After: 99999999999 (x)\r\n"
                ).storage
                bytes[Int(entropy.next(below: UInt64(bytes.count)))] = UInt8(truncatingIfNeeded: entropy.next())
                if let message = try? SIPMessage.parse(bytes, framing: .datagram) {
                    bench.feed(.responseReceived(notification.transaction, message))
                    bench.feed(.responseReceived(notification.transaction, message))
                }
            }
            bench.unanswered = []
        }
        bench.answer = 200
        for notification in bench.drain() { bench.feed(.requestFailed(notification.transaction, .timeout)) }
        bench.advance(.seconds(10_000))
        #expect(bench.server.counters.activeSubscriptions == 0)
        #expect(bench.server.counters.notificationsUnderWay == 0)
    }

    /// What a watcher believes.
    private struct Belief {
        var dialog: WatcherDialogUnderTest
        var cseq: UInt32 = 1
        var body = ""
        var isLive = true
        var lastNotifyCSeq: UInt32 = 0
    }

    @Test(
        "through changes, rules, refreshes and restarts every watcher ends with the composed state its rules allow",
        .spec("RFC 6665 §4.2.2", "RFC 3856 §6.7", "REQ-24141-26"), arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    func simulation(_ seed: UInt64) throws {
        var bench = Bench()
        var entropy = Entropy.seeded(seed)
        let people = ["ann", "bob"]
        var tags: [String: String] = [:]
        var beliefs: [String: Belief] = [:]
        var rules: [String: AuthorizationRule] = [:]
        for step in 0..<400 {
            let person = people[Int(entropy.next(below: 2))]
            let watcher = "w\(entropy.next(below: 4))"
            let key = "\(person) \(watcher)"
            switch entropy.next(below: 9) {
            case 0, 1, 2:
                let answer = try bench.publish(
                    person, body: Bench.pidf(person, note: "s\(step)"), tag: tags[person], expires: "5000")
                tags[person] = answer.status == 200 ? answer.text(.sipETag) : nil
            case 3:
                guard let tag = tags[person] else { break }
                #expect(try bench.publish(person, body: "", tag: tag, expires: "0").status == 200)
                tags[person] = nil
            case 4, 5:
                guard beliefs[key]?.isLive != true else { break }
                let dialog = try bench.subscribe(person, as: watcher, expires: "5000")
                if dialog.answer.status == 200 { beliefs[key] = Belief(dialog: dialog) }
            case 6:
                guard var belief = beliefs[key], belief.isLive else { break }
                belief.cseq += 1
                let answer = try bench.resubscribe(belief.dialog, cseq: belief.cseq, expires: "5000")
                #expect(answer.status == 200)
                beliefs[key] = belief
            case 7:
                let handling = AuthorizationRule.Handling.allCases[Int(entropy.next(below: 4))]
                rules[key] = Bench.rule(person, watcher, handling, id: key)
                bench.feed(.rulesChanged(.all(Array(rules.values))))
            default: bench.restart(after: .seconds(1), rules: Array(rules.values))
            }
            for notification in bench.drain() {
                guard let key = beliefs.first(where: { $0.value.dialog.callID == notification.callID })?.key else {
                    Issue.record("a NOTIFY for nobody")
                    continue
                }
                let last = beliefs[key]?.lastNotifyCSeq ?? 0
                #expect(notification.cseq == last + 1, "seed \(seed) step \(step)")
                beliefs[key]?.lastNotifyCSeq = notification.cseq
                beliefs[key]?.body = notification.body
                if notification.state.hasPrefix("terminated") { beliefs[key]?.isLive = false }
                let handling = rules[key]?.handling ?? .allow
                if handling != .allow, !notification.body.isEmpty { #expect(!notification.body.contains("<note")) }
            }
        }
        #expect(beliefs.values.contains { $0.isLive })
        for (key, belief) in beliefs where belief.isLive {
            let person = String(key.prefix(3))
            var fresh = bench
            fresh.setRules(person, [])
            _ = fresh.drain()
            _ = try fresh.subscribe(person, as: person, expires: "0")
            let truth = try #require(fresh.drain().last).body
            switch rules[key]?.handling ?? .allow {
            case .allow: #expect(belief.body == truth, "seed \(seed) \(key)")
            case .politeBlock: #expect(belief.body.contains("closed") && !belief.body.contains("<note"))
            case .confirm: #expect(belief.body.isEmpty)
            case .block: Issue.record("a blocked watcher is still subscribed")
            }
        }
    }
}
