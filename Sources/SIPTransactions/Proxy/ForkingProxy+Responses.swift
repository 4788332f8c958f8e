package import Ground
package import SIPWire

extension ForkingProxy {
    /// A branch has answered (RFC 3261 §16.7). A response that belongs to no branch is dropped (RFC 6026 §7.3).
    package mutating func responseReceived(
        _ id: ClientTransactionID, _ response: SIPMessage, isTrusted: Bool, at now: Instant,
        into effects: inout [Effect]
    ) {
        guard let transaction = self.owners[id], var context = self.contexts[transaction],
            let index = context.branches.firstIndex(where: { $0.id == id })
        else { return }
        let status = response.status
        if status < 200 {
            switch context.branches[index].state {
            case .calling: context.branches[index].state = .proceeding
            case .proceeding: break
            // It was overtaken by the final response.
            case .ended: return
            }
            self.contexts[transaction] = context
            self.provisional(response, id, transaction, isTrusted: isTrusted, at: now, into: &effects)
            return
        }
        let wasEnded =
            switch context.branches[index].state {
            case .ended: true
            case .calling, .proceeding: false
            }
        context.branches[index].state = .ended
        self.timersC.remove(id)
        if status < 300 {
            let wasAnswered = context.isAnswered
            context.isAnswered = true
            self.contexts[transaction] = context
            // RFC 3261 §16.7, step 5: every 2xx to an INVITE goes back, retransmissions too; of others the first alone.
            guard context.isInvite || !wasAnswered else { return }
            effects.append(.respond(transaction, RequestRewriting.forwarded(response, isTrusted: isTrusted)))
            self.end(transaction, into: &effects)
            self.settle(transaction, at: now)
            return
        }
        guard !wasEnded else { return }
        let target = context.branches[index].target
        if status == 430 || (status == 408 && target.flow != nil), let next = target.alternatives.first {
            // RFC 5626 §7: another flow of the same instance may still work.
            self.contexts[transaction] = context
            if status == 430 { effects.append(.flowFailed(label: target.label)) }
            self.tryAlternative(next, of: target, transaction, at: now, into: &effects)
            return
        }
        context.finals.append(ResponseContext.Final(response: response, isTrusted: isTrusted))
        self.contexts[transaction] = context
        // RFC 3261 §16.7, step 5: a 6xx ends the search, but waits for the others to finish.
        if status >= 600 { self.end(transaction, into: &effects) }
        self.tryNext(transaction, at: now, into: &effects)
    }

    private mutating func provisional(
        _ response: SIPMessage, _ id: ClientTransactionID, _ transaction: ServerTransactionID, isTrusted: Bool,
        at now: Instant, into effects: inout [Effect]
    ) {
        guard let context = self.contexts[transaction], context.isInvite else {
            // RFC 4320 §4.1: a non-INVITE gets no provisional response but the 100 of the hop itself.
            return
        }
        guard response.status > 100 else { return }
        // RFC 3261 §16.7, step 2: timer C starts anew with every provisional response but 100.
        self.timersC.set(id, at: now + self.configuration.timerC)
        self.lifetimes.set(transaction, at: now + self.configuration.contextLifetime)
        guard !context.isAnswered else { return }
        effects.append(.respond(transaction, RequestRewriting.forwarded(response, isTrusted: isTrusted)))
    }

    /// A branch has ended without an answer (RFC 3261 §16.9).
    package mutating func requestFailed(
        _ id: ClientTransactionID, _ failure: RequestFailure, at now: Instant, into effects: inout [Effect]
    ) {
        self.failed(id, failure, at: now, into: &effects)
    }

    mutating func failed(
        _ id: ClientTransactionID, _ failure: RequestFailure, at now: Instant, into effects: inout [Effect]
    ) {
        guard let transaction = self.owners[id], var context = self.contexts[transaction],
            let index = context.branches.firstIndex(where: { $0.id == id })
        else { return }
        if case .ended = context.branches[index].state { return }
        context.branches[index].state = .ended
        self.timersC.remove(id)
        let target = context.branches[index].target
        let isFlowGone = target.flow != nil && failure == .transport
        if isFlowGone { effects.append(.flowFailed(label: target.label)) }
        if target.flow != nil, let next = target.alternatives.first {
            self.contexts[transaction] = context
            self.tryAlternative(next, of: target, transaction, at: now, into: &effects)
            return
        }
        context.failures.append(isFlowGone ? 430 : failure.equivalentStatus)
        self.contexts[transaction] = context
        self.tryNext(transaction, at: now, into: &effects)
    }

    private mutating func tryAlternative(
        _ next: ProxyTarget, of target: ProxyTarget, _ transaction: ServerTransactionID, at now: Instant,
        into effects: inout [Effect]
    ) {
        guard var context = self.contexts[transaction], !context.isEnding, !context.isAnswered else {
            self.tryNext(transaction, at: now, into: &effects)
            return
        }
        var alternative = next
        alternative.alternatives = Array(target.alternatives.dropFirst())
        context.waiting.insert([alternative], at: 0)
        self.contexts[transaction] = context
        if context.hasPending {
            self.startWaiting(transaction, at: now, into: &effects)
        } else {
            self.tryNext(transaction, at: now, into: &effects)
        }
    }

    /// Everything was tried: the best of what came back goes to the sender (RFC 3261 §16.7, steps 6 and 7).
    mutating func conclude(_ transaction: ServerTransactionID, at now: Instant, into effects: inout [Effect]) {
        guard let context = self.contexts[transaction] else { return }
        guard !context.isAnswered else {
            self.settle(transaction, at: now)
            return
        }
        let timedOut = context.failures.contains(408)
        let best = context.best()
        if let best, best.response.status < 500 || best.response.status >= 600 || !timedOut || !context.isInvite {
            effects.append(.respond(transaction, self.answer(best, of: context)))
        } else if timedOut, !context.isInvite {
            // RFC 4320 §4.2: the sender's own timer tells it the same.
            effects.append(.abandoned(transaction))
        } else {
            let status = timedOut ? 408 : context.failures.contains(430) ? 480 : 500
            effects.append(.respond(transaction, self.own(status, of: context)))
        }
        self.contexts[transaction]?.isAnswered = true
        self.forget(transaction)
    }

    /// What goes back for the best response.
    private func answer(_ best: ResponseContext.Final, of context: ResponseContext) -> [UInt8] {
        switch best.response.status {
        // RFC 3261 §16.7, step 6: that one element is overloaded does not mean that we are.
        case 503: return self.own(500, of: context)
        // RFC 5626 §11.5: no endpoint ever sees a 430.
        case 430: return self.own(480, of: context)
        // RFC 3261 §16.7, step 7: the sender answers the challenges of all branches at once.
        case 401, 407:
            let others = context.finals.filter {
                ($0.response.status == 401 || $0.response.status == 407) && $0.response != best.response
            }
            return RequestRewriting.forwarded(
                best.response, adding: others.map(\.response), isTrusted: best.isTrusted)
        default: return RequestRewriting.forwarded(best.response, isTrusted: best.isTrusted)
        }
    }

    private func own(_ status: Int, of context: ResponseContext) -> [UInt8] {
        var tag: [UInt8] = []
        tag.append(hex: context.loopHash)
        var writer = context.request.response(
            status, toTag: tag[...], receivedFrom: context.origin.flow.remote)
        return writer.finish()
    }

    /// After a 2xx: more of them may follow to an INVITE for a while (RFC 6026 §7.1), nothing to others.
    private mutating func settle(_ transaction: ServerTransactionID, at now: Instant) {
        guard let context = self.contexts[transaction] else { return }
        if context.isInvite {
            self.lifetimes.set(transaction, at: now + self.configuration.acceptedLifetime)
        } else {
            // The layer below ends what is pending by its own timers; nothing of that is passed on.
            self.forget(transaction)
        }
    }
}
