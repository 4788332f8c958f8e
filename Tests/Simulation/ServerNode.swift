import DigestAuth
import Ground
import PresenceServer
import SCSCF
import SIPTransactions
import SIPWire
import Storage
import XDMServer

/// A server process with the real cores: transaction layer, Presence Server and, where it is set up, S-CSCF, over a
/// storage that outlives it. It works in turns as a shard does: facts, one commit, departures.
package final class ServerNode: Node {
    /// Where in a turn the process ends.
    package enum CrashPoint: Sendable, CaseIterable {
        /// Nothing of the turn is kept.
        case beforeCommit
        /// Everything is kept, nothing is sent.
        case beforeDeparture
        /// Everything is kept, half of it is sent.
        case amidDepartures
    }

    package let name: String
    package let endpoint: Endpoint
    package private(set) var isUp = false
    /// How often the process was started.
    package private(set) var generation = 0
    package let store: any Store
    package var rules: RuleBook
    /// Who may answer digest challenges, by user name.
    package var users: [String: DigestCredentials] = [:]
    /// The next turn that has something to commit or to send ends with a crash here.
    package var plannedCrash: CrashPoint?
    /// The watcher behind a Call-ID.
    package var identityOfCall: ([UInt8]) -> [UInt8]? = { _ in nil }
    /// What the configuration of the Presence Server becomes at every start.
    package var presenceConfiguration: PresenceServer.Configuration
    package var registrarConfiguration: SCSCF.Configuration?

    private let seed: UInt64
    private var layer: TransactionLayer
    package private(set) var presence: PresenceServer
    package private(set) var registrar: SCSCF?
    var documents: XDMServer
    /// What the documents say that were ever stored, by their bytes: the rules of a presentity are what storage has.
    var meanings: [[UInt8]: RulesDocument] = [:]
    var tickets = TicketCounter()
    private var inspector = ServerInspector()
    var records: [StoreOperation] = []
    private var departures: [Datagram] = []
    private var ready: [Datagram] = []

    package init(
        name: String, endpoint: Endpoint, seed: UInt64, presence: PresenceServer.Configuration,
        registrar: SCSCF.Configuration? = nil, store: any Store = InMemoryStore(), rules: RuleBook = RuleBook()
    ) {
        self.name = name
        self.endpoint = endpoint
        self.seed = seed
        self.store = store
        self.rules = rules
        self.presenceConfiguration = presence
        self.registrarConfiguration = registrar
        self.layer = Self.layer(endpoint, seed)
        self.presence = PresenceServer(configuration: presence, entropy: .seeded(seed))
        self.documents = Self.documents(presence, seed)
    }

    private static func layer(_ endpoint: Endpoint, _ seed: UInt64) -> TransactionLayer {
        var configuration = TransactionLayer.Configuration(
            sentBy: [.udp: .init(host: endpoint.address.hostText, port: endpoint.port)])
        configuration.switchesToTCP = false
        configuration.outgoingTransports = [.udp]
        return TransactionLayer(configuration: configuration, entropy: .seeded(seed))
    }

    // MARK: Life

    /// Starts the process with what storage kept.
    package func start(at now: Instant) {
        guard !self.isUp else { return }
        self.generation += 1
        let seed = self.seed &* 1_000_003 &+ UInt64(self.generation) &* 7919
        self.layer = Self.layer(self.endpoint, seed &+ 1)
        self.presence = PresenceServer(configuration: self.presenceConfiguration, entropy: .seeded(seed &+ 2))
        self.registrar = self.registrarConfiguration.map { SCSCF(configuration: $0, entropy: .seeded(seed &+ 3)) }
        self.documents = Self.documents(self.presenceConfiguration, seed &+ 4)
        let state: StoredState
        do { state = try self.store.load() } catch {
            self.broken.append("storage cannot be read: \(error)")
            return
        }
        self.isUp = true
        self.inspector.checkRestart(state)
        self.turn(at: now) {
            self.tellPresence(.rulesChanged(.all(self.rules.all)), at: now)
            self.restoreDocuments(state.documents, at: now)
            self.tellRegistrar(.restored(state.bindings), at: now)
            self.tellPresence(.restored(state.presence), at: now)
        }
        self.checkRestored(state, at: now)
    }

    /// The state of a stored subscription that waits.
    private static let waiting: UInt8 = 8

    /// What was acknowledged and has not ended is there after a restart.
    private func checkRestored(_ state: StoredState, at now: Instant) {
        let counters = self.presence.counters
        let publications = state.presence.publications.count { $0.expires > now }
        if counters.publications != publications {
            self.broken.append("\(publications) publications are stored, \(counters.publications) live after a restart")
        }
        let subscriptions = state.presence.subscriptions.count { record in
            record.expires > now && record.state < 16 && record.state != Self.waiting
                && self.rules.judge(record.presentity, watcher: record.watcher, at: now).handling != .block
        }
        let live = counters.activeSubscriptions + counters.pendingSubscriptions
        if live != subscriptions {
            self.broken.append("\(subscriptions) subscriptions are stored, \(live) live after a restart")
        }
        // Watchers whose subscription ended undecided, and who wait for that still (RFC 3857 §4.7.1). Those whose
        // subscription ended while the process was down come to them.
        let waiting = state.presence.subscriptions.count { record in
            record.expires > now && record.state == Self.waiting
                && self.rules.judge(record.presentity, watcher: record.watcher, at: now).handling == .confirm
        }
        if counters.waitingWatchers < waiting {
            self.broken.append("\(waiting) watchers wait in storage, \(counters.waitingWatchers) after a restart")
        }
        let bindings = state.bindings.count { $0.expires > now }
        if let registrar = self.registrar, registrar.bindingCount != bindings {
            self.broken.append("\(bindings) bindings are stored, \(registrar.bindingCount) live after a restart")
        }
    }

    /// The process ends without a word.
    package func crash() {
        self.isUp = false
        self.plannedCrash = nil
        self.records = []
        self.departures = []
        self.questions = []
        self.inspector.forgetTurn()
    }

    package var nextDeadline: Instant? { self.isUp ? self.deadline : nil }

    /// The next deadline, as it was when the departures were last taken: that is done after every change.
    private var deadline: Instant?
    /// Names that were asked for, and when. Nobody knows any, and that is said in a turn of its own, as a resolver does.
    private var questions: [(ticket: Ticket, asked: Instant)] = []

    private func findDeadline() -> Instant? {
        var next = self.layer.nextDeadline
        if let question = self.questions.first { next = min(next ?? question.asked, question.asked) }
        for other in [self.presence.nextDeadline, self.registrar?.nextDeadline, self.documents.nextDeadline] {
            guard let other else { continue }
            next = min(next ?? other, other)
        }
        return next
    }

    // MARK: Turns

    package func receive(_ datagram: Datagram, identities: [String], at now: Instant) {
        self.turn(at: now) {
            let origin = Origin(
                flow: Flow(transport: .udp, local: self.endpoint, remote: datagram.source),
                certificateIdentities: identities)
            do throws(ParseFault) {
                let message = try SIPMessage.parse(datagram.bytes, framing: .datagram)
                self.tellLayer(.messageReceived(message, origin), at: now)
            } catch {
                self.tellLayer(.unparsableReceived(error, origin), at: now)
            }
        }
    }

    package func wake(at now: Instant) {
        self.turn(at: now) {
            let questions = self.questions
            self.questions = []
            for question in questions { self.tellLayer(.hopsResolved(question.ticket, .failed), at: now) }
            var effects: [TransactionLayer.Effect] = []
            self.layer.deadlineReached(at: now, into: &effects)
            self.perform(effects, at: now)
            var orders: [PresenceServer.Effect] = []
            self.presence.deadlineReached(at: now, into: &orders)
            self.perform(orders, at: now)
            var more: [SCSCF.Effect] = []
            self.registrar?.deadlineReached(at: now, into: &more)
            self.perform(more, at: now)
        }
    }

    /// Replaces the rules of a presentity: the documents behind them first, then the running server.
    package func change(rules: RuleBook, of presentity: [UInt8], at now: Instant) {
        self.rules = rules
        guard self.isUp else { return }
        self.turn(at: now) {
            self.tellPresence(.rulesChanged(.presentity(presentity, rules: rules.rules(of: presentity))), at: now)
        }
    }

    func turn(at now: Instant, _ body: () -> Void) {
        guard self.isUp else { return }
        body()
        let crash = self.records.isEmpty && self.departures.isEmpty ? nil : self.plannedCrash
        if crash == .beforeCommit { return self.crash() }
        if !self.records.isEmpty {
            do { try self.store.commit(self.records) } catch { self.broken.append("a commit failed: \(error)") }
            self.inspector.committed(self.records)
            self.records.removeAll(keepingCapacity: true)
        }
        self.inspector.checkPromises()
        if crash == .beforeDeparture { return self.crash() }
        let count = crash == .amidDepartures ? self.departures.count / 2 : self.departures.count
        self.ready.append(contentsOf: self.departures.prefix(count))
        self.departures.removeAll(keepingCapacity: true)
        if crash == .amidDepartures { self.crash() }
    }

    package func takeDepartures() -> [Datagram] {
        self.deadline = self.findDeadline()
        defer { self.ready = [] }
        return self.ready
    }

    // MARK: Facts and orders

    private func tellLayer(_ fact: TransactionLayer.Input, at now: Instant) {
        var effects: [TransactionLayer.Effect] = []
        self.layer.handle(fact, at: now, into: &effects)
        self.perform(effects, at: now)
    }

    func tellPresence(_ fact: PresenceServer.Input, at now: Instant) {
        var effects: [PresenceServer.Effect] = []
        self.presence.handle(fact, at: now, into: &effects)
        self.perform(effects, at: now)
    }

    private func tellRegistrar(_ fact: SCSCF.Input, at now: Instant) {
        var effects: [SCSCF.Effect] = []
        self.registrar?.handle(fact, at: now, into: &effects)
        self.perform(effects, at: now)
    }

    private func perform(_ effects: [TransactionLayer.Effect], at now: Instant) {
        for effect in effects {
            switch effect {
            case .transmit(let bytes, let flow), .reply(let bytes, let flow, _): self.depart(bytes, to: flow.remote)
            case .open(let bytes, let hop): self.depart(bytes, to: hop.endpoint)
            case .resolve(let ticket, _): self.questions.append((ticket, now))
            case .requestReceived(let id, let message, let origin):
                if self.isForPresence(message) {
                    self.tellPresence(.requestReceived(id, message, origin), at: now)
                } else {
                    self.tellRegistrar(.requestReceived(id, message, origin), at: now)
                }
            case .cancelReceived(let id): self.tellRegistrar(.cancelReceived(id), at: now)
            case .ackReceived(let message, let origin, let id):
                self.tellRegistrar(.ackReceived(message, origin, id), at: now)
            case .responseReceived(let id, let message, let origin):
                if self.isRegistrars(id) {
                    self.tellRegistrar(.responseReceived(id, message, origin), at: now)
                } else {
                    self.tellPresence(.responseReceived(id, message), at: now)
                }
            case .requestFailed(let id, let failure):
                if self.isRegistrars(id) {
                    self.tellRegistrar(.requestFailed(id, failure), at: now)
                } else {
                    self.tellPresence(.requestFailed(id, failure), at: now)
                }
            case .acknowledgementMissing, .dropped, .observed: break
            }
        }
    }

    private func depart(_ bytes: [UInt8], to endpoint: Endpoint) {
        self.departures.append(Datagram(source: self.endpoint, destination: endpoint, bytes: bytes))
    }

    /// What the initial filter criteria of a network decide: presence goes to the Presence Server.
    private func isForPresence(_ message: SIPMessage) -> Bool {
        guard self.registrar != nil else { return true }
        switch message.method {
        case .publish, .options: return true
        case .subscribe: return message.first(.event)?.prefix(8).equals("presence") ?? true
        default: return false
        }
    }

    /// The S-CSCF numbers its transactions odd, the Presence Server even.
    private func isRegistrars(_ id: ClientTransactionID) -> Bool { self.registrar != nil && id.raw & 1 == 1 }

    private func perform(_ effects: [PresenceServer.Effect], at now: Instant) {
        // What these orders bring from the transaction layer comes behind all of them, as it does in a shard.
        var later: [TransactionLayer.Effect] = []
        defer { self.perform(later, at: now) }
        for effect in effects {
            switch effect {
            case .respond(let id, let bytes):
                self.inspector.answered(bytes)
                self.layer.handle(.respond(id, bytes), at: now, into: &later)
            case .send(let id, let request):
                self.inspect(request, at: now)
                self.layer.handle(.send(id, request), at: now, into: &later)
            case .store(let operation): self.records.append(.presence(operation))
            case .load(let ticket, let question):
                self.tellPresence(.loaded(ticket, self.answer(question)), at: now)
            case .decided, .explained, .observed: break
            }
        }
    }

    private func perform(_ effects: [SCSCF.Effect], at now: Instant) {
        for effect in effects {
            switch effect {
            case .respond(let id, let bytes): self.tellLayer(.respond(id, bytes), at: now)
            case .send(let id, let request): self.tellLayer(.send(id, request), at: now)
            case .cancel(let id): self.tellLayer(.cancel(id), at: now)
            case .acknowledge(let request): self.tellLayer(.acknowledge(request), at: now)
            case .store(let operation): self.records.append(.registrar(operation))
            case .load(let ticket, let question):
                self.tellRegistrar(.loaded(ticket, self.answer(question)), at: now)
            case .lookUp(let ticket, let identity):
                let exists = self.users.values.contains { $0.identities.contains(identity) }
                self.tellRegistrar(.lookedUp(ticket, exists: exists), at: now)
            case .observed: break
            }
        }
    }

    private func answer(_ question: CredentialQuestion) -> CredentialAnswer {
        self.users[question.user].map { .found($0) } ?? .unknown
    }

    private func inspect(_ request: OutgoingRequest, at now: Instant) {
        guard let message = try? SIPMessage.parse(request.bytes, framing: .datagram), message.method == .notify else {
            self.broken.append("the Presence Server sends what is no NOTIFY")
            return
        }
        // Whom a document is about stands in it; strangers may have written anything into From.
        let presentity = Documents.entity(of: message.body)
        let watcher = self.identityOfCall(Array(message.callID)) ?? []
        let verdict = self.rules.judge(presentity, watcher: watcher, at: now)
        self.inspector.notified(message, verdict: verdict, generation: self.generation)
    }

    // MARK: What is found

    var broken: [String] = []

    package func takeViolations() -> [String] {
        defer { self.broken = [] }
        return self.broken + self.inspector.takeViolations()
    }

    /// Whether storage has a subscription of a watcher to a presentity.
    package func holdsSubscription(of watcher: String, to presentity: String) -> Bool {
        self.inspector.subscriptions.values.contains {
            $0.watcher.elementsEqual(watcher.utf8) && $0.presentity.elementsEqual(presentity.utf8)
        }
    }

    /// What is left in the tables; empty when there is nothing.
    package var leftovers: [String] {
        guard self.isUp else { return ["\(self.name) is down"] }
        let counters = self.presence.counters
        let counts = [
            ("server transactions", self.layer.serverTransactionCount),
            ("client transactions", self.layer.clientTransactionCount), ("timers", self.layer.timerCount),
            ("name questions", self.layer.resolutionCount), ("presentities", counters.presentities),
            ("publications", counters.publications), ("active subscriptions", counters.activeSubscriptions),
            ("pending subscriptions", counters.pendingSubscriptions), ("views", counters.views),
            ("notifications under way", counters.notificationsUnderWay),
            ("waiting watchers", counters.waitingWatchers),
            ("subscriptions to watcher information", counters.watcherInformationSubscriptions),
            ("stored publications", self.inspector.publications.count),
            ("stored subscriptions", self.inspector.subscriptions.count),
        ]
        var left = counts.filter { $0.1 != 0 }.map { "\($0.1) \($0.0)" }
        if !(self.registrar?.isIdle ?? true) { left.append("the registrar is not idle") }
        if self.nextDeadline != nil { left.append("a deadline") }
        return left
    }

    /// One line about the tables, for ladders.
    package func summary(since start: Instant) -> String {
        guard self.isUp else { return "down" }
        let counters = self.presence.counters
        let subscriptions = counters.activeSubscriptions + counters.pendingSubscriptions
        var text = "publications \(counters.publications)   subscriptions \(subscriptions)"
        if counters.pendingSubscriptions > 0 { text += " (\(counters.pendingSubscriptions) pending)" }
        if let registrar = self.registrar { text += "   bindings \(registrar.bindingCount)" }
        text += "   transactions \(self.layer.serverTransactionCount + self.layer.clientTransactionCount)"
        if let next = self.nextDeadline { text += "   next deadline \(LadderLine.time(next, since: start))" }
        return text
    }

    /// How many notifications carried somebody's presence so far.
    package var notificationsWithState: Int { self.inspector.notificationsWithState }
}
