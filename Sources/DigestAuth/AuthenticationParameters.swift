import Ground

/// The parameters behind a scheme name: `Digest name=value, name="value"` (RFC 7616 §3.3, RFC 3261 §25.1).
package struct AuthenticationParameters: Sendable {
    /// One parameter.
    package struct Entry: Sendable {
        /// As it was written; compare without regard to case.
        package let name: Octets
        /// What stands between the quotes, escapes left alone; or the token.
        package let raw: Octets
        /// Whether the value stood in quotes.
        package let isQuoted: Bool

        /// The value without the backslashes of its escapes.
        package var value: [UInt8] {
            guard self.isQuoted, self.raw.contains(UInt8(ascii: "\\")) else { return Array(self.raw) }
            var value: [UInt8] = []
            var isEscaped = false
            for byte in self.raw {
                if !isEscaped, byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else {
                    value.append(byte)
                    isEscaped = false
                }
            }
            return value
        }
    }

    /// The scheme, as it was written.
    package let scheme: Octets
    /// The parameters in their order.
    package let entries: [Entry]

    /// More parameters than this are not read: no peer needs them.
    package static let maximumCount = 32

    /// Reads a header value. Nil if it does not follow the grammar, repeats a parameter (RFC 7616 §3.3, §3.4) or is too long.
    package init?(_ value: Octets) {
        var scanner = Scanner(rest: value)
        scanner.skipBlanks()
        let scheme = scanner.token()
        guard !scheme.isEmpty, scanner.rest.isEmpty || scanner.skipBlanks() > 0 else { return nil }
        var entries: [Entry] = []
        while true {
            // RFC 9110 §5.6.1: empty elements of a list are to be ignored.
            while scanner.skipBlanks() > 0 || scanner.take(UInt8(ascii: ",")) {}
            if scanner.rest.isEmpty { break }
            guard let entry = scanner.entry(), entries.count < Self.maximumCount,
                !entries.contains(where: { $0.name.equalsIgnoringCase(entry.name) })
            else { return nil }
            entries.append(entry)
            scanner.skipBlanks()
            guard scanner.rest.isEmpty || scanner.rest.first == UInt8(ascii: ",") else { return nil }
        }
        self.scheme = scheme
        self.entries = entries
    }

    /// The scheme of a header value, whatever follows it; empty where none stands there.
    package static func scheme(of value: Octets) -> Octets {
        var scanner = Scanner(rest: value)
        scanner.skipBlanks()
        return scanner.token()
    }

    /// A parameter by its name in any case.
    package subscript(_ name: StaticString) -> Entry? { self.entries.first { $0.name.equalsIgnoringCase(name) } }

    /// Walks over a header value.
    private struct Scanner {
        var rest: Octets

        @discardableResult
        mutating func skipBlanks() -> Int {
            var count = 0
            while let byte = self.rest.first, byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A {
                self.rest.removeFirst()
                count += 1
            }
            return count
        }

        mutating func take(_ byte: UInt8) -> Bool {
            guard self.rest.first == byte else { return false }
            self.rest.removeFirst()
            return true
        }

        mutating func token() -> Octets {
            let token = self.rest.prefix { Self.isTokenByte($0) }
            self.rest = self.rest.dropFirst(token.count)
            return token
        }

        mutating func entry() -> Entry? {
            let name = self.token()
            self.skipBlanks()
            guard !name.isEmpty, self.take(UInt8(ascii: "=")) else { return nil }
            self.skipBlanks()
            guard self.take(UInt8(ascii: "\"")) else {
                // Some clients write the URI without quotes: everything up to the next comma or blank is the value.
                let value = self.rest.prefix { $0 > 0x20 && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "\"") }
                self.rest = self.rest.dropFirst(value.count)
                return value.isEmpty ? nil : Entry(name: name, raw: value, isQuoted: false)
            }
            var index = self.rest.startIndex
            while index < self.rest.endIndex {
                let byte = self.rest[index]
                if byte == UInt8(ascii: "\"") {
                    let raw = self.rest[self.rest.startIndex..<index]
                    self.rest = self.rest[(index + 1)...]
                    return Entry(name: name, raw: raw, isQuoted: true)
                }
                index += byte == UInt8(ascii: "\\") ? 2 : 1
            }
            return nil
        }

        static func isTokenByte(_ byte: UInt8) -> Bool {
            if ASCII.isLetter(byte) || ASCII.isDigit(byte) { return true }
            switch byte {
            case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "!"), UInt8(ascii: "%"), UInt8(ascii: "*"),
                UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "`"), UInt8(ascii: "'"), UInt8(ascii: "~"):
                return true
            default: return false
            }
        }
    }
}

extension [UInt8] {
    /// Appends `name="value"` with the escapes that a quoted string needs, `, ` before it unless it is the first.
    mutating func append(parameter name: StaticString, quoted value: some Sequence<UInt8>, isFirst: Bool = false) {
        self.append(literal: isFirst ? "" : ", ")
        self.append(literal: name)
        self.append(literal: "=\"")
        for byte in value {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { self.append(UInt8(ascii: "\\")) }
            // A control character would break the header line.
            if byte >= 0x20, byte != 0x7F { self.append(byte) }
        }
        self.append(UInt8(ascii: "\""))
    }

    /// Appends `name="raw"`, where `raw` came out of a quoted string and still has its escapes.
    mutating func append(parameter name: StaticString, raw value: Octets, isFirst: Bool = false) {
        self.append(literal: isFirst ? "" : ", ")
        self.append(literal: name)
        self.append(literal: "=\"")
        self.append(contentsOf: value)
        self.append(UInt8(ascii: "\""))
    }

    /// Appends `, name=token`.
    mutating func append(parameter name: StaticString, token value: some Sequence<UInt8>) {
        self.append(literal: ", ")
        self.append(literal: name)
        self.append(UInt8(ascii: "="))
        self.append(contentsOf: value)
    }
}

extension StaticString {
    /// The bytes of an ASCII literal.
    var bytes: [UInt8] { self.withUTF8Buffer { Array($0) } }
}
