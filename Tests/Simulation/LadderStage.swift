import DigestAuth
import EventNotification
import Ground
import PresenceDocuments
import PresenceServer
import SCSCF
import UserAgent

/// Where golden ladders are played: a world without chance, whose messages are written down.
final class LadderStage {
    static let domain = "home.net"
    static let realm = "home.net"
    /// Where documents have their URIs.
    static let documentRoot = "http://xcap.home.net/root"

    let world = World(seed: 1, start: Instant(seconds: 1_800_000_000), conditions: .perfect, traceLimit: 0)
    var servers: [String: ServerNode] = [:]
    var terminals: [String: Terminal] = [:]
    var phones: [String: Phone] = [:]
    var lines: [String] = []
    /// The next messages of a kind that are lost.
    var losses: [(kind: String, count: Int)] = []
    /// The next SUBSCRIBE of somebody reaches a second server too.
    var forks: [(from: Endpoint, to: Endpoint)] = []
    /// What asks for more than a subscription as such, by terminal and presentity.
    var watches: [String: SubscriptionID] = [:]
    private var identities: [Endpoint: String] = [:]
    private var identityOfCall: [[UInt8]: String] = [:]
    private var names = LadderNames()
    private var isStarted = false
    private var usesDigest = false
    private var lastNumber: UInt32 = 0

    init() {
        self.world.identities = { [unowned self] source in
            self.usesDigest ? [] : self.identities[source].map { [$0] } ?? []
        }
        self.world.loses = { [unowned self] datagram in self.loses(datagram) }
        self.world.onDeparture = { [unowned self] datagram, isCarried in self.departed(datagram, isCarried) }
    }

    static func identity(_ name: String) -> String { "sip:\(name)@\(domain)" }

    func takeLines() -> [String] {
        defer { self.lines = [] }
        return self.lines
    }

    // MARK: What crosses the wire

    private func departed(_ datagram: Datagram, _ isCarried: Bool) {
        let time = LadderLine.time(self.world.now, since: self.world.start)
        let from = self.world.name(of: datagram.source)
        let to = self.world.name(of: datagram.destination)
        let text = LadderLine.text(of: datagram.bytes, names: &self.names)
        self.lines.append("\(time) \(from) ▸ \(to)  \(text)\(isCarried ? "" : "  (lost)")")
        if datagram.bytes.starts(with: Array("SUBSCRIBE ".utf8)) {
            if let identity = self.identities[datagram.source],
                let call = Forgery.value(of: Array("\r\nCall-ID: ".utf8), in: datagram.bytes)
            {
                self.identityOfCall[call] = identity
            }
            if let index = self.forks.firstIndex(where: { $0.from == datagram.source }) {
                let target = self.forks.remove(at: index).to
                self.world.send(Datagram(source: datagram.source, destination: target, bytes: datagram.bytes))
            }
        }
    }

    private func loses(_ datagram: Datagram) -> Bool {
        for index in self.losses.indices where datagram.bytes.starts(with: Array(self.losses[index].kind.utf8)) {
            self.losses[index].count -= 1
            if self.losses[index].count == 0 { self.losses.remove(at: index) }
            return true
        }
        return false
    }

    // MARK: The cast

    /// `server=PresenceServer(digest)`, `bob=UserAgent`, `carol=Phone`.
    func cast(_ role: String) throws(LadderFault) {
        let parts = role.split(separator: "=", maxSplits: 1)
        guard parts.count == 2 else { throw LadderFault("no role: \(role)") }
        let name = String(parts[0])
        let kind = parts[1].prefix { $0 != "(" }
        let options = Options(
            parts[1].dropFirst(kind.count).filter { $0 != "(" && $0 != ")" }.split(separator: ",").map(String.init))
        self.lastNumber += 1
        let endpoint = Endpoint(IPAddress(ipv4: 0x0A00_0000 + self.lastNumber), 5060)
        let server = Endpoint(IPAddress(ipv4: 0x0A00_0001), 5060)
        let seed = UInt64(self.lastNumber) * 1000
        switch kind {
        case "PresenceServer":
            let node = self.server(name, at: endpoint, seed: seed, options)
            self.servers[name] = node
            self.world.add(node)
        case "UserAgent":
            self.identities[endpoint] = Self.identity(name)
            let terminal = Terminal(
                name: name, identity: Self.identity(name), endpoint: endpoint, server: server,
                password: self.usesDigest ? "secret" : nil, seed: seed
            ) { $0.publicationExpires = options.number("publication-expires") ?? 600 }
            self.terminals[name] = terminal
            self.world.add(terminal)
        case "Phone":
            self.identities[endpoint] = Self.identity(name)
            let phone = Phone(
                name: name, identity: Self.identity(name), endpoint: endpoint, server: server, seed: seed)
            self.phones[name] = phone
            self.world.add(phone)
        default: throw LadderFault("nobody is a \(kind)")
        }
    }

    private func server(_ name: String, at endpoint: Endpoint, seed: UInt64, _ options: Options) -> ServerNode {
        var presence = PresenceServer.Configuration(servedDomains: [Self.domain])
        let minimum = options.number("minimum-expires") ?? 60
        presence.publicationExpiry = ExpiryPolicy(standard: 600, minimum: minimum, maximum: 3600)
        presence.subscriptionExpiry = ExpiryPolicy(standard: 600, minimum: minimum, maximum: 3600)
        presence.resynchronisation = .seconds(1)
        presence.documentRoots = [Array(Self.documentRoot.utf8)]
        if options.has("digest") {
            self.usesDigest = true
            presence.authentication = .digest(
                DigestAuthenticator.Configuration(realm: Self.realm, nonceSecret: Redacted(Array("nonce".utf8))))
        }
        var registrar: SCSCF.Configuration?
        if options.has("registrar") {
            var configuration = SCSCF.Configuration(
                domains: [Self.domain], sentBy: [.udp: .init(host: "10.0.0.1", port: 5060)])
            configuration.authentication = .none
            registrar = configuration
        }
        let node = ServerNode(
            name: name, endpoint: endpoint, seed: seed, presence: presence, registrar: registrar)
        node.identityOfCall = { [unowned self] call in self.identityOfCall[call].map { Array($0.utf8) } }
        for user in ["alice", "bob", "carol"] {
            node.users[user] = DigestCredentials(
                identities: [Array(Self.identity(user).utf8)], user: user, realm: Self.realm,
                password: Redacted("secret"))
        }
        return node
    }

    /// The servers start when the first command comes that is not about the cast or the rules.
    func begin() {
        guard !self.isStarted else { return }
        self.isStarted = true
        for server in self.servers.values.sorted(by: { $0.name < $1.name }) {
            server.start(at: self.world.now)
            self.world.collect(server)
        }
    }

    func nextSubscription() -> SubscriptionID {
        self.lastNumber += 1
        return SubscriptionID(UInt64(self.lastNumber))
    }

    /// Options of a command: words, some with a value.
    struct Options {
        private var values: [String: String] = [:]

        init(_ words: [String]) {
            for word in words {
                let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
                guard let name = parts.first else { continue }
                self.values[name] = parts.count > 1 ? parts[1] : ""
            }
        }

        func has(_ name: String) -> Bool { self.values[name] != nil }
        func text(_ name: String) -> String? { self.values[name] }
        func number(_ name: String) -> UInt32? { self.values[name].flatMap { UInt32($0) } }
        func fraction(_ name: String) -> Double? { self.values[name].flatMap { Double($0) } }
    }
}
