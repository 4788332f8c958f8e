internal import Ground

/// The non-INVITE client transaction of RFC 3261 §17.1.2.
enum NonInviteClientTransaction: ~Copyable {
    /// The request was sent. To `proceeding` on a 1xx, to `completed` on a final response, to `terminated` on timer F
    /// or a transport error. Sent again on timer E over UDP.
    case trying(ClientAttempt)
    /// A 1xx came. As `trying`, but timer E is T2.
    case proceeding(ClientAttempt)
    /// The final response came. Absorbs its copies; to `terminated` on timer K, at once over reliable transports.
    case completed
    /// Over.
    case terminated

    /// What a response led to.
    enum Verdict {
        /// The user is told.
        case provisional
        /// The user is told; timer K starts over UDP, all is over over reliable transports. The request is given back:
        /// it is not sent again.
        case final(isReliable: Bool, request: [UInt8])
        /// Seen before.
        case absorbed
    }

    /// A response with our branch and method arrived.
    mutating func responseReceived(status: Int) -> Verdict {
        var verdict = Verdict.absorbed
        switch consume self {
        case .trying(let attempt): self = Self.advance(attempt, status: status, verdict: &verdict)
        case .proceeding(let attempt): self = Self.advance(attempt, status: status, verdict: &verdict)
        case .completed: self = .completed
        case .terminated: self = .terminated
        }
        return verdict
    }

    private static func advance(
        _ attempt: ClientAttempt, status: Int, verdict: inout Verdict
    ) -> NonInviteClientTransaction {
        if status < 200 {
            verdict = .provisional
            return .proceeding(attempt)
        }
        verdict = .final(isReliable: attempt.isReliable, request: attempt.bytes)
        return attempt.isReliable ? .terminated : .completed
    }

    /// Timer E: the request to send again and when the next time is. Nil when nothing is to be sent (any more).
    mutating func retransmissionDue(t2: Duration) -> (bytes: [UInt8], path: Path, next: Duration)? {
        switch consume self {
        case .trying(var attempt):
            attempt.interval = min(attempt.interval * 2, t2)
            let due = (attempt.bytes, attempt.path, attempt.interval)
            self = .trying(attempt)
            return due
        case .proceeding(var attempt):
            attempt.interval = t2
            let due = (attempt.bytes, attempt.path, t2)
            self = .proceeding(attempt)
            return due
        case .completed: self = .completed
        case .terminated: self = .terminated
        }
        return nil
    }

    /// Timer F, or a transport error: over without a final response. False if there was one already.
    mutating func fail() -> Bool {
        switch consume self {
        case .trying:
            self = .terminated
            return true
        case .proceeding:
            self = .terminated
            return true
        case .completed: self = .completed
        case .terminated: self = .terminated
        }
        return false
    }

    /// Whether the request waits for its final response.
    var isPending: Bool {
        switch self {
        case .trying: true
        case .proceeding: true
        case .completed: false
        case .terminated: false
        }
    }

    /// The way of a request that waits for its final response.
    var path: Path? {
        switch self {
        case .trying(let attempt): attempt.path
        case .proceeding(let attempt): attempt.path
        case .completed: nil
        case .terminated: nil
        }
    }
}
