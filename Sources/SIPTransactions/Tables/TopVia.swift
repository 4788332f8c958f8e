internal import Ground
internal import SIPWire

/// What the layer needs of a top Via.
typealias TopVia = ViaOutline

extension ViaOutline {
    var hostOctets: Octets { self.octets[self.host] }
    var transportOctets: Octets { self.octets[self.transport] }
    var branchOctets: Octets? { self.branch.map { self.octets[$0] } }
    var maddrOctets: Octets? { self.maddr.map { self.octets[$0] } }

    /// Takes what was found when the message was judged, and reads the Via only where that did not come so far.
    static func of(_ message: SIPMessage) -> ViaOutline? {
        if let outline = message.topViaOutline { return outline }
        return message.first(.via).flatMap { ViaOutline($0) }
    }

    /// - Parameter octets: the value of the first Via header line.
    init?(_ octets: Octets) {
        guard let read = ViaReader(octets) else { return nil }
        self.init(
            octets: octets, transport: read.transport, host: read.host, port: read.port, branch: read.branch,
            maddr: read.maddr, hasRPort: read.hasRPort)
    }
}

/// Reads a top Via without judging, so that the way of an answer to a malformed message is found too. It never reads
/// beyond the bytes it was given, and what makes no sense gives nil.
private struct ViaReader {
    private(set) var transport: Range<Int>
    private(set) var host: Range<Int>
    private(set) var port: UInt16?
    private(set) var branch: Range<Int>?
    private(set) var maddr: Range<Int>?
    private(set) var hasRPort = false

    /// - Parameter octets: the value of the first Via header line.
    init?(_ octets: Octets) {
        self.transport = octets.startIndex..<octets.startIndex
        self.host = self.transport
        let start = octets.startIndex
        let isRead = octets.withUnsafeBufferPointer { bytes in
            var place = 0
            guard let transport = Self.transport(bytes, &place), let host = Self.host(bytes, &place) else {
                return false
            }
            self.transport = start + transport.lowerBound..<start + transport.upperBound
            self.host = start + host.lowerBound..<start + host.upperBound
            Self.skipBlanks(bytes, &place)
            if place < bytes.count, bytes[place] == UInt8(ascii: ":") {
                place += 1
                guard let port = Self.port(bytes, &place) else { return false }
                self.port = port
            }
            self.readParameters(bytes, &place, start: start)
            return true
        }
        guard isRead else { return nil }
    }

    @inline(__always)
    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    @inline(__always)
    private static func skipBlanks(_ bytes: UnsafeBufferPointer<UInt8>, _ place: inout Int) {
        while place < bytes.count, Self.isBlank(bytes[place]) { place &+= 1 }
    }

    /// The token behind the second slash.
    private static func transport(_ bytes: UnsafeBufferPointer<UInt8>, _ place: inout Int) -> Range<Int>? {
        var slashes = 0
        while place < bytes.count, slashes < 2 {
            if bytes[place] == UInt8(ascii: "/") { slashes &+= 1 }
            place &+= 1
        }
        Self.skipBlanks(bytes, &place)
        let start = place
        while place < bytes.count, !Self.isBlank(bytes[place]) { place &+= 1 }
        let end = place
        Self.skipBlanks(bytes, &place)
        return start < end && slashes == 2 ? start..<end : nil
    }

    /// A name or an address, IPv6 in brackets.
    private static func host(_ bytes: UnsafeBufferPointer<UInt8>, _ place: inout Int) -> Range<Int>? {
        let start = place
        if place < bytes.count, bytes[place] == UInt8(ascii: "[") {
            while place < bytes.count, bytes[place] != UInt8(ascii: "]") { place &+= 1 }
        }
        while place < bytes.count {
            let byte = bytes[place]
            if byte == UInt8(ascii: ":") || byte == UInt8(ascii: ";") || byte == UInt8(ascii: ",")
                || Self.isBlank(byte)
            {
                break
            }
            place &+= 1
        }
        return start < place ? start..<place : nil
    }

    private static func port(_ bytes: UnsafeBufferPointer<UInt8>, _ place: inout Int) -> UInt16? {
        Self.skipBlanks(bytes, &place)
        var value = 0
        let start = place
        while place < bytes.count, ASCII.isDigit(bytes[place]), value <= 0xFFFF {
            value = value &* 10 &+ Int(bytes[place] &- 0x30)
            place &+= 1
        }
        return place > start ? UInt16(exactly: value) : nil
    }

    /// The parameters up to the end of the entry.
    private mutating func readParameters(_ bytes: UnsafeBufferPointer<UInt8>, _ place: inout Int, start: Int) {
        while true {
            Self.skipBlanks(bytes, &place)
            guard place < bytes.count, bytes[place] == UInt8(ascii: ";") else { return }
            place &+= 1
            Self.skipBlanks(bytes, &place)
            let nameStart = place
            while place < bytes.count, !Self.endsName(bytes[place]) { place &+= 1 }
            let nameEnd = place
            Self.skipBlanks(bytes, &place)
            var value = place..<place
            if place < bytes.count, bytes[place] == UInt8(ascii: "=") {
                place &+= 1
                Self.skipBlanks(bytes, &place)
                value = Self.value(bytes, &place)
            }
            let found = start + value.lowerBound..<start + value.upperBound
            switch nameEnd &- nameStart {
            case 5 where Self.equals(bytes, nameStart, "rport"): self.hasRPort = true
            case 5 where Self.equals(bytes, nameStart, "maddr"): self.maddr = found
            case 6 where Self.equals(bytes, nameStart, "branch"): self.branch = found
            default: break
            }
        }
    }

    @inline(__always)
    private static func endsName(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ";") || byte == UInt8(ascii: "=") || byte == UInt8(ascii: ",") || Self.isBlank(byte)
    }

    /// A token, a host or a quoted string.
    private static func value(_ bytes: UnsafeBufferPointer<UInt8>, _ place: inout Int) -> Range<Int> {
        let start = place
        if place < bytes.count, bytes[place] == UInt8(ascii: "\"") {
            place &+= 1
            while place < bytes.count, bytes[place] != UInt8(ascii: "\"") {
                place &+= bytes[place] == UInt8(ascii: "\\") ? 2 : 1
            }
            place = min(place &+ 1, bytes.count)
            return start..<place
        }
        while place < bytes.count {
            let byte = bytes[place]
            if byte == UInt8(ascii: ";") || byte == UInt8(ascii: ",") || Self.isBlank(byte) { break }
            place &+= 1
        }
        return start..<place
    }

    @inline(__always)
    private static func equals(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, _ name: StaticString) -> Bool {
        name.withUTF8Buffer { name in
            for index in 0..<name.count where ASCII.lowercased(bytes[start &+ index]) != name[index] { return false }
            return true
        }
    }
}
