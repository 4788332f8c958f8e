import Glibc
import Ground
import NIOCore

/// The kernel's form of addresses. Slots are 32 bytes, enough for IPv4 and IPv6.
enum SocketAddresses {
    /// Bytes of one slot.
    static let slotBytes = 32

    /// Writes an endpoint into a slot.
    ///
    /// - Returns: how many bytes of the slot count.
    @inline(__always)
    static func write(_ endpoint: Endpoint, to slot: UnsafeMutableRawPointer) -> UInt32 {
        let address = endpoint.address
        guard address.isIPv6 else {
            var value = sockaddr_in()
            value.sin_family = sa_family_t(AF_INET)
            value.sin_port = endpoint.port.bigEndian
            value.sin_addr.s_addr = UInt32(truncatingIfNeeded: address.low).bigEndian
            slot.storeBytes(of: value, as: sockaddr_in.self)
            return UInt32(MemoryLayout<sockaddr_in>.size)
        }
        var value = sockaddr_in6()
        value.sin6_family = sa_family_t(AF_INET6)
        value.sin6_port = endpoint.port.bigEndian
        slot.storeBytes(of: value, as: sockaddr_in6.self)
        let bytes = slot + MemoryLayout<sockaddr_in6>.offset(of: \.sin6_addr)!
        bytes.storeBytes(of: address.high.bigEndian, as: UInt64.self)
        (bytes + 8).storeBytes(of: address.low.bigEndian, as: UInt64.self)
        return UInt32(MemoryLayout<sockaddr_in6>.size)
    }

    /// Reads what the kernel has written; nil for families other than IPv4 and IPv6.
    @inline(__always)
    static func read(_ slot: UnsafeRawPointer) -> Endpoint? {
        switch Int32(slot.loadUnaligned(as: sa_family_t.self)) {
        case AF_INET:
            let value = slot.loadUnaligned(as: sockaddr_in.self)
            return Endpoint(
                IPAddress(ipv4: UInt32(bigEndian: value.sin_addr.s_addr)), UInt16(bigEndian: value.sin_port))
        case AF_INET6:
            let port = UInt16(bigEndian: slot.loadUnaligned(as: sockaddr_in6.self).sin6_port)
            let bytes = slot + MemoryLayout<sockaddr_in6>.offset(of: \.sin6_addr)!
            let high = UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
            let low = UInt64(bigEndian: (bytes + 8).loadUnaligned(as: UInt64.self))
            // An IPv4 peer of an IPv6 socket (RFC 4291 §2.5.5.2) is an IPv4 peer all the same.
            if high == 0, low &>> 32 == 0xFFFF {
                return Endpoint(IPAddress(ipv4: UInt32(truncatingIfNeeded: low)), port)
            }
            return Endpoint(IPAddress(ipv6High: high, low: low), port)
        default:
            return nil
        }
    }
}

extension Endpoint {
    /// Reads NIO's form; nil for what is no IP address.
    init?(_ address: SocketAddress?) {
        guard let address else { return nil }
        let endpoint: Endpoint? = address.withSockAddr { pointer, _ in SocketAddresses.read(pointer) }
        guard let endpoint else { return nil }
        self = endpoint
    }

    /// NIO's form.
    ///
    /// - Throws: never for an address that this type can hold.
    func socketAddress() throws -> SocketAddress {
        try SocketAddress(ipAddress: self.address.description, port: Int(self.port))
    }
}
