/// An IPv4 or IPv6 address.
package struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// The address as 128 bits; an IPv4 address in the low 32.
    package let high: UInt64
    package let low: UInt64
    package let isIPv6: Bool

    /// - Parameter bits: the address, most significant byte first.
    package init(ipv4 bits: UInt32) {
        self.high = 0
        self.low = UInt64(bits)
        self.isIPv6 = false
    }

    package init(ipv6High high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
        self.isIPv6 = true
    }

    /// 127.0.0.1
    package static let loopback = IPAddress(ipv4: 0x7F00_0001)

    /// Whether packets to the address stay on this machine.
    package var isLoopback: Bool {
        self.isIPv6 ? (self.high == 0 && self.low == 1) : self.low &>> 24 == 127
    }

    /// Reads dotted IPv4, or IPv6 with or without brackets (RFC 4291 §2.2, RFC 5954). Nil if it is neither.
    package init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        self.init(octets: bytes[...])
    }

    package init?(octets: Octets) {
        if let address = Self.parseIPv4(octets) {
            self.init(ipv4: address)
            return
        }
        var inner = octets
        if inner.first == UInt8(ascii: "[") {
            guard inner.last == UInt8(ascii: "]") else { return nil }
            inner = inner.dropFirst().dropLast()
        }
        guard let groups = Self.parseIPv6(inner) else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for index in 0..<4 { high = high &<< 16 | UInt64(groups[index]) }
        for index in 4..<8 { low = low &<< 16 | UInt64(groups[index]) }
        self.init(ipv6High: high, low: low)
    }

    private static func parseIPv4(_ bytes: Octets) -> UInt32? {
        var value: UInt32 = 0
        var octet: UInt32 = 0
        var digits = 0
        var dots = 0
        for byte in bytes {
            if ASCII.isDigit(byte) {
                octet = octet * 10 + UInt32(byte - 0x30)
                digits += 1
                if digits > 3 || octet > 255 { return nil }
            } else if byte == UInt8(ascii: "."), digits > 0, dots < 3 {
                value = value << 8 | octet
                octet = 0
                digits = 0
                dots += 1
            } else {
                return nil
            }
        }
        return dots == 3 && digits > 0 ? value << 8 | octet : nil
    }

    private static func parseIPv6(_ bytes: Octets) -> [UInt16]? {
        guard bytes.count >= 2, bytes.count <= 45 else { return nil }
        let text = Array(bytes)
        var head: [UInt16] = []
        var tail: [UInt16] = []
        var compressed = false
        var index = 0
        if text[0] == UInt8(ascii: ":") {
            guard text[1] == UInt8(ascii: ":") else { return nil }
            compressed = true
            index = 2
        }
        while index < text.count {
            var end = index
            while end < text.count, text[end] != UInt8(ascii: ":") { end += 1 }
            let part = text[index..<end]
            var groups: [UInt16] = []
            if part.contains(UInt8(ascii: ".")) {
                guard end == text.count, let tailAddress = parseIPv4(part) else { return nil }
                groups = [UInt16(tailAddress >> 16), UInt16(tailAddress & 0xFFFF)]
            } else {
                guard (1...4).contains(part.count) else { return nil }
                var group: UInt16 = 0
                for byte in part {
                    guard let digit = ASCII.hexValue(byte) else { return nil }
                    group = group << 4 | UInt16(digit)
                }
                groups = [group]
            }
            if compressed { tail += groups } else { head += groups }
            guard head.count + tail.count <= 8 else { return nil }
            if end == text.count { break }
            index = end + 1
            if index == text.count { return nil }
            if text[index] == UInt8(ascii: ":") {
                guard !compressed else { return nil }
                compressed = true
                index += 1
            }
        }
        let missing = 8 - head.count - tail.count
        guard compressed ? missing >= 1 : missing == 0 else { return nil }
        return head + Array(repeating: 0, count: missing) + tail
    }

    /// Dotted IPv4, or IPv6 as RFC 5952 writes it, without brackets.
    package var description: String {
        guard self.isIPv6 else {
            let bits = UInt32(truncatingIfNeeded: self.low)
            return "\(bits >> 24).\(bits >> 16 & 255).\(bits >> 8 & 255).\(bits & 255)"
        }
        var groups: [UInt64] = []
        for half in [self.high, self.low] {
            for shift: UInt64 in [48, 32, 16, 0] { groups.append(half &>> shift & 0xFFFF) }
        }
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > max(best.count, 1) { best = start..<end }
            start = max(end, start + 1)
        }
        let hex = groups.map { String($0, radix: 16) }
        if best.isEmpty { return hex.joined(separator: ":") }
        let head = hex[..<best.lowerBound].joined(separator: ":")
        let tail = hex[best.upperBound...].joined(separator: ":")
        return head + "::" + tail
    }

    /// The form that stands in a URI or a Via: IPv6 in brackets.
    package var hostText: String { self.isIPv6 ? "[\(self.description)]" : self.description }
}

/// An address and a port.
package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    package let address: IPAddress
    package let port: UInt16

    package init(_ address: IPAddress, _ port: UInt16) {
        self.address = address
        self.port = port
    }

    /// Reads `address:port`, IPv6 in brackets. Nil if it is not that.
    package init?(_ text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]),
            let address = IPAddress(text[..<colon])
        else { return nil }
        self.init(address, port)
    }

    package var description: String { "\(self.address.hostText):\(self.port)" }
}
