import Ground

/// The Date header (RFC 3261 §20.17): `Sat, 13 Nov 2010 23:29:00 GMT`.
enum DateHeader {
    private static let days: [StaticString] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months: [StaticString] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// The text for an instant not before 1970.
    static func text(_ instant: Instant) -> [UInt8] {
        let seconds = max(instant.seconds, 0)
        let day = seconds / 86400
        let rest = seconds % 86400
        // Civil date from a number of days, counted in eras of 400 years that begin in March.
        let shifted = day + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        var text: [UInt8] = []
        text.append(literal: self.days[Int(day % 7)])
        text.append(literal: ", ")
        self.append(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1, to: &text)
        text.append(UInt8(ascii: " "))
        text.append(literal: self.months[Int(month - 1)])
        text.append(UInt8(ascii: " "))
        text.append(decimal: UInt64(year))
        text.append(UInt8(ascii: " "))
        self.append(rest / 3600, to: &text)
        text.append(UInt8(ascii: ":"))
        self.append(rest / 60 % 60, to: &text)
        text.append(UInt8(ascii: ":"))
        self.append(rest % 60, to: &text)
        text.append(literal: " GMT")
        return text
    }

    private static func append(_ number: Int64, to text: inout [UInt8]) {
        if number < 10 { text.append(UInt8(ascii: "0")) }
        text.append(decimal: UInt64(number))
    }
}
