package import Ground
package import SIPTransactions
package import SIPWire

/// Where the notifications of a dialog go, in few bytes (RFC 3261 §8.1.2, RFC 5626 §5.3).
package enum DialogTarget: Equatable, Sendable {
    /// Straight to this UDP address: the next hop is written as a number.
    case datagram(local: Endpoint, remote: Endpoint)
    /// On the connection that the watcher came on, else to the URI.
    case connection(Flow, nextHop: [UInt8])
    /// To the URI, by RFC 3263.
    case nextHop([UInt8])

    /// - Parameters:
    ///   - uri: the topmost route, or the remote target where there is none.
    ///   - flow: how the SUBSCRIBE came.
    package init(uri: SIPURI, flow: Flow) {
        if flow.transport.isReliable {
            self = .connection(flow, nextHop: Array(uri.octets))
            return
        }
        guard case .sip = uri.scheme, uri.parameters.isEmpty || Self.isForDatagrams(uri.parameters),
            let address = uri.hostAddress, address.isIPv6 == flow.local.address.isIPv6
        else {
            self = .nextHop(Array(uri.octets))
            return
        }
        self = .datagram(local: flow.local, remote: Endpoint(address, uri.port ?? 5060))
    }

    /// Whether parameters leave it at UDP and the host (RFC 3261 §19.1.1).
    private static func isForDatagrams(_ parameters: Parameters) -> Bool {
        parameters.value(of: "transport")?.equalsIgnoringCase("udp") ?? true
            && parameters.value(of: "maddr") == nil
    }

    /// The form for the dialog's bytes.
    package var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(64)
        switch self {
        case .datagram(let local, let remote):
            bytes.append(0)
            Self.append(local, to: &bytes)
            Self.append(remote, to: &bytes)
        case .connection(let flow, let uri):
            bytes.append(1)
            bytes.append(flow.transport.rawValue)
            Self.append(flow.local, to: &bytes)
            Self.append(flow.remote, to: &bytes)
            bytes.append(big: flow.connection)
            bytes.append(contentsOf: uri)
        case .nextHop(let uri):
            bytes.append(2)
            bytes.append(contentsOf: uri)
        }
        return bytes
    }

    /// Reads what ``encoded`` wrote. Nil if it does not hold together.
    package init?(encoded: Octets) {
        guard let read = encoded.withUnsafeBufferPointer({ Self.read($0) }) else { return nil }
        self = read
    }

    private static func read(_ bytes: UnsafeBufferPointer<UInt8>) -> DialogTarget? {
        var reader = Reader(bytes: bytes)
        switch reader.number(1) {
        case 0:
            guard let local = reader.endpoint(), let remote = reader.endpoint(), reader.left == 0 else { return nil }
            return .datagram(local: local, remote: remote)
        case 1:
            guard let transport = reader.number(1).flatMap({ Transport(rawValue: UInt8(truncatingIfNeeded: $0)) }),
                let local = reader.endpoint(), let remote = reader.endpoint(), let connection = reader.number(8),
                reader.left > 0
            else { return nil }
            let flow = Flow(transport: transport, local: local, remote: remote, connection: connection)
            return .connection(flow, nextHop: Array(bytes[reader.position...]))
        case 2: return reader.left > 0 ? .nextHop(Array(bytes[reader.position...])) : nil
        default: return nil
        }
    }

    /// The target of one request. A request that is too large for a datagram is given as a hop, so that the
    /// transaction layer can take TCP for it (RFC 3261 §18.1.1). Nil if a stored URI cannot be read.
    package func target(requestBytes: Int) -> Target? {
        switch self {
        case .datagram(let local, let remote):
            if requestBytes > 1300 { return .hops([Hop(transport: .udp, endpoint: remote)]) }
            return .flow(Flow(transport: .udp, local: local, remote: remote))
        case .connection(let flow, let uri):
            guard let uri = try? SIPURI.parse(uri[...]) else { return nil }
            return .flowOrURI(flow, uri)
        case .nextHop(let uri):
            guard let uri = try? SIPURI.parse(uri[...]) else { return nil }
            return .uri(uri)
        }
    }

    private static func append(_ endpoint: Endpoint, to bytes: inout [UInt8]) {
        let address = endpoint.address
        bytes.append(address.isIPv6 ? 6 : 4)
        if address.isIPv6 {
            bytes.append(big: address.high)
            bytes.append(big: address.low)
        } else {
            bytes.append(big: UInt32(truncatingIfNeeded: address.low))
        }
        bytes.append(big: endpoint.port)
    }

    /// Reads numbers one behind the other; every NOTIFY begins with it, so it works on memory and not on slices.
    private struct Reader {
        let bytes: UnsafeBufferPointer<UInt8>
        var position = 0

        var left: Int { self.bytes.count - self.position }

        @inline(__always)
        mutating func number(_ count: Int) -> UInt64? {
            guard self.left >= count else { return nil }
            var value: UInt64 = 0
            for index in 0..<count { value = value &<< 8 | UInt64(self.bytes[self.position &+ index]) }
            self.position &+= count
            return value
        }

        mutating func endpoint() -> Endpoint? {
            switch self.number(1) {
            case 4:
                guard let bits = self.number(4), let port = self.number(2) else { return nil }
                return Endpoint(IPAddress(ipv4: UInt32(truncatingIfNeeded: bits)), UInt16(truncatingIfNeeded: port))
            case 6:
                guard let high = self.number(8), let low = self.number(8), let port = self.number(2) else { return nil }
                return Endpoint(IPAddress(ipv6High: high, low: low), UInt16(truncatingIfNeeded: port))
            default: return nil
            }
        }
    }
}

extension [UInt8] {
    /// Appends a number, most significant byte first.
    mutating func append(big value: some FixedWidthInteger & UnsignedInteger) {
        var shift = value.bitWidth - 8
        while shift >= 0 {
            self.append(UInt8(truncatingIfNeeded: value >> shift))
            shift -= 8
        }
    }
}
