import DigestAuth
import Ground
import SIPWire
import Settings
import WebEdge
import XDMServer

extension ConfigurationMapping {
    // MARK: the XDM server

    /// Nil where the function does not run.
    func documents(users: KnownUsers, secrets: NodeSecrets) -> XDMServer.Configuration? {
        guard self.runsDocuments else { return nil }
        let settings = self.settings.xcap
        var configuration = XDMServer.Configuration(
            rootURI: settings.rootURI, servedDomains: self.settings.node.domains)
        configuration.users = users.ofDocuments
        // On Ut everybody proves who they are, also where SIP requests are not challenged: a document is for its owner.
        var authenticator = self.authenticator(settings.realm, secrets)
        // The listener has no TLS: who wants to may protect the body of a request as well (REQ-33141-46).
        authenticator.protections = [.authentication, .integrity]
        configuration.authentication = .digest(authenticator)
        configuration.subscriberAuthentication =
            self.settings.registrar.challenge ? .digest(self.authenticator(self.realm, secrets)) : .none
        configuration.xuiStandsInForIdentity = settings.xuiStandsInForIdentity
        configuration.fromStandsInForIdentity = self.settings.presence.fromStandsInForIdentity
        configuration.trustedReaders = Set(settings.trustedReaders.compactMap { SIPURI($0)?.canonicalIdentity })
        configuration.aliases = Self.aliases(settings.aliases)
        let differences = settings.differences
        configuration.subscriptionExpiry = Self.expiry(differences.subscribeExpires)
        configuration.notificationInterval = differences.notificationInterval
        configuration.resynchronisation = differences.resynchronisation > .zero ? differences.resynchronisation : nil
        configuration.contactHost = self.advertisedHost.map { Array($0.utf8) }
        configuration.limits.documentBytes = settings.documentBytes
        configuration.limits.documentsPerUser = settings.documentsPerUser
        configuration.limits.bytesPerUser = settings.bytesPerUser
        return configuration
    }

    /// The aliases by the form in which the XDM server looks for them: a URI is canonical, anything else as written.
    private static func aliases(_ aliases: [Alias]) -> [[UInt8]: [UInt8]] {
        var identities: [[UInt8]: [UInt8]] = [:]
        for alias in aliases {
            guard let identity = SIPURI(alias.identity)?.canonicalIdentity else { continue }
            identities[SIPURI(alias.name)?.canonicalIdentity ?? Array(alias.name.utf8)] = identity
        }
        return identities
    }

    /// The HTTP listener on Ut; nil where none is wanted.
    func utListener() -> UtServer.Configuration? {
        let settings = self.settings.xcap
        guard self.runsDocuments, let listener = settings.listener else { return nil }
        var configuration = UtServer.Configuration(
            address: listener.endpoint.address, port: listener.endpoint.port, rootPath: listener.path)
        if let host = Self.host(of: settings.rootURI) { configuration.hosts = [host] }
        configuration.trustedProxies = settings.trustedProxies
        configuration.limits.bodyBytes = settings.documentBytes
        configuration.limits.connections = settings.connections
        configuration.limits.idle = settings.idleTimeout
        return configuration
    }

    /// The host that an absolute URI names, without its port.
    private static func host(of uri: String) -> String? {
        guard let start = uri.range(of: "://")?.upperBound else { return nil }
        let authority = uri[start...].prefix { $0 != "/" }
        if authority.hasPrefix("[") { return authority.prefix { $0 != "]" } + "]" }
        return String(authority.prefix { $0 != ":" })
    }
}
