import Ground

/// Everything that an operator can set for a node, typed and checked.
///
/// The value of every setting is documented at its entry in ``SettingsCatalogue``; `docs/reference/settings.md` is
/// written from there.
package struct NodeConfiguration: Hashable, Sendable {
    package var node: Node
    package var storage: Storage
    package var sip: SIP
    package var tls: TLS
    package var presence: Presence
    package var registrar: Registrar
    package var xcap: XCAP
    package var audit: Audit
    package var administration: Administration
    package var logging: Logging
    package var tracing: Tracing
    package var limits: Limits
    package var flood: Flood
    package var dns: DNS

    /// A function of the network that a node can run.
    package enum Function: String, Hashable, Sendable, CaseIterable {
        case presence, registrar, documents
    }

    /// The node itself.
    package struct Node: Hashable, Sendable {
        package var name: String
        /// Lower-case; the first is the main one.
        package var domains: [String]
        package var functions: [Function]
        package var dataDirectory: String
    }

    /// When a commit counts as durable.
    package enum Durability: String, Hashable, Sendable, CaseIterable {
        /// When the disk has it.
        case strict
        /// When the operating system has it: a power failure may lose the last commits, a crash of Muster does not.
        case relaxed
    }

    /// What is kept, and how.
    package struct Storage: Hashable, Sendable {
        package var durability: Durability
        /// Empty: `master.key` in the data directory.
        package var masterKeyFile: String
    }

    /// SIP listeners, and who is believed.
    package struct SIP: Hashable, Sendable {
        package var listeners: [ListenerAddress]
        /// The name or address that Contact and Via carry; empty: the listener's own address.
        package var advertisedHost: String
        package var trustedNetworks: [IPNetwork]
        package var trustedCertificates: [String]
        package var trustedLoopback: Bool
    }

    /// What is asked of a TLS client.
    package enum ClientCertificate: String, Hashable, Sendable, CaseIterable {
        case ignore, request, require
    }

    /// Files for TLS.
    package struct TLS: Hashable, Sendable {
        package var certificateFile: String
        package var keyFile: String
        /// Empty: the system's certificate authorities.
        package var authoritiesFile: String
        package var clientCertificate: ClientCertificate
    }

    /// How a subscription is treated (RFC 5025 §3.2.1).
    package enum WatcherHandling: String, Hashable, Sendable, CaseIterable {
        case allow, block, confirm
        case politeBlock = "polite-block"
    }

    /// Which users of the served domains exist.
    package enum KnownUsers: String, Hashable, Sendable, CaseIterable {
        /// Every user of a served domain.
        case any
        /// Those whom `muster subscriber add` made.
        case subscribers
    }

    /// The bounds of a lifetime that a peer asks for.
    package struct ExpiryBounds: Hashable, Sendable {
        /// Less is refused with 423 and Min-Expires.
        package var minimum: Duration
        /// More is shortened to this.
        package var maximum: Duration
        /// Granted where the peer asks for nothing.
        package var standard: Duration
    }

    /// The Presence Server.
    package struct Presence: Hashable, Sendable {
        package var defaultHandling: WatcherHandling
        package var anonymousHandling: WatcherHandling
        /// Empty: there are no rules but ``defaultHandling``.
        package var rulesFile: String
        package var knownUsers: KnownUsers
        package var publishExpires: ExpiryBounds
        package var subscribeExpires: ExpiryBounds
        package var notificationInterval: Duration
        package var winfoInterval: Duration
        /// Zero: not at all.
        package var resynchronisation: Duration
        package var waitingTime: Duration
        package var fromStandsInForIdentity: Bool
    }

    /// A digest algorithm of RFC 8760.
    package enum DigestAlgorithm: String, Hashable, Sendable, CaseIterable {
        case sha512256 = "SHA-512-256"
        case sha256 = "SHA-256"
        case md5 = "MD5"
    }

    /// The registrar.
    package struct Registrar: Hashable, Sendable {
        package var challenge: Bool
        /// Never empty: the main domain where the setting is.
        package var realm: String
        package var expires: ExpiryBounds
        package var maximumContacts: Int
        /// Most preferred first.
        package var digestAlgorithms: [DigestAlgorithm]
        package var nonceLifetime: Duration
    }

    /// Subscriptions to changes of documents.
    package struct Differences: Hashable, Sendable {
        package var subscribeExpires: ExpiryBounds
        package var notificationInterval: Duration
        /// Zero: not at all.
        package var resynchronisation: Duration
    }

    /// The XDM server and its listener on Ut.
    package struct XCAP: Hashable, Sendable {
        /// Nil: there is no listener.
        package var listener: RootAddress?
        /// What clients write before a document's selector; never empty where there is a listener, no slash at its end.
        package var rootURI: String
        package var trustedProxies: [IPNetwork]
        /// Identities as they were written.
        package var trustedReaders: [String]
        package var aliases: [Alias]
        /// Never empty: the realm of the registrar where the setting is.
        package var realm: String
        package var documentBytes: Int
        package var documentsPerUser: Int
        package var bytesPerUser: Int
        package var connections: Int
        package var idleTimeout: Duration
        package var differences: Differences
        package var xuiStandsInForIdentity: Bool

        /// Puts the port that the system chose in the place of 0, also in the root URI where that follows the listener.
        package mutating func portChosen(_ port: UInt16) {
            guard let listener = self.listener, listener.endpoint.port == 0 else { return }
            let chosen = RootAddress(
                isSecure: listener.isSecure, endpoint: Endpoint(listener.endpoint.address, port), path: listener.path)
            if self.rootURI == listener.description { self.rootURI = chosen.description }
            self.listener = chosen
        }
    }

    /// The log of decisions.
    package struct Audit: Hashable, Sendable {
        /// Older entries are removed; zero: nothing is kept.
        package var keep: Duration
        /// More are not kept; the oldest go first.
        package var entries: Int
    }

    /// The administration server.
    package struct Administration: Hashable, Sendable {
        package var enabled: Bool
        package var address: IPAddress
        package var port: UInt16
    }

    /// How much is logged.
    package enum LogLevel: String, Hashable, Sendable, CaseIterable {
        case trace, debug, info, notice, warning, error, critical
    }

    /// What log lines look like.
    package enum LogFormat: String, Hashable, Sendable, CaseIterable {
        case text, json
    }

    /// The log.
    package struct Logging: Hashable, Sendable {
        package var level: LogLevel
        package var format: LogFormat
    }

    /// Traces of all messages.
    package struct Tracing: Hashable, Sendable {
        /// Empty: none.
        package var pcapFile: String
        /// Empty: none.
        package var ladderFile: String
    }

    /// Bounds of what may grow.
    package struct Limits: Hashable, Sendable {
        package var messageBytes: Int
        package var documentBytes: Int
        package var subscriptions: Int
        package var subscriptionsPerPresentity: Int
        package var publicationsPerPresentity: Int
        package var connections: Int
        package var connectionsPerSource: Int
    }

    /// Bounds of what one source may send.
    package struct Flood: Hashable, Sendable {
        /// 0: no bound.
        package var messagesPerSecond: Int
        package var burst: Int
    }

    /// Name resolution.
    package struct DNS: Hashable, Sendable {
        /// Empty: what the system uses.
        package var servers: [Endpoint]
        package var timeout: Duration
    }
}
