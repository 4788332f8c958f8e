import Foundation
import Ground
import MusterTesting
import Testing

@testable import SIPWire

@Suite("Multipart bodies and streams")
struct MultipartAndStreamTests {
    @Test("a multipart body is split at its delimiters", .spec("RFC 2046 §5.1.1", "RFC 5621 §4.1"))
    func multipart() throws {
        let text =
            "preamble\r\n--b1\r\nContent-Type: text/plain\r\nContent-ID: <one@h>\r\n\r\nHello\r\n--b1x\r\n"
            + "--b1 \t\r\n\r\n--b\r\n\r\n--b1--\r\nepilogue"
        let body = try MultipartBody.parse(octets(text), boundary: octets("b1"))
        #expect(body.parts.count == 2)
        #expect(body.parts[0].body.text == "Hello\r\n--b1x")
        #expect(body.parts[0].contentID?.text == "one@h")
        #expect(try body.parts[0].contentType()?.matches("text/plain") == true)
        #expect(body.parts[1].body.text == "--b\r\n")
        #expect(try body.parts[1].contentType() == nil)
    }

    @Test("a part that is passed on is the same byte by byte", .spec("RFC 2046 §5.1.1"))
    func passedOn() throws {
        let text =
            "--b1\r\nContent-Type: image/png\r\nX-Own: \u{1F600}\r\nContent-ID: <a@x>\r\n\r\n--b\r\n\r\n\u{0}\r\n--b1--"
        let part = try #require(try MultipartBody.parse(octets(text), boundary: octets("b1")).parts.first)
        var writer = MultipartWriter(boundary: Array("tok3n".utf8))
        writer.part(octets: part.octets)
        let read = try MultipartBody.parse(writer.finish()[...], boundary: octets("tok3n"))
        #expect(read.parts == [part])
        #expect(part.body.text == "--b\r\n\r\n\u{0}")
        #expect(part.count(.contentID) == 1)
    }

    @Test(
        "the headers of content elsewhere are read from the part", .spec("RFC 2046 §5.2.3", "RFC 4483 §5"),
        arguments: ["", "\r\n", "\r\n\r\nphantom"])
    func encapsulated(_ end: String) throws {
        let text =
            "--b\r\nContent-Type: message/external-body;access-type=URL;url=\"http://h/\"\r\n\r\n"
            + "Content-Type: image/png\r\nContent-ID: <c@x>\(end)\r\n--b--"
        let part = try #require(try MultipartBody.parse(octets(text), boundary: octets("b")).parts.first)
        #expect(part.contentID == nil)
        #expect(try part.encapsulated().contentID?.text == "c@x")
        #expect(try part.encapsulated().contentType()?.matches("image/png") == true)
    }

    @Test("a body that is written reads back", .spec("RFC 2046 §5.1", "RFC 4662 §5"))
    func writer() throws {
        var writer = MultipartWriter(boundary: Array("tok3n".utf8))
        writer.part(contentType: octets("application/rlmi+xml"), contentID: octets("root@h"), body: octets("<list/>"))
        writer.part(
            contentType: octets("text/plain"), disposition: octets("render;handling=optional"), body: octets(""))
        let bytes = writer.finish()
        let body = try MultipartBody.parse(bytes[...], boundary: octets("tok3n"))
        #expect(body.parts.map { $0.body.text } == ["<list/>", ""])
        #expect(body.parts[0].contentID?.text == "root@h")
        #expect(body.parts[1].first(.contentDisposition)?.text == "render;handling=optional")
    }

    @Test("the body of a message is cut by the boundary of its type", .spec("RFC 5621 §4.1", "RFC 4475 §3.1.1.11"))
    func messageBody() throws {
        let body = "--x\r\nContent-Type: text/plain\r\n\r\nHi\r\n--x--\r\n"
        let parsed = try SIPMessage.parse(
            message("MESSAGE sip:a SIP/2.0", "Content-Type: multipart/mixed;boundary=\"x\"", body: body))
        #expect(try parsed.multipart()?.parts.first?.body.text == "Hi")
        let plain = try SIPMessage.parse(message("MESSAGE sip:a SIP/2.0", "Content-Type: text/plain", body: body))
        #expect(try plain.multipart() == nil)
        let none = try SIPMessage.parse(message("MESSAGE sip:a SIP/2.0", "Content-Type: multipart/mixed", body: body))
        #expect(throws: ParseFault(.badMultipart)) { try none.multipart() }
    }

    @Test(
        "broken multipart bodies are refused", .spec("RFC 2046 §5.1.1"),
        arguments: [
            "", "--b", "--b\r\n", "--b--", "--b\r\n\r\nx", "x--b\r\n\r\n--b--", "--b\r\nno colon\r\n\r\n\r\n--b--",
        ])
    func brokenMultipart(_ text: String) {
        #expect(throws: ParseFault(.badMultipart)) { try MultipartBody.parse(octets(text), boundary: octets("b")) }
    }

    @Test("the number of parts and the length of a boundary are bounded", .spec("RFC 2046 §5.1.1"))
    func multipartLimits() {
        let many = String(repeating: "--b\r\n\r\n\r\n", count: Limits.standard.maximumParts + 1) + "--b--"
        #expect(throws: ParseFault(.tooManyParts)) { try MultipartBody.parse(octets(many), boundary: octets("b")) }
        #expect(throws: ParseFault(.badMultipart)) { try MultipartBody.parse(octets("--\r\n"), boundary: octets("")) }
        let long = String(repeating: "b", count: 71)
        #expect(throws: ParseFault(.badMultipart)) {
            try MultipartBody.parse(octets("--\(long)--"), boundary: octets(long))
        }
    }

    private func items(_ text: String, _ side: StreamFramer.Side, limits: Limits = .standard) throws -> [StreamFramer
        .Item]
    {
        var framer = StreamFramer(side: side, limits: limits)
        framer.append(Array(text.utf8))
        var items: [StreamFramer.Item] = []
        while let item = try framer.next() { items.append(item) }
        return items
    }

    private let one = "OPTIONS sip:a SIP/2.0\r\nl: 3\r\n\r\nabc"

    @Test(
        "a double CRLF is a ping for who accepted, a single one a pong for who connected",
        .spec("RFC 5626 §4.4.1", "RFC 3261 §7.5", "RFC 3261 §7.5/1"))
    func keepAlive() throws {
        #expect(try self.items("\r\n\r\n", .accepting) == [.ping])
        #expect(try self.items("\r\n", .accepting).isEmpty)
        #expect(try self.items("\r\n" + self.one, .accepting) == [.message(Array(self.one.utf8))])
        #expect(
            try self.items("\r\n\r\n\r\n\r\n" + self.one + "\r\n\r\n", .accepting) == [
                .ping, .ping, .message(Array(self.one.utf8)), .ping,
            ])
        #expect(
            try self.items("\r\n" + self.one + "\r\n", .connecting) == [.pong, .message(Array(self.one.utf8)), .pong])
    }

    @Test(
        "messages are cut by Content-Length, in whatever form it comes",
        .spec("RFC 3261 §18.3", "RFC 3261 §20.14", "RFC 3261 §18.3/2"))
    func contentLength() throws {
        let folded = "SIP/2.0 200 OK\r\nCONTENT-LENGTH  :\r\n 2\r\n\r\nab"
        #expect(
            try self.items(self.one + folded, .accepting) == [
                .message(Array(self.one.utf8)), .message(Array(folded.utf8)),
            ])
    }

    @Test(
        "a stream that cannot be cut ends, and keeps what is needed to answer",
        .spec("RFC 3261 §18.3", "RFC 3261 §18.3/2"))
    func faults() throws {
        let cases: [(String, ParseFault.Kind)] = [
            ("OPTIONS sip:a SIP/2.0\r\nX: y\r\n\r\n", .missingContentLength),
            ("OPTIONS sip:a SIP/2.0\r\nl: -1\r\n\r\n", .badContentLength),
            ("OPTIONS sip:a SIP/2.0\r\nl: 1\r\nl: 2\r\n\r\n", .duplicateHeader),
            ("OPTIONS sip:a SIP/2.0\r\nl: 18446744073709551615\r\n\r\n", .messageTooLarge),
            ("OPTIONS sip:a SIP/2.0\r\nl: 99999999999999999999999\r\n\r\n", .badContentLength),
            ("OPTIONS sip:a SIP/2.0\r\nl: 65536\r\n\r\n", .messageTooLarge),
        ]
        for (text, kind) in cases {
            var framer = StreamFramer()
            framer.append(Array(text.utf8))
            #expect(throws: ParseFault(kind)) { try framer.next() }
            let head = try #require(framer.faultyHead)
            #expect(try SIPMessage.parse(head).method == .options)
            #expect(try framer.next() == nil)
        }
    }

    @Test("what never becomes a message is bounded", .spec("RFC 3261 §26.3.2.4", "RFC 3261 §26.3.2.4/1"))
    func bounds() {
        #expect(throws: ParseFault(.headTooLarge)) { try self.items(String(repeating: "a", count: 40_000), .accepting) }
        #expect(throws: ParseFault(.tooManyEmptyLines)) {
            try self.items(String(repeating: "\r\n\r\n", count: 100), .accepting)
        }
    }

    @Test("a long stream does not pile up", .spec("RFC 3261 §18.3"))
    func memory() throws {
        var framer = StreamFramer()
        var count = 0
        for _ in 0..<5_000 {
            framer.append(Array(self.one.utf8))
            while try framer.next() != nil { count += 1 }
        }
        #expect(count == 5_000)
        #expect(framer.bufferedBytes == 0)
    }

    @Test("what the fuzzer once found stays repaired", .spec("RFC 3261 §26.1"))
    func findings() throws {
        let checks: [(String, ([UInt8]) -> String?)] = [
            ("SIPMessage", FuzzCheck.sipMessage), ("SIPURI", FuzzCheck.sipURI),
            ("MultipartBody", FuzzCheck.multipartBody), ("StreamFramer", FuzzCheck.streamFramer),
        ]
        let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fuzz")
        var replayed = 0
        for (target, check) in checks {
            for folder in ["Findings", "Seeds"] {
                let path = root.appendingPathComponent(folder).appendingPathComponent(target)
                let files =
                    (try? FileManager.default.contentsOfDirectory(at: path, includingPropertiesForKeys: nil)) ?? []
                for file in files {
                    #expect(check(Array(try Data(contentsOf: file))) == nil, "\(target)/\(file.lastPathComponent)")
                    replayed += 1
                }
            }
        }
        #expect(replayed > 20)
    }
}
