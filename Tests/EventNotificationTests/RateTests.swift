import EventNotification
import Ground
import MusterTesting
import Testing

@Suite("Rates of notification")
struct RateTests {
    func rate(_ text: String) -> NotificationRate? { NotificationRate(Array(text.utf8)[...]) }

    @Test("the grammar of a rate", .spec("RFC 6446 §9.3", "RFC 6446 §9.2/1"))
    func grammar() throws {
        for text in ["1", "0.5", "99.9999999999", "12.25", "0.0000000001", "05.10"] {
            let rate = try #require(self.rate(text), "\(text)")
            var written: [UInt8] = []
            rate.append(to: &written)
            #expect(self.rate(String(decoding: written, as: UTF8.self)) == rate)
        }
        for text in ["", "0", "0.0", "100", "1.", ".5", "1.00000000001", "-1", "1e3", "1,5", " 1"] {
            #expect(self.rate(text) == nil, "\(text)")
        }
    }

    @Test("the interval is one by the rate", .spec("RFC 6446 §5.1"))
    func interval() throws {
        #expect(try #require(self.rate("0.5")).interval == 2_000_000_000)
        #expect(try #require(self.rate("1")).interval == 1_000_000_000)
        #expect(try #require(self.rate("0.0000000001")).interval == Int64.max)
        #expect(NotificationRate(interval: .seconds(4)).interval == 4_000_000_000)
    }

    @Test(
        "conflicting rates are settled",
        .spec("RFC 6446 §5.2", "RFC 6446 §6.3", "RFC 6446 §7.3", "RFC 6446 §8/1", "RFC 6446 §8/2"))
    func conflicts() throws {
        let slow = try #require(self.rate("0.1"))
        let fast = try #require(self.rate("1"))
        let low = NotificationRates(maximum: slow, minimum: fast).adopted(remaining: .seconds(3600))
        #expect(low.minimum == slow)
        let adaptive = NotificationRates(maximum: slow, adaptiveMinimum: fast).adopted(remaining: .seconds(3600))
        #expect(adaptive.adaptiveMinimum == slow)
        let both = NotificationRates(minimum: fast, adaptiveMinimum: slow).adopted(remaining: .seconds(3600))
        #expect(both.minimum == nil)
        #expect(both.adaptiveMinimum == slow)
    }

    @Test(
        "a maximum rate that lets nothing through is raised to one notification",
        .spec("RFC 6446 §5.2", "RFC 6446 §5.3/1"))
    func pause() throws {
        let pause = try #require(self.rate("0.0001"))
        let adopted = NotificationRates(maximum: pause).adopted(remaining: .seconds(600))
        #expect(try #require(adopted.maximum).interval <= 600_000_000_000)
        #expect(NotificationRates(maximum: pause).adopted(remaining: .seconds(20_000)).maximum == pause)
    }

    @Test(
        "the adaptive rate slows down while much is sent and wakes when nothing is",
        .spec("RFC 6446 §7.2", "RFC 6446 §7.4/1"))
    func adaptive() throws {
        let rates = NotificationRates(adaptiveMinimum: self.rate("1"))
        var now = Instant(seconds: 1000)
        var control = RateControl(rates, at: now)
        let calm = try #require(control.latest(after: now, at: now))
        #expect(calm == now + .seconds(1))
        for _ in 0..<30 {
            now += .milliseconds(100)
            control.sent(at: now)
        }
        let busy = try #require(control.latest(after: now, at: now))
        #expect(busy - now > .seconds(3))
        now += .seconds(60)
        let quiet = try #require(control.latest(after: now, at: now))
        #expect(quiet - now <= .seconds(1))
    }

    @Test("what is remembered for the adaptive rate is bounded")
    func bounded() throws {
        let rates = NotificationRates(adaptiveMinimum: self.rate("0.0001"))
        let now = Instant(seconds: 1000)
        var control = RateControl(rates, at: now)
        for step in 0..<10_000 { control.sent(at: now + .milliseconds(step)) }
        let due = try #require(control.latest(after: now, at: now + .seconds(20)))
        #expect(due > now)
    }

    @Test(
        "expiry is shortened, never lengthened, and 423 is only for wishes under an hour",
        .spec("RFC 6665 §4.2.1.1", "RFC 6665 §4.2.1.1/3", "RFC 6665 §4.2.1.1/5"))
    func expiry() {
        let policy = ExpiryPolicy(standard: 3600, minimum: 7200, maximum: 9000)
        #expect(policy.grant(nil) == .granted(3600))
        #expect(policy.grant(0) == .granted(0))
        #expect(policy.grant(3599) == .tooBrief(minimum: 3600))
        #expect(policy.grant(3600) == .granted(3600))
        #expect(policy.grant(.max) == .granted(9000))
    }

    @Test("deadlines come up in order, and forgotten ones are swept out")
    func deadlines() {
        var deadlines = LazyDeadlines()
        var entropy = Entropy.seeded(3)
        for place in 0..<5000 {
            deadlines.set(
                at: Instant(nanoseconds: Int64(entropy.next(below: 1_000_000))), kind: 1, place: UInt32(place),
                generation: 0)
        }
        var last = Instant.zero
        for _ in 0..<1000 {
            guard let entry = deadlines.popDue(at: .distantFuture) else { break }
            #expect(entry.at >= last)
            last = entry.at
        }
        #expect(deadlines.wantsCompaction(live: 10))
        deadlines.compact { $0.place < 100 }
        #expect(deadlines.count < 100)
        #expect(!deadlines.wantsCompaction(live: 10))
        while let entry = deadlines.popDue(at: .distantFuture) {
            #expect(entry.at >= last)
            #expect(entry.place < 100)
            last = entry.at
        }
    }

    @Test(
        "content tags are equal for equal content only, and can be read back",
        .spec("RFC 5839 §4", "RFC 5839 §7.2", "RFC 5839 §6.1/2"))
    func contentTags() {
        var seen: Set<ContentTag> = []
        for length in 0..<300 { seen.insert(ContentTag(of: Array(repeating: 0, count: length))) }
        for byte in 0..<255 {
            var body = Array(repeating: UInt8(7), count: 100)
            body[byte % 100] = UInt8(byte)
            seen.insert(ContentTag(of: body))
        }
        #expect(seen.count > 540)
        var text: [UInt8] = []
        ContentTag(of: [1, 2, 3]).append(to: &text)
        #expect(ContentTag(text[...]) == ContentTag(of: [1, 2, 3]))
        #expect(ContentTag(Array("0000000000000000".utf8)[...]) == nil)
        #expect(ContentTag(Array("ABCDEF0123456789".utf8)[...]) == nil)
        #expect(SuppressIfMatch(Array("*".utf8)[...]) == .always)
        #expect(SuppressIfMatch(Array("other".utf8)[...]) == .unknown)
        #expect(SuppressIfMatch(Array("a b".utf8)[...]) == nil)
        #expect(SuppressIfMatch([]) == nil)
    }

    @Test("an adaptive rate keeps to the maximum", .spec("RFC 6446 §7.4/2"))
    func adaptiveWithMaximum() throws {
        let wishes = NotificationRates(maximum: self.rate("0.5"), adaptiveMinimum: self.rate("0.4"))
        let rates = wishes.adopted(remaining: .seconds(3600))
        var now = Instant(seconds: 1000)
        var control = RateControl(rates, at: now)
        // Long silence makes the time-out as short as it becomes; bursts make it long. Never is it below 2 s.
        for step in [0, 600, 1, 0, 0, 30, 900] {
            now += .seconds(step)
            let due = try #require(control.latest(after: now, at: now))
            #expect(due - now >= .seconds(2))
            #expect(due >= control.earliest(after: now, baseline: 0))
            control.sent(at: now)
        }
    }
}
