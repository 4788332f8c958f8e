import Ground

/// The one piece of STUN that a SIP server speaks: answers to the keep-alives of UDP flows (RFC 5626 §4.4.2, §8).
enum BindingResponse {
    private static let magicCookie: UInt32 = 0x2112_A442

    /// The answer to a Binding Request, which tells the sender its address as we see it (RFC 5389 §7.3.1); nil if the
    /// datagram is no Binding Request. The first byte of a SIP message is never below 4, so the two cannot be confused.
    static func answer(to datagram: UnsafeRawBufferPointer, from remote: Endpoint) -> [UInt8]? {
        guard datagram.count >= 20, datagram.count <= 548, datagram[0] == 0, datagram[1] == 1,
            Int(datagram[2]) << 8 | Int(datagram[3]) == datagram.count - 20, datagram[3] & 3 == 0,
            datagram[4] == 0x21, datagram[5] == 0x12, datagram[6] == 0xA4, datagram[7] == 0x42
        else { return nil }
        let transaction = datagram[4..<20]
        let length: UInt8 = remote.address.isIPv6 ? 20 : 8
        // Binding Success Response with one attribute: XOR-MAPPED-ADDRESS.
        var answer: [UInt8] = [0x01, 0x01, 0x00, length + 4]
        answer.append(contentsOf: transaction)
        answer.append(contentsOf: [0x00, 0x20, 0x00, length, 0x00, remote.address.isIPv6 ? 2 : 1])
        let port = remote.port ^ UInt16(truncatingIfNeeded: Self.magicCookie >> 16)
        answer.append(contentsOf: [UInt8(port >> 8), UInt8(port & 255)])
        var address: [UInt8] = []
        if remote.address.isIPv6 {
            for half in [remote.address.high, remote.address.low] {
                for shift: UInt64 in stride(from: 56, through: 0, by: -8) {
                    address.append(UInt8(truncatingIfNeeded: half &>> shift))
                }
            }
        } else {
            for shift: UInt64 in [24, 16, 8, 0] {
                address.append(UInt8(truncatingIfNeeded: remote.address.low &>> shift))
            }
        }
        for (byte, key) in zip(address, transaction) { answer.append(byte ^ key) }
        return answer
    }
}
