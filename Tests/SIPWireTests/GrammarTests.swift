import Ground
import MusterTesting
import Testing

@testable import SIPWire

@Suite("The grammar of messages")
struct GrammarTests {
    @Test(
        "the version is read in any case, and another version is answered 505",
        .spec("RFC 3261 §7.1/2", "RFC 3261 §21.5.6/1"))
    func version() throws {
        for version in ["SIP/2.0", "sip/2.0", "Sip/2.0"] {
            let parsed = try SIPMessage.parse(message("OPTIONS sip:a \(version)", "X: y"))
            #expect(parsed.structuralFault == nil, "\(version)")
            #expect(parsed.method == .options)
            #expect(try SIPMessage.parse(message("\(version) 200 OK", "X: y")).status == 200)
        }
        for version in ["SIP/2.1", "SIP/3.0", "sip/7.0"] {
            let line = "SUBSCRIBE sip:alice@example.com "
            let text = String(decoding: subscribe(), as: UTF8.self).replacing(line + "SIP/2.0", with: line + version)
            let parsed = try SIPMessage.parse(Array(text.utf8))
            let fault = #expect(throws: ParseFault.self, "\(version)") { try parsed.validate() }
            #expect(fault?.status == 505)
        }
    }

    @Test("white space around the colon and behind a value counts for nothing", .spec("RFC 3261 §7.3.1/1"))
    func blanks() throws {
        for line in ["Subject:x y", "Subject: x y", "Subject :x y", "Subject \t :\t  x y \t", "Subject:\r\n x y"] {
            let parsed = try SIPMessage.parse(message("OPTIONS sip:a SIP/2.0", line))
            #expect(parsed.first(.subject)?.text == "x y", "\(line)")
            #expect(parsed.structuralFault == nil)
        }
        let parsed = try SIPMessage.parse(message("OPTIONS sip:a SIP/2.0", "Subject", "To: <sip:a@b>"))
        #expect(parsed.structuralFault != nil, "a line without a colon is no header field")
    }

    @Test("credentials and challenges stay one a line, whatever commas they hold", .spec("RFC 3261 §7.3.1/5"))
    func credentials() throws {
        let one = "Digest realm=\"a, b\", nonce=\"1\", algorithm=SHA-256"
        let other = "Digest realm=\"a, b\", nonce=\"2\", algorithm=MD5"
        for name in [
            HeaderName.authorization, .wwwAuthenticate, .proxyAuthorization, .proxyAuthenticate, .authenticationInfo,
        ] {
            let parsed = try SIPMessage.parse(
                message("OPTIONS sip:a SIP/2.0", "\(name.canonical): \(one)", "\(name.canonical): \(other)"))
            #expect(parsed.all(name).map(\.text) == [one, other])
        }
    }

    @Test("empty lines before a start line are skipped, in datagrams and on streams", .spec("RFC 3261 §7.5/1"))
    func emptyLines() throws {
        let parsed = try SIPMessage.parse(Array("\r\n\r\n\r\n".utf8) + subscribe())
        #expect(parsed.method == .subscribe)
        try parsed.validate()
        var framer = StreamFramer()
        framer.append((Array("\r\n".utf8) + subscribe())[...])
        var whole: [[UInt8]] = []
        while let item = try framer.next() { if case .message(let bytes) = item { whole.append(bytes) } }
        #expect(whole == [subscribe()])
    }
}
