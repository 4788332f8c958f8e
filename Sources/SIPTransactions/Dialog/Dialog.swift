package import Ground
package import SIPWire

/// A dialog (RFC 3261 §12), in a form that costs little: one array that begins with the header lines that every
/// request of the dialog carries unchanged, and a few numbers.
///
/// Building a request copies that block; nothing is formatted, looked up or compared on the way.
package struct Dialog: Sendable, Equatable {
    /// How far the dialog has come.
    package enum State: UInt8, Sendable {
        /// Made by a provisional response.
        case early
        /// Made by a 2xx or, for subscriptions, by a NOTIFY (RFC 6665 §4.4.1).
        case confirmed
    }

    /// The header block, and behind it what does not stand in it in one piece.
    private(set) var storage: [UInt8]
    /// Where the parts lie.
    private(set) var layout: Layout
    package private(set) var state: State
    /// Whether the dialog was made over TLS for a SIPS URI (RFC 3261 §12.1.1).
    package let isSecure: Bool
    /// The number of our latest request; 0 before the first.
    package private(set) var localSequence: UInt32
    /// The number of the peer's latest request; nil before the first.
    package private(set) var remoteSequence: UInt32?

    /// Offsets into the storage.
    struct Layout: Sendable, Equatable {
        /// The end of the header block, which begins at 0.
        var blockEnd: UInt16 = 0
        var callID = Part()
        var localURI = Part()
        var localTag = Part()
        var remoteURI = Part()
        var remoteTag = Part()
        var remoteTarget = Part()
        /// What stands in the request line: the remote target, or the first route if that is a strict router.
        var requestURI = Part()
        /// The URI whose hop the request goes to.
        var nextHop = Part()
        /// The strict router as it stood in the route set; empty without one.
        var strictRoute = Part()
        var routeCount: UInt16 = 0
    }

    /// A run of bytes in the storage.
    struct Part: Sendable, Equatable {
        var start: UInt16 = 0
        var end: UInt16 = 0
    }

    /// What a dialog is made of (RFC 3261 §12).
    struct Parts {
        var callID: Octets
        var localURI: Octets
        var localTag: Octets
        var remoteURI: Octets
        /// Empty for a peer after RFC 2543, which gives none.
        var remoteTag: Octets
        var remoteTarget: Octets
        /// URIs with their angle brackets and parameters, the next hop first.
        var routes: [Octets]
    }

    init?(
        _ parts: Parts, state: State, isSecure: Bool, localSequence: UInt32, remoteSequence: UInt32?
    ) {
        guard let made = Self.arrange(parts) else { return nil }
        (self.storage, self.layout) = made
        self.state = state
        self.isSecure = isSecure
        self.localSequence = localSequence
        self.remoteSequence = remoteSequence
    }

    subscript(part: Part) -> Octets { self.storage[Int(part.start)..<Int(part.end)] }

    package var callID: Octets { self[self.layout.callID] }
    package var localURI: Octets { self[self.layout.localURI] }
    package var localTag: Octets { self[self.layout.localTag] }
    package var remoteURI: Octets { self[self.layout.remoteURI] }
    package var remoteTag: Octets { self[self.layout.remoteTag] }
    /// The peer's Contact.
    package var remoteTarget: Octets { self[self.layout.remoteTarget] }
    /// The URI whose hop requests of the dialog go to (RFC 3261 §12.2.1.1, §8.1.2).
    package var nextHop: Octets { self[self.layout.nextHop] }
    /// The parsed ``nextHop``. Nil only if it is of no known form, which the making of the dialog has excluded.
    package var nextHopURI: SIPURI? { try? SIPURI.parse(self.nextHop) }

    /// The route set, the next hop first, as name-addr.
    package var routeSet: [Octets] { self.parts.routes }

    /// Whether a request or response belongs to this dialog, seen from us (RFC 3261 §12.2.2).
    /// - Parameters:
    ///   - localTag: of a request of the peer's the To tag, of a response the From tag.
    package func matches(callID: Octets, localTag: Octets, remoteTag: Octets) -> Bool {
        self.localTag == localTag && self.remoteTag == remoteTag && self.callID == callID
    }

    // MARK: Change

    /// What a request of the peer's does to the dialog's order.
    package enum SequenceVerdict: Sendable, Equatable {
        /// The number is higher than all before: go on.
        case inOrder
        /// A lower or the same number in another transaction: answer 500 (RFC 3261 §12.2.2).
        case outOfOrder
    }

    /// Judges the CSeq of a request of the peer's, and keeps it if it is in order. Gaps are allowed.
    package mutating func received(sequence: UInt32) -> SequenceVerdict {
        if let last = self.remoteSequence, sequence <= last { return .outOfOrder }
        self.remoteSequence = sequence
        return .inOrder
    }

    /// The number of our next request. The dialog counts on.
    package mutating func nextSequence() -> UInt32 {
        // RFC 3261 §8.1.1.5 keeps numbers below 2^31; a dialog that gets there starts over rather than stop.
        self.localSequence = self.localSequence >= 0x7FFF_FFFE ? 1 : self.localSequence + 1
        return self.localSequence
    }

    /// Sets the number of our latest request: for a dialog that a NOTIFY made, that of the SUBSCRIBE; after a restart,
    /// what was stored last.
    package mutating func setLocalSequence(_ sequence: UInt32) { self.localSequence = sequence }

    /// An early dialog is confirmed by a 2xx.
    package mutating func confirm() { self.state = .confirmed }

    /// A target refresh (RFC 3261 §12.2.1.2, §12.2.2; RFC 6665 §3.1.1): the peer's Contact has changed. The route set
    /// stays. False, and no change, if the URI cannot be used.
    @discardableResult
    package mutating func refreshRemoteTarget(_ uri: Octets) -> Bool {
        guard uri != self.remoteTarget else { return true }
        guard let parsed = try? SIPURI.parse(uri), parsed.isSIP else { return false }
        var parts = self.parts
        parts.remoteTarget = uri
        guard let made = Self.arrange(parts) else { return false }
        (self.storage, self.layout) = made
        return true
    }

    /// A target refresh from the Contact of a message; false if it has none that can be used.
    @discardableResult
    package mutating func refreshRemoteTarget(from message: SIPMessage) -> Bool {
        guard let contact = try? message.firstContact() else { return false }
        return self.refreshRemoteTarget(contact.uriOctets)
    }
}
