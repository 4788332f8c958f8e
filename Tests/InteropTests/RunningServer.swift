import Foundation
import Ground
import Testing

/// A Muster node as an operator runs it: `muster serve` in a process of its own, with a folder of its own.
final class RunningServer {
    let folder: Folder
    /// Where it listens, in the order of the configuration.
    private(set) var endpoints: [Endpoint] = []
    private var process: Process?
    private let arguments: [String]

    /// The configuration of a laboratory: no passwords, From counts as identity, everybody may watch everybody.
    static func laboratory(listen: [String] = ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"], more: String = "") -> String {
        """
        node:
          domains: [bench.test]
        sip:
          listen: [\(listen.map { "\"\($0)\"" }.joined(separator: ", "))]
          trusted-loopback: true
        presence:
          default-handling: allow
          anonymous-handling: allow
          known-users: any
          notification-interval: 0s
          from-stands-in-for-identity: true
          publish-expires:
            minimum: 2s
          subscribe-expires:
            minimum: 2s
        registrar:
          challenge: false
        administration:
          enabled: false
        flood:
          messages-per-second: 0
        \(more)
        """
    }

    /// Starts a node and waits until it says that it is ready.
    init(configuration: String, folder: Folder? = nil, arguments: [String] = []) throws {
        self.folder = try folder ?? Folder()
        let file = try self.folder.write(configuration, as: "muster.yaml")
        self.arguments = ["serve", "--config", file, "--data", self.folder.path("data")] + arguments
        try self.start()
    }

    deinit { self.process?.terminate() }

    func start() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Tool.muster)
        process.arguments = self.arguments
        let pipe = Pipe()
        process.standardError = pipe
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        self.process = process
        self.endpoints = try Self.awaitReady(pipe.fileHandleForReading)
        // Whatever else it says must not fill the pipe.
        pipe.fileHandleForReading.readabilityHandler = { _ = $0.availableData }
    }

    /// Reads the log up to the line that says `ready`, which names the addresses.
    private static func awaitReady(_ handle: FileHandle) throws -> [Endpoint] {
        var text = ""
        while true {
            let data = handle.availableData
            if data.isEmpty { break }
            text += String(decoding: data, as: UTF8.self)
            for line in text.split(separator: "\n") where line.contains("ready") && line.contains("listen") {
                return line.split { " \"=".contains($0) }.compactMap { word in
                    let parts = word.split(separator: ":", maxSplits: 1)
                    return parts.count == 2 ? Endpoint(parts[1]) : nil
                }
            }
        }
        Issue.record("the node did not become ready: \(text)")
        return []
    }

    /// Ends the node as an operator does.
    func stop() {
        self.process?.terminate()
        self.process?.waitUntilExit()
        self.process = nil
    }

    /// Ends the node as a power failure does.
    func kill() {
        if let process { Foundation.kill(process.processIdentifier, SIGKILL) }
        self.process?.waitUntilExit()
        self.process = nil
    }

    var udp: String { self.endpoints.first.map { "\($0)" } ?? "" }
    var tcp: String { self.endpoints.dropFirst().first.map { "\($0)" } ?? "" }
}
