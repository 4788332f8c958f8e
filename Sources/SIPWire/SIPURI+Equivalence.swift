internal import Ground

extension SIPURI {
    /// Whether two URIs name the same resource: RFC 3261 §19.1.4 for sip and sips, RFC 3966 §5 for tel. Others are
    /// equal when their bytes are, but for the case of the scheme.
    package func isEquivalent(to other: SIPURI) -> Bool {
        guard self.pieces.kind == other.pieces.kind else { return false }
        switch self.pieces.kind {
        case .sip, .sips, .pres, .im:
            return Self.isSame(self.user, other.user, ignoringCase: false)
                && Self.isSame(self.password, other.password, ignoringCase: false)
                && self.hasSameHost(as: other) && self.port == other.port
                && self.hasSameParameters(as: other, mandatory: Self.mandatoryParameters)
                && Self.hasSameHeaders(self.headers, other.headers)
        case .tel:
            return self.dialledDigits == other.dialledDigits && self.hasSameTelephoneParameters(as: other)
        case .other:
            return self.octets[self.pieces.scheme].equalsIgnoringCase(other.octets[other.pieces.scheme])
                && self.schemeSpecificPart == other.schemeSpecificPart
        }
    }

    /// Parameters that make a difference even when only one of the URIs has them.
    private static let mandatoryParameters: [StaticString] = ["user", "ttl", "method", "maddr", "transport"]

    private func hasSameHost(as other: SIPURI) -> Bool {
        if self.host.equalsIgnoringCase(other.host) { return true }
        guard let mine = self.hostAddress, let theirs = other.hostAddress else { return false }
        return mine == theirs
    }

    private func hasSameParameters(as other: SIPURI, mandatory: [StaticString]) -> Bool {
        let mine = self.parameters
        let theirs = other.parameters
        for name in mandatory where mine.contains(name) != theirs.contains(name) { return false }
        return Self.firstOnes(mine).allSatisfy { parameter in
            guard let match = theirs.first(where: { Self.isSame($0.name, parameter.name, ignoringCase: true) }) else {
                return true
            }
            return Self.isSame(parameter.value, match.value, ignoringCase: true)
        }
    }

    /// The parameters without repetitions. A name stands once in a URI (RFC 3261 §19.1.1); where a peer repeats it,
    /// the first one counts, here as everywhere.
    private static func firstOnes(_ parameters: Parameters) -> [Parameters.Element] {
        var firstOnes: [Parameters.Element] = []
        for parameter in parameters
        where !firstOnes.contains(where: { self.isSame($0.name, parameter.name, ignoringCase: true) }) {
            firstOnes.append(parameter)
        }
        return firstOnes
    }

    /// RFC 3966 §5: every parameter counts, in any order; the context of a local number may itself be a number.
    private func hasSameTelephoneParameters(as other: SIPURI) -> Bool {
        let mine = Self.firstOnes(self.parameters)
        let theirs = Self.firstOnes(other.parameters)
        guard mine.count == theirs.count else { return false }
        for parameter in mine {
            guard let match = theirs.first(where: { Self.isSame($0.name, parameter.name, ignoringCase: true) }) else {
                return false
            }
            if let left = parameter.value, let right = match.value,
                left.first == UInt8(ascii: "+") || parameter.name.equalsIgnoringCase("ext")
            {
                guard Self.digits(left) == Self.digits(right) else { return false }
            } else if !Self.isSame(parameter.value, match.value, ignoringCase: true) {
                return false
            }
        }
        return true
    }

    private static func digits(_ text: Octets) -> [UInt8] {
        text.filter { TelephoneNumber.digit($0, isGlobal: true) != false }
    }

    /// RFC 3261 §19.1.4: header components are never ignored; their order means nothing.
    private static func hasSameHeaders(_ left: Octets?, _ right: Octets?) -> Bool {
        guard let left, let right else { return left == nil && right == nil }
        let mine = left.split(separator: UInt8(ascii: "&"))
        var theirs = right.split(separator: UInt8(ascii: "&"))
        guard mine.count == theirs.count else { return false }
        for header in mine {
            guard let index = theirs.firstIndex(where: { Self.isSame($0, header, ignoringCase: true) }) else {
                return false
            }
            theirs.remove(at: index)
        }
        return true
    }

    /// Compares two parts: an escaped character equals itself unless it is reserved (RFC 3261 §19.1.4).
    static func isSame(_ left: Octets?, _ right: Octets?, ignoringCase: Bool) -> Bool {
        guard let left, let right else { return left == nil && right == nil }
        return left.withCursor { mine in
            right.withCursor { theirs in
                while true {
                    let one = Self.nextCharacter(&mine, ignoringCase)
                    let two = Self.nextCharacter(&theirs, ignoringCase)
                    if one != two { return false }
                    if one == nil { return true }
                }
            }
        }
    }

    /// The next character; a reserved one that came escaped is told apart by bit 8.
    private static func nextCharacter(_ cursor: inout Cursor, _ ignoringCase: Bool) -> UInt16? {
        guard !cursor.isAtEnd else { return nil }
        let byte = cursor.current
        guard byte == UInt8(ascii: "%"), cursor.position &+ 2 < cursor.end,
            let high = ASCII.hexValue(cursor.byte(ahead: 1)), let low = ASCII.hexValue(cursor.byte(ahead: 2))
        else {
            cursor.advance()
            return UInt16(ignoringCase ? ASCII.lowercased(byte) : byte)
        }
        cursor.position &+= 3
        let value = high << 4 | low
        if Self.isReserved(value) { return 0x100 | UInt16(value) }
        return UInt16(ignoringCase ? ASCII.lowercased(value) : value)
    }

    /// reserved (RFC 2396 §2.2), and the percent sign itself.
    private static func isReserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ";"), UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: ":"), UInt8(ascii: "@"),
            UInt8(ascii: "&"), UInt8(ascii: "="), UInt8(ascii: "+"), UInt8(ascii: "$"), UInt8(ascii: ","),
            UInt8(ascii: "%"):
            true
        default: false
        }
    }
}
