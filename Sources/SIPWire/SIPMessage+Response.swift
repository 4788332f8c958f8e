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
        // What is not copied of the request makes room for what is added. More than that would stay with the response
        // for as long as its transaction lives.
        var writer = MessageWriter(reserving: self.bodyRange.lowerBound + 96)
        writer.statusLine(status, reason)
        var isTopmost = true
        var run = HeaderRun(message: self)
        for field in self.headers {
            switch field.name {
            case .via:
                if isTopmost, let source {
                    run.flush(to: &writer)
                    self.appendTopVia(field, source, to: &writer)
                } else {
                    run.copy(field, to: &writer)
                }
                isTopmost = false
            case .from, .callID, .cseq: run.copy(field, to: &writer)
            case .to:
                if let toTag, self.toTag() == nil {
                    run.copy(field, withTag: toTag, to: &writer)
                } else {
                    run.copy(field, to: &writer)
                }
            case .timestamp where status == 100: run.copy(field, to: &writer)
            case .recordRoute where recordRoute: run.copy(field, to: &writer)
            default: break
            }
        }
        run.flush(to: &writer)
        return writer
    }

    /// Header lines of a request that are copied into its response. Lines that stand side by side and are written the
    /// usual way are copied as one piece.
    private struct HeaderRun {
        let message: SIPMessage
        private var pending = 0..<0

        init(message: SIPMessage) { self.message = message }

        /// Copies what was put off.
        @inline(__always)
        mutating func flush(to writer: inout MessageWriter) {
            if !self.pending.isEmpty { writer.raw(self.message.storage, self.pending) }
            self.pending = 0..<0
        }

        /// Puts a piece of the request behind the pieces before it.
        @inline(__always)
        private mutating func put(_ piece: Range<Int>, to writer: inout MessageWriter) {
            if self.pending.upperBound == piece.lowerBound {
                self.pending = self.pending.lowerBound..<piece.upperBound
            } else {
                self.flush(to: &writer)
                self.pending = piece
            }
        }

        /// Where the line break behind a line stands; nil if it has none of the usual form.
        private func lineBreak(_ field: HeaderField) -> Range<Int>? {
            let storage = self.message.storage
            let end = Int(field.valueEnd)
            guard end &+ 1 < storage.count, storage[end] == 0x0D, storage[end &+ 1] == 0x0A else { return nil }
            return end..<(end &+ 2)
        }

        /// Copies a header line.
        mutating func copy(_ field: HeaderField, to writer: inout MessageWriter) {
            self.copyLine(field, to: &writer)
            self.end(field, to: &writer)
        }

        /// Copies a To line and gives it its tag. RFC 3261 §8.2.6.2: a 100 may go without a tag; every other response
        /// has one.
        mutating func copy(_ field: HeaderField, withTag tag: Octets, to writer: inout MessageWriter) {
            self.copyLine(field, to: &writer)
            self.flush(to: &writer)
            writer.raw(literal: ";tag=")
            writer.raw(tag)
            self.end(field, to: &writer)
        }

        private mutating func copyLine(_ field: HeaderField, to writer: inout MessageWriter) {
            if self.message.isPlain(field) {
                self.put(Int(field.nameStart)..<Int(field.valueEnd), to: &writer)
            } else {
                self.flush(to: &writer)
                writer.begin(field.name)
                self.message.copyValue(field, to: &writer)
            }
        }

        private mutating func end(_ field: HeaderField, to writer: inout MessageWriter) {
            if let lineBreak = self.lineBreak(field), self.message.isPlain(field) {
                self.put(lineBreak, to: &writer)
            } else {
                self.flush(to: &writer)
                writer.endHeader()
            }
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

    /// RFC 3261 §18.2.1: `received` tells where the request came from if the sent-by says something else. RFC 3581
    /// §4: with `rport` asked for, both are always told. What the peer claimed itself is replaced.
    private func appendTopVia(_ field: HeaderField, _ source: Endpoint, to writer: inout MessageWriter) {
        writer.begin(.via)
        guard let found = self.landmarks.topVia ?? self.scannedTopVia(field) else {
            writer.raw(Self.withoutLineBreaks(self.storage[field.valueRange]))
            writer.endHeader()
            return
        }
        let isElsewhere =
            found.rport != nil || HostGrammar.address(self.storage[found.pieces.host.range]) != source.address
        if !isElsewhere, found.received == nil {
            writer.raw(self.storage, field.valueRange)
            writer.endHeader()
            return
        }
        // The claims are cut out, and the truth is put behind the entry.
        let end = Int(found.pieces.parameters.end)
        if found.claimsTwice {
            self.appendWithoutClaims(field, found, to: &writer)
        } else {
            var first = found.rport?.range ?? end..<end
            var second = found.received?.range ?? end..<end
            if second.lowerBound < first.lowerBound { swap(&first, &second) }
            writer.raw(self.storage, Int(field.valueStart)..<first.lowerBound)
            if second.lowerBound > first.upperBound { writer.raw(self.storage, first.upperBound..<second.lowerBound) }
            if end > second.upperBound { writer.raw(self.storage, second.upperBound..<end) }
        }
        if isElsewhere {
            writer.raw(literal: ";received=")
            writer.raw(address: source.address)
        }
        if found.rport != nil {
            writer.raw(literal: ";rport=")
            writer.raw(decimal: UInt64(source.port))
        }
        if end < Int(field.valueEnd) { writer.raw(self.storage, end..<Int(field.valueEnd)) }
        writer.endHeader()
    }

    /// Reads the first entry of a Via line; nil if it does not begin with one.
    private func scannedTopVia(_ field: HeaderField) -> TopVia? {
        self.storage.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return nil }
            var cursor = Cursor(base, field.valueRange)
            return try? TopVia(&cursor)
        }
    }

    /// The first entry of a Via with every parameter but `received` and `rport`, however often these are there.
    private func appendWithoutClaims(_ field: HeaderField, _ found: TopVia, to writer: inout MessageWriter) {
        writer.raw(self.storage, Int(field.valueStart)..<Int(found.pieces.parameters.start))
        self.storage.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            var parameters = Cursor(base, found.pieces.parameters.range)
            while let parameter = Parameters.next(&parameters) {
                if !TopVia.isClaim(base, parameter.name.range) { writer.raw(self.storage, parameter.whole.range) }
            }
        }
    }
}
