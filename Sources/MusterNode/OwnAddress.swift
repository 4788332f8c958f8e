import Glibc
import Ground

/// The address by which other machines reach this one, where the configuration does not say.
enum OwnAddress {
    /// The first address of an interface that is up and is not loopback, IPv4 before IPv6; else 127.0.0.1.
    static func primary() -> IPAddress {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return .loopback }
        defer { freeifaddrs(list) }
        var sixth: IPAddress?
        var next = list
        while let interface = next?.pointee {
            next = interface.ifa_next
            let flags = Int32(bitPattern: interface.ifa_flags)
            guard flags & Int32(IFF_UP) != 0, flags & Int32(IFF_LOOPBACK) == 0,
                let address = self.address(of: interface)
            else { continue }
            if !address.isIPv6 { return address }
            // Link-local addresses mean nothing without their link.
            if address.high >> 54 != 0x3FA { sixth = sixth ?? address }
        }
        return sixth ?? .loopback
    }

    private static func address(of interface: ifaddrs) -> IPAddress? {
        guard let raw = interface.ifa_addr else { return nil }
        switch Int32(raw.pointee.sa_family) {
        case AF_INET:
            return raw.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { pointer in
                IPAddress(ipv4: UInt32(bigEndian: pointer.pointee.sin_addr.s_addr))
            }
        case AF_INET6:
            return raw.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { pointer in
                withUnsafeBytes(of: pointer.pointee.sin6_addr) { bytes in
                    IPAddress(
                        ipv6High: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                        low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
                }
            }
        default: return nil
        }
    }
}
