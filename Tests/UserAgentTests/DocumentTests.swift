import Ground
import MusterTesting
import PresenceDocuments
import Testing

@testable import UserAgent

@Suite("What people type and read")
struct DocumentTests {
    private let time = Instant(seconds: 1_795_359_600)

    @Test(
        "a status makes a valid presence document",
        .spec("RFC 3863 §4.1", "RFC 4480 §3.2", "REQ-24141-3", "REQ-24141-40"))
    func status() throws {
        let status = PresenceStatus(
            isOpen: true, activities: ["away", "Gardening <3"], moods: ["happy"], notes: ["back & \"forth\""],
            contact: "sip:alice@192.0.2.1")
        let bytes = status.document(entity: "sip:alice@home.test", service: "desk", at: self.time)
        let document = try PresenceDocument.parse(bytes[...])
        let summary = document.summary
        #expect(summary.entity == "sip:alice@home.test")
        #expect(summary.isOpen == true)
        #expect(summary.services.first?.notes == ["back & \"forth\""])
        #expect(summary.persons.first?.activities.first == "away")
        #expect(summary.persons.first?.activities.count == 2)
        #expect(summary.persons.first?.moods == ["happy"])
    }

    @Test("a closed status without words is the smallest document", .spec("RFC 3863 §4.1.4"))
    func closed() throws {
        let bytes = PresenceStatus(isOpen: false).document(entity: "tel:+15551234", service: "a", at: self.time)
        let summary = try PresenceDocument.parse(bytes[...]).summary
        #expect(summary.isOpen == false)
        #expect(summary.persons.isEmpty)
    }

    @Test("characters that XML forbids or means something by cannot break the document", .spec("RFC 3863 §4.1"))
    func hostile() throws {
        let status = PresenceStatus(notes: ["</note></tuple>\u{0}\u{8}]]>&lt;"])
        let bytes = status.document(entity: "sip:a'&b@home.test", service: "a", at: self.time)
        let summary = try PresenceDocument.parse(bytes[...]).summary
        #expect(summary.services.count == 1)
        #expect(summary.services.first?.notes.first?.contains("]]>&lt;") ?? false)
    }

    @Test(
        "instants become dates", .spec("RFC 3339 §5.6"),
        arguments: [
            (Int64(0), "1970-01-01T00:00:00Z"), (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"), (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_795_359_600, "2026-11-22T15:00:00Z"), (4_102_444_799, "2099-12-31T23:59:59Z"),
        ])
    func dates(seconds: Int64, text: String) {
        #expect(CalendarTime(Instant(seconds: seconds)).text == text)
    }

    @Test("JSON strings are escaped, and an object stays one line", .spec("RFC 8259 §7"))
    func json() {
        var object = JSONObject()
        object.add("a\"b", text: "line\nbreak\\ \u{1}\u{2028}é")
        object.add("n", 3)
        object.add("f", 1.25, decimals: 1)
        object.add("t", flag: true)
        object.add("l", texts: ["x", "y"])
        #expect(
            object.text
                == "{\"a\\\"b\":\"line\\nbreak\\\\ \\u0001\\u2028é\",\"n\":3,\"f\":1.3,\"t\":true,\"l\":[\"x\",\"y\"]}")
        #expect(!object.text.contains("\n"))
    }

    @Test(
        "numbers keep their decimals",
        arguments: [
            (0.0, 2, "0.00"), (1.005, 1, "1.0"), (-2.5, 1, "-2.5"), (-0.01, 1, "0.0"), (12.34567, 3, "12.346"),
            (Double.infinity, 2, "0"), (Double.nan, 0, "0"),
        ])
    func numbers(value: Double, decimals: Int, text: String) {
        #expect(FixedPoint.text(value, decimals: decimals) == text)
    }

    @Test("an event is one JSON object with time, kind and presentity")
    func eventLine() throws {
        let line = EventLine.json(
            .presenceChanged(first, try Sample.document(note: "hi")), at: self.time
        ) { _ in "sip:alice@home.test" }
        #expect(
            line.hasPrefix(
                "{\"time\":\"2026-11-22T15:00:00Z\",\"event\":\"presence\",\"presentity\":\"sip:alice@home.test\""))
        #expect(line.contains("\"status\":\"open\""))
        #expect(line.contains("\"notes\":[\"hi\"]"))
        let ended = EventLine.json(
            .subscriptionEnded(first, .terminated(.rejected), retryAt: nil), at: self.time
        ) { _ in "x" }
        #expect(ended.contains("\"event\":\"ended\""))
        #expect(!ended.contains("retry"))
    }

    @Test("people read aligned words, in colour only where that is wanted")
    func human() throws {
        let event = UserAgent.Event.presenceChanged(first, try Sample.document("closed", note: "at lunch"))
        let plain = try #require(
            EventLine.human(event, at: self.time, style: .plain) { _ in "sip:alice@home.test" })
        #expect(plain == "sip:alice@home.test           closed   \"at lunch\"")
        let coloured = try #require(
            EventLine.human(event, at: self.time, style: .coloured) { _ in "sip:alice@home.test" })
        #expect(coloured.contains("\u{1B}["))
        let pending = try #require(
            EventLine.human(.subscriptionChanged(first, .pending(expires: 60)), at: self.time, style: .plain) { _ in "a"
            })
        #expect(pending.contains("waits for the consent"))
    }

    @Test("a peer cannot move the cursor or turn the text of a terminal")
    func harmless() {
        #expect(PresenceText.harmless("a\u{1B}[2Jb\u{202E}c\nd\u{9B}e") == "a [2Jb c d e")
    }

    @Test(
        "lengths of time are words",
        arguments: [(UInt32(5), "5 s"), (60, "1 min"), (90, "1 min 30 s"), (3600, "1 h"), (5400, "1 h 30 min")])
    func durations(seconds: UInt32, text: String) {
        #expect(EventLine.duration(seconds) == text)
    }

    @Test("every problem has words and advice")
    func problems() {
        let problems: [UserAgent.Problem] = [
            .refused(status: 403, reason: "Forbidden"), .refused(status: 404, reason: "Not Found"),
            .refused(status: 489, reason: "Bad Event"), .refused(status: 500, reason: "x"),
            .passwordNeeded(realm: "r"), .passwordWrong(realm: "r"), .unanswered, .unreachable, .unresolvable,
            .answerUnusable("x"),
        ]
        #expect(Set(problems.map { EventLine.words(for: $0) }).count == problems.count)
        for problem in problems { #expect(EventLine.advice(for: problem).hasSuffix(".")) }
    }
}
