/// Bounds of this room that no operator needs to change. Those that an operator may change are in
/// ``TransportConfiguration``.
package enum Limits {
    /// Clear text given to OpenSSL at once, in bytes: the memory BIO behind it stays small.
    package static let tlsWriteBytes = 65536
    /// Clear text taken from OpenSSL at once, in bytes: one record (RFC 8446 §5.1).
    package static let tlsReadBytes = 16384
    /// Certificates between a peer's and the root.
    package static let maximumCertificateChain: Int32 = 8
    /// Names read from one certificate.
    package static let maximumCertificateNames = 256
    /// Reasons kept of one OpenSSL failure.
    package static let maximumErrorReasons = 16
    /// Largest datagram there is (RFC 768), in bytes.
    package static let maximumDatagramBytes = 65535
    /// Datagrams read, and datagrams sent, by one system call.
    package static let datagramsPerCall = 64
    /// The longest time that a datagram socket is read before the turn ends and others have theirs.
    package static let longestReading: Duration = .milliseconds(2)
    /// Fragments of one WebSocket message.
    package static let maximumWebSocketFragments = 64
    /// Buckets of the flood bound: sources that are counted apart at the same time, for each shard.
    package static let floodBuckets = 16384
    /// A DNS name and its answer: records read from one message.
    package static let maximumDNSRecords = 256
    /// Answers kept by a resolver.
    package static let maximumCachedAnswers = 4096
    /// Longest time that an answer is kept, in seconds, whatever its records say.
    package static let maximumCacheSeconds: UInt32 = 3600
    /// How long a name that does not exist is remembered, in seconds, where its zone does not say (RFC 2308 §5).
    package static let negativeCacheSeconds: UInt32 = 30
}
