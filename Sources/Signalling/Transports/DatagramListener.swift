import Glibc
import Ground
import NIOCore
import NIOPosix
import SIPTransactions
import SIPWire

/// One UDP socket. NIO says when it can be read and reads the first datagram; the rest of what has arrived is taken
/// many at a time, and all of it is one turn.
final class DatagramListener: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    let configuration: ListenerConfiguration
    private(set) var local: Endpoint
    private var transports: SIPTransports?
    private(set) var channel: (any Channel)?
    private var socket: Int32 = -1
    private let input = DatagramInput()
    private var output = DatagramOutput()
    private var turn: [Arrival] = []
    private var isRetrying = false

    init(_ transports: SIPTransports, _ configuration: ListenerConfiguration) {
        self.transports = transports
        self.configuration = configuration
        self.local = configuration.endpoint
        self.turn.reserveCapacity(Limits.datagramsPerCall + 1)
    }

    // MARK: Life

    func channelActive(context: ChannelHandlerContext) {
        self.channel = context.channel
        self.local = Endpoint(context.channel.localAddress) ?? self.configuration.endpoint
        let handle = try? context.channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { $0 }
        self.socket = handle ?? -1
        self.enlargeBuffers()
        context.fireChannelActive()
    }

    /// Asks the kernel for large buffers: past its own limit where we may (CAP_NET_ADMIN), else as much as it grants.
    private func enlargeBuffers() {
        guard self.socket >= 0, let configuration = self.transports?.configuration else { return }
        var bytes = Int32(clamping: configuration.datagramBufferBytes)
        let size = socklen_t(MemoryLayout<Int32>.size)
        for (forced, asked) in [(SO_RCVBUFFORCE, SO_RCVBUF), (SO_SNDBUFFORCE, SO_SNDBUF)]
        where setsockopt(self.socket, SOL_SOCKET, forced, &bytes, size) != 0 {
            _ = setsockopt(self.socket, SOL_SOCKET, asked, &bytes, size)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.socket = -1
        self.channel = nil
        self.transports?.datagramListenerEnded(self)
        context.fireChannelInactive()
    }

    /// Closes the socket for good.
    func close() -> EventLoopFuture<Void>? {
        self.transports = nil
        return self.channel?.close()
    }

    // MARK: Receiving

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = self.unwrapInboundIn(data)
        guard let transports = self.transports, let remote = Endpoint(envelope.remoteAddress) else { return }
        envelope.data.withUnsafeReadableBytes { self.take($0, remote, transports) }
    }

    /// Reads until nothing is left, so that a busy shard has the largest turns there can be, but not for longer than
    /// ``Limits/longestReading``: others wait for this loop too.
    func channelReadComplete(context: ChannelHandlerContext) {
        guard let transports = self.transports, self.socket >= 0 else { return }
        let end = transports.now + Limits.longestReading
        var hasArrivals = false
        var isMore = true
        while isMore {
            transports.counters.datagramReads += 1
            let count = self.input.receive(self.socket) { datagram, remote in self.take(datagram, remote, transports) }
            if !self.turn.isEmpty {
                hasArrivals = true
                self.deliver(to: transports)
            }
            // A receiver may close the socket. A short read says that there was no more a moment ago; what came since
            // is worth another look, because its sender had all the time that the receiver took.
            isMore = count > 0 && self.socket >= 0 && transports.now < end
        }
        if hasArrivals {
            transports.receiver?.arrivalsEnded()
        } else {
            // STUN answers need a flush although they make no turn.
            self.flush()
        }
    }

    private func deliver(to transports: SIPTransports) {
        // Taken out and put back, so that the next read finds its memory: a copy would make it anew each time.
        var turn: [Arrival] = []
        swap(&turn, &self.turn)
        transports.receiver?.arrived(turn)
        turn.removeAll(keepingCapacity: true)
        if self.turn.isEmpty { swap(&turn, &self.turn) }
    }

    private func take(_ datagram: UnsafeRawBufferPointer, _ remote: Endpoint, _ transports: SIPTransports) {
        transports.counters.datagramsReceived += 1
        let isTrusted = transports.isTrusted(remote.address)
        guard isTrusted || transports.floodAllows(remote.address) else { return }
        let flow = Flow(transport: .udp, local: self.local, remote: remote)
        guard let lead = datagram.first, lead >= 4, lead != 0x0D, lead != 0x0A else {
            self.takeKeepAlive(datagram, flow, transports)
            return
        }
        let bytes = [UInt8](datagram)
        transports.traced(bytes, flow, .received)
        self.turn.append(
            Arrival(bytes: bytes, origin: Origin(flow: flow, isTrusted: isTrusted), framing: .datagram))
    }

    /// Empty datagrams, CRLF and STUN keep an address translator's binding alive (RFC 5626 §4.4.2). A datagram that
    /// begins with an empty line may still hold a message (RFC 3261 §7.5).
    private func takeKeepAlive(_ datagram: UnsafeRawBufferPointer, _ flow: Flow, _ transports: SIPTransports) {
        if let start = datagram.firstIndex(where: { $0 != 0x0D && $0 != 0x0A }), datagram[start] >= 4 {
            let bytes = [UInt8](datagram[start...])
            transports.traced(bytes, flow, .received)
            let isTrusted = transports.isTrusted(flow.remote.address)
            self.turn.append(
                Arrival(bytes: bytes, origin: Origin(flow: flow, isTrusted: isTrusted), framing: .datagram))
            return
        }
        transports.counters.keepAlivesReceived += 1
        if let answer = BindingResponse.answer(to: datagram, from: flow.remote) {
            transports.counters.keepAlivesAnswered += 1
            self.send(answer, to: flow.remote, path: .flow(flow))
        }
    }

    // MARK: Sending

    /// Queues a datagram for the next flush.
    func send(_ bytes: [UInt8], to remote: Endpoint, path: Path) {
        guard let transports = self.transports else { return }
        guard self.socket >= 0, bytes.count <= Limits.maximumDatagramBytes, remote.port != 0,
            remote.address.isIPv6 == self.local.address.isIPv6
        else {
            transports.failed(bytes, path)
            return
        }
        if self.output.append(bytes, to: remote, path: path) { return }
        if !self.isRetrying { self.flush() }
        if !self.output.append(bytes, to: remote, path: path) {
            transports.counters.datagramsDropped += 1
            transports.failed(bytes, path)
        }
    }

    /// Hands the kernel what was queued.
    func flush() {
        guard let transports = self.transports, self.socket >= 0, !self.output.isEmpty, !self.isRetrying else { return }
        let outcome = self.output.flush(self.socket)
        transports.counters.datagramsSent += UInt64(outcome.sent)
        transports.counters.datagramWrites += UInt64(outcome.calls)
        for (bytes, path) in outcome.refused {
            transports.counters.datagramsRefused += 1
            transports.failed(bytes, path)
        }
        if outcome.isBlocked { self.retryLater() }
    }

    /// The kernel's buffer is full. It empties within a millisecond on any network that works.
    private func retryLater() {
        guard let channel = self.channel else { return }
        self.isRetrying = true
        channel.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(1)) {
            self.isRetrying = false
            self.flush()
        }
    }
}
