import Ground
import MusterTesting
import SCSCF
import SIPTransactions
import SIPWire
import Testing

/// RFC 3261 §16: what is checked, what is changed, where it goes.
@Suite("Proxy")
struct ProxyTests {
    private func bound(_ contacts: [String], _ change: (inout SCSCF.Configuration) -> Void = { _ in }) throws -> Bench {
        var bench = Bench.open(change)
        for (index, contact) in contacts.enumerated() {
            try bench.receive(Requests.register([contact], user: "bob", cseq: index + 1))
        }
        return bench
    }

    @Test(
        "a request for a registered user goes to its contact, rewritten as a proxy must",
        .spec(
            "RFC 3261 §16.5", "RFC 3261 §16.6", "RFC 3261 §18.2.1", "RFC 3581 §4", "RFC 3261 §16.5/2",
            "RFC 3261 §16.6/1", "RFC 3261 §16.6/4", "RFC 3261 §16.6/7"))
    func forwarding() throws {
        var bench = try self.bound(["<sip:bob@192.0.2.31:5070;x=1?Subject=no>;q=0.2"])
        try bench.receive(
            Requests.request(
                to: "sip:bob@example.com",
                via: ["SIP/2.0/UDP client.example.net;rport;branch=z9hG4bKa, SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKb"],
                headers: ["X-Unknown: kept, as it is", "Max-Forwards: 12"]))
        let copy = try #require(bench.copies.first).request
        #expect(copy.requestURI.text == "sip:bob@192.0.2.31:5070;x=1", "no headers in a Request-URI")
        #expect(copy.text(.maxForwards) == "11")
        let vias = copy.texts(.via)
        #expect(vias.count == 3)
        #expect(vias[1] == "SIP/2.0/UDP client.example.net;branch=z9hG4bKa;received=192.0.2.16;rport=5060")
        #expect(vias[2] == "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKb")
        #expect(copy.first(named: "X-Unknown")?.text == "kept, as it is")
        #expect(copy.text(.from) == "<sip:stranger@elsewhere.net>;tag=f")
    }

    @Test("without Max-Forwards 70 is put in", .spec("RFC 3261 §16.6", "RFC 3261 §16.6/1"))
    func missingMaxForwards() throws {
        var bench = try self.bound(["<sip:bob@192.0.2.31>"])
        let text = Requests.request(to: "sip:bob@example.com").replacing("Max-Forwards: 70\n", with: "")
        let request = try Bench.message(text)
        try bench.take(.requestReceived(.init(raw: 5), request, Bench.origin()))
        #expect(bench.copies.first?.request.text(.maxForwards) == "70")
    }

    @Test("a response goes back without our Via", .spec("RFC 3261 §16.7", "RFC 3261 §16.7/1"))
    func response() throws {
        var bench = try self.bound(["<sip:bob@192.0.2.31>"])
        let transaction = try bench.receive(Requests.request(to: "sip:bob@example.com"))
        try bench.respond(to: bench.copies[0], 200, [(.server, "phone")])
        #expect(bench.answers.map(\.transaction) == [transaction])
        let answer = try bench.answer()
        #expect(answer.status == 200)
        #expect(answer.texts(.via).count == 1)
        #expect(answer.text(.server) == "phone")
        #expect(answer.toTag() != nil)
        #expect(bench.box.proxyIsIdle)
    }

    @Test(
        "used-up Max-Forwards ends the way, but OPTIONS gets an answer",
        .spec("RFC 3261 §16.3", "RFC 3261 §11", "RFC 3261 §16.3/1"))
    func tooManyHops() throws {
        var bench = try self.bound(["<sip:bob@192.0.2.31>"])
        try bench.receive(Requests.request(to: "sip:bob@example.com", headers: ["Max-Forwards: 0"]))
        #expect(bench.statuses == [483])
        try bench.receive(Requests.request("OPTIONS", to: "sip:bob@example.com", headers: ["Max-Forwards: 0"]))
        #expect(bench.statuses == [200])
        #expect(bench.copies.isEmpty)
    }

    @Test(
        "an extension that the proxy must know and does not is refused",
        .spec("RFC 3261 §16.3", "RFC 3261 §21.4.15", "RFC 3261 §16.3/3"))
    func proxyRequire() throws {
        var bench = try self.bound(["<sip:bob@192.0.2.31>"])
        try bench.receive(
            Requests.request(
                to: "sip:bob@example.com", headers: ["Proxy-Require: teleport, gruu", "Require: anything"]))
        #expect(bench.statuses == [420])
        #expect(try bench.answer().texts(.unsupported) == ["teleport"])
        try bench.receive(Requests.request(to: "sip:bob@example.com", headers: ["Require: anything"]))
        #expect(bench.copies.count == 1, "Require is the business of the user agent")
    }

    @Test("a scheme that nobody routes is refused", .spec("RFC 3261 §16.3", "RFC 3261 §21.4.14", "RFC 3261 §16.3/4"))
    func scheme() throws {
        var bench = Bench.open()
        try bench.receive(Requests.request(to: "mailto:bob@example.com"))
        #expect(bench.statuses == [416])
    }

    @Test(
        "what comes back unchanged is a loop, what comes back changed a spiral",
        .spec("RFC 3261 §16.3", "RFC 5393 §4.2", "RFC 3261 §16.3/2"))
    func loops() throws {
        // Bob's contact is a name that leads back to us.
        var bench = try self.bound(["<sip:bob@second.example>"])
        try bench.receive(
            Requests.register(["<sip:bob@example.com>"], user: "bob", call: "x", to: "<sip:bob@second.example>"))
        try bench.receive(Requests.request(to: "sip:bob@example.com"))
        let first = try #require(bench.copies.first).request
        try bench.receive(first)
        let second = try #require(bench.copies.first, "a spiral with another Request-URI goes on").request
        try bench.receive(second)
        #expect(bench.statuses == [482])
        #expect(bench.copies.isEmpty)
        #expect(bench.observed.contains(.loopFound))
    }

    @Test("breadth is shared among branches and ends a flood", .spec("RFC 5393 §5.3.3", "RFC 5393 §5.3.1"))
    func breadth() throws {
        var bench = try self.bound(["<sip:a@192.0.2.31>", "<sip:b@192.0.2.32>", "<sip:c@192.0.2.33>"])
        try bench.receive(Requests.request(to: "sip:bob@example.com"))
        #expect(bench.copies.map { $0.request.text(.maxBreadth) } == ["20", "20", "20"])
        try bench.receive(Requests.request(to: "sip:bob@example.com", call: "c2", headers: ["Max-Breadth: 2"]))
        #expect(bench.copies.count == 2, "the third waits until the breadth is free again")
        let copies = bench.copies
        try bench.respond(to: copies[0], 486)
        try bench.respond(to: copies[1], 486)
        #expect(bench.copies.count == 1)
        try bench.receive(Requests.request(to: "sip:bob@example.com", call: "c3", headers: ["Max-Breadth: 0"]))
        #expect(bench.statuses == [440])
    }

    @Test(
        "an unknown user is 404, one without a contact 480",
        .spec("RFC 3261 §16.5", "RFC 3261 §21.4.5", "RFC 3261 §21.4.18", "RFC 3261 §16.5/2"))
    func nobody() throws {
        var bench = Bench.open { $0.directory = .subscribers }
        try bench.receive(Requests.request(to: "sip:carol@example.com"))
        #expect(bench.statuses == [480])
        try bench.receive(Requests.request(to: "sip:ghost@example.com"))
        #expect(bench.statuses == [404])
        var all = Bench.open()
        try all.receive(Requests.request(to: "sip:ghost@example.com"))
        #expect(all.statuses == [480])
    }

    @Test(
        "our own Route is taken off, others are followed", .spec("RFC 3261 §16.4", "RFC 3261 §16.6", "RFC 3261 §16.4/1")
    )
    func preloadedRoutes() throws {
        var bench = try self.bound(["<sip:bob@192.0.2.31>"])
        try bench.receive(Requests.request(to: "sip:bob@example.com", headers: ["Route: <sip:192.0.2.1;lr>"]))
        #expect(bench.copies.first?.request.count(.route) == 0)
        try bench.receive(
            Requests.request(
                to: "sip:bob@example.com", call: "c2", headers: ["Route: <sip:example.com;lr>, <sip:as.example.net;lr>"]
            ),
            from: Bench.origin(trusted: true))
        let copy = try #require(bench.copies.first)
        #expect(copy.request.texts(.route) == ["<sip:as.example.net;lr>"])
        #expect(copy.request.requestURI.text == "sip:bob@example.com", "the target is not ours to choose yet")
        guard case .uri(let next) = copy.target else { return }
        #expect(next.host.text == "as.example.net")
    }

    @Test(
        "strict routers before and behind us are understood",
        .spec("RFC 3261 §16.4", "RFC 3261 §16.6", "RFC 3261 §16.4/2", "RFC 3261 §16.6/6"))
    func strictRouting() throws {
        var bench = try self.bound(["<sip:bob@192.0.2.31>"])
        try bench.receive(
            Requests.request(to: "sip:192.0.2.1;lr", headers: ["Route: <sip:bob@example.com>"]))
        #expect(bench.copies.first?.request.requestURI.text == "sip:bob@192.0.2.31")
        try bench.receive(
            Requests.request(to: "sip:x@elsewhere.net", call: "c2", headers: ["Route: <sip:strict.example.net>"]),
            from: Bench.origin(trusted: true))
        let copy = try #require(bench.copies.first).request
        #expect(copy.requestURI.text == "sip:strict.example.net")
        #expect(copy.texts(.route) == ["<sip:x@elsewhere.net>"])
    }

    @Test(
        "a sips request never takes a hop without TLS",
        .spec("RFC 5630 §3.3", "RFC 3261 §26.2.2", "RFC 3261 §26.2.2/1", "REQ-33141-8", "REQ-33141-52"))
    func secure() throws {
        var bench = try self.bound(["<sip:bob@192.0.2.31>"])
        try bench.receive(Requests.request(to: "sips:bob@example.com"))
        #expect(bench.statuses == [480])
        try bench.receive(Requests.register(["<sips:bob@192.0.2.32>"], user: "bob", cseq: 9))
        try bench.receive(Requests.request("INVITE", to: "sips:bob@example.com", call: "c2"))
        #expect(bench.copies.count == 1)
        #expect(bench.copies[0].request.texts(.recordRoute).allSatisfy { $0.hasPrefix("<sips:") })
    }

    @Test("outsiders cannot use us to reach outsiders", .spec("RFC 3261 §26.3.2.2", "RFC 3261 §16.3"))
    func relaying() throws {
        var bench = Bench()
        try bench.receive(Requests.request(to: "sip:victim@elsewhere.org"))
        #expect(bench.statuses == [403])
        try bench.receive(
            Requests.request(to: "sip:bob@example.com", call: "c2", headers: ["Route: <sip:elsewhere.org;lr>"]))
        #expect(bench.statuses == [403])
        try bench.receive(Requests.request(to: "tel:+4912345", call: "c3"), from: Bench.origin(trusted: true))
        #expect(bench.statuses == [404])
        try bench.receive(
            Requests.request(to: "sip:friend@elsewhere.org", call: "c4"), from: Bench.origin(trusted: true))
        #expect(bench.copies.count == 1)
    }
}

/// Dialogs: Record-Route, and requests that follow it.
@Suite("Proxy in dialogs")
struct ProxyDialogTests {
    private let connection = Bench.connection

    private func established() throws -> (Bench, invite: Bench.Copy) {
        var bench = Bench.open()
        try bench.receive(
            Requests.register(
                ["<sip:bob@10.1.1.1;transport=tcp;ob>;+sip.instance=\"<urn:uuid:b>\";reg-id=1"], user: "bob",
                via: "SIP/2.0/TCP 10.1.1.1:5060", headers: ["Supported: outbound"]),
            from: Bench.origin(self.connection))
        try bench.receive(Requests.request("INVITE", to: "sip:bob@example.com"))
        return (bench, try #require(bench.copies.first))
    }

    @Test(
        "both sides get a Record-Route that they can reach",
        .spec("RFC 3261 §16.6", "RFC 5658 §3", "RFC 5626 §5.2", "RFC 3261 §16.6/5", "RFC 6665 §4.3/1"))
    func recordRoute() throws {
        let (_, invite) = try self.established()
        let routes = try invite.request.recordRoutes()
        #expect(routes.count == 2)
        #expect(routes[0].uri.transport?.text == "tcp", "the topmost faces the callee")
        #expect(routes[1].uri.transport == nil)
        #expect(routes.allSatisfy { $0.uri.isLooseRouter && $0.uri.host.text == "192.0.2.1" && $0.uri.port == 5060 })
    }

    @Test("requests that make no dialog leave no trace of us", .spec("RFC 3261 §16.6"))
    func noRecordRoute() throws {
        var bench = Bench.open()
        try bench.receive(Requests.register(["<sip:bob@192.0.2.31>"], user: "bob"))
        try bench.receive(Requests.request("MESSAGE", to: "sip:bob@example.com"))
        #expect(bench.copies.first?.request.count(.recordRoute) == 0)
        try bench.receive(Requests.request("SUBSCRIBE", to: "sip:bob@example.com", call: "c2"))
        #expect(bench.copies.first?.request.count(.recordRoute) == 1)
    }

    @Test(
        "a request inside the dialog reaches the callee over its flow",
        .spec("RFC 5626 §5.3", "RFC 3261 §16.4", "RFC 3261 §16.12"))
    func towardsCallee() throws {
        var (bench, invite) = try self.established()
        // The caller's route set is the reverse of what the callee saw.
        let routes = invite.request.texts(.recordRoute).reversed().map { "Route: \($0)" }
        try bench.receive(
            Requests.request(
                "BYE", to: "sip:bob@10.1.1.1;transport=tcp;ob", cseq: 2, toTag: "t", headers: Array(routes)))
        let copy = try #require(bench.copies.first)
        #expect(copy.request.count(.route) == 0)
        guard case .flow(self.connection) = copy.target else {
            Issue.record("the request left the flow")
            return
        }
    }

    @Test("a request inside the dialog reaches the caller by its URI", .spec("RFC 3261 §16.12"))
    func towardsCaller() throws {
        var (bench, invite) = try self.established()
        let routes = invite.request.texts(.recordRoute).map { "Route: \($0)" }
        try bench.receive(
            Requests.request(
                "BYE", to: "sip:stranger@192.0.2.16", from: "sip:bob@example.com", cseq: 7,
                via: ["SIP/2.0/TCP 10.1.1.1;branch=z9hG4bKz"],
                toTag: "t", headers: routes),
            from: Bench.origin(self.connection))
        let copy = try #require(bench.copies.first)
        guard case .uri(let uri) = copy.target else {
            Issue.record("the request went back where it came from")
            return
        }
        #expect(uri.host.text == "192.0.2.16")
    }

    @Test("a Route of the dialog opens nothing for another dialog", .spec("RFC 3261 §26.3.2.2", "RFC 5626 §5.2"))
    func stolenToken() throws {
        let (_, invite) = try self.established()
        var bench = Bench()
        let routes = invite.request.texts(.recordRoute).map { "Route: \($0)" }
        try bench.receive(
            Requests.request("MESSAGE", to: "sip:victim@elsewhere.org", call: "another", toTag: "t", headers: routes))
        #expect(bench.statuses == [403])
        try bench.receive(
            Requests.request(
                "MESSAGE", to: "sip:victim@elsewhere.org", call: "c5", toTag: "t",
                headers: ["Route: <sip:AAAA@192.0.2.1;lr>"]))
        #expect(bench.statuses == [403])
        #expect(bench.copies.isEmpty)
        var same = Bench.open()
        same.box = bench.box
        try same.receive(Requests.request("MESSAGE", to: "sip:victim@elsewhere.org", headers: routes))
        #expect(same.statuses == [403], "without a To tag there is no dialog")
    }

    @Test("an ACK for a 2xx is passed on, outside every transaction", .spec("RFC 3261 §16.6", "RFC 3261 §13.2.2.4"))
    func acknowledgement() throws {
        var (bench, invite) = try self.established()
        try bench.respond(to: invite, 200, [(.contact, "<sip:bob@10.1.1.1>")])
        #expect(bench.statuses == [200])
        let routes = invite.request.texts(.recordRoute).reversed().map { "Route: \($0)" }
        let ack = try Bench.message(
            Requests.request("ACK", to: "sip:bob@10.1.1.1;transport=tcp;ob", toTag: "t", headers: Array(routes)))
        try bench.take(.ackReceived(ack, Bench.origin(), nil))
        #expect(bench.acknowledged.count == 1)
        #expect(bench.acknowledged[0].text(.maxForwards) == "69")
        #expect(bench.acknowledged[0].count(.route) == 0)
        let stray = try Bench.message(Requests.request("ACK", to: "sip:victim@elsewhere.org", toTag: "t"))
        try bench.take(.ackReceived(stray, Bench.origin(), nil))
        #expect(bench.acknowledged.isEmpty && bench.answers.isEmpty)
    }

    @Test("a proxy leaves the event headers as they are and adds none", .spec("RFC 6665 §4.4.4/2"))
    func eventHeaders() throws {
        var bench = Bench.open()
        try bench.receive(Requests.register(["<sip:bob@192.0.2.31>"], user: "bob"))
        try bench.receive(
            Requests.request(
                "SUBSCRIBE", to: "sip:bob@example.com",
                headers: ["Suppress-If-Match: x", "Expires: 60", "Accept: application/pidf+xml"]))
        let copy = try #require(bench.copies.first)
        #expect(copy.request.texts(.event) == ["presence"])
        #expect(copy.request.texts(.suppressIfMatch) == ["x"])
        #expect(copy.request.texts(.expires) == ["60"])
        #expect(copy.request.count(.allowEvents) == 0)
        try bench.respond(to: copy, 489, [])
        #expect(try bench.answer().status == 489)
        #expect(try bench.answer().count(.allowEvents) == 0)
    }
}
