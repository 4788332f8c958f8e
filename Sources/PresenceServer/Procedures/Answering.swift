internal import EventNotification
internal import Ground
internal import SIPTransactions
internal import SIPWire

/// How answers are written.
extension PresenceServer {
    /// Starts a response outside the answer that makes a dialog. The tag is made of the dialog identifiers of the
    /// request, so that every answer to it carries the same one (RFC 3261 §8.2.6.2).
    func response(to request: Request, _ status: Int, _ reason: String? = nil) -> MessageWriter {
        let message = request.message
        var tag: [UInt8] = []
        if message.toTag() == nil {
            tag.reserveCapacity(16)
            ContentTag(of: message.callID, message.fromTag() ?? []).append(to: &tag)
        }
        return message.response(status, reason, toTag: tag[...], receivedFrom: request.origin.flow.remote)
    }

    /// Answers with a refusal and what the standard wants to stand beside it.
    mutating func refuse(_ request: Request, _ refusal: RequestRefusal, into effects: inout [Effect]) {
        self.counted.refusals[refusal.status, default: 0] += 1
        var writer = self.response(to: request, refusal.status, refusal.reason)
        refusal.remedy.write(into: &writer, methods: Self.allow, events: self.registry.allowEvents[...])
        effects.append(.respond(request.transaction, writer.finish()))
    }

    /// 503 for a bound that is hit.
    mutating func overLimit(_ observation: Observation, into effects: inout [Effect]) -> RequestRefusal {
        self.observe(observation, into: &effects)
        return RequestRefusal(503, remedy: .retryAfter(self.configuration.limits.retryAfterSeconds))
    }
}
