import Ground
import MusterTesting
import Testing

@testable import PresenceDocuments

@Suite("Partial presence")
struct PartialTests {
    private func difference(_ body: String, declarations: String = "") -> Octets {
        octets(
            "<?xml version=\"1.0\"?><p:pidf-diff xmlns=\"urn:ietf:params:xml:ns:pidf\" \(declarations) xmlns:p=\"urn:ietf:params:xml:ns:pidf-diff\" entity=\"sip:ana@home1.net\" version=\"2\">\(body)</p:pidf-diff>"
        )
    }

    @Test(
        "a full document comes back as it was",
        .spec("RFC 5262 §4.2", "RFC 5264 §4.2", "RFC 5262 §3/2", "RFC 5262 §3/6"))
    func full() throws {
        let document = try PresenceDocument.parse(octets(Sample.full))
        let bytes = PartialPresence.full(document, version: 7)
        #expect(try PartialPresence.parse(bytes[...]) == .full(document, version: 7))
        #expect(try PartialPresence.parseFull(PartialPresence.full(document, version: nil)[...]) == document)
    }

    @Test("a small change is a small patch", .spec("RFC 5262 §4.3", "RFC 5263 §4.3", "RFC 5262 §3/3", "RFC 5262 §4/1"))
    func small() throws {
        let old = try PresenceDocument.parse(octets(Sample.full))
        let new = try PresenceDocument.parse(
            octets(Sample.full.replacing("<status><basic>open", with: "<status><basic>closed")))
        let bytes = try #require(PartialPresence.difference(from: old, to: new, version: 2))
        #expect(string(bytes).contains("<p:replace sel=\"*/tuple/status/basic/text()\">closed</p:replace>"))
        #expect(bytes.count < 320)
        #expect(try PartialPresence.applying(bytes[...], to: old) == new)
    }

    @Test(
        "every difference leads exactly to the new document",
        .spec("RFC 5262 §4.3", "RFC 5261 §4.3", "RFC 5263 §4.3", "RFC 5262 §3/3", "RFC 5262 §4/1", "RFC 5263 §4.4/4"))
    func property() throws {
        var random = SeededRandom(21)
        var made = 0
        for _ in 0..<800 {
            let text = Sample.random(&random)
            let old = try PresenceDocument.parse(octets(text))
            let new = try PresenceDocument.parse(
                octets(random.chance(10) ? Sample.random(&random) : self.mutated(text, &random)))
            let full = try PartialPresence.parseFull(PartialPresence.full(old, version: 1)[...])
            guard let bytes = PartialPresence.difference(from: old, to: new, version: 2) else { continue }
            made += 1
            #expect(bytes.count < PartialPresence.full(new, version: 2).count)
            #expect(
                try PartialPresence.applying(bytes[...], to: full).serialised() == new.serialised(), "\(string(bytes))")
        }
        #expect(made > 300)
    }

    /// A small change somewhere, as life brings it.
    private func mutated(_ text: String, _ random: inout SeededRandom) -> String {
        let changes: [(String, String)] = [
            (">open<", ">closed<"), (">closed<", ">open<"), ("<rp:meeting/>", "<rp:away/><rp:busy/>"),
            ("<rp:away/>", "<rp:other>chess &lt;3</rp:other>"), ("n1 &amp;", "n1"), ("<note>", "<note>x"),
            ("</dm:person>", "<dm:note>late</dm:note></dm:person>"), ("id=\"t2\"", "id=\"t7\""),
            ("</status>", "</status><x:new>1</x:new>"), ("<x:f/>", "<x:g/>"), (" k=\"1\"", " k=\"9\""),
            ("<x:top>", "<note>first</note><x:top>"), ("@pc", "@tablet"), ("<rp:class>work</rp:class>", ""),
            ("</presence>", "<x:last/></presence>"), ("<dm:person id=\"p0\">", "<dm:person id=\"q\">"),
            ("</presence>", Sample.tuple("t9", note: "new") + "</presence>"), ("sip:ana@phone", "sip:ana@fax"),
        ]
        var result = text
        for _ in 0...random.below(2) {
            let change = random.pick(changes)
            result = result.replacing(change.0, with: change.1, maxReplacements: 1 + random.below(2))
        }
        return (try? PresenceDocument.parse(octets(result))) == nil ? text : result
    }

    @Test("a publisher's patch finds nodes where the publisher put them", .spec("RFC 5264 §4.2", "RFC 5261 §4.1"))
    func publisherOrder() throws {
        let document = try Sample.document(Sample.tuple("z") + Sample.tuple("a"))
        let patched = try PartialPresence.applying(
            self.difference("<p:replace sel=\"presence/tuple[1]/status/basic/text()\">closed</p:replace>"), to: document
        )
        #expect(patched.summary.services.map(\.isOpen) == [true, false])
        let stored = try PresenceDocument.parse(patched.serialisedAsPublished()[...])
        let again = try PartialPresence.applying(
            self.difference("<p:remove sel=\"*/tuple[1]\"/>"), to: stored)
        #expect(again.summary.services.map(\.id) == ["a"])
    }

    @Test(
        "a bad patch is refused with 400 and changes nothing",
        .spec("RFC 5264 §4.2", "RFC 5261 §5", "RFC 5262 §3/7", "RFC 5264 §4.3.2/3"),
        arguments: [
            "<p:remove sel=\"*/tuple[@id='nobody']\"/>", "<p:remove sel=\"*/tuple/status\"/>", "<p:frob sel='*'/>",
            "<p:replace sel=\"*/tuple/status/basic/text()\">maybe</p:replace>", "<p:add sel='*'><tuple/></p:add>",
            "<p:add sel=\"*\"><tuple id='t1'><status/></tuple></p:add>", "<add sel='*'/>", "<p:add><note/></p:add>",
            "<p:remove sel='*'/>", "<p:replace sel=\"*/@entity\">nobody</p:replace>",
        ])
    func badPatches(_ operation: String) throws {
        let document = try Sample.document(Sample.tuple("t1"))
        let fault = #expect(throws: DocumentFault.self) {
            try PartialPresence.applying(self.difference(operation), to: document)
        }
        #expect(fault?.status == 400)
    }

    @Test(
        "documents of another kind or presentity are refused", .spec("RFC 5262 §4", "RFC 5262 §3/6", "RFC 5262 §3.2/1"))
    func wrongDocuments() throws {
        let document = try Sample.document(Sample.tuple("t1"))
        for text in [
            Sample.full, "<p:pidf-diff xmlns:p='urn:ietf:params:xml:ns:pidf-diff' entity='sip:bo@home1.net'/>",
            "<p:pidf-diff xmlns:p='urn:ietf:params:xml:ns:pidf-diff' version='x'/>", "",
            "<p:pidf-full xmlns:p='urn:ietf:params:xml:ns:pidf-diff' entity='sip:ana@home1.net'/>",
        ] {
            #expect(throws: DocumentFault.self, "\(text)") { try PartialPresence.applying(octets(text), to: document) }
        }
        for text in [Sample.full, "<p:other xmlns:p='urn:ietf:params:xml:ns:pidf-diff'/>"] {
            #expect(throws: DocumentFault.self) { try PartialPresence.parse(octets(text)) }
        }
    }

    @Test("versions tell what a watcher does", .spec("RFC 5263 §4.4", "RFC 5263 §4.5/2"))
    func versions() {
        #expect(PartialPresence.verdict(received: 1, isFull: true, known: nil) == .take)
        #expect(PartialPresence.verdict(received: 5, isFull: false, known: 4) == .take)
        #expect(PartialPresence.verdict(received: 4, isFull: false, known: 4) == .discard)
        #expect(PartialPresence.verdict(received: 6, isFull: false, known: 4) == .refresh)
        #expect(PartialPresence.verdict(received: 6, isFull: false, known: nil) == .refresh)
    }

    @Test("the root of a partial document is one of two", .spec("RFC 5262 §3/4"))
    func roots() throws {
        let document = try PresenceDocument.parse(octets(Sample.full))
        for text in [
            Sample.full,
            Sample.full.replacing("<presence ", with: "<pidf-full ").replacing("</presence", with: "</pidf-full"),
            "<p:presence xmlns:p=\"urn:ietf:params:xml:ns:pidf-diff\" entity=\"sip:ana@home1.net\"/>",
            "<p:add xmlns:p=\"urn:ietf:params:xml:ns:pidf-diff\" sel=\"*\"/>",
        ] {
            let fault = #expect(throws: DocumentFault.self, "\(text)") { try PartialPresence.parse(octets(text)) }
            #expect(fault?.status == 400)
            #expect(throws: DocumentFault.self) { try PartialPresence.applying(octets(text), to: document) }
        }
    }
}
