import Glibc
import Ground

/// The shell's clock: the wall clock as it stood when the clock was made, carried on by the monotonic one.
///
/// So it never runs backwards, whatever is done to the system's time while the process lives.
package struct AnchoredClock: Sendable {
    private let offset: Int64

    package init() {
        self.offset = Self.read(CLOCK_REALTIME) &- Self.read(CLOCK_MONOTONIC)
    }

    /// The time now.
    package func now() -> Instant { Instant(nanoseconds: Self.read(CLOCK_MONOTONIC) &+ self.offset) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }
}
