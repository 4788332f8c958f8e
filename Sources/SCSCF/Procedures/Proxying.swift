import DigestAuth
import Ground
import SIPTransactions
import SIPWire

/// Everything that is not a REGISTER: RFC 3261 §16 for the users of our domains.
extension SCSCF {
    /// The extensions that a request may require of the proxy.
    static let proxyExtensions: [StaticString] = ["path", "outbound", "gruu"]

    /// Sorts a new request.
    mutating func receive(
        _ request: SIPMessage, from origin: Origin, _ transaction: ServerTransactionID, at now: Instant,
        into effects: inout [Effect]
    ) {
        let routing: ProxyRouting
        do throws(ParseFault) {
            routing = try ProxyRouting(request) { self.names.leadsHere($0) }
        } catch {
            self.answer(transaction, request, origin, error.status, error.reason, into: &effects)
            return
        }
        let isForUs =
            routing.routes.isEmpty && routing.requestURI.user == nil && self.names.leadsHere(routing.requestURI)
        // RFC 3261 §10.3, step 1: a REGISTER for another domain is forwarded like anything else.
        if request.method == .register, routing.routes.isEmpty, self.names.leadsHere(routing.requestURI) {
            self.register(request, from: origin, transaction, at: now, into: &effects)
            return
        }
        let loopHash = self.loopHash.of(request)
        if let refusal = ProxyInspection.inspect(
            request, routing: routing, loopHash: loopHash, supported: Self.proxyExtensions)
        {
            self.refuse(refusal, request, origin, transaction, into: &effects)
            return
        }
        if isForUs {
            self.answerForServer(request, origin, transaction, into: &effects)
            return
        }
        // A Route that we ourselves made for this dialog needs no further proof.
        if self.dialogRoute(request, routing) != nil {
            self.forward(
                request, routing, origin, transaction, sender: origin.isTrusted ? .trusted : .unknown, at: now,
                into: &effects)
            return
        }
        let isRelay = !routing.routes.isEmpty || !self.names.isServed(routing.requestURI)
        switch self.admission(of: request, from: origin, isRelay: isRelay, at: now) {
        case .admitted(let sender):
            self.forward(request, routing, origin, transaction, sender: sender, at: now, into: &effects)
        case .challenged(let isStale):
            self.challenge(request, origin, transaction, isStale: isStale, isProxy: true, at: now, into: &effects)
        case .asking(let question, let response):
            let waiting = PendingAnswer(
                step: .sender(response), transaction: transaction, request: request, origin: origin)
            self.ask(waiting, at: now, into: &effects) { .load($0, question) }
        case .refused(let status, let reason):
            effects.append(.observed(isRelay ? .refusedRelay : .forbidden))
            self.answer(transaction, request, origin, status, reason, into: &effects)
        }
    }

    private mutating func refuse(
        _ refusal: ProxyInspection.Refusal, _ request: SIPMessage, _ origin: Origin, _ transaction: ServerTransactionID,
        into effects: inout [Effect]
    ) {
        // RFC 3261 §16.3, step 3: an OPTIONS that ends here is answered as if it had been meant for us.
        if refusal == .tooManyHops, request.method == .options {
            self.answerForServer(request, origin, transaction, into: &effects)
            return
        }
        if refusal == .loop { effects.append(.observed(.loopFound)) }
        self.answer(transaction, request, origin, refusal.status, into: &effects) { writer in
            if case .badExtension(let tags) = refusal { for tag in tags { writer.header(.unsupported, tag) } }
        }
    }

    /// The subscriber database has answered.
    mutating func loaded(_ ticket: Ticket, _ answer: CredentialAnswer, at now: Instant, into effects: inout [Effect]) {
        guard let waiting = self.take(ticket) else { return }
        switch waiting.step {
        case .registration(let response):
            self.registrationLoaded(waiting, response, answer, at: now, into: &effects)
        case .sender(let response): self.senderLoaded(waiting, response, answer, at: now, into: &effects)
        case .recipient: self.answer(waiting.transaction, waiting.request, waiting.origin, 480, into: &effects)
        }
    }

    private mutating func senderLoaded(
        _ waiting: PendingAnswer, _ response: DigestResponse, _ answer: CredentialAnswer, at now: Instant,
        into effects: inout [Effect]
    ) {
        let request = waiting.request
        let verdict = self.authenticator.verify(
            response, method: request.method.token[...], uri: request.requestURI, body: request.body, answer: answer,
            at: now)
        switch verdict {
        case .accepted(let credentials):
            guard self.maySend(request, identities: credentials.identities) else {
                effects.append(.observed(.forbidden))
                self.answer(waiting.transaction, request, waiting.origin, 403, into: &effects)
                return
            }
            guard let routing = try? ProxyRouting(request, isOwn: { self.names.leadsHere($0) }) else { return }
            self.forward(
                request, routing, waiting.origin, waiting.transaction, sender: .authenticated(credentials.identities),
                at: now,
                into: &effects)
        case .stale, .wrong:
            let isStale = verdict == .stale
            if !isStale { effects.append(.observed(.wrongCredentials)) }
            self.challenge(
                request, waiting.origin, waiting.transaction, isStale: isStale, isProxy: true, at: now, into: &effects)
        case .malformed(let reason):
            self.answer(waiting.transaction, request, waiting.origin, 400, reason, into: &effects)
        }
    }

    /// Whether a user without a contact exists has been found out.
    mutating func lookedUp(_ ticket: Ticket, _ exists: Bool, into effects: inout [Effect]) {
        guard let waiting = self.take(ticket) else { return }
        self.answer(waiting.transaction, waiting.request, waiting.origin, exists ? 480 : 404, into: &effects)
    }

    private mutating func take(_ ticket: Ticket) -> PendingAnswer? {
        self.pendingDeadlines.remove(ticket)
        return self.pending.removeValue(forKey: ticket)
    }

    /// CANCEL: what still waits for the database is answered here, the rest is the proxy's (RFC 3261 §16.10).
    mutating func cancel(_ transaction: ServerTransactionID, at now: Instant, into effects: inout [Effect]) {
        if let (ticket, waiting) = self.pending.first(where: { $0.value.transaction == transaction }) {
            _ = self.take(ticket)
            self.answer(transaction, waiting.request, waiting.origin, 487, into: &effects)
            return
        }
        self.drive(at: now, into: &effects) { proxy, orders in
            proxy.cancelReceived(transaction, at: now, into: &orders)
        }
    }

    /// Sends a request that may go on to its targets.
    private mutating func forward(
        _ request: SIPMessage, _ routing: ProxyRouting, _ origin: Origin, _ transaction: ServerTransactionID,
        sender: SenderIdentity, at now: Instant, into effects: inout [Effect]
    ) {
        switch self.targets(of: request, routing, origin, at: now) {
        case .found(let targets):
            effects.append(.observed(.forwarded))
            let asserted = sender.asserted(for: request)
            if asserted != nil, request.count(.pAssertedIdentity) > 0 {
                effects.append(.observed(.claimedIdentityStripped))
            }
            let forwarding = ForkingProxy.Forwarding(
                transaction: transaction, request: request, origin: origin, routing: routing, targets: targets,
                changes: ProxyChanges(
                    assertedIdentities: asserted, realm: Array(self.authenticator.configuration.realm.utf8)),
                loopHash: self.loopHash.of(request))
            self.drive(at: now, into: &effects) { proxy, orders in proxy.forward(forwarding, at: now, into: &orders) }
        case .noContact(let user):
            switch self.configuration.directory {
            case .everyUserExists: self.answer(transaction, request, origin, 480, into: &effects)
            case .subscribers:
                let waiting = PendingAnswer(
                    step: .recipient, transaction: transaction, request: request, origin: origin)
                self.ask(waiting, at: now, into: &effects) { .lookUp($0, identity: user) }
            }
        case .unroutable: self.answer(transaction, request, origin, 404, into: &effects)
        }
    }

    /// An ACK for a 2xx follows its INVITE (RFC 3261 §16.6); nobody is told if it cannot.
    mutating func forwardAcknowledgement(
        _ request: SIPMessage, from origin: Origin, at now: Instant, into effects: inout [Effect]
    ) {
        guard let routing = try? ProxyRouting(request, isOwn: { self.names.leadsHere($0) }),
            ProxyInspection.inspect(
                request, routing: routing, loopHash: self.loopHash.of(request), supported: Self.proxyExtensions) == nil
        else { return }
        let isRelay = !routing.routes.isEmpty || !self.names.isServed(routing.requestURI)
        guard self.dialogRoute(request, routing) != nil || origin.isTrusted || !isRelay,
            case .found(let targets) = self.targets(of: request, routing, origin, at: now), let target = targets.first
        else { return }
        let changes = ProxyChanges(assertedIdentities: origin.isTrusted ? nil : [])
        guard
            let result = try? RequestRewriting.rewrite(
                request, routing: routing, for: target, changes: changes, source: origin.flow.remote, breadth: nil)
        else { return }
        effects.append(
            .acknowledge(
                OutgoingRequest(
                    method: .ack, bytes: result.bytes, viaOffset: result.viaOffset,
                    target: target.flow.map { .flow($0) } ?? .uri(result.nextHop))))
    }

    /// What can be asked of the server itself, for Allow where something else was: other methods are for users.
    private static let methodsForServer: StaticString = "REGISTER, OPTIONS"

    /// Requests to the server itself: OPTIONS (RFC 3261 §11.2), and what it does not do.
    private mutating func answerForServer(
        _ request: SIPMessage, _ origin: Origin, _ transaction: ServerTransactionID, into effects: inout [Effect]
    ) {
        let configuration = self.configuration
        let allow = configuration.allow.joined(separator: ", ")
        // Here we are a user agent server, and what is required is required of us (RFC 3261 §8.2.2.3).
        let unknown = request.list(.require).filter { tag in
            !Self.proxyExtensions.contains { tag.equalsIgnoringCase($0) }
        }
        if !unknown.isEmpty {
            self.answer(transaction, request, origin, 420, into: &effects) { writer in
                for tag in unknown { writer.header(.unsupported, tag) }
            }
            return
        }
        guard request.method == .options else {
            // A request inside a dialog that we never made.
            let status = request.toTag() != nil ? 481 : 405
            self.answer(transaction, request, origin, status, into: &effects) { writer in
                if status == 405 { writer.header(.allow, Self.methodsForServer) }
            }
            return
        }
        self.answer(transaction, request, origin, 200, into: &effects) { writer in
            writer.header(.allow, allow)
            writer.header(.accept, "*/*" as StaticString)
            writer.header(.acceptEncoding, "identity" as StaticString)
            writer.header(.acceptLanguage, "en" as StaticString)
            writer.header(.supported, "path, outbound, gruu" as StaticString)
            if !configuration.allowEvents.isEmpty {
                writer.header(.allowEvents, configuration.allowEvents.joined(separator: ", "))
            }
        }
    }
}
