import ArgumentParser
import Foundation
import Ground
import Logging
import MusterNode
import SIPTransactions
import ServiceLifecycle
import Settings
import Signalling
import Telemetry

/// `muster serve`: a node in the foreground.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run the network functions that a configuration names.",
        discussion: """
            Without --config everything has its default: a presence service for home.test on 127.0.0.1:5060. \
            `muster example-config` prints all settings. SIGTERM and Control-C end it in order.
            """)

    @OptionGroup
    var options: ConfigurationOptions

    @Option(help: ArgumentHelp("Write every message to a capture file.", valueName: "file.pcap"))
    var trace: String?

    @Flag(help: "Print every message as a line of a ladder on standard output.")
    var traceLadder = false

    func run() async throws {
        let settings = try self.options.load().configuration
        let output = LogOutput(format: settings.logging.format == .json ? .json : .text)
        guard let level = Logger.Level(rawValue: settings.logging.level.rawValue) else {
            throw ValidationError("logging.level \(settings.logging.level.rawValue) is no level")
        }
        output.install(level: level)
        var log = Logger(label: "muster")
        log[metadataKey: "node"] = "\(settings.node.name)"

        var options = Node.Options()
        let trace = try MessageTrace(
            pcap: self.trace ?? settings.tracing.pcapFile,
            ladder: self.traceLadder ? "/dev/stdout" : settings.tracing.ladderFile, flushesEach: false)
        options.trace = trace.sink
        let service = NodeService(settings, options: options, log: log)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    ServiceGroupConfiguration.ServiceConfiguration(
                        service: service, successTerminationBehavior: .gracefullyShutdownGroup)
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: log))
        do {
            try await group.run()
        } catch let fault as Fault {
            log.critical("\(fault)")
            trace.flush()
            throw ExitCode(1)
        }
        trace.flush()
    }
}
