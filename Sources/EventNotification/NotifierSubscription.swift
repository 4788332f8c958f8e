package import Ground

/// Why a subscription ended: the reason of Subscription-State (RFC 6665 §4.1.3, RFC 4660 §5.2).
package enum TerminationReason: UInt8, Hashable, Sendable, CaseIterable {
    case deactivated, probation, rejected, timeout, giveup, noresource, invariant, badfilter

    /// The token of the reason parameter.
    package var token: StaticString {
        switch self {
        case .deactivated: "deactivated"
        case .probation: "probation"
        case .rejected: "rejected"
        case .timeout: "timeout"
        case .giveup: "giveup"
        case .noresource: "noresource"
        case .invariant: "invariant"
        case .badfilter: "badfilter"
        }
    }
}

/// A subscription as its notifier sees it (RFC 6665 §4.2, figure 3), with the delivery of its notifications.
///
/// One NOTIFY at a time is on its way in a dialog; what changes meanwhile is told by the next one. Each case holds
/// only what is true in it.
package enum NotifierSubscription: Hashable, Sendable {
    /// Nobody decided yet; notifications carry no state. Goes to active or terminated by a decision, to terminated
    /// by time.
    case pending(Delivery)
    /// Accepted. Goes to pending when the decision is taken back, to terminated by a decision, by time, by the
    /// watcher or by a NOTIFY that finds nobody.
    case active(Delivery)
    /// Ended, and the watcher has yet to be told: the last NOTIFY waits for the one before it.
    case terminated(TerminationReason, Delivery)

    /// Where the notifications of a subscription stand.
    package enum Delivery: Hashable, Sendable {
        /// The watcher was told everything.
        case idle
        /// Something changed, and the rate control holds it back until then.
        case paced(until: Instant)
        /// A NOTIFY is on its way under this transaction.
        case outstanding(transaction: UInt64, next: Urgency)
        /// The watcher asked to be left alone until then (5xx with Retry-After).
        case held(until: Instant)
    }

    /// What is to follow when the NOTIFY on its way is answered.
    package enum Urgency: UInt8, Hashable, Sendable, Comparable {
        /// Nothing.
        case nothing
        /// A change, if it still is one, when the rate control allows.
        case change
        /// A notification in any case: a SUBSCRIBE was accepted, or the state of the subscription itself changed.
        case demand

        package static func < (left: Urgency, right: Urgency) -> Bool { left.rawValue < right.rawValue }
    }

    /// What to do now.
    package enum Verdict: Hashable, Sendable {
        /// Nothing; somebody else wakes the subscription up.
        case wait
        /// Wait until then.
        case waitUntil(Instant)
        /// Send a NOTIFY with the current state.
        case send
        /// Send one if the state is not the one that was sent last.
        case sendIfChanged
    }

    /// The delivery inside whatever state.
    package var delivery: Delivery {
        get {
            switch self {
            case .pending(let delivery), .active(let delivery), .terminated(_, let delivery): delivery
            }
        }
        set {
            switch self {
            case .pending: self = .pending(newValue)
            case .active: self = .active(newValue)
            case .terminated(let reason, _): self = .terminated(reason, newValue)
            }
        }
    }

    package var isPending: Bool { if case .pending = self { true } else { false } }
    package var isActive: Bool { if case .active = self { true } else { false } }
    package var isTerminated: Bool { if case .terminated = self { true } else { false } }

    /// The watched state changed.
    /// - Parameter earliest: when the rate control allows the next notification.
    package mutating func changed(earliest: Instant, at now: Instant) -> Verdict {
        switch self.delivery {
        case .idle:
            guard earliest > now else { return .send }
            self.delivery = .paced(until: earliest)
            return .waitUntil(earliest)
        case .paced(let until): return .waitUntil(until)
        case .outstanding(let transaction, let next):
            self.delivery = .outstanding(transaction: transaction, next: max(next, .change))
            return .wait
        case .held(let until): return .waitUntil(until)
        }
    }

    /// A notification is owed at once, whatever the rates say: RFC 6446 §5.2 exempts the answer to a SUBSCRIBE, the
    /// change from pending to active and the end.
    package mutating func demanded() -> Verdict {
        guard case .outstanding(let transaction, _) = self.delivery else { return .send }
        self.delivery = .outstanding(transaction: transaction, next: .demand)
        return .wait
    }

    /// A NOTIFY was sent.
    package mutating func sent(transaction: UInt64) {
        self.delivery = .outstanding(transaction: transaction, next: .nothing)
    }

    /// The time that ``Verdict/waitUntil(_:)`` named has come.
    package mutating func wake(at now: Instant) -> Verdict {
        switch self.delivery {
        case .paced(let until), .held(let until):
            guard until <= now else { return .waitUntil(until) }
            self.delivery = .idle
            return .sendIfChanged
        case .idle, .outstanding: return .wait
        }
    }

    /// The NOTIFY under way was answered and the subscription lives on.
    /// - Parameters:
    ///   - retryAt: when the watcher wants to hear again, if it said so.
    ///   - earliest: when the rate control allows the next notification.
    package mutating func answered(retryAt: Instant?, earliest: Instant, at now: Instant) -> Verdict {
        guard case .outstanding(_, let next) = self.delivery else { return .wait }
        if let retryAt {
            self.delivery = .held(until: retryAt)
            return .waitUntil(retryAt)
        }
        self.delivery = .idle
        switch next {
        case .nothing: return .wait
        case .demand: return .send
        case .change:
            guard earliest > now else { return .sendIfChanged }
            self.delivery = .paced(until: earliest)
            return .waitUntil(earliest)
        }
    }

    /// The subscription was accepted, finally or again.
    package mutating func activate() { self = .active(self.delivery) }

    /// The decision about the subscription was taken back (RFC 5025 §3.2.1).
    package mutating func suspend() { self = .pending(self.delivery) }

    /// The subscription ended. The first reason stays.
    package mutating func terminate(_ reason: TerminationReason) {
        guard !self.isTerminated else { return }
        self = .terminated(reason, self.delivery)
    }

    /// The state as one byte for storage: 0 pending, 1 active, 16 and more terminated for a reason.
    package var storedState: UInt8 {
        switch self {
        case .pending: 0
        case .active: 1
        case .terminated(let reason, _): 16 &+ reason.rawValue
        }
    }

    /// The state that a byte of storage means, with nothing under way. Nil for a byte that means nothing.
    package init?(storedState: UInt8) {
        switch storedState {
        case 0: self = .pending(.idle)
        case 1: self = .active(.idle)
        default:
            guard storedState >= 16, let reason = TerminationReason(rawValue: storedState - 16) else { return nil }
            self = .terminated(reason, .idle)
        }
    }
}
