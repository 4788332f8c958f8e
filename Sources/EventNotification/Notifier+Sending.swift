package import Ground
package import SIPTransactions
package import SIPWire

/// How notifications are written and sent, and what their answers do (RFC 6665 §4.2.2, RFC 5839 §6, RFC 6446 §9.2,
/// RFC 5057).
extension Notifier {
    /// What a NOTIFY that was ordered has to tell; nil if none is wanted any more.
    package func occasion(of id: UInt64) -> NotifierOccasion? { self.entries[id]?.wanted }

    /// The content that was ordered.
    /// - Returns: whether a NOTIFY with this state was sent; false if the subscriber has it already, or nothing was
    ///   ordered.
    @discardableResult
    package mutating func notify(
        _ id: UInt64, _ content: NotifierContent, at now: Instant, into orders: inout [NotifierOrder]
    ) -> Bool {
        guard let entry = self.entries[id], let occasion = entry.wanted else { return false }
        self.entries[id]?.wanted = nil
        let isOwed = occasion == .whole
        var content = content
        if let condition = entry.condition, condition.matches(content.tag) {
            // RFC 5839 §6.2: the subscriber knows this state; it hears only of the subscription.
            if !isOwed { return self.suppressed(id, at: now) }
            content = NotifierContent(tag: content.tag)
        }
        if !isOwed, content.tag.raw == entry.lastTag { return self.suppressed(id, at: now) }
        self.send(id, content, at: now, into: &orders)
        return true
    }

    /// The content that was ordered would tell nothing.
    package mutating func nothingNew(_ id: UInt64, at now: Instant) {
        guard self.entries[id]?.wanted != nil else { return }
        self.entries[id]?.wanted = nil
        _ = self.suppressed(id, at: now)
    }

    private mutating func suppressed(_ id: UInt64, at now: Instant) -> Bool {
        self.counted.notificationsSuppressed += 1
        self.arm(id, at: now)
        return false
    }

    /// The tag of a subscription that is shown no state.
    private static let stateless = ContentTag(of: Array("no state".utf8))

    /// Writes a NOTIFY and sends it. Takes the subscription away if it has ended.
    /// - Parameter content: nil where the subscriber is shown nothing.
    mutating func send(
        _ id: UInt64, _ content: NotifierContent?, at now: Instant, into orders: inout [NotifierOrder]
    ) {
        guard var entry = self.entries[id] else { return }
        entry.wanted = nil
        let content = content.flatMap { entry.machine.isTerminated && !entry.endsWithState ? nil : $0 }
        let head = Self.notification(&entry, content, at: now)
        entry.isAuthorized = !entry.authorization.isEmpty
        entry.authorization = []
        entry.lastNotified = now
        entry.lastTag = content?.tag.raw ?? 0
        if content != nil { entry.needsWhole = false }
        // A subscriber that is sent a body holds that, and no longer the state that it named.
        if content?.contentType != nil, case .tag = entry.condition { entry.condition = nil }
        entry.rate.sent(at: now)
        let body = content?.body ?? []
        guard let target = entry.target.target(requestBytes: head.count + body.count) else {
            return self.remove(id, into: &orders)
        }
        let transaction = ClientTransactionID(raw: self.entropy.next() & ~3 | self.configuration.transactionMark)
        let isOver = entry.machine.isTerminated
        if !isOver { entry.machine.sent(transaction: transaction.raw) }
        self.entries[id] = entry
        if !isOver, entry.isStored, entry.dialog.localSequence > entry.reserved { self.keep(id, into: &orders) }
        orders.append(
            .send(
                transaction,
                OutgoingRequest(
                    method: .notify, bytes: head, body: body, viaOffset: entry.dialog.viaOffset(.notify),
                    target: target)))
        self.counted.notificationsSent += 1
        if isOver { return self.remove(id, into: &orders) }
        self.outstanding[transaction.raw] = id
        self.arm(id, at: now)
    }

    /// The header part of a NOTIFY.
    private static func notification(
        _ entry: inout NotifierEntry, _ content: NotifierContent?, at now: Instant
    ) -> [UInt8] {
        var writer = entry.dialog.request(.notify)
        writer.begin(.contact)
        writer.raw(literal: "<")
        writer.raw(entry.contact[...])
        writer.raw(literal: ">\r\n")
        writer.header(.event, entry.event)
        writer.header(.subscriptionState, Self.state(of: entry, at: now))
        var tag: [UInt8] = []
        (content?.tag ?? Self.stateless).append(to: &tag)
        writer.header(.sipETag, tag)
        for (name, value) in entry.authorization { writer.header(name, value) }
        let length = content?.body.count ?? 0
        if length > 0, let type = content?.contentType { writer.header(.contentType, type) }
        writer.header(.contentLength, number: UInt64(length))
        writer.raw(literal: "\r\n")
        return writer.bytes
    }

    /// The value of Subscription-State (RFC 6665 §4.1.3, §8.2.3): `expires` while it lives, `reason` when it ends.
    private static func state(of entry: NotifierEntry, at now: Instant) -> [UInt8] {
        var value: [UInt8] = []
        switch entry.machine {
        case .terminated(let reason, _):
            value.append(literal: "terminated;reason=")
            value.append(literal: reason.token)
            if let retryAfter = entry.retryAfter {
                value.append(literal: ";retry-after=")
                value.append(decimal: UInt64(retryAfter))
            }
            return value
        case .pending: value.append(literal: "pending;expires=")
        case .active: value.append(literal: "active;expires=")
        }
        let left = (entry.expires - now).wholeNanoseconds
        value.append(decimal: UInt64(max(left, 0) / 1_000_000_000))
        entry.rate.rates.appendParameters(to: &value)
        return value
    }

    // MARK: Answers

    /// A response to a NOTIFY came. Nothing happens for a transaction that is none of ours.
    package mutating func answered(
        _ transaction: ClientTransactionID, _ message: SIPMessage, at now: Instant,
        into orders: inout [NotifierOrder]
    ) {
        guard message.status >= 200, let id = self.outstanding.removeValue(forKey: transaction.raw),
            let entry = self.entries[id]
        else { return }
        switch NotifyOutcome(status: message.status, retryAfter: message.retryAfter()) {
        case .delivered:
            self.counted.notificationsDelivered += 1
            orders.append(.delivered(id))
            self.adoptRates(id, from: message, at: now, into: &orders)
            self.goOn(id, retryAt: nil, at: now, into: &orders)
        case .challenged:
            guard !entry.isAuthorized else {
                orders.append(.observed(.notificationChallenged))
                return self.lost(id, retryAt: nil, at: now, into: &orders)
            }
            let line = entry.dialog.request(.notify, sequence: 0).bytes.dropFirst(7).prefix { $0 != 0x20 }
            orders.append(.challenged(id, message, requestURI: Array(line)))
        case .subscriptionGone:
            self.counted.notificationsFailed += 1
            self.remove(id, into: &orders)
        case .retry(let delay): self.lost(id, retryAt: now + delay, at: now, into: &orders)
        case .failed: self.lost(id, retryAt: nil, at: now, into: &orders)
        }
    }

    /// A NOTIFY got no response. Nothing happens for a transaction that is none of ours.
    package mutating func failed(
        _ transaction: ClientTransactionID, _ failure: RequestFailure, at now: Instant,
        into orders: inout [NotifierOrder]
    ) {
        guard let id = self.outstanding.removeValue(forKey: transaction.raw), self.entries[id] != nil else { return }
        switch failure {
        case .timeout, .transport, .unresolvable:
            // RFC 6665 §4.2.2: nobody is there any more.
            self.counted.notificationsFailed += 1
            self.remove(id, into: &orders)
        case .overloaded:
            // Ours is the fault, not the subscriber's.
            self.lost(id, retryAt: now + .seconds(2), at: now, into: &orders)
        }
    }

    /// The answer to ``NotifierOrder/challenged(_:_:requestURI:)``: headers that answer the challenge, or none.
    package mutating func authorize(
        _ id: UInt64, with headers: [(HeaderName, [UInt8])], at now: Instant, into orders: inout [NotifierOrder]
    ) {
        guard let entry = self.entries[id], case .outstanding(let transaction, _) = entry.machine.delivery,
            self.outstanding[transaction] == nil
        else { return }
        guard !headers.isEmpty else {
            orders.append(.observed(.notificationChallenged))
            return self.lost(id, retryAt: nil, at: now, into: &orders)
        }
        self.entries[id]?.authorization = headers
        self.entries[id]?.needsWhole = true
        self.entries[id]?.machine.delivery = .idle
        self.demand(id, at: now, into: &orders)
    }

    /// The subscriber did not take this one; the next carries the whole state.
    private mutating func lost(
        _ id: UInt64, retryAt: Instant?, at now: Instant, into orders: inout [NotifierOrder]
    ) {
        self.counted.notificationsFailed += 1
        self.entries[id]?.lastTag = 0
        self.entries[id]?.needsWhole = true
        self.goOn(id, retryAt: retryAt, at: now, into: &orders)
    }

    /// The dialog is free for the next notification.
    private mutating func goOn(
        _ id: UInt64, retryAt: Instant?, at now: Instant, into orders: inout [NotifierOrder]
    ) {
        guard let entry = self.entries[id] else { return }
        let earliest = self.earliest(for: entry)
        guard let verdict = self.entries[id]?.machine.answered(retryAt: retryAt, earliest: earliest, at: now) else {
            return
        }
        self.act(on: verdict, id, at: now, into: &orders)
    }

    /// RFC 6446 §4.2: the Event header of a 2xx sets all rates anew. An answer without the header changes nothing.
    private mutating func adoptRates(
        _ id: UInt64, from message: SIPMessage, at now: Instant, into orders: inout [NotifierOrder]
    ) {
        guard message.count(.event) > 0, let event = try? message.event(), let entry = self.entries[id],
            event.package == (try? EventHeader.parse(entry.event[...]))?.package
        else { return }
        let rates = Self.rates(of: event)
        guard entry.wantedRates != rates else { return }
        self.entries[id]?.wantedRates = rates
        self.entries[id]?.rate.adopt(rates.adopted(remaining: entry.expires - now), at: now)
        self.keep(id, into: &orders)
    }
}
