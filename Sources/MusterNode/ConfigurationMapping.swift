import DigestAuth
import EventNotification
import Ground
import PresenceServer
import SCSCF
import SIPTransactions
import SIPWire
import Settings
import Signalling

/// From what an operator sets to what each room asks for.
struct ConfigurationMapping {
    let settings: NodeConfiguration
    /// Whether the digest realm is known to the registrar: then the Presence Server challenges in it too.
    var realm: String { self.settings.registrar.realm }
    var runsPresence: Bool { self.settings.node.functions.contains(.presence) }
    var runsRegistrar: Bool { self.settings.node.functions.contains(.registrar) }
    var runsDocuments: Bool { self.settings.node.functions.contains(.documents) }

    /// What stands in Via and Contact instead of the listener's own address: what the configuration says; behind a
    /// listener on every address, the machine's own; else nil.
    var advertisedHost: String? {
        if !self.settings.sip.advertisedHost.isEmpty { return self.settings.sip.advertisedHost }
        let listensEverywhere = self.settings.sip.listeners.contains { listener in
            listener.endpoint.address.high == 0 && listener.endpoint.address.low == 0
        }
        return listensEverywhere ? OwnAddress.primary().hostText : nil
    }

    // MARK: signalling

    func listeners() -> [ListenerConfiguration] {
        self.settings.sip.listeners.map { address in
            let transport = Self.transport(of: address.kind)
            return ListenerConfiguration(
                transport, address.endpoint, tls: transport.isSecure ? self.serverTLS() : nil)
        }
    }

    static func transport(of kind: ListenerAddress.Kind) -> Transport {
        switch kind {
        case .udp: .udp
        case .tcp: .tcp
        case .tls: .tls
        case .ws: .ws
        case .wss: .wss
        }
    }

    private var authorities: String? {
        self.settings.tls.authoritiesFile.isEmpty ? nil : self.settings.tls.authoritiesFile
    }

    private func serverTLS() -> TLSConfiguration {
        let verification: TLSConfiguration.PeerVerification =
            switch self.settings.tls.clientCertificate {
            case .ignore: .none
            case .request: .ifPresented
            case .require: .required
            }
        return TLSConfiguration(
            certificateFile: self.settings.tls.certificateFile, keyFile: self.settings.tls.keyFile,
            authorityFile: self.authorities, peerVerification: verification)
    }

    private func clientTLS() -> TLSConfiguration {
        let hasOwn = !self.settings.tls.certificateFile.isEmpty
        return TLSConfiguration(
            certificateFile: hasOwn ? self.settings.tls.certificateFile : nil,
            keyFile: hasOwn ? self.settings.tls.keyFile : nil, authorityFile: self.authorities,
            peerVerification: .required)
    }

    func transports() -> TransportConfiguration {
        var transports = TransportConfiguration()
        transports.trustedNetworks = self.settings.sip.trustedNetworks
        if self.settings.sip.trustedLoopback {
            transports.trustedNetworks += ["127.0.0.0/8", "::1"].compactMap { IPNetwork($0) }
        }
        transports.trustedIdentities = Set(self.settings.sip.trustedCertificates.map { $0.lowercased() })
        transports.clientTLS = self.clientTLS()
        let flood = self.settings.flood
        transports.floodBound =
            flood.messagesPerSecond == 0
            ? nil
            : TransportConfiguration.FloodBound(messagesPerSecond: flood.messagesPerSecond, burst: flood.burst)
        transports.maximumConnections = self.settings.limits.connections
        transports.maximumConnectionsPerSource = self.settings.limits.connectionsPerSource
        transports.wireLimits.maximumMessageBytes = self.settings.limits.messageBytes
        return transports
    }

    /// The names that stand in our Via: the advertised host with the listener's port, or the listener itself.
    ///
    /// - Parameter endpoints: where the listeners listen, in the order of the configuration; empty before that is known.
    func transactions(_ endpoints: [Endpoint]) -> TransactionLayer.Configuration {
        var sentBy: [Transport: TransactionLayer.Configuration.SentBy] = [:]
        for (index, listener) in self.settings.sip.listeners.enumerated() {
            let transport = Self.transport(of: listener.kind)
            guard sentBy[transport] == nil else { continue }
            let bound = index < endpoints.count ? endpoints[index].port : listener.endpoint.port
            let port = bound == transport.defaultPort ? nil : bound
            let host = self.advertisedHost ?? listener.endpoint.address.hostText
            sentBy[transport] = TransactionLayer.Configuration.SentBy(host: host, port: port)
        }
        var configuration = TransactionLayer.Configuration(sentBy: sentBy)
        configuration.switchesToTCP = sentBy[.tcp] != nil
        return configuration
    }

    // MARK: the Presence Server

    func presence(
        users: KnownUsers, secrets: NodeSecrets
    ) -> PresenceServer.Configuration? {
        guard self.runsPresence else { return nil }
        let settings = self.settings.presence
        var configuration = PresenceServer.Configuration(servedDomains: self.settings.node.domains)
        configuration.users = users.ofPresence
        configuration.publicationExpiry = Self.expiry(settings.publishExpires)
        configuration.subscriptionExpiry = Self.expiry(settings.subscribeExpires)
        configuration.defaultHandling = AuthorizationRule.Handling(settings.defaultHandling)
        configuration.anonymousHandling = AuthorizationRule.Handling(settings.anonymousHandling)
        configuration.authentication =
            self.settings.registrar.challenge ? .digest(self.authenticator(self.realm, secrets)) : .none
        configuration.fromStandsInForIdentity = settings.fromStandsInForIdentity
        configuration.minimumInterval = settings.notificationInterval
        configuration.watcherInformationInterval = settings.winfoInterval
        configuration.waitingPeriod = settings.waitingTime
        if self.runsDocuments { configuration.documentRoots = [Array(self.settings.xcap.rootURI.utf8)] }
        configuration.contactHost = self.advertisedHost.map { Array($0.utf8) }
        configuration.resynchronisation = settings.resynchronisation > .zero ? settings.resynchronisation : nil
        configuration.limits.subscriptions = self.settings.limits.subscriptions
        configuration.limits.watchersPerPresentity = self.settings.limits.subscriptionsPerPresentity
        configuration.limits.publicationsPerPresentity = self.settings.limits.publicationsPerPresentity
        configuration.limits.documentBytes = self.settings.limits.documentBytes
        configuration.limits.notifiedPartBytes = self.settings.limits.documentBytes
        return configuration
    }

    var algorithms: [DigestAlgorithm] {
        self.settings.registrar.digestAlgorithms.map { algorithm in
            switch algorithm {
            case .sha512256: .sha512_256
            case .sha256: .sha256
            case .md5: .md5
            }
        }
    }

    /// All boxes challenge as the registrar does, so that a client needs one password.
    func authenticator(_ realm: String, _ secrets: NodeSecrets) -> DigestAuthenticator.Configuration {
        DigestAuthenticator.Configuration(
            realm: realm, algorithms: self.algorithms, nonceLifetime: self.settings.registrar.nonceLifetime,
            nonceSecret: secrets.nonce)
    }

    static func expiry(_ bounds: NodeConfiguration.ExpiryBounds) -> ExpiryPolicy {
        ExpiryPolicy(
            standard: UInt32(clamping: bounds.standard.wholeSeconds),
            minimum: UInt32(clamping: bounds.minimum.wholeSeconds),
            maximum: UInt32(clamping: bounds.maximum.wholeSeconds))
    }
}

extension ConfigurationMapping {
    // MARK: the S-CSCF

    /// - Parameters:
    ///   - secrets: what must stay the same over restarts.
    ///   - endpoints: where the listeners listen.
    func registrar(secrets: NodeSecrets, endpoints: [Endpoint]) -> SCSCF.Configuration? {
        guard self.runsRegistrar else { return nil }
        let settings = self.settings.registrar
        var configuration = SCSCF.Configuration(
            domains: self.settings.node.domains, sentBy: self.transactions(endpoints).sentBy)
        configuration.realm = settings.realm
        configuration.authentication = settings.challenge ? .digest : .none
        configuration.directory = self.settings.presence.knownUsers == .any ? .everyUserExists : .subscribers
        configuration.algorithms = self.algorithms
        configuration.nonceSecret = secrets.nonce
        configuration.nonceLifetime = settings.nonceLifetime
        configuration.minimumExpires = UInt32(clamping: settings.expires.minimum.wholeSeconds)
        configuration.maximumExpires = UInt32(clamping: settings.expires.maximum.wholeSeconds)
        configuration.defaultExpires = UInt32(clamping: settings.expires.standard.wholeSeconds)
        configuration.allowEvents =
            (self.runsPresence ? ["presence", "presence.winfo"] : []) + (self.runsDocuments ? ["xcap-diff"] : [])
        configuration.routeSecret = secrets.route
        configuration.temporaryGRUUKey = secrets.temporaryGRUU
        configuration.limits.contactsPerUser = settings.maximumContacts
        return configuration
    }

    /// Names are asked of the servers of the configuration, or of the system's.
    func resolver() -> @Sendable () throws(Fault) -> any DomainResolver {
        let configuration = NetworkResolver.Configuration(
            servers: self.settings.dns.servers, timeout: self.settings.dns.timeout)
        return { () throws(Fault) in try NetworkResolver(configuration) }
    }
}
