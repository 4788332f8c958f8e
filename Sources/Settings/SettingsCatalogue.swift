import Ground

/// Every setting there is, in the order of the example file.
///
/// A setting is declared here once; reading, checking, `muster example-config` and the reference follow from it.
package enum SettingsCatalogue {
    /// Sections with the sentence that introduces them.
    package static let sections: [(name: String, meaning: String)] = [
        ("node", "The node itself: what it is called, which domains it serves, what it runs."),
        ("storage", "What is kept on disk, and how surely."),
        ("sip", "Where SIP is spoken, and whose word about identities is believed."),
        ("tls", "Files for TLS and secure WebSocket listeners, in PEM form."),
        ("presence", "The Presence Server (RFC 3856, RFC 3903, RFC 6665)."),
        ("registrar", "The registrar (RFC 3261 section 10) and its digest authentication (RFC 8760)."),
        (
            "xcap",
            "The documents of users: lists, rules, permanent state (RFC 4825), and the HTTP port that serves them."
        ),
        ("audit", "The log of decisions about who may watch whom."),
        ("administration", "The HTTP port for health, metrics and administration."),
        ("logging", "The log on standard error."),
        ("tracing", "Traces of every SIP message. They contain personal data."),
        ("limits", "Bounds of what may grow. Each has a counter for when it is hit."),
        ("flood", "How much one source address may send."),
        ("dns", "Name resolution for requests to other domains (RFC 3263)."),
    ]

    /// All settings, without their types.
    package static let all: [SettingDescription] =
        Self.nodeSettings + Self.sipSettings + Self.presenceSettings + Self.registrarSettings
        + Self.documentSettings + Self.edgeSettings
        + Self.boundSettings

    private static let nodeSettings = [
        Self.name.description, Self.domains.description, Self.functions.description,
        Self.dataDirectory.description, Self.durability.description, Self.masterKeyFile.description,
    ]
    private static let sipSettings = [
        Self.listeners.description, Self.advertisedHost.description, Self.trustedNetworks.description,
        Self.trustedCertificates.description, Self.trustedLoopback.description, Self.certificateFile.description,
        Self.keyFile.description, Self.authoritiesFile.description, Self.clientCertificate.description,
    ]
    private static let presenceSettings =
        [
            Self.defaultHandling.description, Self.anonymousHandling.description, Self.rulesFile.description,
            Self.knownUsers.description,
        ] + Self.publishExpires.descriptions + Self.subscribeExpires.descriptions + [
            Self.notificationInterval.description, Self.winfoInterval.description,
            Self.resynchronisation.description, Self.waitingTime.description,
            Self.fromStandsInForIdentity.description,
        ]
    private static let registrarSettings =
        [Self.challenge.description, Self.realm.description] + Self.registerExpires.descriptions + [
            Self.maximumContacts.description, Self.digestAlgorithms.description, Self.nonceLifetime.description,
        ]
    private static let documentSettings =
        [
            Self.xcapListen.description, Self.xcapRootURI.description, Self.trustedProxies.description,
            Self.trustedReaders.description, Self.aliases.description, Self.xcapRealm.description,
            Self.xcapDocumentBytes.description, Self.documentsPerUser.description, Self.bytesPerUser.description,
            Self.xcapConnections.description, Self.xcapIdleTimeout.description,
        ] + Self.differenceExpires.descriptions + [
            Self.differenceInterval.description, Self.differenceResynchronisation.description,
            Self.xuiStandsInForIdentity.description, Self.auditKeep.description, Self.auditEntries.description,
        ]
    private static let edgeSettings = [
        Self.administrationEnabled.description, Self.administrationAddress.description,
        Self.administrationPort.description, Self.logLevel.description, Self.logFormat.description,
        Self.pcapFile.description, Self.ladderFile.description,
    ]
    private static let boundSettings = [
        Self.messageBytes.description, Self.documentBytes.description, Self.subscriptions.description,
        Self.subscriptionsPerPresentity.description,
        Self.publicationsPerPresentity.description, Self.connections.description,
        Self.connectionsPerSource.description, Self.messagesPerSecond.description,
        Self.burst.description, Self.nameServers.description,
        Self.dnsTimeout.description,
    ]
}

// MARK: node, storage

extension SettingsCatalogue {
    static let name = Setting(
        "node.name", .name, standard: "muster",
        "The name of this node in logs and metrics.")
    static let domains = Setting(
        "node.domains", .list(of: .domain, atLeast: 1), standard: "home.test",
        "The domains whose users this node serves. The first is the main one.")
    static let functions = Setting(
        "node.functions", .list(of: Shape<NodeConfiguration.Function>.choice, atLeast: 1),
        standard: "presence,registrar,documents",
        "The network functions that run here.")
    static let dataDirectory = Setting(
        "node.data-directory", .path, standard: "muster-data",
        "The folder for the database and the master key. It is made if it is missing. `--data` goes before it.")
    static let durability = Setting(
        "storage.durability", Shape<NodeConfiguration.Durability>.choice, standard: "strict",
        "With strict, an answer leaves when the disk has what it acknowledges. With relaxed, a power failure can lose "
            + "the last moments; a crash of Muster loses nothing in either.")
    static let masterKeyFile = Setting(
        "storage.master-key-file", .path, standard: "",
        "The key under which passwords' hashes are sealed. Empty: master.key in the data directory, made at the first "
            + "start and readable by its owner only. Keep a copy: without it the subscribers' secrets are lost.")
}

// MARK: sip, tls

extension SettingsCatalogue {
    static let listeners = Setting(
        "sip.listen", .list(of: .listener, atLeast: 1), standard: "udp:127.0.0.1:5060,tcp:127.0.0.1:5060",
        "Where SIP is taken. IPv6 addresses stand in brackets.")
    static let advertisedHost = Setting(
        "sip.advertised-host", .optionalHost, standard: "",
        "The name or address that stands in Via and Contact. Empty: the address of the listener. Needed behind address "
            + "translation and with listeners on 0.0.0.0 or [::].")
    static let trustedNetworks = Setting(
        "sip.trusted-networks", .list(of: .network), standard: "",
        "Peers of the trust domain, by source address: their P-Asserted-Identity is believed (RFC 3325). Anybody else's "
            + "is removed.")
    static let trustedCertificates = Setting(
        "sip.trusted-certificates", .list(of: .domain), standard: "",
        "Peers of the trust domain, by the name in their TLS certificate.")
    static let trustedLoopback = Setting(
        "sip.trusted-loopback", .flag, standard: "false",
        "Whether every process of this machine is a peer of the trust domain.")
    static let certificateFile = Setting(
        "tls.certificate-file", .path, standard: "",
        "The server's certificate, followed by the intermediate ones.")
    static let keyFile = Setting(
        "tls.key-file", .path, standard: "",
        "The private key of the certificate.")
    static let authoritiesFile = Setting(
        "tls.authorities-file", .path, standard: "",
        "The certificate authorities that peers are checked against. Empty: those of the system.")
    static let clientCertificate = Setting(
        "tls.client-certificate", Shape<NodeConfiguration.ClientCertificate>.choice, standard: "request",
        "Whether a client's certificate is asked for. With require, a client without a valid one is turned away.")
}

// MARK: presence

/// The three settings of a lifetime that peers ask for.
struct ExpirySettings: Sendable {
    let minimum: Setting<Duration>
    let maximum: Setting<Duration>
    let standard: Setting<Duration>

    init(_ key: String, of noun: String, minimum: String, maximum: String, standard: String) {
        let shape = Shape<Duration>.duration(.seconds(1)...(.seconds(30 * 86400)))
        self.minimum = Setting(
            key + ".minimum", shape, standard: minimum,
            "The shortest lifetime of \(noun): less is answered with 423 Interval Too Brief. An answer never grants more "
                + "than was asked for.")
        self.maximum = Setting(
            key + ".maximum", shape, standard: maximum,
            "The longest lifetime of \(noun): more is shortened to it.")
        self.standard = Setting(
            key + ".default", shape, standard: standard,
            "The lifetime of \(noun) for which the request names none.")
    }

    var descriptions: [SettingDescription] {
        [self.minimum.description, self.maximum.description, self.standard.description]
    }
}

extension SettingsCatalogue {
    static let defaultHandling = Setting(
        "presence.default-handling", Shape<NodeConfiguration.WatcherHandling>.choice, standard: "confirm",
        "How a watcher is treated for whom there is no rule. allow shows the presence; confirm keeps the subscription "
            + "pending until the presentity decides; polite-block shows somebody who is never there; block refuses.")
    static let anonymousHandling = Setting(
        "presence.anonymous-handling", Shape<NodeConfiguration.WatcherHandling>.choice, standard: "block",
        "The same for a watcher without an authenticated identity.")
    static let rulesFile = Setting(
        "presence.rules-file", .path, standard: "",
        "The file with authorization rules; it is read again when it changes. Empty: no rules.")
    static let knownUsers = Setting(
        "presence.known-users", Shape<NodeConfiguration.KnownUsers>.choice, standard: "subscribers",
        "Which users of the served domains exist: those made with `muster subscriber add`, or any. Requests about "
            + "others are answered with 404.")
    static let publishExpires = ExpirySettings(
        "presence.publish-expires", of: "a publication", minimum: "60s", maximum: "1d", standard: "1h")
    static let subscribeExpires = ExpirySettings(
        "presence.subscribe-expires", of: "a subscription", minimum: "60s", maximum: "1d", standard: "1h")
    static let notificationInterval = Setting(
        "presence.notification-interval", .duration(.zero ... .seconds(3600)), standard: "5s",
        "The shortest time between two notifications of a subscription that report a change (RFC 3856 section 6.10); "
            + "changes within it are joined. The first change after a quiet time goes out at once. 0s: no bound.")
    static let winfoInterval = Setting(
        "presence.winfo-interval", .duration(.zero ... .seconds(3600)), standard: "5s",
        "The same for watcher information, which tells a presentity who watches it (RFC 3857 section 4.10). 0s: no "
            + "bound.")
    static let resynchronisation = Setting(
        "presence.resynchronisation", .duration(.zero ... .seconds(3600)), standard: "1s",
        "After a restart every watcher is told the state once more within this time, because the notification that was "
            + "under way when the process ended may be lost. 0s: only changes are told.")
    static let waitingTime = Setting(
        "presence.waiting-time", .duration(.zero ... .seconds(30 * 86400)), standard: "7d",
        "How long a presentity is still told of a watcher whose subscription ended before it decided about it (RFC 3857 "
            + "section 4.7.1). 0s: not at all.")
    static let fromStandsInForIdentity = Setting(
        "presence.from-stands-in-for-identity", .flag, standard: "false",
        "For benchmarks only: believe the From header of a trusted peer that asserts no identity. Allowed only where "
            + "every listener is on loopback.")
}

// MARK: registrar

extension SettingsCatalogue {
    static let challenge = Setting(
        "registrar.challenge", .flag, standard: "true",
        "Whether users have to prove who they are. Without it everybody can be anybody: for laboratories.")
    static let realm = Setting(
        "registrar.realm", .optionalDomain, standard: "",
        "The realm of the challenge. Empty: the main domain. Passwords are bound to it: a change makes them invalid.")
    static let registerExpires = ExpirySettings(
        "registrar.expires", of: "a registration", minimum: "60s", maximum: "7d", standard: "1h")
    static let maximumContacts = Setting(
        "registrar.maximum-contacts", .count(1...1000), standard: "10",
        "How many contacts one user can have registered at a time.")
    static let digestAlgorithms = Setting(
        "registrar.digest-algorithms",
        .list(of: Shape<NodeConfiguration.DigestAlgorithm>.choice, atLeast: 1), standard: "SHA-256,MD5",
        "The algorithms that are offered, most preferred first. Old clients know MD5 only.")
    static let nonceLifetime = Setting(
        "registrar.nonce-lifetime", .duration(.seconds(5)...(.seconds(86400))), standard: "5m",
        "How long a nonce can be used before the client gets a fresh one without being asked for the password again.")
}

// MARK: administration, logging, tracing

extension SettingsCatalogue {
    static let administrationEnabled = Setting(
        "administration.enabled", .flag, standard: "true",
        "Whether the administration port is open.")
    static let administrationAddress = Setting(
        "administration.address", .address, standard: "127.0.0.1",
        "The address it is bound to. It has no passwords: keep it on loopback or in a network of your own.")
    static let administrationPort = Setting(
        "administration.port", .port, standard: "8091",
        "Its port.")
    static let logLevel = Setting(
        "logging.level", Shape<NodeConfiguration.LogLevel>.choice, standard: "info",
        "The least important level that is written.")
    static let logFormat = Setting(
        "logging.format", Shape<NodeConfiguration.LogFormat>.choice, standard: "text",
        "Lines for people (key=value), or one JSON object a line.")
    static let pcapFile = Setting(
        "tracing.pcap-file", .path, standard: "",
        "A capture file for Wireshark, also of what went through TLS. Empty: none. `--trace` goes before it.")
    static let ladderFile = Setting(
        "tracing.ladder-file", .path, standard: "",
        "A text file with one line a message. Empty: none.")
}

// MARK: limits, flood, dns

extension SettingsCatalogue {
    static let messageBytes = Setting(
        "limits.message-bytes", .count(1300...1_048_576), standard: "65535",
        "The largest SIP message, in bytes. A larger one is answered with 413 or 513.")
    static let documentBytes = Setting(
        "limits.document-bytes", .count(1024...1_048_576), standard: "65535",
        "The largest presence document, in bytes.")
    static let subscriptions = Setting(
        "limits.subscriptions", .count(1...100_000_000), standard: "2000000",
        "How many subscriptions live at a time.")
    static let subscriptionsPerPresentity = Setting(
        "limits.subscriptions-per-presentity", .count(1...10_000_000), standard: "100000",
        "How many of them can watch one presentity.")
    static let publicationsPerPresentity = Setting(
        "limits.publications-per-presentity", .count(1...10_000), standard: "32",
        "How many publications one presentity can have.")
    static let connections = Setting(
        "limits.connections", .count(1...1_000_000), standard: "20000",
        "How many TCP, TLS and WebSocket connections are open at a time.")
    static let connectionsPerSource = Setting(
        "limits.connections-per-source", .count(1...1_000_000), standard: "1000",
        "How many of them one address can have.")
    static let messagesPerSecond = Setting(
        "flood.messages-per-second", .count(0...10_000_000), standard: "2000",
        "How many messages a second one address can send for long; what is more is dropped and counted. Peers of "
            + "the trust domain are not bounded. 0: no bound.")
    static let burst = Setting(
        "flood.burst", .count(1...10_000_000), standard: "10000",
        "How many messages it can send at once after a quiet time.")
    static let nameServers = Setting(
        "dns.servers", .list(of: .nameServer), standard: "",
        "Name servers to ask. Empty: those of the system.")
    static let dnsTimeout = Setting(
        "dns.timeout", .duration(.milliseconds(100)...(.seconds(30))), standard: "2s",
        "How long an answer of a name server is waited for.")
}
