internal import Ground
internal import SIPWire

/// The requests that the transaction layer makes from an INVITE of ours: CANCEL and the ACK for a refusal.
enum FollowUp {
    /// RFC 3261 §9.1: Request-URI, top Via, To, From, Call-ID, CSeq number and Route of the INVITE.
    static func cancel(of invite: [UInt8]) -> [UInt8]? {
        guard let request = try? SIPMessage.parse(invite, framing: .datagram) else { return nil }
        return Self.make(.cancel, from: request, to: request.first(.to))
    }

    /// RFC 3261 §17.1.1.3: as a CANCEL, but the To is that of the response.
    static func acknowledgement(of invite: [UInt8], for response: SIPMessage) -> [UInt8] {
        guard let request = try? SIPMessage.parse(invite, framing: .datagram),
            let bytes = Self.make(.ack, from: request, to: response.first(.to))
        else { return [] }
        return bytes
    }

    private static func make(_ method: Method, from request: SIPMessage, to: Octets?) -> [UInt8]? {
        guard let via = request.first(.via), let from = request.first(.from), let to,
            let sequence = try? request.cseq()
        else { return nil }
        var writer = MessageWriter(reserving: 512)
        writer.requestLine(method, request.requestURI)
        writer.header(.via, via)
        writer.header(.maxForwards, number: 70)
        for route in request.all(.route) { writer.header(.route, route) }
        writer.header(.from, from)
        writer.header(.to, to)
        writer.header(.callID, request.callID)
        var value: [UInt8] = []
        value.append(decimal: UInt64(sequence.number))
        value.append(0x20)
        value.append(contentsOf: method.token)
        writer.header(.cseq, value[...])
        return writer.finish()
    }
}
