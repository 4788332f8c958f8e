import Foundation
import Ground
import MusterTesting
import Testing

extension Interop {
    /// The client commands, the way a script uses them, against a server with passwords.
    @Suite("The command line", .serialized)
    struct Commands {
        private let server: RunningServer
        private let folder: Folder

        init() throws {
            self.folder = try Folder()
            let rules = try self.folder.write(
                "sip:alice@bench.test sip:mallory@bench.test block\n", as: "rules")
            var wishes = RunningServer.Wishes()
            wishes.isLaboratory = false
            wishes.rulesFile = rules
            wishes.algorithms = "[SHA-256, MD5]"
            self.server = try RunningServer(
                wishes, folder: self.folder,
                prepare: { try RunningServer.addSubscribers(["alice", "bob", "mallory"], in: $0) })
        }

        private func arguments(
            _ command: String, as user: String, password: String? = nil, transport: String = "udp", _ more: [String]
        ) throws -> [String] {
            let file = try self.folder.write((password ?? "password-of-\(user)") + "\n", as: "password-\(user)")
            return [command] + more + [
                "--as", "sip:\(user)@bench.test", "--server", "sip:\(self.server.address);transport=\(transport)",
                "--password-file", file,
            ]
        }

        /// Reads one JSON object a line.
        private static func objects(_ text: String, _ location: SourceLocation = #_sourceLocation) throws -> [[String:
            Any]]
        {
            try text.split(separator: "\n").filter { !$0.hasPrefix("muster:") }.map { line in
                try #require(
                    try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "no object: \(line)",
                    sourceLocation: location)
            }
        }

        @Test(
            "a user publishes, another watches live and fetches, and Control-C takes it all back",
            .spec(
                "RFC 3903 §4", "RFC 3903 §4.5", "RFC 6665 §4.1.2", "RFC 6665 §4.1.2.3", "RFC 6665 §4.4.3",
                "RFC 3856 §6",
                "RFC 7616 §3.4", "RFC 8760 §2.4", "TS 24.141 §5.2.2"),
            arguments: ["udp", "tcp"])
        func life(transport: String) throws {
            let watcher = try RunningTool(
                Tool.muster,
                try self.arguments("watch", as: "bob", transport: transport, ["sip:alice@bench.test", "--json"]))
            let before = try watcher.awaitText("\"event\":\"presence\"")
            #expect(before.contains("\"status\":\"closed\""), "\(before)")
            let publisher = try RunningTool(
                Tool.muster,
                try self.arguments(
                    "publish", as: "alice", transport: transport,
                    ["--note", "back at ten", "--activity", "meeting", "--json"]))
            let published = try publisher.awaitText("\"event\":\"published\"")
            #expect(published.contains("\"etag\":"))
            let seen = try watcher.awaitText("back at ten")
            #expect(seen.contains("\"status\":\"open\"") && seen.contains("meeting"), "\(seen)")

            let fetched = try Tool.muster(
                try self.arguments("fetch", as: "bob", transport: transport, ["sip:alice@bench.test", "--json"]))
            #expect(fetched.status == 0)
            let objects = try Self.objects(fetched.output)
            #expect(objects.contains { $0["event"] as? String == "presence" && $0["status"] as? String == "open" })

            publisher.interrupt()
            #expect(publisher.awaitEnd() == 0, "\(publisher.output)")
            let after = try watcher.awaitText("\"event\":\"presence\"")
            #expect(after.contains("\"status\":\"closed\""), "\(after)")
            watcher.interrupt()
            #expect(watcher.awaitEnd() == 0, "\(watcher.output)")
            #expect(try Self.objects(watcher.output).count >= 3)
            #expect(try Self.objects(publisher.output).contains { $0["event"] as? String == "unpublished" })
        }

        @Test(
            "a rule that changes acts at once on a watcher that is there", .spec("RFC 3856 §6.6.2", "RFC 6665 §4.2.2"))
        func blockedLive() throws {
            let watcher = try RunningTool(
                Tool.muster, try self.arguments("watch", as: "bob", ["sip:alice@bench.test", "--json"]))
            try watcher.awaitText("\"event\":\"presence\"")
            try self.folder.write("sip:alice@bench.test sip:bob@bench.test block\n", as: "rules")
            try watcher.awaitText("\"event\":\"ended\"")
            #expect(watcher.awaitEnd() == 1)
            #expect(watcher.output.contains("the user does not allow it"), "\(watcher.output)")
        }

        @Test("a registration is made and shown", .spec("RFC 3261 §10.2", "RFC 3261 §22.2", "RFC 8760 §2.4"))
        func register() throws {
            let outcome = try Tool.muster(try self.arguments("register", as: "bob", ["--once", "--json"]))
            #expect(outcome.status == 0)
            let objects = try Self.objects(outcome.output)
            #expect(objects.first?["event"] as? String == "registered")
            #expect((objects.first?["expires"] as? Int ?? 0) > 0)
        }

        @Test(
            "a wrong password, no password, and a blocked watcher end with status 1 and say why",
            .spec("RFC 3261 §22.2", "RFC 6665 §4.1.2.1", "RFC 3856 §6.6.2"))
        func refusals() throws {
            for command in [["publish", "--once"], ["fetch", "sip:alice@bench.test"], ["register", "--once"]] {
                let outcome = try Tool.muster(
                    try self.arguments(command[0], as: "bob", password: "guessed", Array(command.dropFirst())))
                #expect(outcome.status == 1, "\(command)")
                #expect(outcome.output.contains("does not accept the password"), "\(command): \(outcome.output)")
            }
            let nameless = try Tool.muster([
                "fetch", "sip:alice@bench.test", "--as", "sip:bob@bench.test", "--server",
                "sip:\(self.server.address)",
            ])
            #expect(nameless.status == 1)
            #expect(nameless.output.contains("asks for a password"), "\(nameless.output)")
            for command in ["watch", "fetch"] {
                let blocked = try Tool.muster(
                    try self.arguments(command, as: "mallory", ["sip:alice@bench.test", "--json"]))
                #expect(blocked.status == 1)
                #expect(blocked.output.contains("403"), "\(blocked.output)")
            }
            let unknown = try Tool.muster(try self.arguments("fetch", as: "bob", ["sip:nobody@bench.test"]))
            #expect(unknown.status == 1)
            #expect(unknown.output.contains("404"), "\(unknown.output)")
        }

        @Test("what cannot be meant ends with status 2 and shows the usage")
        func usage() throws {
            for arguments in [
                ["fetch"], ["fetch", "nonsense", "--as", "sip:bob@bench.test"], ["publish"], ["watch", "--nonsense"],
                ["subscriber", "add", "nonsense"], ["nonsense"],
            ] {
                let outcome = try Tool.muster(arguments)
                #expect(outcome.status == 2, "\(arguments): \(outcome.output)")
                #expect(outcome.output.contains("Usage:"), "\(arguments): \(outcome.output)")
            }
        }

        @Test("subscribers are added, listed and removed, and what is wrong is said")
        func subscribers() throws {
            let place = ["--config", self.folder.path("muster.yaml"), "--data", self.folder.path("data")]
            let listed = try Tool.muster(["subscriber", "list", "--json"] + place)
            #expect(listed.status == 0)
            let users = try Self.objects(listed.output).compactMap { $0["user"] as? String }
            #expect(users.sorted() == ["alice", "bob", "mallory"])
            #expect(!listed.output.contains("password-of"))
            #expect(try Tool.muster(["subscriber", "remove", "sip:mallory@bench.test"] + place).status == 0)
            #expect(try Tool.muster(["subscriber", "remove", "sip:mallory@bench.test"] + place).status == 1)
            // The running server forgets the password at once.
            let gone = try Tool.muster(try self.arguments("register", as: "mallory", ["--once"]))
            #expect(gone.status == 1, "\(gone.output)")
        }

        @Test("every mistake of a configuration is named with its line; the example has none")
        func configurations() throws {
            let bad = try self.folder.write(
                """
                nodee:
                  x: 1
                sip:
                  listen: [foo, "udp:127.0.0.1:99999"]
                storage:
                  durability: maybe
                presence:
                  subscribe-expires:
                    minimum: soon

                """, as: "bad.yaml")
            for command in [["check-config", bad], ["serve", "--config", bad, "--data", self.folder.path("no")]] {
                let outcome = try Tool.muster(command)
                #expect(outcome.status == 1, "\(command[0])")
                for line in [
                    "bad.yaml:2: nodee", "bad.yaml:4: sip.listen", "bad.yaml:6: storage.durability", "bad.yaml:9: ",
                ] {
                    #expect(outcome.output.contains(line), "\(command[0]) does not say \(line): \(outcome.output)")
                }
            }
            #expect(try Tool.muster(["check-config", self.folder.path("nowhere.yaml")]).status == 1)
            let example = try Tool.muster(["example-config"])
            #expect(example.status == 0)
            let file = try self.folder.write(example.output, as: "example.yaml")
            let checked = try Tool.muster(["check-config", file])
            #expect(checked.status == 0, "\(checked.output)")
            let examples = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().appendingPathComponent("examples")
            let names = try FileManager.default.contentsOfDirectory(atPath: examples.path).filter {
                $0.hasSuffix(".yaml")
            }
            #expect(!names.isEmpty)
            for name in names {
                let outcome = try Tool.muster(["check-config", examples.appendingPathComponent(name).path])
                #expect(outcome.status == 0, "\(name): \(outcome.output)")
            }
        }

        @Test("a port that is taken is an error that says so, with status 1")
        func portTaken() throws {
            let outcome = try Tool.muster([
                "serve", "--config", self.folder.path("muster.yaml"), "--data", self.folder.path("other"),
            ])
            #expect(outcome.status == 1)
            #expect(outcome.output.contains("\(self.server.port)"), "\(outcome.output)")
            try self.server.expectServing("a second server on its port")
        }

        @Test("a ladder on standard output leaves alone what the file behind it holds")
        func ladder() throws {
            let file = try self.folder.write("before\n", as: "ladder.txt")
            let port = try RunningServer.freePort()
            let configuration = try self.folder.write(
                RunningServer.configuration(RunningServer.Wishes(), port: port), as: "ladder.yaml")
            let server = try RunningTool(
                "sh",
                [
                    "-c", "exec \"$0\" \"$@\" >>'\(file)'", Tool.muster, "serve", "--config", configuration, "--data",
                    self.folder.path("ladder-data"), "--trace-ladder",
                ])
            try server.awaitText("muster: ready")
            let socket = try PlainSocket.datagram(to: Endpoint(.loopback, port))
            socket.send(PlainMessage.request("OPTIONS", from: "asker", at: socket.name))
            #expect(socket.awaitResponse()?.status == 200)
            server.terminate()
            #expect(server.awaitEnd() == 0)
            let text = self.folder.read("ladder.txt")
            #expect(text.hasPrefix("before\n"), "\(text)")
            #expect(text.contains("OPTIONS sip:bench.test"), "\(text)")
        }
    }
}
