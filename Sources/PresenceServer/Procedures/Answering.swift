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
        switch refusal.remedy {
        case .none: break
        case .allow: writer.header(.allow, Self.allow)
        case .allowEvents: writer.header(.allowEvents, self.registry.allowEvents)
        case .accept(let types): writer.header(.accept, types)
        case .acceptEncoding: writer.header(.acceptEncoding, "identity")
        case .unsupported(let tags): writer.header(.unsupported, tags)
        case .minExpires(let seconds): writer.header(.minExpires, number: UInt64(seconds))
        case .retryAfter(let seconds): writer.header(.retryAfter, number: UInt64(seconds))
        case .challenges(let challenges):
            for challenge in challenges { writer.header(.wwwAuthenticate, challenge) }
        case .warning(let code, let text):
            writer.header(.warning, "\(code) muster \"\(text.filter { $0 != "\"" && $0 != "\\" })\"")
        }
        effects.append(.respond(request.transaction, writer.finish()))
    }

    /// The value of Accept for a list of media types.
    static func accept(_ types: [StaticString]) -> [UInt8] {
        var value: [UInt8] = []
        for type in types {
            if !value.isEmpty { value.append(literal: ", ") }
            value.append(literal: type)
        }
        return value
    }

    /// 503 for a bound that is hit.
    mutating func overLimit(_ observation: Observation, into effects: inout [Effect]) -> RequestRefusal {
        self.observe(observation, into: &effects)
        return RequestRefusal(503, remedy: .retryAfter(self.configuration.limits.retryAfterSeconds))
    }

    /// The body of a request as far as the method can use it: nil without one. RFC 3261 §8.2.3: a coding that is not
    /// understood is refused, unless the body may be left aside.
    static func usefulBody(_ message: SIPMessage, types: [StaticString]) throws(RequestRefusal) -> (
        Octets, StaticString
    )? {
        guard !message.body.isEmpty else { return nil }
        let isOptional = message.first(.contentDisposition).map { Self.isOptional($0) } ?? false
        if let coding = message.first(.contentEncoding), !coding.equalsIgnoringCase("identity") {
            if isOptional { return nil }
            throw RequestRefusal(415, remedy: .acceptEncoding)
        }
        let type: MediaType?
        do { type = try message.contentType() } catch { throw RequestRefusal(400, "Bad Content-Type") }
        if let type, let known = types.first(where: { type.matches($0) }) { return (message.body, known) }
        if isOptional { return nil }
        throw RequestRefusal(415, remedy: .accept(Self.accept(types)))
    }

    /// Whether a Content-Disposition lets the body be left aside (RFC 3261 §20.11).
    private static func isOptional(_ disposition: Octets) -> Bool {
        guard let semicolon = disposition.firstIndex(of: UInt8(ascii: ";")) else { return false }
        return Parameters(disposition[semicolon...]).value(of: "handling")?.equalsIgnoringCase("optional") ?? false
    }
}
