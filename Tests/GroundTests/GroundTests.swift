import Ground
import MusterTesting
import Testing

@Suite("Addresses")
struct AddressTests {
    @Test(
        "addresses are read and written in their canonical form",
        arguments: [
            ("127.0.0.1", "127.0.0.1"), ("255.255.255.255", "255.255.255.255"), ("::1", "::1"), ("[::1]", "::1"),
            ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("::", "::"), ("1::", "1::"),
            ("::ffff:192.0.2.10", "::ffff:c000:20a"), ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ])
    func canonical(_ text: String, _ expected: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == expected)
        #expect(IPAddress(expected) == address)
    }

    @Test(
        "what is not an address is refused",
        arguments: [
            "", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1..2.3", "a.b.c.d", "1.2.3.4 ", ":::", "1:2:3:4:5:6:7", ":1",
            "1::2::3", "12345::", "::1]", "[::1", "1:2:3:4:5:6:7:8:9", "::1.2.3", "fe80::1%eth0", "1:",
        ])
    func refused(_ text: String) { #expect(IPAddress(text) == nil) }

    @Test("an endpoint keeps its brackets")
    func endpoints() throws {
        #expect(Endpoint("[::1]:5060")?.description == "[::1]:5060")
        #expect(Endpoint("10.0.0.1:65535")?.port == 65535)
        #expect(Endpoint("10.0.0.1:65536") == nil)
        #expect(Endpoint("10.0.0.1") == nil)
    }
}

@Suite("Deadlines")
struct DeadlineTests {
    @Test("deadlines come due in order, whatever was moved or taken back")
    func order() {
        var entropy = Entropy.seeded(7)
        var queue = DeadlineQueue<Int>()
        var model: [Int: Instant] = [:]
        for _ in 0..<20_000 {
            let key = Int(entropy.next(below: 300))
            switch entropy.next(below: 4) {
            case 0, 1:
                let at = Instant(nanoseconds: Int64(entropy.next(below: 1000)))
                queue.set(key, at: at)
                model[key] = at
            case 2:
                queue.remove(key)
                model[key] = nil
            default:
                let earliest = model.values.min()
                #expect(queue.next == earliest)
                let now = Instant(nanoseconds: Int64(entropy.next(below: 1000)))
                if let due = queue.popDue(at: now) {
                    #expect(model[due] == earliest)
                    model[due] = nil
                } else {
                    #expect(earliest.map { $0 > now } ?? true)
                }
            }
            #expect(queue.count == model.count)
        }
    }

    @Test("a queue of equal delays gives back what went in, in order")
    func fixedDelay() {
        var queue = FixedDelayQueue<Int>(delay: .seconds(32))
        for index in 0..<5000 { queue.append(index, at: Instant(seconds: Int64(index))) }
        #expect(queue.next == Instant(seconds: 32))
        #expect(queue.popDue(at: Instant(seconds: 31)) == nil)
        for index in 0..<5000 { #expect(queue.popDue(at: Instant(seconds: 6000)) == index) }
        #expect(queue.count == 0)
        #expect(queue.next == nil)
    }

    @Test("time saturates instead of wrapping round")
    func saturation() {
        #expect(Instant.distantFuture + .seconds(1) == .distantFuture)
        #expect(Instant(seconds: 5) + .milliseconds(1500) == Instant(nanoseconds: 6_500_000_000))
        #expect(Duration.seconds(Int64.max).wholeNanoseconds == .max)
    }
}

@Suite("Secrets and chance")
struct SecretTests {
    @Test("a secret shows nothing of itself, however it is printed", .spec("REQ-33141-D6"))
    func redaction() {
        let secret = Redacted("swordfish")
        var dumped = ""
        dump(secret, to: &dumped)
        for text in ["\(secret)", String(describing: secret), String(reflecting: secret), dumped] {
            #expect(!text.contains("swordfish"))
        }
        #expect(secret.reveal() == "swordfish")
    }

    @Test("a seed repeats its sequence, another seed does not")
    func seeds() {
        var first = Entropy.seeded(1)
        var again = Entropy.seeded(1)
        var other = Entropy.seeded(2)
        let values = (0..<2000).map { _ in first.next() }
        #expect(values == (0..<2000).map { _ in again.next() })
        #expect(values != (0..<2000).map { _ in other.next() })
        #expect(Set(values).count == values.count)
    }

    @Test("numbers are written without detours")
    func decimals() {
        for value: UInt64 in [0, 9, 10, 99, 12345, .max] {
            var bytes: [UInt8] = []
            bytes.append(decimal: value)
            #expect(String(decoding: bytes, as: UTF8.self) == String(value))
        }
        var bytes: [UInt8] = []
        bytes.append(hex: 0x0123_4567_89AB_CDEF)
        #expect(String(decoding: bytes, as: UTF8.self) == "0123456789abcdef")
    }
}
