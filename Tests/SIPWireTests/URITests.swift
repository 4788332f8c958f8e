import Ground
import MusterTesting
import Testing

@testable import SIPWire

@Suite("URIs")
struct URITests {
    private func uri(_ text: String) throws -> SIPURI { try SIPURI.parse(octets(text)) }

    @Test("the parts of a SIP URI", .spec("RFC 3261 §19.1.1", "RFC 3261 §25.1", "RFC 3261 §19.1.1/1"))
    func parts() throws {
        let uri = try self.uri(
            "sips:al%20ice;x=1:pass@[2001:db8::1]:5061;transport=TLS;lr;maddr=239.0.0.1?subject=a%20b&p=q")
        #expect(uri.scheme == .sips)
        #expect(uri.user?.text == "al%20ice;x=1")
        #expect(uri.password?.text == "pass")
        #expect(uri.host.text == "[2001:db8::1]")
        #expect(uri.hostAddress == IPAddress("2001:db8::1"))
        #expect(uri.port == 5061)
        #expect(uri.transport?.text == "TLS")
        #expect(uri.isLooseRouter)
        #expect(uri.parameters["maddr"]?.text == "239.0.0.1")
        #expect(uri.headers?.text == "subject=a%20b&p=q")
        #expect(uri.parameters.map { $0.name.text } == ["transport", "lr", "maddr"])
    }

    @Test(
        "URIs that break the grammar are refused", .spec("RFC 3261 §25.1", "RFC 3966 §3", "RFC 3261 §19.1.1/1"),
        arguments: [
            "", "sip", "sip:", ":a@b", "1sip:a@b", "sip:@b", "sip:a@", "sip:a@b@c", "sip:a@b:", "sip:a@b:99999",
            "sip:a@b:x",
            "sip:a b@c", "sip:a@b c", "sip:a%@b", "sip:a%4@b", "sip:a%zz@b", "sip:a@[::1", "sip:a@[::g]", "sip:a@[]",
            "sip:a@b;", "sip:a@b;;x", "sip:a@b;=x", "sip:a@b;x=", "sip:a@b?", "sip:a@b?x", "sip:a@b?=x", "sip:a@-b",
            "sip:a@.b",
            "sip:a@b..c", "sip:<a>@b", "sip:a@b>", "sip:\"a\"@b", "sip:a@b\u{0}", "tel:", "tel:+", "tel:+1a", "tel:123",
            "tel:-", "tel:+1;x=", "urn:", "http://a b", "sip:ä@b",
        ])
    func refused(_ text: String) {
        #expect(throws: ParseFault.self) { try SIPURI.parse(octets(text)) }
    }

    @Test(
        "the equivalent pairs of the standard", .spec("RFC 3261 §19.1.4", "RFC 3261 §19.1.2/1", "RFC 3261 §19.1.4/1"),
        arguments: [
            ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x"
            ),
            ("SIP:a@b", "sip:a@b"), ("sip:a@[2001:DB8::1]", "sip:a@[2001:db8:0::1]"),
            ("sip:a%2b@b", "sip:a%2B@b"), ("sip:a@b;x=%41", "sip:a@b;x=a"),
        ])
    func equivalent(_ left: String, _ right: String) throws {
        #expect(try self.uri(left).isEquivalent(to: self.uri(right)))
        #expect(try self.uri(right).isEquivalent(to: self.uri(left)))
    }

    @Test(
        "the pairs of the standard that are not equivalent",
        .spec("RFC 3261 §19.1.4", "RFC 3261 §19.1.2/1", "RFC 3261 §19.1.4/1"),
        arguments: [
            ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
            ("sip:a@b", "sips:a@b"), ("sip:a@b;user=phone", "sip:a@b"), ("sip:a@b;ttl=1", "sip:a@b"),
            ("sip:a@b;method=INVITE", "sip:a@b"), ("sip:a@b;maddr=1.2.3.4", "sip:a@b"), ("sip:a:x@b", "sip:a@b"),
            ("sip:a@b", "sip:b"), ("sip:a%2Bc@b", "sip:a+c@b"), ("sip:+1@b;user=phone", "tel:+1"),
        ])
    func different(_ left: String, _ right: String) throws {
        #expect(try !self.uri(left).isEquivalent(to: self.uri(right)))
        #expect(try !self.uri(right).isEquivalent(to: self.uri(left)))
    }

    @Test("telephone numbers are compared without separators", .spec("RFC 3966 §5", "RFC 3966 §3"))
    func telephone() throws {
        #expect(try self.uri("tel:+1-201-555-0123").isEquivalent(to: self.uri("TEL:+1(201)555.0123")))
        #expect(
            try self.uri("tel:7042;phone-context=Example.com").isEquivalent(
                to: self.uri("tel:70-42;PHONE-context=example.COM")))
        #expect(try self.uri("tel:7042;phone-context=+1-2").isEquivalent(to: self.uri("tel:7042;phone-context=+12")))
        #expect(
            try !self.uri("tel:7042;phone-context=example.com").isEquivalent(
                to: self.uri("tel:7042;phone-context=example.org")))
        #expect(try !self.uri("tel:+12;ext=1").isEquivalent(to: self.uri("tel:+12")))
        #expect(try self.uri("tel:+12;ext=1-2;isub=3").isEquivalent(to: self.uri("tel:+12;isub=3;ext=12")))
        #expect(try !self.uri("tel:+12").isEquivalent(to: self.uri("tel:12;phone-context=+1")))
        #expect(try self.uri("tel:%23*7;phone-context=+49").dialledDigits == Array("#*7".utf8))
    }

    @Test(
        "one identity for all ways to write a user",
        .spec("RFC 3261 §19.1.4", "RFC 3966 §5", "RFC 3859 §3", "RFC 3856 §7/1", "REQ-33141-D1"),
        arguments: [
            ("sip:alice@Example.COM", "sip:alice@example.com"),
            ("sips:alice@example.com;transport=tcp", "sip:alice@example.com"),
            ("pres:alice@example.com", "sip:alice@example.com"),
            ("sip:%61lice:secret@example.com?x=y", "sip:alice@example.com"),
            ("sip:alice@example.com:5060", "sip:alice@example.com:5060"), ("sip:a%2fb@c", "sip:a%2Fb@c"),
            ("sip:a@[2001:DB8:0:0::1]", "sip:a@[2001:db8::1]"), ("sip:example.com.", "sip:example.com"),
            ("tel:+1-201-555-0123;ext=5", "tel:+12015550123"),
            ("tel:70-42;phone-context=+1-9", "tel:7042;phone-context=+19"),
            ("URN:service:sos", "urn:service:sos"), ("sip:Alice@example.com", "sip:Alice@example.com"),
        ])
    func identity(_ text: String, _ identity: String) throws {
        let canonical = try self.uri(text).canonicalIdentity
        #expect(String(decoding: canonical, as: UTF8.self) == identity)
        #expect(try SIPURI.parse(canonical[...]).canonicalIdentity == canonical)
    }

    @Test("a URI has only so many parameters, because comparing takes the square", .spec("RFC 3261 §26.3.2.4"))
    func parameterLimit() throws {
        let many = "sip:a@b" + String(repeating: ";p", count: Limits.maximumURIParameters)
        #expect(try self.uri(many).isEquivalent(to: self.uri(many)))
        #expect(throws: ParseFault(.tooManyElements)) { try self.uri(many + ";q") }
    }

    @Test("the character classes are those of the grammar", .spec("RFC 3261 §25.1"))
    func classes() {
        let alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        let mark = "-_.!~*'()"
        let classes: [(CharacterSet128, String)] = [
            (CharacterClass.token, alphanumeric + "-.!%*_+`'~"),
            (CharacterClass.word, alphanumeric + "-.!%*_+`'~()<>:\\\"/[]?{}"),
            (CharacterClass.user, alphanumeric + mark + "&=+$,;?/"),
            (CharacterClass.password, alphanumeric + mark + "&=+$,"),
            (CharacterClass.uriParameter, alphanumeric + mark + "[]/:&+$"),
            (CharacterClass.uriHeader, alphanumeric + mark + "[]/?:+$"),
            (CharacterClass.uri, alphanumeric + mark + ";/?:@&=+$,"),
            (CharacterClass.unreserved, alphanumeric + mark),
            (CharacterClass.host, alphanumeric + "-._"),
            (CharacterClass.scheme, alphanumeric + "+-."),
            (CharacterClass.parameterValue, alphanumeric + "-.!%*_+`'~[]:"),
        ]
        for (set, members) in classes {
            for byte in UInt8.min...UInt8.max { #expect(set.contains(byte) == members.utf8.contains(byte)) }
        }
    }
}
