internal import Ground
internal import PresenceDocuments

/// The rules of one presentity, read, with what they stand on.
struct SubscriberPolicy: Sendable {
    /// What the documents say.
    enum Rules: Sendable {
        case readable(PolicySet)
        /// This document cannot be read, so nobody is let in (it might have been the one that keeps somebody out).
        case unusable(selector: [UInt8])
    }

    let rules: Rules
    let listed: ListedIdentities
    /// The sphere that the watchers who live now were judged in.
    var sphere: [UInt8]?

    /// Stands for the rules file among the documents.
    static let rulesFile: [UInt8] = []

    /// Reads the documents of a presentity.
    /// - Parameter ownRules: what the rules file says of this very presentity.
    init(
        of presentity: [UInt8], in documents: SubscriberDocuments, ownRules: [AuthorizationRule],
        configuration: PresenceServer.Configuration
    ) {
        let kept = documents.rules(of: presentity)
        let limits = configuration.limits
        var sets: [(name: [UInt8], ruleset: Ruleset)] = []
        for (order, document) in kept.enumerated() {
            guard order < limits.rulesDocuments, document.body.count <= limits.rulesBytes,
                let ruleset = try? Ruleset.parse(document.body[...])
            else {
                self.rules = .unusable(selector: document.selector)
                self.listed = .none
                return
            }
            sets.append((document.selector, ruleset))
        }
        if !ownRules.isEmpty { sets.append((Self.rulesFile, Ruleset(rules: ownRules.map { $0.asPolicy }))) }
        let set = PolicySet(sets)
        self.rules = .readable(set)
        self.listed =
            set.anchors.isEmpty
            ? .none
            : ListedIdentities(
                anchors: set.anchors, owner: presentity, documents: documents, roots: configuration.documentRoots,
                bounds: ListedIdentities.Bounds(depth: limits.listDepth, members: limits.listMembers))
    }

    var usesSphere: Bool {
        if case .readable(let set) = self.rules { set.usesSphere } else { false }
    }

    /// When time alone next changes what the rules say.
    func nextChange(after now: Instant) -> Instant? {
        if case .readable(let set) = self.rules { set.nextChange(after: now) } else { nil }
    }

    func situation(sphere: [UInt8]?, at now: Instant) -> PolicySituation {
        let listed = self.listed
        return PolicySituation(now: now, sphere: sphere) { anchor, identities in
            listed.contains(identities, in: anchor)
        }
    }
}

/// What was read of the documents of a subscriber, kept while somebody watches it, and a little longer.
struct ReadDocuments: Sendable {
    var policy: SubscriberPolicy?
    /// The hard state, as sources of composition.
    var hardState: [PresenceDocument]?
}

/// The subscribers whose documents were read although nobody watches them: the last few of them. A ring, in which a
/// new one takes the place of the oldest.
struct RestingSubscribers: Sendable {
    private var ring: [[UInt8]] = []
    private var members: Set<[UInt8]> = []
    private var next = 0
    private let capacity: Int

    /// - Parameter capacity: how many are kept; at least one.
    init(capacity: Int) { self.capacity = max(capacity, 1) }

    /// Adds one, unless it is there already.
    /// - Returns: who has to make room for it.
    mutating func add(_ identity: [UInt8]) -> [UInt8]? {
        guard self.members.insert(identity).inserted else { return nil }
        guard self.ring.count == self.capacity else {
            self.ring.append(identity)
            return nil
        }
        let oldest = self.ring[self.next]
        self.members.remove(oldest)
        self.ring[self.next] = identity
        self.next = (self.next + 1) % self.capacity
        return oldest
    }
}
