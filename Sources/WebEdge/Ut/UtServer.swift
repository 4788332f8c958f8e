import Ground
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Telemetry
import XDMServer

/// The listener on the Ut reference point (TS 24.141 §6): HTTP/1.1 for the XCAP root.
///
/// It understands HTTP and nothing of XCAP: methods, targets and bodies go to the handler as they came (a body without
/// its gzip), and what the handler says goes back. It refuses by itself what is no request, what does not lie below the
/// root, and what is too large or too slow.
///
/// Everything happens on one event loop. Where that is the loop of the shard which keeps the documents, a request costs
/// no change of thread.
package final class UtServer: Service {
    /// Answers a request: called on the server's loop, it may call its second argument at once or later, on any
    /// thread, once. An answer after the first, and one after the client has gone, is dropped.
    package typealias Handler = @Sendable (UtRequest, @escaping @Sendable (UtResponse) -> Void) -> Void

    /// Where the server listens, whom it believes, and its bounds.
    package struct Configuration: Sendable {
        package var address: IPAddress
        /// 0 lets the system choose.
        package var port: UInt16
        /// The path of the XCAP root: empty, or with a slash at its start and none at its end.
        package var rootPath: String
        /// Names in Host that mean this server, beside addresses and `localhost`: that of the XCAP root as clients
        /// write it.
        package var hosts: [String] = []
        /// Peers whose word about identities counts (TS 33.222 §6.2, TS 24.109 §5.3).
        package var trustedProxies: [IPNetwork] = []
        package var limits = UtLimits()

        package init(address: IPAddress = .loopback, port: UInt16, rootPath: String = "/xcap") {
            precondition(
                rootPath.isEmpty || rootPath.hasPrefix("/") && !rootPath.hasSuffix("/"),
                "the path of the root begins with a slash and does not end in one")
            self.address = address
            self.port = port
            self.rootPath = rootPath
        }
    }

    private let configuration: Configuration
    private let port: ListeningPort?
    private let loop: any EventLoop
    private let logger: Logger
    private let onRunning: @Sendable (UInt16) -> Void
    private let handler: Handler
    private let listener: NIOLoopBoundBox<UtListener?>

    /// - Parameters:
    ///   - port: a port that was taken before, in place of the one of the configuration.
    ///   - loop: where everything happens.
    ///   - onRunning: called with the port when the server takes connections.
    package init(
        configuration: Configuration, on port: ListeningPort? = nil, loop: any EventLoop, logger: Logger,
        onRunning: @escaping @Sendable (UInt16) -> Void = { _ in }, handler: @escaping Handler
    ) {
        self.configuration = configuration
        self.port = port
        self.loop = loop
        self.logger = logger
        self.onRunning = onRunning
        self.handler = handler
        self.listener = NIOLoopBoundBox.makeEmptyBox(eventLoop: loop)
    }

    /// The same with a handler that waits for its answer.
    package convenience init(
        configuration: Configuration, on port: ListeningPort? = nil, loop: any EventLoop, logger: Logger,
        onRunning: @escaping @Sendable (UInt16) -> Void = { _ in },
        answer: @escaping @Sendable (UtRequest) async -> UtResponse
    ) {
        self.init(
            configuration: configuration, on: port, loop: loop, logger: logger, onRunning: onRunning,
            handler: { request, reply in Task { reply(await answer(request)) } })
    }

    /// Serves until a graceful shutdown is asked for (by the service group that runs it) or the task is cancelled; then
    /// what is being answered has a moment to end.
    ///
    /// - Throws: `Fault` with the code `web.port-unavailable` if the port cannot be opened.
    package func run() async throws {
        let channel = try await self.open()
        self.onRunning(UInt16(clamping: channel.localAddress?.port ?? 0))
        // Cancelled or told to stop, it is the same here.
        try? await gracefulShutdown()
        try? await channel.close()
        let box = self.listener
        try await self.loop.flatSubmit { [loop] in box.value?.drain() ?? loop.makeSucceededVoidFuture() }.get()
    }

    private func open() async throws -> any Channel {
        let (configuration, loop, logger, handler) = (self.configuration, self.loop, self.logger, self.handler)
        let box = self.listener
        try await loop.submit {
            box.value = UtListener(loop: loop, configuration: configuration, logger: logger, handler: handler)
        }.get()
        let bootstrap = ServerBootstrap(group: loop, childGroup: loop)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            // A client that ends its side after the request still gets its answer.
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try box.value?.admit(channel) }
            }
        let port =
            try self.port ?? ListeningPort(configuration.address, configuration.port, setting: "xcap.listen")
        guard let socket = port.take() else { preconditionFailure("a port is listened on once") }
        return try await bootstrap.withBoundSocket(socket).get()
    }

    /// What the server did so far.
    package func counters() async -> UtCounters {
        let box = self.listener
        let counters = try? await self.loop.submit { box.value?.counters }.get()
        return (counters ?? nil) ?? UtCounters()
    }

    /// Makes the server's figures part of a registry.
    package func register(in registry: MetricsRegistry) {
        registry.addCollector { await self.counters().families }
    }
}
