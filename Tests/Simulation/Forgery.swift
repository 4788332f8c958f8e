import Ground

/// What somebody sends who sees the messages of others and means ill, or has a broken memory: copies with other bytes
/// here and there.
enum Forgery {
    private static let branch = Array("z9hG4bK".utf8)
    private static let call = Array("\r\nCall-ID: ".utf8)
    private static let authorization = Array("\r\nAuthorization: ".utf8)
    private static let toTag = Array("\r\nTo: ".utf8)
    private static let tag = Array(";tag=".utf8)

    /// A broken copy; nil where a copy would be more than that: one with credentials is a replay.
    ///
    /// The copy never has the branch of the original, and outside a dialog never its Call-ID: a copy that comes first
    /// would else be the request, and the original its retransmission (RFC 3261 §17.2.3, §8.2.2.2).
    static func make(of original: [UInt8], chance: inout Entropy) -> [UInt8]? {
        guard self.position(of: self.authorization, in: original) == nil else { return nil }
        guard var bytes = self.renamed(original, chance: &chance) else { return nil }
        for _ in 0..<(chance.next(below: 6)) {
            guard bytes.count > 10 else { break }
            let position = Int(chance.next(below: UInt64(bytes.count)))
            switch chance.next(below: 6) {
            case 0: bytes[position] = UInt8(truncatingIfNeeded: chance.next())
            case 1: bytes.remove(at: position)
            case 2: bytes.insert(UInt8(truncatingIfNeeded: chance.next()), at: position)
            case 3: bytes.removeSubrange(position..<min(bytes.count, position + Int(chance.next(below: 40))))
            case 4:
                let part = Array(bytes[position..<min(bytes.count, position + Int(chance.next(below: 60)))])
                bytes.insert(contentsOf: part, at: Int(chance.next(below: UInt64(bytes.count))))
            default: bytes.removeLast(min(bytes.count - 1, Int(chance.next(below: 200))))
            }
        }
        // Whatever the changes did, the names of the original must not have come back.
        return bytes
    }

    private static func renamed(_ original: [UInt8], chance: inout Entropy) -> [UInt8]? {
        var bytes = original
        var number: [UInt8] = []
        number.append(hex: chance.next())
        guard let branch = self.position(of: self.branch, in: bytes) else { return nil }
        bytes.replaceSubrange((branch + 7)..<self.endOfToken(bytes, branch + 7), with: number)
        guard let to = self.position(of: self.toTag, in: bytes) else { return nil }
        let lineEnd = bytes[(to + 2)...].firstIndex(of: 0x0D) ?? bytes.endIndex
        let isInDialog = self.position(of: self.tag, in: Array(bytes[to..<lineEnd])) != nil
        if !isInDialog {
            guard let call = self.position(of: self.call, in: bytes) else { return nil }
            bytes.insert(contentsOf: number, at: call + self.call.count)
        }
        return bytes
    }

    private static func endOfToken(_ bytes: [UInt8], _ start: Int) -> Int {
        var end = start
        while end < bytes.count, ASCII.isDigit(bytes[end]) || ASCII.isLetter(bytes[end]) { end += 1 }
        return end
    }

    /// The rest of the line behind a mark.
    static func value(of mark: [UInt8], in bytes: [UInt8]) -> [UInt8]? {
        guard let start = self.position(of: mark, in: bytes) else { return nil }
        let rest = bytes[(start + mark.count)...]
        return Array(rest.prefix { $0 != 0x0D })
    }

    static func position(of mark: [UInt8], in bytes: [UInt8]) -> Int? {
        guard bytes.count >= mark.count else { return nil }
        var position = 0
        while let next = bytes[position...].firstIndex(of: mark[0]), next + mark.count <= bytes.count {
            if bytes[next..<(next + mark.count)].elementsEqual(mark) { return next }
            position = next + 1
        }
        return nil
    }
}
