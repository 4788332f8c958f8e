internal import Ground
internal import SIPWire

/// The non-INVITE server transaction of RFC 3261 §17.2.2, as RFC 4320 §4 corrects it.
///
/// It sends nothing itself: it says what is to be sent and when it is over.
enum NonInviteServerTransaction: ~Copyable {
    /// Nothing was sent yet. To `proceeding` on a 100, to `completed` or `terminated` on a final response, to
    /// `terminated` when the user never answers.
    case trying(PendingServerRequest)
    /// A 100 was sent. Then as `trying`.
    case proceeding(PendingServerRequest, provisional: [UInt8])
    /// The final response was sent, over UDP. To `terminated` on timer J.
    case completed(response: [UInt8])
    /// Over.
    case terminated

    /// What a call of ``respond(status:bytes:)`` led to.
    enum Answer {
        /// Send it this way. Where `isFinal` and the way is unreliable, timer J starts; where it is reliable, all is over.
        case send(ResponseRoute, isFinal: Bool)
        /// RFC 4320 §4 forbids this answer. With `isOver` the transaction ends without any answer.
        case forbidden(isOver: Bool)
        /// A final response was given before.
        case superfluous
    }

    /// Whether no final response was given yet.
    var isPending: Bool {
        switch self {
        case .trying: true
        case .proceeding: true
        case .completed: false
        case .terminated: false
        }
    }

    /// The same request arrived again: what to send in answer, if anything (RFC 3261 §17.2.2).
    func retransmissionReceived() -> [UInt8]? {
        switch self {
        case .trying: nil
        case .proceeding(_, let provisional): provisional
        case .completed(let response): response
        case .terminated: nil
        }
    }

    /// The user answers.
    mutating func respond(status: Int, bytes: [UInt8]) -> Answer {
        var answer = Answer.superfluous
        switch consume self {
        case .trying(let pending):
            self = Self.advance(pending, previous: nil, status: status, bytes: bytes, answer: &answer)
        case .proceeding(let pending, let provisional):
            self = Self.advance(pending, previous: provisional, status: status, bytes: bytes, answer: &answer)
        case .completed(let response):
            self = .completed(response: response)
        case .terminated:
            self = .terminated
        }
        return answer
    }

    private static func advance(
        _ pending: PendingServerRequest, previous: [UInt8]?, status: Int, bytes: [UInt8], answer: inout Answer
    ) -> NonInviteServerTransaction {
        if status == 408 {
            // RFC 4320 §4.2: the 408 would come too late for the client and only harm those between.
            answer = .forbidden(isOver: true)
            return .terminated
        }
        if status < 200 {
            // RFC 4320 §4.1: no provisional response but 100, and that over UDP only when the client has slowed down.
            guard status == 100, pending.route.transport.isReliable, previous == nil else {
                answer = .forbidden(isOver: false)
                if let previous { return .proceeding(pending, provisional: previous) }
                return .trying(pending)
            }
            answer = .send(pending.route, isFinal: false)
            return .proceeding(pending, provisional: bytes)
        }
        answer = .send(pending.route, isFinal: true)
        return pending.route.transport.isReliable ? .terminated : .completed(response: bytes)
    }

    /// The client has slowed down to T2 and still waits: the 100 to send now (RFC 4320 §4.1).
    mutating func lateTryingDue() -> (bytes: [UInt8], route: ResponseRoute)? {
        switch consume self {
        case .trying(let pending):
            var writer = pending.message.response(100, receivedFrom: pending.route.source)
            let bytes = writer.finish()
            let route = pending.route
            self = .proceeding(pending, provisional: bytes)
            return (bytes, route)
        case .proceeding(let pending, let provisional):
            self = .proceeding(pending, provisional: provisional)
            return nil
        case .completed(let response):
            self = .completed(response: response)
            return nil
        case .terminated:
            self = .terminated
            return nil
        }
    }
}
