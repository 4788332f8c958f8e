import Ground
import MusterTesting
import SCSCF
import SIPTransactions
import SIPWire
import Testing

/// RFC 5626 and RFC 5627 at the registrar and at the proxy.
@Suite("Outbound flows and GRUUs")
struct OutboundAndGRUUTests {
    private let urn = "urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF"
    private let alice = Array("sip:alice@example.com".utf8)

    private func contact(_ uri: String = "sip:alice@10.1.1.1;transport=tcp;ob", regID: Int? = 1, urn: String? = nil)
        -> String
    {
        "<\(uri)>;+sip.instance=\"<\(urn ?? self.urn)>\"" + (regID.map { ";reg-id=\($0)" } ?? "")
    }

    private func flow(_ connection: UInt64) -> Flow {
        Flow(
            transport: .tcp, local: Endpoint(.loopback, 5060),
            remote: Endpoint(IPAddress(ipv4: 0xC000_0220), 40000 + UInt16(connection)), connection: connection)
    }

    private func register(
        _ bench: inout Bench, _ contact: String, connection: UInt64, call: String = "r", cseq: Int = 1,
        headers: [String]? = nil
    ) throws {
        try bench.receive(
            Requests.register(
                [contact], call: call, cseq: cseq, via: "SIP/2.0/TCP 10.1.1.1:5060",
                headers: headers ?? ["Supported: path, outbound, gruu"]),
            from: Bench.origin(self.flow(connection)))
    }

    @Test("a flow is bound to instance and reg-id, and the answer says so", .spec("RFC 5626 §6", "RFC 5626 §4.4"))
    func registration() throws {
        var bench = Bench.open()
        try self.register(&bench, self.contact(), connection: 1)
        let answer = try bench.answer()
        #expect(answer.status == 200)
        #expect(answer.contains("outbound", in: .require))
        #expect(answer.text(.flowTimer) == "120")
        // The client comes back with another address: the binding is replaced, not added.
        try self.register(&bench, self.contact("sip:alice@10.9.9.9;ob"), connection: 2, call: "other")
        #expect(try bench.answer().texts(.contact).count == 1)
        try self.register(&bench, self.contact(regID: 2), connection: 3, call: "third")
        #expect(try bench.answer().texts(.contact).count == 2)
    }

    @Test("without the option tag nothing is required of the client", .spec("RFC 5626 §6"))
    func silentOutbound() throws {
        var bench = Bench.open()
        try self.register(&bench, self.contact(), connection: 1, headers: [])
        #expect(try bench.answer().count(.require) == 0)
    }

    @Test("requests reuse the flow of the client", .spec("RFC 5626 §5.3", "RFC 5626 §7"))
    func reuse() throws {
        var bench = Bench.open()
        try self.register(&bench, self.contact(), connection: 1)
        try bench.receive(Requests.request(to: "sip:alice@example.com"))
        #expect(bench.copies.count == 1)
        guard case .flow(let flow) = bench.copies[0].target else {
            Issue.record("the request left the flow")
            return
        }
        #expect(flow == self.flow(1))
    }

    @Test(
        "of several flows of one instance only the latest is used, the others when it has failed",
        .spec("RFC 5626 §7", "RFC 5626 §11.5"))
    func failover() throws {
        var bench = Bench.open()
        try self.register(&bench, self.contact(regID: 1), connection: 1)
        try bench.wait(.seconds(1))
        try self.register(&bench, self.contact(regID: 2), connection: 2, call: "b")
        let transaction = try bench.receive(Requests.request(to: "sip:alice@example.com"))
        #expect(bench.copies.count == 1)
        guard case .flow(self.flow(2)) = bench.copies[0].target else {
            Issue.record("not the latest flow")
            return
        }
        try bench.take(.requestFailed(bench.copies[0].id, .transport))
        #expect(bench.copies.count == 1)
        guard case .flow(self.flow(1)) = bench.copies[0].target else {
            Issue.record("the other flow was not tried")
            return
        }
        #expect(bench.stored.count == 1, "the dead flow is forgotten")
        try bench.respond(to: bench.copies[0], 430)
        #expect(bench.answers.map(\.transaction) == [transaction])
        #expect(bench.statuses == [480], "no endpoint ever sees a 430")
    }

    @Test("when a connection closes its flows are gone", .spec("RFC 5626 §5.3", "RFC 5626 §6"))
    func closing() throws {
        var bench = Bench.open()
        try self.register(&bench, self.contact(), connection: 1)
        try bench.take(.connectionClosed(self.flow(2)))
        #expect(bench.box.isBound(self.alice, at: bench.now))
        try bench.take(.connectionClosed(self.flow(1)))
        #expect(!bench.box.isBound(self.alice, at: bench.now))
        #expect(bench.stored.count == 1)
        #expect(bench.box.isIdle)
    }

    @Test("flows over connections do not survive a restart", .spec("RFC 5626 §4.4"))
    func restart() throws {
        var bench = Bench.open()
        try self.register(&bench, self.contact(), connection: 1)
        guard case .putBinding(let record) = bench.stored[0] else { return }
        var after = Bench.open()
        try after.take(.restored([record]))
        #expect(after.stored == [.removeBinding(record.id)])
        #expect(after.box.isIdle)
    }

    @Test("a first hop that cannot do outbound is told to the client", .spec("RFC 5626 §6", "RFC 5626 §11.6"))
    func firstHop() throws {
        let behind = "SIP/2.0/UDP 192.0.2.50:5060;branch=z9hG4bKp, SIP/2.0/TCP 10.1.1.1:5060"
        var bench = Bench.open()
        try bench.receive(Requests.register([self.contact()], via: behind, headers: ["Supported: outbound"]))
        #expect(try bench.answer().status == 439)
        try bench.receive(Requests.register([self.contact()], cseq: 2, via: behind))
        #expect(try bench.answer().status == 200, "reg-id is ignored")
        #expect(bench.box.bindings(of: self.alice, at: bench.now)[0].regID == 0)
        let path = ["Supported: outbound, path", "Path: <sip:token@edge.example.com;lr;ob>"]
        try bench.receive(Requests.register([self.contact()], call: "p", via: behind, headers: path))
        #expect(try bench.answer().status == 200)
        #expect(try bench.answer().contains("outbound", in: .require))
    }

    @Test("a flow is registered alone", .spec("RFC 5626 §6"))
    func alone() throws {
        var bench = Bench.open()
        try bench.receive(Requests.register([self.contact(), "<sip:b@192.0.2.9>"], headers: ["Supported: outbound"]))
        #expect(try bench.answer().status == 400)
        try bench.receive(
            Requests.register([self.contact(), "<sip:b@192.0.2.9>;expires=0"], headers: ["Supported: outbound"]))
        #expect(try bench.answer().status == 200)
        try bench.receive(Requests.register(["<sip:c@192.0.2.9>;reg-id=1"], call: "x"))
        #expect(try bench.answer().status == 200, "reg-id without an instance means nothing")
        #expect(bench.box.bindings(of: self.alice, at: bench.now).last?.regID == 0)
    }

    @Test("the client learns its public and a temporary GRUU", .spec("RFC 5627 §5.1", "RFC 5627 §5.2"))
    func gruus() throws {
        var bench = Bench.open()
        try self.register(&bench, self.contact(regID: nil), connection: 1)
        let first = try NameAddress.parse(bench.answer().list(.contact)[0])
        let pub = try #require(first.parameters.unquotedValue(of: "pub-gruu"))
        #expect(String(decoding: pub, as: UTF8.self) == "sip:alice@example.com;gr=\(self.urn)")
        let temporary = String(decoding: try #require(first.parameters.unquotedValue(of: "temp-gruu")), as: UTF8.self)
        #expect(!temporary.contains("alice") && temporary.hasSuffix("@example.com;gr"))
        try self.register(&bench, self.contact(regID: nil), connection: 1, cseq: 2)
        let second = try NameAddress.parse(bench.answer().list(.contact)[0])
        let other = String(decoding: try #require(second.parameters.unquotedValue(of: "temp-gruu")), as: UTF8.self)
        #expect(other != temporary, "temporary GRUUs cannot be linked")
        for target in [temporary, other] {
            try bench.receive(Requests.request(to: target))
            #expect(bench.copies.count == 1, "every one of them works while the instance is registered")
        }
        try self.register(&bench, self.contact(regID: nil), connection: 1, headers: ["Supported: path"])
        _ = try bench.answer()
        try self.register(&bench, self.contact(regID: nil), connection: 1, cseq: 9, headers: [])
        #expect(try !bench.answer().text(.contact)!.contains("gruu"), "who does not ask gets none")
    }

    @Test("a new Call-ID ends the temporary GRUUs", .spec("RFC 5627 §5.1"))
    func temporaryEnds() throws {
        var bench = Bench.open()
        try self.register(&bench, self.contact(regID: nil), connection: 1)
        let first = try NameAddress.parse(bench.answer().list(.contact)[0])
        let temporary = String(decoding: try #require(first.parameters.unquotedValue(of: "temp-gruu")), as: UTF8.self)
        try self.register(&bench, self.contact(regID: nil), connection: 1, call: "rebooted")
        try bench.receive(Requests.request(to: temporary))
        #expect(bench.statuses == [480])
        #expect(bench.copies.isEmpty)
    }

    @Test("a GRUU reaches its instance only", .spec("RFC 5627 §5.3"))
    func routing() throws {
        var bench = Bench.open()
        try bench.receive(Requests.register([self.contact("sip:one@192.0.2.31", regID: nil)], call: "1"))
        try bench.receive(
            Requests.register([self.contact("sip:two@192.0.2.32", regID: nil, urn: "urn:uuid:two")], call: "2"))
        try bench.receive(Requests.request(to: "sip:alice@example.com;gr=\(self.urn)"))
        #expect(bench.copies.map(\.request.requestURI.text) == ["sip:one@192.0.2.31"])
        try bench.receive(Requests.request(to: "sip:alice@example.com", call: "c2"))
        #expect(bench.copies.count == 2)
        try bench.receive(Requests.request(to: "sip:alice@example.com;gr=urn:uuid:three", call: "c3"))
        #expect(bench.statuses == [480])
        for forged in ["sip:tgruu.AAAA@example.com;gr", "sip:tgruu.@example.com;gr", "sip:alice@example.com;gr"] {
            try bench.receive(Requests.request(to: forged, call: "c4"))
            #expect(bench.statuses == [480], "\(forged)")
        }
    }

    @Test("a request goes along the Path that the client registered", .spec("RFC 3327 §5.3"))
    func path() throws {
        var bench = Bench.open()
        try bench.receive(
            Requests.register(
                ["<sip:alice@10.0.0.1>"],
                headers: ["Path: <sip:edge.example.net;lr>, <sip:inner.example.net;lr>", "Supported: path"]))
        try bench.receive(Requests.request(to: "sip:alice@example.com"))
        let copy = try #require(bench.copies.first)
        #expect(copy.request.texts(.route) == ["<sip:edge.example.net;lr>", "<sip:inner.example.net;lr>"])
        #expect(copy.request.requestURI.text == "sip:alice@10.0.0.1")
        guard case .uri(let next) = copy.target else { return }
        #expect(next.host.text == "edge.example.net")
    }
}
