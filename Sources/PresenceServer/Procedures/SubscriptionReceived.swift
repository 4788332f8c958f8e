internal import EventNotification
internal import Ground
internal import PresenceDocuments
internal import SIPTransactions
internal import SIPWire

/// New subscriptions and fetches (RFC 6665 §4.2.1, RFC 3856 §6.4-§6.7, REQ-24141-19, REQ-24141-20).
extension PresenceServer {
    mutating func subscribe(
        _ request: Request, _ presentity: [UInt8], _ package: Int, _ identity: ProvenIdentity, at now: Instant,
        into effects: inout [Effect]
    ) throws(RequestRefusal) {
        self.counted.subscribes += 1
        let message = request.message
        guard self.isUser(presentity) else { throw RequestRefusal(404) }
        let watcher = JudgedWatcher(identity, of: presentity, asksForPrivacy: Self.asksForPrivacy(message))
        let outcome = self.decide(presentity, watcher, at: now, into: &effects)
        guard outcome.handling != .block else {
            self.watcherRefused(presentity, identity, message)
            throw RequestRefusal(403)
        }
        let wish = try self.wish(of: message, package, presentity)
        guard let contact = wish.contact else { throw RequestRefusal(400, "Missing Contact") }
        let isFetch = wish.expires == 0
        let known = self.presentityPlaces[presentity]
        if !isFetch { try self.checkRoom(at: known, into: &effects) }
        let id = self.freshIdentifier()
        let dialog = try self.newDialog(request, id, contact, watcher, wish, at: now)
        let owner: UInt32
        if let known { owner = known } else { owner = try self.presentity(presentity, into: &effects) }
        guard let view = self.viewIfRoom(owner, outcome, wish.filter) else {
            self.observe(.watcherLimit, into: &effects)
            self.forgetIfIdle(owner)
            throw RequestRefusal(488, remedy: .warning(code: 399, text: "Too many different filters"))
        }
        let machine: NotifierSubscription = outcome.handling == .confirm ? .pending(.idle) : .active(.idle)
        let place = self.insert(
            Subscription(
                id: id, dialog: dialog, presentity: owner, view: view, machine: machine,
                expires: now + .seconds(Int64(wish.expires)), package: UInt8(package)))
        self.setWishes(wish.wishes, of: place, at: now)
        self.armJudgement(owner, at: now)
        self.answerSubscription(request, 200, place, wish.expires, isNew: true, into: &effects)
        self.watcherArrived(place, into: &effects)
        if isFetch {
            // RFC 6665 §4.4.3: one NOTIFY, and nothing stays.
            self.counted.fetches += 1
            return self.end(place, .timeout, withState: true, at: now, into: &effects)
        }
        self.subscriptions[place].isStored = true
        self.sendNotification(place, recordsMark: false, at: now, into: &effects)
        guard self.subscriptionPlaces[id] != nil else { return }
        effects.append(.store(.putSubscription(self.record(of: place))))
    }

    /// Judges a watcher, counts the judgement and tells it.
    private mutating func decide(
        _ presentity: [UInt8], _ watcher: JudgedWatcher, at now: Instant, into effects: inout [Effect]
    ) -> PolicyOutcome {
        let judgement = self.judge(presentity, watcher, at: now, into: &effects)
        self.counted.decided(judgement.handling)
        effects.append(
            .decided(
                Decision(
                    matter: .subscription, presentity: presentity, actor: watcher.main,
                    handling: judgement.handling, reason: judgement.reason)))
        return judgement.outcome
    }

    /// Whether a watcher wants to stay unknown to the presentity (RFC 3323 §4.2, RFC 3325 §9.3, REQ-24141-17).
    static func asksForPrivacy(_ message: SIPMessage) -> Bool {
        message.count(.privacy) > 0 && !message.privacy().isDisjoint(with: [.id, .user])
    }

    /// - Parameter place: the place of the presentity, if it is known already.
    private mutating func checkRoom(at place: UInt32?, into effects: inout [Effect]) throws(RequestRefusal) {
        guard self.subscriptions.count < self.configuration.limits.subscriptions else {
            throw self.overLimit(.subscriptionLimit, into: &effects)
        }
        guard let place else { return }
        guard self.presentities[place].watchers.count < self.configuration.limits.watchersPerPresentity else {
            throw self.overLimit(.watcherLimit, into: &effects)
        }
    }

    /// The view for a new subscription. Nil if its filter would be one view too many.
    mutating func viewIfRoom(
        _ owner: UInt32, _ outcome: PolicyOutcome, _ filter: WatcherFilterSet?
    ) -> UInt32? {
        if filter != nil, self.presentities[owner].views.count >= self.configuration.limits.viewsPerPresentity {
            return nil
        }
        return self.acquireView(owner, outcome, filter: filter)
    }

    /// Puts a subscription among the watchers of its presentity.
    mutating func insert(_ subscription: Subscription) -> UInt32 {
        let owner = subscription.presentity
        var subscription = subscription
        subscription.position = UInt32(self.presentities[owner].watchers.count)
        let place = self.subscriptions.insert(subscription)
        self.presentities[owner].watchers.append(place)
        self.subscriptionPlaces[subscription.id] = place
        self.recount(place)
        return place
    }

    /// The dialog of a new subscription, which belongs to the main identity of the watcher.
    mutating func newDialog(
        _ request: Request, _ id: UInt64, _ contact: SIPURI, _ watcher: JudgedWatcher, _ wish: SubscriptionWish,
        at now: Instant
    ) throws(RequestRefusal) -> WatcherDialog {
        let message = request.message
        guard let local = message.first(.to), let remote = message.first(.from), let remoteTag = message.fromTag()
        else { throw RequestRefusal(400, "Missing From Tag") }
        let routes: [NameAddress]
        let cseq: CSeq
        do {
            routes = try message.recordRoutes()
            cseq = try message.cseq()
        } catch { throw RequestRefusal(400, error.reason) }
        var party: [UInt8] = []
        party.reserveCapacity(local.count + 24)
        party.append(octets: local)
        party.append(literal: ";tag=")
        party.append(hex: id)
        let way = Self.way(to: contact, over: routes)
        var parts = WatcherDialog.Parts(
            remoteCSeq: cseq.number, requestURI: way.requestURI, isStrictlyRouted: way.isStrict,
            routeLines: way.routeLines, local: party, remote: remote,
            remoteTag: remoteTag, callID: message.callID, event: wish.event, contact: self.contact(for: request),
            watcher: watcher.main, target: DialogTarget(uri: way.nextHop, flow: request.origin.flow),
            wishes: wish.wishes)
        parts.otherIdentities = watcher.others
        parts.asksForPrivacy = watcher.asksForPrivacy
        parts.takesParts = wish.takesParts
        parts.madeAt = UInt32(clamping: now.seconds)
        parts.watcherName = self.entropy.next()
        guard let dialog = WatcherDialog(parts, limit: self.configuration.limits.dialogBytes) else {
            throw RequestRefusal(513)
        }
        return dialog
    }

    /// Where the requests of a dialog go.
    struct Way {
        var requestURI: Octets
        var routeLines: [UInt8] = []
        var isStrict = false
        var nextHop: SIPURI
    }

    /// RFC 3261 §12.2.1.1: where our requests go. With a strict router on top the target becomes the last route.
    static func way(to target: SIPURI, over routes: [NameAddress]) -> Way {
        guard let first = routes.first else { return Way(requestURI: target.octets, nextHop: target) }
        let isStrict = !first.uri.isLooseRouter
        var way = Way(
            requestURI: isStrict ? first.uriOctets : target.octets, isStrict: isStrict, nextHop: first.uri)
        for route in isStrict ? routes.dropFirst() : routes[...] {
            way.routeLines.append(literal: "Route: ")
            way.routeLines.append(contentsOf: route.octets)
            way.routeLines.append(literal: "\r\n")
        }
        if isStrict {
            way.routeLines.append(literal: "Route: <")
            way.routeLines.append(contentsOf: target.octets)
            way.routeLines.append(literal: ">\r\n")
        }
        return way
    }

    /// The URI that our dialogs are reached at (RFC 6665 §4.5.1): this instance, over the transport that the watcher
    /// used; sips where the watcher asked for it (RFC 3261 §12.1.1).
    mutating func contact(for request: Request) -> [UInt8] {
        let flow = request.origin.flow
        let isSecure = request.message.requestURI.prefix(5).equalsIgnoringCase("sips:")
        if let last = self.lastContact, last.local == flow.local, last.transport == flow.transport,
            last.isSecure == isSecure
        {
            return last.uri
        }
        let uri = flow.contactURI(host: self.configuration.contactHost, isSecure: isSecure)
        self.lastContact = LocalContact(local: flow.local, transport: flow.transport, isSecure: isSecure, uri: uri)
        return uri
    }

    /// The answer to a SUBSCRIBE (RFC 6665 §4.2.1.1): 200, or 204 for a refresh that changes nothing (RFC 5839 §6.4).
    mutating func answerSubscription(
        _ request: Request, _ status: Int, _ place: UInt32, _ expires: UInt32, isNew: Bool,
        into effects: inout [Effect]
    ) {
        let subscription = self.subscriptions[place]
        var tag: [UInt8] = []
        if isNew {
            tag.reserveCapacity(16)
            tag.append(hex: subscription.id)
        }
        // RFC 5839 §8.1.2 registers the phrase.
        var writer = request.message.response(
            status, status == 204 ? "No Notification" : nil, toTag: tag[...],
            receivedFrom: request.origin.flow.remote, recordRoute: isNew)
        writer.begin(.contact)
        writer.raw(literal: "<")
        writer.raw(subscription.dialog.contact)
        writer.raw(literal: ">\r\n")
        writer.header(.expires, number: UInt64(expires))
        if isNew { writer.header(.allowEvents, self.registry.allowEvents) }
        effects.append(.respond(request.transaction, writer.finish()))
    }
}

/// A Contact of ours, and what it was made for.
struct LocalContact: Sendable {
    let local: Endpoint
    let transport: Transport
    let isSecure: Bool
    let uri: [UInt8]
}
