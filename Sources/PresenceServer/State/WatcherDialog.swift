internal import EventNotification
internal import Ground
internal import SIPTransactions
internal import SIPWire

/// All of a watcher's dialog that does not change from NOTIFY to NOTIFY, in one array: the header part of its
/// notifications ready to be copied, the way to the watcher, and what the watcher asked for.
///
/// The same bytes are what the storage keeps, so a live subscription and its record share them.
///
/// Layout (numbers big-endian): version 1, flags 1, remote CSeq 4, length of the request line 2, length of the
/// template 2, offset and length of Call-ID, remote tag and Event value inside the template 2+2 each, length of the
/// watcher's identity 2, length of the target 2, length of the other identities 2, length of the wishes 4,
/// second of the first SUBSCRIBE 4, name in watcher information 8; then template, identity, target, other identities
/// (length 2 and bytes each), wishes. Version 1 lacked the last two numbers.
struct WatcherDialog: Equatable, Sendable {
    /// The bytes as the layout says.
    private(set) var bytes: [UInt8]

    /// The dialog of nobody, for empty places.
    static let vacant = WatcherDialog(unchecked: [])

    private init(unchecked bytes: [UInt8]) { self.bytes = bytes }

    /// The version of the layout that this code writes and reads.
    static let version: UInt8 = 2
    private static let headerLength = 44
    private static let headerLengthOfVersion1 = 32
    private static let emptyHeader = [UInt8](repeating: 0, count: headerLength)
    private static let strictFlag: UInt8 = 1
    private static let anonymousFlag: UInt8 = 2
    private static let approvedFlag: UInt8 = 4
    private static let partsFlag: UInt8 = 8

    /// What a dialog is made of.
    struct Parts {
        var remoteCSeq: UInt32
        /// The remote target and the route set already as Request-URI and Route lines.
        var requestURI: Octets
        /// Whether the top of the route set is a strict router: then the Request-URI is that router and the last Route
        /// is the remote target (RFC 3261 §12.2.1.1).
        var isStrictlyRouted = false
        /// Complete Route header lines with their line ends; empty without a route set.
        var routeLines: [UInt8]
        /// Value of the From header of our requests, tag included.
        var local: [UInt8]
        /// Value of the To header of our requests, tag included.
        var remote: Octets
        /// The tag inside ``remote``.
        var remoteTag: Octets
        var callID: Octets
        /// Value of the Event header: type and id, nothing else.
        var event: [UInt8]
        /// Value of our Contact header.
        var contact: [UInt8]
        /// Canonical identity; empty for an anonymous watcher.
        var watcher: [UInt8]
        /// Other canonical identities that the trust domain asserts of the watcher.
        var otherIdentities: [[UInt8]] = []
        var target: DialogTarget
        var wishes: WatcherWishes
        /// When the subscription was made, in seconds of ``Instant``; 0 if that is not known.
        var madeAt: UInt32 = 0
        /// What the subscription is called in watcher information: chance, so that it tells nothing of the dialog.
        var watcherName: UInt64 = 0
        /// Whether the watcher asked that its identity be kept from others (RFC 3323, RFC 3325 §9.3).
        var asksForPrivacy = false
        /// Whether the subscription was pending before it was accepted.
        var isApproved = false
        /// Whether the watcher takes documents with the parts that they refer to (`multipart/related`).
        var takesParts = false
    }

    /// - Returns: nil if the header part is longer than `limit`.
    init?(_ parts: Parts, limit: Int) {
        let target = parts.target.encoded
        let wishes = parts.wishes.encoded
        var bytes: [UInt8] = []
        bytes.reserveCapacity(
            Self.headerLength + 192 + parts.requestURI.count + parts.routeLines.count + parts.local.count
                + parts.remote.count + parts.callID.count + parts.watcher.count + target.count + wishes.count)
        bytes.append(contentsOf: Self.emptyHeader)
        // The template comes first; its places count from its beginning.
        func place(_ bytes: borrowing [UInt8]) -> Int { bytes.count - Self.headerLength }
        bytes.append(literal: "NOTIFY ")
        bytes.append(octets: parts.requestURI)
        bytes.append(literal: " SIP/2.0\r\n")
        let viaOffset = place(bytes)
        bytes.append(contentsOf: parts.routeLines)
        bytes.append(literal: "From: ")
        bytes.append(contentsOf: parts.local)
        bytes.append(literal: "\r\nTo: ")
        let tagOffset = place(bytes) + (parts.remoteTag.startIndex - parts.remote.startIndex)
        bytes.append(octets: parts.remote)
        bytes.append(literal: "\r\nCall-ID: ")
        let callID = place(bytes)
        bytes.append(octets: parts.callID)
        bytes.append(literal: "\r\nEvent: ")
        let event = place(bytes)
        bytes.append(contentsOf: parts.event)
        bytes.append(literal: "\r\nContact: <")
        bytes.append(contentsOf: parts.contact)
        bytes.append(literal: ">\r\n")
        let template = place(bytes)
        bytes.append(contentsOf: parts.watcher)
        bytes.append(contentsOf: target)
        let othersStart = bytes.count
        for identity in parts.otherIdentities where identity.count <= 65_535 {
            bytes.append(big: UInt16(identity.count))
            bytes += identity
        }
        let others = bytes.count - othersStart
        guard template <= limit, template <= 65_535, parts.watcher.count <= 65_535, target.count <= 65_535,
            others <= 65_535
        else { return nil }
        bytes.append(contentsOf: wishes)
        bytes[0] = Self.version
        bytes[1] =
            (parts.isStrictlyRouted ? Self.strictFlag : 0) | (parts.asksForPrivacy ? Self.anonymousFlag : 0)
            | (parts.isApproved ? Self.approvedFlag : 0) | (parts.takesParts ? Self.partsFlag : 0)
        bytes.put(big: parts.remoteCSeq, at: 2)
        bytes.put(big: UInt16(truncatingIfNeeded: viaOffset), at: 6)
        bytes.put(big: UInt16(truncatingIfNeeded: template), at: 8)
        bytes.put(big: UInt16(truncatingIfNeeded: callID), at: 10)
        bytes.put(big: UInt16(truncatingIfNeeded: parts.callID.count), at: 12)
        bytes.put(big: UInt16(truncatingIfNeeded: tagOffset), at: 14)
        bytes.put(big: UInt16(truncatingIfNeeded: parts.remoteTag.count), at: 16)
        bytes.put(big: UInt16(truncatingIfNeeded: event), at: 18)
        bytes.put(big: UInt16(truncatingIfNeeded: parts.event.count), at: 20)
        bytes.put(big: UInt16(truncatingIfNeeded: parts.watcher.count), at: 22)
        bytes.put(big: UInt16(truncatingIfNeeded: target.count), at: 24)
        bytes.put(big: UInt16(truncatingIfNeeded: others), at: 26)
        bytes.put(big: UInt32(truncatingIfNeeded: wishes.count), at: 28)
        bytes.put(big: parts.madeAt, at: 32)
        bytes.put(big: parts.watcherName, at: 36)
        self.bytes = bytes
    }

    /// Takes stored bytes. Nil if they are not of this version or do not hold together.
    init?(stored bytes: [UInt8]) {
        var bytes = bytes
        if bytes.count >= Self.headerLengthOfVersion1, bytes[0] == 1 {
            bytes.insert(
                contentsOf: repeatElement(0, count: Self.headerLength - Self.headerLengthOfVersion1),
                at: Self.headerLengthOfVersion1)
            bytes[0] = Self.version
        }
        guard bytes.count >= Self.headerLength, bytes[0] == Self.version else { return nil }
        self.bytes = bytes
        let template = self.number(8)
        let wishes = Int(bytes.bigUInt32(at: 28))
        guard
            Self.headerLength + template + self.number(22) + self.number(24) + self.number(26) + wishes == bytes.count,
            self.number(6) >= 2, self.number(6) <= template, self.number(10) + self.number(12) <= template,
            self.number(14) + self.number(16) <= template, self.number(18) + self.number(20) <= template,
            DialogTarget(encoded: self.target) != nil, WatcherWishes(encoded: self.wishes) != nil
        else { return nil }
    }

    private func number(_ offset: Int) -> Int { Int(self.bytes.bigUInt16(at: offset)) }

    private func template(_ offset: Int) -> Octets {
        let start = Self.headerLength + self.number(offset)
        return self.bytes[start..<(start + self.number(offset + 2))]
    }

    /// Whether the Request-URI is a strict router and the last Route the remote target.
    var isStrictlyRouted: Bool { self.bytes[1] & Self.strictFlag != 0 }
    /// Whether the watcher asked that its identity be kept from others.
    var asksForPrivacy: Bool { self.bytes[1] & Self.anonymousFlag != 0 }
    /// Whether the watcher takes documents with the parts that they refer to (`multipart/related`).
    var takesParts: Bool { self.bytes[1] & Self.partsFlag != 0 }
    /// Whether the subscription was pending before it was accepted.
    var isApproved: Bool {
        get { self.bytes[1] & Self.approvedFlag != 0 }
        set { self.bytes[1] = self.bytes[1] & ~Self.approvedFlag | (newValue ? Self.approvedFlag : 0) }
    }
    /// When the subscription was made, in seconds of ``Instant``; 0 if that is not known.
    var madeAt: UInt32 { self.bytes.bigUInt32(at: 32) }
    /// What the subscription is called in watcher information.
    var watcherName: UInt64 {
        get { UInt64(self.bytes.bigUInt32(at: 36)) << 32 | UInt64(self.bytes.bigUInt32(at: 40)) }
        set { self.bytes.put(big: newValue, at: 36) }
    }
    /// Where the Via goes in the template.
    var viaOffset: Int { self.number(6) }
    /// The header part of a NOTIFY, from its request line to its Contact.
    var template: Octets { self.bytes[Self.headerLength..<(Self.headerLength + self.number(8))] }
    var callID: Octets { self.template(10) }
    var remoteTag: Octets { self.template(14) }
    /// Value of the Event header.
    var event: Octets { self.template(18) }
    /// The watcher's canonical identity; empty for an anonymous one.
    var watcher: Octets {
        let start = Self.headerLength + self.number(8)
        return self.bytes[start..<(start + self.number(22))]
    }
    /// The way to the watcher, encoded.
    var target: Octets {
        let start = Self.headerLength + self.number(8) + self.number(22)
        return self.bytes[start..<(start + self.number(24))]
    }
    /// Other identities of the watcher; of what does not hold together the rest is left out.
    var otherIdentities: [[UInt8]] {
        let count = self.number(26)
        guard count > 0 else { return [] }
        let start = Self.headerLength + self.number(8) + self.number(22) + self.number(24)
        var rest = self.bytes[start..<(start + count)]
        var identities: [[UInt8]] = []
        while rest.count >= 2 {
            let length = Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])
            rest = rest.dropFirst(2)
            guard length <= rest.count else { break }
            identities.append(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        return identities
    }
    /// What the watcher asked for, encoded.
    var wishes: Octets {
        self.bytes[
            (Self.headerLength + self.number(8) + self.number(22) + self.number(24) + self.number(26))...]
    }

    /// CSeq number of the watcher's last request.
    var remoteCSeq: UInt32 {
        get { self.bytes.bigUInt32(at: 2) }
        set { self.bytes.put(big: newValue, at: 2) }
    }

    /// The From value (ours, with tag), to rebuild the dialog when its target changes.
    var localParty: Octets { self.line("From: ") }
    /// The To value (the watcher's, with tag).
    var remoteParty: Octets { self.line("To: ") }
    /// The URI inside our Contact.
    var contact: Octets {
        // The last line of the template, right behind the Event header.
        let template = self.template
        let start = self.event.endIndex + "\r\nContact: <".utf8.count
        let end = template.endIndex - ">\r\n".utf8.count
        return start <= end ? template[start..<end] : []
    }
    /// The complete Route lines; empty without a route set.
    var routeLines: Octets {
        let template = self.template
        let from = self.localParty.startIndex - "From: ".utf8.count
        return template[(template.startIndex + self.viaOffset)..<from]
    }

    /// The value of the first line of the template that begins so. The template is ours, so the line is there.
    private func line(_ start: StaticString) -> Octets {
        let template = self.template
        let count = start.utf8CodeUnitCount
        var position = template.startIndex
        while position < template.endIndex {
            var end = position
            while end < template.endIndex, template[end] != 0x0D { end += 1 }
            if end - position >= count, template[position..<(position + count)].equals(start) {
                return template[(position + count)..<end]
            }
            position = end + 2
        }
        return template[template.endIndex...]
    }
}

extension [UInt8] {
    /// Appends a number, most significant byte first.
    mutating func append(big value: some FixedWidthInteger & UnsignedInteger) {
        var shift = value.bitWidth - 8
        while shift >= 0 {
            self.append(UInt8(truncatingIfNeeded: value >> shift))
            shift -= 8
        }
    }

    /// Writes a number over the bytes at a place, most significant byte first.
    mutating func put<Number: FixedWidthInteger & UnsignedInteger>(big value: Number, at offset: Int) {
        precondition(offset >= 0 && offset + value.bitWidth / 8 <= self.count, "a number stands inside the bytes")
        self.withUnsafeMutableBytes { $0.storeBytes(of: value.bigEndian, toByteOffset: offset, as: Number.self) }
    }

    /// Appends a run of bytes in one piece.
    mutating func append(octets: Octets) { octets.withUnsafeBufferPointer { self.append(contentsOf: $0) } }

    func bigUInt16(at offset: Int) -> UInt16 { UInt16(self[offset]) << 8 | UInt16(self[offset + 1]) }

    func bigUInt32(at offset: Int) -> UInt32 {
        UInt32(self.bigUInt16(at: offset)) << 16 | UInt32(self.bigUInt16(at: offset + 2))
    }
}
