internal import Ground

/// A rule in the words of people.
package struct RuleSummary: Hashable, Sendable {
    /// The id of the rule.
    package let rule: String
    /// Whom it is about: "sip:bob@home1.net, everybody of home2.net except sip:eve@home2.net".
    package let who: String
    /// When it counts: "while the sphere is work, until 2026-01-01T00:00:00Z"; empty if always.
    package let when: String
    /// How subscriptions are treated; nil if the rule says nothing about them.
    package let handling: SubHandling?
    /// What is shown of the presence document.
    package let shows: String
}

extension Ruleset {
    /// Who is allowed what, a line for each rule.
    package var summary: [RuleSummary] {
        self.rules.map { rule in
            RuleSummary(
                rule: rule.id[...].text, who: rule.who, when: rule.when, handling: rule.handling,
                shows: rule.permissions.description)
        }
    }
}

extension Rule {
    /// The people that the conditions are about.
    fileprivate var who: String {
        var parts: [String] = []
        for condition in self.conditions {
            switch condition {
            case .identity(let identity): parts.append(identity.description)
            case .otherIdentity: parts.append("everybody else")
            case .externalList(let anchors):
                parts.append("members of " + anchors.map { $0[...].text }.joined(separator: " or "))
            case .anonymousRequest: parts.append("anonymous watchers")
            case .unknown(let name, _): parts.append("nobody (\(name[...].text) is not understood)")
            case .sphere, .validity: continue
            }
        }
        return parts.isEmpty ? "everybody, even anonymous" : parts.joined(separator: ", and ")
    }

    /// The times that the conditions name.
    fileprivate var when: String {
        var parts: [String] = []
        for condition in self.conditions {
            switch condition {
            case .sphere(let words):
                parts.append("while the sphere is " + words.map { $0[...].text }.joined(separator: " or "))
            case .validity(let periods):
                let texts = periods.map {
                    "from \(LexicalForms.text(of: $0.from)) until \(LexicalForms.text(of: $0.until))"
                }
                parts.append(texts.isEmpty ? "never" : texts.joined(separator: " or "))
            case .identity, .otherIdentity, .externalList, .anonymousRequest, .unknown: continue
            }
        }
        return parts.joined(separator: ", ")
    }
}

extension IdentityCondition: CustomStringConvertible {
    /// The people meant, for people.
    package var description: String {
        if self.isEmpty { return "watchers without an identity" }
        var parts = self.ones.map { $0[...].text }
        for group in self.groups {
            var text = group.domain.map { "everybody of \($0[...].text)" } ?? "everybody with an identity"
            let exceptions = group.exceptedIdentities + group.exceptedDomains
            if !exceptions.isEmpty { text += " except " + exceptions.map { $0[...].text }.joined(separator: ", ") }
            parts.append(text)
        }
        if self.hasUnknown { parts.append("somebody who is not understood") }
        return parts.joined(separator: ", ")
    }
}
