import Ground
import PresenceDocuments
import UserAgent

/// The story of the demonstration: alice publishes, bob and carol watch, a block bites, a server dies and comes back.
///
/// Every step is done by real user agents over real sockets, and waits for what it claims.
struct DemoStory {
    private static let watch = SubscriptionID(1)

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
            "A presence service for \(self.domain) on \(self.server.endpoint), UDP and TCP; SQLite behind it.\n")
        try await self.server.start()
        var users: [String: DemoUser] = [:]
        for name in ["alice", "bob", "carol"] { users[name] = try await self.user(name) }
        guard let alice = users["alice"], let bob = users["bob"], let carol = users["carol"] else { return [] }
        try await self.register([alice, bob, carol])
        try await self.subscribe([bob, carol])
        try await self.publish(alice, watchers: [bob, carol])
        try await self.intrude()
        try await self.block(bob, carol)
        try await self.crash(alice, bob, carol)
        return [alice, bob, carol]
    }

    private func user(_ name: String) async throws -> DemoUser {
        try await DemoUser.start(
            name, password: self.passwords[name], server: self.server.endpoint, domain: self.domain)
    }

    private func step(_ number: Int, _ title: String, _ protection: String) {
        let style = Terminal.style
        Terminal.result("\(number). " + PresenceText.emphasised(title, .strong, style))
        Terminal.result("   " + PresenceText.emphasised(protection, .muted, style))
    }

    private func done(_ what: String) { Terminal.result("   ✓ \(what)") }

    private func register(_ users: [DemoUser]) async throws {
        self.step(
            1, "alice, bob and carol register",
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

    private func subscribe(_ watchers: [DemoUser]) async throws {
        self.step(2, "bob and carol watch alice", "SUBSCRIBE, the watcher proven by digest; alice's rules allow both")
        for watcher in watchers {
            await watcher.order(.watch(Self.watch, SubscriptionRequest(resource: self.alice)))
            let line = try await self.presence(seenBy: watcher)
            self.done("\(watcher.name) is told: alice is \(line)")
        }
    }

    private func publish(_ alice: DemoUser, watchers: [DemoUser]) async throws {
        self.step(3, "alice publishes", "PUBLISH, digest; the 200 leaves when the document is on disk")
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
            4, "mallory, who has no account, tries to watch alice", "identity is what was proven, never what From says")
        let mallory = try await DemoUser.start(
            "mallory", password: nil, server: self.server.endpoint, domain: self.domain)
        await mallory.order(.watch(Self.watch, SubscriptionRequest(resource: self.alice)))
        let reason = try await mallory.expect("a refusal") { event -> String? in
            if case .subscriptionEnded(_, .failed(let problem), _) = event { return EventLine.words(for: problem) }
            return nil
        }
        self.done("refused: \(reason)")
        await mallory.runner.shutDown()
    }

    private func block(_ bob: DemoUser, _ carol: DemoUser) async throws {
        self.step(5, "alice blocks bob", "a rule changes; it acts on the subscription that is live")
        try self.server.setRules(["bob": "block", "carol": "allow"])
        try await bob.expect("the end of the subscription") { event -> Void? in
            if case .subscriptionEnded(_, .terminated(.rejected), _) = event { return () }
            return nil
        }
        self.done("bob is told at once: NOTIFY, Subscription-State: terminated;reason=rejected")
        self.done("carol goes on watching")
    }

    private func crash(_ alice: DemoUser, _ bob: DemoUser, _ carol: DemoUser) async throws {
        self.step(
            6, "the server is killed and started again",
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
        let line = try await self.presence(seenBy: carol, saying: "call me later")
        self.done("carol is told in the same dialog: alice is \(line)")
        let wasTold = await bob.hasSeen { event in
            if case .presenceChanged = event { return true }
            return false
        }
        guard !wasTold else { throw CommandFailure("bob was told something although he is blocked") }
        self.done("bob is told nothing")
    }

    // MARK: what is waited for

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
            let line = "\(PresenceText.status(of: summary))  \(PresenceText.words(of: summary))"
            return note.isEmpty || line.contains(note) ? line : nil
        }
    }
}
