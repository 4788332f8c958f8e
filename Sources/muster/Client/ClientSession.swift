import Ground
import UserAgent

/// One run of a client command: a user agent, its events in words, and an orderly end on Ctrl-C.
struct ClientSession {
    let runner: ClientRunner
    private let interrupt: Interrupt
    private let isJSON: Bool
    private let resources: [SubscriptionID: String]
    /// How long an end may take when the server does not answer.
    static let patience = Duration.seconds(4)

    /// - Parameter resources: what the subscriptions of the command are to.
    static func start(
        _ options: ClientOptions, resources: [SubscriptionID: String] = [:],
        adjust: (inout UserAgent.Configuration) -> Void = { _ in }
    ) async throws -> ClientSession {
        var configuration = try options.configuration()
        adjust(&configuration.agent)
        return try await Self.start(configuration, isJSON: options.json, resources: resources)
    }

    static func start(
        _ configuration: ClientConfiguration, isJSON: Bool, resources: [SubscriptionID: String]
    ) async throws -> ClientSession {
        let runner = try await ClientRunner.start(configuration)
        let interrupt = Interrupt { Task { await runner.close(within: Self.patience) } }
        return ClientSession(runner: runner, interrupt: interrupt, isJSON: isJSON, resources: resources)
    }

    /// Shows an event: one JSON object for each change, for people a line if it says something to them.
    func show(_ timed: ClientRunner.TimedEvent) {
        if case .stateUnchanged = timed.event { return }
        let name = { (id: SubscriptionID) in self.resources[id] ?? "\(id)" }
        if self.isJSON {
            Terminal.result(EventLine.json(timed.event, at: timed.at, resource: name))
            return
        }
        let style = Terminal.style
        guard let line = EventLine.human(timed.event, at: timed.at, style: style, resource: name) else { return }
        let clock = PresenceText.emphasised(Terminal.clock(timed.at), .muted, style)
        Terminal.result("\(clock)  \(line)")
    }

    /// Orders the end and waits for it, showing what still happens.
    func close() async {
        await self.runner.close(within: Self.patience)
        for await timed in self.runner.events where self.isJSON { self.show(timed) }
    }
}
