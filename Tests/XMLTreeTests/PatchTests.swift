import MusterTesting
import Testing

@testable import XMLTree

private func parse(_ text: String) throws -> XMLDocument { try XMLDocument.parse(Array(text.utf8)[...]) }

private func patched(_ document: String, _ operations: String, declarations: String = "") throws -> XMLDocument {
    let patch = try parse("<d xmlns:o='urn:ops' \(declarations)>\(operations)</d>")
    // The operations of these tests stand without a namespace unless the default is declared.
    return try XMLPatch.applying(
        operationsIn: patch.root, of: patch, namespace: patch[patch.root].namespace, to: parse(document))
}

@Suite("XML patch")
struct PatchTests {
    @Test(
        "operations do what the standard says",
        .spec("RFC 5261 §4.3", "RFC 5261 §4.3.1", "RFC 5261 §4.3.2", "RFC 5261 §4.4", "RFC 5261 §4.5"),
        arguments: [
            ("<a><b/></a>", "<add sel='a'><c/></add>", "<a><b/><c/></a>"),
            ("<a><b/></a>", "<add sel='a' pos='prepend'><c/></add>", "<a><c/><b/></a>"),
            ("<a><b/></a>", "<add sel='a/b' pos='before'>x<c/></add>", "<a>x<c/><b/></a>"),
            ("<a><b/></a>", "<add sel='a/b' pos='after'><c/><d/></add>", "<a><b/><c/><d/></a>"),
            ("<a/>", "<add sel='a' type='@k'>v</add>", "<a k='v'/>"),
            ("<a/>", "<add sel='a' pos='before'><!--x--></add>", "<!--x--><a/>"),
            ("<a>x</a>", "<add sel='a'>y</add><replace sel='a/text()[1]'>z</replace>", "<a>z</a>"),
            ("<a k='1'/>", "<replace sel='a/@k'>2</replace>", "<a k='2'/>"),
            ("<a><b>1</b></a>", "<replace sel='a/b/text()'>2</replace>", "<a><b>2</b></a>"),
            ("<a><b>1</b></a>", "<replace sel='a/b/text()'/>", "<a><b/></a>"),
            ("<a><b/><c/></a>", "<replace sel='a/b'><x/></replace>", "<a><x/><c/></a>"),
            ("<a/>", "<replace sel='a'> <z/> </replace>", "<z/>"),
            ("<a><!--c--></a>", "<replace sel='a/comment()'><!--d--></replace>", "<a><!--d--></a>"),
            ("<a><b/>x<c/></a>", "<remove sel='a/text()'/>", "<a><b/><c/></a>"),
            ("<a k='1' l='2'/>", "<remove sel='a/@k'/>", "<a l='2'/>"),
            ("<a>x<b/>y</a>", "<remove sel='a/b'/><replace sel='a/text()'>z</replace>", "<a>z</a>"),
            ("<a> <b/> <c/></a>", "<remove sel='a/b' ws='before'/>", "<a> <c/></a>"),
            ("<a> <b/> <c/></a>", "<remove sel='a/b' ws='both'/>", "<a><c/></a>"),
            ("<a><b id='x'/><b id='y'/></a>", "<remove sel=\"a/b[@id='x']\"/><remove sel='a/b[1]'/>", "<a/>"),
        ])
    func operations(_ document: String, _ operations: String, _ expected: String) throws {
        let result = try patched(document, operations)
        #expect(result == (try parse(expected)), "\(String(decoding: result.serialised(), as: UTF8.self))")
        #expect(try XMLDocument.parse(result.serialised()[...]) == result)
    }

    @Test("namespaces of a patch are its own", .spec("RFC 5261 §4.2.1", "RFC 5261 §4.2.2", "RFC 5261 §4.3.3"))
    func namespaces() throws {
        let document = "<a xmlns='u' xmlns:q='v'><q:b/></a>"
        let patch = try parse(
            "<o:d xmlns:o='ops' xmlns='u' xmlns:z='v'><o:add sel='a/z:b'><z:c/><d/></o:add>"
                + "<o:add sel='a' type='namespace::n'>urn:n</o:add><o:add sel='a/z:b' type='@z:k'>1</o:add></o:d>")
        let result = try XMLPatch.applying(
            operationsIn: patch.root, of: patch, namespace: patch[patch.root].namespace, to: parse(document))
        let expected = try parse("<a xmlns='u' xmlns:q='v' xmlns:n='urn:n'><q:b q:k='1'><q:c/><d/></q:b></a>")
        #expect(result == expected)
        #expect(try XMLDocument.parse(result.serialised()[...]) == expected)
        #expect(result.declaration(of: try #require(result.nameNumber(Array("n".utf8)[...])), at: result.root) > 0)
        let removed = try patched("<a xmlns:n='urn:n'/>", "<remove sel='a/namespace::n'/>")
        #expect(removed[removed.root].firstAttribute < 0)
        let replaced = try patched("<a xmlns:n='urn:n'/>", "<replace sel='a/namespace::n'>urn:m</replace>")
        #expect(String(decoding: replaced.serialised(), as: UTF8.self).contains("urn:m"))
    }

    @Test(
        "faults carry the standard's condition, and nothing is done",
        .spec("RFC 5261 §5", "RFC 5261 §5.1"),
        arguments: [
            ("<a><b/><b/></a>", "<remove sel='a/b'/>", "unlocated-node"),
            ("<a/>", "<remove sel='a/c'/>", "unlocated-node"),
            ("<a/>", "<remove/>", "invalid-diff-format"),
            ("<a/>", "<frob sel='a'/>", "invalid-diff-format"),
            ("<a/>", "text", "invalid-diff-format"),
            ("<a/>", "<add sel='a' pos='middle'><b/></add>", "invalid-attribute-value"),
            ("<a/>", "<add sel='a[' ><b/></add>", "invalid-attribute-value"),
            ("<a/>", "<add sel='q:a'><b/></add>", "invalid-namespace-prefix"),
            ("<a/>", "<add sel='a' type='@q:k'>v</add>", "invalid-namespace-prefix"),
            ("<a k='1'/>", "<add sel='a' type='@k'>v</add>", "invalid-patch-directive"),
            ("<a/>", "<add sel='a' type='namespace::n'/>", "invalid-namespace-uri"),
            ("<a xmlns:n='u'><n:b/></a>", "<remove sel='a/namespace::n'/>", "invalid-namespace-prefix"),
            ("<a k='1'/>", "<add sel='a/@k'><b/></add>", "invalid-node-types"),
            ("<a/>", "<replace sel='a'>text</replace>", "invalid-node-types"),
            ("<a/>", "<replace sel='a'><b/><c/></replace>", "invalid-node-types"),
            ("<a k='1'/>", "<replace sel='a/@k'><b/></replace>", "invalid-node-types"),
            ("<a/>", "<remove sel='a'/>", "invalid-root-element-operation"),
            ("<a/>", "<add sel='a' pos='after'><b/></add>", "invalid-root-element-operation"),
            ("<a/>", "<add sel='a' pos='after'>x</add>", "invalid-xml-prolog-operation"),
            ("<a><b/></a>", "<remove sel='a/b' ws='both'/>", "invalid-whitespace-directive"),
            ("<a>x<b/></a>", "<remove sel='a/b' ws='before'/>", "invalid-whitespace-directive"),
            ("<a k='1'/>", "<remove sel='a/@k' ws='both'/>", "invalid-whitespace-directive"),
        ])
    func faults(_ document: String, _ operations: String, _ condition: String) throws {
        let fault = #expect(throws: XMLPatchFault.self) { try patched(document, operations) }
        #expect(fault?.condition.rawValue == condition, "\(operations)")
    }

    @Test("a patch cannot grow a document without bound", .spec("RFC 5261 §8"))
    func bounds() throws {
        var deep = ""
        var selector = "a"
        for _ in 0..<80 {
            deep += "<add sel='\(selector)'><b/></add>"
            selector += "/b"
        }
        #expect(throws: XMLPatchFault.self) { try patched("<a/>", deep) }
        let many = String(repeating: "<add sel='a'><b/></add>", count: 600)
        #expect(throws: XMLPatchFault.self) { try patched("<a/>", many) }
    }
}
