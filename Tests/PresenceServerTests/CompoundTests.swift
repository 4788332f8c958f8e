import EventNotification
import Ground
import MusterTesting
import PresenceServer
import SIPTransactions
import SIPWire
import Testing

@Suite("Documents with the MIME objects that they refer to")
struct CompoundTests {
    @Test(
        "a watcher who takes parts gets the document first and the parts that it refers to",
        .spec("REQ-24141-23", "REQ-24141-21", "RFC 2387 §3.1", "RFC 2387 §3.2"))
    func told() throws {
        var bench = Bench()
        let answer = try bench.publish(
            "ann", document: Bench.referring("ann", pictures: ["cid:a@x"], icons: ["CID:b%40x"]),
            .picture("a@x", "\u{1}one\r\n"), .picture("b@x", "two"))
        #expect(answer.status == 200)
        _ = try bench.subscribe("ann", extra: Bench.takesParts)
        let told = try #require(bench.drain().last)
        let compound = try Compound(told)
        #expect(compound.type.matches("multipart/related"))
        #expect(compound.type.parameters.unquotedValue(of: "type") == Array("application/pidf+xml".utf8))
        let start = try #require(compound.parts.first?.contentID)
        #expect(compound.type.parameters.unquotedValue(of: "start") == Array("<\(start.text)>".utf8))
        #expect(try compound.parts[0].contentType()?.matches("application/pidf+xml") == true)
        #expect(compound.root.contains("cid:a@x"))
        #expect(Set(compound.identifiers) == ["a@x", "b@x"])
        #expect(Set(compound.bodies) == ["\u{1}one\r\n", "two"])
    }

    @Test("a watcher who fetches gets the parts too", .spec("REQ-24141-21", "RFC 6665 §4.4.3"))
    func fetched() throws {
        var bench = Bench()
        try bench.publish("ann", document: Bench.referring("ann", pictures: ["cid:a@x"]), .picture("a@x"))
        _ = try bench.subscribe("ann", extra: Bench.takesParts, expires: "0")
        #expect(try Compound(try #require(bench.drain().last)).identifiers == ["a@x"])
    }

    @Test(
        "who does not name multipart bodies gets the document alone",
        .spec("REQ-24141-21", "RFC 3261 §20.1"),
        arguments: [
            "", "Accept: application/pidf+xml\r\n", "Accept: */*\r\n", "Accept: application/*\r\n",
            "Accept: application/pidf+xml, multipart/related;q=0\r\n",
            "Accept: application/pidf+xml, multipart/related;type=\"application/rlmi+xml\", application/rlmi+xml\r\n",
            "Accept: application/pidf+xml, multipart/mixed\r\n",
        ])
    func plain(_ accept: String) throws {
        var bench = Bench()
        try bench.publish("ann", document: Bench.referring("ann", pictures: ["cid:a@x"]), .picture("a@x"))
        _ = try bench.subscribe("ann", extra: accept)
        let told = try #require(bench.drain().last)
        #expect(told.contentType == "application/pidf+xml")
        #expect(told.body.contains("cid:a@x"))
    }

    @Test(
        "each way of naming multipart bodies counts", .spec("REQ-24141-21", "RFC 3261 §20.1"),
        arguments: [
            "Accept: application/pidf+xml, multipart/*\r\n", "Accept: Multipart/Related, */*;q=0.1\r\n",
            "Accept: multipart/related;type=\"application/pidf+xml\", application/pidf+xml;q=0.5\r\n",
        ])
    func named(_ accept: String) throws {
        var bench = Bench()
        try bench.publish("ann", document: Bench.referring("ann", pictures: ["cid:a@x"]), .picture("a@x"))
        _ = try bench.subscribe("ann", extra: accept)
        #expect(try Compound(try #require(bench.drain().last)).identifiers == ["a@x"])
    }

    @Test("who takes parts is sent a plain document where nothing refers to one", .spec("REQ-24141-21"))
    func nothingToAdd() throws {
        var bench = Bench()
        try bench.publish("ann")
        _ = try bench.subscribe("ann", extra: Bench.takesParts)
        #expect(bench.drain().last?.contentType == "application/pidf+xml")
    }

    @Test("partial documents go without parts", .spec("REQ-24141-21", "RFC 5263 §4.1"))
    func partial() throws {
        var bench = Bench()
        try bench.publish("ann", document: Bench.referring("ann", pictures: ["cid:a@x"]), .picture("a@x", "secret"))
        _ = try bench.subscribe(
            "ann", extra: "Accept: application/pidf-diff+xml, application/pidf+xml, multipart/related\r\n")
        let told = try #require(bench.drain().last)
        #expect(told.contentType == "application/pidf-diff+xml")
        #expect(!told.body.contains("secret"))
    }

    @Test("a part that no element of the document refers to is dropped", .spec("REQ-24141-23"))
    func unreferenced() throws {
        var bench = Bench()
        let document = Bench.referring("ann", note: "see cid:a@x for more")
        #expect(try bench.publish("ann", document: document, .picture("a@x", "unused")).status == 200)
        let record = try #require(bench.publications.values.first)
        #expect(record.contentType == Array("application/pidf+xml".utf8))
        #expect(record.body == Array(document.utf8))
        _ = try bench.subscribe("ann", extra: Bench.takesParts)
        #expect(bench.drain().last?.contentType == "application/pidf+xml")
    }

    // MARK: Changes

    @Test(
        "a change of a part alone is told to who takes parts, and to nobody else",
        .spec("REQ-24141-21", "RFC 5839 §4"))
    func partChanges() throws {
        var bench = Bench()
        let document = Bench.referring("ann", pictures: ["cid:a@x"])
        let tag = try bench.publish("ann", document: document, .picture("a@x", "old")).text(.sipETag)
        _ = try bench.subscribe("ann", as: "plain")
        _ = try bench.subscribe("ann", as: "rich", extra: Bench.takesParts)
        let before = bench.drain()
        #expect(Set(before.map(\.entityTag)).count == 2)
        let next = try bench.publish("ann", document: document, .picture("a@x", "new"), tag: tag).text(.sipETag)
        let told = bench.drain()
        #expect(told.count == 1)
        #expect(try Compound(try #require(told.first)).bodies == ["new"])
        #expect(told.first?.entityTag != before.last?.entityTag)
        // What is the same as before is told to nobody.
        try bench.publish("ann", document: document, .picture("a@x", "new"), tag: next)
        #expect(bench.drain().isEmpty)
    }

    @Test("a whole document without parts takes those of before away", .spec("RFC 3903 §4.1", "REQ-24141-23"))
    func replaced() throws {
        var bench = Bench()
        let document = Bench.referring("ann", pictures: ["cid:a@x"])
        let tag = try bench.publish("ann", document: document, .picture("a@x")).text(.sipETag)
        _ = try bench.subscribe("ann", extra: Bench.takesParts)
        _ = bench.drain()
        #expect(try bench.publish("ann", body: document, tag: tag).status == 200)
        let told = try #require(bench.drain().last)
        #expect(told.contentType == "application/pidf+xml")
        #expect(bench.publications.values.first?.body == Array(document.utf8))
    }

    @Test(
        "a difference keeps the parts that are still referred to, and may bring others",
        .spec("RFC 5264 §4.2", "REQ-24141-23"))
    func difference() throws {
        var bench = Bench()
        _ = try bench.subscribe("ann", extra: Bench.takesParts)
        let document = Bench.referring("ann", pictures: ["cid:a@x", "cid:b@x"])
        var tag = try bench.publish("ann", document: document, .picture("a@x", "A"), .picture("b@x", "B"))
            .text(.sipETag)
        let close = PartialPresenceTests.difference("ann", PartialPresenceTests.close)
        var answer = try bench.publish("ann", body: close, tag: tag, contentType: "application/pidf-diff+xml")
        #expect(answer.status == 200)
        tag = answer.text(.sipETag)
        var told = try Compound(try #require(bench.drain().last))
        #expect(told.root.contains("closed") && Set(told.bodies) == ["A", "B"])
        // The first picture goes, the second is another one now; only that one is sent.
        let remove = PartialPresenceTests.difference(
            "ann", "<p:remove xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" sel=\"presence/dm:person/*[1]\"/>")
        let parts: [PartText] = [
            .document(remove, type: "application/pidf-diff+xml"), .picture("b@x", "B2"), .picture("c@x", "unused"),
        ]
        answer = try bench.publish(
            "ann", body: Bench.multipart(parts), tag: tag,
            contentType: "multipart/related;type=\"application/pidf-diff+xml\";boundary=cut")
        #expect(answer.status == 200)
        told = try Compound(try #require(bench.drain().last))
        #expect(told.bodies == ["B2"])
        #expect(!(try #require(bench.publications.values.first)).body[...].text.contains("unused"))
    }

    @Test("a difference with parts needs something to differ from", .spec("RFC 5264 §4.2"))
    func differenceFirst() throws {
        var bench = Bench()
        let body = Bench.multipart([
            .document(
                PartialPresenceTests.difference("ann", PartialPresenceTests.close), type: "application/pidf-diff+xml")
        ])
        let answer = try bench.publish(
            "ann", body: body, contentType: "multipart/related;type=\"application/pidf-diff+xml\";boundary=cut")
        #expect(answer.status == 400)
        #expect(bench.publications.isEmpty)
    }

    // MARK: Several publications

    @Test("the parts of all publications are told; of equal names the later publication counts", .spec("REQ-24141-21"))
    func several() throws {
        var bench = Bench()
        _ = try bench.subscribe("ann", extra: Bench.takesParts)
        try bench.publish(
            "ann", document: Bench.referring("ann", pictures: ["cid:a@x"]), .picture("a@x", "first"))
        bench.advance(.seconds(1))
        let other = Bench.referring("ann", icons: ["cid:b@x", "cid:a@x"])
            .replacing("id=\"t1\"", with: "id=\"t2\"").replacing("id=\"m1\"", with: "id=\"m2\"")
        try bench.publish(
            "ann", document: other, .picture("b@x", "third"), .picture("a@x", "second"), expires: "100")
        #expect(Set(try Compound(try #require(bench.drain().last)).bodies) == ["second", "third"])
        bench.advance(.seconds(101))
        #expect(try Compound(try #require(bench.drain().last)).bodies == ["first"])
    }

    // MARK: Rules and filters

    @Test(
        "who may not see the element that refers to a part does not get the part",
        .spec("REQ-24141-21", "RFC 5025 §3.3", "REQ-33141-10"))
    func rules() throws {
        var bench = Bench()
        bench.rules(
            "ann",
            .rule("friend", "allow", RuleText.everything, id: "r1"),
            .rule(
                "colleague", "allow",
                RuleText.services
                    + "<pr:provide-unknown-attribute name=\"icon\" ns=\"urn:example:x\">true</pr:provide-unknown-attribute>",
                id: "r2"),
            .rule("other", "allow", RuleText.services, id: "r3"), .rule("enemy", "polite-block", id: "r4"))
        try bench.publish(
            "ann", document: Bench.referring("ann", pictures: ["cid:a@x"], icons: ["cid:b@x"]),
            .picture("a@x", "private"), .picture("b@x", "public"))
        var seen: [String: Set<String>] = [:]
        for watcher in ["friend", "colleague", "other", "enemy"] {
            let dialog = try bench.subscribe("ann", as: watcher, extra: Bench.takesParts)
            #expect(dialog.answer.status == 200)
            let told = try #require(bench.drain().last)
            if told.contentType == "application/pidf+xml" {
                seen[watcher] = []
                #expect(!told.body.contains("private") && !told.body.contains("public"))
            } else {
                seen[watcher] = Set(try Compound(told).bodies)
            }
        }
        #expect(
            seen == ["friend": ["private", "public"], "colleague": ["public"], "other": [], "enemy": []])
        // The rules change: what is shown no more is sent no more, at once.
        bench.rules("ann", .rule("friend", "allow", RuleText.services, id: "r1"))
        let told = bench.drain().filter { $0.state.hasPrefix("active") }
        #expect(told.count == 1)
        #expect(told.first?.contentType == "application/pidf+xml")
    }

    @Test("who filters an element away does not get its part", .spec("REQ-24141-21", "RFC 4660 §5.3.1"))
    func filtered() throws {
        var bench = Bench()
        try bench.publish(
            "ann", document: Bench.referring("ann", pictures: ["cid:a@x"], icons: ["cid:b@x"]),
            .picture("a@x", "of the person"), .picture("b@x", "of the tuple"))
        _ = try bench.subscribe(
            "ann", extra: Bench.takesParts, body: WatcherFilterTests.filter("ann", what: "//p:tuple"))
        #expect(try Compound(try #require(bench.drain().last)).bodies == ["of the tuple"])
    }

    // MARK: Subscriptions

    @Test("a refresh keeps what was agreed unless it says something else", .spec("REQ-24141-21", "RFC 6665 §4.2.1.2"))
    func refreshed() throws {
        var bench = Bench()
        try bench.publish("ann", document: Bench.referring("ann", pictures: ["cid:a@x"]), .picture("a@x"))
        let dialog = try bench.subscribe("ann", extra: Bench.takesParts)
        _ = try bench.resubscribe(dialog, cseq: 2)
        #expect(bench.drain().last?.contentType.hasPrefix("multipart/related") == true)
        _ = try bench.resubscribe(dialog, cseq: 3, extra: "Accept: application/pidf+xml\r\n")
        #expect(bench.drain().last?.contentType == "application/pidf+xml")
        _ = try bench.resubscribe(dialog, cseq: 4)
        #expect(bench.drain().last?.contentType == "application/pidf+xml")
        _ = try bench.resubscribe(dialog, cseq: 5, extra: Bench.takesParts)
        #expect(bench.drain().last?.contentType.hasPrefix("multipart/related") == true)
    }

    @Test(
        "a tag names the document with its parts, also after a restart",
        .spec("RFC 5839 §4", "RFC 5839 §6.4", "REQ-24141-21"))
    func conditional() throws {
        var bench = Bench()
        let document = Bench.referring("ann", pictures: ["cid:a@x"])
        let publication = try bench.publish("ann", document: document, .picture("a@x", "old")).text(.sipETag)
        let dialog = try bench.subscribe("ann", extra: Bench.takesParts)
        let condition = "Suppress-If-Match: \(try #require(bench.drain().last).entityTag)\r\n"
        #expect(try bench.resubscribe(dialog, cseq: 2, extra: condition).status == 204)
        // Who takes no parts any more holds something else than it would be sent.
        let plain = try bench.resubscribe(dialog, cseq: 3, extra: condition + "Accept: application/pidf+xml\r\n")
        #expect(plain.status == 200)
        #expect(try bench.resubscribe(dialog, cseq: 4, extra: condition + Bench.takesParts).status == 204)
        bench.restart()
        #expect(try bench.resubscribe(dialog, cseq: 5, extra: condition).status == 204)
        #expect(bench.drain().count == 1)
        try bench.publish("ann", document: document, .picture("a@x", "new"), tag: publication)
        #expect(try Compound(try #require(bench.drain().last)).bodies == ["new"])
        #expect(try bench.resubscribe(dialog, cseq: 6, extra: condition).status == 200)
    }

    // MARK: Storage

    @Test(
        "after a restart the parts are there, byte by byte, and so is what watchers agreed to",
        .spec("REQ-33141-D10", "REQ-24141-23"))
    func restarted() throws {
        var bench = Bench()
        let cruel = "--cut \r\n--\r\n\r\n--cut--x\r\n\u{0}\u{1}Content-ID: <b@x>\r\n\r\n\r\n"
        let document = Bench.referring("ann", pictures: ["cid:a@x", "cid:b@x"]) + "\r\n"
        let parts = [PartText.document(document), .picture("a@x", cruel), .picture("b@x", "")]
        let tag = try bench.publish(
            "ann", body: Bench.multipart(parts, boundary: "other"),
            contentType: "multipart/related;type=\"application/pidf+xml\";boundary=other"
        ).text(.sipETag)
        #expect(bench.publications.values.first?.contentType.starts(with: Array("multipart/related;".utf8)) == true)
        _ = try bench.subscribe("ann", extra: Bench.takesParts)
        let before = try Compound(try #require(bench.drain().last))
        #expect(Set(before.bodies) == [cruel, ""])
        bench.restart()
        let close = PartialPresenceTests.difference("ann", PartialPresenceTests.close)
        let answer = try bench.publish("ann", body: close, tag: tag, contentType: "application/pidf-diff+xml")
        #expect(answer.status == 200)
        let after = try Compound(try #require(bench.drain().last))
        #expect(after.root.contains("closed"))
        #expect(after.bodies == before.bodies)
        #expect(after.identifiers == before.identifiers)
    }

    @Test("a stored publication whose parts cannot be read is left out and counted", .spec("REQ-33141-D10"))
    func damaged() throws {
        var bench = Bench()
        try bench.publish("ann", document: Bench.referring("ann", pictures: ["cid:a@x"]), .picture("a@x"))
        try bench.publish("bob")
        for (id, record) in bench.publications where record.presentity == Bench.identity("ann") {
            bench.publications[id]?.body = Array(record.body.dropLast(30))
        }
        bench.restart()
        #expect(bench.observations == [.damagedRecord])
        #expect(bench.server.counters.publications == 1)
    }
}
