import Cryptography
import Ground
import NIOCore
import NIOPosix
import SIPTransactions
import SIPWire
import Signalling
import UserAgent

/// The shell around one user agent: its sockets, its clock, its transactions, on one event loop.
///
/// Orders go in with ``order(_:)``, what happens comes out of ``events``. Every method is synchronous: a turn takes
/// what arrived, lets both cores work until they have nothing more to say, and flushes once. (`Shard` in MusterNode
/// turns likewise, but around a commit and for several boxes; one frame for both would be mostly switches.)
actor ClientRunner: ArrivalReceiver {
    /// An event and when it happened.
    struct TimedEvent: Sendable {
        var at: Instant
        var event: UserAgent.Event
    }

    /// More events than this are not kept for a reader that does not read; the oldest go first.
    private static let eventLimit = 16_384

    nonisolated let loop: any EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.loop.executor.asUnownedSerialExecutor() }
    /// What the user agent reports. Ends when it has closed.
    nonisolated let events: AsyncStream<TimedEvent>
    private nonisolated let continuation: AsyncStream<TimedEvent>.Continuation

    private let configuration: ClientConfiguration
    private let clock = AnchoredClock()
    private var transports: SIPTransports?
    private var resolver: NetworkResolver?
    private var layer: TransactionLayer?
    private var agent: UserAgent?
    private var layerEffects: [TransactionLayer.Effect] = []
    private var agentEffects: [UserAgent.Effect] = []
    private var armed = Instant.distantFuture
    private var alarm: Scheduled<Void>?
    private(set) var contact = ""

    private init(_ configuration: ClientConfiguration, loop: any EventLoop) {
        self.configuration = configuration
        self.loop = loop
        (self.events, self.continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.eventLimit))
    }

    /// Opens the sockets and makes the user agent.
    ///
    /// - Throws: `signalling.port-unavailable`, `signalling.tls-unusable`, `signalling.resolver-unavailable`.
    static func start(_ configuration: ClientConfiguration) async throws -> ClientRunner {
        let runner = ClientRunner(configuration, loop: MultiThreadedEventLoopGroup.singleton.any())
        try await runner.open()
        return runner
    }

    private func open() async throws {
        var settings = TransportConfiguration()
        settings.floodBound = nil
        settings.clientTLS = TLSConfiguration(
            certificateFile: self.configuration.certificateFile, keyFile: self.configuration.keyFile,
            authorityFile: self.configuration.authorityFile, peerVerification: .required,
            checksServerName: !self.configuration.isServerLiteral)
        self.resolver = try NetworkResolver()
        let bound = try await self.listen(settings)
        var sentBy: [Transport: TransactionLayer.Configuration.SentBy] = [:]
        let name = TransactionLayer.Configuration.SentBy(host: bound.address.hostText, port: bound.port)
        for transport in [Transport.udp, .tcp, .tls] { sentBy[transport] = name }
        let layer = TransactionLayer.Configuration(sentBy: sentBy)
        self.layer = TransactionLayer(configuration: layer, entropy: .system)
        var agent = self.configuration.agent
        agent.contact = self.configuration.contact(at: bound)
        self.contact = agent.contact
        self.agent = UserAgent(configuration: agent, entropy: .system)
    }

    /// Opens the sockets: UDP, and TCP on the same port, because requests too large for UDP come over TCP
    /// (RFC 3261 §18.1.1).
    ///
    /// A port that the system chose for UDP may be taken for TCP; then it chooses again.
    private func listen(_ settings: TransportConfiguration) async throws -> Endpoint {
        var attempts = self.configuration.bind.port == 0 ? Self.portAttempts : 1
        while true {
            attempts -= 1
            let transports = try SIPTransports(
                loop: self.loop, configuration: settings, clock: self.clock, entropy: .system)
            transports.receiver = self
            transports.trace = self.configuration.trace
            do {
                let bound = try await transports.listen(ListenerConfiguration(.udp, self.configuration.bind)).get()
                if self.configuration.transport != .tls {
                    _ = try await transports.listen(ListenerConfiguration(.tcp, bound)).get()
                }
                self.transports = transports
                return bound
            } catch {
                try await transports.close().get()
                guard attempts > 0 else { throw error }
            }
        }
    }

    /// How many ports of the system's choice are tried.
    private static let portAttempts = 8

    // MARK: Orders

    /// Gives the user agent an order.
    func order(_ order: UserAgent.Order) { self.turn { now in self.tell(.ordered(order), at: now) } }

    /// Ends everything: the user agent says goodbye, and after a while the sockets close whatever the server says.
    func close(within patience: Duration) {
        self.order(.close)
        self.loop.scheduleTask(in: .nanoseconds(patience.wholeNanoseconds)) {
            self.assumeIsolated { $0.shutDown() }
        }
    }

    /// Closes the sockets and ends the events.
    func shutDown() {
        guard let transports = self.transports else { return }
        self.transports = nil
        self.alarm?.cancel()
        self.alarm = nil
        transports.close()
        self.resolver?.close()
        self.resolver = nil
        self.continuation.finish()
    }

    // MARK: What the transports tell

    nonisolated func arrived(_ turn: [Arrival]) { self.assumeIsolated { $0.take(turn) } }

    nonisolated func transmissionFailed(_ bytes: [UInt8], _ path: Path) {
        self.assumeIsolated { runner in
            runner.turn { now in runner.layer?.handle(.transmissionFailed(path), at: now, into: &runner.layerEffects) }
        }
    }

    nonisolated func connectionClosed(_ flow: Flow) {
        // The next request opens a new connection; nothing that lives here depends on the old one.
    }

    private func take(_ arrivals: [Arrival]) {
        self.turn { now in
            for arrival in arrivals {
                guard let message = try? SIPMessage.parse(arrival.bytes, framing: arrival.framing) else { continue }
                self.layer?.handle(.messageReceived(message, arrival.origin), at: now, into: &self.layerEffects)
            }
        }
    }

    // MARK: Turns

    private func turn(_ body: (Instant) -> Void) {
        let now = self.clock.now()
        body(now)
        while !self.layerEffects.isEmpty || !self.agentEffects.isEmpty {
            self.settle(at: now)
        }
        self.transports?.flush()
        self.setAlarm(at: now)
    }

    private func settle(at now: Instant) {
        var fromLayer: [TransactionLayer.Effect] = []
        swap(&fromLayer, &self.layerEffects)
        for effect in fromLayer { self.perform(effect, at: now) }
        var fromAgent: [UserAgent.Effect] = []
        swap(&fromAgent, &self.agentEffects)
        for effect in fromAgent { self.perform(effect, at: now) }
    }

    private func perform(_ effect: TransactionLayer.Effect, at now: Instant) {
        switch effect {
        case .transmit(let bytes, let flow): self.transports?.transmit(bytes, flow)
        case .open(let bytes, let hop): self.transports?.open(bytes, hop)
        case .reply(let bytes, let flow, let otherwise):
            self.transports?.reply(bytes, flow, otherwise: otherwise)
        case .resolve(let ticket, let question): self.resolve(ticket, question)
        case .requestReceived(let id, let message, let origin):
            self.tell(.requestReceived(id, message, origin), at: now)
        case .responseReceived(let id, let message, _): self.tell(.responseReceived(id, message), at: now)
        case .requestFailed(let id, let failure): self.tell(.requestFailed(id, failure), at: now)
        case .cancelReceived, .ackReceived, .acknowledgementMissing, .dropped, .observed: break
        }
    }

    private func perform(_ effect: UserAgent.Effect, at now: Instant) {
        switch effect {
        case .send(let id, let request):
            self.layer?.handle(.send(id, request), at: now, into: &self.layerEffects)
        case .respond(let id, let bytes):
            self.layer?.handle(.respond(id, bytes), at: now, into: &self.layerEffects)
        case .report(let event):
            self.continuation.yield(TimedEvent(at: now, event: event))
            if event == .closed {
                // The answers to the last NOTIFYs still have to leave.
                self.loop.scheduleTask(in: .milliseconds(50)) { self.assumeIsolated { $0.shutDown() } }
            }
        }
    }

    private func tell(_ input: UserAgent.Input, at now: Instant) {
        self.agent?.handle(input, at: now, into: &self.agentEffects)
    }

    private func resolve(_ ticket: Ticket, _ question: ResolutionQuestion) {
        guard let resolver = self.resolver else { return }
        resolver.resolve(question, on: self.loop).whenComplete { result in
            let answer = (try? result.get()) ?? .failed
            self.assumeIsolated { runner in
                runner.turn { now in
                    runner.layer?.handle(.hopsResolved(ticket, answer), at: now, into: &runner.layerEffects)
                }
            }
        }
    }

    // MARK: Time

    private func setAlarm(at now: Instant) {
        guard self.transports != nil else { return }
        var next = self.layer?.nextDeadline ?? .distantFuture
        if let deadline = self.agent?.nextDeadline { next = min(next, deadline) }
        guard next < self.armed else { return }
        self.alarm?.cancel()
        self.armed = next
        let delay = max(next.nanoseconds &- now.nanoseconds, 0)
        self.alarm = self.loop.scheduleTask(in: .nanoseconds(delay)) { self.assumeIsolated { $0.wake() } }
    }

    private func wake() {
        self.armed = .distantFuture
        self.alarm = nil
        self.turn { now in
            self.layer?.deadlineReached(at: now, into: &self.layerEffects)
            self.agent?.deadlineReached(at: now, into: &self.agentEffects)
        }
    }
}
