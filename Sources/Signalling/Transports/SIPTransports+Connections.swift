import Ground
import NIOCore
import NIOPosix
import SIPTransactions
import SIPWire

extension SIPTransports {
    /// The connection to a hop; opens one if there is none. Nil where none can be opened.
    func connection(to hop: Hop) -> StreamConnection? {
        let key = ConnectionKey(hop)
        if let existing = self.connectionsByKey[key], existing.isUsable { return existing }
        // RFC 7118 §5: a WebSocket client cannot be connected to; it is reached by its own connection or not at all.
        guard hop.transport == .tcp || hop.transport == .tls, !self.isClosed, hop.endpoint.port != 0,
            self.connections.count < self.configuration.maximumConnections,
            let address = try? hop.endpoint.socketAddress()
        else { return nil }
        var handler: OpenSSLHandler?
        if hop.transport == .tls {
            let name = hop.serverName ?? hop.endpoint.address.description
            guard let context = self.clientContext, let tls = try? OpenSSLHandler(context, serverName: name) else {
                return nil
            }
            handler = tls
        }
        let connection = StreamConnection(
            self, number: self.nextConnectionNumber(), transport: hop.transport, isInbound: false,
            local: Endpoint(hop.endpoint.address.isIPv6 ? IPAddress(ipv6High: 0, low: 0) : IPAddress(ipv4: 0), 0),
            remote: hop.endpoint, now: self.now)
        connection.keys = [key]
        self.connections[connection.number] = connection
        self.connectionsByKey[key] = connection
        self.startSweeping()
        self.connect(connection, to: address, handler)
        return connection
    }

    private func connect(_ connection: StreamConnection, to address: SocketAddress, _ tls: OpenSSLHandler?) {
        let me = NIOLoopBound(self, eventLoop: self.loop)
        let bound = NIOLoopBound(connection, eventLoop: self.loop)
        let handler = NIOLoopBound(tls, eventLoop: self.loop)
        ClientBootstrap(group: self.loop)
            .connectTimeout(.nanoseconds(max(1_000_000, self.configuration.connectTimeout.wholeNanoseconds)))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.allowRemoteHalfClosure, value: tls == nil)
            .channelOption(.writeBufferWaterMark, value: Self.waterMark(self.configuration))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls = handler.value { try channel.pipeline.syncOperations.addHandler(tls) }
                    try channel.pipeline.syncOperations.addHandler(StreamHandler(bound.value, me.value))
                }
            }
            .connect(to: address).whenFailure { _ in bound.value.ended() }
    }

    /// A connection may carry messages now.
    func connectionOpened(_ connection: StreamConnection) {
        if !connection.isInbound { self.counters.connectionsOpened += 1 }
    }

    /// A connection takes no new requests any more.
    func connectionDraining(_ connection: StreamConnection) { self.forgetKeys(of: connection) }

    /// A connection is gone.
    func connectionEnded(_ connection: StreamConnection) {
        self.forgetKeys(of: connection)
        guard self.connections.removeValue(forKey: connection.number) != nil else { return }
        if connection.isInbound {
            let source = connection.flow.remote.address
            let left = self.inboundBySource[source, default: 1] - 1
            self.inboundBySource[source] = left > 0 ? left : nil
        }
        if connection.wasOpened {
            self.counters.connectionsClosed += 1
            self.receiver?.connectionClosed(connection.flow)
        } else {
            self.counters.connectionsFailed += 1
        }
    }

    private func forgetKeys(of connection: StreamConnection) {
        for key in connection.keys where self.connectionsByKey[key] === connection {
            self.connectionsByKey[key] = nil
        }
    }

    /// A handler reported an error; its channel closes.
    func connectionBroke(_ connection: StreamConnection, _ error: any Error) {
        if !connection.wasOpened { self.counters.handshakesFailed += 1 }
    }

    // MARK: RFC 5923

    /// Looks, in the first message on a connection that a peer has opened, for its wish to get requests on it too.
    ///
    /// RFC 5923 §9.1: over TLS only for names that the certificate proves, since otherwise anybody could draw
    /// another's requests to himself; the endpoint is the peer's address with the port of its Via.
    func considerAlias(_ connection: StreamConnection, _ bytes: [UInt8]) {
        guard connection.mayBeAliased else { return }
        connection.mayBeAliased = false
        let remote = connection.flow.remote
        let identities = connection.transport == .tls ? connection.origin.certificateIdentities : []
        switch connection.transport {
        case .tls:
            guard !identities.isEmpty else { return }
        case .tcp:
            guard self.configuration.aliasPolicy == .trustedNetworks, self.isTrusted(remote.address) else { return }
        case .udp, .ws, .wss:
            return
        }
        guard let message = try? SIPMessage.parse(bytes, framing: .stream, limits: self.configuration.wireLimits),
            message.isRequest, let via = try? message.topVia(), via.parameters.contains("alias")
        else { return }
        let endpoint = Endpoint(remote.address, via.port ?? connection.transport.defaultPort)
        let names: [String?] = connection.transport == .tls ? identities.map { $0 } : [nil]
        for name in names {
            let key = ConnectionKey(Hop(transport: connection.transport, endpoint: endpoint, serverName: name))
            if let existing = self.connectionsByKey[key], existing.isUsable { continue }
            self.connectionsByKey[key] = connection
            connection.keys.append(key)
        }
        self.counters.aliasesRegistered += 1
    }
}
