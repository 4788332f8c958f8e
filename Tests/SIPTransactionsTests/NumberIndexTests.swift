import Ground
import MusterTesting
import Testing

@testable import SIPTransactions

@Suite("Tables of the transaction layer")
struct NumberIndexTests {
    @Test("the index behaves as a dictionary does, also where many numbers meet", arguments: 1...6)
    func likeDictionary(_ seed: Int) {
        var chance = Entropy.seeded(UInt64(seed))
        var index = NumberIndex()
        var model: [UInt64: Int32] = [:]
        for step in 0..<6_000 {
            // Few numbers, so that they meet and are taken out again often.
            let number = chance.next(below: seed % 2 == 0 ? 300 : 5000) &* (seed < 4 ? 1 : 0x1_0000_0000)
            if let known = model[number] {
                #expect(index.find(number) == known)
                index.remove(number)
                model[number] = nil
            } else {
                #expect(index.find(number) == nil)
                index.insert(number, slot: Int32(step))
                model[number] = Int32(step)
            }
            #expect(index.count == model.count)
        }
        for (number, slot) in model { #expect(index.find(number) == slot) }
        for number in model.keys { index.remove(number) }
        #expect(index.count == 0)
        index.remove(5)
        #expect(index.count == 0)
    }

    @Test("the keyed hash depends on the key, on each byte and on the length")
    func hash() {
        var first = Entropy.seeded(1)
        var second = Entropy.seeded(2)
        let one = KeyedHash(entropy: &first)
        let two = KeyedHash(entropy: &second)
        var seen: Set<UInt64> = []
        for length in 0..<64 {
            let bytes = [UInt8](repeating: 0, count: length)
            #expect(one.hash(bytes[...]) != two.hash(bytes[...]))
            seen.insert(one.hash(bytes[...]))
            for place in 0..<length {
                var changed = bytes
                changed[place] = 1
                seen.insert(one.hash(changed[...]))
            }
        }
        #expect(seen.count == 64 + 63 * 64 / 2)
        #expect(!seen.contains(0))
    }

    @Test("a timer key gives back what was put in")
    func timerKey() {
        for kind in TimerKey.Kind.allCases {
            let key = TimerKey(kind, slot: .max, life: 0x1FF_FFFF)
            #expect(key.kind == kind)
            #expect(key.slot == .max)
            #expect(key.life == 0xFF_FFFF)
        }
    }

    @Test("an answered transaction costs few bytes beside its key and response")
    func size() {
        #expect(MemoryLayout<NonInviteServerTransaction>.size <= 24)
        #expect(MemoryLayout<NonInviteClientTransaction>.size <= 112)
        #expect(MemoryLayout<TimerKey>.size == 8)
        #expect(MemoryLayout<Flow>.size <= 64)
    }
}

@Suite("The quick look at a top Via")
struct TopViaTests {
    @Test(
        "it finds what the full grammar finds", .spec("RFC 3261 §20.42", "RFC 3581 §3"),
        arguments: [
            "SIP/2.0/UDP host.example.com:5070;branch=z9hG4bKa;rport",
            "SIP / 2.0 / TCP  [2001:db8::1]:5061 ; branch = x",
            "SIP/2.0/UDP 10.0.0.1;maddr=192.0.2.9;ttl=3;BRANCH=q;RPort=5",
            "SIP/2.0/WS a.invalid;x=\"a;branch=no\";branch=yes",
            "SIP/2.0/UDP h ;branch=1, SIP/2.0/UDP other;branch=2;rport", "SIP/2.0/UDP h:5060",
            "SIP/2.0/UDP h : 99;a;b=c",
        ])
    func likeGrammar(_ text: String) throws {
        let message = try Rig.message(Rig.request("OPTIONS", via: text))
        let full = try message.topVia()
        let quick = try #require(TopVia(Array(text.utf8)[...]))
        #expect(quick.transportOctets.text == full.transport.text)
        #expect(quick.hostOctets.text == full.host.text)
        #expect(quick.port == full.port)
        #expect(quick.branchOctets?.text == full.branch?.text)
        #expect(quick.maddrOctets?.text == full.maddr?.text)
        #expect(quick.hasRPort == full.hasRPort)
    }

    @Test("whatever it is given, it reads no further than it may")
    func rubbish() {
        for text in [
            "", "S", "SIP/2.0", "SIP/2.0/", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0/UDP ;", "SIP/2.0/UDP h:99999",
        ] {
            #expect(TopVia(Array(text.utf8)[...]) == nil, "\(text)")
        }
        var chance = Entropy.seeded(4)
        let alphabet = Array("SIP/2.0 UDP:;=,\"\\[]branch rport\t".utf8)
        for _ in 0..<5000 {
            let bytes = (0..<chance.next(below: 40)).map { _ in
                alphabet[Int(chance.next(below: UInt64(alphabet.count)))]
            }
            if let via = TopVia((Array("SIP/2.0/UDP h".utf8) + bytes)[...]) { #expect(!via.host.isEmpty) }
        }
    }
}
