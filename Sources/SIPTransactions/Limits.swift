internal import Ground

extension TransactionLayer {
    /// What a peer can make this room hold, at most. Each limit that is hit is counted by ``Observation`` or ``DropReason``.
    package struct Limits: Sendable {
        /// Server transactions that wait for their answer. Beyond it new requests get 503 with Retry-After.
        package var pendingServerTransactions = 50_000
        /// Answered server transactions, kept to absorb retransmissions (timers J, H, L). Beyond it the oldest goes early.
        package var completedServerTransactions = 131_072
        /// Client transactions without a final response. Beyond it ``RequestFailure/overloaded``.
        package var pendingClientTransactions = 200_000
        /// Finished client transactions, kept to absorb retransmitted responses. Beyond it the oldest goes early.
        package var completedClientTransactions = 65_536
        /// Requests that wait for the name system. Beyond it ``RequestFailure/overloaded``.
        package var pendingResolutions = 10_000
        /// Hops that one resolution gives, at most.
        package var hopsPerTarget = 16
        /// Questions that one resolution asks the name system, at most.
        package var questionsPerResolution = 24
        /// Hops remembered as unavailable (503 with Retry-After).
        package var unavailableHops = 1_024
        /// The longest that a hop is left alone, whatever its Retry-After says.
        package var longestHopHold: Duration = .seconds(300)
        /// How long an INVITE may wait for its final response without a new provisional one (above timer C of
        /// RFC 3261 §16.6, which is at least three minutes).
        package var inviteServerLifetime: Duration = .seconds(360)
        /// How long an INVITE of ours may ring without a final response before it is given up.
        package var inviteClientLifetime: Duration = .seconds(360)
        /// Seconds in the Retry-After of our own 503.
        package var retryAfterSeconds: UInt64 = 5

        /// Good for one machine as they stand.
        package static let standard = Limits()

        package init() {}
    }
}

/// Bounds of a dialog's stored form.
package enum DialogLimits {
    /// All strings of a dialog together.
    package static let bytes = 16_384
    /// Entries of a route set.
    package static let routes = 32
}
