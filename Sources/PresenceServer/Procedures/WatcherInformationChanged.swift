internal import EventNotification
internal import Ground
internal import PresenceDocuments
internal import SIPWire

/// What happens to the subscriptions of watchers, as far as somebody asked to be told (RFC 3857 §4.7.1). Where nobody
/// did, and nobody waits for a decision, each of these costs one comparison.
extension PresenceServer {
    /// A subscription was made.
    mutating func watcherArrived(_ place: UInt32, into effects: inout [Effect]) {
        let owner = self.subscriptions[place].presentity
        guard self.presentities[owner].watcherInformation != Subscription.nowhere else { return }
        // RFC 3857 §4.7.1: who comes again waits no longer for the decision about the subscription before.
        let dialog = self.subscriptions[place].dialog
        self.giveUpWaiting(
            of: owner, identity: Array(dialog.watcher), asksForPrivacy: dialog.asksForPrivacy, into: &effects)
        self.noteStanding(of: place)
    }

    /// A subscription went from pending to active, or back.
    mutating func watcherStandingChanged(_ place: UInt32) {
        guard !self.subscriptions[place].machine.isTerminated else { return }
        self.subscriptions[place].dialog.isApproved = self.subscriptions[place].machine.isActive
        self.noteStanding(of: place)
    }

    /// A subscription is about to end. An undecided one that ends by itself waits for the decision.
    mutating func watcherLeaves(
        _ place: UInt32, _ reason: TerminationReason, at now: Instant, into effects: inout [Effect]
    ) {
        guard !self.subscriptions[place].isWatcherInformation else { return }
        if self.subscriptions[place].machine.isPending, reason == .timeout,
            self.wait(place, at: now, into: &effects)
        {
            return
        }
        let owner = self.subscriptions[place].presentity
        guard self.presentities[owner].watcherInformation != Subscription.nowhere else { return }
        var standing = self.standing(of: place)
        standing.status = .terminated
        standing.event = WatcherInformation.Event(reason)
        standing.expires = nil
        self.note(standing, of: owner)
    }

    /// A watcher was refused before there was a subscription (RFC 3857 §3.2: alerts about unwelcome watchers).
    mutating func watcherRefused(_ presentity: [UInt8], _ identity: ProvenIdentity, _ message: SIPMessage) {
        guard let owner = self.presentityPlaces[presentity],
            self.presentities[owner].watcherInformation != Subscription.nowhere
        else { return }
        // It is an alert and no state: many of them must not drive out what is, or make the full state be told.
        let state = self.presentities[owner].watcherInformation
        let limit = self.configuration.limits.watcherChanges
        guard self.watcherInformation[state].changes.count < limit / 4 else { return }
        let isHidden = Self.asksForPrivacy(message)
        self.note(
            WatcherStanding(
                name: self.entropy.next(), identity: isHidden ? [] : identity.main, displayName: [],
                status: .terminated, event: .rejected, madeAt: 0, expires: nil),
            of: owner)
    }

    private mutating func noteStanding(of place: UInt32) {
        let owner = self.subscriptions[place].presentity
        guard self.presentities[owner].watcherInformation != Subscription.nowhere else { return }
        self.note(self.standing(of: place), of: owner)
    }

    /// Remembers a change for who has not heard of it. It is told at the end of the turn.
    mutating func note(_ standing: WatcherStanding, of owner: UInt32) {
        let state = self.presentities[owner].watcherInformation
        guard !self.watcherInformation[state].subscribers.isEmpty else { return }
        self.watcherInformation[state].note(standing, limit: self.configuration.limits.watcherChanges)
        self.markChanged(state)
    }

    mutating func markChanged(_ state: UInt32) {
        guard !self.watcherInformation[state].isChanged else { return }
        self.watcherInformation[state].isChanged = true
        self.changedWatchers.append(state)
    }

    /// How a live subscription stands.
    func standing(of place: UInt32) -> WatcherStanding {
        let subscription = self.subscriptions[place]
        let dialog = subscription.dialog
        let isHidden = dialog.asksForPrivacy || dialog.watcher.isEmpty
        let isActive = subscription.machine.isActive
        return WatcherStanding(
            name: dialog.watcherName, identity: isHidden ? [] : Array(dialog.watcher),
            displayName: isHidden ? [] : Self.displayName(of: dialog), status: isActive ? .active : .pending,
            event: isActive && dialog.isApproved ? .approved : .subscribe, madeAt: dialog.madeAt,
            expires: subscription.expires)
    }

    /// The name that the watcher gave itself, where it did so beside the identity that it has proven: beside another
    /// one it would lend weight to a name that nobody checked.
    static func displayName(of dialog: WatcherDialog) -> [UInt8] {
        guard let party = try? NameAddress.parse(dialog.remoteParty), let text = party.displayText,
            party.uri.canonicalIdentity[...] == dialog.watcher
        else { return [] }
        guard text.count > Self.displayNameBytes else { return text }
        // Cut where a character ends.
        var end = Self.displayNameBytes
        while end > 0, text[end] & 0xC0 == 0x80 { end -= 1 }
        return Array(text[..<end])
    }

    /// Bytes of a display name that are told.
    private static let displayNameBytes = 128

    /// Tells who asked of what happened in this turn, as their rates allow.
    mutating func tellWatcherChanges(at now: Instant, into effects: inout [Effect]) {
        let changed = self.changedWatchers
        self.changedWatchers.removeAll(keepingCapacity: true)
        for state in changed {
            guard self.watcherInformation.contains(state), self.watcherInformation[state].isChanged else { continue }
            self.watcherInformation[state].isChanged = false
            if self.watcherInformation[state].isIdle {
                let owner = self.watcherInformation[state].presentity
                self.forgetWatcherInformationIfIdle(owner)
                self.forgetIfIdle(owner)
                continue
            }
            for subscriber in self.watcherInformation[state].subscribers where self.subscriptions.contains(subscriber) {
                self.notifyIfChanged(subscriber, at: now, into: &effects)
            }
        }
    }
}

extension WatcherInformation.Event {
    /// Why a subscription ended, in the words of RFC 3857, which knows fewer of them.
    init(_ reason: TerminationReason) {
        switch reason {
        case .deactivated: self = .deactivated
        case .probation: self = .probation
        case .rejected: self = .rejected
        case .timeout: self = .timeout
        case .giveup: self = .giveup
        case .noresource, .invariant: self = .noresource
        case .badfilter: self = .deactivated
        }
    }
}

extension Subscription {
    /// Whether this is one to watcher information.
    var isWatcherInformation: Bool { self.package == PackageNumber.watcherInformation }
}

/// The numbers of the packages in ``EventPackageRegistry/presenceServer``.
enum PackageNumber {
    static let presence: UInt8 = 0
    static let watcherInformation: UInt8 = 1
}
