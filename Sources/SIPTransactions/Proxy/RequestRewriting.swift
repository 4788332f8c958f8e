package import Ground
package import SIPWire

/// Makes the copy of a request that a proxy forwards (RFC 3261 §16.6, steps 1 to 6). Our Via comes later, from the
/// transaction layer, which knows the hop.
package enum RequestRewriting {
    /// A request on its way out.
    package struct Result: Sendable {
        /// All but our Via.
        package var bytes: [UInt8]
        /// Where the Via goes.
        package var viaOffset: Int
        /// The URI that names the next hop: the first Route or the Request-URI (RFC 3261 §16.6, step 7).
        package var nextHop: SIPURI
    }

    /// Rewrites a request for one target.
    ///
    /// - Parameters:
    ///   - routing: what is left of the Route headers.
    ///   - source: where the request came from; completes its topmost Via.
    ///   - breadth: what Max-Breadth says on this branch; nil leaves it out.
    package static func rewrite(
        _ request: SIPMessage, routing: ProxyRouting, for target: ProxyTarget, changes: ProxyChanges, source: Endpoint,
        breadth: UInt32?
    ) throws(ParseFault) -> Result {
        var uri = target.uri[...]
        var routes = target.routes.map { $0[...] } + routing.routes
        var nextHop = try SIPURI.parse(uri)
        if let first = routes.first {
            let address = try NameAddress.parse(first)
            nextHop = address.uri
            if !nextHop.isLooseRouter {
                // A strict router wants itself in the Request-URI and the target at the end (RFC 3261 §16.6, step 6).
                routes.removeFirst()
                routes.append(([UInt8(ascii: "<")] + uri + [UInt8(ascii: ">")])[...])
                uri = address.uriOctets
            }
        }
        var writer = MessageWriter(reserving: request.storage.count + 512)
        writer.requestLine(request.method, uri)
        let offset = writer.bytes.count
        self.write(vias: request, source: source, to: &writer)
        for route in target.recordRoutes { writer.header(.recordRoute, route) }
        for route in routes { writer.header(.route, route) }
        // RFC 3261 §16.6, step 3: one less, or 70 where there was none.
        let hops = (try request.maxForwards()) ?? 71
        writer.header(.maxForwards, number: UInt64(max(hops - 1, 0)))
        if let breadth { writer.header(.maxBreadth, number: UInt64(breadth)) }
        self.write(identity: request, changes: changes, isTrusted: target.isTrusted, to: &writer)
        self.write(rest: request, changes: changes, to: &writer)
        let bytes = writer.finish(contentType: Octets?.none, body: request.body)
        return Result(bytes: bytes, viaOffset: offset, nextHop: nextHop)
    }

    /// Every Via as it came, the topmost completed with where the request really came from (RFC 3261 §18.2.1,
    /// RFC 3581 §4), since nobody else will see that address.
    private static func write(vias request: SIPMessage, source: Endpoint, to writer: inout MessageWriter) {
        var isTopmost = true
        for value in request.list(.via) {
            defer { isTopmost = false }
            guard isTopmost, let via = try? Via.parse(value), via.hasRPort || via.hostAddress != source.address else {
                writer.header(.via, value)
                continue
            }
            writer.begin(.via)
            writer.raw(literal: "SIP/2.0/")
            writer.raw(via.transport)
            writer.raw(literal: " ")
            writer.raw(via.host)
            if let port = via.port {
                writer.raw(literal: ":")
                writer.raw(decimal: UInt64(port))
            }
            for parameter in via.parameters
            where !parameter.name.equalsIgnoringCase("received") && !parameter.name.equalsIgnoringCase("rport") {
                writer.raw(literal: ";")
                writer.raw(parameter.name)
                guard let value = parameter.value else { continue }
                writer.raw(literal: "=")
                writer.raw(value)
            }
            writer.raw(literal: ";received=")
            writer.raw(Array(source.address.description.utf8)[...])
            if via.hasRPort {
                writer.raw(literal: ";rport=")
                writer.raw(decimal: UInt64(source.port))
            }
            writer.endHeader()
        }
    }

    /// P-Asserted-Identity and P-Preferred-Identity: only what the trust domain vouches for goes on, and to
    /// outsiders not even that where the sender asked for privacy (RFC 3325 §5, §7).
    private static func write(
        identity request: SIPMessage, changes: ProxyChanges, isTrusted: Bool, to writer: inout MessageWriter
    ) {
        let privacy = request.privacy()
        if !isTrusted, privacy.contains(.id) || privacy.contains(.user) || privacy.contains(.header) { return }
        if let identities = changes.assertedIdentities {
            for identity in identities {
                writer.begin(.pAssertedIdentity)
                writer.raw(literal: "<")
                writer.raw(identity[...])
                writer.raw(literal: ">")
                writer.endHeader()
            }
            return
        }
        for value in request.all(.pAssertedIdentity) { writer.header(.pAssertedIdentity, value) }
    }

    private static func write(rest request: SIPMessage, changes: ProxyChanges, to writer: inout MessageWriter) {
        for field in request.headers {
            switch field.name {
            case .via, .route, .maxForwards, .maxBreadth, .contentLength, .pAssertedIdentity: continue
            case .pPreferredIdentity where changes.assertedIdentities != nil: continue
            case .proxyAuthorization where self.isOurs(request.value(of: field), realm: changes.realm): continue
            default: break
            }
            let name = request.name(of: field)
            guard !name.isEmpty else { continue }
            writer.raw(name)
            writer.raw(literal: ": ")
            writer.raw(request.value(of: field))
            writer.endHeader()
        }
    }

    /// Whether credentials were made for our realm. Looking for the quoted realm is enough: at worst a header stays
    /// that nobody understands.
    private static func isOurs(_ value: Octets, realm: [UInt8]) -> Bool {
        guard !realm.isEmpty else { return false }
        let quoted = [UInt8(ascii: "\"")] + realm + [UInt8(ascii: "\"")]
        guard value.count >= quoted.count else { return false }
        for start in value.startIndex...(value.endIndex - quoted.count)
        where value[start..<(start + quoted.count)] == quoted[...] {
            let before = value[..<start].suffix(12)
            let name = before.filter { $0 > 0x20 && $0 != UInt8(ascii: ",") }
            if name.suffix(6)[...].equalsIgnoringCase("realm=") { return true }
        }
        return false
    }

    /// A response without its topmost Via, which is ours (RFC 3261 §16.7, step 3), and without claims of identity
    /// unless the answerer belongs to the trust domain (RFC 3325 §5).
    package static func forwarded(_ response: SIPMessage, isTrusted: Bool) -> [UInt8] {
        var writer = MessageWriter(reserving: response.storage.count)
        writer.statusLine(response.status, response.reason.text)
        self.write(responseHeaders: response, adding: [], isTrusted: isTrusted, to: &writer)
        return writer.finish(contentType: Octets?.none, body: response.body)
    }

    /// A response with the challenges of other branches added (RFC 3261 §16.7, step 7).
    package static func forwarded(_ response: SIPMessage, adding others: [SIPMessage], isTrusted: Bool) -> [UInt8] {
        var writer = MessageWriter(reserving: response.storage.count + 512)
        writer.statusLine(response.status, response.reason.text)
        self.write(responseHeaders: response, adding: others, isTrusted: isTrusted, to: &writer)
        return writer.finish(contentType: Octets?.none, body: response.body)
    }

    private static func write(
        responseHeaders response: SIPMessage, adding others: [SIPMessage], isTrusted: Bool,
        to writer: inout MessageWriter
    ) {
        for via in response.list(.via).dropFirst() { writer.header(.via, via) }
        for field in response.headers {
            switch field.name {
            case .via, .contentLength: continue
            case .pAssertedIdentity where !isTrusted, .pPreferredIdentity where !isTrusted: continue
            default: break
            }
            let name = response.name(of: field)
            guard !name.isEmpty else { continue }
            writer.raw(name)
            writer.raw(literal: ": ")
            writer.raw(response.value(of: field))
            writer.endHeader()
        }
        for other in others {
            for name in [HeaderName.wwwAuthenticate, .proxyAuthenticate] {
                for value in other.all(name) { writer.header(name, value) }
            }
        }
    }
}
