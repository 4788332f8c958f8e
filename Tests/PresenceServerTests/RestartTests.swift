import EventNotification
import Ground
import MusterTesting
import PresenceServer
import SIPTransactions
import SIPWire
import Testing

@Suite("After a restart")
struct RestartTests {
    @Test(
        "the next NOTIFY goes on in the same dialog with the next number",
        .spec("RFC 3261 §12.2.1.1", "RFC 6665 §4.2.2", "RFC 6665 §4.2.2/3"))
    func dialogsGoOn() throws {
        var bench = Bench()
        let tag = try bench.publish("ann").text(.sipETag)
        let dialog = try bench.subscribe(
            "ann", extra: "Record-Route: <sip:127.0.0.1:6061;lr>\r\n", event: "presence;id=4")
        let next = try bench.publish("ann", body: Bench.pidf("ann", note: "a"), tag: tag).text(.sipETag)
        let before = bench.drain()
        #expect(before.map(\.cseq) == [1, 2])
        bench.restart(after: .seconds(10))
        #expect(bench.drain().isEmpty)
        try bench.publish("ann", body: Bench.pidf("ann", note: "b"), tag: next)
        let after = try #require(bench.drain().first)
        #expect(after.cseq == 3)
        #expect(after.state == "active;expires=590")
        for name in [HeaderName.callID, .from, .to, .event, .contact, .route] {
            #expect(after.header(name) == before[0].header(name))
        }
        #expect(after.message.requestURI.text == before[0].message.requestURI.text)
        #expect(try bench.resubscribe(dialog, cseq: 1, event: "presence;id=4").status == 500)
        #expect(try bench.resubscribe(dialog, cseq: 2, event: "presence;id=4").status == 200)
        #expect(bench.drain().last?.cseq == 4)
    }

    @Test(
        "publications keep their tags and expire when they should",
        .spec("RFC 3903 §4.1", "RFC 3903 §6", "REQ-33141-D10"))
    func publicationsGoOn() throws {
        var bench = Bench()
        let tag = try bench.publish("ann", body: Bench.pidf("ann", note: "kept"), expires: "100").text(.sipETag)
        bench.restart(after: .seconds(50))
        _ = try bench.subscribe("ann")
        #expect(bench.drain().last?.body.contains("kept") == true)
        let next = try bench.publish("ann", body: "", tag: tag, expires: "100")
        #expect(next.status == 200)
        #expect(try bench.publish("ann", body: "", tag: tag).status == 412)
        bench.advance(.seconds(101))
        #expect(bench.drain().last?.body.contains("kept") == false)
    }

    @Test(
        "what ended while the process was down ends at the restart, and the watchers are told",
        .spec("RFC 3903 §4.1", "RFC 6665 §4.2.2", "REQ-33141-D10"))
    func expiredWhileDown() throws {
        var bench = Bench()
        try bench.publish("ann", body: Bench.pidf("ann", note: "gone"), expires: "100")
        _ = try bench.subscribe("ann", as: "long", expires: "1000")
        _ = try bench.subscribe("ann", as: "short", expires: "50")
        _ = bench.drain()
        bench.restart(after: .seconds(200))
        let told = bench.drain()
        #expect(told.map(\.state) == ["terminated;reason=timeout", "active;expires=800"])
        #expect(told.last?.body.contains("gone") == false)
        #expect(bench.publications.isEmpty)
        #expect(bench.subscriptions.count == 1)
    }

    @Test("rules that changed while the process was down act at the restart", .spec("REQ-24141-26", "RFC 5025 §3.2.1"))
    func rulesWhileDown() throws {
        var bench = Bench()
        try bench.publish("ann", body: Bench.pidf("ann", note: "secret"))
        for watcher in ["a", "b", "c", "d"] { _ = try bench.subscribe("ann", as: watcher) }
        _ = bench.drain()
        bench.restart(rules: [
            Bench.rule("ann", "a", .block), Bench.rule("ann", "b", .confirm), Bench.rule("ann", "c", .politeBlock),
        ])
        let told = bench.drain()
        #expect(Set(told.map(\.state)) == ["terminated;reason=rejected", "pending;expires=600"])
        #expect(bench.subscriptions.count == 3)
        try bench.publish("ann", body: Bench.pidf("ann", note: "secret two"))
        #expect(bench.drain().filter { $0.body.contains("secret") }.count == 1)
    }

    @Test("an end that could not be told before the crash is told after it", .spec("RFC 6665 §4.2.2"))
    func endAfterCrash() throws {
        var bench = Bench()
        bench.answer = nil
        let dialog = try bench.subscribe("ann")
        #expect(try bench.resubscribe(dialog, cseq: 2, expires: "0").status == 200)
        #expect(bench.drain().count == 1)
        bench.restart()
        #expect(bench.drain().map(\.state) == ["terminated;reason=timeout"])
        #expect(bench.subscriptions.isEmpty)
    }

    @Test("rates, conditions and pending states are kept", .spec("RFC 6446 §5.1", "RFC 5839 §6.3", "RFC 6665 §4.2.2"))
    func wishes() throws {
        var bench = Bench()
        bench.setRules("ann", [Bench.rule("ann", "p", .confirm)])
        let tag = try bench.publish("ann").text(.sipETag)
        _ = try bench.subscribe("ann", as: "r", event: "presence;max-rate=0.1")
        _ = try bench.subscribe("ann", as: "s", extra: "Suppress-If-Match: *\r\n")
        _ = try bench.subscribe("ann", as: "p")
        _ = bench.drain()
        bench.restart(after: .seconds(1), rules: [Bench.rule("ann", "p", .confirm)])
        #expect(bench.server.counters.pendingSubscriptions == 1)
        try bench.publish("ann", body: Bench.pidf("ann", note: "x"), tag: tag)
        let told = bench.drain()
        #expect(told.map(\.state) == ["active;expires=599;max-rate=0.1"])
    }

    @Test("every watcher may be told the state once more, spread over a time", .spec("RFC 6665 §4.2.2"))
    func resynchronised() throws {
        var bench = Bench { $0.resynchronisation = .seconds(10) }
        try bench.publish("ann", body: Bench.pidf("ann", note: "s"))
        for index in 0..<10 { _ = try bench.subscribe("ann", as: "w\(index)") }
        _ = bench.drain()
        bench.restart()
        #expect(bench.drain().isEmpty)
        bench.advance(.seconds(5))
        #expect((4...6).contains(bench.drain().count))
        bench.advance(.seconds(6))
        #expect(bench.drain().allSatisfy { $0.body.contains("s") && $0.cseq == 2 })
        bench.advance(.seconds(20))
        #expect(bench.drain().isEmpty)
    }

    @Test("records that cannot be read are left out and counted")
    func damaged() throws {
        var bench = Bench()
        try bench.publish("ann")
        _ = try bench.subscribe("ann", extra: "Record-Route: <sip:127.0.0.1:6061;lr>\r\n", event: "presence;max-rate=1")
        let good = try #require(bench.subscriptions.values.first)
        var damaged: [SubscriptionRecord] = []
        for cut in 0..<good.dialog.count {
            var record = good
            record.id = UInt64(cut) + 1
            record.dialog = Array(good.dialog.prefix(cut))
            damaged.append(record)
        }
        for index in 0..<32 {
            var record = good
            record.id = UInt64(index) + 10_000
            record.dialog[index] = 0xFF
            damaged.append(record)
        }
        var publication = try #require(bench.publications.values.first)
        publication.id = 5
        publication.entityTag = [1, 2]
        var server = PresenceServer(configuration: bench.configuration, entropy: .seeded(1))
        var effects: [PresenceServer.Effect] = []
        server.handle(
            .restored(StoredPresence(publications: [publication], subscriptions: damaged)), at: bench.now,
            into: &effects)
        server.deadlineReached(at: bench.now + .seconds(10_000), into: &effects)
        #expect(server.counters.observations[.damagedRecord] ?? 0 > 100)
        #expect(server.counters.publications == 0)
    }

    @Test(
        "every acknowledged change is stored in the turn that acknowledges it",
        .spec("RFC 3903 §6", "REQ-22141-25", "RFC 3903 §6/19"))
    func storedBeforeAnswered() throws {
        var server = PresenceServer(configuration: Bench().configuration, entropy: .seeded(3))
        var bench = Bench()
        for text in [
            bench.request("PUBLISH", "ann", body: Bench.pidf("ann"), contact: nil), bench.request("SUBSCRIBE", "ann"),
        ] {
            var effects: [PresenceServer.Effect] = []
            let message = try SIPMessage.parse(Array(text.utf8), framing: .datagram)
            server.handle(
                .requestReceived(ServerTransactionID(raw: 1), message, bench.origin), at: bench.now, into: &effects)
            let answers = effects.count { if case .respond = $0 { true } else { false } }
            let stores = effects.count { if case .store = $0 { true } else { false } }
            #expect(answers == 1 && stores == 1)
        }
    }

    @Test("tags of a new start differ from those before it", .spec("RFC 3903 §8.3/1"))
    func tagsDiffer() throws {
        var bench = Bench()
        var seen: Set<String> = []
        for _ in 0..<4 {
            for _ in 0..<50 {
                seen.insert(try bench.publish("ann", expires: "2").text(.sipETag)); bench.advance(.seconds(3))
            }
            bench.restart(after: .seconds(1))
        }
        #expect(seen.count == 200)
    }

    @Test("publications get ids that rise, also where the clock stood still over a restart or was set back")
    func publicationIDsRise() throws {
        var bench = Bench()
        var ids: [UInt64] = []
        func note(_ operations: [PresenceServer.StoreOperation]) {
            for case .putPublication(let record) in operations { ids.append(record.id) }
        }
        for round in 0..<4 {
            for user in ["ann", "bob", "cid"] {
                #expect(try bench.publish("\(user)\(round)").status == 200)
                note(bench.stored)
                bench.stored = []
            }
            bench.restart(after: round == 2 ? .seconds(-60) : .zero)
        }
        #expect(ids.count == 12)
        #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
        #expect(bench.publications.count == 12)
    }
}
