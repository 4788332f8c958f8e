internal import Ground

/// Points in time as HTTP headers and XML documents write them.
enum CalendarText {
    private static let days: [StaticString] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months: [StaticString] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
    static func http(_ instant: Instant) -> [UInt8] {
        let (day, second) = Self.split(instant)
        let date = Self.date(day)
        var text: [UInt8] = []
        text.append(literal: Self.days[Int(((day % 7) + 7) % 7)])
        text.append(literal: ", ")
        Self.append(date.day, digits: 2, to: &text)
        text.append(literal: " ")
        text.append(literal: Self.months[Int(date.month - 1)])
        text.append(literal: " ")
        Self.append(date.year, digits: 4, to: &text)
        text.append(literal: " ")
        Self.appendTime(second, to: &text)
        text.append(literal: " GMT")
        return text
    }

    /// xs:dateTime: `1994-11-06T08:49:37Z`.
    static func xml(_ instant: Instant) -> [UInt8] {
        let (day, second) = Self.split(instant)
        let date = Self.date(day)
        var text: [UInt8] = []
        Self.append(date.year, digits: 4, to: &text)
        text.append(literal: "-")
        Self.append(date.month, digits: 2, to: &text)
        text.append(literal: "-")
        Self.append(date.day, digits: 2, to: &text)
        text.append(literal: "T")
        Self.appendTime(second, to: &text)
        text.append(literal: "Z")
        return text
    }

    /// Days since 1970-01-01, and seconds in the day.
    private static func split(_ instant: Instant) -> (day: Int64, second: Int64) {
        // Years before 1970 and after 9999 have no form in HTTP.
        let seconds = min(max(instant.seconds, 0), 253_402_300_799)
        return (seconds / 86_400, seconds % 86_400)
    }

    /// The date in the Gregorian calendar: years are counted from March, so that the leap day is the last one.
    private static func date(_ day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = day + 719_468
        let era = shifted / 146_097
        let inEra = shifted % 146_097
        let year = (inEra - inEra / 1_460 + inEra / 36_524 - inEra / 146_096) / 365
        let inYear = inEra - (365 * year + year / 4 - year / 100)
        let month = (5 * inYear + 2) / 153
        let isNextYear = month >= 10
        return (
            year + era * 400 + (isNextYear ? 1 : 0), isNextYear ? month - 9 : month + 3,
            inYear - (153 * month + 2) / 5 + 1
        )
    }

    private static func appendTime(_ second: Int64, to text: inout [UInt8]) {
        Self.append(second / 3_600, digits: 2, to: &text)
        text.append(literal: ":")
        Self.append(second / 60 % 60, digits: 2, to: &text)
        text.append(literal: ":")
        Self.append(second % 60, digits: 2, to: &text)
    }

    private static func append(_ number: Int64, digits: Int, to text: inout [UInt8]) {
        var digitsText: [UInt8] = []
        digitsText.append(decimal: UInt64(max(number, 0)))
        for _ in digitsText.count..<max(digits, digitsText.count) { text.append(UInt8(ascii: "0")) }
        text += digitsText
    }
}
