import Cryptography
import Ground
import SIPWire

/// Public GRUUs: the address of record with the instance in the `gr` parameter (RFC 5627 §5.1, Appendix A.1).
enum PublicGRUU {
    /// The GRUU of an instance of a user.
    static func make(user: [UInt8], instance: [UInt8]) -> [UInt8] {
        var uri = user
        uri.append(literal: ";gr=")
        for byte in instance {
            if Self.needsNoEscape(byte) {
                uri.append(byte)
            } else {
                uri.append(UInt8(ascii: "%"))
                for digit in [byte >> 4, byte & 15] { uri.append(digit < 10 ? 0x30 + digit : 0x37 + digit) }
            }
        }
        return uri
    }

    /// The instance that a URI names; nil if it is no public GRUU.
    static func instance(of uri: SIPURI) -> [UInt8]? {
        guard let value = uri.parameters.value(of: "gr"), !value.isEmpty else { return nil }
        var instance: [UInt8] = []
        var index = value.startIndex
        while index < value.endIndex {
            if value[index] == UInt8(ascii: "%"), value.endIndex - index > 2,
                let high = ASCII.hexValue(value[index + 1]), let low = ASCII.hexValue(value[index + 2])
            {
                instance.append(high << 4 | low)
                index += 3
            } else {
                instance.append(value[index])
                index += 1
            }
        }
        return instance
    }

    /// unreserved and param-unreserved of RFC 3261 §25.1.
    private static func needsNoEscape(_ byte: UInt8) -> Bool {
        if ASCII.isLetter(byte) || ASCII.isDigit(byte) { return true }
        switch byte {
        case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "!"), UInt8(ascii: "~"),
            UInt8(ascii: "*"), UInt8(ascii: "'"), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "["),
            UInt8(ascii: "]"), UInt8(ascii: "/"), UInt8(ascii: ":"), UInt8(ascii: "&"), UInt8(ascii: "+"),
            UInt8(ascii: "$"):
            return true
        default: return false
        }
    }
}

/// Temporary GRUUs: opaque addresses of an instance that show neither who it is nor that two of them belong together
/// (RFC 5627 §3.1.2, §5.1).
///
/// The number of the binding and the user are sealed into the address itself, so that as many may be given out as are asked for,
/// and nothing is kept for any of them. They all end with the binding, and a binding that is registered with a new Call-ID gets a
/// new number (RFC 5627 §5.1), which ends them too.
struct TemporaryGRUU: Sendable {
    private let key: SealingKey?
    private static let prefix = Array("tgruu.".utf8)

    /// - Parameter key: 32 bytes; a secret of another length is hashed to that.
    init(key: Redacted<[UInt8]>) {
        let bytes = key.reveal()
        self.key = SealingKey(bytes) ?? SealingKey(HashFunction.sha256.hash(bytes))
    }

    /// A new address for a binding.
    func make(user: [UInt8], binding id: UInt64, entropy: inout Entropy) -> [UInt8]? {
        guard let key = self.key, let uri = try? SIPURI.parse(user[...]), let name = uri.user else { return nil }
        let host = uri.host.map { ASCII.lowercased($0) }
        var plain: [UInt8] = []
        withUnsafeBytes(of: id.bigEndian) { plain.append(contentsOf: $0) }
        plain += name
        var address = Array("sip:".utf8) + Self.prefix
        address += Base64URL.encode(key.seal(plain[...], context: host[...], entropy: &entropy))
        address.append(UInt8(ascii: "@"))
        address += host
        address.append(literal: ";gr")
        return address
    }

    /// Whose address it is, and of which binding; nil if it is no temporary GRUU of ours.
    func open(_ uri: SIPURI) -> (user: [UInt8], binding: UInt64)? {
        guard uri.isGRUU, let name = uri.user, name.count < 1024, name.starts(with: Self.prefix), let key = self.key,
            let box = Base64URL.decode(name.dropFirst(Self.prefix.count))
        else { return nil }
        let host = uri.host.map { ASCII.lowercased($0) }
        guard let plain = key.open(box[...], context: host[...]), plain.count >= 8 else { return nil }
        var id: UInt64 = 0
        for byte in plain.prefix(8) { id = id << 8 | UInt64(byte) }
        var user = Array("sip:".utf8)
        user += plain.dropFirst(8)
        user.append(UInt8(ascii: "@"))
        user += host
        return (user, id)
    }
}
