import EventNotification
import Ground
import MusterTesting
import PresenceDocuments
import PresenceServer
import SIPTransactions
import SIPWire
import Testing

@Suite("What rules look at besides the watcher")
struct PolicySituationTests {
    // MARK: Time

    /// A time as XML Schema writes it, that many seconds after the start of a bench (2027-01-15T08:00:00Z).
    static func time(_ minutes: Int) -> String {
        let hour = 8 + minutes / 60
        return "2027-01-15T\(hour < 10 ? "0" : "")\(hour):\(minutes % 60 < 10 ? "0" : "")\(minutes % 60):00Z"
    }

    static func validity(_ periods: (from: Int, until: Int)...) -> String {
        "<cr:validity>"
            + periods.map {
                "<cr:from>\(Self.time($0.from))</cr:from><cr:until>\(Self.time($0.until))</cr:until>"
            }.joined() + "</cr:validity>"
    }

    @Test(
        "a period of a rule begins and ends by itself, on the second",
        .spec("RFC 4745 §7.3/1", "RFC 4745 §7.3/2", "REQ-24141-26", "REQ-33141-D2"))
    func periods() throws {
        var bench = Bench()
        bench.rules(
            "ann", .rule("watcher", "confirm", id: "wait"),
            .rule("watcher", "allow", id: "hours", also: Self.validity((2, 4), (6, 7))))
        try bench.publish("ann", body: Bench.pidf("ann", note: "real"), expires: "3600")
        let start = bench.now
        _ = try bench.subscribe("ann", expires: "3600")
        #expect(bench.drain().last?.state == "pending;expires=3600")
        bench.advance(.seconds(119))
        #expect(bench.drain().isEmpty)
        bench.advance(.seconds(600))
        let told = bench.drain()
        #expect(told.map { $0.state.prefix(7) } == ["active;", "pending", "active;", "pending"])
        #expect(told.map { ($0.at - start).wholeSeconds } == [120, 240, 360, 420])
        #expect(told.map { $0.body.contains("real") } == [true, false, true, false])
        #expect(bench.decisions.last?.handling == .confirm)
        bench.advance(.seconds(600))
        #expect(bench.drain().isEmpty)
    }

    @Test(
        "a period that shows more or less changes the view of who is allowed anyway",
        .spec("RFC 4745 §7.3/1", "RFC 5025 §3.3", "REQ-24141-26"))
    func viewByTime() throws {
        var bench = Bench()
        bench.rules(
            "ann", .rule("watcher", "allow", RuleText.services, id: "always"),
            .rule("watcher", nil, RuleText.everything, id: "at-times", also: Self.validity((1, 2))))
        try bench.publish("ann", body: Bench.rich("ann"))
        _ = try bench.subscribe("ann")
        #expect(bench.drain().last?.body.contains("meeting") == false)
        bench.advance(.seconds(60))
        #expect(bench.drain().map { $0.body.contains("meeting") } == [true])
        bench.advance(.seconds(60))
        #expect(bench.drain().map { $0.body.contains("meeting") } == [false])
    }

    @Test(
        "a period that ended while the process was down counts at the start, and one that begins later still begins",
        .spec("RFC 4745 §7.3/1", "REQ-24141-26"))
    func periodsAcrossRestart() throws {
        var bench = Bench()
        bench.rules(
            "ann", .rule("watcher", "allow", also: Self.validity((0, 1), (5, 6))), .rule(nil, "confirm", id: "c"))
        try bench.publish("ann", body: Bench.pidf("ann", note: "real"))
        _ = try bench.subscribe("ann")
        #expect(bench.drain().last?.body.contains("real") == true)
        bench.restart(after: .seconds(120))
        #expect(bench.drain().map { $0.state.prefix(7) } == ["pending"])
        bench.advance(.seconds(180))
        #expect(bench.drain().map { $0.body.contains("real") } == [true])
    }

    // MARK: The sphere

    static func sphere(_ value: String) -> String { "<cr:sphere value=\"\(value)\"/>" }

    @Test(
        "the sphere that the presentity publishes decides, and a change of it acts before anything else is told",
        .spec("RFC 4745 §7.2/1", "RFC 4745 §7.2/2", "RFC 5025 §3.1.2/1", "REQ-24141-26", "REQ-33141-D2"))
    func sphere() throws {
        var bench = Bench()
        bench.rules(
            "ann", .rule("watcher", "allow", id: "work", also: Self.sphere("WORK office")),
            .rule("watcher", "polite-block", id: "else"))
        #expect(try bench.subscribe("ann").answer.status == 200)
        #expect(bench.drain().last?.body.contains("closed") == true)
        var tag = try bench.publish("ann", body: Bench.rich("ann", sphere: "work")).text(.sipETag)
        #expect(bench.drain().map { $0.body.contains("meeting") } == [true])
        tag = try bench.publish("ann", body: Bench.rich("ann", sphere: "work", activity: "busy"), tag: tag)
            .text(.sipETag)
        #expect(bench.drain().map { $0.body.contains("busy") } == [true])
        // At home the watcher is told nothing of what came with the news, not even once.
        tag = try bench.publish("ann", body: Bench.rich("ann", sphere: "home", activity: "sleeping"), tag: tag)
            .text(.sipETag)
        let told = bench.drain()
        #expect(told.count == 1 && told.allSatisfy { $0.body.contains("closed") && !$0.body.contains("sleeping") })
        // Somebody new is judged in the sphere of now.
        _ = try bench.subscribe("ann")
        #expect(bench.drain().last?.body.contains("sleeping") == false)
        try bench.publish("ann", body: Bench.rich("ann", sphere: "work"), tag: tag)
        #expect(bench.drain().map { $0.body.contains("meeting") } == [true, true])
        // The publication ends, and with it the sphere.
        bench.advance(.seconds(599))
        _ = bench.drain()
        bench.advance(.seconds(2))
        #expect(bench.drain().allSatisfy { !$0.body.contains("meeting") })
    }

    @Test(
        "persons that differ about the sphere, and those who say that it is unknown, are in none",
        .spec("RFC 5025 §3.1.2/2", "RFC 4745 §7.2/2"))
    func undefinedSphere() throws {
        var bench = Bench()
        bench.rules("ann", .rule("watcher", "allow", also: Self.sphere("work home unknown")))
        let tag = try bench.publish("ann", body: Bench.rich("ann", sphere: "work")).text(.sipETag)
        #expect(try bench.subscribe("ann").answer.status == 200)
        _ = bench.drain()
        let two = Bench.rich("ann", sphere: "work").replacingFirst(
            "<dm:device ",
            "<dm:person id=\"p2\"><r:class>other</r:class><r:sphere><r:home/></r:sphere></dm:person><dm:device ")
        var next = try bench.publish("ann", body: two, tag: tag).text(.sipETag)
        #expect(bench.drain().map(\.state) == ["terminated;reason=rejected"])
        #expect(try bench.subscribe("ann").answer.status == 403)
        next = try bench.publish("ann", body: Bench.rich("ann", sphere: "unknown"), tag: next).text(.sipETag)
        #expect(try bench.subscribe("ann").answer.status == 403)
        try bench.publish("ann", body: Bench.rich("ann", sphere: "home"), tag: next)
        #expect(try bench.subscribe("ann").answer.status == 200)
    }

    @Test(
        "a sphere with a period of its own changes the judgement when it ends",
        .spec("RFC 5025 §3.1.2/1", "RFC 4745 §7.2/1", "REQ-33141-D2"))
    func sphereByTime() throws {
        var bench = Bench()
        bench.rules("ann", .rule("watcher", "allow", also: Self.sphere("work")), .rule(nil, "confirm", id: "c"))
        let body = Bench.rich("ann", sphere: "work").replacingFirst(
            "<r:sphere>", "<r:sphere from=\"\(Self.time(0))\" until=\"\(Self.time(3))\">")
        try bench.publish("ann", body: body)
        _ = try bench.subscribe("ann")
        #expect(bench.drain().last?.body.contains("meeting") == true)
        bench.advance(.seconds(179))
        #expect(bench.drain().isEmpty)
        bench.advance(.seconds(1))
        let told = bench.drain()
        #expect(told.map { $0.state.prefix(7) } == ["pending"])
        #expect(told.allSatisfy { $0.body.isEmpty })
    }

    // MARK: Lists

    static func lists(_ content: String) -> String {
        "<?xml version=\"1.0\"?><resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">\(content)"
            + "</resource-lists>"
    }

    static func list(_ name: String, _ users: String..., also: String = "") -> String {
        "<list name=\"\(name)\">"
            + users.map { "<entry uri=\"\($0.contains(":") ? $0 : "sip:\($0)@bench.test")\"/>" }.joined()
            + also + "</list>"
    }

    /// The URI of a list of a presentity.
    static func anchor(
        _ user: String, _ name: String, document: String = "index", root: String = Bench.root + "/"
    ) -> String {
        "\(root)resource-lists/users/sip:\(user)@bench.test/\(document)/~~/resource-lists/list%5B@name=%22\(name)%22%5D"
    }

    static func listed(_ anchors: String...) -> String {
        "<oc:external-list>" + anchors.map { "<oc:entry anc=\"\($0)\"/>" }.joined() + "</oc:external-list>"
    }

    static func bench() -> Bench { Bench { $0.documentRoots = [Array(Bench.root.utf8)] } }

    @Test(
        "who stands in a list that a rule names is allowed, and a change of the list acts at once",
        .spec("REQ-OMAPRS-2", "REQ-OMAPRS-1", "REQ-24141-26", "REQ-33141-D2"))
    func externalList() throws {
        var bench = Self.bench()
        bench.put(Bench.document(.resourceLists, "ann", Self.lists(Self.list("friends", "bob", "sip:CAT@Bench.TEST"))))
        bench.rules(
            "ann", RuleText(id: "granted", conditions: Self.listed(Self.anchor("ann", "friends"))),
            RuleText(id: "unlisted", conditions: "<oc:other-identity/>", handling: "confirm"))
        try bench.publish("ann", body: Bench.pidf("ann", note: "real"))
        _ = try bench.subscribe("ann", as: "bob")
        #expect(bench.drain().last?.body.contains("real") == true)
        _ = try bench.subscribe("ann", as: "sip:CAT@bench.test")
        #expect(bench.drain().last?.body.contains("real") == true)
        _ = try bench.subscribe("ann", as: "dan")
        #expect(bench.drain().last?.state.hasPrefix("pending") == true)
        // Dan is put into the list and Bob is taken out: a reactive authorization by an address book.
        bench.put(Bench.document(.resourceLists, "ann", Self.lists(Self.list("friends", "dan", "sip:CAT@bench.test"))))
        let told = bench.drain()
        #expect(told.map { $0.state.prefix(7) } == ["pending", "active;"])
        #expect(told.map { $0.body.contains("real") } == [false, true])
        // Lists that no rule names change nothing.
        let read = bench.server.counters.policiesRead
        bench.put(
            Bench.document(.resourceLists, "ann", Self.lists(Self.list("x", "eve")), name: "other"),
            Bench.document(.resourceLists, "bob", Self.lists(Self.list("friends", "eve"))))
        #expect(bench.server.counters.policiesRead == read)
        // The document goes, and with it everybody in it.
        bench.put(Bench.document(.resourceLists, "ann", nil))
        #expect(bench.drain().map { $0.state.prefix(7) } == ["pending", "pending"])
    }

    /// A form of list that leads to Bob, or does not.
    struct Form: CustomStringConvertible, Sendable {
        let description: String
        let leads: Bool
        let anchor: String
        let index: String
        var other: String?
    }

    static let forms: [Form] = [
        Form(
            description: "nested lists", leads: true, anchor: anchor("ann", "a"),
            index: list("a", also: list("b", "bob"))),
        Form(
            description: "a list in a list", leads: true, anchor: anchor("ann", "a") + "/list%5B@name=%22b%22%5D",
            index: list("a", "eve", also: list("b", "bob"))),
        Form(
            description: "a list by its position", leads: true,
            anchor: "\(Bench.root)/resource-lists/users/sip:ann@bench.test/index/~~/resource-lists/list%5B2%5D",
            index: list("a") + list("b", "bob")),
        Form(
            description: "a whole document", leads: true,
            anchor: "\(Bench.root)/resource-lists/users/sip:ann@bench.test/index", index: list("a", "bob")),
        Form(
            description: "one entry", leads: true,
            anchor: anchor("ann", "a") + "/entry%5B@uri=%22sip:bob@bench.test%22%5D", index: list("a", "eve", "bob")),
        Form(
            description: "one entry that is another", leads: false,
            anchor: anchor("ann", "a") + "/entry%5B1%5D", index: list("a", "eve", "bob")),
        Form(
            description: "a reference to an entry", leads: true, anchor: anchor("ann", "a"),
            index: list(
                "a",
                also: "<entry-ref ref=\"" + anchor("ann", "b", document: "other", root: "")
                    + "/entry%5B@uri=%22sip:bob@bench.test%22%5D\"/>"), other: list("b", "eve", "bob")),
        Form(
            description: "an external list", leads: true, anchor: anchor("ann", "a"),
            index: list("a", also: "<external anchor=\"\(anchor("ann", "b", document: "other"))\"/>"),
            other: list("b", "bob")),
        Form(
            description: "a circle that passes Bob", leads: true, anchor: anchor("ann", "a"),
            index: list("a", also: "<external anchor=\"\(anchor("ann", "b", document: "other"))\"/>"),
            other: list("b", "bob", also: "<external anchor=\"\(anchor("ann", "a"))\"/>")),
        Form(
            description: "a circle", leads: false, anchor: anchor("ann", "a"),
            index: list("a", also: "<external anchor=\"\(anchor("ann", "a"))\"/>")),
        Form(description: "no such list", leads: false, anchor: anchor("ann", "b"), index: list("a", "bob")),
        Form(
            description: "no such document", leads: false, anchor: anchor("ann", "a", document: "none"),
            index: list("a", "bob")),
        Form(
            description: "a list of somebody else", leads: false, anchor: anchor("bob", "a"), index: list("a", "eve")),
        Form(
            description: "an external list of somebody else", leads: false, anchor: anchor("ann", "a"),
            index: list("a", also: "<external anchor=\"\(anchor("bob", "a"))\"/>")),
        Form(
            description: "another server", leads: false,
            anchor: anchor("ann", "a", root: "http://elsewhere.test/xcap/"), index: list("a", "bob")),
        Form(
            description: "a way out of the tree", leads: false,
            anchor: "\(Bench.root)/resource-lists/users/sip:eve@bench.test/../sip:ann@bench.test/index",
            index: list("a", "bob")),
        Form(description: "no URI at all", leads: false, anchor: "friends", index: list("a", "bob")),
        Form(description: "broken escapes", leads: false, anchor: anchor("ann", "a%2"), index: list("a%2", "bob")),
    ]

    @Test(
        "a list is found in all the forms that it can have, and what cannot be read has nobody",
        .spec("REQ-OMAPRS-2", "RFC 4745 §14/1", "REQ-33141-10"), arguments: forms)
    func listForm(_ form: Form) throws {
        var bench = Self.bench()
        bench.put(
            Bench.document(.resourceLists, "ann", Self.lists(form.index)),
            Bench.document(.resourceLists, "bob", Self.lists(Self.list("a", "bob"))))
        if let other = form.other { bench.put(Bench.document(.resourceLists, "ann", Self.lists(other), name: "other")) }
        bench.rules("ann", RuleText(conditions: Self.listed(form.anchor)))
        #expect(try bench.subscribe("ann", as: "bob").answer.status == (form.leads ? 200 : 403))
        if form.leads {
            // A document that is not XML has nobody either.
            let name = form.other == nil ? "index" : "other"
            bench.put(Bench.document(.resourceLists, "ann", "<resource-lists", name: name))
            #expect(bench.drain().last?.state == "terminated;reason=rejected")
        }
    }

    @Test(
        "lists that lead on for ever, or are endless, are followed so far and no further",
        .spec("REQ-OMAPRS-2", "RFC 4745 §14/1"))
    func bounds() throws {
        var bench = Bench {
            $0.documentRoots = [Array(Bench.root.utf8)]
            $0.limits.listDepth = 4
            $0.limits.listMembers = 20
        }
        func chain(_ length: Int) -> String {
            (0..<length).map {
                Self.list("l\($0)", also: "<external anchor=\"\(Self.anchor("ann", "l\($0 + 1)"))\"/>")
            }.joined() + Self.list("l\(length)", "bob")
        }
        bench.rules("ann", RuleText(conditions: Self.listed(Self.anchor("ann", "l0"))))
        bench.put(Bench.document(.resourceLists, "ann", Self.lists(chain(3))))
        #expect(try bench.subscribe("ann", as: "bob").answer.status == 200)
        #expect(!bench.observations.contains(.listLimit))
        bench.put(Bench.document(.resourceLists, "ann", Self.lists(chain(4))))
        #expect(bench.drain().last?.state == "terminated;reason=rejected")
        #expect(bench.observations.contains(.listLimit))
        // Every list twice in the next: a bomb of references.
        let bomb = (0..<64).map { number in
            let next = "<external anchor=\"\(Self.anchor("ann", "l\(number + 1)"))\"/>"
            return "<list name=\"l\(number)\">\(next)<entry uri=\"sip:x\(number)@bench.test\"/>\(next)</list>"
        }.joined()
        bench.put(Bench.document(.resourceLists, "ann", Self.lists(bomb)))
        #expect(try bench.subscribe("ann", as: "bob").answer.status == 403)
        let many = Self.lists(
            "<list name=\"l0\">" + (0..<30).map { "<entry uri=\"sip:x\($0)@bench.test\"/>" }.joined() + "</list>")
        bench.put(Bench.document(.resourceLists, "ann", many))
        #expect(try bench.subscribe("ann", as: "x19").answer.status == 200)
        #expect(try bench.subscribe("ann", as: "x20").answer.status == 403)
    }
}
