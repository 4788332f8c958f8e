import Glibc
import Ground
import SIPTransactions

/// The sending half of a UDP socket: datagrams of one turn are put side by side and handed to the kernel together.
///
/// This goes past NIO's own queue on purpose: NIO closes a socket on most errors of sendmmsg(2), and a peer could
/// cause those at will with an address that cannot be reached. Here one bad address costs one message.
struct DatagramOutput: ~Copyable {
    /// What became of handing datagrams to the kernel.
    struct Outcome {
        var sent = 0
        var calls = 0
        /// The kernel takes no more for now.
        var isBlocked = false
        /// Datagrams that the kernel refuses, whatever may come.
        var refused: [(bytes: [UInt8], path: Path)] = []
    }

    private static let capacity = Limits.datagramsPerCall
    /// Room for a turn of ordinary messages; a datagram of the largest size always fits into an empty one.
    private static let stagingBytes = 256 * 1024

    private let staging = UnsafeMutableRawPointer.allocate(byteCount: Self.stagingBytes, alignment: 64)
    private let addresses = UnsafeMutableRawPointer.allocate(
        byteCount: Self.capacity * SocketAddresses.slotBytes, alignment: 8)
    private let vectors = UnsafeMutablePointer<iovec>.allocate(capacity: Self.capacity)
    private let headers = UnsafeMutablePointer<MultipleMessageHeader>.allocate(capacity: Self.capacity)
    private var paths: [Path] = []
    private var first = 0
    private var used = 0

    init() {
        self.paths.reserveCapacity(Self.capacity)
        self.vectors.initialize(repeating: iovec(), count: Self.capacity)
        self.headers.initialize(repeating: MultipleMessageHeader(header: msghdr(), count: 0), count: Self.capacity)
    }

    deinit {
        self.staging.deallocate()
        self.addresses.deallocate()
        self.vectors.deallocate()
        self.headers.deallocate()
    }

    var isEmpty: Bool { self.first == self.paths.count }

    /// Puts a datagram behind those that wait. False if it does not fit any more: flush first.
    mutating func append(_ bytes: [UInt8], to remote: Endpoint, path: Path) -> Bool {
        let index = self.paths.count
        guard index < Self.capacity, self.used + bytes.count <= Self.stagingBytes else { return false }
        bytes.withUnsafeBytes { source in
            if let base = source.baseAddress {
                (self.staging + self.used).copyMemory(from: base, byteCount: source.count)
            }
        }
        self.vectors[index] = iovec(iov_base: self.staging + self.used, iov_len: bytes.count)
        let slot = self.addresses + index * SocketAddresses.slotBytes
        let length = SocketAddresses.write(remote, to: slot)
        self.headers[index].header.msg_name = slot
        self.headers[index].header.msg_namelen = length
        self.headers[index].header.msg_iov = self.vectors + index
        self.headers[index].header.msg_iovlen = 1
        self.paths.append(path)
        self.used += bytes.count
        return true
    }

    /// Hands what waits to the kernel.
    mutating func flush(_ socket: Int32) -> Outcome {
        var outcome = Outcome()
        while self.first < self.paths.count {
            let count = SystemCalls.sendMany(
                socket, self.headers + self.first, UInt32(self.paths.count - self.first), Int32(MSG_DONTWAIT))
            let error = errno
            outcome.calls += 1
            if count > 0 {
                self.first += Int(count)
                outcome.sent += Int(count)
            } else if error == EAGAIN || error == ENOBUFS {
                outcome.isBlocked = true
                return outcome
            } else if error != EINTR {
                // The first datagram is the one that is refused; those behind it are not to blame.
                outcome.refused.append(self.take(self.first))
                self.first += 1
            }
        }
        self.clear()
        return outcome
    }

    /// Throws away what waits, and gives it back.
    mutating func drop() -> [(bytes: [UInt8], path: Path)] {
        let dropped = (self.first..<self.paths.count).map { self.take($0) }
        self.clear()
        return dropped
    }

    private func take(_ index: Int) -> (bytes: [UInt8], path: Path) {
        let bytes = UnsafeRawBufferPointer(start: self.vectors[index].iov_base, count: self.vectors[index].iov_len)
        return ([UInt8](bytes), self.paths[index])
    }

    private mutating func clear() {
        self.paths.removeAll(keepingCapacity: true)
        self.first = 0
        self.used = 0
    }
}
