internal import Ground
internal import PresenceDocuments

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

    /// Judges a watcher of a presentity that keeps no rules documents. A watcher without identities is anonymous.
    func judge(
        presentity: [UInt8], watcher: JudgedWatcher, configuration: PresenceServer.Configuration
    ) -> Judgement {
        // The presentity itself is always allowed.
        if watcher.includes(presentity) { return Judgement(.allow, .presentity) }
        var named: AuthorizationRule?
        var others: AuthorizationRule?
        if !self.ofPresentity.isEmpty, let rules = self.ofPresentity[presentity] {
            Self.match(rules, watcher, &named, &others)
        }
        if !self.ofDomain.isEmpty, let rules = self.ofDomain[Array(Self.domain(of: presentity[...]))] {
            Self.match(rules, watcher, &named, &others)
        }
        if !self.ofEvery.isEmpty { Self.match(self.ofEvery, watcher, &named, &others) }
        if let rule = named ?? others { return Judgement(rule.handling, .rule(id: rule.id)) }
        if watcher.main.isEmpty { return Judgement(configuration.anonymousHandling, .anonymousHandling) }
        return Judgement(configuration.defaultHandling, .defaultHandling)
    }

    /// The rules for this very presentity, which count beside the documents that it keeps.
    func ownRules(of presentity: [UInt8]) -> [AuthorizationRule] { self.ofPresentity[presentity] ?? [] }

    /// All rules that may concern a presentity, for explanations: its own, those of its domain, those of every one.
    func rules(about presentity: [UInt8]) -> [AuthorizationRule] {
        self.ownRules(of: presentity) + (self.ofDomain[Array(Self.domain(of: presentity[...]))] ?? []) + self.ofEvery
    }

    /// Whether a rule is about a watcher by itself; one for everyone else counts only where no other rule is.
    static func isAbout(_ watcher: JudgedWatcher, _ rule: AuthorizationRule) -> Bool {
        var named: AuthorizationRule?
        var others: AuthorizationRule?
        Self.match([rule], watcher, &named, &others)
        return named != nil || others != nil
    }

    /// Matches rules with every identity of a watcher.
    private static func match(
        _ rules: [AuthorizationRule], _ watcher: JudgedWatcher, _ named: inout AuthorizationRule?,
        _ others: inout AuthorizationRule?
    ) {
        Self.match(rules, watcher.main[...], Self.domain(of: watcher.main[...]), &named, &others)
        for identity in watcher.others {
            Self.match(rules, identity[...], Self.domain(of: identity[...]), &named, &others)
        }
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
