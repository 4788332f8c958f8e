internal import Ground
internal import SIPTransactions
internal import SIPWire

/// Where the notifications of a dialog go, in few bytes.
enum DialogTarget: Equatable, Sendable {
    /// Straight to this UDP address: the next hop is written as a number.
    case datagram(local: Endpoint, remote: Endpoint)
    /// On the connection that the watcher came on, else to the URI.
    case connection(Flow, nextHop: [UInt8])
    /// To the URI, by RFC 3263.
    case nextHop([UInt8])

    /// - Parameters:
    ///   - uri: the topmost route, or the remote target where there is none.
    ///   - hasRoute: whether `uri` is a route.
    ///   - flow: how the SUBSCRIBE came.
    init(uri: SIPURI, flow: Flow) {
        let bytes = Array(uri.octets)
        if flow.transport.isReliable {
            self = .connection(flow, nextHop: bytes)
            return
        }
        let isDatagram = uri.transport.map { $0.equalsIgnoringCase("udp") } ?? true
        guard case .sip = uri.scheme, isDatagram, uri.parameters.value(of: "maddr") == nil,
            let address = uri.hostAddress, address.isIPv6 == flow.local.address.isIPv6
        else {
            self = .nextHop(bytes)
            return
        }
        self = .datagram(local: flow.local, remote: Endpoint(address, uri.port ?? 5060))
    }

    /// The form for the dialog's bytes.
    var encoded: [UInt8] {
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
    init?(encoded: Octets) {
        var rest = encoded
        switch rest.popFirst() {
        case 0:
            guard let local = Self.endpoint(&rest), let remote = Self.endpoint(&rest), rest.isEmpty else { return nil }
            self = .datagram(local: local, remote: remote)
        case 1:
            guard let transport = rest.popFirst().flatMap({ Transport(rawValue: $0) }),
                let local = Self.endpoint(&rest), let remote = Self.endpoint(&rest), rest.count > 8
            else { return nil }
            let connection = Self.number(&rest, 8)
            self = .connection(
                Flow(transport: transport, local: local, remote: remote, connection: connection), nextHop: Array(rest))
        case 2:
            guard !rest.isEmpty else { return nil }
            self = .nextHop(Array(rest))
        default: return nil
        }
    }

    /// The target of one request. A request that is too large for a datagram is given as a hop, so that the
    /// transaction layer can take TCP for it (RFC 3261 §18.1.1). Nil if a stored URI cannot be read.
    func target(requestBytes: Int) -> Target? {
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

    private static func endpoint(_ rest: inout Octets) -> Endpoint? {
        switch rest.popFirst() {
        case 4:
            guard rest.count >= 6 else { return nil }
            let bits = UInt32(truncatingIfNeeded: Self.number(&rest, 4))
            return Endpoint(IPAddress(ipv4: bits), UInt16(truncatingIfNeeded: Self.number(&rest, 2)))
        case 6:
            guard rest.count >= 18 else { return nil }
            let high = Self.number(&rest, 8)
            let low = Self.number(&rest, 8)
            return Endpoint(IPAddress(ipv6High: high, low: low), UInt16(truncatingIfNeeded: Self.number(&rest, 2)))
        default: return nil
        }
    }

    private static func number(_ rest: inout Octets, _ count: Int) -> UInt64 {
        var value: UInt64 = 0
        for byte in rest.prefix(count) { value = value << 8 | UInt64(byte) }
        rest = rest.dropFirst(count)
        return value
    }
}
