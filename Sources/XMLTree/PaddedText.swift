/// Bytes that can be read eight at a time: behind the last one stand eight zeros. XML knows no zero byte, so whatever
/// looks for a byte of XML finds its end there at the latest.
struct PaddedText {
    /// How many zeros stand behind the text.
    static let padding = 8

    private let start: UnsafePointer<UInt8>
    /// The size of the text without its padding.
    let count: Int

    /// - Parameter padded: the text and its padding. It must outlive this value.
    private init(padded: UnsafeBufferPointer<UInt8>) {
        precondition(padded.count >= Self.padding, "a text has its padding")
        self.start = padded.baseAddress.unsafelyUnwrapped
        self.count = padded.count - Self.padding
    }

    /// A copy of the bytes, with padding behind them.
    static func storage(of bytes: ArraySlice<UInt8>) -> [UInt8] {
        var storage: [UInt8] = []
        storage.reserveCapacity(bytes.count + Self.padding)
        storage.append(contentsOf: bytes)
        for _ in 0..<Self.padding { storage.append(0) }
        return storage
    }

    /// Reads what ``storage(of:)`` made.
    @inline(__always)
    static func read<Result, Failure: Error>(
        _ storage: [UInt8], _ body: (PaddedText) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try storage.withUnsafeBufferPointer { (buffer) throws(Failure) in try body(PaddedText(padded: buffer)) }
    }

    /// Reads a short text of another kind through a copy.
    static func copying<Result>(_ bytes: UnsafeBufferPointer<UInt8>, _ body: (PaddedText) -> Result) -> Result {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: bytes.count + Self.padding) { copy in
            let (_, end) = copy.initialize(from: bytes)
            copy[end...].initialize(repeating: 0)
            return body(PaddedText(padded: UnsafeBufferPointer(copy)))
        }
    }

    /// A byte of the text or of its padding.
    @inline(__always)
    subscript(index: Int) -> UInt8 {
        assert(index >= 0 && index < self.count + Self.padding, "reads stay in the text and its padding")
        return self.start[index]
    }

    /// Eight bytes, the first of them lowest. The place is at most the end of the text.
    @inline(__always)
    func word(at index: Int) -> UInt64 {
        assert(index >= 0 && index <= self.count, "words start in the text or at its end")
        return UInt64(
            littleEndian: UnsafeRawPointer(self.start + index).loadUnaligned(as: UInt64.self))
    }

    /// Up to eight bytes, with zeros in place of the others.
    @inline(__always)
    func word(at index: Int, count: Int) -> UInt64 {
        let word = self.word(at: index)
        return count >= 8 ? word : word & ~(~0 &<< UInt64(count &* 8))
    }

    /// Whether two runs of the text are equal.
    @inline(__always)
    func equal(_ left: Int, _ right: Int, count: Int) -> Bool {
        var offset = 0
        while offset < count {
            let rest = count - offset
            if self.word(at: left + offset, count: rest) != self.word(at: right + offset, count: rest) { return false }
            offset += 8
        }
        return true
    }

    /// Whether other bytes stand at a place of the text.
    @inline(__always)
    func starts(at index: Int, with other: UnsafeRawBufferPointer) -> Bool {
        assert(index + other.count <= self.count, "the bytes have room in the text")
        var offset = 0
        while offset + 8 <= other.count {
            let word = UInt64(littleEndian: other.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            if self.word(at: index + offset) != word { return false }
            offset += 8
        }
        while offset < other.count {
            if self[index + offset] != other[offset] { return false }
            offset += 1
        }
        return true
    }

    /// The text without its padding.
    var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: self.start, count: self.count) }

    /// A part of the text.
    func bytes(_ start: Int, _ count: Int) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(rebasing: self.bytes[start..<start + count])
    }
}
