internal import Ground
internal import PresenceDocuments

/// Says how a watcher is treated and why, without changing anything (design law 7).
extension PresenceServer {
    mutating func explain(
        _ ticket: Ticket, _ presentity: [UInt8], _ watcher: PolicyWatcher, at now: Instant,
        into effects: inout [Effect]
    ) {
        let judged = JudgedWatcher(watcher, of: presentity)
        let judgement = self.judge(presentity, judged, at: now, into: &effects)
        var explanation = PolicyExplanation(
            decision: Decision(
                matter: .subscription, presentity: presentity, actor: judged.main,
                handling: judgement.handling, reason: judgement.reason),
            permissions: judgement.outcome.permissions, verdicts: [],
            documents: self.documents.rules(of: presentity).map(\.selector), sphere: nil,
            body: self.bodyShown(of: presentity, judgement.outcome, at: now))
        if self.documents.keepsRules(presentity) {
            let policy = self.policy(of: presentity, at: now, into: &effects)
            explanation.sphere = self.sphere(of: presentity, for: policy, at: now)
            if case .readable(let set) = policy.rules {
                let situation = policy.situation(sphere: explanation.sphere, at: now)
                explanation.verdicts = set.explain(judged.forPolicy, situation).map {
                    Self.verdict($0, isDecided: judgement.reason != .presentity)
                }
            }
        } else {
            explanation.verdicts = self.rules.rules(about: presentity).map {
                Self.verdict($0, on: judged, judgement.reason)
            }
        }
        effects.append(.explained(ticket, explanation))
    }

    /// What a watcher of an outcome would be sent now.
    private mutating func bodyShown(of presentity: [UInt8], _ outcome: PolicyOutcome, at now: Instant) -> [UInt8] {
        switch outcome.handling {
        case .block, .confirm: []
        case .politeBlock: self.absentDocument(of: presentity).serialised()
        case .allow: outcome.permissions.apply(to: self.currentDocument(of: presentity, at: now)).serialised()
        }
    }

    private static func verdict(_ verdict: RuleVerdict, isDecided: Bool) -> PolicyExplanation.Verdict {
        PolicyExplanation.Verdict(
            source: verdict.document == SubscriberPolicy.rulesFile
                ? .rulesFile : .document(selector: verdict.document),
            rule: verdict.rule.id[...].text, handling: verdict.rule.handling, permissions: verdict.rule.permissions,
            isMatch: verdict.isMatch, isDeciding: isDecided && verdict.isDeciding, reason: verdict.reason)
    }

    /// A rule of the file, in the words of those of documents.
    private static func verdict(
        _ rule: AuthorizationRule, on watcher: JudgedWatcher, _ reason: Decision.Reason
    ) -> PolicyExplanation.Verdict {
        let isMatch = AuthorizationTable.isAbout(watcher, rule)
        let isDeciding = isMatch && reason == .rule(id: rule.id)
        let who = watcher.main.isEmpty ? "a watcher without an identity" : watcher.main[...].text
        let phrase: String =
            if !isMatch {
                "is not about \(who)"
            } else if rule.watcher == .everyone {
                isDeciding ? "no other rule is about \(who)" : "another rule is about \(who)"
            } else {
                "is about \(who)"
            }
        return PolicyExplanation.Verdict(
            source: .rulesFile, rule: rule.id, handling: rule.handling, permissions: rule.asPolicy.permissions,
            isMatch: isMatch, isDeciding: isDeciding, reason: phrase)
    }
}
