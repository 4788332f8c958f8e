import Ground
import PresenceDocuments
import SIPTransactions
import SIPWire

/// The event publication agent of the user's presence (RFC 3903 §4, TS 24.141 §5.3.1).
///
/// It knows what the user wants published and what the compositor holds, and sends one PUBLISH after the other until
/// both agree; two are never in flight together (RFC 3903 §4.1).
struct Publisher: Sendable {
    /// What the PUBLISH in flight does (RFC 3903 §4.1, Table 1).
    private enum Operation {
        case initial, refresh, modify, remove
    }

    /// What the compositor holds.
    private struct Held {
        var entityTag: [UInt8]
        var document: PresenceDocument
        var expiresAt: Instant
    }

    private var conversation: Conversation
    private var tag: [UInt8] = []
    private var callID: [UInt8] = []
    /// What the user wants published; nil: nothing.
    private var wanted: PresenceDocument?
    private var held: Held?
    private var inFlight: (operation: Operation, document: PresenceDocument?)?
    private var expires: UInt32
    private var usesPartial: Bool
    private var partialVersion: UInt32 = 0
    /// Whether the last partial body was a difference.
    private var sentDifference = false
    private var corrections = 0
    private var failures = 0
    private var lastChangeAt: Instant?
    /// Until when a Retry-After forbids to publish.
    private var throttledUntil: Instant?
    /// Whether the user is to be told that nothing is published any more.
    private var reportsRemoval = false

    init(desk: inout Desk) {
        self.conversation = Conversation(owner: .publication, desk: &desk)
        self.expires = desk.configuration.publicationExpires
        self.usesPartial = desk.configuration.partialPublication
    }

    /// Whether nothing is published and nothing is on its way.
    var isIdle: Bool { self.held == nil && self.inFlight == nil && self.wanted == nil }

    mutating func publish(_ document: PresenceDocument, at now: Instant, desk: inout Desk) {
        self.wanted = document
        self.corrections = 0
        self.failures = 0
        // A compositor that asked for a pause gets it, whatever the user types meanwhile (RFC 3903 §4.2).
        if self.throttledUntil.map({ $0 <= now }) ?? true { desk.stopTimer(.publication, .retry) }
        self.proceed(at: now, desk: &desk)
    }

    mutating func unpublish(at now: Instant, desk: inout Desk) {
        self.wanted = nil
        self.reportsRemoval = true
        self.corrections = 0
        desk.stopTimers(.publication)
        self.proceed(at: now, desk: &desk)
    }

    /// Sends what makes the compositor agree with the user, unless an answer or a pause is waited for.
    private mutating func proceed(at now: Instant, desk: inout Desk) {
        guard self.inFlight == nil else { return }
        guard let wanted = self.wanted else {
            if self.held != nil {
                self.send(.remove, document: nil, at: now, desk: &desk)
            } else if self.reportsRemoval {
                self.reportsRemoval = false
                desk.report(.unpublished)
            }
            return
        }
        guard desk.timers.deadline(of: TimerKey(owner: .publication, purpose: .retry)) == nil else { return }
        if self.held?.document == wanted { return }
        if let last = self.lastChangeAt {
            // A configured maximum rate (REQ-24141-5): the newest state waits for its turn.
            let earliest = last + desk.configuration.minimumPublicationInterval
            guard earliest <= now else {
                desk.setTimer(.publication, .retry, at: earliest)
                return
            }
        }
        self.lastChangeAt = now
        self.send(self.held == nil ? .initial : .modify, document: wanted, at: now, desk: &desk)
    }

    mutating func timerFired(_ purpose: TimerKey.Purpose, at now: Instant, desk: inout Desk) {
        switch purpose {
        case .refresh:
            guard self.inFlight == nil, self.wanted != nil else { return }
            if let held = self.held, held.document == self.wanted, held.expiresAt > now {
                self.corrections = 0
                self.send(.refresh, document: nil, at: now, desk: &desk)
            } else {
                if let held = self.held, held.expiresAt <= now { self.held = nil }
                self.proceed(at: now, desk: &desk)
            }
        case .retry:
            self.corrections = 0
            if let held = self.held, held.expiresAt <= now { self.held = nil }
            if let held = self.held, held.document == self.wanted, self.inFlight == nil {
                self.send(.refresh, document: nil, at: now, desk: &desk)
            } else {
                self.proceed(at: now, desk: &desk)
            }
        case .expiry, .notifyWait: break
        }
    }

    private mutating func send(
        _ operation: Operation, document: PresenceDocument?, at now: Instant, desk: inout Desk
    ) {
        if self.callID.isEmpty {
            self.callID = desk.entropy.token()
            self.tag = desk.entropy.token()
        }
        let identity = Array(desk.configuration.identity.utf8)
        let address = Array("<".utf8) + identity + Array(">".utf8)
        // REQ-24141-10: Request-URI and To are the presentity.
        var draft = Draft(
            method: .publish, uri: identity, routes: desk.initialRoutes,
            from: address + Array(";tag=".utf8) + self.tag, to: address, callID: self.callID)
        draft.add("Event", text: "presence")
        draft.add("Expires", number: operation == .remove ? 0 : self.expires)
        if operation != .initial, let held = self.held { draft.add("SIP-If-Match", held.entityTag) }
        if let document { self.fill(&draft, with: document, operation: operation) }
        self.inFlight = (operation, document)
        self.conversation.begin(draft, desk: &desk)
    }

    /// The body: the whole state, or what has changed where that is smaller (RFC 5264 §4).
    private mutating func fill(_ draft: inout Draft, with document: PresenceDocument, operation: Operation) {
        guard self.usesPartial else {
            self.sentDifference = false
            draft.contentType = "application/pidf+xml"
            draft.body = document.serialisedAsPublished()
            return
        }
        draft.contentType = "application/pidf-diff+xml"
        self.partialVersion = self.partialVersion &+ 1
        self.sentDifference = false
        if operation == .modify, let held = self.held,
            let difference = PartialPresence.difference(
                from: held.document, to: document, version: self.partialVersion)
        {
            draft.body = difference
            self.sentDifference = true
        } else {
            draft.body = PartialPresence.full(document, version: self.partialVersion)
        }
    }

    mutating func responseReceived(_ message: SIPMessage, at now: Instant, desk: inout Desk) {
        switch self.conversation.responseReceived(message, desk: &desk) {
        case .sentAgain: break
        case .problem(let problem):
            self.inFlight = nil
            self.failed(problem, retryAfter: nil, mayRetry: false, at: now, desk: &desk)
        case .final:
            guard let inFlight = self.inFlight else { return }
            self.inFlight = nil
            self.judge(message, inFlight.operation, inFlight.document, at: now, desk: &desk)
        }
    }

    mutating func requestFailed(_ failure: RequestFailure, at now: Instant, desk: inout Desk) {
        self.conversation.requestFailed(desk: &desk)
        self.inFlight = nil
        self.failed(UserAgent.Problem(failure), retryAfter: nil, mayRetry: true, at: now, desk: &desk)
    }

    private mutating func judge(
        _ message: SIPMessage, _ operation: Operation, _ document: PresenceDocument?, at now: Instant,
        desk: inout Desk
    ) {
        switch message.status {
        case 200..<300: self.accepted(message, operation, document, at: now, desk: &desk)
        case 412 where self.corrections < Limits.maximumCorrections:
            // RFC 3903 §4.3, REQ-24141-10: the tag is void; what was published is published anew, in full.
            self.corrections += 1
            self.held = nil
            self.lastChangeAt = nil
            desk.stopTimer(.publication, .refresh)
            self.proceed(at: now, desk: &desk)
        case 423:
            // RFC 3903 §4.2: ask again for at least as long as the compositor wants.
            guard let minimum = message.seconds(.minExpires), minimum > self.expires,
                minimum <= Limits.maximumMinExpires, self.corrections < Limits.maximumCorrections
            else {
                self.failed(message.refusal, retryAfter: nil, mayRetry: false, at: now, desk: &desk)
                return
            }
            self.corrections += 1
            self.expires = minimum
            self.send(operation, document: document, at: now, desk: &desk)
        case 400 where self.sentDifference && document != nil, 415 where self.usesPartial && document != nil:
            // RFC 5264 §4: a compositor that has no partial publication, or could not apply the difference, gets
            // whole documents.
            self.usesPartial = false
            self.send(operation, document: document, at: now, desk: &desk)
        default:
            let mayRetry = message.retryAfter != nil || Subscriber.isTemporary(message.status)
            self.failed(message.refusal, retryAfter: message.retryAfter, mayRetry: mayRetry, at: now, desk: &desk)
        }
    }

    private mutating func accepted(
        _ message: SIPMessage, _ operation: Operation, _ document: PresenceDocument?, at now: Instant,
        desk: inout Desk
    ) {
        self.failures = 0
        self.corrections = 0
        guard operation != .remove else {
            self.held = nil
            desk.stopTimers(.publication)
            self.callID = []
            self.proceed(at: now, desk: &desk)
            return
        }
        guard let entityTag = message.first(.sipETag).map({ Array($0) }), !entityTag.isEmpty,
            let current = document ?? self.held?.document
        else {
            // RFC 3903 §4.1: without the tag the publication can be neither refreshed nor removed.
            self.held = nil
            let problem = UserAgent.Problem.answerUnusable("a 200 to a PUBLISH without SIP-ETag")
            self.failed(problem, retryAfter: nil, mayRetry: true, at: now, desk: &desk)
            return
        }
        let granted = min(message.seconds(.expires) ?? self.expires, Limits.maximumExpires)
        self.held = Held(
            entityTag: entityTag, document: current, expiresAt: now + .seconds(Int64(granted)))
        desk.setTimer(.publication, .refresh, at: now + Desk.refreshDelay(granted: granted))
        desk.report(.published(entityTag: String(decoding: entityTag, as: UTF8.self), expires: granted))
        self.proceed(at: now, desk: &desk)
    }

    private mutating func failed(
        _ problem: UserAgent.Problem, retryAfter: UInt32?, mayRetry: Bool, at now: Instant, desk: inout Desk
    ) {
        guard self.wanted != nil else {
            // A removal that fails leaves the state to its expiry; nothing more can be done about it.
            self.held = nil
            desk.stopTimers(.publication)
            if self.reportsRemoval {
                self.reportsRemoval = false
                desk.report(.publicationFailed(problem, retryAt: nil))
                desk.report(.unpublished)
            }
            return
        }
        self.failures += 1
        guard mayRetry, desk.triesAgain else {
            // What the compositor holds stays until it expires; the user must order anew.
            self.wanted = nil
            self.held = nil
            desk.stopTimers(.publication)
            desk.report(.publicationFailed(problem, retryAt: nil))
            return
        }
        let pause = retryAfter.map { Duration.seconds(Int64($0)) } ?? desk.pause(failures: self.failures)
        self.throttledUntil = retryAfter == nil ? nil : now + pause
        desk.stopTimer(.publication, .refresh)
        desk.setTimer(.publication, .retry, at: now + pause)
        desk.report(.publicationFailed(problem, retryAt: now + pause))
    }
}
