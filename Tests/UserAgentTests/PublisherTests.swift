import Ground
import MusterTesting
import PresenceDocuments
import SIPTransactions
import SIPWire
import Testing

@testable import UserAgent

@Suite("Publishing")
struct PublisherTests {
    /// A stage on which the first publication is accepted.
    private func published(
        expires: UInt32 = 3600, partial: Bool = false, interval: Duration = .zero
    ) throws -> (Stage, SIPMessage) {
        var stage = Stage(identity: "sip:alice@home.test") {
            $0.partialPublication = partial
            $0.minimumPublicationInterval = interval
        }
        stage.order(.publish(try Sample.document()))
        let request = try stage.next(.publish)
        try stage.answer(request, 200, "SIP-ETag: one", "Expires: \(expires)")
        return (stage, request.message)
    }

    @Test(
        "the first PUBLISH carries the whole state, no condition, and names the presentity in Request-URI and To",
        .spec(
            "RFC 3903 §4.2", "REQ-24141-2", "REQ-24141-3", "REQ-24141-10", "RFC 3903 §4/1", "RFC 3903 §4/2",
            "RFC 3903 §4/4", "RFC 3903 §4/5", "RFC 3903 §4.2/1"))
    func initial() throws {
        let (stage, message) = try self.published()
        #expect(message.requestURI.text == "sip:alice@home.test")
        #expect(message.first(.to)?.text == "<sip:alice@home.test>")
        #expect(message.first(.sipIfMatch) == nil)
        #expect(message.first(.event)?.text == "presence")
        #expect(message.first(.expires)?.text == "3600")
        #expect(message.first(.contentType)?.text == "application/pidf+xml")
        #expect(message.first(.contact) == nil)
        #expect(!message.body.isEmpty)
        #expect(stage.events == [.published(entityTag: "one", expires: 3600)])
    }

    @Test(
        "more than 1200 s are refreshed 600 s before their end, without a body and with the tag",
        .spec("REQ-24141-5", "RFC 3903 §4.3", "RFC 3903 §4.3/1", "RFC 3903 §5/1"))
    func refreshLate() throws {
        var (stage, _) = try self.published(expires: 3600)
        stage.wait(.seconds(2999))
        #expect(stage.sent.isEmpty)
        stage.wait(.seconds(1))
        let refresh = try stage.next(.publish)
        #expect(refresh.message.body.isEmpty)
        #expect(refresh.message.first(.contentType) == nil)
        #expect(refresh.message.first(.sipIfMatch)?.text == "one")
        try stage.answer(refresh, 200, "SIP-ETag: two", "Expires: 3600")
        stage.wait(.seconds(3000))
        #expect(try stage.next(.publish).message.first(.sipIfMatch)?.text == "two")
    }

    @Test(
        "up to 1200 s are refreshed at half-time", .spec("REQ-24141-5", "RFC 3903 §4/4"), arguments: [UInt32(1200), 60])
    func refreshAtHalf(expires: UInt32) throws {
        var (stage, _) = try self.published(expires: expires)
        stage.wait(.seconds(Int64(expires) / 2) - .milliseconds(1))
        #expect(stage.sent.isEmpty)
        stage.wait(.milliseconds(1))
        #expect(stage.sent.count == 1)
    }

    @Test("changed state is published under the last tag", .spec("RFC 3903 §4.4", "RFC 3903 §4.4/1"))
    func modify() throws {
        var (stage, _) = try self.published()
        stage.order(.publish(try Sample.document("closed")))
        let modify = try stage.next(.publish)
        #expect(modify.message.first(.sipIfMatch)?.text == "one")
        #expect(modify.message.body.text.contains("closed"))
    }

    @Test(
        "two PUBLISH are never in flight; the newest state follows when the answer is there",
        .spec("RFC 3903 §4.1", "RFC 3903 §4/3", "RFC 3903 §5/1"))
    func oneAtATime() throws {
        var (stage, _) = try self.published()
        stage.order(.publish(try Sample.document("closed", note: "a")))
        stage.order(.publish(try Sample.document("closed", note: "b")))
        stage.order(.publish(try Sample.document("closed", note: "c")))
        #expect(stage.sent.count == 1)
        try stage.answer(try stage.next(.publish), 200, "SIP-ETag: two", "Expires: 3600")
        let last = try stage.next(.publish)
        #expect(stage.sent.isEmpty)
        #expect(last.message.first(.sipIfMatch)?.text == "two")
        #expect(last.message.body.text.contains("<note>c</note>"))
    }

    @Test("a removal carries Expires 0, the tag and no body", .spec("RFC 3903 §4.5", "REQ-24141-10", "RFC 3903 §4.5/1"))
    func remove() throws {
        var (stage, _) = try self.published()
        stage.order(.unpublish)
        let removal = try stage.next(.publish)
        #expect(removal.message.first(.expires)?.text == "0")
        #expect(removal.message.first(.sipIfMatch)?.text == "one")
        #expect(removal.message.body.isEmpty)
        try stage.answer(removal, 200, "SIP-ETag: two", "Expires: 0")
        #expect(stage.events.last == .unpublished)
        stage.wait(.seconds(10_000))
        #expect(stage.sent.isEmpty)
        #expect(stage.agent.nextDeadline == nil)
    }

    @Test(
        "a 412 voids the tag: the state is published anew and in full",
        .spec("RFC 3903 §4.3", "REQ-24141-10", "RFC 3903 §5/2"))
    func preconditionFailed() throws {
        var (stage, _) = try self.published()
        stage.wait(.seconds(3000))
        try stage.answer(try stage.next(.publish), 412)
        let again = try stage.next(.publish)
        #expect(again.message.first(.sipIfMatch) == nil)
        #expect(again.message.body.text.contains("open"))
        try stage.answer(again, 200, "SIP-ETag: new", "Expires: 3600")
        #expect(stage.events.last == .published(entityTag: "new", expires: 3600))
    }

    @Test(
        "a compositor that answers everything with 412 is not asked without end",
        .spec("RFC 3903 §4.4", "RFC 3903 §5/2"))
    func endlessPrecondition() throws {
        var (stage, _) = try self.published()
        stage.order(.publish(try Sample.document("closed")))
        var count = 0
        while !stage.sent.isEmpty, count < 100 {
            try stage.answer(try stage.next(.publish), 412)
            count += 1
        }
        #expect(count < 10)
        #expect(
            stage.events.last
                == .publicationFailed(.refused(status: 412, reason: "Conditional Request Failed"), retryAt: nil))
    }

    @Test("a 423 is followed by the same request for at least Min-Expires", .spec("RFC 3903 §4.2", "RFC 3903 §5/3"))
    func intervalTooBrief() throws {
        var stage = Stage { $0.publicationExpires = 30 }
        stage.order(.publish(try Sample.document()))
        try stage.answer(try stage.next(.publish), 423, "Min-Expires: 120")
        let again = try stage.next(.publish)
        #expect(again.message.first(.expires)?.text == "120")
        #expect(!again.message.body.isEmpty)
    }

    @Test(
        "a 423 without a sensible Min-Expires is a failure", .spec("RFC 3903 §4.2"),
        arguments: ["", "Min-Expires: 10", "Min-Expires: 99999999999999999999", "Min-Expires: soon"])
    func uselessMinimum(header: String) throws {
        var stage = Stage { $0.publicationExpires = 30 }
        stage.order(.publish(try Sample.document()))
        let request = try stage.next(.publish)
        if header.isEmpty { try stage.answer(request, 423) } else { try stage.answer(request, 423, header) }
        #expect(stage.sent.isEmpty)
        #expect(stage.events.count == 1)
    }

    @Test(
        "a 503 with Retry-After is obeyed, also when the user changes the state meanwhile",
        .spec("RFC 3903 §4.2", "RFC 3903 §9/1"))
    func throttled() throws {
        var (stage, _) = try self.published()
        stage.order(.publish(try Sample.document("closed")))
        try stage.answer(try stage.next(.publish), 503, "Retry-After: 120")
        stage.order(.publish(try Sample.document("closed", note: "later")))
        stage.wait(.seconds(119))
        #expect(stage.sent.isEmpty)
        stage.wait(.seconds(1))
        #expect(try stage.next(.publish).message.body.text.contains("later"))
    }

    @Test("an answer that never comes is tried again, later each time", .spec("RFC 3903 §4.1", "RFC 3261 §8.1.3.1"))
    func unanswered() throws {
        var stage = Stage()
        stage.order(.publish(try Sample.document()))
        var pauses: [Duration] = []
        for _ in 0..<4 {
            let before = stage.now
            stage.fail(try stage.next(.publish), .timeout)
            guard case .publicationFailed(.unanswered, let retryAt?) = stage.events.last else {
                Issue.record("a failure with a retry is reported")
                return
            }
            pauses.append(retryAt - before)
            stage.wait(.seconds(300))
        }
        #expect(pauses[3] > pauses[0])
        #expect(pauses.allSatisfy { $0 <= .seconds(300) })
    }

    @Test(
        "a refusal for good ends the publication and is told", .spec("RFC 3903 §4.1"), arguments: [403, 404, 489, 603])
    func refused(status: Int) throws {
        var stage = Stage()
        stage.order(.publish(try Sample.document()))
        try stage.answer(try stage.next(.publish), status)
        guard case .publicationFailed(.refused(status, _), nil) = stage.events.last else {
            Issue.record("the refusal is reported")
            return
        }
        stage.wait(.seconds(10_000))
        #expect(stage.sent.isEmpty)
    }

    @Test(
        "a 415 to a partial publication is followed by the whole document",
        .spec("RFC 5264 §4.1", "REQ-24141-4", "RFC 3261 §8.1.3.5/2", "RFC 5264 §4.2/4"))
    func partialRefused() throws {
        var stage = Stage { $0.partialPublication = true }
        stage.order(.publish(try Sample.document()))
        let partial = try stage.next(.publish)
        #expect(partial.message.first(.contentType)?.text == "application/pidf-diff+xml")
        try stage.answer(partial, 415, "Accept: application/pidf+xml")
        let whole = try stage.next(.publish)
        #expect(whole.message.first(.contentType)?.text == "application/pidf+xml")
        #expect(whole.message.body.text.contains("<basic>open</basic>"))
    }

    @Test("a 200 without an entity tag is no publication that could be refreshed", .spec("RFC 3903 §4.1"))
    func missingTag() throws {
        var stage = Stage()
        stage.order(.publish(try Sample.document()))
        try stage.answer(try stage.next(.publish), 200, "Expires: 3600")
        guard case .publicationFailed(.answerUnusable, .some) = stage.events.last else {
            Issue.record("the unusable answer is reported")
            return
        }
        stage.wait(.seconds(300))
        #expect(try stage.next(.publish).message.first(.sipIfMatch) == nil)
    }

    @Test("a configured rate holds changes back and then sends the newest", .spec("REQ-24141-5", "RFC 3903 §9/2"))
    func rate() throws {
        var (stage, _) = try self.published(interval: .seconds(30))
        stage.order(.publish(try Sample.document("closed", note: "a")))
        stage.order(.publish(try Sample.document("closed", note: "b")))
        #expect(stage.sent.isEmpty)
        stage.wait(.seconds(30))
        #expect(try stage.next(.publish).message.body.text.contains("<note>b</note>"))
        #expect(stage.sent.isEmpty)
    }

    @Test("a failed removal ends the publication all the same", .spec("RFC 3903 §4.5"))
    func failedRemoval() throws {
        var (stage, _) = try self.published()
        stage.order(.unpublish)
        stage.fail(try stage.next(.publish), .transport)
        #expect(stage.events.last == .unpublished)
        #expect(stage.agent.nextDeadline == nil)
    }

    @Test("CSeq grows with every PUBLISH of a series", .spec("RFC 3261 §8.1.1.5"))
    func sequence() throws {
        var (stage, message) = try self.published()
        stage.wait(.seconds(3000))
        let refresh = try stage.next(.publish).message
        #expect(refresh.callID.text == message.callID.text)
        #expect(try refresh.cseq().number > message.cseq().number)
    }
}
