internal import Ground
internal import SIPWire

/// Responses of the transaction user (RFC 3261 §17.2), and the timers of server transactions.
extension TransactionLayer {
    mutating func respond(
        _ id: ServerTransactionID, _ bytes: [UInt8], at now: Instant, into effects: inout [Effect]
    ) {
        guard let status = Self.status(of: bytes) else {
            effects.append(.dropped(.unusableAnswer))
            return
        }
        guard let place = self.servers.find(id.raw) else {
            effects.append(.dropped(.superfluousAnswer))
            return
        }
        // A 503 sends the client elsewhere: when the request comes back by another way, that is no merged request.
        if status == 503 { self.servers.forgetMerge(place) }
        if let invite = self.servers[place].invite {
            self.respondToInvite(place, invite, status, bytes, at: now, into: &effects)
            return
        }
        switch self.servers[place].nonInvite.respond(status: status, bytes: bytes) {
        case .send(let route, let isFinal):
            effects.append(route.effect(bytes))
            if isFinal {
                self.nonInviteAnswered(place, isReliable: route.transport.isReliable, at: now, into: &effects)
            }
        case .forbidden(let isOver):
            effects.append(.dropped(.forbiddenAnswer))
            if isOver { self.servers.remove(place, wasCompleted: false) }
        case .superfluous:
            effects.append(.dropped(.superfluousAnswer))
        }
    }

    private mutating func nonInviteAnswered(
        _ place: Int32, isReliable: Bool, at now: Instant, into effects: inout [Effect]
    ) {
        if isReliable {
            // Timer J is zero: a reliable transport brings no copy.
            self.servers.remove(place, wasCompleted: false)
            return
        }
        self.servers.completed(place)
        self.timers.serverLinger.append(
            TimerKey(.forgetServer, slot: place, life: self.servers.life(of: place)), at: now)
        while self.servers.completedCount > self.configuration.limits.completedServerTransactions,
            let oldest = self.timers.serverLinger.popDue(at: .distantFuture)
        {
            guard self.servers.isCurrent(oldest) else { continue }
            self.servers.remove(oldest.slot, wasCompleted: true)
            effects.append(.observed(.completedEvicted))
        }
    }

    private mutating func respondToInvite(
        _ place: Int32, _ invite: MachineBox<InviteServerTransaction>, _ status: Int, _ bytes: [UInt8],
        at now: Instant, into effects: inout [Effect]
    ) {
        let life = self.servers.life(of: place)
        switch invite.machine.respond(status: status, bytes: bytes, t1: self.configuration.t1) {
        case .provisional(let route):
            self.timers.servers.remove(TimerKey(.trying, slot: place, life: life))
            self.timers.servers.set(
                TimerKey(.abandon, slot: place, life: life), at: now + self.configuration.limits.inviteServerLifetime)
            effects.append(route.effect(bytes))
        case .accepted(let route):
            self.clearInviteServerTimers(place)
            self.timers.servers.set(
                TimerKey(.forgetServer, slot: place, life: life), at: now + self.configuration.lifetime)
            effects.append(route.effect(bytes))
        case .acceptedAgain(let route):
            effects.append(route.effect(bytes))
        case .refused(let route):
            self.clearInviteServerTimers(place)
            self.timers.servers.set(
                TimerKey(.forgetServer, slot: place, life: life), at: now + self.configuration.lifetime)
            if !route.transport.isReliable {
                self.timers.servers.set(
                    TimerKey(.retransmitResponse, slot: place, life: life), at: now + self.configuration.t1)
            }
            effects.append(route.effect(bytes))
        case .superfluous:
            effects.append(.dropped(.superfluousAnswer))
        }
    }

    /// Takes back the timers of an INVITE's current state.
    mutating func clearInviteServerTimers(_ place: Int32) {
        let life = self.servers.life(of: place)
        for kind in [TimerKey.Kind.trying, .abandon, .retransmitResponse, .forgetServer] {
            self.timers.servers.remove(TimerKey(kind, slot: place, life: life))
        }
    }

    /// The status of a response in bytes; nil if they are none.
    static func status(of bytes: [UInt8]) -> Int? {
        guard bytes.count > 12, bytes[..<8].equalsIgnoringCase("SIP/2.0 ") else { return nil }
        var status = 0
        for byte in bytes[8..<11] {
            guard ASCII.isDigit(byte) else { return nil }
            status = status &* 10 &+ Int(byte &- 0x30)
        }
        return (100..<700).contains(status) ? status : nil
    }

    /// A timer of a server transaction is due.
    mutating func serverTimerDue(_ key: TimerKey, at now: Instant, into effects: inout [Effect]) {
        guard self.servers.isCurrent(key) else { return }
        let slot = self.servers[key.slot]
        switch key.kind {
        case .trying:
            self.tryingDue(key, slot, at: now, into: &effects)
        case .abandon:
            // The user never answered. RFC 4320 §4.2: then nothing is sent at all.
            effects.append(.observed(.abandoned))
            if slot.invite != nil { self.clearInviteServerTimers(key.slot) }
            self.servers.remove(key.slot, wasCompleted: false)
        case .retransmitResponse:
            guard let due = slot.invite?.machine.retransmissionDue(t2: self.configuration.t2) else { return }
            effects.append(.observed(.responseRetransmitted))
            effects.append(due.route.effect(due.bytes))
            self.timers.servers.set(key, at: now + due.next)
        case .forgetServer:
            guard let invite = slot.invite else {
                self.servers.remove(key.slot, wasCompleted: true)
                return
            }
            if invite.machine.lifetimeOver() {
                effects.append(.acknowledgementMissing(ServerTransactionID(raw: slot.number)))
            }
            self.clearInviteServerTimers(key.slot)
            self.servers.remove(key.slot, wasCompleted: false)
        case .retransmitRequest, .giveUp, .forgetClient:
            return
        }
    }

    private mutating func tryingDue(
        _ key: TimerKey, _ slot: ServerSlot, at now: Instant, into effects: inout [Effect]
    ) {
        if let invite = slot.invite {
            guard let due = invite.machine.tryingDue() else { return }
            effects.append(due.route.effect(due.bytes))
            return
        }
        // The user may still answer until the client gives up; then the transaction ends.
        let rest = self.configuration.lifetime - self.configuration.lateTryingDelay
        self.timers.servers.set(TimerKey(.abandon, slot: key.slot, life: key.life), at: now + max(rest, .zero))
        guard let due = slot.nonInvite.lateTryingDue() else { return }
        effects.append(.observed(.lateTrying))
        effects.append(due.route.effect(due.bytes))
    }
}
