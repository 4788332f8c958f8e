/// What a name is looked up by: its first eight bytes, its size, and a hash of all of it.
struct NameKey {
    /// The first eight bytes, the first of them lowest, with zeros behind a shorter name.
    let head: UInt64
    /// The size in bytes.
    let count: Int
    /// A hash of all bytes.
    let hash: UInt32

    @inline(__always)
    init(_ text: PaddedText, start: Int, count: Int) {
        self.head = text.word(at: start, count: count)
        self.count = count
        var mixed = (self.head ^ UInt64(truncatingIfNeeded: count)) &* Self.multiplier
        var offset = 8
        while offset < count {
            mixed ^= mixed &>> 32
            mixed = (mixed ^ text.word(at: start + offset, count: count - offset)) &* Self.multiplier
            offset += 8
        }
        self.hash = UInt32(truncatingIfNeeded: mixed &>> 32)
    }

    /// The fraction of the golden ratio in 64 bits, which spreads every bit upwards.
    private static let multiplier: UInt64 = 0x9E37_79B9_7F4A_7C15
}

/// An open-addressed table from texts to their numbers. It is filled once.
struct HashedNames: Sendable {
    /// A text of the table: its first eight bytes, and where all of it lies.
    struct Entry: Sendable {
        var head: UInt64
        var start: UInt32
        var count: UInt32
    }

    /// The numbers of texts by hash; ``free`` where there is none.
    private let slots: [UInt16]
    /// The texts by number.
    private let entries: [Entry]
    /// The bytes of all texts one after another, padded.
    private let bytes: [UInt8]

    private static let free = UInt16.max

    init(_ texts: [[UInt8]]) {
        var size = 64
        while size < texts.count * 4 { size *= 2 }
        var slots = [UInt16](repeating: Self.free, count: size)
        let bytes = PaddedText.storage(of: texts.joined().reduce(into: []) { $0.append($1) }[...])
        self.entries = PaddedText.read(bytes) { all in
            var entries: [Entry] = []
            var start = 0
            for (number, text) in texts.enumerated() {
                let key = NameKey(all, start: start, count: text.count)
                entries.append(Entry(head: key.head, start: UInt32(start), count: UInt32(text.count)))
                var slot = Int(key.hash) & (size - 1)
                while slots[slot] != Self.free { slot = (slot + 1) & (size - 1) }
                slots[slot] = UInt16(number)
                start += text.count
            }
            return entries
        }
        self.slots = slots
        self.bytes = bytes
    }

    /// The table for many lookups; it must not outlive the call.
    @inline(__always)
    func read<Result, Failure: Error>(
        _ body: (HashedNamesReader) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try self.slots.withUnsafeBufferPointer { (slots) throws(Failure) in
            try self.entries.withUnsafeBufferPointer { (entries) throws(Failure) in
                try PaddedText.read(self.bytes) { (bytes) throws(Failure) in
                    try body(HashedNamesReader(slots: slots, entries: entries, bytes: bytes))
                }
            }
        }
    }
}

/// ``HashedNames`` while it is read: lookups without counting references.
struct HashedNamesReader {
    fileprivate let slots: UnsafeBufferPointer<UInt16>
    fileprivate let entries: UnsafeBufferPointer<HashedNames.Entry>
    fileprivate let bytes: PaddedText

    /// The number of a text, or nil if the table does not have it.
    @inline(__always)
    func find(_ key: NameKey, in text: PaddedText, at start: Int) -> UInt16? {
        let mask = self.slots.count - 1
        var slot = Int(key.hash) & mask
        while true {
            let number = self.slots[slot]
            guard Int(number) < self.entries.count else { return nil }
            let entry = self.entries[Int(number)]
            if entry.head == key.head, Int(entry.count) == key.count,
                key.count <= 8 || self.restEquals(entry, text, start)
            {
                return number
            }
            slot = (slot + 1) & mask
        }
    }

    /// Whether the bytes after the first eight are those of an entry that has the same size.
    private func restEquals(_ entry: HashedNames.Entry, _ text: PaddedText, _ start: Int) -> Bool {
        var offset = 8
        while offset < Int(entry.count) {
            let rest = Int(entry.count) - offset
            if text.word(at: start + offset, count: rest)
                != self.bytes.word(at: Int(entry.start) + offset, count: rest)
            {
                return false
            }
            offset += 8
        }
        return true
    }

    /// How many texts there are.
    @inline(__always)
    var count: Int { self.entries.count }

    /// Adds a text by its number to what is written.
    @inline(__always)
    func append(_ number: UInt16, to output: inout ByteBuilder) {
        precondition(Int(number) < self.entries.count, "a number of the table")
        let entry = self.entries[Int(number)]
        if entry.count <= 8 {
            output.append(word: entry.head, count: Int(entry.count))
        } else {
            output.append(self.bytes.bytes(Int(entry.start), Int(entry.count)))
        }
    }
}
