import Foundation
import Testing

/// A capture that the node wrote, as tshark sees it.
struct Capture {
    private let path: String
    private let decoding: [String]

    /// - Parameter port: the port of SIP, which tshark does not know.
    init(_ path: String, port: UInt16) {
        self.path = path
        self.decoding = [port, port + 1].flatMap { ["-d", "tcp.port==\($0),sip", "-d", "udp.port==\($0),sip"] }
    }

    private func read(_ filter: String, fields: [String]) throws -> [String] {
        let outcome = try Tool.run(
            "tshark",
            ["-r", self.path, "-Y", filter, "-T", "fields"] + fields.flatMap { ["-e", $0] } + self.decoding)
        #expect(outcome.status == 0, "tshark: \(outcome.output)")
        return outcome.output.split(separator: "\n").map(String.init).filter { !$0.contains("Running as user") }
    }

    /// Expects that every packet is SIP, that none is malformed or brings a warning (severity 0x600000) or worse, that
    /// every presence document is dissected as XML, and that these words stand in start lines.
    func expectSound(containing words: [String]) throws {
        let starts = try self.read("sip", fields: ["sip.Request-Line", "sip.Status-Line"])
        for word in words {
            #expect(starts.contains { $0.contains(word) }, "no \(word) among \(starts.prefix(20))")
        }
        let strangers = try self.read(
            "(udp || (tcp.len > 1)) && !sip", fields: ["frame.number", "_ws.col.Protocol", "_ws.col.Info"])
        #expect(strangers.isEmpty, "packets that are no SIP: \(strangers.prefix(5))")
        let malformed = try self.read(
            "_ws.malformed || _ws.expert.severity >= 0x600000",
            fields: ["frame.number", "_ws.col.Info", "_ws.expert.message"])
        #expect(malformed.isEmpty, "malformed packets: \(malformed.prefix(5))")
        let documents = try self.read("sip.Content-Type contains \"pidf\"", fields: ["frame.number"])
        let dissected = try self.read("sip.Content-Type contains \"pidf\" && xml", fields: ["frame.number"])
        #expect(documents == dissected, "presence documents that are no XML")
    }
}
