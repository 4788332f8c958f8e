/// Who a message came from, or goes to.
enum LoadPeer {
    /// The server under test.
    case target
    /// The source of a datagram.
    case address(SocketAddress)
    /// A stream connection, by number.
    case connection(Int)
}

/// How the load generator reaches the server: UDP or TCP. Everything runs on one thread.
protocol LoadLink: AnyObject {
    /// Whether the transport retransmits by itself (RFC 3261 §17.1.2.2: no Timer E).
    var isReliable: Bool { get }
    /// Messages sent since the start.
    var packetsSent: UInt64 { get }
    /// Queues one message.
    func send(_ bytes: UnsafePointer<UInt8>, count: Int, to peer: LoadPeer)
    /// Sends what is queued.
    func flush()
    /// Hands over the messages that have arrived, without waiting, and says how many there were.
    func receive(_ body: (UnsafePointer<UInt8>, Int, LoadPeer) -> Void) -> Int
    /// Waits until something arrives or the time is over.
    func wait(microseconds: Int)
}
