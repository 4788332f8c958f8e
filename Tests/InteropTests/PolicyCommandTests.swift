import Foundation
import Ground
import MusterTesting
import Testing

extension Interop {
    /// Rules, lists, documents and watchers on the command line, against a server with passwords.
    @Suite("The command line: who sees you", .serialized)
    struct PolicyCommands {
        private let server: RunningServer
        private let folder: Folder
        private let root: String
        private let administration: String

        init() throws {
            self.folder = try Folder()
            var wishes = RunningServer.Wishes()
            wishes.isLaboratory = false
            wishes.defaultHandling = "confirm"
            wishes.algorithms = "[SHA-256, MD5]"
            let port = try RunningServer.freePort()
            wishes.administrationPort = port
            self.administration = "http://127.0.0.1:\(port)"
            self.server = try RunningServer(
                wishes, folder: self.folder,
                prepare: { try RunningServer.addSubscribers(["alice", "bob", "carol"], in: $0) })
            self.root = try self.server.documentRoot()
        }

        private func password(of user: String) throws -> [String] {
            ["--password-file", try self.folder.write("password-of-\(user)\n", as: "password-\(user)")]
        }

        /// A command about documents.
        private func documents(_ command: [String], as user: String = "alice", input: String? = nil) throws
            -> Tool.Outcome
        {
            try Tool.muster(
                command + ["--as", "sip:\(user)@bench.test", "--xcap-root", self.root]
                    + (try self.password(of: user)), input: input)
        }

        /// A command that goes on.
        private func start(_ command: [String], as user: String, isWatching: Bool = false) throws -> RunningTool {
            let identity = "sip:\(user)@bench.test"
            let own =
                command[0] == "watchers"
                ? ["watchers", identity, "--xcap-root", self.root] : [command[0], "--as", identity]
            return try RunningTool(
                Tool.muster,
                own + command.dropFirst() + ["--server", "sip:\(self.server.address)", "--json"]
                    + (try self.password(of: user)))
        }

        private static func objects(_ text: String) throws -> [[String: Any]] {
            try text.split(separator: "\n").filter { $0.hasPrefix("{") }.map { line in
                try #require(
                    try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "no object: \(line)")
            }
        }

        @Test(
            "a watcher waits, the presentity sees it and decides, and every decision acts at once",
            .spec(
                "RFC 3857 §3.1/1", "RFC 3857 §4.7.1/1", "RFC 3857 §4.7.1/2", "RFC 5025 §3.2.1/3", "RFC 5025 §3.2.1/4",
                "RFC 5025 §3.2.1/5", "RFC 5025 §3.2.1/6", "REQ-33141-10", "REQ-33141-15", "REQ-33141-D2"))
        func reactive() throws {
            let alice = try self.start(["watchers"], as: "alice")
            let bob = try self.start(["watch", "sip:alice@bench.test"], as: "bob")
            try bob.awaitText("\"state\":\"pending\"")
            let waiting = try alice.awaitText("\"status\":\"pending\"")
            #expect(waiting.contains("\"watcher\":\"sip:bob@bench.test\""), "\(waiting)")
            #expect(!bob.output.contains("\"event\":\"presence\""))

            alice.say("allow bob\n")
            try bob.awaitText("\"event\":\"presence\"")
            try alice.awaitText("\"status\":\"active\"")
            alice.say("nonsense bob\nlist\n")
            try alice.awaitText("nonsense is no answer")
            let listed = try alice.awaitText("\"status\":\"active\"")
            #expect(listed.contains("sip:bob@bench.test"))

            alice.say("block bob\n")
            try bob.awaitText("\"event\":\"ended\"")
            #expect(bob.awaitEnd() == 1)
            let gone = try alice.awaitText("\"cause\":\"rejected\"")
            #expect(gone.contains("\"status\":\"terminated\""), "\(gone)")

            let polite = try self.documents(["policy", "polite-block", "bob"])
            #expect(polite.status == 0, "\(polite.output)")
            let again = try self.start(["watch", "sip:alice@bench.test"], as: "bob")
            let shown = try again.awaitText("\"event\":\"presence\"")
            #expect(shown.contains("\"status\":\"closed\""))
            again.interrupt()
            #expect(again.awaitEnd() == 0)
            alice.say("quit\n")
            #expect(alice.awaitEnd() == 0, "\(alice.output)")
        }

        @Test(
            "only the presentity is told who watches; answers may stand on the command line",
            .spec("RFC 3857 §4.6/2", "RFC 3857 §4.7.1/7"))
        func watchersOnce() throws {
            let carol = try self.start(["watch", "sip:alice@bench.test"], as: "carol")
            try carol.awaitText("\"state\":\"pending\"")
            let shown = try Tool.muster(
                [
                    "watchers", "sip:alice@bench.test", "--once", "--server", "sip:\(self.server.address)",
                    "--xcap-root", self.root,
                ] + (try self.password(of: "alice")))
            #expect(shown.status == 0)
            #expect(shown.output.contains("WATCHER"), "\(shown.output)")
            #expect(shown.output.contains("waits for your consent"), "\(shown.output)")
            let decided = try Tool.muster(
                [
                    "watchers", "sip:alice@bench.test", "--once", "--json", "--allow", "carol", "--server",
                    "sip:\(self.server.address)", "--xcap-root", self.root,
                ] + (try self.password(of: "alice")))
            #expect(decided.status == 0, "\(decided.output)")
            let rows = try Self.objects(decided.output)
            #expect(rows.count == 1, "\(decided.output)")
            #expect(rows.first?["status"] as? String == "active")
            try carol.awaitText("\"event\":\"presence\"")
            carol.interrupt()
            #expect(carol.awaitEnd() == 0)
            // Somebody else with somebody else's password.
            let spy = try Tool.muster(
                [
                    "watchers", "sip:alice@bench.test", "--once", "--user", "bob", "--server",
                    "sip:\(self.server.address)",
                ] + (try self.password(of: "bob")))
            #expect(spy.status == 1, "\(spy.output)")
            #expect(!spy.output.contains("carol"))
        }

        @Test(
            "rules are changed word by word, and what else is in the document stays",
            .spec("REQ-33141-10", "REQ-33141-15", "REQ-33141-D1"))
        func rules() throws {
            #expect(try self.documents(["policy", "show"]).output.contains("has no rules here"))
            let own = """
                <?xml version="1.0" encoding="UTF-8"?>
                <!-- written by hand -->
                <cp:ruleset xmlns:cp="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules">
                  <cp:rule id="work">
                    <cp:conditions><cp:identity><cp:many domain="bench.test"/></cp:identity></cp:conditions>
                    <cp:actions><pr:sub-handling>allow</pr:sub-handling></cp:actions>
                    <cp:transformations><pr:provide-services><pr:all-services/></pr:provide-services></cp:transformations>
                  </cp:rule>
                </cp:ruleset>

                """
            let put = try self.documents(["xcap", "put", "pres-rules/users/~/index"], input: own)
            #expect(put.status == 0 && put.output.hasPrefix("created"), "\(put.output)")
            let blocked = try self.documents(["policy", "block", "bob@BENCH.test", "--json"])
            #expect(blocked.status == 0, "\(blocked.output)")
            let change = try #require(try Self.objects(blocked.output).first)
            #expect(change["changed"] as? Bool == true && change["created"] as? Bool == false)
            #expect(change["remaining"] as? [String] == [])
            let document = try self.documents(["xcap", "get", "pres-rules/users/~/index"]).output
            #expect(document.contains("<!-- written by hand -->"))
            #expect(document.contains("<cp:rule id=\"work\">"))
            let explained = try Tool.muster([
                "policy", "explain", "alice", "bob", "--admin", self.administration,
            ])
            #expect(explained.status == 0)
            #expect(explained.output.contains("sip:bob@bench.test watches sip:alice@bench.test: block"), "\(explained)")
            #expect(explained.output.contains("The watcher is told nothing."))
            let rows = try Self.objects(try self.documents(["policy", "show", "--json"]).output)
            #expect(rows.contains { $0["rule"] as? String == "work" && $0["handling"] as? String == "allow" })
            #expect(try self.documents(["policy", "remove", "bob"]).status == 0)
            let twice = try self.documents(["policy", "remove", "bob"])
            #expect(twice.status == 1)
            #expect(twice.output.contains("say nothing about sip:bob@bench.test"), "\(twice.output)")
            // Not somebody else's.
            let foreign = try self.documents(["policy", "allow", "sip:alice@bench.test", "bob"], as: "bob")
            #expect(foreign.status == 1)
            #expect(foreign.output.contains("[403]"), "\(foreign.output)")
        }

        @Test("the server explains itself and remembers what it decided", .spec("REQ-33141-10"))
        func explanation() throws {
            #expect(try self.documents(["policy", "allow", "bob"]).status == 0)
            let bob = try self.start(["watch", "sip:alice@bench.test"], as: "bob")
            try bob.awaitText("\"event\":\"presence\"")
            bob.interrupt()
            #expect(bob.awaitEnd() == 0)
            let readable = try Tool.muster(["policy", "explain", "alice", "bob", "--admin", self.administration])
            #expect(readable.output.contains("* allow"), "\(readable.output)")
            #expect(readable.output.contains("- others"), "\(readable.output)")
            let raw = try Tool.muster([
                "policy", "explain", "alice", "anonymous", "--json", "--admin", self.administration,
            ])
            let report = try #require(
                try JSONSerialization.jsonObject(with: Data(raw.output.utf8)) as? [String: Any], "\(raw.output)")
            #expect(report["watcher"] as? String == "anonymous")
            #expect(report["handling"] as? String == "block")
            let wrong = try Tool.muster(["policy", "explain", "sip:", "bob", "--admin", self.administration])
            #expect(wrong.status == 1)
            #expect(wrong.output.contains("[400]"), "\(wrong.output)")
            // Decisions are written some time after they were made.
            let deadline = Date(timeIntervalSinceNow: 20)
            var decisions: [[String: Any]] = []
            while decisions.isEmpty, Date() < deadline {
                decisions = try Self.objects(
                    try Tool.muster(
                        ["policy", "audit", "--json", "--watcher", "bob", "--admin", self.administration]
                    ).output)
            }
            #expect(decisions.contains { $0["handling"] as? String == "allow" && $0["rule"] as? String == "allow" })
        }

        @Test("lists are made, filled, shown and removed", .spec("REQ-33141-15"))
        func lists() throws {
            #expect(try self.documents(["list", "show"]).output.contains("There are no lists"))
            #expect(try self.documents(["list", "add", "friends", "bob"]).status == 1)
            #expect(try self.documents(["list", "create", "friends", "--display-name", "A & B"]).status == 0)
            #expect(try self.documents(["list", "create", "a \"b\" <c> & 'd'"]).status == 0)
            #expect(try self.documents(["list", "create", "friends"]).status == 1)
            #expect(try self.documents(["list", "add", "friends", "bob", "tel:+1-555-0100"]).status == 0)
            #expect(
                try self.documents(["list", "add", "a \"b\" <c> & 'd'", "carol", "--display-name", "C"]).status == 0)
            let rows = try Self.objects(try self.documents(["list", "show", "--json"]).output)
            #expect(rows.count == 2)
            #expect(rows.first?["name"] as? String == "A & B")
            let entries = rows.map { ($0["entries"] as? [[String: Any]] ?? []).compactMap { $0["uri"] as? String } }
            #expect(entries == [["sip:bob@bench.test", "tel:+15550100"], ["sip:carol@bench.test"]])
            let again = try self.documents(["list", "add", "friends", "bob"])
            #expect(again.status == 0 && again.output.contains("Nothing to change"))
            #expect(try self.documents(["list", "remove", "friends", "bob"]).status == 0)
            #expect(try self.documents(["list", "remove", "friends", "bob"]).status == 1)
            #expect(try self.documents(["list", "delete", "a \"b\" <c> & 'd'"]).status == 0)
            let left = try self.documents(["list", "show"])
            #expect(left.output == "friends  \"A & B\"\n  tel:+15550100\n", "\(left.output)")
        }

        @Test(
            "any document and node can be read and written, by entity tag, and refusals are said in words",
            .spec("RFC 4825 §8.2.6/2", "RFC 4825 §8.3/4", "RFC 4825 §11.1/3"))
        func anything() throws {
            #expect(try self.documents(["list", "create", "friends"]).status == 0)
            let path = "resource-lists/users/~/index"
            let read = try #require(
                try Self.objects(try self.documents(["xcap", "get", path, "--json"]).output).first)
            let tag = try #require(read["etag"] as? String)
            let same = try self.documents(["xcap", "get", path, "--if-none-match", tag])
            #expect(same.status == 0 && same.output.contains("It has not changed."), "\(same.output)")
            let entry = path + "/~~/resource-lists/list[@name=\"friends\"]/entry[@uri=\"sip:bob@bench.test\"]"
            let put = try self.documents(
                ["xcap", "put", entry, "--if-match", tag, "--json"], input: "<entry uri=\"sip:bob@bench.test\"/>")
            #expect(put.status == 0, "\(put.output)")
            #expect(try Self.objects(put.output).first?["status"] as? Int == 201)
            let uri = try self.documents(["xcap", "get", entry + "/@uri"])
            #expect(uri.output == "sip:bob@bench.test\n")
            let stale = try self.documents(["xcap", "delete", entry, "--if-match", tag])
            #expect(stale.status == 1)
            #expect(stale.output.contains("[412]"), "\(stale.output)")
            let misplaced = try self.documents(
                ["xcap", "put", path + "/~~/resource-lists/list[@name=\"no\"]/entry[@uri=\"sip:x@y\"]"],
                input: "<entry uri=\"sip:x@y\"/>")
            #expect(misplaced.status == 1)
            #expect(misplaced.output.contains("there is nothing to put it into"), "\(misplaced.output)")
            let prefixed = try self.documents([
                "xcap", "get", path + "/~~/r:resource-lists/r:list[1]/@name", "--namespace",
                "r=urn:ietf:params:xml:ns:resource-lists", "--headers",
            ])
            #expect(prefixed.output.contains("friends\n"), "\(prefixed.output)")
            #expect(prefixed.output.contains("Content-Type: application/xcap-att+xml"), "\(prefixed.output)")
            #expect(try self.documents(["xcap", "delete", entry]).status == 0)
            #expect(try self.documents(["xcap", "get", entry]).status == 1)
            #expect(try self.documents(["xcap", "get", "xcap-caps/global/index"]).output.contains("pres-rules"))
        }

        @Test("a wrong password, no server and what cannot be meant say so, with status 1 or 2")
        func refusals() throws {
            let guessed = try self.folder.write("guessed\n", as: "guessed")
            let wrong = try Tool.muster([
                "policy", "show", "--as", "sip:alice@bench.test", "--xcap-root", self.root, "--password-file", guessed,
            ])
            #expect(wrong.status == 1)
            #expect(wrong.output.contains("Check the user name"), "\(wrong.output)")
            let nobody = try Tool.muster(["list", "show", "--as", "sip:alice@bench.test", "--xcap-root", self.root])
            #expect(nobody.status == 1)
            #expect(nobody.output.contains("MUSTER_PASSWORD"), "\(nobody.output)")
            let nowhere = try Tool.muster([
                "policy", "show", "--as", "sip:alice@bench.test", "--xcap-root", "http://127.0.0.1:9/xcap",
            ])
            #expect(nowhere.status == 1)
            #expect(nowhere.output.contains("cannot be reached"), "\(nowhere.output)")
            for arguments in [
                ["policy", "allow", "bob"], ["policy", "allow", "--as", "sip:alice@bench.test"],
                ["policy", "allow", "b@c@d", "--as", "sip:alice@bench.test"], ["policy", "explain", "alice"],
                ["xcap", "get"], ["xcap", "get", "x", "--as", "sip:alice@bench.test", "--xcap-root", "ftp://x"],
                ["list", "create", "a/b", "--as", "sip:alice@bench.test"], ["watchers"], ["watchers", "alice"],
            ] {
                let outcome = try Tool.muster(arguments)
                #expect(outcome.status == 2, "\(arguments): \(outcome.output)")
                #expect(outcome.output.contains("Usage:"), "\(arguments): \(outcome.output)")
            }
        }
    }
}
