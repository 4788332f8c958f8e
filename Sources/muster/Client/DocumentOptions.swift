import ArgumentParser
import Cryptography
import Ground
import SIPWire
import UserAgent
import WebEdge

/// Where documents are served.
struct DocumentRootOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where documents are served (XCAP). Without it, port 8070 of the server's host.",
            valueName: "http://127.0.0.1:8070/xcap"))
    var xcapRoot: String?

    /// The port that a server listens on if nobody chose another.
    private static let standardPort: UInt16 = 8070

    func validate() throws {
        guard let root = self.xcapRoot else { return }
        do { _ = try HTTPAddress(root) } catch { throw ValidationError("--xcap-root \(error.reason)") }
    }

    /// - Parameter server: the SIP URI of the server, if one was named.
    func address(besides server: String?) throws -> HTTPAddress {
        if let root = self.xcapRoot { return try HTTPAddress(root) }
        let host = server.flatMap { SIPURI($0) }?.host.text ?? ""
        return try HTTPAddress("http://\(host.isEmpty ? "127.0.0.1" : host):\(Self.standardPort)/xcap")
    }
}

/// What the commands for documents share: whose documents, where they are served, how results are shown.
struct DocumentOptions: ParsableArguments {
    @Option(
        name: .customLong("as"),
        help: ArgumentHelp("Who you are: your public identity.", valueName: "sip:alice@home.example"))
    var identity: String?

    @Option(help: ArgumentHelp("The user name for the password, if it is not that of --as.", valueName: "name"))
    var user: String?

    @OptionGroup var password: PasswordOptions
    @OptionGroup var root: DocumentRootOptions

    @Option(
        help: ArgumentHelp("The server; its host is used where --xcap-root is missing.", valueName: "sip:host:port"))
    var server: String?

    @Flag(help: "One JSON object a line, for scripts.")
    var json = false

    func validate() throws {
        if let identity = self.identity, UserName.identity(identity) == nil {
            throw ValidationError("--as \(identity) is no identity of a user; it looks like sip:alice@home.example")
        }
        if let server = self.server, SIPURI(server)?.isSIP != true {
            throw ValidationError("--server \(server) is no SIP URI; it looks like sip:192.0.2.1:5060")
        }
    }

    /// Whose documents a command is about.
    ///
    /// - Parameter named: what an argument says, which goes before `--as`.
    func owner(named: String? = nil) throws -> String {
        let domain = self.identity.flatMap { UserName.identity($0) }.flatMap { UserName.domain(of: $0) }
        guard let text = named ?? self.identity else {
            throw ValidationError("say who you are with --as, like --as sip:alice@home.example")
        }
        guard let owner = UserName.identity(text, domain: domain) else {
            throw ValidationError("\(text) is no identity of a user; it looks like sip:alice@home.example")
        }
        return owner
    }

    /// A client for the documents of a user.
    func client(for owner: String) throws -> DocumentClient {
        let identity = self.identity.flatMap { UserName.identity($0) } ?? owner
        let user = self.user ?? SIPURI(identity)?.user?.text ?? identity
        let password = try self.password.read(isNeeded: false, whose: user)
        return DocumentClient(
            root: try self.root.address(besides: self.server), owner: owner,
            credentials: password.map { UserAgent.Credentials(user: user, password: $0) })
    }
}
