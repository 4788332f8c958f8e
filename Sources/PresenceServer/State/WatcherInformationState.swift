internal import Ground
internal import PresenceDocuments

/// What is known of the watchers of one presentity beyond their live subscriptions: who asked to be told of them,
/// what happened that not all of those know yet, and who waits for a decision. There is none where nobody asks and
/// nobody waits.
struct WatcherInformationState: Sendable {
    /// Place of the presentity.
    let presentity: UInt32
    /// Places of the subscriptions to the watcher information, in no order.
    var subscribers: [UInt32] = []
    /// The watchers whose subscription ended undecided, in the order in which they are given up.
    var waiting: [WaitingWatcher] = []
    /// The last changes, the oldest first. The last one has the number ``sequence``.
    private(set) var changes: [WatcherStanding] = []
    /// The number of the last change. It begins with 1, so that 0 means "knows nothing".
    private(set) var sequence: UInt64 = 1
    /// Watchers that a subscriber has yet to be told of, because they were too many for one message.
    var backlogs: [UInt32: [WatcherReference]] = [:]
    /// Whether somebody has to be told at the end of the turn.
    var isChanged = false
    /// The deadline that stands in the queue; distant future if none.
    var armed = Instant.distantFuture

    /// Stands in empty places.
    static let vacant = WatcherInformationState(presentity: 0)

    init(presentity: UInt32) { self.presentity = presentity }

    /// Whether nothing is to be remembered.
    var isIdle: Bool { self.subscribers.isEmpty && self.waiting.isEmpty }

    /// Remembers a change. With too many of them all are forgotten, and who has not heard of them gets the full state:
    /// that is cheaper than to forget one at a time.
    mutating func note(_ change: WatcherStanding, limit: Int) {
        if self.changes.count >= limit { self.changes = [] }
        self.changes.append(change)
        self.sequence += 1
    }

    /// The changes after a number. Nil if they are not remembered any more.
    func changes(after number: UInt64) -> ArraySlice<WatcherStanding>? {
        guard number <= self.sequence, self.sequence - number <= UInt64(self.changes.count) else { return nil }
        return self.changes.suffix(Int(self.sequence - number))
    }

    /// Forgets the changes that everybody knows.
    /// - Parameter number: the last change that the slowest subscriber knows; nil if there is none to whom a change
    ///   can be told, because all of them get the full state.
    mutating func forgetChanges(through number: UInt64?) {
        guard let number, number < self.sequence else {
            self.changes.removeAll(keepingCapacity: !self.subscribers.isEmpty)
            return
        }
        let wanted = self.sequence - number
        guard wanted < UInt64(self.changes.count) else { return }
        self.changes.removeFirst(self.changes.count - Int(wanted))
    }
}

/// A watcher that a message had no room for.
enum WatcherReference: Hashable, Sendable {
    case subscription(UInt32, generation: UInt32)
    /// A ``WaitingWatcher``, by the name of its record.
    case waiting(UInt64)
}

/// A watcher as it stood at some moment. Times are absolute, so that it can be told later.
struct WatcherStanding: Hashable, Sendable {
    var name: UInt64
    /// Canonical identity; empty if it is unknown or hidden.
    var identity: [UInt8]
    /// UTF-8; empty if there is none.
    var displayName: [UInt8]
    var status: WatcherInformation.Status
    var event: WatcherInformation.Event
    /// Second in which the subscription was made; 0 if that is not known.
    var madeAt: UInt32
    /// When the subscription ends; nil where it has ended.
    var expires: Instant?

    /// The URI of somebody who is not named (RFC 3323 §4.1.1.3).
    private static let anonymous = Array("sip:anonymous@anonymous.invalid".utf8)

    /// As a document tells it.
    func watcher(at now: Instant) -> WatcherInformation.Watcher {
        var id: [UInt8] = []
        id.reserveCapacity(16)
        id.append(hex: self.name)
        let left = self.expires.map { UInt64(max(($0 - now).wholeNanoseconds, 0) / 1_000_000_000) }
        return WatcherInformation.Watcher(
            id: id, uri: self.identity.isEmpty ? Self.anonymous : self.identity, status: self.status,
            event: self.event, displayName: self.displayName.isEmpty ? nil : self.displayName, expiration: left,
            durationSubscribed: self.madeAt == 0 ? nil : UInt64(max(now.seconds - Int64(self.madeAt), 0)))
    }
}

/// A watcher whose subscription ended before anybody decided about it (RFC 3857 §4.7.1, the state `waiting`).
///
/// The storage keeps it in the record of a subscription: state ``storedState``, the end of the waiting as its expiry,
/// and as the dialog: version 1, flags 1, second of the first SUBSCRIBE 4, name 8 (big-endian), length of the display name
/// 2, the display name, and the other identities, each with its length before it in 2.
struct WaitingWatcher: Equatable, Sendable {
    /// Names the record.
    let id: UInt64
    /// What it is called in watcher information, as before its end.
    let name: UInt64
    /// Canonical identity; empty for an anonymous watcher.
    let identity: [UInt8]
    /// Other canonical identities of the same watcher.
    let otherIdentities: [[UInt8]]
    let asksForPrivacy: Bool
    let displayName: [UInt8]
    let madeAt: UInt32
    /// When it is given up.
    let until: Instant

    /// Stands where a notifier's state stands: neither pending (0) nor active (1) nor ended (16 and more).
    static let storedState: UInt8 = 8
    private static let version: UInt8 = 1
    private static let headerLength = 16

    /// The watcher as rules see it.
    var judged: JudgedWatcher {
        JudgedWatcher(main: self.identity, others: self.otherIdentities, asksForPrivacy: self.asksForPrivacy)
    }

    /// What the presentity is told.
    func standing(
        _ status: WatcherInformation.Status = .waiting, _ event: WatcherInformation.Event = .timeout
    ) -> WatcherStanding {
        WatcherStanding(
            name: self.name, identity: self.asksForPrivacy ? [] : self.identity,
            displayName: self.asksForPrivacy ? [] : self.displayName, status: status, event: event,
            madeAt: self.madeAt, expires: nil)
    }

    /// What the storage keeps.
    func record(of presentity: [UInt8]) -> SubscriptionRecord {
        var bytes: [UInt8] = [Self.version, self.asksForPrivacy ? 1 : 0]
        bytes.append(big: self.madeAt)
        bytes.append(big: self.name)
        bytes.append(big: UInt16(clamping: self.displayName.count))
        bytes.append(contentsOf: self.displayName)
        for identity in self.otherIdentities {
            bytes.append(big: UInt16(clamping: identity.count))
            bytes.append(contentsOf: identity)
        }
        return SubscriptionRecord(
            id: self.id, presentity: presentity, watcher: self.identity, package: StoredNames.presence,
            state: Self.storedState, expires: self.until, localCSeq: 0, partialVersion: 0, dialog: bytes)
    }
}

extension WaitingWatcher {
    /// Reads what ``record(of:)`` wrote. Nil if it does not hold together.
    init?(_ record: SubscriptionRecord) {
        let bytes = record.dialog
        guard record.state == Self.storedState, bytes.count >= Self.headerLength, bytes[0] == Self.version,
            record.id != 0
        else { return nil }
        self.id = record.id
        self.name = UInt64(bytes.bigUInt32(at: 6)) << 32 | UInt64(bytes.bigUInt32(at: 10))
        self.identity = record.watcher
        self.asksForPrivacy = bytes[1] & 1 == 1
        var texts: [[UInt8]] = []
        var position = Self.headerLength - 2
        while position < bytes.count {
            guard bytes.count - position >= 2 else { return nil }
            let end = position + 2 + Int(bytes.bigUInt16(at: position))
            guard end <= bytes.count else { return nil }
            texts.append(Array(bytes[(position + 2)..<end]))
            position = end
        }
        self.displayName = texts.first ?? []
        self.otherIdentities = Array(texts.dropFirst())
        self.madeAt = bytes.bigUInt32(at: 2)
        self.until = record.expires
    }
}
