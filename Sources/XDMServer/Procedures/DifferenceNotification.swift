internal import EventNotification
internal import Ground
internal import PresenceDocuments
internal import SIPTransactions
internal import SIPWire
internal import XCAPEngine

/// The SIP side of this box: subscriptions to changes of documents (RFC 5875).
extension XDMServer {
    mutating func subscriptionRequestReceived(
        _ transaction: ServerTransactionID, _ message: SIPMessage, _ origin: Origin, at now: Instant,
        into effects: inout [Effect]
    ) {
        let request = NotifierRequest(transaction: transaction, message: message, origin: origin)
        var orders: [NotifierOrder] = []
        defer { self.perform(orders, at: now, into: &effects) }
        switch message.method {
        case .ack, .cancel:
            // Neither is answered here: the transaction layer has done with them.
            return
        case .subscribe: break
        case .options: return self.differences.notifier.capabilities(request, into: &orders)
        case .notify:
            // RFC 6665 §4.1.3: this box subscribes to nothing, so no NOTIFY belongs to it.
            return self.differences.notifier.refuse(request, RequestRefusal(481), into: &orders)
        default:
            return self.differences.notifier.refuse(request, RequestRefusal(405, remedy: .allow), into: &orders)
        }
        do throws(RequestRefusal) {
            let package = try self.differences.notifier.admit(message)
            switch try self.proof(of: request, at: now, into: &effects) {
            case .awaited(let ticket, let response):
                self.differences.awaiting[ticket] = AwaitedSubscriber(
                    request: request, package: package, response: response)
            case .proven(let identity):
                try self.subscribe(request, package, identity, at: now, into: &orders)
            }
        } catch {
            self.differences.notifier.refuse(request, error, into: &orders)
        }
    }

    /// The sender of a SUBSCRIBE is known.
    mutating func subscribe(
        _ request: NotifierRequest, _ package: Int, _ identity: NotifierIdentity, at now: Instant,
        into orders: inout [NotifierOrder]
    ) throws(RequestRefusal) {
        let wish = try self.differences.notifier.examine(
            request, package: package, identity: identity, into: &orders)
        // RFC 4825 §5.7: documents are shown to somebody. Whom nobody knows would be shown nothing, ever.
        if wish.subscription == nil, identity.identities.isEmpty { throw RequestRefusal(403) }
        var subscription = try self.subscription(for: wish)
        // What will be told is worked out now, because the condition and the record depend on it.
        _ = self.renderWhole(&subscription)
        subscription.storedInventory = subscription.inventory
        let resource = (try? SIPURI.parse(request.message.requestURI).canonicalIdentity) ?? []
        let id = try self.differences.notifier.accept(
            wish, resource: resource, watcher: identity.main, context: subscription.encoded,
            tag: subscription.stateTag, at: now, into: &orders)
        guard self.differences.notifier.standing(of: id) != nil else { return }
        self.differences.replace(id, with: subscription)
    }

    /// The subscription that a SUBSCRIBE makes, or what becomes of the one that it refreshes.
    private func subscription(for wish: SubscribeWish) throws(RequestRefusal) -> DifferenceSubscription {
        let processing = DifferenceProcessing(parameter: wish.parameters.value(of: "diff-processing"))
        let known = wish.subscription.flatMap { self.differences[$0] }
        var uris: [[UInt8]]?
        if let body = wish.body { uris = try self.watchedURIs(in: body.bytes) }
        if var known {
            known.processing = processing
            // RFC 5875 §4.4: a list takes the place of the one before; without one everything stays as it is.
            if let uris {
                known.resources = uris.map { self.resource($0, for: known.identities) }
                known.toldComponents = known.toldComponents.filter { uris.contains($0.key) }
                known.leavingComponents = known.leavingComponents.filter { uris.contains($0) }
            }
            known.queue = []
            known.queuedBytes = 0
            known.backlog = []
            try self.checkExtent(of: known)
            return known
        }
        let identities = wish.identity.identities
        var subscription = DifferenceSubscription(
            identities: identities, processing: processing,
            resources: (uris ?? [[]]).map { self.resource($0, for: identities) })
        subscription.scope = self.scope(of: identities)
        try self.checkExtent(of: subscription)
        return subscription
    }

    /// A list of bounded length can still mean too much.
    private func checkExtent(of subscription: DifferenceSubscription) throws(RequestRefusal) {
        let components = subscription.resources.count {
            if case .component = $0.kind { true } else { false }
        }
        guard components <= self.configuration.limits.watchedComponents else {
            throw RequestRefusal(488, remedy: .warning(code: 399, text: "Too many elements and attributes"))
        }
        var documents = 0
        for resource in subscription.resources {
            let limit = self.configuration.limits.watchedDocuments
            documents += self.documents(in: resource, scope: subscription.scope, limit: limit).count
            guard documents <= limit else {
                throw RequestRefusal(488, remedy: .warning(code: 399, text: "Too many documents"))
            }
        }
    }

    // MARK: Changes and answers

    /// A document was created, replaced or removed.
    mutating func differencesNoted(_ change: DocumentChange, at now: Instant, into effects: inout [Effect]) {
        let watchers = self.differences.watchers(of: change.selector, owner: change.owner)
        guard !watchers.isEmpty else { return }
        let queued = QueuedChange(
            key: change.selector, owner: change.owner, previousTag: change.previous?.entityTag,
            newTag: change.current?.entityTag, previousBody: change.previous?.body, newBody: change.current?.body,
            isSameBody: change.previous?.body == change.current?.body)
        var orders: [NotifierOrder] = []
        for id in watchers {
            guard let subscription = self.differences[id],
                subscription.concerns(change.selector, owner: change.owner)
            else { continue }
            // Of what is gone only those hear who knew it.
            let isKnown = subscription.told[change.selector] != nil || !subscription.toldComponents.isEmpty
            let isReadable = self.mayRead(
                identities: subscription.identities, auid: change.auid, owner: change.owner)
            guard isReadable || change.current == nil && isKnown else { continue }
            self.differences[id]?.enqueue(queued, limits: self.configuration.limits)
            self.differences.notifier.changed(id, at: now, into: &orders)
        }
        self.perform(orders, at: now, into: &effects)
    }

    mutating func notificationAnswered(
        _ transaction: ClientTransactionID, _ message: SIPMessage, at now: Instant, into effects: inout [Effect]
    ) {
        var orders: [NotifierOrder] = []
        self.differences.notifier.answered(transaction, message, at: now, into: &orders)
        self.perform(orders, at: now, into: &effects)
    }

    mutating func notificationFailed(
        _ transaction: ClientTransactionID, _ failure: RequestFailure, at now: Instant, into effects: inout [Effect]
    ) {
        var orders: [NotifierOrder] = []
        self.differences.notifier.failed(transaction, failure, at: now, into: &orders)
        self.perform(orders, at: now, into: &effects)
    }

    /// Subscriptions end, and what was held back is due.
    mutating func subscriptionsDue(at now: Instant, into effects: inout [Effect]) {
        var orders: [NotifierOrder] = []
        self.differences.notifier.deadlineReached(at: now, into: &orders)
        self.perform(orders, at: now, into: &effects)
    }

    /// The subscriptions that the storage kept; the documents are there already.
    mutating func restoreSubscriptions(_ records: [NotifierRecord], at now: Instant, into effects: inout [Effect]) {
        var orders: [NotifierOrder] = []
        for standing in self.differences.notifier.restore(records, at: now, into: &orders) {
            var subscription = DifferenceSubscription(encoded: standing.context) {
                WatchedResource(uri: $0, kind: .nothing)
            }
            if var known = subscription {
                known.resources = known.resources.map { self.resource($0.uri, for: known.identities) }
                known.scope = self.scope(of: known.identities)
                subscription = known
            }
            guard let subscription else {
                self.observe(.damagedRecord, into: &effects)
                self.differences.notifier.terminate(standing.id, .deactivated, at: now, into: &orders)
                continue
            }
            self.differences.replace(standing.id, with: subscription)
        }
        self.perform(orders, at: now, into: &effects)
    }

    /// REQ-22141-29: who is no user any more watches nothing any more.
    mutating func subscribersWithdrawn(at now: Instant, into effects: inout [Effect]) {
        var orders: [NotifierOrder] = []
        for id in self.differences.notifier.identifiers {
            guard let identity = self.differences[id]?.identities.first,
                !self.configuration.trustedReaders.contains(identity), let home = self.home(of: identity),
                !self.isUser(home)
            else { continue }
            self.differences.notifier.terminate(id, .noresource, at: now, into: &orders)
        }
        self.perform(orders, at: now, into: &effects)
    }

    /// The process is about to end.
    mutating func drainSubscriptions(at now: Instant, into effects: inout [Effect]) {
        var orders: [NotifierOrder] = []
        self.differences.notifier.drain(at: now, into: &orders)
        self.perform(orders, at: now, into: &effects)
    }

    /// Does what the notifier orders. What it wants to know it is told at once, and that may make further orders.
    mutating func perform(_ first: [NotifierOrder], at now: Instant, into effects: inout [Effect]) {
        var orders = first
        var next = 0
        while next < orders.count {
            let order = orders[next]
            next += 1
            switch order {
            case .respond(let transaction, let bytes): effects.append(.respond(transaction, bytes))
            case .send(let transaction, let request): effects.append(.send(transaction, request))
            case .store(let record): effects.append(.store(.putSubscription(record)))
            case .forget(let id): effects.append(.store(.removeSubscription(id)))
            case .contentWanted(let id): self.provideContent(id, at: now, into: &orders)
            case .challenged(let id, _, _):
                // This box has no credentials: it is a server of the home network.
                self.differences.notifier.authorize(id, with: [], at: now, into: &orders)
            case .delivered(let id):
                self.differences[id]?.leaving = [:]
                self.differences[id]?.leavingComponents = []
            case .ended(let id): self.differences.remove(id)
            case .observed(let observation): self.observe(Self.observation(observation), into: &effects)
            }
        }
    }

    private static func observation(_ observation: NotifierObservation) -> Observation {
        switch observation {
        case .subscriptionLimit, .watcherLimit: .subscriptionLimit
        case .bodyLimit: .badBody
        case .foreignDialog: .foreignDialog
        case .notificationChallenged: .notificationChallenged
        case .damagedRecord: .damagedRecord
        }
    }
}
