import Foundation
import Ground
import MusterTesting
import Testing

@testable import SIPWire

/// One message of a corpus. The folder that it lies in is the verdict.
struct TortureMessage: Sendable, CustomTestStringConvertible {
    let corpus: String
    let verdict: String
    let name: String
    let bytes: [UInt8]

    var testDescription: String { "\(self.corpus)/\(self.verdict)/\(self.name)" }

    /// Reads all messages of a corpus from the disk.
    static func all(of corpus: String) -> [TortureMessage] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(corpus)
        var messages: [TortureMessage] = []
        let files = FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)
        while let file = files?.nextObject() as? URL {
            guard file.pathExtension == "msg", let data = try? Data(contentsOf: file) else { continue }
            messages.append(
                TortureMessage(
                    corpus: corpus, verdict: file.deletingLastPathComponent().lastPathComponent,
                    name: file.deletingPathExtension().lastPathComponent, bytes: Array(data)))
        }
        return messages.sorted { $0.testDescription < $1.testDescription }
    }
}

@Suite("Torture messages get the verdict of their folder")
struct TortureTests {
    @Test(
        "RFC 4475",
        .spec(
            "RFC 4475 §3.1.1", "RFC 4475 §3.1.2", "RFC 4475 §3.2", "RFC 4475 §3.3", "RFC 4475 §3.4",
            "RFC 3261 §7.3", "RFC 3261 §25.1", "RFC 3261 §7.1/1", "RFC 3261 §7.3.1/1", "RFC 3261 §20/1",
            "RFC 3261 §21.5.6/1"),
        arguments: TortureMessage.all(of: "RFC4475"))
    func rfc4475(_ message: TortureMessage) { self.judge(message) }

    @Test(
        "RFC 5118", .spec("RFC 5118 §4", "RFC 5954 §4.1"),
        arguments: TortureMessage.all(of: "RFC5118"))
    func rfc5118(_ message: TortureMessage) { self.judge(message) }

    @Test(
        "attacks",
        .spec(
            "RFC 3261 §8.1.1", "RFC 3261 §8.2", "RFC 3261 §18.3", "RFC 3261 §20", "RFC 3261 §26.1", "RFC 3261 §18.3/1"),
        arguments: TortureMessage.all(of: "Attacks"))
    func attacks(_ message: TortureMessage) { self.judge(message) }

    @Test("the corpora are complete", .spec("RFC 4475 §3", "RFC 5118 §4"))
    func complete() {
        #expect(TortureMessage.all(of: "RFC4475").count == 49)
        #expect(TortureMessage.all(of: "RFC5118").count == 12)
        #expect(TortureMessage.all(of: "Attacks").count > 100)
    }

    @Test(
        "a message that may stand on a stream comes out of it as it went in, whatever the portions",
        .spec("RFC 3261 §18.3", "RFC 3261 §20.14"),
        arguments: TortureMessage.all(of: "RFC4475") + TortureMessage.all(of: "RFC5118"))
    func framing(_ message: TortureMessage) throws {
        guard let parsed = try? SIPMessage.parse(message.bytes, framing: .stream), parsed.structuralFault == nil else {
            return
        }
        for portion in [1, 2, 7, message.bytes.count] {
            var framer = StreamFramer()
            var items: [StreamFramer.Item] = []
            // A second copy behind it shows that the first ends where it should.
            let stream = message.bytes + message.bytes
            for start in stride(from: 0, to: stream.count, by: portion) {
                framer.append(stream[start..<min(start + portion, stream.count)])
                while let item = try framer.next() { items.append(item) }
            }
            #expect(items == [.message(message.bytes), .message(message.bytes)], "portions of \(portion)")
        }
    }

    private func judge(_ message: TortureMessage) {
        let parsed: SIPMessage
        do {
            parsed = try SIPMessage.parse(message.bytes)
        } catch {
            #expect(message.verdict == "drop", "cannot be read: \(error)")
            return
        }
        #expect(message.verdict != "drop", "was read although nobody should answer it")
        var status = 0
        do { try parsed.validate() } catch { status = error.status }
        switch message.verdict {
        case "accept": #expect(status == 0)
        case "discard":
            #expect(status != 0)
            #expect(!parsed.isRequest)
        case let verdict where verdict.hasPrefix("accept-then-"):
            #expect(status == 0)
            #expect(parsed.isRequest)
        case let verdict where verdict.hasPrefix("reject-"):
            #expect(status == Int(verdict.dropFirst(7)))
            self.checkAnswer(parsed, status)
        default: Issue.record("there is no verdict \(message.verdict)")
        }
    }

    /// Every request that is rejected can be answered, and the answer holds only headers that we wrote.
    private func checkAnswer(_ request: SIPMessage, _ status: Int) {
        #expect(request.isRequest)
        var writer = request.response(status, "Reason", toTag: Array("tag".utf8)[...])
        let bytes = writer.finish()
        guard let answer = try? SIPMessage.parse(bytes) else {
            Issue.record("the answer cannot be read")
            return
        }
        #expect(answer.status == status)
        #expect(answer.structuralFault == nil)
        #expect(answer.count(.via) == request.count(.via))
        #expect(answer.count(.pAssertedIdentity) == 0)
    }
}
