import EventNotification
import Ground
import MusterTesting
import PresenceDocuments
import PresenceServer
import SIPTransactions
import SIPWire
import Testing

@Suite("Watcher filters")
struct WatcherFilterTests {
    static func filter(
        _ user: String, id: String = "1", what: String = "", trigger: String = "", attributes: String = ""
    ) -> String {
        "<?xml version=\"1.0\"?><filter-set xmlns=\"urn:ietf:params:xml:ns:simple-filter\"><ns-bindings>"
            + "<ns-binding prefix=\"p\" urn=\"urn:ietf:params:xml:ns:pidf\"/></ns-bindings>"
            + "<filter id=\"\(id)\" uri=\"sip:\(user)@bench.test\"\(attributes)>"
            + (what.isEmpty ? "" : "<what><include type=\"xpath\">\(what)</include></what>")
            + (trigger.isEmpty ? "" : "<trigger>\(trigger)</trigger>") + "</filter></filter-set>"
    }

    static let basic = "/p:presence/p:tuple/p:status/p:basic"

    @Test(
        "a filter shows what it selects",
        .spec(
            "RFC 4660 §4.1", "RFC 4660 §5.3.1", "RFC 4661 §3", "REQ-24141-21", "REQ-22141-21", "REQ-23141-8",
            "REQ-24141-13", "RFC 3856 §6.3/1", "RFC 4660 §3.2/1", "RFC 4660 §5.1/1", "RFC 4660 §5.3.1/1",
            "RFC 4661 §3.1/1", "RFC 4660 §5.3/4"))
    func applied() throws {
        var bench = Bench()
        try bench.publish("ann")
        let dialog = try bench.subscribe("ann", body: Self.filter("ann", what: Self.basic))
        #expect(dialog.answer.status == 200)
        let body = try #require(bench.drain().last).body
        #expect(body.contains("open"))
        #expect(!body.contains("meeting"))
    }

    @Test(
        "a change that the filter does not show is not told",
        .spec("RFC 4660 §5.3.1", "RFC 4660 §5.4", "RFC 4660 §5.3/2"))
    func unseenChange() throws {
        var bench = Bench()
        var tag = try bench.publish("ann", body: Bench.pidf("ann", note: "a")).text(.sipETag)
        _ = try bench.subscribe("ann", body: Self.filter("ann", what: Self.basic))
        _ = bench.drain()
        tag = try bench.publish("ann", body: Bench.pidf("ann", note: "b"), tag: tag).text(.sipETag)
        #expect(bench.drain().isEmpty)
        try bench.publish("ann", body: Bench.pidf("ann", basic: "closed", note: "b"), tag: tag)
        #expect(bench.drain().count == 1)
    }

    @Test("watchers with equal filters share a view", .spec("RFC 4660 §5.3"))
    func shared() throws {
        var bench = Bench()
        for index in 0..<4 {
            _ = try bench.subscribe("ann", as: "w\(index)", body: Self.filter("ann", what: Self.basic))
        }
        #expect(bench.server.counters.views == 1)
        _ = try bench.subscribe("ann", as: "x", body: Self.filter("ann", what: "//p:tuple"))
        #expect(bench.server.counters.views == 2)
    }

    @Test(
        "a trigger decides which change is told; the first NOTIFY comes anyway",
        .spec("RFC 4660 §5.3.2", "RFC 4661 §3.6", "RFC 4660 §5.3.3", "RFC 4660 §5.3/3", "RFC 4660 §5.3.1/1"))
    func trigger() throws {
        var bench = Bench()
        var tag = try bench.publish("ann", body: Bench.pidf("ann", basic: "closed", note: "a")).text(.sipETag)
        _ = try bench.subscribe(
            "ann", body: Self.filter("ann", trigger: "<changed to=\"open\">\(Self.basic)</changed>"))
        #expect(bench.drain().count == 1)
        tag = try bench.publish("ann", body: Bench.pidf("ann", basic: "closed", note: "b"), tag: tag).text(.sipETag)
        #expect(bench.drain().isEmpty)
        tag = try bench.publish("ann", body: Bench.pidf("ann", basic: "open", note: "c"), tag: tag).text(.sipETag)
        #expect(bench.drain().last?.body.contains("c") == true)
        try bench.publish("ann", body: Bench.pidf("ann", basic: "closed", note: "d"), tag: tag)
        #expect(bench.drain().isEmpty)
    }

    @Test(
        "filters live as long as the dialog: kept, replaced by id, removed",
        .spec(
            "RFC 4660 §4.2", "RFC 4661 §3.3", "RFC 4660 §5.2.2/1", "RFC 4660 §5.2.2/2", "RFC 4660 §5.2.2/3",
            "RFC 4660 §5.3/5"))
    func lifeCycle() throws {
        var bench = Bench()
        try bench.publish("ann")
        let dialog = try bench.subscribe("ann", body: Self.filter("ann", what: Self.basic))
        _ = try bench.resubscribe(dialog, cseq: 2)
        #expect(bench.drain().last?.body.contains("meeting") == false)
        #expect(try bench.resubscribe(dialog, cseq: 3, body: Self.filter("ann", what: "//p:note")).status == 200)
        let replaced = try #require(bench.drain().last)
        #expect(replaced.body.contains("<note") && !replaced.body.contains("meeting"))
        #expect(
            try bench.resubscribe(dialog, cseq: 4, body: Self.filter("ann", attributes: " remove=\"true\"")).status
                == 200)
        #expect(bench.drain().last?.body.contains("meeting") == true)
        #expect(bench.server.counters.views == 1)
    }

    @Test("a filter survives a restart", .spec("RFC 4660 §4.2", "RFC 4660 §5.3/5"))
    func restart() throws {
        var bench = Bench()
        let tag = try bench.publish("ann").text(.sipETag)
        _ = try bench.subscribe("ann", body: Self.filter("ann", what: Self.basic))
        _ = bench.drain()
        bench.restart()
        try bench.publish("ann", body: Bench.pidf("ann", basic: "closed"), tag: tag)
        let body = try #require(bench.drain().last).body
        #expect(body.contains("closed") && !body.contains("meeting"))
    }

    @Test(
        "a bad filter is answered with 488 and leaves nothing",
        .spec("RFC 4660 §4.1", "RFC 4660 §5.2", "RFC 3261 §21.4.26", "RFC 4660 §5.2/2", "RFC 4660 §5.4/3"))
    func bad() throws {
        var bench = Bench()
        for body in [
            "<foo/>", "not xml", String(Self.filter("ann", what: Self.basic).dropLast(10)),
            "<filter-set xmlns=\"urn:ietf:params:xml:ns:simple-filter\"/>",
        ] {
            #expect([400, 488].contains(try bench.subscribe("ann", body: body).answer.status))
        }
        #expect(bench.server.counters.presentities == 0)
        #expect(bench.notifications.isEmpty)
    }

    @Test("filter bombs are refused quickly", .spec("RFC 4660 §8", "RFC 4661 §7", "RFC 4660 §8/1", "RFC 4660 §5.4/3"))
    func bombs() throws {
        var bench = Bench()
        let entity =
            "<?xml version=\"1.0\"?><!DOCTYPE f [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>"
            + Self.filter("ann", what: "&b;").dropFirst(21)
        #expect(try bench.subscribe("ann", body: entity).answer.status >= 400)
        let huge = Self.filter(
            "ann", what: "//p:tuple[" + String(repeating: "p:a=\"1\" or ", count: 5000) + "p:b=\"2\"]")
        #expect(try bench.subscribe("ann", body: huge).answer.status == 413)
        let deep = Self.filter("ann", what: String(repeating: "//*", count: 500))
        let answer = try bench.subscribe("ann", body: deep).answer
        #expect([200, 400, 488].contains(answer.status))
        var small = Bench { $0.limits.viewsPerPresentity = 3 }
        for index in 0..<3 {
            _ = try small.subscribe(
                "ann", as: "w\(index)", body: Self.filter("ann", what: "//p:tuple[@id=\"\(index)\"]"))
        }
        #expect(try small.subscribe("ann", body: Self.filter("ann", what: "//p:note")).answer.status == 488)
        #expect(try small.subscribe("ann").answer.status == 200)
    }

    @Test(
        "a filter that sleeps shows everything, and wakes with the SUBSCRIBE that enables it", .spec("RFC 4660 §5.3/1"))
    func asleep() throws {
        var bench = Bench()
        var tag = try bench.publish("ann", body: Bench.pidf("ann", note: "a")).text(.sipETag)
        let dialog = try bench.subscribe("ann", body: Self.filter("ann", what: Self.basic))
        #expect(bench.drain().last?.body.contains("meeting") == false)
        _ = try bench.resubscribe(
            dialog, cseq: 2, body: Self.filter("ann", what: Self.basic, attributes: " enabled=\"false\""))
        #expect(bench.drain().last?.body.contains("meeting") == true)
        tag = try bench.publish("ann", body: Bench.pidf("ann", note: "b"), tag: tag).text(.sipETag)
        #expect(bench.drain().count == 1)
        _ = try bench.resubscribe(
            dialog, cseq: 3, body: Self.filter("ann", what: Self.basic, attributes: " enabled=\"true\""))
        let awake = bench.drain()
        #expect(awake.count == 1)
        #expect(awake.last?.body.contains("meeting") == false && awake.last?.body.contains("open") == true)
        try bench.publish("ann", body: Bench.pidf("ann", note: "c"), tag: tag)
        #expect(bench.drain().isEmpty)
    }

    @Test("a filter that selects nothing brings a NOTIFY without a body", .spec("RFC 4660 §5.3.1/2"))
    func nothing() throws {
        var bench = Bench()
        try bench.publish("ann")
        let dialog = try bench.subscribe("ann", body: Self.filter("ann", what: "//p:tuple[@id=\"none\"]"))
        #expect(dialog.answer.status == 200)
        let told = bench.drain()
        #expect(told.count == 1)
        #expect(told.first?.state.hasPrefix("active") == true)
        #expect(told.first?.body.isEmpty == true && told.first?.contentType.isEmpty == true)
        #expect(told.first?.header(.contentLength) == "0")
    }

    @Test("a filter opens nothing that authorization closes", .spec("RFC 4660 §5.3.1/5", "REQ-33141-10"))
    func authorized() throws {
        for handling in [AuthorizationRule.Handling.politeBlock, .confirm] {
            var bench = Bench()
            bench.setRules("ann", [Bench.rule("ann", "watcher", handling)])
            let tag = try bench.publish("ann", body: Bench.pidf("ann", note: "secret")).text(.sipETag)
            for what in ["//p:note", "//p:tuple", "/p:presence", ""] {
                _ = try bench.subscribe("ann", body: Self.filter("ann", what: what))
            }
            _ = try bench.subscribe(
                "ann", body: Self.filter("ann", trigger: "<changed>//p:note</changed>"), expires: "0")
            #expect(bench.drain().allSatisfy { !$0.body.contains("secret") && !$0.body.contains("open") })
            try bench.publish("ann", body: Bench.pidf("ann", note: "more secret"), tag: tag)
            #expect(bench.drain().isEmpty)
        }
    }
}

@Suite("Partial publication and notification")
struct PartialPresenceTests {
    static let both = "Accept: application/pidf+xml, application/pidf-diff+xml;q=1.0\r\n"

    static func difference(_ user: String, _ operations: String) -> String {
        "<?xml version=\"1.0\"?><p:pidf-diff xmlns=\"urn:ietf:params:xml:ns:pidf\" "
            + "xmlns:p=\"urn:ietf:params:xml:ns:pidf-diff\" entity=\"sip:\(user)@bench.test\">\(operations)</p:pidf-diff>"
    }

    static let close = "<p:replace sel=\"presence/tuple[@id='t1']/status/basic/text()\">closed</p:replace>"

    /// The version of a partial document.
    static func version(_ body: String) -> UInt32? {
        guard let range = body.split(separator: " version=\"").dropFirst().last else { return nil }
        return UInt32(range.prefix { $0.isNumber })
    }

    /// A document with enough in it that a difference is smaller.
    static func large(_ basic: String) -> String {
        let services = (0..<8).map {
            "<tuple id=\"s\($0)\"><status><basic>open</basic></status><contact>sip:s\($0)@bench.test</contact></tuple>"
        }
        return Bench.pidf("ann", basic: basic, extra: services.joined())
    }

    @Test(
        "a watcher that accepts differences gets a whole document first and differences after it",
        .spec(
            "RFC 5263 §3", "RFC 5263 §4.2", "RFC 5263 §4.3", "RFC 5263 §4.4", "RFC 5262 §3", "REQ-24141-12",
            "REQ-24141-21", "REQ-23141-9", "REQ-22141-23", "RFC 5262 §3/1", "RFC 5262 §3/5", "RFC 5263 §4.1/1",
            "RFC 5263 §4.4/1", "RFC 5263 §4.4/2", "RFC 5263 §4.4/4"))
    func notified() throws {
        var bench = Bench()
        let tag = try bench.publish("ann", body: Self.large("open")).text(.sipETag)
        _ = try bench.subscribe("ann", extra: Self.both)
        let first = try #require(bench.drain().last)
        #expect(first.contentType == "application/pidf-diff+xml")
        #expect(first.body.contains("pidf-full"))
        #expect(Self.version(first.body) == 1)
        try bench.publish("ann", body: Self.large("closed"), tag: tag)
        let second = try #require(bench.drain().last)
        #expect(second.contentType == "application/pidf-diff+xml")
        #expect(Self.version(second.body) == 2)
        #expect(second.body.utf8.count < first.body.utf8.count)
        let known = try PartialPresence.parseFull(Array(first.body.utf8)[...])
        let patched = try PartialPresence.applying(Array(second.body.utf8)[...], to: known)
        _ = try bench.subscribe("ann", as: "other")
        let whole = try PresenceDocument.parse(Array(try #require(bench.drain().last).body.utf8)[...])
        #expect(patched.serialised() == whole.serialised())
    }

    @Test(
        "after a refresh the next document is whole, and the version goes on",
        .spec(
            "RFC 5263 §4.4", "RFC 5263 §4.2", "RFC 5262 §3/5", "RFC 5263 §4.4/3", "RFC 5263 §4.4/6", "RFC 5263 §4.4/7"))
    func refreshed() throws {
        var bench = Bench()
        let tag = try bench.publish("ann", body: Self.large("open")).text(.sipETag)
        let dialog = try bench.subscribe("ann", extra: Self.both)
        _ = try bench.resubscribe(dialog, cseq: 2)
        let told = bench.drain()
        #expect(told.map { Self.version($0.body) } == [1, 2])
        #expect(told.allSatisfy { $0.body.contains("pidf-full") })
        // A switch to whole documents and back keeps the count.
        _ = try bench.resubscribe(dialog, cseq: 3, extra: "Accept: application/pidf+xml\r\n")
        #expect(bench.drain().last?.contentType == "application/pidf+xml")
        _ = try bench.resubscribe(dialog, cseq: 4, extra: Self.both)
        #expect(bench.drain().last.flatMap { Self.version($0.body) } == 3)
        bench.restart()
        try bench.publish("ann", body: Self.large("closed"), tag: tag)
        let after = try #require(bench.drain().last)
        #expect(Self.version(after.body) == 4)
        #expect(after.body.contains("pidf-full"))
    }

    @Test("a failed NOTIFY is followed by a whole document", .spec("RFC 5263 §4.4", "RFC 5263 §4.4/8"))
    func failed() throws {
        var bench = Bench()
        var tag = try bench.publish("ann", body: Self.large("open")).text(.sipETag)
        _ = try bench.subscribe("ann", extra: Self.both)
        bench.answer = 500
        tag = try bench.publish("ann", body: Self.large("closed"), tag: tag).text(.sipETag)
        bench.answer = 200
        _ = bench.drain()
        try bench.publish("ann", body: Self.large("open"), tag: tag)
        #expect(bench.drain().last?.body.contains("pidf-full") == true)
    }

    @Test(
        "a difference is never sent to who does not name the type",
        .spec(
            "RFC 5263 §3.1", "RFC 5263 §4.1", "RFC 3856 §6.5/1", "RFC 5263 §4.3/1", "RFC 5263 §4.3/2",
            "RFC 6665 §4.2.2/5"))
    func negotiated() throws {
        var bench = Bench()
        try bench.publish("ann")
        for (accept, expected) in [
            ("*/*", "application/pidf+xml"), ("application/pidf+xml", "application/pidf+xml"),
            ("application/pidf+xml, application/pidf-diff+xml;q=0.5", "application/pidf+xml"),
            ("application/pidf+xml;q=0.3, application/pidf-diff+xml;q=1", "application/pidf-diff+xml"),
            ("application/pidf+xml, application/pidf-diff+xml", "application/pidf-diff+xml"),
            ("application/pidf-diff+xml", "application/pidf-diff+xml"),
        ] {
            _ = try bench.subscribe("ann", extra: "Accept: \(accept)\r\n")
            #expect(bench.drain().last?.contentType == expected, "\(accept)")
        }
        var reluctant = Bench { $0.prefersPartialNotification = false }
        _ = try reluctant.subscribe("ann", extra: "Accept: application/pidf+xml, application/pidf-diff+xml\r\n")
        #expect(reluctant.drain().last?.contentType == "application/pidf+xml")
    }

    @Test("watchers that hold the same share a difference, each with its own version", .spec("RFC 5263 §4.4"))
    func sharedDifference() throws {
        var bench = Bench()
        let tag = try bench.publish("ann", body: Self.large("open")).text(.sipETag)
        let first = try bench.subscribe("ann", as: "a", extra: Self.both)
        _ = try bench.resubscribe(first, cseq: 2)
        _ = try bench.subscribe("ann", as: "b", extra: Self.both)
        _ = bench.drain()
        try bench.publish("ann", body: Self.large("closed"), tag: tag)
        let told = bench.drain()
        #expect(Set(told.compactMap { Self.version($0.body) }) == [2, 3])
        #expect(Set(told.map(\.entityTag)).count == 1)
    }

    @Test(
        "a partial modification changes what was published",
        .spec(
            "RFC 5264 §4.2", "RFC 5264 §4.2.2", "RFC 5261 §4.4", "REQ-24141-4", "REQ-24141-23", "REQ-23141-5",
            "RFC 5264 §4.1/1", "RFC 5264 §4.3.2/1"))
    func published() throws {
        var bench = Bench()
        _ = try bench.subscribe("ann")
        let tag = try bench.publish("ann").text(.sipETag)
        let answer = try bench.publish(
            "ann", body: Self.difference("ann", Self.close), tag: tag, contentType: "application/pidf-diff+xml")
        #expect(answer.status == 200)
        #expect(answer.text(.sipETag) != tag)
        let body = try #require(bench.drain().last).body
        #expect(body.contains("closed") && body.contains("meeting"))
        #expect(bench.publications.values.first?.contentType == Array("application/pidf+xml".utf8))
    }

    @Test(
        "a partial modification after a restart finds the document as it was published",
        .spec("RFC 5264 §4.2", "RFC 5264 §4.3.2/1"))
    func publishedAfterRestart() throws {
        var bench = Bench()
        let tag = try bench.publish("ann").text(.sipETag)
        bench.restart()
        let answer = try bench.publish(
            "ann", body: Self.difference("ann", Self.close), tag: tag, contentType: "application/pidf-diff+xml")
        #expect(answer.status == 200)
        _ = try bench.subscribe("ann")
        #expect(bench.drain().last?.body.contains("closed") == true)
    }

    @Test(
        "a difference without published state, or one that does not fit, is refused and changes nothing",
        .spec("RFC 5264 §4.2", "RFC 5264 §4.4", "RFC 5261 §5", "RFC 5264 §4.3.2/2", "RFC 5264 §4.3.2/3"))
    func refused() throws {
        var bench = Bench()
        let type = "application/pidf-diff+xml"
        #expect(try bench.publish("ann", body: Self.difference("ann", Self.close), contentType: type).status == 400)
        let tag = try bench.publish("ann").text(.sipETag)
        let before = bench.publications
        let miss = "<p:replace sel=\"presence/tuple[@id='none']/status/basic/text()\">closed</p:replace>"
        for operations in [
            Self.close + miss, "<p:remove sel=\"presence/tuple/status\"/>", "<p:add sel=\"///\">x</p:add>",
        ] {
            let answer = try bench.publish(
                "ann", body: Self.difference("ann", operations), tag: tag, contentType: type)
            #expect(answer.status == 400, "\(operations)")
            #expect(bench.publications == before)
        }
        #expect(try bench.publish("ann", body: "", tag: tag).status == 200)
    }

    @Test(
        "a whole partial document publishes as a whole one does",
        .spec("RFC 5264 §4.1", "RFC 5262 §3.1", "RFC 5264 §4.3.1/1"))
    func publishedFull() throws {
        var bench = Bench()
        let body =
            "<?xml version=\"1.0\"?><p:pidf-full xmlns=\"urn:ietf:params:xml:ns:pidf\" "
            + "xmlns:p=\"urn:ietf:params:xml:ns:pidf-diff\" entity=\"sip:ann@bench.test\">"
            + "<tuple id=\"t1\"><status><basic>open</basic></status><note>full</note></tuple></p:pidf-full>"
        let answer = try bench.publish("ann", body: body, contentType: "application/pidf-diff+xml")
        #expect(answer.status == 200)
        _ = try bench.subscribe("ann")
        #expect(bench.drain().last?.body.contains("full") == true)
    }

    @Test(
        "a difference that would be longer is sent as a whole, and those that were held back become one",
        .spec("RFC 5263 §4.4/9", "RFC 6446 §5.5.1/1"))
    func longDifference() throws {
        var bench = Bench()
        var tag = try bench.publish("ann", body: Self.large("open")).text(.sipETag)
        _ = try bench.subscribe("ann", extra: Self.both, event: "presence;max-rate=0.1")
        let first = try #require(bench.drain().last)
        for basic in ["closed", "open", "closed"] {
            tag = try bench.publish("ann", body: Self.large(basic), tag: tag).text(.sipETag)
        }
        bench.advance(.seconds(11))
        let merged = bench.drain()
        #expect(merged.count == 1)
        let known = try PartialPresence.parseFull(Array(first.body.utf8)[...])
        let patched = try PartialPresence.applying(Array(try #require(merged.first).body.utf8)[...], to: known)
        #expect(String(decoding: patched.serialised(), as: UTF8.self).contains("<basic>closed</basic>"))
        // Nothing is as it was: the whole is shorter than what would say so.
        try bench.publish("ann", body: Bench.pidf("ann", tuple: "new", basic: "open", note: "other"), tag: tag)
        bench.advance(.seconds(11))
        let whole = try #require(bench.drain().last)
        #expect(whole.body.contains("pidf-full"))
        #expect(Self.version(whole.body) == 3)
    }

    @Test("the tag of a difference is that of the whole state", .spec("RFC 5839 §6.4/1"))
    func tagOfDifference() throws {
        var bench = Bench()
        let tag = try bench.publish("ann", body: Self.large("open")).text(.sipETag)
        let dialog = try bench.subscribe("ann", extra: Self.both)
        try bench.publish("ann", body: Self.large("closed"), tag: tag)
        let difference = try #require(bench.drain().last)
        #expect(difference.body.contains("pidf-diff ") || difference.body.contains("p:pidf-diff"))
        let condition = "Suppress-If-Match: \(difference.entityTag)\r\n"
        #expect(try bench.resubscribe(dialog, cseq: 2, extra: Self.both + condition).status == 204)
        // Another subscription that has the tag is told nothing either: it stands for the state, not for the step.
        _ = try bench.subscribe("ann", as: "other", extra: Self.both)
        #expect(bench.drain().last?.entityTag == difference.entityTag)
    }

    @Test(
        "a whole partial document that is broken changes nothing, a good one replaces all",
        .spec("RFC 5264 §4.3.1/2", "RFC 5264 §4.3.1/1"))
    func wholeModification() throws {
        var bench = Bench()
        let type = "application/pidf-diff+xml"
        let tag = try bench.publish("ann", body: Bench.pidf("ann", note: "before")).text(.sipETag)
        let before = bench.publications
        func full(_ content: String, user: String = "ann") -> String {
            "<?xml version=\"1.0\"?><p:pidf-full xmlns=\"urn:ietf:params:xml:ns:pidf\" "
                + "xmlns:p=\"urn:ietf:params:xml:ns:pidf-diff\" entity=\"sip:\(user)@bench.test\">\(content)</p:pidf-full>"
        }
        let tuple = "<tuple id=\"t9\"><status><basic>closed</basic></status></tuple>"
        for body in [
            full("<tuple><status/></tuple>"), full(tuple + tuple), full("<tuple id=\"t\"/>"), full(tuple, user: "bob"),
            String(full(tuple).dropLast(5)), Bench.pidf("ann"),
        ] {
            #expect(try bench.publish("ann", body: body, tag: tag, contentType: type).status == 400)
            #expect(bench.publications == before)
        }
        #expect(try bench.publish("ann", body: full(tuple), tag: tag, contentType: type).status == 200)
        _ = try bench.subscribe("ann")
        let body = try #require(bench.drain().last).body
        #expect(body.contains("t9") && !body.contains("before") && !body.contains("meeting"))
    }

    @Test("a publication that was patched expires as a whole", .spec("RFC 5264 §4.3.2/4"))
    func patchedExpires() throws {
        var bench = Bench()
        let tag = try bench.publish("ann", expires: "600").text(.sipETag)
        let patched = try bench.publish(
            "ann", body: Self.difference("ann", Self.close), tag: tag, contentType: "application/pidf-diff+xml",
            expires: "10")
        #expect(patched.status == 200)
        bench.advance(.seconds(11))
        #expect(bench.publications.isEmpty)
        #expect(try bench.publish("ann", body: "", tag: patched.text(.sipETag)).status == 412)
        #expect(try bench.publish("ann", body: "", tag: tag).status == 412)
        _ = try bench.subscribe("ann")
        #expect(bench.drain().last?.body.contains("meeting") == false)
    }
}
