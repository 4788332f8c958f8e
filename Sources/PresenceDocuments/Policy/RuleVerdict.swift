package import Ground

/// Whether a condition holds for a watcher, and by what.
package enum ConditionFinding: Hashable, Sendable {
    /// A `one` names the identity.
    case named([UInt8])
    /// A `many` means the identity, perhaps by its domain.
    case member([UInt8], domain: [UInt8]?)
    /// The rule asks for watchers without an identity, and this is one.
    case unauthenticatedAsAsked
    /// The presentity is in a sphere that the rule names.
    case sphere([UInt8])
    /// The present lies in a period that ends then.
    case valid(until: Instant)
    /// No other rule is about the identity.
    case notReferenced([UInt8])
    /// The list of an anchor has the watcher.
    case listed([UInt8])
    /// The request has no identity or hides it.
    case anonymous

    /// The rule is about identities, of which the watcher has none.
    case unauthenticated
    /// The rule names others.
    case notNamed([UInt8])
    /// An `except` names the identity.
    case excepted([UInt8])
    /// An `except` names the domain of the identity.
    case domainExcepted([UInt8], domain: [UInt8])
    /// The presentity is in another sphere.
    case otherSphere([UInt8], wanted: [[UInt8]])
    /// Nobody knows the sphere of the presentity, or it has several.
    case sphereUnknown(wanted: [[UInt8]])
    /// The next period begins then.
    case notYetValid(from: Instant)
    /// The last period ended then.
    case noLongerValid(until: Instant)
    /// There is no period that makes sense.
    case neverValid
    /// Another rule is about the watcher.
    case referenced(rule: [UInt8], document: [UInt8])
    /// None of the lists has the watcher.
    case notListed([[UInt8]])
    /// The request shows an identity.
    case notAnonymous
    /// The condition is not understood.
    case notUnderstood(name: [UInt8], namespace: [UInt8])

    /// Whether the condition is true.
    package var holds: Bool {
        switch self {
        case .named, .member, .unauthenticatedAsAsked, .sphere, .valid, .notReferenced, .listed, .anonymous: true
        case .unauthenticated, .notNamed, .excepted, .domainExcepted, .otherSphere, .sphereUnknown, .notYetValid,
            .noLongerValid, .neverValid, .referenced, .notListed, .notAnonymous, .notUnderstood:
            false
        }
    }
}

extension ConditionFinding: CustomStringConvertible {
    /// The finding as one phrase: "the identity sip:bob@home1.net is excepted".
    package var description: String {
        switch self {
        case .named(let identity): "names \(identity[...].text)"
        case .member(let identity, let domain?): "\(identity[...].text) is of the domain \(domain[...].text)"
        case .member(let identity, nil): "\(identity[...].text) is authenticated, and the rule means everybody"
        case .unauthenticatedAsAsked: "means watchers without an identity"
        case .sphere(let sphere): "the sphere is \(sphere[...].text)"
        case .valid(let until): "valid until \(LexicalForms.text(of: until))"
        case .notReferenced(let identity): "no other rule is about \(identity[...].text)"
        case .listed(let anchor): "is in the list \(anchor[...].text)"
        case .anonymous: "the request is anonymous"
        case .unauthenticated: "the watcher has no authenticated identity"
        case .notNamed(let identity): "does not name \(identity[...].text)"
        case .excepted(let identity): "the identity \(identity[...].text) is excepted"
        case .domainExcepted(let identity, let domain):
            "the domain \(domain[...].text) of \(identity[...].text) is excepted"
        case .otherSphere(let sphere, let wanted):
            "the sphere is \(sphere[...].text), not \(Self.words(wanted))"
        case .sphereUnknown(let wanted): "the sphere is not known, so not \(Self.words(wanted))"
        case .notYetValid(let from): "valid only from \(LexicalForms.text(of: from))"
        case .noLongerValid(let until): "valid only until \(LexicalForms.text(of: until))"
        case .neverValid: "has no period that makes sense"
        case .referenced(let rule, let document):
            "the rule \(rule[...].text) of \(document[...].text) is about the watcher"
        case .notListed(let anchors):
            anchors.isEmpty ? "names no list" : "is not in the list \(Self.words(anchors))"
        case .notAnonymous: "the request is not anonymous"
        case .notUnderstood(let name, let namespace):
            "the condition \(name[...].text) of \(namespace[...].text) is not understood"
        }
    }

    private static func words(_ texts: [[UInt8]]) -> String {
        texts.isEmpty ? "any" : texts.map { $0[...].text }.joined(separator: " or ")
    }
}

/// What became of one rule in a judgement.
package struct RuleVerdict: Hashable, Sendable {
    /// The document that the rule stands in.
    package let document: [UInt8]
    package let rule: Rule
    /// What was found of each condition, in their order.
    package let findings: [ConditionFinding]
    /// Whether the rule gave the watcher its handling.
    package let isDeciding: Bool

    /// Whether all conditions hold, so that the rule counts.
    package var isMatch: Bool { self.findings.allSatisfy(\.holds) }

    /// Why the rule counts or does not, as one phrase.
    package var reason: String {
        let failed = self.findings.filter { !$0.holds }
        if !failed.isEmpty { return failed.map(\.description).joined(separator: "; ") }
        return self.findings.isEmpty
            ? "has no conditions" : self.findings.map(\.description).joined(separator: "; ")
    }
}

extension PolicySet {
    /// The verdict of every rule on a watcher, in the order of the documents.
    package func explain(_ watcher: PolicyWatcher, _ situation: PolicySituation) -> [RuleVerdict] {
        var judge = PolicyJudge(self, watcher, situation)
        var findings: [[ConditionFinding]] = []
        findings.reserveCapacity(self.entries.count)
        var best: (handling: SubHandling, index: Int)?
        for (index, entry) in self.entries.enumerated() {
            let found = entry.rule.conditions.map { judge.finding($0) }
            if let handling = entry.rule.handling, best.map({ handling > $0.handling }) ?? true,
                found.allSatisfy(\.holds)
            {
                best = (handling, index)
            }
            findings.append(found)
        }
        return self.entries.indices.map { index in
            RuleVerdict(
                document: self.entries[index].document, rule: self.entries[index].rule, findings: findings[index],
                isDeciding: best?.index == index)
        }
    }
}
