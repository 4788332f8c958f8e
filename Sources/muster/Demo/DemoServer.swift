import Foundation
import Glibc
import Ground
import MusterNode
import SCSCF
import Settings
import SIPWire
import Signalling
import WebEdge

/// The server of the demonstration: `muster serve` in a process of its own, so that it can be killed.
final class DemoServer {
    let domain = "home.test"
    let folder: URL
    let endpoint: Endpoint
    /// Where documents are served.
    let documents: HTTPAddress
    /// The administration port.
    let administration: HTTPAddress
    private var process: Process?

    /// Makes a folder with a configuration and subscribers.
    init(passwords: [String: Redacted<String>]) throws {
        self.folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("muster-demo-\(ProcessInfo.processInfo.processIdentifier)")
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        self.endpoint = Endpoint(.loopback, Self.freePort(preferred: 5060, SOCK_DGRAM))
        self.documents = try HTTPAddress("http://127.0.0.1:\(Self.freePort(preferred: 8070, SOCK_STREAM))/xcap")
        self.administration = try HTTPAddress("http://127.0.0.1:\(Self.freePort(preferred: 8091, SOCK_STREAM))")
        try self.configurationText.write(to: self.file("muster.yaml"), atomically: true, encoding: .utf8)
        let settings = try LoadedConfiguration.read(file: ("muster.yaml", self.configurationText)).configuration
        let store = try NodeStorage.open(settings, directory: self.file("data").path, role: .administration)
        defer { store.close() }
        for (name, password) in passwords {
            try store.putSubscriber(
                SubscriberRecord(
                    identity: Array("sip:\(name)@\(self.domain)".utf8), digestUser: name, realm: self.domain,
                    password: password, createdAt: AnchoredClock().now()))
        }
    }

    func file(_ name: String) -> URL { self.folder.appendingPathComponent(name) }

    private var configurationText: String {
        """
        node:
          domains: [\(self.domain)]
        sip:
          listen: ["udp:\(self.endpoint)", "tcp:\(self.endpoint)"]
        presence:
          default-handling: confirm
          notification-interval: 0s
          winfo-interval: 0s
        xcap:
          listen: "\(self.documents)"
        administration:
          port: \(self.administration.origin.port)
        logging:
          level: warning

        """
    }

    /// Starts the process and waits until it answers.
    func start() async throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = ["serve", "--config", self.file("muster.yaml").path, "--data", self.file("data").path]
        process.standardOutput = FileHandle.nullDevice
        let log = self.file("server.log")
        if !FileManager.default.fileExists(atPath: log.path) {
            try Data().write(to: log)
        }
        let handle = try FileHandle(forWritingTo: log)
        try handle.seekToEnd()
        process.standardError = handle
        try process.run()
        self.process = process
        for _ in 0..<200 {
            if self.answers(), self.listens(self.documents), self.listens(self.administration) { return }
            guard process.isRunning else { break }
            try await Task.sleep(for: .milliseconds(50))
        }
        let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
        throw CommandFailure(
            "the server does not answer", advice: "Its log, \(log.path), ends with:\n\(text.suffix(800))")
    }

    /// Ends the process as a power failure would: it gets no chance to say goodbye.
    func kill() {
        guard let process = self.process else { return }
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        self.process = nil
    }

    /// Ends the process and removes the folder.
    func stop() {
        if let process = self.process {
            process.terminate()
            process.waitUntilExit()
            self.process = nil
        }
        try? FileManager.default.removeItem(at: self.folder)
    }

    /// Whether the server answers an OPTIONS request within 50 ms.
    private func answers() -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = Self.socketAddress(self.endpoint.port)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        guard connected == 0 else { return false }
        var wait = timeval(tv_sec: 0, tv_usec: 50_000)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        let number = AnchoredClock().now().nanoseconds
        let request = """
            OPTIONS sip:\(self.domain) SIP/2.0\r
            Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK\(number);rport\r
            Max-Forwards: 70\r
            From: <sip:demo@\(self.domain)>;tag=\(number)\r
            To: <sip:\(self.domain)>\r
            Call-ID: \(number)@demo\r
            CSeq: 1 OPTIONS\r
            Content-Length: 0\r
            \r

            """
        let bytes = Array(request.utf8)
        guard send(descriptor, bytes, bytes.count, 0) == bytes.count else { return false }
        var answer = [UInt8](repeating: 0, count: 2048)
        return recv(descriptor, &answer, answer.count, 0) > 0
    }

    /// Whether somebody takes connections at an address.
    private func listens(_ address: HTTPAddress) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var target = Self.socketAddress(address.origin.port)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafePointer(to: &target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) == 0 }
        }
    }

    private static func socketAddress(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    /// A port of the loopback address that nobody has: the preferred one, else one that the system chooses.
    private static func freePort(preferred: UInt16, _ type: __socket_type) -> UInt16 {
        for port in [preferred, 0] {
            let descriptor = socket(AF_INET, Int32(type.rawValue), 0)
            guard descriptor >= 0 else { continue }
            defer { close(descriptor) }
            // As the server does: connections that have just ended do not keep the port.
            var yes: Int32 = 1
            if type == SOCK_STREAM {
                setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
            }
            var address = Self.socketAddress(port)
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let bound = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                    bind(descriptor, raw, size) == 0 && getsockname(descriptor, raw, &size) == 0
                }
            }
            if bound { return UInt16(bigEndian: address.sin_port) }
        }
        return preferred
    }
}
