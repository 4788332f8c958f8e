import Cryptography
import DigestAuth
import Ground
import NIOCore
import PresenceServer
import SCSCF
import SIPTransactions
import SIPWire
import Signalling
import Storage
import Synchronization
import XDMServer

/// A part of the node that owns everything of its presentities and users: transactions, boxes, timers, sockets.
///
/// A shard lives on one event loop, and every method is synchronous: what a socket gives until it is empty is one turn
/// (datagrams for 2 ms at the most, ``Limits/longestReading``), and a turn ends with one flush, behind the commit of what
/// it promises: nothing leaves before that is durable.
package actor Shard: ArrivalReceiver {
    nonisolated let loop: any EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor { self.loop.executor.asUnownedSerialExecutor() }

    /// What the shard is made of.
    package struct Parts: Sendable {
        /// The transaction layer's configuration, which names the endpoints where the listeners listen: they are known
        /// only when the system has given them.
        package var transactions: @Sendable (_ listening: [Endpoint]) -> TransactionLayer.Configuration
        package var transports: TransportConfiguration
        package var listeners: [ListenerConfiguration]
        package var presence: PresenceServer.Configuration?
        /// Like ``transactions``; gives nil where the function does not run.
        package var registrar: @Sendable (_ listening: [Endpoint]) -> SCSCF.Configuration?
        package var documents: XDMServer.Configuration?
        /// Which box serves what.
        package var router: Router
        package var resolver: (@Sendable () throws(Fault) -> any DomainResolver)?
        package var commit: @Sendable ([StoreOperation]) throws(Fault) -> Void
        /// The least time between two commits of a shard that is busy.
        package var commitDistance: Duration = .microseconds(500)
        package var credentials: @Sendable (CredentialQuestion) -> CredentialAnswer
        /// Whether a canonical identity is one of our subscribers.
        package var exists: @Sendable ([UInt8]) -> Bool
        package var trace: TraceSink?
        /// Called once, when the shard cannot keep its promises any more.
        package var failed: @Sendable (Fault) -> Void
        package var decided: @Sendable (Decision, Instant) -> Void
        /// The most requests on Ut that wait for their commit. Beyond it: 503.
        package var utRequestsInFlight = 4096

        package init(
            transactions: @escaping @Sendable (_ listening: [Endpoint]) -> TransactionLayer.Configuration,
            transports: TransportConfiguration, listeners: [ListenerConfiguration],
            presence: PresenceServer.Configuration?,
            registrar: @escaping @Sendable (_ listening: [Endpoint]) -> SCSCF.Configuration?,
            documents: XDMServer.Configuration?, router: Router,
            resolver: (@Sendable () throws(Fault) -> any DomainResolver)?,
            commit: @escaping @Sendable ([StoreOperation]) throws(Fault) -> Void,
            credentials: @escaping @Sendable (CredentialQuestion) -> CredentialAnswer,
            exists: @escaping @Sendable ([UInt8]) -> Bool, trace: TraceSink?,
            failed: @escaping @Sendable (Fault) -> Void, decided: @escaping @Sendable (Decision, Instant) -> Void
        ) {
            self.transactions = transactions
            self.transports = transports
            self.listeners = listeners
            self.presence = presence
            self.registrar = registrar
            self.documents = documents
            self.router = router
            self.resolver = resolver
            self.commit = commit
            self.credentials = credentials
            self.exists = exists
            self.trace = trace
            self.failed = failed
            self.decided = decided
        }
    }

    let parts: Parts
    let clock: AnchoredClock
    var transports: SIPTransports?
    var resolver: (any DomainResolver)?
    var transactions: TransactionLayer
    var presence: PresenceServer?
    var registrar: SCSCF?
    var documents: XDMServer?
    var counters = ShardCounters()

    var layerEffects: [TransactionLayer.Effect] = []
    /// An empty array whose memory is used again.
    var spareLayerEffects: [TransactionLayer.Effect] = []
    var presenceEffects: [PresenceServer.Effect] = []
    var registrarEffects: [SCSCF.Effect] = []
    var documentEffects: [XDMServer.Effect] = []
    var isSettling = false
    /// What arrived before the shard had its memory back; nil once it has.
    var heldBack: [Arrival]? = []
    var records: [StoreOperation] = []
    /// The orders to the network, which are carried out when the turn's records are durable.
    var departures: [TransactionLayer.Effect] = []
    /// Who waits for an answer of the XDM server.
    var utWaiting: [Ticket: UtReply] = [:]
    /// Answers of the XDM server, which go out when the turn's records are durable.
    var utAnswers: [(reply: UtReply, response: UtResponse)] = []
    var isAnswering = false
    /// Who waits for an explanation of the Presence Server.
    var explanations: [Ticket: CheckedContinuation<PolicyExplanation?, Never>] = [:]
    var tickets = TicketCounter()
    /// When the next commit may be made.
    var nextCommit = Instant.zero
    var armed = Instant.distantFuture
    var alarm: Scheduled<Void>?
    /// The turn at ``nextCommit``, where records wait for it.
    var commitAlarm: Scheduled<Void>?
    var hasFailed = false
    var isClosed = false
    /// Whether requests from other threads are taken; false once the loop may end.
    nonisolated let isOpen = Mutex(true)

    /// Makes a shard. ``open(restoring:)`` brings it to life on its loop.
    package init(loop: any EventLoop, parts: Parts, clock: AnchoredClock) {
        self.loop = loop
        self.parts = parts
        self.clock = clock
        self.transactions = TransactionLayer(configuration: parts.transactions([]), entropy: .system)
        self.presence = parts.presence.map { PresenceServer(configuration: $0, entropy: .system) }
        self.documents = parts.documents.map { XDMServer(configuration: $0, entropy: .system) }
    }
}
