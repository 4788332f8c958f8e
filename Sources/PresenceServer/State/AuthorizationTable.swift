internal import Ground

/// All authorization rules, and the judgement over a watcher (RFC 5025 §3.1, §3.2.1; design law 7).
struct AuthorizationTable: Sendable {
    /// Rules of one presentity.
    private var ofPresentity: [[UInt8]: [AuthorizationRule]] = [:]
    /// Rules for all presentities of a domain.
    private var ofDomain: [[UInt8]: [AuthorizationRule]] = [:]
    /// Rules for every presentity.
    private var ofEvery: [AuthorizationRule] = []

    /// Takes a change in.
    mutating func apply(_ change: RuleChange) {
        switch change {
        case .presentity(let presentity, let rules):
            // A rule that names somebody else has no place among the rules of this presentity.
            let own = rules.filter { $0.presentity == .identity(presentity) }
            self.ofPresentity[presentity] = own.isEmpty ? nil : own
        case .all(let rules):
            self = AuthorizationTable()
            for rule in rules {
                switch rule.presentity {
                case .identity(let identity): self.ofPresentity[identity, default: []].append(rule)
                case .domain(let domain): self.ofDomain[domain, default: []].append(rule)
                case .every: self.ofEvery.append(rule)
                }
            }
        }
    }

    /// Judges a watcher; an empty identity is an anonymous watcher.
    func judge(
        presentity: [UInt8], watcher: Octets, configuration: PresenceServer.Configuration
    ) -> (handling: AuthorizationRule.Handling, reason: Decision.Reason) {
        // The presentity itself is always allowed.
        if !watcher.isEmpty, watcher == presentity[...] { return (.allow, .presentity) }
        var named: AuthorizationRule?
        var others: AuthorizationRule?
        let domain = Self.domain(of: watcher)
        if !self.ofPresentity.isEmpty, let rules = self.ofPresentity[presentity] {
            Self.match(rules, watcher, domain, &named, &others)
        }
        if !self.ofDomain.isEmpty, let rules = self.ofDomain[Array(Self.domain(of: presentity[...]))] {
            Self.match(rules, watcher, domain, &named, &others)
        }
        if !self.ofEvery.isEmpty { Self.match(self.ofEvery, watcher, domain, &named, &others) }
        if let rule = named ?? others { return (rule.handling, .rule(id: rule.id)) }
        if watcher.isEmpty { return (configuration.anonymousHandling, .anonymousHandling) }
        return (configuration.defaultHandling, .defaultHandling)
    }

    /// The greatest of the matching rules counts (RFC 4745 §10.2, RFC 5025 §3.2.1); rules for everyone else count
    /// only where no rule names the watcher.
    private static func match(
        _ rules: [AuthorizationRule], _ watcher: Octets, _ domain: Octets, _ named: inout AuthorizationRule?,
        _ others: inout AuthorizationRule?
    ) {
        for rule in rules {
            switch rule.watcher {
            case .identity(let identity):
                guard !watcher.isEmpty, identity[...] == watcher else { continue }
                named = Self.greater(named, rule)
            case .domain(let other):
                guard !watcher.isEmpty, other[...] == domain else { continue }
                named = Self.greater(named, rule)
            case .anonymous:
                guard watcher.isEmpty else { continue }
                named = Self.greater(named, rule)
            case .everyone:
                guard !watcher.isEmpty else { continue }
                others = Self.greater(others, rule)
            }
        }
    }

    private static func greater(_ left: AuthorizationRule?, _ right: AuthorizationRule) -> AuthorizationRule {
        guard let left, left.handling >= right.handling else { return right }
        return left
    }

    /// The domain of a canonical `sip:user@domain[:port]`; empty for others.
    static func domain(of identity: Octets) -> Octets {
        guard let at = identity.lastIndex(of: UInt8(ascii: "@")) else { return [] }
        let host = identity[(at + 1)...]
        if host.first == UInt8(ascii: "[") {
            guard let end = host.firstIndex(of: UInt8(ascii: "]")) else { return [] }
            return host[...end]
        }
        guard let colon = host.firstIndex(of: UInt8(ascii: ":")) else { return host }
        return host[..<colon]
    }
}
