internal import Ground

/// The INVITE client transaction of RFC 3261 §17.1.1 with the Accepted state of RFC 6026 §7.2.
enum InviteClientTransaction: ~Copyable {
    /// The request was sent. To `proceeding` on a 1xx, to `accepted` on a 2xx, to `completed` on 300 to 699, to
    /// `terminated` on timer B or a transport error. Sent again on timer A over UDP.
    case calling(ClientAttempt)
    /// A 1xx came; nothing is sent again. As `calling`, without timers A and B.
    case proceeding(ClientAttempt)
    /// 300 to 699 came and was acknowledged; each copy is acknowledged again. To `terminated` on timer D.
    case completed(acknowledgement: [UInt8], path: Path)
    /// A 2xx came; each further 2xx goes to the user, who acknowledges it. To `terminated` on timer M.
    case accepted
    /// Over.
    case terminated

    /// What a response led to.
    enum Verdict {
        /// The user is told.
        case provisional
        /// The user is told, timer M starts.
        case accepted
        /// The user is told of another 2xx.
        case acceptedAgain
        /// The user is told, the ACK goes out, timer D starts over UDP; all is over over reliable transports.
        case refused(acknowledgement: [UInt8], Path)
        /// The ACK goes out again.
        case acknowledgedAgain([UInt8], Path)
        /// Nothing happens.
        case absorbed
    }

    /// A response with our branch arrived.
    /// - Parameter acknowledging: makes the ACK for a refusal from the bytes of the request (RFC 3261 §17.1.1.3).
    mutating func responseReceived(status: Int, acknowledging: ([UInt8]) -> [UInt8]) -> Verdict {
        var verdict = Verdict.absorbed
        switch consume self {
        case .calling(let attempt):
            self = Self.advance(attempt, status: status, acknowledging: acknowledging, verdict: &verdict)
        case .proceeding(let attempt):
            self = Self.advance(attempt, status: status, acknowledging: acknowledging, verdict: &verdict)
        case .completed(let acknowledgement, let path):
            if status >= 300 { verdict = .acknowledgedAgain(acknowledgement, path) }
            self = .completed(acknowledgement: acknowledgement, path: path)
        case .accepted:
            if (200..<300).contains(status) { verdict = .acceptedAgain }
            self = .accepted
        case .terminated:
            self = .terminated
        }
        return verdict
    }

    private static func advance(
        _ attempt: ClientAttempt, status: Int, acknowledging: ([UInt8]) -> [UInt8], verdict: inout Verdict
    ) -> InviteClientTransaction {
        if status < 200 {
            verdict = .provisional
            return .proceeding(attempt)
        }
        if status < 300 {
            verdict = .accepted
            return .accepted
        }
        let acknowledgement = acknowledging(attempt.bytes)
        verdict = .refused(acknowledgement: acknowledgement, attempt.path)
        return attempt.isReliable ? .terminated : .completed(acknowledgement: acknowledgement, path: attempt.path)
    }

    /// Timer A: the request to send again and when the next time is. Nil once any response came.
    mutating func retransmissionDue() -> (bytes: [UInt8], path: Path, next: Duration)? {
        switch consume self {
        case .calling(var attempt):
            attempt.interval *= 2
            let due = (attempt.bytes, attempt.path, attempt.interval)
            self = .calling(attempt)
            return due
        case .proceeding(let attempt): self = .proceeding(attempt)
        case .completed(let acknowledgement, let path):
            self = .completed(acknowledgement: acknowledgement, path: path)
        case .accepted: self = .accepted
        case .terminated: self = .terminated
        }
        return nil
    }

    /// A transport error, or a limit of ours: over without a final response. False if there was one already.
    mutating func fail() -> Bool {
        switch consume self {
        case .calling:
            self = .terminated
            return true
        case .proceeding:
            self = .terminated
            return true
        case .completed(let acknowledgement, let path):
            self = .completed(acknowledgement: acknowledgement, path: path)
        case .accepted: self = .accepted
        case .terminated: self = .terminated
        }
        return false
    }

    /// Whether the request waits for its final response.
    var isPending: Bool {
        switch self {
        case .calling: true
        case .proceeding: true
        case .completed: false
        case .accepted: false
        case .terminated: false
        }
    }

    /// Whether a provisional response came and no final one: only then a CANCEL may be sent (RFC 3261 §9.1).
    var isProceeding: Bool {
        switch self {
        case .calling: false
        case .proceeding: true
        case .completed: false
        case .accepted: false
        case .terminated: false
        }
    }

    /// The request as sent and its way, while it waits for its final response.
    var attempt: ClientAttempt? {
        switch self {
        case .calling(let attempt): attempt
        case .proceeding(let attempt): attempt
        case .completed: nil
        case .accepted: nil
        case .terminated: nil
        }
    }
}
