import Ground
import PresenceDocuments
import UserAgent

/// The story of the demonstration: alice publishes and says who may see it, bob and carol watch, dave asks and is let in,
/// blocks bite, a server dies and comes back.
///
/// Every step is done by real user agents over real sockets, and waits for what it claims.
struct DemoStory {
    /// The subscribers.
    static let names = ["alice", "bob", "carol", "dave"]
    private static let watch = SubscriptionID(1)
    private static let again = SubscriptionID(2)

    let server: DemoServer
    let passwords: [String: Redacted<String>]
    private let domain: String
    private let alice = "sip:alice@home.test"

    init(server: DemoServer, passwords: [String: Redacted<String>]) {
        self.server = server
        self.passwords = passwords
        self.domain = server.domain
    }

    /// Tells the story.
    /// - Returns: the users, who go on living.
    func tell() async throws -> [DemoUser] {
        Terminal.result(
            "A presence service for \(self.domain) on \(self.server.endpoint), UDP and TCP; documents on "
                + "\(self.server.documents); SQLite behind it.\n")
        try await self.server.start()
        var users: [DemoUser] = []
        for name in Self.names {
            users.append(try await DemoUser.start(name, password: self.passwords[name], server: self.server))
        }
        let (alice, bob, carol, dave) = (users[0], users[1], users[2], users[3])
        try await self.register(users)
        try await self.writeRules(alice)
        try await self.subscribe([bob, carol])
        try await self.publish(alice, watchers: [bob, carol])
        try await self.intrude()
        try await self.ask(dave, alice)
        try await self.explain()
        try await self.block(alice, bob, carol)
        try await self.crash(alice, bob, carol, dave)
        return users
    }

    private func step(_ number: Int, _ title: String, _ protection: String) {
        let style = Terminal.style
        Terminal.result("\(number). " + PresenceText.emphasised(title, .strong, style))
        Terminal.result("   " + PresenceText.emphasised(protection, .muted, style))
    }

    private func done(_ what: String) { Terminal.result("   ✓ \(what)") }

    // MARK: The steps

    private func register(_ users: [DemoUser]) async throws {
        self.step(
            1, "alice, bob, carol and dave register",
            "REGISTER, challenged with SIP digest (SHA-256); the password stays at home")
        for user in users {
            await user.order(.register)
            let expires = try await user.expect("an answer to REGISTER") { event -> UInt32? in
                if case .registered(let expires, _) = event { return expires }
                return nil
            }
            self.done("\(user.name) is registered for \(EventLine.duration(expires))")
        }
    }

    private func writeRules(_ alice: DemoUser) async throws {
        self.step(
            2, "alice says who may see her", "a rules document of her own (RFC 5025), PUT over XCAP, HTTP digest")
        let rules = RulesDocument(client: alice.documents)
        for name in ["bob", "carol"] {
            let outcome = try await self.decide(.allow, name, in: rules)
            self.done("\(outcome.isNew ? "201 Created" : "200 OK"): \(name) may; everybody else has to ask")
        }
    }

    private func subscribe(_ watchers: [DemoUser]) async throws {
        self.step(3, "bob and carol watch alice", "SUBSCRIBE, the watcher proven by digest; alice's rules allow both")
        for watcher in watchers {
            await watcher.order(.watch(Self.watch, SubscriptionRequest(resource: self.alice)))
            let line = try await self.presence(seenBy: watcher)
            self.done("\(watcher.name) is told: alice is \(line)")
        }
    }

    private func publish(_ alice: DemoUser, watchers: [DemoUser]) async throws {
        self.step(4, "alice publishes", "PUBLISH, digest; the 200 leaves when the document is on disk")
        try await alice.publish(
            PresenceStatus(isOpen: true, activities: ["meeting"], notes: ["back at ten"]), domain: self.domain)
        let tag = try await self.published(alice)
        self.done("200 OK, entity tag \(tag)")
        for watcher in watchers {
            let line = try await self.presence(seenBy: watcher, saying: "back at ten")
            self.done("\(watcher.name) is told: alice is \(line)")
        }
    }

    private func intrude() async throws {
        self.step(
            5, "mallory, who has no account, tries to watch alice", "identity is what was proven, never what From says")
        let mallory = try await DemoUser.start("mallory", password: nil, server: self.server)
        await mallory.order(.watch(Self.watch, SubscriptionRequest(resource: self.alice)))
        self.done("refused: \(try await self.refusal(of: mallory))")
        await mallory.runner.shutDown()
    }

    private func ask(_ dave: DemoUser, _ alice: DemoUser) async throws {
        self.step(
            6, "dave, whom no rule names, asks to watch alice",
            "pending until alice decides; only she is told who watches her (presence.winfo)")
        await alice.order(.watch(Self.watch, .watchers(of: self.alice)))
        let name = self.uri("dave")
        let known = try await self.watchers(knownTo: alice) { !$0.watchers.isEmpty }
        self.done("alice is told: \(Self.words(known.watchers))")
        await dave.order(.watch(Self.watch, SubscriptionRequest(resource: self.alice)))
        try await dave.expect("a pending subscription") { event -> Void? in
            if case .subscriptionChanged(_, .pending) = event { return () }
            return nil
        }
        self.done("dave is told: pending, and nothing about alice")
        let asking = try await self.watchers(knownTo: alice) { $0.undecided.contains { $0.uri == name } }
        self.done("alice is told: \(Self.words(asking.undecided))")
        try await self.decide(.allow, "dave", in: RulesDocument(client: alice.documents))
        self.done("alice allows dave: GET, PUT with If-Match, 200 OK; her other rules stay as they are")
        let line = try await self.presence(seenBy: dave, saying: "back at ten")
        self.done("dave is told at once: alice is \(line)")
        let decided = try await self.watchers(knownTo: alice) { report in
            report.undecided.isEmpty && report.watchers.contains { $0.uri == name && $0.status == .active }
        }
        self.done("alice is told: \(Self.words(decided.changes))")
    }

    private func explain() async throws {
        self.step(
            7, "why does dave see what he sees?",
            "muster policy explain alice dave: the server judges again and says how it comes to it")
        let (report, _) = try await AdministrationClient(self.server.administration)
            .explanation(presentity: self.alice, watcher: self.uri("dave"))
        guard report.handling == "allow", report.rules.contains(where: { $0.decides && $0.matches }) else {
            throw CommandFailure("the server explains something else: \(report)")
        }
        for line in PolicyText.lines(report, style: Terminal.style) where !line.isEmpty {
            Terminal.result("     " + line)
        }
        self.done("one rule decided, the others say why they did not")
    }

    private func block(_ alice: DemoUser, _ bob: DemoUser, _ carol: DemoUser) async throws {
        self.step(
            8, "alice blocks bob, and carol politely",
            "the document changes; it acts on the subscriptions that are live")
        let rules = RulesDocument(client: alice.documents)
        try await self.decide(.block, "bob", in: rules)
        try await bob.expect("the end of the subscription") { event -> Void? in
            if case .subscriptionEnded(_, .terminated(.rejected), _) = event { return () }
            return nil
        }
        self.done("bob is told at once: NOTIFY, Subscription-State: terminated;reason=rejected")
        try await self.decide(.politeBlock, "carol", in: rules)
        let line = try await self.presence(seenBy: carol)
        guard !line.contains("back at ten"), !line.hasPrefix("open") else {
            throw CommandFailure("carol still sees alice: \(line)")
        }
        self.done("carol is told: alice is \(line), as if she had gone home")
    }

    private func crash(
        _ alice: DemoUser, _ bob: DemoUser, _ carol: DemoUser, _ dave: DemoUser
    ) async throws {
        self.step(
            9, "the server is killed and started again",
            "kill -9, in the middle of everything; nobody registers or subscribes anew")
        self.server.kill()
        self.done("dead")
        let begin = ContinuousClock.now
        try await self.server.start()
        let took = begin.duration(to: .now)
        self.done(
            "up again after \(took.components.seconds * 1000 + took.components.attoseconds / 1_000_000_000_000_000) ms")
        try await alice.publish(
            PresenceStatus(isOpen: true, activities: ["on-the-phone"], notes: ["call me later"]), domain: self.domain)
        _ = try await self.published(alice)
        self.done("alice's entity tag of before is still good: 200 OK, not 412")
        let line = try await self.presence(seenBy: dave, saying: "call me later")
        self.done("dave is told in the same dialog: alice is \(line)")
        for user in [bob, carol] {
            let wasTold = await user.hasSeen { event in
                if case .presenceChanged = event { return true }
                return false
            }
            guard !wasTold else { throw CommandFailure("\(user.name) was told something although blocked") }
        }
        await bob.order(.watch(Self.again, SubscriptionRequest(resource: self.alice)))
        self.done(
            "the rules are still in force: carol is told nothing, bob tries again: \(try await self.refusal(of: bob))")
    }

    // MARK: What is done and waited for

    private func uri(_ name: String) -> String { "sip:\(name)@\(self.domain)" }

    /// Changes alice's rules about a user.
    @discardableResult
    private func decide(
        _ handling: SubHandling, _ name: String, in rules: RulesDocument
    ) async throws -> RulesDocument.Outcome {
        let outcome = try await rules.set(handling, for: .identity(Array(self.uri(name).utf8)))
        guard outcome.isChanged, outcome.remaining.isEmpty else {
            throw CommandFailure("alice's rules did not change as she wanted: \(outcome)")
        }
        return outcome
    }

    private func refusal(of user: DemoUser) async throws -> String {
        try await user.expect("a refusal") { event -> String? in
            if case .subscriptionEnded(_, .failed(let problem), _) = event { return EventLine.words(for: problem) }
            return nil
        }
    }

    private func watchers(
        knownTo user: DemoUser, _ fits: @escaping @Sendable (WatcherReport) -> Bool
    ) async throws -> WatcherReport {
        try await user.expect("news of her watchers") { event -> WatcherReport? in
            guard case .watchersChanged(_, let report) = event, fits(report) else { return nil }
            return report
        }
    }

    private static func words(_ watchers: [KnownWatcher]) -> String {
        watchers.map { "\(WatcherText.name(of: $0)) \(WatcherText.words(for: $0))" }.joined(separator: ", ")
    }

    private func published(_ user: DemoUser) async throws -> String {
        let outcome = try await user.expect("an answer to PUBLISH") { event -> Result<String, CommandFailure>? in
            switch event {
            case .published(let tag, _): .success(tag)
            case .publicationFailed(let problem, _): .failure(CommandFailure("alice could not publish", problem))
            default: nil
            }
        }
        return try outcome.get()
    }

    /// Waits for a presence document, or for one with this note.
    private func presence(seenBy watcher: DemoUser, saying note: String = "") async throws -> String {
        try await watcher.expect("a presence document") { event -> String? in
            guard case .presenceChanged(_, let document) = event else { return nil }
            let summary = document.summary
            let words = PresenceText.words(of: summary)
            let line = PresenceText.status(of: summary) + (words.isEmpty ? "" : "  " + words)
            return note.isEmpty || line.contains(note) ? line : nil
        }
    }
}
