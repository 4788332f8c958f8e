/// Writes numbers and byte strings in the compact form that sealed and packed columns have.
///
/// Numbers are variable-length, seven bits a byte, lowest first; byte strings carry their length before them.
package struct PackedWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init(reserving capacity: Int = 0) { self.bytes.reserveCapacity(capacity) }

    /// Begins anew, in the same memory.
    package mutating func removeAll() { self.bytes.removeAll(keepingCapacity: true) }

    package mutating func append(number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            self.bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        self.bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    package mutating func append(_ string: [UInt8]) {
        self.append(number: UInt64(string.count))
        self.bytes.append(contentsOf: string)
    }
}

/// Reads what ``PackedWriter`` wrote. Every method gives nil at the end of the bytes or where they make no sense.
package struct PackedReader: Sendable {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    package init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        self.position = bytes.startIndex
    }

    package var isAtEnd: Bool { self.position == self.bytes.endIndex }

    package mutating func number() -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while self.position < self.bytes.endIndex, shift < 64 {
            let byte = self.bytes[self.position]
            self.position += 1
            let bits = UInt64(byte & 0x7F)
            // The tenth byte has room for one bit only.
            guard shift < 63 || bits <= 1 else { return nil }
            value |= bits << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }

    package mutating func number32() -> UInt32? { self.number().flatMap { UInt32(exactly: $0) } }

    package mutating func string() -> [UInt8]? {
        guard let count = self.number(), count <= UInt64(self.bytes.endIndex - self.position) else { return nil }
        let end = self.position + Int(count)
        defer { self.position = end }
        return Array(self.bytes[self.position..<end])
    }
}
