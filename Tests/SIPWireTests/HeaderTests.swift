import Ground
import MusterTesting
import Testing

@testable import SIPWire

@Suite("Header values")
struct HeaderTests {
    @Test(
        "names, brackets and parameters",
        .spec("RFC 3261 §20.10", "RFC 3261 §20.20", "RFC 3261 §25.1", "RFC 3261 §20.10/1"))
    func nameAddress() throws {
        let quoted = try NameAddress.parse(
            octets("\"A. G. \\\"Bell\\\"\" <sip:agb@bell-telephone.com;x=1> ;tag=a48s; q = 0.5"))
        #expect(quoted.displayText == Array("A. G. \"Bell\"".utf8))
        #expect(quoted.uri.parameters["x"]?.text == "1")
        #expect(quoted.tag?.text == "a48s")
        #expect(quoted.parameters["Q"]?.text == "0.5")
        let plain = try NameAddress.parse(octets("sip:+12125551212@server.phone2net.com;tag=887s"))
        #expect(plain.displayName == nil)
        #expect(plain.uriOctets.text == "sip:+12125551212@server.phone2net.com")
        #expect(plain.tag?.text == "887s", "without brackets a parameter belongs to the header")
        #expect(plain.uri.parameters.isEmpty)
        let words = try NameAddress.parse(octets("Anonymous User <sip:c8oqz84zk7z@privacy.org>"))
        #expect(words.displayName?.text == "Anonymous User")
        #expect(words.tag == nil)
    }

    @Test(
        "addresses that break the grammar are refused", .spec("RFC 3261 §20.10", "RFC 3261 §25.1", "RFC 3261 §20.10/1"),
        arguments: [
            "", "<", "<>", "<sip:a@b", "sip:a@b>", "\"x <sip:a@b>", "\"x\" sip:a@b", "a, b <sip:a@b>", "<sip:a@b> x",
            "<sip:a@b>;", "<sip:a@b>;;a", "<sip:a@b>;a=", "<sip:a@b>;a=\"x", "< sip:a@b>", "<sip:a@b >", "sip:a@b?x=y",
            "<sip:a@b>,", "<sip:a@b>;=1",
        ])
    func badNameAddress(_ text: String) {
        #expect(throws: ParseFault.self) { try NameAddress.parse(octets(text)) }
    }

    @Test(
        "parameters are found whatever their case and blanks",
        .spec("RFC 3261 §7.3.1", "RFC 3261 §25.1", "RFC 3261 §7.3.1/4"))
    func parameters() {
        let parameters = Parameters(octets("; A = \"x;\\\"y\" ;flag; b=1;B=2"))
        #expect(parameters.value(of: "a")?.text == "\"x;\\\"y\"")
        #expect(parameters.unquotedValue(of: "a") == Array("x;\"y".utf8))
        #expect(parameters["flag"]?.isEmpty == true)
        #expect(parameters.contains("FLAG"))
        #expect(parameters["b"]?.text == "1", "the first one counts")
        #expect(parameters.count(of: "b") == 2)
        #expect(parameters["c"] == nil)
        #expect(parameters.map { $0.value?.text ?? "-" } == ["\"x;\\\"y\"", "-", "1", "2"])
    }

    @Test("the parts of a Via", .spec("RFC 3261 §20.42", "RFC 3581 §3", "RFC 3261 §8.1.1.7"))
    func via() throws {
        let via = try Via.parse(
            octets("SIP / 2.0 / UDP first.example.com: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1;rport"))
        #expect(via.transport.text == "UDP")
        #expect(via.host.text == "first.example.com")
        #expect(via.port == 4000)
        #expect(via.ttl == 16)
        #expect(via.maddr?.text == "224.2.0.1")
        #expect(via.hasMagicCookie)
        #expect(via.hasRPort)
        #expect(via.rport == nil)
        #expect(try !Via.parse(octets("SIP/2.0/UDP h;branch=1")).hasMagicCookie)
        for bad in [
            "", "SIP/2.0", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0/UDP h:", "SIP/2.0/UDP h:70000", "SIP/2.0/UDPh",
            "SIP/2.0/UDP h x",
        ] {
            #expect(throws: ParseFault(.badVia), "\(bad)") { try Via.parse(octets(bad)) }
        }
    }

    @Test(
        "CSeq is a number below 2^31 and a method", .spec("RFC 3261 §8.1.1.5", "RFC 3261 §20.16", "RFC 3261 §8.1.1.5/1")
    )
    func cseq() throws {
        #expect(try CSeq.parse(octets("2147483647 PUBLISH")) == CSeq(number: 2_147_483_647, method: .publish))
        #expect(try CSeq.parse(octets("0009   INVITE")).number == 9)
        for bad in [
            "", "1", "INVITE", "1INVITE", "2147483648 INVITE", "-1 INVITE", "1 INVITE X", "99999999999999999999 X",
        ] {
            #expect(throws: ParseFault(.badCSeq), "\(bad)") { try CSeq.parse(octets(bad)) }
        }
    }

    @Test("Event matches by type and id alone", .spec("RFC 6665 §8.2.1", "RFC 6665 §8.2.1/1", "RFC 6665 §8.2.1/2"))
    func event() throws {
        let plain = try EventHeader.parse(octets("presence"))
        let other = try EventHeader.parse(octets("presence;x=1"))
        let withID = try EventHeader.parse(octets("presence;id=7"))
        let template = try EventHeader.parse(octets("presence.winfo"))
        #expect(plain.matches(other))
        #expect(!plain.matches(withID))
        #expect(!plain.matches(template))
        #expect(withID.id?.text == "7")
        #expect(template.package.text == "presence.winfo")
    }

    @Test("Subscription-State says state, expires, reason, retry-after", .spec("RFC 6665 §8.2.3", "RFC 6665 §8.2.3/1"))
    func subscriptionState() throws {
        let active = try SubscriptionState.parse(octets("Active;expires=599"))
        #expect(active.isActive && !active.isPending && !active.isTerminated)
        #expect(active.expires == 599)
        let ended = try SubscriptionState.parse(octets("terminated;reason=deactivated ;retry-after=30"))
        #expect(ended.isTerminated)
        #expect(ended.reason?.text == "deactivated")
        #expect(ended.retryAfter == 30)
        #expect(throws: ParseFault(.badSubscriptionState)) { try SubscriptionState.parse(octets(";x")) }
    }

    @Test("seconds that do not fit mean the largest that do", .spec("RFC 3261 §20.19", "RFC 3261 §25.1"))
    func deltaSeconds() throws {
        #expect(DeltaSeconds.parse(octets("4294967295")) == .max)
        #expect(DeltaSeconds.parse(octets("4294967296")) == .max)
        #expect(DeltaSeconds.parse(octets("99999999999999999999999")) == .max)
        #expect(DeltaSeconds.parse(octets("")) == nil)
        #expect(DeltaSeconds.parse(octets("-1")) == nil)
        #expect(DeltaSeconds.parse(octets("1 ")) == nil)
        #expect(try SIPMessage.parse(subscribe("Retry-After: 120 (in a meeting);duration=5")).retryAfter() == 120)
    }

    @Test("Accept has ranges and qualities", .spec("RFC 3261 §20.1", "RFC 3261 §25.1"))
    func accept() throws {
        let parsed = try SIPMessage.parse(subscribe("Accept: Application/PIDF+xml;q=0.3, text/*", "Accept: */*;q=0"))
        let entries = try #require(try parsed.accept())
        #expect(
            entries.map { String(decoding: $0.essence, as: UTF8.self) } == ["application/pidf+xml", "text/*", "*/*"])
        #expect(entries.map(\.quality) == [300, 1000, 0])
        #expect(entries[0].accepts("application/pidf+xml"))
        #expect(entries[1].accepts("text/plain") && !entries[1].accepts("texts/plain"))
        #expect(!entries[2].accepts("text/plain"), "a quality of 0 refuses")
        #expect(try SIPMessage.parse(subscribe()).accept() == nil)
        #expect(try SIPMessage.parse(subscribe("Accept:")).accept()?.isEmpty == true)
    }

    @Test("Content-Type is compared without case and parameters", .spec("RFC 3261 §20.15", "RFC 2046 §5.1.1"))
    func mediaType() throws {
        let type = try MediaType.parse(octets("Multipart / Related; Boundary=\"a b\"; type=\"application/rlmi+xml\""))
        #expect(type.matches("multipart/related"))
        #expect(!type.matches("multipart/relate"))
        #expect(type.boundary == Array("a b".utf8))
        #expect(String(decoding: type.essence, as: UTF8.self) == "multipart/related")
        #expect(throws: ParseFault(.badContentType)) { try MediaType.parse(octets("text")) }
    }

    @Test("asserted identities and privacy", .spec("RFC 3325 §9.1", "RFC 3325 §9.3", "RFC 3323 §4.2"))
    func identities() throws {
        let parsed = try SIPMessage.parse(
            subscribe(
                "P-Asserted-Identity: \"A\" <sip:a@b>, <tel:+12>", "P-Asserted-Identity: <sip:x@y>",
                "Privacy: id; user,critical"))
        #expect(parsed.assertedIdentities().map { $0.uri.octets.text } == ["sip:a@b", "tel:+12"])
        #expect(parsed.privacy() == [.id, .user, .critical])
    }

    @Test("the wildcard Contact stands alone", .spec("RFC 3261 §10.2.2", "RFC 3261 §10.3"))
    func wildcard() throws {
        #expect(try SIPMessage.parse(subscribe("Contact: *", without: ["Contact"])).contacts() == .wildcard)
        let mixed = try SIPMessage.parse(subscribe("Contact: *"))
        #expect(throws: ParseFault(.badContact)) { try mixed.contacts() }
    }

    @Test("quoting and unquoting are inverse", .spec("RFC 3261 §25.1"))
    func quoting() {
        let text = Array("a\"b\\c\u{7}ä".utf8)
        #expect(QuotedString.unquoted(QuotedString.quoted(text[...])[...]) == text)
        #expect(QuotedString.unquoted(octets("plain")) == Array("plain".utf8))
    }
}
