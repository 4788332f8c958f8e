import Ground
import MusterTesting
import PresenceDocuments
import Testing

@Suite("References from a document to MIME objects")
struct ReferenceTests {
    /// The Content-IDs that a document with this inside its person refers to.
    private func references(_ inside: String) throws -> [String] {
        let text =
            "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" "
            + "xmlns:x=\"urn:example:x\" entity=\"sip:ann@bench.test\"><dm:person id=\"p\">\(inside)</dm:person></presence>"
        return try PresenceDocument.parse(Array(text.utf8)[...]).contentReferences.map { $0[...].text }
    }

    @Test(
        "a whole value that is a cid URI refers to a part", .spec("RFC 2392 §2", "REQ-24141-21"),
        arguments: [
            ("<x:a>cid:one@x</x:a>", ["one@x"]), ("<x:a> \r\n cid:one@x\t</x:a>", ["one@x"]),
            ("<x:a href=\"cid:one@x\"/>", ["one@x"]), ("<x:a x:href=\"CiD:one%40x\"/>", ["one@x"]),
            ("<x:a>cid:b</x:a><x:a y=\"cid:a\">cid:b</x:a>", ["b", "a"]),
            ("<x:a><![CDATA[cid:one]]></x:a>", ["one"]), ("<x:a>cid:a&amp;b</x:a>", ["a&b"]),
            ("<x:a>cid:%25</x:a>", ["%"]),
        ])
    func references(_ inside: String, _ expected: [String]) throws {
        #expect(try self.references(inside) == expected)
    }

    @Test(
        "anything else does not", .spec("RFC 2392 §2"),
        arguments: [
            "<x:a>see cid:one</x:a>", "<x:a>cid:</x:a>", "<x:a>cid:one two</x:a>", "<x:a>acid:one</x:a>",
            "<x:a>cid:one%</x:a>", "<x:a>cid:one%4</x:a>", "<x:a>cid:one%zz</x:a>", "<x:a>mid:one@x</x:a>",
            "<!-- cid:one --><x:a/>", "<x:a xmlns:y=\"cid:one\"/>", "<x:a>cid:one<x:b/></x:a>",
        ])
    func nothing(_ inside: String) throws {
        #expect(try self.references(inside).isEmpty)
    }
}
