internal import Ground

extension SIPMessage {
    /// Checks what a server relies on: the start line, the headers that every message has exactly once, and the
    /// grammar of those that routing, transactions and event notification read. The verdicts of RFC 4475 come from
    /// here. Malformed headers that nobody needs are let through (RFC 3261 §8.2).
    ///
    /// A fault of a request is answered with ``ParseFault/status`` and ``ParseFault/reason``; a response with a
    /// fault is dropped.
    package func validate(limits: Limits = .standard) throws(ParseFault) {
        if let fault = self.structuralFault { throw ParseFault(fault) }
        try self.storage.withUnsafeBufferPointer { (buffer) throws(ParseFault) in
            guard let base = buffer.baseAddress else { throw ParseFault(.notSIP) }
            var validator = Validator(base: base, limits: limits)
            switch self.startLine {
            case .request(let method, let uri):
                try Validator.checkRequestURI(base, uri)
                validator.method = method
            case .response(let status, _):
                guard status >= 100 else { throw ParseFault(.badStatusLine) }
            }
            for field in self.headers { try validator.check(field) }
            try validator.checkPresence()
        }
    }
}

/// Walks once over the headers of a message. It reads through one pointer and keeps no reference to anything.
private struct Validator {
    let base: UnsafePointer<UInt8>
    let limits: Limits
    /// The method of a request; nil for a response.
    var method: Method?
    /// Which headers have been seen, a bit each.
    private var seen: (UInt64, UInt64) = (0, 0)
    private var viaCount = 0

    init(base: UnsafePointer<UInt8>, limits: Limits) {
        self.base = base
        self.limits = limits
    }

    /// RFC 3261 §8.1.1.1, §19.1.1 table 1: a Request-URI carries no headers.
    static func checkRequestURI(_ base: UnsafePointer<UInt8>, _ range: Range<Int>) throws(ParseFault) {
        guard let pieces = try? URIGrammar.scan(base, range), pieces.headers == nil else {
            throw ParseFault(.badRequestURI)
        }
    }

    mutating func check(_ field: HeaderField) throws(ParseFault) {
        var cursor = Cursor(self.base, field.valueRange)
        switch field.name {
        case .other: break
        case .via: try self.checkVia(&cursor)
        case .from: try self.checkParty(&cursor, .from, or: .badFrom)
        case .to: try self.checkParty(&cursor, .to, or: .badTo)
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
            try self.checkToken(&cursor, or: .badEvent)
        case .subscriptionState:
            try self.once(name)
            try self.checkToken(&cursor, or: .badSubscriptionState)
        case .sipETag, .sipIfMatch, .suppressIfMatch:
            try self.once(name)
            guard !cursor.run(CharacterClass.token).isEmpty, cursor.isAtEnd else { throw ParseFault(.badEntityTag) }
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

    private func hasSeen(_ name: HeaderName) -> Bool {
        let bit = UInt64(1) &<< UInt64(name.rawValue & 63)
        return (name.rawValue < 64 ? self.seen.0 : self.seen.1) & bit != 0
    }

    /// RFC 3261 §7.3.1: only headers that are lists may stand in several lines.
    @inline(__always)
    private mutating func once(_ name: HeaderName) throws(ParseFault) {
        let bit = UInt64(1) &<< UInt64(name.rawValue & 63)
        let before = name.rawValue < 64 ? self.seen.0 : self.seen.1
        if before & bit != 0 { throw ParseFault(.duplicateHeader) }
        if name.rawValue < 64 { self.seen.0 |= bit } else { self.seen.1 |= bit }
    }

    private mutating func checkVia(_ cursor: inout Cursor) throws(ParseFault) {
        repeat {
            let pieces = try ViaGrammar.scan(&cursor)
            self.viaCount &+= 1
            if self.viaCount > self.limits.maximumVias { throw ParseFault(.tooManyVias) }
            if self.viaCount == 1 {
                // Responses are routed by this one, so it must be one of ours and its branch unambiguous.
                guard pieces.isSIP2 else { throw ParseFault(.badVia) }
                try Self.checkSingle("branch", self.base, pieces.parameters, or: .badVia)
            }
        } while cursor.take(UInt8(ascii: ","))
        guard cursor.isAtEnd else { throw ParseFault(.badVia) }
    }

    private mutating func checkParty(
        _ cursor: inout Cursor, _ name: HeaderName, or kind: ParseFault.Kind
    ) throws(ParseFault) {
        try self.once(name)
        guard let pieces = try? NameAddressGrammar.scan(&cursor), cursor.isAtEnd,
            (try? URIGrammar.scan(self.base, pieces.uri.range)) != nil
        else { throw ParseFault(kind) }
        try Self.checkSingle("tag", self.base, pieces.parameters, or: kind)
    }

    /// RFC 3261 §7.3.1: a parameter name appears once. It is checked where two readers could otherwise take
    /// different transactions or dialogs out of one message. Present, it has a value.
    private static func checkSingle(
        _ name: StaticString, _ base: UnsafePointer<UInt8>, _ parameters: Piece, or kind: ParseFault.Kind
    ) throws(ParseFault) {
        var cursor = Cursor(base, parameters.range)
        var isFound = false
        while let found = Parameters.next(&cursor) {
            guard Bytes.equalIgnoringCase(base, found.name.range, name) else { continue }
            guard !isFound, let value = found.value, !value.isEmpty, base[Int(value.start)] != UInt8(ascii: "\"") else {
                throw ParseFault(kind)
            }
            isFound = true
        }
    }

    private static func isCallID(_ cursor: inout Cursor) -> Bool {
        guard !cursor.run(CharacterClass.word).isEmpty else { return false }
        if cursor.take(UInt8(ascii: "@")), cursor.run(CharacterClass.word).isEmpty { return false }
        return cursor.isAtEnd
    }

    private mutating func checkCSeq(_ cursor: inout Cursor) throws(ParseFault) {
        try self.once(.cseq)
        guard let parts = CSeq.scan(&cursor) else { throw ParseFault(.badCSeq) }
        guard let method = self.method else { return }
        let token = UnsafeBufferPointer(start: self.base + parts.method.lowerBound, count: parts.method.count)
        let isSame: Bool =
            if case .other(let mine) = method { mine.elementsEqual(token) } else { Bytes.equal(token, method.literal) }
        guard isSame else { throw ParseFault(.cseqMethodMismatch) }
    }

    private mutating func checkMaxForwards(_ cursor: inout Cursor) throws(ParseFault) {
        try self.once(.maxForwards)
        guard let number = cursor.number(), number <= 255, cursor.isAtEnd else { throw ParseFault(.badMaxForwards) }
    }

    private mutating func checkContact(_ cursor: inout Cursor) throws(ParseFault) {
        if cursor.take(UInt8(ascii: "*")) {
            guard cursor.isAtEnd else { throw ParseFault(.badContact) }
            return
        }
        try self.checkAddresses(&cursor, or: .badContact)
    }

    private func checkAddresses(_ cursor: inout Cursor, or kind: ParseFault.Kind) throws(ParseFault) {
        let base = self.base
        try Self.list(&cursor, or: kind) { (cursor) throws(ParseFault) in
            guard let pieces = try? NameAddressGrammar.scan(&cursor),
                (try? URIGrammar.scan(base, pieces.uri.range)) != nil
            else { throw ParseFault(kind) }
        }
    }

    private func checkTokens(_ cursor: inout Cursor, or kind: ParseFault.Kind) throws(ParseFault) {
        try Self.list(&cursor, or: kind) { (cursor) throws(ParseFault) in
            cursor.skipBlanks()
            if cursor.run(CharacterClass.token).isEmpty { throw ParseFault(kind) }
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

    private func checkToken(_ cursor: inout Cursor, or kind: ParseFault.Kind) throws(ParseFault) {
        guard !cursor.run(CharacterClass.token).isEmpty,
            (try? Parameters.checkHeaderParameters(&cursor)) != nil, cursor.isAtEnd
        else { throw ParseFault(kind) }
    }

    /// Digits and nothing else, however many.
    private static func isNumber(_ cursor: inout Cursor) -> Bool {
        !cursor.run(.digits).isEmpty && cursor.isAtEnd
    }
}
