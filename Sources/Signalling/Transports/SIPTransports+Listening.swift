import Glibc
import Ground
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import SIPTransactions

extension SIPTransports {
    /// Opens a listener.
    ///
    /// - Returns: where it listens: the endpoint that was asked for, with the port that the system chose if that was
    ///   zero. Fails with `signalling.port-unavailable`.
    /// - Throws: `signalling.tls-unusable` if the listener's TLS files cannot be used.
    package func listen(_ listener: ListenerConfiguration) throws(Fault) -> EventLoopFuture<Endpoint> {
        self.loop.assertInEventLoop()
        guard listener.transport != .udp else { return self.listenForDatagrams(listener) }
        var context: TLSContext?
        if listener.transport.isSecure {
            guard let tls = listener.tls else {
                throw Fault.tlsUnusable("a listener for \(listener.transport) needs a certificate")
            }
            context = try TLSContext(tls, role: .server)
        }
        return self.listenForConnections(listener, context)
    }

    private static func unavailable(_ listener: ListenerConfiguration, _ error: any Error) -> Fault {
        Fault.portUnavailable("\(listener.transport) cannot listen on \(listener.endpoint): \(error)")
    }

    // MARK: UDP

    private func listenForDatagrams(_ configuration: ListenerConfiguration) -> EventLoopFuture<Endpoint> {
        let listener = NIOLoopBound(DatagramListener(self, configuration), eventLoop: self.loop)
        var bootstrap = DatagramBootstrap(group: self.loop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65536))
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(listener.value)
                }
            }
        if configuration.sharesPort {
            bootstrap = bootstrap.channelOption(.socketOption(.init(rawValue: SO_REUSEPORT)), value: 1)
        }
        if configuration.endpoint.address.isIPv6 {
            bootstrap = bootstrap.channelOption(
                ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only), value: 1)
        }
        guard let address = try? configuration.endpoint.socketAddress() else {
            return self.loop.makeFailedFuture(Self.unavailable(configuration, ChannelError.unknownLocalAddress))
        }
        let me = NIOLoopBound(self, eventLoop: self.loop)
        return bootstrap.bind(to: address).assumeIsolated().map { _ in
            me.value.datagrams.append(listener.value)
            return listener.value.local
        }.flatMapErrorThrowing { throw Self.unavailable(configuration, $0) }.nonisolated()
    }

    /// A UDP socket that broke is opened again at the same place: a server must not go deaf for good.
    func datagramListenerEnded(_ listener: DatagramListener) {
        self.datagrams.removeAll { $0 === listener }
        guard !self.isClosed else { return }
        self.counters.listenersReopened += 1
        var configuration = listener.configuration
        configuration.endpoint = listener.local
        let me = NIOLoopBound(self, eventLoop: self.loop)
        let again = configuration
        self.loop.scheduleTask(in: .milliseconds(100)) {
            guard !me.value.isClosed else { return }
            me.value.listenForDatagrams(again).whenFailure { _ in
                me.value.retryDatagrams(again)
            }
        }
    }

    private func retryDatagrams(_ configuration: ListenerConfiguration) {
        let me = NIOLoopBound(self, eventLoop: self.loop)
        self.loop.scheduleTask(in: .seconds(1)) {
            guard !me.value.isClosed else { return }
            me.value.listenForDatagrams(configuration).whenFailure { _ in me.value.retryDatagrams(configuration) }
        }
    }

    // MARK: Connections

    private func listenForConnections(_ configuration: ListenerConfiguration, _ tls: TLSContext?)
        -> EventLoopFuture<Endpoint>
    {
        let me = NIOLoopBound(self, eventLoop: self.loop)
        var bootstrap = ServerBootstrap(group: self.loop)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: configuration.transport == .tcp)
            .childChannelOption(.writeBufferWaterMark, value: Self.waterMark(self.configuration))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try me.value.accept(channel, configuration, tls) }
            }
        if configuration.sharesPort {
            bootstrap = bootstrap.serverChannelOption(.socketOption(.init(rawValue: SO_REUSEPORT)), value: 1)
        }
        if configuration.endpoint.address.isIPv6 {
            bootstrap = bootstrap.serverChannelOption(
                ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only), value: 1)
        }
        guard let address = try? configuration.endpoint.socketAddress() else {
            return self.loop.makeFailedFuture(Self.unavailable(configuration, ChannelError.unknownLocalAddress))
        }
        return bootstrap.bind(to: address).assumeIsolated().map { channel in
            me.value.listeners.append(channel)
            return Endpoint(channel.localAddress) ?? configuration.endpoint
        }.flatMapErrorThrowing { throw Self.unavailable(configuration, $0) }.nonisolated()
    }

    static func waterMark(_ configuration: TransportConfiguration) -> ChannelOptions.Types.WriteBufferWaterMark {
        let high = max(2, configuration.maximumWaitingBytes)
        return ChannelOptions.Types.WriteBufferWaterMark(low: high / 2, high: high)
    }

    /// Sets up a connection that a peer has opened, or turns it away.
    private func accept(_ channel: any Channel, _ configuration: ListenerConfiguration, _ tls: TLSContext?) throws {
        guard let remote = Endpoint(channel.remoteAddress) else { throw ChannelError.unknownLocalAddress }
        let fromThere = self.inboundBySource[remote.address, default: 0]
        guard !self.isClosed, self.connections.count < self.configuration.maximumConnections,
            fromThere < self.configuration.maximumConnectionsPerSource || self.isTrusted(remote.address)
        else {
            self.counters.connectionsRefused += 1
            throw ChannelError.ioOnClosedChannel
        }
        let connection = StreamConnection(
            self, number: self.nextConnectionNumber(), transport: configuration.transport, isInbound: true,
            local: Endpoint(channel.localAddress) ?? configuration.endpoint, remote: remote, now: self.now)
        let pipeline = channel.pipeline.syncOperations
        if let tls { try pipeline.addHandler(OpenSSLHandler(tls)) }
        if configuration.transport == .ws || configuration.transport == .wss {
            try self.addWebSocket(pipeline, connection, configuration)
        } else {
            try pipeline.addHandler(StreamHandler(connection, self))
        }
        self.counters.connectionsAccepted += 1
        self.inboundBySource[remote.address] = fromThere + 1
        self.connections[connection.number] = connection
        self.startSweeping()
    }

    // MARK: WebSocket

    private func addWebSocket(
        _ pipeline: ChannelPipeline.SynchronousOperations, _ connection: StreamConnection,
        _ configuration: ListenerConfiguration
    ) throws {
        let me = NIOLoopBound(self, eventLoop: self.loop)
        let bound = NIOLoopBound(connection, eventLoop: self.loop)
        let refusal = NIOLoopBound(WebSocketRefusalHandler(connection, self), eventLoop: self.loop)
        let maximum = self.configuration.wireLimits.maximumMessageBytes
        let upgrader = NIOWebSocketServerUpgrader(
            maxFrameSize: maximum, automaticErrorHandling: false,
            shouldUpgrade: { channel, head in
                channel.eventLoop.makeSucceededFuture(WebSocketOpening.answer(to: head, configuration))
            },
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(WebSocketHandler(bound.value, me.value))
                    let tls = try? pipeline.handler(type: OpenSSLHandler.self)
                    bound.value.opened(peer: tls?.peer)
                }
            })
        // The connection hears of its channel first and last, whatever handlers come and go behind.
        try pipeline.addHandler(WebSocketLifeHandler(connection))
        try pipeline.configureHTTPServerPipeline(
            withPipeliningAssistance: false,
            withServerUpgrade: (
                upgraders: [upgrader],
                completionHandler: { context in
                    context.pipeline.syncOperations.removeHandler(refusal.value, promise: nil)
                }
            ), withErrorHandling: true)
        try pipeline.addHandler(refusal.value)
    }
}

/// The opening handshake of RFC 6455 §4.2 as RFC 7118 §4 fixes it: the subprotocol is `sip`.
enum WebSocketOpening {
    /// The header fields of the answer; nil refuses.
    static func answer(to head: HTTPRequestHead, _ configuration: ListenerConfiguration) -> HTTPHeaders? {
        // RFC 6455 §4.2.1: a GET, and a key of 16 bytes.
        guard head.method == .GET, Self.isKey(head.headers.first(name: "sec-websocket-key") ?? "") else { return nil }
        let offered = head.headers[canonicalForm: "sec-websocket-protocol"]
        guard offered.contains(where: { $0.lowercased() == "sip" }) else { return nil }
        if let allowed = configuration.allowedWebSocketOrigins, let origin = head.headers.first(name: "origin"),
            !allowed.contains(origin)
        {
            return nil
        }
        return ["Sec-WebSocket-Protocol": "sip"]
    }

    /// Whether a text is 16 bytes in Base64: 22 characters and two signs that fill up.
    private static func isKey(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == 24, bytes.suffix(2).elementsEqual("==".utf8) else { return false }
        return bytes.prefix(22).allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
                true
            default: false
            }
        }
    }
}
