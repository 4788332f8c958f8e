package import Ground

/// The simple types of XML Schema that presence documents use.
package enum LexicalForms {
    /// The point in time that an xs:dateTime names; a missing zone is read as UTC. Nil if the text is none.
    package static func dateTime(_ text: Octets) -> Instant? {
        text.withUnsafeBufferPointer { Self.dateTime($0) }
    }

    /// The point in time that an xs:dateTime names; a missing zone is read as UTC. Nil if the text is none.
    static func dateTime(_ text: Bytes) -> Instant? {
        let bytes = text.trimmingSpace
        guard bytes.count >= 19, bytes.count <= 64 else { return nil }
        guard let year = Self.digits(bytes, 0, 4), bytes[4] == UInt8(ascii: "-"),
            let month = Self.digits(bytes, 5, 2), bytes[7] == UInt8(ascii: "-"),
            let day = Self.digits(bytes, 8, 2), bytes[10] == UInt8(ascii: "T") || bytes[10] == UInt8(ascii: "t"),
            let hour = Self.digits(bytes, 11, 2), bytes[13] == UInt8(ascii: ":"),
            let minute = Self.digits(bytes, 14, 2), bytes[16] == UInt8(ascii: ":"),
            let second = Self.digits(bytes, 17, 2)
        else { return nil }
        guard year >= 1, (1...12).contains(month), day >= 1, day <= Self.days(in: month, of: year),
            hour <= 23 || (hour == 24 && minute == 0 && second == 0), minute <= 59, second <= 60
        else { return nil }
        var position = 19
        var nanoseconds: Int64 = 0
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            position += 1
            var scale: Int64 = 100_000_000
            let start = position
            while position < bytes.count, ASCII.isDigit(bytes[position]) {
                nanoseconds += Int64(bytes[position] - 0x30) * scale
                scale /= 10
                position += 1
            }
            guard position > start else { return nil }
        }
        guard let offset = Self.zone(Bytes(rebasing: bytes[position...])) else { return nil }
        let days = Self.daysSinceEpoch(year, month, day)
        let seconds = Int64(days) * 86400 + Int64(hour * 3600 + minute * 60 + second) - Int64(offset)
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? Instant(nanoseconds: .min) : .distantFuture }
        let (sum, carried) = product.addingReportingOverflow(nanoseconds)
        return carried ? .distantFuture : Instant(nanoseconds: sum)
    }

    /// Seconds east of UTC; nil if the text is no zone.
    private static func zone(_ bytes: Bytes) -> Int? {
        if bytes.isEmpty { return 0 }
        if bytes.count == 1 { return bytes[0] | 0x20 == UInt8(ascii: "z") ? 0 : nil }
        guard bytes.count == 6, bytes[0] == UInt8(ascii: "+") || bytes[0] == UInt8(ascii: "-"),
            bytes[3] == UInt8(ascii: ":"), let hours = Self.digits(bytes, 1, 2), let minutes = Self.digits(bytes, 4, 2),
            hours < 14 || (hours == 14 && minutes == 0), minutes <= 59
        else { return nil }
        let offset = hours * 3600 + minutes * 60
        return bytes[0] == UInt8(ascii: "-") ? -offset : offset
    }

    @inline(__always)
    private static func digits(_ bytes: Bytes, _ start: Int, _ count: Int) -> Int? {
        guard start + count <= bytes.count else { return nil }
        var value = 0
        for index in start..<start + count {
            guard ASCII.isDigit(bytes[index]) else { return nil }
            value = value &* 10 &+ Int(bytes[index] &- 0x30)
        }
        return value
    }

    private static func days(in month: Int, of year: Int) -> Int {
        if month == 2 { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28 }
        return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31
    }

    /// Days from 1970-01-01 in the proleptic Gregorian calendar.
    private static func daysSinceEpoch(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// The text of an instant as an xs:dateTime in UTC with whole seconds.
    package static func text(of instant: Instant) -> String {
        let seconds = instant.seconds
        let dayNumber = Int(seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400)
        let rest = Int(seconds) - dayNumber * 86400
        let shifted = dayNumber + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthIndex + 2) / 5 + 1
        let month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        var years = "\(year)"
        while years.count < 4 { years = "0" + years }
        return "\(years)-\(two(month))-\(two(day))T\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60))Z"
    }

    /// xs:boolean; nil if the text is none.
    static func boolean(_ text: Bytes) -> Bool? {
        let trimmed = text.trimmingSpace
        if trimmed.equals("true") || trimmed.equals("1") { return true }
        if trimmed.equals("false") || trimmed.equals("0") { return false }
        return nil
    }

    /// xs:ID: a name without a colon.
    static func isIdentifier(_ text: Bytes) -> Bool {
        let trimmed = text.trimmingSpace
        guard let first = trimmed.first, trimmed.count <= 256 else { return false }
        guard ASCII.isLetter(first) || first == UInt8(ascii: "_") || first >= 0x80 else { return false }
        return trimmed.allSatisfy {
            ASCII.isLetter($0) || ASCII.isDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
                || $0 == UInt8(ascii: "_") || $0 >= 0x80
        }
    }

    /// The values of `priority` (RFC 3863 §4.1.4): 0 to 1 with up to three decimals.
    static func isPriority(_ text: Bytes) -> Bool {
        let bytes = text.trimmingSpace
        guard let first = bytes.first, first == UInt8(ascii: "0") || first == UInt8(ascii: "1"), bytes.count <= 5
        else { return false }
        if bytes.count == 1 { return true }
        guard bytes[1] == UInt8(ascii: ".") else { return false }
        return bytes[2...].allSatisfy { ASCII.isDigit($0) && (first == UInt8(ascii: "0") || $0 == UInt8(ascii: "0")) }
    }

    /// xs:anyURI as far as it can be wrong: no white space inside, no delimiters that no URI has.
    static func isURI(_ text: Bytes) -> Bool {
        for byte in text.trimmingSpace where byte <= UInt8(ascii: ">") {
            if byte <= 0x20 || byte == UInt8(ascii: "<") || byte == UInt8(ascii: ">") || byte == UInt8(ascii: "\"") {
                return false
            }
        }
        return true
    }

    /// xs:integer.
    static func isInteger(_ text: Bytes, allowsSign: Bool = true) -> Bool {
        var digits = text.trimmingSpace[...]
        if allowsSign, digits.first == UInt8(ascii: "-") || digits.first == UInt8(ascii: "+") {
            digits = digits.dropFirst()
        }
        return !digits.isEmpty && digits.count <= 20 && digits.allSatisfy { ASCII.isDigit($0) }
    }
}

/// Bytes of a document that is being read.
typealias Bytes = UnsafeBufferPointer<UInt8>

extension UnsafeBufferPointer<UInt8> {
    /// The bytes without the white space of XML at both ends.
    var trimmingSpace: Bytes {
        var start = 0
        var end = self.count
        while start < end, Self.isSpace(self[start]) { start += 1 }
        while start < end, Self.isSpace(self[end - 1]) { end -= 1 }
        return start == 0 && end == self.count ? self : Bytes(rebasing: self[start..<end])
    }

    @inline(__always)
    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    /// Whether the bytes equal an ASCII literal exactly.
    func equals(_ literal: StaticString) -> Bool {
        literal.withUTF8Buffer { self.equals($0) }
    }

    /// Whether two runs of bytes are equal.
    @inline(__always)
    func equals(_ other: Bytes) -> Bool {
        guard self.count == other.count else { return false }
        for index in 0..<self.count where self[index] != other[index] { return false }
        return true
    }
}
