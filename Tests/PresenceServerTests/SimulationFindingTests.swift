import Ground
import PresenceServer
import SIPWire
import Testing

/// What seeds of the simulation found, each as a small story of its own.
@Suite("Findings of the simulation")
struct SimulationFindingTests {
    @Test(
        "who was blocked while the process was down is not told what ended meanwhile",
        .spec("RFC 5025 §3.2.1", "REQ-24141-26", "RFC 3903 §4.1"))
    func blockedWhileDown() throws {
        var bench = Bench()
        try bench.publish("ann", body: Bench.pidf("ann", tuple: "t1", note: "short"), expires: "100")
        try bench.publish("ann", body: Bench.pidf("ann", tuple: "t2", note: "long"), expires: "1000")
        _ = try bench.subscribe("ann", as: "a")
        _ = try bench.subscribe("ann", as: "b", event: "presence;min-rate=0.02")
        _ = try bench.subscribe("ann", as: "c")
        _ = bench.drain()
        bench.restart(
            after: .seconds(200),
            rules: [
                Bench.rule("ann", "a", .block), Bench.rule("ann", "b", .block), Bench.rule("ann", "c", .confirm),
            ])
        let told = bench.drain()
        #expect(told.count { $0.state == "terminated;reason=rejected" } == 2)
        #expect(told.count { $0.state.hasPrefix("pending") } == 1)
        #expect(told.count == 3)
        #expect(told.allSatisfy { $0.body.isEmpty })
    }

    @Test(
        "a subscription that ended while the process was down is told its end and nothing before it",
        .spec("RFC 6665 §4.2.2", "RFC 3903 §4.1"))
    func endedWhileDown() throws {
        var bench = Bench()
        try bench.publish("ann", body: Bench.pidf("ann", note: "first to end"), expires: "100")
        _ = try bench.subscribe("ann", expires: "150")
        _ = bench.drain()
        // Two NOTIFYs under way in one dialog could overtake each other.
        bench.answer = nil
        bench.restart(after: .seconds(200))
        #expect(bench.drain().map(\.state) == ["terminated;reason=timeout"])
        #expect(bench.subscriptions.isEmpty)
        #expect(bench.server.nextDeadline == nil)
    }

    @Test(
        "state that a watcher named, and that goes and comes back, is told with its body",
        .spec("RFC 5839 §6.2", "RFC 5839 §5.3"))
    func stateComesBack() throws {
        var bench = Bench()
        var tag = try bench.publish("ann", body: Bench.pidf("ann", note: "here")).text(.sipETag)
        _ = try bench.subscribe("ann", expires: "0")
        let known = try #require(bench.drain().last).entityTag
        _ = try bench.subscribe("ann", extra: "Suppress-If-Match: \(known)\r\n")
        #expect(bench.drain().map(\.body) == [""])
        tag = try bench.publish("ann", body: Bench.pidf("ann", note: "away"), tag: tag).text(.sipETag)
        #expect(bench.drain().last?.body.contains("away") == true)
        try bench.publish("ann", body: Bench.pidf("ann", note: "here"), tag: tag)
        let told = try #require(bench.drain().last)
        #expect(told.entityTag == known)
        #expect(told.body.contains("here"))
    }

    @Test("a condition on a tag ends with the process that knew it", .spec("RFC 5839 §6.2", "RFC 6665 §4.2.2"))
    func conditionAfterRestart() throws {
        var bench = Bench { $0.resynchronisation = .seconds(1) }
        var tag = try bench.publish("ann", body: Bench.pidf("ann", note: "here")).text(.sipETag)
        _ = try bench.subscribe("ann", expires: "0")
        let known = try #require(bench.drain().last).entityTag
        _ = try bench.subscribe("ann", extra: "Suppress-If-Match: \(known)\r\n")
        tag = try bench.publish("ann", body: Bench.pidf("ann", note: "away"), tag: tag).text(.sipETag)
        try bench.publish("ann", body: Bench.pidf("ann", note: "here"), tag: tag)
        _ = bench.drain()
        bench.restart()
        bench.advance(.seconds(2))
        #expect(bench.drain().last?.body.contains("here") == true)
    }

    @Test(
        "a watcher whose NOTIFY about the pending state was lost in a crash hears it after the restart",
        .spec("RFC 6665 §4.2.2", "RFC 5025 §3.2.1"))
    func pendingTold() throws {
        var bench = Bench { $0.resynchronisation = .seconds(1) }
        bench.setRules("ann", [Bench.rule("ann", "watcher", .confirm)])
        _ = try bench.subscribe("ann")
        _ = bench.drain()
        bench.restart(rules: [Bench.rule("ann", "watcher", .confirm)])
        bench.advance(.seconds(2))
        #expect(bench.drain().map(\.state) == ["pending;expires=599"])
        bench.advance(.seconds(20))
        #expect(bench.drain().isEmpty)
    }

    @Test(
        "a watcher that asks for a pause is told afterwards that its subscription is pending",
        .spec("RFC 6665 §4.2.2"))
    func pendingAfterPause() throws {
        var bench = Bench()
        bench.setRules("ann", [Bench.rule("ann", "watcher", .confirm)])
        bench.answer = 503
        bench.answerHeaders = "Retry-After: 5\r\n"
        _ = try bench.subscribe("ann")
        #expect(bench.drain().count == 1)
        bench.answer = 200
        bench.advance(.seconds(6))
        #expect(bench.drain().map(\.state) == ["pending;expires=595"])
    }

    @Test(
        "a change of the rules also counts for the last NOTIFY, which waits for the one before it",
        .spec("RFC 5025 §3.2.1", "REQ-24141-26", "RFC 6665 §4.2.1.4"),
        arguments: [
            AuthorizationRule.Handling.block, AuthorizationRule.Handling.confirm,
            AuthorizationRule.Handling.politeBlock,
        ])
    func lastNotification(_ handling: AuthorizationRule.Handling) throws {
        var bench = Bench()
        let tag = try bench.publish("ann", body: Bench.pidf("ann", note: "old")).text(.sipETag)
        bench.answer = nil
        let dialog = try bench.subscribe("ann")
        _ = try bench.resubscribe(dialog, cseq: 2, expires: "0")
        _ = bench.drain()
        bench.setRules("ann", [Bench.rule("ann", "watcher", handling)])
        try bench.publish("ann", body: Bench.pidf("ann", note: "secret"), tag: tag)
        bench.answerAll(200)
        let told = bench.drain()
        #expect(told.map(\.state) == ["terminated;reason=timeout"])
        #expect(told.allSatisfy { !$0.body.contains("secret") && !$0.body.contains("open") })
        #expect(bench.server.counters.activeSubscriptions == 0)
    }
}
