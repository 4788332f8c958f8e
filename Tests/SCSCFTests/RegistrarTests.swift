import Ground
import MusterTesting
import SCSCF
import SIPTransactions
import SIPWire
import Testing

/// RFC 3261 §10.3, rule by rule.
@Suite("Registrar")
struct RegistrarTests {
    private let alice = Array("sip:alice@example.com".utf8)

    @Test(
        "a contact is bound and given back with its expiry",
        .spec("RFC 3261 §10.3", "RFC 3261 §10.2.1", "RFC 3261 §10.3/11"))
    func binding() throws {
        var bench = Bench.open()
        try bench.receive(Requests.register(["\"A\" <sip:alice@192.0.2.16:5060>;methods=\"INVITE,BYE\""], expires: 600))
        let answer = try bench.answer()
        #expect(answer.status == 200)
        #expect(answer.texts(.contact) == ["<sip:alice@192.0.2.16:5060>;expires=600;methods=\"INVITE,BYE\""])
        #expect(answer.text(.date) == "Fri, 15 Jan 2027 08:00:00 GMT")
        #expect(answer.toTag() != nil)
        #expect(bench.box.isBound(self.alice, at: bench.now))
        #expect(bench.stored.count == 1)
    }

    @Test("what is stored comes before the answer", .spec("RFC 3261 §10.3"))
    func order() throws {
        var bench = Bench.open()
        var effects: [SCSCF.Effect] = []
        let request = try Bench.message(Requests.register(["<sip:alice@192.0.2.16>"]))
        bench.box.handle(.requestReceived(.init(raw: 1), request, Bench.origin()), at: bench.now, into: &effects)
        let store = effects.firstIndex { if case .store = $0 { true } else { false } }
        let respond = effects.firstIndex { if case .respond = $0 { true } else { false } }
        #expect(try #require(store) < #require(respond))
    }

    @Test(
        "a query changes nothing and lists every contact",
        .spec("RFC 3261 §10.2.3", "RFC 3261 §10.3", "RFC 3261 §10.3/10"))
    func query() throws {
        var bench = Bench.open()
        try bench.receive(Requests.register(["<sip:a@192.0.2.1>;q=0.5, <sip:b@192.0.2.2>;expires=1200"], expires: 600))
        try bench.wait(.seconds(100))
        try bench.receive(Requests.register([], call: "other", cseq: 9))
        #expect(
            try bench.answer().texts(.contact) == [
                "<sip:a@192.0.2.1>;q=0.500;expires=500", "<sip:b@192.0.2.2>;expires=1100",
            ])
        #expect(bench.stored.isEmpty)
    }

    @Test(
        "the expiry is the contact's, else the header's, else our default, and never above the maximum",
        .spec("RFC 3261 §10.3", "RFC 3261 §10.2.1.1", "RFC 3261 §20.10", "RFC 3261 §10.3/13"),
        arguments: [
            (";expires=300", 900, 300), ("", 900, 900), ("", nil, 3600), (";expires=100000", nil, 7200),
            (";expires=4294967296000", nil, 7200), (";expires=soon", 900, 3600), ("", 4_294_967_295, 7200),
        ] as [(String, Int?, Int)])
    func expiry(parameter: String, header: Int?, granted: Int) throws {
        var bench = Bench.open()
        try bench.receive(Requests.register(["<sip:alice@192.0.2.16>\(parameter)"], expires: header))
        #expect(try bench.answer().text(.contact) == "<sip:alice@192.0.2.16>;expires=\(granted)")
    }

    @Test("a binding ends when its time is over, and storage is told", .spec("RFC 3261 §10.3"))
    func expiring() throws {
        var bench = Bench.open()
        try bench.receive(Requests.register(["<sip:alice@192.0.2.16>"], expires: 600))
        guard case .putBinding(let record) = bench.stored[0] else { return }
        try bench.wait(.seconds(599))
        #expect(bench.box.isBound(self.alice, at: bench.now))
        try bench.wait(.seconds(1))
        #expect(!bench.box.isBound(self.alice, at: bench.now))
        #expect(bench.stored == [.removeBinding(record.id)])
        #expect(bench.box.isIdle)
    }

    @Test(
        "too brief an expiry is answered 423 with Min-Expires",
        .spec("RFC 3261 §10.3", "RFC 3261 §20.23", "RFC 3261 §10.3/8"))
    func tooBrief() throws {
        var bench = Bench.open()
        try bench.receive(Requests.register(["<sip:alice@192.0.2.16>"], expires: 30))
        let answer = try bench.answer()
        #expect(answer.status == 423)
        #expect(answer.text(.minExpires) == "60")
        #expect(!bench.box.isBound(self.alice, at: bench.now))
        var strict = Bench.open { $0.minimumExpires = 7200 }
        try strict.receive(Requests.register(["<sip:alice@192.0.2.16>"], expires: 3600))
        #expect(try strict.answer().status == 200, "an hour or more is never too brief")
    }

    @Test(
        "several contacts stand side by side, and one is removed by an expiry of zero",
        .spec("RFC 3261 §10.2.2", "RFC 3261 §10.3", "RFC 3261 §10.3/10"))
    func removal() throws {
        var bench = Bench.open()
        try bench.receive(Requests.register(["<sip:a@192.0.2.1>", "<sip:b@192.0.2.2>"]))
        try bench.receive(Requests.register(["<sip:a@192.0.2.1>;expires=0"], cseq: 2))
        #expect(try bench.answer().texts(.contact) == ["<sip:b@192.0.2.2>;expires=3600"])
        #expect(bench.stored.count == 1)
        try bench.receive(Requests.register(["<sip:never@192.0.2.9>"], cseq: 3, expires: 0))
        #expect(try bench.answer().status == 200)
        #expect(bench.stored.isEmpty)
    }

    @Test(
        "contacts are compared as URIs, not as text", .spec("RFC 3261 §10.3", "RFC 3261 §19.1.4", "RFC 3261 §10.3/12"))
    func comparison() throws {
        var bench = Bench.open()
        try bench.receive(Requests.register(["<sip:%61lice@HOST.example.net;x=1>"]))
        try bench.receive(Requests.register(["<sip:alice@host.example.net>"], cseq: 2))
        #expect(try bench.answer().texts(.contact).count == 1)
        try bench.receive(Requests.register(["<sip:alice@host.example.net;transport=tcp>"], cseq: 3))
        #expect(try bench.answer().texts(.contact).count == 2)
    }

    @Test(
        "the wildcard removes everything, if it stands alone with Expires 0",
        .spec("RFC 3261 §10.2.2", "RFC 3261 §10.3", "RFC 3261 §10.3/6"))
    func wildcard() throws {
        var bench = Bench.open()
        try bench.receive(Requests.register(["<sip:a@192.0.2.1>", "<sip:b@192.0.2.2>"]))
        for (contacts, expires) in [(["*"], nil), (["*"], 600), (["*", "<sip:c@192.0.2.3>"], 0)] as [([String], Int?)] {
            let text = Requests.register(contacts, cseq: 2, expires: expires)
            let request = try Bench.message(text)
            try bench.take(.requestReceived(.init(raw: 77), request, Bench.origin()))
            #expect(try bench.answer().status == 400)
            #expect(bench.box.bindingCount == 2)
        }
        try bench.receive(Requests.register(["*"], cseq: 2, expires: 0))
        #expect(try bench.answer().status == 200)
        #expect(try bench.answer().texts(.contact).isEmpty)
        #expect(bench.box.isIdle)
    }

    @Test(
        "an older or equal CSeq of the same Call-ID changes nothing at all",
        .spec("RFC 3261 §10.3", "RFC 3261 §8.2/1", "RFC 3261 §10.3/7", "RFC 3261 §10.3/9"))
    func ordering() throws {
        var bench = Bench.open()
        try bench.receive(Requests.register(["<sip:a@192.0.2.1>"], cseq: 5))
        try bench.receive(Requests.register(["<sip:new@192.0.2.7>", "<sip:a@192.0.2.1>"], cseq: 5))
        #expect(try bench.answer().status == 500)
        #expect(bench.box.bindingCount == 1, "all or nothing")
        #expect(bench.stored.isEmpty)
        try bench.receive(Requests.register(["*"], cseq: 4, expires: 0))
        #expect(try bench.answer().status == 500)
        #expect(bench.box.bindingCount == 1)
        try bench.receive(Requests.register(["<sip:a@192.0.2.1>"], call: "another", cseq: 1))
        #expect(try bench.answer().status == 200, "another Call-ID counts for itself")
    }

    @Test(
        "only users of our domains can be registered", .spec("RFC 3261 §10.3", "RFC 3261 §10.3/5", "RFC 3261 §10.3/14"))
    func unknownDomain() throws {
        var bench = Bench.open()
        try bench.receive(Requests.register(["<sip:a@192.0.2.1>"], to: "<sip:alice@elsewhere.net>"))
        #expect(try bench.answer().status == 404)
        try bench.receive(Requests.register(["<sip:a@192.0.2.1>"], cseq: 2, to: "<sip:example.com>"))
        #expect(try bench.answer().status == 404)
        try bench.receive(Requests.register(["<sip:a@192.0.2.1>"], cseq: 3, to: "<sip:ALICE@SECOND.Example;x=y>"))
        #expect(try bench.answer().status == 200)
        #expect(
            bench.box.isBound(Array("sip:ALICE@second.example".utf8), at: bench.now), "the user part keeps its case")
    }

    @Test(
        "an unknown required extension is refused and named",
        .spec("RFC 3261 §10.3", "RFC 3261 §8.2.2.3", "RFC 3261 §10.3/2"))
    func required() throws {
        var bench = Bench.open()
        try bench.receive(Requests.register(["<sip:a@192.0.2.1>"], headers: ["Require: path, teleport"]))
        #expect(try bench.answer().status == 420)
        #expect(try bench.answer().texts(.unsupported) == ["teleport"])
    }

    @Test(
        "preferences are kept to the thousandth, and nonsense is no preference",
        .spec("RFC 3261 §20.10", "RFC 3261 §10.2.1.2"))
    func preferences() throws {
        var bench = Bench.open()
        let values = ["0.7", "0", "1.0", "0.125"]
        for (index, q) in values.enumerated() {
            try bench.receive(Requests.register(["<sip:c\(index)@192.0.2.1>;q=\(q)"], cseq: index + 1))
        }
        let kept = bench.box.bindings(of: self.alice, at: bench.now).map(\.q)
        #expect(kept == [700, 0, 1000, 125])
    }

    @Test("the number of contacts is bounded, in one request and in all", .spec("RFC 3261 §10.3", "RFC 3261 §26.1.5"))
    func contactBomb() throws {
        var bench = Bench.open()
        try bench.receive(Requests.register((0..<11).map { "<sip:x\($0)@203.0.113.1>" }))
        #expect(try bench.answer().status == 403)
        #expect(bench.observed.contains(.tooManyContacts))
        #expect(bench.box.bindingCount == 0)
        for index in 0..<10 {
            try bench.receive(Requests.register(["<sip:x\(index)@203.0.113.1>"], cseq: index + 1))
            #expect(try bench.answer().status == 200)
        }
        try bench.receive(Requests.register(["<sip:one-too-many@203.0.113.1>"], cseq: 20))
        #expect(try bench.answer().status == 403)
        #expect(bench.box.bindingCount == 10)
        try bench.receive(
            Requests.register(["<sip:" + String(repeating: "x", count: 2000) + "@203.0.113.1>"], user: "bob"))
        #expect(try bench.answer().status == 400)
    }

    @Test("a contact that is the user itself is refused, for it would lead back here", .spec("RFC 5627 §5.1"))
    func selfContact() throws {
        var bench = Bench.open()
        try bench.receive(Requests.register(["<sip:alice@EXAMPLE.com;transport=tcp>"]))
        #expect(try bench.answer().status == 403)
    }

    @Test("the way to the client is kept and told", .spec("RFC 3327 §5.3", "RFC 3608 §6.3"))
    func pathAndServiceRoute() throws {
        var bench = Bench.open { $0.serviceRoutes = ["<sip:orig@proxy.example.com;lr>"] }
        let headers = ["Path: <sip:edge.example.com;lr>, <sip:inner.example.com;lr>", "Supported: path"]
        try bench.receive(Requests.register(["<sip:alice@10.0.0.1>"], headers: headers))
        let answer = try bench.answer()
        #expect(answer.texts(.path) == ["<sip:edge.example.com;lr>", "<sip:inner.example.com;lr>"])
        #expect(answer.texts(.serviceRoute) == ["<sip:orig@proxy.example.com;lr>"])
        #expect(bench.box.bindings(of: self.alice, at: bench.now)[0].path.count == 2)
    }

    @Test("bindings come back from storage, those that are over do not", .spec("RFC 3261 §10.3"))
    func restoring() throws {
        var before = Bench.open()
        try before.receive(Requests.register(["<sip:a@192.0.2.1>;q=0.3"], expires: 600))
        guard case .putBinding(let record) = before.stored[0] else { return }
        var old = record
        old.id = 5
        old.expires = before.now - .seconds(1)
        var after = Bench.open()
        try after.take(.restored([record, old]))
        #expect(after.stored == [.removeBinding(5)])
        #expect(after.box.bindings(of: self.alice, at: after.now) == [record])
        try after.receive(Requests.register(["<sip:a@192.0.2.1>"], cseq: 1))
        #expect(try after.answer().status == 500, "the order of requests is remembered over a restart")
    }

    @Test("OPTIONS to the server tells what it can do", .spec("RFC 3261 §11.2", "RFC 3261 §11.2/1"))
    func options() throws {
        var bench = Bench.open { $0.allowEvents = ["presence"] }
        try bench.receive(Requests.request("OPTIONS", to: "sip:example.com"))
        let answer = try bench.answer()
        #expect(answer.status == 200)
        #expect(answer.texts(.allow).contains("REGISTER"))
        #expect(answer.texts(.allowEvents) == ["presence"])
        #expect(answer.count(.accept) == 1 && answer.count(.supported) == 1)
        try bench.receive(Requests.request("MESSAGE", to: "sip:example.com"))
        #expect(try bench.answer().status == 405)
        #expect(try bench.answer().texts(.allow) == ["REGISTER", "OPTIONS"], "what was refused is not allowed")
        try bench.receive(Requests.request("BYE", to: "sip:192.0.2.1", toTag: "gone"))
        #expect(try bench.answer().status == 481)
    }

    @Test("a user is the same with our port in the address", .spec("RFC 3261 §10.3", "RFC 3261 §10.3/14"))
    func portInIdentity() throws {
        var bench = Bench.open()
        try bench.receive(Requests.register(["<sip:a@192.0.2.31>"], to: "<sip:alice@example.com:5060>"))
        #expect(bench.box.isBound(self.alice, at: bench.now))
        try bench.receive(Requests.request(to: "sip:alice@example.com:5060"))
        #expect(bench.copies.count == 1)
        try bench.receive(Requests.register(["<sip:a@192.0.2.31>"], cseq: 5, to: "<sip:alice@example.com:9999>"))
        #expect(try bench.answer().status == 404, "that port is not ours")
    }

    @Test("requests to the server itself may require only what it knows", .spec("RFC 3261 §8.2.2.3"))
    func requiredOfServer() throws {
        var bench = Bench.open()
        try bench.receive(Requests.request("OPTIONS", to: "sip:example.com", headers: ["Require: teleport"]))
        #expect(bench.statuses == [420])
        #expect(try bench.answer().texts(.unsupported) == ["teleport"])
    }

    @Test("a REGISTER for another domain is sent on or refused, never served here", .spec("RFC 3261 §10.3/1"))
    func otherDomain() throws {
        var bench = Bench.open()
        let elsewhere = Requests.register(
            ["<sip:a@192.0.2.1>"], uri: "sip:elsewhere.net", to: "<sip:alice@example.com>")
        try bench.receive(elsewhere)
        #expect(bench.statuses.allSatisfy { $0 >= 300 })
        #expect(bench.stored.isEmpty)
        #expect(!bench.box.isBound(self.alice, at: bench.now))
        var trusted = Bench.open()
        try trusted.receive(elsewhere, from: Bench.origin(trusted: true))
        let copy = try #require(trusted.copies.first)
        #expect(copy.request.requestURI.text == "sip:elsewhere.net")
        #expect(trusted.stored.isEmpty)
    }
}
