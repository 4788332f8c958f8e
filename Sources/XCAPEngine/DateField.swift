internal import Ground

/// Reads the value of a header field that is a point in time (RFC 9110 §5.6.7).
enum DateField {
    private static let months: [StaticString] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Seconds since 1970 UTC; nil for what is none of the three forms. The day of the week says nothing.
    static func seconds(_ field: Octets) -> Int64? {
        var words = field.split(whereSeparator: { $0 == 0x20 || $0 == 0x09 })
        guard let first = words.first else { return nil }
        guard first.last == UInt8(ascii: ",") else {
            // Sun Nov  6 08:49:37 1994
            guard words.count == 5, let day = Self.number(words[2], 1...2), let year = Self.number(words[4], 4...4)
            else { return nil }
            return Self.seconds(year: year, month: words[1], day: day, time: words[3])
        }
        guard words.popLast()?.equals("GMT") ?? false else { return nil }
        if words.count == 3 {
            // Sunday, 06-Nov-94 08:49:37 GMT
            let date = words[1].split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
            guard date.count == 3, let day = Self.number(date[0], 2...2), let short = Self.number(date[2], 2...2)
            else { return nil }
            // Nobody has a document of before 1970.
            return Self.seconds(
                year: short < 70 ? 2000 + short : 1900 + short, month: date[1], day: day, time: words[2])
        }
        // Sun, 06 Nov 1994 08:49:37 GMT
        guard words.count == 5, let day = Self.number(words[1], 2...2), let year = Self.number(words[3], 4...4)
        else { return nil }
        return Self.seconds(year: year, month: words[2], day: day, time: words[4])
    }

    private static func seconds(year: Int64, month: Octets, day: Int64, time: Octets) -> Int64? {
        let parts = time.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard let month = Self.months.firstIndex(where: { month.equals($0) }), (1...31).contains(day), parts.count == 3,
            let hour = Self.number(parts[0], 2...2), let minute = Self.number(parts[1], 2...2),
            let second = Self.number(parts[2], 2...2), hour < 24, minute < 60, second <= 60
        else { return nil }
        // Years are counted from March, so that the leap day is the last one.
        let shifted = year - (month < 2 ? 1 : 0)
        let inYear = (153 * ((Int64(month) + 10) % 12) + 2) / 5 + day - 1
        let days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + inYear - 719_468
        return days * 86_400 + hour * 3_600 + minute * 60 + second
    }

    private static func number(_ text: Octets, _ digits: ClosedRange<Int>) -> Int64? {
        guard digits.contains(text.count), text.allSatisfy(ASCII.isDigit) else { return nil }
        return text.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    }
}
