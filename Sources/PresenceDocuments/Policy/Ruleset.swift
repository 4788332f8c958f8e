package import Ground
package import XMLTree

/// A document of authorization rules: common policy (RFC 4745) with presence rules (RFC 5025) and the extensions of
/// OMA.
package struct Ruleset: Hashable, Sendable {
    /// The rules in the order of the document. The order decides nothing.
    package let rules: [Rule]

    package init(rules: [Rule]) { self.rules = rules }

    /// Reads a ruleset (`application/auth-policy+xml`).
    ///
    /// What is unknown is read as RFC 4745 §6.2 and §7 ask: an unknown condition is one that never holds, an unknown
    /// action or transformation is not there. A value that makes no sense grants nothing.
    /// - Throws: a fault with the status 400, or 413 for a document over a limit.
    package static func parse(
        _ body: Octets, limits: XMLLimits = .ruleset
    ) throws(DocumentFault) -> Ruleset {
        guard body.count <= limits.bytes else {
            throw DocumentFault(kind: .overLimit, status: 413, reason: "Ruleset too large")
        }
        let tree: XMLDocument
        do {
            tree = try XMLDocument.parse(body, vocabulary: PolicyNames.vocabulary, limits: limits)
        } catch {
            throw DocumentFault(error)
        }
        return try Ruleset(validating: tree)
    }

    /// Reads the rules of a tree that was read with ``PolicyNames/vocabulary``.
    package init(validating tree: XMLDocument) throws(DocumentFault) {
        precondition(tree.vocabulary === PolicyNames.vocabulary, "rules are read with the names of rules")
        var reader = RulesetReader(tree)
        self.rules = try reader.rules()
    }
}

extension XMLLimits {
    /// What suits rulesets: flat documents that may name very many people.
    package static let ruleset = XMLLimits(bytes: PolicyLimits.document, nodes: 400_000)
}

extension DocumentFault {
    /// A ruleset that breaks the schema of RFC 4745.
    static func ruleset(_ reason: String) -> DocumentFault {
        DocumentFault(kind: .notValid, status: 400, reason: "Bad ruleset: " + reason)
    }
}

/// One rule: when all its conditions hold, it grants its permissions (RFC 4745 §6).
package struct Rule: Hashable, Sendable {
    /// The `id` of the rule, which names it where a decision is explained.
    package let id: [UInt8]
    /// All must hold; none are as good as true ones (RFC 4745 §7).
    package let conditions: [Condition]
    /// What the rule grants a subscription; nil if it says nothing about it.
    package let handling: SubHandling?
    /// What of the presence document the rule shows.
    package let permissions: Permissions

    package init(id: [UInt8], conditions: [Condition], handling: SubHandling?, permissions: Permissions) {
        self.id = id
        self.conditions = conditions
        self.handling = handling
        self.permissions = permissions
    }

    /// One child of `conditions`.
    package enum Condition: Hashable, Sendable {
        /// RFC 4745 §7.1.
        case identity(IdentityCondition)
        /// RFC 4745 §7.2: the words of `value`, in lower case. One of them must be the sphere of the presentity.
        case sphere([[UInt8]])
        /// RFC 4745 §7.3: one of the periods must hold the present.
        case validity([Period])
        /// OMA: nothing but this kind of rule is about the watcher.
        case otherIdentity
        /// OMA: the watcher stands in one of the lists that the anchors name.
        case externalList([[UInt8]])
        /// OMA: the request has no identity, or asks to hide it.
        case anonymousRequest
        /// An element that is not understood, or not well formed. It never holds (RFC 4745 §7).
        case unknown(name: [UInt8], namespace: [UInt8])
    }

    /// A time from its first instant until before its last (RFC 4745 §7.3).
    package struct Period: Hashable, Sendable {
        package let from: Instant
        package let until: Instant

        package init(from: Instant, until: Instant) {
            self.from = from
            self.until = until
        }

        package func contains(_ instant: Instant) -> Bool { self.from <= instant && instant < self.until }
    }
}

/// The alternatives of one `identity` element (RFC 4745 §7.1). One must be about the watcher. An element without any
/// is about watchers whom nobody vouches for.
package struct IdentityCondition: Hashable, Sendable {
    /// A `many` element: everybody, or everybody of a domain, but those excepted.
    package struct Group: Hashable, Sendable {
        /// The domain in lower case; nil for every authenticated watcher.
        package let domain: [UInt8]?
        /// Keys of identities that are not meant, sorted.
        package let exceptedIdentities: [[UInt8]]
        /// Domains that are not meant, sorted.
        package let exceptedDomains: [[UInt8]]

        package init(domain: [UInt8]?, exceptedIdentities: [[UInt8]] = [], exceptedDomains: [[UInt8]] = []) {
            self.domain = domain
            self.exceptedIdentities = exceptedIdentities.sortedOnce()
            self.exceptedDomains = exceptedDomains.sortedOnce()
        }
    }

    /// The keys of the `one` elements, sorted.
    package let ones: [[UInt8]]
    /// The `many` elements.
    package let groups: [Group]
    /// Whether the element had alternatives that are not understood, which are about nobody.
    package let hasUnknown: Bool

    package init(ones: [[UInt8]], groups: [Group] = [], hasUnknown: Bool = false) {
        self.ones = ones.sortedOnce()
        self.groups = groups
        self.hasUnknown = hasUnknown
    }

    /// Whether the element has no alternatives.
    package var isEmpty: Bool { self.ones.isEmpty && self.groups.isEmpty && !self.hasUnknown }
}

extension [[UInt8]] {
    /// The texts in order, each once.
    func sortedOnce() -> [[UInt8]] {
        guard self.count > 1 else { return self }
        var result: [[UInt8]] = []
        result.reserveCapacity(self.count)
        for text in self.sorted(by: { $0.lexicographicallyPrecedes($1) }) where result.last != text {
            result.append(text)
        }
        return result
    }

    /// Whether a text stands in a sorted list.
    func containsSorted(_ text: [UInt8]) -> Bool {
        var low = 0
        var high = self.count
        while low < high {
            let middle = (low + high) / 2
            if self[middle].lexicographicallyPrecedes(text) { low = middle + 1 } else { high = middle }
        }
        return low < self.count && self[low] == text
    }
}
