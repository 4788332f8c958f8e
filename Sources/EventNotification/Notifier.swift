package import Ground
internal import SIPTransactions
internal import SIPWire

/// A notifier of event packages (RFC 6665 §4.2) as a value inside a box: it keeps the subscriptions, their dialogs and
/// their times, and knows nothing of what is watched.
///
/// The way of a SUBSCRIBE: the box hands it to ``admit(_:)``, finds out who sent it, and hands it to
/// ``examine(_:package:identity:into:)``. What comes back is a ``SubscribeWish``. The box judges it, reads its body, and
/// calls ``accept(_:resource:watcher:isPending:context:tag:at:into:)`` or ``refuse(_:_:into:)``. The way of a NOTIFY: the
/// box says ``changed(_:at:into:)``; when the rates and the NOTIFY before it allow, the notifier orders
/// ``NotifierOrder/contentWanted(_:)``, and the box answers with ``notify(_:_:at:into:)``.
///
/// What must survive a restart is in records that are written when a subscription begins, changes or ends, and not for
/// every NOTIFY: with each record a block of CSeq numbers is set aside, and a restart goes on behind the block.
package struct Notifier: Sendable {
    package let configuration: NotifierConfiguration
    /// What was done so far; gauges are brought up to date when this is read.
    package var counters: NotifierCounters {
        var counters = self.counted
        counters.pendingSubscriptions = self.entries.values.count { $0.machine.isPending }
        counters.activeSubscriptions = self.entries.count - counters.pendingSubscriptions
        counters.notificationsUnderWay = self.outstanding.count
        return counters
    }

    var entropy: Entropy
    var entries: [UInt64: NotifierEntry] = [:]
    /// How many subscriptions a subscriber has.
    var watchers: [[UInt8]: Int] = [:]
    /// From the transaction of a NOTIFY under way to its subscription.
    var outstanding: [UInt64: UInt64] = [:]
    var deadlines = DeadlineQueue<UInt64>()
    var counted = NotifierCounters()
    var isDraining = false

    /// - Parameter entropy: a source of the notifier's own, or a copy of one that nothing was drawn from yet.
    package init(configuration: NotifierConfiguration, entropy: Entropy) {
        self.configuration = configuration
        self.entropy = entropy
    }

    /// When ``deadlineReached(at:into:)`` wants to be called next; nil while nothing is waited for.
    package var nextDeadline: Instant? { self.deadlines.next }

    /// How many subscriptions there are.
    package var count: Int { self.entries.count }

    /// The names of all subscriptions, in order.
    package var identifiers: [UInt64] { self.entries.keys.sorted() }

    /// What is known about a subscription; nil if there is none of that name.
    package func standing(of id: UInt64) -> NotifierStanding? {
        guard let entry = self.entries[id] else { return nil }
        return NotifierStanding(
            id: id, resource: entry.resource, watcher: entry.watcher, package: entry.package,
            isPending: entry.machine.isPending, isTerminated: entry.machine.isTerminated, expires: entry.expires,
            contentType: entry.contentType, context: entry.context)
    }

    // MARK: What the box says

    /// What is watched changed. A pending subscription is shown nothing, so nothing changes for it.
    package mutating func changed(_ id: UInt64, at now: Instant, into orders: inout [NotifierOrder]) {
        guard let entry = self.entries[id], entry.machine.isActive else { return }
        let earliest = self.earliest(for: entry)
        guard let verdict = self.entries[id]?.machine.changed(earliest: earliest, at: now) else { return }
        self.act(on: verdict == .send ? .sendIfChanged : verdict, id, at: now, into: &orders)
    }

    /// The subscription is accepted, finally or again: RFC 6665 §4.2.2 wants the full state told at once.
    package mutating func activate(_ id: UInt64, at now: Instant, into orders: inout [NotifierOrder]) {
        guard let entry = self.entries[id], entry.machine.isPending else { return }
        self.entries[id]?.machine.activate()
        self.entries[id]?.needsWhole = true
        self.keep(id, into: &orders)
        self.demand(id, at: now, into: &orders)
    }

    /// The decision about the subscription is taken back: it is pending, and is shown nothing (RFC 5025 §3.2.1).
    package mutating func suspend(_ id: UInt64, at now: Instant, into orders: inout [NotifierOrder]) {
        guard let entry = self.entries[id], entry.machine.isActive else { return }
        self.entries[id]?.machine.suspend()
        self.entries[id]?.lastTag = 0
        self.keep(id, into: &orders)
        self.demand(id, at: now, into: &orders)
    }

    /// Ends a subscription and tells the subscriber, as soon as the NOTIFY under way allows (RFC 6665 §4.1.3).
    /// - Parameters:
    ///   - withState: whether the last NOTIFY carries the state, where the subscriber may see it.
    ///   - retryAfter: seconds after which another try makes sense; told where the reason leaves it a meaning.
    package mutating func terminate(
        _ id: UInt64, _ reason: TerminationReason, withState: Bool = false, retryAfter: UInt32? = nil,
        at now: Instant, into orders: inout [NotifierOrder]
    ) {
        guard let entry = self.entries[id], !entry.machine.isTerminated else { return }
        self.entries[id]?.endsWithState = withState && entry.machine.isActive
        self.entries[id]?.machine.terminate(reason)
        switch reason {
        case .probation, .giveup, .invariant, .badfilter: self.entries[id]?.retryAfter = retryAfter
        case .deactivated, .rejected, .timeout, .noresource: break
        }
        if case .outstanding = entry.machine.delivery {
            // The end is told when the NOTIFY under way is answered; after a crash it is told at the restart.
            self.entries[id]?.expires = min(entry.expires, now)
            self.keep(id, into: &orders)
        }
        self.demand(id, at: now, into: &orders)
    }

    /// Gives the subscription other bytes to keep for the box.
    /// - Parameter stores: whether they have to survive a restart from now on; else they go with the next record.
    package mutating func setContext(
        _ context: [UInt8], of id: UInt64, stores: Bool, into orders: inout [NotifierOrder]
    ) {
        guard self.entries[id] != nil else { return }
        self.entries[id]?.context = context
        if stores { self.keep(id, into: &orders) }
    }

    /// The process is about to end. Subscriptions stay for the restart, or are sent elsewhere (RFC 6665 §4.4.2).
    package mutating func drain(at now: Instant, into orders: inout [NotifierOrder]) {
        self.isDraining = true
        guard self.configuration.deactivatesWhenDrained else { return }
        for id in self.identifiers { self.terminate(id, .deactivated, at: now, into: &orders) }
    }

    // MARK: The machine

    /// Does what the machine of a subscription decided.
    mutating func act(
        on verdict: NotifierSubscription.Verdict, _ id: UInt64, at now: Instant, into orders: inout [NotifierOrder]
    ) {
        switch verdict {
        case .wait, .waitUntil: self.arm(id, at: now)
        case .send: self.want(id, .whole, at: now, into: &orders)
        case .sendIfChanged: self.want(id, .change, at: now, into: &orders)
        }
    }

    /// A notification is owed at once.
    mutating func demand(_ id: UInt64, at now: Instant, into orders: inout [NotifierOrder]) {
        guard let verdict = self.entries[id]?.machine.demanded() else { return }
        self.act(on: verdict, id, at: now, into: &orders)
    }

    /// Asks the box for content, or sends what needs none.
    private mutating func want(
        _ id: UInt64, _ occasion: NotifierOccasion, at now: Instant, into orders: inout [NotifierOrder]
    ) {
        guard let entry = self.entries[id] else { return }
        switch entry.machine {
        case .pending: return self.send(id, nil, at: now, into: &orders)
        case .terminated where !entry.endsWithState: return self.send(id, nil, at: now, into: &orders)
        case .active, .terminated: break
        }
        let needed: NotifierOccasion = entry.needsWhole || entry.machine.isTerminated ? .whole : occasion
        self.entries[id]?.wanted = max(entry.wanted ?? needed, needed)
        if entry.wanted == nil { orders.append(.contentWanted(id)) }
    }

    /// When the rates allow the next ordinary notification.
    func earliest(for entry: NotifierEntry) -> Instant {
        let advised = Duration.seconds(Int64(self.configuration.packages[entry.package].advisedInterval))
        let baseline = (self.configuration.minimumInterval ?? advised).wholeNanoseconds
        return entry.rate.earliest(after: entry.lastNotified, baseline: baseline)
    }

    // MARK: Records

    /// Stores a subscription that lives, with a fresh block of CSeq numbers.
    mutating func keep(_ id: UInt64, into orders: inout [NotifierOrder]) {
        guard let entry = self.entries[id], entry.isStored else { return }
        let (sum, overflow) = entry.dialog.localSequence.addingReportingOverflow(
            self.configuration.limits.reservedSequenceNumbers)
        self.entries[id]?.reserved = overflow ? 0x7FFF_FFFE : min(sum, 0x7FFF_FFFE)
        guard let changed = self.entries[id] else { return }
        orders.append(.store(changed.record(in: self.configuration.packages)))
    }

    /// Takes a subscription out of all tables and the store. Nothing is sent.
    mutating func remove(_ id: UInt64, into orders: inout [NotifierOrder]) {
        guard let entry = self.entries.removeValue(forKey: id) else { return }
        if case .outstanding(let transaction, _) = entry.machine.delivery { self.outstanding[transaction] = nil }
        let others = (self.watchers[entry.watcher] ?? 1) - 1
        self.watchers[entry.watcher] = others > 0 ? others : nil
        self.deadlines.remove(id)
        if entry.isStored { orders.append(.forget(id)) }
        orders.append(.ended(id))
    }

    /// Puts a subscription into the tables.
    mutating func insert(_ entry: NotifierEntry) {
        self.entries[entry.id] = entry
        self.watchers[entry.watcher, default: 0] += 1
    }
}
