internal import DigestAuth
internal import EventNotification
internal import Ground
internal import SIPTransactions
internal import SIPWire

/// What answers to notifications do (RFC 6665 §4.2.2, RFC 5057, RFC 6446 §4.2).
extension PresenceServer {
    mutating func notificationAnswered(
        _ transaction: ClientTransactionID, _ message: SIPMessage, at now: Instant, into effects: inout [Effect]
    ) {
        guard message.status >= 200, let notification = self.outstanding.removeValue(forKey: transaction.raw),
            self.subscriptions.contains(notification.subscription, generation: notification.generation)
        else { return }
        let place = notification.subscription
        switch NotifyOutcome(status: message.status, retryAfter: message.retryAfter()) {
        case .delivered:
            self.counted.notificationsDelivered += 1
            self.adoptRates(place, from: message, at: now)
            self.goOn(place, retryAt: nil, at: now, into: &effects)
        case .challenged:
            guard !notification.isAuthorized,
                let authorization = self.answer(to: message, for: place)
            else {
                self.observe(.notificationChallenged, into: &effects)
                return self.notificationLost(place, retryAt: nil, at: now, into: &effects)
            }
            self.forgetSent(place)
            self.sendNotification(place, authorization: authorization, at: now, into: &effects)
        case .subscriptionGone:
            self.counted.notificationsFailed += 1
            self.removeSubscription(place, at: now, into: &effects)
        case .retry(let delay): self.notificationLost(place, retryAt: now + delay, at: now, into: &effects)
        case .failed: self.notificationLost(place, retryAt: nil, at: now, into: &effects)
        }
    }

    mutating func notificationFailed(
        _ transaction: ClientTransactionID, _ failure: RequestFailure, at now: Instant, into effects: inout [Effect]
    ) {
        guard let notification = self.outstanding.removeValue(forKey: transaction.raw),
            self.subscriptions.contains(notification.subscription, generation: notification.generation)
        else { return }
        switch failure {
        case .timeout, .transport, .unresolvable:
            // RFC 6665 §4.2.2: nobody is there any more.
            self.counted.notificationsFailed += 1
            self.removeSubscription(notification.subscription, at: now, into: &effects)
        case .overloaded:
            // Ours is the fault, not the watcher's.
            self.notificationLost(notification.subscription, retryAt: now + .seconds(2), at: now, into: &effects)
        }
    }

    /// The watcher did not take this one; the next carries the whole state.
    private mutating func notificationLost(
        _ place: UInt32, retryAt: Instant?, at now: Instant, into effects: inout [Effect]
    ) {
        self.counted.notificationsFailed += 1
        self.forgetSent(place)
        self.goOn(place, retryAt: retryAt, at: now, into: &effects)
    }

    private mutating func forgetSent(_ place: UInt32) {
        self.subscriptions[place].lastTag = 0
        let extras = self.subscriptions[place].extras
        guard extras != Subscription.nowhere else { return }
        self.extras[extras].base = nil
        self.extras[extras].lastSeen = nil
    }

    /// The dialog is free for the next notification.
    private mutating func goOn(
        _ place: UInt32, retryAt: Instant?, at now: Instant, into effects: inout [Effect]
    ) {
        let generation = self.subscriptions.generation(of: place)
        let earliest = self.earliestNotification(place)
        let verdict = self.subscriptions[place].machine.answered(retryAt: retryAt, earliest: earliest, at: now)
        self.act(on: verdict, place, at: now, into: &effects)
        guard self.subscriptions.contains(place, generation: generation) else { return }
        self.armSubscription(place, at: now)
    }

    /// RFC 6446 §4.2: the Event header of a 2xx sets all rates anew. An answer without the header changes nothing.
    private mutating func adoptRates(_ place: UInt32, from message: SIPMessage, at now: Instant) {
        guard message.count(.event) > 0, let event = try? message.event() else { return }
        guard let own = try? EventHeader.parse(self.subscriptions[place].dialog.event), own.package == event.package
        else { return }
        let rates = Self.rates(of: event)
        var wishes =
            self.subscriptions[place].extras == Subscription.nowhere
            ? WatcherWishes.none : self.extras[self.subscriptions[place].extras].wishes
        guard wishes.rates != rates else { return }
        wishes.rates = rates
        self.setWishes(wishes, of: place, at: now)
    }

    /// The rates of an Event header; values that break the grammar count as absent.
    static func rates(of event: EventHeader) -> NotificationRates {
        guard !event.parameters.isEmpty else { return .none }
        return NotificationRates(
            maximum: event.parameters.value(of: "max-rate").flatMap { NotificationRate($0) },
            minimum: event.parameters.value(of: "min-rate").flatMap { NotificationRate($0) },
            adaptiveMinimum: event.parameters.value(of: "adaptive-min-rate").flatMap { NotificationRate($0) })
    }

    /// Gives a subscription its wishes, or takes the place for them away.
    mutating func setWishes(_ wishes: WatcherWishes, of place: UInt32, at now: Instant) {
        let extras = self.subscriptions[place].extras
        guard !wishes.isEmpty else {
            if extras != Subscription.nowhere { self.extras.remove(extras) }
            self.subscriptions[place].extras = Subscription.nowhere
            return
        }
        let rates = wishes.rates.adopted(remaining: self.subscriptions[place].expires - now)
        if extras == Subscription.nowhere {
            self.subscriptions[place].extras = self.extras.insert(
                SubscriptionExtras(wishes: wishes, rate: RateControl(rates, at: now)))
        } else {
            self.extras[extras].wishes = wishes
            self.extras[extras].rate.adopt(rates, at: now)
        }
    }

    /// RFC 3261 §22.2: credentials for the realms that challenged, if there are any.
    private mutating func answer(to message: SIPMessage, for place: UInt32) -> [(HeaderName, [UInt8])]? {
        let isProxy = message.status == 407
        let template = self.subscriptions[place].dialog.template
        let line = template.dropFirst(7).prefix { $0 != 0x20 }
        for credentials in self.configuration.notifierCredentials {
            let challenges = message.all(isProxy ? .proxyAuthenticate : .wwwAuthenticate).filter {
                DigestChallenge($0)?.realm == Array(credentials.realm.utf8)[...]
            }
            guard !challenges.isEmpty else { continue }
            var client = DigestClient(user: credentials.user, password: credentials.password)
            let answers = client.answer(
                challenges: challenges, method: Array("NOTIFY".utf8)[...], uri: line, body: [], entropy: &self.entropy)
            guard !answers.isEmpty else { continue }
            return answers.map { (isProxy ? .proxyAuthorization : .authorization, $0) }
        }
        return nil
    }
}
