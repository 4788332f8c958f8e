internal import EventNotification
package import Ground
internal import DigestAuth
internal import PresenceDocuments
internal import SIPTransactions
internal import SIPWire

/// The presence server (TS 23.141 §5.1, TS 24.141 §5.3.3): event state compositor for PUBLISH (RFC 3903), notifier of
/// the presence event package (RFC 6665, RFC 3856), keeper of who may see what (RFC 5025).
///
/// The way of a document: publications -> composition -> authorization view -> watcher filter -> partial difference ->
/// rate control -> NOTIFY. Everything before the difference is made once for all watchers of an equal view.
package struct PresenceServer: NetworkFunction {
    package let configuration: Configuration
    /// What was done so far; gauges are brought up to date when this is read.
    package var counters: PresenceCounters {
        var counters = self.counted
        counters.presentities = self.presentities.count
        counters.publications = self.publications.count
        counters.pendingSubscriptions = self.pendingCount
        counters.activeSubscriptions = self.subscriptions.count - self.pendingCount
        counters.views = self.views.count
        counters.notificationsUnderWay = self.outstanding.count
        counters.waitingWatchers = self.waitingCount
        counters.watcherInformationSubscriptions = self.watcherInformationCount
        return counters
    }

    let registry = EventPackageRegistry.presenceServer
    var entropy: Entropy
    var entityTags = EntityTag.Source()
    var tickets = TicketCounter()
    var users: Configuration.Users
    var rules = AuthorizationTable()
    /// The documents of the subscribers, as bytes.
    var documents = SubscriberDocuments()
    /// What was read of the documents of those who are watched, and of a few others, by presentity.
    var readDocuments: [[UInt8]: ReadDocuments] = [:]
    var restingSubscribers: RestingSubscribers
    var authenticator: DigestAuthenticator?
    /// Requests whose sender's credentials are being fetched.
    var awaiting: [Ticket: AwaitedProof] = [:]

    var presentities = SlotTable<Presentity>(vacant: .vacant)
    var presentityPlaces: [[UInt8]: UInt32] = [:]
    var publications = SlotTable<Publication>(vacant: .vacant)
    /// The id of the publication that came last.
    var lastPublication: UInt64 = 0
    var subscriptions = SlotTable<Subscription>(vacant: .vacant)
    /// From the local tag of a dialog to the place of its subscription.
    var subscriptionPlaces: [UInt64: UInt32] = [:]
    var extras = SlotTable<SubscriptionExtras>(vacant: .vacant)
    var views = SlotTable<View>(vacant: .vacant)
    var restingViews: RestingViews
    var watcherInformation = SlotTable<WatcherInformationState>(vacant: .vacant)
    /// Places in ``watcherInformation`` whose subscribers have yet to be told what happened in this turn.
    var changedWatchers: [UInt32] = []
    /// How many presentities each named watcher waits for.
    var waitingCounts: [[UInt8]: Int] = [:]
    var waitingCount = 0
    var watcherInformationCount = 0
    /// From the transaction of a NOTIFY under way to its subscription.
    var outstanding: [UInt64: OutstandingNotification] = [:]
    var deadlines = LazyDeadlines()
    /// When time alone changes what rules say.
    var judgements = LazyDeadlines()
    /// The composed document of the presentity that was worked on last.
    var composed: ComposedState?
    /// Numbers of the notifications of this turn, stored with one effect.
    var marks: [NotificationMark] = []
    var pendingCount = 0
    var counted = PresenceCounters()
    var isDraining = false
    /// The Contact that was written last: nearly every watcher comes to the same address.
    var lastContact: LocalContact?

    package init(configuration: Configuration, entropy: Entropy) {
        self.configuration = configuration
        self.entropy = entropy
        self.users = configuration.users
        self.restingViews = RestingViews(capacity: configuration.limits.restingViews)
        self.restingSubscribers = RestingSubscribers(capacity: configuration.limits.restingSubscribers)
        if case .digest(let settings) = configuration.authentication {
            self.authenticator = DigestAuthenticator(settings)
        }
    }

    package var nextDeadline: Instant? {
        guard let judgement = self.judgements.next else { return self.deadlines.next }
        return min(judgement, self.deadlines.next ?? .distantFuture)
    }

    package mutating func handle(_ input: Input, at now: Instant, into effects: inout [Effect]) {
        self.judgeDue(at: now, into: &effects)
        switch input {
        case .requestReceived(let transaction, let message, let origin):
            self.requestReceived(transaction, message, origin, at: now, into: &effects)
        case .responseReceived(let transaction, let message):
            self.notificationAnswered(transaction, message, at: now, into: &effects)
        case .requestFailed(let transaction, let failure):
            self.notificationFailed(transaction, failure, at: now, into: &effects)
        case .loaded(let ticket, let answer): self.credentialsLoaded(ticket, answer, at: now, into: &effects)
        case .rulesChanged(let change): self.rulesChanged(change, at: now, into: &effects)
        case .documentsChanged(let documents): self.documentsChanged(documents, at: now, into: &effects)
        case .explain(let ticket, let presentity, let watcher):
            self.explain(ticket, presentity, watcher, at: now, into: &effects)
        case .usersChanged(let users): self.usersChanged(users, at: now, into: &effects)
        case .restored(let stored): self.restore(stored, at: now, into: &effects)
        case .drained: self.drain(at: now, into: &effects)
        }
        self.finishTurn(at: now, into: &effects)
    }

    package mutating func deadlineReached(at now: Instant, into effects: inout [Effect]) {
        self.judgeDue(at: now, into: &effects)
        while let entry = self.deadlines.popDue(at: now) {
            switch entry.kind {
            case DeadlineKind.subscription: self.subscriptionDue(entry, at: now, into: &effects)
            case DeadlineKind.publication: self.publicationDue(entry, at: now, into: &effects)
            case DeadlineKind.watcherInformation: self.waitingDue(entry, at: now, into: &effects)
            default: self.presentityDue(entry, at: now, into: &effects)
            }
        }
        self.finishTurn(at: now, into: &effects)
    }

    /// Tells who asked what became of the watchers in this turn, stores the numbers of its notifications, and sweeps
    /// forgotten deadlines out when they are many.
    private mutating func finishTurn(at now: Instant, into effects: inout [Effect]) {
        if !self.changedWatchers.isEmpty { self.tellWatcherChanges(at: now, into: &effects) }
        if !self.marks.isEmpty {
            effects.append(.store(.notified(self.marks)))
            self.marks.removeAll(keepingCapacity: true)
        }
        let live =
            self.subscriptions.count + self.publications.count + self.presentities.count
            + self.watcherInformation.count
        if self.deadlines.wantsCompaction(live: live) {
            self.deadlines.compact { [subscriptions, publications, presentities, watcherInformation] entry in
                switch entry.kind {
                case DeadlineKind.subscription:
                    subscriptions.contains(entry.place, generation: entry.generation)
                        && subscriptions[entry.place].armed == entry.at
                case DeadlineKind.publication:
                    publications.contains(entry.place, generation: entry.generation)
                        && publications[entry.place].armed == entry.at
                case DeadlineKind.watcherInformation:
                    watcherInformation.contains(entry.place, generation: entry.generation)
                        && watcherInformation[entry.place].armed == entry.at
                default:
                    presentities.contains(entry.place, generation: entry.generation)
                        && presentities[entry.place].armed == entry.at
                }
            }
        }
    }

    /// Counts an observation and tells it.
    mutating func observe(_ observation: Observation, into effects: inout [Effect]) {
        self.counted.observations[observation, default: 0] += 1
        effects.append(.observed(observation))
    }
}

/// A NOTIFY under way.
struct OutstandingNotification: Sendable {
    let subscription: UInt32
    let generation: UInt32
    /// Whether the NOTIFY already carries credentials.
    var isAuthorized = false
}

/// The composed document of one presentity at one revision.
struct ComposedState: Sendable {
    let presentity: UInt32
    let generation: UInt32
    let revision: UInt32
    let document: PresenceDocument
}
