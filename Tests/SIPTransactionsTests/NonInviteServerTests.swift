import Ground
import MusterTesting
import SIPTransactions
import SIPWire
import Testing

@Suite("Non-INVITE server transactions")
struct NonInviteServerTests {
    let subscribe = Rig.request("SUBSCRIBE", extra: "Event: presence\r\n")

    @Test(
        "a request goes up once and its copies are absorbed while it waits",
        .spec("RFC 3261 §17.2.2", "RFC 3261 §17.2.2/1", "RFC 3261 §18.2.1/2"))
    func absorbsInTrying() throws {
        var rig = Rig()
        let first = try rig.receive(self.subscribe)
        #expect(first.requests.count == 1)
        #expect(first.sent.isEmpty)
        let second = try rig.receive(self.subscribe)
        #expect(second.requests.isEmpty)
        #expect(second.sent.isEmpty)
        #expect(second.dropped == [.retransmissionAbsorbed])
    }

    @Test(
        "the final response is sent again for each copy until timer J",
        .spec("RFC 3261 §17.2.2", "RFC 3261 §17.2.3", "RFC 3261 §8.2.6.2/2", "RFC 3261 §17.2.2/1"))
    func timerJ() throws {
        var rig = Rig()
        let id = try #require(try rig.receive(self.subscribe).requests.first).id
        let answer = try rig.respond(id, self.subscribe, 200)
        #expect(answer.lines == ["SIP/2.0 200 OK"])
        for _ in 0..<3 {
            let copy = try rig.receive(self.subscribe)
            #expect(copy.sent.first?.bytes == answer.sent.first?.bytes)
            #expect(copy.requests.isEmpty)
            rig.pass(.seconds(10))
        }
        rig.pass(.milliseconds(1999))
        #expect(try rig.receive(self.subscribe).requests.isEmpty)
        rig.pass(.milliseconds(1))
        #expect(rig.layer.serverTransactionCount == 0)
        // From now on it is a new request.
        #expect(try rig.receive(self.subscribe).requests.count == 1)
    }

    @Test("over a reliable transport timer J is zero", .spec("RFC 3261 §17.2.2", "RFC 3261 §17.2.2/1"))
    func reliable() throws {
        var rig = Rig()
        let text = Rig.request("SUBSCRIBE", via: "SIP/2.0/TCP 192.0.2.99:5070;branch=z9hG4bKt")
        let id = try #require(try rig.receive(text, over: Rig.flow(.tcp)).requests.first).id
        let answer = try rig.respond(id, text, 200)
        #expect(answer.sent.count == 1)
        #expect(rig.layer.serverTransactionCount == 0)
        rig.pass(.seconds(60))
        #expect(rig.isEmpty)
    }

    @Test("a request that waits gets a 100 after 3.5 seconds and no earlier", .spec("RFC 4320 §4.1"))
    func lateTrying() throws {
        var rig = Rig()
        let id = try #require(try rig.receive(self.subscribe).requests.first).id
        #expect(rig.pass(.milliseconds(3499)).isEmpty)
        let due = rig.pass(.milliseconds(1))
        #expect(due.first?.1.lines == ["SIP/2.0 100 Trying"])
        #expect(try rig.receive(self.subscribe).lines == ["SIP/2.0 100 Trying"])
        #expect(try rig.respond(id, self.subscribe, 202).lines == ["SIP/2.0 202 Accepted"])
        #expect(try rig.receive(self.subscribe).lines == ["SIP/2.0 202 Accepted"])
        rig.pass(.seconds(40))
        #expect(rig.isEmpty)
    }

    @Test(
        "no provisional response but 100 leaves, and that not early over UDP",
        .spec("RFC 4320 §4.1", "RFC 3261 §8.2.6.1/1"))
    func noProvisional() throws {
        var rig = Rig()
        let id = try #require(try rig.receive(self.subscribe).requests.first).id
        for status in [100, 180, 183] {
            let answer = try rig.respond(id, self.subscribe, status)
            #expect(answer.sent.isEmpty)
            #expect(answer.dropped == [.forbiddenAnswer])
        }
        #expect(try rig.respond(id, self.subscribe, 200).lines == ["SIP/2.0 200 OK"])
    }

    @Test("over TCP the user may send a 100 at once", .spec("RFC 4320 §4.1"))
    func earlyTryingOverTCP() throws {
        var rig = Rig()
        let text = Rig.request("SUBSCRIBE", via: "SIP/2.0/TCP 192.0.2.99:5070;branch=z9hG4bKt")
        let id = try #require(try rig.receive(text, over: Rig.flow(.tcp)).requests.first).id
        #expect(try rig.respond(id, text, 100).lines == ["SIP/2.0 100 Trying"])
        #expect(try rig.respond(id, text, 183).dropped == [.forbiddenAnswer])
    }

    @Test("a non-INVITE never gets a 408", .spec("RFC 4320 §4.2"))
    func never408() throws {
        var rig = Rig()
        let id = try #require(try rig.receive(self.subscribe).requests.first).id
        let answer = try rig.respond(id, self.subscribe, 408)
        #expect(answer.sent.isEmpty)
        #expect(answer.dropped == [.forbiddenAnswer])
        #expect(rig.layer.serverTransactionCount == 0)
    }

    @Test("a request that the user forgets ends without an answer after 32 seconds", .spec("RFC 4320 §4.2"))
    func abandoned() throws {
        var rig = Rig()
        try rig.receive(self.subscribe)
        let seen = rig.pass(.seconds(32))
        #expect(seen.map(\.at) == [3500, 32000])
        #expect(seen.last?.1.observed == [.abandoned])
        #expect(seen.last?.1.sent.isEmpty == true)
        #expect(rig.isEmpty)
    }

    @Test("a second answer is dropped", .spec("RFC 3261 §17.2.2", "RFC 3261 §17.2.2/2"))
    func secondAnswer() throws {
        var rig = Rig()
        let id = try #require(try rig.receive(self.subscribe).requests.first).id
        try rig.respond(id, self.subscribe, 200)
        let second = try rig.respond(id, self.subscribe, 404)
        #expect(second.sent.isEmpty)
        #expect(second.dropped == [.superfluousAnswer])
        #expect(try rig.receive(self.subscribe).lines == ["SIP/2.0 200 OK"])
        #expect(try rig.respond(ServerTransactionID(raw: 99), self.subscribe, 200).dropped == [.superfluousAnswer])
        #expect(rig.feed(.respond(id, Array("rubbish that is no response".utf8))).dropped == [.unusableAnswer])
    }

    @Test("branch, sent-by and method together name a transaction", .spec("RFC 3261 §17.2.3", "RFC 3261 §17.2.3/1"))
    func matching() throws {
        var rig = Rig(seed: 5) { $0.refusesMergedRequests = false }
        try rig.receive(self.subscribe)
        // Another sent-by with the same branch.
        let other = Rig.request("SUBSCRIBE", via: "SIP/2.0/UDP 192.0.2.98:5070;branch=z9hG4bKpeer1")
        #expect(try rig.receive(other).requests.count == 1)
        let port = Rig.request("SUBSCRIBE", via: "SIP/2.0/UDP 192.0.2.99:5071;branch=z9hG4bKpeer1")
        #expect(try rig.receive(port).requests.count == 1)
        // Another method with the same branch.
        #expect(try rig.receive(Rig.request("OPTIONS")).requests.count == 1)
        // The host of a sent-by is compared without regard to case.
        let upper = Rig.request("OPTIONS", via: "SIP/2.0/UDP Host.Example.COM;branch=z9hG4bKx")
        let lower = Rig.request("OPTIONS", via: "SIP/2.0/UDP host.example.com:5060;branch=z9hG4bKx")
        #expect(try rig.receive(upper).requests.count == 1)
        #expect(try rig.receive(lower).dropped == [.retransmissionAbsorbed])
    }

    @Test("requests without the magic cookie match as RFC 2543 has it", .spec("RFC 3261 §17.2.3", "RFC 3261 §17.2.3/2"))
    func oldMatching() throws {
        var rig = Rig()
        let old = Rig.request("OPTIONS", via: "SIP/2.0/UDP 192.0.2.99:5070;branch=1", callID: "old")
        let id = try #require(try rig.receive(old).requests.first).id
        #expect(try rig.receive(old).dropped == [.retransmissionAbsorbed])
        try rig.respond(id, old, 200)
        #expect(try rig.receive(old).lines == ["SIP/2.0 200 OK"])
        let next = Rig.request(
            "OPTIONS", via: "SIP/2.0/UDP 192.0.2.99:5070;branch=1", callID: "old", cseq: "2 OPTIONS")
        #expect(try rig.receive(next).requests.count == 1)
        let none = Rig.request("OPTIONS", via: "SIP/2.0/UDP 192.0.2.99:5070", callID: "older")
        #expect(try rig.receive(none).requests.count == 1)
        #expect(try rig.receive(none).dropped == [.retransmissionAbsorbed])
        let elsewhere = Rig.request("OPTIONS", via: "SIP/2.0/UDP 192.0.2.99:5070", callID: "other")
        #expect(try rig.receive(elsewhere).requests.count == 1)
    }
}

@Suite("The way of responses")
struct ResponseRoutingTests {
    private func answer(_ via: String, from remote: Endpoint = Rig.peer, _ transport: Transport = .udp) throws -> Seen {
        var rig = Rig()
        let text = Rig.request("OPTIONS", via: via)
        let id = try #require(try rig.receive(text, over: Rig.flow(transport, remote: remote)).requests.first).id
        return try rig.respond(id, text, 200)
    }

    @Test(
        "without rport a response goes to the source address and the sent-by port",
        .spec("RFC 3261 §18.2.2", "RFC 3261 §18.2.2/2"))
    func sentByPort() throws {
        let source = Endpoint(IPAddress(ipv4: 0xC633_6401), 40000)
        let seen = try self.answer("SIP/2.0/UDP 10.0.0.1:5080;branch=z9hG4bKa", from: source)
        #expect(seen.sent.first?.path.remote == Endpoint(source.address, 5080))
        let plain = try self.answer("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa", from: source)
        #expect(plain.sent.first?.path.remote == Endpoint(source.address, 5060))
    }

    @Test("with rport a response goes back to the very source", .spec("RFC 3581 §4"))
    func rport() throws {
        let source = Endpoint(IPAddress(ipv4: 0xC633_6401), 40000)
        let seen = try self.answer("SIP/2.0/UDP 10.0.0.1:5080;branch=z9hG4bKa;rport", from: source)
        #expect(seen.sent.first?.path == .flow(Flow(transport: .udp, local: Rig.us, remote: source)))
    }

    @Test("maddr leads the response elsewhere", .spec("RFC 3261 §18.2.2", "RFC 3261 §18.2.2/2"))
    func maddr() throws {
        let seen = try self.answer("SIP/2.0/UDP 192.0.2.99:5080;maddr=192.0.2.50;branch=z9hG4bKa")
        #expect(seen.sent.first?.path.remote == Endpoint(IPAddress(ipv4: 0xC000_0232), 5080))
    }

    @Test(
        "over TCP the connection is used, and behind it received and the sent-by port",
        .spec("RFC 3261 §18.2.2", "RFC 3261 §18.2.2/1", "RFC 3261 §18.2.2/3"))
    func connection() throws {
        let seen = try self.answer("SIP/2.0/TCP 10.0.0.1:5099;branch=z9hG4bKa", .tcp)
        #expect(seen.sent.first?.path == .flow(Rig.flow(.tcp)))
        #expect(seen.fallbacks == [Hop(transport: .tcp, endpoint: Endpoint(Rig.peer.address, 5099))])
        let web = try self.answer("SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bKa", .ws)
        #expect(web.fallbacks == [nil])
    }

    @Test("the late 100 carries received and rport", .spec("RFC 3581 §4", "RFC 3261 §18.2.1"))
    func received() throws {
        var rig = Rig()
        let text = Rig.request("OPTIONS", via: "SIP/2.0/UDP 10.0.0.1:5080;branch=z9hG4bKa;rport")
        try rig.receive(text)
        let seen = try #require(rig.pass(.seconds(4)).first).1
        #expect(seen.text.contains(";received=192.0.2.99"))
        #expect(seen.text.contains(";rport=5070"))
        #expect(seen.sent.first?.path.remote == Rig.peer)
    }
}
