import Glibc

/// `struct mmsghdr` of recvmmsg(2): a message header and what the kernel says of its datagram.
///
/// The Swift face of glibc hides the GNU calls, so the structure is laid out here and the calls are looked up by
/// name. The stride of the Swift structure equals the size of the C one.
struct MultipleMessageHeader {
    var header: msghdr
    /// Bytes received or sent.
    var count: UInt32
}

/// The two system calls that move many datagrams at once.
enum SystemCalls {
    typealias ReceiveMany =
        @convention(c) (
            Int32, UnsafeMutableRawPointer, UInt32, Int32, UnsafeMutablePointer<timespec>?
        ) -> Int32
    typealias SendMany =
        @convention(c) (Int32, UnsafeMutableRawPointer, UInt32, Int32) -> Int32

    /// recvmmsg(2).
    static let receiveMany: ReceiveMany = unsafeBitCast(Self.symbol("recvmmsg"), to: ReceiveMany.self)
    /// sendmmsg(2).
    static let sendMany: SendMany = unsafeBitCast(Self.symbol("sendmmsg"), to: SendMany.self)

    private static func symbol(_ name: String) -> UnsafeMutableRawPointer {
        guard let symbol = dlsym(nil, name) else {
            preconditionFailure("the C library of Linux has \(name)")
        }
        return symbol
    }
}
