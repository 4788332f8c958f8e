import Ground
import MusterTesting
import SIPTransactions
import SIPWire
import Testing

@Suite("The way of requests")
struct SendingTests {
    let id = ClientTransactionID(raw: 0xABCD)
    let first = Hop(transport: .udp, endpoint: Endpoint(IPAddress(ipv4: 0x0A00_0001), 5060))
    let second = Hop(transport: .udp, endpoint: Endpoint(IPAddress(ipv4: 0x0A00_0002), 5060))
    let third = Hop(transport: .tcp, endpoint: Endpoint(IPAddress(ipv4: 0x0A00_0003), 5060))

    private func branch(_ bytes: [UInt8]) throws -> String {
        let via = try SIPMessage.parse(bytes, framing: .datagram).topVia()
        return try #require(via.branch).text
    }

    @Test("a request above 1300 bytes goes over TCP", .spec("RFC 3261 §18.1.1", "RFC 3261 §18.1.1/1"))
    func switchToTCP() throws {
        var rig = Rig()
        let small = rig.feed(.send(ClientTransactionID(raw: 1), Rig.outgoing(to: .flow(Rig.flow()), bytes: 900)))
        #expect(small.sent.first?.path == .flow(Rig.flow()))
        let large = rig.feed(.send(self.id, Rig.outgoing(to: .flow(Rig.flow()), bytes: 1300)))
        #expect(large.sent.first?.path == .hop(Hop(transport: .tcp, endpoint: Rig.peer)))
        #expect(large.text.contains("Via: SIP/2.0/TCP 192.0.2.1:5060;branch="))
        #expect(large.observed.contains(.switchedToTCP))
    }

    @Test("the bound counts the whole request with its Via", .spec("RFC 3261 §18.1.1", "RFC 3261 §18.1.1/1"))
    func exactBound() throws {
        var rig = Rig()
        var largest = 0
        for size in 900...1100 {
            let id = ClientTransactionID(raw: UInt64(size))
            let sent = rig.feed(.send(id, Rig.outgoing(to: .flow(Rig.flow()), bytes: size))).sent[0]
            guard sent.path.transport == .udp else { break }
            #expect(sent.bytes.count > largest)
            largest = sent.bytes.count
        }
        #expect(largest == 1300)
    }

    @Test(
        "where TCP is refused the request goes over UDP after all, under a new branch",
        .spec("RFC 3261 §18.1.1", "RFC 3261 §18.1.1/2"))
    func fallBackToUDP() throws {
        var rig = Rig()
        let large = rig.feed(.send(self.id, Rig.outgoing(to: .flow(Rig.flow()), bytes: 2000)))
        let refused = rig.feed(.transmissionFailed(.hop(Hop(transport: .tcp, endpoint: Rig.peer))))
        #expect(refused.sent.first?.path == .flow(Rig.flow()))
        #expect(refused.text.contains("Via: SIP/2.0/UDP"))
        #expect(refused.observed.contains(.fellBackToUDP))
        let bytes = try #require(refused.sent.first).bytes
        #expect(try self.branch(bytes) != self.branch(large.sent[0].bytes))
        #expect(try rig.receive(try Rig.response(200, to: bytes)).responses.map(\.id) == [self.id])
        rig.pass(.seconds(40))
        #expect(rig.isEmpty)
    }

    @Test("no answer over TCP is no reason to fall back to UDP", .spec("RFC 3261 §18.1.1"))
    func noFallBackOnTimeout() throws {
        var rig = Rig()
        rig.feed(.send(self.id, Rig.outgoing(to: .flow(Rig.flow()), bytes: 2000)))
        let seen = rig.pass(.seconds(40)).flatMap(\.1.failures)
        #expect(seen.map(\.failure) == [.timeout])
        #expect(rig.isEmpty)
    }

    @Test("a user may forbid the switch")
    func forbidden() throws {
        var rig = Rig { $0.switchesToTCP = false }
        let seen = rig.feed(.send(self.id, Rig.outgoing(to: .flow(Rig.flow()), bytes: 2000)))
        #expect(seen.sent.first?.path.transport == .udp)
        var other = Rig()
        let request = Rig.outgoing(to: .flow(Rig.flow()), bytes: 2000)
        let kept = OutgoingRequest(
            method: .notify, bytes: request.bytes, target: request.target, viaParameters: Array(";keep".utf8),
            allowsUDPSwitch: false)
        let sent = other.feed(.send(self.id, kept))
        #expect(sent.sent.first?.path.transport == .udp)
        #expect(sent.text.contains(";rport;keep\r\n"))
    }

    @Test("a body that is given apart goes out behind the head, and counts for the size", .spec("RFC 3261 §18.1.1"))
    func bodyApart() throws {
        for size in [100, 2000] {
            let whole = Rig.outgoing(to: .flow(Rig.flow()), bytes: size)
            let parted = OutgoingRequest(
                method: .notify, bytes: Array(whole.head.dropLast(size)), body: Array(whole.head.suffix(size)),
                target: whole.target)
            #expect(parted.bytes == whole.bytes && parted.count == whole.count)
            var rig = Rig()
            var other = Rig()
            let one = try #require(rig.feed(.send(self.id, whole)).sent.first)
            let two = try #require(other.feed(.send(self.id, parted)).sent.first)
            #expect(one.bytes == two.bytes && one.path == two.path)
        }
    }

    @Test(
        "no answer, a refused connection and a 503 lead to the next hop under a new branch",
        .spec("RFC 3263 §4.3", "RFC 3261 §8.1.2", "RFC 3261 §8.1.1.7/1"))
    func failOver() throws {
        var rig = Rig()
        let seen = rig.feed(.send(self.id, Rig.outgoing(to: .hops([self.first, self.second, self.third]))))
        #expect(seen.sent.first?.path == .hop(self.first))
        let one = try #require(seen.sent.first).bytes
        let later = rig.pass(.seconds(32))
        let two = try #require(later.last?.1.sent.first)
        #expect(two.path == .hop(self.second))
        #expect(later.last?.1.observed.contains(.failedOver) == true)
        #expect(later.flatMap(\.1.failures).isEmpty)
        let busy = try rig.receive(try Rig.response(503, to: two.bytes))
        #expect(busy.responses.isEmpty)
        let three = try #require(busy.sent.first)
        #expect(three.path == .hop(self.third))
        let branches = [try self.branch(one), try self.branch(two.bytes), try self.branch(three.bytes)]
        #expect(Set(branches).count == 3)
        let end = rig.feed(.transmissionFailed(.hop(self.third)))
        #expect(end.failures.map(\.id) == [self.id])
        #expect(end.failures.map(\.failure) == [.transport])
        rig.pass(.seconds(40))
        #expect(rig.isEmpty)
    }

    @Test("the last 503 goes to the user", .spec("RFC 3263 §4.3"))
    func lastRefusal() throws {
        var rig = Rig()
        let sent = rig.feed(.send(self.id, Rig.outgoing(to: .hops([self.first]))))
        let bytes = try #require(sent.sent.first).bytes
        #expect(try rig.receive(try Rig.response(503, to: bytes)).responses.map(\.status) == [503])
    }

    @Test(
        "an answer that comes late from a hop that was given up is dropped",
        .spec("RFC 3261 §17.1.3", "RFC 3261 §18.1.2/2"))
    func lateAnswer() throws {
        var rig = Rig()
        let one = try #require(rig.feed(.send(self.id, Rig.outgoing(to: .hops([self.first, self.second])))).sent.first)
        let two = try #require(rig.pass(.seconds(32)).last?.1.sent.first)
        #expect(try rig.receive(try Rig.response(200, to: one.bytes)).dropped == [.unknownTransaction])
        #expect(try rig.receive(try Rig.response(200, to: two.bytes)).responses.map(\.id) == [self.id])
    }

    @Test("a hop that asks to be left alone is passed over while another is left", .spec("RFC 3261 §21.5.4"))
    func retryAfter() throws {
        var rig = Rig()
        let target = Target.hops([self.first, self.second])
        let one = try #require(rig.feed(.send(self.id, Rig.outgoing(to: target))).sent.first)
        let busy = try rig.receive(try Rig.response(503, to: one.bytes, extra: "Retry-After: 60 (later)\r\n"))
        #expect(busy.observed.contains(.hopHeld))
        #expect(busy.sent.first?.path == .hop(self.second))
        let next = rig.feed(.send(ClientTransactionID(raw: 2), Rig.outgoing(to: target)))
        #expect(next.sent.first?.path == .hop(self.second))
        #expect(next.observed.contains(.hopSkipped))
        // The only way is tried all the same.
        let only = rig.feed(.send(ClientTransactionID(raw: 3), Rig.outgoing(to: .hops([self.first]))))
        #expect(only.sent.first?.path == .hop(self.first))
        rig.pass(.seconds(61))
        let after = rig.feed(.send(ClientTransactionID(raw: 4), Rig.outgoing(to: target)))
        #expect(after.sent.first?.path == .hop(self.first))
    }

    @Test("an INVITE fails over too, and its refusal is acknowledged first", .spec("RFC 3263 §4.3"))
    func inviteFailOver() throws {
        var rig = Rig()
        let one = try #require(
            rig.feed(.send(self.id, Rig.outgoing(.invite, to: .hops([self.first, self.second])))).sent.first)
        let busy = try rig.receive(try Rig.response(503, to: one.bytes))
        #expect(busy.lines.map { $0.prefix(6) } == ["ACK si", "INVITE"])
        #expect(busy.sent.map(\.path) == [.hop(self.first), .hop(self.second)])
        #expect(busy.responses.isEmpty)
        let two = try #require(busy.sent.last).bytes
        #expect(try rig.receive(try Rig.response(180, to: two)).responses.map(\.id) == [self.id])
        #expect(rig.feed(.cancel(self.id)).lines.first?.hasPrefix("CANCEL") == true)
        #expect(try rig.receive(try Rig.response(487, to: two)).responses.map(\.status) == [487])
        rig.pass(.seconds(40))
        #expect(rig.isEmpty)
    }

    @Test("a flow that fails gives way to the URI", .spec("RFC 5923 §5", "RFC 3261 §18.2.2"))
    func flowOrURI() throws {
        var rig = Rig()
        let uri = try #require(SIPURI("sip:bob@10.0.0.9:5099;transport=tcp"))
        let seen = rig.feed(.send(self.id, Rig.outgoing(to: .flowOrURI(Rig.flow(.tcp), uri))))
        #expect(seen.sent.first?.path == .flow(Rig.flow(.tcp)))
        let gone = rig.feed(.transmissionFailed(.flow(Rig.flow(.tcp))))
        let hop = Hop(transport: .tcp, endpoint: Endpoint(IPAddress(ipv4: 0x0A00_0009), 5099))
        #expect(gone.sent.first?.path == .hop(hop))
        let bytes = try #require(gone.sent.first).bytes
        #expect(try self.branch(bytes) != self.branch(seen.sent[0].bytes))
        #expect(
            try rig.receive(try Rig.response(200, to: bytes), over: Rig.flow(.tcp)).responses.map(\.id) == [self.id])
        rig.pass(.seconds(40))
        #expect(rig.isEmpty)
    }

    @Test("an address that is written as numbers needs no question", .spec("RFC 3263 §4.1"))
    func literal() throws {
        var rig = Rig()
        let uri = try #require(SIPURI("sip:bob@[2001:db8::5]"))
        let seen = rig.feed(.send(self.id, Rig.outgoing(to: .uri(uri))))
        #expect(seen.questions.isEmpty)
        let address = try #require(IPAddress("2001:db8::5"))
        #expect(seen.sent.first?.path == .hop(Hop(transport: .udp, endpoint: Endpoint(address, 5060))))
    }

    @Test("a name is resolved first, and a name that leads nowhere fails", .spec("RFC 3263 §4"))
    func resolution() throws {
        var rig = Rig()
        let uri = try #require(SIPURI("sip:bob@example.net:5080"))
        let asked = rig.feed(.send(self.id, Rig.outgoing(to: .uri(uri))))
        #expect(asked.sent.isEmpty)
        let question = try #require(asked.questions.first)
        #expect(question.question == .addresses("example.net"))
        #expect(rig.feed(.send(self.id, Rig.outgoing(to: .uri(uri)))).dropped == [.identifierInUse])
        let found = rig.feed(.hopsResolved(question.ticket, .addresses([self.first.endpoint.address])))
        #expect(found.sent.first?.path.remote == Endpoint(self.first.endpoint.address, 5080))
        #expect(rig.feed(.hopsResolved(question.ticket, .addresses([]))).dropped == [.unknownTicket])
        let other = rig.feed(.send(ClientTransactionID(raw: 5), Rig.outgoing(to: .uri(uri))))
        let failed = rig.feed(.hopsResolved(other.questions[0].ticket, .failed))
        #expect(failed.failures.map(\.failure) == [.unresolvable])
        rig.pass(.seconds(40))
        #expect(rig.isEmpty)
    }

    @Test("a question that is never answered does not hang")
    func silentNames() throws {
        var rig = Rig()
        let uri = try #require(SIPURI("sip:bob@example.net:5080"))
        rig.feed(.send(self.id, Rig.outgoing(to: .uri(uri))))
        let seen = rig.pass(.seconds(33))
        #expect(seen.flatMap(\.1.failures).map(\.failure) == [.unresolvable])
        #expect(rig.isEmpty)
    }

    @Test("a URI that is no SIP URI is unresolvable", .spec("RFC 3263 §4"))
    func telephone() throws {
        var rig = Rig()
        let uri = try #require(SIPURI("tel:+15551234"))
        let seen = rig.feed(.send(self.id, Rig.outgoing(to: .uri(uri))))
        #expect(seen.failures.map(\.failure) == [.unresolvable])
    }

    @Test("one failed peer fails all that wait for it and nobody else", .spec("RFC 3261 §18.4", "RFC 3261 §18.4/1"))
    func manyWaiting() throws {
        var rig = Rig()
        for number in 1...100 {
            let remote = Endpoint(IPAddress(ipv4: 0x0A00_0000 + UInt32(number % 5)), 5060)
            rig.feed(.send(ClientTransactionID(raw: UInt64(number)), Rig.outgoing(to: .flow(Rig.flow(remote: remote)))))
        }
        let dead = Rig.flow(remote: Endpoint(IPAddress(ipv4: 0x0A00_0003), 5060))
        let seen = rig.feed(.transmissionFailed(.flow(dead)))
        let expected = Set<UInt64>((1...100).filter { $0 % 5 == 3 })
        #expect(Set(seen.failures.map(\.id.raw)) == expected)
        #expect(rig.feed(.transmissionFailed(.flow(dead))).failures.isEmpty)
        #expect(rig.layer.clientTransactionCount == 80)
    }
}
