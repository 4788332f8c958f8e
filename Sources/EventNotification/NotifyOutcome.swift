internal import Ground

/// What the answer to a NOTIFY means for its subscription (RFC 6665 §4.2.2, RFC 5057 §5).
package enum NotifyOutcome: Equatable, Sendable {
    /// The watcher has it.
    case delivered
    /// The watcher, or a proxy on the way, wants to know who we are: the NOTIFY is sent again with credentials.
    case challenged
    /// The subscription is gone.
    case subscriptionGone
    /// Later, with the state as it then is.
    case retry(after: Duration)
    /// This one failed, the subscription stays, and the next NOTIFY carries the full state.
    case failed

    /// - Parameters:
    ///   - status: a final status code.
    ///   - retryAfter: seconds of the Retry-After header, if there is one.
    package init(status: Int, retryAfter: UInt32?) {
        switch status {
        case 200..<300: self = .delivered
        case 401, 407: self = .challenged
        case 404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604: self = .subscriptionGone
        case 500..<600:
            guard let retryAfter else {
                self = .failed
                return
            }
            self = .retry(after: .seconds(min(max(Int64(retryAfter), 1), Limits.retryAfterSeconds)))
        default: self = .failed
        }
    }
}
