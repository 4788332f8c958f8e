package import Ground

/// Who asks, as the rules see it (RFC 5025 §3.1.1).
package struct PolicyWatcher: Hashable, Sendable {
    /// The identities that the trust domain asserts of the watcher, canonical as ``PolicyIdentity`` has them, the
    /// main one first. A rule that names any of them is about the watcher; an exception that names any of them
    /// excludes the watcher. Empty: nobody vouches for the watcher.
    package let identities: [[UInt8]]
    /// Whether the request asked to keep the identity from the presentity (RFC 3323 `id`). Rules still see the
    /// identity (RFC 5025 §3.1.1.1); the OMA condition `anonymous-request` holds.
    package let asksForPrivacy: Bool

    /// - Parameters:
    ///   - identities: URIs in any form. The anonymous URI of RFC 3323 names nobody and is left out.
    ///   - asksForPrivacy: whether the watcher wants to stay unknown to the presentity.
    package init(identities: [[UInt8]], asksForPrivacy: Bool = false) {
        var keys: [[UInt8]] = []
        for identity in identities {
            let key = PolicyIdentity.key(identity[...])
            if !PolicyIdentity.isAnonymous(key), !keys.contains(key) { keys.append(key) }
        }
        self.identities = keys
        self.asksForPrivacy = asksForPrivacy
    }

    /// A watcher without an authenticated identity.
    package static let anonymous = PolicyWatcher(identities: [])

    /// Whether the OMA condition `anonymous-request` holds.
    package var isAnonymous: Bool { self.identities.isEmpty || self.asksForPrivacy }
}

/// What else conditions look at.
package struct PolicySituation: Sendable {
    /// The time that validity conditions are compared with.
    package var instant: Instant
    /// The sphere that the presentity is in (RFC 4745 §7.2); nil where none is known, or several.
    package var sphere: [UInt8]?
    /// Whether one of the identities stands in the list that an anchor of an OMA `external-list` names. False where
    /// the list cannot be read.
    package var isListed: @Sendable (_ anchor: Octets, _ identities: [[UInt8]]) -> Bool

    package init(
        now: Instant, sphere: [UInt8]? = nil,
        isListed: @escaping @Sendable (_ anchor: Octets, _ identities: [[UInt8]]) -> Bool = { _, _ in false }
    ) {
        self.instant = now
        self.sphere = sphere
        self.isListed = isListed
    }
}

/// What the rules say about a watcher.
package struct PolicyOutcome: Hashable, Sendable {
    /// What happens to the subscription; block where no rule matches.
    package var handling: SubHandling
    /// What of the presence document is shown. Nothing unless ``handling`` is allow, so that equal views are equal.
    package var permissions: Permissions

    package init(handling: SubHandling, permissions: Permissions) {
        self.handling = handling
        self.permissions = permissions
    }

    /// What a watcher gets whom no rule matches (RFC 4745 §10.2: permissions are only ever granted).
    package static let nothing = PolicyOutcome(handling: .block, permissions: .nothing)
    /// What a presentity gets of itself.
    package static let everything = PolicyOutcome(handling: .allow, permissions: .everything)
}
