internal import Ground

/// Domain names with letters beyond ASCII, brought into the form that protocols carry, so that `bücher.example` in a rule
/// and `xn--bcher-kva.example` in an identity are the same domain (RFC 4745 §7.1.3).
///
/// It is ToASCII of RFC 3490 as far as the properties of characters tell that a name is written as nameprep would leave
/// it. What would need a table of compatibility forms has no conversion, and then is no domain at all.
enum InternationalDomain {
    /// A label is no longer in ASCII (RFC 1034 §3.1), and so has no more characters than this.
    private static let labelBytes = 63
    private static let prefix = Array("xn--".utf8)

    /// The name in ASCII and lower case; nil where there is no conversion. Percent-encoding is undone first.
    static func ascii(_ domain: Octets) -> [UInt8]? {
        guard let bytes = Self.unescaped(domain), let text = String(validating: bytes, as: UTF8.self) else {
            return nil
        }
        var result: [UInt8] = []
        var label: [Unicode.Scalar] = []
        for scalar in text.unicodeScalars {
            if Self.isDot(scalar) {
                guard Self.append(label, to: &result) else { return nil }
                result.append(UInt8(ascii: "."))
                label.removeAll()
            } else {
                // Longer labels are refused below; nobody makes this one grow.
                guard label.count <= Self.labelBytes else { return nil }
                label += Self.folded(scalar)
            }
        }
        return Self.append(label, to: &result) ? result : nil
    }

    /// RFC 3986 §2.1; nil where a percent sign encodes nothing.
    private static func unescaped(_ text: Octets) -> [UInt8]? {
        var bytes: [UInt8] = []
        var index = text.startIndex
        while index < text.endIndex {
            var byte = text[index]
            index += 1
            if byte == UInt8(ascii: "%") {
                guard text.endIndex - index >= 2, let high = ASCII.hexValue(text[index]),
                    let low = ASCII.hexValue(text[index + 1])
                else { return nil }
                byte = high << 4 | low
                index += 2
            }
            guard byte > 0x20, byte != 0x7F else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    /// RFC 3490 §3.1 knows four dots.
    private static func isDot(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x2E, 0x3002, 0xFF0E, 0xFF61: true
        default: false
        }
    }

    /// Lower case; two letters that have one are taken for what RFC 3491 takes them for.
    private static func folded(_ scalar: Unicode.Scalar) -> [Unicode.Scalar] {
        switch scalar.value {
        case 0xDF, 0x1E9E: ["s", "s"]
        case 0x3C2: ["\u{3C3}"]
        default: Array(scalar.properties.lowercaseMapping.unicodeScalars)
        }
    }

    /// Appends a label in ASCII.
    ///
    /// - Returns: whether it has that form.
    private static func append(_ label: [Unicode.Scalar], to result: inout [UInt8]) -> Bool {
        guard label.count <= Self.labelBytes else { return false }
        if label.allSatisfy(\.isASCII) {
            result += label.map { UInt8(truncatingIfNeeded: $0.value) }
            return true
        }
        guard Self.isPrepared(label), let encoded = Self.punycode(label),
            encoded.count + Self.prefix.count <= Self.labelBytes
        else { return false }
        result += Self.prefix + encoded
        return true
    }

    /// Whether nameprep would leave a label in lower case as it is: no compatibility forms, nothing invisible, and no
    /// letter with its accent beside it instead of in it.
    private static func isPrepared(_ label: [Unicode.Scalar]) -> Bool {
        // RFC 3490 §4.1: what looks encoded already must not be encoded once more.
        guard !label.starts(with: Self.prefix.map { Unicode.Scalar($0) }) else { return false }
        var previous: Unicode.Scalar?
        for scalar in label {
            let properties = scalar.properties
            guard !properties.changesWhenNFKCCaseFolded, properties.generalCategory != .unassigned else { return false }
            if properties.canonicalCombiningClass != .notReordered, previous?.properties.isAlphabetic ?? true,
                previous.map({ $0.value < 0x530 }) ?? true
            {
                return false
            }
            previous = scalar
        }
        return true
    }

    // MARK: RFC 3492

    private static let base = 36
    private static let minimumThreshold = 1
    private static let maximumThreshold = 26
    private static let skew = 38
    private static let damp = 700

    /// A label in Punycode, without the prefix (RFC 3492 §6.3). Nothing can overflow with as few characters as a label
    /// has.
    private static func punycode(_ label: [Unicode.Scalar]) -> [UInt8]? {
        var output = label.filter(\.isASCII).map { UInt8(truncatingIfNeeded: $0.value) }
        let basic = output.count
        if basic > 0 { output.append(UInt8(ascii: "-")) }
        var code: UInt32 = 0x80
        var (delta, bias, handled) = (0, 72, basic)
        while handled < label.count {
            guard let next = label.map(\.value).filter({ $0 >= code }).min() else { return nil }
            delta += Int(next - code) * (handled + 1)
            code = next
            for scalar in label {
                if scalar.value < code { delta += 1 }
                guard scalar.value == code else { continue }
                Self.append(delta: delta, bias: bias, to: &output)
                bias = Self.adapted(delta, points: handled + 1, isFirst: handled == basic)
                delta = 0
                handled += 1
            }
            delta += 1
            code += 1
        }
        return output
    }

    /// A number as digits of varying worth.
    private static func append(delta: Int, bias: Int, to output: inout [UInt8]) {
        var rest = delta
        var place = Self.base
        while true {
            let threshold = min(max(place - bias, Self.minimumThreshold), Self.maximumThreshold)
            guard rest >= threshold else { break }
            output.append(Self.digit(threshold + (rest - threshold) % (Self.base - threshold)))
            rest = (rest - threshold) / (Self.base - threshold)
            place += Self.base
        }
        output.append(Self.digit(rest))
    }

    private static func adapted(_ delta: Int, points: Int, isFirst: Bool) -> Int {
        var delta = isFirst ? delta / Self.damp : delta / 2
        delta += delta / points
        var steps = 0
        while delta > (Self.base - Self.minimumThreshold) * Self.maximumThreshold / 2 {
            delta /= Self.base - Self.minimumThreshold
            steps += Self.base
        }
        return steps + (Self.base - Self.minimumThreshold + 1) * delta / (delta + Self.skew)
    }

    private static func digit(_ value: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: value < 26 ? 0x61 + value : 0x30 + value - 26)
    }
}
