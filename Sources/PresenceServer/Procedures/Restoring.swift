internal import EventNotification
internal import Ground
internal import PresenceDocuments

/// The start with what the storage kept: dialogs, tags and times go on as if the process had never ended.
extension PresenceServer {
    /// Everything is put in place first; then what ended while the process was down ends now, in the order of its
    /// time, and the watchers are told.
    mutating func restore(_ stored: StoredPresence, at now: Instant, into effects: inout [Effect]) {
        for record in stored.publications.sorted(by: { $0.publishedAt < $1.publishedAt }) {
            if !self.restore(publication: record, at: now) { self.observe(.damagedRecord, into: &effects) }
        }
        var judgedAnew: Set<UInt64> = []
        for record in stored.subscriptions {
            if record.state == WaitingWatcher.storedState {
                if !self.restoreWaiting(record, at: now, into: &effects) {
                    self.observe(.damagedRecord, into: &effects)
                }
                continue
            }
            guard let place = self.restore(subscription: record, at: now, into: &effects) else {
                self.observe(.damagedRecord, into: &effects)
                continue
            }
            if self.subscriptions[place].machine.storedState != record.state { judgedAnew.insert(record.id) }
            self.watcherRestored(place, record, at: now, into: &effects)
        }
        // Who is shown nothing any more learns that, and nothing else.
        for place in self.subscriptions.places
        where self.subscriptions.contains(place) && self.subscriptions[place].machine.isTerminated {
            self.demandNotification(place, at: now, into: &effects)
        }
        // Publications that ended while the process was down.
        self.deadlineReached(at: now, into: &effects)
        for place in self.subscriptions.places
        where self.subscriptions.contains(place) && judgedAnew.contains(self.subscriptions[place].id) {
            self.demandNotification(place, at: now, into: &effects)
            effects.append(.store(.putSubscription(self.record(of: place))))
        }
        self.resynchronise(at: now)
    }

    private mutating func restore(publication record: PublicationRecord, at now: Instant) -> Bool {
        guard let tag = EntityTag(record.entityTag[...]), self.registry.index(of: record.package[...]) != nil,
            let (body, parts) = CompoundRecord.read(record)
        else { return false }
        // Ids beyond the time were drawn by an earlier version and name no time.
        if record.id <= UInt64(clamping: (now + .seconds(3600)).nanoseconds) {
            self.lastPublication = max(self.lastPublication, record.id)
        }
        let owner = self.presentityPlaces[record.presentity] ?? self.addPresentity(record.presentity)
        let place = self.publications.insert(
            Publication(
                id: record.id, presentity: owner, tag: tag, publisher: record.publisher, body: body, parts: parts,
                publishedAt: record.publishedAt, expires: record.expires))
        self.presentities[owner].publications.append(place)
        self.armPublication(place)
        return true
    }

    /// The place of the subscription; nil for a record that cannot be read.
    private mutating func restore(
        subscription record: SubscriptionRecord, at now: Instant, into effects: inout [Effect]
    ) -> UInt32? {
        guard let package = self.registry.index(of: record.package[...]),
            var machine = NotifierSubscription(storedState: record.state),
            var dialog = WatcherDialog(stored: record.dialog), var wishes = WatcherWishes(encoded: dialog.wishes),
            record.id != 0, self.subscriptionPlaces[record.id] == nil
        else { return nil }
        if UInt8(package) == PackageNumber.watcherInformation {
            return self.restoreSubscriber(record, package, dialog, machine, at: now)
        }
        if dialog.watcherName == 0 { dialog.watcherName = self.entropy.next() }
        var filter: WatcherFilterSet?
        if !wishes.filter.isEmpty {
            filter = try? WatcherFilterSet.parse(
                wishes.filter[...], package: record.package[...], resource: record.presentity[...])
            guard filter != nil else { return nil }
        }
        let owner = self.presentityPlaces[record.presentity] ?? self.addPresentity(record.presentity)
        // The rules of now count, also where they changed while the process was down, and before anything that time
        // brings about is told to anybody.
        let outcome = self.judge(record.presentity, JudgedWatcher(dialog), at: now, into: &effects).outcome
        if record.expires <= now, !machine.isTerminated {
            // What changed before that is not told any more.
            self.counted.subscriptionsExpired += 1
            machine.terminate(.timeout)
        } else if !machine.isTerminated {
            switch outcome.handling {
            case .block: machine.terminate(.rejected)
            case .confirm: machine.suspend()
            case .politeBlock, .allow: machine.activate()
            }
        }
        let view = self.acquireView(owner, outcome, filter: filter)
        var subscription = Subscription(
            id: record.id, dialog: dialog, presentity: owner, view: view, machine: machine,
            expires: record.expires, package: UInt8(package))
        subscription.localCSeq = record.localCSeq
        subscription.partialVersion = record.partialVersion
        subscription.isStored = true
        let place = self.insert(subscription)
        // Whether the watcher still holds the state that it named once is not known any more.
        if case .tag = wishes.suppress { wishes.suppress = nil }
        self.setWishes(wishes, of: place, at: now)
        self.armSubscription(place, at: now)
        self.armJudgement(owner, at: now)
        return place
    }

    /// A NOTIFY that was under way when the process ended may be lost, and who lost it would not know until the next
    /// change. So every watcher is told once more, spread over the time that the configuration gives.
    private mutating func resynchronise(at now: Instant) {
        guard let window = self.configuration.resynchronisation, window > .zero else { return }
        let places = self.subscriptions.places
        let step = window.wholeNanoseconds / Int64(max(places.count, 1))
        for (order, place) in places.enumerated()
        where !self.subscriptions[place].machine.isTerminated
            && self.subscriptions[place].machine.delivery == .idle
        {
            let due = now + .nanoseconds(step * Int64(order + 1))
            self.subscriptions[place].machine.delivery = .paced(until: due)
            self.armSubscription(place, at: now)
        }
    }
}
