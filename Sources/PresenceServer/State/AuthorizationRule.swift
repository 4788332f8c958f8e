package import PresenceDocuments

/// One line of a presentity's subscription authorization: who is treated how (the sub-handling of RFC 5025 §3.2.1).
package struct AuthorizationRule: Hashable, Sendable {
    /// Whose presence the rule protects.
    package enum Presentity: Hashable, Sendable {
        /// One presentity, by canonical identity.
        case identity([UInt8])
        /// Every presentity of a domain (lower-case).
        case domain([UInt8])
        /// Every presentity: a rule of the operator.
        case every
    }

    /// Whom the rule is about.
    package enum Watcher: Hashable, Sendable {
        /// One watcher, by canonical identity. `tel:` never equals `sip:` (RFC 5025 §3.1.1.2).
        case identity([UInt8])
        /// Every authenticated watcher of a domain (lower-case).
        case domain([UInt8])
        /// Watchers without an authenticated identity.
        case anonymous
        /// Every authenticated watcher whom no identity or domain rule of the same presentity names
        /// (the `other-identity` condition of OMA).
        case everyone
    }

    /// What happens to a subscription.
    package typealias Handling = SubHandling

    /// Names the rule where a decision is explained.
    package var id: String
    package var presentity: Presentity
    package var watcher: Watcher
    package var handling: Handling

    package init(id: String, presentity: Presentity, watcher: Watcher, handling: Handling) {
        self.id = id
        self.presentity = presentity
        self.watcher = watcher
        self.handling = handling
    }
}

/// A new set of rules. It acts on live subscriptions at once (REQ-24141-26).
package enum RuleChange: Equatable, Sendable {
    /// These are now the rules of this one presentity (canonical identity); an empty list removes them.
    case presentity([UInt8], rules: [AuthorizationRule])
    /// These are now all rules there are.
    case all([AuthorizationRule])
}
