internal import Ground
internal import SIPTransactions
internal import SIPWire

/// A live subscription of a ``Notifier``.
struct NotifierEntry: Sendable {
    let id: UInt64
    let package: Int
    let resource: [UInt8]
    /// Canonical identity; empty for an anonymous subscriber.
    let watcher: [UInt8]
    var dialog: Dialog
    var target: DialogTarget
    /// The URI of our Contact.
    let contact: [UInt8]
    /// Value of the Event header: type and id, nothing else.
    let event: [UInt8]
    var contentType: StaticString
    var machine: NotifierSubscription
    var expires: Instant
    /// The rates as they were asked for, before conflicts were settled.
    var wantedRates: NotificationRates
    var rate: RateControl
    var condition: SuppressIfMatch?
    /// What the box keeps with the subscription.
    var context: [UInt8]

    /// When the last NOTIFY was sent.
    var lastNotified = Instant.zero
    /// ``ContentTag`` of the state that was told last; 0 if none was or it is not known.
    var lastTag: UInt64 = 0
    /// The highest CSeq number that the stored record lets us use.
    var reserved: UInt32 = 0
    /// Whether the box was asked for content and has not answered yet, and for what.
    var wanted: NotifierOccasion?
    /// Whether the next NOTIFY has to carry all of the state.
    var needsWhole = false
    /// Whether the NOTIFY that ends the subscription carries the state.
    var endsWithState = false
    /// Stands in the NOTIFY that ends the subscription, in seconds.
    var retryAfter: UInt32?
    /// Whether the storage has a record; a fetch has none.
    var isStored = false
    /// Headers of the next NOTIFY that answer a challenge.
    var authorization: [(HeaderName, [UInt8])] = []
    /// Whether the NOTIFY under way carries such headers.
    var isAuthorized = false
}

// The stored form: a version, then a run of type, length and value. Types of a later version are passed over.
extension NotifierEntry {
    /// The version that ``record(in:)`` writes.
    private static let version: UInt8 = 1

    /// What stands in the stored form.
    private enum Part: UInt8 {
        case dialog = 1
        case target, contact, event, contentType, maximumRate, minimumRate, adaptiveRate, condition, context, ending
    }

    /// What the storage keeps of the subscription.
    func record(in packages: EventPackageRegistry) -> NotifierRecord {
        var bytes: [UInt8] = [Self.version]
        Self.append(.dialog, self.dialog.encoded(), to: &bytes)
        Self.append(.target, self.target.encoded, to: &bytes)
        Self.append(.contact, self.contact, to: &bytes)
        Self.append(.event, self.event, to: &bytes)
        Self.append(.contentType, self.contentType.withUTF8Buffer { Array($0) }, to: &bytes)
        for (part, rate) in [
            (Part.maximumRate, self.wantedRates.maximum), (.minimumRate, self.wantedRates.minimum),
            (.adaptiveRate, self.wantedRates.adaptiveMinimum),
        ] {
            guard let rate else { continue }
            var text: [UInt8] = []
            rate.append(to: &text)
            Self.append(part, text, to: &bytes)
        }
        // A tag is left out: whether the subscriber still holds that state is not known after a restart.
        if self.condition == .always { Self.append(.condition, [UInt8(ascii: "*")], to: &bytes) }
        if !self.context.isEmpty { Self.append(.context, self.context, to: &bytes) }
        if let retryAfter {
            var text: [UInt8] = []
            text.append(big: retryAfter)
            Self.append(.ending, text, to: &bytes)
        }
        return NotifierRecord(
            id: self.id, resource: self.resource, watcher: self.watcher,
            package: packages[self.package].name.withUTF8Buffer { Array($0) }, state: self.machine.storedState,
            expires: self.expires, localCSeq: max(self.reserved, self.dialog.localSequence), dialog: bytes)
    }

    private static func append(_ part: Part, _ value: [UInt8], to bytes: inout [UInt8]) {
        bytes.append(part.rawValue)
        bytes.append(big: UInt32(truncatingIfNeeded: value.count))
        bytes.append(contentsOf: value)
    }

    /// Reads what ``record(in:)`` made. Nil if it does not hold together, or the package is served no more.
    init?(_ record: NotifierRecord, packages: EventPackageRegistry, at now: Instant) {
        guard record.id != 0, let package = packages.index(of: record.package[...]),
            let machine = NotifierSubscription(storedState: record.state), let parts = Self.parts(of: record.dialog),
            let dialog = parts[.dialog].flatMap({ Dialog(decoding: $0) }),
            let target = parts[.target].flatMap({ DialogTarget(encoded: $0) }), let contact = parts[.contact],
            let event = parts[.event], let header = try? EventHeader.parse(event),
            header.package == record.package[...],
            (try? SIPURI.parse(contact)) != nil, !contact.contains(UInt8(ascii: ">")),
            record.localCSeq <= 0x7FFF_FFFF
        else { return nil }
        self.id = record.id
        self.package = package
        self.resource = record.resource
        self.watcher = record.watcher
        self.dialog = dialog
        self.dialog.setLocalSequence(record.localCSeq)
        self.target = target
        self.contact = Array(contact)
        self.event = Array(event)
        let types = packages[package].notifyBodies
        self.contentType = types.first { parts[.contentType]?.equals($0) ?? false } ?? types.first ?? ""
        self.machine = machine
        self.expires = record.expires
        self.wantedRates = NotificationRates(
            maximum: parts[.maximumRate].flatMap { NotificationRate($0) },
            minimum: parts[.minimumRate].flatMap { NotificationRate($0) },
            adaptiveMinimum: parts[.adaptiveRate].flatMap { NotificationRate($0) })
        self.rate = RateControl(self.wantedRates.adopted(remaining: record.expires - now), at: now)
        self.condition = parts[.condition].flatMap { SuppressIfMatch($0) }
        self.context = parts[.context].map { Array($0) } ?? []
        self.retryAfter = parts[.ending].flatMap { $0.count == 4 ? $0.reduce(0) { $0 << 8 | UInt32($1) } : nil }
        self.reserved = record.localCSeq
        self.needsWhole = true
        self.isStored = true
    }

    private static func parts(of bytes: [UInt8]) -> [Part: Octets]? {
        guard bytes.first == Self.version else { return nil }
        var parts: [Part: Octets] = [:]
        var rest = bytes.dropFirst()
        while let type = rest.popFirst() {
            guard rest.count >= 4 else { return nil }
            var length = 0
            for byte in rest.prefix(4) { length = length << 8 | Int(byte) }
            rest = rest.dropFirst(4)
            guard length <= rest.count else { return nil }
            if let part = Part(rawValue: type) { parts[part] = rest.prefix(length) }
            rest = rest.dropFirst(length)
        }
        return parts
    }
}
