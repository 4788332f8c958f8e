internal import Ground

extension SIPMessage {
    /// Checks what a server relies on: the start line, the headers that every message has exactly once, and the
    /// grammar of those that routing, transactions and event notification read. The verdicts of RFC 4475 come from
    /// here. Malformed headers that nobody needs are let through (RFC 3261 §8.2).
    ///
    /// A fault of a request is answered with ``ParseFault/status`` and ``ParseFault/reason``; a response with a
    /// fault is dropped.
    package func validate() throws(ParseFault) {
        if let fault = self.fault { throw ParseFault(fault) }
    }

    /// Judges a message that was split: what is wrong with it, if anything, and where its parts lie.
    static func judge(
        _ base: UnsafePointer<UInt8>, end: Int, _ startLine: StartLine, _ fields: [HeaderField], limits: Limits
    ) -> Verdict {
        var validator = Validator(base: base, readable: end, limits: limits)
        do throws(ParseFault) {
            try validator.check(startLine)
            for field in fields { try validator.check(field) }
            try validator.checkPresence()
        } catch {
            return Verdict(fault: error.kind, landmarks: validator.landmarks)
        }
        return Verdict(fault: nil, landmarks: validator.landmarks)
    }
}

/// Walks once over the headers of a message. It reads through one pointer and keeps no reference to anything.
private struct Validator {
    let base: UnsafePointer<UInt8>
    /// Where the message ends.
    let readable: Int
    let limits: Limits
    /// The method of a request; nil for a response.
    var method: Method?
    /// What was found on the way.
    private(set) var landmarks = Landmarks()
    /// Which headers have been seen, a bit each.
    private var seen: (UInt64, UInt64) = (0, 0)
    private var viaCount = 0

    init(base: UnsafePointer<UInt8>, readable: Int, limits: Limits) {
        self.base = base
        self.readable = readable
        self.limits = limits
    }

    mutating func check(_ startLine: SIPMessage.StartLine) throws(ParseFault) {
        switch startLine {
        case .request(let method, let uri):
            // RFC 3261 §8.1.1.1, §19.1.1 table 1: a Request-URI carries no headers.
            guard let pieces = try? URIGrammar.scan(self.base, uri, readable: self.readable), pieces.headers == nil
            else {
                throw ParseFault(.badRequestURI)
            }
            self.landmarks.requestURI = pieces
            self.method = method
        case .response(let status, _):
            guard status >= 100 else { throw ParseFault(.badStatusLine) }
        }
    }

    mutating func check(_ field: HeaderField) throws(ParseFault) {
        var cursor = Cursor(self.base, field.valueRange, readable: self.readable)
        switch field.name {
        case .other: break
        case .via: try self.checkVia(&cursor)
        case .from:
            try self.once(.from)
            self.landmarks.from = try Self.party(&cursor, or: .badFrom)
        case .to:
            try self.once(.to)
            self.landmarks.to = try Self.party(&cursor, or: .badTo)
        case .callID:
            try self.once(.callID)
            guard Self.isCallID(&cursor) else { throw ParseFault(.badCallID) }
        case .cseq: try self.checkCSeq(&cursor)
        case .maxForwards: try self.checkMaxForwards(&cursor)
        case .contact: try self.checkContact(&cursor)
        case .route: try self.checkAddresses(&cursor, or: .badRoute)
        case .recordRoute: try self.checkAddresses(&cursor, or: .badRecordRoute)
        case .path: try self.checkAddresses(&cursor, or: .badPath)
        case .require, .proxyRequire: try self.checkTokens(&cursor, or: .badOptionTags)
        case .contentLength: try self.once(.contentLength)
        default: try self.checkEvent(field.name, &cursor)
        }
    }

    /// The headers that event notification and bodies rely on.
    private mutating func checkEvent(_ name: HeaderName, _ cursor: inout Cursor) throws(ParseFault) {
        switch name {
        case .expires:
            try self.once(name)
            // RFC 3261 §10.2.1.1: a registrar reads a malformed value as an hour.
            guard self.method == .register || Self.isNumber(&cursor) else { throw ParseFault(.badExpires) }
        case .minExpires:
            try self.once(name)
            guard Self.isNumber(&cursor) else { throw ParseFault(.badMinExpires) }
        case .event:
            try self.once(name)
            self.landmarks.event = try Self.tokenWithParameters(&cursor, or: .badEvent)
        case .subscriptionState:
            try self.once(name)
            _ = try Self.tokenWithParameters(&cursor, or: .badSubscriptionState)
        case .sipETag, .sipIfMatch, .suppressIfMatch:
            try self.once(name)
            guard !cursor.longRun(CharacterClass.token).isEmpty, cursor.isAtEnd else { throw ParseFault(.badEntityTag) }
        case .contentType:
            try self.once(name)
            _ = try MediaRangePieces.scan(&cursor, or: .badContentType)
            guard cursor.isAtEnd else { throw ParseFault(.badContentType) }
        case .accept:
            // RFC 3261 §20.1: an empty Accept means that no format is acceptable.
            if cursor.isAtEnd { return }
            try Self.list(&cursor, or: .badAccept) { (cursor) throws(ParseFault) in
                _ = try MediaRangePieces.scan(&cursor, or: .badAccept)
            }
        default: break
        }
    }

    /// RFC 3261 §8.1.1: these are in every message.
    func checkPresence() throws(ParseFault) {
        if self.viaCount == 0 { throw ParseFault(.missingVia) }
        if !self.hasSeen(.from) { throw ParseFault(.missingFrom) }
        if !self.hasSeen(.to) { throw ParseFault(.missingTo) }
        if !self.hasSeen(.callID) { throw ParseFault(.missingCallID) }
        if !self.hasSeen(.cseq) { throw ParseFault(.missingCSeq) }
    }

    @inline(__always)
    private func hasSeen(_ name: HeaderName) -> Bool {
        let bit = UInt64(1) &<< UInt64(name.rawValue & 63)
        return (name.rawValue < 64 ? self.seen.0 : self.seen.1) & bit != 0
    }

    /// RFC 3261 §7.3.1: only headers that are lists may stand in several lines.
    @inline(__always)
    private mutating func once(_ name: HeaderName) throws(ParseFault) {
        if self.hasSeen(name) { throw ParseFault(.duplicateHeader) }
        self.note(name)
    }

    @inline(__always)
    private mutating func note(_ name: HeaderName) {
        let bit = UInt64(1) &<< UInt64(name.rawValue & 63)
        if name.rawValue < 64 { self.seen.0 |= bit } else { self.seen.1 |= bit }
    }

    private mutating func checkVia(_ cursor: inout Cursor) throws(ParseFault) {
        repeat {
            self.viaCount &+= 1
            if self.viaCount > 1 {
                _ = try ViaGrammar.scan(&cursor)
            } else {
                // Responses are routed by this one, so it must be one of ours and its branch unambiguous.
                let via = try TopVia(&cursor)
                guard via.pieces.isSIP2, !via.hasBadBranch else { throw ParseFault(.badVia) }
                self.landmarks.topVia = via
            }
            if self.viaCount > self.limits.maximumVias { throw ParseFault(.tooManyVias) }
        } while cursor.take(UInt8(ascii: ","))
        guard cursor.isAtEnd else { throw ParseFault(.badVia) }
    }

    /// RFC 3261 §7.3.1: a parameter name appears once. It is checked where two readers could otherwise take
    /// different transactions or dialogs out of one message: here of the tag, in a top Via of the branch. Present, it
    /// has a value.
    private static func party(_ cursor: inout Cursor, or kind: ParseFault.Kind) throws(ParseFault) -> Landmarks.Party {
        let base = cursor.base
        do throws(ParseFault) {
            var address = try NameAddressGrammar.address(&cursor)
            var tag: Piece?
            address.parameters = try Parameters.walk(&cursor) { (found) throws(ParseFault) in
                guard Bytes.equalIgnoringCase(base, found.name.range, "tag") else { return }
                guard tag == nil, !found.isWithoutPlainValue(base) else { throw ParseFault(kind) }
                tag = found.value
            }
            guard cursor.isAtEnd else { throw ParseFault(kind) }
            return Landmarks.Party(
                address: address, uri: try URIGrammar.scan(base, address.uri.range, readable: cursor.readable), tag: tag
            )
        } catch { throw ParseFault(kind) }
    }

    private static func isCallID(_ cursor: inout Cursor) -> Bool {
        guard !cursor.longRun(CharacterClass.word).isEmpty else { return false }
        if cursor.take(UInt8(ascii: "@")), cursor.longRun(CharacterClass.word).isEmpty { return false }
        return cursor.isAtEnd
    }

    private mutating func checkCSeq(_ cursor: inout Cursor) throws(ParseFault) {
        try self.once(.cseq)
        guard let parts = CSeq.scan(&cursor) else { throw ParseFault(.badCSeq) }
        let token = UnsafeBufferPointer(start: self.base + parts.method.lowerBound, count: parts.method.count)
        self.landmarks.cseq = (parts.number, Piece(parts.method))
        guard let method = self.method else { return }
        let isSame: Bool =
            if case .other(let mine) = method { mine.elementsEqual(token) } else { Bytes.equal(token, method.literal) }
        guard isSame else { throw ParseFault(.cseqMethodMismatch) }
    }

    private mutating func checkMaxForwards(_ cursor: inout Cursor) throws(ParseFault) {
        try self.once(.maxForwards)
        guard let number = cursor.number(), number <= 255, cursor.isAtEnd else { throw ParseFault(.badMaxForwards) }
    }

    private mutating func checkContact(_ cursor: inout Cursor) throws(ParseFault) {
        let isFirst = !self.hasSeen(.contact)
        self.note(.contact)
        if cursor.take(UInt8(ascii: "*")) {
            guard cursor.isAtEnd else { throw ParseFault(.badContact) }
            self.landmarks.contact = nil
            return
        }
        let party = try Self.nameAddress(&cursor, or: .badContact)
        // Of several addresses none is kept: then there are readers that want all of them.
        self.landmarks.contact = isFirst && cursor.isAtEnd ? party : nil
        guard cursor.take(UInt8(ascii: ",")) else {
            guard cursor.isAtEnd else { throw ParseFault(.badContact) }
            return
        }
        try self.checkAddresses(&cursor, or: .badContact)
    }

    /// Reads one address with its URI, up to the end of the bytes or a comma.
    private static func nameAddress(
        _ cursor: inout Cursor, or kind: ParseFault.Kind
    ) throws(ParseFault) -> Landmarks.Party {
        guard let pieces = try? NameAddressGrammar.scan(&cursor),
            let uri = try? URIGrammar.scan(cursor.base, pieces.uri.range, readable: cursor.readable)
        else { throw ParseFault(kind) }
        return Landmarks.Party(address: pieces, uri: uri)
    }

    private func checkAddresses(_ cursor: inout Cursor, or kind: ParseFault.Kind) throws(ParseFault) {
        try Self.list(&cursor, or: kind) { (cursor) throws(ParseFault) in
            _ = try Self.nameAddress(&cursor, or: kind)
        }
    }

    private func checkTokens(_ cursor: inout Cursor, or kind: ParseFault.Kind) throws(ParseFault) {
        try Self.list(&cursor, or: kind) { (cursor) throws(ParseFault) in
            cursor.skipBlanks()
            if cursor.longRun(CharacterClass.token).isEmpty { throw ParseFault(kind) }
            cursor.skipBlanks()
        }
    }

    @inline(__always)
    private static func list(
        _ cursor: inout Cursor, or kind: ParseFault.Kind, _ element: (inout Cursor) throws(ParseFault) -> Void
    ) throws(ParseFault) {
        repeat { try element(&cursor) } while cursor.take(UInt8(ascii: ","))
        guard cursor.isAtEnd else { throw ParseFault(kind) }
    }

    private static func tokenWithParameters(
        _ cursor: inout Cursor, or kind: ParseFault.Kind
    ) throws(ParseFault) -> (value: Piece, parameters: Piece) {
        let token = cursor.longRun(CharacterClass.token)
        guard !token.isEmpty, let parameters = try? Parameters.checkHeaderParameters(&cursor), cursor.isAtEnd else {
            throw ParseFault(kind)
        }
        return (Piece(token), parameters)
    }

    /// Digits and nothing else, however many.
    private static func isNumber(_ cursor: inout Cursor) -> Bool {
        !cursor.run(.digits).isEmpty && cursor.isAtEnd
    }
}
