package import Ground

extension SIPMessage {
    /// Splits and judges a message. Throws only where nothing can be answered: no start line, or a limit was passed.
    /// Every other fault is kept for ``validate()``, so that a 400 can be made from the headers that are there.
    ///
    /// - Parameters:
    ///   - bytes: the message; leading empty lines are skipped (RFC 3261 §7.5).
    ///   - framing: how it was cut out.
    package static func parse(
        _ bytes: consuming [UInt8], framing: Framing = .datagram, limits: Limits = .standard
    ) throws(ParseFault) -> SIPMessage {
        var storage = bytes
        guard storage.count <= limits.maximumMessageBytes else { throw ParseFault(.messageTooLarge) }
        var head = try storage.withUnsafeBufferPointer { (buffer) throws(ParseFault) -> Head in
            guard let base = buffer.baseAddress else { throw ParseFault(.notSIP) }
            return try Head(base, end: buffer.count, limits: limits)
        }
        if head.hasFold { Self.blankFolds(&storage, head.fields) }
        let available = storage.count - head.bodyStart
        var length = available
        if case .bytes(let declared) = head.declaredLength, declared < UInt64(available) { length = Int(declared) }
        if head.fault == nil { head.fault = Self.lengthFault(head.declaredLength, available, framing) }
        let verdict = storage.withUnsafeBufferPointer { buffer in
            guard head.fault == nil, let base = buffer.baseAddress else { return Verdict(fault: head.fault ?? .notSIP) }
            return Self.judge(base, end: buffer.count, head.startLine, head.fields, limits: limits)
        }
        return SIPMessage(parts: Parts(storage, head, bodyLength: length, framing: framing, verdict: verdict))
    }

    /// What can be read of a request that passed a limit, so that it can be answered. Nil for what is no request, or has
    /// none of the headers that an answer needs.
    ///
    /// Only the header section is read, and no more of it than a message may have; what comes behind is left out. A
    /// message that is read so is good for a refusal and for nothing else.
    package static func remains(of bytes: Octets, limits: Limits) -> SIPMessage? {
        var head = Array(bytes.prefix(limits.maximumHeadBytes))
        if bytes.count > head.count {
            // A line that is cut through would say what was never said.
            guard let end = head.lastIndex(of: 0x0A) else { return nil }
            head.removeSubrange((end + 1)...)
        }
        var wide = limits
        wide.maximumHeaders = limits.maximumHeadBytes
        wide.maximumHeaderBytes = limits.maximumHeadBytes
        wide.maximumMessageBytes = limits.maximumHeadBytes
        guard let message = try? Self.parse(head, framing: .datagram, limits: wide), message.isRequest,
            message.first(.via) != nil, message.first(.from) != nil, message.first(.to) != nil,
            message.first(.callID) != nil, message.first(.cseq) != nil
        else { return nil }
        return message
    }

    /// RFC 3261 §18.3: a datagram may be longer than its Content-Length, never shorter; a stream has no other way
    /// to know where a message ends.
    private static func lengthFault(_ declared: DeclaredLength, _ available: Int, _ framing: Framing) -> ParseFault
        .Kind?
    {
        switch declared {
        case .absent: framing == .stream ? .missingContentLength : nil
        case .malformed: .badContentLength
        case .conflicting: .duplicateHeader
        case .bytes(let count):
            if count > UInt64(available) {
                .contentLengthMismatch
            } else if framing == .stream, count != UInt64(available) {
                .contentLengthMismatch
            } else {
                nil
            }
        }
    }

    /// RFC 3261 §7.3.1: a fold means one blank. Its CR and LF become blanks, so that nobody behind needs to know.
    static func blankFolds(_ storage: inout [UInt8], _ fields: [HeaderField]) {
        storage.withUnsafeMutableBufferPointer { buffer in
            for field in fields {
                var index = field.valueRange.lowerBound
                while index < field.valueRange.upperBound {
                    if buffer[index] == 0x0D, index + 2 < field.valueRange.upperBound, buffer[index + 1] == 0x0A,
                        buffer[index + 2] == 0x20 || buffer[index + 2] == 0x09
                    {
                        buffer[index] = 0x20
                        buffer[index + 1] = 0x20
                    }
                    index += 1
                }
            }
        }
    }
}

/// The start line and header lines of a message, split.
struct Head {
    let startLine: SIPMessage.StartLine
    let fields: [HeaderField]
    let bodyStart: Int
    let hasFold: Bool
    let declaredLength: DeclaredLength
    var fault: ParseFault.Kind?

    init(_ base: UnsafePointer<UInt8>, end: Int, limits: Limits) throws(ParseFault) {
        var start = 0
        while start &+ 1 < end, base[start] == 0x0D, base[start &+ 1] == 0x0A { start &+= 2 }
        var lineEnd = start
        var lineFault: ParseFault.Kind?
        while true {
            lineEnd = HeadScanner.indexOfControl(base, lineEnd, end)
            guard lineEnd < end else { throw ParseFault(.notSIP) }
            if base[lineEnd] == 0x0D, lineEnd &+ 1 < end, base[lineEnd &+ 1] == 0x0A { break }
            if base[lineEnd] == 0x0D || base[lineEnd] == 0x0A { lineFault = .badLineEnding }
            lineEnd &+= 1
        }
        let line = try StartLineScanner.scan(base, start..<lineEnd, limits: limits)
        var scanner = HeadScanner(base, end: end, limits: limits)
        self.bodyStart = try scanner.scan(from: lineEnd &+ 2)
        if self.bodyStart &- start > limits.maximumHeadBytes { throw ParseFault(.headTooLarge) }
        self.startLine = line.startLine
        self.fields = scanner.fields
        self.hasFold = scanner.hasFold
        self.declaredLength = scanner.declaredLength
        self.fault = line.fault ?? lineFault ?? scanner.fault
    }
}

/// Reads the first line (RFC 3261 §7.1, §7.2).
enum StartLineScanner {
    /// What the line says, and what is wrong with it if it can be read nevertheless.
    struct Line {
        var startLine: SIPMessage.StartLine
        var fault: ParseFault.Kind?
    }

    static func scan(_ base: UnsafePointer<UInt8>, _ range: Range<Int>, limits: Limits) throws(ParseFault) -> Line {
        if range.count >= 4, Bytes.equalIgnoringCase(base, range.lowerBound..<(range.lowerBound + 4), "sip/") {
            return Self.status(base, range)
        }
        return try Self.request(base, range, limits: limits)
    }

    private static func status(_ base: UnsafePointer<UInt8>, _ range: Range<Int>) -> Line {
        var cursor = Cursor(base, range)
        let version = cursor.run(.versionClass)
        var fault: ParseFault.Kind? = Self.versionFault(base, version)
        let spaced = cursor.take(0x20)
        let digits = cursor.position
        let number = cursor.number()
        let count = cursor.position - digits
        var status = 0
        if spaced, count == 3, let number, number >= 100, number <= 699, cursor.isAtEnd || cursor.current == 0x20 {
            status = Int(number)
        } else {
            fault = fault ?? .badStatusLine
        }
        // The blank before an empty reason phrase belongs to the grammar; peers that leave it out mean the same.
        _ = cursor.take(0x20)
        return Line(
            startLine: .response(status: status, reason: min(cursor.position, range.upperBound)..<range.upperBound),
            fault: fault)
    }

    private static func request(
        _ base: UnsafePointer<UInt8>, _ range: Range<Int>, limits: Limits
    ) throws(ParseFault) -> Line {
        var cursor = Cursor(base, range)
        let name = cursor.run(CharacterClass.token)
        guard !name.isEmpty, cursor.current == 0x20 || cursor.current == 0x09 else { throw ParseFault(.notSIP) }
        let method = Method(UnsafeBufferPointer(start: base + name.lowerBound, count: name.count))
        cursor.advance()
        var uriStart = cursor.position
        var uriEnd = uriStart
        while uriEnd < range.upperBound, base[uriEnd] > 0x20 { uriEnd &+= 1 }
        let version = min(uriEnd &+ 1, range.upperBound)..<range.upperBound
        if uriEnd > uriStart, uriEnd < range.upperBound, base[uriEnd] == 0x20,
            Bytes.equalIgnoringCase(base, version, "sip/2.0")
        {
            if uriEnd &- uriStart > limits.maximumURIBytes {
                return Line(startLine: .request(method, uri: uriStart..<uriEnd), fault: .requestURITooLong)
            }
            return Line(startLine: .request(method, uri: uriStart..<uriEnd), fault: nil)
        }
        // Not the plain form: find the version at the end, if there is one, to say what is wrong.
        var last = range.upperBound
        while last > uriStart, base[last &- 1] == 0x20 || base[last &- 1] == 0x09 { last &-= 1 }
        let hasTrailingBlanks = last != range.upperBound
        var versionStart = last
        while versionStart > uriStart, base[versionStart &- 1] > 0x20 { versionStart &-= 1 }
        uriEnd = versionStart
        while uriEnd > uriStart, base[uriEnd &- 1] <= 0x20 { uriEnd &-= 1 }
        while uriStart < uriEnd, base[uriStart] <= 0x20 { uriStart &+= 1 }
        let versionFault = Self.versionFault(base, versionStart..<last)
        let isClean = !hasTrailingBlanks && versionFault == .badVersion && Self.hasNoBlank(base, uriStart..<uriEnd)
        return Line(startLine: .request(method, uri: uriStart..<uriEnd), fault: isClean ? .badVersion : .badRequestLine)
    }

    private static func hasNoBlank(_ base: UnsafePointer<UInt8>, _ range: Range<Int>) -> Bool {
        for index in range where base[index] <= 0x20 { return false }
        return !range.isEmpty
    }

    /// Nil for `SIP/2.0` in any case; a bad version if it is another version of SIP; else no version at all.
    private static func versionFault(_ base: UnsafePointer<UInt8>, _ range: Range<Int>) -> ParseFault.Kind? {
        if Bytes.equalIgnoringCase(base, range, "sip/2.0") { return nil }
        var cursor = Cursor(base, range)
        guard range.count > 4, Bytes.equalIgnoringCase(base, range.lowerBound..<(range.lowerBound + 4), "sip/") else {
            return .badRequestLine
        }
        cursor.position += 4
        let major = cursor.run(.digits)
        guard !major.isEmpty, cursor.take(UInt8(ascii: ".")) else { return .badRequestLine }
        let minor = cursor.run(.digits)
        return !minor.isEmpty && cursor.isAtEnd ? .badVersion : .badRequestLine
    }
}

extension CharacterSet128 {
    /// DIGIT
    static var digits: CharacterSet128 { CharacterSet128(low: 0x03FF_0000_0000_0000, high: 0) }
    /// Letters, digits, `/` and `.`: the characters of SIP-Version.
    static var versionClass: CharacterSet128 {
        CharacterSet128(low: 0x03FF_C000_0000_0000, high: 0x07FF_FFFE_07FF_FFFE)
    }
}
