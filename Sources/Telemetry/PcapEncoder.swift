import Ground

/// Writes messages as packets of a capture file (the classic pcap format with nanoseconds, raw IP).
///
/// The packets are made up around the messages: IP and UDP headers with right checksums, TCP segments whose sequence
/// numbers run on, after a handshake where a connection is first seen. So Wireshark follows the streams, also those that
/// went through TLS or WebSocket, which are shown in the clear.
package struct PcapEncoder: Sendable {
    /// One direction of a TCP connection, whose sequence numbers run on.
    private struct Direction: Hashable {
        let source: Endpoint
        let destination: Endpoint
    }

    /// The next sequence number of each direction of each connection.
    private var sequences: [Direction: UInt32] = [:]
    private var identification: UInt16 = 0

    /// The most connections that are kept in mind; beyond it all begin anew with a handshake.
    package static let maximumConnections = 16_384
    /// The largest payload of one packet: an IPv4 packet of 65,535 bytes less headers.
    static let maximumPayload = 65_495

    package init() {}

    /// The header that begins a file: magic of nanoseconds, version 2.4, LINKTYPE_RAW.
    package static var fileHeader: [UInt8] {
        var header: [UInt8] = []
        for word: UInt32 in [0xA1B2_3C4D, 0x0004_0002, 0, 0, 0x0004_0000, 101] { header.append(littleEndian: word) }
        return header
    }

    /// Appends the packets of a message.
    package mutating func encode(_ message: TracedMessage, into file: inout [UInt8]) {
        switch message.carrier {
        case .datagram:
            // A larger datagram cannot exist.
            let payload = message.bytes.prefix(Self.maximumPayload)
            self.packet(message, transport: 17, segment: Self.datagram(message, payload), into: &file)
        case .stream:
            self.stream(message, into: &file)
        }
    }

    private static func datagram(_ message: TracedMessage, _ payload: ArraySlice<UInt8>) -> [UInt8] {
        var segment: [UInt8] = []
        segment.reserveCapacity(8 + payload.count)
        segment.append(bigEndian: message.source.port)
        segment.append(bigEndian: message.destination.port)
        segment.append(bigEndian: UInt16(8 + payload.count))
        segment.append(bigEndian: UInt16(0))
        segment += payload
        return segment
    }

    private mutating func stream(_ message: TracedMessage, into file: inout [UInt8]) {
        let forward = Direction(source: message.source, destination: message.destination)
        let backward = Direction(source: message.destination, destination: message.source)
        if self.sequences[forward] == nil || self.sequences[backward] == nil {
            if self.sequences.count >= Self.maximumConnections * 2 { self.sequences = [:] }
            self.handshake(message, forward, backward, into: &file)
        }
        var rest = message.bytes[...]
        while !rest.isEmpty {
            let payload = rest.prefix(Self.maximumPayload - 20)
            rest = rest.dropFirst(payload.count)
            self.segment(message, forward, flags: rest.isEmpty ? 0x18 : 0x10, payload: payload, into: &file)
        }
    }

    /// SYN, SYN with ACK, ACK.
    private mutating func handshake(
        _ message: TracedMessage, _ forward: Direction, _ backward: Direction, into file: inout [UInt8]
    ) {
        self.sequences[forward] = 0
        self.sequences[backward] = 0
        let answer = TracedMessage(
            at: message.at, carrier: .stream, source: message.destination, destination: message.source, bytes: [])
        self.segment(message, forward, flags: 0x02, payload: [], into: &file)
        self.segment(answer, backward, flags: 0x12, payload: [], into: &file)
        self.segment(message, forward, flags: 0x10, payload: [], into: &file)
    }

    private mutating func segment(
        _ message: TracedMessage, _ direction: Direction, flags: UInt8, payload: ArraySlice<UInt8>,
        into file: inout [UInt8]
    ) {
        let sequence = self.sequences[direction] ?? 0
        let reverse = Direction(source: direction.destination, destination: direction.source)
        let acknowledged = flags & 0x10 == 0 ? 0 : self.sequences[reverse] ?? 0
        var segment: [UInt8] = []
        segment.reserveCapacity(20 + payload.count)
        segment.append(bigEndian: direction.source.port)
        segment.append(bigEndian: direction.destination.port)
        segment.append(bigEndian: sequence)
        segment.append(bigEndian: acknowledged)
        segment.append(5 << 4)
        segment.append(flags)
        segment.append(bigEndian: UInt16(65_535))
        segment.append(bigEndian: UInt16(0))
        segment.append(bigEndian: UInt16(0))
        segment += payload
        let isSynchronising: UInt32 = flags & 0x02 == 0 ? 0 : 1
        self.sequences[direction] = sequence &+ UInt32(payload.count) &+ isSynchronising
        self.packet(message, transport: 6, segment: segment, into: &file)
    }

    /// A record: its header, the IP header, and the segment with its checksum filled in.
    private mutating func packet(
        _ message: TracedMessage, transport: UInt8, segment: [UInt8], into file: inout [UInt8]
    ) {
        let isIPv6 = message.source.address.isIPv6 || message.destination.address.isIPv6
        let source = Self.bytes(message.source.address, asIPv6: isIPv6)
        let destination = Self.bytes(message.destination.address, asIPv6: isIPv6)

        var segment = segment
        var sum = InternetChecksum()
        sum.add(source[...])
        sum.add(destination[...])
        sum.add(word: UInt32(transport))
        sum.add(word: UInt32(segment.count))
        sum.add(segment[...])
        // A UDP checksum of zero would mean that there is none (RFC 768).
        let checksum = transport == 17 && sum.value == 0 ? 0xFFFF : sum.value
        let position = transport == 17 ? 6 : 16
        segment[position] = UInt8(checksum >> 8)
        segment[position + 1] = UInt8(checksum & 0xFF)

        let length = UInt32((isIPv6 ? 40 : 20) + segment.count)
        let nanoseconds = max(message.at.nanoseconds, 0)
        file.append(littleEndian: UInt32(truncatingIfNeeded: nanoseconds / 1_000_000_000))
        file.append(littleEndian: UInt32(nanoseconds % 1_000_000_000))
        file.append(littleEndian: length)
        file.append(littleEndian: length)
        if isIPv6 {
            file.append(bigEndian: UInt32(0x6000_0000))
            file.append(bigEndian: UInt16(segment.count))
            file += [transport, 64]
            file += source
            file += destination
        } else {
            file += self.ipv4Header(length: UInt16(length), transport: transport, source, destination)
        }
        file += segment
    }

    private mutating func ipv4Header(
        length: UInt16, transport: UInt8, _ source: [UInt8], _ destination: [UInt8]
    ) -> [UInt8] {
        self.identification &+= 1
        var header: [UInt8] = [0x45, 0]
        header.append(bigEndian: length)
        header.append(bigEndian: self.identification)
        header += [0x40, 0, 64, transport, 0, 0]
        header += source
        header += destination
        var sum = InternetChecksum()
        sum.add(header[...])
        header[10] = UInt8(sum.value >> 8)
        header[11] = UInt8(sum.value & 0xFF)
        return header
    }

    private static func bytes(_ address: IPAddress, asIPv6: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        if asIPv6 {
            // An IPv4 address among IPv6 ones stands as a mapped one (RFC 4291 §2.5.5.2).
            let low = address.isIPv6 ? address.low : 0xFFFF_0000_0000 | address.low
            for half in [address.high, low] {
                bytes.append(bigEndian: UInt32(half >> 32))
                bytes.append(bigEndian: UInt32(truncatingIfNeeded: half))
            }
        } else {
            bytes.append(bigEndian: UInt32(truncatingIfNeeded: address.low))
        }
        return bytes
    }
}

/// The checksum of RFC 1071.
struct InternetChecksum {
    private var sum: UInt64 = 0

    /// Adds bytes; an odd one at the end is filled up with zero, so it can only come last.
    mutating func add(_ bytes: ArraySlice<UInt8>) {
        var index = bytes.startIndex
        while index + 1 < bytes.endIndex {
            self.sum += UInt64(bytes[index]) << 8 | UInt64(bytes[index + 1])
            index += 2
        }
        if index < bytes.endIndex { self.sum += UInt64(bytes[index]) << 8 }
    }

    mutating func add(word: UInt32) { self.sum += UInt64(word >> 16) + UInt64(word & 0xFFFF) }

    var value: UInt16 {
        var folded = self.sum
        while folded > 0xFFFF { folded = (folded & 0xFFFF) + folded >> 16 }
        return ~UInt16(folded)
    }
}

extension [UInt8] {
    fileprivate mutating func append(bigEndian value: UInt16) {
        self.append(UInt8(value >> 8))
        self.append(UInt8(value & 0xFF))
    }

    fileprivate mutating func append(bigEndian value: UInt32) {
        self.append(bigEndian: UInt16(value >> 16))
        self.append(bigEndian: UInt16(value & 0xFFFF))
    }

    fileprivate mutating func append(littleEndian value: UInt32) {
        for shift: UInt32 in [0, 8, 16, 24] { self.append(UInt8(value >> shift & 0xFF)) }
    }
}
