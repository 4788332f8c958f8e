package import Ground

extension SIPMessage {
    /// Starts the response to this request (RFC 3261 §8.2.6): status line, every Via, From, To, Call-ID, CSeq; the
    /// caller adds what it wants and finishes it.
    ///
    /// - Parameters:
    ///   - reason: the reason phrase; nil for that of the standard.
    ///   - toTag: goes to the To header if that has no tag yet.
    ///   - source: where the request came from; completes the topmost Via with `received` and `rport` (RFC 3261
    ///     §18.2.1, RFC 3581 §4).
    ///   - recordRoute: copies Record-Route, for a response that makes a dialog (RFC 3261 §12.1.1).
    package func response(
        _ status: Int, _ reason: String? = nil, toTag: Octets? = nil, receivedFrom source: Endpoint? = nil,
        recordRoute: Bool = false
    ) -> MessageWriter {
        var writer = MessageWriter(reserving: 768)
        writer.statusLine(status, reason)
        var isTopmost = true
        for field in self.headers {
            switch field.name {
            case .via:
                if isTopmost, let source {
                    self.appendTopVia(self.storage[field.valueRange], source, to: &writer)
                } else {
                    self.copy(field, to: &writer)
                }
                isTopmost = false
            case .from, .callID, .cseq: self.copy(field, to: &writer)
            case .to: self.appendTo(field, status: status, toTag, to: &writer)
            case .timestamp where status == 100: self.copy(field, to: &writer)
            case .recordRoute where recordRoute: self.copy(field, to: &writer)
            default: break
            }
        }
        return writer
    }

    @inline(__always)
    private func copy(_ field: HeaderField, to writer: inout MessageWriter) {
        writer.begin(field.name)
        self.copyValue(field, to: &writer)
        writer.endHeader()
    }

    /// A message with stray line breaks is answered too, but they are not given on: a response must not show
    /// anybody headers that we did not write.
    @inline(__always)
    private func copyValue(_ field: HeaderField, to writer: inout MessageWriter) {
        if self.structuralFault == nil {
            writer.raw(self.storage[field.valueRange])
        } else {
            writer.raw(Self.withoutLineBreaks(self.storage[field.valueRange]))
        }
    }

    private static func withoutLineBreaks(_ octets: Octets) -> Octets {
        octets.map { $0 == 0x0D || $0 == 0x0A ? 0x20 : $0 }[...]
    }

    private func appendTo(_ field: HeaderField, status: Int, _ tag: Octets?, to writer: inout MessageWriter) {
        writer.begin(.to)
        self.copyValue(field, to: &writer)
        // RFC 3261 §8.2.6.2: a 100 may go without a tag; every other response has one.
        if let tag, self.toTag() == nil {
            writer.raw(literal: ";tag=")
            writer.raw(tag)
        }
        writer.endHeader()
    }

    /// RFC 3261 §18.2.1: `received` tells where the request came from if the sent-by says something else. RFC 3581
    /// §4: with `rport` asked for, both are always told. What the peer claimed itself is replaced.
    private func appendTopVia(_ value: Octets, _ source: Endpoint, to writer: inout MessageWriter) {
        writer.begin(.via)
        let scanned = value.withCursor { cursor in try? ViaGrammar.scan(&cursor) }
        guard let pieces = scanned else {
            writer.raw(Self.withoutLineBreaks(value))
            writer.endHeader()
            return
        }
        let via = Via(octets: value[Piece(0..<Int(pieces.end))], pieces: pieces)
        let asksForPort = via.hasRPort
        let isElsewhere = asksForPort || via.hostAddress != source.address
        guard isElsewhere || via.parameters.contains("received") else {
            writer.raw(value)
            writer.endHeader()
            return
        }
        writer.raw(value[Piece(0..<Int(pieces.parameters.start))])
        for parameter in via.parameters
        where !parameter.name.equalsIgnoringCase("received") && !parameter.name.equalsIgnoringCase("rport") {
            writer.raw(literal: ";")
            writer.raw(parameter.name)
            if let parameterValue = parameter.value {
                writer.raw(literal: "=")
                writer.raw(parameterValue)
            }
        }
        if isElsewhere {
            writer.raw(literal: ";received=")
            writer.raw(Array(source.address.description.utf8)[...])
        }
        if asksForPort {
            writer.raw(literal: ";rport=")
            writer.raw(decimal: UInt64(source.port))
        }
        writer.raw(value[Piece(Int(pieces.end)..<value.count)])
        writer.endHeader()
    }
}
