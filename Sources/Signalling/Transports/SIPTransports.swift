import Ground
import NIOCore
import NIOPosix
import SIPTransactions
import SIPWire

/// All SIP sockets of one shard: UDP, TCP, TLS, WebSocket, secure WebSocket (RFC 3261 §18, RFC 7118).
///
/// Confined to one event loop: made there, called there, and calls its receiver there. Nothing here suspends. What
/// is given to ``transmit(_:_:)``, ``open(_:_:)`` and ``reply(_:_:otherwise:)`` leaves with the next ``flush()``,
/// so a turn ends with one flush:
///
/// ```swift
/// let transports = SIPTransports(loop: loop, configuration: TransportConfiguration(), entropy: .system)
/// transports.receiver = shard                                     // kept weakly
/// try transports.listen(ListenerConfiguration(.udp, endpoint))    // a future of the endpoint that was bound
///
/// func arrived(_ arrivals: [Arrival]) {                           // in the shard, for each read of a socket
///     for arrival in arrivals { … core.handle(…, at: now, into: &effects) }
/// }
///
/// func arrivalsEnded() {                                          // when there is no more to read for now
///     store.commit(…)                                             // law 2: durable before anything leaves
///     for effect in effects {
///         switch effect {
///         case .transmit(let bytes, let flow): transports.transmit(bytes, flow)
///         case .open(let bytes, let hop): transports.open(bytes, hop)
///         …
///         }
///     }
///     transports.flush()
/// }
/// ```
///
/// A message that cannot be brought to its peer comes back through
/// ``ArrivalReceiver/transmissionFailed(_:_:)``, later, never from inside these calls. ``close()`` must be called
/// before the transports are let go.
package final class SIPTransports {
    /// The loop that everything happens on.
    package let loop: any EventLoop
    package let configuration: TransportConfiguration
    /// Who gets what arrives.
    package weak var receiver: (any ArrivalReceiver)?
    /// Sees every message, if set.
    package var trace: TraceSink?
    /// What was counted so far.
    package internal(set) var counters = TransportCounters()
    /// The clock of the shard, for those who want to be of one mind with the transports.
    package let clock: AnchoredClock

    var datagrams: [DatagramListener] = []
    var listeners: [any Channel] = []
    var connections: [UInt64: StreamConnection] = [:]
    var connectionsByKey: [ConnectionKey: StreamConnection] = [:]
    var inboundBySource: [IPAddress: Int] = [:]
    var clientContext: TLSContext?
    var isClosed = false
    private var nextNumber: UInt64
    private var turn: [Arrival] = []
    private var dirty: [StreamConnection] = []
    private var failures: [(bytes: [UInt8], path: Path)] = []
    private var isReportScheduled = false
    private var flood: FloodBound?
    private var sweep: RepeatedTask?

    /// - Parameters:
    ///   - loop: the loop of the shard; the initializer is called on it.
    ///   - entropy: seeds the hash of the flood bound.
    /// - Throws: `signalling.tls-unusable` if the client side's TLS files cannot be used.
    package init(
        loop: any EventLoop, configuration: TransportConfiguration, clock: AnchoredClock = AnchoredClock(),
        entropy: Entropy
    ) throws(Fault) {
        loop.preconditionInEventLoop()
        self.loop = loop
        self.configuration = configuration
        self.clock = clock
        var entropy = entropy
        self.flood = configuration.floodBound.map { FloodBound($0, seed: entropy.next()) }
        // Numbers continue from the time in microseconds: they are never used again, not even by the next process,
        // so that a flow that was stored can never be mistaken for one of a new connection.
        let microseconds = UInt64(truncatingIfNeeded: clock.now().nanoseconds / 1000) & 0x00FF_FFFF_FFFF_FFFF
        self.nextNumber = UInt64(configuration.shard) &<< 56 | microseconds
        if let tls = configuration.clientTLS { self.clientContext = try TLSContext(tls, role: .client) }
    }

    /// The time now.
    var now: Instant { self.clock.now() }

    // MARK: Sending

    /// Sends a message on a flow that exists (RFC 5626 §5.3). A connection that has closed is not opened again.
    package func transmit(_ bytes: [UInt8], _ flow: Flow) {
        self.loop.assertInEventLoop()
        if flow.transport == .udp {
            guard let listener = self.listener(for: flow) else {
                self.failed(bytes, .flow(flow))
                return
            }
            self.traced(bytes, flow, .sent)
            listener.send(bytes, to: flow.remote, path: .flow(flow))
        } else if let connection = self.connections[flow.connection] {
            connection.send(bytes, .flow(flow))
        } else {
            self.failed(bytes, .flow(flow))
        }
    }

    /// Sends a message to a hop: by UDP from the first socket of its address family, else on the connection to that
    /// transport, endpoint and server name, which is opened if there is none (RFC 3261 §18.1.1).
    package func open(_ bytes: [UInt8], _ hop: Hop) {
        self.loop.assertInEventLoop()
        if hop.transport == .udp {
            let isIPv6 = hop.endpoint.address.isIPv6
            guard let listener = self.datagrams.first(where: { $0.local.address.isIPv6 == isIPv6 }) else {
                self.failed(bytes, .hop(hop))
                return
            }
            self.traced(bytes, Flow(transport: .udp, local: listener.local, remote: hop.endpoint), .sent)
            listener.send(bytes, to: hop.endpoint, path: .hop(hop))
            return
        }
        guard let connection = self.connection(to: hop) else {
            self.failed(bytes, .hop(hop))
            return
        }
        connection.send(bytes, .hop(hop))
    }

    /// Sends a response on the connection that its request came on. Only if that is gone, `otherwise` is opened
    /// (RFC 3261 §18.2.2).
    package func reply(_ bytes: [UInt8], _ flow: Flow, otherwise: Hop?) {
        self.loop.assertInEventLoop()
        if let otherwise, flow.transport != .udp, self.connections[flow.connection] == nil {
            self.open(bytes, otherwise)
        } else {
            self.transmit(bytes, flow)
        }
    }

    /// Lets everything that was given since the last flush leave: one system call for many datagrams, one write for
    /// each connection.
    package func flush() {
        self.loop.assertInEventLoop()
        for listener in self.datagrams { listener.flush() }
        guard !self.dirty.isEmpty else { return }
        let dirty = self.dirty
        self.dirty.removeAll(keepingCapacity: true)
        for connection in dirty { connection.flush() }
    }

    /// Whether the flow can still carry a message: UDP always can, a connection while it is open.
    package func isAlive(_ flow: Flow) -> Bool {
        flow.transport == .udp
            ? self.listener(for: flow) != nil : self.connections[flow.connection]?.isUsable == true
    }

    /// How many connections there are, both directions together.
    package var connectionCount: Int { self.connections.count }

    /// Stops listening, closes every connection and socket. The future ends when the listening sockets are free.
    @discardableResult
    package func close() -> EventLoopFuture<Void> {
        self.loop.assertInEventLoop()
        self.flush()
        self.isClosed = true
        self.sweep?.cancel()
        self.sweep = nil
        let closing = self.listeners.map { $0.close() } + self.datagrams.compactMap { $0.close() }
        self.listeners.removeAll()
        self.datagrams.removeAll()
        for connection in self.connections.values { connection.close() }
        return EventLoopFuture.andAllComplete(closing, on: self.loop)
    }

    private func listener(for flow: Flow) -> DatagramListener? {
        let isIPv6 = flow.remote.address.isIPv6
        return self.datagrams.first { $0.local == flow.local && $0.local.address.isIPv6 == isIPv6 }
            ?? self.datagrams.first { $0.local.address.isIPv6 == isIPv6 }
    }

    // MARK: For the sockets

    func nextConnectionNumber() -> UInt64 {
        self.nextNumber &+= 1
        return self.nextNumber
    }

    func queueArrival(_ arrival: Arrival) { self.turn.append(arrival) }

    /// Gives the receiver what one read of a stream brought.
    func deliverTurn() {
        guard !self.turn.isEmpty else { return }
        let turn = self.turn
        self.turn.removeAll(keepingCapacity: true)
        self.receiver?.arrived(turn)
        self.receiver?.arrivalsEnded()
    }

    func markDirty(_ connection: StreamConnection) { self.dirty.append(connection) }

    @inline(__always)
    func traced(_ bytes: [UInt8], _ flow: Flow, _ direction: TraceDirection) {
        if let trace = self.trace { trace(bytes, flow, direction, self.now) }
    }

    /// Notes a failure. It is reported when the caller has returned to the loop: a core must not be entered again
    /// from inside its own effects.
    func failed(_ bytes: [UInt8], _ path: Path) {
        self.counters.transmissionsFailed += 1
        self.failures.append((bytes, path))
        guard !self.isReportScheduled else { return }
        self.isReportScheduled = true
        self.loop.assumeIsolated().execute {
            self.isReportScheduled = false
            let failures = self.failures
            self.failures.removeAll()
            for (bytes, path) in failures { self.receiver?.transmissionFailed(bytes, path) }
        }
    }

    // MARK: Trust and floods

    /// Whether an address is in one of the trusted networks.
    @inline(__always)
    func isTrusted(_ address: IPAddress) -> Bool {
        for network in self.configuration.trustedNetworks where network.contains(address) { return true }
        return false
    }

    /// Takes a token for one message of a source that is not trusted; counts if there is none.
    func floodAllows(_ source: IPAddress) -> Bool {
        guard self.flood != nil else { return true }
        if self.flood?.allows(source, at: self.now) == true { return true }
        self.counters.flooded += 1
        return false
    }

    /// Whether the next message of a source would be allowed.
    func floodWouldAllow(_ source: IPAddress) -> Bool {
        guard self.flood != nil else { return true }
        return self.flood?.wouldAllow(source, at: self.now) == true
    }

    // MARK: Bounds of time

    /// Connections are looked at together, a few times in each interval of the bounds: a timer for each connection
    /// would cost more than all their messages.
    func startSweeping() {
        guard self.sweep == nil, !self.isClosed else { return }
        let interval = TimeAmount.nanoseconds(max(1_000_000, self.configuration.sweepInterval.wholeNanoseconds))
        let me = NIOLoopBound(self, eventLoop: self.loop)
        self.sweep = self.loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            me.value.sweepConnections()
        }
    }

    private func sweepConnections() {
        let now = self.now
        for connection in self.connections.values { connection.sweep(at: now) }
        if self.connections.isEmpty {
            self.sweep?.cancel()
            self.sweep = nil
        }
    }
}
