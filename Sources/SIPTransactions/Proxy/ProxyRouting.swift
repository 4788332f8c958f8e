package import Ground
package import SIPWire

/// What the Route headers and the Request-URI of a request say about its way (RFC 3261 §16.4).
package struct ProxyRouting: Sendable {
    /// Where the request is going: the Request-URI, or what a strict router hid in the last Route.
    package var requestURI: SIPURI
    /// The Route values that are left when our own have been taken off.
    package var routes: [Octets]
    /// Our own Route values that have been taken off, in order: what we once wrote into Record-Route or Path.
    package var ownRoutes: [SIPURI]

    /// Reads the routing of a request.
    ///
    /// - Parameter isOwn: whether a URI leads to this element.
    package init(_ request: SIPMessage, isOwn: (SIPURI) -> Bool) throws(ParseFault) {
        self.requestURI = try request.readRequestURI()
        self.ownRoutes = []
        var addresses = try request.routes()
        // A strict router has put us into the Request-URI and the real target at the end (RFC 3261 §16.4).
        if self.requestURI.isLooseRouter, let last = addresses.last, isOwn(self.requestURI) {
            self.ownRoutes.append(self.requestURI)
            self.requestURI = last.uri
            addresses.removeLast()
        } else if let maddr = self.requestURI.parameters.value(of: "maddr"), isOwn(self.requestURI) {
            self.requestURI = try Self.without(maddr: maddr, self.requestURI)
        }
        var left = addresses[...]
        while let first = left.first, isOwn(first.uri) {
            self.ownRoutes.append(first.uri)
            left.removeFirst()
        }
        self.routes = left.map(\.octets)
    }

    /// RFC 3261 §16.4: a multicast address that leads here has done its work.
    private static func without(maddr: Octets, _ uri: SIPURI) throws(ParseFault) -> SIPURI {
        var bytes = uri.isSIP && uri.scheme == .sips ? Array("sips:".utf8) : Array("sip:".utf8)
        if let user = uri.user {
            bytes += user
            bytes.append(UInt8(ascii: "@"))
        }
        bytes += uri.host
        for parameter in uri.parameters
        where !parameter.name.equalsIgnoringCase("maddr") && !parameter.name.equalsIgnoringCase("transport") {
            bytes.append(UInt8(ascii: ";"))
            bytes += parameter.name
            if let value = parameter.value {
                bytes.append(UInt8(ascii: "="))
                bytes += value
            }
        }
        return try SIPURI.parse(bytes[...])
    }
}
