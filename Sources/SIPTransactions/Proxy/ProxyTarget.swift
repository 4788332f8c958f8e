internal import SIPWire

/// One place that a proxy may send a request to: an element of the target set (RFC 3261 §16.5).
package struct ProxyTarget: Sendable {
    /// What the owner knows the target by, a binding number for instance; comes back when the target fails.
    package var label: UInt64
    /// The new Request-URI.
    package var uri: [UInt8]
    /// Route values that go before those that the request already has, such as a registered Path (RFC 3327 §5.3).
    package var routes: [[UInt8]]
    /// Record-Route values to put on top, the topmost first.
    package var recordRoutes: [[UInt8]]
    /// The flow that must be used (RFC 5626 §5.3); nil to resolve the next hop.
    package var flow: Flow?
    /// Whether the URI may be resolved where the flow is gone: for contacts that could be listening themselves.
    package var mayLeaveFlow: Bool
    /// Preference in thousandths; targets of equal preference are tried at the same time (RFC 3261 §16.6).
    package var q: UInt16
    /// Whether the next hop belongs to the trust domain (RFC 3325 §5).
    package var isTrusted: Bool
    /// Other flows to the same instance, tried one after another when this one has failed (RFC 5626 §7).
    package var alternatives: [ProxyTarget]

    package init(
        label: UInt64 = 0, uri: [UInt8], routes: [[UInt8]] = [], recordRoutes: [[UInt8]] = [], flow: Flow? = nil,
        mayLeaveFlow: Bool = false, q: UInt16 = 1000, isTrusted: Bool = false, alternatives: [ProxyTarget] = []
    ) {
        self.label = label
        self.uri = uri
        self.routes = routes
        self.recordRoutes = recordRoutes
        self.flow = flow
        self.mayLeaveFlow = mayLeaveFlow
        self.q = q
        self.isTrusted = isTrusted
        self.alternatives = alternatives
    }

    /// How the transaction layer is to bring a request there.
    func way(to nextHop: SIPURI) -> Target {
        guard let flow = self.flow else { return .uri(nextHop) }
        return self.mayLeaveFlow ? .flowOrURI(flow, nextHop) : .flow(flow)
    }
}

/// What a proxy changes in a request beside what RFC 3261 §16.6 says anyway.
package struct ProxyChanges: Sendable {
    /// The identities that the sender was found to have; written as P-Asserted-Identity in place of what came
    /// (RFC 3325 §5). Nil leaves what came, for senders inside the trust domain.
    package var assertedIdentities: [[UInt8]]?
    /// The realm whose credentials end here: they are of no use to anybody behind (RFC 3261 §22.3).
    package var realm: [UInt8]

    package init(assertedIdentities: [[UInt8]]? = [], realm: [UInt8] = []) {
        self.assertedIdentities = assertedIdentities
        self.realm = realm
    }
}
