import MusterTesting
import Testing
import XCAPEngine

@Suite("XCAP DELETE and conditions")
struct RemovalTests {
    private static let index = "test/users/u/index"

    @Test("a document is removed once", .spec("RFC 4825 §8.4/1", "RFC 4825 §8.4/2"))
    func document() {
        var fixture = XCAPFixture(Self.index, workedExample)
        #expect(fixture.delete() == XCAPReply(status: 200))
        #expect(fixture.document == nil)
        #expect(fixture.delete() == XCAPReply(status: 404))
        #expect(fixture.delete("root") == XCAPReply(status: 404))
    }

    @Test(
        "an element is removed, and nothing around it", .spec("RFC 4825 §8.4/1", "RFC 4825 §8.5/1"),
        arguments: [
            ("root/el1%5B2%5D", "<el1 att=\"second\"/>"), ("root/el2", "<el2 att=\"first\"/>"),
            ("root/el1%5B@att=%22first%22%5D", "<el1 att=\"first\"/>"), ("root/*%5B3%5D", "<el2 att=\"first\"/>"),
            ("root/el1%5B1%5D%5B@att=%22first%22%5D", "<el1 att=\"first\"/>"),
        ])
    func element(node: String, gone: String) {
        var fixture = XCAPFixture(Self.index, workedExample)
        #expect(fixture.delete(node) == XCAPReply(status: 200, entityTag: Array("t1".utf8)))
        #expect(fixture.text == workedExample.replacing(gone, with: ""))
    }

    @Test(
        "a removal that would bring another node in its place is refused",
        .spec("RFC 4825 §8.4/3", "RFC 4825 §8.2.5/5"), arguments: ["root/el1%5B1%5D", "root/*%5B1%5D", "root/*%5B2%5D"])
    func cannotDelete(node: String) {
        var fixture = XCAPFixture(Self.index, workedExample)
        let reply = fixture.delete(node)
        #expect(reply.status == 409)
        #expect(reply.condition == "cannot-delete")
        #expect(fixture.text == workedExample)
    }

    @Test(
        "what does not exist cannot be removed", .spec("RFC 4825 §8.4/2"),
        arguments: ["root/el3", "root/el1", "root/@a", "root/el2/@x", "root/el9/@x", "other"])
    func missing(node: String) {
        var fixture = XCAPFixture(Self.index, workedExample)
        #expect(fixture.delete(node) == XCAPReply(status: 404))
    }

    @Test("a document keeps its root element", .spec("RFC 4825 §8.4/4"))
    func root() {
        var fixture = XCAPFixture(Self.index, workedExample)
        #expect(fixture.delete("root").condition == "schema-validation-error")
        #expect(fixture.text == workedExample)
    }

    @Test(
        "a change waits for its conditions", .spec("RFC 4825 §8.2.6/1", "RFC 4825 §8.2.6/2"),
        arguments: [
            ("\"t0\"", nil, true), ("*", nil, true), ("\"x\",\"t0\"", nil, true), ("\"x\"", nil, false),
            ("W/\"t0\"", nil, false), ("t0", nil, false), (nil, "*", false), (nil, "\"t0\"", false),
            (nil, "W/\"t0\"", false), (nil, "\"x\"", true), ("\"t0\"", "\"x\"", true), ("\"t0\"", "*", false),
        ] as [(String?, String?, Bool)])
    func conditions(ifMatch: String?, ifNoneMatch: String?, isMet: Bool) {
        for (method, node, body, type, status) in [
            (XCAPMethod.put, "root/el2", "<el2/>", "application/xcap-el+xml", 200),
            (.put, "root/new", "<new/>", "application/xcap-el+xml", 201),
            (.put, "root/@new", "1", "application/xcap-att+xml", 201),
            (.put, "", "<root xmlns=\"urn:test\"/>", "application/test+xml", 200),
            (.delete, "root/el2", "", "", 200), (.delete, "root/el2/@att", "", "", 200), (.delete, "", "", "", 200),
        ] {
            var fixture = XCAPFixture(Self.index, workedExample)
            let reply = fixture.perform(
                method, node, body: Array(body.utf8), type: type, ifMatch: ifMatch, ifNoneMatch: ifNoneMatch)
            #expect(reply.status == (isMet ? status : 412))
            #expect((fixture.text == workedExample) != isMet)
        }
    }

    @Test("conditions come before what is wrong with the body")
    func order() {
        var fixture = XCAPFixture(Self.index, workedExample)
        let reply = fixture.perform(.put, "root/x/y", body: [0xFF], type: "text/plain", ifMatch: "\"old\"")
        #expect(reply == XCAPReply(status: 412))
    }

    @Test("a document can be put only if it is new", .spec("RFC 4825 §8.2.6/3", "RFC 4825 §8.2.6/2"))
    func createOnly() {
        var fixture = XCAPFixture(Self.index)
        let body = Array(workedExample.utf8)
        let type = "application/test+xml"
        #expect(fixture.perform(.put, body: body, type: type, ifMatch: "*").status == 412)
        #expect(fixture.perform(.put, body: body, type: type, ifMatch: "\"t0\"").status == 412)
        #expect(fixture.perform(.put, body: body, type: type, ifNoneMatch: "*").status == 201)
        #expect(fixture.perform(.put, body: body, type: type, ifNoneMatch: "*").status == 412)
        #expect(
            fixture.perform(
                .put, "root/el2", body: Array("<el2/>".utf8), type: "application/xcap-el+xml", ifNoneMatch: "*"
            ).status == 412)
    }

    @Test("every change of bytes changes the tag, and nothing else does", .spec("RFC 4825 §8.5/1"))
    func tags() {
        var fixture = XCAPFixture(Self.index)
        #expect(fixture.put(document: workedExample).tag == "t1")
        #expect(fixture.put(document: workedExample) == XCAPReply(status: 200, entityTag: Array("t1".utf8)))
        #expect(fixture.put(document: workedExample.replacing("comment", with: "other")).tag == "t3")
        #expect(fixture.put("root/el2", "<el2 att=\"first\"/>").tag == "t3")
        #expect(fixture.put("root/el2", "<el2 att='first'/>").tag == "t5")
        #expect(fixture.get().tag == "t5")
    }
}
