internal import Ground
internal import SIPWire

/// What happens when a hop fails (RFC 3263 §4.3, RFC 3261 §8.1.3.1).
extension TransactionLayer {
    mutating func transmissionFailed(_ path: Path, at now: Instant, into effects: inout [Effect]) {
        for place in self.clients.waiting(for: path) {
            self.attemptFailed(place, .transport, at: now, into: &effects)
        }
    }

    /// An attempt ends without a final response: the next hop is tried, or the user is told.
    mutating func attemptFailed(
        _ place: Int32, _ failure: RequestFailure, at now: Instant, into effects: inout [Effect]
    ) {
        let slot = self.clients[place]
        let user = slot.user
        let plan = slot.cancellation == .none ? slot.plan : nil
        self.clearInviteClientTimers(place)
        self.clients.remove(place, wasCompleted: false)
        guard let user else {
            effects.append(.dropped(.failedAcknowledgement))
            return
        }
        if let plan, self.tryNext(user, plan, afterTransportFailure: failure == .transport, at: now, into: &effects) {
            return
        }
        self.conclude(user, failure, into: &effects)
    }

    /// Tries the next way of a plan under a new branch. False if none is left.
    mutating func tryNext(
        _ user: ClientTransactionID, _ plan: AttemptPlan, afterTransportFailure: Bool, at now: Instant,
        into effects: inout [Effect]
    ) -> Bool {
        while let next = plan.alternatives.popLast() {
            if next.onlyAfterTransportFailure {
                guard afterTransportFailure else { continue }
                effects.append(.observed(.fellBackToUDP))
            } else {
                effects.append(.observed(.failedOver))
            }
            self.launch(
                user, plan.request, next.path, plan: plan, number: self.entropy.next(),
                mayNotSwitch: next.onlyAfterTransportFailure, at: now, into: &effects)
            return true
        }
        guard let uri = plan.uri else { return false }
        plan.uri = nil
        effects.append(.observed(.failedOver))
        // The branch of the first attempt is used up; whatever the URI gives gets another.
        self.branches[user] = user.raw
        self.resolve(user, plan.request, uri, isAcknowledgement: false, at: now, into: &effects)
        return true
    }

    /// Remembers that a hop wants to be left alone (RFC 3261 §20.33, §21.5.4).
    mutating func hold(_ path: Path, _ response: SIPMessage, at now: Instant, into effects: inout [Effect]) {
        guard case .hop(let hop) = path, let value = response.first(.retryAfter) else { return }
        var seconds: Int64 = 0
        for byte in value {
            guard ASCII.isDigit(byte), seconds < 1_000_000_000 else { break }
            seconds = seconds * 10 + Int64(byte &- 0x30)
        }
        guard seconds > 0 else { return }
        if self.heldHops.count >= self.configuration.limits.unavailableHops {
            self.heldHops = self.heldHops.filter { $0.value > now }
            guard self.heldHops.count < self.configuration.limits.unavailableHops else { return }
        }
        effects.append(.observed(.hopHeld))
        self.heldHops[hop] = now + min(.seconds(seconds), self.configuration.limits.longestHopHold)
    }

    // MARK: Cancelling

    /// RFC 3261 §9.1: only an INVITE is cancelled, and only once a provisional response is there.
    mutating func cancel(_ id: ClientTransactionID, at now: Instant, into effects: inout [Effect]) {
        if let ticket = self.resolving[id], let pending = self.resolutions[ticket], pending.request.method == .invite {
            self.resolutions[ticket] = nil
            self.resolving[id] = nil
            self.conclude(id, .timeout, into: &effects)
            return
        }
        guard let place = self.clients.find(self.branches[id] ?? id.raw), self.clients[place].user == id,
            let invite = self.clients[place].invite, invite.machine.isPending,
            self.clients[place].cancellation == .none
        else {
            effects.append(.dropped(.nothingToCancel))
            return
        }
        if invite.machine.isProceeding {
            self.sendCancel(place, at: now, into: &effects)
        } else {
            self.clients[place].cancellation = .wanted
        }
    }

    mutating func sendCancel(_ place: Int32, at now: Instant, into effects: inout [Effect]) {
        let slot = self.clients[place]
        guard let attempt = slot.invite?.machine.attempt, let bytes = FollowUp.cancel(of: attempt.bytes) else { return }
        slot.cancellation = .sent
        // RFC 3261 §9.1: the INVITE is over when no final response comes in 64*T1.
        self.timers.clients.set(
            TimerKey(.giveUp, slot: place, life: self.clients.life(of: place)), at: now + self.configuration.lifetime)
        let number = Self.numberOfCancel(slot.number)
        guard self.clients.find(number) == nil else { return }
        let cancelPlace = self.clients.insert(number: number, method: .cancel, user: nil, path: attempt.path)
        let cancelSlot = self.clients[cancelPlace]
        let life = self.clients.life(of: cancelPlace)
        if !attempt.isReliable {
            self.timers.firstRetransmission.append(
                TimerKey(.retransmitRequest, slot: cancelPlace, life: life), at: now)
        }
        self.timers.clientLifetime.append(TimerKey(.giveUp, slot: cancelPlace, life: life), at: now)
        cancelSlot.nonInvite = .trying(
            ClientAttempt(bytes: bytes, path: attempt.path, interval: self.configuration.t1))
        effects.append(Self.order(bytes, attempt.path))
    }

    /// What a CANCEL is found by: it has the branch of its INVITE (RFC 3261 §9.1).
    static func numberOfCancel(_ number: UInt64) -> UInt64 { ~number &* 0x9E37_79B9_7F4A_7C15 }
}
