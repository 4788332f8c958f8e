import EventNotification
import Ground
import MusterTesting
import Testing

@Suite("The notifier's machine of a subscription")
struct MachineTests {
    let now = Instant(seconds: 100)

    @Test(
        "one NOTIFY at a time is on its way; changes meanwhile become one",
        .spec("RFC 6665 §4.2.2", "RFC 5263 §4.4", "RFC 5263 §4.4/5"))
    func coalesces() {
        var machine = NotifierSubscription.active(.idle)
        #expect(machine.changed(earliest: .zero, at: self.now) == .send)
        machine.sent(transaction: 1)
        for _ in 0..<5 { #expect(machine.changed(earliest: .zero, at: self.now) == .wait) }
        #expect(machine.answered(retryAt: nil, earliest: .zero, at: self.now) == .sendIfChanged)
        #expect(machine.delivery == .idle)
    }

    @Test("a demand outranks a change while a NOTIFY is under way", .spec("RFC 6665 §4.2.1.2", "RFC 6665 §4.2.1.2/1"))
    func demandOutranks() {
        var machine = NotifierSubscription.active(.outstanding(transaction: 1, next: .nothing))
        #expect(machine.demanded() == .wait)
        #expect(machine.changed(earliest: .zero, at: self.now) == .wait)
        #expect(machine.answered(retryAt: nil, earliest: self.now + .seconds(9), at: self.now) == .send)
    }

    @Test("the rate control holds a change back, not a demand", .spec("RFC 6446 §5.2"))
    func paced() {
        var machine = NotifierSubscription.active(.idle)
        let later = self.now + .seconds(2)
        #expect(machine.changed(earliest: later, at: self.now) == .waitUntil(later))
        #expect(machine.changed(earliest: later, at: self.now) == .waitUntil(later))
        #expect(machine.wake(at: self.now) == .waitUntil(later))
        #expect(machine.demanded() == .send)
        machine.delivery = .paced(until: later)
        #expect(machine.wake(at: later) == .sendIfChanged)
        #expect(machine.wake(at: later) == .wait)
    }

    @Test("Retry-After holds everything but a demand", .spec("RFC 6665 §4.2.2", "RFC 6665 §4.2.2/8"))
    func held() {
        var machine = NotifierSubscription.active(.outstanding(transaction: 1, next: .change))
        let later = self.now + .seconds(30)
        #expect(machine.answered(retryAt: later, earliest: .zero, at: self.now) == .waitUntil(later))
        #expect(machine.changed(earliest: .zero, at: self.now) == .waitUntil(later))
        #expect(machine.wake(at: later) == .sendIfChanged)
    }

    @Test("the end waits for the NOTIFY under way, and the first reason stays", .spec("RFC 6665 §4.1.3"))
    func end() {
        var machine = NotifierSubscription.active(.outstanding(transaction: 1, next: .nothing))
        machine.terminate(.rejected)
        machine.terminate(.timeout)
        #expect(machine.demanded() == .wait)
        #expect(machine.answered(retryAt: nil, earliest: .zero, at: self.now) == .send)
        #expect(machine == .terminated(.rejected, .idle))
    }

    @Test("answers that nobody waits for change nothing")
    func strayAnswer() {
        for start in [
            NotifierSubscription.active(.idle), .pending(.paced(until: self.now)), .active(.held(until: self.now)),
        ] {
            var machine = start
            #expect(machine.answered(retryAt: self.now, earliest: .zero, at: self.now) == .wait)
            #expect(machine == start)
        }
    }

    @Test("every state survives storage", .spec("RFC 6665 §4.2"))
    func stored() {
        var states: [NotifierSubscription] = [.pending(.idle), .active(.idle)]
        states += TerminationReason.allCases.map { .terminated($0, .idle) }
        for state in states { #expect(NotifierSubscription(storedState: state.storedState) == state) }
        for byte in [UInt8(2), 15, 24, 255] { #expect(NotifierSubscription(storedState: byte) == nil) }
    }

    @Test(
        "answers to a NOTIFY mean what the table says", .spec("RFC 6665 §4.2.2", "RFC 5057 §5", "RFC 6665 §4.2.2/6"),
        arguments: [
            404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604,
        ])
    func fatal(_ status: Int) {
        #expect(NotifyOutcome(status: status, retryAfter: nil) == .subscriptionGone)
        #expect(NotifyOutcome(status: status, retryAfter: 5) == .subscriptionGone)
    }

    @Test("other answers keep the subscription", .spec("RFC 6665 §4.2.2", "RFC 6665 §4.2.2/9", "RFC 3261 §8.1.3.2/1"))
    func notFatal() {
        for status in [200, 202, 299] { #expect(NotifyOutcome(status: status, retryAfter: nil) == .delivered) }
        for status in [401, 407] { #expect(NotifyOutcome(status: status, retryAfter: nil) == .challenged) }
        for status in [400, 403, 486, 488, 500, 503, 600, 603] {
            #expect(NotifyOutcome(status: status, retryAfter: nil) == .failed)
        }
        #expect(NotifyOutcome(status: 503, retryAfter: 7) == .retry(after: .seconds(7)))
        #expect(NotifyOutcome(status: 503, retryAfter: .max) == .retry(after: .seconds(3600)))
        #expect(NotifyOutcome(status: 500, retryAfter: 0) == .retry(after: .seconds(1)))
    }
}
