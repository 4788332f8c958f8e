internal import EventNotification
internal import Ground
internal import PresenceDocuments
internal import SIPTransactions
internal import SIPWire

/// SUBSCRIBE inside a dialog: refresh, change and end of a subscription (RFC 6665 §4.2.1.4, RFC 5839 §6.4, RFC 4660
/// §4.2).
extension PresenceServer {
    mutating func resubscribe(
        _ request: Request, _ tag: UInt64?, _ package: Int, _ identity: ProvenIdentity, at now: Instant,
        into effects: inout [Effect]
    ) throws(RequestRefusal) {
        self.counted.subscribes += 1
        let message = request.message
        let place = try self.subscription(tag, of: message, package)
        try self.checkOwner(of: place, identity, into: &effects)
        let cseq: CSeq
        do { cseq = try message.cseq() } catch { throw RequestRefusal(400, error.reason) }
        // RFC 3261 §12.2.2: a number that is not higher is out of order.
        guard cseq.number > self.subscriptions[place].dialog.remoteCSeq else {
            throw RequestRefusal(500, "CSeq Out Of Order")
        }
        if self.subscriptions[place].isWatcherInformation {
            return try self.resubscribeToWatchers(request, place, cseq.number, at: now, into: &effects)
        }
        let owner = self.subscriptions[place].presentity
        var wish = try self.wish(of: message, package, self.presentities[owner].identity)
        let filter = try self.mergedFilter(place, &wish)
        if !wish.namesDocuments {
            // A refresh that does not say what it accepts keeps what was agreed.
            wish.takesParts = self.subscriptions[place].dialog.takesParts
            let extras = self.subscriptions[place].extras
            if extras != Subscription.nowhere { wish.wishes.partial = self.extras[extras].wishes.partial }
        }
        let isSuppressed = self.isSuppressed(place, wish, at: now)
        // The last SUBSCRIBE moves the remote target too: the NOTIFY that ends the subscription goes where it says.
        try self.rebuildDialog(request, place, cseq.number, wish)
        if wish.expires == 0 {
            return self.unsubscribe(request, place, isSuppressed: isSuppressed, at: now, into: &effects)
        }
        try self.changeView(place, filter, into: &effects)
        self.subscriptions[place].expires = now + .seconds(Int64(wish.expires))
        self.setWishes(wish.wishes, of: place, at: now)
        self.answerSubscription(request, isSuppressed ? 204 : 200, place, wish.expires, isNew: false, into: &effects)
        if isSuppressed {
            self.counted.refreshesSuppressed += 1
        } else {
            self.forgetBase(place)
            self.demandNotification(place, at: now, into: &effects)
        }
        guard let tag, self.subscriptionPlaces[tag] == place else { return }
        self.armSubscription(place, at: now)
        effects.append(.store(.putSubscription(self.record(of: place))))
    }

    /// The subscription that a request inside a dialog belongs to: tags, Call-ID and Event all have to fit.
    private func subscription(
        _ tag: UInt64?, of message: SIPMessage, _ package: Int
    ) throws(RequestRefusal) -> UInt32 {
        let event = try? message.event()
        guard let tag, let place = self.subscriptionPlaces[tag],
            self.subscriptions[place].dialog.callID == message.callID,
            let fromTag = message.fromTag(), self.subscriptions[place].dialog.remoteTag == fromTag,
            self.subscriptions[place].dialog.event == self.eventValue(event, package)[...],
            !self.subscriptions[place].machine.isTerminated
        else { throw RequestRefusal(481, "Subscription Does Not Exist") }
        return place
    }

    /// Only who made the subscription may change it. Inside the trust domain a request without an identity is as good
    /// as its dialog.
    private mutating func checkOwner(
        of place: UInt32, _ identity: ProvenIdentity, into effects: inout [Effect]
    ) throws(RequestRefusal) {
        if identity.isUnasserted { return }
        let watcher = self.subscriptions[place].dialog.watcher
        if watcher.isEmpty ? identity.isAnonymous : identity.includes(watcher) { return }
        self.observe(.foreignDialog, into: &effects)
        throw RequestRefusal(403)
    }

    /// RFC 4660 §4.2: filters persist, a new body changes them by id.
    private func mergedFilter(
        _ place: UInt32, _ wish: inout SubscriptionWish
    ) throws(RequestRefusal) -> WatcherFilterSet? {
        let kept = self.views[self.subscriptions[place].view].filter
        guard let sent = wish.filter else {
            wish.wishes.filter = kept?.serialised() ?? []
            return kept
        }
        guard var merged = kept else { return sent }
        do { try merged.merge(sent) } catch {
            throw Self.refusal(of: error, types: self.registry[Int(self.subscriptions[place].package)].subscribeBodies)
        }
        wish.wishes.filter = merged.serialised()
        return merged
    }

    /// RFC 5839 §6.4: whether the watcher already has what a notification would bring.
    private mutating func isSuppressed(_ place: UInt32, _ wish: SubscriptionWish, at now: Instant) -> Bool {
        guard let condition = wish.wishes.suppress else { return false }
        if condition == .always { return true }
        guard self.subscriptions[place].machine.isActive else { return false }
        let view = self.subscriptions[place].view
        self.refreshView(view, at: now)
        return condition.matches(self.shownTag(in: view, withParts: wish.takesParts, at: now))
    }

    /// RFC 6665 §4.2.1.4: Expires 0 ends the subscription; the last NOTIFY carries the state, unless the watcher has
    /// it.
    private mutating func unsubscribe(
        _ request: Request, _ place: UInt32, isSuppressed: Bool, at now: Instant, into effects: inout [Effect]
    ) {
        self.answerSubscription(request, isSuppressed ? 204 : 200, place, 0, isNew: false, into: &effects)
        if isSuppressed {
            self.counted.refreshesSuppressed += 1
            return self.removeSubscription(place, at: now, into: &effects)
        }
        let extras = self.subscriptions[place].extras
        if extras != Subscription.nowhere { self.extras[extras].wishes.suppress = nil }
        self.forgetBase(place)
        self.end(place, .timeout, withState: true, at: now, into: &effects)
    }

    /// The remote target and what the watcher asks for change (RFC 3261 §12.2.2); the route set does not.
    mutating func rebuildDialog(
        _ request: Request, _ place: UInt32, _ cseq: UInt32, _ wish: SubscriptionWish
    ) throws(RequestRefusal) {
        let dialog = self.subscriptions[place].dialog
        let (routes, known) = Self.routes(of: dialog)
        guard let target = wish.contact ?? known else { throw RequestRefusal(400, "Missing Contact") }
        let way = Self.way(to: target, over: routes)
        var parts = WatcherDialog.Parts(
            remoteCSeq: cseq, requestURI: way.requestURI, isStrictlyRouted: way.isStrict,
            routeLines: way.routeLines, local: Array(dialog.localParty),
            remote: dialog.remoteParty, remoteTag: dialog.remoteTag, callID: dialog.callID,
            event: Array(dialog.event), contact: Array(dialog.contact), watcher: Array(dialog.watcher),
            target: DialogTarget(uri: way.nextHop, flow: request.origin.flow), wishes: wish.wishes)
        // Who the watcher is, and that it wants to stay unknown, does not change with a refresh.
        parts.otherIdentities = dialog.otherIdentities
        parts.asksForPrivacy = dialog.asksForPrivacy
        parts.isApproved = dialog.isApproved
        parts.takesParts = wish.takesParts
        parts.madeAt = dialog.madeAt
        parts.watcherName = dialog.watcherName
        guard let rebuilt = WatcherDialog(parts, limit: self.configuration.limits.dialogBytes) else {
            throw RequestRefusal(513)
        }
        self.subscriptions[place].dialog = rebuilt
    }

    /// Reads route set and remote target back from the template.
    private static func routes(of dialog: WatcherDialog) -> (routes: [NameAddress], target: SIPURI?) {
        let requestURI = dialog.template.dropFirst("NOTIFY ".utf8.count).prefix { $0 != 0x20 }
        var routes: [NameAddress] = []
        for line in dialog.routeLines.split(separator: 0x0A) {
            let value = line.dropFirst("Route: ".utf8.count).dropLast()
            if let route = try? NameAddress.parse(value) { routes.append(route) }
        }
        guard dialog.isStrictlyRouted, let last = routes.popLast() else {
            return (routes, try? SIPURI.parse(requestURI))
        }
        var top: [UInt8] = [UInt8(ascii: "<")]
        top.append(contentsOf: requestURI)
        top.append(UInt8(ascii: ">"))
        if let router = try? NameAddress.parse(top[...]) { routes.insert(router, at: 0) }
        return (routes, last.uri)
    }

    /// Shows the watcher through another filter.
    private mutating func changeView(
        _ place: UInt32, _ filter: WatcherFilterSet?, into effects: inout [Effect]
    ) throws(RequestRefusal) {
        let view = self.subscriptions[place].view
        guard self.views[view].filter != filter else { return }
        let outcome = self.views[view].outcome
        guard let other = self.viewIfRoom(self.subscriptions[place].presentity, outcome, filter) else {
            self.observe(.watcherLimit, into: &effects)
            throw RequestRefusal(488, remedy: .warning(code: 399, text: "Too many different filters"))
        }
        self.subscriptions[place].view = other
        self.releaseView(view)
    }

    /// RFC 5263 §4.2: after a SUBSCRIBE the next partial document is a whole one; RFC 4660 §5.3: triggers do not
    /// count for it.
    private mutating func forgetBase(_ place: UInt32) {
        let extras = self.subscriptions[place].extras
        guard extras != Subscription.nowhere else { return }
        self.extras[extras].base = nil
        self.extras[extras].lastSeen = nil
    }
}
