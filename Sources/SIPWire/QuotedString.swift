package import Ground

/// Quoted strings (RFC 3261 §25.1): reading what they mean, and writing a text as one.
package enum QuotedString {
    /// The text of a value: without its quotes and escapes if it is a quoted string, else as it is.
    package static func unquoted(_ value: Octets) -> [UInt8] {
        guard value.count >= 2, value.first == UInt8(ascii: "\""), value.last == UInt8(ascii: "\"") else {
            return Array(value)
        }
        var text: [UInt8] = []
        text.reserveCapacity(value.count)
        var isEscaped = false
        for byte in value.dropFirst().dropLast() {
            if !isEscaped, byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else {
                text.append(byte)
                isEscaped = false
            }
        }
        return text
    }

    /// A text as a quoted string. Line breaks become blanks: they cannot be escaped.
    package static func quoted(_ text: Octets) -> [UInt8] {
        var quoted: [UInt8] = [UInt8(ascii: "\"")]
        quoted.reserveCapacity(text.count + 2)
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), 0x00...0x08, 0x0B, 0x0C, 0x0E...0x1F, 0x7F:
                quoted.append(UInt8(ascii: "\\"))
                quoted.append(byte)
            case 0x0A, 0x0D: quoted.append(0x20)
            default: quoted.append(byte)
            }
        }
        quoted.append(UInt8(ascii: "\""))
        return quoted
    }
}
