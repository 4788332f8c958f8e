import Glibc
import Ground

/// One UDP socket that reads and writes many datagrams with one system call, because the load generator shares the
/// machine with the server that it measures and must stay light.
final class DatagramLink: LoadLink {
    /// What `recvmmsg(2)` and `sendmmsg(2)` work on; the C library shows it only to GNU sources.
    private struct BatchHeader {
        var header = msghdr()
        var length: UInt32 = 0
    }

    private typealias SendBatch = @convention(c) (Int32, UnsafeMutableRawPointer, UInt32, Int32) -> Int32
    private typealias ReceiveBatch =
        @convention(c) (Int32, UnsafeMutableRawPointer, UInt32, Int32, UnsafeMutableRawPointer?) -> Int32

    private typealias PollPrecisely =
        @convention(c) (UnsafeMutablePointer<pollfd>, UInt, UnsafePointer<timespec>?, UnsafeRawPointer?) -> Int32

    /// Datagrams a system call.
    private static let batch = 64
    /// The longest datagram that is sent.
    private static let sendCapacity = 4096
    /// The longest datagram that is received.
    private static let receiveCapacity = 65_536

    let isReliable = false
    private let socket: Int32
    private let target: SocketAddress
    private let sendBatch: SendBatch
    private let receiveBatch: ReceiveBatch
    private let pollPrecisely: PollPrecisely
    private let outgoing: UnsafeMutablePointer<BatchHeader>
    private let outgoingVectors: UnsafeMutablePointer<iovec>
    private let outgoingAddresses: UnsafeMutablePointer<SocketAddress>
    private let outgoingBytes: UnsafeMutablePointer<UInt8>
    private var queued = 0
    private let incoming: UnsafeMutablePointer<BatchHeader>
    private let incomingVectors: UnsafeMutablePointer<iovec>
    private let incomingAddresses: UnsafeMutablePointer<SocketAddress>
    private let incomingBytes: UnsafeMutablePointer<UInt8>
    private(set) var packetsSent: UInt64 = 0

    /// Opens and binds the socket.
    init(local: Endpoint, target: Endpoint) throws(Fault) {
        guard let library = dlopen(nil, RTLD_NOW), let send = dlsym(library, "sendmmsg"),
            let receive = dlsym(library, "recvmmsg"), let precise = dlsym(library, "ppoll")
        else { throw Fault.portUnavailable("this system has no sendmmsg, recvmmsg and ppoll") }
        self.sendBatch = unsafeBitCast(send, to: SendBatch.self)
        self.receiveBatch = unsafeBitCast(receive, to: ReceiveBatch.self)
        self.pollPrecisely = unsafeBitCast(precise, to: PollPrecisely.self)
        self.target = SocketAddress(target)
        let address = SocketAddress(local)
        let socket = Glibc.socket(address.family, Int32(SOCK_DGRAM.rawValue), 0)
        self.socket = socket
        guard socket >= 0 else { throw Fault.portUnavailable("cannot open a socket: \(Self.lastError)") }
        Self.enlargeBuffers(of: socket)
        guard address.withPointer({ Glibc.bind(socket, $0, $1) }) == 0 else {
            let reason = Self.lastError
            close(socket)
            throw Fault.portUnavailable("cannot bind \(local): \(reason). Choose another address with --local.")
        }
        self.outgoing = .allocate(capacity: Self.batch)
        self.outgoingVectors = .allocate(capacity: Self.batch)
        self.outgoingAddresses = .allocate(capacity: Self.batch)
        self.outgoingBytes = .allocate(capacity: Self.batch * Self.sendCapacity)
        self.incoming = .allocate(capacity: Self.batch)
        self.incomingVectors = .allocate(capacity: Self.batch)
        self.incomingAddresses = .allocate(capacity: Self.batch)
        self.incomingBytes = .allocate(capacity: Self.batch * Self.receiveCapacity)
        self.outgoingAddresses.initialize(repeating: self.target, count: Self.batch)
        self.incomingAddresses.initialize(repeating: self.target, count: Self.batch)
        self.prepareBatches()
    }

    deinit {
        close(self.socket)
        for pointer in [self.outgoing, self.incoming] { pointer.deallocate() }
        for pointer in [self.outgoingVectors, self.incomingVectors] { pointer.deallocate() }
        for pointer in [self.outgoingAddresses, self.incomingAddresses] { pointer.deallocate() }
        for pointer in [self.outgoingBytes, self.incomingBytes] { pointer.deallocate() }
    }

    private static var lastError: String { String(cString: strerror(errno)) }

    /// Asks for 16 MiB each way; with the right to exceed the system's limit, else as much as it gives.
    private static func enlargeBuffers(of socket: Int32) {
        var size: Int32 = 16 << 20
        let length = socklen_t(MemoryLayout<Int32>.size)
        for (forced, plain) in [(Int32(33), SO_RCVBUF), (Int32(32), SO_SNDBUF)]
        where setsockopt(socket, SOL_SOCKET, forced, &size, length) != 0 {
            setsockopt(socket, SOL_SOCKET, plain, &size, length)
        }
    }

    private func prepareBatches() {
        for index in 0..<Self.batch {
            self.outgoingVectors[index] = iovec(
                iov_base: self.outgoingBytes + index * Self.sendCapacity, iov_len: 0)
            self.incomingVectors[index] = iovec(
                iov_base: self.incomingBytes + index * Self.receiveCapacity, iov_len: Self.receiveCapacity)
            var header = BatchHeader()
            header.header.msg_iovlen = 1
            header.header.msg_iov = self.outgoingVectors + index
            header.header.msg_name = UnsafeMutableRawPointer(self.outgoingAddresses + index)
            (self.outgoing + index).initialize(to: header)
            header.header.msg_iov = self.incomingVectors + index
            header.header.msg_name = UnsafeMutableRawPointer(self.incomingAddresses + index)
            (self.incoming + index).initialize(to: header)
        }
    }

    func send(_ bytes: UnsafePointer<UInt8>, count: Int, to peer: LoadPeer) {
        let size = min(count, Self.sendCapacity)
        memcpy(self.outgoingBytes + self.queued * Self.sendCapacity, bytes, size)
        self.outgoingVectors[self.queued].iov_len = size
        switch peer {
        case .target: self.outgoingAddresses[self.queued] = self.target
        case .address(let address): self.outgoingAddresses[self.queued] = address
        case .connection: return
        }
        self.outgoing[self.queued].header.msg_namelen = self.outgoingAddresses[self.queued].length
        self.queued += 1
        if self.queued == Self.batch { self.flush() }
    }

    func flush() {
        var sent = 0
        // A send buffer that stays full for a second means that nothing moves any more: what is left counts as lost.
        var patience = 100
        while sent < self.queued, patience > 0 {
            let count = self.sendBatch(self.socket, self.outgoing + sent, UInt32(self.queued - sent), 0)
            if count > 0 {
                sent += Int(count)
                continue
            }
            patience -= 1
            if errno == EAGAIN || errno == ENOBUFS {
                var waiting = pollfd(fd: self.socket, events: Int16(POLLOUT), revents: 0)
                poll(&waiting, 1, 10)
            }
        }
        self.packetsSent += UInt64(self.queued)
        self.queued = 0
    }

    func receive(_ body: (UnsafePointer<UInt8>, Int, LoadPeer) -> Void) -> Int {
        var total = 0
        for _ in 0..<4 {
            for index in 0..<Self.batch {
                self.incoming[index].header.msg_namelen = socklen_t(MemoryLayout<sockaddr_storage>.size)
            }
            let flags = Int32(MSG_DONTWAIT)
            let count = Int(self.receiveBatch(self.socket, self.incoming, UInt32(Self.batch), flags, nil))
            guard count > 0 else { break }
            for index in 0..<count {
                self.incomingAddresses[index].length = self.incoming[index].header.msg_namelen
                body(
                    self.incomingBytes + index * Self.receiveCapacity, Int(self.incoming[index].length),
                    .address(self.incomingAddresses[index]))
            }
            total += count
            if count < Self.batch { break }
        }
        return total
    }

    func wait(microseconds: Int) {
        var waiting = pollfd(fd: self.socket, events: Int16(POLLIN), revents: 0)
        var time = timespec(tv_sec: microseconds / 1_000_000, tv_nsec: microseconds % 1_000_000 * 1000)
        _ = self.pollPrecisely(&waiting, 1, &time, nil)
    }
}

/// An address as the socket calls want it.
struct SocketAddress {
    private var storage = sockaddr_storage()
    var length: socklen_t

    init(_ endpoint: Endpoint) {
        let address = endpoint.address
        self.length = 0
        if address.isIPv6 {
            var inner = sockaddr_in6()
            inner.sin6_family = sa_family_t(AF_INET6)
            inner.sin6_port = endpoint.port.bigEndian
            withUnsafeMutableBytes(of: &inner.sin6_addr) { bytes in
                bytes.storeBytes(of: address.high.bigEndian, toByteOffset: 0, as: UInt64.self)
                bytes.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            self.length = socklen_t(MemoryLayout<sockaddr_in6>.size)
            withUnsafeMutableBytes(of: &self.storage) { $0.storeBytes(of: inner, as: sockaddr_in6.self) }
        } else {
            var inner = sockaddr_in()
            inner.sin_family = sa_family_t(AF_INET)
            inner.sin_port = endpoint.port.bigEndian
            inner.sin_addr.s_addr = UInt32(truncatingIfNeeded: address.low).bigEndian
            self.length = socklen_t(MemoryLayout<sockaddr_in>.size)
            withUnsafeMutableBytes(of: &self.storage) { $0.storeBytes(of: inner, as: sockaddr_in.self) }
        }
    }

    var family: Int32 { Int32(self.storage.ss_family) }

    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: self.storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, self.length) }
        }
    }
}
