import Glibc
import Ground

/// Finds the address of this machine that faces a server: the one that the system would send from.
enum LocalAddress {
    /// - Parameter host: a name or an address, IPv6 in brackets.
    /// - Returns: the loopback address where nothing better is known.
    static func facing(_ host: String) -> IPAddress {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let bare = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        guard getaddrinfo(bare, "5060", &hints, &list) == 0, let first = list else { return .loopback }
        defer { freeaddrinfo(first) }
        var entry: UnsafeMutablePointer<addrinfo>? = first
        while let current = entry {
            if let address = Self.source(towards: current.pointee) { return address }
            entry = current.pointee.ai_next
        }
        return .loopback
    }

    /// A connected UDP socket knows its own address, although nothing was sent.
    private static func source(towards peer: addrinfo) -> IPAddress? {
        let socket = Glibc.socket(peer.ai_family, Int32(SOCK_DGRAM.rawValue), 0)
        guard socket >= 0 else { return nil }
        defer { close(socket) }
        guard connect(socket, peer.ai_addr, peer.ai_addrlen) == 0 else { return nil }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let isKnown = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &length) == 0 }
        }
        guard isKnown else { return nil }
        let isIPv4 = Int32(storage.ss_family) == AF_INET
        return withUnsafeBytes(of: &storage) { bytes in
            if isIPv4 {
                return IPAddress(ipv4: UInt32(bigEndian: bytes.load(fromByteOffset: 4, as: UInt32.self)))
            }
            let high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            let low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
            return IPAddress(ipv6High: high, low: low)
        }
    }
}
