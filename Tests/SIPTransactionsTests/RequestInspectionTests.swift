import Ground
import MusterTesting
import SIPTransactions
import SIPWire
import Testing

@Suite("The checks of RFC 3261 §8.2")
struct RequestInspectionTests {
    let capabilities = RequestInspection.Capabilities(
        methods: [.subscribe, .publish, .options], extensions: ["path", "eventlist"],
        contentTypes: ["application/pidf+xml", "application/simple-filter+xml"])

    private func inspect(_ text: String) throws -> String? {
        let message = try Rig.message(text)
        guard
            var writer = RequestInspection.inspect(
                message, self.capabilities, toTag: Array("us".utf8)[...], receivedFrom: Rig.peer)
        else { return nil }
        return String(decoding: writer.finish(), as: UTF8.self)
    }

    @Test("a good request passes", .spec("RFC 3261 §8.2"))
    func passes() throws {
        #expect(try self.inspect(Rig.request("SUBSCRIBE")) == nil)
        #expect(
            try self.inspect(
                Rig.request("PUBLISH", extra: "Content-Type: Application/PIDF+xml;charset=utf-8\r\n", body: "<x/>"))
                == nil)
        #expect(try self.inspect(Rig.request("SUBSCRIBE", extra: "Require: eventlist\r\n")) == nil)
    }

    @Test("an unknown method gets a 405 with Allow", .spec("RFC 3261 §8.2.1", "RFC 3261 §8.2.1/1"))
    func method() throws {
        for name in ["MESSAGE", "FOO", "subscribe"] {
            let text = try #require(try self.inspect(Rig.request(name)))
            #expect(text.hasPrefix("SIP/2.0 405 Method Not Allowed\r\n"))
            #expect(text.contains("Allow: SUBSCRIBE, PUBLISH, OPTIONS\r\n"))
            #expect(text.contains("To: <sip:alice@example.com>;tag=us\r\n"))
        }
    }

    @Test("an unknown scheme gets a 416", .spec("RFC 3261 §8.2.2.1", "RFC 3261 §8.2.2.1/1"))
    func scheme() throws {
        let text = Rig.request("SUBSCRIBE").replacingOccurrences("SUBSCRIBE sip:alice", with: "SUBSCRIBE nobody:alice")
        #expect(try self.inspect(text)?.hasPrefix("SIP/2.0 416") == true)
    }

    @Test("an unknown option tag gets a 420 that names it", .spec("RFC 3261 §8.2.2.3", "RFC 3261 §8.2.2.3/1"))
    func extensions() throws {
        let text = try #require(
            try self.inspect(Rig.request("SUBSCRIBE", extra: "Require: path, foo\r\nRequire: bar\r\n")))
        #expect(text.hasPrefix("SIP/2.0 420"))
        #expect(text.contains("Unsupported: foo, bar\r\n"))
    }

    @Test("ACK and CANCEL are exempt from Require", .spec("RFC 3261 §8.2.2.3", "RFC 3261 §8.2.2.3/2"))
    func exempt() throws {
        for name in ["ACK", "CANCEL"] {
            let message = try Rig.message(Rig.request(name, extra: "Require: foo\r\n"))
            #expect(RequestInspection.requirements(message, self.capabilities, toTag: nil, receivedFrom: nil) == nil)
        }
    }

    @Test("a proxy refuses what Proxy-Require asks in vain", .spec("RFC 3261 §16.3", "RFC 3261 §16.3/3"))
    func proxy() throws {
        let message = try Rig.message(Rig.request("SUBSCRIBE", extra: "Proxy-Require: foo\r\n"))
        var writer = try #require(
            RequestInspection.proxyRequirements(message, extensions: ["path"], receivedFrom: nil))
        #expect(String(decoding: writer.finish(), as: UTF8.self).contains("Unsupported: foo\r\n"))
    }

    @Test(
        "an unknown body gets a 415 with Accept, an unknown encoding one with Accept-Encoding",
        .spec("RFC 3261 §8.2.3", "RFC 3261 §21.4.13", "RFC 3261 §8.2.3/1"))
    func content() throws {
        let type = try #require(
            try self.inspect(Rig.request("PUBLISH", extra: "Content-Type: text/plain\r\n", body: "hello")))
        #expect(type.hasPrefix("SIP/2.0 415"))
        #expect(type.contains("Accept: application/pidf+xml, application/simple-filter+xml\r\n"))
        #expect(try self.inspect(Rig.request("PUBLISH", body: "hello"))?.hasPrefix("SIP/2.0 415") == true)
        let encoding = try #require(
            try self.inspect(
                Rig.request(
                    "PUBLISH", extra: "Content-Type: application/pidf+xml\r\nContent-Encoding: gzip\r\n", body: "zip")))
        #expect(encoding.hasPrefix("SIP/2.0 415"))
        #expect(encoding.contains("Accept-Encoding: identity\r\n"))
    }

    @Test(
        "an optional body of an unknown type passes", .spec("RFC 3261 §8.2.3", "RFC 3261 §20.11", "RFC 3261 §8.2.3/2"))
    func optional() throws {
        let extra = "Content-Type: text/plain\r\nContent-Disposition: session;handling=optional\r\n"
        #expect(try self.inspect(Rig.request("SUBSCRIBE", extra: extra, body: "hello")) == nil)
        let required = "Content-Type: text/plain\r\nContent-Disposition: session;handling=required\r\n"
        #expect(try self.inspect(Rig.request("SUBSCRIBE", extra: required, body: "hello")) != nil)
    }

    @Test("the order is method, scheme, extensions, content", .spec("RFC 3261 §8.2"))
    func order() throws {
        let all = Rig.request(
            "FOO", extra: "Require: foo\r\nContent-Type: text/plain\r\n", body: "hello")
        #expect(try self.inspect(all)?.hasPrefix("SIP/2.0 405") == true)
        let rest = Rig.request(
            "SUBSCRIBE", extra: "Require: foo\r\nContent-Type: text/plain\r\n", body: "hello")
        #expect(try self.inspect(rest)?.hasPrefix("SIP/2.0 420") == true)
    }

    @Test("a request that accepts nothing we have gets a 406", .spec("RFC 3261 §8.2.3", "RFC 3261 §21.4.7"))
    func acceptable() throws {
        func status(_ accept: String?) throws -> Int? {
            let message = try Rig.message(
                Rig.request("SUBSCRIBE", extra: accept.map { "Accept: \($0)\r\n" } ?? ""))
            guard
                var writer = RequestInspection.acceptable(
                    message, offered: ["application/pidf+xml"], toTag: nil, receivedFrom: nil)
            else { return nil }
            return try SIPMessage.parse(writer.finish(), framing: .datagram).status
        }
        #expect(try status(nil) == nil)
        #expect(try status("application/pidf+xml") == nil)
        #expect(try status("application/*, text/plain") == nil)
        #expect(try status("*/*") == nil)
        #expect(try status("text/plain") == 406)
        #expect(try status("application/pidf+xml;q=0") == 406)
    }

    @Test("Max-Forwards of zero is not passed on", .spec("RFC 3261 §16.3"))
    func hopLimit() throws {
        let spent = Rig.request("SUBSCRIBE").replacingOccurrences("Max-Forwards: 70", with: "Max-Forwards: 0")
        #expect(RequestInspection.hopLimit(try Rig.message(spent), receivedFrom: nil) != nil)
        #expect(RequestInspection.hopLimit(try Rig.message(Rig.request("SUBSCRIBE")), receivedFrom: nil) == nil)
    }

    @Test("a request that comes back unchanged is a loop, a changed one a spiral", .spec("RFC 3261 §16.3"))
    func loop() throws {
        let message = try Rig.message(
            Rig.request("SUBSCRIBE", extra: "Via: SIP/2.0/UDP ours.example.com;branch=z9hG4bKabc.1234\r\n"))
        func isLooped(_ mark: String) -> Bool {
            RequestInspection.isLooped(
                message, isOurs: { $0.host.equals("ours.example.com") }, loopMark: Array(mark.utf8)[...])
        }
        #expect(isLooped(".1234"))
        #expect(!isLooped(".9999"))
        #expect(!isLooped(""))
    }
}
