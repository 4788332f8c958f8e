internal import Ground
package import SIPWire

/// Where a request is to go.
///
/// The cases with a URI are indirect: a URI is ten times as large as a flow, and it would make every fact and every
/// order of the layer that large.
package enum Target: Sendable {
    /// Only on this flow.
    case flow(Flow)
    /// To the first of these that answers, in this order (RFC 3263 §4.3).
    case hops([Hop])
    /// To the hops that RFC 3263 finds for the URI.
    indirect case uri(SIPURI)
    /// On the flow that the peer came on (RFC 5626 §5.3, RFC 5923); where that fails, to the URI.
    indirect case flowOrURI(Flow, SIPURI)
}

/// A request that a transaction user wants sent: all of it but our Via, which depends on the hop.
package struct OutgoingRequest: Sendable {
    package let method: Method
    /// The request without our Via, up to its body or with it.
    package let head: [UInt8]
    /// What follows ``head``: a body that many requests share is not copied into each of them before it is sent.
    package let body: [UInt8]
    /// The whole request without our Via.
    package var bytes: [UInt8] { self.body.isEmpty ? self.head : self.head + self.body }
    /// How long the whole request is without our Via.
    package var count: Int { self.head.count + self.body.count }
    /// Where the Via line goes: the byte after the request line.
    package let viaOffset: Int
    package let target: Target
    /// What else stands in the Via, such as `;keep` (RFC 6223). Begins with a semicolon or is empty.
    package let viaParameters: [UInt8]
    /// Whether a request that is too large for UDP goes over TCP (RFC 3261 §18.1.1).
    package let allowsUDPSwitch: Bool

    /// - Parameters:
    ///   - bytes: the request without our Via; the whole of it, unless `body` is given.
    ///   - body: the body, if `bytes` ends with the empty line.
    ///   - viaOffset: where the Via goes; nil lets it be found behind the request line.
    package init(
        method: Method, bytes: [UInt8], body: [UInt8] = [], viaOffset: Int? = nil, target: Target,
        viaParameters: [UInt8] = [], allowsUDPSwitch: Bool = true
    ) {
        self.method = method
        self.head = bytes
        self.body = body
        self.viaOffset = viaOffset ?? Self.endOfLine(bytes)
        self.target = target
        self.viaParameters = viaParameters
        self.allowsUDPSwitch = allowsUDPSwitch
        precondition(
            self.viaOffset >= 2 && self.viaOffset <= bytes.count && bytes[self.viaOffset - 1] == 0x0A,
            "the Via of a request goes behind its request line")
    }

    private static func endOfLine(_ bytes: [UInt8]) -> Int {
        guard let feed = bytes.firstIndex(of: 0x0A) else { return 0 }
        return feed + 1
    }
}

/// How a client transaction ended without a final response.
package enum RequestFailure: Hashable, Sendable {
    /// Nobody answered in 64*T1: acts as a 408 (RFC 3261 §8.1.3.1).
    case timeout
    /// The request could not be brought to the peer: acts as a 503 (RFC 3261 §8.1.3.1).
    case transport
    /// The name of the next hop leads nowhere: acts as a 503 (RFC 3263 §4.3).
    case unresolvable
    /// The table of client transactions is full; nothing was sent.
    case overloaded

    /// The status that the failure stands for.
    package var equivalentStatus: Int { self == .timeout ? 408 : 503 }
}
