import DigestAuth
import Foundation
import Ground
import Logging
import NIOCore
import NIOPosix
import PresenceDocuments
import PresenceServer
import SCSCF
import Settings
import Signalling
import Storage
import StorageSQLite
import Synchronization
import XDMServer

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
        package var documents: XDMCounters?
        package var audit: AuditLog<Decision>.Statistics
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
    private let audit: AuditLog<Decision>
    private let startedAt: Instant
    private let failure: Failure
    /// What was known of the rules file and of the users when the node started; ``run()`` goes on from there.
    private let known: Known

    /// What a node last saw of what may change beside it.
    private struct Known: Sendable {
        /// Nil where no rules file is named.
        var rules: RulesSource?
        var subscriberChanges: Int64
    }

    private init(
        settings: NodeConfiguration, endpoints: [Endpoint], log: Logger, group: MultiThreadedEventLoopGroup,
        shard: Shard, store: any Store, committer: GroupCommitter, audit: AuditLog<Decision>, failure: Failure,
        known: Known
    ) {
        self.settings = settings
        self.endpoints = endpoints
        self.log = log
        self.group = group
        self.shard = shard
        self.store = store
        self.committer = committer
        self.audit = audit
        self.failure = failure
        self.known = known
        self.startedAt = shard.clock.now()
    }

    /// Starts a node: opens the storage, reads what it kept, and listens.
    ///
    /// - Throws: a ``Fault`` that says what is in the way; then nothing is left running.
    package static func start(
        _ settings: NodeConfiguration, options: Options = Options(), log: Logger
    ) async throws -> Node {
        let directory = options.dataDirectory ?? settings.node.dataDirectory
        let store = try NodeStorage.open(settings, directory: directory)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let secrets = NodeSecrets(master: try NodeStorage.masterKey(settings, directory: directory))
            let entries: any AuditStore =
                Auditor.isKept(settings.audit)
                ? try NodeStorage.openAuditLog(directory: directory, log: log) : InMemoryAuditStore()
            let audit = Auditor.log(settings.audit, store: entries, log: log)
            do {
                return try await Self.start(
                    settings, options: options, log: log, store: store, audit: audit, secrets: secrets, group: group)
            } catch {
                audit.close()
                throw error
            }
        } catch {
            store.close()
            try await group.shutdownGracefully()
            throw error
        }
    }

    private static func start(
        _ settings: NodeConfiguration, options: Options, log: Logger, store: any Store, audit: AuditLog<Decision>,
        secrets: NodeSecrets, group: MultiThreadedEventLoopGroup
    ) async throws -> Node {
        let state = try store.load()
        Self.report(state, to: log)
        let committer = GroupCommitter(store: store)
        let failure = Failure()
        let mapping = ConfigurationMapping(settings: settings)
        // Counted before they are read: whoever is added in between is found again by ``run()``.
        var known = Known(subscriberChanges: try store.subscriberChanges())
        let users = try NodeStorage.users(settings, store: store)
        let auditor = Auditor(log: log, audit: audit, isKept: Auditor.isKept(settings.audit))
        let loop = group.next()
        let parts = Shard.Parts(
            transactions: { endpoints in mapping.transactions(endpoints) }, transports: mapping.transports(),
            listeners: mapping.listeners(), presence: mapping.presence(users: users, secrets: secrets),
            registrar: { endpoints in mapping.registrar(secrets: secrets, endpoints: endpoints) },
            documents: mapping.documents(users: users, secrets: secrets),
            router: Router(domains: settings.node.domains, advertisedHost: mapping.advertisedHost),
            resolver: mapping.resolver(),
            commit: { (operations) throws(Fault) in try committer.commit(operations) },
            credentials: { question in NodeStorage.credentials(question, store: store, log: log) },
            exists: { identity in NodeStorage.exists(identity, store: store, log: log) },
            trace: options.trace, failed: { fault in failure.report(fault) },
            decided: { decision, now in auditor.note(decision, at: now) })
        let shard = Shard(loop: loop, parts: parts, clock: AnchoredClock())
        var rules: RuleChange?
        known.rules = settings.presence.rulesFile.isEmpty ? nil : RulesSource(path: settings.presence.rulesFile)
        switch known.rules?.look() {
        case .changed(let found): rules = .all(found)
        case .unusable(let fault): throw fault
        case .unchanged, nil: break
        }
        let endpoints = try await shard.open(rules: rules, restoring: state)
        let node = Node(
            settings: settings, endpoints: endpoints, log: log, group: group, shard: shard, store: store,
            committer: committer, audit: audit, failure: failure, known: known)
        let listen = zip(settings.sip.listeners, endpoints).map { "\($0.kind.rawValue):\($1)" }
        log.info(
            "ready",
            metadata: [
                "listen": "\(listen.joined(separator: " "))",
                "subscriptions": "\(state.presence.subscriptions.count)",
                "publications": "\(state.presence.publications.count)",
                "contacts": "\(state.bindings.count)",
                "documents": "\(state.documents.documents.count)",
            ])
        return node
    }

    private static func report(_ state: StoredState, to log: Logger) {
        for damage in state.damages { log.error("a stored record cannot be read and was put aside: \(damage)") }
        for selector in state.unreadableDocuments {
            log.error(
                "a stored document cannot be read; if it holds rules, they let nobody in until it is written again",
                metadata: ["document": "\(selector[...].text)"])
        }
    }

    /// Serves until the task is cancelled or the node cannot go on; looks at the rules file and at the list of users
    /// while it does.
    ///
    /// - Throws: the fault that ended it.
    package func run() async throws {
        var known = self.known
        var rounds = 0
        while !Task.isCancelled {
            if let fault = self.failure.fault { throw fault }
            switch known.rules?.look() {
            case .changed(let found):
                self.log.info("the rules changed", metadata: ["rules": "\(found.count)"])
                await self.shard.change(rules: .all(found))
            case .unusable(let fault): self.log.error("the rules stay as they were: \(fault)")
            case .unchanged, nil: break
            }
            if rounds.isMultiple(of: 4), self.settings.presence.knownUsers == .subscribers {
                let current = try self.store.subscriberChanges()
                if current != known.subscriberChanges {
                    known.subscriberChanges = current
                    await self.shard.change(users: try NodeStorage.users(self.settings, store: self.store))
                }
            }
            rounds += 1
            do { try await Task.sleep(for: Self.lookInterval) } catch { return }
        }
    }

    /// How often the rules file is looked at.
    private static let lookInterval: Duration = .milliseconds(200)

    /// Replaces the rules in force until the rules file changes again.
    package func change(rules: [AuthorizationRule]) async { await self.shard.change(rules: .all(rules)) }

    /// The node's figures at this moment.
    package func status() async -> Status {
        let snapshot = await self.shard.snapshot()
        return Status(
            shard: snapshot.shard, presence: snapshot.presence, documents: snapshot.documents,
            audit: self.audit.statistics, commits: self.committer.statistics, startedAt: self.startedAt)
    }

    /// Serves a request on Ut: answers when what it changed is durable, and has acted on live subscriptions. Too many
    /// at a time are answered with 503.
    ///
    /// - Parameter reply: called once, on ``loop`` unless the node has ended. Asked on that loop, it costs no hop.
    package func utRequest(_ request: UtRequest, _ reply: @escaping UtReply) { self.shard.utRequest(request, reply) }

    /// The same for whoever waits.
    package func utRequest(_ request: UtRequest) async -> UtResponse {
        await withCheckedContinuation { continuation in
            self.shard.utRequest(request) { continuation.resume(returning: $0) }
        }
    }

    /// The loop on which the node's state lives.
    package var loop: any EventLoop { self.shard.loop }

    /// How a watcher of a presentity (a canonical identity) is treated now, and why. Nil where no Presence Server runs.
    package func explain(presentity: [UInt8], watcher: PolicyWatcher) async -> PolicyExplanation? {
        await self.shard.explain(presentity: presentity, watcher: watcher)
    }

    /// The decisions that were made, the latest first.
    package func decisions(_ query: AuditQuery) async throws -> [AuditEntry] { try await self.audit.entries(query) }

    /// Whether the node serves: it has not lost its storage.
    package var isReady: Bool { self.failure.fault == nil }

    /// Ends the node. What is live stays in the storage and goes on at the next start.
    package func stop() async {
        await self.shard.close()
        self.audit.close()
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
