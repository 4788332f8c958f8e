internal import Ground
package import SIPWire

extension Dialog {
    /// Begins a request of the dialog (RFC 3261 §12.2.1.1): request line, Route, Max-Forwards, From, To, Call-ID and
    /// CSeq. The caller adds the rest and finishes.
    /// - Parameter sequence: from ``nextSequence()``; of an ACK that of its INVITE.
    package func request(_ method: Method, sequence: UInt32, reserving: Int = 1024) -> MessageWriter {
        var writer = MessageWriter(reserving: reserving)
        writer.requestLine(method, self[self.layout.requestURI])
        writer.raw(self.storage[0..<Int(self.layout.blockEnd)])
        writer.cseq(sequence, method)
        return writer
    }

    /// Begins a request under the next number.
    package mutating func request(_ method: Method, reserving: Int = 1024) -> MessageWriter {
        self.request(method, sequence: self.nextSequence(), reserving: reserving)
    }

    /// Where the layer's Via goes in a request of the dialog: behind the request line.
    package func viaOffset(_ method: Method) -> Int {
        let token: Int
        if case .other(let bytes) = method { token = bytes.count } else { token = method.literal.utf8CodeUnitCount }
        let uri = Int(self.layout.requestURI.end) - Int(self.layout.requestURI.start)
        // method SP Request-URI SP SIP/2.0 CRLF
        return token + 1 + uri + 10
    }

    /// Packs a finished request for the layer.
    /// - Parameters:
    ///   - bytes: what the writer from ``request(_:sequence:reserving:)`` has finished.
    ///   - flow: the flow that the peer came on, if requests go back on it where they can (RFC 5626 §5.3).
    /// - Returns: nil if the next hop is no URI that can be resolved.
    package func outgoing(_ method: Method, _ bytes: [UInt8], on flow: Flow? = nil) -> OutgoingRequest? {
        guard let uri = self.nextHopURI else { return nil }
        let target: Target = flow.map { .flowOrURI($0, uri) } ?? .uri(uri)
        return OutgoingRequest(method: method, bytes: bytes, viaOffset: self.viaOffset(method), target: target)
    }

    /// Puts the parts into one array. Nil if they are too large or hold what must not stand in a header.
    static func arrange(_ parts: Parts) -> (storage: [UInt8], layout: Layout)? {
        guard Self.isAcceptable(parts) else { return nil }
        var layout = Layout()
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256)
        var routes = parts.routes
        var strict: NameAddress?
        if let first = routes.first, let address = try? NameAddress.parse(first), !address.uri.isLooseRouter {
            // RFC 3261 §12.2.1.1: a strict router stands in the request line, and the target at the end of the route.
            strict = address
            routes.removeFirst()
        }
        for route in routes { Self.append("Route: ", route, to: &bytes) }
        if strict != nil {
            bytes.append(literal: "Route: <")
            layout.remoteTarget = Self.append(parts.remoteTarget, to: &bytes)
            bytes.append(literal: ">\r\n")
        }
        bytes.append(literal: "Max-Forwards: 70\r\nFrom: <")
        layout.localURI = Self.append(parts.localURI, to: &bytes)
        bytes.append(literal: ">;tag=")
        layout.localTag = Self.append(parts.localTag, to: &bytes)
        bytes.append(literal: "\r\nTo: <")
        layout.remoteURI = Self.append(parts.remoteURI, to: &bytes)
        bytes.append(UInt8(ascii: ">"))
        if parts.remoteTag.isEmpty {
            layout.remoteTag = Part(start: UInt16(bytes.count), end: UInt16(bytes.count))
        } else {
            bytes.append(literal: ";tag=")
            layout.remoteTag = Self.append(parts.remoteTag, to: &bytes)
        }
        bytes.append(literal: "\r\nCall-ID: ")
        layout.callID = Self.append(parts.callID, to: &bytes)
        bytes.append(literal: "\r\n")
        layout.blockEnd = UInt16(bytes.count)
        if let strict {
            layout.requestURI = Self.append(strict.uriOctets, to: &bytes)
            layout.nextHop = layout.requestURI
            // Kept as it came, so that the route set can be had again.
            layout.strictRoute = Self.append(parts.routes[0], to: &bytes)
        } else {
            layout.remoteTarget = Self.append(parts.remoteTarget, to: &bytes)
            layout.requestURI = layout.remoteTarget
            layout.nextHop = layout.remoteTarget
            if let first = routes.first, let address = try? NameAddress.parse(first) {
                layout.nextHop = Self.append(address.uriOctets, to: &bytes)
            }
        }
        layout.routeCount = UInt16(parts.routes.count)
        return (bytes, layout)
    }

    private static func append(_ name: StaticString, _ value: Octets, to bytes: inout [UInt8]) {
        bytes.append(literal: name)
        bytes.append(contentsOf: value)
        bytes.append(literal: "\r\n")
    }

    private static func append(_ value: Octets, to bytes: inout [UInt8]) -> Part {
        let start = UInt16(bytes.count)
        bytes.append(contentsOf: value)
        return Part(start: start, end: UInt16(bytes.count))
    }

    /// Whether the parts can be written into a message, and fit.
    private static func isAcceptable(_ parts: Parts) -> Bool {
        var sum = 128
        for part in [
            parts.callID, parts.localURI, parts.localTag, parts.remoteURI, parts.remoteTag, parts.remoteTarget,
        ] {
            // Twice, because the target may stand in a Route and in the request line.
            sum += part.count * 2
            guard Self.isLine(part) else { return false }
        }
        guard !parts.callID.isEmpty, !parts.localTag.isEmpty, parts.routes.count <= DialogLimits.routes else {
            return false
        }
        for uri in [parts.localURI, parts.remoteURI] {
            guard !uri.isEmpty, !uri.contains(UInt8(ascii: ">")), (try? SIPURI.parse(uri)) != nil else { return false }
        }
        guard let target = try? SIPURI.parse(parts.remoteTarget), target.isSIP else { return false }
        for tag in [parts.localTag, parts.remoteTag] where tag.contains(where: { !Self.isTokenByte($0) }) {
            return false
        }
        for route in parts.routes {
            sum += route.count * 2 + 16
            guard Self.isLine(route), let address = try? NameAddress.parse(route), address.uri.isSIP else {
                return false
            }
        }
        return sum <= DialogLimits.bytes
    }

    /// Whether bytes can stand in one header line.
    private static func isLine(_ bytes: Octets) -> Bool {
        !bytes.contains { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }
    }

    /// `token` of RFC 3261 §25.1, which is what a tag is.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        if ASCII.isLetter(byte) || ASCII.isDigit(byte) { return true }
        switch byte {
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "!"), UInt8(ascii: "%"), UInt8(ascii: "*"),
            UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "`"), UInt8(ascii: "'"), UInt8(ascii: "~"):
            return true
        default:
            return false
        }
    }

    /// The parts as they were given, read back out of the storage.
    var parts: Parts {
        Parts(
            callID: self.callID, localURI: self.localURI, localTag: self.localTag, remoteURI: self.remoteURI,
            remoteTag: self.remoteTag, remoteTarget: self.remoteTarget, routes: self.storedRoutes)
    }

    private var storedRoutes: [Octets] {
        var routes: [Octets] = []
        let isStrict = self.layout.strictRoute != Part()
        if isStrict { routes.append(self[self.layout.strictRoute]) }
        var position = 0
        while routes.count < Int(self.layout.routeCount) {
            // Each line is `Route: value CRLF`, at the head of the block.
            let start = position + 7
            var end = start
            while end < Int(self.layout.blockEnd), self.storage[end] != 0x0D { end += 1 }
            routes.append(self.storage[start..<end])
            position = end + 2
        }
        return routes
    }
}
