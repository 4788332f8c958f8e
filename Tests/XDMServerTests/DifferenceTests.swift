import EventNotification
import Ground
import MusterTesting
import SIPTransactions
import SIPWire
import Testing
import XDMServer

@Suite("Changes of documents are told (xcap-diff)")
struct DifferenceTests {
    private typealias Bench = DifferenceBench

    private static func watched(
        _ uris: [String], mode: String? = nil, as user: String = "alice"
    ) throws -> (Bench, DifferenceDialog) {
        var bench = Bench()
        bench.put(Bench.lists, Bench.list("bo", "cy"))
        let dialog = try bench.subscribe(user, to: uris, mode: mode)
        #expect(dialog.answer.status == 200)
        return (bench, dialog)
    }

    @Test(
        "the first NOTIFY names what there is, with its tags, and nothing of what there is not",
        .spec(
            "RFC 5875 §4.2/1", "RFC 5875 §4.4/1", "RFC 5875 §4.5/1", "RFC 5875 §4.6/1", "RFC 5875 §4.7/1",
            "RFC 5875 §4.7/3", "RFC 5875 §4.7/4", "REQ-24141-25"))
    func initial() throws {
        var bench = Bench()
        bench.put(Bench.lists, Bench.list("bo"))
        let encoded = "resource-lists/users/sip%3Aalice%40home.net/index"
        let absolute = "http://home.net/xcap/" + Bench.lists
        let dialog = try bench.subscribe(to: [Bench.other, encoded, absolute], expires: nil)
        #expect(dialog.answer.text(.expires) == "3600")
        let notify = try #require(bench.drain().first)
        #expect(notify.header(.contentType) == "application/xcap-diff+xml")
        #expect(notify.header(.event) == "xcap-diff" && notify.state == "active;expires=3600")
        #expect(notify.lines == ["document \(encoded) new", "document \(absolute) new"])
        #expect(notify.body.contains("new-etag=\"\(bench.tags[Bench.lists] ?? "")\""))
        #expect(notify.body.contains("xcap-root=\"http://home.net/xcap/\""))
        #expect(notify.transaction.raw & 3 == 2)
        #expect(bench.server.counters.subscriptions == 1 && bench.subscriptions.count == 1)
    }

    @Test(
        "creation, change and removal are told as they happen",
        .spec("RFC 5875 §4.7/5", "RFC 5875 §4.3/1", "RFC 5875 §4.3/4"))
    func lifeOfADocument() throws {
        var bench = Bench()
        _ = try bench.subscribe(to: [Bench.lists])
        #expect(bench.drainLines().isEmpty)
        #expect(bench.put(Bench.lists, Bench.list("bo")) == 201)
        let first = bench.tags[Bench.lists] ?? ""
        let created = bench.drain()
        #expect(created.flatMap(\.lines) == ["document \(Bench.lists) new"])
        bench.put(Bench.lists, Bench.list("bo", "cy"))
        let changed = bench.drain()
        #expect(changed.flatMap(\.lines) == ["document \(Bench.lists) changed"])
        #expect(changed.first?.body.contains("previous-etag=\"\(first)\"") == true)
        #expect(bench.edit("DELETE", Bench.lists) == 200)
        #expect(bench.drainLines() == ["document \(Bench.lists) gone"])
        bench.put(Bench.lists, Bench.list("bo"))
        #expect(bench.drainLines() == ["document \(Bench.lists) new"])
        // A PUT of the same bytes changes nothing, and nothing is told.
        bench.put(Bench.lists, Bench.list("bo"))
        #expect(bench.drain().isEmpty)
    }

    @Test(
        "xcap-patching tells every change with its operations, in order and with an unbroken chain of tags",
        .spec("RFC 5875 §4.3/2", "RFC 5875 §4.7/8", "RFC 5875 §4.7/13", "RFC 5874 §3/6"))
    func patching() throws {
        var (bench, _) = try Self.watched([Bench.lists], mode: "xcap-patching")
        _ = bench.drain()
        bench.answer = nil
        bench.put(Bench.lists, Bench.list("bo", "cy", "di"))
        var chain = [bench.tags[Bench.lists] ?? ""]
        for body in [Bench.list("bo"), Bench.list("bo", "ed"), Bench.list("bo", "ed", name: "x")] {
            bench.put(Bench.lists, body)
            chain.append(bench.tags[Bench.lists] ?? "")
        }
        _ = bench.drain()
        bench.answerAll()
        let notify = try #require(bench.drain().first)
        #expect(notify.lines == Array(repeating: "document \(Bench.lists) changed patched", count: 3))
        for (index, tag) in chain.dropLast().enumerated() {
            #expect(notify.body.contains("new-etag=\"\(chain[index + 1])\" previous-etag=\"\(tag)\""))
        }
    }

    @Test(
        "aggregate tells what changed since the last time as one, once the subscriber is known to follow",
        .spec("RFC 5875 §4.3/3", "RFC 5875 §4.7/14"))
    func aggregating() throws {
        var (bench, _) = try Self.watched([Bench.lists], mode: "aggregate")
        _ = bench.drain()
        bench.answer = nil
        // The first NOTIFY was a reference: the subscriber may hold any version since then.
        bench.put(Bench.lists, Bench.list("bo"))
        #expect(bench.drainLines() == ["document \(Bench.lists) changed patched"])
        let from = bench.tags[Bench.lists] ?? ""
        bench.put(Bench.lists, Bench.list("bo", "cy"))
        bench.put(Bench.lists, Bench.list("bo", "cy", "di"))
        bench.answerAll()
        let notify = try #require(bench.drain().first)
        #expect(notify.lines == ["document \(Bench.lists) changed patched"])
        #expect(notify.body.contains("previous-etag=\"\(from)\""))
        #expect(notify.body.contains("sip:cy@home.net") && notify.body.contains("sip:di@home.net"))
    }

    @Test(
        "after a reference the changes are not merged: the copy that is fetched may be any of them",
        .spec("RFC 5875 §4.7/14"))
    func unsettled() throws {
        var bench = Bench { $0.notificationInterval = .seconds(5) }
        bench.put(Bench.lists, Bench.list("bo", "cy"))
        _ = try bench.subscribe(to: [Bench.lists], mode: "aggregate")
        _ = bench.drain()
        bench.put(Bench.lists, Bench.list("bo"))
        bench.put(Bench.lists, Bench.list("cy"))
        bench.advance(.seconds(5))
        #expect(bench.drainLines() == Array(repeating: "document \(Bench.lists) changed patched", count: 2))
        // Whoever took these two is at the end of them, so from there on changes are one.
        bench.put(Bench.lists, Bench.list("bo"))
        bench.put(Bench.lists, Bench.list("di"))
        bench.advance(.seconds(5))
        #expect(bench.drainLines() == ["document \(Bench.lists) changed patched"])
    }

    @Test("no-patching tells that a document changed, however often", .spec("RFC 5875 §4.3/1", "RFC 5875 §4.3/5"))
    func references() throws {
        for mode in [nil, "no-patching", "everything"] as [String?] {
            var (bench, _) = try Self.watched([Bench.lists], mode: mode)
            _ = bench.drain()
            let first = bench.tags[Bench.lists] ?? ""
            bench.answer = nil
            bench.put(Bench.lists, Bench.list("a"))
            let second = bench.tags[Bench.lists] ?? ""
            for name in ["b", "c", "d"] { bench.put(Bench.lists, Bench.list(name)) }
            let started = try #require(bench.drain().first)
            #expect(started.body.contains("previous-etag=\"\(first)\""))
            bench.answerAll()
            let notify = try #require(bench.drain().first)
            #expect(notify.lines == ["document \(Bench.lists) changed"])
            #expect(notify.body.contains("new-etag=\"\(bench.tags[Bench.lists] ?? "")\" previous-etag=\"\(second)\""))
        }
    }

    @Test(
        "elements and attributes are told with their content, and their end",
        .spec("RFC 5875 §4.4/2", "RFC 5875 §4.7/2", "RFC 5875 §4.7/7", "RFC 5874 §3/9"))
    func components() throws {
        let element = Bench.lists + "/~~/resource-lists/list%5B@name=%22friends%22%5D/entry%5B1%5D"
        let attribute = Bench.lists + "/~~/r:resource-lists/r:list/@name?xmlns(r=urn:ietf:params:xml:ns:resource-lists)"
        var (bench, _) = try Self.watched([element, attribute])
        let first = try #require(bench.drain().first)
        #expect(first.lines == ["element \(element) with content", "attribute \(attribute) with content"])
        #expect(first.body.contains("uri=\"sip:bo@home.net\"") && first.body.contains(">friends</attribute>"))
        // Something else in the document changes.
        bench.put(Bench.lists, Bench.list("bo", "cy", "di"))
        #expect(bench.drain().isEmpty)
        bench.put(Bench.lists, Bench.list("cy"))
        #expect(bench.drainLines() == ["element \(element) with content"])
        bench.put(Bench.lists, Bench.list("cy", name: "x"))
        #expect(bench.drainLines() == ["element \(element) gone", "attribute \(attribute) with content"])
        bench.edit("DELETE", Bench.lists)
        #expect(bench.drainLines() == ["attribute \(attribute) gone"])
        bench.put(Bench.lists, Bench.list("bo"))
        #expect(
            bench.drainLines() == ["element \(element) with content", "attribute \(attribute) with content"])
    }

    @Test(
        "what is in an element stands in no namespace that it does not have", .spec("RFC 5875 §4.7/2", "RFC 5874 §3/7"))
    func namespaces() throws {
        let element = Bench.lists + "/~~/resource-lists/list%5B1%5D"
        var bench = Bench()
        bench.put(Bench.lists, Sample.friends)
        _ = try bench.subscribe(to: [element])
        let notify = try #require(bench.drain().first)
        #expect(notify.body.contains("<list name=\"friends\" xmlns=\"urn:ietf:params:xml:ns:resource-lists\""))
        #expect(notify.body.contains("xmlns:x=\"urn:x\""))
    }

    @Test(
        "a collection is everything below it, whenever it comes",
        .spec("RFC 5875 §4.4/2", "RFC 5875 §4.7/6"))
    func collections() throws {
        var bench = Bench()
        bench.put(Bench.lists, Bench.list("bo"))
        let home = "resource-lists/users/sip:alice@home.net/"
        _ = try bench.subscribe(to: [home])
        #expect(bench.drainLines() == ["document \(Bench.lists) new"])
        bench.put(Bench.other, Bench.list("cy"))
        bench.put(Bench.rules, Sample.rules)
        bench.put(home + "folder/deep", Bench.list("di"))
        bench.put(Bench.bobs, Bench.list("ed"), as: "bob")
        #expect(
            bench.drainLines() == ["document \(Bench.other) new"])
        bench.edit("DELETE", Bench.lists)
        #expect(bench.drainLines() == ["document \(Bench.lists) gone"])
    }

    @Test(
        "a document that a collection holds too is told under the name that the subscriber gave it",
        .spec("RFC 5875 §4.7/4"))
    func named() throws {
        let encoded = "resource-lists/users/sip%3Aalice%40home.net/index"
        var (bench, _) = try Self.watched(["resource-lists/users/sip:alice@home.net/", encoded])
        #expect(bench.drainLines() == ["document \(encoded) new"])
        bench.put(Bench.lists, Bench.list("x"))
        #expect(bench.drainLines() == ["document \(encoded) changed"])
    }

    @Test(
        "folders of many users show a subscriber its own, and a trusted reader all",
        .spec("RFC 5875 §7/1", "RFC 5875 §4.7/6"))
    func wideCollections() throws {
        for folder in ["resource-lists/", "resource-lists/users/"] {
            var bench = Bench()
            bench.put(Bench.lists, Bench.list("bo"))
            bench.put(Bench.bobs, Bench.list("ed"), as: "bob")
            _ = try bench.subscribe(to: [folder])
            #expect(bench.drainLines() == ["document \(Bench.lists) new"])
            _ = try bench.subscribe("rls", to: [folder])
            #expect(bench.drainLines() == ["document \(Bench.lists) new", "document \(Bench.bobs) new"])
            bench.put(Bench.bobs, Bench.list("x"), as: "bob")
            #expect(bench.drain().count == 1)
            bench.put(Bench.lists, Bench.list("y"))
            #expect(bench.drain().count == 2)
        }
    }

    @Test(
        "without a list a subscriber watches its own documents, all of them", .spec("RFC 5875 §4.4/6"))
    func noList() throws {
        var bench = Bench()
        bench.put(Bench.lists, Bench.list("bo"))
        _ = try bench.subscribe(to: nil)
        #expect(bench.drainLines() == ["document \(Bench.lists) new"])
        bench.put(Bench.rules, Sample.rules)
        #expect(bench.drainLines() == ["document \(Bench.rules) new"])
        bench.put(Bench.bobs, Bench.list("ed"), as: "bob")
        #expect(bench.drain().isEmpty)
    }

    @Test(
        "a refresh with a list changes what is watched, one without keeps it; both tell everything again",
        .spec("RFC 5875 §4.4/4", "RFC 5875 §4.7/11"))
    func refresh() throws {
        var (bench, dialog) = try Self.watched([Bench.lists])
        bench.put(Bench.other, Bench.list("x"))
        _ = bench.drain()
        #expect(try bench.refresh(dialog, cseq: 2).status == 200)
        #expect(bench.drainLines() == ["document \(Bench.lists) new"])
        try bench.refresh(dialog, cseq: 3, to: [Bench.other])
        #expect(bench.drainLines() == ["document \(Bench.other) new"])
        bench.put(Bench.lists, Bench.list("y"))
        #expect(bench.drain().isEmpty)
        bench.put(Bench.other, Bench.list("y"))
        #expect(bench.drainLines() == ["document \(Bench.other) changed"])
        try bench.refresh(dialog, cseq: 4, expires: "0")
        let last = try #require(bench.drain().first)
        #expect(last.state == "terminated;reason=timeout" && last.lines == ["document \(Bench.other) new"])
        bench.put(Bench.other, Bench.list("z"))
        #expect(bench.drain().isEmpty && bench.subscriptions.isEmpty)
        #expect(bench.server.counters.subscriptions == 0)
    }

    @Test("a refresh chooses how later changes are told", .spec("RFC 5875 §4.3/6"))
    func changedMode() throws {
        var (bench, dialog) = try Self.watched([Bench.lists])
        try bench.refresh(dialog, cseq: 2, mode: "xcap-patching")
        #expect(bench.drainLines() == Array(repeating: "document \(Bench.lists) new", count: 2))
        bench.put(Bench.lists, Bench.list("bo"))
        #expect(bench.drainLines() == ["document \(Bench.lists) changed patched"])
        try bench.refresh(dialog, cseq: 3, mode: "no-patching")
        _ = bench.drain()
        bench.put(Bench.lists, Bench.list("bo", "cy"))
        #expect(bench.drainLines() == ["document \(Bench.lists) changed"])
    }

    @Test("a fetch is one NOTIFY", .spec("RFC 6665 §4.4.3/1"))
    func fetch() throws {
        var bench = Bench()
        bench.put(Bench.lists, Bench.list("bo"))
        let dialog = try bench.subscribe(to: [Bench.lists], expires: "0")
        #expect(dialog.answer.status == 200)
        let notifications = bench.drain()
        #expect(notifications.map(\.state) == ["terminated;reason=timeout"])
        #expect(notifications.flatMap(\.lines) == ["document \(Bench.lists) new"])
        #expect(bench.subscriptions.isEmpty && bench.server.nextDeadline == nil)
        bench.put(Bench.lists, Bench.list("x"))
        #expect(bench.drain().isEmpty)
    }

    @Test(
        "who knows the state says so and is told nothing; the order of the URIs does not matter",
        .spec("RFC 5875 §4.7/12", "RFC 5839 §6.3/1", "RFC 5839 §6.4/1"))
    func conditional() throws {
        var (bench, dialog) = try Self.watched([Bench.lists, Bench.other], mode: "xcap-patching")
        let tag = try #require(bench.drain().first).tag
        let same = try bench.refresh(
            dialog, cseq: 2, to: [Bench.other, Bench.lists], mode: "xcap-patching",
            extra: "Suppress-If-Match: \(tag)\r\n")
        #expect(same.status == 204 && bench.notifications.isEmpty)
        // The chain goes on from there.
        bench.put(Bench.lists, Bench.list("bo"))
        let changed = bench.drain()
        #expect(changed.flatMap(\.lines) == ["document \(Bench.lists) changed patched"])
        let stale = try bench.refresh(
            dialog, cseq: 3, mode: "xcap-patching", extra: "Suppress-If-Match: \(tag)\r\n")
        #expect(stale.status == 200 && bench.drainLines() == ["document \(Bench.lists) new"])
        let current = try bench.refresh(
            dialog, cseq: 4, extra: "Suppress-If-Match: \(changed.first?.tag ?? "")\r\n")
        #expect(current.status == 204)
        let fewer = try bench.refresh(
            dialog, cseq: 5, to: [Bench.lists], extra: "Suppress-If-Match: \(changed.first?.tag ?? "")\r\n")
        #expect(fewer.status == 200)
    }

    @Test("notifications keep their distance", .spec("RFC 5875 §4.10/1", "RFC 6665 §5.4.10/1"))
    func rate() throws {
        var bench = Bench { $0.notificationInterval = .seconds(5) }
        bench.put(Bench.lists, Bench.list("bo"))
        _ = try bench.subscribe(to: [Bench.lists], mode: "aggregate")
        _ = bench.drain()
        let start = bench.now
        for second in 0..<20 {
            bench.put(Bench.lists, Bench.list("u\(second)"))
            bench.advance(.seconds(1))
        }
        #expect(bench.drain().map { $0.at - start } == [.seconds(5), .seconds(10), .seconds(15), .seconds(20)])
    }

    @Test("one NOTIFY at a time; one that nobody answers ends the subscription", .spec("RFC 5875 §4.7/9"))
    func timeout() throws {
        var (bench, _) = try Self.watched([Bench.lists])
        _ = bench.drain()
        bench.answer = nil
        for name in ["a", "b", "c"] { bench.put(Bench.lists, Bench.list(name)) }
        #expect(bench.drain().count == 1)
        let waiting = try #require(bench.unanswered.first)
        bench.give(.requestFailed(waiting.transaction, .timeout))
        #expect(bench.subscriptions.isEmpty && bench.server.counters.subscriptions == 0)
        bench.put(Bench.lists, Bench.list("d"))
        #expect(bench.drain().isEmpty)
    }

    @Test(
        "after a NOTIFY that was lost everything is told again, and what has gone meanwhile", .spec("RFC 6665 §4.2.2/9")
    )
    func lost() throws {
        var (bench, _) = try Self.watched([Bench.lists, Bench.other], mode: "xcap-patching")
        bench.put(Bench.other, Bench.list("x"))
        _ = bench.drain()
        bench.answer = nil
        bench.edit("DELETE", Bench.other)
        #expect(bench.drainLines() == ["document \(Bench.other) gone"])
        bench.answerAll(500)
        bench.put(Bench.lists, Bench.list("y"))
        #expect(bench.drainLines() == ["document \(Bench.lists) new", "document \(Bench.other) gone"])
        bench.answerAll()
        bench.put(Bench.lists, Bench.list("z"))
        #expect(bench.drainLines() == ["document \(Bench.lists) changed patched"])
    }

    @Test(
        "what does not fit becomes references, and what is left goes with the next NOTIFY",
        .spec("RFC 5875 §4.7/10"))
    func sizes() throws {
        var bench = Bench { $0.limits.notificationBytes = 700 }
        let home = "resource-lists/users/sip:alice@home.net/"
        var names: Set<String> = []
        for index in 0..<12 {
            bench.put(home + "d\(index)", Bench.list("a", "b"))
            names.insert("document \(home)d\(index) new")
        }
        let element = home + "d0/~~/resource-lists/list"
        _ = try bench.subscribe(to: [home, element])
        let notifications = bench.drain()
        #expect(notifications.count > 1)
        #expect(notifications.allSatisfy { $0.message.body.count <= 700 })
        #expect(Set(notifications.flatMap(\.lines)) == names.union(["element \(element) there"]))
        #expect(Set(notifications.map(\.tag)).count == notifications.count)
        var patching = Bench { $0.limits.notificationBytes = 700 }
        patching.put(Bench.lists, Bench.list("a"))
        _ = try patching.subscribe(to: [Bench.lists], mode: "xcap-patching")
        _ = patching.drain()
        patching.put(Bench.lists, Bench.list("a", String(repeating: "x", count: 800)))
        #expect(patching.drainLines() == ["document \(Bench.lists) changed"])
    }

    @Test("too many changes to keep become references", .spec("RFC 5875 §4.7/10", "RFC 5875 §7/2"))
    func longQueue() throws {
        var bench = Bench { $0.limits.queuedChanges = 4 }
        bench.put(Bench.lists, Bench.list("a"))
        _ = try bench.subscribe(to: [Bench.lists], mode: "xcap-patching")
        bench.answer = nil
        _ = bench.drain()
        bench.put(Bench.lists, Bench.list("b"))
        _ = bench.drain()
        let from = bench.tags[Bench.lists] ?? ""
        for index in 0..<9 { bench.put(Bench.lists, Bench.list("c\(index)")) }
        bench.answerAll()
        let notify = try #require(bench.drain().first)
        #expect(notify.lines.first == "document \(Bench.lists) changed")
        #expect(notify.body.contains("previous-etag=\"\(from)\""))
        #expect(notify.body.contains("new-etag=\"\(bench.tags[Bench.lists] ?? "")\""))
    }

    @Test(
        "a restart keeps subscriptions, tells everything again, and what has gone meanwhile",
        .spec("RFC 6665 §4.2.2/12", "RFC 5875 §4.7/5"))
    func restart() throws {
        let element = Bench.other + "/~~/resource-lists/list"
        var bench = Bench { $0.resynchronisation = .seconds(10) }
        bench.put(Bench.lists, Bench.list("a"))
        bench.put(Bench.other, Bench.list("b"))
        let dialog = try bench.subscribe(
            to: [Bench.lists, Bench.other, element], mode: "xcap-patching")
        let before = try #require(bench.drain().last)
        // The process ends between the commit and the NOTIFY.
        let other = Array(Bench.other.utf8)
        bench.documents[other] = nil
        bench.restart()
        #expect(bench.notifications.isEmpty)
        bench.advance(.seconds(10))
        let notify = try #require(bench.drain().first)
        #expect(
            notify.lines == [
                "document \(Bench.lists) new", "element \(element) gone", "document \(Bench.other) gone",
            ])
        let numbers = [before, notify].compactMap { try? $0.message.cseq().number }
        #expect(numbers.count == 2 && numbers[1] > numbers[0])
        bench.put(Bench.lists, Bench.list("c"))
        #expect(bench.drainLines() == ["document \(Bench.lists) changed patched"])
        #expect(try bench.refresh(dialog, cseq: 2).status == 200)
        bench.advance(.seconds(600))
        #expect(bench.subscriptions.isEmpty)
    }

    @Test("a record is written when something comes or goes, not for every change", .spec("RFC 6665 §6.3/1"))
    func writes() throws {
        var (bench, _) = try Self.watched([Bench.lists, Bench.other])
        #expect(bench.subscriptionWrites == 1)
        for index in 0..<20 { bench.put(Bench.lists, Bench.list("u\(index)")) }
        #expect(bench.subscriptionWrites == 1)
        bench.put(Bench.other, Bench.list("x"))
        #expect(bench.subscriptionWrites == 2)
    }

    @Test("users who are withdrawn are told nothing more, and neither are those who watched", .spec("REQ-22141-29"))
    func withdrawn() throws {
        var bench = Bench { $0.users = .provisioned(UtBench.users("alice", "bob")) }
        bench.put(Bench.lists, Bench.list("a"))
        _ = try bench.subscribe(to: [Bench.lists])
        _ = try bench.subscribe("rls", to: [Bench.lists])
        _ = bench.drain()
        bench.give(.usersChanged(.provisioned(UtBench.users("bob"))))
        let notifications = bench.drain()
        #expect(notifications.contains { $0.state == "terminated;reason=noresource" })
        #expect(notifications.flatMap(\.lines).contains("document \(Bench.lists) gone"))
        #expect(bench.server.counters.subscriptions == 1)
    }

    @Test("when the process ends new subscriptions are refused, and those that live stay", .spec("RFC 6665 §4.4.2/1"))
    func draining() throws {
        var (bench, dialog) = try Self.watched([Bench.lists])
        _ = bench.drain()
        bench.give(.drained)
        #expect(try bench.refresh(dialog, cseq: 2).status == 503)
        #expect(bench.notifications.isEmpty && bench.subscriptions.count == 1)
    }
}
