package import Ground

/// The Event header (RFC 6665 §8.2.1): which package, and which of several subscriptions in a dialog.
package struct EventHeader: Hashable, Sendable {
    /// The event type with its templates: `presence`, `presence.winfo`.
    package let package: Octets
    package let parameters: Parameters

    /// The `id` parameter.
    package var id: Octets? { self.parameters.value(of: "id") }

    package static func parse(_ octets: Octets) throws(ParseFault) -> EventHeader {
        let parts = try ValueGrammar.tokenWithParameters(octets, or: .badEvent)
        return EventHeader(package: octets[parts.value], parameters: Parameters(octets[parts.parameters]))
    }

    /// Whether two headers mean the same subscription: type and id are equal, nothing else counts (RFC 6665
    /// §8.2.1). Both are compared byte by byte.
    package func matches(_ other: EventHeader) -> Bool {
        self.package == other.package && self.id == other.id
    }
}

/// The Subscription-State header (RFC 6665 §8.2.3).
package struct SubscriptionState: Hashable, Sendable {
    /// `active`, `pending`, `terminated` or an extension, as it is written.
    package let state: Octets
    package let parameters: Parameters

    package static func parse(_ octets: Octets) throws(ParseFault) -> SubscriptionState {
        let parts = try ValueGrammar.tokenWithParameters(octets, or: .badSubscriptionState)
        return SubscriptionState(state: octets[parts.value], parameters: Parameters(octets[parts.parameters]))
    }

    package var isActive: Bool { self.state.equalsIgnoringCase("active") }
    package var isPending: Bool { self.state.equalsIgnoringCase("pending") }
    package var isTerminated: Bool { self.state.equalsIgnoringCase("terminated") }
    /// Seconds until the subscription ends.
    package var expires: UInt32? { self.parameters.value(of: "expires").flatMap { DeltaSeconds.parse($0) } }
    /// Why it was terminated.
    package var reason: Octets? { self.parameters.value(of: "reason") }
    /// Seconds to wait before a new subscription.
    package var retryAfter: UInt32? { self.parameters.value(of: "retry-after").flatMap { DeltaSeconds.parse($0) } }
}

/// Numbers of seconds (RFC 3261 §25.1 delta-seconds).
package enum DeltaSeconds {
    /// Reads decimal digits; a number that does not fit means the largest that does. Nil if it is no number.
    package static func parse(_ octets: Octets) -> UInt32? {
        guard !octets.isEmpty, octets.allSatisfy({ ASCII.isDigit($0) }) else { return nil }
        return octets.decimal ?? .max
    }
}

/// Values of the form `token *( SEMI generic-param )`.
enum ValueGrammar {
    static func tokenWithParameters(
        _ octets: Octets, or kind: ParseFault.Kind
    ) throws(ParseFault) -> (value: Piece, parameters: Piece) {
        try octets.withCursor { (cursor) throws(ParseFault) -> (value: Piece, parameters: Piece) in
            cursor.skipBlanks()
            let token = cursor.run(CharacterClass.token)
            guard !token.isEmpty, let parameters = try? Parameters.checkHeaderParameters(&cursor), cursor.isAtEnd else {
                throw ParseFault(kind)
            }
            return (Piece(token), parameters)
        }
    }
}
