import Glibc
import Ground
import Synchronization

/// A TCP port that belongs to this process before anybody listens on it, so that its number can be told to others
/// first: who connects in between is refused.
package final class ListeningPort: Sendable {
    /// The address, with the port that the system chose where it was to choose.
    package let endpoint: Endpoint
    private let descriptor: Mutex<Int32?>

    /// Takes a port.
    ///
    /// - Parameters:
    ///   - port: 0 lets the system choose.
    ///   - setting: the setting that names the port, for the message of the fault.
    /// - Throws: `Fault` with the code `web.port-unavailable`.
    package init(_ address: IPAddress, _ port: UInt16, setting: String) throws(Fault) {
        func unavailable() -> Fault {
            let reason = String(cString: strerror(errno))
            return Fault(
                code: "web.port-unavailable",
                reason:
                    "The port \(address.hostText):\(port) cannot be opened: \(reason). Choose another with \(setting).")
        }
        let family = address.isIPv6 ? AF_INET6 : AF_INET
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw unavailable() }
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard Self.bind(descriptor, Endpoint(address, port)), let bound = Self.port(of: descriptor) else {
            let fault = unavailable()
            close(descriptor)
            throw fault
        }
        self.endpoint = Endpoint(address, bound)
        self.descriptor = Mutex(descriptor)
    }

    deinit {
        if let descriptor = self.take() { close(descriptor) }
    }

    /// The bound socket, which is the caller's from now on; nil if it was taken before.
    func take() -> Int32? {
        self.descriptor.withLock { descriptor in
            defer { descriptor = nil }
            return descriptor
        }
    }

    private static func bind(_ descriptor: Int32, _ endpoint: Endpoint) -> Bool {
        let address = endpoint.address
        guard address.isIPv6 else {
            var value = sockaddr_in()
            value.sin_family = sa_family_t(AF_INET)
            value.sin_port = endpoint.port.bigEndian
            value.sin_addr.s_addr = UInt32(truncatingIfNeeded: address.low).bigEndian
            return self.bind(descriptor, &value)
        }
        var value = sockaddr_in6()
        value.sin6_family = sa_family_t(AF_INET6)
        value.sin6_port = endpoint.port.bigEndian
        withUnsafeMutableBytes(of: &value.sin6_addr) { bytes in
            bytes.storeBytes(of: address.high.bigEndian, as: UInt64.self)
            bytes.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        return self.bind(descriptor, &value)
    }

    private static func bind<Address>(_ descriptor: Int32, _ address: inout Address) -> Bool {
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<Address>.size)) == 0
            }
        }
    }

    private static func port(of descriptor: Int32) -> UInt16? {
        var value = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let isRead = withUnsafeMutablePointer(to: &value) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) == 0 }
        }
        // The port is at the same place in both families.
        return isRead ? UInt16(bigEndian: value.sin6_port) : nil
    }
}
