package import Ground

/// What time does: subscriptions end, paced and due notifications are sent; and the start with what the storage kept.
extension Notifier {
    /// When a subscription next wants attention.
    private static func deadline(of entry: NotifierEntry, at now: Instant) -> Instant {
        var next = entry.machine.isTerminated ? Instant.distantFuture : entry.expires
        switch entry.machine.delivery {
        case .paced(let until), .held(let until): next = min(next, until)
        case .idle:
            if entry.machine.isActive, let due = entry.rate.latest(after: entry.lastNotified, at: now) {
                next = min(next, due)
            }
        case .outstanding: break
        }
        return next
    }

    /// Sets the deadline of a subscription.
    mutating func arm(_ id: UInt64, at now: Instant) {
        guard let entry = self.entries[id] else { return }
        let next = Self.deadline(of: entry, at: now)
        if next == .distantFuture { self.deadlines.remove(id) } else { self.deadlines.set(id, at: next) }
    }

    /// The time that ``nextDeadline`` named has come.
    package mutating func deadlineReached(at now: Instant, into orders: inout [NotifierOrder]) {
        while let id = self.deadlines.popDue(at: now) { self.due(id, at: now, into: &orders) }
    }

    private mutating func due(_ id: UInt64, at now: Instant, into orders: inout [NotifierOrder]) {
        guard let entry = self.entries[id] else { return }
        if entry.expires <= now, !entry.machine.isTerminated {
            // RFC 6665 §4.2.1.4: not refreshed in time.
            self.counted.subscriptionsExpired += 1
            return self.terminate(id, .timeout, at: now, into: &orders)
        }
        guard let verdict = self.entries[id]?.machine.wake(at: now) else { return }
        if verdict == .wait, let entry = self.entries[id], entry.machine.isActive, entry.machine.delivery == .idle,
            let latest = entry.rate.latest(after: entry.lastNotified, at: now), latest <= now
        {
            // RFC 6446 §6.2, §7.2: a notification is due although nothing changed.
            return self.act(on: .send, id, at: now, into: &orders)
        }
        self.act(on: verdict, id, at: now, into: &orders)
    }

    /// Goes on with what the storage kept, once at a start. What ended while the process was down ends now, and the
    /// subscribers are told; the others are told the state again (``NotifierConfiguration/resynchronisation``).
    /// - Returns: the subscriptions that live on, for the box to take up.
    package mutating func restore(
        _ records: [NotifierRecord], at now: Instant, into orders: inout [NotifierOrder]
    ) -> [NotifierStanding] {
        var living: [UInt64] = []
        var ended: [UInt64] = []
        for record in records {
            guard self.entries[record.id] == nil,
                var entry = NotifierEntry(record, packages: self.configuration.packages, at: now)
            else {
                orders.append(.observed(.damagedRecord))
                continue
            }
            if entry.expires <= now, !entry.machine.isTerminated {
                self.counted.subscriptionsExpired += 1
                entry.machine.terminate(.timeout)
            }
            self.insert(entry)
            if entry.machine.isTerminated { ended.append(entry.id) } else { living.append(entry.id) }
        }
        for id in ended { self.demand(id, at: now, into: &orders) }
        self.resynchronise(living, at: now)
        return living.compactMap { self.standing(of: $0) }
    }

    private mutating func resynchronise(_ living: [UInt64], at now: Instant) {
        let window = self.configuration.resynchronisation ?? .zero
        let step = max(window.wholeNanoseconds, 0) / Int64(max(living.count, 1))
        for (order, id) in living.enumerated() {
            if window > .zero {
                let (distance, overflow) = step.multipliedReportingOverflow(by: Int64(order + 1))
                let due = now + .nanoseconds(overflow ? window.wholeNanoseconds : distance)
                self.entries[id]?.machine.delivery = .paced(until: due)
            }
            self.arm(id, at: now)
        }
    }
}
