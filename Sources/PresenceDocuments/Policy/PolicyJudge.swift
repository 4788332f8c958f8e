internal import Ground

/// One judgement: a watcher and a situation, and what was found out on the way.
struct PolicyJudge {
    let set: PolicySet
    let watcher: PolicyWatcher
    let situation: PolicySituation
    /// The domains of the identities of the watcher, in their order; empty for telephone numbers.
    let domains: [[UInt8]]
    private let sphere: [UInt8]?
    /// What the lists said, by anchor.
    private var listed: [[UInt8]: Bool] = [:]
    /// The rule that is about the watcher otherwise, once it was looked for.
    private var reference: PolicySet.Entry??

    init(_ set: PolicySet, _ watcher: PolicyWatcher, _ situation: PolicySituation) {
        self.set = set
        self.watcher = watcher
        self.situation = situation
        self.domains = watcher.identities.map { Array(PolicyIdentity.domain(ofKey: $0)) }
        self.sphere = set.usesSphere ? situation.sphere.map { $0.map { ASCII.lowercased($0) } } : nil
    }

    /// Whether all conditions of a rule hold.
    mutating func matches(_ rule: Rule) -> Bool {
        for condition in rule.conditions where !self.finding(condition).holds { return false }
        return true
    }

    /// Whether a condition holds, and by what.
    mutating func finding(_ condition: Rule.Condition) -> ConditionFinding {
        switch condition {
        case .identity(let identity): self.identity(identity)
        case .sphere(let words): self.sphere(words)
        case .validity(let periods): self.validity(periods)
        case .otherIdentity: self.otherIdentity()
        case .externalList(let anchors): self.externalList(anchors)
        case .anonymousRequest: self.watcher.isAnonymous ? .anonymous : .notAnonymous
        case .unknown(let name, let namespace): .notUnderstood(name: name, namespace: namespace)
        }
    }

    // MARK: RFC 4745 §7.1

    private func identity(_ condition: IdentityCondition) -> ConditionFinding {
        guard let main = self.watcher.identities.first else {
            return condition.isEmpty ? .unauthenticatedAsAsked : .unauthenticated
        }
        for identity in self.watcher.identities where condition.ones.containsSorted(identity) {
            return .named(identity)
        }
        var exception: ConditionFinding?
        for group in condition.groups {
            guard let member = self.member(of: group) else { continue }
            guard let found = self.exception(in: group) else { return .member(member, domain: group.domain) }
            exception = exception ?? found
        }
        return exception ?? .notNamed(main)
    }

    private func member(of group: IdentityCondition.Group) -> [UInt8]? {
        guard let domain = group.domain else { return self.watcher.identities.first }
        return self.domains.firstIndex(of: domain).map { self.watcher.identities[$0] }
    }

    /// Whoever has several identities is excepted by any of them.
    private func exception(in group: IdentityCondition.Group) -> ConditionFinding? {
        if group.exceptedIdentities.isEmpty, group.exceptedDomains.isEmpty { return nil }
        for (identity, domain) in zip(self.watcher.identities, self.domains) {
            if group.exceptedIdentities.containsSorted(identity) { return .excepted(identity) }
            if group.exceptedDomains.containsSorted(domain) { return .domainExcepted(identity, domain: domain) }
        }
        return nil
    }

    // MARK: RFC 4745 §7.2, §7.3

    private func sphere(_ words: [[UInt8]]) -> ConditionFinding {
        guard let sphere = self.sphere else { return .sphereUnknown(wanted: words) }
        return words.contains(sphere) ? .sphere(sphere) : .otherSphere(sphere, wanted: words)
    }

    private func validity(_ periods: [Rule.Period]) -> ConditionFinding {
        let now = self.situation.instant
        var next: Instant?
        var last: Instant?
        for period in periods {
            if period.contains(now) { return .valid(until: period.until) }
            if period.from > now { next = Swift.min(next ?? period.from, period.from) }
            if period.until <= now { last = Swift.max(last ?? period.until, period.until) }
        }
        if let next { return .notYetValid(from: next) }
        if let last { return .noLongerValid(until: last) }
        return .neverValid
    }

    // MARK: OMA

    private mutating func otherIdentity() -> ConditionFinding {
        // Whom nobody vouches for is no identity, other or not.
        guard let main = self.watcher.identities.first else { return .unauthenticated }
        if self.reference == nil { self.reference = .some(self.set.reference(&self)) }
        guard let entry = self.reference ?? nil else { return .notReferenced(main) }
        return .referenced(rule: entry.rule.id, document: entry.document)
    }

    private mutating func externalList(_ anchors: [[UInt8]]) -> ConditionFinding {
        guard !self.watcher.identities.isEmpty else { return .unauthenticated }
        for anchor in anchors {
            let isListed: Bool
            if let known = self.listed[anchor] {
                isListed = known
            } else {
                isListed = self.situation.isListed(anchor[...], self.watcher.identities)
                self.listed[anchor] = isListed
            }
            if isListed { return .listed(anchor) }
        }
        return .notListed(anchors)
    }
}
