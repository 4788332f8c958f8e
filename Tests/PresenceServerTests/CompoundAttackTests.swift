import EventNotification
import Ground
import MusterTesting
import PresenceServer
import SIPWire
import Testing

@Suite("Multipart bodies that are not as they should be")
struct CompoundAttackTests {
    static let document = Bench.referring("ann", pictures: ["cid:a@x"])

    @Test("the root is the part that start names", .spec("RFC 2387 §3.2", "REQ-24141-23"), arguments: ["<r@x>", "r@x"])
    func start(_ start: String) throws {
        var bench = Bench()
        let body = Bench.multipart([.picture("a@x"), .document(Self.document, identifier: "r@x")])
        let answer = try bench.publish("ann", body: body, contentType: Bench.related + ";start=\"\(start)\"")
        #expect(answer.status == 200)
        _ = try bench.subscribe("ann", extra: Bench.takesParts)
        let told = try Compound(try #require(bench.drain().last))
        #expect(told.root.contains("cid:a@x"))
        #expect(told.identifiers == ["a@x"])
    }

    /// A body, its Content-Type, and how it is refused.
    struct Fault: CustomStringConvertible, Sendable {
        let type: String
        let body: String
        let status: Int
        let reason: String
        var description: String { "\(self.reason): \(self.type)" }

        init(_ status: Int, _ reason: String, _ type: String = Bench.related, _ parts: PartText...) {
            self.init(status, reason, type, body: Bench.multipart(parts))
        }

        init(_ status: Int, _ reason: String, _ type: String = Bench.related, body: String) {
            self.type = type
            self.body = body
            self.status = status
            self.reason = reason
        }
    }

    private static let root = PartText.document(document, identifier: "r@x")
    private static let kind = "multipart/related;type=\"application/pidf+xml\""

    static let faults: [Fault] = [
        Fault(400, "Multipart Without Boundary", kind, root, .picture("a@x")),
        Fault(400, "Bad Multipart Body", kind + ";boundary=\"\"", root),
        Fault(400, "Bad Multipart Body", kind + ";boundary=elsewhere", root),
        Fault(400, "Bad Multipart Body", kind + ";boundary=\(String(repeating: "b", count: 71))", root),
        Fault(400, "Bad Multipart Body", body: "--cut\r\n\(root.text)\r\n"),
        Fault(400, "Bad Multipart Body", body: "--cut--\r\n"),
        Fault(400, "Bad Multipart Body", body: document),
        Fault(400, "Bad Multipart Body", body: "--cut\r\nno header\r\n\r\n\(document)\r\n--cut--\r\n"),
        Fault(400, "Multipart Without Type", "multipart/related;boundary=cut", root),
        Fault(
            400, "Type Is Not That Of The Root Part",
            "multipart/related;type=\"application/pidf-diff+xml\";boundary=cut", root),
        Fault(400, "Start Names No Part", Bench.related + ";start=\"<nobody@x>\"", root),
        Fault(400, "Start Names No Part", Bench.related + ";start=\"\"", root),
        Fault(400, "Part Without Content-ID", Bench.related, root, PartText(headers: "A: b\r\n", body: "x")),
        Fault(400, "Part Without Content-ID", Bench.related, root, PartText(headers: "", body: "x")),
        Fault(400, "Content-ID Twice", Bench.related, root, .picture("a@x"), .picture("a@x")),
        Fault(400, "Content-ID Twice", Bench.related, root, .picture("r@x")),
        Fault(
            400, "Content-ID Twice", Bench.related, root,
            PartText(headers: "Content-ID: <a@x>\r\nContent-ID: <b@x>\r\n", body: "x")),
        Fault(400, "Bad Content-ID", Bench.related, root, .picture("")),
        Fault(400, "Bad Content-ID", Bench.related, root, .picture("a @x")),
        Fault(400, "Bad Content-ID", Bench.related, root, .picture("a><b@x")),
        Fault(
            400, "Root Part Is Encoded", Bench.related,
            PartText(
                headers: "Content-Type: application/pidf+xml\r\nContent-Transfer-Encoding: base64\r\n", body: "PHByZXN")
        ),
        Fault(415, "Unsupported Media Type", Bench.related, .picture("a@x")),
        Fault(415, "Unsupported Media Type", Bench.related + ";start=\"<a@x>\"", root, .picture("a@x")),
        Fault(415, "Unsupported Media Type", "multipart/related;type=\"text/html\";boundary=cut", root),
        Fault(415, "Unsupported Media Type", "multipart/related;type=\"nonsense\";boundary=cut", root),
        Fault(415, "Unsupported Media Type", "multipart/mixed;boundary=cut", root),
        // A multipart body around another one has no presence document as its root.
        Fault(
            415, "Unsupported Media Type", Bench.related,
            PartText(
                headers: "Content-Type: multipart/related;type=\"application/pidf+xml\";boundary=in\r\n",
                body: Bench.multipart([root], boundary: "in"))),
    ]

    @Test(
        "a faulty body is refused with its fault, and nothing of it is used",
        .spec("REQ-24141-23", "RFC 2387 §3.1", "RFC 3903 §6 step 5", "RFC 3261 §21.4.13"), arguments: faults)
    func refused(_ fault: Fault) throws {
        var bench = Bench()
        let tag = try bench.publish("ann", document: Self.document, .picture("a@x")).text(.sipETag)
        let before = bench.publications
        for tag in [nil, tag] {
            let answer = try bench.publish("ann", body: fault.body, tag: tag, contentType: fault.type)
            #expect(answer.status == fault.status)
            #expect(answer.reason.text == fault.reason)
            #expect(answer.text(.accept).contains("multipart/related") == (fault.status == 415))
        }
        #expect(bench.publications == before)
        #expect(try bench.publish("ann", body: "", tag: tag).status == 200)
    }

    @Test("what a PUBLISH may carry is listed", .spec("RFC 3261 §11.2", "REQ-24141-23"))
    func listed() throws {
        var bench = Bench()
        let text = bench.request("OPTIONS", "ann", event: nil, expires: nil)
        let options = try #require(try bench.send(text))
        #expect(options.text(.accept).contains("multipart/related"))
        #expect(try bench.publish("ann", contentType: "text/plain").text(.accept).contains("multipart/related"))
        let refused = try bench.subscribe("ann", extra: "Accept: text/plain\r\n")
        #expect(refused.answer.status == 406)
        #expect(refused.answer.text(.accept).contains("multipart/related"))
    }

    @Test("more parts than are allowed are refused", .spec("REQ-24141-23"), arguments: [17, 64, 65, 1500])
    func bomb(_ count: Int) throws {
        var bench = Bench()
        let references = (0..<count).map { "cid:p\($0)" }
        let parts = (0..<count).map { PartText(headers: "Content-ID: <p\($0)>\r\n", body: "") }
        let body = Bench.multipart([.document(Bench.referring("ann", icons: Array(references.prefix(20))))] + parts)
        let answer = try bench.publish("ann", body: body, contentType: Bench.related)
        #expect(answer.status == 413)
        #expect(answer.reason.text == "Too Many Parts")
        #expect(bench.publications.isEmpty)
    }

    @Test("as many parts as are allowed are taken", .spec("REQ-24141-23"))
    func full() throws {
        var bench = Bench()
        let names = (0..<16).map { "p\($0)@x" }
        let body = Bench.multipart(
            [.document(Bench.referring("ann", icons: names.map { "cid:\($0)" }))] + names.map { .picture($0) })
        #expect(try bench.publish("ann", body: body, contentType: Bench.related).status == 200)
        _ = try bench.subscribe("ann", extra: Bench.takesParts)
        #expect(try Compound(try #require(bench.drain().last)).identifiers == names)
    }

    @Test("the bound of a document is one for all its parts", .spec("REQ-24141-23"))
    func size() throws {
        var bench = Bench { $0.limits.documentBytes = 3000 }
        let large = PartText.picture("a@x", String(repeating: "x", count: 2600))
        #expect(try bench.publish("ann", document: Self.document, large).status == 413)
        #expect(bench.publications.isEmpty)
    }

    @Test("differences do not make a publication grow beyond its bound", .spec("RFC 5264 §4.2", "REQ-24141-23"))
    func growth() throws {
        var bench = Bench { $0.limits.documentBytes = 6000 }
        var tag = try bench.publish("ann", document: Self.document, .picture("a@x")).text(.sipETag)
        var statuses: [Int] = []
        for index in 0..<4 {
            let add =
                "<p:add sel=\"presence/tuple/status\" pos=\"after\"><x:icon xmlns:x=\"urn:example:x\">cid:g\(index)@x</x:icon></p:add>"
            let parts: [PartText] = [
                .document(PartialPresenceTests.difference("ann", add), type: "application/pidf-diff+xml"),
                .picture("g\(index)@x", String(repeating: "x", count: 2000)),
            ]
            let answer = try bench.publish(
                "ann", body: Bench.multipart(parts), tag: tag,
                contentType: "multipart/related;type=\"application/pidf-diff+xml\";boundary=cut")
            statuses.append(answer.status)
            if answer.status == 200 { tag = answer.text(.sipETag) }
        }
        #expect(statuses == [200, 200, 413, 413])
    }

    @Test("what makes a NOTIFY too large is left out and counted", .spec("REQ-24141-21"))
    func notified() throws {
        var bench = Bench { $0.limits.notifiedPartBytes = 1500 }
        try bench.publish(
            "ann", document: Bench.referring("ann", icons: ["cid:a@x", "cid:b@x", "cid:c@x"]),
            .picture("a@x", String(repeating: "x", count: 1000)), .picture("b@x", String(repeating: "y", count: 1000)),
            .picture("c@x", "z"))
        _ = try bench.subscribe("ann", extra: Bench.takesParts)
        #expect(try Compound(try #require(bench.drain().last)).identifiers == ["a@x", "c@x"])
        #expect(bench.server.counters.observations[.partLimit] == 1)
    }

    @Test(
        "content elsewhere is passed on as it came and never fetched",
        .spec("REQ-24141-23", "REQ-24141-21", "RFC 4483 §5", "RFC 2046 §5.2.3"))
    func external() throws {
        var bench = Bench()
        let own = PartText(
            headers: "Content-Type: message/external-body;\r\n access-type=\"URL\"; size=5;\r\n"
                + "\tURL=\"http://169.254.169.254/latest/meta-data\"\r\nContent-ID: <a@x>\r\n",
            body: "Content-Type: image/png\r\n")
        let inner = PartText(
            headers: "Content-Type: message/external-body; access-type=\"URL\"; URL=\"http://h/\"\r\n",
            body: "Content-Type: image/png\r\nContent-ID: <b@x>\r\n")
        let document = Bench.referring("ann", pictures: ["cid:a@x", "cid:b@x"])
        #expect(try bench.publish("ann", document: document, own, inner).status == 200)
        bench.restart()
        _ = try bench.subscribe("ann", extra: Bench.takesParts)
        let told = try Compound(try #require(bench.drain().last))
        let types = try told.parts.dropFirst().map { try $0.contentType()?.parameters.unquotedValue(of: "url") }
        #expect(types == [Array("http://169.254.169.254/latest/meta-data".utf8), Array("http://h/".utf8)])
        #expect(told.bodies == [own.body, inner.body])
    }

    @Test("a publication that is content elsewhere as a whole is refused", .spec("REQ-24141-23", "RFC 4483 §6"))
    func indirect() throws {
        var bench = Bench()
        let answer = try bench.publish(
            "ann", body: "Content-Type: application/pidf+xml\r\n\r\n",
            contentType: "message/external-body;access-type=\"URL\";URL=\"http://127.0.0.1/\"")
        #expect(answer.status == 415)
        #expect(bench.publications.isEmpty)
    }

    @Test("a part of several parts is one part, passed on as it came", .spec("RFC 2046 §5.1", "RFC 5621 §4.1"))
    func nested() throws {
        var bench = Bench()
        let inside = Bench.multipart([.picture("r@x", "hidden"), .picture("a@x", "inside")], boundary: "in")
        let part = PartText(
            headers: "Content-Type: multipart/mixed;boundary=in\r\nContent-ID: <a@x>\r\n", body: inside)
        #expect(try bench.publish("ann", document: Self.document, part).status == 200)
        _ = try bench.subscribe("ann", extra: Bench.takesParts)
        #expect(try Compound(try #require(bench.drain().last)).bodies == [inside])
    }

    @Test("whatever is changed in a body, it is taken whole or refused", .spec("REQ-24141-23", "RFC 3903 §6 step 5"))
    func mutated() throws {
        var bench = Bench()
        _ = try bench.subscribe("ann", extra: Bench.takesParts)
        let body = Array(Bench.multipart([.document(Self.document), .picture("a@x")]).utf8)
        var entropy = Entropy.seeded(41)
        var statuses: Set<Int> = []
        for _ in 0..<1500 {
            var changed = body
            for _ in 0..<(entropy.next() % 4 + 1) {
                let place = Int(entropy.next() % UInt64(changed.count))
                switch entropy.next() % 3 {
                case 0: changed[place] = UInt8(entropy.next() % 128)
                case 1: changed.remove(at: place)
                default: changed.insert(contentsOf: changed[place...].prefix(Int(entropy.next() % 40)), at: place)
                }
            }
            let before = bench.publications.count
            let answer = try bench.publish("ann", body: changed[...].text, contentType: Bench.related)
            statuses.insert(answer.status)
            #expect(bench.publications.count == before + (answer.status == 200 ? 1 : 0))
            for told in bench.drain() where told.contentType.hasPrefix("multipart") {
                #expect(try Compound(told).root.contains("presence"))
            }
            if answer.status == 200 {
                #expect(try bench.publish("ann", body: "", tag: answer.text(.sipETag), expires: "0").status == 200)
            }
        }
        #expect(statuses.isSuperset(of: [200, 400]))
        #expect(statuses.isSubset(of: [200, 400, 413, 415]))
    }
}
