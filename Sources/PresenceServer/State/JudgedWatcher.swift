internal import Ground
internal import PresenceDocuments

/// Who watches, as far as rules ask. Most watchers have one identity and hide nothing, and cost nothing more here.
struct JudgedWatcher: Sendable {
    /// The identity that the dialog belongs to: canonical, empty for an anonymous watcher.
    let main: [UInt8]
    /// Other identities that the trust domain asserts of the same watcher (RFC 3325 §9.1).
    let others: [[UInt8]]
    /// Whether the watcher asked to stay unknown to the presentity (RFC 3325 §9.3).
    let asksForPrivacy: Bool

    init(main: [UInt8], others: [[UInt8]] = [], asksForPrivacy: Bool) {
        self.main = main
        self.others = others
        self.asksForPrivacy = asksForPrivacy
    }

    /// Of several identities of a sender the watched one comes first: nobody is hidden from himself.
    init(_ identity: ProvenIdentity, of presentity: [UInt8], asksForPrivacy: Bool) {
        let main = identity.includes(presentity) ? presentity : identity.main
        self.main = main
        self.others = identity.others.isEmpty ? [] : ([identity.main] + identity.others).filter { $0 != main }
        self.asksForPrivacy = asksForPrivacy
    }

    /// The watcher of a live subscription.
    init(_ dialog: WatcherDialog) {
        self.main = Array(dialog.watcher)
        self.others = dialog.otherIdentities
        self.asksForPrivacy = dialog.asksForPrivacy
    }

    init(_ watcher: PolicyWatcher, of presentity: [UInt8]) {
        self.init(
            ProvenIdentity(identities: watcher.identities), of: presentity, asksForPrivacy: watcher.asksForPrivacy)
    }

    func includes(_ identity: [UInt8]) -> Bool {
        !identity.isEmpty && (self.main == identity || self.others.contains(identity))
    }

    /// The watcher as rules documents see it.
    var forPolicy: PolicyWatcher {
        PolicyWatcher(
            identities: self.main.isEmpty ? self.others : [self.main] + self.others,
            asksForPrivacy: self.asksForPrivacy)
    }
}

/// What was decided about a watcher. Which rule it was is looked for only when somebody wants to know: mostly a change
/// of rules changes nothing for most watchers.
struct Judgement: Sendable {
    /// What the judgement rests on.
    private enum Basis: Sendable {
        case reason(Decision.Reason)
        indirect case rules(PolicySet, PolicyWatcher, PolicySituation)
    }

    let outcome: PolicyOutcome
    private let basis: Basis

    var handling: SubHandling { self.outcome.handling }

    /// Judges by rules documents.
    init(_ set: PolicySet, _ watcher: PolicyWatcher, _ situation: PolicySituation) {
        self.outcome = set.evaluate(watcher, situation)
        self.basis = .rules(set, watcher, situation)
    }

    /// A judgement that says nothing of what is shown: all of it to those who are allowed.
    init(_ handling: SubHandling, _ reason: Decision.Reason) {
        self.outcome = PolicyOutcome(handling: handling, permissions: handling == .allow ? .everything : .nothing)
        self.basis = .reason(reason)
    }

    /// Where the judgement comes from.
    var reason: Decision.Reason {
        switch self.basis {
        case .reason(let reason): return reason
        case .rules(let set, let watcher, let situation):
            guard let deciding = set.deciding(watcher, situation) else { return .noRule }
            let id = deciding.rule.id[...].text
            if deciding.document == SubscriberPolicy.rulesFile { return .rule(id: id) }
            return .ruleDocument(selector: deciding.document[...].text, id: id)
        }
    }
}
