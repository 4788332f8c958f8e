import Ground
import PresenceDocuments
import SIPTransactions
import SIPWire
import UserAgent

/// What a terminal knows of one of its subscriptions.
package struct Watch: Sendable {
    package let request: SubscriptionRequest
    package let isFetch: Bool
    /// The state that the user is shown.
    package var document: PresenceDocument?
    /// Whether the notifier said that the subscription is active.
    package var isActive = false
    /// Why it ended for good; nil while it lives or is made again.
    package var end: UserAgent.EndReason?
}

/// A terminal: transaction layer and user agent, for a watcher, a publisher, or both.
package final class Terminal: Node {
    package let name: String
    package let endpoint: Endpoint
    /// Its public user identity.
    package let identity: String
    package private(set) var isUp = true
    package private(set) var watches: [SubscriptionID: Watch] = [:]
    package private(set) var isClosed = false
    package private(set) var isRegistered = false
    /// The entity tag of the last publication that was acknowledged, and until when.
    package private(set) var published: (entityTag: String, until: Instant)?
    /// Whether a publication failed in a way that may have left something at the server.
    package private(set) var hadPublicationTrouble = false
    /// Whether a publication was given up.
    package private(set) var publicationGivenUp: UserAgent.Problem?
    /// Everything that the user was told, if wanted.
    package var report: ((UserAgent.Event) -> Void)?
    /// A number that grows whenever the network or a server did something that may make a gap in a dialog.
    package var epoch: () -> Int = { 0 }

    private var layer: TransactionLayer
    private var agent: UserAgent
    private var inspector = DialogInspector()
    private var ready: [Datagram] = []

    package init(
        name: String, identity: String, endpoint: Endpoint, server: Endpoint, password: String? = nil, seed: UInt64,
        adjust: (inout UserAgent.Configuration) -> Void = { _ in }
    ) {
        self.name = name
        self.identity = identity
        self.endpoint = endpoint
        var configuration = TransactionLayer.Configuration(
            sentBy: [.udp: .init(host: endpoint.address.hostText, port: endpoint.port)])
        configuration.switchesToTCP = false
        configuration.outgoingTransports = [.udp]
        self.layer = TransactionLayer(configuration: configuration, entropy: .seeded(seed &+ 1))
        let user = identity.dropFirst(4).prefix { $0 != "@" }
        var settings = UserAgent.Configuration(
            identity: identity, contact: "sip:\(user)@\(endpoint)", server: "sip:\(server)",
            credentials: password.map { .init(user: String(user), password: Redacted($0)) })
        adjust(&settings)
        self.agent = UserAgent(configuration: settings, entropy: .seeded(seed &+ 2))
    }

    /// The terminal is gone without a word.
    package func vanish() {
        self.isUp = false
        self.ready = []
    }

    package var nextDeadline: Instant? { self.isUp ? self.deadline : nil }

    /// The next deadline, as it was when the departures were last taken: that is done after every change.
    private var deadline: Instant?

    private func findDeadline() -> Instant? {
        guard let first = self.layer.nextDeadline else { return self.agent.nextDeadline }
        return self.agent.nextDeadline.map { min(first, $0) } ?? first
    }

    // MARK: Facts and orders

    package func order(_ order: UserAgent.Order, at now: Instant) {
        guard self.isUp else { return }
        switch order {
        case .watch(let id, let request): self.watches[id] = Watch(request: request, isFetch: false)
        case .fetch(let id, let request): self.watches[id] = Watch(request: request, isFetch: true)
        default: break
        }
        self.tellAgent(.ordered(order), at: now)
    }

    package func receive(_ datagram: Datagram, identities: [String], at now: Instant) {
        let origin = Origin(flow: Flow(transport: .udp, local: self.endpoint, remote: datagram.source))
        do throws(ParseFault) {
            let message = try SIPMessage.parse(datagram.bytes, framing: .datagram)
            self.tellLayer(.messageReceived(message, origin), at: now)
        } catch {
            self.tellLayer(.unparsableReceived(error, origin), at: now)
        }
    }

    package func wake(at now: Instant) {
        var effects: [TransactionLayer.Effect] = []
        self.layer.deadlineReached(at: now, into: &effects)
        self.perform(effects, at: now)
        var orders: [UserAgent.Effect] = []
        self.agent.deadlineReached(at: now, into: &orders)
        self.perform(orders, at: now)
    }

    package func takeDepartures() -> [Datagram] {
        self.deadline = self.findDeadline()
        defer { self.ready = [] }
        return self.ready
    }

    package func takeViolations() -> [String] { self.inspector.takeViolations().map { "\(self.name): \($0)" } }

    private func tellLayer(_ fact: TransactionLayer.Input, at now: Instant) {
        var effects: [TransactionLayer.Effect] = []
        self.layer.handle(fact, at: now, into: &effects)
        self.perform(effects, at: now)
    }

    private func tellAgent(_ fact: UserAgent.Input, at now: Instant) {
        var effects: [UserAgent.Effect] = []
        self.agent.handle(fact, at: now, into: &effects)
        self.perform(effects, at: now)
    }

    private func perform(_ effects: [TransactionLayer.Effect], at now: Instant) {
        for effect in effects {
            switch effect {
            case .transmit(let bytes, let flow), .reply(let bytes, let flow, _): self.depart(bytes, to: flow.remote)
            case .open(let bytes, let hop): self.depart(bytes, to: hop.endpoint)
            case .resolve(let ticket, _): self.tellLayer(.hopsResolved(ticket, .failed), at: now)
            case .requestReceived(let id, let message, let origin):
                if message.method == .notify { self.inspector.received(message, epoch: self.epoch()) }
                self.tellAgent(.requestReceived(id, message, origin), at: now)
            case .responseReceived(let id, let message, _):
                if message.method == .publish, message.status == 412 { self.hadPublicationTrouble = true }
                self.tellAgent(.responseReceived(id, message), at: now)
            case .requestFailed(let id, let failure): self.tellAgent(.requestFailed(id, failure), at: now)
            case .cancelReceived, .ackReceived, .acknowledgementMissing, .dropped, .observed: break
            }
        }
    }

    private func depart(_ bytes: [UInt8], to endpoint: Endpoint) {
        self.ready.append(Datagram(source: self.endpoint, destination: endpoint, bytes: bytes))
    }

    private func perform(_ effects: [UserAgent.Effect], at now: Instant) {
        for effect in effects {
            switch effect {
            case .send(let id, let request): self.tellLayer(.send(id, request), at: now)
            case .respond(let id, let bytes): self.tellLayer(.respond(id, bytes), at: now)
            case .report(let event):
                self.take(event, at: now)
                self.report?(event)
            }
        }
    }

    private func take(_ event: UserAgent.Event, at now: Instant) {
        switch event {
        case .registered: self.isRegistered = true
        case .deregistered: self.isRegistered = false
        case .published(let tag, let expires):
            self.published = (tag, now + .seconds(Int64(expires)))
            self.publicationGivenUp = nil
        case .unpublished: self.published = nil
        case .publicationFailed(let problem, let retryAt):
            self.hadPublicationTrouble = true
            self.published = nil
            if retryAt == nil { self.publicationGivenUp = problem }
        case .subscriptionChanged(let id, let status):
            if case .active = status { self.watches[id]?.isActive = true } else { self.watches[id]?.isActive = false }
        case .presenceChanged(let id, let document): self.watches[id]?.document = document
        case .notificationUnreadable(_, let reason): self.inspector.unreadable(reason)
        case .subscriptionEnded(let id, let reason, let retryAt):
            self.watches[id]?.isActive = false
            if retryAt == nil { self.watches[id]?.end = reason }
        case .closed: self.isClosed = true
        default: break
        }
    }

    /// What is left in the tables; empty when there is nothing.
    package var leftovers: [String] {
        guard self.isUp else { return [] }
        let counts = [
            ("server transactions", self.layer.serverTransactionCount),
            ("client transactions", self.layer.clientTransactionCount), ("timers", self.layer.timerCount),
            ("name questions", self.layer.resolutionCount), ("subscriptions", self.agent.subscriptionCount),
            ("open transactions", self.agent.openTransactionCount),
        ]
        var left = counts.filter { $0.1 != 0 }.map { "\(self.name): \($0.1) \($0.0)" }
        if self.nextDeadline != nil { left.append("\(self.name): a deadline") }
        return left
    }

    /// One line about the user agent, for ladders.
    package var summary: String {
        let watches = self.watches.sorted { $0.key.number < $1.key.number }.map { id, watch in
            let standing = watch.end.map { EventLine.words(for: $0) } ?? (watch.isActive ? "active" : "not active")
            let shown = watch.document.map { LadderLine.summary(of: $0) } ?? "nothing"
            return "\(watch.request.resource): \(standing), shows \(shown)"
        }
        return watches.isEmpty ? "no subscriptions" : watches.joined(separator: "\n")
    }
}
