/// Bounds of the administration server.
package struct AdministrationLimits: Hashable, Sendable {
    /// The largest request body, in bytes. A larger one is answered with 413.
    package var bodyBytes = 1_048_576
    /// How many connections are open at a time; more wait in the system's queue.
    package var connections = 64
    /// How long a connection may be silent, in seconds.
    package var idleSeconds: Int64 = 30

    package init() {}
}

/// Bounds of the listener on Ut. Each is counted when it is hit.
package struct UtLimits: Hashable, Sendable {
    /// The largest body of a request, in bytes, as it comes and unpacked. Beyond it: 413.
    package var bodyBytes = 524_288
    /// The bodies of the requests of all connections together, in bytes, while they come and are answered; one body always
    /// fits. Beyond it the one that has been coming longest is given up: 503.
    package var bodiesBytes = 67_108_864
    /// The longest request target, in bytes. Beyond it: 414.
    package var targetBytes = 8_192
    /// The longest header field, in bytes, which bounds the target as the parser sees it too. Beyond it: 431.
    package var fieldBytes = 16_384
    /// All header fields of a request, in bytes. Beyond it: 431.
    package var headBytes = 32_768
    /// How many header fields a request has. Beyond it: 431.
    package var fields = 64
    /// How many connections are open at a time. Beyond it, the one that has been idle longest makes room, or the one that
    /// has been sending a request longest and longer than ``patience``; where there is none, the new one is answered with
    /// 503.
    package var connections = 1_000
    /// How long a request may take to come before its connection makes room for another.
    package var patience = Duration.seconds(1)
    /// How long a connection may be idle between requests.
    package var idle = Duration.seconds(60)
    /// How long a request's head may take from its first byte. Beyond it: 408.
    package var head = Duration.seconds(10)
    /// How long its body may take. Beyond it: 408.
    package var body = Duration.seconds(30)
    /// How long the node may take for an answer. Beyond it: 503.
    package var answer = Duration.seconds(30)
    /// How long a client may take to read an answer. Beyond it the connection is closed.
    package var reading = Duration.seconds(30)
    /// How long what a client still sends is read and thrown away after the last answer, so that it sees the answer
    /// (RFC 9112 §9.6).
    package var linger = Duration.seconds(2)
    /// How many bytes are thrown away so.
    package var lingerBytes = 4_194_304
    /// How long running requests may take when the node ends.
    package var drain = Duration.seconds(5)
    /// Bodies of answers that are shorter, in bytes, go out as they are: they fit into one packet anyway.
    package var gzipFromBytes = 1_400

    package init() {}
}

/// Bounds of the HTTP client.
package struct HTTPClientLimits: Hashable, Sendable {
    /// The largest body of an answer, in bytes, unpacked.
    package var bodyBytes = 16_777_216
    /// All header fields of an answer, in bytes.
    package var headBytes = 65_536
    /// How many header fields an answer has.
    package var fields = 128

    package init() {}
}
