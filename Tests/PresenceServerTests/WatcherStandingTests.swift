import EventNotification
import Ground
import MusterTesting
import PresenceDocuments
import SIPWire
import Testing

@testable import PresenceServer

/// The state machine of RFC 3857 §4.7.1, row by row, as the presentity sees it.
@Suite("Watcher information: the subscriptions of watchers")
struct WatcherStandingTests {
    /// A bench whose presentity is asked about Bob, and is told of its watchers.
    private func asked(
        _ change: (inout PresenceServer.Configuration) -> Void = { _ in }
    ) throws -> Bench {
        var bench = Bench.ofWatchers(change)
        bench.setRules("ann", [Bench.rule("ann", "bob", .confirm)])
        _ = try bench.watchWatchers("ann", expires: "7200")
        _ = bench.drain()
        return bench
    }

    private func told(_ bench: inout Bench) throws -> [String] {
        try bench.drainInformation().flatMap { try $0.watchers() }.map {
            $0.replacing("sip:", with: "").replacing("@bench.test", with: "")
        }
    }

    @Test(
        "a subscription without a decision is pending, and active when it is approved",
        .spec("RFC 3857 §4.7.1/1", "RFC 3857 §4.7.1/2", "RFC 3857 §3.1/1", "REQ-22141-22"))
    func approved() throws {
        var bench = try self.asked()
        _ = try bench.subscribe("ann", as: "bob")
        #expect(try self.told(&bench) == ["bob pending subscribe"])
        bench.setRules("ann", [Bench.rule("ann", "bob", .allow)])
        #expect(try self.told(&bench) == ["bob active approved"])
        bench.setRules("ann", [Bench.rule("ann", "bob", .confirm)])
        #expect(try self.told(&bench) == ["bob pending subscribe"])
        bench.setRules("ann", [Bench.rule("ann", "bob", .block)])
        #expect(try self.told(&bench) == ["bob terminated rejected"])
        #expect(bench.server.counters.waitingWatchers == 0)
    }

    @Test("an accepted subscription is active at once", .spec("RFC 3857 §4.7.1/3"))
    func accepted() throws {
        var bench = try self.asked()
        let dialog = try bench.subscribe("ann", as: "carol")
        #expect(try self.told(&bench) == ["carol active subscribe"])
        #expect(try bench.resubscribe(dialog, cseq: 2).status == 200)
        #expect(try self.told(&bench) == [], "a refresh is no change of state")
        #expect(try bench.resubscribe(dialog, cseq: 3, expires: "0").status == 200)
        #expect(try self.told(&bench) == ["carol terminated timeout"])
        #expect(bench.server.counters.waitingWatchers == 0)
    }

    @Test("a polite block looks like any other active subscription", .spec("RFC 3857 §4.7.1/3", "REQ-33141-D3"))
    func politelyBlocked() throws {
        var bench = try self.asked()
        bench.setRules("ann", [Bench.rule("ann", "bob", .politeBlock)])
        _ = try bench.subscribe("ann", as: "bob")
        #expect(try self.told(&bench) == ["bob active subscribe"])
        bench.setRules("ann", [Bench.rule("ann", "bob", .allow)])
        #expect(try self.told(&bench) == [])
    }

    @Test(
        "a watcher who is refused is told of once, and makes no state",
        .spec("RFC 3857 §4.7.1/4", "RFC 3857 §3.2/1"))
    func refused() throws {
        var bench = try self.asked()
        bench.setRules("ann", [Bench.rule("ann", "eve", .block)])
        #expect(try bench.subscribe("ann", as: "eve").answer.status == 403)
        #expect(try self.told(&bench) == ["eve terminated rejected"])
        _ = try bench.watchWatchers("ann")
        #expect(try self.told(&bench) == [])
        #expect(bench.subscriptions.count == 2)
    }

    @Test(
        "a pending subscription that ends by itself waits: by time, by the watcher, by a fetch, by a lost NOTIFY",
        .spec("RFC 3857 §4.7.1/5", "RFC 3857 §4.7.1/6"), arguments: ["time", "watcher", "fetch", "lost"])
    func waiting(_ way: String) throws {
        var bench = try self.asked()
        switch way {
        case "time":
            _ = try bench.subscribe("ann", as: "bob", expires: "100")
            bench.advance(.seconds(101))
        case "watcher":
            let dialog = try bench.subscribe("ann", as: "bob")
            #expect(try bench.resubscribe(dialog, cseq: 2, expires: "0").status == 200)
        case "fetch": _ = try bench.subscribe("ann", as: "bob", expires: "0")
        default:
            bench.answer = nil
            _ = try bench.subscribe("ann", as: "bob")
            let lost = try #require(bench.unanswered.first { $0.header(.event) == "presence" })
            bench.feed(.requestFailed(lost.transaction, .timeout))
            bench.answerAll(200)
        }
        let told = try self.told(&bench)
        #expect(told.last == "bob waiting timeout")
        #expect(bench.server.counters.waitingWatchers == 1)
        #expect(bench.server.counters.pendingSubscriptions == 0)
        // Who asks later learns it too.
        _ = try bench.watchWatchers("ann")
        #expect(try self.told(&bench).last == "bob waiting timeout")
    }

    @Test(
        "a decision ends the waiting and is told",
        .spec("RFC 3857 §4.7.1/7", "RFC 3857 §4.7.1/8", "REQ-24141-26"),
        arguments: [
            (AuthorizationRule.Handling.allow, "approved"), (.politeBlock, "approved"), (.block, "rejected"),
        ])
    func decided(_ handling: AuthorizationRule.Handling, _ event: String) throws {
        var bench = try self.asked()
        _ = try bench.subscribe("ann", as: "bob", expires: "0")
        _ = bench.drain()
        bench.setRules("ann", [Bench.rule("ann", "carol", .block), Bench.rule("ann", "bob", .confirm)])
        #expect(try self.told(&bench) == [])
        bench.setRules("ann", [Bench.rule("ann", "bob", handling)])
        #expect(try self.told(&bench) == ["bob terminated \(event)"])
        #expect(bench.server.counters.waitingWatchers == 0)
        #expect(bench.subscriptions.count == 1)
    }

    @Test("who comes again waits no longer: the old subscription is given up", .spec("RFC 3857 §4.7.1/9"))
    func cameAgain() throws {
        var bench = try self.asked()
        _ = try bench.subscribe("ann", as: "bob", expires: "0")
        _ = bench.drain()
        _ = try bench.subscribe("ann", as: "bob")
        #expect(try self.told(&bench) == ["bob terminated giveup", "bob pending subscribe"])
        #expect(bench.server.counters.waitingWatchers == 0)
    }

    @Test("nobody waits for ever", .spec("RFC 3857 §4.7.1/10"))
    func givenUp() throws {
        var bench = try self.asked { $0.waitingPeriod = .seconds(1000) }
        _ = try bench.subscribe("ann", as: "bob", expires: "0")
        _ = bench.drain()
        bench.advance(.seconds(999))
        #expect(try self.told(&bench) == [])
        bench.advance(.seconds(2))
        #expect(try self.told(&bench) == ["bob terminated giveup"])
        #expect(bench.server.counters.waitingWatchers == 0)
        bench.advance(.seconds(7200))
        #expect(bench.server.counters.presentities == 0)
        #expect(bench.server.nextDeadline == nil)
    }

    @Test("where it is not wanted nobody waits", .spec("RFC 3857 §4.7.1/10"))
    func withoutWaiting() throws {
        var bench = try self.asked { $0.waitingPeriod = .zero }
        _ = try bench.subscribe("ann", as: "bob", expires: "0")
        #expect(try self.told(&bench).last == "bob terminated timeout")
        #expect(bench.server.counters.waitingWatchers == 0)
    }

    @Test(
        "waiting is bounded for a presentity, for a watcher and in all",
        .spec("RFC 3857 §6.1/1", "RFC 3857 §4.7.1/11"))
    func bounded() throws {
        var bench = Bench.ofWatchers {
            $0.defaultHandling = .confirm
            $0.limits.waitingPerPresentity = 3
            $0.limits.waitingPerWatcher = 2
            $0.limits.waitingWatchers = 5
        }
        _ = try bench.watchWatchers("ann")
        for index in 0..<4 { _ = try bench.subscribe("ann", as: "w\(index)", expires: "0") }
        #expect(bench.server.counters.waitingWatchers == 3)
        #expect(try self.told(&bench).contains("w0 terminated giveup"))
        for user in ["ben", "cas", "dan"] { _ = try bench.subscribe(user, as: "flood", expires: "0") }
        #expect(bench.server.counters.waitingWatchers == 5)
        for index in 0..<10 { _ = try bench.subscribe("user\(index)", as: "x\(index)", expires: "0") }
        #expect(bench.server.counters.waitingWatchers == 5)
        #expect(bench.observations.filter { $0 == .waitingLimit }.count == 12)
        // The same watcher counts once, however often it comes.
        for _ in 0..<9 { _ = try bench.subscribe("ann", as: "w3", expires: "0") }
        #expect(bench.server.counters.waitingWatchers == 5)
    }

    @Test(
        "an active subscription that ends is told of once, with the reason",
        .spec("RFC 3857 §4.7.1/12", "RFC 3857 §4.7/3"))
    func terminated() throws {
        var bench = try self.asked()
        _ = try bench.subscribe("ann", as: "carol", expires: "100")
        _ = try bench.subscribe("ann", as: "dave")
        _ = bench.drain()
        bench.advance(.seconds(101))
        #expect(try self.told(&bench) == ["carol terminated timeout"])
        bench.setRules("ann", [Bench.rule("ann", "dave", .block)])
        #expect(try self.told(&bench) == ["dave terminated rejected"])
        let fresh = try bench.watchWatchers("ann")
        #expect(fresh.answer.status == 200)
        #expect(try self.told(&bench) == [])
    }

    @Test("when the server goes elsewhere, watchers are told of as deactivated", .spec("RFC 3857 §4.7.1/12"))
    func deactivated() throws {
        var bench = try self.asked { $0.deactivatesWhenDrained = true }
        _ = try bench.subscribe("ann", as: "carol")
        _ = bench.drain()
        bench.feed(.drained)
        #expect(bench.drain().map(\.state) == Array(repeating: "terminated;reason=deactivated", count: 2))
    }

    @Test(
        "every reason of RFC 6665 has its event",
        .spec("RFC 3857 §4.7.1/12", "RFC 3858 §3.3/3"),
        arguments: zip(
            TerminationReason.allCases,
            [
                WatcherInformation.Event.deactivated, .probation, .rejected, .timeout, .giveup, .noresource,
                .noresource, .deactivated,
            ]))
    func reasons(_ reason: TerminationReason, _ event: WatcherInformation.Event) {
        #expect(WatcherInformation.Event(reason) == event)
    }

    // MARK: What is told of a watcher

    @Test(
        "times are told, and a display name only beside the identity that was proven",
        .spec("RFC 3858 §3.3/2", "RFC 3858 §3.3/4", "RFC 3858 §3.3/5"))
    func attributes() throws {
        var bench = Bench.ofWatchers { $0.fromStandsInForIdentity = false }
        for (from, proven) in [("bob", "bob"), ("boss", "eve")] {
            let text = bench.request(
                "SUBSCRIBE", "ann", extra: Bench.asserted("sip:\(proven)@bench.test"), from: "sip:\(from)@bench.test"
            ).replacing("From: <", with: "From: \"The \\\"Boss\\\" <&\u{E9}>\" <")
            #expect(try bench.send(text)?.status == 200)
        }
        bench.advance(.seconds(60))
        _ = try bench.watchWatchers("ann", extra: Bench.asserted("sip:ann@bench.test"))
        let watchers = try #require(bench.drainInformation().first).information().lists[0].watchers
        let bob = try #require(watchers.first { $0.uri == Array("sip:bob@bench.test".utf8) })
        #expect(bob.displayName.map { $0[...].text } == "The \"Boss\" <&\u{E9}>")
        #expect(bob.expiration == 540)
        #expect(bob.durationSubscribed == 60)
        let eve = try #require(watchers.first { $0.uri == Array("sip:eve@bench.test".utf8) })
        #expect(eve.displayName == nil)
    }

    @Test(
        "the name of a watcher is chance, stays the same, and holds nothing of the dialog",
        .spec("RFC 3858 §3.3/6"))
    func names() throws {
        var bench = try self.asked()
        let dialog = try bench.subscribe("ann", as: "bob")
        bench.setRules("ann", [Bench.rule("ann", "bob", .allow)])
        #expect(try bench.resubscribe(dialog, cseq: 2).status == 200)
        bench.setRules("ann", [Bench.rule("ann", "bob", .confirm)])
        #expect(try bench.resubscribe(dialog, cseq: 3, expires: "0").status == 200)
        let told = bench.drainInformation()
        let ids = try Set(told.flatMap { try $0.information().lists[0].watchers.map(\.id) })
        #expect(told.count == 4)
        #expect(ids.count == 1)
        for notification in told {
            for secret in [dialog.toTag, dialog.fromTag + "\"", dialog.callID + "\"", "127.0.0.1"] {
                #expect(!notification.body.contains(secret))
            }
        }
    }

    @Test(
        "who is anonymous, or asks for privacy, is not named in any state",
        .spec("RFC 3857 §6.2/2", "REQ-33141-48", "REQ-24141-17"))
    func anonymous() throws {
        var bench = try self.asked {
            $0.fromStandsInForIdentity = false
            $0.anonymousHandling = .confirm
            $0.defaultHandling = .confirm
        }
        _ = try bench.watchWatchers("ann", extra: Bench.asserted("sip:ann@bench.test"))
        _ = bench.drain()
        let hidden = Bench.asserted("sip:secret@bench.test") + "Privacy: id\r\n"
        let dialog = try bench.subscribe("ann", as: "secret", extra: hidden)
        bench.setRules("ann", [Bench.rule("ann", "secret", .allow)])
        bench.setRules("ann", [])
        #expect(try bench.resubscribe(dialog, cseq: 2, expires: "0").status == 200)
        _ = try bench.subscribe("ann", as: "secret", extra: hidden)
        bench.setRules("ann", [Bench.rule("ann", "secret", .block)])
        _ = try bench.subscribe("ann", as: "secret", extra: hidden)
        _ = try bench.subscribe("ann", as: "sip:anonymous@anonymous.invalid")
        let told = bench.drainInformation()
        let watchers = try told.flatMap { try $0.watchers() }
        #expect(watchers.allSatisfy { $0.hasPrefix("sip:anonymous@anonymous.invalid ") })
        #expect(Set(watchers.map { $0.split(separator: " ")[1] }) == ["pending", "active", "waiting", "terminated"])
        #expect(told.allSatisfy { !$0.body.contains("secret") })
    }
}
