internal import EventNotification
internal import Ground
internal import PresenceDocuments

/// The start with what the storage kept: dialogs, tags and times go on as if the process had never ended.
extension PresenceServer {
    /// Everything is put in place first; then what ended while the process was down ends now, in the order of its
    /// time, and the watchers are told.
    mutating func restore(_ stored: StoredPresence, at now: Instant, into effects: inout [Effect]) {
        for record in stored.publications.sorted(by: { $0.publishedAt < $1.publishedAt }) {
            if !self.restore(publication: record) { self.observe(.damagedRecord, into: &effects) }
        }
        for record in stored.subscriptions where !self.restore(subscription: record, at: now) {
            self.observe(.damagedRecord, into: &effects)
        }
        // What ended while the process was down.
        self.deadlineReached(at: now, into: &effects)
        for place in self.subscriptions.places where self.subscriptions.contains(place) {
            if self.subscriptions[place].machine.isTerminated {
                self.sendNotification(place, at: now, into: &effects)
            } else {
                // The rules of now count, also where they changed meanwhile.
                self.judgeAgain(subscription: place, at: now, into: &effects)
            }
        }
        self.resynchronise(at: now)
    }

    private mutating func restore(publication record: PublicationRecord) -> Bool {
        guard let tag = EntityTag(record.entityTag[...]), self.registry.index(of: record.package[...]) != nil else {
            return false
        }
        let owner = self.presentityPlaces[record.presentity] ?? self.addPresentity(record.presentity)
        let place = self.publications.insert(
            Publication(
                id: record.id, presentity: owner, tag: tag, publisher: record.publisher, body: record.body,
                publishedAt: record.publishedAt, expires: record.expires))
        self.presentities[owner].publications.append(place)
        self.armPublication(place)
        return true
    }

    private mutating func restore(subscription record: SubscriptionRecord, at now: Instant) -> Bool {
        guard let package = self.registry.index(of: record.package[...]),
            let machine = NotifierSubscription(storedState: record.state),
            let dialog = WatcherDialog(stored: record.dialog), let wishes = WatcherWishes(encoded: dialog.wishes),
            record.id != 0, self.subscriptionPlaces[record.id] == nil
        else { return false }
        var filter: WatcherFilterSet?
        if !wishes.filter.isEmpty {
            filter = try? WatcherFilterSet.parse(
                wishes.filter[...], package: record.package[...], resource: record.presentity[...])
            guard filter != nil else { return false }
        }
        let owner = self.presentityPlaces[record.presentity] ?? self.addPresentity(record.presentity)
        // The view of the rules that hold now, so that only a change of what is seen is told as one.
        let handling = self.rules.judge(
            presentity: record.presentity, watcher: dialog.watcher, configuration: self.configuration
        ).handling
        let view = self.acquireView(owner, isPoliteBlock: handling == .politeBlock, filter: filter)
        var subscription = Subscription(
            id: record.id, dialog: dialog, presentity: owner, view: view, machine: machine,
            expires: record.expires, package: UInt8(package))
        subscription.localCSeq = record.localCSeq
        subscription.partialVersion = record.partialVersion
        subscription.isStored = true
        let place = self.insert(subscription)
        self.setWishes(wishes, of: place, at: now)
        self.armSubscription(place, at: now)
        return true
    }

    /// A NOTIFY that was under way when the process ended may be lost, and who lost it would not know until the next
    /// change. So every watcher is told once more, spread over the time that the configuration gives.
    private mutating func resynchronise(at now: Instant) {
        guard let window = self.configuration.resynchronisation, window > .zero else { return }
        let places = self.subscriptions.places
        let step = window.wholeNanoseconds / Int64(max(places.count, 1))
        for (order, place) in places.enumerated()
        where self.subscriptions[place].machine == .active(.idle) {
            let due = now + .nanoseconds(step * Int64(order + 1))
            self.subscriptions[place].machine = .active(.paced(until: due))
            self.armSubscription(place, at: now)
        }
    }
}
