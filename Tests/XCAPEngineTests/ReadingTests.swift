import MusterTesting
import Testing
import XCAPEngine

@Suite("XCAP GET")
struct ReadingTests {
    private static let nested = """
        <root xmlns="urn:test" xmlns:p="urn:p"><p:a xmlns:q="urn:q" xmlns:p="urn:p2"><q:b xmlns="" p:x="1"/></p:a></root>
        """

    @Test("a document is answered whole, under the media type of its usage", .spec("RFC 4825 §8.3/1"))
    func document() {
        var fixture = XCAPFixture("test/users/u/index", workedExample)
        for method in [XCAPMethod.get, .head] {
            let reply = fixture.perform(method)
            #expect(
                reply
                    == XCAPReply(
                        status: 200, contentType: Array("application/test+xml".utf8), entityTag: Array("t0".utf8),
                        body: Array(workedExample.utf8)))
        }
    }

    @Test("an element comes as it stands, without the declarations that it inherits", .spec("RFC 4825 §8.3/2"))
    func elementIsVerbatim() {
        var fixture = XCAPFixture("test/users/u/index", Self.nested)
        let reply = fixture.get("root/z:a/y:b?xmlns(z=urn:p2)xmlns(y=urn:q)")
        #expect(reply.text == "<q:b xmlns=\"\" p:x=\"1\"/>")
    }

    @Test(
        "namespace bindings are an empty element with everything in scope", .spec("RFC 4825 §10/1", "RFC 4825 §8.3/1"),
        arguments: [
            ("root/namespace::*", "<root xmlns=\"urn:test\" xmlns:p=\"urn:p\"/>"),
            (
                "root/z:a/namespace::*?xmlns(z=urn:p2)",
                "<p:a xmlns:q=\"urn:q\" xmlns:p=\"urn:p2\" xmlns=\"urn:test\"/>"
            ),
            (
                "root/z:a/y:b/namespace::*?xmlns(z=urn:p2)xmlns(y=urn:q)",
                "<q:b xmlns:q=\"urn:q\" xmlns:p=\"urn:p2\"/>"
            ),
        ])
    func bindings(node: String, found: String) {
        var fixture = XCAPFixture("test/users/u/index", Self.nested)
        let reply = fixture.get(node)
        #expect(reply.status == 200)
        #expect(reply.text == found)
        #expect(reply.type == "application/xcap-ns+xml")
    }

    @Test("a document and its nodes have one entity tag", .spec("RFC 4825 §8.5/1"))
    func oneTag() {
        var fixture = XCAPFixture("test/users/u/index", workedExample)
        for node in ["", "root", "root/el2/@att", "root/namespace::*"] { #expect(fixture.get(node).tag == "t0") }
        let reply = fixture.putAttribute("root/el2/@att", "other")
        #expect(reply.tag == "t5")
        for node in ["", "root", "root/el2/@att", "root/namespace::*"] { #expect(fixture.get(node).tag == "t5") }
    }

    @Test("what does not exist is answered with 404 and no body", .spec("RFC 4825 §8.3/3", "RFC 4825 §11.1/1"))
    func missing() {
        var fixture = XCAPFixture("test/users/u/index")
        #expect(fixture.get() == XCAPReply(status: 404))
        #expect(fixture.get("root") == XCAPReply(status: 404))
        fixture.put(document: workedExample)
        #expect(fixture.get("root/@x") == XCAPReply(status: 404))
        #expect(fixture.get("root/el9") == XCAPReply(status: 404))
    }

    @Test("an application usage that is not served is answered with 404", .spec("RFC 4825 §5.1/1"))
    func unknownUsage() {
        for path in ["nothing/users/u/index", "test/global/index", "xcap-caps/users/u/index", "Test/users/u/index"] {
            var fixture = XCAPFixture(path, workedExample)
            for method in [XCAPMethod.get, .put, .delete, .other] { #expect(fixture.perform(method).status == 404) }
        }
    }

    @Test(
        "a GET with the tag that the client has is answered with 304", .spec("RFC 4825 §8.3/4"),
        arguments: [
            ("\"t0\"", 304), ("*", 304), ("W/\"t0\"", 304), ("\"x\", \"t0\"", 304), ("\"x\"", 200), ("t0", 200),
            ("", 200),
            ("\"t0", 200), ("\"x\" \"t0\"", 200), (" \"a\" ,, \"t0\" ", 304),
        ])
    func notModified(field: String, status: Int) {
        var fixture = XCAPFixture("test/users/u/index", workedExample)
        for node in ["", "root/el2"] {
            let reply = fixture.perform(.get, node, ifNoneMatch: field)
            #expect(reply.status == status)
            #expect(reply.tag == "t0")
            #expect(reply.body.isEmpty == (status == 304))
        }
        // What does not exist stays 404, whatever the client knows of the document.
        #expect(fixture.perform(.get, "root/el9", ifNoneMatch: field).status == 404)
    }

    @Test(
        "a GET that must match is answered with 412 where it does not",
        arguments: [("\"t0\"", 200), ("*", 200), ("W/\"t0\"", 412), ("\"x\"", 412)])
    func mustMatch(field: String, status: Int) {
        var fixture = XCAPFixture("test/users/u/index", workedExample)
        #expect(fixture.perform(.get, ifMatch: field).status == status)
        fixture.document = nil
        #expect(fixture.perform(.get, ifMatch: field).status == 412)
    }

    @Test("a stored document that cannot be read is the server's fault")
    func broken() {
        var fixture = XCAPFixture("test/users/u/index", "<root xmlns=\"urn:test\">")
        #expect(fixture.get("root").status == 500)
        #expect(fixture.put("root/a", "<a/>").status == 500)
        #expect(fixture.delete("root/a").status == 500)
    }
}
