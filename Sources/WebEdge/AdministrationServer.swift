import Ground
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
import Telemetry

/// The administration port: health, metrics, and whatever routes the node registers.
///
/// - `GET /health/live`: 200 while the process runs.
/// - `GET /health/ready`: 200 while it serves, 503 with the reason before and after.
/// - `GET /metrics`: Prometheus text.
/// - `/api/…`: the routes of the node.
///
/// The port has no passwords; it belongs on loopback. Web pages that a browser on this machine happens to show are kept
/// out: a request has to name the server by address (or `localhost`), and one that changes something may not come from
/// another origin.
package struct AdministrationServer: Service {
    /// Where the server listens, and its bounds.
    package struct Configuration: Hashable, Sendable {
        package var address: IPAddress
        /// 0 lets the system choose.
        package var port: UInt16
        package var limits = AdministrationLimits()

        package init(address: IPAddress = .loopback, port: UInt16) {
            self.address = address
            self.port = port
        }
    }

    private let configuration: Configuration
    private let gate: AdministrationGate
    private let logger: Logger
    private let onRunning: @Sendable (UInt16) -> Void

    /// - Parameters:
    ///   - readiness: asked for each `GET /health/ready`: nil while everything serves, otherwise why not.
    ///   - onRunning: called with the port when the server takes connections.
    package init(
        configuration: Configuration, registry: MetricsRegistry,
        readiness: @escaping @Sendable () async -> String?, routes: [AdministrationRoute] = [], logger: Logger,
        onRunning: @escaping @Sendable (UInt16) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.logger = logger
        self.onRunning = onRunning
        let own = [
            AdministrationRoute(.get, "/health/live") { _ in .text("live") },
            AdministrationRoute(.get, "/health/ready") { _ in
                guard let reason = await readiness() else { return .text("ready") }
                return .text(reason, status: 503)
            },
            AdministrationRoute(.get, "/metrics") { _ in
                AdministrationResponse(
                    status: 200, contentType: PrometheusText.contentType, body: Array(await registry.exposition().utf8))
            },
        ]
        self.gate = AdministrationGate(routes: own + routes, limits: configuration.limits)
    }

    /// Serves until a graceful shutdown is asked for (by the service group that runs it) or the task is cancelled.
    /// - Throws: `Fault` with the code `web.port-unavailable` if the port cannot be opened.
    package func run() async throws {
        let limits = self.configuration.limits
        let running = self.onRunning
        let opened = Mutex(false)
        let application = Application(
            responder: self.gate,
            server: .http1(configuration: .init(idleTimeout: .seconds(limits.idleSeconds))),
            configuration: ApplicationConfiguration(
                address: .hostname(self.configuration.address.description, port: Int(self.configuration.port)),
                serverName: nil,
                availableConnectionsDelegate: MaximumAvailableConnections(limits.connections)),
            onServerRunning: { channel in
                opened.withLock { $0 = true }
                running(UInt16(clamping: channel.localAddress?.port ?? 0))
            },
            logger: self.logger)
        do {
            try await application.run()
        } catch let error as IOError where !opened.withLock({ $0 }) {
            throw Fault(
                code: "web.port-unavailable",
                reason: "The administration port \(self.configuration.address.hostText):\(self.configuration.port) "
                    + "cannot be opened: \(error). Choose another with administration.port.")
        }
    }
}
