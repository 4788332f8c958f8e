import Cryptography
import DigestAuth
import Ground
import SIPTransactions
import SIPWire

/// The serving call session control function: registrar, location service and home proxy of its domains.
///
/// So far the registrar of RFC 3261 §10 and the proxy of RFC 3261 §16 with what belongs to them (README.md); the rest of
/// TS 24.229 builds on it.
package struct SCSCF: NetworkFunction, Sendable {
    package let configuration: Configuration
    let names: OwnNames
    let routeTokens: RouteToken
    let temporaryGRUUs: TemporaryGRUU
    let loopHash: LoopHash
    var entropy: Entropy
    var authenticator: DigestAuthenticator
    var locations = LocationTable()
    var proxy: ForkingProxy
    var tickets = TicketCounter()
    var pending: [Ticket: PendingAnswer] = [:]
    var pendingDeadlines = DeadlineQueue<Ticket>()

    package init(configuration: Configuration, entropy: Entropy) {
        var entropy = entropy
        self.configuration = configuration
        self.names = OwnNames(configuration)
        self.routeTokens = RouteToken(secret: configuration.routeSecret ?? Self.secret(&entropy))
        self.temporaryGRUUs = TemporaryGRUU(key: configuration.temporaryGRUUKey ?? Self.secret(&entropy))
        self.loopHash = LoopHash(entropy: &entropy)
        var digest = DigestAuthenticator.Configuration(
            realm: configuration.realm ?? configuration.domains[0],
            nonceSecret: configuration.nonceSecret ?? Self.secret(&entropy))
        digest.algorithms = configuration.algorithms
        digest.nonceLifetime = configuration.nonceLifetime
        digest.allowsMissingProtection = configuration.allowsMissingProtection
        self.authenticator = DigestAuthenticator(digest)
        self.proxy = ForkingProxy(configuration.proxy, entropy: entropy)
        // The proxy has its own copy of the source: what was already drawn into it is thrown away here, so that no number
        // is used twice.
        for _ in 0..<512 { _ = entropy.next() }
        self.entropy = entropy
    }

    private static func secret(_ entropy: inout Entropy) -> Redacted<[UInt8]> {
        var bytes: [UInt8] = []
        for _ in 0..<4 { withUnsafeBytes(of: entropy.next().bigEndian) { bytes.append(contentsOf: $0) } }
        return Redacted(bytes)
    }

    /// Whether a user has a contact that a request could be forwarded to.
    ///
    /// - Parameter user: the canonical identity.
    package func isBound(_ user: [UInt8], at now: Instant) -> Bool {
        !self.locations.bindings(of: user, at: now).isEmpty
    }

    /// The number of bindings.
    package var bindingCount: Int { self.locations.count }

    /// The bindings of a user, for the administrator.
    package func bindings(of user: [UInt8], at now: Instant) -> [BindingRecord] {
        self.locations.bindings(of: user, at: now).map(\.record)
    }

    /// Whether nothing is kept: what a run must come to when everything has expired.
    package var isIdle: Bool {
        self.locations.isEmpty && self.proxy.isEmpty && self.pending.isEmpty && self.pendingDeadlines.isEmpty
    }

    /// Whether no forwarded request is kept.
    package var proxyIsIdle: Bool { self.proxy.isEmpty }

    /// The user behind a Request-URI of ours: the canonical identity, also where the URI is a GRUU. The node picks the shard by
    /// it. Nil if the URI is not one of a served domain.
    package func user(of uri: SIPURI) -> [UInt8]? {
        guard self.names.isServed(uri) else { return nil }
        if let gruu = self.temporaryGRUUs.open(uri) { return gruu.user }
        return self.names.identity(of: uri)
    }

    package var nextDeadline: Instant? {
        var next = self.locations.nextDeadline
        for other in [self.proxy.nextDeadline, self.pendingDeadlines.next] {
            guard let other else { continue }
            next = min(next ?? other, other)
        }
        return next
    }

    package mutating func handle(_ input: Input, at now: Instant, into effects: inout [Effect]) {
        switch input {
        case .requestReceived(let transaction, let request, let origin):
            self.receive(request, from: origin, transaction, at: now, into: &effects)
        case .cancelReceived(let transaction):
            self.cancel(transaction, at: now, into: &effects)
        case .ackReceived(let request, let origin, _):
            self.forwardAcknowledgement(request, from: origin, at: now, into: &effects)
        case .responseReceived(let id, let response, let origin):
            self.drive(at: now, into: &effects) { proxy, orders in
                proxy.responseReceived(id, response, isTrusted: origin.isTrusted, at: now, into: &orders)
            }
        case .requestFailed(let id, let failure):
            self.drive(at: now, into: &effects) { proxy, orders in
                proxy.requestFailed(id, failure, at: now, into: &orders)
            }
        case .loaded(let ticket, let answer): self.loaded(ticket, answer, at: now, into: &effects)
        case .lookedUp(let ticket, let exists): self.lookedUp(ticket, exists, into: &effects)
        case .restored(let records): self.restore(records, at: now, into: &effects)
        case .connectionClosed(let flow): self.lose(flow, at: now, into: &effects)
        }
    }

    package mutating func deadlineReached(at now: Instant, into effects: inout [Effect]) {
        while let binding = self.locations.removeExpired(at: now) {
            effects.append(.store(.removeBinding(binding.record.id)))
            effects.append(.observed(.expired))
        }
        while let ticket = self.pendingDeadlines.popDue(at: now) {
            guard let waiting = self.pending.removeValue(forKey: ticket) else { continue }
            effects.append(.observed(.databaseSilent))
            self.answer(waiting.transaction, waiting.request, waiting.origin, 500, into: &effects)
        }
        self.drive(at: now, into: &effects) { proxy, orders in proxy.deadlineReached(at: now, into: &orders) }
    }

    /// Lets the proxy work, and passes its orders on.
    mutating func drive(
        at now: Instant, into effects: inout [Effect],
        _ work: (inout ForkingProxy, inout [ForkingProxy.Effect]) -> Void
    ) {
        var orders: [ForkingProxy.Effect] = []
        work(&self.proxy, &orders)
        for order in orders {
            switch order {
            case .respond(let transaction, let bytes): effects.append(.respond(transaction, bytes))
            case .send(let id, let outgoing): effects.append(.send(id, outgoing))
            case .cancel(let id): effects.append(.cancel(id))
            case .flowFailed(let label): self.loseBinding(label, into: &effects)
            case .abandoned: break
            }
        }
    }

    /// Sends a short answer.
    mutating func answer(
        _ transaction: ServerTransactionID, _ request: SIPMessage, _ origin: Origin, _ status: Int,
        _ reason: String? = nil, into effects: inout [Effect], adding: (inout MessageWriter) -> Void = { _ in }
    ) {
        var writer = request.response(
            status, reason, toTag: self.entropy.token()[...], receivedFrom: origin.flow.remote)
        adding(&writer)
        effects.append(.respond(transaction, writer.finish()))
    }

    /// Asks the subscriber database; nothing is asked when too many questions wait already.
    mutating func ask(
        _ waiting: PendingAnswer, at now: Instant, into effects: inout [Effect], question: (Ticket) -> Effect
    ) {
        guard self.pending.count < self.configuration.limits.pendingAnswers else {
            effects.append(.observed(.tooManyPending))
            self.answer(waiting.transaction, waiting.request, waiting.origin, 503, into: &effects) {
                $0.header(.retryAfter, number: 5)
            }
            return
        }
        let ticket = self.tickets.next()
        self.pending[ticket] = waiting
        self.pendingDeadlines.set(ticket, at: now + self.configuration.limits.answerPatience)
        effects.append(question(ticket))
    }
}
