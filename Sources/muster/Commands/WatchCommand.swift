import ArgumentParser
import Ground
import SIPWire
import UserAgent

/// `muster watch`: subscribes and shows every change until Ctrl-C.
struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Watch the presence of users, live.",
        discussion: """
            Each line is one change. The subscriptions are refreshed and, where the server drops them, made again, until \
            Ctrl-C ends them.

            Example: muster watch sip:alice@home.example --as sip:bob@home.example --server sip:127.0.0.1:5060
            """)

    @Argument(help: ArgumentHelp("Whom to watch.", valueName: "sip:alice@home.example"))
    var presentities: [String]

    @OptionGroup var options: ClientOptions
    @OptionGroup var wishes: SubscriptionOptions

    @Flag(help: "Register first, so that the server reaches you through your registration.")
    var register = false

    @Flag(help: "End when every user's state has been shown once.")
    var once = false

    func validate() throws { try SubscriptionOptions.check(self.presentities) }

    func run() async throws {
        var resources: [SubscriptionID: String] = [:]
        for (index, presentity) in self.presentities.enumerated() {
            resources[SubscriptionID(UInt64(index + 1))] = presentity
        }
        let session = try await ClientSession.start(self.options, resources: resources)
        let requests = try self.presentities.map { try self.wishes.request(for: $0, expires: self.options.expires) }
        if self.register {
            await session.runner.order(.register)
        } else {
            await self.watch(requests, session)
        }
        var open = Set(resources.keys)
        var unseen = open
        var hasEnded = false
        var failure: CommandFailure?
        for await timed in session.runner.events {
            session.show(timed)
            switch timed.event {
            case .registered: if !hasEnded, unseen.count == resources.count { await self.watch(requests, session) }
            case .registrationFailed(let problem, nil):
                await session.close()
                throw CommandFailure("not registered", problem)
            case .presenceChanged(let id, _): unseen.remove(id)
            case .subscriptionEnded(let id, let reason, nil):
                open.remove(id)
                if reason != .asOrdered { failure = Self.failure(resources[id] ?? "", reason) }
            default: break
            }
            if !hasEnded, open.isEmpty || (self.once && unseen.isEmpty) {
                hasEnded = true
                await session.runner.close(within: ClientSession.patience)
            }
        }
        if let failure { throw failure }
    }

    private func watch(_ requests: [SubscriptionRequest], _ session: ClientSession) async {
        for (index, request) in requests.enumerated() {
            await session.runner.order(.watch(SubscriptionID(UInt64(index + 1)), request))
        }
    }

    static func failure(_ presentity: String, _ reason: UserAgent.EndReason) -> CommandFailure {
        if case .failed(let problem) = reason { return CommandFailure(presentity, problem) }
        return CommandFailure("\(presentity): \(EventLine.words(for: reason))")
    }
}

/// What a watcher may wish of its subscription.
struct SubscriptionOptions: ParsableArguments {
    @Option(name: .customLong("event"), help: ArgumentHelp("The event package.", valueName: "package"))
    var package = "presence"

    @Flag(help: "Take differences instead of whole documents (RFC 5263).")
    var partial = false

    @Flag(help: "Do without what has not changed (RFC 5839).")
    var conditional = false

    @Option(help: ArgumentHelp("A filter document (RFC 4661) to send along.", valueName: "file"))
    var filter: String?

    @Option(help: ArgumentHelp("At most so many notifications a second (RFC 6446).", valueName: "rate"))
    var maxRate: Double?

    @Option(help: ArgumentHelp("At least so many notifications a second (RFC 6446).", valueName: "rate"))
    var minRate: Double?

    @Flag(help: "Ask for anonymity (RFC 3323).")
    var anonymous = false

    func validate() throws {
        for rate in [self.maxRate, self.minRate].compactMap({ $0 }) where !(rate > 0 && rate < 100) {
            throw ValidationError("a rate is above 0 and below 100 notifications a second")
        }
        let isToken = self.package.utf8.allSatisfy {
            ASCII.isLetter($0) || ASCII.isDigit($0) || $0 == 0x2D || $0 == 0x2E
        }
        if self.package.isEmpty || !isToken { throw ValidationError("--event \(self.package) is no event package") }
    }

    func request(for resource: String, expires: UInt32) throws(CommandFailure) -> SubscriptionRequest {
        var body: [UInt8]?
        if let filter { body = try SmallFile.read(filter) }
        return SubscriptionRequest(
            resource: resource, package: self.package, expires: expires, partial: self.partial,
            conditional: self.conditional, filter: body,
            rates: NotificationRates(maximum: self.maxRate, minimum: self.minRate), anonymous: self.anonymous)
    }

    /// Refuses what is no address of a user.
    static func check(_ presentities: [String]) throws {
        guard !presentities.isEmpty else {
            throw ValidationError("name at least one user, like sip:alice@home.example")
        }
        guard presentities.count <= 1000 else { throw ValidationError("at most 1000 users at once") }
        for presentity in presentities {
            let uri = SIPURI(presentity.replacingPresScheme)
            if let uri, uri.isSIP || uri.scheme == .tel { continue }
            throw ValidationError("\(presentity) is no address of a user; it looks like sip:alice@home.example")
        }
    }
}

extension String {
    /// A `pres:` URI as the `sip:` URI that it stands for (RFC 3856 §5).
    fileprivate var replacingPresScheme: String {
        self.lowercased().hasPrefix("pres:") ? "sip:" + self.dropFirst(5) : self
    }
}
