import Ground
import NIOCore
import NIOWebSocket
import SIPTransactions
import SIPWire

/// What a connection is known by when it is looked for: RFC 3261 §18 sends on the one that exists to the same
/// transport, address and port; over TLS only if it was made, or proven, for the same name (RFC 5922 §7.3).
struct ConnectionKey: Hashable {
    let transport: Transport
    let endpoint: Endpoint
    let serverName: String?

    init(_ hop: Hop) {
        self.transport = hop.transport
        self.endpoint = hop.endpoint
        self.serverName = hop.transport.isSecure ? hop.serverName?.lowercased() : nil
    }
}

/// One connection: TCP, TLS, WebSocket or secure WebSocket, opened by the peer or by us.
///
/// ```
/// connecting ─socket connected─▸ securing ─handshakes done─▸ open ─peer closed its half─▸ draining ─▸ closed
///      └────────── refused, timed out ──┴──────── broken, idle, slow, stalled, told to ────────┴──────▸
/// ```
final class StreamConnection {
    /// Where the connection stands; times are when the state began.
    enum State {
        case connecting(Instant)
        case securing(Instant)
        case open
        case draining(Instant)
        case closed
    }

    let number: UInt64
    let transport: Transport
    let isInbound: Bool
    private(set) var state: State
    private(set) var flow: Flow
    private(set) var origin: Origin
    /// Under which keys others find this connection.
    var keys: [ConnectionKey] = []
    /// Whether the first message of the peer is still to come, which may ask for connection reuse (RFC 5923).
    var mayBeAliased: Bool
    /// Whether the connection has ever been able to carry messages.
    private(set) var wasOpened = false
    private unowned let transports: SIPTransports
    private var channel: (any Channel)?
    private var framer: StreamFramer

    // Output.
    private var queue: [(bytes: [UInt8], path: Path)] = []
    private var queuedBytes = 0
    private var output = ByteBuffer()
    private var isDirty = false

    // What the sweep looks at.
    private var lastMovement: Instant
    private var unfinishedSince: Instant?
    private var unwritableSince: Instant?
    private var isPaused = false
    private var hasDelivered = false

    init(
        _ transports: SIPTransports, number: UInt64, transport: Transport, isInbound: Bool, local: Endpoint,
        remote: Endpoint, now: Instant
    ) {
        self.transports = transports
        self.number = number
        self.transport = transport
        self.isInbound = isInbound
        self.mayBeAliased = isInbound
        self.flow = Flow(transport: transport, local: local, remote: remote, connection: number)
        self.origin = Origin(flow: self.flow, isTrusted: transports.isTrusted(remote.address))
        self.state = .connecting(now)
        self.lastMovement = now
        self.framer = StreamFramer(
            side: isInbound ? .accepting : .connecting, limits: transports.configuration.wireLimits)
    }

    /// Whether new requests may go out here.
    var isUsable: Bool {
        switch self.state {
        case .connecting, .securing, .open: true
        case .draining, .closed: false
        }
    }

    // MARK: Life

    /// The socket is connected. What follows is a handshake, or nothing on plain TCP.
    func connected(_ channel: any Channel) {
        self.channel = channel
        let local = Endpoint(channel.localAddress) ?? self.flow.local
        let remote = Endpoint(channel.remoteAddress) ?? self.flow.remote
        self.flow = Flow(transport: self.transport, local: local, remote: remote, connection: self.number)
        self.origin.flow = self.flow
        self.state = .securing(self.transports.now)
        if self.transport == .tcp { self.opened(peer: nil) }
    }

    /// The handshakes are over: messages may flow.
    func opened(peer: PeerCertificate?) {
        guard case .securing = self.state else { return }
        self.state = .open
        self.wasOpened = true
        let now = self.transports.now
        self.lastMovement = now
        self.unfinishedSince = self.isInbound ? now : nil
        if let peer {
            self.origin.certificateIdentities = peer.identities
            if !self.transports.configuration.trustedIdentities.isDisjoint(with: peer.domainIdentities) {
                self.origin.isTrusted = true
            }
        }
        self.transports.connectionOpened(self)
        let queue = self.queue
        self.queue.removeAll()
        self.queuedBytes = 0
        for (bytes, path) in queue { self.send(bytes, path) }
        self.flush()
    }

    /// The channel is gone. Everything that still waited has failed.
    func ended() {
        if case .closed = self.state { return }
        self.state = .closed
        self.channel = nil
        let queue = self.queue
        self.queue.removeAll()
        for (bytes, path) in queue { self.transports.failed(bytes, path) }
        self.transports.connectionEnded(self)
    }

    /// Ends the connection from our side.
    func close() {
        if let channel = self.channel {
            self.flush()
            channel.close(promise: nil)
        } else {
            self.ended()
        }
    }

    /// The peer has closed its direction. Answers on their way may still reach it for a moment.
    func inputClosed() {
        guard case .open = self.state else {
            self.close()
            return
        }
        self.state = .draining(self.transports.now)
        self.transports.connectionDraining(self)
    }

    /// Writability of the channel changed.
    func writabilityChanged(_ isWritable: Bool) {
        self.unwritableSince = isWritable ? nil : (self.unwritableSince ?? self.transports.now)
    }

    // MARK: Receiving

    /// Bytes of a TCP or TLS stream.
    func received(_ bytes: UnsafeRawBufferPointer) {
        guard case .open = self.state else { return }
        self.lastMovement = self.transports.now
        self.framer.append(bytes)
        self.takeMessages()
    }

    /// One WebSocket message (RFC 7118 §5).
    func received(frame bytes: [UInt8]) {
        let now = self.transports.now
        self.lastMovement = now
        guard let lead = bytes.firstIndex(where: { $0 != 0x0D && $0 != 0x0A }) else {
            // RFC 7118 §6: keep-alive by CRLF also on WebSocket.
            self.keepAlive(bytes)
            return
        }
        guard self.origin.isTrusted || self.transports.floodAllows(self.flow.remote.address) else { return }
        self.deliver(lead == 0 ? bytes : [UInt8](bytes[lead...]), framing: .datagram)
    }

    private func keepAlive(_ bytes: [UInt8]) {
        self.transports.counters.keepAlivesReceived += 1
        if bytes == [0x0D, 0x0A, 0x0D, 0x0A] {
            self.transports.counters.keepAlivesAnswered += 1
            self.write([0x0D, 0x0A])
        } else if bytes == [0x0D, 0x0A] {
            self.transports.receiver?.keepAliveAnswered(self.flow)
        }
    }

    private func takeMessages() {
        let mayFlood = self.origin.isTrusted
        do {
            while case .open = self.state {
                guard mayFlood || self.transports.floodWouldAllow(self.flow.remote.address) else {
                    self.pause()
                    return
                }
                guard let item = try self.framer.next() else { break }
                switch item {
                case .message(let bytes):
                    if !mayFlood { _ = self.transports.floodAllows(self.flow.remote.address) }
                    self.deliver(bytes, framing: .stream)
                case .ping:
                    if !mayFlood { _ = self.transports.floodAllows(self.flow.remote.address) }
                    self.keepAlive([0x0D, 0x0A, 0x0D, 0x0A])
                case .pong:
                    self.keepAlive([0x0D, 0x0A])
                }
            }
        } catch {
            self.framingFailed(error)
            return
        }
        if self.framer.bufferedBytes == 0 {
            if self.hasDelivered { self.unfinishedSince = nil }
        } else if self.unfinishedSince == nil {
            self.unfinishedSince = self.transports.now
        }
    }

    private func deliver(_ bytes: [UInt8], framing: Framing) {
        self.hasDelivered = true
        self.unfinishedSince = nil
        self.transports.counters.streamMessagesReceived += 1
        self.transports.traced(bytes, self.flow, .received)
        if self.mayBeAliased { self.transports.considerAlias(self, bytes) }
        self.transports.queueArrival(Arrival(bytes: bytes, origin: self.origin, framing: framing))
    }

    /// Too many messages: the peer waits, by its own window, until the bound lets it go on.
    private func pause() {
        guard !self.isPaused else { return }
        self.isPaused = true
        self.transports.counters.flooded += 1
        self.setAutoRead(false)
    }

    private func setAutoRead(_ value: Bool) {
        // On its loop an open channel takes the option at once; one that does not is closing anyway.
        self.channel?.setOption(.autoRead, value: value).assumeIsolated().whenFailure { _ in self.close() }
    }

    private func framingFailed(_ fault: ParseFault) {
        if fault.status == 413 {
            self.transports.counters.oversized += 1
        } else {
            self.transports.counters.framingFaults += 1
        }
        self.transports.deliverTurn()
        self.transports.receiver?.framingFailed(fault, head: self.framer.faultyHead ?? [], self.origin)
        // Answers that the shell gives now still go out. What comes is read and thrown away: closing a socket with
        // unread bytes would take back the answer too (RFC 2525 §2.17).
        self.state = .draining(self.transports.now)
        self.transports.connectionDraining(self)
    }

    /// A message over the bound came on WebSocket.
    func countOversized() { self.transports.counters.oversized += 1 }

    /// A message on WebSocket has begun but not ended.
    func messageUnfinished() {
        self.lastMovement = self.transports.now
        if self.unfinishedSince == nil { self.unfinishedSince = self.transports.now }
    }

    // MARK: Sending

    /// Queues a message; it leaves with the next ``flush()``.
    func send(_ bytes: [UInt8], _ path: Path) {
        switch self.state {
        case .connecting, .securing:
            let configuration = self.transports.configuration
            guard self.queue.count < configuration.maximumWaitingMessages,
                self.queuedBytes + bytes.count <= configuration.maximumWaitingBytes
            else {
                self.transports.failed(bytes, path)
                return
            }
            self.queue.append((bytes, path))
            self.queuedBytes += bytes.count
        case .open, .draining:
            guard self.channel?.isWritable == true,
                self.output.readableBytes + bytes.count <= self.transports.configuration.maximumWaitingBytes
            else {
                self.transports.failed(bytes, path)
                return
            }
            self.transports.counters.streamMessagesSent += 1
            self.transports.traced(bytes, self.flow, .sent)
            self.write(bytes)
        case .closed:
            self.transports.failed(bytes, path)
        }
    }

    private func write(_ bytes: [UInt8]) {
        guard let channel = self.channel else { return }
        if self.transport == .ws || self.transport == .wss {
            // RFC 7118 §5: one message a frame. Text where it can be text, so that browsers get a string.
            let isText = String(validating: bytes, as: UTF8.self) != nil
            let frame = WebSocketFrame(
                fin: true, opcode: isText ? .text : .binary, data: ByteBuffer(bytes: bytes))
            channel.pipeline.syncOperations.write(NIOAny(frame), promise: nil)
        } else {
            self.output.writeBytes(bytes)
        }
        if !self.isDirty {
            self.isDirty = true
            self.transports.markDirty(self)
        }
    }

    /// Gives the channel what was queued.
    func flush() {
        guard self.isDirty, let channel = self.channel else { return }
        self.isDirty = false
        self.lastMovement = self.transports.now
        if self.output.readableBytes > 0 {
            let output = self.output
            self.output = ByteBuffer()
            channel.pipeline.syncOperations.writeAndFlush(NIOAny(output), promise: nil)
        } else {
            channel.flush()
        }
    }

    // MARK: Bounds of time

    /// Looks whether the connection has used up some time that it may take.
    func sweep(at now: Instant) {
        let configuration = self.transports.configuration
        switch self.state {
        case .connecting:
            break  // NIO's own connect time-out reports the failure.
        case .securing(let since):
            if now - since > configuration.handshakeTimeout {
                self.transports.counters.slowClosed += 1
                self.close()
            }
        case .draining(let since):
            if now - since > configuration.halfCloseLinger { self.close() }
        case .open:
            if let since = self.unwritableSince, now - since > configuration.stallTimeout {
                self.transports.counters.stalledClosed += 1
                self.close()
            } else if let since = self.unfinishedSince, !self.isPaused, now - since > configuration.messageTimeout {
                self.transports.counters.slowClosed += 1
                self.close()
            } else if now - self.lastMovement > configuration.idleTimeout {
                self.transports.counters.idleClosed += 1
                self.close()
            } else if self.isPaused {
                self.resume()
            }
        case .closed:
            break
        }
    }

    private func resume() {
        guard self.transports.floodWouldAllow(self.flow.remote.address) else { return }
        self.isPaused = false
        self.takeMessages()
        self.transports.deliverTurn()
        if !self.isPaused { self.setAutoRead(true) }
    }
}
