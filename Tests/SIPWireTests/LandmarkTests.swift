import Ground
import MusterTesting
import Testing

@testable import SIPWire

@Suite("What is found while a message is judged")
struct LandmarkTests {
    @Test(
        "it is what a reader finds who begins anew",
        arguments: [
            [], ["Contact: <sip:bob@192.0.2.9>"], ["Record-Route: <sip:p1;lr>"],
            ["Accept: application/pidf+xml"],
        ])
    func same(_ more: [String]) throws {
        for value in [
            "sip:bob@example.com;tag=b0b", "Bob <sip:bob@EXAMPLE.com;transport=tcp?x=y>;tag=1;z",
            "\"a, \\\"b\" <tel:+1-201;phone-context=x>;a=\"q;r\" ; tag = 7", "<sips:[2001:db8::1]:5061>;tag=x",
        ] {
            let lines =
                [
                    "SUBSCRIBE sip:alice;x=1@example.com:5070;y SIP/2.0",
                    "Via: SIP / 2.0 / TCP  host.example : 5061 ;RPORT; received=1.2.3.4 ;maddr=4.3.2.1; Branch=z9hG4bKq,"
                        + " SIP/2.0/UDP other",
                    "f: \(value)", "t: <sip:alice@example.com>", "i: a@b", "CSeq: 07   SUBSCRIBE", "o: presence ;id=4",
                ] + more
            let message = try SIPMessage.parse(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8))
            try message.validate()
            #expect(message.landmarks.from != nil)
            #expect(message.topViaOutline?.maddr.map { message.storage[$0].text } == "4.3.2.1")
            #expect(FuzzCheck.difference(message) == nil)
        }
    }

    @Test("a message that is malformed further down still tells where its answer goes")
    func malformed() throws {
        let text = String(decoding: subscribe(), as: UTF8.self).replacing("Expires: 3600", with: "Expires: soon")
        let message = try SIPMessage.parse(Array(text.utf8))
        #expect(throws: ParseFault(.badExpires)) { try message.validate() }
        #expect(message.fromTag()?.text == "b0b")
        #expect(message.topViaOutline?.hasRPort == true)
        #expect(try message.contacts().addresses.count == 1)
    }

    @Test("of several Contacts, and of one beside a wildcard, none stands for all")
    func contacts() throws {
        let two = try SIPMessage.parse(subscribe("Contact: <sip:bob@192.0.2.8>"))
        #expect(try two.contacts().addresses.count == 2)
        for order in [["Contact: *", "Contact: <sip:b@c>"], ["Contact: <sip:b@c>", "Contact: *"]] {
            let message = try SIPMessage.parse(subscribe(order[0], order[1], without: ["Contact"]))
            #expect(throws: ParseFault(.badContact)) { try message.contacts() }
        }
    }

    @Test("eight bytes that are looked at together are told apart as one by one")
    func words() {
        for place in 0..<8 {
            for byte in UInt8.min...UInt8.max {
                var bytes = Array("aZ09zA5b".utf8)
                bytes[place] = byte
                let isAlphanumeric = ASCII.isLetter(byte) || ASCII.isDigit(byte)
                bytes.withUnsafeBufferPointer { buffer in
                    guard let start = buffer.baseAddress else { return }
                    #expect(
                        ASCIIWord(start).leadingAlphanumerics == (isAlphanumeric ? 8 : place), "\(byte) at \(place)")
                    #expect(ASCIIWord(start).bytesBefore(byte) == bytes.firstIndex(of: byte), "\(byte) at \(place)")
                    #expect(ASCIIWord(start).bytesBefore(0x21) == (byte == 0x21 ? place : 8))
                }
            }
        }
    }

    @Test("a long run ends where a short one does, and never behind its end")
    func runs() {
        let text = Array("z9hG4bK-a.b!c%d*e_f+g`h'i~jklmnopqrstu(v".utf8)
        text.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            for start in text.indices {
                for end in start...text.count {
                    for set in [CharacterClass.token, CharacterClass.host, CharacterClass.user] {
                        var short = Cursor(base, start..<end)
                        var long = Cursor(base, start..<end, readable: text.count)
                        #expect(long.longRun(set) == short.run(set))
                    }
                    var cursor = Cursor(base, start..<end, readable: text.count)
                    cursor.skip(to: UInt8(ascii: "("))
                    #expect(cursor.position == (text[start..<end].firstIndex(of: UInt8(ascii: "(")) ?? end))
                }
            }
        }
    }

    @Test("the last header line is read like any other, however short the message")
    func lastLine() throws {
        for line in ["l: 0", "Content-Length: 0", "v: x", "Expires", "X:", "A"] {
            for body in ["", "1", "12345678901234567890123456789012"] {
                let bytes = Array("OPTIONS sip:a SIP/2.0\r\n\(line)\r\n\r\n\(body)".utf8)
                let padded = Array(
                    "OPTIONS sip:a SIP/2.0\r\n\(line)\r\nSubject: \(String(repeating: "x", count: 40))\r\n\r\n".utf8)
                let name = try SIPMessage.parse(bytes).headers[0].name
                #expect(try SIPMessage.parse(padded).headers[0].name == name, "\(line)")
            }
        }
    }
}
