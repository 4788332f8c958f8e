import Ground
import SIPTransactions
import SIPWire

/// Answers to SUBSCRIBE (RFC 6665 §4.1.2).
extension Subscriber {
    /// Refusals of a refresh after which the subscription is gone (RFC 6665 §4.1.2.2, RFC 5057 §5).
    private static let fatal: Set<Int> = [404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604]

    mutating func responseReceived(_ message: SIPMessage, at now: Instant, desk: inout Desk) {
        switch self.conversation.responseReceived(message, desk: &desk) {
        case .sentAgain: break
        case .problem(let problem): self.refused(problem, message: message, at: now, desk: &desk)
        case .final:
            if (200..<300).contains(message.status) {
                self.accepted(message, at: now, desk: &desk)
            } else if !self.corrected(message, at: now, desk: &desk) {
                self.refused(message.refusal, message: message, at: now, desk: &desk)
            }
        }
    }

    mutating func requestFailed(_ failure: RequestFailure, at now: Instant, desk: inout Desk) {
        self.conversation.requestFailed(desk: &desk)
        self.refused(UserAgent.Problem(failure), message: nil, at: now, desk: &desk)
    }

    private mutating func accepted(_ message: SIPMessage, at now: Instant, desk: inout Desk) {
        // A 2xx may shorten the time, never lengthen it (RFC 6665 §4.1.2.1).
        let asked = self.isFetch || self.sentRemoval ? 0 : self.request.expires
        let granted = min(message.seconds(.expires) ?? asked, asked)
        self.granted = granted
        guard case .established(var usage) = self.phase else { return }
        usage.dialog.refreshTarget(from: message)
        self.phase = .established(usage)
        if message.status == 204 {
            // RFC 5839 §5.4: nothing has changed, and no NOTIFY follows.
            desk.stopTimer(self.owner, .notifyWait)
            desk.report(.stateUnchanged(self.id))
            if self.sentRemoval {
                self.end(.asOrdered, desk: &desk)
                return
            }
            self.extend(by: granted, at: now, desk: &desk)
        } else if !self.wasNotified, !self.sentRemoval {
            self.extend(by: granted, at: now, desk: &desk)
        }
        self.sendWhatWaits(at: now, desk: &desk)
    }

    /// Sends the request that had to wait for the answer to the one before.
    mutating func sendWhatWaits(at now: Instant, desk: inout Desk) {
        guard case .established(let usage) = self.phase, !self.conversation.isBusy, !self.sentRemoval else { return }
        if self.isEnding {
            self.sendInDialog(usage, ends: true, at: now, desk: &desk)
        } else if self.refreshWanted {
            self.sendInDialog(usage, ends: false, at: now, desk: &desk)
        }
    }

    /// Counts the granted time anew and plans the next refresh (REQ-24141-16).
    mutating func extend(by seconds: UInt32, at now: Instant, desk: inout Desk) {
        guard case .established(var usage) = self.phase else { return }
        let granted = min(seconds, Limits.maximumExpires)
        usage.expiresAt = now + .seconds(Int64(granted))
        self.phase = .established(usage)
        desk.setTimer(self.owner, .expiry, at: usage.expiresAt + Limits.expiryGrace)
        if !self.isFetch, !self.isEnding {
            desk.setTimer(self.owner, .refresh, at: now + Desk.refreshDelay(granted: granted))
        }
    }

    /// Tries a refused request again in a form that the answer asks for. False: there is none.
    private mutating func corrected(_ message: SIPMessage, at now: Instant, desk: inout Desk) -> Bool {
        guard self.corrections < Limits.maximumCorrections, !self.sentRemoval else { return false }
        switch message.status {
        case 423:
            // RFC 6665 §4.1.2.1: again, for at least as long as the notifier wants.
            guard let minimum = message.seconds(.minExpires), minimum > self.request.expires,
                minimum <= Limits.maximumMinExpires, !self.isFetch
            else { return false }
            self.request.expires = minimum
        case 406, 415:
            // RFC 5263 §4.1: a notifier that does not want to hear of differences is asked for whole documents.
            guard self.request.partial else { return false }
            self.request.partial = false
        default: return false
        }
        self.corrections += 1
        switch self.phase {
        case .notifyWait: self.sendInitialAgain(at: now, desk: &desk)
        case .established(let usage): self.sendInDialog(usage, ends: false, at: now, desk: &desk)
        case .waiting, .over: return false
        }
        return true
    }

    private mutating func refused(
        _ problem: UserAgent.Problem, message: SIPMessage?, at now: Instant, desk: inout Desk
    ) {
        let status = message?.status ?? 408
        switch self.phase {
        case .notifyWait:
            if self.isEnding {
                self.end(.asOrdered, desk: &desk)
            } else if message?.retryAfter != nil || Self.isTemporary(status) {
                self.lose(
                    .failed(problem), retryAfter: message?.retryAfter, atOnce: false, at: now, desk: &desk)
            } else {
                self.end(.failed(problem), desk: &desk)
            }
        case .established(let usage):
            self.refreshRefused(problem, message: message, usage: usage, at: now, desk: &desk)
        case .waiting, .over: break
        }
    }

    /// RFC 6665 §4.1.2.2: some refusals end the subscription; after the others it lasts until its time is over, and
    /// the refresh is tried again before that.
    private mutating func refreshRefused(
        _ problem: UserAgent.Problem, message: SIPMessage?, usage: Usage, at now: Instant, desk: inout Desk
    ) {
        desk.stopTimer(self.owner, .notifyWait)
        if self.sentRemoval || self.isEnding {
            self.end(.asOrdered, desk: &desk)
            return
        }
        if let message, Self.fatal.contains(message.status) {
            if message.status == 481 {
                self.lose(.failed(problem), retryAfter: nil, atOnce: true, at: now, desk: &desk)
            } else if message.status == 480 {
                self.lose(.failed(problem), retryAfter: message.retryAfter, atOnce: false, at: now, desk: &desk)
            } else {
                self.end(.failed(problem), desk: &desk)
            }
            return
        }
        let remaining = usage.expiresAt - now
        let half = max(Limits.shortestRefresh, remaining / 2)
        let pause = message?.retryAfter.map { Duration.seconds(Int64($0)) } ?? half
        if pause < remaining { desk.setTimer(self.owner, .refresh, at: now + pause) }
    }
}
