internal import EventNotification
internal import Ground
internal import PresenceDocuments

/// From publications to what watchers are shown: composition, authorization view, filter, and one serialised body for
/// every view (REQ-23141-3, REQ-23141-6, RFC 3856 §6.6).
extension PresenceServer {
    /// The place of a presentity, made if it is new.
    mutating func presentity(
        _ identity: [UInt8], into effects: inout [Effect]
    ) throws(RequestRefusal) -> UInt32 {
        if let place = self.presentityPlaces[identity] { return place }
        guard self.presentities.count < self.configuration.limits.presentities else {
            throw self.overLimit(.presentityLimit, into: &effects)
        }
        return self.addPresentity(identity)
    }

    mutating func addPresentity(_ identity: [UInt8]) -> UInt32 {
        let place = self.presentities.insert(Presentity(identity: identity))
        self.presentityPlaces[identity] = place
        return place
    }

    /// Forgets a presentity whom nobody publishes or watches any more.
    mutating func forgetIfIdle(_ place: UInt32) {
        guard self.presentities.contains(place), self.presentities[place].watchers.isEmpty,
            self.presentities[place].publications.isEmpty,
            self.presentities[place].watcherInformation == Subscription.nowhere
        else { return }
        let identity = self.presentities[place].identity
        self.presentityPlaces[identity] = nil
        self.presentities.remove(place)
        self.restIfUnwatched(identity)
    }

    /// The sources of a presentity changed, or time changed what they mean: the watchers whose view is another one
    /// now are told. Without watchers nothing is made.
    mutating func stateChanged(_ place: UInt32, at now: Instant, into effects: inout [Effect]) {
        self.presentities[place].revision &+= 1
        let watchers = self.presentities[place].watchers
        guard !watchers.isEmpty else { return self.forgetIfIdle(place) }
        // The rules may look at what changed. They come first: nothing new is told to whom they now deny it.
        if !self.readDocuments.isEmpty { self.judgeIfSphereChanged(place, at: now, into: &effects) }
        for watcher in watchers where self.subscriptions.contains(watcher) {
            self.notifyIfChanged(watcher, at: now, into: &effects)
        }
    }

    /// Tells one watcher of a change, unless it would see none.
    mutating func notifyIfChanged(_ place: UInt32, at now: Instant, into effects: inout [Effect]) {
        guard self.subscriptions[place].machine.isActive else { return }
        guard self.isNews(place, at: now) else {
            self.counted.notificationsSuppressed += 1
            return
        }
        let earliest = self.earliestNotification(place)
        let verdict = self.subscriptions[place].machine.changed(earliest: earliest, at: now)
        self.act(on: verdict, place, at: now, into: &effects)
    }

    /// Whether a watcher would see something else than it was sent last, and wants to (RFC 4660 §5.3.2 for triggers,
    /// RFC 5839 §6.3 for subscriptions that sleep).
    mutating func isNews(_ place: UInt32, at now: Instant) -> Bool {
        if self.subscriptions[place].isWatcherInformation { return self.hasWatcherNews(place) }
        let view = self.subscriptions[place].view
        self.refreshView(view, at: now)
        guard self.subscriptions[place].lastTag != self.shownTag(of: place, at: now).raw else { return false }
        let extras = self.subscriptions[place].extras
        guard extras != Subscription.nowhere else { return true }
        if self.extras[extras].wishes.suppress == .always { return false }
        guard let filter = self.views[view].filter, let seen = self.extras[extras].lastSeen else { return true }
        let raw = self.unfilteredDocument(of: view, at: now)
        return filter.isTriggered(previous: seen, current: raw)
    }

    func earliestNotification(_ place: UInt32) -> Instant {
        if self.subscriptions[place].isWatcherInformation { return self.earliestWatcherInformation(place) }
        let last = self.subscriptions[place].lastNotified
        let baseline = self.configuration.minimumInterval
        let extras = self.subscriptions[place].extras
        guard extras != Subscription.nowhere else { return baseline == .zero ? .zero : last + baseline }
        return self.extras[extras].rate.earliest(after: last, baseline: baseline.wholeNanoseconds)
    }

    // MARK: Composition

    /// The composed document of a presentity.
    mutating func composedDocument(_ place: UInt32, at now: Instant) -> PresenceDocument {
        let revision = self.presentities[place].revision
        let generation = self.presentities.generation(of: place)
        if let composed = self.composed, composed.presentity == place, composed.generation == generation,
            composed.revision == revision
        {
            return composed.document
        }
        let result = Composer.compose(
            entity: self.presentities[place].identity[...], sources: self.sources(of: place),
            policy: self.configuration.composition, at: now)
        self.counted.compositions += 1
        self.presentities[place].nextChange = result.nextChange ?? .distantFuture
        self.armPresentity(place)
        self.composed = ComposedState(
            presentity: place, generation: generation, revision: revision, document: result.document)
        return result.document
    }

    /// The live sources. A parsed document is kept while there are several, so that a change of one does not parse
    /// the others again; a single one is not needed once it is composed.
    private mutating func sources(of place: UInt32) -> [Composer.Source] {
        let publications = self.presentities[place].publications
        var sources: [Composer.Source] = []
        sources.reserveCapacity(publications.count)
        if self.documents.keepsHardState(self.presentities[place].identity) {
            sources = self.hardStateSources(of: self.presentities[place].identity)
        }
        for (order, publication) in publications.enumerated() {
            let parsed = self.publications[publication].document
            guard let document = parsed ?? (try? PresenceDocument.parse(self.publications[publication].body[...]))
            else { continue }
            self.publications[publication].document = publications.count + sources.count > 1 ? document : nil
            sources.append(
                Composer.Source(
                    id: UInt64(order), publishedAt: self.publications[publication].publishedAt, document: document))
        }
        return sources
    }

    // MARK: Views

    /// The view of a presentity under an authorization outcome and a filter, made if nobody had it yet.
    mutating func acquireView(_ presentity: UInt32, _ outcome: PolicyOutcome, filter: WatcherFilterSet?) -> UInt32 {
        for place in self.presentities[presentity].views
        where self.views[place].outcome == outcome && self.views[place].filter == filter {
            self.views[place].users += 1
            return place
        }
        var view = View(presentity: presentity, outcome: outcome, filter: filter)
        view.users = 1
        let place = self.views.insert(view)
        self.presentities[presentity].views.append(place)
        return place
    }

    mutating func releaseView(_ place: UInt32) {
        self.views[place].users -= 1
        guard self.views[place].users == 0 else { return }
        let presentity = self.views[place].presentity
        self.presentities[presentity].views.removeAll { $0 == place }
        self.restingViews.keep(self.views[place], generation: self.presentities.generation(of: presentity))
        self.views.remove(place)
    }

    /// Brings a view up to date.
    mutating func refreshView(_ place: UInt32, at now: Instant) {
        let presentity = self.views[place].presentity
        let revision = self.presentities[presentity].revision
        guard self.views[place].revision != revision else { return }
        self.views[place].mayHaveParts = self.keepsParts(presentity)
        self.views[place].compound = nil
        let generation = self.presentities.generation(of: presentity)
        if self.restingViews.wake(&self.views[place], generation: generation, revision: revision) { return }
        let shown = self.shownDocument(of: place, at: now)
        let body = shown?.serialised() ?? []
        self.views[place].body = body
        self.views[place].tag = ContentTag(of: body)
        self.views[place].renderings = []
        self.views[place].shown = nil
        self.views[place].revision = revision
    }

    /// What the rules let somebody of this view see, before the filter.
    mutating func unfilteredDocument(of place: UInt32, at now: Instant) -> PresenceDocument {
        let presentity = self.views[place].presentity
        let outcome = self.views[place].outcome
        guard outcome.handling == .allow else { return self.absentDocument(of: self.presentities[presentity].identity) }
        let document = self.composedDocument(presentity, at: now)
        return outcome.permissions == .everything ? document : outcome.permissions.apply(to: document)
    }

    /// What somebody is shown who is politely blocked (RFC 5025 §3.2.1): made exactly as the document of somebody who
    /// publishes nothing, so that the two cannot be told apart.
    func absentDocument(of presentity: [UInt8]) -> PresenceDocument {
        Composer.compose(
            entity: presentity[...], sources: [], policy: self.configuration.composition, at: .zero
        ).document
    }

    /// What somebody of this view is shown; nil if the filter leaves nothing.
    mutating func shownDocument(of place: UInt32, at now: Instant) -> PresenceDocument? {
        let document = self.unfilteredDocument(of: place, at: now)
        guard let filter = self.views[place].filter else { return document }
        return filter.apply(to: document)
    }

    /// The same, kept with the view while nothing changes: all watchers with partial documents hold one copy.
    mutating func sharedDocument(of place: UInt32, at now: Instant) -> PresenceDocument? {
        self.refreshView(place, at: now)
        if let shown = self.views[place].shown { return shown }
        let shown = self.shownDocument(of: place, at: now)
        self.views[place].shown = shown
        return shown
    }
}
