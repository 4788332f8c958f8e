import Foundation
import MusterTesting
import Testing

extension Interop {
    /// sipp, a SIP traffic generator that shares no code with us, plays publishers, watchers, notifiers and clients that
    /// register. A scenario is a file of `Scenarios`; its folder says what kind of server it needs.
    @Suite("sipp", .serialized)
    struct SIPp {
        @Test(
            "every scenario passes over UDP, and no packet of it is malformed",
            .spec(
                "RFC 3903 §4", "RFC 3903 §6", "RFC 3903 §11.2.1", "RFC 6665 §4.2.1.1", "RFC 6665 §4.2.1.4",
                "RFC 6665 §4.2.2", "RFC 6665 §4.4.3", "RFC 3261 §17.1.2", "RFC 3261 §18.2.1", "RFC 3261 §10.3",
                "RFC 3261 §11", "RFC 5839 §5", "RFC 5263 §4", "RFC 5264 §4", "RFC 3581 §4"))
        func datagrams() throws {
            try self.playAll(transport: "u1", skipping: [])
        }

        @Test(
            "every scenario passes over TCP, and no packet of it is malformed",
            .spec("RFC 3261 §18.2.2", "RFC 3261 §18.3", "RFC 3903 §6", "RFC 6665 §4.2.2"))
        func streams() throws {
            // A lost copy is a matter of datagrams: a stream repeats nothing by itself.
            try self.playAll(transport: "t1", skipping: ["notify-lost"])
        }

        private func playAll(transport: String, skipping: Set<String>) throws {
            let folder = try Folder()
            let capture = folder.path("sipp.pcap")
            let server = try RunningServer(folder: folder, arguments: ["--trace", capture])
            let names = try Self.names(in: "").filter { !skipping.contains($0) }
            #expect(names.count >= 16, "scenarios are missing: \(names)")
            for name in names { try Self.play(name, server, transport) }
            server.stop()
            try Capture(capture, port: server.port).expectSound(containing: ["PUBLISH", "SUBSCRIBE", "NOTIFY"])
        }

        @Test(
            "what is published reaches each of two watchers in a dialog of its own",
            .spec("RFC 6665 §4.2.2", "RFC 3856 §6.10"), arguments: ["u1", "t1"])
        func twoWatchers(transport: String) throws {
            let server = try RunningServer(arguments: ["--trace-ladder"])
            let watchers = try RunningTool(
                "sipp", Self.arguments("Plays/two-watchers", server, transport, service: "shown", more: ["-m", "2"]))
            // Each has its first NOTIFY, and has answered it.
            for _ in 0..<2 {
                _ = try server.tool.awaitLine("the answer to a NOTIFY") {
                    $0.contains("200") && $0.contains("NOTIFY")
                }
            }
            try Self.play("Plays/publisher", server, transport, service: "shown")
            #expect(watchers.awaitEnd() == 0, "\(watchers.output.suffix(2000))\(server.tool.output.suffix(3000))")
        }

        @Test(
            "with a password a client registers, publishes and watches; without, or with another's, it does not",
            .spec(
                "RFC 3261 §22", "RFC 7616 §3.4", "RFC 8760 §2.4", "RFC 3903 §6", "RFC 6665 §4.2.1.3", "TS 24.141 §5.3.3"
            ),
            arguments: ["u1", "t1"])
        func digest(transport: String) throws {
            let folder = try Folder()
            let capture = folder.path("digest.pcap")
            let server = try RunningServer(
                RunningServer.Wishes(isLaboratory: false), folder: folder, arguments: ["--trace", capture],
                prepare: { try RunningServer.addSubscribers(["alice", "carol"], in: $0) })
            // sipp writes one and the same URI into each digest: it has to be that of the scenario.
            let uris = [
                "register-digest": "bench.test", "publish-digest": "alice@bench.test",
                "subscribe-digest": "alice@bench.test", "publish-for-another": "carol@bench.test",
            ]
            for name in try Self.names(in: "Digest") {
                let uri = try #require(uris[name], "the digest URI of \(name) is not known")
                try Self.play(
                    "Digest/\(name)", server, transport, service: "alice",
                    more: ["-au", "alice", "-ap", "password-of-alice", "-auth_uri", uri])
            }
            try Self.play(
                "Strangers/wrong-password", server, transport, service: "alice",
                more: ["-au", "alice", "-ap", "guessed", "-auth_uri", "bench.test"])
            server.stop()
            try Capture(capture, port: server.port).expectSound(containing: ["401", "REGISTER"])
        }

        @Test(
            "each watcher sees what the presentity lets it see",
            .spec("RFC 3856 §6.6.2", "RFC 6665 §4.2.1.3", "TS 24.141 §5.3.2", "TS 33.141 §5"))
        func rules() throws {
            let folder = try Folder()
            let rules = try folder.write(
                """
                sip:alice@bench.test sip:blocked@bench.test block
                sip:alice@bench.test sip:polite@bench.test  polite-block
                sip:alice@bench.test sip:friend@bench.test  allow

                """, as: "rules")
            let server = try RunningServer(
                RunningServer.Wishes(defaultHandling: "confirm", rulesFile: rules), folder: folder)
            try Self.play("Plays/publisher", server, "u1", service: "alice")
            for name in try Self.names(in: "Rules") { try Self.play("Rules/\(name)", server, "u1") }
        }

        @Test(
            "of two notifiers that one SUBSCRIBE reaches our watcher takes the first and refuses the second",
            .spec("RFC 3856 §6.9", "RFC 6665 §4.1.2.4", "RFC 6665 §4.1.4"))
        func forked() throws {
            let port = try RunningServer.freePort()
            let folder = try Folder()
            let errors = folder.path("forked.err")
            let notifiers = try RunningTool(
                "sipp",
                [
                    "-sf", Self.file("Notifiers/forked"), "-i", "127.0.0.1", "-p", "\(port)", "-t", "u1", "-nostdin",
                    "-timeout", "30s", "-timeout_error", "-m", "1", "-trace_err", "-error_file", errors,
                ])
            let watcher = try RunningTool(
                Tool.muster,
                [
                    "watch", "sip:alice@bench.test", "--as", "sip:bob@bench.test", "--server", "sip:127.0.0.1:\(port)",
                    "--json",
                ])
            try watcher.awaitText("\"first\"")
            try watcher.awaitText("\"third\"")
            // The subscription ended with `noresource`: nothing is left to watch.
            #expect(watcher.awaitEnd() == 1)
            #expect(!watcher.output.contains("second"), "\(watcher.output)")
            #expect(notifiers.awaitEnd() == 0, "\(folder.read("forked.err"))")
        }

        @Test("a thousand dialogs, two hundred at a time, are served one like the other", .spec("RFC 6665 §4.2"))
        func manyDialogs() throws {
            let server = try RunningServer()
            // A machine that is busy with other tests may answer a NOTIFY so late that we repeat it. The repetition is
            // right, but sipp would take it for an unexpected message and give the call up.
            try Self.play(
                "subscribe-life", server, "u1", service: "crowd",
                more: ["-m", "1000", "-r", "300", "-l", "200", "-default_behaviors", "all,-abortunexp"])
        }

        // MARK: playing

        private static let scenarios = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Scenarios")

        /// The scenarios of a folder, by name.
        private static func names(in folder: String) throws -> [String] {
            let files = try FileManager.default.contentsOfDirectory(
                atPath: self.scenarios.appendingPathComponent(folder).path)
            return files.filter { $0.hasSuffix(".xml") }.map { String($0.dropLast(4)) }.sorted()
        }

        private static func file(_ name: String) -> String {
            self.scenarios.appendingPathComponent("\(name).xml").path
        }

        private static func errorFile(_ name: String, _ server: RunningServer) -> String {
            "sipp-\(name.replacingOccurrences(of: "/", with: "-")).err"
        }

        private static func arguments(
            _ name: String, _ server: RunningServer, _ transport: String, service: String, more: [String]
        ) -> [String] {
            // With -nr sipp shows the scenario each copy of a message; else it would hide those that repeat.
            let copies = name == "notify-lost" ? ["-nr"] : []
            return [
                "-sf", self.file(name), "-s", service, "-i", "127.0.0.1", "-t", transport, "-nostdin", "-timeout",
                "60s", "-timeout_error", "-recv_timeout", "20000", "-trace_err", "-error_file",
                server.folder.path(self.errorFile(name, server)),
            ] + copies + more + [server.address]
        }

        private static func play(
            _ name: String, _ server: RunningServer, _ transport: String, service: String? = nil,
            more: [String] = []
        ) throws {
            let service = service ?? "\(name.replacingOccurrences(of: "/", with: "-"))-\(transport)"
            let times = more.contains("-m") ? [] : ["-m", "1"]
            let outcome = try Tool.run(
                "sipp", self.arguments(name, server, transport, service: service, more: times + more), timeout: 90)
            let errors = server.folder.read(self.errorFile(name, server))
            #expect(outcome.status == 0, "\(name) over \(transport): \(errors)\n\(outcome.output.suffix(1500))")
        }
    }
}
