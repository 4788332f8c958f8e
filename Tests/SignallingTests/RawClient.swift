import Ground
import NIOCore
import NIOPosix
import NIOTLS
import SIPTransactions
import Testing

@testable import Signalling

/// The other end of a connection, as bare as it can be: bytes out, bytes in.
final class RawClient: Sendable {
    /// What happens on the connection.
    enum Item: Sendable { case bytes([UInt8]), secured, failed(String), ended }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let items: EventBuffer<Item>
        init(_ loop: any EventLoop) { self.items = EventBuffer(loop) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.items.append(.bytes([UInt8](self.unwrapInboundIn(data).readableBytesView)))
        }
        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case TLSUserEvent.handshakeCompleted = event { self.items.append(.secured) }
        }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { self.items.append(.failed("\(error)")) }
        func channelInactive(context: ChannelHandlerContext) { self.items.append(.ended) }
    }

    /// Sits below TLS and turns the last bit of each write.
    private final class Tamperer: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        let isActive: LockedBox<Bool>
        init(_ isActive: LockedBox<Bool>) { self.isActive = isActive }

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            var buffer = self.unwrapOutboundIn(data)
            let last = buffer.writerIndex - 1
            if self.isActive.with({ $0 }), last >= 0, let byte = buffer.getInteger(at: last, as: UInt8.self) {
                buffer.setInteger(byte ^ 1, at: last)
            }
            context.write(self.wrapOutboundOut(buffer), promise: promise)
        }
    }

    let channel: any Channel
    private let collector: NIOLoopBound<Collector>
    private let rest = SharedBytes()

    /// - Parameter tampers: turns a bit in what the client writes once it has been told to.
    init(
        _ endpoint: Endpoint, tls: TLSConfiguration? = nil, serverName: String? = nil, reads: Bool = true,
        tampers: LockedBox<Bool>? = nil
    ) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let context = try tls.map { try TLSContext($0, role: .client) }
        let collector = try await loop.submit { NIOLoopBound(Collector(loop), eventLoop: loop) }.get()
        self.collector = collector
        self.channel = try await ClientBootstrap(group: loop)
            .channelOption(.allowRemoteHalfClosure, value: false)
            .channelOption(.autoRead, value: reads)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tampers { try channel.pipeline.syncOperations.addHandler(Tamperer(tampers)) }
                    if let context {
                        try channel.pipeline.syncOperations.addHandler(OpenSSLHandler(context, serverName: serverName))
                    }
                    try channel.pipeline.syncOperations.addHandler(collector.value)
                }
            }
            .connect(to: endpoint.socketAddress()).get()
    }

    var local: Endpoint? { Endpoint(self.channel.localAddress) }

    func send(_ bytes: [UInt8]) async throws { try await self.channel.writeAndFlush(ByteBuffer(bytes: bytes)).get() }

    func item() async throws -> Item {
        let collector = self.collector
        return try await self.channel.eventLoop.flatSubmit { collector.value.items.next("bytes") }.get()
    }

    /// The next `count` bytes.
    func receive(_ count: Int) async throws -> [UInt8] {
        while true {
            if let bytes = self.rest.take(count) { return bytes }
            switch try await self.item() {
            case .bytes(let bytes): self.rest.append(bytes)
            case .secured: continue
            case .failed(let reason): throw Overdue(description: reason)
            case .ended: throw Overdue(description: "the connection ended")
            }
        }
    }

    /// All bytes up to and with a run of bytes.
    func receive(upTo end: String) async throws -> String {
        var bytes: [UInt8] = []
        while !bytes.suffix(end.utf8.count).elementsEqual(end.utf8) { bytes += try await self.receive(1) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Waits for the end of the connection; gives what was reported as wrong on the way.
    func end() async throws -> [String] {
        var reasons: [String] = []
        while true {
            switch try await self.item() {
            case .failed(let reason): reasons.append(reason)
            case .ended: return reasons
            case .bytes(let bytes): self.rest.append(bytes)
            case .secured: continue
            }
        }
    }

    func close() async throws { try await self.channel.close().get() }
}

/// Bytes that several tasks of one test share.
final class SharedBytes: Sendable {
    private let bytes = LockedBox([UInt8]())

    func append(_ more: [UInt8]) { self.bytes.with { $0 += more } }

    func take(_ count: Int) -> [UInt8]? {
        self.bytes.with { bytes in
            guard bytes.count >= count else { return nil }
            defer { bytes.removeFirst(count) }
            return Array(bytes.prefix(count))
        }
    }
}

/// A UDP socket without anything around it.
final class RawSocket: Sendable {
    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        let datagrams: EventBuffer<[UInt8]>
        init(_ loop: any EventLoop) { self.datagrams = EventBuffer(loop) }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.datagrams.append([UInt8](self.unwrapInboundIn(data).data.readableBytesView))
        }
    }

    let channel: any Channel
    private let collector: NIOLoopBound<Collector>

    init(_ address: String = "127.0.0.1") async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let collector = try await loop.submit { NIOLoopBound(Collector(loop), eventLoop: loop) }.get()
        self.collector = collector
        self.channel = try await DatagramBootstrap(group: loop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65536))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(collector.value)
                }
            }
            .bind(to: SocketAddress(ipAddress: address, port: 0)).get()
    }

    var local: Endpoint? { Endpoint(self.channel.localAddress) }

    func send(_ datagrams: [UInt8]..., to endpoint: Endpoint) async throws {
        let address = try endpoint.socketAddress()
        for bytes in datagrams {
            let envelope = AddressedEnvelope(remoteAddress: address, data: ByteBuffer(bytes: bytes))
            try await self.channel.writeAndFlush(envelope).get()
        }
    }

    func receive() async throws -> [UInt8] {
        let collector = self.collector
        return try await self.channel.eventLoop.flatSubmit { collector.value.datagrams.next("datagram") }.get()
    }

    func close() async throws { try await self.channel.close().get() }
}
