import Glibc
import Ground

/// The receiving half of a UDP socket: takes what is there with one system call.
///
/// Every slot holds the largest datagram there is, so that none is cut; memory is only used for what has arrived.
struct DatagramInput: ~Copyable {
    private static let capacity = Limits.datagramsPerCall
    private static let slotBytes = 65536
    /// From slot to slot: an odd number of cache lines more than a slot, because the beginnings of all slots would
    /// share the same few places of the cache otherwise.
    private static let stride = Self.slotBytes + 17 * 64

    private let buffer = UnsafeMutableRawPointer.allocate(
        byteCount: Self.capacity * Self.stride, alignment: 4096)
    private let addresses = UnsafeMutableRawPointer.allocate(
        byteCount: Self.capacity * SocketAddresses.slotBytes, alignment: 8)
    private let vectors = UnsafeMutablePointer<iovec>.allocate(capacity: Self.capacity)
    private let headers = UnsafeMutablePointer<MultipleMessageHeader>.allocate(capacity: Self.capacity)

    init() {
        self.addresses.initializeMemory(
            as: UInt8.self, repeating: 0, count: Self.capacity * SocketAddresses.slotBytes)
        self.vectors.initialize(repeating: iovec(), count: Self.capacity)
        self.headers.initialize(repeating: MultipleMessageHeader(header: msghdr(), count: 0), count: Self.capacity)
        for index in 0..<Self.capacity {
            self.vectors[index] = iovec(iov_base: self.buffer + index * Self.stride, iov_len: Self.slotBytes)
            self.headers[index].header.msg_name = self.addresses + index * SocketAddresses.slotBytes
            self.headers[index].header.msg_iov = self.vectors + index
            self.headers[index].header.msg_iovlen = 1
        }
    }

    deinit {
        self.buffer.deallocate()
        self.addresses.deallocate()
        self.vectors.deallocate()
        self.headers.deallocate()
    }

    /// Takes up to ``Limits/datagramsPerCall`` datagrams without waiting.
    ///
    /// - Returns: how many there were.
    func receive(_ socket: Int32, _ body: (_ datagram: UnsafeRawBufferPointer, _ remote: Endpoint) -> Void) -> Int {
        for index in 0..<Self.capacity {
            self.headers[index].header.msg_namelen = UInt32(SocketAddresses.slotBytes)
        }
        let count = SystemCalls.receiveMany(
            socket, self.headers, UInt32(Self.capacity), Int32(MSG_DONTWAIT), nil)
        guard count > 0 else { return 0 }
        for index in 0..<Int(count) {
            guard let remote = SocketAddresses.read(self.addresses + index * SocketAddresses.slotBytes) else {
                continue
            }
            let bytes = UnsafeRawBufferPointer(
                start: self.buffer + index * Self.stride, count: Int(self.headers[index].count))
            body(bytes, remote)
        }
        return Int(count)
    }
}
