import EventNotification
import Ground
import MusterTesting
import PresenceServer
import SIPTransactions
import SIPWire
import Testing

@Suite("The event state compositor")
struct PublicationTests {
    @Test(
        "an initial publication is stored and answered with a tag and its duration",
        .spec(
            "RFC 3903 §4.1", "RFC 3903 §6", "RFC 3903 §6 step 6", "REQ-24141-23", "REQ-22141-25", "REQ-24141-10",
            "RFC 3903 §6/3", "RFC 3903 §6/6", "RFC 3903 §10.1/1", "RFC 3903 §11.3.1/1", "RFC 5264 §4.1/1", "REQ-33141-6"
        ))
    func initial() throws {
        var bench = Bench()
        let answer = try bench.publish("ann", expires: "1800")
        #expect(answer.status == 200)
        #expect(answer.text(.expires) == "1800")
        #expect(answer.text(.sipETag).count >= 16)
        let record = try #require(bench.publications.values.first)
        #expect(record.presentity == Array("sip:ann@bench.test".utf8))
        #expect(record.entityTag == Array(answer.text(.sipETag).utf8))
        #expect(record.expires == bench.now + .seconds(1800))
        #expect(record.publisher == Array("sip:ann@bench.test".utf8))
        #expect(bench.notifications.isEmpty)
    }

    @Test(
        "without Expires the duration is the one of the server",
        .spec("RFC 3903 §6 step 4", "RFC 3903 §5", "RFC 3903 §6/6"))
    func defaultExpires() throws {
        var bench = Bench()
        #expect(try bench.publish("ann", expires: nil).text(.expires) == "3600")
    }

    @Test("a longer duration is shortened, never lengthened", .spec("RFC 3903 §6 step 4", "RFC 3903 §6/8"))
    func shortened() throws {
        var bench = Bench()
        #expect(try bench.publish("ann", expires: "4294967295").text(.expires) == "7200")
        #expect(try bench.publish("ann", expires: "99999999999999999999").text(.expires) == "7200")
        #expect(try bench.publish("ann", expires: "2").text(.expires) == "2")
    }

    @Test(
        "too short a duration is answered with 423 and Min-Expires",
        .spec("RFC 3903 §6 step 4", "RFC 3903 §11.2", "RFC 3903 §6/7"))
    func tooBrief() throws {
        var bench = Bench()
        let answer = try bench.publish("ann", expires: "1")
        #expect(answer.status == 423)
        #expect(answer.text(.minExpires) == "2")
        #expect(bench.publications.isEmpty)
    }

    @Test(
        "state published for zero seconds is answered and not stored",
        .spec("RFC 3903 §6 step 5", "RFC 3903 §6/7", "RFC 3903 §6/12"))
    func zeroSeconds() throws {
        var bench = Bench()
        let answer = try bench.publish("ann", expires: "0")
        #expect(answer.status == 200)
        #expect(answer.text(.expires) == "0")
        #expect(!answer.text(.sipETag).isEmpty)
        #expect(bench.stored.isEmpty)
    }

    @Test(
        "every success gives a new tag, and the old one is dead",
        .spec("RFC 3903 §6", "RFC 3903 §4.1", "RFC 3903 §5", "RFC 3903 §6/12", "RFC 3903 §6/15", "RFC 3903 §14.3/1"))
    func tagLifeCycle() throws {
        var bench = Bench()
        let first = try bench.publish("ann").text(.sipETag)
        let modified = try bench.publish("ann", tag: first)
        let second = modified.text(.sipETag)
        #expect(modified.status == 200)
        #expect(second != first)
        #expect(try bench.publish("ann", tag: first).status == 412)
        let refreshed = try bench.publish("ann", body: "", tag: second)
        let third = refreshed.text(.sipETag)
        #expect(refreshed.status == 200)
        #expect(third != second && third != first)
        let removed = try bench.publish("ann", body: "", tag: third, expires: "0")
        #expect(removed.status == 200)
        #expect(!removed.text(.sipETag).isEmpty)
        #expect(try bench.publish("ann", tag: third).status == 412)
        #expect(bench.publications.isEmpty)
        #expect(bench.server.counters.publications == 0)
        #expect(bench.server.counters.presentities == 0)
    }

    @Test("of two modifications with one tag exactly one succeeds", .spec("RFC 3903 §6 step 3", "RFC 3903 §6/13"))
    func race() throws {
        var bench = Bench()
        let tag = try bench.publish("ann").text(.sipETag)
        let statuses = [try bench.publish("ann", tag: tag).status, try bench.publish("ann", tag: tag).status]
        #expect(statuses == [200, 412])
    }

    @Test("a tag belongs to one presentity", .spec("RFC 3903 §6 step 3", "RFC 3903 §6/5", "RFC 3903 §8.1/1"))
    func foreignTag() throws {
        var bench = Bench()
        let tag = try bench.publish("ann").text(.sipETag)
        #expect(try bench.publish("bob", tag: tag).status == 412)
        #expect(try bench.publish("ann", body: "", tag: tag).status == 200)
    }

    @Test(
        "a tag that was never given is answered with 412",
        .spec(
            "RFC 3903 §6 step 3", "RFC 3903 §11.1", "RFC 3903 §6/5", "RFC 3903 §8.1/1", "RFC 3903 §11.2.1/1",
            "REQ-33141-6"),
        arguments: ["nope", "0123456789abcdef01234567", "0123456789ABCDEF01234567", "-.!%_+`'~"])
    func unknownTag(_ tag: String) throws {
        var bench = Bench()
        try bench.publish("ann")
        #expect(try bench.publish("ann", tag: tag).status == 412)
    }

    @Test(
        "more than one tag, a star or no token is answered with 400", .spec("RFC 3903 §6 step 3", "RFC 3903 §6/4"),
        arguments: ["*", "a, b", "a b", "\"quoted\"", ""])
    func badTag(_ tag: String) throws {
        var bench = Bench()
        let answer = try bench.publish("ann", tag: tag)
        #expect(answer.status == 400)
        #expect(answer.reason.text == "Bad SIP-If-Match")
        #expect(bench.stored.isEmpty)
    }

    @Test("two SIP-If-Match headers are answered with 400", .spec("RFC 3903 §6 step 3", "RFC 3903 §6/4"))
    func twoConditions() throws {
        var bench = Bench()
        let tag = try bench.publish("ann").text(.sipETag)
        #expect(try bench.publish("ann", tag: tag, extra: "SIP-If-Match: \(tag)\r\n").status == 400)
    }

    @Test("an initial publication without a body is answered with 400", .spec("RFC 3903 §6 step 5", "RFC 3903 §6/10"))
    func missingBody() throws {
        var bench = Bench()
        let answer = try bench.publish("ann", body: "")
        #expect(answer.status == 400)
        #expect(answer.reason.text == "Missing Body")
    }

    @Test(
        "a foreign body type is answered with 415 and Accept",
        .spec(
            "RFC 3903 §6 step 5", "RFC 3261 §8.2.3", "RFC 3261 §7.4.1/1", "RFC 3261 §8.2.3/1", "RFC 3903 §6/9",
            "RFC 3903 §10.1/1", "RFC 5264 §4.1/2"))
    func foreignType() throws {
        var bench = Bench()
        let answer = try bench.publish("ann", body: "hello", contentType: "text/plain")
        #expect(answer.status == 415)
        #expect(answer.text(.accept).contains("application/pidf+xml"))
        #expect(answer.text(.accept).contains("application/pidf-diff+xml"))
        #expect(try bench.publish("ann", body: "hello", contentType: nil).status == 415)
    }

    @Test(
        "a coding that is not understood is answered with 415 and Accept-Encoding",
        .spec("RFC 3261 §8.2.3", "RFC 3261 §7.4.1/1", "RFC 3261 §8.2.3/1"))
    func foreignCoding() throws {
        var bench = Bench()
        let answer = try bench.publish("ann", extra: "Content-Encoding: gzip\r\n")
        #expect(answer.status == 415)
        #expect(answer.text(.acceptEncoding) == "identity")
        #expect(try bench.publish("ann", extra: "Content-Encoding: identity\r\n").status == 200)
    }

    @Test(
        "a broken document is refused and leaves the state alone",
        .spec("RFC 3903 §6", "RFC 3863 §4.1", "RFC 3261 §8.2/1", "RFC 3903 §6/13"))
    func brokenDocument() throws {
        var bench = Bench()
        let tag = try bench.publish("ann", body: Bench.pidf("ann", note: "good")).text(.sipETag)
        let before = bench.publications
        for body in [
            String(Bench.pidf("ann").dropLast(20)), "<?xml version=\"1.0\"?><foo/>", "\u{1}\u{2}",
            "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\"/>",
        ] {
            let answer = try bench.publish("ann", body: body, tag: tag)
            #expect(answer.status == 400)
            #expect(bench.publications == before)
        }
        #expect(try bench.publish("ann", body: "", tag: tag).status == 200)
    }

    @Test("a document over the bound is answered with 413", .spec("RFC 3261 §21.4.11", "RFC 3261 §21.4.11/1"))
    func tooLarge() throws {
        var bench = Bench { $0.limits.documentBytes = 1000 }
        #expect(
            try bench.publish("ann", body: Bench.pidf("ann", note: String(repeating: "x", count: 2000))).status == 413)
        #expect(bench.stored.isEmpty)
    }

    @Test("a document about somebody else is refused", .spec("RFC 3856 §6.6", "REQ-22141-7"))
    func foreignEntity() throws {
        var bench = Bench()
        #expect(try bench.publish("ann", body: Bench.pidf("bob")).status == 400)
        var lenient = Bench { $0.foreignEntity = .accept }
        #expect(try lenient.publish("ann", body: Bench.pidf("bob")).status == 200)
    }

    @Test(
        "a pres: or sips: entity names the same presentity", .spec("RFC 3863 §4.1.1", "RFC 3859 §3.2", "RFC 3856 §7/1"))
    func otherSchemes() throws {
        var bench = Bench()
        for scheme in ["pres", "sips"] {
            let body = Bench.pidf("ann").replacingFirst("sip:ann", "\(scheme):ann")
            #expect(try bench.publish("ann", body: body).status == 200)
        }
    }

    @Test(
        "a missing or unknown package is answered with 489 and Allow-Events",
        .spec("RFC 3903 §6 step 2", "RFC 3903 §12", "RFC 3903 §6/2"))
    func packages() throws {
        var bench = Bench()
        for event in ["nonesuch", "presence.winfo.winfo", "Presence"] {
            let answer = try bench.publish("ann", event: event)
            #expect(answer.status == 489)
            #expect(answer.text(.allowEvents).contains("presence"))
        }
        #expect(try bench.publish("ann", event: nil).status == 489)
    }

    @Test(
        "a resource that is not ours is answered with 404",
        .spec("RFC 3903 §6 step 1", "REQ-24141-27", "RFC 3261 §8.2.2.1/1", "RFC 3903 §6/1", "REQ-33141-9"))
    func foreignResource() throws {
        var bench = Bench { $0.users = .provisioned([Array("sip:ann@bench.test".utf8)]) }
        #expect(try bench.publish("ann").status == 200)
        #expect(try bench.publish("bob").status == 404)
        let text = bench.request("PUBLISH", "ann", body: Bench.pidf("ann"), uri: "sip:ann@elsewhere.test")
        #expect(try bench.send(text)?.status == 404)
        let odd = bench.request("PUBLISH", "ann", body: Bench.pidf("ann"), uri: "http://bench.test/ann")
        #expect(try bench.send(odd)?.status == 416)
    }

    @Test("an extension that has to be understood is answered with 420", .spec("RFC 3261 §8.2.2.3", "RFC 3903 §6"))
    func required() throws {
        var bench = Bench()
        let answer = try bench.publish("ann", extra: "Require: nonesuch, other\r\n")
        #expect(answer.status == 420)
        #expect(answer.text(.unsupported) == "nonesuch, other")
    }

    @Test("Record-Route and Contact mean nothing in a PUBLISH", .spec("RFC 3903 §4.1", "RFC 3903 §6", "RFC 3903 §6/18"))
    func noDialog() throws {
        var bench = Bench()
        let answer = try bench.publish(
            "ann", extra: "Record-Route: <sip:p.example.com;lr>\r\nContact: <sip:x@127.0.0.1>\r\n")
        #expect(answer.status == 200)
        #expect(answer.count(.recordRoute) == 0)
        #expect(answer.toTag() != nil)
    }

    @Test(
        "an expired publication goes, its tag with it, and the watchers are told",
        .spec("RFC 3903 §4.1", "RFC 3903 §6", "RFC 3903 §6/5", "RFC 3903 §6/16")
    )
    func expiry() throws {
        var bench = Bench()
        _ = try bench.subscribe("ann")
        _ = bench.drain()
        let tag = try bench.publish("ann", body: Bench.pidf("ann", note: "here"), expires: "2").text(.sipETag)
        #expect(bench.drain().last?.body.contains("here") == true)
        bench.advance(.seconds(6))
        let after = bench.drain()
        #expect(after.count == 1)
        #expect(after.last?.body.contains("here") == false)
        #expect(try bench.publish("ann", tag: tag).status == 412)
        #expect(bench.publications.isEmpty)
    }

    @Test("a refresh moves the end of a publication", .spec("RFC 3903 §4.3", "RFC 3903 §6", "RFC 3903 §6/11"))
    func refreshMovesTheEnd() throws {
        var bench = Bench()
        var tag = try bench.publish("ann", expires: "100").text(.sipETag)
        for _ in 0..<3 {
            bench.advance(.seconds(90))
            tag = try bench.publish("ann", body: "", tag: tag, expires: "100").text(.sipETag)
            #expect(!tag.isEmpty)
        }
        bench.advance(.seconds(99))
        #expect(bench.publications.count == 1)
        bench.advance(.seconds(2))
        #expect(bench.publications.isEmpty)
        #expect(bench.server.counters.publicationsExpired == 1)
    }

    @Test("a modification may shorten the life of a publication", .spec("RFC 3903 §6 step 4"))
    func shorterLife() throws {
        var bench = Bench()
        let tag = try bench.publish("ann", expires: "3600").text(.sipETag)
        try bench.publish("ann", tag: tag, expires: "5")
        bench.advance(.seconds(6))
        #expect(bench.publications.isEmpty)
    }

    @Test("publications of one presentity are bounded", .spec("RFC 3903 §14.2", "RFC 3903 §14.2/1"))
    func bounded() throws {
        var bench = Bench { $0.limits.publicationsPerPresentity = 3 }
        for index in 0..<3 {
            #expect(try bench.publish("ann", body: Bench.pidf("ann", tuple: "t\(index)")).status == 200)
        }
        let answer = try bench.publish("ann")
        #expect(answer.status == 503)
        #expect(!answer.text(.retryAfter).isEmpty)
        #expect(bench.observations.contains(.publicationLimit))
    }

    @Test(
        "OPTIONS tells methods, packages and body types",
        .spec(
            "RFC 3903 §9", "RFC 3261 §11.2", "RFC 6665 §8.2.2", "RFC 3261 §11.2/1", "RFC 3903 §7/1", "RFC 5264 §4.1/2",
            "RFC 6665 §4.4.4/1", "RFC 6665 §8.2.2/1"))
    func options() throws {
        var bench = Bench()
        for uri in ["sip:ann@bench.test", "sip:127.0.0.1:5070"] {
            let answer = try #require(try bench.send(bench.request("OPTIONS", "ann", event: nil, uri: uri)))
            #expect(answer.status == 200)
            #expect(answer.text(.allow).contains("PUBLISH"))
            #expect(answer.text(.allow).contains("SUBSCRIBE"))
            #expect(answer.text(.allowEvents) == "presence")
            #expect(answer.text(.accept).contains("application/pidf-diff+xml"))
        }
    }

    @Test("other methods are answered with 405 and Allow", .spec("RFC 3261 §8.2.1", "RFC 3903 §6", "RFC 3261 §8.2.1/1"))
    func otherMethods() throws {
        var bench = Bench()
        for method in ["INVITE", "MESSAGE", "REFER", "NONESUCH"] {
            let answer = try #require(try bench.send(bench.request(method, "ann")))
            #expect(answer.status == 405)
            #expect(answer.text(.allow).contains("PUBLISH"))
        }
        #expect(try bench.send(bench.request("NOTIFY", "ann"))?.status == 481)
        #expect(try bench.send(bench.request("ACK", "ann")) == nil)
    }

    @Test("a publication without a watcher composes nothing")
    func lazy() throws {
        var bench = Bench()
        var tag = try bench.publish("ann").text(.sipETag)
        for index in 0..<5 {
            tag = try bench.publish("ann", body: Bench.pidf("ann", note: "\(index)"), tag: tag).text(.sipETag)
        }
        #expect(bench.server.counters.compositions == 0)
        #expect(bench.server.counters.views == 0)
    }

    @Test("a million tags never meet", .spec("RFC 3903 §5", "RFC 3903 §6/3", "RFC 3903 §8.3/1"))
    func tagsAreUnique() {
        var source = EntityTag.Source()
        var entropy = Entropy.seeded(1)
        var seen: Set<EntityTag> = []
        for _ in 0..<50_000 { seen.insert(source.next(&entropy)) }
        #expect(seen.count == 50_000)
    }

    @Test("every 2xx carries Expires and one tag, that is a token", .spec("RFC 3903 §6/14", "RFC 3903 §11.3.1/1"))
    func successes() throws {
        var bench = Bench()
        var tag: String?
        for (body, expires) in [
            (Bench.pidf("ann"), "600"), ("", "600"), (Bench.pidf("ann", note: "x"), "600"), ("", "0"),
        ] {
            let answer = try bench.publish("ann", body: body, tag: tag, expires: expires)
            #expect(answer.status == 200)
            #expect(answer.all(.expires).map(\.text) == [expires])
            #expect(answer.count(.sipETag) == 1)
            let next = answer.text(.sipETag)
            #expect(
                !next.isEmpty && next.utf8.allSatisfy { "0123456789abcdefghijklmnopqrstuvwxyz-.".utf8.contains($0) })
            tag = next
        }
    }
}

extension String {
    /// The text with the first occurrence of a part replaced.
    func replacingFirst(_ part: String, _ other: String) -> String {
        guard let range = self.firstRange(of: part) else { return self }
        return self.replacingCharacters(in: range, other)
    }

    private func firstRange(of part: String) -> Range<String.Index>? {
        var start = self.startIndex
        while start < self.endIndex {
            if self[start...].hasPrefix(part) { return start..<self.index(start, offsetBy: part.count) }
            start = self.index(after: start)
        }
        return nil
    }

    private func replacingCharacters(in range: Range<String.Index>, _ other: String) -> String {
        String(self[..<range.lowerBound]) + other + String(self[range.upperBound...])
    }
}
