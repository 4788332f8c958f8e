import Ground
import PresenceDocuments
import SIPTransactions
import SIPWire

/// What a NOTIFY does (RFC 6665 §4.1.3).
extension Subscriber {
    /// The response that a NOTIFY gets.
    struct Answer {
        var status: Int
        var reason: String?
        /// Further header lines: a name and a value.
        var headers: [(HeaderName, String)] = []

        static let ok = Answer(status: 200)
        static let noSubscription = Answer(status: 481, reason: "Subscription Does Not Exist")
    }

    /// Judges a NOTIFY that carries this subscription's Call-ID and tag. The answer goes out before what it says is
    /// acted on: a notifier never waits for a user.
    mutating func notifyReceived(_ message: SIPMessage, at now: Instant, desk: inout Desk) -> Answer {
        guard let cseq = try? message.cseq() else { return Answer(status: 400, reason: "Bad CSeq") }
        guard self.isSameEvent((try? message.event()) ?? nil) else { return .noSubscription }
        guard let state = (try? message.subscriptionState()) ?? nil else {
            return Answer(status: 400, reason: "Missing or Bad Subscription-State")
        }
        switch self.phase {
        case .waiting, .over: return .noSubscription
        case .established(var usage):
            // A second notifier that a forked SUBSCRIBE reached: presence has one dialog only (RFC 3856 §6.9).
            guard message.fromTag().map({ Array($0) == usage.dialog.remoteTag }) ?? false else {
                return .noSubscription
            }
            // RFC 3261 §12.2.2: what arrives out of order is refused, so that old state never replaces new.
            guard usage.dialog.accepts(message, sequence: cseq.number) else {
                return Answer(status: 500, reason: "CSeq Out of Order")
            }
            self.phase = .established(usage)
            if let refusal = self.refusal(of: message) { return refusal }
        case .notifyWait:
            guard let dialog = SubscriptionDialog(notify: message) else {
                return Answer(status: 400, reason: "Bad Contact or Record-Route")
            }
            if let refusal = self.refusal(of: message) { return refusal }
            self.phase = .established(Usage(dialog: dialog, isActive: false, expiresAt: now))
        }
        self.wasNotified = true
        desk.stopTimer(self.owner, .notifyWait)
        self.take(message, state: state, at: now, desk: &desk)
        return .ok
    }

    private func isSameEvent(_ event: EventHeader?) -> Bool {
        guard let event, event.package.elementsEqual(self.request.package.utf8) else { return false }
        return event.id.map { $0.text } == self.request.eventID
    }

    /// What makes a NOTIFY impossible to take: an extension or a body that was never offered.
    private func refusal(of message: SIPMessage) -> Answer? {
        let required = message.list(.require)
        if !required.isEmpty {
            let names = required.map(\.text).joined(separator: ", ")
            return Answer(status: 420, headers: [(.unsupported, names)])
        }
        guard !message.body.isEmpty else { return nil }
        if let encoding = message.first(.contentEncoding), !encoding.equalsIgnoringCase("identity") {
            return Answer(status: 415, headers: [(.acceptEncoding, "identity")])
        }
        var accepted = self.request.acceptedTypes
        if self.request.partial { accepted.append("application/pidf-diff+xml") }
        guard !accepted.isEmpty else { return nil }
        let answer = Answer(status: 415, headers: [(.accept, accepted.joined(separator: ", "))])
        guard let type = (try? message.contentType()) ?? nil else { return answer }
        let essence = String(decoding: type.essence, as: UTF8.self)
        return accepted.contains { $0.lowercased() == essence } ? nil : answer
    }

    private mutating func take(
        _ message: SIPMessage, state: SubscriptionState, at now: Instant, desk: inout Desk
    ) {
        self.takeBody(of: message, at: now, desk: &desk)
        if state.isTerminated {
            self.terminated(state, at: now, desk: &desk)
            return
        }
        // RFC 6665 §4.1.3: the time in the NOTIFY counts; where it is missing, that of the 2xx, else what was asked.
        let asked = self.isFetch ? 0 : self.request.expires
        let expires = min(state.expires ?? self.granted ?? asked, Limits.maximumExpires)
        let isPending = state.isPending
        if case .established(var usage) = self.phase {
            usage.isActive = !isPending
            self.phase = .established(usage)
        }
        self.extend(by: expires, at: now, desk: &desk)
        if !self.isFetch, self.reportedActive != !isPending {
            self.reportedActive = !isPending
            desk.report(
                .subscriptionChanged(self.id, isPending ? .pending(expires: expires) : .active(expires: expires)))
        }
        self.sendWhatWaits(at: now, desk: &desk)
    }

    /// The table of RFC 6665 §4.1.3: what a subscriber does after each reason.
    private mutating func terminated(_ state: SubscriptionState, at now: Instant, desk: inout Desk) {
        let reason = UserAgent.TerminationReason(state.reason)
        if self.isFetch {
            // The one NOTIFY of a fetch is always terminated (RFC 6665 §4.4.3); only a refusal is worth a word.
            let isPlain = reason == .timeout || reason == .other(nil)
            self.end(isPlain ? .asOrdered : .terminated(reason), desk: &desk)
            return
        }
        if self.isEnding {
            self.end(.asOrdered, desk: &desk)
            return
        }
        let ended = UserAgent.EndReason.terminated(reason)
        switch reason {
        case .deactivated, .timeout:
            self.lose(ended, retryAfter: nil, atOnce: true, at: now, desk: &desk)
        case .probation:
            self.lose(ended, retryAfter: state.retryAfter, atOnce: false, at: now, desk: &desk)
        case .giveUp, .other:
            self.lose(ended, retryAfter: state.retryAfter, atOnce: true, at: now, desk: &desk)
        case .rejected, .noResource, .invariant, .badFilter: self.end(ended, desk: &desk)
        }
    }

    // MARK: The state itself

    private mutating func takeBody(of message: SIPMessage, at now: Instant, desk: inout Desk) {
        let entityTag = message.first(.sipETag).map { Array($0) }
        guard !message.body.isEmpty else {
            // RFC 5839 §5.2: a NOTIFY without a body and with the tag that is known confirms the state.
            if let entityTag, entityTag == self.entityTag { desk.report(.stateUnchanged(self.id)) }
            return
        }
        let type = ((try? message.contentType()) ?? nil)?.essence ?? []
        let typeText = String(decoding: type, as: UTF8.self)
        if self.request.package == SubscriptionRequest.watcherInformationPackage,
            typeText == "application/watcherinfo+xml"
        {
            self.takeWatchers(message.body, at: now, desk: &desk)
            return
        }
        guard self.request.package == "presence" else {
            self.entityTag = entityTag
            desk.report(.notified(self.id, contentType: typeText, body: Array(message.body)))
            return
        }
        do throws(DocumentFault) {
            let isPartial = typeText == "application/pidf-diff+xml"
            guard let document = try self.document(in: message.body, isPartial: isPartial) else {
                self.askForFullState(at: now, desk: &desk)
                return
            }
            self.entityTag = entityTag
            self.lostDifferences = 0
            if document == self.document, !self.isFetch {
                desk.report(.stateUnchanged(self.id))
            } else {
                self.document = document
                desk.report(.presenceChanged(self.id, document))
            }
        } catch {
            desk.report(.notificationUnreadable(self.id, reason: error.reason))
            if typeText == "application/pidf-diff+xml" { self.askForFullState(at: now, desk: &desk) }
        }
    }

    /// RFC 3858 §4: changes are merged into what is known; a gap is closed by a refresh, which brings the full state.
    private mutating func takeWatchers(_ body: Octets, at now: Instant, desk: inout Desk) {
        do throws(DocumentFault) {
            switch try self.watchers.take(body) {
            case .news(let report):
                self.lostDifferences = 0
                desk.report(.watchersChanged(self.id, report))
            case .newsWithGap(let report):
                desk.report(.watchersChanged(self.id, report))
                self.askForFullState(at: now, desk: &desk)
            case .late: break
            }
        } catch {
            desk.report(.notificationUnreadable(self.id, reason: error.reason))
            self.askForFullState(at: now, desk: &desk)
        }
    }

    /// The whole state after a body; nil where a difference does not follow what is known (RFC 5263 §4.4).
    private mutating func document(
        in body: Octets, isPartial: Bool
    ) throws(DocumentFault) -> PresenceDocument? {
        guard isPartial else {
            // RFC 5263 §4.4: after a change of type the old state is void; the version goes on.
            return try PresenceDocument.parse(body)
        }
        switch try PartialPresence.parse(body) {
        case .full(let document, let version):
            self.partialVersion = version ?? self.partialVersion
            return document
        case .difference(_, let version):
            let verdict = PartialPresence.verdict(
                received: version ?? 0, isFull: false, known: self.document == nil ? nil : self.partialVersion)
            switch verdict {
            case .discard: return self.document
            case .refresh: return nil
            case .take:
                guard let known = self.document else { return nil }
                let document = try PartialPresence.applying(body, to: known)
                self.partialVersion = version
                return document
            }
        }
    }

    /// A refresh brings the full state (RFC 5263 §4.4). Where that does not help, whole documents are asked for.
    private mutating func askForFullState(at now: Instant, desk: inout Desk) {
        self.lostDifferences += 1
        if self.lostDifferences > 2 { self.request.partial = false }
        guard self.lostDifferences <= Limits.maximumCorrections, !self.isFetch else { return }
        self.refreshWanted = true
    }
}

extension UserAgent.TerminationReason {
    /// Reads the `reason` parameter.
    init(_ reason: Octets?) {
        guard let reason else {
            self = .other(nil)
            return
        }
        switch reason.text.lowercased() {
        case "deactivated": self = .deactivated
        case "probation": self = .probation
        case "rejected": self = .rejected
        case "timeout": self = .timeout
        case "giveup": self = .giveUp
        case "noresource": self = .noResource
        case "invariant": self = .invariant
        case "badfilter": self = .badFilter
        default: self = .other(reason.text)
        }
    }
}
