import ArgumentParser
import Ground
import SIPTransactions
import SIPWire
import Signalling
import Telemetry
import UserAgent

/// What all client commands share: who the user is, where the server is, how to get there.
struct ClientOptions: ParsableArguments {
    @Option(
        name: .customLong("as"),
        help: ArgumentHelp("Who you are: your public identity.", valueName: "sip:bob@home.example"))
    var identity: String

    @OptionGroup var connection: ConnectionOptions

    var serverURI: String? { self.connection.serverURI }
    var chosenTransport: Transport? { self.connection.chosenTransport }
    var expires: UInt32 { self.connection.expires }
    var json: Bool { self.connection.json }

    func validate() throws { try self.connection.check(self.identity, named: "--as ") }

    /// All that the shell needs.
    func configuration() throws -> ClientConfiguration { try self.connection.configuration(for: self.identity) }
}

/// Where the server is, how to get there, and how results are shown: for a user who is named elsewhere.
struct ConnectionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where requests go. Without it, where the domain of your identity leads (RFC 3263).",
            valueName: "sip:host:port;transport=tcp"))
    var server: String?

    @Option(help: "The transport to the server: udp, tcp or tls.")
    var transport: ClientTransport?

    @Option(help: ArgumentHelp("The user name for the password, if it is not that of --as.", valueName: "name"))
    var user: String?

    @OptionGroup var password: PasswordOptions

    @Option(help: ArgumentHelp("Seconds to ask the server for.", valueName: "seconds"))
    var expires: UInt32 = 3600

    @Option(name: .customLong("tls-ca"), help: ArgumentHelp("Certificate authorities to believe.", valueName: "file"))
    var authorityFile: String?

    @Option(name: .customLong("tls-certificate"), help: ArgumentHelp("Your own certificate.", valueName: "file"))
    var certificateFile: String?

    @Option(name: .customLong("tls-key"), help: ArgumentHelp("The key of --tls-certificate.", valueName: "file"))
    var keyFile: String?

    @Option(help: ArgumentHelp("The local address, with or without a port.", valueName: "address[:port]"))
    var bind: String?

    @Flag(help: "One JSON object a line, for scripts.")
    var json = false

    @Flag(help: "Show every message as a line on standard error.")
    var traceLadder = false

    @Option(help: ArgumentHelp("Write every message to a capture file.", valueName: "file.pcap"))
    var trace: String?

    func validate() throws {
        if let server = self.server, SIPURI(server)?.isSIP != true {
            throw ValidationError("--server \(server) is no SIP URI; it looks like sip:192.0.2.1:5060;transport=tcp")
        }
        if let bind = self.bind, Endpoint(bind) == nil, IPAddress(bind) == nil {
            throw ValidationError("--bind \(bind) is no address; it looks like 192.0.2.7 or 192.0.2.7:5062")
        }
        if self.expires < 1 { throw ValidationError("--expires is at least 1") }
        if (self.certificateFile == nil) != (self.keyFile == nil) {
            throw ValidationError("--tls-certificate and --tls-key belong together")
        }
    }

    /// Refuses what is no identity of a user.
    ///
    /// - Parameter option: the option that gave it, with a blank behind it; empty for an argument.
    func check(_ identity: String, named option: String) throws {
        guard let uri = SIPURI(identity), uri.isSIP || uri.scheme == .tel else {
            throw ValidationError("\(option)\(identity) is no SIP or tel URI; it looks like sip:bob@home.example")
        }
        if uri.isSIP, uri.user == nil {
            throw ValidationError("\(option)\(identity) names no user; it looks like sip:bob@home.example")
        }
        if self.server == nil, uri.scheme == .tel {
            throw ValidationError("a tel identity needs --server, because no domain stands in it")
        }
    }

    /// The server's URI with the transport that was chosen.
    var serverURI: String? {
        guard let server = self.server else { return nil }
        guard let transport = self.transport, SIPURI(server)?.transport == nil else { return server }
        return server + ";transport=\(transport.rawValue)"
    }

    /// The transport that the user chose, in --transport or in the server's URI.
    var chosenTransport: Transport? {
        if let uri = self.server.flatMap({ SIPURI($0) }) {
            if let named = uri.transport.flatMap({ Transport(token: $0) }) { return named }
            if uri.scheme == .sips { return .tls }
        }
        return self.transport?.transport
    }

    /// All that the shell needs.
    func configuration(for name: String) throws -> ClientConfiguration {
        var agent = UserAgent.Configuration(identity: name, contact: "", server: self.serverURI)
        let identity = SIPURI(name)
        let user = self.user ?? identity?.user?.text ?? name
        if let password = try self.password.read(isNeeded: false, whose: user) {
            agent.credentials = UserAgent.Credentials(user: user, password: password)
        }
        agent.registrationExpires = self.expires
        agent.publicationExpires = self.expires
        let host = self.server.flatMap { SIPURI($0) }?.host ?? identity?.host ?? []
        var bind = Endpoint(.loopback, 0)
        if let text = self.bind {
            bind = Endpoint(text) ?? Endpoint(IPAddress(text) ?? .loopback, 0)
        } else {
            bind = Endpoint(LocalAddress.facing(host.text), 0)
        }
        return ClientConfiguration(
            agent: agent, transport: self.chosenTransport, bind: bind,
            isServerLiteral: IPAddress(octets: host) != nil, authorityFile: self.authorityFile,
            certificateFile: self.certificateFile, keyFile: self.keyFile, trace: try self.traceSink())
    }

    private func traceSink() throws -> TraceSink? {
        try MessageTrace(
            pcap: self.trace ?? "", ladder: self.traceLadder ? "/dev/stderr" : "", flushesEach: true
        ).sink
    }
}

/// The transports that a client command can be told to use.
enum ClientTransport: String, ExpressibleByArgument, CaseIterable {
    case udp, tcp, tls

    var transport: Transport {
        switch self {
        case .udp: .udp
        case .tcp: .tcp
        case .tls: .tls
        }
    }
}
