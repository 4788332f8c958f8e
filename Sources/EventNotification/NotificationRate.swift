package import Ground

/// A rate of RFC 6446 §9.3: notifications in a second, `1*2DIGIT ["." 1*10DIGIT]`, greater than zero.
package struct NotificationRate: Hashable, Sendable, Comparable {
    /// The rate in units of 10^-10 a second, 1 to 999,999,999,999.
    private let units: UInt64

    private init(units: UInt64) { self.units = units }

    /// Reads a parameter value. Nil if it breaks the grammar or is zero.
    package init?(_ text: Octets) {
        var digits = 0
        var value: UInt64 = 0
        var rest = text[...]
        while let byte = rest.first, ASCII.isDigit(byte) {
            digits += 1
            guard digits <= 2 else { return nil }
            value = value * 10 + UInt64(byte - 0x30)
            rest = rest.dropFirst()
        }
        guard digits > 0 else { return nil }
        var scale: UInt64 = 10_000_000_000
        value *= scale
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            guard (1...10).contains(rest.count) else { return nil }
            for byte in rest {
                guard ASCII.isDigit(byte) else { return nil }
                scale /= 10
                value += UInt64(byte - 0x30) * scale
            }
            rest = []
        }
        guard rest.isEmpty, value > 0 else { return nil }
        self.units = value
    }

    /// The rate of one notification in an interval, as near as the grammar allows; at least one unit, at most 99.99.
    package init(interval: Duration) {
        let nanoseconds = UInt64(max(interval.wholeNanoseconds, 1))
        // Rounded up, so that the interval of the rate is not longer than the one asked for.
        self.units = min((10_000_000_000_000_000_000 + (nanoseconds - 1)) / nanoseconds, 999_999_999_999)
    }

    /// The time between two notifications: 1/rate, in nanoseconds.
    package var interval: Int64 { Int64(clamping: 10_000_000_000_000_000_000 / self.units) }

    package static func < (left: NotificationRate, right: NotificationRate) -> Bool { left.units < right.units }

    /// Appends the value in the form of the grammar, without needless zeros.
    package func append(to bytes: inout [UInt8]) {
        bytes.append(decimal: self.units / 10_000_000_000)
        var fraction = self.units % 10_000_000_000
        guard fraction > 0 else { return }
        bytes.append(UInt8(ascii: "."))
        var scale: UInt64 = 1_000_000_000
        while fraction > 0 {
            bytes.append(0x30 + UInt8(fraction / scale))
            fraction %= scale
            scale /= 10
        }
    }
}

/// The rates that a watcher asks for in the Event header of a SUBSCRIBE or of a 2xx to a NOTIFY (RFC 6446 §4).
package struct NotificationRates: Hashable, Sendable {
    package var maximum: NotificationRate?
    package var minimum: NotificationRate?
    package var adaptiveMinimum: NotificationRate?

    package init(
        maximum: NotificationRate? = nil, minimum: NotificationRate? = nil, adaptiveMinimum: NotificationRate? = nil
    ) {
        self.maximum = maximum
        self.minimum = minimum
        self.adaptiveMinimum = adaptiveMinimum
    }

    /// No rates: what a SUBSCRIBE without the parameters means (RFC 6446 §5.1.1: absence removes the control).
    package static let none = NotificationRates()

    package var isEmpty: Bool { self.maximum == nil && self.minimum == nil && self.adaptiveMinimum == nil }

    /// What the notifier makes of the wish: conflicts settled as RFC 6446 §5.2, §6.3 and §7.3 say.
    /// - Parameter remaining: how long the subscription still lives. A maximum rate that would not let a single
    ///   notification through in that time is raised to one (RFC 6446 §5.2).
    package func adopted(remaining: Duration) -> NotificationRates {
        var rates = self
        if let maximum = rates.maximum {
            let left = max(remaining.wholeNanoseconds, 1_000_000_000)
            if maximum.interval > left { rates.maximum = NotificationRate(interval: .nanoseconds(left)) }
        }
        if let maximum = rates.maximum {
            if let minimum = rates.minimum, minimum > maximum { rates.minimum = maximum }
            if let adaptive = rates.adaptiveMinimum, adaptive > maximum { rates.adaptiveMinimum = maximum }
        }
        if let minimum = rates.minimum, let adaptive = rates.adaptiveMinimum, minimum >= adaptive {
            rates.minimum = nil
        }
        return rates
    }

    /// Appends the adopted rates as parameters of Subscription-State (RFC 6446 §9.2).
    package func appendParameters(to bytes: inout [UInt8]) {
        if let maximum = self.maximum {
            bytes.append(literal: ";max-rate=")
            maximum.append(to: &bytes)
        }
        if let minimum = self.minimum {
            bytes.append(literal: ";min-rate=")
            minimum.append(to: &bytes)
        }
        if let adaptive = self.adaptiveMinimum {
            bytes.append(literal: ";adaptive-min-rate=")
            adaptive.append(to: &bytes)
        }
    }
}

/// When notifications of one subscription may and must be sent (RFC 6446).
package struct RateControl: Hashable, Sendable {
    /// The adopted rates, as they are echoed.
    package private(set) var rates: NotificationRates
    /// When notifications were sent within the period of the adaptive rate; empty without one. Begins with as many
    /// imagined ones as the rate wants in a period (RFC 6446 §7.2).
    private var recent: [Instant] = []

    /// - Parameter now: when the rates were adopted.
    package init(_ rates: NotificationRates, at now: Instant) {
        self.rates = rates
        self.imagine(at: now)
    }

    /// Takes new rates, for example from a 2xx to a NOTIFY. What was sent before still counts for rates that stay.
    package mutating func adopt(_ rates: NotificationRates, at now: Instant) {
        let before = self.rates.adaptiveMinimum
        self.rates = rates
        if before != rates.adaptiveMinimum { self.imagine(at: now) }
    }

    /// Remembers that a notification was sent.
    package mutating func sent(at now: Instant) {
        guard let adaptive = self.rates.adaptiveMinimum else { return }
        let start = Instant(nanoseconds: now.nanoseconds &- Self.period(adaptive))
        self.recent.removeAll { $0 <= start }
        if self.recent.count >= Limits.rememberedNotifications { self.recent.removeFirst() }
        self.recent.append(now)
    }

    /// The earliest time for the next ordinary notification.
    /// - Parameters:
    ///   - last: when the last notification was sent.
    ///   - baseline: the least distance, in nanoseconds, where the watcher asked for no maximum rate; 0 for none.
    package func earliest(after last: Instant, baseline: Int64) -> Instant {
        last + .nanoseconds(self.rates.maximum?.interval ?? baseline)
    }

    /// When a notification is due although nothing changed; nil if never (RFC 6446 §6.2, §7.2).
    package func latest(after last: Instant, at now: Instant) -> Instant? {
        var due: Instant?
        if let minimum = self.rates.minimum { due = last + .nanoseconds(minimum.interval) }
        if let adaptive = self.rates.adaptiveMinimum {
            let start = Instant(nanoseconds: now.nanoseconds &- Self.period(adaptive))
            let count = Int64(self.recent.count { $0 > start })
            // timeout = count / (rate^2 * period); the period is a fixed number of intervals, so that it becomes
            // count * interval / that number.
            let (product, overflow) = adaptive.interval.multipliedReportingOverflow(by: max(count, 1))
            let timeout = overflow ? Int64.max : product / Int64(Limits.adaptivePeriodCount)
            let bounded = max(timeout, self.rates.maximum?.interval ?? 0)
            let adaptiveDue = last + .nanoseconds(bounded)
            due = min(due ?? adaptiveDue, adaptiveDue)
        }
        return due
    }

    private static func period(_ rate: NotificationRate) -> Int64 {
        let (product, overflow) = rate.interval.multipliedReportingOverflow(by: Int64(Limits.adaptivePeriodCount))
        return overflow ? .max : product
    }

    private mutating func imagine(at now: Instant) {
        self.recent = []
        guard let adaptive = self.rates.adaptiveMinimum else { return }
        for step in (0..<Int64(Limits.adaptivePeriodCount)).reversed() {
            let (distance, overflow) = adaptive.interval.multipliedReportingOverflow(by: step)
            self.recent.append(Instant(nanoseconds: overflow ? .min : now.nanoseconds &- distance))
        }
    }
}
