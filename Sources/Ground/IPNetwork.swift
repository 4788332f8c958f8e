/// A block of addresses: an address and the number of its leading bits that count (RFC 4632 §3.1, RFC 4291 §2.3).
package struct IPNetwork: Hashable, Sendable, CustomStringConvertible {
    /// The first address of the block.
    package let address: IPAddress
    /// Leading bits that count: 0 to 32 for IPv4, 0 to 128 for IPv6.
    package let prefixLength: Int
    private let highMask: UInt64
    private let lowMask: UInt64

    /// - Returns: nil if the address has fewer bits than `prefixLength`.
    package init?(_ address: IPAddress, prefixLength: Int) {
        guard prefixLength >= 0, prefixLength <= (address.isIPv6 ? 128 : 32) else { return nil }
        func mask(_ bits: Int, of width: Int) -> UInt64 {
            if bits <= 0 { return 0 }
            let all: UInt64 = width == 64 ? .max : 0xFFFF_FFFF
            return bits >= width ? all : all &<< UInt64(width - bits) & all
        }
        self.highMask = address.isIPv6 ? mask(prefixLength, of: 64) : 0
        self.lowMask = address.isIPv6 ? mask(prefixLength - 64, of: 64) : mask(prefixLength, of: 32)
        self.prefixLength = prefixLength
        let high = address.high & self.highMask
        let low = address.low & self.lowMask
        self.address =
            address.isIPv6 ? IPAddress(ipv6High: high, low: low) : IPAddress(ipv4: UInt32(truncatingIfNeeded: low))
    }

    /// Reads `address/prefix-length`, or an address alone, which is a block of one. Nil if it is neither.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddress(first) else { return nil }
        guard parts.count == 2 else {
            self.init(address, prefixLength: address.isIPv6 ? 128 : 32)
            return
        }
        guard let length = Int(parts[1]), parts[1].allSatisfy(\.isNumber) else { return nil }
        self.init(address, prefixLength: length)
    }

    /// Reads a block whose address has no bits set behind the prefix, as an operator should write it. Nil if it is
    /// anything else.
    package init?(exactly text: some StringProtocol) {
        guard let network = IPNetwork(text), let head = text.split(separator: "/").first,
            IPAddress(head) == network.address
        else { return nil }
        self = network
    }

    /// Whether an address lies in the block. An IPv4 address never lies in an IPv6 block.
    @inline(__always)
    package func contains(_ other: IPAddress) -> Bool {
        other.isIPv6 == self.address.isIPv6 && other.high & self.highMask == self.address.high
            && other.low & self.lowMask == self.address.low
    }

    package var description: String { "\(self.address)/\(self.prefixLength)" }
}
