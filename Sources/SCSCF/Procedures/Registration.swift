import DigestAuth
import Ground
import SIPTransactions
import SIPWire

/// REGISTER: RFC 3261 §10.3, in the order of its steps.
extension SCSCF {
    /// The extensions that a REGISTER may require of us.
    static let registrarExtensions: [StaticString] = ["path", "outbound", "gruu"]

    mutating func register(
        _ request: SIPMessage, from origin: Origin, _ transaction: ServerTransactionID, at now: Instant,
        into effects: inout [Effect]
    ) {
        // Step 2: extensions that we do not know.
        let unknown = request.list(.require).filter { tag in
            !Self.registrarExtensions.contains { tag.equalsIgnoringCase($0) }
        }
        guard unknown.isEmpty else {
            self.answer(transaction, request, origin, 420, into: &effects) { writer in
                for tag in unknown { writer.header(.unsupported, tag) }
            }
            return
        }
        // Step 3: who is it? A trusted peer has found out for us (RFC 3325 §5), else a digest tells.
        switch self.configuration.authentication {
        case .none: self.update(request, from: origin, transaction, identities: nil, at: now, into: &effects)
        case .digest:
            let asserted = request.assertedIdentities().map(\.uri.canonicalIdentity)
            if origin.isTrusted, !asserted.isEmpty {
                self.update(request, from: origin, transaction, identities: asserted, at: now, into: &effects)
                return
            }
            self.authenticateRegistration(request, from: origin, transaction, at: now, into: &effects)
        }
    }

    private mutating func authenticateRegistration(
        _ request: SIPMessage, from origin: Origin, _ transaction: ServerTransactionID, at now: Instant,
        into effects: inout [Effect]
    ) {
        switch self.authenticator.assess(request.all(.authorization), at: now) {
        case .absent: self.challenge(request, origin, transaction, isStale: false, at: now, into: &effects)
        case .stale: self.challenge(request, origin, transaction, isStale: true, at: now, into: &effects)
        case .malformed(let reason): self.answer(transaction, request, origin, 400, reason, into: &effects)
        case .needed(let question, let response):
            let waiting = PendingAnswer(
                step: .registration(response), transaction: transaction, request: request, origin: origin)
            self.ask(waiting, at: now, into: &effects) { .load($0, question) }
        }
    }

    /// 401 with a challenge for each algorithm (RFC 3261 §22.2, RFC 8760 §2.3).
    mutating func challenge(
        _ request: SIPMessage, _ origin: Origin, _ transaction: ServerTransactionID, isStale: Bool,
        isProxy: Bool = false,
        at now: Instant, into effects: inout [Effect]
    ) {
        let challenges = self.authenticator.challenge(isStale: isStale, at: now, entropy: &self.entropy)
        effects.append(.observed(isStale ? .staleNonce : .challenged))
        self.answer(transaction, request, origin, isProxy ? 407 : 401, into: &effects) { writer in
            for value in challenges { writer.header(isProxy ? .proxyAuthenticate : .wwwAuthenticate, value) }
        }
    }

    /// The subscriber database has answered about a REGISTER.
    mutating func registrationLoaded(
        _ waiting: PendingAnswer, _ response: DigestResponse, _ answer: CredentialAnswer, at now: Instant,
        into effects: inout [Effect]
    ) {
        let request = waiting.request
        let verdict = self.authenticator.verify(
            response, method: request.method.token[...], uri: request.requestURI, body: request.body, answer: answer,
            at: now)
        switch verdict {
        case .accepted(let credentials):
            self.update(
                request, from: waiting.origin, waiting.transaction, identities: credentials.identities, at: now,
                into: &effects)
        case .stale:
            self.challenge(request, waiting.origin, waiting.transaction, isStale: true, at: now, into: &effects)
        case .wrong:
            effects.append(.observed(.wrongCredentials))
            self.challenge(request, waiting.origin, waiting.transaction, isStale: false, at: now, into: &effects)
        case .malformed(let reason):
            self.answer(waiting.transaction, request, waiting.origin, 400, reason, into: &effects)
        }
    }

    /// Steps 4 to 8: whose contacts are these, may the sender change them, and what changes.
    ///
    /// - Parameter identities: who the sender is; nil where everybody may do everything.
    private mutating func update(
        _ request: SIPMessage, from origin: Origin, _ transaction: ServerTransactionID, identities: [[UInt8]]?,
        at now: Instant, into effects: inout [Effect]
    ) {
        // Step 5 comes before step 4 here: what is no user of ours cannot be anybody's.
        guard let to = try? request.to(), to.uri.isSIP, to.uri.user != nil, self.names.isServed(to.uri) else {
            self.answer(transaction, request, origin, 404, into: &effects)
            return
        }
        let user = self.names.identity(of: to.uri)
        if let identities, !identities.contains(user) {
            effects.append(.observed(.forbidden))
            self.answer(transaction, request, origin, 403, into: &effects)
            return
        }
        do throws(RegistrationUpdate.Refusal) {
            var update = try RegistrationUpdate(
                request, origin: origin, user: user, bindings: self.locations.bindings(of: user, at: now),
                configuration: self.configuration, at: now)
            var entropy = self.entropy
            try update.work { Self.newNumber(&entropy) }
            self.entropy = entropy
            guard !update.didAdd || self.locations.count < self.configuration.limits.bindings else {
                throw RegistrationUpdate.Refusal(503, nil, .tooManyBindings)
            }
            self.apply(update, into: &effects)
            self.confirm(update, transaction, identities: identities, into: &effects)
        } catch {
            if let observation = error.observation { effects.append(.observed(observation)) }
            let minimum = self.configuration.minimumExpires
            self.answer(transaction, request, origin, error.status, error.reason, into: &effects) { writer in
                if error.isTooBrief { writer.header(.minExpires, number: UInt64(minimum)) }
                if error.status == 503 { writer.header(.retryAfter, number: 30) }
            }
        }
    }

    /// A number for a binding: random, so that shards need not agree, positive, so that every storage can hold it.
    private static func newNumber(_ entropy: inout Entropy) -> UInt64 { max(entropy.next() >> 1, 1) }

    private mutating func apply(_ update: RegistrationUpdate, into effects: inout [Effect]) {
        for id in update.removed {
            guard self.locations[id] != nil else { continue }
            self.locations.remove(id)
            effects.append(.store(.removeBinding(id)))
        }
        for binding in update.changed {
            self.locations.put(binding)
            effects.append(.store(.putBinding(binding.record)))
        }
        let observation: Observation =
            if update.didAdd {
                .registered
            } else if !update.changed.isEmpty {
                .refreshed
            } else {
                update.removed.isEmpty ? .registrationQueried : .unregistered
            }
        effects.append(.observed(observation))
    }

    /// Step 8: 200 with all contacts of the user, and what else belongs to it.
    private mutating func confirm(
        _ update: RegistrationUpdate, _ transaction: ServerTransactionID, identities: [[UInt8]]?,
        into effects: inout [Effect]
    ) {
        let request = update.request
        var writer = request.response(
            200, toTag: self.entropy.token()[...], receivedFrom: update.origin.flow.remote)
        let wantsGRUU = request.contains("gruu", in: .supported) || request.contains("gruu", in: .require)
        for binding in update.bindings {
            writer.header(.contact, self.contactValue(binding.record, withGRUU: wantsGRUU, at: update.instant))
        }
        // RFC 3327 §5.3: the client learns what way was taken.
        if request.contains("path", in: .supported) || request.contains("path", in: .require) {
            for value in request.all(.path) { writer.header(.path, value) }
        }
        for route in self.configuration.serviceRoutes { writer.header(.serviceRoute, route) }
        if let identities {
            for identity in identities where self.names.isServed(identity: identity) {
                writer.header(.pAssociatedURI, Array("<".utf8) + identity + Array(">".utf8))
            }
        }
        if update.usesOutbound {
            // RFC 5626 §6: only a client that knows the word is told that it was used.
            if request.contains("outbound", in: .supported) || request.contains("outbound", in: .require) {
                writer.header(.require, "outbound" as StaticString)
            }
            if self.configuration.flowTimer > 0, update.origin.flow.transport.isReliable {
                writer.header(.flowTimer, number: UInt64(self.configuration.flowTimer))
            }
        }
        writer.header(.supported, "path, outbound, gruu" as StaticString)
        writer.header(.date, DateHeader.text(update.instant))
        effects.append(.respond(transaction, writer.finish()))
    }

    private mutating func contactValue(_ record: BindingRecord, withGRUU: Bool, at now: Instant) -> [UInt8] {
        var value: [UInt8] = []
        value.append(UInt8(ascii: "<"))
        value += record.contact
        value.append(UInt8(ascii: ">"))
        if record.q < 1000 {
            value.append(literal: ";q=0.")
            let digits = 1000 + record.q
            for divisor: UInt16 in [100, 10, 1] { value.append(0x30 + UInt8(digits / divisor % 10)) }
        }
        // A binding that still counts has at least a second left.
        let left = (record.expires - now).wholeNanoseconds
        value.append(literal: ";expires=")
        value.append(decimal: UInt64(max((left + 999_999_999) / 1_000_000_000, 1)))
        value += record.parameters
        guard withGRUU, let instance = record.instance else { return value }
        value.append(literal: ";pub-gruu=\"")
        value += PublicGRUU.make(user: record.addressOfRecord, instance: instance)
        value.append(literal: "\"")
        if let address = self.temporaryGRUUs.make(
            user: record.addressOfRecord, binding: record.id, entropy: &self.entropy)
        {
            value.append(literal: ";temp-gruu=\"")
            value += address
            value.append(literal: "\"")
        }
        return value
    }

    /// Bindings that storage kept. Connections did not survive the restart: who can be reached over one only has to register
    /// again, which RFC 5626 §4.4 makes clients do.
    mutating func restore(_ records: [BindingRecord], at now: Instant, into effects: inout [Effect]) {
        for record in records {
            guard var binding = Binding(record), record.expires > now else {
                effects.append(.store(.removeBinding(record.id)))
                continue
            }
            if let flow = binding.flow, flow.transport != .udp {
                guard !binding.needsFlow else {
                    effects.append(.store(.removeBinding(record.id)))
                    continue
                }
                binding.flow = nil
                binding.record.flow = []
            }
            self.locations.put(binding)
        }
    }

    /// A connection has closed (RFC 5626 §5.3): contacts that can be reached over it only are gone.
    mutating func lose(_ flow: Flow, at now: Instant, into effects: inout [Effect]) {
        for binding in self.locations.bindings(over: flow) {
            if binding.needsFlow {
                self.loseBinding(binding.record.id, into: &effects)
            } else {
                var left = binding
                left.flow = nil
                left.record.flow = []
                self.locations.put(left)
                effects.append(.store(.putBinding(left.record)))
            }
        }
    }

    /// A contact could not be reached over the flow that it needs.
    mutating func loseBinding(_ id: UInt64, into effects: inout [Effect]) {
        guard let binding = self.locations[id], binding.needsFlow else { return }
        self.locations.remove(id)
        effects.append(.store(.removeBinding(id)))
        effects.append(.observed(.flowLost))
    }
}
