import Ground
import PresenceDocuments
import SIPTransactions
import SIPWire

/// A subscription as its subscriber sees it (RFC 6665 §4.1.2), with those that follow it when it is lost.
struct Subscriber: Sendable {
    /// Where the subscription stands.
    enum Phase {
        /// A SUBSCRIBE is out and no NOTIFY has come. Goes to `established` on a NOTIFY, to `waiting` or `over` on a
        /// refusal or Timer N.
        case notifyWait
        /// A NOTIFY made the dialog. Goes to `notifyWait` or `waiting` when the notifier lets it go, to `over` when the
        /// user does.
        case established(Usage)
        /// The next subscription is made when the timer fires.
        case waiting
        /// Nothing follows.
        case over
    }

    /// A live subscription.
    struct Usage {
        var dialog: SubscriptionDialog
        var isActive: Bool
        var expiresAt: Instant
    }

    let id: SubscriptionID
    let isFetch: Bool
    var request: SubscriptionRequest
    var phase = Phase.waiting
    var conversation: Conversation
    var callID: [UInt8] = []
    var localTag: [UInt8] = []
    /// Whether the user wants it to end.
    var isEnding = false
    /// Whether the request in flight is the one that ends it.
    var sentRemoval = false
    /// Whether a NOTIFY came since the last SUBSCRIBE was sent: its time counts more than that of the 2xx.
    var wasNotified = false
    /// Seconds that the last 2xx granted.
    var granted: UInt32?
    var corrections = 0
    var failures = 0
    /// When the subscription of the moment was made.
    var madeAt = Instant.zero
    /// The state as it is known.
    var document: PresenceDocument?
    /// The watchers as they are known, in a subscription to watcher information.
    var watchers = WatcherInformationWatch()
    /// The version of partial notification; it lives on over refreshes (RFC 5263 §4.3).
    var partialVersion: UInt32?
    /// The tag of the state that is known (RFC 5839 §3).
    var entityTag: [UInt8]?
    /// What the user was told last of the subscription of the moment: active or pending; nil: nothing yet.
    var reportedActive: Bool?
    /// Whether a SUBSCRIBE must follow the one in flight.
    var refreshWanted = false
    /// How often full state was asked for since a difference last fitted.
    var lostDifferences = 0

    init(id: SubscriptionID, request: SubscriptionRequest, isFetch: Bool, desk: inout Desk) {
        self.id = id
        self.request = request
        self.isFetch = isFetch
        self.conversation = Conversation(owner: .subscription(id), desk: &desk)
    }

    var owner: Owner { .subscription(self.id) }

    var isOver: Bool { if case .over = self.phase { true } else { false } }

    /// Refusals that pass by themselves: the same request may succeed later.
    static func isTemporary(_ status: Int) -> Bool { [408, 480, 500, 502, 503, 504].contains(status) }

    /// Begins a new subscription: a new Call-ID, a new tag, no route set (RFC 6665 §4.1.2.3).
    mutating func subscribe(at now: Instant, desk: inout Desk) {
        self.conversation.abandon(desk: &desk)
        desk.stopTimers(self.owner)
        self.callID = desk.entropy.token()
        self.localTag = desk.entropy.token()
        self.phase = .notifyWait
        self.madeAt = now
        self.corrections = 0
        self.granted = nil
        self.sentRemoval = false
        self.refreshWanted = false
        self.reportedActive = nil
        self.watchers.restart()
        self.sendInitial(at: now, desk: &desk)
    }

    private mutating func sendInitial(at now: Instant, desk: inout Desk) {
        let resource = Self.requestURI(self.request.resource)
        var draft = self.draft(
            uri: resource, routes: desk.initialRoutes, to: Array("<".utf8) + resource + Array(">".utf8), desk: desk)
        self.addCondition(to: &draft)
        self.addFilter(to: &draft)
        draft.add("Expires", number: self.isFetch ? 0 : self.request.expires)
        self.transmit(draft, at: now, desk: &desk)
    }

    /// Sends the initial SUBSCRIBE once more with a correction, in the same series.
    mutating func sendInitialAgain(at now: Instant, desk: inout Desk) { self.sendInitial(at: now, desk: &desk) }

    /// Refreshes the subscription, or ends it with Expires 0 (RFC 6665 §4.1.2.2, §4.1.2.3).
    mutating func sendInDialog(_ usage: Usage, ends: Bool, at now: Instant, desk: inout Desk) {
        guard !self.conversation.isBusy else {
            self.refreshWanted = true
            return
        }
        self.refreshWanted = false
        self.sentRemoval = ends
        let path = usage.dialog.path
        let resource = Self.requestURI(self.request.resource)
        let to = Array("<".utf8) + resource + Array(">;tag=".utf8) + usage.dialog.remoteTag
        var draft = self.draft(uri: path.uri, routes: path.routes, to: to, desk: desk)
        draft.isInsideDialog = true
        if !ends, self.lostDifferences == 0 { self.addCondition(to: &draft) }
        draft.add("Expires", number: ends ? 0 : self.request.expires)
        self.transmit(draft, at: now, desk: &desk)
    }

    /// Timer N begins with every SUBSCRIBE that a NOTIFY must follow (RFC 6665 §4.1.2.1, §4.1.2.2).
    private mutating func transmit(_ draft: Draft, at now: Instant, desk: inout Desk) {
        self.wasNotified = false
        desk.setTimer(self.owner, .notifyWait, at: now + desk.configuration.t1 * 64)
        desk.stopTimer(self.owner, .refresh)
        self.conversation.begin(draft, desk: &desk)
    }

    private func draft(uri: [UInt8], routes: [[UInt8]], to: [UInt8], desk: Desk) -> Draft {
        let identity = Array("<\(desk.configuration.identity)>".utf8)
        // REQ-24141-17: who wants to stay unknown says so in From and Privacy, and still names itself to its proxy.
        let shown = self.request.anonymous ? Array("\"Anonymous\" <sip:anonymous@anonymous.invalid>".utf8) : identity
        var draft = Draft(
            method: .subscribe, uri: uri, routes: routes, from: shown + Array(";tag=".utf8) + self.localTag, to: to,
            callID: self.callID)
        draft.add("Contact", Array("<".utf8) + desk.contactURI + Array(">".utf8))
        draft.add("Event", text: self.eventValue)
        if !self.acceptValue.isEmpty { draft.add("Accept", text: self.acceptValue) }
        draft.add("Allow", text: IncomingRequests.allow)
        draft.add("Supported", text: "gruu")
        if self.request.anonymous {
            draft.add("Privacy", text: "id")
            draft.add("P-Preferred-Identity", identity)
        }
        return draft
    }

    /// A `pres:` URI names the same user as the `sip:` URI with the same parts (RFC 3856 §5).
    static func requestURI(_ resource: String) -> [UInt8] {
        let bytes = Array(resource.utf8)
        if bytes.count > 5, bytes[..<5].equalsIgnoringCase("pres:") { return Array("sip:".utf8) + bytes[5...] }
        return bytes
    }

    var eventValue: String {
        var value = self.request.package
        if let id = self.request.eventID { value += ";id=\(id)" }
        let rates: [(String, Double?)] = [
            ("max-rate", self.request.rates.maximum), ("min-rate", self.request.rates.minimum),
            ("adaptive-min-rate", self.request.rates.adaptiveMinimum),
        ]
        for case (let name, let rate?) in rates where rate > 0 {
            value += ";\(name)=" + FixedPoint.text(min(rate, 99), decimals: 4)
        }
        return value
    }

    private var acceptValue: String {
        let types = self.request.acceptedTypes
        guard self.request.partial, self.request.package == "presence", self.request.accept.isEmpty else {
            return types.joined(separator: ", ")
        }
        // RFC 5263 §4.1: differences are preferred, whole documents must be taken.
        return "application/pidf-diff+xml;q=1, application/pidf+xml;q=0.5"
    }

    private func addCondition(to draft: inout Draft) {
        guard self.request.conditional, let entityTag = self.entityTag, self.document != nil else { return }
        draft.add("Suppress-If-Match", entityTag)
    }

    private func addFilter(to draft: inout Draft) {
        guard let filter = self.request.filter else { return }
        draft.contentType = "application/simple-filter+xml"
        draft.body = filter
    }

    // MARK: What the user orders

    /// Ends the subscription (RFC 6665 §4.1.2.3). Before the first NOTIFY there is no dialog to end it in: then it is
    /// ended when that comes.
    mutating func unwatch(at now: Instant, desk: inout Desk) {
        guard !self.isEnding else { return }
        self.isEnding = true
        switch self.phase {
        case .notifyWait, .over: break
        case .waiting: self.end(.asOrdered, desk: &desk)
        case .established(let usage): self.sendInDialog(usage, ends: true, at: now, desk: &desk)
        }
    }

    mutating func refresh(at now: Instant, desk: inout Desk) {
        guard !self.isEnding, case .established(let usage) = self.phase else { return }
        self.sendInDialog(usage, ends: false, at: now, desk: &desk)
    }

    // MARK: Time

    mutating func timerFired(_ purpose: TimerKey.Purpose, at now: Instant, desk: inout Desk) {
        switch (purpose, self.phase) {
        case (.retry, .waiting): self.subscribe(at: now, desk: &desk)
        case (.refresh, .established(let usage)) where !self.isEnding:
            self.sendInDialog(usage, ends: false, at: now, desk: &desk)
        case (.notifyWait, .notifyWait), (.notifyWait, .established):
            // RFC 6665 §4.1.2.4: no NOTIFY within Timer N; the subscription counts as gone, a 2xx or not.
            // Where even the SUBSCRIBE is still unanswered (Timer F runs as long), that is what the user should know.
            if self.isEnding {
                self.end(.asOrdered, desk: &desk)
            } else {
                let reason = self.conversation.isBusy ? UserAgent.EndReason.failed(.unanswered) : .neverNotified
                self.lose(reason, retryAfter: nil, atOnce: false, at: now, desk: &desk)
            }
        case (.expiry, .established):
            if self.isEnding || (self.isFetch && self.document != nil) {
                self.end(.asOrdered, desk: &desk)
            } else {
                self.lose(.expired, retryAfter: nil, atOnce: true, at: now, desk: &desk)
            }
        default: break
        }
    }

    // MARK: Ends

    /// The end of it all.
    mutating func end(_ reason: UserAgent.EndReason, desk: inout Desk) {
        guard !self.isOver else { return }
        self.conversation.abandon(desk: &desk)
        desk.stopTimers(self.owner)
        self.phase = .over
        desk.report(.subscriptionEnded(self.id, reason, retryAt: nil))
    }

    /// The subscription is gone, and the user still wants one.
    ///
    /// - Parameter atOnce: whether a new one may be made at once. One that was lost right after it was made waits
    ///   nevertheless, so that a notifier which takes and drops in turn is not asked without end.
    mutating func lose(
        _ reason: UserAgent.EndReason, retryAfter: UInt32?, atOnce: Bool, at now: Instant, desk: inout Desk
    ) {
        guard desk.triesAgain, !self.isEnding, !self.isFetch else {
            self.end(self.isEnding ? .asOrdered : reason, desk: &desk)
            return
        }
        self.conversation.abandon(desk: &desk)
        desk.stopTimers(self.owner)
        if now - self.madeAt > Limits.longestPause { self.failures = 0 }
        self.failures += 1
        var pause = Duration.zero
        if let retryAfter {
            pause = .seconds(Int64(min(retryAfter, Limits.maximumRetryAfter)))
        } else if !atOnce || self.failures > 1 {
            pause = desk.pause(failures: self.failures)
        }
        self.phase = .waiting
        desk.report(.subscriptionEnded(self.id, reason, retryAt: now + pause))
        if pause == .zero {
            self.subscribe(at: now, desk: &desk)
        } else {
            desk.setTimer(self.owner, .retry, at: now + pause)
        }
    }
}
