internal import EventNotification
internal import Ground
internal import PresenceDocuments

/// Watchers who wait for a decision although their subscription has ended (RFC 3857 §4.7.1). They are kept over
/// restarts, for a time and in a number that is bounded: for each presentity, for each watcher, and in all.
extension PresenceServer {
    /// Lets the watcher of a pending subscription wait. False: it is not remembered.
    mutating func wait(_ place: UInt32, at now: Instant, into effects: inout [Effect]) -> Bool {
        guard self.configuration.waitingPeriod > .zero, !self.isGone(self.subscriptions[place].presentity) else {
            return false
        }
        let owner = self.subscriptions[place].presentity
        let dialog = self.subscriptions[place].dialog
        let watcher = WaitingWatcher(
            id: self.freshIdentifier(), name: dialog.watcherName, identity: Array(dialog.watcher),
            otherIdentities: dialog.otherIdentities, asksForPrivacy: dialog.asksForPrivacy,
            displayName: Self.displayName(of: dialog), madeAt: dialog.madeAt,
            until: now + self.configuration.waitingPeriod)
        if self.presentities[owner].watcherInformation != Subscription.nowhere {
            self.giveUpWaiting(
                of: owner, identity: watcher.identity, asksForPrivacy: watcher.asksForPrivacy, into: &effects)
        }
        guard self.hasRoomToWait(watcher) else {
            self.observe(.waitingLimit, into: &effects)
            return false
        }
        let state = self.watcherInformationState(of: owner)
        if self.watcherInformation[state].waiting.count >= self.configuration.limits.waitingPerPresentity,
            let longest = self.watcherInformation[state].waiting.first
        {
            self.observe(.waitingLimit, into: &effects)
            self.stopWaiting(longest, of: owner, .giveup, keepsState: true, into: &effects)
        }
        self.keepWaiting(watcher, state)
        effects.append(.store(.putSubscription(watcher.record(of: self.presentities[owner].identity))))
        self.note(watcher.standing(), of: owner)
        return true
    }

    /// Whether the presentity is no user any more: then nobody will decide.
    private func isGone(_ owner: UInt32) -> Bool { !self.isUser(self.presentities[owner].identity) }

    private func hasRoomToWait(_ watcher: WaitingWatcher) -> Bool {
        let limits = self.configuration.limits
        guard limits.waitingPerPresentity > 0, self.waitingCount < limits.waitingWatchers else { return false }
        return watcher.identity.isEmpty || self.waitingCounts[watcher.identity, default: 0] < limits.waitingPerWatcher
    }

    private mutating func keepWaiting(_ watcher: WaitingWatcher, _ state: UInt32) {
        // Nearly always the last one: all wait equally long.
        let waiting = self.watcherInformation[state].waiting
        let index = (waiting.lastIndex { $0.until <= watcher.until }).map { $0 + 1 } ?? 0
        self.watcherInformation[state].waiting.insert(watcher, at: index)
        self.waitingCount += 1
        if !watcher.identity.isEmpty { self.waitingCounts[watcher.identity, default: 0] += 1 }
        self.armWaiting(state)
    }

    /// The waiting of a watcher is over.
    /// - Parameter keepsState: whether the caller goes on with the state although nothing may be left in it.
    mutating func stopWaiting(
        _ watcher: WaitingWatcher, of owner: UInt32, _ event: WatcherInformation.Event, keepsState: Bool = false,
        into effects: inout [Effect]
    ) {
        let state = self.presentities[owner].watcherInformation
        guard state != Subscription.nowhere,
            let index = self.watcherInformation[state].waiting.firstIndex(where: { $0.id == watcher.id })
        else { return }
        self.watcherInformation[state].waiting.remove(at: index)
        self.waitingCount -= 1
        if let count = self.waitingCounts[watcher.identity] {
            self.waitingCounts[watcher.identity] = count > 1 ? count - 1 : nil
        }
        effects.append(.store(.removeSubscription(watcher.id)))
        self.note(watcher.standing(.terminated, event), of: owner)
        if !keepsState { self.forgetWatcherInformationIfIdle(owner) }
    }

    /// A watcher comes again, or ends again, while an older subscription of it still waits.
    mutating func giveUpWaiting(
        of owner: UInt32, identity: [UInt8], asksForPrivacy: Bool, into effects: inout [Effect]
    ) {
        let state = self.presentities[owner].watcherInformation
        for watcher in self.watcherInformation[state].waiting
        where watcher.asksForPrivacy == asksForPrivacy && watcher.identity == identity {
            self.stopWaiting(watcher, of: owner, .giveup, into: &effects)
        }
    }

    /// The rules of a presentity changed: who waited for that waits no longer.
    mutating func judgeWaiting(_ owner: UInt32, at now: Instant, into effects: inout [Effect]) {
        let state = self.presentities[owner].watcherInformation
        guard state != Subscription.nowhere else { return }
        for watcher in self.watcherInformation[state].waiting {
            let judgement = self.judge(
                self.presentities[owner].identity, watcher.judged, at: now, into: &effects)
            switch judgement.handling {
            case .confirm: continue
            case .block: self.stopWaiting(watcher, of: owner, .rejected, into: &effects)
            case .politeBlock, .allow: self.stopWaiting(watcher, of: owner, .approved, into: &effects)
            }
        }
        self.forgetIfIdle(owner)
    }

    // MARK: Time and restarts

    private mutating func armWaiting(_ state: UInt32) {
        guard let first = self.watcherInformation[state].waiting.first?.until,
            first < self.watcherInformation[state].armed
        else { return }
        self.watcherInformation[state].armed = first
        self.deadlines.set(
            at: first, kind: DeadlineKind.watcherInformation, place: state,
            generation: self.watcherInformation.generation(of: state))
    }

    /// RFC 3857 §4.7.1: nobody decided in time.
    mutating func waitingDue(_ entry: LazyDeadlines.Entry, at now: Instant, into effects: inout [Effect]) {
        guard self.watcherInformation.contains(entry.place, generation: entry.generation),
            self.watcherInformation[entry.place].armed == entry.at
        else { return }
        self.watcherInformation[entry.place].armed = .distantFuture
        let owner = self.watcherInformation[entry.place].presentity
        for watcher in self.watcherInformation[entry.place].waiting where watcher.until <= now {
            self.stopWaiting(watcher, of: owner, .giveup, into: &effects)
        }
        guard self.watcherInformation.contains(entry.place, generation: entry.generation) else {
            return self.forgetIfIdle(owner)
        }
        self.armWaiting(entry.place)
    }

    /// A subscription was put back in its place. What time or the rules did to it while the process was down is told to
    /// who asked; nobody has got a document since then, so that it is told the full state.
    mutating func watcherRestored(
        _ place: UInt32, _ record: SubscriptionRecord, at now: Instant, into effects: inout [Effect]
    ) {
        let machine = self.subscriptions[place].machine
        guard !self.subscriptions[place].isWatcherInformation, machine.storedState != record.state else { return }
        if case .terminated(.timeout, _) = machine, record.state == NotifierSubscription.pending(.idle).storedState {
            _ = self.wait(place, at: now, into: &effects)
        }
        if !machine.isTerminated { self.subscriptions[place].dialog.isApproved = machine.isActive }
        let owner = self.subscriptions[place].presentity
        self.markChanged(self.watcherInformationState(of: owner))
    }

    /// A watcher that waited when the process ended. False for a record that cannot be read.
    mutating func restoreWaiting(_ record: SubscriptionRecord, at now: Instant, into effects: inout [Effect]) -> Bool {
        guard let watcher = WaitingWatcher(record) else { return false }
        guard watcher.until > now, self.configuration.waitingPeriod > .zero, self.isUser(record.presentity) else {
            effects.append(.store(.removeSubscription(record.id)))
            return true
        }
        let owner = self.presentityPlaces[record.presentity] ?? self.addPresentity(record.presentity)
        self.keepWaiting(watcher, self.watcherInformationState(of: owner))
        // The rules of now count, also where they changed while the process was down.
        self.judgeWaiting(owner, at: now, into: &effects)
        return true
    }
}
