import Foundation
import Testing

/// The house has layers, and a room imports only what lies below it, but for the arrows that ARCHITECTURE.md shows.
@Suite("Layers")
struct LayerTests {
    /// The layer of every room. A new room is entered here and in ARCHITECTURE.md.
    static let layers: [String: Int] = [
        "CLibXML2": 0, "COpenSSL": 0, "CAres": 0, "CZlib": 0, "Ground": 0,
        "SIPWire": 1, "XMLTree": 1, "PresenceDocuments": 1, "Cryptography": 1, "DigestAuth": 1,
        "SIPTransactions": 2, "EventNotification": 2, "XCAPEngine": 2,
        "SCSCF": 3, "PresenceServer": 3, "UserAgent": 3, "XDMServer": 3,
        "Storage": 4, "StorageSQLite": 4, "Signalling": 4, "WebEdge": 4, "Telemetry": 4, "Settings": 4,
        "MusterNode": 5, "muster": 5,
    ]

    /// Imports inside one layer that are allowed: from the first to the second.
    static let arrows: Set<String> = [
        "PresenceDocuments XMLTree", "DigestAuth Cryptography", "EventNotification SIPTransactions",
        "StorageSQLite Storage", "WebEdge Telemetry", "muster MusterNode",
    ]

    /// Modules that need a clock, a socket, a file or a logger: nothing below the shell imports them.
    static let shellOnly: Set<String> = [
        "Foundation", "FoundationEssentials", "Glibc", "Dispatch", "NIOCore", "NIOPosix", "NIOHTTP1", "NIOWebSocket",
        "NIOTLS", "NIOEmbedded", "NIOConcurrencyHelpers", "Logging", "Metrics", "CoreMetrics", "Hummingbird", "GRDB",
        "Configuration", "ServiceLifecycle", "ArgumentParser", "CAres", "CZlib",
    ]

    @Test("a room imports only rooms of lower layers, or along an arrow")
    func importsGoDownwards() throws {
        for file in try SourceTree.files(in: ["Sources"]) {
            let layer = try #require(Self.layers[file.room], "\(file.path): the room is not in the layer table")
            for module in Self.imports(of: file) {
                if let other = Self.layers[module] {
                    let allowed = other < layer || Self.arrows.contains("\(file.room) \(module)") || layer == 0
                    #expect(allowed, "\(file.path) imports \(module), which is not below \(file.room)")
                } else if layer < 4 {
                    #expect(!Self.shellOnly.contains(module), "\(file.path) imports \(module) below the shell")
                }
            }
        }
    }

    @Test("every room of the layer table exists")
    func tableIsCurrent() {
        for room in Self.layers.keys {
            let folder = SourceTree.root.appendingPathComponent("Sources/\(room)")
            #expect(FileManager.default.fileExists(atPath: folder.path), "Sources/\(room) is missing")
        }
    }

    @Test(
        "an import is found whatever stands before it",
        arguments: [
            ("import Ground", "Ground"), ("package import SIPWire", "SIPWire"), ("internal import Glibc", "Glibc"),
            ("private import NIOCore", "NIOCore"), ("@preconcurrency import GRDB", "GRDB"),
            ("@testable internal import Logging.Logger", "Logging"), ("// import Ground", nil), ("let import = 1", nil),
        ])
    func findsImports(_ line: String, _ module: String?) {
        #expect(Self.module(importedBy: line) == module)
    }

    private static func imports(of file: SourceTree.File) -> [String] {
        file.lines.compactMap { Self.module(importedBy: $0) }
    }

    /// The module that a line imports; nil for a line that is no import.
    private static func module(importedBy line: String) -> String? {
        let words = line.split(separator: " ")
        guard let index = words.firstIndex(of: "import"), index + 1 < words.count,
            words[..<index].allSatisfy({
                $0.hasPrefix("@") || ["package", "internal", "fileprivate", "private"].contains($0)
            })
        else { return nil }
        return words[index + 1].split(separator: ".").first.map(String.init)
    }
}
