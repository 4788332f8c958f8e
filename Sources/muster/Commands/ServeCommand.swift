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
        let tracing = try Tracing(
            pcap: self.trace ?? settings.tracing.pcapFile,
            ladder: self.traceLadder ? "/dev/stdout" : settings.tracing.ladderFile)
        options.trace = tracing.sink
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
            tracing.flush()
            throw ExitCode(1)
        }
        tracing.flush()
    }
}

/// The trace files of a server. Unlike those of a client command they are written in large pieces.
struct Tracing: Sendable {
    private let pcap: PcapWriter?
    private let ladder: LadderWriter?

    /// - Parameters: paths; empty for none.
    init(pcap: String, ladder: String) throws(Fault) {
        self.pcap = pcap.isEmpty ? nil : try PcapWriter(path: pcap)
        self.ladder = ladder.isEmpty ? nil : try LadderWriter(path: ladder)
    }

    /// What the transports call with each message; nil where nothing is traced.
    var sink: TraceSink? {
        guard self.pcap != nil || self.ladder != nil else { return nil }
        let (pcap, ladder) = (self.pcap, self.ladder)
        return { bytes, flow, direction, at in
            let isSent = direction == .sent
            let message = TracedMessage(
                at: at, carrier: flow.transport == .udp ? .datagram : .stream,
                source: isSent ? flow.local : flow.remote, destination: isSent ? flow.remote : flow.local,
                bytes: bytes)
            pcap?.write(message)
            ladder?.write(message)
        }
    }

    func flush() { self.pcap?.flush() }
}
