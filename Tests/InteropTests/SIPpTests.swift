import Foundation
import MusterTesting
import Testing

/// sipp, a SIP traffic generator that shares no code with us, plays publishers, watchers and clients that register.
@Suite("sipp", .serialized)
struct SIPpTests {
    static let scenarios = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Scenarios")

    /// Every scenario of the folder, by name.
    static let names: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: scenarios.path)) ?? []
        return files.filter { $0.hasSuffix(".xml") }.map { String($0.dropLast(4)) }.sorted()
    }()

    @Test(
        "every scenario passes over UDP, and no packet of it is malformed",
        .spec("RFC 3903 §6", "RFC 6665 §4.2.1.1", "RFC 6665 §4.2.2", "RFC 3261 §18.2.1"))
    func datagrams() throws {
        let folder = try Folder()
        let capture = folder.path("udp.pcap")
        let server = try RunningServer(
            configuration: RunningServer.laboratory(), folder: folder, arguments: ["--trace", capture])
        for name in Self.names { try Self.play(name, against: server.udp, transport: "u1", in: folder) }
        server.stop()
        try Self.expectSound(capture)
    }

    @Test("every scenario passes over TCP, and no packet of it is malformed", .spec("RFC 3261 §18.2.2"))
    func streams() throws {
        let folder = try Folder()
        let capture = folder.path("tcp.pcap")
        let server = try RunningServer(
            configuration: RunningServer.laboratory(), folder: folder, arguments: ["--trace", capture])
        // A lost copy is a matter of datagrams: a stream repeats nothing by itself.
        for name in Self.names where name != "notify-lost" {
            try Self.play(name, against: server.tcp, transport: "t1", in: folder)
        }
        server.stop()
        try Self.expectSound(capture)
    }

    @Test("a thousand dialogs at a time are served one like the other")
    func manyDialogs() throws {
        let folder = try Folder()
        let server = try RunningServer(configuration: RunningServer.laboratory(), folder: folder)
        try Self.play(
            "subscribe-life", against: server.udp, transport: "u1", in: folder,
            more: ["-m", "1000", "-r", "500", "-l", "200"])
    }

    private static func play(
        _ name: String, against server: String, transport: String, in folder: Folder, more: [String] = ["-m", "1"]
    ) throws {
        let arguments =
            [
                "-sf", self.scenarios.appendingPathComponent("\(name).xml").path, "-s", "\(name)-\(transport)",
                "-i", "127.0.0.1", "-t", transport, "-nostdin", "-timeout", "40s", "-timeout_error", "-recv_timeout",
                "8000",
                "-trace_err", "-error_file", folder.path("\(name)-\(transport).err"),
            ] + more + [server]
        let outcome = try Tool.run("sipp", arguments, timeout: 60, in: folder.url)
        let errors = (try? String(contentsOfFile: folder.path("\(name)-\(transport).err"), encoding: .utf8)) ?? ""
        #expect(outcome.status == 0, "\(name) over \(transport): \(errors)\n\(outcome.output.suffix(1500))")
    }

    /// Lets tshark look at a capture: every packet is SIP, and none is malformed.
    static func expectSound(_ capture: String) throws {
        let all = try Tool.run("tshark", ["-r", capture, "-Y", "sip"])
        #expect(all.status == 0, "\(all.output)")
        #expect(all.output.contains("200 OK"), "the capture shows no SIP: \(all.output.prefix(500))")
        let malformed = try Tool.run(
            "tshark", ["-r", capture, "-Y", "_ws.malformed || sip.bad_uri || _ws.expert.severity == error"])
        let lines = malformed.output.split(separator: "\n").filter { !$0.contains("Running as user") }
        #expect(lines.isEmpty, "malformed packets: \(lines.prefix(5))")
    }
}
