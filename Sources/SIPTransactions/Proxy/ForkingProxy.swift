package import Ground
package import SIPWire

/// The stateful proxy of RFC 3261 §16: forwards a request to its targets, several at once or one after another, and
/// picks what goes back.
///
/// It decides nothing about users and domains: its owner finds the targets and says what is changed in the copy. It
/// lives beside a ``TransactionLayer``, whose inputs its effects are.
package struct ForkingProxy: Sendable {
    /// Bounds and times.
    package struct Configuration: Sendable {
        /// Timer C: how long an INVITE may ring without a new provisional response; more than 3 minutes
        /// (RFC 3261 §16.6, step 11).
        package var timerC: Duration = .seconds(185)
        /// Max-Breadth for requests that bring none (RFC 5393 §5.3.3).
        package var maximumBreadth: UInt32 = 60
        /// Targets of one request, alternatives included.
        package var maximumTargets = 64
        /// Requests on their way; beyond that new ones are answered 503.
        package var maximumContexts = 50_000
        /// How long 2xx responses to an INVITE are passed on after the first (64*T1, RFC 6026 §8.1).
        package var acceptedLifetime: Duration = .seconds(32)
        /// The longest that a request waits for an answer, whatever the layer below says.
        package var contextLifetime: Duration = .seconds(400)

        package init() {}
    }

    /// What the proxy wants done.
    package enum Effect: Sendable {
        /// Answer the request.
        case respond(ServerTransactionID, [UInt8])
        /// Send a copy.
        case send(ClientTransactionID, OutgoingRequest)
        /// Take a copy of an INVITE back.
        case cancel(ClientTransactionID)
        /// A target that stands behind a flow was not reached over it (RFC 5626 §5.3): its label.
        case flowFailed(label: UInt64)
        /// No answer is to be sent: a non-INVITE is never answered 408 (RFC 4320 §4.2).
        case abandoned(ServerTransactionID)
    }

    /// Everything about one request that is to be forwarded.
    package struct Forwarding: Sendable {
        package var transaction: ServerTransactionID
        package var request: SIPMessage
        package var origin: Origin
        package var routing: ProxyRouting
        package var targets: [ProxyTarget]
        package var changes: ProxyChanges
        package var loopHash: UInt64

        package init(
            transaction: ServerTransactionID, request: SIPMessage, origin: Origin, routing: ProxyRouting,
            targets: [ProxyTarget], changes: ProxyChanges, loopHash: UInt64
        ) {
            self.transaction = transaction
            self.request = request
            self.origin = origin
            self.routing = routing
            self.targets = targets
            self.changes = changes
            self.loopHash = loopHash
        }
    }

    package let configuration: Configuration
    var entropy: Entropy
    var contexts: [ServerTransactionID: ResponseContext] = [:]
    var owners: [ClientTransactionID: ServerTransactionID] = [:]
    var timersC = DeadlineQueue<ClientTransactionID>()
    var lifetimes = DeadlineQueue<ServerTransactionID>()

    package init(_ configuration: Configuration = Configuration(), entropy: Entropy) {
        self.configuration = configuration
        self.entropy = entropy
    }

    /// The number of requests on their way.
    package var count: Int { self.contexts.count }

    /// Whether nothing is kept.
    package var isEmpty: Bool {
        self.contexts.isEmpty && self.owners.isEmpty && self.timersC.isEmpty && self.lifetimes.isEmpty
    }

    /// When ``deadlineReached(at:into:)`` wants to be called.
    package var nextDeadline: Instant? {
        guard let one = self.timersC.next, let two = self.lifetimes.next else {
            return self.timersC.next ?? self.lifetimes.next
        }
        return min(one, two)
    }

    /// Forwards a request that has passed ``ProxyInspection``.
    package mutating func forward(_ forwarding: Forwarding, at now: Instant, into effects: inout [Effect]) {
        let request = forwarding.request
        guard !forwarding.targets.isEmpty else {
            self.refuse(forwarding, 480, into: &effects)
            return
        }
        guard self.contexts.count < self.configuration.maximumContexts,
            self.contexts[forwarding.transaction] == nil
        else {
            self.refuse(forwarding, 503, into: &effects)
            return
        }
        let breadth = ProxyInspection.breadth(of: request) ?? self.configuration.maximumBreadth
        let targets = forwarding.targets.prefix(self.configuration.maximumTargets)
        let context = ResponseContext(
            request: request, origin: forwarding.origin, routing: forwarding.routing, changes: forwarding.changes,
            loopHash: forwarding.loopHash, breadth: max(breadth, 1),
            waiting: Self.groups(Array(targets), breadth: max(breadth, 1)))
        self.contexts[forwarding.transaction] = context
        self.lifetimes.set(forwarding.transaction, at: now + self.configuration.contextLifetime)
        self.tryNext(forwarding.transaction, at: now, into: &effects)
    }

    private mutating func refuse(_ forwarding: Forwarding, _ status: Int, into effects: inout [Effect]) {
        var writer = forwarding.request.response(
            status, toTag: self.entropy.token()[...], receivedFrom: forwarding.origin.flow.remote)
        if status == 503 { writer.header(.retryAfter, number: 5) }
        effects.append(.respond(forwarding.transaction, writer.finish()))
    }

    /// Targets of equal preference together, the most preferred first (RFC 3261 §16.6). A group that is wider than the
    /// breadth allows is tried in parts (RFC 5393 §5.3.3.1).
    static func groups(_ targets: [ProxyTarget], breadth: UInt32) -> [[ProxyTarget]] {
        let ordered = targets.enumerated().sorted {
            $0.element.q != $1.element.q ? $0.element.q > $1.element.q : $0.offset < $1.offset
        }
        var groups: [[ProxyTarget]] = []
        for (_, target) in ordered {
            if let last = groups.last, let first = last.first, first.q == target.q, last.count < Int(breadth) {
                groups[groups.count - 1].append(target)
            } else {
                groups.append([target])
            }
        }
        return groups
    }

    /// Sends the next group; answers if there is nothing left to try.
    mutating func tryNext(_ transaction: ServerTransactionID, at now: Instant, into effects: inout [Effect]) {
        while let context = self.contexts[transaction], !context.hasPending {
            guard !context.isEnding, !context.isAnswered, !context.waiting.isEmpty else {
                self.conclude(transaction, at: now, into: &effects)
                return
            }
            self.startWaiting(transaction, at: now, into: &effects)
        }
    }

    /// Sends the first group that waits.
    mutating func startWaiting(_ transaction: ServerTransactionID, at now: Instant, into effects: inout [Effect]) {
        guard var context = self.contexts[transaction], !context.waiting.isEmpty else { return }
        let group = context.waiting.removeFirst()
        self.contexts[transaction] = context
        // What may be spent is shared among those that are tried at the same time.
        let share = max(context.breadth / UInt32(clamping: max(group.count, 1)), 1)
        for target in group { self.start(target, of: transaction, breadth: share, at: now, into: &effects) }
    }

    private mutating func start(
        _ target: ProxyTarget, of transaction: ServerTransactionID, breadth: UInt32, at now: Instant,
        into effects: inout [Effect]
    ) {
        guard var context = self.contexts[transaction] else { return }
        var changes = context.changes
        if context.request.method == .register { changes.realm = [] }
        let rewritten: RequestRewriting.Result
        do {
            rewritten = try RequestRewriting.rewrite(
                context.request, routing: context.routing, for: target, changes: changes,
                source: context.origin.flow.remote, breadth: breadth)
        } catch {
            // A contact or route that cannot be sent to counts as one that could not be reached.
            context.failures.append(503)
            self.contexts[transaction] = context
            return
        }
        let id = ClientTransactionID(raw: self.entropy.next() | 1)
        context.branches.append(ResponseContext.Branch(id: id, target: target, breadth: breadth))
        self.contexts[transaction] = context
        self.owners[id] = transaction
        if context.isInvite { self.timersC.set(id, at: now + self.configuration.timerC) }
        var parameters: [UInt8] = []
        parameters.append(UInt8(ascii: ";"))
        parameters.append(literal: ProxyInspection.loopParameter)
        parameters.append(UInt8(ascii: "="))
        parameters.append(hex: context.loopHash)
        let outgoing = OutgoingRequest(
            method: context.request.method, bytes: rewritten.bytes, viaOffset: rewritten.viaOffset,
            target: target.way(to: rewritten.nextHop), viaParameters: parameters)
        effects.append(.send(id, outgoing))
    }

    /// The sender has cancelled its INVITE (RFC 3261 §16.10): everything that rings is taken back, nothing new is tried.
    package mutating func cancelReceived(
        _ transaction: ServerTransactionID, at now: Instant, into effects: inout [Effect]
    ) {
        guard self.contexts[transaction] != nil else { return }
        self.end(transaction, into: &effects)
    }

    /// Cancels what is pending and tries nothing new.
    mutating func end(_ transaction: ServerTransactionID, into effects: inout [Effect]) {
        guard var context = self.contexts[transaction] else { return }
        context.isEnding = true
        context.waiting = []
        for index in context.branches.indices where !context.branches[index].isCancelled && context.isInvite {
            switch context.branches[index].state {
            case .calling, .proceeding:
                context.branches[index].isCancelled = true
                effects.append(.cancel(context.branches[index].id))
            case .ended: break
            }
        }
        self.contexts[transaction] = context
    }

    /// Does what has become due: timer C (RFC 3261 §16.8), and contexts whose time is over.
    package mutating func deadlineReached(at now: Instant, into effects: inout [Effect]) {
        while let id = self.timersC.popDue(at: now) { self.rangTooLong(id, at: now, into: &effects) }
        while let transaction = self.lifetimes.popDue(at: now) { self.forget(transaction) }
    }

    private mutating func rangTooLong(_ id: ClientTransactionID, at now: Instant, into effects: inout [Effect]) {
        guard let transaction = self.owners[id], var context = self.contexts[transaction],
            let index = context.branches.firstIndex(where: { $0.id == id })
        else { return }
        switch context.branches[index].state {
        case .proceeding where !context.branches[index].isCancelled:
            // RFC 3261 §16.8: with a provisional response the branch is cancelled and gets a little time to say 487.
            context.branches[index].isCancelled = true
            self.contexts[transaction] = context
            effects.append(.cancel(id))
            self.timersC.set(id, at: now + self.configuration.acceptedLifetime)
        case .calling, .proceeding: self.failed(id, .timeout, at: now, into: &effects)
        case .ended: break
        }
    }

    mutating func forget(_ transaction: ServerTransactionID) {
        self.lifetimes.remove(transaction)
        guard let context = self.contexts.removeValue(forKey: transaction) else { return }
        for branch in context.branches {
            self.owners[branch.id] = nil
            self.timersC.remove(branch.id)
        }
    }
}
