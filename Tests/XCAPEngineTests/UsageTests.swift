import Ground
import MusterTesting
import Synchronization
import Testing
import XCAPEngine
import XMLTree

private let lists = """
    <?xml version="1.0" encoding="UTF-8"?>
    <resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists" xmlns:x="urn:x">
      <list name="friends" x:colour="red">
        <display-name xml:lang="en">Friends</display-name>
        <entry uri="sip:bo@home2.net"><display-name>Bo</display-name><x:note/></entry>
        <list name="close"><entry uri="sip:bo@home2.net"/></list>
        <entry-ref ref="resource-lists/users/sip:cy@home1.net/index/~~/resource-lists/list%5B@name=%22l1%22%5D/entry%5B1%5D"/>
        <external anchor="http://other.net/xcap/resource-lists/users/sip:di@other.net/index/~~/resource-lists/list%5B1%5D"/>
        <x:anything><x:y/></x:anything>
      </list>
      <list name="close"/>
      <list/><list/>
    </resource-lists>
    """

private let services = """
    <rls-services xmlns="urn:ietf:params:xml:ns:rls-services" xmlns:rl="urn:ietf:params:xml:ns:resource-lists">
      <service uri="sip:friends@home1.net">
        <resource-list>http://xcap.home1.net/xcap/resource-lists/users/sip:ana@home1.net/index/~~/resource-lists/list%5B@name=%22friends%22%5D</resource-list>
        <packages><package>presence</package></packages>
      </service>
      <service uri="sip:work@home1.net">
        <list name="work"><rl:entry uri="sip:bo@home2.net"/><rl:entry uri="sip:cy@home2.net"/></list>
      </service>
    </rls-services>
    """

private let rules = """
    <?xml version="1.0" encoding="UTF-8"?>
    <cr:ruleset xmlns:cr="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules"
        xmlns:ocp="urn:oma:xml:xdm:common-policy" xmlns:op="urn:oma:xml:prs:pres-rules">
      <cr:rule id="a">
        <cr:conditions>
          <cr:identity><cr:one id="sip:bo@home2.net"/><cr:many domain="home3.net"><cr:except id="sip:x@home3.net"/></cr:many></cr:identity>
          <cr:sphere value="work"/>
          <cr:validity><cr:from>2025-01-01T00:00:00Z</cr:from><cr:until>2026-01-01T00:00:00+01:00</cr:until></cr:validity>
        </cr:conditions>
        <cr:actions><pr:sub-handling>allow</pr:sub-handling><x:own xmlns:x="urn:x"/></cr:actions>
        <cr:transformations>
          <pr:provide-services><pr:service-uri-scheme>sip</pr:service-uri-scheme><op:service-id>org.x</op:service-id></pr:provide-services>
          <pr:provide-persons><pr:all-persons/></pr:provide-persons>
          <pr:provide-devices/><pr:provide-activities>true</pr:provide-activities>
          <pr:provide-user-input>bare</pr:provide-user-input>
          <pr:provide-unknown-attribute name="a" ns="urn:x">true</pr:provide-unknown-attribute>
          <pr:provide-all-attributes/><op:provide-willingness>true</op:provide-willingness>
        </cr:transformations>
      </cr:rule>
      <cr:rule id="b"><cr:conditions><cr:identity/></cr:conditions></cr:rule>
      <cr:rule id="c"><cr:conditions><ocp:other-identity/></cr:conditions><cr:actions/><cr:transformations/></cr:rule>
      <cr:rule id="d"><cr:conditions><ocp:external-list><ocp:entry anc="http://h/x"/></ocp:external-list></cr:conditions></cr:rule>
      <cr:rule id="e"/>
    </cr:ruleset>
    """

private let presence = """
    <presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:ana@home1.net">
      <tuple id="t1"><status><basic>open</basic></status></tuple></presence>
    """

@Suite("XCAP application usages")
struct UsageTests {
    private static func fixture(_ auid: String, _ text: String? = nil, document: String = "index") -> XCAPFixture {
        XCAPFixture("\(auid)/users/sip:ana@home1.net/\(document)", text)
    }

    @Test(
        "a valid document is taken and comes back as it was put", .spec("RFC 4825 §5.3/1", "RFC 4825 §5.8/1"),
        arguments: [
            ("resource-lists", "application/resource-lists+xml", lists),
            ("org.openmobilealliance.group-usage-list", "application/vnd.oma.group-usage-list+xml", lists),
            ("rls-services", "application/rls-services+xml", services),
            ("pres-rules", "application/auth-policy+xml", rules),
            ("org.openmobilealliance.pres-rules", "application/auth-policy+xml", rules),
            ("pidf-manipulation", "application/pidf+xml", presence),
            (
                "org.openmobilealliance.user-profile", "application/vnd.oma.user-profile+xml",
                """
                <user-profiles xmlns="urn:oma:xml:xdm:user-profile"><user-profile uri="sip:ana@home1.net">
                <display-name xml:lang="en">Ana</display-name><hobbies><hobby>x</hobby></hobbies></user-profile></user-profiles>
                """
            ),
        ])
    func accepting(auid: String, type: String, text: String) {
        var fixture = Self.fixture(auid)
        let reply = fixture.put(document: text, type: type)
        #expect(reply.status == 201, "\(reply.text)")
        #expect(fixture.get().text == text)
        #expect(fixture.get().type == type)
        #expect(fixture.put(document: text.replacing("ana", with: "ana"), type: "application/xml").status == 415)
        #expect(fixture.put(document: "<other/>", type: type).condition == "schema-validation-error")
        #expect(fixture.get().text == text)
    }

    @Test(
        "a document that breaks its schema is refused with a reason", .spec("RFC 4825 §8.2.5/1", "RFC 4825 §5.3/1"),
        arguments: [
            ("resource-lists", lists, "<entry uri=\"sip:bo@home2.net\">", "<entry>"),
            ("resource-lists", lists, "<list/><list/>", "<entry uri=\"sip:x@y\"/>"),
            ("resource-lists", lists, "<list/><list/>", "text"),
            ("resource-lists", lists, "<list/><list/>", "<list colour=\"red\"/>"),
            ("resource-lists", lists, "<list/><list/>", "<x:other/>"),
            ("resource-lists", lists, "<x:note/>", "<unknown/>"),
            ("resource-lists", lists, "<x:y/>", "<z xmlns=\"urn:ietf:params:xml:ns:resource-lists\"/>"),
            ("rls-services", services, "<service uri=\"sip:work@home1.net\">", "<service>"),
            ("rls-services", services, "<packages>", "<list/><packages>"),
            ("rls-services", services, "<rl:entry uri=\"sip:bo@home2.net\"/>", "<rl:entry/>"),
            ("rls-services", services, "<rl:entry uri=\"sip:bo@home2.net\"/>", "<entry uri=\"sip:bo@home2.net\"/>"),
            ("pres-rules", rules, "id=\"b\"", "id=\"a\""), ("pres-rules", rules, " id=\"b\"", ""),
            ("pres-rules", rules, "id=\"b\"", "id=\"1b\""), ("pres-rules", rules, ">allow<", ">maybe<"),
            ("pres-rules", rules, ">bare<", ">naked<"),
            ("pres-rules", rules, "<cr:one id=\"sip:bo@home2.net\"/>", "<cr:one/>"),
            ("pres-rules", rules, "<cr:until>2026-01-01T00:00:00+01:00</cr:until>", ""),
            ("pres-rules", rules, "2025-01-01T00:00:00Z", "yesterday"),
            ("pres-rules", rules, "<cr:identity/>", "<cr:identify/>"),
            ("pres-rules", rules, "<cr:identity/>", "<pr:unknown-condition/>"),
            ("pres-rules", rules, "<op:provide-willingness>true<", "<op:provide-willingness>maybe<"),
            ("pres-rules", rules, "<cr:actions/><cr:transformations/>", "<cr:transformations/><cr:actions/>"),
            ("pidf-manipulation", presence, "<status><basic>open</basic></status>", ""),
            ("pidf-manipulation", presence, " entity=\"sip:ana@home1.net\"", ""),
        ])
    func refusing(auid: String, text: String, old: String, new: String) throws {
        var fixture = Self.fixture(auid)
        let usage = try #require(XCAPEngine.test.registry[auid: Array(auid.utf8)])
        let type = String(decoding: usage.mediaType, as: UTF8.self)
        let broken = text.replacing(old, with: new)
        try #require(broken != text)
        let reply = fixture.put(document: broken, type: type)
        #expect(reply.status == 409)
        #expect(reply.condition == "schema-validation-error", "\(reply.text)")
        #expect(reply.error?.attribute("phrase")?.isEmpty == false)
        #expect(fixture.document == nil)
    }

    @Test("URIs may have brackets as clients write them")
    func brackets() {
        var list = Self.fixture("resource-lists", lists)
        let text = """
            <list><entry uri="sip:bo@[2001:db8::1]"/><entry-ref ref="resource-lists/users/u/i/~~/resource-lists/list[1]"/>
            <external anchor="http://h/resource-lists/users/u/i/~~/resource-lists/list[@name='a']"/></list>
            """
        let type = "application/resource-lists+xml"
        #expect(list.put(document: lists.replacing("<list/><list/>", with: text), type: type).status == 200)
        var rule = Self.fixture("pres-rules", rules)
        let anchor = rules.replacing("anc=\"http://h/x\"", with: "anc=\"http://h/x/list[@name=&quot;a&quot;]\"")
        #expect(rule.put(document: anchor, type: "application/auth-policy+xml").status == 200)
    }

    @Test("an edit is judged as the document that it makes", .spec("RFC 4825 §8.2.5/1", "RFC 4825 §8.4/4"))
    func edits() {
        var fixture = Self.fixture("resource-lists", lists)
        let friends = "resource-lists/list%5B@name=%22friends%22%5D"
        #expect(fixture.put(friends + "/unknown", "<unknown/>").condition == "schema-validation-error")
        #expect(fixture.delete(friends + "/entry/@uri").condition == "schema-validation-error")
        #expect(fixture.put(friends + "/entry%5B@uri=%22sip:new@h%22%5D", "<entry uri=\"sip:new@h\"/>").status == 201)
        #expect(fixture.put(friends + "/display-name", "<display-name>F</display-name>").status == 200)
        #expect(fixture.delete(friends + "/@name").status == 200)
        var rule = Self.fixture("org.openmobilealliance.pres-rules", rules)
        #expect(rule.putAttribute("ruleset/rule%5B@id=%22b%22%5D/@id", "a").condition == "cannot-insert")
        #expect(rule.putAttribute("ruleset/rule%5B2%5D/@id", "a").condition == "schema-validation-error")
        #expect(rule.putAttribute("ruleset/rule%5B2%5D/@id", "z").status == 200)
    }

    @Test("selectors of presence rules need a prefix, those of OMA none", .spec("RFC 4825 §5.2/1"))
    func defaultNamespaces() {
        var ietf = Self.fixture("pres-rules", rules)
        #expect(ietf.get("ruleset/rule%5B@id=%22e%22%5D").status == 404)
        #expect(
            ietf.get("c:ruleset/c:rule%5B@id=%22e%22%5D?xmlns(c=urn:ietf:params:xml:ns:common-policy)").text
                == "<cr:rule id=\"e\"/>")
        let node = "c:ruleset/c:rule%5B1%5D/c:actions/sub-handling?xmlns(c=urn:ietf:params:xml:ns:common-policy)"
        #expect(ietf.put(node, "<pr:sub-handling>block</pr:sub-handling>").status == 200)
        var oma = Self.fixture("org.openmobilealliance.pres-rules", rules)
        #expect(oma.get("ruleset/rule%5B@id=%22e%22%5D").text == "<cr:rule id=\"e\"/>")
    }

    @Test(
        "presence rules have a usage, a namespace and a type of their own",
        .spec("RFC 5025 §9.1/1", "RFC 5025 §9.3/1", "RFC 5025 §9.4/1"))
    func presenceRules() throws {
        let usage = try #require(ApplicationUsageRegistry.standard[auid: Array("pres-rules".utf8)])
        #expect(usage.defaultNamespace == Array("urn:ietf:params:xml:ns:pres-rules".utf8))
        #expect(usage.mediaType == Array("application/auth-policy+xml".utf8))
        var fixture = Self.fixture("pres-rules", rules)
        #expect(fixture.put(document: rules, type: "application/pidf+xml").status == 415)
        #expect(fixture.put(document: rules, type: "application/auth-policy+xml").status == 200)
    }

    @Test(
        "siblings with one name are refused, and the answer names the second",
        .spec(
            "RFC 4825 §8.2.5/2", "RFC 4825 §5.3/2", "RFC 4825 §11.1/2", "RFC 4826 §3.1/2", "RFC 4826 §3.1/3",
            "RFC 4826 §3.1/5", "RFC 4826 §3.4.5/1"),
        arguments: [
            (
                "<list/><list/>", "<list name=\"friends\"/>", "resource-lists/list%5B3%5D/@name",
                ["friends-1", "friends-2", "friends-3"]
            ),
            (
                "<list/><list/>", "<list name=\"close\"/><list name=\"close-1\"/>", "resource-lists/list%5B3%5D/@name",
                ["close-1", "close-2", "close-3"]
            ),
            (
                "<list/><list/>", "<list><entry uri=\"a:b\"/><entry uri=\"a:c\"/><entry uri=\"a:b\"/></list>",
                "resource-lists/list%5B3%5D/entry%5B3%5D/@uri", []
            ),
            (
                "<list/><list/>", "<list><list name=\"1\"/><list name=\"1\"/></list>",
                "resource-lists/list%5B3%5D/list%5B2%5D/@name", ["1-1", "1-2", "1-3"]
            ),
            (
                "<list/><list/>", "<list><entry-ref ref=\"a\"/><entry-ref ref=\"a\"/></list>",
                "resource-lists/list%5B3%5D/entry-ref%5B2%5D/@ref", []
            ),
            (
                "<list/><list/>", "<list><external anchor=\"http://a\"/><external anchor=\"http://a\"/></list>",
                "resource-lists/list%5B3%5D/external%5B2%5D/@anchor", []
            ),
        ])
    func uniqueness(old: String, new: String, field: String, alternatives: [String]) throws {
        var fixture = Self.fixture("resource-lists", lists)
        let reply = fixture.put(document: lists.replacing(old, with: new), type: "application/resource-lists+xml")
        #expect(reply.status == 409)
        #expect(reply.condition == "uniqueness-failure")
        let exists = try #require(reply.error?.children("exists").first)
        #expect(exists.attribute("field")?.text == field)
        if !new.contains("close-1") {
            #expect(exists.children("alt-value").map(\.text.text) == alternatives)
        }
        // The field is a selector that finds the attribute.
        var other = XCAPFixture(
            "test/users/u/x", lists.replacing(old, with: new),
            engine: XCAPEngine(
                registry: ApplicationUsageRegistry([
                    ApplicationUsage(
                        auid: "test", defaultNamespace: "urn:ietf:params:xml:ns:resource-lists", mediaType: "a/b",
                        root: .init("x", namespace: ""), schema: nil)
                ])))
        #expect(other.get(field).status == 200)
    }

    @Test("names are compared by case, and only among siblings", .spec("RFC 4826 §3.1/2"))
    func notDuplicates() {
        var fixture = Self.fixture("resource-lists", lists)
        let text = lists.replacing("<list/><list/>", with: "<list name=\"Friends\"/><list name=\"friends \"/>")
        #expect(fixture.put(document: text, type: "application/resource-lists+xml").status == 200)
    }

    @Test(
        "references of lists are of their kinds",
        .spec("RFC 4825 §8.2.5/3", "RFC 4826 §3.1/4", "RFC 4826 §3.1/5", "RFC 4826 §3.4.5/1"),
        arguments: [
            ("<entry-ref ref=\"http://h/x\"/>", false), ("<entry-ref ref=\"/x\"/>", false),
            ("<entry-ref ref=\"\"/>", false),
            ("<entry-ref ref=\"sip:a@b\"/>", false), ("<entry-ref ref=\"resource-lists/users/sip:a@b/index\"/>", true),
            ("<external anchor=\"x/y\"/>", false), ("<external anchor=\"sip:a@b\"/>", false),
            ("<external anchor=\"http://\"/>", false), ("<external anchor=\"HTTPS://h/x\"/>", true),
            ("<external/>", true),
        ])
    func references(element: String, isTaken: Bool) {
        var fixture = Self.fixture("resource-lists", lists)
        let text = lists.replacing("<list/><list/>", with: "<list>\(element)</list>")
        let reply = fixture.put(document: text, type: "application/resource-lists+xml")
        #expect(reply.status == (isTaken ? 200 : 409))
        #expect(reply.condition == (isTaken ? nil : "constraint-failure"))
    }

    @Test(
        "a service URI that is taken is refused, with others that are free",
        .spec(
            "RFC 4825 §8.2.5/2", "RFC 4825 §11.1/2", "RFC 4826 §4.4.5/1", "RFC 4826 §4.4.5/2", "RFC 4826 §4.4.5/3",
            "RFC 4826 §5/1"))
    func serviceURIs() throws {
        var fixture = Self.fixture("rls-services")
        let taken: Set<String> = ["sip:work@home1.net", "sip:work-1@home1.net", "sip:ana@home1.net"]
        fixture.isServiceURITaken = { taken.contains(String(decoding: $0, as: UTF8.self)) }
        let type = "application/rls-services+xml"
        let reply = fixture.put(document: services, type: type)
        #expect(reply.condition == "uniqueness-failure")
        let exists = try #require(reply.error?.children("exists").first)
        #expect(exists.attribute("field")?.text == "rls-services/service%5B2%5D/@uri")
        #expect(
            exists.children("alt-value").map(\.text.text)
                == ["sip:work-2@home1.net", "sip:work-3@home1.net", "sip:work-4@home1.net"])
        #expect(
            fixture.put(document: services.replacing("sip:work@", with: "SIP:%77ork@"), type: type).condition
                == "uniqueness-failure")
        #expect(
            fixture.put(document: services.replacing("sip:work@home1.net", with: "sip:work@HOME1.net?a=b"), type: type)
                .condition == "uniqueness-failure")
        #expect(
            fixture.put(document: services.replacing("sip:work@", with: "sip:friends@"), type: type).condition
                == "uniqueness-failure")
        #expect(fixture.put(document: services.replacing("sip:work@", with: "sip:Work@"), type: type).status == 201)
    }

    @Test("lists in services keep the rules of lists", .spec("RFC 4826 §4.4.5/5"))
    func listsInServices() throws {
        var fixture = Self.fixture("rls-services")
        let reply = fixture.put(
            document: services.replacing("sip:cy@", with: "sip:bo@"), type: "application/rls-services+xml")
        let exists = try #require(reply.error?.children("exists").first)
        #expect(
            exists.attribute("field")?.text
                == "rls-services/service%5B2%5D/list/n0:entry%5B2%5D/@uri?xmlns(n0=urn:ietf:params:xml:ns:resource-lists)"
        )
    }

    @Test(
        "a resource-list leads into the lists of the same user, under this root",
        .spec("RFC 4825 §8.2.5/3", "RFC 4826 §4.4.5/4", "RFC 4826 §4.1/2"),
        arguments: [
            ("resource-lists/users/sip:ana@home1.net/index/~~/resource-lists/list%5B1%5D", true),
            (" http://xcap.home1.net/xcap/resource-lists/users/sip:ana@home1.net/index\n", true),
            ("HTTP://XCAP.home1.net/xcap/resource-lists/users/sip%3Aana%40HOME1.net/other", true),
            ("http://xcap.home1.net/xcap/resource-lists/users/sip:bo@home1.net/index", false),
            ("http://xcap.home1.net/xcap/pres-rules/users/sip:ana@home1.net/index", false),
            ("http://xcap.home1.net/xcap/resource-lists/global/index", false),
            ("http://xcap.home1.net/xcapresource-lists/users/sip:ana@home1.net/index", false),
            ("http://other.net/xcap/resource-lists/users/sip:ana@home1.net/index", false),
            ("http://xcap.home1.net/xcap/", false), ("http://xcap.home1.net/xcap", false),
            ("sip:list@home1.net", false),
            ("http://xcap.home1.net/xcap/resource-lists/users/sip:ana@home1.net/../x/index", false), ("", false),
        ])
    func resourceLists(uri: String, isTaken: Bool) {
        var fixture = Self.fixture("rls-services")
        let absolute = uri.hasPrefix("resource-lists/") ? XCAPFixture.root + "/" + uri : uri
        let reply = fixture.put(
            document:
                "<rls-services xmlns=\"urn:ietf:params:xml:ns:rls-services\"><service uri=\"sip:a@b\"><resource-list>\(absolute)</resource-list></service></rls-services>",
            type: "application/rls-services+xml")
        #expect(reply.status == (isTaken ? 201 : 409), "\(reply.text)")
        #expect(reply.condition == (isTaken ? nil : "constraint-failure"))
    }

    @Test("hard state is one document, about its owner", .spec("RFC 4827 §9/1", "RFC 4827 §7/1", "RFC 4827 §6/1"))
    func hardState() {
        var other = Self.fixture("pidf-manipulation", document: "other")
        #expect(other.put(document: presence, type: "application/pidf+xml").condition == "constraint-failure")
        var fixture = Self.fixture("pidf-manipulation")
        let foreign = presence.replacing("sip:ana@", with: "sip:bo@")
        #expect(fixture.put(document: foreign, type: "application/pidf+xml").condition == "constraint-failure")
        let same = presence.replacing("sip:ana@home1.net", with: "pres:ana@HOME1.net")
        #expect(fixture.put(document: same, type: "application/pidf+xml").status == 201)
        #expect(fixture.get("presence/tuple%5B@id=%22t1%22%5D/status/basic").text == "<basic>open</basic>")
        #expect(fixture.delete("presence/tuple/status").condition == "schema-validation-error")
    }

    @Test("what the server makes is valid and read like any other document", .spec("RFC 4825 §12/1"))
    func generated() throws {
        let capabilities = """
            <xcap-caps xmlns="urn:ietf:params:xml:ns:xcap-caps"><auids><auid>xcap-caps</auid></auids><extensions/>
            <namespaces><namespace>urn:ietf:params:xml:ns:xcap-caps</namespace></namespaces></xcap-caps>
            """
        let directory = """
            <xcap-directory xmlns="urn:oma:xml:xdm:xcap-directory"><folder auid="pres-rules">
            <entry uri="http://h/x" etag="t" last-modified="2025-01-01T00:00:00Z" size="3"/></folder><folder auid="x">
            <error-code>503</error-code></folder></xcap-directory>
            """
        for (path, text, node) in [
            ("xcap-caps/global/index", capabilities, "xcap-caps/auids/auid"),
            (
                "org.openmobilealliance.xcap-directory/users/u/directory.xml", directory,
                "xcap-directory/folder%5B@auid=%22pres-rules%22%5D"
            ),
        ] {
            var fixture = XCAPFixture(path, text)
            #expect(fixture.get(node).status == 200)
            let selector = try XCAPSelector.parse(Array(path.utf8)[...])
            let usage = try #require(XCAPEngine.test.registry[auid: selector.auid])
            let tree = try XMLDocument.parse(Array(text.utf8)[...])
            let context = UsageContext(selector: selector, rootURI: [])
            #expect(throws: Never.self) { try usage.validate(tree, text: Array(text.utf8)[...], context: context) }
            let wrong = Array(
                text.replacing("<auids>", with: "").replacing("</auids>", with: "").replacing("etag=", with: "tag=")
                    .utf8)
            let broken = try XMLDocument.parse(wrong[...])
            #expect(throws: XCAPFault.self) { try usage.validate(broken, text: wrong[...], context: context) }
        }
    }

    @Test("a usage is one value more in the registry")
    func registry() {
        var registry = ApplicationUsageRegistry.standard
        #expect(registry.all.count == 9)
        registry.register(.test)
        #expect(registry[auid: Array("test".utf8)]?.mediaType == Array("application/test+xml".utf8))
        registry.register(.test)
        #expect(registry.all.count == 10)
        #expect(registry[auid: Array("nothing".utf8)] == nil)
        #expect(registry.all.allSatisfy { !$0.namespaces.isEmpty || $0.auid == Array("test".utf8) })
    }
}
