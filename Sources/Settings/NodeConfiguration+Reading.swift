import Ground

extension NodeConfiguration {
    /// Asks for every setting of the catalogue, in its order.
    init(from reading: inout ConfigurationReading) {
        self.node = Node(
            name: reading.value(SettingsCatalogue.name), domains: reading.value(SettingsCatalogue.domains),
            functions: reading.value(SettingsCatalogue.functions),
            dataDirectory: reading.value(SettingsCatalogue.dataDirectory))
        self.storage = Storage(
            durability: reading.value(SettingsCatalogue.durability),
            masterKeyFile: reading.value(SettingsCatalogue.masterKeyFile))
        self.sip = SIP(
            listeners: reading.value(SettingsCatalogue.listeners),
            advertisedHost: reading.value(SettingsCatalogue.advertisedHost),
            trustedNetworks: reading.value(SettingsCatalogue.trustedNetworks),
            trustedCertificates: reading.value(SettingsCatalogue.trustedCertificates),
            trustedLoopback: reading.value(SettingsCatalogue.trustedLoopback))
        self.tls = TLS(
            certificateFile: reading.value(SettingsCatalogue.certificateFile),
            keyFile: reading.value(SettingsCatalogue.keyFile),
            authoritiesFile: reading.value(SettingsCatalogue.authoritiesFile),
            clientCertificate: reading.value(SettingsCatalogue.clientCertificate))
        self.presence = Presence(
            defaultHandling: reading.value(SettingsCatalogue.defaultHandling),
            anonymousHandling: reading.value(SettingsCatalogue.anonymousHandling),
            rulesFile: reading.value(SettingsCatalogue.rulesFile),
            knownUsers: reading.value(SettingsCatalogue.knownUsers),
            publishExpires: reading.value(SettingsCatalogue.publishExpires),
            subscribeExpires: reading.value(SettingsCatalogue.subscribeExpires),
            notificationInterval: reading.value(SettingsCatalogue.notificationInterval),
            winfoInterval: reading.value(SettingsCatalogue.winfoInterval),
            resynchronisation: reading.value(SettingsCatalogue.resynchronisation),
            waitingTime: reading.value(SettingsCatalogue.waitingTime),
            fromStandsInForIdentity: reading.value(SettingsCatalogue.fromStandsInForIdentity))
        let domain = self.node.domains.first ?? ""
        let challenge = reading.value(SettingsCatalogue.challenge)
        let realm = reading.value(SettingsCatalogue.realm)
        self.registrar = Registrar(
            challenge: challenge, realm: realm.isEmpty ? domain : realm,
            expires: reading.value(SettingsCatalogue.registerExpires),
            maximumContacts: reading.value(SettingsCatalogue.maximumContacts),
            digestAlgorithms: reading.value(SettingsCatalogue.digestAlgorithms),
            nonceLifetime: reading.value(SettingsCatalogue.nonceLifetime))
        self.xcap = XCAP(from: &reading, registrarRealm: self.registrar.realm)
        self.audit = Audit(
            keep: reading.value(SettingsCatalogue.auditKeep), entries: reading.value(SettingsCatalogue.auditEntries))
        self.administration = Administration(
            enabled: reading.value(SettingsCatalogue.administrationEnabled),
            address: reading.value(SettingsCatalogue.administrationAddress),
            port: reading.value(SettingsCatalogue.administrationPort))
        self.logging = Logging(
            level: reading.value(SettingsCatalogue.logLevel), format: reading.value(SettingsCatalogue.logFormat))
        self.tracing = Tracing(
            pcapFile: reading.value(SettingsCatalogue.pcapFile),
            ladderFile: reading.value(SettingsCatalogue.ladderFile))
        self.limits = Limits(from: &reading)
        self.flood = Flood(
            messagesPerSecond: reading.value(SettingsCatalogue.messagesPerSecond),
            burst: reading.value(SettingsCatalogue.burst)
        )
        self.dns = DNS(
            servers: reading.value(SettingsCatalogue.nameServers), timeout: reading.value(SettingsCatalogue.dnsTimeout))
    }
}

extension NodeConfiguration.XCAP {
    init(from reading: inout ConfigurationReading, registrarRealm: String) {
        self.listener = reading.value(SettingsCatalogue.xcapListen)
        let root = reading.value(SettingsCatalogue.xcapRootURI)
        self.rootURI = root.isEmpty ? self.listener?.description ?? "" : root
        self.trustedProxies = reading.value(SettingsCatalogue.trustedProxies)
        self.trustedReaders = reading.value(SettingsCatalogue.trustedReaders)
        self.aliases = reading.value(SettingsCatalogue.aliases)
        let realm = reading.value(SettingsCatalogue.xcapRealm)
        self.realm = realm.isEmpty ? registrarRealm : realm
        self.documentBytes = reading.value(SettingsCatalogue.xcapDocumentBytes)
        self.documentsPerUser = reading.value(SettingsCatalogue.documentsPerUser)
        self.bytesPerUser = reading.value(SettingsCatalogue.bytesPerUser)
        self.connections = reading.value(SettingsCatalogue.xcapConnections)
        self.idleTimeout = reading.value(SettingsCatalogue.xcapIdleTimeout)
        self.differences = NodeConfiguration.Differences(
            subscribeExpires: reading.value(SettingsCatalogue.differenceExpires),
            notificationInterval: reading.value(SettingsCatalogue.differenceInterval),
            resynchronisation: reading.value(SettingsCatalogue.differenceResynchronisation))
        self.xuiStandsInForIdentity = reading.value(SettingsCatalogue.xuiStandsInForIdentity)
    }
}

extension NodeConfiguration.Limits {
    init(from reading: inout ConfigurationReading) {
        self.messageBytes = reading.value(SettingsCatalogue.messageBytes)
        self.documentBytes = reading.value(SettingsCatalogue.documentBytes)
        self.subscriptions = reading.value(SettingsCatalogue.subscriptions)
        self.subscriptionsPerPresentity = reading.value(SettingsCatalogue.subscriptionsPerPresentity)
        self.publicationsPerPresentity = reading.value(SettingsCatalogue.publicationsPerPresentity)
        self.connections = reading.value(SettingsCatalogue.connections)
        self.connectionsPerSource = reading.value(SettingsCatalogue.connectionsPerSource)
    }
}

extension ConfigurationReading {
    /// Reads the three bounds of a lifetime, which have to be in order.
    mutating func value(_ settings: ExpirySettings) -> NodeConfiguration.ExpiryBounds {
        let bounds = NodeConfiguration.ExpiryBounds(
            minimum: self.value(settings.minimum), maximum: self.value(settings.maximum),
            standard: self.value(settings.standard))
        if bounds.minimum > bounds.maximum {
            self.report(
                settings.minimum.key,
                "\(DurationText.write(bounds.minimum)) is more than \(settings.maximum.key), which is "
                    + DurationText.write(bounds.maximum))
        } else if bounds.standard < bounds.minimum || bounds.standard > bounds.maximum {
            self.report(
                settings.standard.key,
                "\(DurationText.write(bounds.standard)) does not lie between \(settings.minimum.key) "
                    + "(\(DurationText.write(bounds.minimum))) and \(settings.maximum.key) "
                    + "(\(DurationText.write(bounds.maximum)))")
        }
        return bounds
    }

    /// Checks what only several settings together show.
    mutating func check(_ configuration: NodeConfiguration) {
        if configuration.sip.listeners.contains(where: \.kind.isSecure) {
            for (setting, value) in [
                (SettingsCatalogue.certificateFile, configuration.tls.certificateFile),
                (SettingsCatalogue.keyFile, configuration.tls.keyFile),
            ] where value.isEmpty {
                self.report(setting.key, "a tls or wss listener in \(SettingsCatalogue.listeners.key) needs this file")
            }
        }
        if configuration.tls.certificateFile.isEmpty != configuration.tls.keyFile.isEmpty {
            let missing =
                configuration.tls.keyFile.isEmpty
                ? SettingsCatalogue.keyFile.key : SettingsCatalogue.certificateFile.key
            if !self.mistakes.contains(where: { $0.key == missing }) {
                self.report(missing, "a certificate and its key belong together; this one is missing")
            }
        }
        let onLoopback = configuration.sip.listeners.allSatisfy(\.endpoint.address.isLoopback)
        if configuration.presence.fromStandsInForIdentity, !onLoopback {
            self.report(
                SettingsCatalogue.fromStandsInForIdentity.key,
                "this is allowed only where every listener is on loopback, because a From header proves nothing")
        }
        if Set(configuration.sip.listeners.filter { $0.endpoint.port != 0 }).count
            < configuration.sip.listeners.filter({ $0.endpoint.port != 0 }).count
        {
            self.report(SettingsCatalogue.listeners.key, "the same listener stands here twice")
        }
        self.checkDocuments(configuration)
    }

    /// Checks the listener for documents: until it has TLS, nobody but this machine may reach it.
    private mutating func checkDocuments(_ configuration: NodeConfiguration) {
        guard let listener = configuration.xcap.listener else { return }
        let key = SettingsCatalogue.xcapListen.key
        let endpoint = listener.endpoint
        if listener.isSecure {
            self.report(
                key,
                "this listener has no TLS yet; listen with http on loopback, and let a proxy on this machine that ends "
                    + "TLS pass requests on (\(SettingsCatalogue.trustedProxies.key) names it)")
        } else if !endpoint.address.isLoopback {
            self.report(
                key,
                "\(endpoint.address) is not a loopback address: without TLS, everybody on the way could read and change "
                    + "the documents; allowed are 127.0.0.1 and [::1]")
        }
        if configuration.xcap.bytesPerUser < configuration.xcap.documentBytes {
            self.report(
                SettingsCatalogue.bytesPerUser.key,
                "\(configuration.xcap.bytesPerUser) is less than \(SettingsCatalogue.xcapDocumentBytes.key), which is "
                    + "\(configuration.xcap.documentBytes): the largest document would not fit")
        }
        let administration = configuration.administration
        if administration.enabled, endpoint.port != 0, endpoint.port == administration.port,
            endpoint.address == administration.address
        {
            self.report(key, "the administration port (\(SettingsCatalogue.administrationPort.key)) has this address")
        }
    }
}
