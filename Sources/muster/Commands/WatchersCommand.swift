import ArgumentParser
import Ground
import PresenceDocuments
import Signalling
import UserAgent

/// `muster watchers`: who watches a user, live, and the user's answers.
struct WatchersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watchers", abstract: "See who watches you, live, and decide about those who wait.",
        discussion: """
            While it runs, lines that you type are answers: `allow bob`, `block bob`, `polite-block bob`, `confirm bob`, \
            `forget bob`; `list` shows all watchers, `quit` ends. They change your rules over XCAP, as `muster policy` \
            does.

            Example: muster watchers sip:alice@home.example --server sip:127.0.0.1:5060
            """)

    @Argument(
        help: ArgumentHelp("Who you are; only you are told who watches you.", valueName: "sip:alice@home.example"))
    var identity: String

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var root: DocumentRootOptions

    @Option(parsing: .singleValue, help: ArgumentHelp("Let a watcher see you, first of all.", valueName: "watcher"))
    var allow: [String] = []

    @Option(parsing: .singleValue, help: ArgumentHelp("Refuse a watcher, first of all.", valueName: "watcher"))
    var block: [String] = []

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("Show yourself to a watcher as away for ever, first of all.", valueName: "watcher"))
    var politeBlock: [String] = []

    @Option(parsing: .singleValue, help: ArgumentHelp("Let a watcher wait, first of all.", valueName: "watcher"))
    var confirm: [String] = []

    @Flag(help: "Show who watches now, and end.")
    var once = false

    private static let subscription = SubscriptionID(1)
    private var domain: String? { UserName.domain(of: self.identity) }

    func validate() throws {
        try self.connection.check(self.identity, named: "")
        _ = try self.answers()
    }

    /// What the options decide.
    func answers() throws -> [(handling: SubHandling, subject: RulesetEditing.Subject)] {
        let options: [(SubHandling, [String])] = [
            (.allow, self.allow), (.block, self.block), (.politeBlock, self.politeBlock), (.confirm, self.confirm),
        ]
        return try options.flatMap { handling, names in
            try names.map { name in
                guard let subject = PolicyText.subject(name, domain: self.domain) else {
                    throw ValidationError("\(name) is no watcher; it looks like bob or sip:bob@home.example")
                }
                return (handling, subject)
            }
        }
    }

    func run() async throws {
        var configuration = try self.connection.configuration(for: self.identity)
        configuration.agent.persistent = !self.once
        let owner = UserName.identity(self.identity) ?? self.identity
        let rules = RulesDocument(
            client: DocumentClient(
                root: try self.root.address(besides: self.connection.server), owner: owner,
                credentials: configuration.agent.credentials))
        for answer in try self.answers() { try await Self.set(answer.handling, answer.subject, rules) }
        let session = try await ClientSession.start(
            configuration, isJSON: self.connection.json, resources: [Self.subscription: self.identity])
        await session.runner.order(
            .watch(Self.subscription, .watchers(of: self.identity, expires: self.connection.expires)))
        let view = WatchersView(presentity: self.identity, isJSON: self.connection.json, isOnce: self.once)
        let reader = self.once ? nil : self.answer(rules, view, session)
        let failure = await self.show(view, session)
        reader?.cancel()
        await rules.client.close()
        if let failure { throw failure }
    }

    /// Shows what happens until the end.
    private func show(_ view: WatchersView, _ session: ClientSession) async -> CommandFailure? {
        var failure: CommandFailure?
        for await timed in session.runner.events {
            switch timed.event {
            case .watchersChanged(_, let report):
                await view.show(report, at: timed.at)
                if self.once { await session.runner.close(within: ClientSession.patience) }
            case .subscriptionEnded(_, let reason, nil):
                if reason != .asOrdered {
                    session.show(timed)
                    failure = WatchCommand.failure(self.identity, reason)
                }
                await session.runner.close(within: ClientSession.patience)
            case .subscriptionChanged, .closed: continue
            default: session.show(timed)
            }
        }
        return failure
    }

    /// Takes answers from standard input.
    private func answer(_ rules: RulesDocument, _ view: WatchersView, _ session: ClientSession) -> Task<Void, Never> {
        let domain = self.domain
        return Task {
            for await line in InputLines.stream() {
                do {
                    switch WatcherAnswer(line, domain: domain) {
                    case .set(let handling, let subject): try await Self.set(handling, subject, rules)
                    case .forget(let subject):
                        let isKnown = try await rules.remove(subject)
                        let name = PolicyText.name(of: subject)
                        Terminal.remark(isKnown ? "\(name) is forgotten." : "Your rules say nothing about \(name).")
                    case .list: await view.showAll()
                    case .help: Terminal.remark(WatcherAnswer.helpText)
                    case .quit: await session.runner.close(within: ClientSession.patience)
                    case .nothing: continue
                    case .unknown(let reason): Terminal.remark("muster: \(PresenceText.harmless(reason))")
                    }
                } catch {
                    // The watchers are shown on; the answer can be given again.
                    Terminal.remark("muster: \(error)")
                }
            }
        }
    }

    private static func set(
        _ handling: SubHandling, _ subject: RulesetEditing.Subject, _ rules: RulesDocument
    ) async throws {
        let outcome = try await rules.set(handling, for: subject)
        Terminal.remark(PolicyText.sentence(handling, subject, of: rules.client.owner) + ".")
        guard !outcome.remaining.isEmpty else { return }
        let names = outcome.remaining.map(PresenceText.harmless).joined(separator: ", ")
        Terminal.remark("muster: warning: these rules still grant more: \(names)")
    }
}

/// How the watchers of a user are shown: first all of them, then each change.
actor WatchersView {
    private let presentity: String
    private let isJSON: Bool
    private let isOnce: Bool
    private var watchers: [KnownWatcher] = []
    private var hasShown = false

    init(presentity: String, isJSON: Bool, isOnce: Bool) {
        self.presentity = presentity
        self.isJSON = isJSON
        self.isOnce = isOnce
    }

    func show(_ report: WatcherReport, at time: Instant) {
        self.watchers = report.watchers
        let isFirst = !self.hasShown
        // The end of the subscription brings the state once more.
        if self.isOnce, !isFirst { return }
        self.hasShown = true
        if self.isJSON {
            for watcher in self.isOnce ? report.watchers : report.changes {
                Terminal.result(Self.object(watcher, of: self.presentity, at: time).text)
            }
            return
        }
        if isFirst {
            self.showAll()
        } else {
            let clock = PresenceText.emphasised(Terminal.clock(time), .muted, Terminal.style)
            for watcher in report.changes {
                Terminal.result("\(clock)  " + WatcherText.line(for: watcher, style: Terminal.style))
            }
        }
        if !self.isOnce, Terminal.isInteractive { self.ask(isFirst ? report.watchers : report.changes) }
    }

    func showAll() {
        if self.isJSON {
            let now = AnchoredClock().now()
            for watcher in self.watchers {
                Terminal.result(Self.object(watcher, of: self.presentity, at: now).text)
            }
        } else if self.watchers.isEmpty {
            Terminal.remark("Nobody watches \(self.presentity).")
        } else {
            Terminal.result(Self.table(self.watchers))
        }
    }

    /// Offers the answers for those who wait.
    private func ask(_ watchers: [KnownWatcher]) {
        for watcher in watchers where watcher.isUndecided && !watcher.isAnonymous {
            let name = PresenceText.harmless(UserName.identity(watcher.uri) ?? watcher.uri)
            Terminal.remark("  \(name) waits: type `allow \(name)`, `block \(name)` or `polite-block \(name)`")
        }
    }

    /// All watchers as a table.
    static func table(_ watchers: [KnownWatcher]) -> String {
        let rows = watchers.map { watcher in
            [
                WatcherText.name(of: watcher), watcher.status.rawValue,
                watcher.durationSubscribed.map { EventLine.duration(UInt32(clamping: $0)) } ?? "-",
                WatcherText.words(for: watcher),
            ]
        }
        return TextTable.aligned([["WATCHER", "STATUS", "FOR", "WHAT IT DOES"]] + rows)
    }

    /// A watcher as a JSON object.
    static func object(_ watcher: KnownWatcher, of presentity: String, at time: Instant) -> JSONObject {
        var object = WatcherText.object(for: watcher)
        object.add("presentity", text: presentity)
        object.add("time", text: CalendarTime(time).text)
        return object
    }
}
