import DigestAuth
import EventNotification
import Ground
import MusterTesting
import PresenceDocuments
import SIPTransactions
import SIPWire
import Testing

@testable import PresenceServer

@Suite("Watcher information: who may ask, and how")
struct WatcherInformationTests {
    @Test(
        "the presentity is told all watchers at once, and then each change",
        .spec(
            "RFC 3857 §4.1/1", "RFC 3857 §4.7/1", "RFC 3857 §4.7/2", "RFC 3857 §4.5/1", "RFC 3858 §3.1/3",
            "REQ-24141-24", "REQ-23141-12", "REQ-22141-17"))
    func subscribed() throws {
        var bench = Bench.ofWatchers()
        _ = try bench.subscribe("ann", as: "bob")
        let dialog = try bench.watchWatchers("ann")
        #expect(dialog.answer.status == 200)
        #expect(dialog.answer.text(.expires) == "600")
        let first = try #require(bench.drainInformation().first)
        #expect(first.state == "active;expires=600")
        #expect(first.contentType == "application/watcherinfo+xml")
        #expect(first.header(.event) == "presence.winfo")
        #expect(first.entityTag.isEmpty)
        let document = try first.information()
        #expect(document.isFull && document.version == 0)
        let list = try #require(document.lists.first)
        #expect(document.lists.count == 1)
        #expect(list.resource[...].text == "sip:ann@bench.test")
        #expect(list.package[...].text == "presence")
        #expect(try first.watchers() == ["sip:bob@bench.test active subscribe"])
        _ = try bench.subscribe("ann", as: "carol")
        let told = bench.drainInformation()
        #expect(told.count == 1)
        let change = try #require(told.first)
        #expect(try change.information().version == 1)
        #expect(try change.information().isFull == false)
        #expect(try change.watchers() == ["sip:carol@bench.test active subscribe"])
    }

    @Test("who has no watchers is told so", .spec("RFC 3857 §4.7/1", "RFC 3858 §3.2/2"))
    func nobody() throws {
        var bench = Bench.ofWatchers()
        _ = try bench.watchWatchers("ann")
        let document = try #require(bench.drainInformation().first).information()
        #expect(document.lists.map(\.watchers) == [[]])
        #expect(document.isFull)
    }

    @Test(
        "nobody but the presentity learns who watches",
        .spec("RFC 3857 §4.6/1", "RFC 3857 §4.6/2", "RFC 3857 §6.2/1", "REQ-24141-24", "REQ-33141-47"))
    func foreign() throws {
        var bench = Bench.ofWatchers()
        for watcher in ["bob", "sip:ann@other.test", "sip:anonymous@anonymous.invalid", "sip:ANN@bench.test"] {
            let answer = try bench.watchWatchers("ann", as: watcher).answer
            #expect(answer.status == 403)
        }
        #expect(bench.drain().isEmpty)
        #expect(bench.subscriptions.isEmpty)
        #expect(bench.server.counters.presentities == 0)
        #expect(bench.observations.filter { $0 == .foreignWatcherInformation }.count == 4)
        #expect(bench.decisions.allSatisfy { $0.matter == .watcherInformation && $0.handling == .block })
    }

    @Test(
        "a forged From opens nothing: the asserted identity counts",
        .spec("RFC 3857 §4.6/1", "RFC 3857 §6.2/1", "REQ-33141-47", "REQ-24141-20"))
    func forged() throws {
        var bench = Bench.ofWatchers { $0.fromStandsInForIdentity = false }
        let mallory = Bench.asserted("sip:mallory@bench.test")
        #expect(try bench.watchWatchers("ann", extra: mallory).answer.status == 403)
        // Nobody asserts anything: anonymous.
        #expect(try bench.watchWatchers("ann").answer.status == 403)
        // Who is not trusted asserts in vain.
        bench.trusted = false
        #expect(try bench.watchWatchers("ann", extra: Bench.asserted("sip:ann@bench.test")).answer.status == 403)
        bench.trusted = true
        let own = try bench.watchWatchers("ann", as: "mallory", extra: Bench.asserted("sip:ann@bench.test"))
        #expect(own.answer.status == 200)
        let both = "P-Asserted-Identity: <tel:+15550001>, <sip:ann@bench.test>\r\n"
        #expect(try bench.watchWatchers("ann", extra: both).answer.status == 200)
    }

    @Test("where nothing is asserted a digest is asked for", .spec("RFC 3857 §4.6/1", "RFC 3261 §22.1"))
    func challenged() throws {
        var bench = Bench.ofWatchers {
            $0.fromStandsInForIdentity = false
            $0.authentication = .digest(
                DigestAuthenticator.Configuration(realm: "bench.test", nonceSecret: Redacted(Array("secret".utf8))))
        }
        bench.trusted = false
        let answer = try bench.watchWatchers("ann").answer
        #expect(answer.status == 401)
        #expect(answer.count(.wwwAuthenticate) > 0)
    }

    @Test(
        "templates of templates and unknown ones are answered with 489, and publishing watchers too",
        .spec("RFC 3857 §4.1/2", "RFC 3857 §4.1/3", "RFC 6665 §7.2"),
        arguments: ["presence.winfo.winfo", "presence.winfo.winfo.winfo", "winfo", "presence.", "presence.list"])
    func templates(_ event: String) throws {
        var bench = Bench.ofWatchers()
        let answer = try bench.watchWatchers("ann", event: event).answer
        #expect(answer.status == 489)
        #expect(answer.text(.allowEvents) == "presence")
        let publication = try bench.publish("ann", event: "presence.winfo")
        #expect(publication.status == 489)
    }

    @Test(
        "Accept and body types are checked",
        .spec("RFC 3857 §4.5/1", "RFC 3857 §4.5/2", "RFC 3857 §4.3/1", "REQ-24141-7"))
    func types() throws {
        var bench = Bench.ofWatchers()
        for (accept, status) in [
            ("application/watcherinfo+xml", 200), ("*/*", 200), ("application/pidf+xml", 406),
            ("application/watcherinfo+xml;q=0", 406),
        ] {
            #expect(try bench.watchWatchers("ann", extra: "Accept: \(accept)\r\n").answer.status == status)
        }
        let filtered = try bench.subscribe("ann", as: "ann", body: "<filter-set/>", event: "presence.winfo")
        #expect(filtered.answer.status == 415)
    }

    @Test("an hour is granted where no time is asked for; too short a one is refused", .spec("RFC 3857 §4.4/1"))
    func expiry() throws {
        var bench = Bench.ofWatchers { $0.subscriptionExpiry = .init(standard: 3600, minimum: 60, maximum: 7200) }
        #expect(try bench.watchWatchers("ann", expires: nil).answer.text(.expires) == "3600")
        let brief = try bench.watchWatchers("ann", expires: "5").answer
        #expect(brief.status == 423)
        #expect(brief.text(.minExpires) == "60")
    }

    @Test(
        "a refresh brings the full state in the same dialog with the next version",
        .spec("RFC 3857 §4.7/1", "RFC 3858 §3.1/3", "RFC 6665 §4.2.1.2"))
    func refreshed() throws {
        var bench = Bench.ofWatchers()
        _ = try bench.subscribe("ann", as: "bob")
        let dialog = try bench.watchWatchers("ann")
        _ = bench.drain()
        #expect(try bench.resubscribe(dialog, cseq: 2, event: "presence.winfo").status == 200)
        let told = try #require(bench.drainInformation().first)
        #expect(try told.information().isFull)
        #expect(try told.information().version == 1)
        #expect(try told.watchers() == ["sip:bob@bench.test active subscribe"])
        #expect(try bench.resubscribe(dialog, cseq: 3, event: "presence").status == 481)
        #expect(try bench.resubscribe(dialog, cseq: 2, event: "presence.winfo").status == 500)
        #expect(
            try bench.resubscribe(dialog, cseq: 4, event: "presence.winfo", from: "sip:bob@bench.test").status == 403)
    }

    @Test(
        "the end is told with the full state, by the watcher and by time", .spec("RFC 6665 §4.2.1.4", "RFC 3857 §4.4/1")
    )
    func ended() throws {
        var bench = Bench.ofWatchers()
        _ = try bench.subscribe("ann", as: "bob", expires: "7000")
        let dialog = try bench.watchWatchers("ann")
        _ = try bench.watchWatchers("ann", expires: "100")
        _ = bench.drain()
        #expect(try bench.resubscribe(dialog, cseq: 2, event: "presence.winfo", expires: "0").status == 200)
        let last = try #require(bench.drainInformation().first)
        #expect(last.state == "terminated;reason=timeout")
        #expect(try last.watchers() == ["sip:bob@bench.test active subscribe"])
        bench.advance(.seconds(101))
        #expect(bench.drainInformation().map(\.state) == ["terminated;reason=timeout"])
        #expect(bench.subscriptions.count == 1)
        #expect(bench.server.counters.watcherInformationSubscriptions == 0)
    }

    @Test("a fetch gets one full document and leaves nothing", .spec("RFC 6665 §4.4.3", "REQ-23141-12"))
    func fetched() throws {
        var bench = Bench.ofWatchers()
        _ = try bench.subscribe("ann", as: "bob")
        _ = bench.drain()
        #expect(try bench.watchWatchers("ann", expires: "0").answer.status == 200)
        let told = bench.drainInformation()
        #expect(told.map(\.state) == ["terminated;reason=timeout"])
        #expect(try told[0].watchers() == ["sip:bob@bench.test active subscribe"])
        #expect(bench.server.counters.watcherInformationSubscriptions == 0)
        #expect(bench.subscriptions.count == 1)
    }

    @Test("several terminals of the presentity are told, each with its own versions", .spec("RFC 3858 §3.1/3"))
    func terminals() throws {
        var bench = Bench.ofWatchers()
        let phone = try bench.watchWatchers("ann")
        _ = try bench.subscribe("ann", as: "bob")
        let laptop = try bench.watchWatchers("ann")
        _ = try bench.subscribe("ann", as: "carol")
        let told = bench.drainInformation()
        func versions(_ dialog: WatcherDialogUnderTest) throws -> [UInt64] {
            try told.filter { $0.callID == dialog.callID }.map { try $0.information().version }
        }
        #expect(try versions(phone) == [0, 1, 2])
        #expect(try versions(laptop) == [0, 1])
    }

    @Test("their number is bounded", .spec("RFC 3857 §6.1/1"))
    func bounded() throws {
        var bench = Bench.ofWatchers { $0.limits.watcherInformationSubscriptions = 2 }
        let answers = try (0..<3).map { _ in try bench.watchWatchers("ann").answer }
        #expect(answers.map(\.status) == [200, 200, 503])
        #expect(bench.observations.contains(.watcherLimit))
    }

    @Test("of a user who does not exist nothing is told, and who goes takes it along", .spec("REQ-22141-31"))
    func users() throws {
        var bench = Bench.ofWatchers { $0.users = .provisioned([Array("sip:ann@bench.test".utf8)]) }
        bench.setRules("ann", [Bench.rule("ann", "bob", .confirm)])
        #expect(try bench.watchWatchers("zoe").answer.status == 404)
        #expect(try bench.watchWatchers("ann").answer.status == 200)
        _ = try bench.subscribe("ann", as: "bob", expires: "0")
        #expect(bench.server.counters.waitingWatchers == 1)
        _ = bench.drain()
        bench.feed(.usersChanged(.provisioned([])))
        #expect(bench.drainInformation().map(\.state) == ["terminated;reason=noresource"])
        #expect(bench.server.counters.waitingWatchers == 0)
        #expect(bench.server.counters.presentities == 0)
        #expect(bench.subscriptions.isEmpty)
    }

    @Test("a refused or lost NOTIFY is made good by the full state", .spec("RFC 3857 §4.7/1", "RFC 6665 §4.2.2"))
    func refusedNotification() throws {
        var bench = Bench.ofWatchers()
        _ = try bench.watchWatchers("ann")
        bench.answer = 500
        _ = try bench.subscribe("ann", as: "bob")
        bench.answer = 200
        _ = bench.drain()
        _ = try bench.subscribe("ann", as: "carol")
        let told = try #require(bench.drainInformation().first)
        #expect(try told.information().isFull)
        #expect(try told.information().version == 2)
        #expect(try Set(told.watchers()).count == 2)
        bench.answer = 481
        _ = try bench.subscribe("ann", as: "dave")
        bench.answer = 200
        #expect(bench.server.counters.watcherInformationSubscriptions == 0)
    }
}
