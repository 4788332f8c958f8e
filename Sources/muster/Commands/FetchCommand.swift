import ArgumentParser
import Ground
import PresenceDocuments
import UserAgent

/// `muster fetch`: asks for the state once and shows all of it.
struct FetchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch", abstract: "Ask for the presence of users once.",
        discussion: """
            Example: muster fetch sip:alice@home.example --as sip:bob@home.example --server sip:127.0.0.1:5060
            """)

    @Argument(help: ArgumentHelp("Whom to ask about.", valueName: "sip:alice@home.example"))
    var presentities: [String]

    @OptionGroup var options: ClientOptions
    @OptionGroup var wishes: SubscriptionOptions

    @Flag(help: "Show the document itself.")
    var raw = false

    func validate() throws { try SubscriptionOptions.check(self.presentities) }

    func run() async throws {
        var resources: [SubscriptionID: String] = [:]
        for (index, presentity) in self.presentities.enumerated() {
            resources[SubscriptionID(UInt64(index + 1))] = presentity
        }
        let session = try await ClientSession.start(self.options, resources: resources) { $0.persistent = false }
        for (id, presentity) in resources.sorted(by: { $0.key.number < $1.key.number }) {
            let request = try self.wishes.request(for: presentity, expires: self.options.expires)
            await session.runner.order(.fetch(id, request))
        }
        var open = Set(resources.keys)
        var answered: Set<SubscriptionID> = []
        var failures: [CommandFailure] = []
        for await timed in session.runner.events {
            switch timed.event {
            case .presenceChanged(let id, let document):
                answered.insert(id)
                self.show(timed, document, session)
            case .notified(let id, _, _), .watchersChanged(let id, _):
                answered.insert(id)
                session.show(timed)
            case .notificationUnreadable: session.show(timed)
            case .subscriptionEnded(let id, let reason, _):
                open.remove(id)
                let name = resources[id] ?? ""
                if reason != .asOrdered {
                    failures.append(WatchCommand.failure(name, reason))
                } else if !answered.contains(id) {
                    failures.append(CommandFailure("\(name): the server told no state"))
                }
            default: break
            }
            if open.isEmpty { await session.runner.shutDown() }
        }
        guard let last = failures.last else { return }
        for failure in failures.dropLast() { Terminal.remark("muster: \(failure.reason)") }
        throw last
    }

    private func show(_ timed: ClientRunner.TimedEvent, _ document: PresenceDocument, _ session: ClientSession) {
        if self.raw {
            Terminal.result(String(decoding: document.serialised(), as: UTF8.self))
            return
        }
        session.show(timed)
        guard !self.options.json else { return }
        let details = PresenceText.details(of: document.summary, style: Terminal.style)
        if !details.isEmpty { Terminal.result(details) }
    }
}
