import EventNotification
import Ground
import MusterTesting
import PresenceDocuments
import PresenceServer
import SIPTransactions
import SIPWire
import Testing

@Suite("What rules documents let watchers see")
struct PolicyViewTests {
    static let partial = "Accept: application/pidf-diff+xml, application/pidf+xml;q=0.5\r\n"

    /// What a watcher holds after a partial notification: a whole document, or a difference to what it held.
    static func taken(_ told: Notification, after held: PresenceDocument? = nil) throws -> PresenceDocument {
        let body = Array(told.body.utf8)[...]
        if case .full(let document, _) = try PartialPresence.parse(body) { return document }
        return try PartialPresence.applying(body, to: try #require(held))
    }

    /// What a transformation shows of the rich document, and what it must not.
    struct Sight: CustomStringConvertible, Sendable {
        let transformations: String
        let shown: [String]
        let hidden: [String]
        var description: String { self.transformations }
    }

    /// Every word of the rich document that somebody could want to hide.
    static let secrets = [
        "<tuple id=\"call\"", "<tuple id=\"mail\"", "<dm:person", "<dm:device ", "chess", "rpid:class", "rpid:privacy>",
        "relationship", "status-icon", "user-input", "idle-threshold", "last-input", "<dm:deviceID>", "call me",
        "write me", "activities", "mood", "place-is", "place-type", "sphere", "time-offset", "as a person",
        "the phone",
    ]

    private static func sight(_ transformations: String, _ shown: String...) -> Sight {
        Sight(
            transformations: transformations, shown: shown,
            hidden: Self.secrets.filter { !shown.contains($0) })
    }

    private static func flag(_ name: String) -> String { "<pr:provide-\(name)>true</pr:provide-\(name)>" }

    static let sights: [Sight] = [
        sight(""),
        sight(RuleText.services, "<tuple id=\"call\"", "<tuple id=\"mail\""),
        sight(
            "<pr:provide-services><pr:class>work</pr:class></pr:provide-services>", "<tuple id=\"call\""),
        sight(
            "<pr:provide-services><pr:service-uri-scheme>mailto</pr:service-uri-scheme></pr:provide-services>",
            "<tuple id=\"mail\""),
        sight(
            "<pr:provide-services><pr:occurrence-id>call</pr:occurrence-id></pr:provide-services>" + flag("note"),
            "<tuple id=\"call\"", "call me"),
        sight(
            "<pr:provide-services><pr:service-uri>sip:ann@bench.test</pr:service-uri></pr:provide-services>"
                + flag("deviceID"), "<tuple id=\"call\"", "<dm:deviceID>"),
        sight(
            RuleText.services + flag("class") + flag("privacy"), "<tuple id=\"call\"", "<tuple id=\"mail\"",
            "rpid:class", "rpid:privacy>"),
        sight(
            RuleText.services + flag("relationship") + flag("status-icon"), "<tuple id=\"call\"", "<tuple id=\"mail\"",
            "relationship", "status-icon"),
        sight(
            RuleText.services + "<pr:provide-user-input>bare</pr:provide-user-input>", "<tuple id=\"call\"",
            "<tuple id=\"mail\"", "user-input"),
        sight(
            RuleText.services + "<pr:provide-user-input>thresholds</pr:provide-user-input>", "<tuple id=\"call\"",
            "<tuple id=\"mail\"", "user-input", "idle-threshold"),
        sight(
            RuleText.services + "<pr:provide-user-input>full</pr:provide-user-input>", "<tuple id=\"call\"",
            "<tuple id=\"mail\"", "user-input", "idle-threshold", "last-input"),
        sight(
            RuleText.services
                + "<pr:provide-unknown-attribute name=\"game\" ns=\"urn:example:extra\">true</pr:provide-unknown-attribute>",
            "<tuple id=\"call\"", "<tuple id=\"mail\"", "chess"),
        sight(RuleText.persons, "<dm:person"),
        sight(RuleText.persons + flag("activities"), "<dm:person", "activities"),
        sight(RuleText.persons + flag("mood") + flag("place-is"), "<dm:person", "mood", "place-is"),
        sight(RuleText.persons + flag("place-type") + flag("sphere"), "<dm:person", "place-type", "sphere"),
        sight(RuleText.persons + flag("time-offset") + flag("note"), "<dm:person", "time-offset", "as a person"),
        sight(
            "<pr:provide-devices><pr:all-devices/></pr:provide-devices>", "<dm:device ", "<dm:deviceID>"),
        sight(
            "<pr:provide-devices><pr:deviceID>urn:uuid:phone</pr:deviceID></pr:provide-devices>" + flag("note"),
            "<dm:device ", "<dm:deviceID>", "the phone"),
        Sight(transformations: RuleText.everything, shown: secrets, hidden: []),
    ]

    @Test(
        "a watcher is shown what the transformations provide and nothing else, in whole documents and in partial ones",
        .spec(
            "RFC 5025 §3.3", "RFC 5025 §3.3/1", "RFC 5025 §3.3.1.1/1", "RFC 5025 §3.3.1.1/2", "RFC 5025 §3.3.1.2/2",
            "RFC 5025 §3.3.1.3/1", "RFC 5025 §3.3.1.3/2", "RFC 5025 §3.3.2/1", "RFC 5025 §3.3.2.1/1",
            "RFC 5025 §3.3.2.2/1", "RFC 5025 §3.3.2.3/1", "RFC 5025 §3.3.2.4/1", "RFC 5025 §3.3.2.5/1",
            "RFC 5025 §3.3.2.6/1", "RFC 5025 §3.3.2.7/1", "RFC 5025 §3.3.2.8/1", "RFC 5025 §3.3.2.9/1",
            "RFC 5025 §3.3.2.10/1", "RFC 5025 §3.3.2.11/1", "RFC 5025 §3.3.2.12/2", "RFC 5025 §3.3.2.13/1",
            "RFC 5025 §3.3.2.14/1", "RFC 5025 §3.3.2.15/1", "REQ-33141-10", "REQ-22141-13", "REQ-22141-15"),
        arguments: sights, [false, true])
    func transformations(_ sight: Sight, _ isPartial: Bool) throws {
        var bench = Bench()
        bench.rules("ann", .rule("watcher", "allow", sight.transformations))
        try bench.publish("ann", body: Bench.rich("ann", sphere: "work"))
        let dialog = try bench.subscribe("ann", extra: isPartial ? Self.partial : "")
        #expect(dialog.answer.status == 200)
        let told = try #require(bench.drain().last)
        #expect(told.contentType == (isPartial ? "application/pidf-diff+xml" : "application/pidf+xml"))
        for word in sight.shown { #expect(told.body.contains(word), "\(word)") }
        for word in sight.hidden { #expect(!told.body.contains(word), "\(word)") }
        if !isPartial { _ = try PresenceDocument.parse(Array(told.body.utf8)[...]) }
    }

    @Test(
        "a rule that changes what is seen is told at once to those who see something else, and to nobody else",
        .spec(
            "RFC 5025 §3.3", "REQ-24141-26", "REQ-33141-D2", "REQ-22141-14", "RFC 4745 §10.2/4"),
        arguments: [false, true])
    func changedView(_ isPartial: Bool) throws {
        var bench = Bench()
        let extra = isPartial ? Self.partial : ""
        bench.rules(
            "ann", .rule("bob", "allow", id: "b"), .rule("cat", "allow", RuleText.services, id: "c"),
            .rule("dan", "allow", RuleText.persons, id: "d"))
        try bench.publish("ann", body: Bench.rich("ann"))
        for watcher in ["bob", "cat", "dan"] { _ = try bench.subscribe("ann", as: watcher, extra: extra) }
        let seen = bench.drain()
        // Bob loses everything but services, Cat wins what is not there, Dan keeps what he has.
        bench.rules(
            "ann", .rule("bob", "allow", RuleText.services, id: "b"),
            .rule("cat", "allow", RuleText.services + "<pr:provide-mood>true</pr:provide-mood>", id: "c"),
            .rule("dan", "allow", RuleText.persons, id: "d"))
        let told = bench.drain()
        #expect(told.map(\.callID) == [seen[0].callID])
        let bob = try #require(told.first)
        #expect(bob.state == "active;expires=600")
        for secret in ["meeting", "happy", "call me", "the phone", "chess"] { #expect(!bob.body.contains(secret)) }
        if isPartial {
            // The difference leads from what Bob held to what Bob may see now.
            let held = try Self.taken(bob, after: try Self.taken(seen[0]))
            #expect(try held == Self.taken(seen[1]))
            #expect(bob.contentType == "application/pidf-diff+xml")
        } else {
            #expect(bob.body == seen[1].body)
        }
        // And back: what was hidden is told again.
        bench.rules(
            "ann", .rule("bob", "allow", id: "b"), .rule("cat", "allow", RuleText.services, id: "c"),
            .rule("dan", "allow", RuleText.persons, id: "d"))
        let again = bench.drain()
        #expect(again.map(\.callID) == [seen[0].callID])
        #expect(again.first?.body.contains("meeting") == true)
        #expect(again.first?.entityTag == seen[0].entityTag)
    }

    @Test(
        "a partial document after rules were tightened starts from what the watcher may see",
        .spec("RFC 5025 §3.3", "RFC 5263 §4.2", "REQ-24141-26", "REQ-33141-10"))
    func partialBase() throws {
        var bench = Bench()
        bench.rules("ann", .rule("watcher", "allow"))
        var tag = try bench.publish("ann", body: Bench.rich("ann")).text(.sipETag)
        _ = try bench.subscribe("ann", extra: Self.partial)
        var held = try Self.taken(try #require(bench.drain().last))
        bench.rules("ann", .rule("watcher", "allow", RuleText.services))
        held = try Self.taken(try #require(bench.drain().last), after: held)
        #expect(!held.serialised()[...].text.contains("meeting"))
        // A change that the watcher may not see brings nothing; the next visible one stays within the view.
        tag = try bench.publish("ann", body: Bench.rich("ann", activity: "busy"), tag: tag).text(.sipETag)
        #expect(bench.drain().isEmpty)
        let closed = Bench.rich("ann", activity: "away").replacingFirst(
            "<tuple id=\"mail\"><status><basic>open", "<tuple id=\"mail\"><status><basic>closed")
        try bench.publish("ann", body: closed, tag: tag)
        let told = try #require(bench.drain().last)
        #expect(!told.body.contains("away") && !told.body.contains("busy") && !told.body.contains("meeting"))
        held = try Self.taken(told, after: held)
        #expect(told.body.contains("<p:pidf-diff"))
        #expect(held.serialised()[...].text.contains("closed"))
    }

    @Test(
        "watchers of the same outcome share one view, however they came to it",
        .spec("RFC 5025 §3.3", "RFC 4745 §10.2"))
    func shared() throws {
        var bench = Bench()
        let mood = "<pr:provide-mood>true</pr:provide-mood>"
        bench.rules(
            "ann", .rule("w0", "allow", RuleText.persons + mood, id: "a"),
            .rule("w1", "allow", RuleText.persons, id: "b"), .rule("w1", nil, mood, id: "c"),
            .rule("w2", "allow", id: "d"), .rule("w3", "allow", id: "e"), .rule("w4", "polite-block", id: "f"),
            .rule("w5", "polite-block", id: "g"))
        bench.setRules("ann", [Bench.rule("ann", "w6", .allow)])
        try bench.publish("ann", body: Bench.rich("ann"))
        for index in 0..<7 { _ = try bench.subscribe("ann", as: "w\(index)") }
        #expect(bench.server.counters.views == 3)
        let bodies = bench.drain().map(\.body)
        #expect(bodies[0] == bodies[1])
        #expect(bodies[2] == bodies[3] && bodies[2] == bodies[6])
        #expect(bodies[4] == bodies[5])
        #expect(Set(bodies).count == 3)
        // One composition for all of them.
        let compositions = bench.server.counters.compositions
        bench.rules("ann")
        #expect(bench.server.counters.views == 1)
        #expect(bench.server.counters.compositions == compositions)
        #expect(bench.server.counters.activeSubscriptions == 1)
    }

    @Test(
        "filters work on what the rules leave", .spec("RFC 5025 §3.3", "RFC 4660 §5.1/1", "REQ-24141-21"))
    func filtered() throws {
        var bench = Bench()
        bench.rules("ann", .rule("watcher", "allow", RuleText.services))
        let tag = try bench.publish("ann", body: Bench.rich("ann")).text(.sipETag)
        // The filter asks for notes inside of tuples, which the rules do not show.
        _ = try bench.subscribe("ann", body: WatcherFilterTests.filter("ann", what: "/p:presence/p:tuple/p:note"))
        #expect(bench.drain().allSatisfy { !$0.body.contains("call me") })
        let changed = Bench.rich("ann").replacingFirst("call me", "never call me")
        try bench.publish("ann", body: changed, tag: tag)
        #expect(bench.drain().isEmpty)
        bench.rules("ann", .rule("watcher", "allow"))
        #expect(bench.drain().last?.body.contains("never call me") == true)
    }

    @Test(
        "fetches are shown the same as subscriptions, from a body that is kept for the next",
        .spec("RFC 5025 §3.3", "RFC 6665 §4.4.3"))
    func fetched() throws {
        var bench = Bench()
        bench.rules("ann", .rule("bob", "allow", id: "b"), .rule("cat", "allow", RuleText.services, id: "c"))
        try bench.publish("ann", body: Bench.rich("ann"))
        for _ in 0..<2 {
            _ = try bench.subscribe("ann", as: "bob", expires: "0")
            #expect(bench.drain().last?.body.contains("meeting") == true)
            _ = try bench.subscribe("ann", as: "cat", expires: "0")
            #expect(bench.drain().last?.body.contains("meeting") == false)
            _ = try bench.subscribe("ann", as: "cat", expires: "0")
            #expect(bench.drain().last?.body.contains("meeting") == false)
        }
        let compositions = bench.server.counters.compositions
        _ = try bench.subscribe("ann", as: "cat", expires: "0")
        #expect(bench.server.counters.compositions == compositions)
        #expect(bench.server.counters.policiesRead == 1)
    }
}
