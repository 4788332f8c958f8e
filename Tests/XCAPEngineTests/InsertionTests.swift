import MusterTesting
import Testing
import XCAPEngine

@Suite("XCAP insertion of elements")
struct InsertionTests {
    private static let second = "<el1 att=\"second\"/>"
    private static let lastTag = "\n</root>"

    @Test(
        "a new element goes where the selector says",
        .spec("RFC 4825 §8.2.3/1", "RFC 4825 §8.2.3/2", "RFC 4825 §8.2.3/3"),
        arguments: [
            ("root/el1%5B@att=%22third%22%5D", "<el1 att=\"third\"/>", Self.second),
            ("root/el1%5B3%5D%5B@att=%22third%22%5D", "<el1 att=\"third\"/>", Self.second),
            ("root/el1%5B3%5D", "<el1 att=\"third\"/>", Self.second),
            ("root/*%5B3%5D%5B@att=%22third%22%5D", "<el1 att=\"third\"/>", Self.second),
            ("root/el2%5B@att=%222%22%5D", "<el2 att=\"2\"/>", "<el2 att=\"first\"/>"),
            ("root/*%5B2%5D%5B@att=%222%22%5D", "<el2 att=\"2\"/>", "<el1 att=\"first\"/>"),
            ("root/el1%5B2%5D%5B@att=%222%22%5D", "<el1 att=\"2\"/>", "<el1 att=\"first\"/>"),
            ("root/*%5B4%5D", "<el3/>", "<el2 att=\"first\"/>"),
        ])
    func afterASibling(node: String, body: String, sibling: String) throws {
        var fixture = XCAPFixture()
        fixture.document = XCAPDocument(bytes: Array(workedExample.utf8), entityTag: [0x61])
        if node.contains("*%5B4") { fixture.put("root/*%5B4%5D", "<x/>"); fixture.delete("root/x") }
        let parts = fixture.text.split(separator: sibling, maxSplits: 1, omittingEmptySubsequences: false)
        try #require(parts.count == 2)
        let reply = fixture.put(node, body)
        #expect(reply.status == 201, "\(reply.text)")
        #expect(fixture.text == "\(parts[0])\(sibling)\(body)\(parts[1])")
        #expect(fixture.get(node).text == body)
    }
}
