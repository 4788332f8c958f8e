import Ground
import MusterTesting
import PresenceDocuments
import SIPTransactions
import SIPWire
import Testing

@testable import UserAgent

@Suite("Partial notification")
struct PartialNotificationTests {
    private let request = SubscriptionRequest(resource: "sip:alice@home.test", partial: true)
    private let type = "application/pidf-diff+xml"

    private func full(_ document: PresenceDocument, version: UInt32) -> String {
        PartialPresence.full(document, version: version)[...].text
    }

    private func difference(to basic: String, version: UInt32) -> String {
        """
        <?xml version="1.0" encoding="UTF-8"?><p:pidf-diff xmlns="urn:ietf:params:xml:ns:pidf" \
        xmlns:p="urn:ietf:params:xml:ns:pidf-diff" entity="sip:alice@home.test" version="\(version)">\
        <p:replace sel="presence/tuple[@id='t1']/status/basic/text()">\(basic)</p:replace></p:pidf-diff>
        """
    }

    private func started() throws -> (Stage, SIPMessage) {
        var (stage, subscribe) = try watching(self.request)
        try stage.answer(subscribe, 200, "Expires: 3600")
        try stage.notify(
            subscribe.message, "active;expires=3600", cseq: 1, type: self.type,
            body: self.full(try Sample.document(), version: 1))
        return (stage, subscribe.message)
    }

    @Test(
        "both types are accepted, differences preferred",
        .spec(
            "RFC 5263 §4.1", "REQ-24141-12", "RFC 3856 §6.5/3", "RFC 5263 §4.1/1", "RFC 5263 §4.2/1", "RFC 5263 §4.5/1")
    )
    func accept() throws {
        let (_, subscribe) = try watching(self.request)
        #expect(
            subscribe.message.first(.accept)?.text
                == "application/pidf-diff+xml;q=1, application/pidf+xml;q=0.5")
    }

    @Test("a difference that follows patches the state", .spec("RFC 5263 §4.4", "RFC 5263 §4.5/1", "RFC 5263 §4.5/3"))
    func patch() throws {
        var (stage, initial) = try self.started()
        #expect(stage.events.first == .presenceChanged(first, try Sample.document()))
        stage.clear()
        try stage.notify(
            initial, "active;expires=3600", cseq: 2, type: self.type, body: self.difference(to: "closed", version: 2))
        guard case .presenceChanged(first, let document) = stage.events.first else {
            Issue.record("the change is reported: \(stage.events)")
            return
        }
        #expect(document.summary.isOpen == false)
    }

    @Test("an old difference is dropped", .spec("RFC 5263 §4.4", "RFC 5263 §4.5/4"))
    func old() throws {
        var (stage, initial) = try self.started()
        stage.clear()
        try stage.notify(
            initial, "active;expires=3600", cseq: 2, type: self.type, body: self.difference(to: "closed", version: 1))
        #expect(!stage.events.contains { if case .presenceChanged = $0 { true } else { false } })
        #expect(stage.sent.isEmpty)
    }

    @Test("a gap in the versions is closed by a refresh", .spec("RFC 5263 §4.4", "RFC 5263 §4.5/5"))
    func gap() throws {
        var (stage, initial) = try self.started()
        stage.clear()
        try stage.notify(
            initial, "active;expires=3600", cseq: 2, type: self.type, body: self.difference(to: "closed", version: 5))
        let refresh = try stage.next(.subscribe)
        #expect(refresh.message.toTag() != nil)
        #expect(refresh.message.first(.suppressIfMatch) == nil)
        try stage.answer(refresh, 200, "Expires: 3600")
        try stage.notify(
            initial, "active;expires=3600", cseq: 3, type: self.type,
            body: self.full(try Sample.document("closed"), version: 6))
        #expect(stage.events.contains(.presenceChanged(first, try Sample.document("closed"))))
    }

    @Test(
        "a difference that cannot be applied is closed by a refresh; at last whole documents are asked for",
        .spec("RFC 5263 §4.4", "RFC 5263 §4.5/6"))
    func broken() throws {
        var (stage, initial) = try self.started()
        var asked: [String] = []
        for round in 0..<UInt32(8) {
            try stage.notify(
                initial, "active;expires=3600", cseq: 2 + round, type: self.type,
                body: self.difference(to: "closed", version: 2).replacing("t1", with: "nowhere"))
            while !stage.sent.isEmpty {
                let refresh = try stage.next(.subscribe)
                asked.append(refresh.message.first(.accept)?.text ?? "")
                try stage.answer(refresh, 200, "Expires: 3600")
            }
        }
        #expect(asked.count < 8)
        #expect(asked.last == "application/pidf+xml")
    }

    @Test("a whole document in between replaces the state", .spec("RFC 5263 §4.4", "RFC 5263 §4.5/7"))
    func switched() throws {
        var (stage, initial) = try self.started()
        stage.clear()
        try stage.notify(initial, "active;expires=3600", cseq: 2, body: Sample.text("closed"))
        #expect(stage.events.first == .presenceChanged(first, try Sample.document("closed")))
    }

    @Test("a notifier that refuses the type is asked for whole documents", .spec("RFC 5263 §4.1"))
    func refused() throws {
        var (stage, subscribe) = try watching(self.request)
        try stage.answer(subscribe, 406)
        #expect(try stage.next(.subscribe).message.first(.accept)?.text == "application/pidf+xml")
    }
}
