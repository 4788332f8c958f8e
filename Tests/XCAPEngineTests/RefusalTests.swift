import Ground
import MusterTesting
import Testing
import XCAPEngine
import XMLTree

@Suite("XCAP refusals")
struct RefusalTests {
    private static let index = "test/users/u/index"

    @Test(
        "a parent that does not exist is answered with no-parent, and its closest ancestor",
        .spec("RFC 4825 §8.2.1/2", "RFC 4825 §8.2.1/3"),
        arguments: [
            ("root/x/y", "/test/users/u/index/~~/root"), ("root/el1/y", "/test/users/u/index/~~/root"),
            ("root/el1%5B2%5D/x/y/z", "/test/users/u/index/~~/root/el1%5B2%5D"),
            ("root/el2%5B@att='first'%5D/x/y", "/test/users/u/index/~~/root/el2%5B@att=%22first%22%5D"),
            ("t:root/x/y?xmlns(t=urn:test)", "/test/users/u/index/~~/t:root?xmlns(t=urn:test)"),
            ("other/x", "/test/users/u/index"), ("root/*/x", "/test/users/u/index/~~/root"),
        ])
    func noParent(node: String, ancestor: String) {
        for target in [node, node.contains("?") ? node.replacing("?", with: "/@a?") : node + "/@a"] {
            var fixture = XCAPFixture(Self.index, workedExample)
            let type = target.contains("/@a") && target != node ? "application/xcap-att+xml" : "application/xcap-el+xml"
            let reply = fixture.put(target, "<y/>", type: type)
            #expect(reply.status == 409)
            #expect(reply.condition == "no-parent")
            #expect(reply.error?.child("ancestor")?.text.text.hasPrefix(XCAPFixture.root + ancestor) == true)
            #expect(fixture.text == workedExample)
        }
    }

    @Test("without a document there is no parent, whatever the type of the body", .spec("RFC 4825 §8.2.1/2"))
    func noDocument() {
        var fixture = XCAPFixture(Self.index)
        for node in ["root", "root/a", "root/@a"] {
            let reply = fixture.put(node, "<root/>", type: "text/plain")
            #expect(reply.condition == "no-parent")
            #expect(reply.error?.child("ancestor")?.text.text == XCAPFixture.root + "/test/users/u/")
        }
    }

    @Test("nothing makes folders", .spec("RFC 4825 §8.2.1/1"))
    func noFolder() {
        var fixture = XCAPFixture("test/users/u/folder/index")
        let reply = fixture.put(document: workedExample)
        #expect(reply.status == 409)
        #expect(reply.condition == "no-parent")
        #expect(reply.error?.child("ancestor")?.text.text == XCAPFixture.root + "/test/users/u/")
        #expect(fixture.get().status == 404)
        #expect(fixture.delete().status == 404)
    }

    @Test(
        "a body of another type is answered with 415", .spec("RFC 4825 §8.2.2/1"),
        arguments: [nil, "", "text/plain", "application/xml", "application/xcap-ns+xml", "application/test+xmlx"])
    func wrongType(type: String?) {
        var fixture = XCAPFixture(Self.index, workedExample)
        for node in ["", "root/el2", "root/new", "root/@a"] {
            let reply = fixture.perform(.put, node, body: Array("<".utf8), type: type)
            #expect(reply == XCAPReply(status: 415))
        }
        #expect(fixture.put("root/el2", "<el2/>", type: "application/xcap-att+xml").status == 415)
        #expect(fixture.put("root/@a", "x", type: "application/xcap-el+xml").status == 415)
        #expect(fixture.put(document: workedExample, type: "application/xcap-el+xml").status == 415)
        #expect(fixture.text == workedExample)
    }

    @Test("case and parameters of a media type do not count", .spec("RFC 4825 §8.2.2/1"))
    func typesLeniently() {
        var fixture = XCAPFixture(Self.index, workedExample)
        #expect(fixture.put("root/el2", "<el2/>", type: " Application/XCAP-EL+xml ; charset=\"utf-8\"").status == 200)
        #expect(fixture.put(document: workedExample, type: "application/test+xml;charset=utf-8").status == 200)
    }

    @Test(
        "a document that is not well-formed is refused", .spec("RFC 4825 §8.2.2/2", "RFC 4825 §5.3/1"),
        arguments: [
            "", " ", "x", "<root", "<root xmlns=\"urn:test\">", "<root xmlns=\"urn:test\"/><root/>", "<p:root/>",
            "<!DOCTYPE root><root xmlns=\"urn:test\"/>",
            "<!DOCTYPE r [<!ENTITY a \"b\">]><root xmlns=\"urn:test\">&a;</root>",
            "<!DOCTYPE r SYSTEM \"file:///etc/passwd\"><root xmlns=\"urn:test\"/>",
            "<root xmlns=\"urn:test\" a=\"1\" a=\"2\"/>", "<root xmlns=\"urn:test\">&x;</root>",
            "<root xmlns=\"urn:test\">\u{1}</root>", "<a/>text",
        ])
    func notWellFormed(text: String) {
        var fixture = XCAPFixture(Self.index)
        let reply = fixture.put(document: text)
        #expect(reply.status == 409)
        #expect(reply.condition == "not-well-formed")
        #expect(fixture.document == nil)
    }

    @Test("what is not UTF-8 is refused", .spec("RFC 4825 §8.2.2/3", "RFC 4825 §5.3/1"))
    func notUTF8() {
        let root = Array("<root xmlns=\"urn:test\">".utf8)
        let end = Array("</root>".utf8)
        var sixteen: [UInt8] = [0xFF, 0xFE]
        for unit in "<root xmlns=\"urn:test\"/>".utf16 { sixteen += [UInt8(unit & 255), UInt8(unit >> 8)] }
        let bodies: [[UInt8]] = [
            root + [0xFF] + end, root + [0xC0, 0xAF] + end, root + [0xED, 0xA0, 0x80] + end, root + [0xE4] + end,
            sixteen, Array("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>".utf8) + root + end,
            Array("<?xml version=\"1.0\" encoding=\"UTF-16\"?>".utf8) + root + end,
            Array("<?xml version=\"1.0\" encoding='x-unknown'?>".utf8) + root + end,
        ]
        for body in bodies {
            var fixture = XCAPFixture(Self.index)
            let reply = fixture.perform(.put, body: body, type: "application/test+xml")
            #expect(reply.status == 409)
            #expect(reply.condition == "not-utf-8", "\(body)")
        }
        for body in [root + [0xFF] + end, [0xC0, 0x80], [0xFF]] {
            var fixture = XCAPFixture(Self.index, workedExample)
            #expect(
                fixture.perform(.put, "root/new", body: body, type: "application/xcap-el+xml").condition == "not-utf-8")
            #expect(
                fixture.perform(.put, "root/@a", body: body, type: "application/xcap-att+xml").condition == "not-utf-8")
            #expect(fixture.text == workedExample)
        }
    }

    @Test("UTF-8 is taken in every spelling of its name", .spec("RFC 4825 §5.3/1"))
    func utf8() {
        for declaration in [
            "", "\u{FEFF}", "<?xml version=\"1.0\"?>", "<?xml version='1.0' encoding='UTF-8'?>",
            "<?xml version='1.0' encoding='utf8'?>", "<?xml version='1.0' encoding='US-ASCII' standalone='yes' ?>",
        ] {
            var fixture = XCAPFixture(Self.index)
            #expect(fixture.put(document: declaration + "<root xmlns=\"urn:test\"><a/></root>").status == 201)
            #expect(fixture.get("root/a").text == "<a/>")
        }
    }

    @Test(
        "a body that is not exactly one element is refused", .spec("RFC 4825 §8.2.2/4", "RFC 4825 §8.2.5/5"),
        arguments: [
            "", " ", "x", "<x", "<x>", "</x>", "<x></y>", "<x/><x/>", "<x/>text", "text<x/>", "<!-- c --><x/>",
            "<x/><!-- c -->", "<?xml version=\"1.0\"?><x/>", "<?p?><x/>", "<!DOCTYPE x><x/>", "<![CDATA[x]]>",
            "&lt;x/>",
            "<p:x/>", "<x a=\"1\" a=\"2\"/>", "<x>&y;</x>", "<x/></root><root>", "</root><root xmlns=\"urn:test\"><x/>",
            "<x/></root><!--", "<x", "<!--", "<![CDATA[", "<x/><![CDATA[", "\u{FEFF}<x/>",
        ])
    func notOneElement(body: String) {
        for node in ["root/x", "root/el2", "root/el1%5B9%5D", "second"] {
            var fixture = XCAPFixture(Self.index, workedExample)
            let reply = fixture.put(node, body)
            #expect(reply.status == 409)
            #expect(reply.condition == "not-xml-frag", "\(node)")
            #expect(fixture.text == workedExample)
        }
    }

    @Test("namespace bindings are only read", .spec("RFC 4825 §8.2.2/7"))
    func bindings() {
        var fixture = XCAPFixture(Self.index, workedExample)
        for method in [XCAPMethod.put, .delete, .other] {
            let reply = fixture.perform(method, "root/namespace::*", body: [], type: "application/xcap-ns+xml")
            #expect(reply == XCAPReply(status: 405, allow: [.get]))
        }
    }

    @Test("other methods are answered with 405 and what is allowed", .spec("RFC 4825 §8.1/1"))
    func methods() {
        var fixture = XCAPFixture(Self.index, workedExample)
        for node in ["", "root", "root/@a"] {
            #expect(fixture.perform(.other, node) == XCAPReply(status: 405, allow: [.get, .head, .put, .delete]))
        }
        for path in [
            "xcap-caps/global/index", "rls-services/global/index",
            "org.openmobilealliance.xcap-directory/users/u/directory.xml",
        ] {
            var generated = XCAPFixture(path)
            for method in [XCAPMethod.put, .delete, .other] {
                #expect(generated.perform(method) == XCAPReply(status: 405, allow: [.get, .head]))
            }
        }
    }

    @Test("what is too large is answered with 413, also when it grows by an edit")
    func tooLarge() {
        let engine = XCAPEngine(
            registry: ApplicationUsageRegistry([.test]), limits: XCAPLimits(documentBytes: 200))
        var fixture = XCAPFixture(Self.index, workedExample, engine: engine)
        let long = String(repeating: "x", count: 201)
        #expect(fixture.put(document: "<root xmlns=\"urn:test\">\(long)</root>") == XCAPReply(status: 413))
        #expect(fixture.put("root/a", "<a>\(long)</a>") == XCAPReply(status: 413))
        #expect(fixture.putAttribute("root/@a", long) == XCAPReply(status: 413))
        #expect(fixture.put("root/a", "<a>\(long.prefix(100))</a>") == XCAPReply(status: 413))
        #expect(fixture.text == workedExample)
    }

    @Test("depth and number of nodes are bounded, by one put or by many")
    func tooDeep() {
        var limits = XCAPLimits.standard
        limits.xml.depth = 8
        limits.xml.nodes = 40
        let engine = XCAPEngine(registry: ApplicationUsageRegistry([.test]), limits: limits)
        var fixture = XCAPFixture(Self.index, "<root xmlns=\"urn:test\"/>", engine: engine)
        let open = String(repeating: "<a>", count: 9), close = String(repeating: "</a>", count: 9)
        #expect(
            fixture.put(document: "<root xmlns=\"urn:test\">\(open)\(close)</root>").condition == "constraint-failure")
        var node = "root"
        for level in 1...12 {
            node += "/a"
            let reply = fixture.put(node, "<a/>")
            #expect(level <= 8 ? reply.status == 201 : reply.status == 409)
        }
        for number in 1...100 {
            let reply = fixture.put("root/b%5B\(number)%5D", "<b/>")
            if reply.status != 201 {
                #expect(reply.condition == "constraint-failure")
                break
            }
            #expect(number < 40)
        }
    }

    @Test("an expansion of entities is refused at once")
    func bombs() {
        var fixture = XCAPFixture(Self.index)
        var bomb = "<!DOCTYPE r [<!ENTITY a0 \"aaaaaaaaaaaaaaaa\">"
        for level in 1...30 { bomb += "<!ENTITY a\(level) \"&a\(level - 1);&a\(level - 1);\">" }
        bomb += "]><root xmlns=\"urn:test\">&a30;</root>"
        #expect(fixture.put(document: bomb).condition == "not-well-formed")
        let attributes = (0..<5000).map { "a\($0)=\"\"" }.joined(separator: " ")
        #expect(fixture.put(document: "<root xmlns=\"urn:test\" \(attributes)/>").status == 409)
        #expect(fixture.document == nil)
    }
}
