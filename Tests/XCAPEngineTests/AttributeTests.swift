import MusterTesting
import Testing
import XCAPEngine

@Suite("XCAP attributes")
struct AttributeTests {
    private static let text =
        "<root xmlns=\"urn:test\" xmlns:p=\"urn:p\"><a  one='1'\n two = \"2\" p:three=\"3\" /><b/></root>"

    @Test(
        "an attribute is put into its element, and nothing else moves",
        .spec("RFC 4825 §8.2.3/6", "RFC 4825 §8.2.3/7", "RFC 4825 §8.2.4/1", "RFC 4825 §8.2.5/4"),
        arguments: [
            ("root/a/@one", "x", 200, "one='1'", "one='x'"),
            ("root/a/@two", "it's", 200, "two = \"2\"", "two = \"it's\""),
            ("root/a/@one", "it's", 200, "one='1'", "one=\"it's\""),
            ("root/a/@two", "a \"b\"", 200, "two = \"2\"", "two = 'a \"b\"'"),
            ("root/a/@two", "&lt;&amp;&#x41;>", 200, "two = \"2\"", "two = \"&lt;&amp;&#x41;>\""),
            ("root/a/@two", "", 200, "two = \"2\"", "two = \"\""),
            ("root/a/@p:three?xmlns(p=urn:p)", "4", 200, "p:three=\"3\"", "p:three=\"4\""),
            ("root/a/@z:three?xmlns(z=urn:p)", "4", 200, "p:three=\"3\"", "p:three=\"4\""),
            ("root/a/@three", "4", 201, "p:three=\"3\"", "p:three=\"3\" three=\"4\""),
            ("root/b/@new", "a\"b", 201, "<b/>", "<b new='a\"b'/>"),
            ("root/b/@z:n?xmlns(z=urn:p)", "1", 201, "<b/>", "<b p:n=\"1\"/>"),
            ("root/b/@z:n?xmlns(z=urn:z)", "1", 201, "<b/>", "<b xmlns:z=\"urn:z\" z:n=\"1\"/>"),
            ("root/b/@p:n?xmlns(p=urn:z%26)", "1", 201, "<b/>", "<b xmlns:p1=\"urn:z&amp;\" p1:n=\"1\"/>"),
            ("root/b/@xml:lang", "en", 201, "<b/>", "<b xml:lang=\"en\"/>"),
            ("root/@new", "1", 201, "xmlns:p=\"urn:p\"", "xmlns:p=\"urn:p\" new=\"1\""),
        ])
    func putting(node: String, value: String, status: Int, old: String, new: String) throws {
        var fixture = XCAPFixture("test/users/u/index", Self.text)
        let reply = fixture.putAttribute(node, value)
        #expect(reply == XCAPReply(status: status, entityTag: Array("t1".utf8)), "\(reply.text)")
        let parts = Self.text.split(separator: old, maxSplits: 1, omittingEmptySubsequences: false)
        try #require(parts.count == 2)
        #expect(fixture.text == "\(parts[0])\(new)\(parts[1])")
        let read = fixture.get(node)
        #expect(read.status == 200)
        #expect(read.text == value)
        #expect(fixture.putAttribute(node, value) == XCAPReply(status: 200, entityTag: Array("t1".utf8)))
    }

    @Test(
        "what is no attribute value is refused", .spec("RFC 4825 §8.2.2/5", "RFC 4825 §8.2.5/5"),
        arguments: ["<", "a<b", "&", "&x;", "&#0;", "&#xD800;", "&amp", "\"'", "a\" b='c", "\u{1}", "&lt;<!-- -->"])
    func refused(value: String) {
        var fixture = XCAPFixture("test/users/u/index", Self.text)
        for node in ["root/a/@one", "root/b/@new"] {
            let reply = fixture.putAttribute(node, value)
            #expect(reply.status == 409)
            #expect(reply.condition == "not-xml-att-value")
        }
        #expect(fixture.text == Self.text)
    }

    @Test("a value that looks like another attribute stays a value")
    func injection() {
        var fixture = XCAPFixture("test/users/u/index", Self.text)
        #expect(fixture.putAttribute("root/b/@new", "x\" evil=\"1").status == 201)
        #expect(fixture.get("root/b/@evil").status == 404)
        #expect(fixture.get("root/b/@new").text == "x\" evil=\"1")
    }

    @Test(
        "changing what the selector tests is answered with cannot-insert", .spec("RFC 4825 §8.2.4/2"),
        arguments: ["root/a%5B@one=%221%22%5D/@one", "root/*%5B1%5D%5B@one=%221%22%5D/@one"])
    func selfReference(node: String) {
        var fixture = XCAPFixture("test/users/u/index", Self.text)
        let reply = fixture.putAttribute(node, "2")
        #expect(reply.status == 409)
        #expect(reply.condition == "cannot-insert")
        #expect(fixture.putAttribute(node, "1").status == 200)
        #expect(fixture.putAttribute(node, "&#x31;").status == 200)
        #expect(fixture.text == Self.text.replacing("'1'", with: "'&#x31;'"))
    }

    @Test(
        "an attribute is removed with the white space before it", .spec("RFC 4825 §8.4/1"),
        arguments: [
            ("root/a/@one", "  one='1'"), ("root/a/@two", "\n two = \"2\""),
            ("root/a/@z:three?xmlns(z=urn:p)", " p:three=\"3\""), ("root/a%5B@one='1'%5D/@one", "  one='1'"),
        ])
    func removing(node: String, gone: String) {
        var fixture = XCAPFixture("test/users/u/index", Self.text)
        #expect(fixture.delete(node) == XCAPReply(status: 200, entityTag: Array("t1".utf8)))
        #expect(fixture.text == Self.text.replacing(gone, with: ""))
        #expect(fixture.delete(node).status == 404)
    }
}
