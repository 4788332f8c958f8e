internal import Ground
internal import SIPWire

/// Requests from the network (RFC 3261 §17.2, §18.2.1, §9.2).
extension TransactionLayer {
    mutating func requestArrived(
        _ message: SIPMessage, _ origin: Origin, at now: Instant, into effects: inout [Effect]
    ) {
        do {
            if self.configuration.validatesMessages { try message.validate() }
        } catch {
            self.refuseMalformed(message, error, origin, into: &effects)
            return
        }
        guard let via = TopVia.of(message) else {
            self.refuseMalformed(message, ParseFault(.badVia), origin, into: &effects)
            return
        }
        let key = ServerKey(message, via: via, hasher: self.keyedHash)
        let method = message.method
        if method == .ack {
            self.acknowledgementArrived(message, key, origin, at: now, into: &effects)
            return
        }
        let number = key.number(for: method)
        let route = ResponseRoute(via: via, origin: origin.flow, honoursMaddr: self.configuration.honoursMaddr)
        if let place = self.servers.find(number) {
            guard self.servers[place].key == key.bytes else {
                // Two keys with one hash: rarer than any other mishap, and answered rather than mixed up.
                self.refuseForLimit(message, route, into: &effects)
                return
            }
            self.retransmissionArrived(place, route, into: &effects)
            return
        }
        guard self.servers.pendingCount < self.configuration.limits.pendingServerTransactions else {
            self.refuseForLimit(message, route, into: &effects)
            return
        }
        let mergeNumber = self.mergeNumber(message)
        if mergeNumber != 0, self.isMerged(message, mergeNumber) {
            effects.append(.observed(.mergedRequestAnswered))
            self.answer(message, 482, "Loop Detected", route, into: &effects)
            return
        }
        self.create(message, key, number, mergeNumber, route, origin, at: now, into: &effects)
    }

    private mutating func create(
        _ message: SIPMessage, _ key: ServerKey, _ number: UInt64, _ mergeNumber: UInt64, _ route: ResponseRoute,
        _ origin: Origin, at now: Instant, into effects: inout [Effect]
    ) {
        let method = message.method
        let place = self.servers.insert(key: key.bytes, number: number, mergeNumber: mergeNumber)
        let slot = self.servers[place]
        let life = self.servers.life(of: place)
        let pending = PendingServerRequest(message: message, route: route)
        if method == .invite {
            slot.invite = MachineBox(.proceeding(pending, provisional: nil))
            self.timers.servers.set(
                TimerKey(.trying, slot: place, life: life), at: now + self.configuration.tryingDelay)
            self.timers.servers.set(
                TimerKey(.abandon, slot: place, life: life), at: now + self.configuration.limits.inviteServerLifetime)
        } else {
            slot.nonInvite = .trying(pending)
            self.timers.lateTrying.append(TimerKey(.trying, slot: place, life: life), at: now)
        }
        if method == .cancel {
            self.cancelArrived(message, key, ServerTransactionID(raw: number), at: now, into: &effects)
            return
        }
        effects.append(.requestReceived(ServerTransactionID(raw: number), message, origin))
    }

    private func retransmissionArrived(_ place: Int32, _ route: ResponseRoute, into effects: inout [Effect]) {
        let slot = self.servers[place]
        effects.append(.observed(.requestRetransmitted))
        let response: [UInt8]?
        if let invite = slot.invite {
            response = invite.machine.retransmissionReceived()
        } else {
            response = slot.nonInvite.retransmissionReceived()
        }
        guard let response else {
            effects.append(.dropped(.retransmissionAbsorbed))
            return
        }
        effects.append(.observed(.responseRetransmitted))
        effects.append(route.effect(response))
    }

    private mutating func acknowledgementArrived(
        _ message: SIPMessage, _ key: ServerKey, _ origin: Origin, at now: Instant, into effects: inout [Effect]
    ) {
        let number = key.number(for: .invite)
        guard let place = self.servers.find(number), self.servers[place].key == key.bytes,
            let invite = self.servers[place].invite
        else {
            // The ACK for a 2xx has a branch of its own (RFC 3261 §17.1.1.3): it is the user's.
            effects.append(.ackReceived(message, origin, nil))
            return
        }
        switch invite.machine.acknowledged() {
        case .confirmed(let isReliable):
            self.clearInviteServerTimers(place)
            if isReliable {
                self.servers.remove(place, wasCompleted: false)
            } else {
                self.timers.servers.set(
                    TimerKey(.forgetServer, slot: place, life: self.servers.life(of: place)),
                    at: now + self.configuration.t4)
            }
        case .forUser:
            effects.append(.ackReceived(message, origin, ServerTransactionID(raw: number)))
        case .absorbed:
            effects.append(.dropped(.retransmissionAbsorbed))
        }
    }

    /// RFC 3261 §9.2: a CANCEL is answered here, by a transaction of its own; the user of the INVITE is told.
    private mutating func cancelArrived(
        _ message: SIPMessage, _ key: ServerKey, _ id: ServerTransactionID, at now: Instant,
        into effects: inout [Effect]
    ) {
        for method in ServerKey.cancellable {
            let number = key.number(for: method)
            guard let place = self.servers.find(number), self.servers[place].key == key.bytes else { continue }
            var writer = message.response(200, toTag: self.localTag(key)[...], receivedFrom: self.source(of: id))
            self.respond(id, writer.finish(), at: now, into: &effects)
            // Of other methods than INVITE a CANCEL changes nothing, nor of an INVITE that is answered.
            if let invite = self.servers[place].invite, invite.machine.isPending {
                effects.append(.cancelReceived(ServerTransactionID(raw: number)))
            }
            return
        }
        effects.append(.observed(.unmatchedCancel))
        var writer = message.response(481, toTag: self.localTag(key)[...], receivedFrom: self.source(of: id))
        self.respond(id, writer.finish(), at: now, into: &effects)
    }

    private func source(of id: ServerTransactionID) -> Endpoint? {
        guard let place = self.servers.find(id.raw) else { return nil }
        switch self.servers[place].nonInvite {
        case .trying(let pending): return pending.route.source
        case .proceeding(let pending, _): return pending.route.source
        case .completed: return nil
        case .terminated: return nil
        }
    }

    /// A To tag that is the same for each copy of a request, without a state that says so (RFC 3261 §8.2.7).
    private func localTag(_ key: ServerKey) -> [UInt8] {
        var tag: [UInt8] = []
        tag.append(hex: self.keyedHash.hash(key.number(for: .cancel), on: 1))
        return tag
    }
}

/// Requests that the layer answers itself.
extension TransactionLayer {
    /// The number under which merged requests find each other; zero if the request cannot be one (RFC 3261 §8.2.2.2).
    func mergeNumber(_ message: SIPMessage) -> UInt64 {
        guard self.configuration.refusesMergedRequests, message.method != .cancel, message.toTag() == nil,
            let from = message.fromTag(), let sequence = message.first(.cseq)
        else { return 0 }
        // The CSeq is hashed as it is written: the copies of one request write it the same way.
        let number = self.keyedHash.hash(message.callID, on: self.keyedHash.hash(from))
        return self.keyedHash.hash(sequence, on: number)
    }

    /// Whether a request is known that came by another way. A request that has passed this very node before is left to
    /// the loop check of the proxy (RFC 3261 §16.3): it may be a spiral, which is allowed.
    private func isMerged(_ message: SIPMessage, _ mergeNumber: UInt64) -> Bool {
        guard self.servers.findMerged(mergeNumber) != nil else { return false }
        for entry in message.list(.via).dropFirst() {
            if let via = try? Via.parse(entry),
                self.vias.isOurs(transport: via.transport, host: via.host, port: via.port)
            {
                return false
            }
        }
        return true
    }

    /// A request that breaks the grammar. An ACK is never answered (RFC 3261 §17.1.1.3); nor is a request without a
    /// Via, for nobody would know the answer.
    mutating func refuseMalformed(
        _ message: SIPMessage, _ fault: ParseFault, _ origin: Origin, into effects: inout [Effect]
    ) {
        if message.method == .ack {
            effects.append(.dropped(.malformedAcknowledgement))
            return
        }
        guard message.first(.via) != nil else {
            effects.append(.dropped(.unparsable))
            return
        }
        effects.append(.observed(.malformedRequestAnswered))
        let bytes = self.answerBytes(message, fault.status, fault.reason, source: origin.flow.remote)
        guard let via = TopVia.of(message) else {
            effects.append(.transmit(bytes, origin.flow))
            return
        }
        let route = ResponseRoute(via: via, origin: origin.flow, honoursMaddr: self.configuration.honoursMaddr)
        effects.append(route.effect(bytes))
    }

    /// No room: 503 with Retry-After (RFC 3261 §21.5.4), without a transaction.
    func refuseForLimit(_ message: SIPMessage, _ route: ResponseRoute, into effects: inout [Effect]) {
        effects.append(.observed(.refusedByLimit))
        self.answer(message, 503, nil, route, into: &effects)
    }

    /// Answers without a transaction: copies of the request get the same answer, since the To tag is made from it.
    private func answer(
        _ message: SIPMessage, _ status: Int, _ reason: String?, _ route: ResponseRoute, into effects: inout [Effect]
    ) {
        effects.append(route.effect(self.answerBytes(message, status, reason, source: route.source)))
    }

    private func answerBytes(_ message: SIPMessage, _ status: Int, _ reason: String?, source: Endpoint) -> [UInt8] {
        var tag: [UInt8] = []
        tag.append(hex: self.keyedHash.hash(message.callID, on: self.keyedHash.hash(message.first(.via) ?? [])))
        var writer = message.response(status, reason, toTag: tag[...], receivedFrom: source)
        if status == 503 { writer.header(.retryAfter, number: self.configuration.limits.retryAfterSeconds) }
        return writer.finish()
    }
}
