import MusterTesting
import Testing

@testable import XMLTree

private func parse(_ text: String) throws -> XMLDocument { try XMLDocument.parse(Array(text.utf8)[...]) }
private func text(_ document: XMLDocument) -> String {
    String(decoding: document.serialised(declaration: false), as: UTF8.self)
}

@Suite("XML trees")
struct TreeTests {
    @Test("names, namespaces, attributes and texts are found", .spec("RFC 3863 §4.1"))
    func reading() throws {
        let document = try parse("<a xmlns='u' xmlns:p='v'><p:b c='1' p:c='2'>x<d/>y</p:b></a>")
        let root = try #require(document.rootElement)
        #expect(root.name.text == "a" && root.namespace.text == "u")
        let child = try #require(root.child("b", namespace: "v"))
        #expect(child.attribute("c")?.text == "1")
        #expect(child.text.text == "xy")
        #expect(child.children.map { $0.name.text } == ["d"])
    }

    @Test("equality ignores prefixes and the order of attributes, nothing else", .spec("RFC 5261 §4.2"))
    func equality() throws {
        #expect(try parse("<a xmlns='u' b='1' c='2'/>") == parse("<p:a xmlns:p='u' c='2' b='1'/>"))
        #expect(try parse("<a><b/><c/></a>") != parse("<a><b><c/></b></a>"))
        #expect(try parse("<a><b/></a>") != parse("<a><b/><b/></a>"))
        #expect(try parse("<a>x</a>") != parse("<a>y</a>"))
        #expect(try parse("<a b='1'/>") != parse("<a b='2'/>"))
        #expect(try parse("<a xmlns='u'/>") != parse("<a/>"))
        #expect(try parse("<a><b/>x</a>") != parse("<a>x<b/></a>"))
    }

    @Test("a subtree keeps its namespaces in another document", .spec("RFC 5261 §4.2.1"))
    func copying() throws {
        let source = try parse("<a xmlns:p='u' xmlns:q='w'><p:b k='q:word'><c/></p:b></a>")
        var target = try parse("<z xmlns='other' xmlns:p='clash'/>")
        let inner = source[source.root].firstChild
        let copy = target.copySubtree(inner, of: source)
        target.append(copy, to: target.root)
        let again = try parse(text(target))
        let moved = try #require(again.rootElement?.children.first)
        #expect(moved.namespace.text == "u")
        #expect(moved.children.first?.namespace.text == "")
        let number = try #require(again.nameNumber(Array("q".utf8)[...]))
        #expect(again.resolve(prefix: number, at: moved.id).map { again.namespace($0).text } == "w")
    }

    @Test("prefixes that clash are declared anew, whoever brought them", .spec("RFC 5261 §4.2.1"))
    func clashingPrefixes() throws {
        var document = try parse("<p:a xmlns:p='one'/>")
        let numbers = (
            document.intern(namespace: Array("two".utf8)[...]), document.intern(Array("p".utf8)[...]),
            document.intern(Array("b".utf8)[...])
        )
        let two = try #require(numbers.0)
        let prefix = try #require(numbers.1)
        let name = try #require(numbers.2)
        document.setAttribute(name, namespace: two, prefix: prefix, of: document.root, to: Array("v".utf8)[...])
        let again = try parse(text(document))
        #expect(again == document)
        #expect(again.rootElement?.namespace.text == "one")
    }

    @Test("special characters survive writing and reading", .spec("RFC 3863 §4"))
    func escaping() throws {
        let document = try parse("<a b='&lt;&amp;&quot;&#9;&#10;&#13;&gt;'>&lt;&amp;]]&gt;&#13;</a>")
        #expect(try parse(text(document)) == document)
    }

    @Test("references in attributes and namespace names are read, by libxml2 too", .spec("RFC 3863 §4"))
    func ampersands() throws {
        let document = try parse("<a xmlns='urn:a&amp;b' b='x&amp;y'><![CDATA[c]]></a>")
        #expect(document.rootElement?.namespace.text == "urn:a&b")
        #expect(document.rootElement?.attribute("b")?.text == "x&y")
        #expect(try parse(text(document)) == document)
    }

    @Test("every limit is kept, and named", .spec("RFC 3863 §6"))
    func limits() throws {
        let tight = XMLLimits(bytes: 200, depth: 3, nodes: 10, attributes: 2, names: 4, nameBytes: 8)
        for text in [
            "<a><b><c><d><e/></d></c></b></a>", "<a b='1' c='2' d='3'/>",
            "<a>" + String(repeating: "<b/>", count: 20)
                + "</a>", "<abcdefghij/>", String(repeating: " ", count: 300) + "<a/>", "<a><b/><c/><d/><e/><f/></a>",
        ] {
            let fault = #expect(throws: XMLFault.self) {
                try XMLDocument.parse(Array(text.utf8)[...], limits: tight)
            }
            #expect(fault?.kind == .overLimit, "\(text)")
        }
        // libxml2's way keeps the same limits.
        let fault = #expect(throws: XMLFault.self) {
            try XMLDocument.parse(Array("<a><![CDATA[x]]><b><c><d><e/></d></c></b></a>".utf8)[...], limits: tight)
        }
        #expect(fault?.kind == .overLimit)
    }
}

@Suite("Selectors")
struct SelectorTests {
    private let document = """
        <r xmlns="u" xmlns:p="v"><a id="one">1</a><a id="two" k="x"><b>t</b><b>s</b></a><p:a>3</p:a><!--c--><?pi d?>tail</r>
        """

    private func select(
        _ expression: String, _ dialect: XPathExpression.Dialect = .patch
    ) throws -> [String] {
        let tree = try parse(self.document)
        let parsed = try XPathExpression.parse(Array(expression.utf8)[...], dialect: dialect) { prefix in
            prefix.isEmpty ? Array("u".utf8) : prefix == Array("p".utf8) ? Array("v".utf8) : nil
        }
        return try parsed.select(in: tree).map { tree.stringValue($0).text }
    }

    @Test("the selectors of XML patch find their nodes", .spec("RFC 5261 §4.1", "RFC 5261 §4.2.1"))
    func patchSelectors() throws {
        #expect(try self.select("r/a[2]/b[1]") == ["t"])
        #expect(try self.select("*/a[@id='two']/@k") == ["x"])
        #expect(try self.select("/r/p:a") == ["3"])
        #expect(try self.select("r/a[b='s']/b") == ["t", "s"])
        #expect(try self.select("r/a[.='1']/@id") == ["one"])
        #expect(try self.select("id('two')/b[2]") == ["s"])
        #expect(try self.select("r/text()[1]") == ["tail"])
        #expect(try self.select("r/comment()") == ["c"])
        #expect(try self.select("r/processing-instruction('pi')") == ["d"])
        #expect(try self.select("r/namespace::p") == ["v"])
        #expect(try self.select("r/*[4]") == [])
        #expect(try self.select("r/a[@id='two'][1]/b[.=\"t\"]") == ["t"])
    }

    @Test("the expressions of filters find their nodes", .spec("RFC 4661 §5", "RFC 4661 §5/1"))
    func filterExpressions() throws {
        #expect(try self.select("//b", .filter) == ["t", "s"])
        #expect(try self.select("//a[@id=\"two\" and b=\"t\"]/@k", .filter) == ["x"])
        #expect(try self.select("/r/a[. > 0 or @id='two']/@id", .filter) == ["one", "two"])
        #expect(try self.select("//p:*", .filter) == ["3"])
        #expect(try self.select("//b/../@id", .filter) == ["two"])
        #expect(try self.select("/r/*[. < 3]/@id", .filter) == ["one"])
        #expect(try self.select("//*[(@id='one') or (@id='two' and @k='y')]/@id", .filter) == ["one"])
        #expect(try self.select("/r//b[1]", .filter) == ["t"])
    }

    @Test("what the subset does not have is refused", .spec("RFC 5261 §4.1", "RFC 4661 §5"))
    func refused() throws {
        for expression in [
            "", "/", "r/", "r//b", "r[", "r[@a=]", "r[@a='x", "count(r)", "r/following::a", "r/q:a", "r/a[1]]",
            "r/a[0]",
            "r/text()/a", "r a", "r/@id/b", "r[@a='1' and @b='2']", "r[a<1]", "id(", "id('x'", "$x", "r|a", "r/a[-1]",
        ] {
            #expect(throws: XPathFault.self, "\(expression)") { try self.select(expression) }
        }
        let nested = "/r" + String(repeating: "[a", count: 50) + String(repeating: "]", count: 50)
        #expect(throws: XPathFault.self) { try self.select(nested, .filter) }
        #expect(throws: XPathFault.self) {
            try self.select("/r" + String(repeating: "/a", count: 200), .filter)
        }
    }

    @Test("an evaluation that would take too long is stopped", .spec("RFC 4660 §5"))
    func expensive() throws {
        let text = "<r>" + String(repeating: "<a><a><a>x</a></a></a>", count: 2000) + "</r>"
        let tree = try parse(text)
        let expression = try XPathExpression.parse(
            Array("//a//a//a[//a='y']".utf8)[...], dialect: .filter, resolve: { _ in [] })
        #expect(throws: XPathFault.tooComplex) { try expression.select(in: tree) }
    }
}
