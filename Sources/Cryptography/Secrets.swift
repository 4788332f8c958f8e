import COpenSSL
import Ground

/// Whether two runs of bytes are equal, in a time that depends on their lengths only.
package func constantTimeEquals(_ left: Octets, _ right: Octets) -> Bool {
    guard left.count == right.count else { return false }
    var difference: UInt8 = 0
    left.withUnsafeBufferPointer { mine in
        right.withUnsafeBufferPointer { theirs in
            for index in mine.indices { difference |= mine[index] ^ theirs[index] }
        }
    }
    return difference == 0
}

/// Whether two runs of bytes are equal, in a time that depends on their lengths only.
package func constantTimeEquals(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    constantTimeEquals(left[...], right[...])
}

extension [UInt8] {
    /// Overwrites the bytes in memory before they are let go. Only this copy: keep secrets in one place.
    package mutating func wipe() {
        self.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) }
        self.removeAll()
    }
}

/// The random generator of the library, seeded by the operating system: what the shell gives to every core.
package enum SecureRandom {
    /// Unpredictable bytes.
    package static func bytes(_ count: Int) -> [UInt8] {
        precondition(count >= 0, "a number of bytes is not negative")
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, made in
            let done = count == 0 ? 1 : RAND_bytes(buffer.baseAddress, Int32(clamping: count))
            // Going on with predictable numbers would be worse than ending here.
            precondition(done == 1, "the operating system gives random numbers")
            made = count
        }
    }
}

extension Entropy {
    /// The system's chance, for the cores: ``SecureRandom``.
    package static var system: Entropy { Entropy { SecureRandom.bytes($0) } }
}

/// Lets a closure work on bytes where they lie: a loop over a generic collection from another module would cost a call for
/// every byte.
private func contiguous<Result>(
    _ bytes: some Collection<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Result
) -> Result {
    if let result = bytes.withContiguousStorageIfAvailable(body) { return result }
    return Array(bytes).withUnsafeBufferPointer(body)
}

/// Hexadecimal digits (RFC 4648 §8), lower-case when written.
package enum Hexadecimal {
    /// Two lower-case digits a byte.
    package static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
        contiguous(bytes) { buffer in
            [UInt8](unsafeUninitializedCapacity: buffer.count * 2) { digits, count in
                for (index, byte) in buffer.enumerated() {
                    digits[index * 2] = ASCII.hexDigit(byte >> 4)
                    digits[index * 2 + 1] = ASCII.hexDigit(byte & 15)
                }
                count = buffer.count * 2
            }
        }
    }

    /// The bytes that digits of either case stand for. Nil if there is an odd number of them or another character.
    package static func decode(_ digits: some Collection<UInt8>) -> [UInt8]? {
        contiguous(digits) { buffer in
            guard buffer.count.isMultiple(of: 2) else { return nil }
            var bytes: [UInt8] = []
            bytes.reserveCapacity(buffer.count / 2)
            for index in stride(from: 0, to: buffer.count, by: 2) {
                guard let high = ASCII.hexValue(buffer[index]), let low = ASCII.hexValue(buffer[index + 1]) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            }
            return bytes
        }
    }
}

/// Base 64 with the alphabet that needs no escaping in URIs (RFC 4648 §5), without padding.
package enum Base64URL {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// The encoded form.
    package static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
        contiguous(bytes) { Self.encode($0) }
    }

    private static func encode(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count * 4 + 2) / 3)
        var buffer: UInt32 = 0
        var bits: UInt32 = 0
        for byte in bytes {
            buffer = (buffer << 8 | UInt32(byte)) & 0xFFFF
            bits += 8
            while bits >= 6 {
                bits -= 6
                text.append(self.alphabet[Int(buffer >> bits & 63)])
            }
        }
        if bits > 0 { text.append(self.alphabet[Int(buffer << (6 - bits) & 63)]) }
        return text
    }

    /// The bytes that a text stands for. Nil unless the text is exactly what ``encode(_:)`` writes.
    package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        contiguous(text) { Self.decode($0) }
    }

    private static func decode(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard text.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count * 3 / 4)
        var buffer: UInt32 = 0
        var bits: UInt32 = 0
        for character in text {
            guard let value = self.value(character) else { return nil }
            buffer = (buffer << 6 | value) & 0xFFFF
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: buffer >> bits))
            }
        }
        return buffer & ((1 << bits) - 1) == 0 ? bytes : nil
    }

    private static func value(_ character: UInt8) -> UInt32? {
        switch character {
        case 0x41...0x5A: UInt32(character - 0x41)
        case 0x61...0x7A: UInt32(character - 0x61 + 26)
        case 0x30...0x39: UInt32(character - 0x30 + 52)
        case 0x2D: 62
        case 0x5F: 63
        default: nil
        }
    }
}
