import Ground
import MusterTesting
import Testing

@testable import SIPWire

@Suite("Messages")
struct MessageTests {
    @Test("a request is split into its parts", .spec("RFC 3261 §7.1", "RFC 3261 §7.3", "RFC 3261 §7.1/1"))
    func request() throws {
        let parsed = try SIPMessage.parse(subscribe())
        #expect(parsed.isRequest)
        #expect(parsed.method == .subscribe)
        #expect(parsed.requestURI.text == "sip:alice@example.com")
        #expect(parsed.status == 0)
        #expect(parsed.headers.count == 10)
        #expect(parsed.callID.text == "843817637684230@998sdasdh09")
        #expect(parsed.fromTag()?.text == "b0b")
        #expect(parsed.toTag() == nil)
        #expect(parsed.body.isEmpty)
        try parsed.validate()
    }

    @Test(
        "a response is split into its parts; its method is that of CSeq",
        .spec("RFC 3261 §7.2", "RFC 3261 §20.16", "RFC 3261 §7.2/1"))
    func response() throws {
        let parsed = try SIPMessage.parse(
            message(
                "SIP/2.0 200 All is well", "Via: SIP/2.0/TCP a.example.com;branch=z9hG4bKx", "From: <sip:a@b>;tag=1",
                "To: <sip:c@d>;tag=2", "Call-ID: x", "CSeq: 7 NOTIFY"))
        #expect(!parsed.isRequest)
        #expect(parsed.status == 200)
        #expect(parsed.reason.text == "All is well")
        #expect(parsed.method == .notify)
        try parsed.validate()
    }

    @Test(
        "methods are case-sensitive, and unknown ones are kept",
        .spec("RFC 3261 §7.1", "RFC 3261 §25.1", "RFC 3261 §7.1/3"))
    func methods() {
        #expect(Method(octets("INVITE")) == .invite)
        #expect(Method(octets("invite")) == .other(Array("invite".utf8)))
        let known: [Method] = [
            .invite, .ack, .bye, .cancel, .options, .register, .prack, .subscribe, .notify, .publish, .info, .refer,
            .message, .update,
        ]
        for method in known {
            #expect(Method(method.token[...]) == method)
            #expect(method.matches(method.token[...]))
            #expect(!method.matches(octets("X")))
        }
        #expect(Method(octets("NEW")).token == Array("NEW".utf8))
    }

    @Test(
        "header names are found in any case and in compact form",
        .spec("RFC 3261 §7.3.1", "RFC 3261 §7.3.3", "RFC 3261 §7.3.1/4", "RFC 3261 §7.3.3/1"))
    func headerNames() {
        for name in HeaderName.allCases where name != .other {
            let text = "\(name.canonical)"
            #expect(HeaderName(octets(text)) == name)
            #expect(HeaderName(octets(text.uppercased())) == name)
            #expect(HeaderName(octets(text.lowercased())) == name)
            #expect(HeaderName(octets(text + "x")) != name)
        }
        let compact: [(String, HeaderName)] = [
            ("i", .callID), ("m", .contact), ("e", .contentEncoding), ("l", .contentLength), ("c", .contentType),
            ("f", .from), ("s", .subject), ("k", .supported), ("t", .to), ("v", .via), ("o", .event),
            ("u", .allowEvents), ("r", .referTo), ("b", .referredBy), ("x", .sessionExpires), ("a", .acceptContact),
            ("j", .rejectContact), ("d", .requestDisposition), ("y", .identity),
        ]
        for (letter, name) in compact {
            #expect(HeaderName(octets(letter)) == name)
            #expect(HeaderName(octets(letter.uppercased())) == name)
        }
        #expect(HeaderName(octets("")) == .other)
        #expect(HeaderName(octets("X-Unheard-Of")) == .other)
        #expect(HeaderName(octets(String(repeating: "x", count: 400))) == .other)
        #expect(HeaderName(octets("Call\rID")) == .other, "a carriage return is no hyphen")
    }

    @Test("a known name reads the same wherever in the message it stands", .spec("RFC 3261 §7.3.1"))
    func namesAtTheEnd() throws {
        for name in HeaderName.allCases where name != .other {
            let parsed = try SIPMessage.parse(message("OPTIONS sip:a SIP/2.0", "\(name.canonical):v"))
            #expect(parsed.headers.first?.name == name)
            let padded = try SIPMessage.parse(
                message("OPTIONS sip:a SIP/2.0", "\(name.canonical):v", "X: \(String(repeating: "y", count: 64))"))
            #expect(padded.first(name)?.text == "v")
        }
    }

    @Test("folded lines are one value; a fold means a blank", .spec("RFC 3261 §7.3.1", "RFC 3261 §7.3.1/2"))
    func folding() throws {
        let parsed = try SIPMessage.parse(
            message(
                "OPTIONS sip:a@b SIP/2.0", "Subject: I know you're there,", "         pick up the phone",
                "\tand talk to me!", "To:", "  <sip:a@b>"))
        let words = parsed.first(.subject)?.text.split(separator: " ").joined(separator: " ")
        #expect(words == "I know you're there, pick up the phone \tand talk to me!")
        #expect(parsed.first(.to)?.text == "<sip:a@b>")
        #expect(!parsed.storage[parsed.headers[0].valueRange].contains(0x0D))
    }

    @Test("several lines and comma lists are one list in their order", .spec("RFC 3261 §7.3.1", "RFC 3261 §7.3.1/3"))
    func lists() throws {
        let parsed = try SIPMessage.parse(
            subscribe(
                "Route: <sip:p1.example.com;lr>, \"a, b\" <sip:p2.example.com;lr>", "Route: <sip:a,b@p3.example.com>",
                "Supported: eventlist, 100rel", "k: gruu"))
        #expect(try parsed.routes().map { $0.uri.host.text } == ["p1.example.com", "p2.example.com", "p3.example.com"])
        #expect(parsed.list(.supported).map(\.text) == ["eventlist", "100rel", "gruu"])
        #expect(parsed.contains("gruu", in: .supported))
        #expect(parsed.contains("100REL", in: .supported))
        #expect(!parsed.contains("100", in: .supported))
        #expect(parsed.count(.route) == 2)
        #expect(parsed.all(.route).count == 2)
    }

    @Test("unknown headers are kept with their names", .spec("RFC 3261 §7.3.1", "RFC 3261 §8.2.2", "RFC 3261 §7.3.2/1"))
    func unknownHeaders() throws {
        let parsed = try SIPMessage.parse(subscribe("X-Thing: one", "x-thing:  two "))
        #expect(parsed.first(named: "X-THING")?.text == "one")
        #expect(parsed.all(named: "x-thing").map(\.text) == ["one", "two"])
        #expect(parsed.first(named: "X-Thin") == nil)
        try parsed.validate()
    }

    @Test(
        "a datagram may be longer than Content-Length, never shorter",
        .spec("RFC 3261 §18.3", "RFC 3261 §20.14", "RFC 3261 §18.3/1", "RFC 3261 §18.3/2"))
    func contentLength() throws {
        func body(_ length: String, _ body: String) throws -> SIPMessage {
            try SIPMessage.parse(message("OPTIONS sip:a SIP/2.0", "Content-Length: \(length)", body: body))
        }
        #expect(try body("3", "abcdef").body.text == "abc")
        #expect(try body("3", "abcdef").structuralFault == nil)
        #expect(try body("7", "abcdef").structuralFault == .contentLengthMismatch)
        #expect(try body("x", "abcdef").structuralFault == .badContentLength)
        #expect(try SIPMessage.parse(message("OPTIONS sip:a SIP/2.0", "X: y", body: "abc")).body.text == "abc")
        let stream = try SIPMessage.parse(message("OPTIONS sip:a SIP/2.0", "X: y"), framing: .stream)
        #expect(stream.structuralFault == .missingContentLength)
    }

    @Test("what passes a limit is not parsed at all", .spec("RFC 3261 §26.3.2.4"))
    func limits() {
        var limits = Limits()
        limits.maximumHeaders = 5
        #expect(throws: ParseFault(.tooManyHeaders)) { try SIPMessage.parse(subscribe(), limits: limits) }
        limits = Limits()
        limits.maximumHeaderBytes = 20
        #expect(throws: ParseFault(.headerTooLong)) { try SIPMessage.parse(subscribe(), limits: limits) }
        limits = Limits()
        limits.maximumMessageBytes = 100
        #expect(throws: ParseFault(.messageTooLarge)) { try SIPMessage.parse(subscribe(), limits: limits) }
        limits = Limits()
        limits.maximumHeadBytes = 100
        #expect(throws: ParseFault(.headTooLarge)) { try SIPMessage.parse(subscribe(), limits: limits) }
        #expect(ParseFault(.messageTooLarge).status == 413)
        #expect(ParseFault(.requestURITooLong).status == 414)
    }

    @Test("of a request over a limit is read what a refusal needs", .spec("RFC 3261 §21.5.7", "RFC 3261 §26.3.2.4"))
    func remains() throws {
        let long = String(repeating: "x", count: 20_000)
        for text in ["Subject: " + long, String(repeating: "X: y\r\n", count: 300) + "X: z"] {
            let bytes = message(
                "OPTIONS sip:a@b SIP/2.0", "Via: SIP/2.0/UDP h;branch=z9hG4bK1", "From: <sip:a@b>;tag=1",
                "To: <sip:a@b>", "Call-ID: c", "CSeq: 1 OPTIONS", text)
            let remains = try #require(SIPMessage.remains(of: bytes[...], limits: .standard))
            #expect(remains.method == .options && remains.callID.text == "c")
            // What is no request, and what lacks a header that an answer copies, is not answered.
            let mute = message("OPTIONS sip:a@b SIP/2.0", "Via: SIP/2.0/UDP h;branch=z9hG4bK1", text)
            #expect(SIPMessage.remains(of: mute[...], limits: .standard) == nil)
            let response = message("SIP/2.0 200 OK", text)
            #expect(SIPMessage.remains(of: response[...], limits: .standard) == nil)
        }
        let endless = message(
            "OPTIONS sip:a@b SIP/2.0", "Via: SIP/2.0/UDP h;branch=z9hG4bK1", "From: <sip:a@b>;tag=1",
            "To: <sip:a@b>", "Call-ID: c", "CSeq: 1 OPTIONS", "Subject: " + long + long)
        #expect(SIPMessage.remains(of: endless[...], limits: .standard)?.first(.subject) == nil)
        #expect(SIPMessage.remains(of: [], limits: .standard) == nil)
    }

    @Test("every fault has a status, and a reason that names it", .spec("RFC 3261 §21.4.1", "RFC 3261 §21.4.1/1"))
    func faults() {
        var reasons: Set<String> = []
        for kind in ParseFault.Kind.allCases {
            #expect((400..<600).contains(kind.status))
            #expect(!kind.reason.isEmpty && !kind.reason.contains("\r"))
            reasons.insert(kind.reason)
        }
        #expect(reasons.count >= ParseFault.Kind.allCases.count - 2)
        #expect("\(ParseFault(.badCSeq))" == "400 Bad CSeq")
    }

    @Test("a validation fault names the header", .spec("RFC 3261 §8.1.1", "RFC 3261 §21.4.1", "RFC 3261 §20/1"))
    func namedFaults() throws {
        let cases: [(String, String, ParseFault.Kind)] = [
            ("CSeq", "CSeq: 2147483648 SUBSCRIBE", .badCSeq), ("CSeq", "CSeq: 1 NOTIFY", .cseqMethodMismatch),
            ("Via", "X: y", .missingVia), ("From", "X: y", .missingFrom), ("To", "X: y", .missingTo),
            ("Call-ID", "X: y", .missingCallID), ("CSeq", "X: y", .missingCSeq),
            ("Max-Forwards", "Max-Forwards: 256", .badMaxForwards), ("Expires", "Expires: never", .badExpires),
            ("From", "From: \"Bob <sip:bob@example.com>;tag=1", .badFrom), ("To", "To: <sip:a@b", .badTo),
            ("Contact", "Contact: <sip:>", .badContact), ("Event", "Event: ;id=1", .badEvent),
        ]
        for (old, new, kind) in cases {
            let parsed = try SIPMessage.parse(subscribe(new, without: [old]))
            #expect(throws: ParseFault(kind), "\(new)") { try parsed.validate() }
        }
    }

    @Test("a malformed Expires in REGISTER means an hour", .spec("RFC 3261 §10.2.1.1", "RFC 3261 §20.10"))
    func registerExpires() throws {
        let parsed = try SIPMessage.parse(
            message(
                "REGISTER sip:example.com SIP/2.0", "Via: SIP/2.0/UDP h;branch=z9hG4bK1", "From: <sip:a@b>;tag=1",
                "To: <sip:a@b>", "Call-ID: 1", "CSeq: 1 REGISTER", "Expires: soon", "Contact: *"))
        try parsed.validate()
        #expect(try parsed.expires() == 3600)
        #expect(try parsed.contacts() == .wildcard)
    }
}
