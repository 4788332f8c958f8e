import Ground
import SIPTransactions
import SIPWire

/// Answers to requests from the network: a watcher takes NOTIFY and OPTIONS, and nothing else.
enum IncomingRequests {
    /// The methods that this terminal answers with more than 405.
    static let allow = "NOTIFY, OPTIONS"
}

extension UserAgent {
    /// Answers one request. Every request gets its final response at once.
    mutating func answer(
        _ transaction: ServerTransactionID, _ message: SIPMessage, at now: Instant
    ) {
        let position = self.desk.effects.count
        let answer: Subscriber.Answer
        switch message.method {
        case .ack, .cancel: return
        case .notify: answer = self.notifyReceived(message, at: now)
        case .options:
            // RFC 3261 §11.2: what a terminal can do.
            answer = Subscriber.Answer(
                status: 200,
                headers: [
                    (.allow, IncomingRequests.allow), (.accept, "application/pidf+xml, application/pidf-diff+xml"),
                    (.acceptEncoding, "identity"), (.supported, "gruu"),
                ])
        default:
            answer = Subscriber.Answer(status: 405, headers: [(.allow, IncomingRequests.allow)])
        }
        var writer = message.response(answer.status, answer.reason, toTag: Octets(self.desk.entropy.token()))
        for (name, value) in answer.headers { writer.header(name, value) }
        // The response leaves before anything that the request caused: a notifier waits for nobody.
        self.desk.effects.insert(.respond(transaction, writer.finish()), at: position)
    }

    private mutating func notifyReceived(_ message: SIPMessage, at now: Instant) -> Subscriber.Answer {
        guard let event = (try? message.event()) ?? nil else {
            return Subscriber.Answer(status: 400, reason: "Missing or Bad Event")
        }
        let callID = Array(message.callID)
        if let id = self.subscriptionOfCall[callID], let tag = message.toTag(),
            self.subscribers[id].map({ $0.localTag.elementsEqual(tag) }) ?? false
        {
            return self.withSubscriber(id) { subscriber, desk in
                subscriber.notifyReceived(message, at: now, desk: &desk)
            } ?? .noSubscription
        }
        let package = event.package.text
        let isKnown = package == "presence" || self.subscribers.values.contains { $0.request.package == package }
        // RFC 6665 §4.1.3: a package that is not known at all is another thing than a subscription that is not.
        return isKnown
            ? .noSubscription : Subscriber.Answer(status: 489, headers: [(.allowEvents, "presence")])
    }
}
