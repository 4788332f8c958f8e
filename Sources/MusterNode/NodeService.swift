import Ground
import Logging
import ServiceLifecycle
import Settings
import Telemetry
import WebEdge

/// A node with its administration port, from the start to the signal that ends it.
package struct NodeService: Service {
    private let settings: NodeConfiguration
    private let options: Node.Options
    private let log: Logger

    package init(_ settings: NodeConfiguration, options: Node.Options, log: Logger) {
        self.settings = settings
        self.options = options
        self.log = log
    }

    /// Runs until it is told to stop or cannot go on.
    ///
    /// - Throws: the fault that is in the way at the start, or that ended the node.
    package func run() async throws {
        var settings = self.settings
        // The XCAP root stands in documents, so its port has to be known before there is a node.
        let port = try Self.documentPort(settings)
        if let port { settings.xcap.portChosen(port.endpoint.port) }
        let node = try await Node.start(settings, options: self.options, log: self.log)
        do {
            try await self.serve(node, documentsOn: port)
        } catch {
            await node.stop()
            throw error
        }
        await node.stop()
    }

    private static func documentPort(_ settings: NodeConfiguration) throws(Fault) -> ListeningPort? {
        guard let listener = ConfigurationMapping(settings: settings).utListener() else { return nil }
        return try ListeningPort(listener.address, listener.port, setting: "xcap.listen")
    }

    private func serve(_ node: Node, documentsOn port: ListeningPort?) async throws {
        let registry = MetricsRegistry()
        NodeMetrics(node).register(in: registry)
        // On the loop of the shard, so that a request changes no thread.
        let ut = ConfigurationMapping(settings: node.settings).utListener().map { configuration in
            UtServer(
                configuration: configuration, on: port, loop: node.loop, logger: self.log,
                onRunning: { [log, root = node.settings.xcap.rootURI] _ in
                    log.info("documents", metadata: ["root": "\(root)"])
                },
                handler: { request, reply in node.utRequest(request, reply) })
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await cancelWhenGracefulShutdown { try await node.run() } }
            if self.settings.administration.enabled {
                let server = AdministrationServer(
                    configuration: AdministrationServer.Configuration(
                        address: self.settings.administration.address, port: self.settings.administration.port),
                    registry: registry,
                    readiness: { node.isReady ? nil : "the storage is lost; the node is ending" },
                    routes: NodeAdministration(node).routes,
                    logger: self.log)
                group.addTask { try await server.run() }
            }
            if let ut {
                ut.register(in: registry)
                group.addTask { try await ut.run() }
            }
            // All end by the graceful shutdown of their service group. A fault of one, such as a port in use, is
            // thrown here and cancels the others.
            try await group.waitForAll()
        }
    }
}
