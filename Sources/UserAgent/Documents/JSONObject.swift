/// A JSON object that is written from top to bottom: one line, keys in the order given (RFC 8259).
package struct JSONObject: Sendable, Equatable {
    private var members = ""

    package init() {}

    /// The object as text, in braces.
    package var text: String { "{" + self.members + "}" }

    private mutating func add(_ key: String, raw: String) {
        if !self.members.isEmpty { self.members += "," }
        self.members += Self.quoted(key) + ":" + raw
    }

    /// Adds a string.
    package mutating func add(_ key: String, text: String) { self.add(key, raw: Self.quoted(text)) }

    /// Adds a string, if there is one.
    package mutating func add(_ key: String, text: String?) {
        if let text { self.add(key, raw: Self.quoted(text)) }
    }

    /// Adds a whole number.
    package mutating func add(_ key: String, _ number: Int) { self.add(key, raw: String(number)) }

    /// Adds a number with a fixed count of decimals.
    package mutating func add(_ key: String, _ number: Double, decimals: Int) {
        self.add(key, raw: FixedPoint.text(number, decimals: decimals))
    }

    /// Adds true or false.
    package mutating func add(_ key: String, flag: Bool) { self.add(key, raw: flag ? "true" : "false") }

    /// Adds an object.
    package mutating func add(_ key: String, object: JSONObject) { self.add(key, raw: object.text) }

    /// Adds an array of strings.
    package mutating func add(_ key: String, texts: [String]) {
        self.add(key, raw: "[" + texts.map(Self.quoted).joined(separator: ",") + "]")
    }

    /// Adds an array of objects.
    package mutating func add(_ key: String, objects: [JSONObject]) {
        self.add(key, raw: "[" + objects.map(\.text).joined(separator: ",") + "]")
    }

    /// A string in quotation marks. Control characters are escaped, so that one object stays one line.
    package static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F || (0x2028...0x2029).contains(scalar.value):
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

/// Numbers with a fixed count of decimals, without a formatter.
package enum FixedPoint {
    /// The number, rounded. What is not finite, or beyond 10^15, is written as 0.
    package static func text(_ number: Double, decimals: Int) -> String {
        guard number.isFinite, abs(number) < 1e15, (0...6).contains(decimals) else { return "0" }
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let scaled = Int((abs(number) * scale).rounded())
        let sign = number < 0 && scaled > 0 ? "-" : ""
        guard decimals > 0 else { return sign + String(scaled) }
        let whole = scaled / Int(scale)
        let fraction = String(scaled % Int(scale))
        return sign + "\(whole)." + String(repeating: "0", count: decimals - fraction.count) + fraction
    }
}
