import DigestAuth
import Ground
import PresenceServer
import SCSCF
import SIPTransactions
import SIPWire
import Signalling
import Storage
import XDMServer

/// What the cores order, done: facts go to the box that waits for them, records and departures wait for the end of
/// the turn.
extension Shard {
    // MARK: the transaction layer

    func perform(_ effect: TransactionLayer.Effect, at now: Instant) {
        switch effect {
        case .transmit, .open, .reply: self.departures.append(effect)
        case .resolve(let ticket, let question): self.resolve(ticket, question)
        case .requestReceived(let id, let message, let origin): self.serve(id, message, origin, at: now)
        case .cancelReceived(let id): self.tellRegistrar(.cancelReceived(id), at: now)
        case .ackReceived(let message, let origin, let id):
            self.tellRegistrar(.ackReceived(message, origin, id), at: now)
        case .responseReceived(let id, let message, let origin): self.answer(id, message, origin, at: now)
        case .requestFailed(let id, let failure):
            switch self.owner(of: id) {
            case .registrar: self.tellRegistrar(.requestFailed(id, failure), at: now)
            case .documents: self.tellDocuments(.requestFailed(id, failure), at: now)
            case .presence, .nobody: self.tellPresence(.requestFailed(id, failure), at: now)
            }
        case .acknowledgementMissing: self.counters.acknowledgementsMissing += 1
        case .dropped(let reason): self.counters.dropped[reason, default: 0] += 1
        case .observed(let observation): self.counters.transactions[observation, default: 0] += 1
        }
    }

    /// A new request finds the box that serves it.
    private func serve(_ id: ServerTransactionID, _ message: SIPMessage, _ origin: Origin, at now: Instant) {
        self.counters.requests += 1
        switch self.destination(of: message, origin, at: now) {
        case .presence: self.tellPresence(.requestReceived(id, message, origin), at: now)
        case .registrar: self.tellRegistrar(.requestReceived(id, message, origin), at: now)
        case .documents: self.tellDocuments(.requestReceived(id, message, origin), at: now)
        case .nobody:
            // Neither function runs here: the node was configured without what this request needs.
            var writer = message.response(503, nil, receivedFrom: nil)
            writer.header(.retryAfter, number: 60)
            self.tellTransactions(.respond(id, writer.finish()), at: now)
        }
    }

    private func destination(of message: SIPMessage, _ origin: Origin, at now: Instant) -> Router.Destination {
        // Without a registrar nothing is passed on, so the package alone decides.
        guard self.registrar != nil else {
            guard self.documents != nil else { return self.presence == nil ? .nobody : .presence }
            return self.presence == nil || self.parts.router.isAboutDocuments(message) ? .documents : .presence
        }
        // The registrar is asked where it stands: taking it out would copy all of it for each request.
        let wanted = self.parts.router.destination(of: message, local: origin.flow.local) { uri in
            let user = self.registrar?.user(of: uri) ?? uri.canonicalIdentity
            return self.registrar?.isBound(user, at: now) ?? false
        }
        // A box that does not run here: the others refuse in its place, or pass the request on.
        switch wanted {
        case .presence where self.presence == nil, .documents where self.documents == nil && self.presence == nil:
            return .registrar
        case .documents where self.documents == nil: return .presence
        default: return wanted
        }
    }

    private func answer(_ id: ClientTransactionID, _ message: SIPMessage, _ origin: Origin, at now: Instant) {
        switch self.owner(of: id) {
        case .registrar: self.tellRegistrar(.responseReceived(id, message, origin), at: now)
        case .documents: self.tellDocuments(.responseReceived(id, message), at: now)
        case .presence, .nobody: self.tellPresence(.responseReceived(id, message), at: now)
        }
    }

    /// Which box started a client transaction: the numbers of the S-CSCF are odd, those of the Presence Server end with
    /// the bits 00, those of the XDM server with 10.
    private func owner(of id: ClientTransactionID) -> Router.Destination {
        switch id.raw & 3 {
        case 0: .presence
        case 2: .documents
        default: .registrar
        }
    }

    private func resolve(_ ticket: Ticket, _ question: ResolutionQuestion) {
        guard let resolver = self.resolver else {
            self.loop.execute { self.assumeIsolated { $0.resolved(ticket, .failed) } }
            return
        }
        resolver.resolve(question, on: self.loop).whenSuccess { answer in
            self.assumeIsolated { $0.resolved(ticket, answer) }
        }
    }

    private func resolved(_ ticket: Ticket, _ answer: ResolutionAnswer) {
        self.turn { now in self.tellTransactions(.hopsResolved(ticket, answer), at: now) }
    }

    // MARK: the boxes

    func settlePresence(at now: Instant) {
        guard !self.presenceEffects.isEmpty else { return }
        // The array is taken out so that what these orders bring (a loaded credential, say) has an array of its own.
        var effects: [PresenceServer.Effect] = []
        swap(&effects, &self.presenceEffects)
        self.settleBox(at: now) {
            for index in effects.indices { self.perform(effects[index], at: now) }
        }
        if self.presenceEffects.isEmpty {
            effects.removeAll(keepingCapacity: true)
            swap(&effects, &self.presenceEffects)
        }
    }

    func settleRegistrar(at now: Instant) {
        guard !self.registrarEffects.isEmpty else { return }
        var effects: [SCSCF.Effect] = []
        swap(&effects, &self.registrarEffects)
        self.settleBox(at: now) {
            for effect in effects { self.perform(effect, at: now) }
        }
    }
}

extension Shard {
    /// Performs one order of the Presence Server.
    private func perform(_ effect: PresenceServer.Effect, at now: Instant) {
        switch effect {
        case .respond(let id, let bytes): self.tellTransactions(.respond(id, bytes), at: now)
        case .send(let id, let request): self.tellTransactions(.send(id, request), at: now)
        case .store(let operation): self.records.append(.presence(operation))
        case .load(let ticket, let question):
            self.tellPresence(.loaded(ticket, self.parts.credentials(question)), at: now)
        case .explained(let ticket, let explanation):
            self.explanations.removeValue(forKey: ticket)?.resume(returning: explanation)
        case .decided(let decision): self.parts.decided(decision, now)
        case .observed(let observation): self.counters.presence[observation, default: 0] += 1
        }
    }

    /// Performs one order of the S-CSCF.
    private func perform(_ effect: SCSCF.Effect, at now: Instant) {
        switch effect {
        case .respond(let id, let bytes): self.tellTransactions(.respond(id, bytes), at: now)
        case .send(let id, let request): self.tellTransactions(.send(id, request), at: now)
        case .cancel(let id): self.tellTransactions(.cancel(id), at: now)
        case .acknowledge(let request): self.tellTransactions(.acknowledge(request), at: now)
        case .store(let operation): self.records.append(.registrar(operation))
        case .load(let ticket, let question):
            self.tellRegistrar(.loaded(ticket, self.parts.credentials(question)), at: now)
        case .lookUp(let ticket, let identity):
            self.tellRegistrar(.lookedUp(ticket, exists: self.parts.exists(identity)), at: now)
        case .observed(let observation): self.counters.registrar[observation, default: 0] += 1
        }
    }

    /// What the shard has counted, and what its boxes have.
    package func snapshot() -> (shard: ShardSnapshot, presence: PresenceCounters?, documents: XDMCounters?) {
        let snapshot = ShardSnapshot(
            counters: self.counters, transports: self.transports?.counters ?? TransportCounters(),
            connections: self.transports?.connectionCount ?? 0)
        return (snapshot, self.presence?.counters, self.documents?.counters)
    }
}
