internal import EventNotification
internal import Ground
internal import PresenceDocuments

/// What a NOTIFY of watcher information carries (RFC 3857 §4.7, RFC 3858): all watchers after a SUBSCRIBE, else those
/// that changed. A document never becomes larger than one message may be; what it has no room for follows in the next.
extension PresenceServer {
    /// Whether a subscriber to watcher information does not know everything.
    func hasWatcherNews(_ place: UInt32) -> Bool {
        let state = self.presentities[self.subscriptions[place].presentity].watcherInformation
        guard state != Subscription.nowhere else { return false }
        return self.subscriptions[place].lastTag != self.watcherInformation[state].sequence
            || self.watcherInformation[state].backlogs[place] != nil
    }

    /// When the rate control allows the next document (RFC 3857 §4.10). The rest of a document that one message had no
    /// room for does not wait: it is still the answer to the SUBSCRIBE.
    func earliestWatcherInformation(_ place: UInt32) -> Instant {
        let state = self.presentities[self.subscriptions[place].presentity].watcherInformation
        if state != Subscription.nowhere, self.watcherInformation[state].backlogs[place] != nil { return .zero }
        let last = self.subscriptions[place].lastNotified
        let baseline = self.configuration.watcherInformationInterval
        let extras = self.subscriptions[place].extras
        guard extras != Subscription.nowhere else { return baseline == .zero ? .zero : last + baseline }
        return self.extras[extras].rate.earliest(after: last, baseline: baseline.wholeNanoseconds)
    }

    /// The next document of a subscription, without its version. The tag is the number of the last change in it.
    mutating func watcherInformationContent(for place: UInt32, at now: Instant, into effects: inout [Effect]) -> Content
    {
        let owner = self.subscriptions[place].presentity
        let state = self.watcherInformationState(of: owner)
        let known = self.subscriptions[place].lastTag
        let changes = known == 0 ? nil : self.watcherInformation[state].changes(after: known)
        var tail: [UInt8] = []
        WatcherInformation.appendState(isFull: changes == nil, to: &tail)
        WatcherInformation.appendListStart(
            resource: self.presentities[owner].identity[...], package: StoredNames.presence[...], to: &tail)
        let limit = tail.count + self.configuration.limits.watcherInformationBytes
        var told = self.watcherInformation[state].sequence
        if let changes {
            let count = Self.append(changes, to: &tail, limit: limit, at: now)
            if count < changes.count {
                told = known + UInt64(count)
            } else {
                self.drainBacklog(place, state, &tail, limit, at: now)
            }
        } else {
            self.watcherInformation[state].backlogs[place] = self.everyWatcher(of: owner, state)
            self.drainBacklog(place, state, &tail, limit, at: now)
            if self.subscriptions[place].machine.isTerminated, self.watcherInformation[state].backlogs[place] != nil {
                self.observe(.watcherInformationCut, into: &effects)
            }
        }
        tail.append(literal: WatcherInformation.listEnd)
        tail.append(literal: WatcherInformation.ending)
        return Content(
            tag: ContentTag(raw: told), type: WatcherInformation.mediaType, head: WatcherInformation.opening,
            version: self.subscriptions[place].partialVersion, tail: tail)
    }

    /// Appends changes until there is no room; of several of one watcher the last one counts.
    /// - Returns: how many changes were dealt with.
    private static func append(
        _ changes: ArraySlice<WatcherStanding>, to output: inout [UInt8], limit: Int, at now: Instant
    ) -> Int {
        var last: [UInt64: Int] = [:]
        for index in changes.indices { last[changes[index].name] = index }
        for index in changes.indices where last[changes[index].name] == index {
            let end = output.count
            changes[index].watcher(at: now).append(to: &output)
            // One at least, however long it is: else nothing would ever be told.
            if output.count > limit, index > changes.startIndex {
                output.removeSubrange(end...)
                return index - changes.startIndex
            }
        }
        return changes.count
    }

    /// All watchers; those about whom something can be decided come first.
    private func everyWatcher(of owner: UInt32, _ state: UInt32) -> [WatcherReference] {
        var references = self.watcherInformation[state].waiting.reversed().map { WatcherReference.waiting($0.id) }
        // They are taken from the end.
        var active: [WatcherReference] = []
        var pending: [WatcherReference] = []
        for place in self.presentities[owner].watchers {
            let reference = WatcherReference.subscription(place, generation: self.subscriptions.generation(of: place))
            switch self.subscriptions[place].machine {
            case .pending: pending.append(reference)
            case .active: active.append(reference)
            case .terminated: break
            }
        }
        active.reverse()
        active.append(contentsOf: references)
        references = active
        references.append(contentsOf: pending.reversed())
        return references
    }

    /// Appends watchers that were not told of yet, until there is no room.
    private mutating func drainBacklog(
        _ place: UInt32, _ state: UInt32, _ output: inout [UInt8], _ limit: Int, at now: Instant
    ) {
        guard var backlog = self.watcherInformation[state].backlogs.removeValue(forKey: place) else { return }
        let start = output.count
        while let reference = backlog.popLast() {
            guard let standing = self.standing(of: reference, state) else { continue }
            let end = output.count
            standing.watcher(at: now).append(to: &output)
            if output.count > limit, end > start {
                output.removeSubrange(end...)
                backlog.append(reference)
                break
            }
        }
        if !backlog.isEmpty { self.watcherInformation[state].backlogs[place] = backlog }
    }

    /// How a watcher stands now; nil if it is gone, which a change tells.
    private func standing(of reference: WatcherReference, _ state: UInt32) -> WatcherStanding? {
        switch reference {
        case .waiting(let id): return self.watcherInformation[state].waiting.first { $0.id == id }?.standing()
        case .subscription(let place, let generation):
            guard self.subscriptions.contains(place, generation: generation),
                !self.subscriptions[place].machine.isTerminated
            else { return nil }
            return self.standing(of: place)
        }
    }

    /// A document was sent: the next one has the next version, and changes that everybody knows are forgotten.
    mutating func watchersTold(_ place: UInt32) {
        self.subscriptions[place].partialVersion &+= 1
        self.forgetKnownChanges(self.presentities[self.subscriptions[place].presentity].watcherInformation)
    }

    mutating func forgetKnownChanges(_ state: UInt32) {
        guard self.watcherInformation.contains(state) else { return }
        var slowest: UInt64?
        for subscriber in self.watcherInformation[state].subscribers where self.subscriptions.contains(subscriber) {
            let known = self.subscriptions[subscriber].lastTag
            if known != 0 { slowest = min(slowest ?? known, known) }
        }
        self.watcherInformation[state].forgetChanges(through: slowest)
    }
}
