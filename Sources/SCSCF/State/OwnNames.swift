import Ground
import SIPTransactions
import SIPWire

/// Which URIs lead to us, and which belong to our users.
struct OwnNames: Sendable {
    private let domains: Set<[UInt8]>
    private let trusted: Set<[UInt8]>
    private let hosts: Set<[UInt8]>
    private let ports: Set<UInt16>
    private let sentBy: [Transport: TransactionLayer.Configuration.SentBy]
    private let mainDomain: [UInt8]

    init(_ configuration: SCSCF.Configuration) {
        self.domains = Set(configuration.domains.map { Array($0.utf8) })
        self.trusted = Set(configuration.trustedDomains.map { Array($0.lowercased().utf8) })
        self.mainDomain = Array(configuration.domains[0].utf8)
        var hosts = Set(configuration.otherNames.map { Self.normalised(Array($0.utf8)[...]) })
        var ports: Set<UInt16> = []
        for (transport, name) in configuration.sentBy {
            hosts.insert(Self.normalised(Array(name.host.utf8)[...]))
            ports.insert(name.port ?? transport.defaultPort)
        }
        self.hosts = hosts
        self.ports = ports
        self.sentBy = configuration.sentBy
    }

    /// Whether a URI names a user of one of our domains, or the domain itself.
    func isServed(_ uri: SIPURI) -> Bool {
        switch uri.scheme {
        case .sip, .sips, .pres, .im: self.domains.contains(Self.normalised(uri.host)) && self.isOurPort(uri)
        case .tel, .other: false
        }
    }

    /// Whether a request for a URI comes to us: one of our domains, names or addresses.
    func leadsHere(_ uri: SIPURI) -> Bool {
        if self.isServed(uri) { return true }
        // Another element may share our address, but not our port.
        let port = uri.port ?? (uri.scheme == .sips ? 5061 : 5060)
        return uri.isSIP && self.hosts.contains(Self.normalised(uri.host)) && self.ports.contains(port)
    }

    /// The canonical identity that a URI names: for our own users without the port, since that is only ever ours.
    func identity(of uri: SIPURI) -> [UInt8] {
        let identity = uri.canonicalIdentity
        guard let port = uri.port, self.isServed(uri) else { return identity }
        return Array(identity.dropLast(String(port).utf8.count + 1))
    }

    /// Whether a canonical identity belongs to one of our domains.
    func isServed(identity: [UInt8]) -> Bool {
        guard let uri = try? SIPURI.parse(identity[...]) else { return false }
        return self.isServed(uri)
    }

    /// Whether a next hop is inside the trust domain.
    func isTrusted(_ uri: SIPURI) -> Bool { uri.isSIP && self.trusted.contains(Self.normalised(uri.host)) }

    /// The URI of Record-Route for a transport, with a token in the place of the user (RFC 3261 §16.6, step 4).
    func recordRoute(_ transport: Transport, token: [UInt8], isSecure: Bool) -> [UInt8] {
        let name = self.sentBy[transport]
        var value: [UInt8] = []
        value.append(literal: isSecure ? "<sips:" : "<sip:")
        value += token
        value.append(UInt8(ascii: "@"))
        if let name {
            value.append(text: name.host)
            if let port = name.port {
                value.append(UInt8(ascii: ":"))
                value.append(decimal: UInt64(port))
            }
        } else {
            value += self.mainDomain
        }
        switch transport {
        case .udp: break
        case .tcp: value.append(literal: ";transport=tcp")
        // RFC 3261 §26.2.2: in a sips URI the transport below TLS is named.
        case .tls: value.append(literal: isSecure ? ";transport=tcp" : ";transport=tls")
        case .ws, .wss: value.append(literal: isSecure || transport == .ws ? ";transport=ws" : ";transport=wss")
        }
        value.append(literal: ";lr>")
        return value
    }

    private func isOurPort(_ uri: SIPURI) -> Bool {
        guard let port = uri.port else { return true }
        return self.ports.contains(port) || (self.ports.isEmpty && port == (uri.scheme == .sips ? 5061 : 5060))
    }

    private static func normalised(_ host: Octets) -> [UInt8] {
        var name = host.map { ASCII.lowercased($0) }
        if name.count > 1, name.last == UInt8(ascii: ".") { name.removeLast() }
        if name.first == UInt8(ascii: "["), let address = IPAddress(octets: name[...]) {
            name = Array(address.hostText.utf8)
        }
        return name
    }
}
