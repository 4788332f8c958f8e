package import Ground

/// Percent-encoding of RFC 3986 §2.1, as XCAP uses it.
package enum PercentEncoding {
    /// The bytes that an encoded text stands for; nil where a percent sign is not followed by two hexadecimal digits.
    package static func decoded(_ text: Octets) -> [UInt8]? {
        var out: [UInt8] = []
        out.reserveCapacity(text.count)
        var index = text.startIndex
        while index < text.endIndex {
            let byte = text[index]
            guard byte == UInt8(ascii: "%") else {
                out.append(byte)
                index += 1
                continue
            }
            guard text.endIndex - index > 2, let high = ASCII.hexValue(text[index + 1]),
                let low = ASCII.hexValue(text[index + 2])
            else { return nil }
            out.append(high << 4 | low)
            index += 3
        }
        return out
    }

    /// A text in a form that may stand in the path of a URI: everything but the characters of `pchar` and the slash is
    /// encoded (RFC 3986 §3.3).
    package static func appendEncoded(_ text: Octets, to out: inout [UInt8]) {
        for byte in text {
            if ASCII.isLetter(byte) || ASCII.isDigit(byte) || Self.plain.contains(byte) {
                out.append(byte)
            } else {
                out.append(UInt8(ascii: "%"))
                out.append(Self.digit(byte >> 4))
                out.append(Self.digit(byte & 15))
            }
        }
    }

    private static let plain: [UInt8] = Array("-._~!$&'()*+,;=:@/".utf8)

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 &+ value : 0x37 &+ value }
}
