import Ground

/// What a value of a setting may look like: how it is read, and how its rule is told to a person.
package struct Shape<Value: Sendable>: Sendable {
    /// What is allowed, as it stands in a message and in the reference: `a number from 1 to 64`.
    package let allowed: String
    /// Whether the setting is a list; a list is a YAML sequence, or comma-separated in an environment variable.
    package let isList: Bool
    /// Reads the elements (exactly one where ``isList`` is false), or says which of them is wrong.
    package let read: @Sendable (_ elements: [String]) -> Reading<Value>

    /// A shape of one element.
    /// - Parameter read: gives nil where the text is not allowed.
    package init(_ allowed: String, read: @escaping @Sendable (String) -> Value?) {
        self.allowed = allowed
        self.isList = false
        self.read = { elements in
            guard let first = elements.first, elements.count == 1, let value = read(first) else {
                return .wrong(element: 0)
            }
            return .value(value)
        }
    }

    fileprivate init(
        allowed: String, list read: @escaping @Sendable (_ elements: [String]) -> Reading<Value>
    ) {
        self.allowed = allowed
        self.isList = true
        self.read = read
    }
}

/// The outcome of reading a setting's text.
package enum Reading<Value: Sendable>: Sendable {
    case value(Value)
    /// The element with this index is not allowed.
    case wrong(element: Int)
}

extension Shape {
    /// A list whose elements have a shape.
    package static func list<Element: Sendable>(
        of shape: Shape<Element>, atLeast minimum: Int = 0
    ) -> Shape where Value == [Element] {
        let allowed =
            minimum > 0 ? "a list of at least \(minimum): each \(shape.allowed)" : "a list: each \(shape.allowed)"
        return Shape(allowed: allowed) { elements in
            guard elements.count >= minimum else { return .wrong(element: 0) }
            var values: [Element] = []
            for (index, element) in elements.enumerated() {
                guard case .value(let value) = shape.read([element]) else { return .wrong(element: index) }
                values.append(value)
            }
            return .value(values)
        }
    }
}

extension Shape where Value == Bool {
    /// `true` or `false`.
    package static let flag = Shape("true or false") { text in
        switch text {
        case "true", "yes", "on": true
        case "false", "no", "off": false
        default: nil
        }
    }
}

extension Shape where Value == Int {
    /// A whole number in a range.
    package static func count(_ range: ClosedRange<Int>) -> Shape {
        Shape("a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
            guard let value = Int(text), range.contains(value) else { return nil }
            return value
        }
    }
}

extension Shape where Value == UInt16 {
    /// A port number.
    package static let port = Shape("a port from 0 to 65535; 0 lets the system choose") { UInt16($0) }
}

extension Shape where Value == IPAddress {
    /// An IP address.
    package static let address = Shape("an IPv4 or IPv6 address") { IPAddress($0) }
}

extension Shape where Value == Endpoint {
    /// An address with a port, 53 when it is left out.
    package static let nameServer = Shape("an IP address, with a port as in 192.0.2.1:53 if it is not 53") { text in
        if let address = IPAddress(text) { return Endpoint(address, 53) }
        return Endpoint(text)
    }
}

extension Shape where Value == Duration {
    /// A time span: a number with a unit, or a number alone, which counts seconds.
    package static func duration(_ range: ClosedRange<Duration>) -> Shape {
        let low = DurationText.write(range.lowerBound)
        let high = DurationText.write(range.upperBound)
        return Shape("a time from \(low) to \(high), written with ms, s, m, h or d") { text in
            guard let value = DurationText.read(text), range.contains(value) else { return nil }
            return value
        }
    }
}

extension Shape where Value == String {
    /// Any text.
    package static let text = Shape("a text") { $0 }

    /// The path of a file or folder; the working directory is where a relative one starts.
    package static let path = Shape("a path") { $0.contains("\0") ? nil : $0 }

    /// A host or domain name (RFC 1035 §2.3.1 with the digits of RFC 1123 §2.1), made lower-case.
    package static let domain = Shape("a domain name such as home.test") { text in
        let name = text.lowercased()
        guard !name.isEmpty, name.utf8.count <= 253 else { return nil }
        for label in name.split(separator: ".", omittingEmptySubsequences: false) {
            guard (1...63).contains(label.utf8.count), label.first != "-", label.last != "-",
                label.utf8.allSatisfy({ ASCII.isLetter($0) || ASCII.isDigit($0) || $0 == 0x2D })
            else { return nil }
        }
        return name
    }

    /// Empty, or a domain name.
    package static let optionalDomain = Shape("a domain name, or \"\" for none") { text in
        guard !text.isEmpty else { return "" }
        guard case .value(let name) = Shape.domain.read([text]) else { return nil }
        return name
    }

    /// Empty, or a host as it stands in a URI: a domain name or an IP address, IPv6 in brackets or without.
    package static let optionalHost = Shape("a domain name or an IP address, or \"\" for none") { text in
        if let address = IPAddress(text) { return address.hostText }
        guard case .value(let name) = Shape.optionalDomain.read([text]) else { return nil }
        return name
    }

    /// A short name that fits into logs and metrics.
    package static let name = Shape("1 to 64 letters, digits, dots, dashes and underscores") { text in
        guard (1...64).contains(text.utf8.count),
            text.utf8.allSatisfy({ ASCII.isLetter($0) || ASCII.isDigit($0) || [0x2D, 0x2E, 0x5F].contains($0) })
        else { return nil }
        return text
    }
}

extension Shape where Value: CaseIterable & RawRepresentable, Value.RawValue == String {
    /// One of a few words.
    package static var choice: Shape {
        let words = Value.allCases.map(\.rawValue)
        return Shape("one of " + words.joined(separator: ", ")) { Value(rawValue: $0) }
    }
}

/// The way time spans are written in a configuration: `500ms`, `30s`, `5m`, `1h`, `2d`.
package enum DurationText {
    private static let units: [(suffix: String, milliseconds: Int64)] = [
        ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    /// Reads a time span; a number without a unit counts seconds. Nil if it is neither, or negative.
    package static func read(_ text: some StringProtocol) -> Duration? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(digits) else { return nil }
        let suffix = text.dropFirst(digits.count)
        let factor: Int64
        if suffix.isEmpty {
            factor = 1000
        } else {
            guard let unit = self.units.first(where: { $0.suffix == suffix }) else { return nil }
            factor = unit.milliseconds
        }
        let (product, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow ? nil : .milliseconds(product)
    }

    /// Writes a time span in the largest unit that divides it.
    package static func write(_ duration: Duration) -> String {
        let milliseconds = duration.wholeNanoseconds / 1_000_000
        if milliseconds == 0 { return "0s" }
        for unit in self.units.reversed() where milliseconds % unit.milliseconds == 0 {
            return "\(milliseconds / unit.milliseconds)\(unit.suffix)"
        }
        return "\(milliseconds)ms"
    }
}
