package import Ground
internal import SIPTransactions
internal import SIPWire

/// What becomes of a SUBSCRIBE that the box has judged.
extension Notifier {
    /// Accepts a SUBSCRIBE: makes, refreshes or ends a subscription, answers, and orders the NOTIFY that follows every
    /// 2xx (RFC 6665 §4.2.1.2).
    ///
    /// - Parameters:
    ///   - resource: what is watched; counts for a new subscription.
    ///   - watcher: whose the subscription is: one of the identities of the wish, empty for nobody's; counts for a new
    ///     one.
    ///   - isPending: whether nobody has decided yet; counts for a new subscription.
    ///   - context: what the box keeps with the subscription; nil leaves it.
    ///   - tag: of the state as the subscriber would be told it; needed where the wish has a condition.
    /// - Returns: the name of the subscription. After a fetch or an end it may be gone already.
    @discardableResult
    package mutating func accept(
        _ wish: SubscribeWish, resource: [UInt8], watcher: [UInt8], isPending: Bool = false, context: [UInt8]? = nil,
        tag: ContentTag? = nil, at now: Instant, into orders: inout [NotifierOrder]
    ) throws(RequestRefusal) -> UInt64 {
        if let id = wish.subscription {
            try self.refresh(id, wish, context: context, tag: tag, at: now, into: &orders)
            return id
        }
        if !wish.isFetch { try self.checkRoom(for: watcher, into: &orders) }
        let entry = try self.newEntry(
            wish, resource: resource, watcher: watcher, isPending: isPending, context: context ?? [], at: now)
        let id = entry.id
        self.insert(entry)
        self.answer(wish.request, 200, entry, wish.expires, isNew: true, into: &orders)
        if wish.isFetch {
            // RFC 6665 §4.4.3: one NOTIFY, and nothing stays.
            self.counted.fetches += 1
            self.terminate(id, .timeout, withState: true, at: now, into: &orders)
            return id
        }
        self.entries[id]?.isStored = true
        self.keep(id, into: &orders)
        self.demand(id, at: now, into: &orders)
        return id
    }

    private func checkRoom(for watcher: [UInt8], into orders: inout [NotifierOrder]) throws(RequestRefusal) {
        let limits = self.configuration.limits
        if self.entries.count >= limits.subscriptions {
            orders.append(.observed(.subscriptionLimit))
        } else if self.watchers[watcher] ?? 0 >= limits.subscriptionsPerWatcher {
            orders.append(.observed(.watcherLimit))
        } else {
            return
        }
        throw RequestRefusal(503, remedy: .retryAfter(limits.retryAfterSeconds))
    }

    private mutating func newEntry(
        _ wish: SubscribeWish, resource: [UInt8], watcher: [UInt8], isPending: Bool, context: [UInt8], at now: Instant
    ) throws(RequestRefusal) -> NotifierEntry {
        let request = wish.request
        let id = self.freshIdentifier()
        var tag: [UInt8] = []
        tag.append(hex: id)
        let flow = request.origin.flow
        guard
            let dialog = Dialog(
                accepting: request.message, localTag: tag[...], isOverTLS: flow.transport.isSecure),
            let nextHop = dialog.nextHopURI
        else { throw RequestRefusal(400, "Bad Dialog") }
        let event: EventHeader?
        do { event = try request.message.event() } catch { throw RequestRefusal(400, "Bad Event") }
        let expires = now + .seconds(Int64(wish.expires))
        return NotifierEntry(
            id: id, package: wish.package, resource: resource, watcher: watcher, dialog: dialog,
            target: DialogTarget(uri: nextHop, flow: flow), contact: self.contact(for: request),
            event: self.eventValue(event, wish.package),
            contentType: wish.contentType ?? self.configuration.packages[wish.package].notifyBodies.first ?? "",
            machine: isPending ? .pending(.idle) : .active(.idle), expires: expires, wantedRates: wish.rates,
            rate: RateControl(wish.rates.adopted(remaining: expires - now), at: now), condition: wish.condition,
            context: context, needsWhole: true)
    }

    /// A name that no other subscription has; it is never zero.
    private mutating func freshIdentifier() -> UInt64 {
        while true {
            let id = self.entropy.next()
            if id != 0, self.entries[id] == nil { return id }
        }
    }

    /// RFC 6665 §4.2.1.4, RFC 5839 §6.3.
    private mutating func refresh(
        _ id: UInt64, _ wish: SubscribeWish, context: [UInt8]?, tag: ContentTag?, at now: Instant,
        into orders: inout [NotifierOrder]
    ) throws(RequestRefusal) {
        guard var entry = self.entries[id], !entry.machine.isTerminated else {
            throw RequestRefusal(481, "Subscription Does Not Exist")
        }
        let message = wish.request.message
        let sequence: CSeq
        do { sequence = try message.cseq() } catch { throw RequestRefusal(400, error.reason) }
        _ = entry.dialog.received(sequence: sequence.number)
        if message.count(.contact) > 0, !entry.dialog.refreshRemoteTarget(from: message) {
            throw RequestRefusal(400, "Bad Contact")
        }
        if let nextHop = entry.dialog.nextHopURI {
            entry.target = DialogTarget(uri: nextHop, flow: wish.request.origin.flow)
        }
        let isSuppressed = Self.isSuppressed(wish.condition, tag, entry)
        // A refresh that does not say what it accepts keeps what was agreed.
        if let contentType = wish.contentType { entry.contentType = contentType }
        if let context { entry.context = context }
        entry.condition = wish.condition
        guard wish.expires > 0 else {
            self.entries[id] = entry
            return self.unsubscribe(id, wish.request, isSuppressed: isSuppressed, at: now, into: &orders)
        }
        entry.expires = now + .seconds(Int64(wish.expires))
        // RFC 6446 §5.1.1: a refresh sets all rates anew.
        entry.wantedRates = wish.rates
        entry.rate.adopt(wish.rates.adopted(remaining: entry.expires - now), at: now)
        if !isSuppressed { entry.needsWhole = true }
        self.entries[id] = entry
        self.answer(wish.request, isSuppressed ? 204 : 200, entry, wish.expires, isNew: false, into: &orders)
        self.keep(id, into: &orders)
        if isSuppressed {
            self.counted.refreshesSuppressed += 1
            self.arm(id, at: now)
        } else {
            self.demand(id, at: now, into: &orders)
        }
    }

    /// Whether the subscriber already has what a notification would bring.
    private static func isSuppressed(
        _ condition: SuppressIfMatch?, _ tag: ContentTag?, _ entry: NotifierEntry
    ) -> Bool {
        guard let condition else { return false }
        if condition == .always { return true }
        guard entry.machine.isActive, let tag else { return false }
        return condition.matches(tag)
    }

    /// RFC 6665 §4.2.1.4: Expires 0 ends the subscription; the last NOTIFY carries the state, unless the subscriber has
    /// it.
    private mutating func unsubscribe(
        _ id: UInt64, _ request: NotifierRequest, isSuppressed: Bool, at now: Instant,
        into orders: inout [NotifierOrder]
    ) {
        guard let entry = self.entries[id] else { return }
        self.answer(request, isSuppressed ? 204 : 200, entry, 0, isNew: false, into: &orders)
        if isSuppressed {
            self.counted.refreshesSuppressed += 1
            return self.remove(id, into: &orders)
        }
        self.entries[id]?.condition = nil
        self.terminate(id, .timeout, withState: true, at: now, into: &orders)
    }

    // MARK: Answers

    /// The value of Allow.
    private static let methods: StaticString = "SUBSCRIBE, OPTIONS"

    /// Answers with a refusal and what the standard wants to stand beside it.
    package mutating func refuse(
        _ request: NotifierRequest, _ refusal: RequestRefusal, into orders: inout [NotifierOrder]
    ) {
        self.counted.refusals[refusal.status, default: 0] += 1
        let message = request.message
        var tag: [UInt8] = []
        if message.toTag() == nil {
            // Made of the dialog identifiers, so that every answer carries the same one (RFC 3261 §8.2.6.2).
            ContentTag(of: Array(message.callID) + Array(message.fromTag() ?? [])).append(to: &tag)
        }
        var writer = message.response(
            refusal.status, refusal.reason, toTag: tag[...], receivedFrom: request.origin.flow.remote)
        refusal.remedy.write(
            into: &writer, methods: Self.methods, events: self.configuration.packages.allowEvents[...])
        orders.append(.respond(request.transaction, writer.finish()))
    }

    /// RFC 3261 §11.2: what is understood here.
    package func capabilities(_ request: NotifierRequest, into orders: inout [NotifierOrder]) {
        let message = request.message
        var tag: [UInt8] = []
        if message.toTag() == nil {
            ContentTag(of: Array(message.callID) + Array(message.fromTag() ?? [])).append(to: &tag)
        }
        var writer = message.response(200, toTag: tag[...], receivedFrom: request.origin.flow.remote)
        writer.header(.allow, Self.methods)
        writer.header(.allowEvents, self.configuration.packages.allowEvents)
        writer.header(.acceptEncoding, "identity")
        orders.append(.respond(request.transaction, writer.finish()))
    }

    /// The answer to a SUBSCRIBE (RFC 6665 §4.2.1.1): 200, or 204 for a refresh that changes nothing (RFC 5839 §6.3).
    private func answer(
        _ request: NotifierRequest, _ status: Int, _ entry: NotifierEntry, _ expires: UInt32, isNew: Bool,
        into orders: inout [NotifierOrder]
    ) {
        // RFC 5839 §8.1.2 registers the phrase.
        var writer = request.message.response(
            status, status == 204 ? "No Notification" : nil, toTag: entry.dialog.localTag,
            receivedFrom: request.origin.flow.remote, recordRoute: isNew)
        writer.begin(.contact)
        writer.raw(literal: "<")
        writer.raw(entry.contact[...])
        writer.raw(literal: ">\r\n")
        writer.header(.expires, number: UInt64(expires))
        if isNew { writer.header(.allowEvents, self.configuration.packages.allowEvents) }
        orders.append(.respond(request.transaction, writer.finish()))
    }

    /// The URI that our dialogs are reached at (RFC 6665 §4.5.1): this instance, over the transport that the subscriber
    /// used; sips where the subscriber asked for it (RFC 3261 §12.1.1).
    private func contact(for request: NotifierRequest) -> [UInt8] {
        let flow = request.origin.flow
        let isSecure = request.message.requestURI.prefix(5).equalsIgnoringCase("sips:")
        return flow.contactURI(host: self.configuration.contactHost, isSecure: isSecure)
    }
}
