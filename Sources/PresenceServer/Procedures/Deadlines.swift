internal import EventNotification
internal import Ground

/// What time does: publications and subscriptions end, composed state changes by its own validity ranges, paced and
/// due notifications are sent.
extension PresenceServer {
    mutating func armPublication(_ place: UInt32) {
        let expires = self.publications[place].expires
        // An entry that comes up too early is moved on then; see LazyDeadlines.
        guard expires < self.publications[place].armed else { return }
        self.publications[place].armed = expires
        self.deadlines.set(
            at: expires, kind: DeadlineKind.publication, place: place,
            generation: self.publications.generation(of: place))
    }

    mutating func publicationDue(_ entry: LazyDeadlines.Entry, at now: Instant, into effects: inout [Effect]) {
        guard self.publications.contains(entry.place, generation: entry.generation),
            self.publications[entry.place].armed == entry.at
        else { return }
        self.publications[entry.place].armed = .distantFuture
        guard self.publications[entry.place].expires <= now else { return self.armPublication(entry.place) }
        // RFC 3903 §4.1: the state is gone, and the watchers are told.
        let owner = self.publications[entry.place].presentity
        self.counted.publicationsExpired += 1
        self.removePublication(entry.place, into: &effects)
        self.stateChanged(owner, at: now, into: &effects)
    }

    mutating func armPresentity(_ place: UInt32) {
        let next = self.presentities[place].nextChange
        guard next < self.presentities[place].armed else { return }
        self.presentities[place].armed = next
        self.deadlines.set(
            at: next, kind: DeadlineKind.presentity, place: place,
            generation: self.presentities.generation(of: place))
    }

    mutating func presentityDue(_ entry: LazyDeadlines.Entry, at now: Instant, into effects: inout [Effect]) {
        guard self.presentities.contains(entry.place, generation: entry.generation),
            self.presentities[entry.place].armed == entry.at
        else { return }
        self.presentities[entry.place].armed = .distantFuture
        guard self.presentities[entry.place].nextChange <= now else { return self.armPresentity(entry.place) }
        self.presentities[entry.place].nextChange = .distantFuture
        self.stateChanged(entry.place, at: now, into: &effects)
        guard self.presentities.contains(entry.place, generation: entry.generation) else { return }
        self.armPresentity(entry.place)
    }

    /// When a subscription next wants attention.
    private func nextDeadline(of place: UInt32, at now: Instant) -> Instant {
        let machine = self.subscriptions[place].machine
        var next = machine.isTerminated ? Instant.distantFuture : self.subscriptions[place].expires
        switch machine.delivery {
        case .paced(let until), .held(let until): next = min(next, until)
        case .idle, .outstanding: break
        }
        let extras = self.subscriptions[place].extras
        if extras != Subscription.nowhere, machine.isActive, machine.delivery == .idle,
            let due = self.extras[extras].rate.latest(after: self.subscriptions[place].lastNotified, at: now)
        {
            next = min(next, due)
        }
        return next
    }

    mutating func armSubscription(_ place: UInt32, at now: Instant) {
        let next = self.nextDeadline(of: place, at: now)
        guard next < self.subscriptions[place].armed else { return }
        self.subscriptions[place].armed = next
        self.deadlines.set(
            at: next, kind: DeadlineKind.subscription, place: place,
            generation: self.subscriptions.generation(of: place))
    }

    mutating func subscriptionDue(_ entry: LazyDeadlines.Entry, at now: Instant, into effects: inout [Effect]) {
        let place = entry.place
        guard self.subscriptions.contains(place, generation: entry.generation),
            self.subscriptions[place].armed == entry.at
        else { return }
        self.subscriptions[place].armed = .distantFuture
        if self.subscriptions[place].expires <= now, !self.subscriptions[place].machine.isTerminated {
            // RFC 6665 §4.2.2: not refreshed in time.
            self.counted.subscriptionsExpired += 1
            return self.end(place, .timeout, at: now, into: &effects)
        }
        self.act(on: self.subscriptions[place].machine.wake(at: now), place, at: now, into: &effects)
        guard self.subscriptions.contains(place, generation: entry.generation) else { return }
        self.sendIfRateWants(place, at: now, into: &effects)
        self.armSubscription(place, at: now)
    }

    /// RFC 6446 §6.2, §7.2: a notification is due although nothing changed.
    private mutating func sendIfRateWants(_ place: UInt32, at now: Instant, into effects: inout [Effect]) {
        let subscription = self.subscriptions[place]
        guard subscription.extras != Subscription.nowhere, subscription.machine.isActive,
            subscription.machine.delivery == .idle,
            let due = self.extras[subscription.extras].rate.latest(after: subscription.lastNotified, at: now),
            due <= now
        else { return }
        self.sendNotification(place, at: now, into: &effects)
    }
}
