package import Ground
internal import SIPWire

/// Responses from the network (RFC 3261 §17.1, §18.1.2), and the timers of client transactions.
extension TransactionLayer {
    mutating func responseArrived(
        _ message: SIPMessage, _ origin: Origin, at now: Instant, into effects: inout [Effect]
    ) {
        let method: Method
        do {
            if self.configuration.validatesMessages { try message.validate() }
            method = try message.cseq().method
        } catch {
            effects.append(.dropped(.malformedResponse))
            return
        }
        guard (100..<700).contains(message.status) else {
            effects.append(.dropped(.malformedResponse))
            return
        }
        guard let via = TopVia.of(message), let branch = via.branchOctets,
            let written = ViaWriter.number(inBranch: branch)
        else {
            effects.append(.dropped(.unknownTransaction))
            return
        }
        let number = method == .cancel ? Self.numberOfCancel(written) : written
        guard let place = self.clients.find(number), self.clients[place].method == method else {
            effects.append(.dropped(.unknownTransaction))
            return
        }
        guard self.vias.isOurs(transport: via.transportOctets, host: via.hostOctets, port: via.port) else {
            effects.append(.dropped(.foreignVia))
            return
        }
        if let invite = self.clients[place].invite {
            self.inviteResponseArrived(place, invite, message, origin, at: now, into: &effects)
        } else {
            self.nonInviteResponseArrived(place, message, origin, at: now, into: &effects)
        }
    }

    private mutating func nonInviteResponseArrived(
        _ place: Int32, _ message: SIPMessage, _ origin: Origin, at now: Instant, into effects: inout [Effect]
    ) {
        let slot = self.clients[place]
        let path = message.status == 503 ? slot.pendingPath : nil
        switch slot.nonInvite.responseReceived(status: message.status) {
        case .provisional:
            if let user = slot.user { effects.append(.responseReceived(user, message, origin)) }
        case .final(let isReliable, let request):
            self.spares.keep(request)
            let plan = slot.plan
            let user = slot.user
            if isReliable {
                self.clients.remove(place, wasCompleted: false)
            } else {
                // What the user knows the transaction by is done with; what is left only absorbs copies.
                slot.user = nil
                self.clients.completed(place)
                self.timers.clientLinger.append(
                    TimerKey(.forgetClient, slot: place, life: self.clients.life(of: place)), at: now)
                self.evictFinished(into: &effects)
            }
            self.finalResponse(user, plan, path, message, origin, at: now, into: &effects)
        case .absorbed:
            effects.append(.dropped(.retransmissionAbsorbed))
        }
    }

    private mutating func inviteResponseArrived(
        _ place: Int32, _ invite: MachineBox<InviteClientTransaction>, _ message: SIPMessage, _ origin: Origin,
        at now: Instant, into effects: inout [Effect]
    ) {
        let slot = self.clients[place]
        let life = self.clients.life(of: place)
        let verdict = invite.machine.responseReceived(status: message.status) { request in
            FollowUp.acknowledgement(of: request, for: message)
        }
        switch verdict {
        case .provisional:
            self.timers.clients.remove(TimerKey(.retransmitRequest, slot: place, life: life))
            if slot.cancellation != .sent {
                // Timer B is over; what bounds the ringing is ours.
                self.timers.clients.set(
                    TimerKey(.giveUp, slot: place, life: life), at: now + self.configuration.limits.inviteClientLifetime
                )
            }
            if slot.cancellation == .wanted { self.sendCancel(place, at: now, into: &effects) }
            if let user = slot.user { effects.append(.responseReceived(user, message, origin)) }
        case .accepted:
            self.lingerInvite(place, for: self.configuration.lifetime, at: now)
            if let user = slot.user {
                self.branches[user] = nil
                effects.append(.responseReceived(user, message, origin))
            }
        case .acceptedAgain:
            if let user = slot.user { effects.append(.responseReceived(user, message, origin)) }
        case .refused(let acknowledgement, let path):
            if !acknowledgement.isEmpty { effects.append(Self.order(acknowledgement, path)) }
            let user = slot.user
            let plan = slot.cancellation == .none ? slot.plan : nil
            slot.user = nil
            slot.plan = nil
            if path.transport.isReliable {
                self.clearInviteClientTimers(place)
                self.clients.remove(place, wasCompleted: false)
            } else {
                // Timer D is at least 32 seconds.
                self.lingerInvite(place, for: max(.seconds(32), self.configuration.lifetime), at: now)
            }
            self.finalResponse(
                user, plan, message.status == 503 ? path : nil, message, origin, at: now, into: &effects)
        case .acknowledgedAgain(let acknowledgement, let path):
            effects.append(.dropped(.retransmissionAbsorbed))
            if !acknowledgement.isEmpty { effects.append(Self.order(acknowledgement, path)) }
        case .absorbed:
            effects.append(.dropped(.retransmissionAbsorbed))
        }
    }

    /// A final response goes to the user, unless it is a 503 and another hop is left (RFC 3263 §4.3).
    private mutating func finalResponse(
        _ user: ClientTransactionID?, _ plan: AttemptPlan?, _ path: Path?, _ message: SIPMessage, _ origin: Origin,
        at now: Instant, into effects: inout [Effect]
    ) {
        if let path { self.hold(path, message, at: now, into: &effects) }
        guard let user else { return }
        if message.status == 503, let plan,
            self.tryNext(user, plan, afterTransportFailure: false, at: now, into: &effects)
        {
            return
        }
        if !self.branches.isEmpty { self.branches[user] = nil }
        effects.append(.responseReceived(user, message, origin))
    }

    private mutating func evictFinished(into effects: inout [Effect]) {
        while self.clients.completedCount > self.configuration.limits.completedClientTransactions,
            let oldest = self.timers.clientLinger.popDue(at: .distantFuture)
        {
            guard self.clients.isCurrent(oldest) else { continue }
            self.clients.remove(oldest.slot, wasCompleted: true)
            effects.append(.observed(.completedEvicted))
        }
    }

    /// Timers D and M: an INVITE that has its final response stays for a while.
    private mutating func lingerInvite(_ place: Int32, for time: Duration, at now: Instant) {
        self.clearInviteClientTimers(place)
        self.timers.clients.set(
            TimerKey(.forgetClient, slot: place, life: self.clients.life(of: place)), at: now + time)
    }

    mutating func clearInviteClientTimers(_ place: Int32) {
        guard self.clients[place].invite != nil else { return }
        let life = self.clients.life(of: place)
        for kind in [TimerKey.Kind.retransmitRequest, .giveUp, .forgetClient] {
            self.timers.clients.remove(TimerKey(kind, slot: place, life: life))
        }
    }

    /// A timer of a client transaction is due.
    mutating func clientTimerDue(_ key: TimerKey, at now: Instant, into effects: inout [Effect]) {
        guard self.clients.isCurrent(key) else { return }
        let slot = self.clients[key.slot]
        switch key.kind {
        case .retransmitRequest:
            let due =
                slot.invite.map { $0.machine.retransmissionDue() }
                ?? slot.nonInvite.retransmissionDue(t2: self.configuration.t2)
            guard let due else { return }
            effects.append(.observed(.requestResent))
            effects.append(Self.order(due.bytes, due.path))
            self.timers.clients.set(key, at: now + due.next)
        case .giveUp:
            let isOver = slot.invite.map { $0.machine.fail() } ?? slot.nonInvite.fail()
            if isOver { self.attemptFailed(key.slot, .timeout, at: now, into: &effects) }
        case .forgetClient:
            self.clearInviteClientTimers(key.slot)
            self.clients.remove(key.slot, wasCompleted: slot.invite == nil)
        case .trying, .abandon, .retransmitResponse, .forgetServer:
            return
        }
    }

    package mutating func deadlineReached(at now: Instant, into effects: inout [Effect]) {
        // The long timers come first: what is over is not sent once more.
        while let key = self.timers.clientLifetime.popDue(at: now) {
            self.clientTimerDue(key, at: now, into: &effects)
        }
        while let key = self.timers.clientLinger.popDue(at: now) { self.clientTimerDue(key, at: now, into: &effects) }
        while let key = self.timers.serverLinger.popDue(at: now) { self.serverTimerDue(key, at: now, into: &effects) }
        while let key = self.timers.lateTrying.popDue(at: now) { self.serverTimerDue(key, at: now, into: &effects) }
        while let key = self.timers.firstRetransmission.popDue(at: now) {
            self.clientTimerDue(key, at: now, into: &effects)
        }
        while let key = self.timers.clients.popDue(at: now) { self.clientTimerDue(key, at: now, into: &effects) }
        while let key = self.timers.servers.popDue(at: now) { self.serverTimerDue(key, at: now, into: &effects) }
        while let ticket = self.timers.resolutions.popDue(at: now) {
            if self.resolutions[ticket] != nil { self.hopsResolved(ticket, .failed, at: now, into: &effects) }
        }
    }
}
