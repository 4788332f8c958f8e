package import Ground
internal import SIPWire

/// The stored form: a version, the numbers, then each part with its length in front. Whatever a disk or a peer did to
/// it, reading gives a dialog that could have been made, or nil.
extension Dialog {
    /// The version that ``encoded()`` writes.
    private static let version: UInt8 = 1

    /// The dialog in bytes.
    package func encoded() -> [UInt8] {
        let parts = self.parts
        var bytes: [UInt8] = []
        bytes.reserveCapacity(self.storage.count + 48)
        bytes.append(Self.version)
        bytes.append(
            (self.state == .confirmed ? 1 : 0) | (self.isSecure ? 2 : 0) | (self.remoteSequence != nil ? 4 : 0))
        Self.append(self.localSequence, to: &bytes)
        Self.append(self.remoteSequence ?? 0, to: &bytes)
        bytes.append(UInt8(truncatingIfNeeded: parts.routes.count))
        for part in [
            parts.callID, parts.localURI, parts.localTag, parts.remoteURI, parts.remoteTag, parts.remoteTarget,
        ] {
            Self.append(part, to: &bytes)
        }
        for route in parts.routes { Self.append(route, to: &bytes) }
        return bytes
    }

    private static func append(_ number: UInt32, to bytes: inout [UInt8]) {
        for shift: UInt32 in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: number &>> shift)) }
    }

    private static func append(_ part: Octets, to bytes: inout [UInt8]) {
        bytes.append(UInt8(truncatingIfNeeded: part.count &>> 8))
        bytes.append(UInt8(truncatingIfNeeded: part.count))
        bytes.append(contentsOf: part)
    }

    /// Reads what ``encoded()`` wrote. Nil if it is damaged or of a version that is not known.
    package init?(decoding bytes: Octets) {
        var rest = bytes
        guard rest.popFirst() == Self.version, let flags = rest.popFirst(), flags & ~7 == 0,
            let local = Self.readNumber(&rest), let remote = Self.readNumber(&rest), let routeCount = rest.popFirst(),
            Int(routeCount) <= DialogLimits.routes, local <= 0x7FFF_FFFF
        else { return nil }
        guard let callID = Self.readPart(&rest), let localURI = Self.readPart(&rest),
            let localTag = Self.readPart(&rest), let remoteURI = Self.readPart(&rest),
            let remoteTag = Self.readPart(&rest), let remoteTarget = Self.readPart(&rest)
        else { return nil }
        var routes: [Octets] = []
        for _ in 0..<routeCount {
            guard let route = Self.readPart(&rest) else { return nil }
            routes.append(route)
        }
        guard rest.isEmpty, flags & 4 != 0 || remote == 0 else { return nil }
        self.init(
            Parts(
                callID: callID, localURI: localURI, localTag: localTag, remoteURI: remoteURI, remoteTag: remoteTag,
                remoteTarget: remoteTarget, routes: routes),
            state: flags & 1 != 0 ? .confirmed : .early, isSecure: flags & 2 != 0, localSequence: local,
            remoteSequence: flags & 4 != 0 ? remote : nil)
    }

    private static func readNumber(_ rest: inout Octets) -> UInt32? {
        guard rest.count >= 4 else { return nil }
        var number: UInt32 = 0
        for byte in rest.prefix(4) { number = number &<< 8 | UInt32(byte) }
        rest = rest.dropFirst(4)
        return number
    }

    private static func readPart(_ rest: inout Octets) -> Octets? {
        guard let high = rest.popFirst(), let low = rest.popFirst() else { return nil }
        let count = Int(high) &<< 8 | Int(low)
        guard rest.count >= count else { return nil }
        let part = rest.prefix(count)
        rest = rest.dropFirst(count)
        return part
    }
}
