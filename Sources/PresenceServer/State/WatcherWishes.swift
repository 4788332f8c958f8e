internal import EventNotification
internal import Ground
internal import PresenceDocuments

/// What a watcher asked for beyond whole documents at any time. Most watchers ask for nothing.
struct WatcherWishes: Equatable, Sendable {
    /// Whether the watcher is sent partial documents (RFC 5263).
    var partial = false
    /// The rates it asked for (RFC 6446), before conflicts were settled.
    var rates = NotificationRates.none
    /// What it does not want to be told again (RFC 5839).
    var suppress: SuppressIfMatch?
    /// Its filters as XML (RFC 4661); empty without any.
    var filter: [UInt8] = []

    static let none = WatcherWishes()

    var isEmpty: Bool { self == .none }

    /// The form for the dialog's bytes: a run of type, length and value; empty for no wishes.
    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        if self.partial { Self.append(1, [], to: &bytes) }
        for (type, rate) in [
            (2, self.rates.maximum), (3, self.rates.minimum), (4, self.rates.adaptiveMinimum),
        ] as [(UInt8, NotificationRate?)] {
            guard let rate else { continue }
            var text: [UInt8] = []
            rate.append(to: &text)
            Self.append(type, text, to: &bytes)
        }
        switch self.suppress {
        case .always: Self.append(5, [UInt8(ascii: "*")], to: &bytes)
        case .tag(let tag):
            var text: [UInt8] = []
            tag.append(to: &text)
            Self.append(5, text, to: &bytes)
        case .unknown, nil: break
        }
        if !self.filter.isEmpty { Self.append(6, self.filter, to: &bytes) }
        return bytes
    }

    init() {}

    /// Reads what ``encoded`` wrote; types of a later version are passed over. Nil if it does not hold together.
    init?(encoded: Octets) {
        var rest = encoded
        while let type = rest.popFirst() {
            guard rest.count >= 4 else { return nil }
            var length = 0
            for byte in rest.prefix(4) { length = length << 8 | Int(byte) }
            rest = rest.dropFirst(4)
            guard length <= rest.count else { return nil }
            let value = rest.prefix(length)
            rest = rest.dropFirst(length)
            switch type {
            case 1: self.partial = true
            case 2: self.rates.maximum = NotificationRate(value)
            case 3: self.rates.minimum = NotificationRate(value)
            case 4: self.rates.adaptiveMinimum = NotificationRate(value)
            case 5: self.suppress = SuppressIfMatch(value)
            case 6: self.filter = Array(value)
            default: break
            }
        }
    }

    private static func append(_ type: UInt8, _ value: [UInt8], to bytes: inout [UInt8]) {
        bytes.append(type)
        bytes.append(big: UInt32(truncatingIfNeeded: value.count))
        bytes.append(contentsOf: value)
    }
}
