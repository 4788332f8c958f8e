import Ground
import SIPWire

/// Which box of the node serves a request: what the initial filter criteria of an S-CSCF decide in a larger network.
package struct Router: Sendable {
    /// A box of the node.
    package enum Destination: Hashable, Sendable {
        case presence, registrar, documents
        /// No box that could.
        case nobody
    }

    private let domains: [[UInt8]]
    private let packages: [[UInt8]]
    private let documentPackages: [[UInt8]]
    private let advertisedHost: [UInt8]?

    /// - Parameters:
    ///   - domains: the domains served here, lower-case.
    ///   - advertisedHost: the name or address in the Contacts of this node; nil where they carry the listener's own.
    ///   - packages: the event packages of the Presence Server.
    ///   - documentPackages: those of the XDM server.
    package init(
        domains: [String], advertisedHost: String? = nil, packages: [String] = ["presence", "presence.winfo"],
        documentPackages: [String] = ["xcap-diff"]
    ) {
        self.domains = domains.map { Array($0.lowercased().utf8) }
        self.advertisedHost = advertisedHost.map { Array($0.lowercased().utf8) }
        self.packages = packages.map { Array($0.utf8) }
        self.documentPackages = documentPackages.map { Array($0.utf8) }
    }

    /// Decides by method, Request-URI and Event.
    /// - Parameters:
    ///   - local: the address that the request came to.
    ///   - isBound: whether the user that a URI names has a registered contact, to which the S-CSCF would proxy.
    package func destination(of message: SIPMessage, local: Endpoint, isBound: (SIPURI) -> Bool) -> Destination {
        // A Route beyond us means that the request only passes through.
        if message.count(.route) > 0, let routes = try? message.routes(), routes.count > 1 { return .registrar }
        switch message.method {
        case .register: return .registrar
        case .publish:
            return self.server(of: message) == .presence
                ? self.forServed(message, .presence) : self.elsewhere(message, isBound)
        case .subscribe: return self.destination(ofSubscribe: message, local, isBound)
        case .options: return self.destination(ofOptions: message, isBound)
        default: return .registrar
        }
    }

    private func destination(
        ofSubscribe message: SIPMessage, _ local: Endpoint, _ isBound: (SIPURI) -> Bool
    ) -> Destination {
        guard let uri = try? SIPURI.parse(message.requestURI) else { return .presence }
        // Inside a dialog the Request-URI is the remote target: ours is an address without a user of a served
        // domain, a client's is a GRUU or an address of its own.
        if message.toTag() != nil {
            if uri.isGRUU { return .registrar }
            let server = self.server(of: message)
            if self.serves(uri) { return server ?? self.elsewhere(message, isBound) }
            return self.isHere(uri, local) ? server ?? .presence : .registrar
        }
        if let server = self.server(of: message) { return self.forServed(message, server) }
        return self.elsewhere(message, isBound)
    }

    /// Whether a URI is the Contact of this node.
    private func isHere(_ uri: SIPURI, _ local: Endpoint) -> Bool {
        if let advertisedHost { return uri.host.map(ASCII.lowercased).elementsEqual(advertisedHost) }
        let port = uri.port ?? (local.port == 5061 ? 5061 : 5060)
        return uri.hostAddress == local.address && port == local.port
    }

    private func destination(ofOptions message: SIPMessage, _ isBound: (SIPURI) -> Bool) -> Destination {
        guard let uri = try? SIPURI.parse(message.requestURI), uri.user != nil, self.serves(uri) else {
            return .presence
        }
        return isBound(uri) ? .registrar : .presence
    }

    private func forServed(_ message: SIPMessage, _ server: Destination) -> Destination {
        guard let uri = try? SIPURI.parse(message.requestURI) else { return server }
        return self.serves(uri) || !uri.isSIP ? server : .registrar
    }

    /// A package that the Presence Server does not know: a registered client may, else the Presence Server refuses.
    private func elsewhere(_ message: SIPMessage, _ isBound: (SIPURI) -> Bool) -> Destination {
        guard let uri = try? SIPURI.parse(message.requestURI) else { return .presence }
        guard self.serves(uri) else { return uri.isSIP ? .registrar : .presence }
        return isBound(uri) ? .registrar : .presence
    }

    /// Whether a request is about the event package of the XDM server.
    func isAboutDocuments(_ message: SIPMessage) -> Bool {
        message.method == .subscribe && self.server(of: message) == .documents
    }

    /// The box whose event package a request names.
    private func server(of message: SIPMessage) -> Destination? {
        guard let event = message.first(.event) else { return nil }
        let end = event.firstIndex { $0 == UInt8(ascii: ";") || $0 == 0x20 || $0 == 0x09 } ?? event.endIndex
        let token = event[event.startIndex..<end]
        if self.packages.contains(where: { token.elementsEqual($0) }) { return .presence }
        return self.documentPackages.contains { token.elementsEqual($0) } ? .documents : nil
    }

    private func serves(_ uri: SIPURI) -> Bool {
        let host = uri.host
        return self.domains.contains { domain in
            host.count == domain.count && zip(host, domain).allSatisfy { ASCII.lowercased($0) == $1 }
        }
    }
}
