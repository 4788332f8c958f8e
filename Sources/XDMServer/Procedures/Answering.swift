internal import Ground
internal import XCAPEngine

/// How answers on Ut are written.
extension XDMServer {
    /// Gives an answer and counts it.
    mutating func answer(_ ticket: Ticket, _ response: UtResponse, into effects: inout [Effect]) {
        self.counted.answers[response.status, default: 0] += 1
        effects.append(.answer(ticket, response))
    }

    /// What the engine said, as HTTP: the entity tag in quotes, the time of the last change, and that a copy may be
    /// kept but is to be asked about before it is used (RFC 4825 §7.10, RFC 9111 §5.2.2.4).
    func response(
        _ reply: XCAPReply, modified: Instant?, isPrivate: Bool, proof: [UInt8]?
    ) -> UtResponse {
        var response = UtResponse(status: reply.status, body: reply.body)
        if let type = reply.contentType, !reply.body.isEmpty { response.fields.append(.init("Content-Type", type)) }
        if let tag = reply.entityTag {
            response.fields.append(.init("ETag", [UInt8(ascii: "\"")] + tag + [UInt8(ascii: "\"")]))
            if let modified { response.fields.append(.init("Last-Modified", CalendarText.http(modified))) }
            let caching: StaticString = isPrivate ? "private, no-cache" : "no-cache"
            var value: [UInt8] = []
            value.append(literal: caching)
            response.fields.append(.init("Cache-Control", value))
        }
        if reply.status == 405 { response.fields.append(.init("Allow", UtRefusal.allow(reply.allow))) }
        if let proof { response.fields.append(.init("Authentication-Info", proof)) }
        return response
    }
}
