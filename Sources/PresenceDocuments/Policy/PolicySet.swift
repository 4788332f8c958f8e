package import Ground

/// The rules of one presentity, out of all its documents (RFC 5025 §1: there may be more than one), ready to judge
/// watchers.
///
/// All rules that match a watcher count together, whichever document they stand in: the greatest handling and the
/// union of permissions (RFC 4745 §10.2). A watcher whom none matches is blocked. The cost of a judgement is linear
/// in the rules; rules that name nobody but other people cost nothing.
package struct PolicySet: Sendable {
    /// A rule and where it stands.
    package struct Entry: Sendable {
        /// The name of the document, as given to the initializer.
        package let document: [UInt8]
        package let rule: Rule
    }

    /// All rules, in the order of the documents.
    package let entries: [Entry]
    /// The anchors of all external lists, sorted.
    package let anchors: [[UInt8]]
    /// Whether a judgement can depend on the sphere of the presentity.
    package let usesSphere: Bool
    /// Whether a rule speaks of all whom no other rule is about.
    let usesOtherIdentity: Bool
    /// When validity begins and ends, sorted.
    private let edges: [Instant]
    /// Rules that have to be looked at for every watcher.
    private let open: [Int]
    /// Rules that are about the people they name and nobody else, by those people. Empty where all are ``open``.
    private let named: [[UInt8]: [Int]]

    package init(_ documents: [(name: [UInt8], ruleset: Ruleset)]) {
        var entries: [Entry] = []
        for document in documents {
            entries += document.ruleset.rules.map { Entry(document: document.name, rule: $0) }
        }
        self.entries = entries
        var anchors: [[UInt8]] = []
        var edges: Set<Instant> = []
        var usesSphere = false
        var usesOtherIdentity = false
        for condition in entries.lazy.flatMap(\.rule.conditions) {
            switch condition {
            case .sphere: usesSphere = true
            case .otherIdentity: usesOtherIdentity = true
            case .externalList(let list): anchors += list
            case .validity(let periods):
                for period in periods {
                    edges.insert(period.from)
                    edges.insert(period.until)
                }
            case .identity, .anonymousRequest, .unknown: break
            }
        }
        self.anchors = anchors.sortedOnce()
        self.usesSphere = usesSphere
        self.usesOtherIdentity = usesOtherIdentity
        self.edges = edges.sorted()
        (self.open, self.named) = Self.index(entries)
    }

    /// Without any rule: everybody is blocked.
    package static let empty = PolicySet([])

    private static func index(_ entries: [Entry]) -> (open: [Int], named: [[UInt8]: [Int]]) {
        guard entries.count >= PolicyLimits.indexedRules else { return (Array(entries.indices), [:]) }
        var open: [Int] = []
        var named: [[UInt8]: [Int]] = [:]
        for (index, entry) in entries.enumerated() {
            let names = entry.rule.conditions.lazy.compactMap { condition in
                if case .identity(let identity) = condition { Self.names(of: identity) } else { nil }
            }.first
            guard let names else {
                open.append(index)
                continue
            }
            for name in Set(names) { named[name, default: []].append(index) }
        }
        return (open, named)
    }

    /// The identities and domains that a condition is about; nil where it may be about anybody.
    private static func names(of identity: IdentityCondition) -> [[UInt8]]? {
        if identity.isEmpty { return nil }
        var names = identity.ones
        for group in identity.groups {
            guard let domain = group.domain else { return nil }
            names.append(Self.name(ofDomain: domain))
        }
        return names
    }

    /// The name of a domain in the index, which no identity has.
    private static func name(ofDomain domain: [UInt8]) -> [UInt8] { [UInt8(ascii: "@")] + domain }

    /// The rules that can be about a watcher, in their order.
    private func candidates(_ judge: PolicyJudge) -> [Int] {
        if self.named.isEmpty { return self.open }
        var found: [Int] = []
        for identity in judge.watcher.identities { found += self.named[identity] ?? [] }
        for domain in judge.domains { found += self.named[Self.name(ofDomain: domain)] ?? [] }
        if found.isEmpty { return self.open }
        // A rule that names the watcher twice is still one rule.
        return Set(found + self.open).sorted()
    }

    /// Judges a watcher.
    package func evaluate(_ watcher: PolicyWatcher, _ situation: PolicySituation) -> PolicyOutcome {
        var judge = PolicyJudge(self, watcher, situation)
        var handling = SubHandling.block
        var permissions = Permissions.nothing
        for index in self.candidates(judge) {
            guard judge.matches(self.entries[index].rule) else { continue }
            handling = Swift.max(handling, self.entries[index].rule.handling ?? .block)
            permissions = permissions.union(self.entries[index].rule.permissions)
        }
        return PolicyOutcome(handling: handling, permissions: handling == .allow ? permissions : .nothing)
    }

    /// The rule that gave a watcher its handling: the first matching one with the greatest. Nil where no matching
    /// rule speaks of subscriptions, so that the watcher is blocked by default.
    package func deciding(_ watcher: PolicyWatcher, _ situation: PolicySituation) -> Entry? {
        var judge = PolicyJudge(self, watcher, situation)
        var best: (handling: SubHandling, index: Int)?
        for index in self.candidates(judge) {
            let rule = self.entries[index].rule
            guard let handling = rule.handling, best.map({ handling > $0.handling }) ?? true, judge.matches(rule)
            else { continue }
            best = (handling, index)
        }
        return best.map { self.entries[$0.index] }
    }

    /// When a judgement can next change by time alone; nil if never.
    package func nextChange(after instant: Instant) -> Instant? {
        var low = 0
        var high = self.edges.count
        while low < high {
            let middle = (low + high) / 2
            if self.edges[middle] <= instant { low = middle + 1 } else { high = middle }
        }
        return low < self.edges.count ? self.edges[low] : nil
    }

    /// The rules that are about a watcher by name, domain, list or anonymity, whatever else they ask: what keeps
    /// `other-identity` from it. Nil if there are none.
    func reference(_ judge: inout PolicyJudge) -> Entry? {
        for index in self.candidates(judge) {
            let rule = self.entries[index].rule
            var isAbout = false
            for condition in rule.conditions {
                switch condition {
                case .identity, .externalList, .anonymousRequest: isAbout = true
                case .sphere, .validity, .otherIdentity, .unknown: continue
                }
                if !judge.finding(condition).holds {
                    isAbout = false
                    break
                }
            }
            if isAbout { return self.entries[index] }
        }
        return nil
    }
}
