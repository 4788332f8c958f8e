import Ground

/// The bounds of the room: what a peer can make grow, and how often something is tried again.
enum Limits {
    /// How often one request is sent again with credentials before the password counts as wrong: once for the first
    /// challenge, once for a stale nonce, once for a challenge of a second server on the way.
    static let maximumChallengeAnswers = 3
    /// How often one request follows a 423 or a 412 before it counts as failed.
    static let maximumCorrections = 4
    /// How many redirections one request follows (RFC 3261 §8.1.3.4).
    static let maximumRedirections = 5
    /// The longest Min-Expires that is obeyed: a week.
    static let maximumMinExpires: UInt32 = 604_800
    /// The longest Retry-After that is waited for: an hour. A longer one ends the attempt.
    static let maximumRetryAfter: UInt32 = 3600
    /// Granted times are counted up to this (a year), so that arithmetic on a peer's number stays small.
    static let maximumExpires: UInt32 = 31_536_000
    /// The first pause before something is tried again.
    static let firstPause = Duration.seconds(5)
    /// The longest such pause.
    static let longestPause = Duration.seconds(300)
    /// How many realms the digest memory keeps.
    static let maximumRealms = 8
    /// How many Route values of a Service-Route or a dialog are kept.
    static let maximumRoutes = 32
    /// How many subscriptions one user agent keeps.
    static let maximumSubscriptions = 100_000
    /// A refresh is never sent sooner than this after the last one.
    static let shortestRefresh = Duration.seconds(1)
    /// How long a terminated NOTIFY is waited for after the expiry.
    static let expiryGrace = Duration.seconds(10)
}
