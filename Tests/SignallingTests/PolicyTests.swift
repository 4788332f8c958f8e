import Ground
import MusterTesting
import Testing

@testable import Signalling

@Suite("Networks, floods and clocks")
struct PolicyTests {
    @Test("a network holds the addresses that share its leading bits and no others")
    func networks() throws {
        let cases: [(String, String, Bool)] = [
            ("10.0.0.0/8", "10.255.1.2", true), ("10.0.0.0/8", "11.0.0.1", false),
            ("192.0.2.77/32", "192.0.2.77", true), ("192.0.2.77", "192.0.2.78", false),
            ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "::1", false),
            ("2001:db8::/33", "2001:db8:7fff::1", true), ("2001:db8::/33", "2001:db8:8000::1", false),
            ("2001:db8::/96", "2001:db8::1:2", true), ("2001:db8::/96", "2001:db8::1:0:0", false),
            ("fe80::/64", "fe80::1234", true), ("fe80::/64", "fe80:0:0:1::1", false), ("::/0", "::1", true),
            ("10.1.2.3/8", "10.9.9.9", true),
        ]
        for (network, address, isInside) in cases {
            let network = try #require(IPNetwork(network))
            #expect(network.contains(try #require(IPAddress(address))) == isInside, "\(network) \(address)")
        }
        for text in ["10.0.0.0/33", "10.0.0.0/-1", "::/129", "10.0.0/8", "10.0.0.0/", "10.0.0.0/+8", "", "/8"] {
            #expect(IPNetwork(text) == nil, "\(text)")
        }
    }

    @Test("a bucket empties, fills again with time, and is no larger than its burst")
    func bucket() {
        var flood = FloodBound(.init(messagesPerSecond: 10, burst: 5), seed: 1)
        let start = Instant(seconds: 1_000_000)
        let burst = (1...6).map { _ in flood.allows(.loopback, at: start) }
        #expect(burst == [true, true, true, true, true, false])
        let tooEarly = flood.wouldAllow(.loopback, at: start + .milliseconds(50))
        let inTime = flood.allows(.loopback, at: start + .milliseconds(150))
        #expect(!tooEarly && inTime)
        let later = start + .seconds(3600)
        var allowed = 0
        while flood.allows(.loopback, at: later) { allowed += 1 }
        #expect(allowed == 5)
    }

    @Test("a million sources that sent once do not stop a newcomer, and a flooder stays bounded among them")
    func manySources() {
        var flood = FloodBound(.init(messagesPerSecond: 1, burst: 100), seed: 99)
        let start = Instant(seconds: 1_000_000)
        let flooder = IPAddress("203.0.113.7") ?? .loopback
        let first = (1...101).filter { _ in flood.allows(flooder, at: start) }
        #expect(first.count == 100)
        var refused = 0
        for number in 0..<100_000 where !flood.allows(IPAddress(ipv4: UInt32(number)), at: start) { refused += 1 }
        #expect(refused < 100)
        var more = 0
        while flood.allows(flooder, at: start), more < 1000 { more += 1 }
        #expect(more <= 200)
    }

    @Test("the clock tells the time and never runs backwards")
    func clock() {
        let clock = AnchoredClock()
        var last = clock.now()
        #expect(last.seconds > 1_700_000_000)
        for _ in 1...1000 {
            let next = clock.now()
            #expect(next >= last)
            last = next
        }
    }
}
