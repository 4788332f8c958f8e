import Ground
import MusterTesting
import SIPTransactions
import SIPWire
import Testing

@Suite("INVITE server transactions")
struct InviteServerTests {
    let invite = Rig.request("INVITE")
    let acknowledgement = Rig.request("ACK", to: "<sip:alice@example.com>;tag=us", cseq: "1 ACK")

    private func received(_ rig: inout Rig) throws -> ServerTransactionID {
        try #require(try rig.receive(self.invite).requests.first).id
    }

    @Test(
        "an INVITE gets a 100 after 200 ms, and each copy the latest provisional",
        .spec("RFC 3261 §17.2.1", "RFC 3261 §17.2.1/1"))
    func proceeding() throws {
        var rig = Rig()
        let id = try self.received(&rig)
        #expect(try rig.receive(self.invite).dropped == [.retransmissionAbsorbed])
        let due = rig.pass(.milliseconds(200))
        #expect(due.map(\.at) == [200])
        #expect(due.first?.1.lines == ["SIP/2.0 100 Trying"])
        #expect(try rig.receive(self.invite).lines == ["SIP/2.0 100 Trying"])
        #expect(try rig.respond(id, self.invite, 180).lines == ["SIP/2.0 180 Ringing"])
        #expect(try rig.receive(self.invite).lines == ["SIP/2.0 180 Ringing"])
    }

    @Test(
        "a user that answers within 200 ms makes the 100 superfluous", .spec("RFC 3261 §17.2.1", "RFC 3261 §17.2.1/1"))
    func noTrying() throws {
        var rig = Rig()
        let id = try self.received(&rig)
        try rig.respond(id, self.invite, 180)
        #expect(rig.pass(.seconds(1)).isEmpty)
    }

    @Test(
        "a refusal is repeated by timer G until timer H tells the user", .spec("RFC 3261 §17.2.1", "RFC 3261 §17.2.1/2")
    )
    func timersGAndH() throws {
        var rig = Rig()
        let id = try self.received(&rig)
        #expect(try rig.respond(id, self.invite, 486).lines == ["SIP/2.0 486 Busy Here"])
        let seen = rig.pass(.seconds(40))
        #expect(
            seen.map(\.at) == [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500, 32000])
        #expect(seen.dropLast().allSatisfy { $0.1.lines == ["SIP/2.0 486 Busy Here"] })
        #expect(seen.last?.1.unacknowledged == [id])
        #expect(rig.isEmpty)
    }

    @Test(
        "an ACK ends the repeating; its copies and those of the INVITE are absorbed until timer I",
        .spec("RFC 3261 §17.2.1", "RFC 3261 §17.2.1/2"))
    func timerI() throws {
        var rig = Rig()
        let id = try self.received(&rig)
        try rig.respond(id, self.invite, 486)
        #expect(try rig.receive(self.invite).lines == ["SIP/2.0 486 Busy Here"])
        let seen = try rig.receive(self.acknowledgement)
        #expect(seen.acknowledgements.isEmpty)
        #expect(try rig.receive(self.acknowledgement).dropped == [.retransmissionAbsorbed])
        #expect(try rig.receive(self.invite).dropped == [.retransmissionAbsorbed])
        #expect(rig.pass(.milliseconds(4999)).isEmpty)
        #expect(rig.layer.serverTransactionCount == 1)
        #expect(rig.pass(.milliseconds(1)).isEmpty)
        #expect(rig.isEmpty)
    }

    @Test(
        "over a reliable transport a refusal is not repeated and timer I is zero",
        .spec("RFC 3261 §17.2.1", "RFC 3261 §17.2.1/2"))
    func reliable() throws {
        var rig = Rig()
        let via = "SIP/2.0/TCP 192.0.2.99:5070;branch=z9hG4bKi"
        let text = Rig.request("INVITE", via: via)
        let id = try #require(try rig.receive(text, over: Rig.flow(.tcp)).requests.first).id
        try rig.respond(id, text, 486)
        #expect(rig.pass(.seconds(20)).isEmpty)
        try rig.receive(
            Rig.request("ACK", via: via, to: "<sip:alice@example.com>;tag=us", cseq: "1 ACK"), over: Rig.flow(.tcp))
        #expect(rig.isEmpty)
    }

    @Test(
        "after a 2xx copies of the INVITE are absorbed and the user repeats it until timer L",
        .spec("RFC 6026 §7.1", "RFC 6026 §8.7"))
    func accepted() throws {
        var rig = Rig()
        let id = try self.received(&rig)
        #expect(try rig.respond(id, self.invite, 200).lines == ["SIP/2.0 200 OK"])
        #expect(try rig.receive(self.invite).dropped == [.retransmissionAbsorbed])
        #expect(try rig.respond(id, self.invite, 200).lines == ["SIP/2.0 200 OK"])
        #expect(try rig.respond(id, self.invite, 486).dropped == [.superfluousAnswer])
        // An ACK with the branch of the INVITE, as RFC 2543 clients send it, is the user's.
        #expect(try rig.receive(self.acknowledgement).acknowledgements == [id])
        #expect(rig.pass(.milliseconds(31_999)).isEmpty)
        #expect(rig.layer.serverTransactionCount == 1)
        rig.pass(.milliseconds(1))
        #expect(rig.isEmpty)
    }

    @Test("an ACK with a branch of its own goes to the user", .spec("RFC 3261 §17.1.1.3", "RFC 3261 §13.3.1.4"))
    func foreignACK() throws {
        var rig = Rig()
        let seen = try rig.receive(
            Rig.request("ACK", branch: "z9hG4bKown", to: "<sip:alice@example.com>;tag=us", cseq: "1 ACK"))
        #expect(seen.acknowledgements == [nil])
        #expect(seen.sent.isEmpty)
    }

    @Test("an INVITE that nobody answers ends", .spec("RFC 3261 §17.2.1"))
    func abandoned() throws {
        var rig = Rig()
        _ = try self.received(&rig)
        let seen = rig.pass(.seconds(400))
        #expect(seen.last?.1.observed == [.abandoned])
        #expect(rig.isEmpty)
    }

    @Test("a CANCEL gets a 200 of its own and the user is told, once", .spec("RFC 3261 §9.2", "RFC 3261 §9.2/1"))
    func cancel() throws {
        var rig = Rig()
        let id = try self.received(&rig)
        let cancel = Rig.request("CANCEL", cseq: "1 CANCEL")
        let seen = try rig.receive(cancel)
        #expect(seen.lines == ["SIP/2.0 200 OK"])
        #expect(seen.cancelled == [id])
        let copy = try rig.receive(cancel)
        #expect(copy.lines == ["SIP/2.0 200 OK"])
        #expect(copy.cancelled.isEmpty)
        #expect(copy.sent.first?.bytes == seen.sent.first?.bytes)
        #expect(try rig.respond(id, self.invite, 487).lines == ["SIP/2.0 487 Request Terminated"])
    }

    @Test("what CANCEL and ACK require is not looked at", .spec("RFC 3261 §8.2.2.3", "RFC 3261 §8.2.2.3/2"))
    func requireOfCancelAndACK() throws {
        var rig = Rig()
        let id = try self.received(&rig)
        let seen = try rig.receive(Rig.request("CANCEL", cseq: "1 CANCEL", extra: "Require: unheard-of\r\n"))
        #expect(seen.lines == ["SIP/2.0 200 OK"])
        #expect(seen.cancelled == [id])
        #expect(try rig.respond(id, self.invite, 487).lines == ["SIP/2.0 487 Request Terminated"])
        let absorbed = try rig.receive(Rig.request("ACK", cseq: "1 ACK", extra: "Require: unheard-of\r\n"))
        #expect(absorbed.sent.isEmpty && absorbed.acknowledgements.isEmpty)
        #expect(rig.pass(.milliseconds(500)).isEmpty, "the 487 is repeated although it was acknowledged")
    }

    @Test(
        "a CANCEL after the final response changes nothing but is answered", .spec("RFC 3261 §9.2", "RFC 3261 §9.2/2"))
    func lateCancel() throws {
        var rig = Rig()
        let id = try self.received(&rig)
        try rig.respond(id, self.invite, 486)
        let seen = try rig.receive(Rig.request("CANCEL", cseq: "1 CANCEL"))
        #expect(seen.lines == ["SIP/2.0 200 OK"])
        #expect(seen.cancelled.isEmpty)
    }

    @Test("a CANCEL for a non-INVITE has no effect but is answered 200", .spec("RFC 3261 §9.2", "RFC 3261 §9.2/2"))
    func cancelOfSubscribe() throws {
        var rig = Rig()
        try rig.receive(Rig.request("SUBSCRIBE"))
        let seen = try rig.receive(Rig.request("CANCEL", cseq: "1 CANCEL"))
        #expect(seen.lines == ["SIP/2.0 200 OK"])
        #expect(seen.cancelled.isEmpty)
    }

    @Test("a CANCEL that matches nothing gets a 481", .spec("RFC 3261 §9.2", "RFC 3261 §9.2/1"))
    func unmatchedCancel() throws {
        var rig = Rig()
        let seen = try rig.receive(Rig.request("CANCEL", cseq: "1 CANCEL"))
        #expect(seen.lines.first?.hasPrefix("SIP/2.0 481") == true)
        #expect(seen.observed.contains(.unmatchedCancel))
        #expect(seen.text.contains("To: <sip:alice@example.com>;tag="))
        rig.pass(.seconds(40))
        #expect(rig.isEmpty)
    }
}
