import Ground
import MusterTesting
import Testing

@testable import PresenceDocuments

@Suite("Transformations of authorization rules")
struct PolicyTransformationTests {
    /// Everything that a presence document can say, an element of each kind at each of its places.
    private static let full =
        "<tuple id='t1'><status><basic>open</basic><g:geopriv><g:location-info/></g:geopriv><x:in-status/></status>"
        + "<o:willingness><o:basic>open</o:basic></o:willingness>"
        + "<o:registration-state>active</o:registration-state><o:barring-state>active</o:barring-state>"
        + "<o:session-participation><o:basic>open</o:basic></o:session-participation>"
        + "<o:service-description><o:service-id>voice</o:service-id><o:version>1</o:version></o:service-description>"
        + "<rp:class>work</rp:class><rp:privacy><rp:audio/></rp:privacy><rp:relationship><rp:friend/></rp:relationship>"
        + "<rp:service-class><rp:electronic/></rp:service-class><rp:status-icon>http://x/t</rp:status-icon>"
        + "<rp:user-input idle-threshold='600' last-input='2025-06-15T11:00:00Z'>idle</rp:user-input>"
        + "<cc:servcaps><cc:audio>true</cc:audio></cc:servcaps><ci:card>http://x/card</ci:card><x:e>1</x:e>"
        + "<ts:timed-status from='2025-06-15T13:00:00Z'><ts:basic>closed</ts:basic></ts:timed-status>"
        + "<dm:deviceID>urn:uuid:A001</dm:deviceID><contact priority='0.8'>sip:ana@home1.net;transport=tcp</contact>"
        + "<note>tn</note><timestamp>2025-06-15T10:00:00Z</timestamp></tuple>"
        + "<note>all</note>"
        + "<dm:person id='p1'><rp:activities><rp:note>an</rp:note><rp:meeting/></rp:activities><rp:class>work</rp:class>"
        + "<rp:mood><rp:happy/></rp:mood><rp:place-is><rp:audio><rp:quiet/></rp:audio></rp:place-is>"
        + "<rp:place-type><rp:other>cellar</rp:other></rp:place-type><rp:privacy><rp:video/></rp:privacy>"
        + "<rp:sphere><rp:work/></rp:sphere><rp:status-icon>http://x/p</rp:status-icon>"
        + "<rp:time-offset>120</rp:time-offset><rp:user-input idle-threshold='600'>active</rp:user-input>"
        + "<o:overriding-willingness><o:basic>closed</o:basic></o:overriding-willingness><x:e>2</x:e>"
        + "<dm:note>pn</dm:note><dm:timestamp>2025-06-15T10:00:00Z</dm:timestamp></dm:person>"
        + "<dm:device id='d1'><o:network-availability><o:network id='IMS'><o:active/></o:network></o:network-availability>"
        + "<rp:class>work</rp:class><rp:user-input>active</rp:user-input><cc:devcaps/><x:e>3</x:e>"
        + "<dm:deviceID>urn:uuid:A001</dm:deviceID><dm:note>dn</dm:note>"
        + "<dm:timestamp>2025-06-15T10:00:00Z</dm:timestamp></dm:device><x:e>4</x:e>"

    private static let geopriv = " xmlns:g=\"urn:ietf:params:xml:ns:pidf:geopriv10\""

    private static var document: PresenceDocument {
        get throws {
            let text = Sample.pidf(Self.full).replacing(" entity=", with: "\(Self.geopriv) entity=")
            return try PresenceDocument.parse(octets(text))
        }
    }

    /// What is always there of every occurrence.
    private static let bare = [
        "<tuple id=\"t1\">", "<status><basic>open</basic></status>",
        "<op:service-description><op:service-id>voice</op:service-id><op:version>1</op:version></op:service-description>",
        "<rpid:service-class><rpid:electronic/></rpid:service-class>",
        "<contact priority=\"0.8\">sip:ana@home1.net;transport=tcp</contact>",
        "<timestamp>2025-06-15T10:00:00Z</timestamp>", "</tuple>", "<dm:person id=\"p1\">",
        "<dm:timestamp>2025-06-15T10:00:00Z</dm:timestamp>", "</dm:person>", "<dm:device id=\"d1\">",
        "<dm:deviceID>urn:uuid:A001</dm:deviceID>", "<dm:timestamp>2025-06-15T10:00:00Z</dm:timestamp>", "</dm:device>",
    ]

    private static func shown(_ transformations: String) throws -> PresenceDocument {
        let rules = try PolicySample.ruleset(PolicySample.rule("r", nil, show: transformations))
        let filtered = rules.rules[0].permissions.apply(to: try Self.document)
        #expect(try PresenceDocument.parse(filtered.serialised()[...]) == filtered)
        #expect(rules.rules[0].permissions.apply(to: filtered) == filtered)
        return filtered
    }

    private static func count(_ part: String, in text: String) -> Int {
        text.split(separator: part, omittingEmptySubsequences: false).count - 1
    }

    @Test("without permissions only the presentity is named", .spec("RFC 5025 §3.3/1"))
    func nothing() throws {
        #expect(PolicySample.body(try Self.shown("")) == "")
        #expect(string(try Self.shown("").serialised()).contains(" entity=\"sip:ana@home1.net\""))
        // Nothing of what is gone is left, not even the names of namespaces.
        #expect(!string(try Self.shown("").serialised()).contains("rpid"))
    }

    @Test(
        "what is provided comes with what is always there, and with nothing else",
        .spec("RFC 5025 §3.3.2/1", "RFC 5025 §4/2", "REQ-OMAPRS-12"))
    func always() throws {
        #expect(PolicySample.body(try Self.shown(PolicySample.everything)) == Self.bare.joined())
    }

    @Test(
        "each permission shows its element and nothing else",
        .spec(
            "RFC 5025 §3.3.2.1/1", "RFC 5025 §3.3.2.2/1", "RFC 5025 §3.3.2.3/1", "RFC 5025 §3.3.2.4/1",
            "RFC 5025 §3.3.2.5/1", "RFC 5025 §3.3.2.6/1", "RFC 5025 §3.3.2.7/1", "RFC 5025 §3.3.2.8/1",
            "RFC 5025 §3.3.2.9/1", "RFC 5025 §3.3.2.10/1", "RFC 5025 §3.3.2.11/1", "RFC 5025 §3.3.2.13/1",
            "RFC 5025 §5/1", "REQ-OMAPRS-6", "REQ-OMAPRS-7", "REQ-OMAPRS-8", "REQ-OMAPRS-9", "REQ-OMAPRS-10",
            "REQ-OMAPRS-11"),
        arguments: [
            ("pr:provide-activities", ["<rpid:activities><rpid:note>an</rpid:note><rpid:meeting/></rpid:activities>"]),
            (
                "pr:provide-class",
                ["<rpid:class>work</rpid:class>", "<rpid:class>work</rpid:class>", "<rpid:class>work</rpid:class>"]
            ),
            ("pr:provide-deviceID", ["<dm:deviceID>urn:uuid:A001</dm:deviceID>"]),
            ("pr:provide-mood", ["<rpid:mood><rpid:happy/></rpid:mood>"]),
            ("pr:provide-place-is", ["<rpid:place-is><rpid:audio><rpid:quiet/></rpid:audio></rpid:place-is>"]),
            ("pr:provide-place-type", ["<rpid:place-type><rpid:other>cellar</rpid:other></rpid:place-type>"]),
            (
                "pr:provide-privacy",
                ["<rpid:privacy><rpid:audio/></rpid:privacy>", "<rpid:privacy><rpid:video/></rpid:privacy>"]
            ),
            ("pr:provide-relationship", ["<rpid:relationship><rpid:friend/></rpid:relationship>"]),
            ("pr:provide-sphere", ["<rpid:sphere><rpid:work/></rpid:sphere>"]),
            (
                "pr:provide-status-icon",
                ["<rpid:status-icon>http://x/t</rpid:status-icon>", "<rpid:status-icon>http://x/p</rpid:status-icon>"]
            ),
            ("pr:provide-time-offset", ["<rpid:time-offset>120</rpid:time-offset>"]),
            (
                "pr:provide-note",
                ["<note>tn</note>", "<note>all</note>", "<dm:note>pn</dm:note>", "<dm:note>dn</dm:note>"]
            ),
            (
                "op:provide-willingness",
                [
                    "<op:willingness><op:basic>open</op:basic></op:willingness>",
                    "<op:overriding-willingness><op:basic>closed</op:basic></op:overriding-willingness>",
                ]
            ),
            (
                "op:provide-network-availability",
                ["<op:network-availability><op:network id=\"IMS\"><op:active/></op:network></op:network-availability>"]
            ),
            (
                "op:provide-session-participation",
                ["<op:session-participation><op:basic>open</op:basic></op:session-participation>"]
            ),
            ("op:provide-registration-state", ["<op:registration-state>active</op:registration-state>"]),
            ("op:provide-barring-state", ["<op:barring-state>active</op:barring-state>"]),
            (
                "op:provide-geopriv",
                ["<g:geopriv xmlns:g=\"urn:ietf:params:xml:ns:pidf:geopriv10\"><g:location-info/></g:geopriv>"]
            ),
        ])
    func attribute(_ name: String, _ elements: [String]) throws {
        let value = name.hasSuffix("geopriv") ? "full" : "true"
        let body = PolicySample.body(try Self.shown(PolicySample.everything + "<\(name)>\(value)</\(name)>"))
        for element in elements { #expect(body.contains(element), "\(element) is missing") }
        #expect(body.count == Self.bare.joined().count + elements.joined().count, "something else is there: \(body)")
        for absent in ["false", "0", "", "maybe"] {
            let hidden = try Self.shown(PolicySample.everything + "<\(name)>\(absent)</\(name)>")
            #expect(PolicySample.body(hidden) == Self.bare.joined())
        }
        // Without an occurrence there is nothing for it to stand in.
        let alone = PolicySample.body(try Self.shown("<\(name)>\(value)</\(name)>"))
        #expect(alone == (name == "pr:provide-note" ? "<note>all</note>" : ""))
    }

    @Test(
        "user input has three levels", .spec("RFC 5025 §3.3.2.12/2", "RFC 5025 §3.3.2.12/1"),
        arguments: [
            ("false", []), ("nonsense", []),
            (
                "bare",
                [
                    "<rpid:user-input>idle</rpid:user-input>", "<rpid:user-input>active</rpid:user-input>",
                    "<rpid:user-input>active</rpid:user-input>",
                ]
            ),
            (
                "thresholds",
                [
                    "<rpid:user-input idle-threshold=\"600\">idle</rpid:user-input>",
                    "<rpid:user-input idle-threshold=\"600\">active</rpid:user-input>",
                    "<rpid:user-input>active</rpid:user-input>",
                ]
            ),
            (
                "full",
                [
                    "<rpid:user-input idle-threshold=\"600\" last-input=\"2025-06-15T11:00:00Z\">idle</rpid:user-input>",
                    "<rpid:user-input idle-threshold=\"600\">active</rpid:user-input>",
                    "<rpid:user-input>active</rpid:user-input>",
                ]
            ),
        ])
    func userInput(_ level: String, _ elements: [String]) throws {
        let body = PolicySample.body(
            try Self.shown(PolicySample.everything + "<pr:provide-user-input>\(level)</pr:provide-user-input>"))
        for element in elements { #expect(body.contains(element), "\(element) is missing") }
        #expect(body.count == Self.bare.joined().count + elements.joined().count)
    }

    private func unknown(_ name: String, _ namespace: String, _ value: String = "true") -> String {
        PolicySample.everything
            + "<pr:provide-unknown-attribute name=\"\(name)\" ns=\"\(namespace)\">\(value)</pr:provide-unknown-attribute>"
    }

    @Test(
        "unknown elements are shown by name and namespace",
        .spec("RFC 5025 §3.3.2.14/1", "RFC 5025 §3.3.2.14/2"),
        arguments: [
            ("e", "urn:example:x", 4), ("in-status", "urn:example:x", 1), ("e", "urn:example:y", 0),
            ("E", "urn:example:x", 0),
            ("servcaps", "urn:ietf:params:xml:ns:pidf:caps", 1), ("devcaps", "urn:ietf:params:xml:ns:pidf:caps", 1),
            ("card", "urn:ietf:params:xml:ns:pidf:cipid", 1),
            ("timed-status", "urn:ietf:params:xml:ns:pidf:timed-status", 1),
            // These have permissions of their own.
            ("mood", "urn:ietf:params:xml:ns:pidf:rpid", 0), ("user-input", "urn:ietf:params:xml:ns:pidf:rpid", 0),
            ("class", "urn:ietf:params:xml:ns:pidf:rpid", 0), ("note", "urn:ietf:params:xml:ns:pidf", 0),
            ("note", "urn:ietf:params:xml:ns:pidf:data-model", 0),
            ("deviceID", "urn:ietf:params:xml:ns:pidf:data-model", 0),
            ("willingness", "urn:oma:xml:prs:pidf:oma-pres", 0),
            ("geopriv", "urn:ietf:params:xml:ns:pidf:geopriv10", 0), ("mood", "urn:example:x", 0), ("e", "", 0),
        ])
    func unknownAttribute(_ name: String, _ namespace: String, _ times: Int) throws {
        let body = PolicySample.body(try Self.shown(self.unknown(name, namespace)))
        let found =
            Self.count("<x:\(name) ", in: body) + Self.count(":\(name)>", in: body)
            + Self.count(":\(name)/>", in: body) + Self.count(":\(name) ", in: body)
        #expect(times == 0 ? body == Self.bare.joined() : body.count > Self.bare.joined().count && found >= times)
        #expect(PolicySample.body(try Self.shown(self.unknown(name, namespace, "false"))) == Self.bare.joined())
    }

    @Test("all attributes show all there is in what is provided", .spec("RFC 5025 §3.3.2.15/1"))
    func allAttributes() throws {
        let document = try Self.document
        #expect(try Self.shown(PolicySample.everything + "<pr:provide-all-attributes/>") == document)
        let persons = "<pr:provide-persons><pr:all-persons/></pr:provide-persons><pr:provide-all-attributes/>"
        let body = PolicySample.body(try Self.shown(persons))
        #expect(!body.contains("<tuple") && !body.contains("<dm:device "))
        #expect(
            PolicySample.body(document).contains(
                body.replacing("<note>all</note>", with: "").prefix { $0 != "@" }.prefix(200)))
        #expect(body.contains("<rpid:mood>") && body.contains("<x:e xmlns:x=\"urn:example:x\">2</x:e>"))
        #expect(Permissions.everything.apply(to: document) == document)
    }

    @Test(
        "foreign attributes of XML are shown with all attributes only", .spec("RFC 5025 §3.3/1", "RFC 5025 §3.3.2.15/1")
    )
    func foreignAttributes() throws {
        let content =
            "<tuple id='t' x:a='1'><status x:a='2'><basic x:a='3'>open</basic></status><contact x:a='4'>sip:a@b</contact></tuple>"
            + "<dm:person id='p' x:a='5'><dm:timestamp x:a='6'>2025-06-15T10:00:00Z</dm:timestamp></dm:person>"
            + "<dm:device id='d' x:a='7'><dm:deviceID x:a='8'>urn:d</dm:deviceID></dm:device>"
        let body = try PolicySample.shown(PolicySample.everything, of: content)
        #expect(
            body
                == "<tuple id=\"t\"><status><basic>open</basic></status><contact>sip:a@b</contact></tuple><dm:person id=\"p\">"
                + "<dm:timestamp>2025-06-15T10:00:00Z</dm:timestamp></dm:person><dm:device id=\"d\"><dm:deviceID>urn:d</dm:deviceID></dm:device>"
        )
        let all = try PolicySample.shown(PolicySample.everything + "<pr:provide-all-attributes/>", of: content)
        #expect(Self.count(":a=", in: all) == 8)
    }

    @Test("what everybody sees of a tuple brings nothing else with it", .spec("RFC 5025 §3.3/1", "REQ-OMAPRS-12"))
    func serviceDescription() throws {
        let content =
            "<tuple id='t'><status/><rp:user-input x:a='1' last-input='2025-06-15T10:00:00Z'>idle</rp:user-input>"
            + "<o:service-description x:a='2'><o:service-id x:a='3'>voice</o:service-id><o:version>1</o:version>"
            + "<o:description>call me</o:description><x:e>secret</x:e></o:service-description>"
            + "<rp:service-class x:a='4'><rp:postal/></rp:service-class></tuple>"
        let identity =
            "<op:service-description><op:service-id>voice</op:service-id><op:version>1</op:version>"
            + "<op:description>call me</op:description>"
        let end = "</op:service-description><rpid:service-class><rpid:postal/></rpid:service-class></tuple>"
        #expect(
            try PolicySample.shown(PolicySample.everything, of: content)
                == "<tuple id=\"t\"><status/>" + identity + end)
        let named = "<pr:provide-unknown-attribute name=\"e\" ns=\"urn:example:x\">true</pr:provide-unknown-attribute>"
        #expect(
            try PolicySample.shown(PolicySample.everything + named, of: content)
                == "<tuple id=\"t\"><status/>" + identity + "<x:e xmlns:x=\"urn:example:x\">secret</x:e>" + end)
        for (level, input) in [
            ("bare", "<rpid:user-input>"), ("thresholds", "<rpid:user-input>"),
            ("full", "<rpid:user-input x:a=\"1\" last-input=\"2025-06-15T10:00:00Z\" xmlns:x=\"urn:example:x\">"),
        ] {
            let rule = PolicySample.everything + "<pr:provide-user-input>\(level)</pr:provide-user-input>"
            #expect(
                try PolicySample.shown(rule, of: content)
                    == "<tuple id=\"t\"><status/>" + input + "idle</rpid:user-input>" + identity + end)
        }
    }

    @Test("a name means something only at its own place", .spec("RFC 5025 §3.3/1"))
    func misplaced() throws {
        let content =
            "<tuple id='t'><status><rp:service-class><rp:postal/></rp:service-class></status><dm:timestamp>2025-06-15T10:00:00Z</dm:timestamp></tuple>"
            + "<dm:person id='p'><rp:service-class><rp:postal/></rp:service-class></dm:person>"
        #expect(
            try PolicySample.shown(PolicySample.everything, of: content)
                == "<tuple id=\"t\"><status/></tuple><dm:person id=\"p\"/>")
        #expect(
            try PolicySample.shown(
                PolicySample.everything + "<pr:provide-mood>true</pr:provide-mood>",
                of: "<tuple id='t'><status><rp:mood><rp:sad/></rp:mood></status></tuple>")
                == "<tuple id=\"t\"><status><rpid:mood><rpid:sad/></rpid:mood></status></tuple>")
    }

    // MARK: Occurrences

    private static let several =
        "<tuple id='t1'><status/><rp:class>work</rp:class><contact>sip:ana@home1.net</contact></tuple>"
        + "<tuple id='t2'><status/><rp:class>home</rp:class><contact>mailto:ana@home1.net</contact></tuple>"
        + "<tuple id='t3'><status/><o:service-description><o:service-id>voice</o:service-id><o:version>1</o:version></o:service-description></tuple>"
        + "<tuple id='t4'><status/><contact>tel:+1-201-555-0123</contact></tuple>"
        + "<dm:person id='p1'><rp:class>work</rp:class></dm:person><dm:person id='p2'/>"
        + "<dm:device id='d1'><rp:class>work</rp:class><dm:deviceID>urn:uuid:AAAA</dm:deviceID></dm:device>"
        + "<dm:device id='d2'><dm:deviceID>urn:example:Box</dm:deviceID></dm:device>"

    @Test(
        "occurrences are shown by what names them",
        .spec(
            "RFC 5025 §3.3.1.1/1", "RFC 5025 §3.3.1.1/2", "RFC 5025 §3.3.1.2/1", "RFC 5025 §3.3.1.2/2",
            "RFC 5025 §3.3.1.3/1", "RFC 5025 §3.3.1.3/2", "RFC 5025 §3.3.1.3/3", "REQ-OMAPRS-12"),
        arguments: [
            ("services", "<pr:all-services/>", "t1 t2 t3 t4"), ("services", "", ""),
            ("services", "<pr:class>work</pr:class>", "t1"), ("services", "<pr:class> work </pr:class>", "t1"),
            ("services", "<pr:class>Work</pr:class>", ""),
            ("services", "<pr:occurrence-id>t2</pr:occurrence-id>", "t2"),
            ("services", "<pr:occurrence-id>T2</pr:occurrence-id>", ""),
            ("services", "<pr:occurrence-id>p1</pr:occurrence-id>", ""),
            ("services", "<pr:service-uri-scheme>sip</pr:service-uri-scheme>", "t1"),
            ("services", "<pr:service-uri-scheme>SIP</pr:service-uri-scheme>", ""),
            (
                "services",
                "<pr:service-uri-scheme>tel</pr:service-uri-scheme><pr:service-uri-scheme>mailto</pr:service-uri-scheme>",
                "t2 t4"
            ),
            ("services", "<pr:service-uri>sip:ana@HOME1.net</pr:service-uri>", "t1"),
            ("services", "<pr:service-uri>sips:ana@home1.net</pr:service-uri>", ""),
            ("services", "<pr:service-uri>sip:ana@home1.net;transport=tcp</pr:service-uri>", ""),
            ("services", "<pr:service-uri>sip:ana@home1.net;gr=1</pr:service-uri>", "t1"),
            ("services", "<pr:service-uri>mailto:ana@home1.net</pr:service-uri>", "t2"),
            ("services", "<pr:service-uri>tel:+12015550123</pr:service-uri>", "t4"),
            ("services", "<op:service-id>voice</op:service-id>", "t3"),
            ("services", "<op:service-id>video</op:service-id>", ""),
            ("services", "<pr:service-id>voice</pr:service-id>", ""),
            ("services", "<x:all-services/><pr:all-persons/>", ""), ("services", "<pr:class/>", ""),
            (
                "services", "<pr:class>home</pr:class><pr:occurrence-id>t4</pr:occurrence-id><x:y>t3</x:y>", "t2 t4"
            ), ("persons", "<pr:all-persons/>", "p1 p2"), ("persons", "<pr:class>work</pr:class>", "p1"),
            ("persons", "<pr:occurrence-id>p2</pr:occurrence-id>", "p2"), ("persons", "<pr:class></pr:class>", ""),
            ("devices", "<pr:all-devices/>", "d1 d2"), ("devices", "<pr:class>work</pr:class>", "d1"),
            ("devices", "<pr:occurrence-id>d2</pr:occurrence-id>", "d2"),
            ("devices", "<pr:deviceID>URN:UUID:aaaa</pr:deviceID>", "d1"),
            ("devices", "<pr:deviceID>urn:example:Box</pr:deviceID>", "d2"),
            ("devices", "<pr:deviceID>urn:example:box</pr:deviceID>", ""),
            ("devices", "<pr:deviceID>urn:uuid:bbbb</pr:deviceID>", ""),
        ])
    func occurrences(_ kind: String, _ members: String, _ expected: String) throws {
        let body = try PolicySample.shown("<pr:provide-\(kind)>\(members)</pr:provide-\(kind)>", of: Self.several)
        let ids = body.split(separator: " id=\"").dropFirst().map { $0.prefix { $0 != "\"" } }.joined(separator: " ")
        #expect(ids == expected)
    }

    @Test(
        "service URIs are compared by the rules of SIP", .spec("RFC 5025 §3.3.1.3/3"),
        arguments: [
            ("sip:a@h", "sip:a@H", true), ("sip:a@h", "SIP:a@h", true), ("sip:a@h", "sip:A@h", false),
            ("sip:a@h", "sip:a@h:5060", false), ("sip:a@h;user=phone", "sip:a@h", false),
            ("sip:a@h;x=1", "sip:a@h;y=2", true), ("sip:a@h;x=1;y=2", "sip:a@h;y=2;x=1", true),
            ("sip:a@h;gr=1", "sip:a@h;gr=2", false), ("sip:a@h;lr;maddr=x", "sip:a@h;lr;maddr=X", true),
            ("sip:a@h?s=1&t=2", "sip:a@h?t=2&s=1", true), ("sip:a@h?s=1", "sip:a@h", false),
            ("sip:h;ttl=1", "sip:h;ttl=1", true), ("sip:a;b@h", "sip:a;b@h", true), ("sip:a;b@h", "sip:a@h", false),
            ("http://H/a", "http://h/a", false), ("HTTP://h/a", "http://h/a", true), ("tel:+1-2", "tel:+12", true),
            ("", "", true), ("nothing", "nothing", true),
        ])
    func serviceURIs(_ left: String, _ right: String, _ isSame: Bool) {
        let one = GrantedServiceURI(octets(left))
        let other = GrantedServiceURI(octets(right))
        #expect(one.isEquivalent(to: other) == isSame)
        #expect(other.isEquivalent(to: one) == isSame)
        if isSame { #expect(one.base == other.base) }
    }

    @Test(
        "what a class selects is shown without its class, however often it is filtered",
        .spec("RFC 5025 §4/1", "RFC 5025 §3.3.2.2/1"))
    func classIsPrivate() throws {
        let rules = try PolicySample.ruleset(
            PolicySample.rule("r", nil, show: "<pr:provide-services><pr:class>work</pr:class></pr:provide-services>"))
        let permissions = rules.rules[0].permissions
        let once = permissions.apply(to: try Sample.document(Self.several))
        #expect(PolicySample.body(once) == "<tuple id=\"t1\"><status/><contact>sip:ana@home1.net</contact></tuple>")
        #expect(permissions.apply(to: once) == once)
        #expect(permissions.apply(to: permissions.apply(to: once)) == once)
    }

    @Test("everything gives the very same document", .spec("RFC 5025 §3.3.2.15/1"))
    func everything() throws {
        let document = try Sample.document(Self.several)
        #expect(Permissions.everything.apply(to: document).tree.nodes.count == document.tree.nodes.count)
        #expect(Permissions.nothing.apply(to: document) == .empty(entity: document.entityOctets))
        #expect(
            Permissions.nothing.apply(to: .offline(entity: document.entityOctets))
                == .empty(entity: document.entityOctets))
    }
}
