import Foundation
import MusterTesting
import Simulation
import Testing

/// Golden ladders: call flows as text, played in virtual time over the real cores.
///
/// `UPDATE_LADDERS=1 swift test --filter LadderTests` rewrites the files. Commit only a difference that you can explain.
@Suite("Golden ladders")
struct LadderTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Ladders")

    /// The ladders on disk, by their path below the folder.
    static let files: [String] = {
        guard let paths = FileManager.default.enumerator(atPath: folder.path) else { return [] }
        return paths.compactMap { $0 as? String }.filter { $0.hasSuffix(".ladder") }.sorted()
    }()

    @Test(
        "the call flow is the one that was drawn",
        .spec(
            "RFC 6665 §4.1.2.1", "RFC 6665 §4.1.2.2", "RFC 6665 §4.1.2.3", "RFC 6665 §4.1.3", "RFC 6665 §4.2.1.1",
            "RFC 6665 §4.2.1.4", "RFC 6665 §4.2.2", "RFC 6665 §4.4.1", "RFC 6665 §4.4.3", "RFC 3903 §4", "RFC 3903 §6",
            "RFC 3856 §6", "RFC 3856 §6.9", "RFC 5025 §3.2.1", "RFC 5263 §4", "RFC 5839 §5.5", "RFC 5839 §6.4",
            "RFC 5025 §3.1.2/1", "RFC 5025 §3.1.2/2", "RFC 5025 §3.2.1/3", "RFC 5025 §3.2.1/4", "RFC 5025 §3.2.1/5",
            "RFC 5025 §3.2.1/6", "RFC 5025 §3.3/1", "RFC 5025 §3.3.1.1/1", "RFC 5025 §3.3.1.1/2",
            "RFC 5025 §3.3.1.2/1", "RFC 5025 §3.3.1.2/2", "RFC 5025 §3.3.1.3/1", "RFC 5025 §3.3.1.3/2",
            "RFC 5025 §3.3.2/1", "RFC 5025 §3.3.2.12/1", "RFC 5025 §3.3.2.12/2", "RFC 4745 §6/2", "RFC 4745 §7.2/1",
            "RFC 4745 §7.3/1", "RFC 4827 §3/1", "RFC 4827 §3/3", "REQ-OMAPRS-1", "REQ-OMAPRS-2", "REQ-24141-26",
            "REQ-33141-10", "REQ-33141-D2", "REQ-33141-D3",
            "RFC 6446 §5.2", "RFC 3261 §10", "RFC 3261 §16", "RFC 3261 §17.1.2", "RFC 3261 §22.2"),
        arguments: files)
    func ladder(_ path: String) throws {
        let file = Self.folder.appendingPathComponent(path)
        let text = try String(contentsOf: file, encoding: .utf8)
        let script = LadderScript(text)
        #expect(!script.citations.isEmpty, "\(path) names no requirement")
        let played = try script.played().text
        if ProcessInfo.processInfo.environment["UPDATE_LADDERS"] == "1" {
            if played != text { try Data(played.utf8).write(to: file) }
            return
        }
        let drawn = text.split(separator: "\n", omittingEmptySubsequences: false)
        let seen = played.split(separator: "\n", omittingEmptySubsequences: false)
        for (number, (expected, line)) in zip(drawn, seen).enumerated() where expected != line {
            Issue.record("\(path):\(number + 1)\n  drawn: \(expected)\n  seen:  \(line)")
            return
        }
        #expect(drawn.count == seen.count, "\(path) has \(drawn.count) lines, played are \(seen.count)")
    }

    @Test("there are ladders")
    func someStand() { #expect(Self.files.count >= 20) }
}
