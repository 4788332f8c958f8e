import Ground
import MusterTesting
import Testing

@testable import PresenceDocuments

@Suite("Validation of presence documents")
struct ValidationTests {
    @Test(
        "documents that the schemas allow are accepted",
        .spec(
            "RFC 3863 §4", "RFC 3863 §4.1", "RFC 4479 §5", "RFC 4480 §3", "RFC 4482 §3", "RFC 5196 §3", "RFC 4481 §2",
            "REQ-24141-3", "REQ-24141-40"),
        arguments: [
            "", Sample.tuple("a"), "<note>n</note>", "<tuple id='a'><status/></tuple>",
            "<tuple id='a'><status><basic>closed</basic><x:y/></status><x:z/><contact priority='0.25'>tel:+1</contact>"
                + "<note xml:lang='en'>a</note><note>b</note><timestamp>2025-03-01T08:00:00.5+02:00</timestamp></tuple>",
            "<dm:person id='p'><rp:activities><rp:note>x</rp:note><rp:away/><rp:other>chess</rp:other><x:y/></rp:activities>"
                + "<rp:mood><rp:in_love/></rp:mood><rp:time-offset>-60</rp:time-offset>"
                + "<rp:user-input idle-threshold='60' last-input='2025-03-01T08:00:00Z'>idle</rp:user-input>"
                + "<rp:place-is><rp:audio><rp:noisy/></rp:audio></rp:place-is><rp:sphere><rp:work/></rp:sphere>"
                + "<dm:note>n</dm:note><dm:timestamp>2025-03-01T08:00:00Z</dm:timestamp></dm:person>",
            "<dm:device id='d'><rp:user-input>active</rp:user-input><dm:deviceID>urn:x</dm:deviceID><dm:note>n</dm:note></dm:device>",
            "<tuple id='a'><status/><ts:timed-status from='2025-03-01T08:00:00Z' until='2025-03-02T08:00:00Z'><ts:basic>closed</ts:basic></ts:timed-status></tuple>",
            "<dm:person id='p'><ci:display-name>Ana</ci:display-name><ci:icon>http://x/y</ci:icon></dm:person>",
            "<tuple id='a'><status/><cc:servcaps><cc:audio>1</cc:audio><cc:methods><cc:supported><cc:ACK/></cc:supported></cc:methods></cc:servcaps></tuple>",
            "<x:any mustUnderstand='no'/>", "<rp:unheard-of/>",
            // Two liberties that deployed clients take.
            "<dm:person id='p4159'><rp:activities/></dm:person>" + Sample.tuple("t4109", contact: "sip:a@b"),
        ])
    func accepted(_ content: String) throws {
        let document = try Sample.document(content)
        let bytes = document.serialised()
        #expect(try PresenceDocument.parse(bytes[...]).serialised() == bytes)
    }

    @Test(
        "documents that break a schema are refused with 400",
        .spec(
            "RFC 3863 §4", "RFC 3863 §4.1", "RFC 4479 §5", "RFC 4480 §3", "RFC 4482 §3", "RFC 5196 §3", "RFC 4481 §2"),
        arguments: [
            "<tuple id='a'/>", "<tuple><status/></tuple>", "<tuple id=''><status/></tuple>",
            "<tuple id='1a'><status/></tuple>", "<tuple id='a b'><status/></tuple>",
            Sample.tuple("a") + Sample.tuple("a"), Sample.tuple("a") + "<dm:person id='a'/>",
            "<tuple id='a'><status><basic>maybe</basic></status></tuple>",
            "<tuple id='a'><status><basic/></status></tuple>",
            "<tuple id='a'><status><basic>open</basic><basic>open</basic></status></tuple>",
            "<tuple id='a'><status/><status/></tuple>", "<tuple id='a'><contact>sip:a@b</contact><status/></tuple>",
            "<tuple id='a'><status/><note>n</note><contact>sip:a@b</contact></tuple>",
            "<tuple id='a'><status/><contact>sip:a@b</contact><x:y/></tuple>",
            "<tuple id='a'><status/><contact>a</contact><contact>b</contact></tuple>",
            "<tuple id='a'><status/><contact priority='2'>sip:a@b</contact></tuple>",
            "<tuple id='a'><status/><contact priority='0.1234'>sip:a@b</contact></tuple>",
            "<tuple id='a'><status/><contact>not a uri</contact></tuple>",
            "<tuple id='a'><status/><timestamp>yesterday</timestamp></tuple>",
            "<tuple id='a'><status/><timestamp>2025-02-30T08:00:00Z</timestamp></tuple>",
            "<tuple id='a'>text<status/></tuple>", "<tuple id='a' k='1'><status/></tuple>", "<unknown/>", "text",
            "<status/>", "<note><b/></note>", "<dm:person/>",
            "<dm:person id='p'><dm:note>a</dm:note><rp:mood/></dm:person>",
            "<dm:device id='d'/>", "<dm:device id='d'><dm:deviceID/></dm:device>",
            "<dm:person id='p'><rp:activities><rp:happy/></rp:activities></dm:person>",
            "<dm:person id='p'><rp:activities><rp:away>x</rp:away></rp:activities></dm:person>",
            "<dm:person id='p'><rp:activities from='now'><rp:away/></rp:activities></dm:person>",
            "<dm:person id='p'><rp:sphere><rp:home/><rp:work/></rp:sphere></dm:person>",
            "<dm:person id='p'><rp:time-offset>x</rp:time-offset></dm:person>",
            "<dm:person id='p'><rp:user-input>maybe</rp:user-input></dm:person>",
            "<dm:person id='p'><rp:place-is><rp:smell/></rp:place-is></dm:person>",
            "<dm:person id='p'><ci:icon>not a uri</ci:icon></dm:person>",
            "<tuple id='a'><status/><cc:servcaps><cc:audio>yes</cc:audio></cc:servcaps></tuple>",
            "<tuple id='a'><status/><ts:timed-status/></tuple>",
            "<tuple id='a'><status/><o:willingness><o:basic>x</o:basic></o:willingness></tuple>",
            "<tuple id='a'><status/><o:service-description/></tuple>",
        ])
    func refused(_ content: String) {
        let fault = #expect(throws: DocumentFault.self, "\(content)") { try Sample.document(content) }
        #expect(fault?.status == 400)
        #expect(fault?.reason.hasPrefix("Bad PIDF: ") == true)
    }

    @Test("the root must be presence and name its entity", .spec("RFC 3863 §4.1.1", "RFC 3863 §4.1.2"))
    func root() {
        for text in [
            "<presence entity='sip:a@b'/>", "<a xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:a@b'/>",
            "<presence xmlns='urn:ietf:params:xml:ns:pidf'/>",
            "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity=''/>",
            "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='ana'/>", "", "garbage",
            Sample.pidf(Sample.tuple("a")).replacingLast(20), "<!DOCTYPE presence>" + "<presence/>",
        ] {
            let fault = #expect(throws: DocumentFault.self, "\(text)") { try PresenceDocument.parse(octets(text)) }
            #expect(fault?.status == 400)
        }
        let large = Sample.pidf("<note>" + String(repeating: "x", count: 300_000) + "</note>")
        #expect(throws: DocumentFault.self) { try PresenceDocument.parse(octets(large)) }
        let fault = #expect(throws: DocumentFault.self) { try PresenceDocument.parse(octets(large)) }
        #expect(fault?.status == 413)
    }

    @Test("mustUnderstand is a boolean, and is shown to whoever watches", .spec("RFC 3863 §4.2.4"))
    func mustUnderstand() throws {
        let pidf = "urn:ietf:params:xml:ns:pidf"
        let document = try Sample.document("<x:y xmlns:pp='\(pidf)' pp:mustUnderstand='1'/>")
        #expect(document.summary.mandatoryExtensions == ["{urn:example:x}y"])
        #expect(throws: DocumentFault.self) {
            try Sample.document("<x:y xmlns:pp='\(pidf)' pp:mustUnderstand='maybe'/>")
        }
    }

    @Test("the entity is compared as a public identity", .spec("RFC 3859 §2", "REQ-23141-3"))
    func entities() {
        for (uri, key) in [
            ("sip:ana@HOME1.net", "sip:ana@home1.net"), ("pres:ana@home1.net", "sip:ana@home1.net"),
            ("sips:ana:pw@home1.net:5061;transport=tls?x=y", "sip:ana@home1.net"), ("tel:+1-201.555", "tel:+1201555"),
            ("sip:%61na@home1.net", "sip:ana@home1.net"), ("sip:a%40b@h", "sip:a%40b@h"),
            ("sip:[::1]:5060", "sip:[::1]"),
            ("sip:home1.net;a=b", "sip:home1.net"), ("x", "x"), ("", ""),
        ] {
            #expect(string(EntityURI.canonical(octets(uri))) == key)
        }
    }

    @Test("a document is about the presentity that its entity is another form of", .spec("RFC 3859 §2"))
    func aboutness() throws {
        for (entity, presentity, isAbout) in [
            ("sip:ana@home1.net", "sip:ana@home1.net", true), ("pres:ana@HOME1.net", "sip:ana@home1.net", true),
            (" sip:ana@home1.net ", "sip:ana@home1.net", true), ("sip:%61na@home1.net", "sip:ana@home1.net", true),
            ("sip:%61na@home1.net", "sip:%61na@home1.net", false), ("sip:ana@home1.net", "sip:bob@home1.net", false),
            ("sip:ana@home1.net", "sip:ana@home1.ne", false),
        ] {
            let document = try PresenceDocument.parse(
                octets("<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='\(entity)'/>"))
            #expect(document.isAbout(Array(presentity.utf8)) == isAbout, "\(entity)")
        }
    }

    @Test("the canonical form does not depend on how a document was written", .spec("RFC 3863 §4.1"))
    func canonical() throws {
        let one = try Sample.document(Sample.tuple("b") + Sample.tuple("a") + "<dm:person id='p'/>")
        let other = try PresenceDocument.parse(
            octets(
                """
                <q:presence xmlns:q="urn:ietf:params:xml:ns:pidf" entity='sip:ana@home1.net'><!-- x -->
                  <person xmlns="urn:ietf:params:xml:ns:pidf:data-model" id="p"></person>
                  <q:tuple id="a"><q:status><q:basic>open</q:basic></q:status></q:tuple>
                  <q:tuple id="b"><q:status><q:basic>open</q:basic></q:status></q:tuple>
                </q:presence>
                """))
        #expect(one == other)
        #expect(one.serialised() == other.serialised())
        #expect(one.tree != other.tree)
    }

    @Test(
        "unknown extensions pass untouched, with the prefixes their values use",
        .spec("RFC 3863 §4.2", "REQ-23141-3", "REQ-23141-7"))
    func extensions() throws {
        let document = try PresenceDocument.parse(octets(Sample.full))
        let text = string(document.serialised())
        #expect(text.contains("<x:y x:z=\"x:q\" xmlns:x=\"urn:example:x\">t<x:w/></x:y>"))
        #expect(text.contains("<rpid:activities><rpid:meeting/></rpid:activities>"))
        #expect(try PresenceDocument.parse(octets(text)) == document)
    }

    @Test("dates are read and written", .spec("RFC 3863 §4.1.6"))
    func dates() throws {
        #expect(LexicalForms.dateTime(octets("1970-01-01T00:00:01Z")) == Instant(seconds: 1))
        #expect(LexicalForms.dateTime(octets("2024-02-29T23:59:59+01:00")) == Instant(seconds: 1_709_247_599))
        #expect(LexicalForms.dateTime(octets("2024-02-30T00:00:00Z")) == nil)
        #expect(LexicalForms.dateTime(octets("9999-12-31T00:00:00Z")) == .distantFuture)
        for text in ["", "2024", "2024-1-1T00:00:00Z", "2024-01-01T00:00:00.Z", "2024-01-01T25:00:00Z"] {
            #expect(LexicalForms.dateTime(octets(text)) == nil)
        }
        for seconds: Int64 in [0, 951_782_400, 1_709_247_599, 4_102_444_800, -86_400] {
            let text = LexicalForms.text(of: Instant(seconds: seconds))
            #expect(LexicalForms.dateTime(octets(text)) == Instant(seconds: seconds), "\(text)")
        }
    }

    @Test("a draft becomes a valid document, whatever words it is given", .spec("RFC 3863 §4.1", "RFC 4480 §3.2"))
    func drafts() throws {
        var draft = PresenceDraft(entity: octets("sip:ana@home1.net"))
        draft.tuples = [.init(id: "a b", isOpen: true, contact: "sip:x", notes: ["<&\u{1}>"], timestamp: .zero)]
        draft.tuples.append(.init(id: "a b", isOpen: false, contact: "no uri"))
        draft.persons = [.init(id: "p", activities: ["away", "chess"], moods: ["happy"], notes: ["n"])]
        let summary = try PresenceDocument.parse(draft.document.serialised()[...]).summary
        #expect(summary.services.count == 2 && summary.isOpen == true)
        #expect(summary.persons.first?.activities == ["away", "chess"])
        #expect(summary.persons.first?.moods == ["happy"])
        let offline = PresenceDocument.offline(entity: octets("sip:ana@home1.net"))
        #expect(offline.summary.isOpen == false && offline.persons.isEmpty && offline.devices.isEmpty)
        #expect(offline.serialised() == PresenceDocument.offline(entity: octets("sip:ana@home1.net")).serialised())
        #expect(PresenceDraft.knownActivities.contains("on-the-phone"))
    }
}

extension String {
    fileprivate func replacingLast(_ count: Int) -> String { String(self.dropLast(count)) }
}
