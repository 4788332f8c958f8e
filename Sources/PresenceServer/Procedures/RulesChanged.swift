internal import EventNotification
internal import Ground
internal import PresenceDocuments

/// A change of rules acts on live subscriptions at once (RFC 5025 §3.2.1, REQ-24141-26, REQ-22141-14).
extension PresenceServer {
    mutating func rulesChanged(_ change: RuleChange, at now: Instant, into effects: inout [Effect]) {
        self.rules.apply(change)
        switch change {
        case .presentity(let identity, _):
            self.readDocuments[identity]?.policy = nil
            guard let place = self.presentityPlaces[identity] else { return }
            self.judgeAgain(place, at: now, into: &effects)
        case .all:
            self.readDocuments.removeAll()
            for place in self.presentities.places where self.presentities.contains(place) {
                self.judgeAgain(place, at: now, into: &effects)
            }
        }
    }

    /// Judges every watcher of a presentity by the rules of now.
    mutating func judgeAgain(_ presentity: UInt32, at now: Instant, into effects: inout [Effect]) {
        let generation = self.presentities.generation(of: presentity)
        let identity = self.presentities[presentity].identity
        if self.documents.keepsRules(identity) {
            let policy = self.policy(of: identity, at: now, into: &effects)
            let sphere = self.sphere(of: identity, for: policy, at: now)
            self.readDocuments[identity]?.policy?.sphere = sphere
        }
        for place in self.presentities[presentity].watchers where self.subscriptions.contains(place) {
            self.judgeAgain(subscription: place, at: now, into: &effects)
        }
        guard self.presentities.contains(presentity, generation: generation) else { return }
        self.judgeWaiting(presentity, at: now, into: &effects)
        guard self.presentities.contains(presentity, generation: generation) else { return }
        self.armJudgement(presentity, at: now)
    }

    /// The table of RFC 5025 §3.2.1 for one subscription. Where only what an allowed watcher sees is another thing
    /// now, it is told if it would notice.
    mutating func judgeAgain(subscription place: UInt32, at now: Instant, into effects: inout [Effect]) {
        let presentity = self.presentities[self.subscriptions[place].presentity].identity
        let watcher = JudgedWatcher(self.subscriptions[place].dialog)
        let judgement = self.judge(presentity, watcher, at: now, into: &effects)
        guard !self.subscriptions[place].machine.isTerminated else { return self.judgeLast(place, judgement.outcome) }
        let previous = self.views[self.subscriptions[place].view].outcome
        guard judgement.outcome != previous else { return }
        self.counted.decided(judgement.handling)
        effects.append(
            .decided(
                Decision(
                    matter: .subscription, presentity: presentity, actor: watcher.main,
                    handling: judgement.handling, reason: judgement.reason)))
        switch judgement.handling {
        case .block:
            return self.end(place, .rejected, at: now, into: &effects)
        case .confirm:
            self.show(place, judgement.outcome)
            self.subscriptions[place].machine.suspend()
            self.recount(place)
            self.demandNotification(place, at: now, into: &effects)
        case .politeBlock, .allow:
            self.show(place, judgement.outcome)
            if self.subscriptions[place].machine.isPending {
                // RFC 6446 §5.2: from pending to active is told at once, whatever the rate.
                self.subscriptions[place].machine.activate()
                self.recount(place)
                self.demandNotification(place, at: now, into: &effects)
            } else {
                self.notifyIfChanged(place, at: now, into: &effects)
            }
        }
        guard self.subscriptions[place].isStored, judgement.handling != previous.handling else { return }
        effects.append(.store(.putSubscription(self.record(of: place))))
    }

    /// The last NOTIFY of a subscription that has ended may still wait for the answer to the one before it. What it
    /// tells is what the rules allow when it leaves.
    private mutating func judgeLast(_ place: UInt32, _ outcome: PolicyOutcome) {
        switch outcome.handling {
        case .block, .confirm: self.subscriptions[place].endsWithState = false
        case .politeBlock, .allow: self.show(place, outcome)
        }
    }

    /// Moves a subscription to the view of another authorization outcome.
    private mutating func show(_ place: UInt32, _ outcome: PolicyOutcome) {
        let view = self.subscriptions[place].view
        guard self.views[view].outcome != outcome else { return }
        self.subscriptions[place].view = self.acquireView(
            self.subscriptions[place].presentity, outcome, filter: self.views[view].filter)
        self.releaseView(view)
    }

    /// Users came or went (REQ-22141-29, REQ-22141-31). Of those who went nothing stays, and their watchers learn it.
    mutating func usersChanged(_ users: Configuration.Users, at now: Instant, into effects: inout [Effect]) {
        self.users = users
        guard case .provisioned(let identities) = users else { return }
        for place in self.presentities.places {
            guard self.presentities.contains(place), !identities.contains(self.presentities[place].identity) else {
                continue
            }
            for publication in self.presentities[place].publications {
                self.removePublication(publication, into: &effects)
            }
            let watchers = self.presentities[place].watchers
            for watcher in watchers where self.subscriptions.contains(watcher) {
                self.end(watcher, .noresource, at: now, into: &effects)
            }
            // Who had nothing but watchers is forgotten by now.
            guard self.presentities.contains(place) else { continue }
            self.endWatcherInformation(of: place, at: now, into: &effects)
            self.forgetIfIdle(place)
        }
    }

    /// The process is about to end. Subscriptions stay for the restart, or are sent elsewhere (RFC 6665 §4.4.4).
    mutating func drain(at now: Instant, into effects: inout [Effect]) {
        self.isDraining = true
        guard self.configuration.deactivatesWhenDrained else { return }
        for place in self.subscriptions.places where self.subscriptions.contains(place) {
            self.end(place, .deactivated, at: now, into: &effects)
        }
    }
}
