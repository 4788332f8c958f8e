import Foundation
import Ground
import Telemetry
import Testing

private func endpoint(_ text: String) throws -> Endpoint { try #require(Endpoint(text)) }

private func subscribe(_ transport: String, bodyBytes: Int = 0) -> [UInt8] {
    let body = String(repeating: "x", count: bodyBytes)
    return Array(
        ("SUBSCRIBE sip:alice@home.test SIP/2.0\r\nVia: SIP/2.0/\(transport) 192.0.2.1:5060;branch=z9hG4bK1\r\n"
            + "Max-Forwards: 70\r\nFrom: <sip:bob@home.test>;tag=1\r\nTo: <sip:alice@home.test>\r\nCall-ID: c1\r\n"
            + "CSeq: 1 SUBSCRIBE\r\nContact: <sip:bob@192.0.2.1>\r\nEvent: presence\r\nExpires: 600\r\n"
            + "Content-Type: text/plain\r\nContent-Length: \(bodyBytes)\r\n\r\n\(body)").utf8)
}

private func okay(_ transport: String) -> [UInt8] {
    Array(
        ("SIP/2.0 200 OK\r\nVia: SIP/2.0/\(transport) 192.0.2.1:5060;branch=z9hG4bK1\r\n"
            + "From: <sip:bob@home.test>;tag=1\r\nTo: <sip:alice@home.test>;tag=2\r\nCall-ID: c1\r\n"
            + "CSeq: 1 SUBSCRIBE\r\nExpires: 600\r\nContact: <sip:home.test>\r\nContent-Length: 0\r\n\r\n").utf8)
}

private func message(
    _ carrier: TracedMessage.Carrier, _ source: String, _ destination: String, _ bytes: [UInt8],
    at milliseconds: Int64 = 0
) throws -> TracedMessage {
    TracedMessage(
        at: Instant(nanoseconds: 1_700_000_000_000_000_000 + milliseconds * 1_000_000), carrier: carrier,
        source: try endpoint(source), destination: try endpoint(destination), bytes: bytes)
}

@Suite("a capture file")
struct PcapTests {
    /// All the shapes of traffic that a node has.
    private static func traffic() throws -> [TracedMessage] {
        [
            try message(.datagram, "192.0.2.1:5060", "192.0.2.2:5060", subscribe("UDP")),
            try message(.datagram, "192.0.2.2:5060", "192.0.2.1:5060", okay("UDP"), at: 3),
            try message(.datagram, "[2001:db8::1]:5060", "[2001:db8::2]:5060", subscribe("UDP"), at: 4),
            try message(.stream, "192.0.2.1:40000", "192.0.2.2:5060", subscribe("TCP"), at: 5),
            try message(.stream, "192.0.2.2:5060", "192.0.2.1:40000", okay("TCP"), at: 6),
            try message(.stream, "192.0.2.1:40000", "192.0.2.2:5060", subscribe("TCP", bodyBytes: 70_001), at: 7),
            try message(.stream, "192.0.2.1:40000", "192.0.2.2:5060", subscribe("TCP"), at: 8),
            try message(.stream, "[2001:db8::1]:40001", "[2001:db8::2]:5060", subscribe("TCP", bodyBytes: 1), at: 9),
        ]
    }

    private static func capture(_ messages: [TracedMessage]) -> [UInt8] {
        var encoder = PcapEncoder()
        var file = PcapEncoder.fileHeader
        for message in messages { encoder.encode(message, into: &file) }
        return file
    }

    /// The packets of a capture: time, bytes.
    private static func packets(_ file: [UInt8]) throws -> [(seconds: UInt32, nanoseconds: UInt32, bytes: [UInt8])] {
        func word(_ at: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(file[at + $1]) << (8 * UInt32($1)) } }
        try #require(file.count >= 24 && word(0) == 0xA1B2_3C4D && word(20) == 101)
        var packets: [(UInt32, UInt32, [UInt8])] = []
        var position = 24
        while position < file.count {
            let length = Int(word(position + 8))
            try #require(length == Int(word(position + 12)) && position + 16 + length <= file.count && length <= 65_535)
            packets.append(
                (word(position), word(position + 4), Array(file[(position + 16)..<(position + 16 + length)])))
            position += 16 + length
        }
        return packets
    }

    private static func sum(_ bytes: [UInt8]) -> UInt32 {
        var sum: UInt32 = 0
        for (index, byte) in bytes.enumerated() {
            sum += index % 2 == 0 ? UInt32(byte) << 8 : UInt32(byte)
            sum = (sum & 0xFFFF) + sum >> 16
        }
        return sum
    }

    @Test("has IPv4 and IPv6 packets with right lengths and checksums")
    func packetsAreSound() throws {
        let packets = try Self.packets(Self.capture(try Self.traffic()))
        // Two handshakes of three segments, and a message that needs two.
        #expect(packets.count == 8 + 6 + 1)
        #expect(packets[1].nanoseconds == 3_000_000 && packets[1].seconds == 1_700_000_000)
        for packet in packets.map(\.bytes) {
            let isIPv6 = packet[0] >> 4 == 6
            let header = isIPv6 ? 40 : 20
            let transport = isIPv6 ? packet[6] : packet[9]
            let segment = Array(packet[header...])
            if isIPv6 {
                #expect(Int(packet[4]) << 8 | Int(packet[5]) == segment.count)
            } else {
                #expect(Int(packet[2]) << 8 | Int(packet[3]) == packet.count)
                #expect(Self.sum(Array(packet[0..<20])) == 0xFFFF)
            }
            let addresses = isIPv6 ? packet[8..<40] : packet[12..<20]
            let length = [
                UInt8(segment.count >> 24 & 255), UInt8(segment.count >> 16 & 255),
                UInt8(segment.count >> 8 & 255), UInt8(segment.count & 255),
            ]
            #expect(Self.sum(Array(addresses) + length + [0, 0, 0, transport] + segment) == 0xFFFF)
        }
    }

    @Test("has TCP streams whose numbers run on in both directions")
    func sequencesRun() throws {
        let traffic = try Self.traffic().filter { $0.carrier == .stream && !$0.source.address.isIPv6 }
        let packets = try Self.packets(Self.capture(traffic)).map { Array($0.bytes[20...]) }
        var next: [UInt8: UInt32] = [:]
        var content: [UInt8: [UInt8]] = [:]
        for segment in packets {
            func word(_ at: Int) -> UInt32 { segment[at..<(at + 4)].reduce(0) { $0 << 8 | UInt32($1) } }
            let side = segment[0]
            let other = segment[2]
            #expect(word(4) == next[side] ?? 0)
            if segment[13] & 0x10 != 0 { #expect(word(8) == next[other] ?? 0) }
            next[side] = word(4) + UInt32(segment.count - 20) + (segment[13] & 2 != 0 ? 1 : 0)
            content[side, default: []] += segment[20...]
        }
        let fromClient = traffic.filter { $0.source.port == 40_000 }.flatMap(\.bytes)
        #expect(content[UInt8(40_000 >> 8)] == fromClient)
    }

    @Test(
        "is read by tshark without a malformed packet",
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/tshark")))
    func tsharkAgrees() throws {
        let path = NSTemporaryDirectory() + "muster-trace-\(UUID().uuidString).pcap"
        defer { do { try FileManager.default.removeItem(atPath: path) } catch { Issue.record(error) } }
        let writer = try PcapWriter(path: path)
        for message in try Self.traffic() { writer.write(message) }
        writer.flush()
        #expect(writer.fault == nil)
        func lines(_ filter: String) throws -> [String] {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/tshark")
            process.arguments = [
                "-n", "-r", path, "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE",
                "-o", "udp.check_checksum:TRUE", "-Y", filter, "-T", "fields", "-e", "frame.number", "-e", "sip.Method",
            ]
            let output = Pipe()
            process.standardOutput = output
            process.standardError = FileHandle.nullDevice
            try process.run()
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
            return text.split(separator: "\n").map { String($0) }
        }
        #expect(try lines("_ws.malformed or _ws.expert.severity == error").isEmpty)
        #expect(
            try lines(
                "tcp.analysis.flags or tcp.checksum.status == 0 or udp.checksum.status == 0 or ip.checksum.status == 0"
            ).isEmpty)
        #expect(try lines("sip.Status-Code == 200").count == 2)
        #expect(try lines("sip.Method == SUBSCRIBE").count == 6)
    }

    @Test("survives every size and a sea of connections")
    func extremes() throws {
        var encoder = PcapEncoder()
        var file = PcapEncoder.fileHeader
        for size in [0, 1, 65_474, 65_475, 65_476, 65_507, 65_536, 200_000] {
            let bytes = [UInt8](repeating: 0x41, count: size)
            encoder.encode(try message(.datagram, "192.0.2.1:1", "192.0.2.2:2", bytes), into: &file)
            encoder.encode(try message(.stream, "192.0.2.1:1", "[2001:db8::1]:2", bytes), into: &file)
        }
        #expect(try Self.packets(file).count > 16)
        for port in 0..<(PcapEncoder.maximumConnections + 10) {
            let source = Endpoint(.loopback, UInt16(port))
            var packet: [UInt8] = []
            encoder.encode(
                TracedMessage(
                    at: .zero, carrier: .stream, source: source, destination: Endpoint(.loopback, 1), bytes: [1]),
                into: &packet)
            #expect(packet.count > 40)
        }
    }

    @Test("cannot be made where there is no folder, and says so")
    func refusesMissingFolder() {
        #expect(throws: Fault.fileUnusable("")) { try PcapWriter(path: "/nonexistent/trace.pcap") }
    }

    @Test(
        "reports a full disk and goes on without writing",
        .enabled(if: FileManager.default.fileExists(atPath: "/dev/full")))
    func reportsFullDisk() throws {
        let writer = try PcapWriter(path: "/dev/full")
        writer.write(try message(.datagram, "192.0.2.1:1", "192.0.2.2:2", subscribe("UDP")))
        writer.flush()
        #expect(writer.fault == .fileUnusable(""))
        writer.write(try message(.datagram, "192.0.2.1:1", "192.0.2.2:2", subscribe("UDP")))
    }
}

@Suite("a ladder")
struct LadderTests {
    @Test("tells who sent what to whom, and when")
    func lines() throws {
        var ladder = Ladder()
        ladder.name(try endpoint("192.0.2.1:5060"), "bob")
        ladder.name(try endpoint("192.0.2.2:5060"), "server")
        let first = ladder.line(for: try message(.datagram, "192.0.2.1:5060", "192.0.2.2:5060", subscribe("UDP")))
        let second = ladder.line(
            for: try message(.datagram, "192.0.2.2:5060", "192.0.2.1:5060", okay("UDP"), at: 12_345))
        let third = ladder.line(for: try message(.datagram, "192.0.2.2:5060", "192.0.2.9:1", okay("UDP"), at: 125_000))
        #expect(
            first
                == "00.000 bob ▸ server      SUBSCRIBE sip:alice@home.test  Event: presence  Expires: 600  Content-Type: text/plain"
        )
        #expect(second == "12.345 server ▸ bob      200 OK  (SUBSCRIBE)  Expires: 600")
        #expect(third == "125.000 server ▸ 192.0.2.9:1  200 OK  (SUBSCRIBE)  Expires: 600")
    }

    @Test("shows what is no SIP without being forged or flooded")
    func hostile() throws {
        var ladder = Ladder()
        for bytes in [
            [], [0x0D, 0x0A], Array("\u{1b}[31mGET / HTTP/1.1\nforged".utf8), Array(repeating: 0xFF, count: 5000),
        ] {
            let line = ladder.line(for: try message(.datagram, "192.0.2.1:1", "192.0.2.2:2", bytes))
            #expect(line.count < 150)
            #expect(line.unicodeScalars.allSatisfy { $0.value >= 0x20 })
        }
    }

    @Test("is written line by line")
    func file() throws {
        let path = NSTemporaryDirectory() + "muster-ladder-\(UUID().uuidString).txt"
        defer { do { try FileManager.default.removeItem(atPath: path) } catch { Issue.record(error) } }
        let writer = try LadderWriter(path: path)
        writer.name(try endpoint("192.0.2.1:5060"), "bob")
        writer.write(try message(.datagram, "192.0.2.1:5060", "192.0.2.2:5060", subscribe("UDP")))
        writer.write(try message(.datagram, "192.0.2.2:5060", "192.0.2.1:5060", okay("UDP")))
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines.first?.hasPrefix("00.000 bob ▸ 192.0.2.2:5060") == true)
        #expect(writer.fault == nil)
    }
}
