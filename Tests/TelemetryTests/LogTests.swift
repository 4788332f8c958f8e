import Foundation
import Ground
import Logging
import Telemetry
import Testing

@Suite("log lines")
struct LogTests {
    private static func line(
        _ format: LogLine.Format, _ message: String, _ metadata: [(key: String, value: String)] = []
    )
        -> String
    {
        String(
            decoding: LogLine.write(
                format, at: Instant(nanoseconds: 1_795_371_619_123_999_999), level: .warning, label: "presence",
                message: message, metadata: metadata), as: UTF8.self)
    }

    @Test("for people show time, level, origin, message and pairs")
    func text() {
        #expect(
            Self.line(.text, "refused", [("watcher", "sip:bob@home.test"), ("why", "no rule"), ("empty", "")])
                == "2026-11-22T18:20:19.123Z warning  presence: refused watcher=sip:bob@home.test why=\"no rule\" empty=\"\"\n"
        )
    }

    @Test("in JSON are one object that every parser reads, whatever stands in it")
    func json() throws {
        let hostile = "a\"b\\c\n\r\t\u{0}\u{7f}\u{1b}[31m\u{202e}日本🙂"
        let line = Self.line(.json, hostile, [("key \"x\"", hostile), ("message", "mine")])
        #expect(line.hasSuffix("}\n") && line.dropLast().allSatisfy { $0 != "\n" })
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String])
        #expect(object["message"] == hostile)
        #expect(object["message_"] == "mine")
        #expect(object["key \"x\""] == hostile)
        #expect(object["time"] == "2026-11-22T18:20:19.123Z")
        #expect(object["level"] == "warning" && object["origin"] == "presence")
    }

    @Test("cannot be forged and send nothing to a terminal")
    func escapes() {
        for format in [LogLine.Format.text, .json] {
            let line = Self.line(format, "a\n2026 forged", [("k\n", "\u{1b}]0;x\u{7}\u{9b}31m\r")])
            #expect(line.utf8.filter { $0 == 0x0A }.count == 1)
            #expect(line.unicodeScalars.dropLast().allSatisfy { $0.value >= 0x20 && !(0x7F..<0xA0).contains($0.value) })
        }
    }

    @Test(
        "have right dates",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000Z"), (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] as [(Int64, String)])
    func dates(_ seconds: Int64, _ expected: String) {
        var text: [UInt8] = []
        Timestamp.append(Instant(seconds: seconds), to: &text)
        #expect(String(decoding: text, as: UTF8.self) == expected)
    }

    @Test("reach their descriptor with the metadata of logger and call, in order, above the level")
    func output() throws {
        let pipe = Pipe()
        let output = LogOutput(format: .text, descriptor: pipe.fileHandleForWriting.fileDescriptor)
        var logger = output.logger("node", level: .notice)
        logger[metadataKey: "b"] = "2"
        logger.info("not shown")
        logger.error("shown", metadata: ["a": "1", "b": "3"])
        try pipe.fileHandleForWriting.close()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        #expect(text.hasSuffix(" error    node: shown a=1 b=3\n"))
        #expect(text.split(separator: "\n").count == 1)
        #expect(output.lostLines == 0)
    }
}
