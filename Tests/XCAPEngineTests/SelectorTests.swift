import Ground
import MusterTesting
import Testing
import XCAPEngine

private func parse(_ target: String) throws(XCAPFault) -> XCAPSelector {
    try XCAPSelector.parse(Array(target.utf8)[...])
}

private func status(_ target: [UInt8]) -> Int? {
    do {
        _ = try XCAPSelector.parse(target[...])
        return nil
    } catch {
        return error.status
    }
}

private let document = """
    <?xml version="1.0"?>
    <!-- before --><root xmlns="urn:test" xmlns:q="urn:q" a="1">
      <list name="one"><entry uri="sip:a@x">A</entry><entry uri="sip:b@x"/></list>
      <list name="two/three"><entry uri="sip:a@x"/><q:entry uri="sip:q@x" q:uri="u"/></list>
      <list name='say "x" &amp; &lt;y&gt;'/>
      <only xmlns="urn:other"><in/></only>
    </root>
    """

@Suite("XCAP selectors")
struct SelectorTests {
    @Test(
        "a document selector is split into its parts, whatever is encoded",
        .spec("RFC 4825 §6/1", "RFC 4825 §6.2/1"),
        arguments: [
            ("resource-lists/users/sip:ana@home1.net/index", "resource-lists/users/sip:ana@home1.net/index"),
            ("resource-lists/users/sip%3Aana%40home1.net/index", "resource-lists/users/sip:ana@home1.net/index"),
            ("xcap-caps/global/index", "xcap-caps/global/index"),
            ("a/global/folder/name", "a/global/folder/name"),
            ("a/users/tel:+123/folder/na%20me", "a/users/tel:+123/folder/na me"),
            ("%61/users/u/Index?xmlns(a=b)", "a/users/u/Index"),
            ("a/users/global/x", "a/users/global/x"), ("a/global/users", "a/global/users"),
            ("a/users/u/~x~/~", "a/users/u/~x~/~"),
        ])
    func documents(target: String, key: String) throws {
        let selector = try parse(target)
        #expect(String(decoding: selector.documentSelector, as: UTF8.self) == key)
        #expect(selector.node == nil)
    }

    @Test("case distinguishes documents and users", .spec("RFC 4825 §6.2/1"))
    func caseMatters() throws {
        #expect(try parse("a/users/U/index") != parse("a/users/u/index"))
        #expect(try parse("a/users/u/Index").documentSelector != parse("a/users/u/index").documentSelector)
        #expect(throws: XCAPFault(status: 404)) { try parse("a/Users/u/index") }
    }

    @Test(
        "what names no document is answered with 404",
        .spec("RFC 4825 §6.2/1", "RFC 4825 §6.2/2"),
        arguments: [
            "", "a", "a/", "a/users", "a/users/u", "a/users/u/", "a/global", "a/global/", "/a/global/x", "a//users/u/x",
            "a/users/u/x/", "a/users/u//x", "a/other/u/x", "a/users/u/../v/x", "a/users/../x/y", "a/users/u/.",
            "a/users/u/%2e%2e/x", "a/users/u/%2E/x", "a/users/..%2Fv/x", "a/users/u/x%00", "a/users/u/%0Ax",
            "a/users/u/%C0%AE%C0%AE/x", "a/users/u/%FF", "a/users/u/%ED%A0%80", "a/users/%2F/x", "~~/root",
            "a/users/u/x/~~", "a/users/u/x/~~/", "a/users/u/x%7F", "a/users/u/x%5C..%2F",
        ])
    func noDocument(target: String) {
        #expect(status(Array(target.utf8)) == 404)
    }

    @Test(
        "percent signs that encode nothing are answered with 400",
        arguments: ["a/users/u/%", "a/users/u/%4", "a/users/u/%zz", "a/users/u/x/~~/root%", "a/users/u/x/~~/r?%4"])
    func brokenEncoding(target: String) { #expect(status(Array(target.utf8)) == 400) }

    @Test("a target that is too long is answered with 414")
    func tooLong() {
        #expect(status(Array(repeating: 0x61, count: 4097)) == 414)
        #expect(status(Array("a/users/u/".utf8) + Array(repeating: 0x61, count: 4000)) == nil)
    }

    @Test(
        "the forms of the grammar find what they say",
        .spec(
            "RFC 4825 §6.3/1", "RFC 4825 §6.3/3", "RFC 4825 §6.3/4", "RFC 4825 §6.3/6", "RFC 4825 §6.3/7",
            "RFC 4825 §5.2/1", "RFC 4825 §6.4/1"),
        arguments: [
            ("root/list[@name=\"one\"]/entry[1]", "<entry uri=\"sip:a@x\">A</entry>"),
            ("root/list%5B@name=%22one%22%5D/entry%5B2%5D", "<entry uri=\"sip:b@x\"/>"),
            ("root/list[@name='one']/entry[@uri='sip:b@x']", "<entry uri=\"sip:b@x\"/>"),
            ("root/list[2]/entry[1][@uri=\"sip:a@x\"]", "<entry uri=\"sip:a@x\"/>"),
            ("root/list%5B@name=%22two/three%22%5D/entry", "<entry uri=\"sip:a@x\"/>"),
            ("root/list%5B@name=%22two%2Fthree%22%5D/entry", "<entry uri=\"sip:a@x\"/>"),
            ("*/*[1]/*[2]", "<entry uri=\"sip:b@x\"/>"),
            ("root/*/entry[@uri=\"sip:b@x\"]", "<entry uri=\"sip:b@x\"/>"),
            ("root/list/entry[@uri=\"sip:b@x\"]", "<entry uri=\"sip:b@x\"/>"),
            ("root/list[2]/p:entry?xmlns(p=urn:q)", "<q:entry uri=\"sip:q@x\" q:uri=\"u\"/>"),
            ("t:root/t:list[2]/p:entry?xmlns(p=urn:q)xmlns(t=urn:test)", "<q:entry uri=\"sip:q@x\" q:uri=\"u\"/>"),
            ("root/list[2]/*[@p:uri=\"u\"]?xmlns(p=urn:q)", "<q:entry uri=\"sip:q@x\" q:uri=\"u\"/>"),
            ("root/x:only?xmlns(x=urn:other)", "<only xmlns=\"urn:other\"><in/></only>"),
            ("root/x:only/x:in?foo(bar(x))%20xmlns(x=urn:other)element(/1)", "<in/>"),
            ("root/x:only/x:in?xmlns(x=urn:wrong)xmlns(x=urn:other)", "<in/>"),
            ("root/x:only/x:in?xmlns(%20x%20=%20urn:other%20)", "<in/>"),
            (
                "root/list[@name='say &quot;x&quot; &amp; &lt;y&gt;']",
                "<list name='say \"x\" &amp; &lt;y&gt;'/>"
            ),
            ("root/list[@name='say%20%22x%22%20&#38;%20&#x3c;y>']", "<list name='say \"x\" &amp; &lt;y&gt;'/>"),
        ])
    func elements(node: String, found: String) {
        var fixture = XCAPFixture("test/users/u/index", document)
        let reply = fixture.get(node)
        #expect(reply.status == 200)
        #expect(reply.text == found)
        #expect(reply.type == "application/xcap-el+xml")
    }

    @Test(
        "attributes are found by namespace and name",
        .spec("RFC 4825 §6.3/3", "RFC 4825 §8.3/1"),
        arguments: [
            ("root/@a", "1"), ("root/list[3]/@name", "say \"x\" &amp; &lt;y&gt;"),
            ("root/list[2]/p:entry/@uri?xmlns(p=urn:q)", "sip:q@x"),
            ("root/list[2]/p:entry/@p:uri?xmlns(p=urn:q)", "u"),
        ])
    func attributes(node: String, found: String) {
        var fixture = XCAPFixture("test/users/u/index", document)
        let reply = fixture.get(node)
        #expect(reply.status == 200)
        #expect(reply.text == found)
        #expect(reply.type == "application/xcap-att+xml")
    }

    @Test(
        "what finds nothing, or more than one, is answered with 404",
        .spec("RFC 4825 §6.3/2", "RFC 4825 §8.3/3", "RFC 4825 §6.3/1"),
        arguments: [
            "root/list", "root/list/entry[1]", "root/list[9]", "root/list[0]", "root/list[@name=\"One\"]",
            "root/list[1][@name=\"two/three\"]", "other", "root[2]", "root/root", "root/@b", "root/@xmlns",
            "root[@xmlns=\"urn:test\"]", "root/only", "root/p:list?xmlns(p=urn:q)",
            "root/list[1]/@p:name?xmlns(p=urn:q)",
            "root/list[99999999999999999999999999]", "root/x:only?xmlns(x=)", "root/*", "*/*/*",
            "root/list[1]/entry[3]/namespace::*",
        ])
    func nothing(node: String) {
        var fixture = XCAPFixture("test/users/u/index", document)
        #expect(fixture.get(node).status == 404)
    }

    @Test(
        "what no rule of the grammar fits is an extension that is not understood",
        .spec("RFC 4825 §6.3/5"),
        arguments: [
            "root/list[@name=\"one\"][1]", "root/list[]", "root/list[ 1]", "root/list[-1]", "root/list[1.5]",
            "root/list[1", "root/list[@name=one]", "root/list[@name=\"one]", "root/list[@name=\"a\" ]", "root/text()",
            "root/list[last()]", "root//list", "/root", "root/", "root/@a/list", "root/@*", "@a", "namespace::*",
            "root/namespace::x", "root/..", "root/.", "root/child::list", "root/1a", "root/a:b:c",
            "root/list[@a='&x;']",
            "root/list[@a='<']", "root/list[@a='&#0;']", "root/list[@a='&#xD800;']", "root/list[@a='&']",
            "root/a%00b", "root/%C0%AF", "root/%FF", "root/list[1][@a='b'][@c='d']", "root/list[1][2]", "(root)",
            "root/list[@a='b']x", "root/namespace::*/x", "root|x", "id('x')",
        ])
    func extensions(node: String) {
        #expect(status(Array("a/users/u/index/~~/\(node)?xmlns(a=b)".utf8)) == 404)
    }

    @Test(
        "a prefix that nothing binds is answered with 400", .spec("RFC 4825 §6.4/2"),
        arguments: [
            "p:root", "root/p:x?xmlns(q=urn:p)", "root/@p:a", "root/*[@p:a='1']", "p:root?foo(p=urn:p)",
            "p:root?xmlns(p=urn:p", "p:root?xmlns(p)", "p:root?xmlns(1p=urn:p)", "p:root?xmlns(xmlns=urn:p)",
            "p:root?", "p:root?garbage",
        ])
    func undeclared(node: String) {
        #expect(status(Array("a/users/u/index/~~/\(node)".utf8)) == 400)
    }

    @Test("a namespace may hold parentheses and circumflexes, escaped or balanced", .spec("RFC 4825 §6.4/1"))
    func escapes() throws {
        for (query, namespace) in [
            ("xmlns(p=urn:a^(b^)^^)", "urn:a(b)^"), ("xmlns(p=urn:a(b))", "urn:a(b)"),
            ("xmlns(p=urn:%C3%A4)", "urn:ä"),
        ] {
            let node = try #require(try parse("a/users/u/index/~~/p:root?\(query)").node)
            #expect(node.steps[0].name?.namespace == Array(namespace.utf8))
        }
        #expect(try parse("a/users/u/i/~~/root/@xml:lang").node?.terminal != nil)
    }

    @Test("an encoded tilde is a tilde", .spec("RFC 4825 §6/1"))
    func tilde() throws {
        #expect(try parse("a/users/u/i/%7E~/root").node != nil)
        #expect(try parse("a/users/u/i/%7e%7E/root") == parse("a/users/u/i/~~/root"))
        // Only the first such segment parts the two selectors; a name cannot be a tilde.
        #expect(status(Array("a/users/u/i/~~/~~/root".utf8)) == 404)
    }

    @Test("hostile selectors are refused in bounded time")
    func hostile() {
        let prefix = Array("a/users/u/index/~~/".utf8)
        let deep = Array(String(repeating: "a/", count: 2000).utf8) + [0x61]
        let limits = XCAPLimits(targetBytes: 1 << 21)
        func fault(_ node: [UInt8]) -> Int? {
            do {
                _ = try XCAPSelector.parse((prefix + node)[...], limits: limits)
                return nil
            } catch {
                return error.status
            }
        }
        #expect(fault(deep) == 404)
        #expect(fault(Array("a".utf8) + Array(String(repeating: "[1]", count: 100_000).utf8)) == 404)
        #expect(fault(Array("a".utf8) + Array(String(repeating: "[", count: 100_000).utf8)) == 404)
        #expect(fault(Array("a[@b=\"".utf8) + Array(repeating: 0x26, count: 100_000)) == 404)
        #expect(fault(Array("a".utf8) + Array(String(repeating: "%2F%2E%2E", count: 50_000).utf8)) == 404)
        #expect(fault(Array("p:a?".utf8) + Array(String(repeating: "(", count: 100_000).utf8)) == 400)
        #expect(fault(Array("p:a?".utf8) + Array(String(repeating: "xmlns(q=u)", count: 50_000).utf8)) == 400)
        #expect(fault(Array("a[".utf8) + Array(repeating: 0x39, count: 100_000) + [0x5D]) == nil)
    }
}
