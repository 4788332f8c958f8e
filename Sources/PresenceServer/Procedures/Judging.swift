internal import Ground
internal import PresenceDocuments

/// Who may see what (RFC 4745, RFC 5025 §3, REQ-33141-10, REQ-24141-20).
///
/// A presentity that keeps rules documents is protected by them and by what the rules file says of this very
/// presentity; whom none of these rules is about is blocked. Any other presentity is protected by the rules file and
/// its defaults. Nobody is hidden from himself.
extension PresenceServer {
    mutating func judge(
        _ presentity: [UInt8], _ watcher: JudgedWatcher, at now: Instant, into effects: inout [Effect]
    ) -> Judgement {
        guard self.documents.keepsRules(presentity) else {
            return self.rules.judge(presentity: presentity, watcher: watcher, configuration: self.configuration)
        }
        if watcher.includes(presentity) { return Judgement(.allow, .presentity) }
        let policy = self.policy(of: presentity, at: now, into: &effects)
        switch policy.rules {
        case .unusable(let selector): return Judgement(.block, .unusableDocument(selector: selector[...].text))
        case .readable(let set):
            let sphere = self.sphere(of: presentity, for: policy, at: now)
            return Judgement(set, watcher.forPolicy, policy.situation(sphere: sphere, at: now))
        }
    }

    // MARK: Documents, read when they are needed

    /// The rules of a presentity that keeps some, read if they were not.
    mutating func policy(
        of presentity: [UInt8], at now: Instant, into effects: inout [Effect]
    ) -> SubscriberPolicy {
        if let known = self.readDocuments[presentity]?.policy { return known }
        var policy = SubscriberPolicy(
            of: presentity, in: self.documents, ownRules: self.rules.ownRules(of: presentity),
            configuration: self.configuration)
        if case .unusable = policy.rules { self.observe(.unusableDocument, into: &effects) }
        if policy.listed.isCut { self.observe(.listLimit, into: &effects) }
        policy.sphere = self.sphere(of: presentity, for: policy, at: now)
        self.counted.policiesRead += 1
        self.readDocuments[presentity, default: ReadDocuments()].policy = policy
        self.restIfUnwatched(presentity)
        return policy
    }

    /// The hard state of a presentity (RFC 4827), read if it was not. What cannot be read is left out.
    mutating func hardState(of presentity: [UInt8]) -> [PresenceDocument] {
        guard self.documents.keepsHardState(presentity) else { return [] }
        if let known = self.readDocuments[presentity]?.hardState { return known }
        var documents: [PresenceDocument] = []
        for kept in self.documents.hardState(of: presentity).prefix(self.configuration.limits.hardStateDocuments) {
            do throws(DocumentFault) {
                documents.append(try PresenceDocument.parse(kept.body[...]))
            } catch {
                self.counted.observations[.unusableDocument, default: 0] += 1
            }
        }
        self.readDocuments[presentity, default: ReadDocuments()].hardState = documents
        self.restIfUnwatched(presentity)
        return documents
    }

    private func isWatched(_ presentity: [UInt8]) -> Bool {
        guard let place = self.presentityPlaces[presentity] else { return false }
        return !self.presentities[place].watchers.isEmpty
    }

    /// Of those whom nobody watches only a few stay read.
    mutating func restIfUnwatched(_ presentity: [UInt8]) {
        guard !self.readDocuments.isEmpty, self.readDocuments[presentity] != nil, !self.isWatched(presentity),
            let oldest = self.restingSubscribers.add(presentity), !self.isWatched(oldest)
        else { return }
        self.readDocuments[oldest] = nil
    }

    // MARK: The sphere

    /// The sphere that a presentity says it is in (RFC 4745 §7.2, RFC 5025 §3.1.2); nil if its rules do not ask, and
    /// where none or several are said.
    mutating func sphere(of presentity: [UInt8], for policy: SubscriberPolicy, at now: Instant) -> [UInt8]? {
        guard policy.usesSphere else { return nil }
        return self.currentDocument(of: presentity, at: now).sphere
    }

    /// All that is known of a presentity, also of one that nobody watches and that publishes nothing.
    mutating func currentDocument(of presentity: [UInt8], at now: Instant) -> PresenceDocument {
        if let place = self.presentityPlaces[presentity] { return self.composedDocument(place, at: now) }
        return Composer.compose(
            entity: presentity[...], sources: self.hardStateSources(of: presentity),
            policy: self.configuration.composition, at: now
        ).document
    }

    /// The hard state as sources of composition: the lowest priority there is (RFC 4827 §1; spec of composition).
    mutating func hardStateSources(of presentity: [UInt8]) -> [Composer.Source] {
        self.hardState(of: presentity).enumerated().map { order, document in
            // Numbers behind those of all publications, so that these keep the ids of their tuples.
            Composer.Source(
                id: UInt64(self.configuration.limits.publicationsPerPresentity + order), publishedAt: .zero,
                document: document, isHardState: true)
        }
    }

    /// Judges the watchers again if the presentity is in another sphere than they were judged in.
    mutating func judgeIfSphereChanged(_ place: UInt32, at now: Instant, into effects: inout [Effect]) {
        let identity = self.presentities[place].identity
        guard let policy = self.readDocuments[identity]?.policy, policy.usesSphere,
            self.sphere(of: identity, for: policy, at: now) != policy.sphere
        else { return }
        self.judgeAgain(place, at: now, into: &effects)
    }

    // MARK: Time

    /// Notes when time alone changes what the rules say (RFC 4745 §7.3), for a presentity that is watched.
    mutating func armJudgement(_ place: UInt32, at now: Instant) {
        guard !self.readDocuments.isEmpty,
            let next = self.readDocuments[self.presentities[place].identity]?.policy?.nextChange(after: now)
        else { return }
        guard next < self.presentities[place].nextJudgement else { return }
        self.presentities[place].nextJudgement = next
        self.judgements.set(
            at: next, kind: DeadlineKind.presentity, place: place,
            generation: self.presentities.generation(of: place))
    }

    /// Judges again where a period of the rules began or ended (RFC 4745 §7.3). This comes before anything else that
    /// happens at a time: after a clock that stood still or jumped, nothing may be told by the rules of before.
    mutating func judgeDue(at now: Instant, into effects: inout [Effect]) {
        while let entry = self.judgements.popDue(at: now) {
            guard self.presentities.contains(entry.place, generation: entry.generation),
                self.presentities[entry.place].nextJudgement == entry.at
            else { continue }
            self.presentities[entry.place].nextJudgement = .distantFuture
            self.judgeAgain(entry.place, at: now, into: &effects)
        }
        guard self.judgements.wantsCompaction(live: self.presentities.count) else { return }
        self.judgements.compact { [presentities] entry in
            presentities.contains(entry.place, generation: entry.generation)
                && presentities[entry.place].nextJudgement == entry.at
        }
    }
}

extension AuthorizationRule {
    /// The rule as one of a document would say it. Who is allowed by the rules file is shown everything.
    var asPolicy: Rule {
        Rule(
            id: Array(self.id.utf8), conditions: self.watcher.conditions, handling: self.handling,
            permissions: self.handling == .allow ? .everything : .nothing)
    }
}

extension AuthorizationRule.Watcher {
    fileprivate var conditions: [Rule.Condition] {
        switch self {
        case .identity(let identity): [.identity(IdentityCondition(ones: [PolicyIdentity.key(identity[...])]))]
        case .domain(let domain):
            [.identity(IdentityCondition(ones: [], groups: [IdentityCondition.Group(domain: domain)]))]
        case .anonymous: [.identity(IdentityCondition(ones: []))]
        case .everyone: [.otherIdentity]
        }
    }
}
