/// Bytes that are being written: short pieces are added without asking each time who else holds them.
struct ByteBuilder: ~Copyable {
    private var start: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private var count = 0

    /// - Parameter capacity: how many bytes are expected; more are possible.
    init(expecting capacity: Int) {
        self.capacity = capacity + 16
        self.start = .allocate(capacity: self.capacity)
    }

    deinit { self.start.deallocate() }

    /// Makes room for more bytes, and for one word behind them.
    @inline(__always)
    private mutating func reserve(_ more: Int) {
        if self.capacity - self.count < more + 8 { self.grow(more) }
    }

    private mutating func grow(_ more: Int) {
        let capacity = (self.count + more) * 2 + 16
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        larger.moveInitialize(from: self.start, count: self.count)
        self.start.deallocate()
        self.start = larger
        self.capacity = capacity
    }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        self.reserve(1)
        self.start[self.count] = byte
        self.count += 1
    }

    /// Adds up to eight bytes, the first of them lowest.
    @inline(__always)
    mutating func append(word: UInt64, count: Int) {
        assert(count >= 0 && count <= 8, "a word has eight bytes")
        self.reserve(8)
        UnsafeMutableRawPointer(self.start + self.count).storeBytes(of: word.littleEndian, as: UInt64.self)
        self.count += count
    }

    mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let source = bytes.baseAddress else { return }
        self.reserve(bytes.count)
        (self.start + self.count).initialize(from: source, count: bytes.count)
        self.count += bytes.count
    }

    mutating func append(_ bytes: ArraySlice<UInt8>) { bytes.withUnsafeBufferPointer { self.append($0) } }

    @inline(__always)
    mutating func append(literal: StaticString) {
        self.append(UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    /// Adds a small number in decimal.
    mutating func append(decimal value: Int) { for byte in String(value).utf8 { self.append(byte) } }

    /// Gives the bytes away, and is empty then.
    mutating func move(to output: inout [UInt8]) {
        output.append(contentsOf: UnsafeBufferPointer(start: self.start, count: self.count))
        self.count = 0
    }
}
