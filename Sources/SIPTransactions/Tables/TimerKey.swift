/// What a timer is about: a slot, in one of its lives, and which of its timers. Fits one word, so that millions of
/// pending timers stay small.
struct TimerKey: Hashable, Sendable {
    /// The timers of RFC 3261 §17 and RFC 6026, one case for each thing that can become due.
    enum Kind: UInt8, CaseIterable {
        /// Timers A and E: send the request of a client transaction again.
        case retransmitRequest
        /// Timers B and F: a client transaction without a final response ends.
        case giveUp
        /// Timers D, K and M: a client transaction that has its final response ends.
        case forgetClient
        /// The INVITE's automatic 100, or the late 100 of RFC 4320.
        case trying
        /// A server transaction that the user never answered ends.
        case abandon
        /// Timer G: send a final response to an INVITE again.
        case retransmitResponse
        /// Timers H, I, J and L: a server transaction that has its final response ends.
        case forgetServer
    }

    private let packed: UInt64

    /// - Parameters:
    ///   - slot: the number of the slot.
    ///   - life: which tenant of the slot is meant; its low 24 bits count.
    init(_ kind: Kind, slot: Int32, life: UInt32) {
        self.packed =
            UInt64(kind.rawValue) &<< 56 | UInt64(life & 0xFF_FFFF) &<< 32 | UInt64(UInt32(bitPattern: slot))
    }

    var kind: Kind { Kind(rawValue: UInt8(truncatingIfNeeded: self.packed &>> 56)) ?? .giveUp }
    var slot: Int32 { Int32(bitPattern: UInt32(truncatingIfNeeded: self.packed)) }
    var life: UInt32 { UInt32(truncatingIfNeeded: self.packed &>> 32) & 0xFF_FFFF }
}
