import Ground
import Logging

/// One line of the log, ready to be written.
package enum LogLine {
    /// What the lines look like.
    package enum Format: Hashable, Sendable {
        /// For people: time, level, origin, message, `key=value`.
        case text
        /// One JSON object a line.
        case json
    }

    /// Writes a line, with its line feed.
    ///
    /// What a peer sent may stand in messages and metadata: control characters are escaped in both forms, so that
    /// nobody can forge a line or send commands to a terminal.
    package static func write(
        _ format: Format, at now: Instant, level: Logger.Level, label: String, message: String,
        metadata: [(key: String, value: String)]
    ) -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(128)
        switch format {
        case .text:
            Timestamp.append(now, to: &line)
            line.append(0x20)
            let name = level.rawValue
            line.append(text: name)
            for _ in name.utf8.count..<9 { line.append(0x20) }
            line.append(text: label)
            line.append(literal: ": ")
            Self.appendEscaped(message, quoted: false, to: &line)
            for (key, value) in metadata {
                line.append(0x20)
                Self.appendEscaped(key, quoted: false, to: &line)
                line.append(UInt8(ascii: "="))
                Self.appendValue(value, to: &line)
            }
        case .json:
            line.append(literal: "{\"time\":\"")
            Timestamp.append(now, to: &line)
            line.append(literal: "\",\"level\":\"")
            line.append(text: level.rawValue)
            line.append(literal: "\",\"origin\":")
            Self.appendQuoted(label, to: &line)
            line.append(literal: ",\"message\":")
            Self.appendQuoted(message, to: &line)
            for (key, value) in metadata {
                line.append(UInt8(ascii: ","))
                // The four fixed names stay unique whatever a caller's key is.
                Self.appendQuoted(Self.fixedNames.contains(key) ? key + "_" : key, to: &line)
                line.append(UInt8(ascii: ":"))
                Self.appendQuoted(value, to: &line)
            }
            line.append(UInt8(ascii: "}"))
        }
        line.append(0x0A)
        return line
    }

    private static let fixedNames: Set<String> = ["time", "level", "origin", "message"]

    private static func appendValue(_ value: String, to line: inout [UInt8]) {
        let plain = !value.isEmpty && value.utf8.allSatisfy { $0 > 0x20 && $0 != 0x22 && $0 != 0x3D && $0 != 0x7F }
        if plain { Self.appendEscaped(value, quoted: false, to: &line) } else { Self.appendQuoted(value, to: &line) }
    }

    private static func appendQuoted(_ text: String, to line: inout [UInt8]) {
        line.append(UInt8(ascii: "\""))
        Self.appendEscaped(text, quoted: true, to: &line)
        line.append(UInt8(ascii: "\""))
    }

    private static func appendEscaped(_ text: String, quoted: Bool, to line: inout [UInt8]) {
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x0A: line.append(literal: "\\n")
            case 0x0D: line.append(literal: "\\r")
            case 0x09: line.append(literal: "\\t")
            case 0x22 where quoted: line.append(literal: "\\\"")
            case 0x5C where quoted: line.append(literal: "\\\\")
            case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069:
                line.append(literal: "\\u")
                let digits = String(scalar.value, radix: 16)
                for _ in digits.utf8.count..<4 { line.append(UInt8(ascii: "0")) }
                line.append(text: digits)
            default: line.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
    }
}

/// Points in time as RFC 3339 writes them, in UTC with milliseconds.
package enum Timestamp {
    package static func append(_ instant: Instant, to line: inout [UInt8]) {
        let milliseconds = instant.nanoseconds / 1_000_000
        let days = Self.floorDivide(milliseconds, 86_400_000)
        let rest = milliseconds - days * 86_400_000
        let (year, month, day) = Self.civil(days)
        Self.append(year, width: 4, to: &line)
        line.append(UInt8(ascii: "-"))
        Self.append(month, width: 2, to: &line)
        line.append(UInt8(ascii: "-"))
        Self.append(day, width: 2, to: &line)
        line.append(UInt8(ascii: "T"))
        Self.append(rest / 3_600_000, width: 2, to: &line)
        line.append(UInt8(ascii: ":"))
        Self.append(rest / 60_000 % 60, width: 2, to: &line)
        line.append(UInt8(ascii: ":"))
        Self.append(rest / 1000 % 60, width: 2, to: &line)
        line.append(UInt8(ascii: "."))
        Self.append(rest % 1000, width: 3, to: &line)
        line.append(UInt8(ascii: "Z"))
    }

    private static func append(_ number: Int64, width: Int, to line: inout [UInt8]) {
        let digits = String(number)
        for _ in digits.utf8.count..<max(width, digits.utf8.count) { line.append(UInt8(ascii: "0")) }
        line.append(text: digits)
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
        let quotient = value / divisor
        return value % divisor < 0 ? quotient - 1 : quotient
    }

    /// The day of the proleptic Gregorian calendar that lies so many days after 1970-01-01. The year is counted from
    /// March, so that the leap day is its last.
    private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = Self.floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}
