import Foundation
import Ground
import MusterTesting
import SIPTransactions
import Testing

@testable import Signalling

/// The other end is the openssl program.
@Suite("TLS with openssl s_client")
struct OpenSSLInteropTests {
    static let isAvailable = FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl")

    /// Runs `openssl s_client`; gives what it printed. Runs on a thread of its own, so that no loop is held up.
    static func connect(_ endpoint: Endpoint, _ arguments: [String], input: [UInt8]) async throws -> String {
        let authority = try TestCertificates.made.get().server.authorityFile
        return try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                let process = Process()
                process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
                process.arguments =
                    ["10", "/usr/bin/openssl", "s_client", "-connect", endpoint.description, "-CAfile", authority]
                    + ["-servername", "example.com", "-verify_return_error"] + arguments
                let (standardInput, output) = (Pipe(), Pipe())
                process.standardInput = standardInput
                process.standardOutput = output
                process.standardError = output
                do {
                    try process.run()
                    try standardInput.fileHandleForWriting.write(contentsOf: Data(input))
                    let data = output.fileHandleForReading.readDataToEndOfFile()
                    process.waitUntilExit()
                    continuation.resume(returning: String(decoding: data, as: UTF8.self))
                } catch { continuation.resume(throwing: error) }
            }
        }
    }

    @Test(
        "openssl speaks TLS 1.2 and 1.3 with us", .spec("REQ-33141-43", "REQ-33141-45", "REQ-33141-49"),
        .enabled(if: Self.isAvailable),
        arguments: ["-tls1_2", "-tls1_3"])
    func versions(version: String) async throws {
        let node = try await TestNode { $0.idleTimeout = .seconds(1) }
        let endpoint = try await node.listen(.tls, tls: try TestCertificates.server())
        try await node.echo()
        let printed = try await Self.connect(endpoint, [version, "-quiet"], input: Sample.message(5, body: 3))
        #expect(printed.contains("CSeq: 5 MESSAGE"))
        #expect(try await node.message().bytes == Sample.message(5, body: 3))
        try await node.shutDown()
    }

    @Test("a client certificate of openssl is recognised", .spec("RFC 5922 §7.4"), .enabled(if: Self.isAvailable))
    func mutual() async throws {
        let node = try await TestNode { $0.idleTimeout = .seconds(1) }
        let endpoint = try await node.listen(.tls, tls: try TestCertificates.server(.required))
        try await node.echo()
        let files = try TestCertificates.made.get().client
        let printed = try await Self.connect(
            endpoint, ["-quiet", "-cert", files.certificateFile, "-key", files.keyFile], input: Sample.message(6))
        #expect(printed.contains("CSeq: 6 MESSAGE"))
        #expect(try await node.message().origin.certificateIdentities == ["client.example.com"])
        try await node.shutDown()
    }

    @Test(
        "what the profile excludes is refused", .spec("REQ-33141-43", "REQ-33141-25", "REQ-33141-31", "REQ-33141-52"),
        .enabled(if: Self.isAvailable),
        arguments: [
            ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"],
            ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0"],
            ["-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"], ["-tls1_2", "-cipher", "eNULL:@SECLEVEL=0"],
        ])
    func excluded(arguments: [String]) async throws {
        let node = try await TestNode()
        let endpoint = try await node.listen(.tls, tls: try TestCertificates.server())
        let printed = try await Self.connect(endpoint, arguments, input: Sample.message(7))
        #expect(printed.contains("alert") || printed.contains("no ciphers available"))
        #expect(printed.contains("Cipher is (NONE)"))
        #expect(try await node.counters.streamMessagesReceived == 0)
        try await node.shutDown()
    }

    @Test(
        "there is no ticket, no compression and no renegotiation to abuse",
        .spec("REQ-33141-43", "REQ-33141-54", "REQ-33141-50"),
        .enabled(if: Self.isAvailable))
    func noExtras() async throws {
        let node = try await TestNode { $0.idleTimeout = .seconds(1) }
        let endpoint = try await node.listen(.tls, tls: try TestCertificates.server())
        let printed = try await Self.connect(endpoint, ["-tls1_2"], input: Sample.message(8))
        #expect(printed.contains("Compression: NONE"))
        #expect(!printed.contains("TLS session ticket:"))
        try await node.shutDown()
    }
}
