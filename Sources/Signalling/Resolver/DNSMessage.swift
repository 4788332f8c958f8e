import Ground
import SIPTransactions

/// The kinds of record that are asked for (RFC 1035 §3.2.2, RFC 3596, RFC 2782, RFC 3403).
enum DNSRecordKind: UInt16 {
    case a = 1
    case cname = 5
    case soa = 6
    case aaaa = 28
    case srv = 33
    case naptr = 35
}

/// An answer of the name system, read with its times to live, which the C library does not show for all kinds.
///
/// Everything in it came from outside: all reads are bounded, compression pointers may only go backwards, and
/// records that do not fit their kind are passed over.
struct DNSMessage {
    /// What one record holds.
    enum Value {
        case address(IPAddress)
        case alias(String)
        case service(ServiceRecord)
        case naptr(NAPTRRecord)
        /// How long the absence of a record may be remembered (RFC 2308 §4).
        case authority(negativeSeconds: UInt32)
    }

    /// A resource record of an answer.
    struct Record {
        let owner: String
        let seconds: UInt32
        let value: Value
    }

    private(set) var answers: [Record] = []
    private(set) var authorities: [Record] = []

    /// Nil if the bytes are no DNS message.
    init?(_ bytes: [UInt8]) {
        var reader = Reader(bytes: bytes)
        guard let counts = reader.header() else { return nil }
        for _ in 0..<counts.questions {
            guard reader.name() != nil, reader.skip(4) else { return nil }
        }
        guard let answers = reader.records(counts.answers) else { return nil }
        self.answers = answers
        // A message that is cut off behind its answers is still good for those.
        self.authorities = reader.records(counts.authorities) ?? []
    }

    /// The records of a name, found by following aliases (RFC 1034 §3.6.2), and for how long they hold.
    func values(of name: String) -> (values: [Value], seconds: UInt32) {
        var owner = name.lowercased()
        var seconds = Limits.maximumCacheSeconds
        for _ in 0..<8 {
            let own = self.answers.filter { $0.owner == owner }
            var next: String?
            for record in own {
                if case .alias(let target) = record.value {
                    next = target
                    seconds = min(seconds, record.seconds)
                }
            }
            guard let next else {
                for record in own { seconds = min(seconds, record.seconds) }
                return (own.map(\.value), seconds)
            }
            owner = next
        }
        return ([], 0)
    }

    /// How long it may be remembered that there is no record (RFC 2308 §5).
    var negativeSeconds: UInt32 {
        for record in self.authorities {
            if case .authority(let seconds) = record.value {
                return min(seconds, record.seconds, Limits.maximumCacheSeconds)
            }
        }
        return Limits.negativeCacheSeconds
    }
}

/// Walks through a DNS message (RFC 1035 §4.1).
private struct Reader {
    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func skip(_ count: Int) -> Bool {
        guard self.position + count <= self.bytes.count else { return false }
        self.position += count
        return true
    }

    mutating func number16() -> UInt16? {
        guard self.position + 2 <= self.bytes.count else { return nil }
        defer { self.position += 2 }
        return UInt16(self.bytes[self.position]) << 8 | UInt16(self.bytes[self.position + 1])
    }

    mutating func number32() -> UInt32? {
        guard let high = self.number16(), let low = self.number16() else { return nil }
        return UInt32(high) << 16 | UInt32(low)
    }

    mutating func header() -> (questions: Int, answers: Int, authorities: Int)? {
        guard self.skip(4), let questions = self.number16(), let answers = self.number16(),
            let authorities = self.number16(), self.skip(2)
        else { return nil }
        return (Int(questions), Int(answers), Int(authorities))
    }

    /// A name in lower case, without the closing dot. Labels with bytes that no name of a host or service has make
    /// the name empty, so that the record is passed over.
    mutating func name() -> String? {
        guard let (name, end) = self.name(at: self.position) else { return nil }
        self.position = end
        return name
    }

    private func name(at start: Int) -> (String, Int)? {
        var text: [UInt8] = []
        var at = start
        var end: Int?
        var lowest = start
        var isClean = true
        while true {
            guard at < self.bytes.count else { return nil }
            let length = Int(self.bytes[at])
            if length == 0 {
                return (isClean ? String(decoding: text, as: UTF8.self) : "", end ?? at + 1)
            }
            if length & 0xC0 == 0xC0 {
                guard at + 1 < self.bytes.count else { return nil }
                let target = (length & 0x3F) << 8 | Int(self.bytes[at + 1])
                // Only backwards, and further back each time: no loop is possible.
                guard target < lowest else { return nil }
                lowest = target
                if end == nil { end = at + 2 }
                at = target
                continue
            }
            guard length & 0xC0 == 0, at + 1 + length <= self.bytes.count, text.count + length + 1 <= 255 else {
                return nil
            }
            if !text.isEmpty { text.append(UInt8(ascii: ".")) }
            for byte in self.bytes[(at + 1)..<(at + 1 + length)] {
                let isOrdinary =
                    ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "-")
                    || byte == UInt8(ascii: "_")
                if !isOrdinary { isClean = false }
                text.append(ASCII.lowercased(byte))
            }
            at += 1 + length
        }
    }

    /// A character string (RFC 1035 §3.3).
    mutating func text(before end: Int) -> String? {
        guard self.position < end else { return nil }
        let length = Int(self.bytes[self.position])
        guard self.position + 1 + length <= end else { return nil }
        defer { self.position += 1 + length }
        return String(decoding: self.bytes[(self.position + 1)..<(self.position + 1 + length)], as: UTF8.self)
    }

    mutating func records(_ count: Int) -> [DNSMessage.Record]? {
        guard count <= Limits.maximumDNSRecords else { return nil }
        var records: [DNSMessage.Record] = []
        for _ in 0..<count {
            guard let owner = self.name(), let kind = self.number16(), let category = self.number16(),
                let seconds = self.number32(), let length = self.number16(),
                self.position + Int(length) <= self.bytes.count
            else { return nil }
            let end = self.position + Int(length)
            // RFC 2181 §8: a time to live with the highest bit set means zero.
            let lifetime = seconds > 0x7FFF_FFFF ? 0 : seconds
            if category == 1, let kind = DNSRecordKind(rawValue: kind), let value = self.value(kind, before: end) {
                records.append(DNSMessage.Record(owner: owner, seconds: lifetime, value: value))
            }
            self.position = end
        }
        return records
    }

    private mutating func value(_ kind: DNSRecordKind, before end: Int) -> DNSMessage.Value? {
        switch kind {
        case .a:
            guard end - self.position == 4, let bits = self.number32() else { return nil }
            return .address(IPAddress(ipv4: bits))
        case .aaaa:
            guard end - self.position == 16, let first = self.number32(), let second = self.number32(),
                let third = self.number32(), let fourth = self.number32()
            else { return nil }
            let high = UInt64(first) << 32 | UInt64(second)
            return .address(IPAddress(ipv6High: high, low: UInt64(third) << 32 | UInt64(fourth)))
        case .cname:
            return self.name().flatMap { $0.isEmpty ? nil : .alias($0) }
        case .srv:
            guard let priority = self.number16(), let weight = self.number16(), let port = self.number16(),
                let target = self.name()
            else { return nil }
            // RFC 2782: a target of "." says that the service is not there; it stays an empty target.
            return .service(ServiceRecord(priority: priority, weight: weight, port: port, target: target))
        case .naptr:
            guard let order = self.number16(), let preference = self.number16(),
                let flags = self.text(before: end), let service = self.text(before: end),
                self.text(before: end) != nil, let replacement = self.name()
            else { return nil }
            return .naptr(
                NAPTRRecord(
                    order: order, preference: preference, flags: flags.lowercased(), service: service.uppercased(),
                    replacement: replacement))
        case .soa:
            guard self.name() != nil, self.name() != nil, self.skip(16), let minimum = self.number32() else {
                return nil
            }
            return .authority(negativeSeconds: minimum)
        }
    }
}
