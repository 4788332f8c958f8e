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

    /// Copies a header line; as one piece where it is written the usual way.
    @inline(__always)
    private func copy(_ field: HeaderField, to writer: inout MessageWriter) {
        guard self.isPlain(field) else {
            writer.begin(field.name)
            self.copyValue(field, to: &writer)
            writer.endHeader()
            return
        }
        let end = Int(field.valueEnd)
        if end &+ 1 < self.storage.count, self.storage[end] == 0x0D, self.storage[end &+ 1] == 0x0A {
            writer.raw(self.storage, Int(field.nameStart)..<(end &+ 2))
        } else {
            writer.raw(self.storage, Int(field.nameStart)..<end)
            writer.endHeader()
        }
    }

    /// Whether a line is `Name: value` with nothing strange about it.
    @inline(__always)
    private func isPlain(_ field: HeaderField) -> Bool {
        self.structuralFault == nil && field.valueStart &- field.nameEnd <= 2
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
        guard let tag, self.toTag() == nil else {
            self.copy(field, to: &writer)
            return
        }
        if self.isPlain(field) {
            writer.raw(self.storage, Int(field.nameStart)..<Int(field.valueEnd))
        } else {
            writer.begin(.to)
            self.copyValue(field, to: &writer)
        }
        // RFC 3261 §8.2.6.2: a 100 may go without a tag; every other response has one.
        writer.raw(literal: ";tag=")
        writer.raw(tag)
        writer.endHeader()
    }

    /// RFC 3261 §18.2.1: `received` tells where the request came from if the sent-by says something else. RFC 3581
    /// §4: with `rport` asked for, both are always told. What the peer claimed itself is replaced.
    private func appendTopVia(_ value: Octets, _ source: Endpoint, to writer: inout MessageWriter) {
        writer.begin(.via)
        guard let found = value.withCursor({ cursor in TopVia(&cursor) }) else {
            writer.raw(Self.withoutLineBreaks(value))
            writer.endHeader()
            return
        }
        let host = value[found.pieces.host]
        let isElsewhere = found.rport != nil || HostGrammar.address(host) != source.address
        if !isElsewhere, found.received == nil {
            writer.raw(value)
        } else {
            // The claims are cut out, and the truth is put behind the entry.
            let end = found.pieces.parameters.end
            if found.claimsTwice {
                self.appendWithoutClaims(value, found, to: &writer)
            } else {
                var first = found.rport ?? Piece(Int(end)..<Int(end))
                var second = found.received ?? Piece(Int(end)..<Int(end))
                if second.start < first.start { swap(&first, &second) }
                writer.raw(value[Piece(0..<Int(first.start))])
                if second.start > first.end { writer.raw(value[Piece(Int(first.end)..<Int(second.start))]) }
                if end > second.end { writer.raw(value[Piece(Int(second.end)..<Int(end))]) }
            }
            if isElsewhere {
                writer.raw(literal: ";received=")
                writer.raw(address: source.address)
            }
            if found.rport != nil {
                writer.raw(literal: ";rport=")
                writer.raw(decimal: UInt64(source.port))
            }
            if Int(end) < value.count { writer.raw(value[Piece(Int(end)..<value.count)]) }
        }
        writer.endHeader()
    }

    /// The first entry of a Via with every parameter but `received` and `rport`, however often these are there.
    private func appendWithoutClaims(_ value: Octets, _ found: TopVia, to writer: inout MessageWriter) {
        writer.raw(value[Piece(0..<Int(found.pieces.parameters.start))])
        value.withCursor { cursor in
            var parameters = Cursor(cursor.base, found.pieces.parameters.range)
            var start = parameters.position
            while let parameter = Parameters.next(&parameters) {
                let whole = Piece(start..<parameters.position)
                start = parameters.position
                if !TopVia.isClaim(cursor.base, parameter.name.range) { writer.raw(value[whole]) }
            }
        }
    }
}

/// The first entry of a Via header and what it claims about where it was sent from.
private struct TopVia {
    let pieces: ViaPieces
    /// The parameter with the semicolon before it.
    private(set) var rport: Piece?
    private(set) var received: Piece?
    /// Whether one of the two is there more than once, which RFC 3261 §7.3.1 forbids.
    private(set) var claimsTwice = false

    /// Whether a parameter says where a request came from.
    static func isClaim(_ base: UnsafePointer<UInt8>, _ name: Range<Int>) -> Bool {
        Bytes.equalIgnoringCase(base, name, "rport") || Bytes.equalIgnoringCase(base, name, "received")
    }

    /// Nil if the bytes do not begin with an entry.
    init?(_ cursor: inout Cursor) {
        guard let pieces = try? ViaGrammar.scan(&cursor) else { return nil }
        self.pieces = pieces
        var parameters = Cursor(cursor.base, pieces.parameters.range)
        var start = parameters.position
        while let found = Parameters.next(&parameters) {
            let whole = Piece(start..<parameters.position)
            start = parameters.position
            if Bytes.equalIgnoringCase(cursor.base, found.name.range, "rport") {
                if self.rport != nil { self.claimsTwice = true }
                self.rport = whole
            } else if Bytes.equalIgnoringCase(cursor.base, found.name.range, "received") {
                if self.received != nil { self.claimsTwice = true }
                self.received = whole
            }
        }
    }
}
