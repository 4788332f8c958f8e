import Ground
import PresenceDocuments
import PresenceServer
import Storage
import XDMServer

/// Takes the answer to a request on Ut; called once, on the shard's loop unless the shard has closed.
package typealias UtReply = @Sendable (UtResponse) -> Void

/// The XDM server in the shard. A change of a document, what it means for live subscriptions, and the answer to whoever
/// made it are one turn and one commit.
extension Shard {
    /// Serves a request on Ut: answers when what it changed is durable, and has acted on live subscriptions.
    ///
    /// On the shard's loop it costs no hop, from elsewhere one. Too much at a time is answered with 503.
    package nonisolated func utRequest(_ request: UtRequest, _ reply: @escaping UtReply) {
        if self.loop.inEventLoop {
            self.assumeIsolated { $0.serve(request, reply) }
            return
        }
        // A loop that has ended takes a task and never runs it, so nothing is given to it after the shard has closed.
        let isTaken = self.isOpen.withLock { isOpen in
            if isOpen { self.loop.execute { self.assumeIsolated { $0.serve(request, reply) } } }
            return isOpen
        }
        if !isTaken { reply(.busy) }
    }

    private func serve(_ request: UtRequest, _ reply: @escaping UtReply) {
        guard self.documents != nil, !self.hasFailed, !self.isClosed, self.heldBack == nil,
            self.utWaiting.count + self.utAnswers.count < self.parts.utRequestsInFlight
        else {
            self.counters.utRefused += 1
            reply(.busy)
            return
        }
        let ticket = self.tickets.next()
        self.utWaiting[ticket] = reply
        self.turn { now in self.tellDocuments(.utRequestReceived(ticket, request), at: now) }
    }

    /// How a watcher of a presentity is treated, and why. Nil where no Presence Server runs.
    package func explain(presentity: [UInt8], watcher: PolicyWatcher) async -> PolicyExplanation? {
        guard self.presence != nil, !self.hasFailed, !self.isClosed, self.heldBack == nil else { return nil }
        return await withCheckedContinuation { continuation in
            let ticket = self.tickets.next()
            self.explanations[ticket] = continuation
            self.turn { now in
                self.tellPresence(.explain(ticket, presentity: presentity, watcher: watcher), at: now)
            }
            // It is answered in the same turn; whatever happens, nobody waits for ever.
            self.explanations.removeValue(forKey: ticket)?.resume(returning: nil)
        }
    }

    func tellDocuments(_ fact: consuming XDMServer.Input, at now: Instant) {
        self.documents?.handle(fact, at: now, into: &self.documentEffects)
        self.settleDocuments(at: now)
    }

    /// Performs the orders of the XDM server.
    func settleDocuments(at now: Instant) {
        guard !self.documentEffects.isEmpty else { return }
        var effects: [XDMServer.Effect] = []
        swap(&effects, &self.documentEffects)
        var changed: [SubscriberDocument] = []
        self.settleBox(at: now) {
            for effect in effects {
                switch effect {
                case .answer(let ticket, let response):
                    guard let reply = self.utWaiting.removeValue(forKey: ticket) else { break }
                    self.utAnswers.append((reply, response))
                case .load(let ticket, let question):
                    self.tellDocuments(.loaded(ticket, self.parts.credentials(question)), at: now)
                case .store(let operation): self.records.append(.documents(operation))
                case .documentChanged(let change):
                    if let document = SubscriberDocument(change) { changed.append(document) }
                case .respond(let id, let bytes): self.tellTransactions(.respond(id, bytes), at: now)
                case .send(let id, let request): self.tellTransactions(.send(id, request), at: now)
                case .observed(let observation): self.counters.documents[observation, default: 0] += 1
                }
            }
        }
        if !changed.isEmpty { self.tellPresence(.documentsChanged(changed), at: now) }
    }

    /// Lets the answers of the turn go. Whoever gets one may ask the next thing at once: that answer goes from here too,
    /// so that many requests behind each other nest no turns.
    func giveAnswers() {
        guard !self.utAnswers.isEmpty, !self.isAnswering else { return }
        self.isAnswering = true
        while !self.utAnswers.isEmpty {
            var answers: [(reply: UtReply, response: UtResponse)] = []
            swap(&answers, &self.utAnswers)
            for (reply, response) in answers { reply(response) }
        }
        self.isAnswering = false
    }

    /// Nothing will be kept or answered any more: whoever waits hears that.
    func refuseWaiting() {
        let waiting = self.utAnswers.map(\.reply) + self.utWaiting.values
        self.utAnswers = []
        self.utWaiting = [:]
        for reply in waiting { reply(.busy) }
    }
}

extension UtResponse {
    /// Too much is under way, or the process is ending (RFC 9110 §15.6.4).
    static var busy: UtResponse {
        UtResponse(status: 503, fields: [Field("Retry-After", Array("5".utf8))])
    }
}
