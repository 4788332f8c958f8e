import Ground
import MusterTesting
import PresenceDocuments
import SIPTransactions
import SIPWire
import Testing

@testable import UserAgent

@Suite("Watching one's watchers")
struct WatcherInformationWatchTests {
    private let request = SubscriptionRequest.watchers(of: "sip:bob@home.test")

    private func watcher(
        _ name: String, _ status: WatcherInformation.Status, _ event: WatcherInformation.Event = .subscribe
    ) -> WatcherInformation.Watcher {
        WatcherInformation.Watcher(
            id: Array("id-\(name)".utf8), uri: Array("sip:\(name)@home.test".utf8), status: status, event: event,
            expiration: 60)
    }

    private func body(_ version: UInt64, full: Bool, _ watchers: [WatcherInformation.Watcher]) -> String {
        let list = WatcherInformation.List(
            resource: Array("sip:bob@home.test".utf8), package: Array("presence".utf8), watchers: watchers)
        return WatcherInformation(version: version, isFull: full, lists: [list]).serialised()[...].text
    }

    private func report(
        _ watchers: [WatcherInformation.Watcher], changes: [WatcherInformation.Watcher]
    ) -> WatcherReport {
        WatcherReport(watchers: watchers.map { KnownWatcher($0) }, changes: changes.map { KnownWatcher($0) })
    }

    private func notify(_ stage: inout Stage, _ subscribe: SIPMessage, cseq: UInt32, _ body: String) throws {
        let response = try stage.notify(
            subscribe, "active;expires=3600", cseq: cseq, event: "presence.winfo",
            type: "application/watcherinfo+xml", body: body)
        #expect(response.status == 200)
    }

    private func started() throws -> (Stage, SIPMessage) {
        var (stage, subscribe) = try watching(self.request)
        try stage.answer(subscribe, 200, "Expires: 3600")
        try self.notify(
            &stage, subscribe.message, cseq: 1,
            self.body(0, full: true, [self.watcher("ann", .pending), self.watcher("cay", .active)]))
        return (stage, subscribe.message)
    }

    @Test(
        "a user asks for its own watchers with the package and the type",
        .spec("RFC 3857 §4.1/1", "RFC 3857 §4.5/2", "REQ-24141-7", "REQ-22141-17"))
    func asked() throws {
        let (_, subscribe) = try watching(self.request)
        #expect(subscribe.message.requestURI.text == "sip:bob@home.test")
        #expect(subscribe.message.first(.event)?.text == "presence.winfo")
        #expect(subscribe.message.first(.accept)?.text == "application/watcherinfo+xml")
        #expect(subscribe.message.first(.expires)?.text == "3600")
        #expect(try subscribe.message.from().uriOctets.text == "sip:bob@home.test")
    }

    @Test(
        "full and partial documents are merged, and what changed is told with all there is",
        .spec("RFC 3857 §4.8/1", "RFC 3858 §4/2", "RFC 3858 §4/3", "REQ-24141-7"))
    func merged() throws {
        var (stage, subscribe) = try self.started()
        let ann = self.watcher("ann", .pending)
        let cay = self.watcher("cay", .active)
        #expect(stage.events.first == .watchersChanged(first, self.report([ann, cay], changes: [ann, cay])))
        stage.clear()
        let approved = self.watcher("ann", .active, .approved)
        try self.notify(&stage, subscribe, cseq: 2, self.body(1, full: false, [approved]))
        #expect(stage.events == [.watchersChanged(first, self.report([approved, cay], changes: [approved]))])
        stage.clear()
        let gone = self.watcher("cay", .terminated, .timeout)
        try self.notify(&stage, subscribe, cseq: 3, self.body(2, full: false, [gone]))
        #expect(stage.events == [.watchersChanged(first, self.report([approved], changes: [gone]))])
        #expect(stage.sent.isEmpty)
    }

    @Test("a gap in the versions is closed by a refresh", .spec("RFC 3858 §4/6", "RFC 3857 §4.8/2"))
    func gap() throws {
        var (stage, subscribe) = try self.started()
        stage.clear()
        let dan = self.watcher("dan", .waiting, .timeout)
        try self.notify(&stage, subscribe, cseq: 2, self.body(5, full: false, [dan]))
        guard case .watchersChanged(first, let told) = stage.events.first else {
            Issue.record("what is known is told: \(stage.events)")
            return
        }
        #expect(told.undecided.map(\.uri) == ["sip:ann@home.test", "sip:dan@home.test"])
        let refresh = try stage.next(.subscribe)
        #expect(refresh.message.toTag() != nil)
        try stage.answer(refresh, 200, "Expires: 3600")
        stage.clear()
        try self.notify(&stage, subscribe, cseq: 3, self.body(6, full: true, [dan]))
        guard case .watchersChanged(first, let whole) = stage.events.first else {
            Issue.record("the full state is told: \(stage.events)")
            return
        }
        #expect(whole.watchers.map(\.uri) == ["sip:dan@home.test"])
        #expect(whole.changes.map(\.status) == [.terminated, .terminated])
        #expect(stage.sent.isEmpty)
    }

    @Test("an old document is dropped", .spec("RFC 3858 §4/5"))
    func late() throws {
        var (stage, subscribe) = try self.started()
        stage.clear()
        try self.notify(&stage, subscribe, cseq: 2, self.body(0, full: true, []))
        #expect(stage.events.isEmpty)
        #expect(stage.sent.isEmpty)
    }

    @Test("a document that cannot be read is told, and full state is asked for a few times", .spec("RFC 3857 §4.8/2"))
    func broken() throws {
        var (stage, subscribe) = try self.started()
        stage.clear()
        var refreshes = 0
        for round in 0..<UInt32(10) {
            try self.notify(&stage, subscribe, cseq: 2 + round, "<watcherinfo")
            while !stage.sent.isEmpty {
                refreshes += 1
                try stage.answer(try stage.next(.subscribe), 200, "Expires: 3600")
            }
        }
        #expect((1..<10).contains(refreshes))
        #expect(stage.events.allSatisfy { if case .notificationUnreadable = $0 { true } else { false } })
    }

    @Test("a new subscription counts its documents anew", .spec("RFC 3858 §4/1", "RFC 3858 §3.1/3"))
    func again() throws {
        var (stage, subscribe) = try self.started()
        try self.notify(&stage, subscribe, cseq: 2, self.body(1, full: false, [self.watcher("dan", .active)]))
        try stage.notify(subscribe, "terminated;reason=deactivated", cseq: 3, event: "presence.winfo")
        let next = try stage.next(.subscribe)
        stage.clear()
        try self.notify(&stage, next.message, cseq: 1, self.body(0, full: true, [self.watcher("ann", .active)]))
        guard case .watchersChanged(first, let told) = stage.events.first else {
            Issue.record("the full state is told: \(stage.events)")
            return
        }
        #expect(told.watchers.map(\.uri) == ["sip:ann@home.test"])
        #expect(told.changes.count == 3)
    }

    @Test("a fetch tells the watchers once", .spec("REQ-24141-7", "RFC 6665 §4.4.3"))
    func fetched() throws {
        var stage = Stage()
        stage.order(.fetch(first, self.request))
        let subscribe = try stage.next(.subscribe)
        try stage.answer(subscribe, 200, "Expires: 0")
        try stage.notify(
            subscribe.message, "terminated;reason=timeout", cseq: 1, event: "presence.winfo",
            type: "application/watcherinfo+xml", body: self.body(0, full: true, [self.watcher("ann", .pending)]))
        #expect(
            stage.events == [
                .watchersChanged(
                    first, self.report([self.watcher("ann", .pending)], changes: [self.watcher("ann", .pending)])),
                .subscriptionEnded(first, .asOrdered, retryAt: nil),
            ])
    }

    @Test("people and scripts can read it, and nothing of it reaches the terminal unseen", .spec("REQ-22141-17"))
    func lines() {
        var ann = self.watcher("ann", .pending)
        ann.displayName = Array("An\u{1B}[2Jn".utf8)
        var nobody = self.watcher("nobody", .waiting, .timeout)
        nobody.uri = Array("sip:anonymous@anonymous.invalid".utf8)
        let event = UserAgent.Event.watchersChanged(first, self.report([ann, nobody], changes: [ann, nobody]))
        let human = EventLine.human(event, at: .zero, style: .plain) { _ in "sip:bob@home.test" }
        #expect(
            human == """
                sip:ann@home.test "An [2Jn"   pending     waits for your consent
                somebody without a name       waiting     was here, and still waits for your consent
                """)
        let json = EventLine.json(event, at: .zero) { _ in "sip:bob@home.test" }
        #expect(json.contains(#""event":"watchers","presentity":"sip:bob@home.test","watchers":[{"watcher":"#))
        #expect(json.contains(#""status":"pending","cause":"subscribe","name":"An\u001b[2Jn","expires":60}"#))
        let none = UserAgent.Event.watchersChanged(first, self.report([], changes: []))
        #expect(EventLine.human(none, at: .zero, style: .plain) { _ in "" } == nil)
        for status in WatcherInformation.Status.allCases {
            for cause in WatcherInformation.Event.allCases {
                #expect(!WatcherText.words(for: KnownWatcher(self.watcher("a", status, cause))).isEmpty)
            }
        }
    }
}
