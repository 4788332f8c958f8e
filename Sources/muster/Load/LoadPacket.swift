import Glibc

/// A message under construction in memory that is reused for the next one.
struct LoadPacket {
    /// The longest message that is built.
    static let capacity = 4096

    let bytes: UnsafeMutablePointer<UInt8>
    private(set) var count = 0

    init(_ bytes: UnsafeMutablePointer<UInt8>) { self.bytes = bytes }

    @inline(__always)
    mutating func put(_ literal: StaticString) {
        self.put(UnsafePointer(literal.utf8Start), literal.utf8CodeUnitCount)
    }

    @inline(__always)
    mutating func put(_ text: [UInt8]) {
        text.withUnsafeBufferPointer { buffer in
            if let start = buffer.baseAddress { self.put(start, buffer.count) }
        }
    }

    mutating func put(_ start: UnsafePointer<UInt8>, _ length: Int) {
        let size = min(length, Self.capacity - self.count)
        memcpy(self.bytes + self.count, start, size)
        self.count += size
    }

    /// A number in decimal, filled up with zeros to a width.
    mutating func put(number: Int, width: Int = 1) {
        guard self.count + 20 <= Self.capacity else { return }
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
        withUnsafeMutableBytes(of: &digits) { buffer in
            var rest = UInt64(max(0, number))
            var start = 24
            while rest > 0 || 24 - start < width {
                start -= 1
                buffer[start] = 0x30 &+ UInt8(rest % 10)
                rest /= 10
            }
            for index in start..<24 {
                self.bytes[self.count] = buffer[index]
                self.count += 1
            }
        }
    }

    /// Fills up with one character.
    mutating func fill(_ character: UInt8, _ length: Int) {
        guard length > 0 else { return }
        let size = min(length, Self.capacity - self.count)
        memset(self.bytes + self.count, Int32(character), size)
        self.count += size
    }
}
