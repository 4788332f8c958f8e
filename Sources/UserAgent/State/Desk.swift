import Ground
import SIPTransactions
import SIPWire

/// Whose a transaction or a timer is.
enum Owner: Hashable, Sendable {
    case registration, publication
    case subscription(SubscriptionID)
}

/// What a timer is for.
struct TimerKey: Hashable, Sendable {
    /// What a request was sent for.
    enum Purpose: Hashable, Sendable {
        /// A registration, publication or subscription must be refreshed.
        case refresh
        /// Something that failed, or must wait, is tried again.
        case retry
        /// Timer N: no NOTIFY came (RFC 6665 §4.1.2.4).
        case notifyWait
        /// The granted time is over.
        case expiry
    }

    var owner: Owner
    var purpose: Purpose
}

/// What the procedures of this box share: the set-up, chance, timers, open transactions, what the registrar gave, and
/// the effects of the moment.
struct Desk: Sendable {
    let configuration: UserAgent.Configuration
    var entropy: Entropy
    /// Open client transactions.
    var owners: [ClientTransactionID: Owner] = [:]
    var timers = DeadlineQueue<TimerKey>()
    /// Where the registrar wants requests to go first (RFC 3608).
    var serviceRoutes: [[UInt8]] = []
    /// The address of this very terminal (RFC 5627).
    var publicGRUU: [UInt8]?
    var effects: [UserAgent.Effect] = []
    /// Whether the user wants everything to end: nothing is tried again.
    var isClosing = false

    init(configuration: UserAgent.Configuration, entropy: Entropy) {
        self.configuration = configuration
        self.entropy = entropy
    }

    mutating func report(_ event: UserAgent.Event) { self.effects.append(.report(event)) }

    mutating func setTimer(_ owner: Owner, _ purpose: TimerKey.Purpose, at instant: Instant) {
        self.timers.set(TimerKey(owner: owner, purpose: purpose), at: instant)
    }

    mutating func stopTimer(_ owner: Owner, _ purpose: TimerKey.Purpose) {
        self.timers.remove(TimerKey(owner: owner, purpose: purpose))
    }

    mutating func stopTimers(_ owner: Owner) {
        for purpose in [TimerKey.Purpose.refresh, .retry, .notifyWait, .expiry] { self.stopTimer(owner, purpose) }
    }

    /// Whether what failed is tried again by itself.
    var triesAgain: Bool { self.configuration.persistent && !self.isClosing }

    /// The URI that stands in Contact: the GRUU where there is one (RFC 6665 §4.5.1).
    var contactURI: [UInt8] { self.publicGRUU ?? Array(self.configuration.contact.utf8) }

    /// The routes of a request outside every dialog: the outbound proxy, if it is one, then those of the registrar.
    var initialRoutes: [[UInt8]] {
        var routes: [[UInt8]] = []
        if let server = self.configuration.server, let uri = try? SIPURI.parse(Octets(Array(server.utf8))),
            uri.isLooseRouter
        {
            routes.append(Array("<\(server)>".utf8))
        }
        return routes + self.serviceRoutes
    }

    /// Where a request goes that has these routes, and this URI if it has none. Nil: nowhere.
    ///
    /// A configured server without `lr` gets every request outside a dialog as it is (RFC 3261 §8.1.2).
    func target(uri: [UInt8], routes: [[UInt8]], isInsideDialog: Bool) -> Target? {
        if !isInsideDialog, let server = self.configuration.server {
            return (try? SIPURI.parse(Octets(Array(server.utf8)))).map { .uri($0) }
        }
        if let first = routes.first, let route = try? NameAddress.parse(Octets(first)) { return .uri(route.uri) }
        return (try? SIPURI.parse(Octets(uri))).map { .uri($0) }
    }

    /// How long to wait before try number `failures` (from 1): doubled each time, with chance, so that many terminals
    /// do not come back at the same moment (RFC 5626 §4.5).
    mutating func pause(failures: Int) -> Duration {
        let first = Limits.firstPause.wholeNanoseconds
        let longest = Limits.longestPause.wholeNanoseconds
        let doubled = failures >= 8 ? longest : min(longest, first << Int64(max(0, failures - 1)))
        let chance = Int64(self.entropy.next(below: UInt64(doubled / 2 + 1)))
        return .nanoseconds(doubled / 2 + chance)
    }

    /// When a state that was granted for so many seconds is refreshed: 600 s before its end if it lasts longer than
    /// 1200 s, else at half-time (REQ-24141-5, TS 24.141 §5.3.1.2).
    static func refreshDelay(granted: UInt32) -> Duration {
        let seconds = Int64(min(granted, Limits.maximumExpires))
        if seconds > 1200 { return .seconds(seconds - 600) }
        return max(Limits.shortestRefresh, .milliseconds(seconds * 500))
    }
}

/// Reading numbers and texts from headers.
extension SIPMessage {
    /// The seconds at the start of a header value, saturated; nil without the header or without digits.
    func seconds(_ name: HeaderName) -> UInt32? {
        guard let value = self.first(name) else { return nil }
        return Self.seconds(value)
    }

    static func seconds(_ value: Octets) -> UInt32? {
        var seconds: UInt64 = 0
        var digits = 0
        for byte in value {
            guard ASCII.isDigit(byte) else { break }
            seconds = min(seconds * 10 + UInt64(byte - 0x30), UInt64(UInt32.max))
            digits += 1
        }
        return digits > 0 ? UInt32(seconds) : nil
    }

    /// The wait that a failure asks for, if it is one that may and a sensible one (RFC 3261 §20.33).
    var retryAfter: UInt32? {
        guard [404, 413, 480, 486, 500, 503, 600, 603].contains(self.status), let seconds = self.seconds(.retryAfter)
        else { return nil }
        return seconds <= Limits.maximumRetryAfter ? seconds : nil
    }

    /// The failure as the user gets to know it.
    var refusal: UserAgent.Problem { .refused(status: self.status, reason: self.reason.text) }
}
