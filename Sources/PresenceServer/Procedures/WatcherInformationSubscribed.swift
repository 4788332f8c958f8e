internal import EventNotification
internal import Ground
internal import PresenceDocuments
internal import SIPTransactions
internal import SIPWire

/// Subscriptions to watcher information (RFC 3857 §4.6, REQ-24141-24). They live in the tables of all subscriptions, but
/// not among the watchers of the presentity: they see no presence, and nobody but the presentity may have one.
extension PresenceServer {
    mutating func subscribeToWatchers(
        _ request: Request, _ presentity: [UInt8], _ package: Int, _ identity: ProvenIdentity, at now: Instant,
        into effects: inout [Effect]
    ) throws(RequestRefusal) {
        self.counted.subscribes += 1
        guard self.isUser(presentity) else { throw RequestRefusal(404) }
        try self.authorizeWatcherInformation(of: presentity, for: identity, into: &effects)
        let wish = try self.wish(of: request.message, package, presentity)
        guard let contact = wish.contact else { throw RequestRefusal(400, "Missing Contact") }
        let isFetch = wish.expires == 0
        if !isFetch { try self.checkWatcherInformationRoom(for: presentity, into: &effects) }
        let id = self.freshIdentifier()
        let asksForPrivacy = Self.asksForPrivacy(request.message)
        let watcher = JudgedWatcher(identity, of: presentity, asksForPrivacy: asksForPrivacy)
        let dialog = try self.newDialog(request, id, contact, watcher, wish, at: now)
        let owner = try self.presentity(presentity, into: &effects)
        let place = self.insertSubscriber(
            Subscription(
                id: id, dialog: dialog, presentity: owner, view: Subscription.nowhere, machine: .active(.idle),
                expires: now + .seconds(Int64(wish.expires)), package: UInt8(package)))
        self.setWishes(wish.wishes, of: place, at: now)
        self.answerSubscription(request, 200, place, wish.expires, isNew: true, into: &effects)
        if isFetch {
            self.counted.fetches += 1
            return self.end(place, .timeout, withState: true, at: now, into: &effects)
        }
        self.subscriptions[place].isStored = true
        self.sendNotification(place, recordsMark: false, at: now, into: &effects)
        guard self.subscriptionPlaces[id] != nil else { return }
        effects.append(.store(.putSubscription(self.record(of: place))))
    }

    /// RFC 3857 §4.6, §6.2: who watches is told to the presentity and to nobody else. Nobody without an identity is the
    /// presentity.
    private mutating func authorizeWatcherInformation(
        of presentity: [UInt8], for identity: ProvenIdentity, into effects: inout [Effect]
    ) throws(RequestRefusal) {
        let isPresentity = identity.includes(presentity)
        effects.append(
            .decided(
                Decision(
                    matter: .watcherInformation, presentity: presentity,
                    actor: isPresentity ? presentity : identity.main, handling: isPresentity ? .allow : .block,
                    reason: isPresentity ? .presentity : .notThePresentity)))
        guard isPresentity else {
            self.observe(.foreignWatcherInformation, into: &effects)
            throw RequestRefusal(403)
        }
    }

    private mutating func checkWatcherInformationRoom(
        for presentity: [UInt8], into effects: inout [Effect]
    ) throws(RequestRefusal) {
        guard self.subscriptions.count < self.configuration.limits.subscriptions else {
            throw self.overLimit(.subscriptionLimit, into: &effects)
        }
        guard let owner = self.presentityPlaces[presentity] else { return }
        let state = self.presentities[owner].watcherInformation
        guard state != Subscription.nowhere else { return }
        let limit = self.configuration.limits.watcherInformationSubscriptions
        guard self.watcherInformation[state].subscribers.count < limit else {
            throw self.overLimit(.watcherLimit, into: &effects)
        }
    }

    /// Puts a subscription to watcher information into the tables.
    mutating func insertSubscriber(_ subscription: Subscription) -> UInt32 {
        let place = self.subscriptions.insert(subscription)
        self.subscriptionPlaces[subscription.id] = place
        let state = self.watcherInformationState(of: subscription.presentity)
        self.watcherInformation[state].subscribers.append(place)
        self.watcherInformationCount += 1
        return place
    }

    /// Takes a subscription to watcher information out of the state of its presentity.
    mutating func removeSubscriber(_ place: UInt32) {
        let owner = self.subscriptions[place].presentity
        let state = self.presentities[owner].watcherInformation
        guard state != Subscription.nowhere else { return }
        self.watcherInformation[state].subscribers.removeAll { $0 == place }
        self.watcherInformation[state].backlogs[place] = nil
        self.watcherInformationCount -= 1
        self.forgetKnownChanges(state)
        self.forgetWatcherInformationIfIdle(owner)
    }

    /// The place of what is known of the watchers of a presentity, made if there is none.
    mutating func watcherInformationState(of owner: UInt32) -> UInt32 {
        let known = self.presentities[owner].watcherInformation
        if known != Subscription.nowhere { return known }
        let place = self.watcherInformation.insert(WatcherInformationState(presentity: owner))
        self.presentities[owner].watcherInformation = place
        return place
    }

    mutating func forgetWatcherInformationIfIdle(_ owner: UInt32) {
        let state = self.presentities[owner].watcherInformation
        guard state != Subscription.nowhere, self.watcherInformation[state].isIdle else { return }
        self.watcherInformation.remove(state)
        self.presentities[owner].watcherInformation = Subscription.nowhere
    }

    /// SUBSCRIBE inside a dialog about watcher information: the next document is a full one (RFC 3857 §4.7).
    mutating func resubscribeToWatchers(
        _ request: Request, _ place: UInt32, _ cseq: UInt32, at now: Instant, into effects: inout [Effect]
    ) throws(RequestRefusal) {
        let id = self.subscriptions[place].id
        let owner = self.presentities[self.subscriptions[place].presentity].identity
        let wish = try self.wish(of: request.message, Int(self.subscriptions[place].package), owner)
        self.subscriptions[place].lastTag = 0
        try self.rebuildDialog(request, place, cseq, wish)
        if wish.expires == 0 {
            self.answerSubscription(request, 200, place, 0, isNew: false, into: &effects)
            return self.end(place, .timeout, withState: true, at: now, into: &effects)
        }
        self.subscriptions[place].expires = now + .seconds(Int64(wish.expires))
        self.setWishes(wish.wishes, of: place, at: now)
        self.answerSubscription(request, 200, place, wish.expires, isNew: false, into: &effects)
        self.demandNotification(place, at: now, into: &effects)
        guard self.subscriptionPlaces[id] == place else { return }
        self.armSubscription(place, at: now)
        effects.append(.store(.putSubscription(self.record(of: place))))
    }

    /// Ends what a presentity that is gone leaves behind.
    mutating func endWatcherInformation(of owner: UInt32, at now: Instant, into effects: inout [Effect]) {
        let state = self.presentities[owner].watcherInformation
        guard state != Subscription.nowhere else { return }
        for watcher in self.watcherInformation[state].waiting {
            self.stopWaiting(watcher, of: owner, .noresource, into: &effects)
        }
        guard self.watcherInformation.contains(state) else { return }
        for place in self.watcherInformation[state].subscribers where self.subscriptions.contains(place) {
            self.end(place, .noresource, at: now, into: &effects)
        }
    }

    /// A subscription to watcher information that the storage kept. Its next document is a full one.
    mutating func restoreSubscriber(
        _ record: SubscriptionRecord, _ package: Int, _ dialog: WatcherDialog, _ stored: NotifierSubscription,
        at now: Instant
    ) -> UInt32 {
        var machine = stored
        if record.expires <= now, !machine.isTerminated {
            self.counted.subscriptionsExpired += 1
            machine.terminate(.timeout)
        }
        let owner = self.presentityPlaces[record.presentity] ?? self.addPresentity(record.presentity)
        var subscription = Subscription(
            id: record.id, dialog: dialog, presentity: owner, view: Subscription.nowhere, machine: machine,
            expires: record.expires, package: UInt8(package))
        subscription.localCSeq = record.localCSeq
        subscription.partialVersion = record.partialVersion
        subscription.isStored = true
        let place = self.insertSubscriber(subscription)
        self.setWishes(WatcherWishes(encoded: dialog.wishes) ?? .none, of: place, at: now)
        self.armSubscription(place, at: now)
        return place
    }
}
