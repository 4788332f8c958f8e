import Ground

/// Which nonce counts were used: what makes a recorded request worthless to whom it does not belong
/// (RFC 7616 §3.4, §5.5).
///
/// Requests of one client may overtake each other, so a window of the last 64 counts is kept for each nonce. A nonce gets
/// its entry with the first request whose password was right; the table is bounded, and a nonce that had to make room is stale
/// from then on.
struct NonceCounters: Sendable {
    /// Which of the last 64 counts of a nonce have been used.
    private struct Window {
        var highest: UInt32
        /// Bit n: the count `highest - n` was used.
        var used: UInt64
    }

    private var windows: [UInt64: Window] = [:]
    private var byAge = DeadlineQueue<UInt64>()
    private let capacity: Int
    /// Nonces that were issued up to here and are not in the table may have been used.
    private var forgottenUntil: Instant?

    init(capacity: Int) { self.capacity = max(capacity, 1) }

    var count: Int { self.windows.count }

    /// Notes that a count is used. False if it was used before, may have been, or is 0 (counting starts with 1).
    mutating func use(_ serial: UInt64, issuedAt: Instant, count: UInt32) -> Bool {
        guard count > 0 else { return false }
        guard var window = self.windows[serial] else {
            if let until = self.forgottenUntil, issuedAt <= until { return false }
            if self.windows.count >= self.capacity, let oldest = self.byAge.next {
                guard let serial = self.byAge.popDue(at: oldest) else { return false }
                self.windows[serial] = nil
                self.forgottenUntil = max(self.forgottenUntil ?? oldest, oldest)
                if issuedAt <= oldest { return false }
            }
            self.windows[serial] = Window(highest: count, used: 1)
            self.byAge.set(serial, at: issuedAt)
            return true
        }
        if count > window.highest {
            let step = count - window.highest
            window.used = step < 64 ? window.used << UInt64(step) | 1 : 1
            window.highest = count
        } else {
            let age = window.highest - count
            guard age < 64, window.used & (1 << UInt64(age)) == 0 else { return false }
            window.used |= 1 << UInt64(age)
        }
        self.windows[serial] = window
        return true
    }

    /// Forgets nonces that were issued up to an instant; the caller refuses those by their age.
    mutating func forget(before instant: Instant) {
        while let serial = self.byAge.popDue(at: instant) { self.windows[serial] = nil }
    }
}
