import Ground
import SIPTransactions

/// Flows as bytes, for records and for tokens in Record-Route.
///
/// Version 1: transport (1), kind of addresses (1), local address and port, remote address and port, connection (8);
/// numbers most significant byte first.
enum FlowEncoding {
    static func encode(_ flow: Flow) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(48)
        bytes.append(flow.transport.rawValue)
        let isIPv6 = flow.local.address.isIPv6 || flow.remote.address.isIPv6
        bytes.append(isIPv6 ? 6 : 4)
        for endpoint in [flow.local, flow.remote] {
            if isIPv6 {
                // An IPv4 end of a flow whose other end is IPv6 is written as a mapped address.
                let low = endpoint.address.isIPv6 ? endpoint.address.low : endpoint.address.low | 0xFFFF_0000_0000
                Self.append(endpoint.address.high, count: 8, to: &bytes)
                Self.append(low, count: 8, to: &bytes)
            } else {
                Self.append(endpoint.address.low, count: 4, to: &bytes)
            }
            Self.append(UInt64(endpoint.port), count: 2, to: &bytes)
        }
        Self.append(flow.connection, count: 8, to: &bytes)
        return bytes
    }

    /// The flow that bytes stand for; nil if they are none.
    static func decode(_ bytes: Octets) -> Flow? {
        var rest = bytes
        guard let raw = rest.popFirst(), let transport = Transport(rawValue: raw), let kind = rest.popFirst(),
            kind == 4 || kind == 6
        else { return nil }
        var ends: [Endpoint] = []
        for _ in 0..<2 {
            let address: IPAddress
            if kind == 6 {
                guard let high = Self.number(8, &rest), let low = Self.number(8, &rest) else { return nil }
                if high == 0, low >> 32 == 0xFFFF {
                    address = IPAddress(ipv4: UInt32(truncatingIfNeeded: low))
                } else {
                    address = IPAddress(ipv6High: high, low: low)
                }
            } else {
                guard let low = Self.number(4, &rest) else { return nil }
                address = IPAddress(ipv4: UInt32(truncatingIfNeeded: low))
            }
            guard let port = Self.number(2, &rest) else { return nil }
            ends.append(Endpoint(address, UInt16(truncatingIfNeeded: port)))
        }
        guard let connection = Self.number(8, &rest), rest.isEmpty else { return nil }
        return Flow(transport: transport, local: ends[0], remote: ends[1], connection: connection)
    }

    private static func append(_ value: UInt64, count: UInt64, to bytes: inout [UInt8]) {
        for index in (0..<count).reversed() { bytes.append(UInt8(truncatingIfNeeded: value >> (index * 8))) }
    }

    private static func number(_ count: Int, _ rest: inout Octets) -> UInt64? {
        guard rest.count >= count else { return nil }
        var value: UInt64 = 0
        for byte in rest.prefix(count) { value = value << 8 | UInt64(byte) }
        rest.removeFirst(count)
        return value
    }
}
