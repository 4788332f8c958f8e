import Ground
import MusterTesting
import Testing

@testable import SIPWire

@Suite("Responses and the writer")
struct ResponseTests {
    private let source = Endpoint(IPAddress(ipv4: 0xC633_6401), 40_000)

    private func answer(_ request: [UInt8], _ status: Int = 200, from source: Endpoint?) throws -> SIPMessage {
        var writer = try SIPMessage.parse(request).response(
            status, toTag: octets("t4g"), receivedFrom: source, recordRoute: true)
        return try SIPMessage.parse(writer.finish(), framing: .stream)
    }

    @Test(
        "a response copies what RFC 3261 says it copies",
        .spec("RFC 3261 §8.2.6.2", "RFC 3261 §12.1.1", "RFC 3261 §8.2.6.2/1"))
    func copies() throws {
        let request = subscribe("Via: SIP/2.0/TCP p.example.com;branch=z9hG4bK-2", "Record-Route: <sip:p1;lr>", "X: y")
        let response = try self.answer(request, from: nil)
        try response.validate()
        #expect(response.status == 200)
        #expect(response.reason.text == "OK")
        #expect(response.all(.via).map(\.text) == (try SIPMessage.parse(request)).all(.via).map(\.text))
        #expect(response.first(.from)?.text == "\"Bob\" <sip:bob@example.com>;tag=b0b")
        #expect(response.first(.to)?.text == "<sip:alice@example.com>;tag=t4g")
        #expect(response.callID.text == "843817637684230@998sdasdh09")
        #expect(response.first(.cseq)?.text == "1826 SUBSCRIBE")
        #expect(response.first(.recordRoute)?.text == "<sip:p1;lr>")
        #expect(response.first(named: "X") == nil)
        #expect(response.first(.contentLength)?.text == "0")
    }

    @Test("a To tag that is there stays", .spec("RFC 3261 §8.2.6.2", "RFC 3261 §8.2.6.2/2"))
    func toTag() throws {
        let response = try self.answer(subscribe("To: <sip:a@b>;tag=old", without: ["To"]), from: nil)
        #expect(response.first(.to)?.text == "<sip:a@b>;tag=old")
    }

    @Test("only a 100 carries the Timestamp", .spec("RFC 3261 §8.2.6.1", "RFC 3261 §8.2.6.1/2"))
    func timestamp() throws {
        #expect(try self.answer(subscribe("Timestamp: 54"), 100, from: nil).first(.timestamp)?.text == "54")
        #expect(try self.answer(subscribe("Timestamp: 54"), 200, from: nil).first(.timestamp) == nil)
    }

    @Test("rport is filled in, and received with it", .spec("RFC 3581 §4", "RFC 3261 §18.2.1"))
    func rport() throws {
        let via = try self.answer(subscribe(), from: self.source).topVia()
        #expect(via.rport == 40_000)
        #expect(via.received?.text == "198.51.100.1")
        #expect(via.branch?.text == "z9hG4bK-1")
        #expect(via.host.text == "192.0.2.7")
        let same = Endpoint(IPAddress(ipv4: 0xC000_0207), 5060)
        let again = try self.answer(subscribe(), from: same).topVia()
        #expect(again.rport == 5060)
        #expect(again.received?.text == "192.0.2.7", "with rport, received is told even when it is the same")
    }

    @Test(
        "received is added when sent-by is a name or another address, and not otherwise",
        .spec("RFC 3261 §18.2.1", "RFC 3261 §18.2.1/1"),
        arguments: [
            (
                "SIP/2.0/UDP host.example.com;branch=z9hG4bK1",
                "SIP/2.0/UDP host.example.com;branch=z9hG4bK1;received=198.51.100.1"
            ),
            ("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;received=198.51.100.1"),
            ("SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1", "SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1"),
            ("SIP/2.0/UDP h;received=6.6.6.6;branch=z9hG4bK1", "SIP/2.0/UDP h;branch=z9hG4bK1;received=198.51.100.1"),
            (
                "SIP/2.0/UDP h;rport=1;received=6.6.6.6;branch=z9hG4bK1, SIP/2.0/TCP second",
                "SIP/2.0/UDP h;branch=z9hG4bK1;received=198.51.100.1;rport=40000, SIP/2.0/TCP second"
            ),
            ("SIP/2.0/UDP 198.51.100.1;received=6.6.6.6", "SIP/2.0/UDP 198.51.100.1"),
        ])
    func received(_ asked: String, _ answered: String) throws {
        let response = try self.answer(subscribe("Via: \(asked)", without: ["Via"]), from: self.source)
        #expect(response.first(.via)?.text == answered)
    }

    @Test("received of an IPv6 peer has no brackets", .spec("RFC 3261 §25.1", "RFC 5118 §4.5"))
    func receivedIPv6() throws {
        let source = Endpoint(IPAddress(ipv6High: 0x2001_0DB8_0000_0000, low: 9), 6000)
        let via = try self.answer(subscribe(), from: source).topVia()
        #expect(via.received?.text == "2001:db8::9")
        #expect(via.receivedAddress == source.address)
    }

    @Test("a stray line break in the request adds no header to the response", .spec("RFC 3261 §7.3.1"))
    func injection() throws {
        let request = subscribe(
            "From: <sip:b@c>;tag=1\nP-Asserted-Identity: <sip:admin@example.com>", without: ["From"])
        let response = try self.answer(request, 400, from: self.source)
        #expect(response.count(.pAssertedIdentity) == 0)
        #expect(!response.storage.contains(0x0A) || response.structuralFault == nil)
    }

    @Test("the writer makes messages that read back", .spec("RFC 3261 §7", "RFC 3261 §20.14"))
    func writer() throws {
        var writer = MessageWriter()
        writer.requestLine(.notify, octets("sip:bob@192.0.2.7"))
        writer.header(.via, "SIP/2.0/UDP h;branch=z9hG4bK1")
        writer.header(.from, octets("<sip:a@b>;tag=1"))
        writer.header(.to, Array("<sip:c@d>;tag=2".utf8))
        writer.header(.callID, "x" + "@y" as String)
        writer.cseq(5, .notify)
        writer.header(.maxForwards, number: 70)
        writer.header(named: "X-Own", octets("1"))
        writer.header(.subject, "one\r\nInjected: two" as String)
        let bytes = writer.finish(contentType: "application/pidf+xml", body: Array("<presence/>".utf8))
        let parsed = try SIPMessage.parse(bytes, framing: .stream)
        try parsed.validate()
        #expect(parsed.method == .notify)
        #expect(parsed.body.text == "<presence/>")
        #expect(parsed.first(.contentLength)?.text == "11")
        #expect(parsed.first(named: "Injected") == nil)
        #expect(try parsed.contentType()?.matches("application/pidf+xml") == true)
    }

    @Test("every status has a phrase", .spec("RFC 3261 §21"))
    func phrases() {
        for status in 100...699 { #expect("\(StatusPhrase.of(status))".isEmpty == false) }
        #expect("\(StatusPhrase.of(489))" == "Bad Event")
        #expect("\(StatusPhrase.of(412))" == "Conditional Request Failed")
        #expect("\(StatusPhrase.of(423))" == "Interval Too Brief")
        #expect("\(StatusPhrase.of(481))" == "Call/Transaction Does Not Exist")
    }
}
