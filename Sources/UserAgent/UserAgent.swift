import Ground
import PresenceDocuments
import SIPTransactions
import SIPWire

/// What a terminal of the presence service does: registration, publication of the user's state, subscriptions to that
/// of others (TS 24.141 §5.3.1, §5.3.2).
///
/// It stands on a `TransactionLayer`: its effects `send` and `respond` are inputs of the layer, and the layer's
/// effects `requestReceived`, `responseReceived` and `requestFailed` are its inputs.
package struct UserAgent: NetworkFunction {
    var desk: Desk
    private var registration: Registration
    private var publisher: Publisher
    var subscribers: [SubscriptionID: Subscriber] = [:]
    /// Which subscription a Call-ID belongs to.
    var subscriptionOfCall: [[UInt8]: SubscriptionID] = [:]
    private var closing = Closing.no

    /// How far the end has come that the user ordered.
    private enum Closing {
        case no
        /// The publication and the subscriptions end.
        case states
        /// The registration ends.
        case registration
        case done
    }

    /// - Parameters:
    ///   - configuration: who the user is and where its requests go.
    ///   - entropy: chance for tags, Call-IDs and client nonces.
    package init(configuration: Configuration, entropy: Entropy) {
        self.desk = Desk(configuration: configuration, entropy: entropy)
        self.registration = Registration(desk: &self.desk)
        self.publisher = Publisher(desk: &self.desk)
    }

    package var nextDeadline: Instant? { self.desk.timers.next }

    /// How many subscriptions live, or are to be made again.
    package var subscriptionCount: Int { self.subscribers.count }

    /// How many requests wait for their answer.
    package var openTransactionCount: Int { self.desk.owners.count }

    package mutating func handle(_ input: Input, at now: Instant, into effects: inout [Effect]) {
        switch input {
        case .ordered(let order): self.obey(order, at: now)
        case .requestReceived(let transaction, let message, _): self.answer(transaction, message, at: now)
        case .responseReceived(let transaction, let message):
            // A provisional response changes nothing; one of a transaction that nobody waits for is late.
            guard message.status >= 200, let owner = self.desk.owners[transaction] else { break }
            switch owner {
            case .registration: self.registration.responseReceived(message, at: now, desk: &self.desk)
            case .publication: self.publisher.responseReceived(message, at: now, desk: &self.desk)
            case .subscription(let id):
                self.withSubscriber(id) { $0.responseReceived(message, at: now, desk: &$1) }
            }
        case .requestFailed(let transaction, let failure):
            guard let owner = self.desk.owners[transaction] else { break }
            switch owner {
            case .registration: self.registration.requestFailed(failure, at: now, desk: &self.desk)
            case .publication: self.publisher.requestFailed(failure, at: now, desk: &self.desk)
            case .subscription(let id):
                self.withSubscriber(id) { $0.requestFailed(failure, at: now, desk: &$1) }
            }
        }
        self.finishTurn(at: now, into: &effects)
    }

    package mutating func deadlineReached(at now: Instant, into effects: inout [Effect]) {
        while let key = self.desk.timers.popDue(at: now) {
            switch key.owner {
            case .registration: self.registration.timerFired(key.purpose, at: now, desk: &self.desk)
            case .publication: self.publisher.timerFired(key.purpose, at: now, desk: &self.desk)
            case .subscription(let id):
                self.withSubscriber(id) { $0.timerFired(key.purpose, at: now, desk: &$1) }
            }
        }
        self.finishTurn(at: now, into: &effects)
    }

    private mutating func obey(_ order: Order, at now: Instant) {
        guard case .no = self.closing else { return }
        switch order {
        case .register: self.registration.register(at: now, desk: &self.desk)
        case .deregister: self.registration.deregister(at: now, desk: &self.desk)
        case .publish(let document): self.publisher.publish(document, at: now, desk: &self.desk)
        case .unpublish: self.publisher.unpublish(at: now, desk: &self.desk)
        case .watch(let id, let request): self.subscribe(id, request, isFetch: false, at: now)
        case .fetch(let id, let request): self.subscribe(id, request, isFetch: true, at: now)
        case .refresh(let id): self.withSubscriber(id) { $0.refresh(at: now, desk: &$1) }
        case .setRates(let id, let rates):
            self.withSubscriber(id) {
                $0.request.rates = rates
                $0.refresh(at: now, desk: &$1)
            }
        case .unwatch(let id): self.withSubscriber(id) { $0.unwatch(at: now, desk: &$1) }
        case .close: self.close(at: now)
        }
    }

    private mutating func subscribe(
        _ id: SubscriptionID, _ request: SubscriptionRequest, isFetch: Bool, at now: Instant
    ) {
        guard self.subscribers[id] == nil, self.subscribers.count < Limits.maximumSubscriptions,
            let uri = try? SIPURI.parse(Octets(Subscriber.requestURI(request.resource))),
            uri.isSIP || uri.scheme == .tel
        else {
            self.desk.report(.subscriptionEnded(id, .failed(.unresolvable), retryAt: nil))
            return
        }
        self.subscribers[id] = Subscriber(id: id, request: request, isFetch: isFetch, desk: &self.desk)
        self.withSubscriber(id) { $0.subscribe(at: now, desk: &$1) }
    }

    /// Lets a subscription work, then brings the index of Call-IDs up to date and drops what is over.
    @discardableResult
    mutating func withSubscriber<Result>(
        _ id: SubscriptionID, _ body: (inout Subscriber, inout Desk) -> Result
    ) -> Result? {
        guard var subscriber = self.subscribers.removeValue(forKey: id) else { return nil }
        let before = subscriber.callID
        let result = body(&subscriber, &self.desk)
        if subscriber.isOver || subscriber.callID != before { self.subscriptionOfCall[before] = nil }
        if !subscriber.isOver {
            self.subscriptionOfCall[subscriber.callID] = id
            self.subscribers[id] = subscriber
        }
        return result
    }

    // MARK: The end

    private mutating func close(at now: Instant) {
        self.closing = .states
        self.desk.isClosing = true
        if !self.publisher.isIdle { self.publisher.unpublish(at: now, desk: &self.desk) }
        for id in self.subscribers.keys.sorted(by: { $0.number < $1.number }) {
            self.withSubscriber(id) { $0.unwatch(at: now, desk: &$1) }
        }
    }

    private mutating func finishTurn(at now: Instant, into effects: inout [Effect]) {
        if case .states = self.closing, self.publisher.isIdle, self.subscribers.isEmpty {
            // REQ-24141-10: what is published is removed before the registration.
            self.closing = .registration
            if !self.registration.isIdle { self.registration.deregister(at: now, desk: &self.desk) }
        }
        if case .registration = self.closing, self.registration.isIdle {
            self.closing = .done
            self.desk.report(.closed)
        }
        effects.append(contentsOf: self.desk.effects)
        self.desk.effects.removeAll(keepingCapacity: true)
    }
}
