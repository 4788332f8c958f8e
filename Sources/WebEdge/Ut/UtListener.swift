import Glibc
import Ground
import Logging
import NIOCore
import NIOHTTP1
import XDMServer

/// All connections of a ``UtServer`` and what they share. It belongs to one event loop.
final class UtListener {
    let loop: any EventLoop
    let configuration: UtServer.Configuration
    let reader: UtHeadReader
    let handler: UtServer.Handler
    let logger: Logger
    let allocator = ByteBufferAllocator()
    let gzip = Gzip()
    var counters = UtCounters()
    private(set) var isDraining = false
    private var connections: [ObjectIdentifier: UtConnection] = [:]
    /// The room that bodies have, of requests that are coming or being answered.
    private var heldBytes = 0
    private var clock = HTTPDate()
    private var sweep: Scheduled<Void>?
    private var drained: EventLoopPromise<Void>?

    init(
        loop: any EventLoop, configuration: UtServer.Configuration, logger: Logger, handler: @escaping UtServer.Handler
    ) {
        self.loop = loop
        self.configuration = configuration
        self.logger = logger
        self.handler = handler
        self.reader = UtHeadReader(
            root: Array(configuration.rootPath.utf8), hosts: Set(configuration.hosts.map { $0.lowercased() }),
            trustedProxies: configuration.trustedProxies, limits: configuration.limits)
    }

    /// Puts the handlers of a new connection into its channel.
    ///
    /// - Throws: what NIO throws; the channel is closed then.
    func admit(_ channel: any Channel) throws {
        let peer = Self.endpoint(channel.remoteAddress) ?? Endpoint(IPAddress(ipv4: 0), 0)
        var isRefused = self.isDraining
        if !isRefused, self.connections.count >= self.configuration.limits.connections { isRefused = !self.makeRoom() }
        let connection = UtConnection(listener: self, peer: peer, isRefused: isRefused)
        let limits = self.configuration.limits
        var bounds = NIOHTTPDecoderLimitConfiguration()
        bounds.maxHeaderFieldSize = limits.fieldBytes
        bounds.maxHeaderListSize = limits.headBytes
        bounds.maxHeaderFieldCount = limits.fields
        let decoder = ByteToMessageHandler(
            HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: bounds))
        try channel.pipeline.syncOperations.addHandlers([UtIntake(connection), decoder, connection])
        guard !isRefused else { return }
        self.connections[ObjectIdentifier(connection)] = connection
        self.counters.connectionsAccepted &+= 1
        self.counters.connections = self.connections.count
        self.armSweep()
    }

    /// Closes the connection that has been idle longest; where none is, the one that has been sending a request longest,
    /// if it had its time: clients that are slow on purpose must not keep the others out.
    ///
    /// - Returns: whether there was one.
    private func makeRoom() -> Bool {
        let patience = NIODeadline.now() - .nanoseconds(self.configuration.limits.patience.wholeNanoseconds)
        var idle: (since: NIODeadline, connection: UtConnection)?
        var slow: (since: NIODeadline, connection: UtConnection)?
        for connection in self.connections.values {
            if case .idle(let since) = connection.state, connection.headStarted == nil {
                if idle.map({ since < $0.since }) ?? true { idle = (since, connection) }
            } else if let since = connection.sendingSince, since < slow?.since ?? patience {
                slow = (since, connection)
            }
        }
        guard let longest = idle ?? slow else { return false }
        self.counters.count(.evicted)
        // It is no longer counted, even if the socket takes a moment.
        self.ended(longest.connection)
        longest.connection.close()
        return true
    }

    /// Keeps room for the body of a request. The bodies of all connections together have a bound; where it is hit, the one
    /// that has been coming longest is given up.
    ///
    /// - Returns: whether there is room.
    func hold(_ bytes: Int, for connection: UtConnection) -> Bool {
        guard bytes > connection.heldBytes else { return true }
        self.heldBytes += bytes - connection.heldBytes
        connection.heldBytes = bytes
        let bound = Swift.max(self.configuration.limits.bodiesBytes, self.configuration.limits.bodyBytes)
        while self.heldBytes > bound {
            var slowest: (since: NIODeadline, connection: UtConnection)?
            for other in self.connections.values where other !== connection && other.heldBytes > 0 {
                guard case .reading(_, let since) = other.state else { continue }
                if slowest.map({ since < $0.since }) ?? true { slowest = (since, other) }
            }
            guard let slowest else { return false }
            slowest.connection.giveUp()
        }
        return true
    }

    /// The body of a request is not needed any more.
    func release(_ connection: UtConnection) {
        self.heldBytes -= connection.heldBytes
        connection.heldBytes = 0
    }

    func ended(_ connection: UtConnection) {
        self.release(connection)
        guard self.connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        self.counters.connections = self.connections.count
        if self.connections.isEmpty {
            self.sweep?.cancel()
            self.sweep = nil
            self.drained?.succeed(())
            self.drained = nil
        }
    }

    /// Counts an answer, and writes it to the log at `debug`: who asked for what, nothing of credentials or bodies.
    func note(_ exchange: UtConnection.Exchange, status: Int, peer: Endpoint) {
        let time = NIODeadline.now() - exchange.since
        self.counters.requests[UtCounters.Kind(method: exchange.method, status: status), default: 0] += 1
        self.counters.answerNanoseconds &+= UInt64(clamping: time.nanoseconds)
        guard self.logger.logLevel <= .debug else { return }
        self.logger.debug(
            "ut request",
            metadata: [
                "method": "\(exchange.method)", "target": "\(exchange.target[...].text)", "status": "\(status)",
                "microseconds": "\(time.nanoseconds / 1000)", "peer": "\(peer)",
            ])
    }

    /// The value of Date now.
    func date() -> [UInt8] {
        self.clock.update(seconds: time(nil))
        return self.clock.text
    }

    private static func endpoint(_ address: SocketAddress?) -> Endpoint? {
        guard let address, let text = address.ipAddress, let port = address.port, var ip = IPAddress(text) else {
            return nil
        }
        // An IPv4 peer of an IPv6 socket (RFC 4291 §2.5.5.2) is an IPv4 peer all the same.
        if ip.isIPv6, ip.high == 0, ip.low >> 32 == 0xFFFF { ip = IPAddress(ipv4: UInt32(truncatingIfNeeded: ip.low)) }
        return Endpoint(ip, UInt16(clamping: port))
    }
}

// MARK: time

extension UtListener {
    /// How often connections are looked at: a tenth of the shortest time that one may take, a second at most. One look
    /// at all of them costs less than a timer for each.
    private var sweepInterval: TimeAmount {
        let limits = self.configuration.limits
        let shortest = [limits.idle, limits.head, limits.body, limits.answer, limits.reading, limits.linger].min()
        return .nanoseconds(Swift.max(5_000_000, Swift.min(1_000_000_000, (shortest ?? .zero).wholeNanoseconds / 10)))
    }

    private func armSweep() {
        guard self.sweep == nil else { return }
        let bound = NIOLoopBound(self, eventLoop: self.loop)
        self.sweep = self.loop.scheduleTask(in: self.sweepInterval) { bound.value.lookAtAll() }
    }

    private func lookAtAll() {
        self.sweep = nil
        let now = NIODeadline.now()
        for connection in Array(self.connections.values) { self.look(at: connection, now) }
        if !self.connections.isEmpty { self.armSweep() }
    }

    private func look(at connection: UtConnection, _ now: NIODeadline) {
        let limits = self.configuration.limits
        func isOver(_ since: NIODeadline, _ limit: Duration) -> Bool {
            (now - since).nanoseconds > limit.wholeNanoseconds
        }
        if let since = connection.blockedSince, isOver(since, limits.reading) {
            self.counters.count(.slowReader)
            connection.close()
            return
        }
        switch connection.state {
        case .idle(let since):
            if let started = connection.headStarted {
                guard isOver(started, limits.head) else { return }
                self.counters.count(.slowHead)
                connection.answerFault(408, "the request took too long")
            } else if isOver(since, limits.idle) {
                self.counters.count(.idle)
                connection.close()
            }
        case .reading(_, let since):
            guard isOver(since, limits.body) else { return }
            self.counters.count(.slowBody)
            connection.answerFault(408, "the request took too long")
        case .answering(let exchange):
            guard isOver(exchange.since, limits.answer) else { return }
            self.counters.count(.unanswered)
            connection.answered(
                exchange.number,
                UtAnswer.text(503, "there is no answer", fields: [UtResponse.Field("Retry-After", Array("5".utf8))]))
        case .ending(let since, let hasLeft):
            if isOver(since, hasLeft ? limits.linger : limits.reading) { connection.close() }
        case .closed: break
        }
    }

    /// Ends what is idle now and everything else after its answer, or when the time for that is over.
    func drain() -> EventLoopFuture<Void> {
        self.isDraining = true
        for connection in Array(self.connections.values) {
            if case .idle = connection.state { connection.close() }
        }
        guard !self.connections.isEmpty else { return self.loop.makeSucceededVoidFuture() }
        let promise = self.drained ?? self.loop.makePromise(of: Void.self)
        self.drained = promise
        let bound = NIOLoopBound(self, eventLoop: self.loop)
        self.loop.scheduleTask(in: .nanoseconds(self.configuration.limits.drain.wholeNanoseconds)) {
            for connection in Array(bound.value.connections.values) { connection.close() }
        }
        return promise.futureResult
    }
}
