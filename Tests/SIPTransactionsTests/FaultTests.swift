import Ground
import MusterTesting
import SIPTransactions
import SIPWire
import Testing

@Suite("Requests that the layer answers itself")
struct FaultTests {
    @Test(
        "a malformed request gets a 400 that names the fault",
        .spec("RFC 3261 §8.2", "RFC 3261 §21.4.1", "RFC 3261 §18.3/1", "RFC 3261 §21.4.1/1"))
    func malformed() throws {
        var rig = Rig()
        let seen = try rig.receive(Rig.request("SUBSCRIBE", cseq: "x SUBSCRIBE", extra: "Event: presence\r\n"))
        #expect(seen.lines == ["SIP/2.0 400 Bad CSeq"])
        #expect(seen.requests.isEmpty)
        #expect(seen.observed == [.malformedRequestAnswered])
        #expect(rig.isEmpty)
    }

    @Test("copies of a malformed request get the same answer", .spec("RFC 3261 §8.2.7", "RFC 3261 §8.2.7/1"))
    func statelessAnswer() throws {
        var rig = Rig()
        let text = Rig.request("SUBSCRIBE", cseq: "1 NOTIFY", extra: "Event: presence\r\n")
        let first = try rig.receive(text)
        #expect(first.lines.first?.hasPrefix("SIP/2.0 400") == true)
        #expect(try rig.receive(text).text == first.text)
    }

    @Test("a malformed ACK is never answered", .spec("RFC 3261 §17.1.1.3"))
    func malformedACK() throws {
        var rig = Rig()
        let seen = try rig.receive(Rig.request("ACK", cseq: "x ACK"))
        #expect(seen.sent.isEmpty)
        #expect(seen.acknowledgements.isEmpty)
        #expect(seen.dropped == [.malformedAcknowledgement])
    }

    @Test("a request without a Via cannot be answered", .spec("RFC 3261 §8.2.6.2"))
    func withoutVia() throws {
        var rig = Rig()
        let text = Rig.request("OPTIONS").replacingOccurrences("Via:", with: "X-Via:")
        let seen = try rig.receive(text)
        #expect(seen.sent.isEmpty)
        #expect(seen.dropped == [.unparsable])
    }

    @Test("a merged request gets a 482", .spec("RFC 3261 §8.2.2.2", "RFC 3261 §8.2.2.2/1"))
    func merged() throws {
        var rig = Rig()
        let first = Rig.request("SUBSCRIBE", branch: "z9hG4bKone", extra: "Event: presence\r\n")
        let second = Rig.request("SUBSCRIBE", branch: "z9hG4bKtwo", extra: "Event: presence\r\n")
        let id = try #require(try rig.receive(first).requests.first).id
        let seen = try rig.receive(second)
        #expect(seen.requests.isEmpty)
        #expect(seen.lines == ["SIP/2.0 482 Loop Detected"])
        try rig.respond(id, first, 200)
        #expect(try rig.receive(second).lines == ["SIP/2.0 482 Loop Detected"])
        rig.pass(.seconds(32))
        #expect(try rig.receive(second).requests.count == 1)
    }

    @Test(
        "requests of a dialog, other numbers and other tags are not merged",
        .spec("RFC 3261 §8.2.2.2", "RFC 3261 §8.2.2.2/1"))
    func notMerged() throws {
        var rig = Rig()
        try rig.receive(Rig.request("SUBSCRIBE"))
        #expect(try rig.receive(Rig.request("SUBSCRIBE", branch: "z9hG4bK2", cseq: "2 SUBSCRIBE")).requests.count == 1)
        #expect(
            try rig.receive(Rig.request("SUBSCRIBE", branch: "z9hG4bK3", from: "<sip:bob@example.com>;tag=b2"))
                .requests.count == 1)
        let inDialog = "<sip:alice@example.com>;tag=us"
        for branch in ["z9hG4bK4", "z9hG4bK5"] {
            #expect(try rig.receive(Rig.request("SUBSCRIBE", branch: branch, to: inDialog)).requests.count == 1)
        }
    }

    @Test("a request that was answered 503 may come back by another way", .spec("RFC 3263 §4.3"))
    func afterRefusal() throws {
        var rig = Rig()
        let first = Rig.request("SUBSCRIBE", branch: "z9hG4bKone")
        let id = try #require(try rig.receive(first).requests.first).id
        try rig.respond(id, first, 503)
        #expect(try rig.receive(Rig.request("SUBSCRIBE", branch: "z9hG4bKtwo")).requests.count == 1)
    }

    @Test("a request that has passed this node before is left to the loop check", .spec("RFC 3261 §16.3"))
    func spiral() throws {
        var rig = Rig()
        try rig.receive(Rig.request("SUBSCRIBE", branch: "z9hG4bKone"))
        let spiral = Rig.request(
            "SUBSCRIBE", branch: "z9hG4bKtwo", extra: "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours\r\n")
        #expect(try rig.receive(spiral).requests.count == 1)
    }

    @Test("beyond the limit a new request gets a 503 with Retry-After", .spec("RFC 3261 §21.5.4", "RFC 3261 §21.5.4/1"))
    func overload() throws {
        var rig = Rig { $0.limits.pendingServerTransactions = 2 }
        var first: ServerTransactionID?
        for number in 1...2 {
            let text = Rig.request("OPTIONS", branch: "z9hG4bK\(number)", callID: "c\(number)")
            first = try first ?? rig.receive(text).requests.first?.id
            if number == 2 { #expect(try rig.receive(text).requests.count == 1) }
        }
        let text = Rig.request("OPTIONS", branch: "z9hG4bK3", callID: "c3")
        let seen = try rig.receive(text)
        #expect(seen.requests.isEmpty)
        #expect(seen.lines == ["SIP/2.0 503 Service Unavailable"])
        #expect(seen.text.contains("Retry-After: 5\r\n"))
        #expect(seen.observed == [.refusedByLimit])
        // A copy of a request that is already here is no new request.
        #expect(
            try rig.receive(Rig.request("OPTIONS", branch: "z9hG4bK1", callID: "c1")).dropped
                == [.retransmissionAbsorbed])
        try rig.respond(try #require(first), Rig.request("OPTIONS", branch: "z9hG4bK1", callID: "c1"), 200)
        #expect(try rig.receive(text).requests.count == 1)
    }

    @Test("answered transactions beyond the limit leave early, the oldest first")
    func eviction() throws {
        var rig = Rig { $0.limits.completedServerTransactions = 4 }
        for number in 1...20 {
            let text = Rig.request("OPTIONS", branch: "z9hG4bK\(number)", callID: "c\(number)")
            let id = try #require(try rig.receive(text).requests.first).id
            try rig.respond(id, text, 200)
        }
        #expect(rig.layer.serverTransactionCount == 4)
        let last = Rig.request("OPTIONS", branch: "z9hG4bK20", callID: "c20")
        #expect(try rig.receive(last).lines == ["SIP/2.0 200 OK"])
        rig.pass(.seconds(40))
        #expect(rig.isEmpty)
    }

    @Test("bytes that are no message are counted")
    func unparsable() {
        var rig = Rig()
        let seen = rig.feed(.unparsableReceived(ParseFault(.notSIP), Origin(flow: Rig.flow())))
        #expect(seen.dropped == [.unparsable])
        #expect(rig.feed(.hopsResolved(Ticket(number: 7), .failed)).dropped == [.unknownTicket])
    }

    @Test("a request over a limit is answered with what could be read of it", .spec("RFC 3261 §21.5.7"))
    func overLimit() throws {
        var rig = Rig()
        let text = """
            OPTIONS sip:example.com SIP/2.0\r
            Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKlarge\r
            From: <sip:a@example.com>;tag=1\r
            To: <sip:example.com>\r
            Call-ID: large\r
            CSeq: 1 OPTIONS\r

            """ + String(repeating: "X: y\r\n", count: 300) + "\r\n"
        let bytes = Array(text.utf8)
        #expect(throws: ParseFault(.tooManyHeaders)) { try SIPMessage.parse(bytes) }
        let remains = try #require(SIPMessage.remains(of: bytes[...], limits: .standard))
        let seen = rig.feed(
            .unparsableReceived(ParseFault(.tooManyHeaders), Origin(flow: Rig.flow()), remains: remains))
        #expect(seen.lines == ["SIP/2.0 513 Too Many Headers"])
    }
}
