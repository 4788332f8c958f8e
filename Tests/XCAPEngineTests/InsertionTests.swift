import MusterTesting
import Testing
import XCAPEngine

@Suite("XCAP insertion")
struct InsertionTests {
    private static let first = "<el1 att=\"first\"/>"
    private static let second = "<el1 att=\"second\"/>"

    @Test(
        "a new element goes where the selector says, and nothing else moves",
        .spec("RFC 4825 §8.2.3/1", "RFC 4825 §8.2.3/2", "RFC 4825 §8.2.3/7", "RFC 4825 §8.2.5/4"),
        arguments: [
            ("root/el1%5B@att=%22third%22%5D", "<el1 att=\"third\"/>", Self.second),
            ("root/el1%5B3%5D%5B@att=%22third%22%5D", "<el1 att=\"third\"/>", Self.second),
            ("root/el1%5B3%5D", "<el1 att=\"third\"/>", Self.second),
            ("root/*%5B3%5D%5B@att=%22third%22%5D", "<el1 att=\"third\"/>", Self.second),
            ("root/el2%5B@att=%222%22%5D", "<el2 att=\"2\"/>", "<el2 att=\"first\"/>"),
            ("root/el2%5B2%5D%5B@att=%222%22%5D", "<el2 att=\"2\"/>", "<el2 att=\"first\"/>"),
            ("root/*%5B2%5D%5B@att=%222%22%5D", "<el2 att=\"2\"/>", Self.first),
            ("root/el1%5B2%5D%5B@att=%222%22%5D", "<el1 att=\"2\"/>", Self.first),
            ("root/*%5B4%5D", "<el3/>", "<el2 att=\"first\"/>"),
        ])
    func afterASibling(node: String, body: String, sibling: String) throws {
        try Self.expect(node, body, after: sibling)
    }

    @Test(
        "position 1 puts a new element before the first", .spec("RFC 4825 §8.2.3/3"),
        arguments: [
            ("root/el2%5B1%5D%5B@att=%222%22%5D", "<el2 att=\"2\"/>", "<!-- comment -->\n "),
            ("root/el1%5B1%5D%5B@att=%220%22%5D", "<el1 att=\"0\"/>", "<root xmlns=\"urn:test\">\n "),
            ("root/*%5B1%5D%5B@att=%220%22%5D", "<x att=\"0\"/>", "<root xmlns=\"urn:test\">\n "),
        ])
    func beforeTheFirst(node: String, body: String, before: String) throws {
        try Self.expect(node, body, after: before)
    }

    @Test(
        "the first of its name goes behind everything", .spec("RFC 4825 §8.2.3/1"),
        arguments: [
            ("root/el3", "<el3/>"), ("root/el3%5B1%5D", "<el3/>"), ("root/el3%5B@a=%221%22%5D", "<el3 a=\"1\"/>"),
            ("root/el3%5B1%5D%5B@a=%221%22%5D", "<el3 a=\"1\"/>"), ("root/*%5B@att=%22new%22%5D", "<el1 att=\"new\"/>"),
        ])
    func last(node: String, body: String) throws {
        try Self.expect(node, body, after: "<el2 att=\"first\"/>\n")
    }

    private static func expect(_ node: String, _ body: String, after: String) throws {
        var fixture = XCAPFixture("test/users/u/index", workedExample)
        let parts = workedExample.split(separator: after, maxSplits: 1, omittingEmptySubsequences: false)
        try #require(parts.count == 2)
        let reply = fixture.put(node, body)
        #expect(reply.status == 201, "\(reply.text)")
        #expect(reply.body.isEmpty)
        #expect(reply.tag == "t1")
        #expect(fixture.text == "\(parts[0])\(after)\(body)\(parts[1])")
        #expect(fixture.get(node).text == body)
        // What is put twice stays as it is, and a DELETE takes back exactly what came.
        let tag = fixture.get().tag
        #expect(fixture.put(node, body) == XCAPReply(status: 200, entityTag: tag.map { Array($0.utf8) }))
        if !node.contains("*%5B2"), !node.contains("%5B1%5D%5B"), !node.contains("el1%5B2") {
            #expect(fixture.delete(node).status == 200)
            #expect(fixture.text == workedExample)
        }
    }

    @Test(
        "a place that does not exist is answered with cannot-insert",
        .spec("RFC 4825 §8.2.3/4", "RFC 4825 §8.2.3/5", "RFC 4825 §8.2.5/5"),
        arguments: [
            ("root/el1%5B4%5D", "<el1/>"), ("root/el1%5B0%5D", "<el1/>"), ("root/*%5B5%5D", "<x/>"),
            ("root/*%5B0%5D%5B@att=%22a%22%5D", "<x att=\"a\"/>"), ("root/el3%5B2%5D", "<el3/>"),
            ("root/el1%5B9999999999999999999999%5D", "<el1/>"), ("root/el1", "<el1/>"), ("root/*", "<el1/>"),
            ("root/el1%5B@att=%22third%22%5D", "<el1 att=\"fourth\"/>"), ("root/el1%5B@att=%22third%22%5D", "<el1/>"),
            ("root/el1%5B@att=%22third%22%5D", "<el2 att=\"third\"/>"), ("root/el1%5B3%5D", "<el2/>"),
            ("root/el3", "<el3 xmlns=\"urn:other\"/>"), ("root/el3", "<x/>"), ("other", "<other xmlns=\"urn:test\"/>"),
            ("root%5B2%5D", "<root xmlns=\"urn:test\"/>"),
            ("root%5B@a=%221%22%5D", "<root xmlns=\"urn:test\" a=\"1\"/>"),
            ("root%5B1%5D%5B@a=%221%22%5D", "<root xmlns=\"urn:test\" a=\"1\"/>"),
        ])
    func cannotInsert(node: String, body: String) {
        var fixture = XCAPFixture("test/users/u/index", workedExample)
        let reply = fixture.put(node, body)
        #expect(reply.status == 409)
        #expect(reply.condition == "cannot-insert")
        #expect(fixture.text == workedExample)
        #expect(fixture.get().tag == "t0")
    }

    @Test(
        "an element is replaced in its place, and must be what the selector finds",
        .spec("RFC 4825 §8.2.4/1", "RFC 4825 §8.2.5/4"))
    func replacing() {
        for (node, body) in [
            ("root/el1%5B2%5D", "<el1 att=\"third\"><x/> </el1>"), ("root/*%5B2%5D", "<y/>"),
            ("root/el1%5B@att=%22second%22%5D", "<el1 more='x' att=\"second\"></el1>"),
        ] {
            var fixture = XCAPFixture("test/users/u/index", workedExample)
            let reply = fixture.put(node, body)
            #expect(reply == XCAPReply(status: 200, entityTag: Array("t1".utf8)))
            let parts = workedExample.split(separator: Self.second)
            #expect(fixture.text == "\(parts[0])\(body)\(parts[1])")
        }
        for (node, body) in [
            ("root/el1%5B@att=%22first%22%5D", "<el1 att=\"third\"/>"), ("root/el2", "<el3/>"),
            ("root/el1%5B1%5D%5B@att=%22first%22%5D", "<el1 att=\"third\"/>"),
            ("root/*%5B1%5D%5B@att=%22first%22%5D", "<el1 att=\"third\"/>"), ("root/el1%5B1%5D", "<el2/>"),
        ] {
            var fixture = XCAPFixture("test/users/u/index", workedExample)
            #expect(fixture.put(node, body).condition == "cannot-insert")
            #expect(fixture.text == workedExample)
        }
    }

    @Test("the root can be replaced by one of its name")
    func replacingTheRoot() {
        var fixture = XCAPFixture("test/users/u/index", "<?xml version='1.0'?>\n<!-- x --><root xmlns=\"urn:test\"/>\n")
        #expect(fixture.put("root", "<p:root xmlns:p=\"urn:test\"><a/></p:root>").status == 200)
        #expect(fixture.text == "<?xml version='1.0'?>\n<!-- x --><p:root xmlns:p=\"urn:test\"><a/></p:root>\n")
        #expect(fixture.put("root", "<root/>").condition == "cannot-insert")
    }

    @Test(
        "an empty-element tag takes a child in", .spec("RFC 4825 §8.2.3/7"),
        arguments: [
            ("<root xmlns=\"urn:test\"/>", "<root xmlns=\"urn:test\"><a/></root>"),
            ("<root xmlns='urn:test' />", "<root xmlns='urn:test' ><a/></root>"),
            (
                "<t:root xmlns:t=\"urn:test\" xmlns=\"urn:test\"/>",
                "<t:root xmlns:t=\"urn:test\" xmlns=\"urn:test\"><a/></t:root>"
            ),
            ("<root xmlns=\"urn:test\"></root>", "<root xmlns=\"urn:test\"><a/></root>"),
            (
                "<root xmlns=\"urn:test\"\n>text<!-- > --></root >",
                "<root xmlns=\"urn:test\"\n>text<!-- > --><a/></root >"
            ),
            ("<root xmlns=\"urn:test\" x='/>'\t/>", "<root xmlns=\"urn:test\" x='/>'\t><a/></root>"),
            (
                "<root xmlns=\"urn:test\"><![CDATA[</root>]]></root>",
                "<root xmlns=\"urn:test\"><![CDATA[</root>]]><a/></root>"
            ),
            ("<root xmlns=\"urn:test\"><?p </root>?></root>", "<root xmlns=\"urn:test\"><?p </root>?><a/></root>"),
            ("\u{FEFF}<root xmlns=\"urn:test\">ä</root>", "\u{FEFF}<root xmlns=\"urn:test\">ä<a/></root>"),
        ])
    func emptyTags(before: String, after: String) {
        var fixture = XCAPFixture("test/users/u/index", before)
        #expect(fixture.put("root/a", "<a/>").status == 201)
        #expect(fixture.text.utf8.elementsEqual(after.utf8))
        #expect(fixture.delete("root/a").status == 200)
    }

    @Test("an element may use the prefixes that are bound where it is put", .spec("RFC 4825 §8.2.2/6"))
    func boundPrefixes() {
        let text = "<root xmlns=\"urn:test\" xmlns:p=\"urn:p\"><a xmlns:q=\"urn:q\"/><b/></root>"
        var fixture = XCAPFixture("test/users/u/index", text)
        #expect(fixture.put("root/a/p:x?xmlns(p=urn:p)", "<p:x q:y=\"1\"/>").status == 201)
        #expect(fixture.put("root/b/p:x?xmlns(p=urn:p)", "<p:x q:y=\"1\"/>").condition == "not-xml-frag")
        #expect(fixture.put("root/b/c", "<c xmlns:p=\"urn:p\" xmlns=\"urn:test\"><p:x/></c>").status == 201)
        #expect(
            fixture.text
                == "<root xmlns=\"urn:test\" xmlns:p=\"urn:p\"><a xmlns:q=\"urn:q\"><p:x q:y=\"1\"/></a>"
                + "<b><c xmlns:p=\"urn:p\" xmlns=\"urn:test\"><p:x/></c></b></root>")
    }

    @Test("white space around an element is not part of it")
    func surroundingSpace() {
        var fixture = XCAPFixture("test/users/u/index", "<root xmlns=\"urn:test\"><b/></root>")
        #expect(fixture.put("root/a", "\n <a/>\r\n").status == 201)
        #expect(fixture.text == "<root xmlns=\"urn:test\"><b/><a/></root>")
    }
}
