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
