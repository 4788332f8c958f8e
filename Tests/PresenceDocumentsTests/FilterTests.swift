import Ground
import MusterTesting
import Testing

@testable import PresenceDocuments

private func filterSet(_ filters: String, attributes: String = "package=\"presence\"") -> String {
    "<?xml version=\"1.0\"?><filter-set xmlns=\"urn:ietf:params:xml:ns:simple-filter\" \(attributes)><ns-bindings>"
        + "<ns-binding prefix=\"p\" urn=\"urn:ietf:params:xml:ns:pidf\"/><ns-binding prefix=\"dm\" urn=\"urn:ietf:params:xml:ns:pidf:data-model\"/>"
        + "<ns-binding prefix=\"r\" urn=\"urn:ietf:params:xml:ns:pidf:rpid\"/></ns-bindings>\(filters)</filter-set>"
}

private func parse(_ text: String, resource: String = "sip:ana@home1.net") throws -> WatcherFilterSet {
    try WatcherFilterSet.parse(octets(text), package: octets("presence"), resource: octets(resource))
}

private func what(_ content: String, id: String = "f1", attributes: String = "") -> String {
    "<filter id=\"\(id)\" \(attributes)><what>\(content)</what></filter>"
}

private func trigger(_ content: String) -> String {
    "<filter id=\"f1\"><trigger>\(content)</trigger></filter>"
}

@Suite("Filters")
struct FilterTests {
    private let document =
        Sample.tuple("t1", "open", extra: "<rp:class>work</rp:class>", contact: "sip:ana@pc", note: "n1")
        + Sample.tuple("t2", "closed", note: "n2") + "<note>all</note>"
        + "<dm:person id='p'><rp:activities><rp:away/></rp:activities><dm:note>pn</dm:note></dm:person>"
        + "<dm:device id='d'><rp:user-input>idle</rp:user-input><dm:deviceID>urn:d</dm:deviceID></dm:device>"

    private func apply(_ filter: String) throws -> String? {
        let set = try parse(filterSet(filter))
        let filtered = set.apply(to: try Sample.document(self.document))
        guard let filtered else { return nil }
        let text = string(filtered.serialised())
        #expect(try PresenceDocument.parse(octets(text)) == filtered)
        let body = text.drop { $0 != "\n" }.dropFirst().drop { $0 != ">" }.dropFirst()
        return String(body.dropLast("</presence>".count))
    }

    @Test(
        "a selection comes with its ancestors and what the schema needs",
        .spec(
            "RFC 4661 §3.5", "RFC 4661 §3.5.1", "RFC 4660 §5.3", "RFC 4660 §5.2/4", "RFC 4660 §5.3.1/3",
            "RFC 4660 §5.3.1/4", "RFC 4661 §3.3/1", "RFC 4661 §3.5/1", "RFC 4661 §3.5.1/1", "RFC 4661 §3.5.2/1",
            "RFC 4661 §3.5.3/1", "RFC 4661 §5/1"),
        arguments: [
            (
                "<include type=\"xpath\">/p:presence/p:tuple/p:status/p:basic</include>",
                "<tuple id=\"t1\"><status><basic>open</basic></status></tuple><tuple id=\"t2\"><status><basic>closed</basic></status></tuple>"
            ),
            (
                "<include>//p:tuple[p:status/p:basic=\"open\"]/p:contact</include>",
                "<tuple id=\"t1\"><status/><contact>sip:ana@pc</contact></tuple>"
            ),
            (
                "<include>//tuple[rpid:class=\"work\" or note=\"x\"]/note</include>".replacing("rpid:", with: "r:"),
                "<tuple id=\"t1\"><status/><note>n1</note></tuple>"
            ),
            ("<include>/presence/note</include>", "<note>all</note>"),
            (
                "<include>//r:activities</include>",
                "<dm:person id=\"p\"><rpid:activities><rpid:away/></rpid:activities></dm:person>"
            ),
            (
                "<include>//r:user-input</include>",
                "<dm:device id=\"d\"><rpid:user-input>idle</rpid:user-input><dm:deviceID>urn:d</dm:deviceID></dm:device>"
            ),
            (
                "<include type=\"namespace\">urn:ietf:params:xml:ns:pidf:rpid</include><exclude>//dm:device</exclude>",
                "<tuple id=\"t1\"><status/><rpid:class>work</rpid:class></tuple><dm:person id=\"p\"><rpid:activities><rpid:away/></rpid:activities></dm:person>"
            ),
            (
                "<include>//p:tuple</include><exclude>//p:note</exclude><exclude>//p:status</exclude><exclude>//p:tuple[@id=\"t2\"]</exclude>",
                "<tuple id=\"t1\"><status><basic>open</basic></status><rpid:class>work</rpid:class><contact>sip:ana@pc</contact></tuple>"
            ),
            (
                "<include>//dm:device/dm:deviceID</include>",
                "<dm:device id=\"d\"><dm:deviceID>urn:d</dm:deviceID></dm:device>"
            ),
        ])
    func selections(_ content: String, _ expected: String) throws {
        #expect(try self.apply(what(content)) == expected)
    }

    @Test("exclusions alone start from everything", .spec("RFC 4661 §3.5.2", "RFC 4660 §5.3.1/4", "RFC 4661 §3.5.2/1"))
    func exclusions() throws {
        let text = try #require(
            try self.apply(what("<exclude type=\"namespace\">urn:ietf:params:xml:ns:pidf:rpid</exclude>")))
        #expect(!text.contains("rpid:") && text.contains("n1") && text.contains("pn"))
    }

    @Test("nothing selected is nothing", .spec("RFC 4660 §5.3"))
    func nothing() throws {
        #expect(try self.apply(what("<include>//p:tuple[@id=\"none\"]</include>")) == nil)
    }

    @Test("an empty what selects everything", .spec("RFC 4660 §5.2", "RFC 4660 §5.4/1"))
    func emptyWhat() throws {
        let set = try parse(filterSet("<filter id='a'><what/><trigger/></filter>"))
        let document = try Sample.document(self.document)
        #expect(set.apply(to: document) == document)
        #expect(set.isTriggered(previous: nil, current: document))
    }

    @Test(
        "wrong filters are refused with 488",
        .spec(
            "RFC 4660 §5.1", "RFC 4661 §3", "RFC 4661 §5", "RFC 4660 §3.3.1/1", "RFC 4660 §5.2/2", "RFC 4660 §5.4/2",
            "RFC 4661 §3.2/1", "RFC 4661 §3.3/1", "RFC 4661 §3.4/1", "RFC 4661 §3.4/2", "RFC 4661 §3.4/3",
            "RFC 4661 §3.5.3/1", "RFC 4661 §5/1", "RFC 4661 §7/1", "RFC 4660 §5.2/5"),
        arguments: [
            "", "<filter/>", "<filter id=''/>", what("<include>p:tuple</include>"),
            what("<include>//q:tuple</include>"),
            what("<include>//p:tuple[</include>"), what("<include>count(//p:tuple)</include>"), what("<include/>"),
            what("<include type=\"regexp\">/a</include>"), what("<frob/>"), what("text"),
            "<filter id='a'/><filter id='a'/>", "<filter id='a'/><filter id='b'/>",
            "<filter id='a' uri='sip:x@y'/><filter id='b' uri='sip:x@y'/>",
            "<filter id='a' domain='y'/><filter id='b' domain='Y'/>", "<filter id='a' uri='sip:x@y' domain='y'/>",
            "<filter id='a' uri='no uri'/>", "<filter id='a' remove='maybe'/>", "<filter id='a' enabled='2'/>",
            "<filter id='a'><what/><what/></filter>", "<filter id='a'><trigger/><what/></filter>",
            trigger("<changed by='much'>/a</changed>"), trigger("<frob>/a</frob>"), trigger("<added/>"), "<other/>",
        ])
    func refused(_ filters: String) {
        let fault = #expect(throws: DocumentFault.self, "\(filters)") { try parse(filterSet(filters)) }
        #expect(fault?.status == 488)
    }

    @Test("bodies that are no filter set are refused", .spec("RFC 4660 §5.1", "RFC 4660 §5.2/3", "RFC 4661 §3.2/1"))
    func noFilterSet() {
        for text in [
            "", "x", "<filter-set/>", Sample.full, filterSet("<filter id='a'/>", attributes: "package='reg'"),
            "<!DOCTYPE a><filter-set xmlns=\"urn:ietf:params:xml:ns:simple-filter\"/>",
        ] {
            let fault = #expect(throws: DocumentFault.self) { try parse(text) }
            #expect(fault?.status == 488)
        }
        let fault = #expect(throws: DocumentFault.self) { try parse(String(repeating: " ", count: 40_000)) }
        #expect(fault?.status == 413)
    }

    @Test(
        "the filter of the resource goes before that of its domain, and that before the general one",
        .spec(
            "RFC 4660 §5.2", "RFC 4661 §3.3", "RFC 4660 §5.2.1/1", "RFC 4660 §5.2.1/2", "RFC 4660 §5.2.1/3",
            "RFC 4660 §5.2.1/4"))
    func scopes() throws {
        let document = try Sample.document(self.document)
        let general = what("<include>//p:note</include>", id: "a")
        let domain = what("<include>//r:class</include>", id: "b", attributes: "domain='HOME1.net'")
        let own = what("<include>//p:contact</include>", id: "c", attributes: "uri='sips:ana@home1.net'")
        let foreign = what("<include>//dm:person</include>", id: "d", attributes: "uri='sip:bo@home1.net'")
        func text(_ filters: String) throws -> String {
            string(try #require(try parse(filterSet(filters)).apply(to: document)).serialised())
        }
        #expect(try text(general + domain + own + foreign).contains("<contact>"))
        #expect(try text(general + domain + foreign).contains("<rpid:class>"))
        #expect(try text(general + foreign).contains("<note>"))
        #expect(try parse(filterSet(foreign)).apply(to: document) == document)
        #expect(
            try parse(filterSet(what("<include>//p:x</include>", attributes: "domain='other.net'"))).apply(to: document)
                == document)
    }

    @Test(
        "a refresh replaces, removes, disables and enables",
        .spec(
            "RFC 4660 §4", "RFC 4660 §5.2", "RFC 4660 §3.3.3/1", "RFC 4660 §5.2.2/2", "RFC 4660 §5.2.2/3",
            "RFC 4660 §5.2.2/4", "RFC 4660 §5.3/1", "RFC 4661 §3.4/3"))
    func merging() throws {
        let document = try Sample.document(self.document)
        var set = try parse(filterSet(what("<include>//p:contact</include>")))
        try set.merge(try parse(filterSet(what("<include>//r:class</include>"))))
        #expect(string(try #require(set.apply(to: document)).serialised()).contains("rpid:class"))
        try set.merge(try parse(filterSet("<filter id='f1' enabled='false'/>")))
        #expect(set.apply(to: document) == document && !set.isEmpty)
        try set.merge(try parse(filterSet(what("<include>//p:none</include>", attributes: "enabled='true'"))))
        #expect(set.apply(to: document) == nil)
        let before = set
        #expect(throws: DocumentFault.self) {
            try set.merge(try parse(filterSet("<filter id='other'/>")))
        }
        #expect(set == before)
        try set.merge(try parse(filterSet("<filter id='f1' remove='true'/>")))
        #expect(set.isEmpty && set.apply(to: document) == document)
    }

    @Test("filters are stored as XML that reads the same", .spec("RFC 4660 §4", "RFC 4661 §7/1"))
    func storing() throws {
        let filters =
            what(
                "<include>//p:tuple[r:class=\"a &amp; b\"]</include><exclude type='namespace'>urn:z</exclude>", id: "a")
            + "<filter id='b' uri='sip:x@y' enabled='false'><trigger><changed from='a' to='b' by='2'>//p:note</changed><added>//r:mood</added></trigger></filter>"
        let set = try parse(filterSet(filters))
        let again = try parse(string(set.serialised()))
        #expect(again == set)
        #expect(try parse(string(again.serialised())) == set)
    }

    @Test(
        "triggers fire on the change they name, and on no other",
        .spec(
            "RFC 4661 §3.6", "RFC 4661 §3.6.1", "RFC 4661 §3.6.2", "RFC 4661 §3.6.3", "RFC 4660 §5.3.2/1",
            "RFC 4661 §3.6/1", "RFC 4661 §3.6.1/1", "RFC 4661 §3.6.2/1", "RFC 4661 §3.6.3/1"),
        arguments: [
            ("<changed>//p:basic</changed>", Sample.tuple("a"), Sample.tuple("a", "closed"), true),
            ("<changed>//p:basic</changed>", Sample.tuple("a"), Sample.tuple("a", note: "n"), false),
            ("<changed to='open'>//p:basic</changed>", Sample.tuple("a", "closed"), Sample.tuple("a"), true),
            ("<changed to='open'>//p:basic</changed>", Sample.tuple("a"), Sample.tuple("a", "closed"), false),
            ("<changed from='open'>//p:basic</changed>", Sample.tuple("a"), Sample.tuple("a", "closed"), true),
            ("<changed from='closed'>//p:basic</changed>", Sample.tuple("a"), Sample.tuple("a", "closed"), false),
            ("<changed by='5'>//p:note</changed>", Sample.tuple("a", note: "10"), Sample.tuple("a", note: "4"), true),
            ("<changed by='5'>//p:note</changed>", Sample.tuple("a", note: "10"), Sample.tuple("a", note: "14"), false),
            ("<changed by='5'>//p:note</changed>", Sample.tuple("a", note: "10"), Sample.tuple("a", note: "x"), false),
            (
                "<changed>//p:contact/@priority</changed>",
                "<tuple id='a'><status/><contact priority='0.1'>sip:a</contact></tuple>",
                "<tuple id='a'><status/><contact priority='0.2'>sip:a</contact></tuple>", true
            ),
            ("<added>//p:tuple</added>", Sample.tuple("a"), Sample.tuple("a") + Sample.tuple("b"), true),
            ("<added>//p:tuple</added>", Sample.tuple("a"), Sample.tuple("a", "closed"), false),
            ("<removed>//p:tuple</removed>", Sample.tuple("a") + Sample.tuple("b"), Sample.tuple("b"), true),
            ("<removed>//p:tuple</removed>", Sample.tuple("a"), Sample.tuple("a") + Sample.tuple("b"), false),
            (
                "<changed>//p:basic</changed><added>//p:note</added>", Sample.tuple("a"), Sample.tuple("a", "closed"),
                false
            ),
            (
                "<changed>//p:basic</changed><added>//p:note</added>", Sample.tuple("a"),
                Sample.tuple("a", "closed", note: "n"), true
            ),
            (
                "<added>//p:none</added></trigger><trigger><changed>//p:basic</changed>", Sample.tuple("a"),
                Sample.tuple("a", "closed"), true
            ),
        ])
    func triggers(_ content: String, _ old: String, _ new: String, _ fires: Bool) throws {
        let set = try parse(filterSet(trigger(content)))
        let fired = set.isTriggered(previous: try Sample.document(old), current: try Sample.document(new))
        #expect(fired == fires)
    }

    @Test("filtering is idempotent and valid for every document", .spec("RFC 4660 §5.3", "RFC 4660 §5.3.1/3"))
    func property() throws {
        var random = SeededRandom(31)
        let selections = [
            "<include>//p:note</include>", "<include>//r:*</include>", "<include>//p:tuple/*</include>",
            "<exclude>//p:status</exclude>", "<exclude>//*</exclude>", "<exclude>//@id</exclude>",
            "<exclude>//p:basic/text()</exclude>", "<include>//p:contact</include><exclude>//p:tuple/p:note</exclude>",
            "<exclude>//dm:deviceID</exclude>", "<include>//@id</include>",
            "<include type='namespace'>urn:example:x</include>",
        ]
        for _ in 0..<600 {
            let document = try PresenceDocument.parse(octets(Sample.random(&random)))
            let set = try parse(filterSet(what(random.pick(selections))))
            guard let once = set.apply(to: document) else { continue }
            #expect(try PresenceDocument.parse(once.serialised()[...]) == once)
            if let twice = set.apply(to: once) { #expect(twice == once) }
        }
    }
}
