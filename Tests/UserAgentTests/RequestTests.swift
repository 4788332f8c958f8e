import Ground
import MusterTesting
import PresenceDocuments
import SIPTransactions
import SIPWire
import Testing

@testable import UserAgent

@Suite("Requests of the user agent")
struct RequestTests {
    @Test(
        "a request of the user agent is complete but for the Via, which the transaction adds",
        .spec("RFC 3261 §8.1.1/1"))
    func complete() throws {
        var stage = Stage()
        stage.order(.register)
        stage.order(.publish(try Sample.document()))
        stage.order(.watch(first, SubscriptionRequest(resource: "sip:alice@home.test")))
        var methods: Set<SIPWire.Method> = []
        while !stage.sent.isEmpty {
            let request = stage.sent.removeFirst()
            methods.insert(request.message.method)
            for name in [HeaderName.to, .from, .callID, .cseq, .maxForwards, .via] {
                #expect(request.message.count(name) == 1, "\(name.canonical) of \(request)")
            }
            #expect(request.message.fromTag()?.isEmpty == false)
            #expect(request.message.toTag() == nil)
            #expect(try request.message.maxForwards() == 70)
            #expect(try request.message.cseq().method == request.message.method)
            try stage.answer(
                request, 200, "Expires: 600", "SIP-ETag: x", "Contact: <sip:bob@192.0.2.7:5062>;expires=60")
        }
        #expect(methods.isSuperset(of: [.register, .publish, .subscribe]))
    }

    @Test(
        "no second REGISTER while one is under way, also when the end is ordered meanwhile", .spec("RFC 3261 §10.2/2"))
    func oneRegisterAtATime() throws {
        var stage = Stage()
        stage.order(.register)
        let one = try stage.next(.register)
        stage.order(.register)
        stage.order(.deregister)
        #expect(stage.sent.isEmpty)
        try stage.answer(one, 200, "Contact: <sip:bob@192.0.2.7:5062>;expires=600")
        let removal = try stage.next(.register)
        #expect(removal.message.first(.expires)?.text == "0")
        #expect(stage.sent.isEmpty)
        try stage.answer(removal, 200)
        #expect(stage.events == [.deregistered])
        stage.wait(.seconds(10_000))
        #expect(stage.sent.isEmpty)
    }

    @Test("an end that is ordered while a REGISTER is out comes also when nobody answers", .spec("RFC 3261 §10.2/2"))
    func endWithoutAnswer() throws {
        var stage = Stage()
        stage.order(.register)
        let one = try stage.next(.register)
        stage.order(.deregister)
        stage.fail(one, .timeout)
        let removal = try stage.next(.register)
        #expect(removal.message.first(.expires)?.text == "0")
        stage.fail(removal, .timeout)
        #expect(stage.events == [.deregistered])
        #expect(stage.agent.nextDeadline == nil)
    }

    /// Enough of a document that a difference is smaller than the whole.
    private func large(_ basic: String, tuples: Range<Int> = 0..<8) throws -> PresenceDocument {
        let services = tuples.map {
            "<tuple id=\"s\($0)\"><status><basic>\(basic)</basic></status><contact>sip:s\($0)@home.test</contact></tuple>"
        }
        let text = Sample.text().replacing("</presence>", with: services.joined() + "</presence>")
        return try PresenceDocument.parse(Octets(Array(text.utf8)))
    }

    private func publishing(_ document: PresenceDocument) throws -> (Stage, SIPMessage) {
        var stage = Stage(identity: "sip:alice@home.test") { $0.partialPublication = true }
        stage.order(.publish(document))
        let initial = try stage.next(.publish)
        try stage.answer(initial, 200, "SIP-ETag: one", "Expires: 3600")
        return (stage, initial.message)
    }

    @Test(
        "partial publications begin with a whole document and go on with differences that lead to the new one",
        .spec("RFC 5264 §4.2/1", "RFC 5264 §4.2/2"))
    func partialPublication() throws {
        var (stage, initial) = try self.publishing(try self.large("open"))
        #expect(initial.first(.contentType)?.text == "application/pidf-diff+xml")
        #expect(initial.first(.sipIfMatch) == nil)
        let known = try PartialPresence.parseFull(initial.body)
        #expect(try known == self.large("open"))
        let text = String(decoding: try self.large("open").serialised(), as: UTF8.self)
        let changed = try PresenceDocument.parse(
            Octets(Array(text.replacing("<basic>open</basic>", with: "<basic>closed</basic>", maxReplacements: 1).utf8))
        )
        stage.order(.publish(changed))
        let modification = try stage.next(.publish).message
        #expect(modification.first(.contentType)?.text == "application/pidf-diff+xml")
        #expect(modification.first(.sipIfMatch)?.text == "one")
        #expect(modification.body.text.contains("pidf-diff"))
        #expect(modification.body.text.contains("entity=\"sip:alice@home.test\""))
        #expect(modification.body.count < initial.body.count)
        #expect(try PartialPresence.applying(modification.body, to: known) == changed)
    }

    @Test("a difference that would be longer is published as a whole", .spec("RFC 5264 §4.2/3"))
    func longDifference() throws {
        var (stage, _) = try self.publishing(try self.large("open"))
        stage.order(.publish(try self.large("closed", tuples: 20..<23)))
        let modification = try stage.next(.publish).message
        #expect(modification.first(.sipIfMatch)?.text == "one")
        #expect(try PartialPresence.parseFull(modification.body) == self.large("closed", tuples: 20..<23))
    }

    @Test(
        "an unknown status means what the first of its class means", .spec("RFC 3261 §8.1.3.2/1"),
        arguments: [(299, true), (199, true), (399, false), (499, false), (599, false), (699, false)])
    func unknownStatus(status: Int, lives: Bool) throws {
        var stage = Stage(identity: "sip:alice@home.test")
        stage.order(.publish(try Sample.document()))
        let request = try stage.next(.publish)
        try stage.answer(request, status, "SIP-ETag: one", "Expires: 600")
        if status < 200 {
            #expect(stage.events.isEmpty, "a provisional response decides nothing")
            try stage.answer(request, 200, "SIP-ETag: one", "Expires: 600")
        }
        #expect(stage.events.contains(.published(entityTag: "one", expires: 600)) == lives)
        #expect(stage.events.count == 1)
    }
}
