/// How long a subscription or a publication may live (RFC 6665 §4.2.1.1, RFC 3903 §6).
package struct ExpiryPolicy: Hashable, Sendable {
    /// Seconds granted where the request names none.
    package var standard: UInt32
    /// Shorter wishes are refused with 423, but for zero and for an hour or more.
    package var minimum: UInt32
    /// Longer wishes are shortened to this.
    package var maximum: UInt32

    package init(standard: UInt32, minimum: UInt32, maximum: UInt32) {
        self.standard = standard
        self.minimum = minimum
        self.maximum = maximum
    }

    /// The answer to a wish.
    package enum Grant: Equatable, Sendable {
        /// So many seconds; zero ends what there is.
        case granted(UInt32)
        /// 423 with this value in Min-Expires.
        case tooBrief(minimum: UInt32)
    }

    /// Judges a wish. A duration is only ever shortened, never lengthened, and 423 is for wishes between one second
    /// and one hour (RFC 6665 §4.2.1.1, RFC 3903 §6 step 4).
    package func grant(_ wish: UInt32?) -> Grant {
        guard let wish else { return .granted(min(self.standard, self.maximum)) }
        if wish > 0, wish < 3600, wish < self.minimum { return .tooBrief(minimum: min(self.minimum, 3600)) }
        return .granted(min(wish, self.maximum))
    }
}
