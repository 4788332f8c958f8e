internal import EventNotification
internal import Ground

/// A change of rules acts on live subscriptions at once (RFC 5025 §3.2.1, REQ-24141-26, REQ-22141-14).
extension PresenceServer {
    mutating func rulesChanged(_ change: RuleChange, at now: Instant, into effects: inout [Effect]) {
        self.rules.apply(change)
        switch change {
        case .presentity(let identity, _):
            guard let place = self.presentityPlaces[identity] else { return }
            self.judgeAgain(place, at: now, into: &effects)
        case .all:
            for place in self.presentities.places where self.presentities.contains(place) {
                self.judgeAgain(place, at: now, into: &effects)
            }
        }
    }

    /// Judges every watcher of a presentity by the rules of now.
    private mutating func judgeAgain(_ presentity: UInt32, at now: Instant, into effects: inout [Effect]) {
        for place in self.presentities[presentity].watchers where self.subscriptions.contains(place) {
            self.judgeAgain(subscription: place, at: now, into: &effects)
        }
    }

    /// The table of RFC 5025 §3.2.1 for one subscription.
    mutating func judgeAgain(subscription place: UInt32, at now: Instant, into effects: inout [Effect]) {
        let presentity = self.presentities[self.subscriptions[place].presentity].identity
        let watcher = self.subscriptions[place].dialog.watcher
        let (handling, reason) = self.rules.judge(
            presentity: presentity, watcher: watcher, configuration: self.configuration)
        guard !self.subscriptions[place].machine.isTerminated else { return self.judgeLast(place, handling) }
        guard handling != self.handling(of: place) else { return }
        self.counted.decided(handling)
        effects.append(
            .decided(
                Decision(
                    matter: .subscription, presentity: presentity, actor: Array(watcher), handling: handling,
                    reason: reason)))
        switch handling {
        case .block:
            return self.end(place, .rejected, at: now, into: &effects)
        case .confirm:
            self.show(place, isPoliteBlock: false)
            self.subscriptions[place].machine.suspend()
            self.recount(place)
            self.demandNotification(place, at: now, into: &effects)
        case .politeBlock, .allow:
            self.show(place, isPoliteBlock: handling == .politeBlock)
            if self.subscriptions[place].machine.isPending {
                // RFC 6446 §5.2: from pending to active is told at once, whatever the rate.
                self.subscriptions[place].machine.activate()
                self.recount(place)
                self.demandNotification(place, at: now, into: &effects)
            } else {
                self.notifyIfChanged(place, at: now, into: &effects)
            }
        }
        if self.subscriptions[place].isStored { effects.append(.store(.putSubscription(self.record(of: place)))) }
    }

    /// The last NOTIFY of a subscription that has ended may still wait for the answer to the one before it. What it
    /// tells is what the rules allow when it leaves.
    private mutating func judgeLast(_ place: UInt32, _ handling: AuthorizationRule.Handling) {
        switch handling {
        case .block, .confirm: self.subscriptions[place].endsWithState = false
        case .politeBlock, .allow: self.show(place, isPoliteBlock: handling == .politeBlock)
        }
    }

    /// How a subscription is treated now.
    private func handling(of place: UInt32) -> AuthorizationRule.Handling {
        if self.subscriptions[place].machine.isPending { return .confirm }
        return self.views[self.subscriptions[place].view].isPoliteBlock ? .politeBlock : .allow
    }

    /// Moves a subscription to the view of another authorization outcome.
    private mutating func show(_ place: UInt32, isPoliteBlock: Bool) {
        let view = self.subscriptions[place].view
        guard self.views[view].isPoliteBlock != isPoliteBlock else { return }
        self.subscriptions[place].view = self.acquireView(
            self.subscriptions[place].presentity, isPoliteBlock: isPoliteBlock, filter: self.views[view].filter)
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
