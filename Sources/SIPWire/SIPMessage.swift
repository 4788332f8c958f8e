package import Ground

/// How a message was cut out of what the transport delivered (RFC 3261 §18.3).
package enum Framing: Sendable, Hashable {
    /// One message is one datagram (UDP, a WebSocket frame). Content-Length may be absent; bytes behind it are
    /// dropped.
    case datagram
    /// Content-Length cut the message out of a stream (TCP, TLS).
    case stream
}

/// A SIP message: one array of bytes and where things lie in it (RFC 3261 §7).
///
/// Parsing splits and judges; it throws only where nothing can be answered. ``validate()`` throws the verdict on what a
/// server relies on. The typed accessors read one header each and say what is wrong with it.
package struct SIPMessage: Sendable, Equatable {
    /// The first line.
    package enum StartLine: Sendable, Equatable {
        /// The range is the Request-URI in ``SIPMessage/storage``.
        case request(Method, uri: Range<Int>)
        /// The range is the reason phrase. The status is 0 if the line did not hold one.
        case response(status: Int, reason: Range<Int>)
    }

    /// What a message is made of. It is one object, because a message is handed on many times before it is answered,
    /// and so each time costs one reference and eight bytes.
    final class Parts: Sendable {
        let storage: [UInt8]
        let startLine: StartLine
        let headers: [HeaderField]
        let bodyRange: Range<Int>
        let declaredLength: DeclaredLength
        let availableBytes: Int
        let framing: Framing
        let structuralFault: ParseFault.Kind?
        let verdict: Verdict

        init(
            _ storage: consuming [UInt8], _ head: consuming Head, bodyLength: Int, framing: Framing,
            verdict: consuming Verdict
        ) {
            self.verdict = verdict
            self.availableBytes = storage.count - head.bodyStart
            self.storage = storage
            self.startLine = head.startLine
            self.headers = head.fields
            self.bodyRange = head.bodyStart..<(head.bodyStart + bodyLength)
            self.declaredLength = head.declaredLength
            self.framing = framing
            self.structuralFault = head.fault
        }
    }

    let parts: Parts

    /// All bytes of the message. Line breaks of folded headers have become blanks.
    package var storage: [UInt8] { self.parts.storage }
    /// The first line.
    package var startLine: StartLine { self.parts.startLine }
    /// The header lines in their order.
    package var headers: [HeaderField] { self.parts.headers }
    /// Where the body lies in the storage.
    package var bodyRange: Range<Int> { self.parts.bodyRange }
    /// The Content-Length as it was read.
    var declaredLength: DeclaredLength { self.parts.declaredLength }
    /// How many bytes followed the header section.
    var availableBytes: Int { self.parts.availableBytes }
    /// How the message was cut out.
    package var framing: Framing { self.parts.framing }
    /// What is wrong with the message, if anything.
    var fault: ParseFault.Kind? { self.parts.verdict.fault }
    /// Where its parts lie.
    var landmarks: Landmarks {
        _read { yield self.parts.verdict.landmarks }
    }
    /// What splitting has noticed.
    var structuralFault: ParseFault.Kind? { self.parts.structuralFault }

    /// Whether the message is a request.
    package var isRequest: Bool {
        if case .request = self.startLine { return true }
        return false
    }

    /// The method of a request; for a response that of its CSeq.
    package var method: Method {
        if case .request(let method, _) = self.startLine { return method }
        guard let cseq = try? self.cseq() else { return .other([]) }
        return cseq.method
    }

    /// The Request-URI as it came; empty for a response.
    package var requestURI: Octets {
        if case .request(_, let range) = self.startLine { return self.storage[range] }
        return []
    }

    /// The status code; 0 for a request.
    package var status: Int {
        if case .response(let status, _) = self.startLine { return status }
        return 0
    }

    /// The reason phrase; empty for a request.
    package var reason: Octets {
        if case .response(_, let range) = self.startLine { return self.storage[range] }
        return []
    }

    /// The body; empty if there is none.
    package var body: Octets { self.storage[self.bodyRange] }

    /// Whether two messages have the same bytes, cut the same way.
    package static func == (left: SIPMessage, right: SIPMessage) -> Bool {
        left.storage == right.storage && left.headers == right.headers && left.bodyRange == right.bodyRange
    }
}
