import Glibc
import Ground
import Settings

/// Gives listeners with port 0 a port that nobody has, before anything is made that has to name it: Via, Contact and
/// Record-Route carry the port.
enum FreePorts {
    /// The listeners with every port known. One with port 0 for which none is found stays as it is.
    static func chosen(for listeners: [ListenerAddress]) -> [ListenerAddress] {
        listeners.map { listener in
            guard listener.endpoint.port == 0 else { return listener }
            let type = listener.kind == .udp ? SOCK_DGRAM : SOCK_STREAM
            guard let port = self.port(at: listener.endpoint.address, type: Int32(type.rawValue)) else {
                return listener
            }
            return ListenerAddress(kind: listener.kind, endpoint: Endpoint(listener.endpoint.address, port))
        }
    }

    /// Asks the system for a port by binding a socket, which is closed again at once.
    private static func port(at address: IPAddress, type: Int32) -> UInt16? {
        let descriptor = socket(address.isIPv6 ? AF_INET6 : AF_INET, type, 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var storage = sockaddr_storage()
        var length = self.fill(&storage, with: address)
        let isBound = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                bind(descriptor, raw, length) == 0 && getsockname(descriptor, raw, &length) == 0
            }
        }
        guard isBound else { return nil }
        // The port lies at the same place in both kinds of socket address.
        return withUnsafeBytes(of: &storage) { UInt16(bigEndian: $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self)) }
    }

    private static func fill(_ storage: inout sockaddr_storage, with address: IPAddress) -> socklen_t {
        withUnsafeMutableBytes(of: &storage) { bytes in
            if address.isIPv6 {
                bytes.storeBytes(of: sa_family_t(AF_INET6), as: sa_family_t.self)
                bytes.storeBytes(of: address.high.bigEndian, toByteOffset: 8, as: UInt64.self)
                bytes.storeBytes(of: address.low.bigEndian, toByteOffset: 16, as: UInt64.self)
                return socklen_t(MemoryLayout<sockaddr_in6>.size)
            }
            bytes.storeBytes(of: sa_family_t(AF_INET), as: sa_family_t.self)
            bytes.storeBytes(of: UInt32(truncatingIfNeeded: address.low).bigEndian, toByteOffset: 4, as: UInt32.self)
            return socklen_t(MemoryLayout<sockaddr_in>.size)
        }
    }
}
