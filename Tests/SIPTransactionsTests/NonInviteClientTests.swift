import Ground
import MusterTesting
import SIPTransactions
import SIPWire
import Testing

@Suite("Non-INVITE client transactions")
struct NonInviteClientTests {
    let id = ClientTransactionID(raw: 0x0123_4567_89AB_CDEF)

    private func sent(_ rig: inout Rig, over flow: Flow = Rig.flow()) throws -> [UInt8] {
        let seen = rig.feed(.send(self.id, Rig.outgoing(to: .flow(flow))))
        return try #require(seen.sent.first).bytes
    }

    @Test(
        "our Via stands on top, with the transport, the sent-by, the branch and rport",
        .spec(
            "RFC 3261 §18.1.1", "RFC 3261 §8.1.1.7", "RFC 3581 §3", "RFC 3261 §8.1.1.7/1", "RFC 3261 §16.6/2",
            "RFC 3261 §18.1.1/3"))
    func via() throws {
        var rig = Rig()
        let text = String(decoding: try self.sent(&rig), as: UTF8.self)
        #expect(
            text.hasPrefix(
                "NOTIFY sip:bob@192.0.2.99:5070 SIP/2.0\r\n"
                    + "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK0123456789abcdef;rport\r\nMax-Forwards: 70\r\n"))
        var other = Rig()
        let tls = String(decoding: try self.sent(&other, over: Rig.flow(.tls)), as: UTF8.self)
        #expect(tls.contains("Via: SIP/2.0/TLS muster.example.com:5061;branch=z9hG4bK0123456789abcdef\r\n"))
    }

    @Test(
        "timer E doubles to T2 and timer F ends the transaction",
        .spec("RFC 3261 §17.1.2.2", "RFC 3261 §17.1.2.2/1", "RFC 6446 §5.2/5"))
    func timersEAndF() throws {
        var rig = Rig()
        let bytes = try self.sent(&rig)
        let seen = rig.pass(.seconds(60))
        #expect(seen.map(\.at) == [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500, 32000])
        #expect(seen.dropLast().allSatisfy { $0.1.sent.first?.bytes == bytes })
        #expect(seen.last?.1.failures.first?.failure == .timeout)
        #expect(seen.last?.1.failures.first?.id == self.id)
        #expect(seen.last?.1.sent.isEmpty == true)
        #expect(rig.isEmpty)
    }

    @Test(
        "over a reliable transport nothing is sent again, and timer F stays",
        .spec("RFC 3261 §17.1.2.2", "RFC 3261 §17.1.2.2/3"))
    func reliable() throws {
        var rig = Rig()
        _ = try self.sent(&rig, over: Rig.flow(.tcp))
        let seen = rig.pass(.seconds(60))
        #expect(seen.map(\.at) == [32000])
        #expect(seen.first?.1.failures.first?.failure == .timeout)
        #expect(rig.isEmpty)
    }

    @Test(
        "a final response goes up once and its copies are absorbed until timer K",
        .spec("RFC 3261 §17.1.2.2", "RFC 3261 §17.1.2.2/2"))
    func timerK() throws {
        var rig = Rig()
        let text = try Rig.response(200, to: try self.sent(&rig))
        #expect(try rig.receive(text).responses.map(\.status) == [200])
        let copy = try rig.receive(text)
        #expect(copy.responses.isEmpty)
        #expect(copy.dropped == [.retransmissionAbsorbed])
        #expect(rig.pass(.milliseconds(4999)).isEmpty)
        #expect(rig.layer.clientTransactionCount == 1)
        rig.pass(.milliseconds(1))
        #expect(rig.layer.clientTransactionCount == 0)
        #expect(try rig.receive(text).dropped == [.unknownTransaction])
        rig.pass(.seconds(32))
        #expect(rig.isEmpty)
    }

    @Test("over a reliable transport timer K is zero", .spec("RFC 3261 §17.1.2.2", "RFC 3261 §17.1.2.2/2"))
    func reliableEnd() throws {
        var rig = Rig()
        let bytes = try self.sent(&rig, over: Rig.flow(.tcp))
        #expect(try rig.receive(try Rig.response(200, to: bytes), over: Rig.flow(.tcp)).responses.count == 1)
        #expect(rig.layer.clientTransactionCount == 0)
        rig.pass(.seconds(32))
        #expect(rig.isEmpty)
    }

    @Test("after a 1xx timer E is T2 and timer F goes on", .spec("RFC 3261 §17.1.2.2", "RFC 3261 §17.1.2.2/1"))
    func proceeding() throws {
        var rig = Rig()
        let bytes = try self.sent(&rig)
        #expect(try rig.receive(try Rig.response(100, to: bytes)).responses.map(\.status) == [100])
        let seen = rig.pass(.seconds(60))
        #expect(seen.map(\.at) == [500, 4500, 8500, 12500, 16500, 20500, 24500, 28500, 32000])
        #expect(seen.last?.1.failures.first?.failure == .timeout)
    }

    @Test("a response matches by branch and CSeq method", .spec("RFC 3261 §17.1.3", "RFC 3261 §17.1.3/1"))
    func matching() throws {
        var rig = Rig()
        let text = try Rig.response(200, to: try self.sent(&rig))
        let method = text.replacingOccurrences("1 NOTIFY", with: "1 OPTIONS")
        #expect(try rig.receive(method).dropped == [.unknownTransaction])
        let branch = text.replacingOccurrences("0123456789abcdef", with: "0123456789abcdee")
        #expect(try rig.receive(branch).dropped == [.unknownTransaction])
        let foreign = text.replacingOccurrences("z9hG4bK0123456789abcdef", with: "z9hG4bKsomebodyelse")
        #expect(try rig.receive(foreign).dropped == [.unknownTransaction])
        #expect(try rig.receive(text).responses.count == 1)
    }

    @Test("a response whose top Via is not ours is dropped", .spec("RFC 3261 §18.1.2", "RFC 3261 §18.1.2/1"))
    func foreignVia() throws {
        var rig = Rig()
        let text = try Rig.response(200, to: try self.sent(&rig))
        let foreign = text.replacingOccurrences("UDP 192.0.2.1:5060", with: "UDP 192.0.2.2:5060")
        #expect(try rig.receive(foreign).dropped == [.foreignVia])
        #expect(try rig.receive(text).responses.count == 1)
    }

    @Test("a malformed response is dropped and counted", .spec("RFC 3261 §8.1.3"))
    func malformed() throws {
        var rig = Rig()
        let text = try Rig.response(200, to: try self.sent(&rig))
        let broken = text.replacingOccurrences("CSeq: 1 NOTIFY", with: "CSeq: one NOTIFY")
        #expect(try rig.receive(broken).dropped == [.malformedResponse])
    }

    @Test(
        "a transport error is told at once",
        .spec("RFC 3261 §17.1.4", "RFC 3261 §8.1.3.1", "RFC 3261 §8.1.3.1/1", "RFC 3261 §17.1.4/1", "RFC 3261 §18.4/1"))
    func transportError() throws {
        var rig = Rig()
        _ = try self.sent(&rig, over: Rig.flow(.tcp))
        // Another connection to the same peer is no concern of ours.
        #expect(rig.feed(.transmissionFailed(.flow(Rig.flow(.tcp, connection: 8)))).failures.isEmpty)
        let seen = rig.feed(.transmissionFailed(.flow(Rig.flow(.tcp))))
        #expect(seen.failures.map(\.failure) == [.transport])
        #expect(RequestFailure.transport.equivalentStatus == 503)
        #expect(RequestFailure.timeout.equivalentStatus == 408)
        rig.pass(.seconds(32))
        #expect(rig.isEmpty)
    }

    @Test("an identifier that is in use is refused")
    func identifierInUse() throws {
        var rig = Rig()
        _ = try self.sent(&rig)
        let again = rig.feed(.send(self.id, Rig.outgoing(to: .flow(Rig.flow()))))
        #expect(again.sent.isEmpty)
        #expect(again.dropped == [.identifierInUse])
    }

    @Test("a table that is full refuses to send and says so")
    func limit() throws {
        var rig = Rig { $0.limits.pendingClientTransactions = 2 }
        for number in 1...2 {
            let id = ClientTransactionID(raw: UInt64(number))
            #expect(rig.feed(.send(id, Rig.outgoing(to: .flow(Rig.flow())))).sent.count == 1)
        }
        let seen = rig.feed(.send(self.id, Rig.outgoing(to: .flow(Rig.flow()))))
        #expect(seen.sent.isEmpty)
        #expect(seen.failures.map(\.failure) == [.overloaded])
        #expect(seen.observed.contains(.sendingRefusedByLimit))
    }

    @Test("finished transactions beyond the limit leave early, the oldest first")
    func eviction() throws {
        var rig = Rig { $0.limits.completedClientTransactions = 3 }
        for number in 1...10 {
            let id = ClientTransactionID(raw: UInt64(number))
            let bytes = try #require(rig.feed(.send(id, Rig.outgoing(to: .flow(Rig.flow())))).sent.first).bytes
            #expect(try rig.receive(try Rig.response(200, to: bytes)).responses.count == 1)
        }
        #expect(rig.layer.clientTransactionCount == 3)
        rig.pass(.seconds(40))
        #expect(rig.isEmpty)
    }
}

@Suite("INVITE client transactions")
struct InviteClientTests {
    let id = ClientTransactionID(raw: 0xFEED)

    private func sent(_ rig: inout Rig, over flow: Flow = Rig.flow()) throws -> [UInt8] {
        try #require(rig.feed(.send(self.id, Rig.outgoing(.invite, to: .flow(flow)))).sent.first).bytes
    }

    @Test(
        "timer A doubles without a cap and timer B ends the transaction",
        .spec("RFC 3261 §17.1.1.2", "RFC 3261 §17.1.1.2/1"))
    func timersAAndB() throws {
        var rig = Rig()
        _ = try self.sent(&rig)
        let seen = rig.pass(.seconds(60))
        #expect(seen.map(\.at) == [500, 1500, 3500, 7500, 15500, 31500, 32000])
        #expect(seen.last?.1.failures.map(\.failure) == [.timeout])
        #expect(rig.isEmpty)
    }

    @Test("a 1xx ends the repeating and timer B", .spec("RFC 3261 §17.1.1.2", "RFC 3261 §17.1.1.2/1"))
    func proceeding() throws {
        var rig = Rig()
        let bytes = try self.sent(&rig)
        #expect(try rig.receive(try Rig.response(180, to: bytes)).responses.map(\.status) == [180])
        #expect(rig.pass(.seconds(300)).isEmpty)
        #expect(try rig.receive(try Rig.response(200, to: bytes)).responses.map(\.status) == [200])
    }

    @Test(
        "a refusal is acknowledged in the transaction, again for each copy, until timer D",
        .spec("RFC 3261 §17.1.1.2", "RFC 3261 §17.1.1.3", "RFC 3261 §17.1.1.2/2", "RFC 3261 §17.1.1.3/1"))
    func refusal() throws {
        var rig = Rig()
        let bytes = try self.sent(&rig)
        let text = try Rig.response(486, to: bytes)
        let seen = try rig.receive(text)
        #expect(seen.responses.map(\.status) == [486])
        let ack = seen.text
        #expect(ack.hasPrefix("ACK sip:bob@192.0.2.99:5070 SIP/2.0\r\n"))
        #expect(ack.contains("branch=z9hG4bK000000000000feed"))
        #expect(ack.contains("CSeq: 1 ACK\r\n"))
        #expect(ack.contains("To: <sip:bob@example.com>;tag=b1\r\n"))
        let copy = try rig.receive(text)
        #expect(copy.responses.isEmpty)
        #expect(copy.text == ack)
        rig.pass(.milliseconds(31_999))
        #expect(rig.layer.clientTransactionCount == 1)
        rig.pass(.milliseconds(1))
        #expect(rig.isEmpty)
    }

    @Test("over a reliable transport timer D is zero", .spec("RFC 3261 §17.1.1.2", "RFC 3261 §17.1.1.2/2"))
    func reliable() throws {
        var rig = Rig()
        let bytes = try self.sent(&rig, over: Rig.flow(.tcp))
        #expect(try rig.receive(try Rig.response(404, to: bytes), over: Rig.flow(.tcp)).text.hasPrefix("ACK"))
        #expect(rig.isEmpty)
    }

    @Test("each 2xx goes to the user until timer M, refusals no more", .spec("RFC 6026 §7.2", "RFC 6026 §8.4"))
    func accepted() throws {
        var rig = Rig()
        let bytes = try self.sent(&rig)
        for _ in 0..<3 {
            let seen = try rig.receive(try Rig.response(200, to: bytes))
            #expect(seen.responses.map(\.status) == [200])
            #expect(seen.sent.isEmpty)
        }
        #expect(try rig.receive(try Rig.response(486, to: bytes)).dropped == [.retransmissionAbsorbed])
        rig.pass(.milliseconds(31_999))
        #expect(rig.layer.clientTransactionCount == 1)
        rig.pass(.milliseconds(1))
        #expect(rig.isEmpty)
        #expect(try rig.receive(try Rig.response(200, to: bytes)).dropped == [.unknownTransaction])
    }

    @Test(
        "the ACK for a 2xx goes out once under a branch of its own", .spec("RFC 3261 §13.2.2.4", "RFC 3261 §13.2.2.4/1")
    )
    func acknowledge() throws {
        var rig = Rig()
        let seen = rig.feed(.acknowledge(Rig.outgoing(.ack, to: .flow(Rig.flow()))))
        #expect(seen.lines == ["ACK sip:bob@192.0.2.99:5070 SIP/2.0"])
        #expect(seen.text.contains("branch=z9hG4bK"))
        #expect(rig.isEmpty)
    }

    @Test(
        "a CANCEL waits for a provisional response and has the branch of its INVITE",
        .spec("RFC 3261 §9.1", "RFC 3261 §9.1/1"))
    func cancel() throws {
        var rig = Rig()
        let bytes = try self.sent(&rig)
        #expect(rig.feed(.cancel(self.id)).sent.isEmpty)
        let seen = try rig.receive(try Rig.response(100, to: bytes))
        #expect(seen.lines == ["CANCEL sip:bob@192.0.2.99:5070 SIP/2.0"])
        let cancel = try #require(seen.sent.first).bytes
        let text = String(decoding: cancel, as: UTF8.self)
        #expect(text.contains("branch=z9hG4bK000000000000feed"))
        #expect(text.contains("CSeq: 1 CANCEL\r\n"))
        let answer = try rig.receive(try Rig.response(200, to: cancel))
        #expect(answer.responses.isEmpty)
        #expect(answer.dropped.isEmpty)
        #expect(try rig.receive(try Rig.response(487, to: bytes)).responses.map(\.status) == [487])
        #expect(rig.feed(.cancel(self.id)).dropped == [.nothingToCancel])
        rig.pass(.seconds(40))
        #expect(rig.isEmpty)
    }

    @Test("a cancelled INVITE without a final response ends after 64*T1", .spec("RFC 3261 §9.1"))
    func cancelledForever() throws {
        var rig = Rig()
        let bytes = try self.sent(&rig)
        try rig.receive(try Rig.response(180, to: bytes))
        #expect(rig.feed(.cancel(self.id)).lines == ["CANCEL sip:bob@192.0.2.99:5070 SIP/2.0"])
        let failures = rig.pass(.seconds(33)).flatMap(\.1.failures)
        #expect(failures.map(\.failure) == [.timeout])
        #expect(rig.layer.clientTransactionCount == 0)
        rig.pass(.seconds(4))
        #expect(rig.isEmpty)
    }

    @Test("nothing but an INVITE is cancelled", .spec("RFC 3261 §9.1", "RFC 3261 §9.1/2"))
    func cancelOfNotify() throws {
        var rig = Rig()
        rig.feed(.send(self.id, Rig.outgoing(to: .flow(Rig.flow()))))
        #expect(rig.feed(.cancel(self.id)).dropped == [.nothingToCancel])
    }
}
