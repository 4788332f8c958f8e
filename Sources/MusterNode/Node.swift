import DigestAuth
import Foundation
import Ground
import Logging
import NIOCore
import NIOPosix
import PresenceServer
import SCSCF
import Settings
import Signalling
import Storage
import StorageSQLite
import Synchronization

/// A node: the functions that a configuration names, on one event loop, over one storage, behind its listeners.
package final class Node: Sendable {
    /// What whoever starts a node may want to differ from its configuration.
    package struct Options: Sendable {
        /// Goes before `node.data-directory`.
        package var dataDirectory: String?
        /// Sees every message.
        package var trace: TraceSink?

        package init(dataDirectory: String? = nil, trace: TraceSink? = nil) {
            self.dataDirectory = dataDirectory
            self.trace = trace
        }
    }

    /// What can be asked about a running node.
    package struct Status: Sendable {
        package var shard: ShardSnapshot
        package var presence: PresenceCounters?
        package var commits: GroupCommitter.Statistics
        /// Since when the node is ready.
        package var startedAt: Instant
    }

    package let settings: NodeConfiguration
    /// Where SIP is taken, in the order of the configuration, with the ports that the system chose.
    package let endpoints: [Endpoint]
    package let log: Logger
    private let group: MultiThreadedEventLoopGroup
    private let shard: Shard
    private let store: any Store
    private let committer: GroupCommitter
    private let startedAt: Instant
    private let failure: Failure

    private init(
        settings: NodeConfiguration, endpoints: [Endpoint], log: Logger, group: MultiThreadedEventLoopGroup,
        shard: Shard, store: any Store, committer: GroupCommitter, failure: Failure
    ) {
        self.settings = settings
        self.endpoints = endpoints
        self.log = log
        self.group = group
        self.shard = shard
        self.store = store
        self.committer = committer
        self.failure = failure
        self.startedAt = shard.clock.now()
    }

    /// Starts a node: opens the storage, reads what it kept, and listens.
    ///
    /// - Throws: a ``Fault`` that says what is in the way; then nothing is left running.
    package static func start(
        _ settings: NodeConfiguration, options: Options = Options(), log: Logger
    ) async throws -> Node {
        var settings = settings
        settings.sip.listeners = FreePorts.chosen(for: settings.sip.listeners)
        let directory = options.dataDirectory ?? settings.node.dataDirectory
        let store = try NodeStorage.open(settings, directory: directory)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let secrets = NodeSecrets(master: try NodeStorage.masterKey(settings, directory: directory))
            return try await Self.start(
                settings, options: options, log: log, store: store, secrets: secrets, group: group)
        } catch {
            store.close()
            try await group.shutdownGracefully()
            throw error
        }
    }

    private static func start(
        _ settings: NodeConfiguration, options: Options, log: Logger, store: any Store,
        secrets: NodeSecrets, group: MultiThreadedEventLoopGroup
    ) async throws -> Node {
        let state = try store.load()
        for damage in state.damages { log.error("a stored record cannot be read and was put aside: \(damage)") }
        let committer = GroupCommitter(store: store)
        let failure = Failure()
        let mapping = ConfigurationMapping(settings: settings)
        let users = try NodeStorage.users(settings, store: store)
        let auditor = Auditor(log: log)
        let loop = group.next()
        let parts = Shard.Parts(
            transactions: mapping.transactions(), transports: mapping.transports(), listeners: mapping.listeners(),
            presence: mapping.presence(users: users, secrets: secrets), registrar: mapping.registrar(secrets: secrets),
            router: Router(domains: settings.node.domains, advertisedHost: mapping.advertisedHost),
            resolver: mapping.resolver(),
            commit: { (operations) throws(Fault) in try committer.commit(operations) },
            credentials: { question in NodeStorage.credentials(question, store: store, log: log) },
            exists: { identity in NodeStorage.exists(identity, store: store, log: log) },
            trace: options.trace, failed: { fault in failure.report(fault) },
            decided: { decision in auditor.note(decision) })
        let shard = Shard(loop: loop, parts: parts, clock: AnchoredClock())
        var rules: RuleChange?
        var source = settings.presence.rulesFile.isEmpty ? nil : RulesSource(path: settings.presence.rulesFile)
        switch source?.look() {
        case .changed(let found): rules = .all(found)
        case .unusable(let fault): throw fault
        case .unchanged, nil: break
        }
        let endpoints = try await shard.open(rules: rules, presence: state.presence, bindings: state.bindings)
        let node = Node(
            settings: settings, endpoints: endpoints, log: log, group: group, shard: shard, store: store,
            committer: committer, failure: failure)
        let listen = zip(settings.sip.listeners, endpoints).map { "\($0.kind.rawValue):\($1)" }
        log.info(
            "ready",
            metadata: [
                "listen": "\(listen.joined(separator: " "))",
                "subscriptions": "\(state.presence.subscriptions.count)",
                "publications": "\(state.presence.publications.count)",
                "contacts": "\(state.bindings.count)",
            ])
        return node
    }

    /// Serves until the task is cancelled or the node cannot go on; looks at the rules file and at the list of users
    /// while it does.
    ///
    /// - Throws: the fault that ended it.
    package func run() async throws {
        var rules = self.settings.presence.rulesFile.isEmpty ? nil : RulesSource(path: self.settings.presence.rulesFile)
        _ = rules?.look()
        var subscribers = try self.store.subscriberChanges()
        // Somebody may have been added between the start and here.
        await self.shard.change(users: try NodeStorage.users(self.settings, store: self.store))
        var rounds = 0
        while !Task.isCancelled {
            if let fault = self.failure.fault { throw fault }
            do { try await Task.sleep(for: Self.lookInterval) } catch { return }
            switch rules?.look() {
            case .changed(let found):
                self.log.info("the rules changed", metadata: ["rules": "\(found.count)"])
                await self.shard.change(rules: .all(found))
            case .unusable(let fault): self.log.error("the rules stay as they were: \(fault)")
            case .unchanged, nil: break
            }
            rounds += 1
            guard rounds.isMultiple(of: 4), self.settings.presence.knownUsers == .subscribers else { continue }
            let current = try self.store.subscriberChanges()
            guard current != subscribers else { continue }
            subscribers = current
            await self.shard.change(users: try NodeStorage.users(self.settings, store: self.store))
        }
    }

    /// How often the rules file is looked at.
    private static let lookInterval: Duration = .milliseconds(200)

    /// Replaces the rules in force until the rules file changes again.
    package func change(rules: [AuthorizationRule]) async { await self.shard.change(rules: .all(rules)) }

    /// The node's figures at this moment.
    package func status() async -> Status {
        let (snapshot, counters) = await self.shard.snapshot()
        return Status(
            shard: snapshot, presence: counters, commits: self.committer.statistics, startedAt: self.startedAt)
    }

    /// Whether the node serves: it has not lost its storage.
    package var isReady: Bool { self.failure.fault == nil }

    /// Ends the node. What is live stays in the storage and goes on at the next start.
    package func stop() async {
        await self.shard.close()
        self.store.close()
        do {
            try await self.group.shutdownGracefully()
        } catch {
            self.log.error("the event loop did not end in order: \(error)")
        }
        self.log.info("stopped")
    }
}

/// What ended a node, once something has.
final class Failure: Sendable {
    private let state = Mutex<Fault?>(nil)
    var fault: Fault? { self.state.withLock { $0 } }
    func report(_ fault: Fault) { self.state.withLock { $0 = $0 ?? fault } }
}

/// Writes decisions about subscriptions and publications to the log (design law 7): refusals at `info`, the others at
/// `debug`.
struct Auditor: Sendable {
    let log: Logger

    func note(_ decision: Decision) {
        let level: Logger.Level = decision.handling == .allow ? .debug : .info
        guard self.log.logLevel <= level else { return }
        self.log.log(
            level: level, "decided",
            metadata: [
                "matter": "\(decision.matter)", "handling": "\(decision.handling.word)",
                "presentity": "\(decision.presentity[...].text)", "by": "\(decision.reason)",
                "actor": "\(decision.actor.isEmpty ? "anonymous" : decision.actor[...].text)",
            ])
    }
}
