internal import EventNotification
internal import Ground
internal import PresenceDocuments
internal import SIPTransactions
internal import SIPWire

/// How notifications are written and sent (RFC 6665 §4.2.2, RFC 5839 §6, RFC 6446 §9.2, RFC 5263 §4).
extension PresenceServer {
    /// Does what the machine of a subscription decided.
    mutating func act(
        on verdict: NotifierSubscription.Verdict, _ place: UInt32, at now: Instant, into effects: inout [Effect]
    ) {
        switch verdict {
        case .wait: break
        case .waitUntil: self.armSubscription(place, at: now)
        case .send: self.sendNotification(place, at: now, into: &effects)
        case .sendIfChanged:
            let machine = self.subscriptions[place].machine
            // One that waits to hear that it is pending has not heard it: state changes make nobody wait who is.
            if machine.isTerminated || machine.isPending || self.isNews(place, at: now) {
                self.sendNotification(place, at: now, into: &effects)
            } else {
                self.counted.notificationsSuppressed += 1
                self.armSubscription(place, at: now)
            }
        }
    }

    /// A notification is owed at once.
    mutating func demandNotification(_ place: UInt32, at now: Instant, into effects: inout [Effect]) {
        let verdict = self.subscriptions[place].machine.demanded()
        self.act(on: verdict, place, at: now, into: &effects)
    }

    /// Ends a subscription and tells the watcher, as soon as the NOTIFY under way allows.
    mutating func end(
        _ place: UInt32, _ reason: TerminationReason, withState: Bool = false, at now: Instant,
        into effects: inout [Effect]
    ) {
        if !self.subscriptions[place].machine.isTerminated {
            self.watcherLeaves(place, reason, at: now, into: &effects)
        }
        self.subscriptions[place].endsWithState = withState && self.subscriptions[place].machine.isActive
        self.subscriptions[place].machine.terminate(reason)
        self.recount(place)
        if case .outstanding = self.subscriptions[place].machine.delivery {
            // The end is told when the NOTIFY under way is answered; after a crash it is told at the restart.
            self.subscriptions[place].expires = min(self.subscriptions[place].expires, now)
            if self.subscriptions[place].isStored { effects.append(.store(.putSubscription(self.record(of: place)))) }
        }
        self.demandNotification(place, at: now, into: &effects)
    }

    /// What a NOTIFY carries.
    struct Content {
        /// Names the state that the watcher knows after this NOTIFY (RFC 5839 §4).
        var tag: ContentTag
        var type: StaticString?
        /// What follows the type in Content-Type.
        var parameters: [UInt8] = []
        var head: [UInt8] = []
        /// The version between head and tail.
        var version: UInt32?
        var tail: [UInt8] = []
    }

    /// The tag of a subscription that is shown no state.
    private static let stateless = ContentTag(of: Array("no state".utf8))

    /// Writes a NOTIFY with the state as it is now and sends it. Takes the subscription away if it has ended.
    mutating func sendNotification(
        _ place: UInt32, authorization: [(HeaderName, [UInt8])] = [], recordsMark: Bool = true, at now: Instant,
        into effects: inout [Effect]
    ) {
        let content = self.content(for: place, at: now, into: &effects)
        self.subscriptions[place].localCSeq &+= 1
        self.subscriptions[place].lastNotified = now
        let isShown = !self.subscriptions[place].machine.isPending
        self.subscriptions[place].lastTag = isShown ? content.tag.raw : 0
        self.rememberSent(place, content.version, content.tag, at: now)
        if content.type != nil { self.forgetCondition(place) }
        let (head, body) = self.notification(place, content, authorization, at: now)
        let transaction = ClientTransactionID(raw: self.entropy.next() & ~3)
        let dialog = self.subscriptions[place].dialog
        guard let target = DialogTarget(encoded: dialog.target)?.target(requestBytes: head.count + body.count) else {
            return self.removeSubscription(place, at: now, into: &effects)
        }
        effects.append(
            .send(
                transaction,
                OutgoingRequest(method: .notify, bytes: head, body: body, viaOffset: dialog.viaOffset, target: target)))
        self.counted.notificationsSent += 1
        if self.subscriptions[place].machine.isTerminated {
            return self.removeSubscription(place, at: now, into: &effects)
        }
        if recordsMark, self.subscriptions[place].isStored {
            self.marks.append(
                NotificationMark(
                    subscription: self.subscriptions[place].id, cseq: self.subscriptions[place].localCSeq,
                    partialVersion: self.subscriptions[place].partialVersion))
        }
        self.subscriptions[place].machine.sent(transaction: transaction.raw)
        if self.subscriptions[place].isWatcherInformation, self.hasWatcherNews(place) {
            // One message had no room for all; the rest follows this one.
            _ = self.subscriptions[place].machine.changed(earliest: .zero, at: now)
        }
        self.outstanding[transaction.raw] = OutstandingNotification(
            subscription: place, generation: self.subscriptions.generation(of: place),
            isAuthorized: !authorization.isEmpty)
        self.armSubscription(place, at: now)
    }

    /// Chooses body and tag for the state of the subscription.
    private mutating func content(for place: UInt32, at now: Instant, into effects: inout [Effect]) -> Content {
        switch self.subscriptions[place].machine {
        case .pending: return Content(tag: Self.stateless)
        case .terminated where !self.subscriptions[place].endsWithState: return Content(tag: Self.stateless)
        case .active, .terminated: break
        }
        if self.subscriptions[place].isWatcherInformation {
            return self.watcherInformationContent(for: place, at: now, into: &effects)
        }
        let view = self.subscriptions[place].view
        self.refreshView(view, at: now)
        let tag = self.shownTag(of: place, at: now)
        let extras = self.subscriptions[place].extras
        if extras != Subscription.nowhere {
            // RFC 5839 §6.2: the watcher knows this state; it hears only of the subscription.
            if let condition = self.extras[extras].wishes.suppress, condition.matches(tag) { return Content(tag: tag) }
            if self.extras[extras].wishes.partial, let rendering = self.partialRendering(for: place, at: now) {
                self.counted.partialNotifications += 1
                return Content(
                    tag: tag, type: Self.partialPIDF, head: rendering.head,
                    version: self.subscriptions[place].partialVersion &+ 1, tail: rendering.tail)
            }
        }
        if tag != self.views[view].tag, let compound = self.compoundBody(of: view, at: now) {
            return Content(
                tag: tag, type: Self.compound, parameters: compound.parameters, head: compound.body)
        }
        let body = self.views[view].body
        return Content(tag: tag, type: body.isEmpty ? nil : Self.pidf, head: body)
    }

    /// Keeps what the next notification of a subscription with wishes is made from.
    private mutating func rememberSent(_ place: UInt32, _ version: UInt32?, _ tag: ContentTag, at now: Instant) {
        let isWatcherInformation = self.subscriptions[place].isWatcherInformation
        if isWatcherInformation {
            self.watchersTold(place)
        } else if let version {
            self.subscriptions[place].partialVersion = version
        }
        let extras = self.subscriptions[place].extras
        guard extras != Subscription.nowhere else { return }
        self.extras[extras].rate.sent(at: now)
        guard self.subscriptions[place].machine.isActive, !isWatcherInformation else { return }
        let view = self.subscriptions[place].view
        if version != nil {
            self.extras[extras].base = self.sharedDocument(of: view, at: now)
            self.extras[extras].baseTag = tag.raw
        }
        if self.views[view].filter != nil {
            self.extras[extras].lastSeen = self.unfilteredDocument(of: view, at: now)
        }
    }

    /// A watcher that is sent a body holds that, and no longer the state that it named: should that state come back,
    /// its tag would come back too, as it is made of the content (RFC 5839 §6.2).
    private mutating func forgetCondition(_ place: UInt32) {
        let extras = self.subscriptions[place].extras
        guard extras != Subscription.nowhere, case .tag = self.extras[extras].wishes.suppress else { return }
        self.extras[extras].wishes.suppress = nil
    }

    /// The bytes of a NOTIFY: the template of the dialog and the numbers; the body, which is shared where it is the same
    /// for many.
    private func notification(
        _ place: UInt32, _ content: Content, _ authorization: [(HeaderName, [UInt8])], at now: Instant
    ) -> (head: [UInt8], body: [UInt8]) {
        var body = content.head
        if let number = content.version {
            body.append(decimal: UInt64(number))
            body.append(contentsOf: content.tail)
        }
        let isWatcherInformation = self.subscriptions[place].isWatcherInformation
        let template = self.subscriptions[place].dialog.template
        var bytes: [UInt8] = []
        bytes.reserveCapacity(template.count + 256)
        template.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
        bytes.append(literal: "Max-Forwards: 70\r\nCSeq: ")
        bytes.append(decimal: UInt64(self.subscriptions[place].localCSeq))
        self.appendState(of: place, to: &bytes, at: now)
        if !isWatcherInformation {
            bytes.append(literal: "\r\nSIP-ETag: ")
            content.tag.append(to: &bytes)
        }
        for (name, value) in authorization {
            bytes.append(literal: "\r\n")
            bytes.append(literal: name.canonical)
            bytes.append(literal: ": ")
            bytes.append(contentsOf: value)
        }
        if let type = content.type, !body.isEmpty {
            bytes.append(literal: "\r\nContent-Type: ")
            bytes.append(literal: type)
            bytes.append(contentsOf: content.parameters)
        }
        bytes.append(literal: "\r\nContent-Length: ")
        bytes.append(decimal: UInt64(body.count))
        bytes.append(literal: "\r\n\r\n")
        return (bytes, body)
    }

    /// The rest of the CSeq line and a Subscription-State without its line end (RFC 6665 §4.1.3, §8.2.3): `expires`
    /// while the subscription lives, `reason` when it ends.
    private func appendState(of place: UInt32, to bytes: inout [UInt8], at now: Instant) {
        switch self.subscriptions[place].machine {
        case .terminated(let reason, _):
            bytes.append(literal: " NOTIFY\r\nSubscription-State: terminated;reason=")
            bytes.append(literal: reason.token)
            return
        case .pending: bytes.append(literal: " NOTIFY\r\nSubscription-State: pending;expires=")
        case .active: bytes.append(literal: " NOTIFY\r\nSubscription-State: active;expires=")
        }
        let left = self.subscriptions[place].expires.nanoseconds &- now.nanoseconds
        bytes.append(decimal: UInt64(max(left, 0) / 1_000_000_000))
        let extras = self.subscriptions[place].extras
        if extras != Subscription.nowhere { self.extras[extras].rate.rates.appendParameters(to: &bytes) }
    }

    // MARK: The end of a subscription

    /// Takes a subscription out of all tables and the store. Nothing is sent.
    mutating func removeSubscription(_ place: UInt32, at now: Instant, into effects: inout [Effect]) {
        // Nobody was told yet of one that was lost, and not ended.
        if !self.subscriptions[place].machine.isTerminated {
            self.watcherLeaves(place, .timeout, at: now, into: &effects)
        }
        let subscription = self.subscriptions[place]
        let owner = subscription.presentity
        if subscription.isWatcherInformation {
            self.removeSubscriber(place)
        } else {
            self.removeWatcher(place)
        }
        if case .outstanding(let transaction, _) = subscription.machine.delivery {
            self.outstanding[transaction] = nil
        }
        if subscription.extras != Subscription.nowhere { self.extras.remove(subscription.extras) }
        if subscription.countsAsPending { self.pendingCount -= 1 }
        self.subscriptionPlaces[subscription.id] = nil
        self.subscriptions.remove(place)
        if subscription.view != Subscription.nowhere { self.releaseView(subscription.view) }
        if subscription.isStored { effects.append(.store(.removeSubscription(subscription.id))) }
        self.forgetIfIdle(owner)
    }

    /// Takes a subscription out of the list of its presentity.
    private mutating func removeWatcher(_ place: UInt32) {
        let owner = self.subscriptions[place].presentity
        let position = self.subscriptions[place].position
        let last = self.presentities[owner].watchers.removeLast()
        guard last != place else { return }
        self.presentities[owner].watchers[Int(position)] = last
        self.subscriptions[last].position = position
    }

    /// Keeps the gauge of pending subscriptions right, and tells who asked how the subscription stands.
    mutating func recount(_ place: UInt32) {
        let isPending = self.subscriptions[place].machine.isPending
        guard isPending != self.subscriptions[place].countsAsPending else { return }
        self.subscriptions[place].countsAsPending = isPending
        self.pendingCount += isPending ? 1 : -1
        self.watcherStandingChanged(place)
    }

    /// What the storage keeps of a subscription.
    func record(of place: UInt32) -> SubscriptionRecord {
        let subscription = self.subscriptions[place]
        return SubscriptionRecord(
            id: subscription.id, presentity: self.presentities[subscription.presentity].identity,
            watcher: Array(subscription.dialog.watcher),
            package: subscription.isWatcherInformation ? StoredNames.watcherInformation : StoredNames.presence,
            state: subscription.machine.storedState, expires: subscription.expires,
            localCSeq: subscription.localCSeq, partialVersion: subscription.partialVersion,
            dialog: subscription.dialog.bytes)
    }
}
