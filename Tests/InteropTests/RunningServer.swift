import Foundation
import Glibc
import Ground
import Testing

/// A Muster node as an operator runs it: `muster serve` in a process of its own, with a folder of its own. It ends with
/// its owner.
final class RunningServer {
    let folder: Folder
    /// The port of SIP over UDP and TCP; over TLS it is the next one.
    let port: UInt16
    private(set) var tool: RunningTool
    private let arguments: [String]

    /// What tests want different in a configuration.
    struct Wishes {
        /// Names in `sip.listen`: udp, tcp, tls.
        var transports = ["udp", "tcp"]
        /// From counts as identity, nobody has a password, and every process of this machine is trusted.
        var isLaboratory = true
        var defaultHandling = "allow"
        var rulesFile = ""
        /// Messages a second that one source may send; 0 for any number.
        var flood = 0
        var clientCertificate = "request"
        /// Certificates for TLS.
        var authority: Authority?
        /// Algorithms that the challenge offers.
        var algorithms = "[MD5]"
        /// The administration port; nil for none.
        var administrationPort: UInt16?
    }

    /// Starts a node and waits until it says that it is ready.
    ///
    /// - Parameter prepare: is called with the folder that holds `muster.yaml` before the node starts.
    init(
        _ wishes: Wishes = Wishes(), folder: Folder? = nil, arguments: [String] = [],
        prepare: (Folder) throws -> Void = { _ in }
    ) throws {
        self.folder = try folder ?? Folder()
        self.port = try Self.freePort()
        let text = Self.configuration(wishes, port: self.port)
        let file = try self.folder.write(text, as: "muster.yaml")
        try prepare(self.folder)
        self.arguments = ["serve", "--config", file, "--data", self.folder.path("data")] + arguments
        self.tool = try Self.start(self.arguments)
    }

    private static func start(_ arguments: [String]) throws -> RunningTool {
        let tool = try RunningTool(Tool.muster, arguments, timeout: 300)
        try tool.awaitText("muster: ready")
        return tool
    }

    static func configuration(_ wishes: Wishes, port: UInt16) -> String {
        let listen = wishes.transports.map { "\"\($0):127.0.0.1:\($0 == "tls" ? port + 1 : port)\"" }
        var text = """
            node:
              domains: [bench.test]
            sip:
              listen: [\(listen.joined(separator: ", "))]
              trusted-loopback: \(wishes.isLaboratory)
            presence:
              default-handling: \(wishes.defaultHandling)
              known-users: \(wishes.isLaboratory ? "any" : "subscribers")
              notification-interval: 0s
              winfo-interval: 0s
              from-stands-in-for-identity: \(wishes.isLaboratory)
              rules-file: "\(wishes.rulesFile)"
              publish-expires:
                minimum: 2s
              subscribe-expires:
                minimum: 2s
            registrar:
              challenge: \(!wishes.isLaboratory)
              digest-algorithms: \(wishes.algorithms)
            xcap:
              listen: "http://127.0.0.1:0/xcap"
            administration:
              enabled: \(wishes.administrationPort != nil)
              port: \(wishes.administrationPort ?? 8091)
            flood:
              messages-per-second: \(wishes.flood)
              burst: \(max(wishes.flood, 1))
            dns:
              # Nobody answers there: a test asks no name server of the world.
              servers: ["127.0.0.1:9"]
              timeout: 200ms

            """
        if let authority = wishes.authority {
            text += """
                tls:
                  certificate-file: \(authority.certificate("server"))
                  key-file: \(authority.key("server"))
                  authorities-file: \(authority.root)
                  client-certificate: \(wishes.clientCertificate)

                """
        }
        return text
    }

    /// Gives users passwords: each has `password-of-` and its name.
    static func addSubscribers(_ names: [String], in folder: Folder) throws {
        for name in names {
            let outcome = try Tool.muster(
                [
                    "subscriber", "add", "sip:\(name)@bench.test", "--config", folder.path("muster.yaml"), "--data",
                    folder.path("data"), "--password-file", "-",
                ], input: "password-of-\(name)\n")
            #expect(outcome.status == 0, "\(outcome.output)")
        }
    }

    /// Where it serves documents, as it says in its log.
    func documentRoot() throws -> String {
        let found = self.tool.output.split(whereSeparator: \.isWhitespace).last { $0.hasPrefix("root=http://") }
        if let found { return String(found.dropFirst("root=".count)) }
        return try self.documentRoot(in: self.tool.awaitText("root=http://"))
    }

    private func documentRoot(in line: String) throws -> String {
        let word = line.split(whereSeparator: \.isWhitespace).first { $0.hasPrefix("root=http://") }
        return String(try #require(word, "\(line)").dropFirst("root=".count))
    }

    var address: String { "127.0.0.1:\(self.port)" }
    var endpoint: Endpoint { Endpoint(.loopback, self.port) }
    var secureEndpoint: Endpoint { Endpoint(.loopback, self.port + 1) }

    /// Whether it answers, over a socket of its own.
    func expectServing(_ comment: Comment? = nil, location: SourceLocation = #_sourceLocation) throws {
        let socket = try PlainSocket.datagram(to: self.endpoint)
        socket.send(PlainMessage.request("OPTIONS", from: "asker", at: socket.name))
        let answer = socket.awaitResponse(within: 10)
        #expect(answer?.status == 200, comment, sourceLocation: location)
    }

    /// Ends the node as an operator does.
    func stop() {
        self.tool.terminate()
        #expect(self.tool.awaitEnd() == 0, "\(self.tool.output.suffix(2000))")
    }

    /// Ends the node as a power failure does, and starts it again on the same folder and ports.
    func killAndRestart() throws {
        self.tool.kill()
        self.tool = try Self.start(self.arguments)
    }

    /// A port that is free for UDP and TCP, and whose follower is free too; below those that the system gives away.
    static func freePort() throws -> UInt16 {
        for _ in 0..<200 {
            let port = UInt16.random(in: 12_000..<32_000) & ~1
            if Self.isFree(port, SOCK_DGRAM), Self.isFree(port, SOCK_STREAM), Self.isFree(port + 1, SOCK_STREAM) {
                return port
            }
        }
        throw Tool.Missing(description: "there is no free port")
    }

    private static func isFree(_ port: UInt16, _ type: __socket_type) -> Bool {
        let descriptor = socket(AF_INET, Int32(type.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return PlainSocket.withAddress(Endpoint(.loopback, port)) { bind(descriptor, $0, $1) } == 0
    }
}

/// A certificate authority of a test, made by the `openssl` command.
final class Authority {
    let folder: Folder
    var root: String { self.folder.path("root.pem") }

    init() throws {
        self.folder = try Folder()
        try self.openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=Interop authority", "-keyout", self.key("root"), "-out", self.root,
        ])
    }

    func certificate(_ name: String) -> String { self.folder.path("\(name).pem") }
    func key(_ name: String) -> String { self.folder.path("\(name).key") }

    /// Issues a certificate for the names of RFC 5922 §7.1: a DNS name, a SIP URI, or an address.
    func issue(_ name: String, for names: [String]) throws {
        try self.folder.write("subjectAltName=\(names.joined(separator: ","))\n", as: "\(name).ext")
        try self.openssl([
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=\(name)",
            "-keyout", self.key(name), "-out", self.folder.path("\(name).csr"),
        ])
        try self.openssl([
            "x509", "-req", "-in", self.folder.path("\(name).csr"), "-CA", self.root, "-CAkey", self.key("root"),
            "-CAcreateserial", "-days", "2", "-extfile", self.folder.path("\(name).ext"), "-out",
            self.certificate(name),
        ])
    }

    private func openssl(_ arguments: [String]) throws {
        let outcome = try Tool.run("openssl", arguments)
        #expect(outcome.status == 0, "openssl: \(outcome.output)")
    }
}
