internal import Ground

extension SIPURI {
    /// The one form that all URIs of the same user share, and the key of every table:
    /// `sip:user@host[:port]` for sip, sips and pres; `tel:+digits` for tel. Parameters, headers and password do
    /// not belong to an identity.
    package var canonicalIdentity: [UInt8] {
        if let identity = self.plainIdentity { return identity }
        var identity: [UInt8] = []
        identity.reserveCapacity(self.octets.count)
        switch self.pieces.kind {
        case .sip, .sips, .pres: identity.append(literal: "sip:")
        case .im: identity.append(literal: "im:")
        case .tel:
            self.appendNumber(to: &identity)
            return identity
        case .other:
            for byte in self.octets[self.pieces.scheme] { identity.append(ASCII.lowercased(byte)) }
            identity.append(UInt8(ascii: ":"))
            Self.appendNormalised(self.schemeSpecificPart, to: &identity)
            return identity
        }
        if let user = self.user {
            Self.appendNormalised(user, to: &identity)
            identity.append(UInt8(ascii: "@"))
        }
        self.appendHost(to: &identity)
        if let port = self.port {
            identity.append(UInt8(ascii: ":"))
            identity.append(decimal: UInt64(port))
        }
        return identity
    }

    /// The identity of a URI in which nothing has to be rewritten but the case of the host, as it is with nearly all;
    /// nil for any other.
    private var plainIdentity: [UInt8]? {
        let pieces = self.pieces
        switch pieces.kind {
        case .sip, .sips, .pres: break
        case .im, .tel, .other: return nil
        }
        guard let user = pieces.user, pieces.password == nil, pieces.port == nil else { return nil }
        var identity: [UInt8] = []
        identity.reserveCapacity(self.octets.count + 1)
        let isPlain = self.octets.withUnsafeBufferPointer { source in
            for index in user.range where source[index] == UInt8(ascii: "%") { return false }
            let host = pieces.host.range
            guard let last = host.last, source[last] != UInt8(ascii: "."), source[host.lowerBound] != UInt8(ascii: "[")
            else { return false }
            identity.append(literal: "sip:")
            identity.append(contentsOf: UnsafeBufferPointer(rebasing: source[Int(user.start)..<host.upperBound]))
            return true
        }
        guard isPlain else { return nil }
        Self.lowerCase(&identity, from: identity.count - Int(pieces.host.end &- pieces.host.start))
        return identity
    }

    /// Takes the case out of the bytes from a place on.
    private static func lowerCase(_ bytes: inout [UInt8], from start: Int) {
        bytes.withUnsafeMutableBufferPointer { bytes in
            for index in start..<bytes.count { bytes[index] = ASCII.lowercased(bytes[index]) }
        }
    }

    private func appendHost(to identity: inout [UInt8]) {
        let host = self.host
        if host.first == UInt8(ascii: "["), let address = self.hostAddress {
            identity.append(text: address.hostText)
            return
        }
        let start = identity.count
        host.withUnsafeBufferPointer { identity.append(contentsOf: $0) }
        Self.lowerCase(&identity, from: start)
        // A dot at the end makes a name absolute, which every name in SIP is.
        if identity.last == UInt8(ascii: "."), host.count > 1 { identity.removeLast() }
    }

    /// RFC 3966 §5: separators mean nothing, the case of the hexadecimal digits neither.
    private func appendNumber(to identity: inout [UInt8]) {
        identity.append(literal: "tel:")
        identity.append(contentsOf: self.dialledDigits)
        guard identity.count > 4, identity[4] != UInt8(ascii: "+") else { return }
        guard let context = self.parameters.value(of: "phone-context") else { return }
        identity.append(literal: ";phone-context=")
        if context.first == UInt8(ascii: "+") {
            for byte in context where TelephoneNumber.digit(byte, isGlobal: true) != false { identity.append(byte) }
        } else {
            for byte in context { identity.append(ASCII.lowercased(byte)) }
        }
    }

    /// The digits of a tel URI without separators, with the plus sign of a global number.
    package var dialledDigits: [UInt8] {
        guard self.pieces.kind == .tel, let user = self.user else { return [] }
        var digits: [UInt8] = []
        digits.reserveCapacity(user.count)
        var skip = 0
        for byte in user {
            if skip > 0 {
                skip -= 1
            } else if byte == UInt8(ascii: "%") {
                // Only "%23" passes the grammar.
                digits.append(UInt8(ascii: "#"))
                skip = 2
            } else if TelephoneNumber.digit(byte, isGlobal: false) != false {
                digits.append(ASCII.lowercased(byte))
            }
        }
        return digits
    }

    /// Undoes escapes that need not be (RFC 3261 §19.1.4: unreserved characters mean the same escaped), and writes
    /// the others with capital digits.
    static func appendNormalised(_ part: Octets, to bytes: inout [UInt8]) {
        guard part.contains(UInt8(ascii: "%")) else {
            part.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
            return
        }
        part.withCursor { cursor in
            while !cursor.isAtEnd {
                let byte = cursor.current
                if byte == UInt8(ascii: "%"), let high = ASCII.hexValue(cursor.byte(ahead: 1)),
                    let low = ASCII.hexValue(cursor.byte(ahead: 2)), cursor.position &+ 2 < cursor.end
                {
                    let value = high << 4 | low
                    if CharacterClass.unreserved.contains(value) {
                        bytes.append(value)
                    } else {
                        bytes.append(byte)
                        for digit in [high, low] { bytes.append(digit < 10 ? 0x30 + digit : 0x37 + digit) }
                    }
                    cursor.position &+= 3
                } else {
                    bytes.append(byte)
                    cursor.advance()
                }
            }
        }
    }
}
