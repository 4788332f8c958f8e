import Ground
import MusterTesting
import Testing

@testable import XCAPEngine

@Suite("conditions of requests")
struct ConditionTests {
    /// 1994-11-06T08:49:37.5Z
    private let document = XCAPDocument(
        bytes: [], entityTag: Array("t".utf8), modified: Instant(nanoseconds: 784_111_777_500_000_000))

    private func octets(_ text: String?) -> [UInt8]? { text.map { Array($0.utf8) } }

    @Test(
        "dates are read in all three forms", .spec("RFC 9110 §5.6.7"),
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
            ("Sun Nov  6 08:49:37 1994", 784_111_777), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Thu, 29 Feb 2024 23:59:60 GMT", 1_709_251_200), ("Fri, 01 Mar 2024 00:00:00 GMT", 1_709_251_200),
            ("Mon, 23 Nov 2026 01:00:00 GMT", 1_795_395_600), ("Thursday, 01-Jan-70 00:00:00 GMT", 0),
            ("Sat, 01-Jan-00 00:00:00 GMT", 946_684_800), ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
        ] as [(String, Int64)])
    func dates(text: String, seconds: Int64) {
        #expect(DateField.seconds(Array(text.utf8)[...]) == seconds)
    }

    @Test(
        "what is no date is none", .spec("RFC 9110 §13.1.3"),
        arguments: [
            "", ",", "GMT", "yesterday", "784111777", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT", "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 99999999999999999999 08:49:37 GMT", "Sun Nov  6 08:49:37", "Sun, 06-Nov 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        ])
    func noDates(text: String) {
        #expect(DateField.seconds(Array(text.utf8)[...]) == nil)
        let conditions = Preconditions(ifModifiedSince: Array(text.utf8), ifUnmodifiedSince: Array(text.utf8))
        #expect(conditions.guardHolds(for: self.document) && !conditions.isKnown(self.document))
    }

    @Test(
        "times decide only where no tags do", .spec("RFC 9110 §13.2.2"),
        arguments: [
            (nil, "Sun, 06 Nov 1994 08:49:37 GMT", true), (nil, "Sun, 06 Nov 1994 08:49:36 GMT", false),
            (nil, "Sun, 06 Nov 1994 08:49:38 GMT", true), ("\"t\"", "Sun, 06 Nov 1994 08:49:36 GMT", true),
            ("\"x\"", "Sun, 06 Nov 1994 08:49:38 GMT", false), ("*", "Thu, 01 Jan 1970 00:00:00 GMT", true),
        ] as [(String?, String, Bool)])
    func times(tags: String?, time: String, isUnchanged: Bool) {
        let guarded = Preconditions(ifMatch: self.octets(tags), ifUnmodifiedSince: self.octets(time))
        #expect(guarded.guardHolds(for: self.document) == isUnchanged)
        let asked = Preconditions(ifNoneMatch: self.octets(tags), ifModifiedSince: self.octets(time))
        #expect(asked.isKnown(self.document) == isUnchanged)
    }

    @Test("a time says nothing of a document that is not there, or was changed nobody knows when")
    func unknown() {
        let old = Preconditions(ifUnmodifiedSince: self.octets("Thu, 01 Jan 1970 00:00:00 GMT"))
        #expect(old.guardHolds(for: nil))
        var made = self.document
        made.modified = nil
        #expect(old.guardHolds(for: made))
        let new = Preconditions(ifModifiedSince: self.octets("Fri, 31 Dec 9999 23:59:59 GMT"))
        #expect(!new.isKnown(made))
    }

    @Test(
        "lists of tags may have empty places", .spec("RFC 9110 §5.6.1.2"),
        arguments: [(",\"t\"", true), (", ,, \"x\" ,, \"t\",", true), (",", false), (",*", false), (", \"x\"", false)])
    func emptyPlaces(field: String, isNamed: Bool) {
        #expect(Preconditions(ifMatch: self.octets(field)).guardHolds(for: self.document) == isNamed)
        #expect(Preconditions(ifNoneMatch: self.octets(field)).isKnown(self.document) == isNamed)
    }
}
