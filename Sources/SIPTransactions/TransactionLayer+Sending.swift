internal import Ground
internal import SIPWire

/// A request whose target the name system has not found yet.
struct PendingResolution {
    let user: ClientTransactionID
    let request: OutgoingRequest
    var resolution: TargetResolution
    /// Set for an ACK, which has no transaction.
    let isAcknowledgement: Bool
}

/// Requests of the transaction user (RFC 3261 §17.1, §18.1.1; RFC 3263 §4).
extension TransactionLayer {
    mutating func send(
        _ id: ClientTransactionID, _ request: OutgoingRequest, at now: Instant, into effects: inout [Effect]
    ) {
        guard request.method != .ack, request.method != .cancel else {
            // An ACK has no transaction, and a CANCEL is made from its INVITE: `acknowledge` and `cancel` are for them.
            effects.append(.dropped(.nothingToCancel))
            return
        }
        guard self.clients.find(id.raw) == nil, self.branches.isEmpty || self.branches[id] == nil,
            self.resolving.isEmpty || self.resolving[id] == nil
        else {
            effects.append(.dropped(.identifierInUse))
            return
        }
        switch request.target {
        case .flow(let flow):
            self.launch(id, request, .flow(flow), plan: nil, number: id.raw, at: now, into: &effects)
        case .flowOrURI(let flow, let uri):
            let plan = AttemptPlan(request: request)
            plan.uri = uri
            self.launch(id, request, .flow(flow), plan: plan, number: id.raw, at: now, into: &effects)
        case .hops(let hops):
            self.launch(id, request, hops, number: id.raw, at: now, into: &effects)
        case .uri(let uri):
            self.resolve(id, request, uri, isAcknowledgement: false, at: now, into: &effects)
        }
    }

    /// An ACK for a 2xx, or another request that gets no response: sent once, to the first hop.
    mutating func sendWithoutTransaction(
        _ request: OutgoingRequest, at now: Instant, into effects: inout [Effect]
    ) {
        switch request.target {
        case .flow(let flow): self.sendOnce(request, .flow(flow), into: &effects)
        case .flowOrURI(let flow, _): self.sendOnce(request, .flow(flow), into: &effects)
        case .hops(let hops):
            guard let hop = hops.first else {
                effects.append(.dropped(.failedAcknowledgement))
                return
            }
            self.sendOnce(request, .hop(hop), into: &effects)
        case .uri(let uri):
            let id = ClientTransactionID(raw: self.entropy.next())
            self.resolve(id, request, uri, isAcknowledgement: true, at: now, into: &effects)
        }
    }

    private mutating func sendOnce(_ request: OutgoingRequest, _ path: Path, into effects: inout [Effect]) {
        let chosen = self.isTooLarge(request, for: path) ? Self.overTCP(path) : path
        let bytes = self.vias.insert(
            into: request, number: self.entropy.next(), transport: chosen.transport, memory: self.spares.take())
        effects.append(Self.order(bytes, chosen))
    }

    /// Starts with the first hop that may be used and keeps the others for later.
    mutating func launch(
        _ id: ClientTransactionID, _ request: OutgoingRequest, _ hops: [Hop], number: UInt64, at now: Instant,
        into effects: inout [Effect]
    ) {
        let usable = self.withoutHeld(hops, at: now, into: &effects)
        guard let first = usable.first else {
            self.conclude(id, .unresolvable, into: &effects)
            return
        }
        var plan: AttemptPlan?
        if usable.count > 1 {
            let made = AttemptPlan(request: request)
            for hop in usable.dropFirst().prefix(self.configuration.limits.hopsPerTarget).reversed() {
                made.alternatives.append(.init(path: .hop(hop), onlyAfterTransportFailure: false))
            }
            plan = made
        }
        self.launch(id, request, .hop(first), plan: plan, number: number, at: now, into: &effects)
    }

    /// One attempt on one path: a transaction of its own.
    mutating func launch(
        _ id: ClientTransactionID, _ request: OutgoingRequest, _ path: Path, plan: AttemptPlan?, number: UInt64,
        mayNotSwitch: Bool = false, at now: Instant, into effects: inout [Effect]
    ) {
        guard self.clients.pendingCount < self.configuration.limits.pendingClientTransactions else {
            effects.append(.observed(.sendingRefusedByLimit))
            self.conclude(id, .overloaded, into: &effects)
            return
        }
        var path = path
        var plan = plan
        if !mayNotSwitch, self.isTooLarge(request, for: path) {
            // RFC 3261 §18.1.1: should TCP be refused, the request goes over UDP after all.
            let made = plan ?? AttemptPlan(request: request)
            made.alternatives.append(.init(path: path, onlyAfterTransportFailure: true))
            plan = made
            path = Self.overTCP(path)
            effects.append(.observed(.switchedToTCP))
        }
        if number != id.raw { self.branches[id] = number }
        let bytes = self.vias.insert(
            into: request, number: number, transport: path.transport, memory: self.spares.take())
        let attempt = ClientAttempt(bytes: bytes, path: path, interval: self.configuration.t1)
        let place = self.clients.insert(number: number, method: request.method, user: id, path: path)
        let slot = self.clients[place]
        slot.plan = plan
        self.start(place, slot, attempt, at: now)
        effects.append(Self.order(bytes, path))
    }

    /// Puts the machine in and starts timers A and B, or E and F.
    private mutating func start(_ place: Int32, _ slot: ClientSlot, _ attempt: ClientAttempt, at now: Instant) {
        let life = self.clients.life(of: place)
        if slot.method == .invite {
            if !attempt.isReliable {
                self.timers.clients.set(
                    TimerKey(.retransmitRequest, slot: place, life: life), at: now + self.configuration.t1)
            }
            self.timers.clients.set(TimerKey(.giveUp, slot: place, life: life), at: now + self.configuration.lifetime)
            slot.invite = MachineBox(.calling(attempt))
        } else {
            if !attempt.isReliable {
                self.timers.firstRetransmission.append(
                    TimerKey(.retransmitRequest, slot: place, life: life), at: now)
            }
            self.timers.clientLifetime.append(TimerKey(.giveUp, slot: place, life: life), at: now)
            slot.nonInvite = .trying(attempt)
        }
    }

    /// RFC 3261 §18.1.1: whether a request must not go over UDP because of its size.
    private func isTooLarge(_ request: OutgoingRequest, for path: Path) -> Bool {
        guard path.transport == .udp, request.allowsUDPSwitch, self.configuration.switchesToTCP else { return false }
        let size = request.count + self.vias.length(.udp, parameters: request.viaParameters)
        let largest =
            path.remote.address.isLoopback
            ? self.configuration.largestLoopbackDatagram : self.configuration.largestDatagram
        return size > largest
    }

    private static func overTCP(_ path: Path) -> Path {
        .hop(Hop(transport: .tcp, endpoint: path.remote, serverName: nil))
    }

    /// The user learns that there will be no response.
    mutating func conclude(_ id: ClientTransactionID?, _ failure: RequestFailure, into effects: inout [Effect]) {
        guard let id else { return }
        if !self.branches.isEmpty { self.branches[id] = nil }
        switch failure {
        case .timeout: effects.append(.observed(.clientTimeout))
        case .transport: effects.append(.observed(.transportFailure))
        case .unresolvable: effects.append(.observed(.unresolvable))
        case .overloaded: break
        }
        effects.append(.requestFailed(id, failure))
    }

    // MARK: Targets

    /// Asks RFC 3263 for the hops of a URI; numeric ones are known at once.
    mutating func resolve(
        _ id: ClientTransactionID, _ request: OutgoingRequest, _ uri: SIPURI, isAcknowledgement: Bool,
        at now: Instant, into effects: inout [Effect]
    ) {
        guard
            var resolution = TargetResolution(
                uri, supported: self.configuration.outgoingTransports, limits: self.configuration.limits)
        else {
            self.conclude(isAcknowledgement ? nil : id, .unresolvable, into: &effects)
            return
        }
        let step = resolution.start()
        let pending = PendingResolution(
            user: id, request: request, resolution: resolution, isAcknowledgement: isAcknowledgement)
        self.proceed(pending, step, at: now, into: &effects)
    }

    mutating func hopsResolved(
        _ ticket: Ticket, _ answer: ResolutionAnswer, at now: Instant, into effects: inout [Effect]
    ) {
        guard var pending = self.resolutions.removeValue(forKey: ticket) else {
            effects.append(.dropped(.unknownTicket))
            return
        }
        self.resolving[pending.user] = nil
        if answer == .failed { effects.append(.observed(.resolutionFailed)) }
        let step = pending.resolution.answered(answer, entropy: &self.entropy)
        self.proceed(pending, step, at: now, into: &effects)
    }

    private mutating func proceed(
        _ pending: PendingResolution, _ step: TargetResolution.Step, at now: Instant, into effects: inout [Effect]
    ) {
        switch step {
        case .ask(let question):
            guard self.resolutions.count < self.configuration.limits.pendingResolutions else {
                effects.append(.observed(.sendingRefusedByLimit))
                self.conclude(pending.isAcknowledgement ? nil : pending.user, .overloaded, into: &effects)
                return
            }
            let ticket = self.tickets.next()
            self.resolutions[ticket] = pending
            self.resolving[pending.user] = ticket
            self.timers.resolutions.append(ticket, at: now)
            effects.append(.resolve(ticket, question))
        case .hops(let hops):
            if pending.isAcknowledgement {
                guard let hop = hops.first else {
                    effects.append(.dropped(.failedAcknowledgement))
                    return
                }
                self.sendOnce(pending.request, .hop(hop), into: &effects)
                return
            }
            // A second resolution of one request, behind a flow that failed, needs a new branch.
            let isFirst = self.branches[pending.user] == nil
            let number = isFirst ? pending.user.raw : self.entropy.next()
            self.launch(pending.user, pending.request, hops, number: number, at: now, into: &effects)
        }
    }

    /// Leaves out hops that asked to be left alone, as long as another is left (RFC 3261 §21.5.4). One that is the only
    /// way is tried all the same: otherwise a single 503 could silence everybody behind a common proxy.
    private mutating func withoutHeld(_ hops: [Hop], at now: Instant, into effects: inout [Effect]) -> [Hop] {
        guard !self.heldHops.isEmpty else { return hops }
        let usable = hops.filter { hop in
            guard let until = self.heldHops[hop] else { return true }
            return until <= now
        }
        guard !usable.isEmpty else { return hops }
        if usable.count < hops.count { effects.append(.observed(.hopSkipped)) }
        return usable
    }
}
