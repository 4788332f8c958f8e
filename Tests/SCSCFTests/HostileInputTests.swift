import DigestAuth
import Ground
import MusterTesting
import SCSCF
import SIPTransactions
import SIPWire
import Testing

/// Whatever arrives, and in whatever order: nothing crashes, everything is answered or dropped, nothing stays.
@Suite("Hostile input")
struct HostileInputTests {
    private static let seeds = [
        Requests.register(
            ["\"A\" <sip:alice@192.0.2.16;ob>;+sip.instance=\"<urn:uuid:a>\";reg-id=1;q=0.5;expires=600"],
            headers: ["Supported: path, outbound, gruu", "Path: <sip:edge.example.net;lr;ob>"]),
        Requests.register(["*"], cseq: 7, expires: 0),
        Requests.register(
            ["<sip:a@192.0.2.1>"],
            headers: [
                #"Authorization: Digest username="alice", realm="example.com", nonce="0", uri="sip:x", response="00", qop=auth, nc=00000001, cnonce="c""#
            ]),
        Requests.request(
            "INVITE", to: "sip:alice@example.com;gr=urn:uuid:a",
            headers: [
                "Route: <sip:AAAA@192.0.2.1;lr>, <sip:x.example.net;lr>", "Max-Breadth: 5", "Privacy: id;critical",
            ]),
        Requests.request("OPTIONS", to: "sip:tgruu.AAAA@example.com;gr", headers: ["Proxy-Require: a, b"]),
        Requests.request("NOTIFY", to: "sips:alice@example.com:5061;maddr=192.0.2.1?Subject=x", toTag: "t"),
        Requests.request("MESSAGE", to: "tel:+1-201-555", headers: ["Proxy-Authorization: Digest x"]),
    ]

    @Test("ten thousand broken requests", .spec("RFC 3261 §16.3", "RFC 3261 §26.1.5"), arguments: [UInt64(1), 2, 3])
    func mutations(seed: UInt64) throws {
        var chance = Entropy.seeded(seed)
        var bench = Bench.open { $0.authentication = seed == 1 ? .digest : .none }
        var copies: [Bench.Copy] = []
        var taken = 0
        for _ in 0..<3500 {
            let text = Self.seeds[Int(chance.next(below: UInt64(Self.seeds.count)))]
            var bytes = Array(text.split(separator: "\n").joined(separator: "\r\n").utf8) + Array("\r\n\r\n".utf8)
            for _ in 0..<chance.next(below: 4) {
                let at = Int(chance.next(below: UInt64(bytes.count)))
                switch chance.next(below: 4) {
                case 0: bytes[at] = UInt8(truncatingIfNeeded: chance.next())
                case 1: bytes.remove(at: at)
                case 2: bytes.insert(contentsOf: bytes[at...].prefix(Int(chance.next(below: 40))), at: at)
                default: bytes.insert(Array("<>;,\"\\%@:?=*".utf8)[Int(chance.next(below: 12))], at: at)
                }
            }
            guard let request = try? SIPMessage.parse(bytes, framing: .datagram, limits: .standard), request.isRequest,
                (try? request.validate()) != nil, request.method != .cancel
            else { continue }
            taken += 1
            let connection = chance.next(below: 3)
            let origin = Bench.origin(
                connection == 0 ? Bench.connection : Bench.near, trusted: chance.next(below: 4) == 0)
            if request.method == .ack {
                try bench.take(.ackReceived(request, origin, nil))
                continue
            }
            try bench.receive(request, from: origin)
            copies += bench.copies
            if chance.next(below: 3) == 0, let copy = copies.popLast() {
                try bench.respond(to: copy, 100 + Int(chance.next(below: 600)))
                copies += bench.copies
            }
            if chance.next(below: 50) == 0 { try bench.take(.connectionClosed(Bench.connection)) }
            if chance.next(below: 50) == 0 { try bench.wait(.seconds(30)) }
        }
        #expect(taken > 1000, "enough of them pass the grammar to reach the box")
        try bench.wait(.seconds(100_000))
        #expect(bench.box.isIdle, "nothing stays when all time is over")
    }

    @Test("answers and failures for things that never were are dropped", .spec("RFC 6026 §7.3"))
    func strangers() throws {
        var bench = Bench.open()
        try bench.take(.requestFailed(ClientTransactionID(raw: 5), .timeout))
        try bench.take(.cancelReceived(ServerTransactionID(raw: 5)))
        try bench.take(.loaded(Ticket(number: 5), .unknown))
        try bench.take(.lookedUp(Ticket(number: 5), exists: true))
        try bench.take(.connectionClosed(Bench.connection))
        #expect(bench.answers.isEmpty && bench.copies.isEmpty)
        #expect(bench.box.isIdle)
    }
}
