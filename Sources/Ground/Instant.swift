/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, as the shell's clock counts them.
///
/// Cores never ask for the time: it comes in with every call. The shell advances it with a monotonic clock that
/// was set once from the wall clock, so that it never runs backwards while a process lives.
package struct Instant: Hashable, Comparable, Sendable {
    /// Nanoseconds since the UNIX epoch.
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Whole seconds since the UNIX epoch.
    package init(seconds: Int64) { self.nanoseconds = seconds &* 1_000_000_000 }

    /// The UNIX epoch.
    package static let zero = Instant(nanoseconds: 0)

    /// Later than every real instant.
    package static let distantFuture = Instant(nanoseconds: .max)

    /// Whole seconds since the UNIX epoch, rounded down.
    package var seconds: Int64 { self.nanoseconds / 1_000_000_000 }

    package static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    /// Saturates at ``distantFuture``.
    package static func + (left: Instant, right: Duration) -> Instant {
        let (sum, overflow) = left.nanoseconds.addingReportingOverflow(right.wholeNanoseconds)
        return overflow ? .distantFuture : Instant(nanoseconds: sum)
    }

    package static func - (left: Instant, right: Duration) -> Instant {
        Instant(nanoseconds: left.nanoseconds &- right.wholeNanoseconds)
    }

    package static func - (left: Instant, right: Instant) -> Duration {
        .nanoseconds(left.nanoseconds &- right.nanoseconds)
    }

    package static func += (left: inout Instant, right: Duration) { left = left + right }
}

extension Duration {
    /// The duration in nanoseconds, saturated to what 64 bits hold (292 years).
    package var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = self.components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, carried) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return carried ? (seconds < 0 ? .min : .max) : sum
    }

    /// The duration in whole seconds, rounded down.
    package var wholeSeconds: Int64 { self.components.seconds }
}
