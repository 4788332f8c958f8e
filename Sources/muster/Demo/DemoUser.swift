import Ground
import PresenceDocuments
import SIPTransactions
import Signalling
import Synchronization
import UserAgent

/// A user of the demonstration: a real user agent with sockets of its own, and a memory of what it was told.
actor DemoUser {
    nonisolated let name: String
    nonisolated let runner: ClientRunner
    /// The user's documents on the server.
    nonisolated let documents: DocumentClient
    private var events: [UserAgent.Event] = []
    private var collector: Task<Void, Never>?
    private var waiting: [UInt64: CheckedContinuation<Void, Never>] = [:]
    private var lastWaiter: UInt64 = 0

    private init(_ name: String, _ runner: ClientRunner, _ documents: DocumentClient) {
        self.name = name
        self.runner = runner
        self.documents = documents
    }

    /// Opens the user's sockets.
    /// - Parameter password: nil for somebody without an account.
    static func start(
        _ name: String, password: Redacted<String>?, server: DemoServer
    ) async throws -> DemoUser {
        let credentials = password.map { UserAgent.Credentials(user: name, password: $0) }
        var agent = UserAgent.Configuration(
            identity: "sip:\(name)@\(server.domain)", contact: "", server: "sip:\(server.endpoint)",
            credentials: credentials)
        agent.persistent = false
        let configuration = ClientConfiguration(
            agent: agent, transport: nil, bind: Endpoint(.loopback, 0), isServerLiteral: true)
        let documents = DocumentClient(root: server.documents, owner: agent.identity, credentials: credentials)
        let user = DemoUser(name, try await ClientRunner.start(configuration), documents)
        await user.collect()
        return user
    }

    private func collect() {
        let runner = self.runner
        self.collector = Task { [weak self] in
            for await timed in runner.events { await self?.note(timed.event) }
        }
    }

    private func note(_ event: UserAgent.Event) {
        self.events.append(event)
        let waiting = self.waiting
        self.waiting = [:]
        for waiter in waiting.values { waiter.resume() }
    }

    /// Waits for the first event that fits, and forgets it and what came before it.
    /// - Throws: a failure that says what was awaited, after `patience`.
    func expect<Value: Sendable>(
        _ what: String, within patience: Duration = .seconds(10),
        _ fits: @Sendable (UserAgent.Event) -> Value?
    ) async throws -> Value {
        let deadline = ContinuousClock.now + patience
        while true {
            for (index, event) in self.events.enumerated() {
                guard let value = fits(event) else { continue }
                self.events.removeFirst(index + 1)
                return value
            }
            guard ContinuousClock.now < deadline else {
                throw CommandFailure(
                    "\(self.name) waited in vain: \(what)", advice: "What came instead: \(self.events.suffix(3))")
            }
            await self.nextEvent(until: deadline)
        }
    }

    /// Sleeps until something happens or the deadline passes.
    private func nextEvent(until deadline: ContinuousClock.Instant) async {
        self.lastWaiter += 1
        let number = self.lastWaiter
        let alarm = Task {
            try await Task.sleep(until: deadline, clock: .continuous)
            self.giveUp(number)
        }
        await withCheckedContinuation { self.waiting[number] = $0 }
        alarm.cancel()
    }

    private func giveUp(_ number: UInt64) { self.waiting.removeValue(forKey: number)?.resume() }

    /// Whether something that fits has happened and was not awaited.
    func hasSeen(_ fits: @Sendable (UserAgent.Event) -> Bool) -> Bool { self.events.contains(where: fits) }

    /// Gives an order.
    nonisolated func order(_ order: UserAgent.Order) async { await self.runner.order(order) }

    /// Publishes what people would type.
    nonisolated func publish(_ status: PresenceStatus, domain: String) async throws {
        let bytes = status.document(
            entity: "sip:\(self.name)@\(domain)", service: "demo", at: AnchoredClock().now())
        do {
            await self.order(.publish(try PresenceDocument.parse(bytes[...])))
        } catch {
            throw CommandFailure("the presence document of \(self.name) is not valid: \(error)")
        }
    }
}
