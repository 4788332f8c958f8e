import Foundation
import Ground
import MusterTesting
import Testing

extension Interop {
    /// Documents over HTTP, as a stranger's client reads and writes them.
    @Suite("Documents by curl", .serialized)
    struct Documents {
        private let server: RunningServer
        private let folder: Folder
        private let curl: Curl
        private static let lists = "resource-lists/users/sip:alice@bench.test/index"
        private static let listsType = "Content-Type: application/resource-lists+xml"
        private static let elementType = "Content-Type: application/xcap-el+xml"
        private static let text = """
            <?xml version="1.0" encoding="UTF-8"?>
            <!-- mine -->
            <resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">
              <list name="friends"><entry uri="sip:bob@bench.test"/></list>
            </resource-lists>

            """

        init() throws {
            self.folder = try Folder()
            var wishes = RunningServer.Wishes()
            wishes.isLaboratory = false
            wishes.algorithms = "[SHA-256, MD5]"
            self.server = try RunningServer(
                wishes, folder: self.folder,
                prepare: { try RunningServer.addSubscribers(["alice", "bob"], in: $0) })
            self.curl = Curl(root: try self.server.documentRoot(), folder: self.folder)
        }

        private func store(_ text: String = Self.text) throws -> Curl.Answer {
            let answer = try self.curl.send("PUT", Self.lists, fields: [Self.listsType], text: text)
            #expect(answer.status == 201 || answer.status == 200, "\(answer)")
            return answer
        }

        /// What is stored is what was stored.
        private func expectUnchanged(_ comment: String, _ location: SourceLocation = #_sourceLocation) throws {
            let answer = try self.curl.send("GET", Self.lists)
            #expect(answer.status == 200, "\(comment)", sourceLocation: location)
            #expect(answer.body == Self.text, "\(comment)", sourceLocation: location)
        }

        @Test(
            "a document is made, read byte for byte, asked about, replaced and removed, all by its entity tag",
            .spec(
                "RFC 4825 §8.2.5/4", "RFC 4825 §8.2.6/2", "RFC 4825 §8.2.6/3", "RFC 4825 §8.3/1", "RFC 4825 §8.3/3",
                "RFC 4825 §8.3/4", "RFC 4825 §8.4/1", "RFC 4825 §8.5/1", "REQ-33141-15"))
        func life() throws {
            #expect(try self.curl.send("GET", Self.lists).status == 404)
            let made = try self.store()
            #expect(made.status == 201)
            let tag = try #require(made.entityTag)
            let read = try self.curl.send("GET", Self.lists)
            #expect(read.status == 200)
            #expect(read.body == Self.text)
            #expect(read.entityTag == tag)
            #expect(read.fields["content-type"] == "application/resource-lists+xml")
            #expect(read.fields["last-modified"]?.hasSuffix("GMT") == true)
            #expect(read.fields["cache-control"] == "private, no-cache")
            let head = try self.curl.send("HEAD", Self.lists)
            #expect(head.status == 200)
            #expect(head.entityTag == tag)
            #expect(head.fields["content-length"] == "\(Self.text.utf8.count)")
            let same = try self.curl.send("GET", Self.lists, fields: ["If-None-Match: \(tag)"])
            #expect(same.status == 304)
            #expect(same.bytes.isEmpty)
            let second = try self.curl.send(
                "PUT", Self.lists, fields: [Self.listsType, "If-None-Match: *"], text: Self.text)
            #expect(second.status == 412)
            let other = Self.text.replacingOccurrences(of: "bob", with: "carol")
            let stale = try self.curl.send(
                "PUT", Self.lists, fields: [Self.listsType, "If-Match: \"another\""], text: other)
            #expect(stale.status == 412)
            try self.expectUnchanged("after conditions that failed")
            let replaced = try self.curl.send(
                "PUT", Self.lists, fields: [Self.listsType, "If-Match: \(tag)"], text: other)
            #expect(replaced.status == 200)
            #expect(replaced.entityTag != nil && replaced.entityTag != tag)
            #expect(try self.curl.send("DELETE", Self.lists, fields: ["If-Match: \(tag)"]).status == 412)
            #expect(try self.curl.send("DELETE", Self.lists).status == 200)
            #expect(try self.curl.send("DELETE", Self.lists).status == 404)
        }

        @Test("bodies may be packed in both directions", .spec("RFC 4825 §8.3/1"))
        func packed() throws {
            let entries = (0..<400).map { "    <entry uri=\"sip:user\($0)@bench.test\"/>\n" }.joined()
            let large = Self.text.replacingOccurrences(of: "<entry uri=\"sip:bob@bench.test\"/>", with: entries)
            let plain = try self.folder.write(large, as: "large.xml")
            #expect(try Tool.run("gzip", ["-k", plain]).status == 0)
            let bytes = try #require(FileManager.default.contents(atPath: plain + ".gz"))
            let stored = try self.curl.send(
                "PUT", Self.lists, fields: [Self.listsType, "Content-Encoding: gzip"], body: Array(bytes))
            #expect(stored.status == 201)
            let read = try self.curl.send("GET", Self.lists, options: ["--compressed"])
            #expect(read.fields["content-encoding"] == "gzip")
            #expect(read.fields["vary"] == "Accept-Encoding")
            #expect(Int(read.fields["content-length"] ?? "").map { $0 < large.utf8.count / 4 } == true)
            #expect(read.body == large)
            #expect(try self.curl.send("GET", Self.lists).body == large)
            let unknown = try self.curl.send(
                "PUT", Self.lists, fields: [Self.listsType, "Content-Encoding: br"], text: large)
            #expect(unknown.status == 415)
        }

        @Test(
            "elements, attributes and bindings are read and changed, and all around them stays",
            .spec(
                "RFC 4825 §6/1", "RFC 4825 §6.3/1", "RFC 4825 §6.3/4", "RFC 4825 §6.4/1", "RFC 4825 §8.2.3/1",
                "RFC 4825 §8.2.3/7", "RFC 4825 §8.2.4/1", "RFC 4825 §8.3/2", "RFC 4825 §8.4/1", "RFC 4825 §10/1"))
        func nodes() throws {
            let tag = try self.store().entityTag
            let friends = Self.lists + "/~~/resource-lists/list%5B@name=%22friends%22%5D"
            let list = try self.curl.send("GET", friends)
            #expect(list.status == 200)
            #expect(list.body == "<list name=\"friends\"><entry uri=\"sip:bob@bench.test\"/></list>")
            #expect(list.fields["content-type"] == "application/xcap-el+xml")
            #expect(list.entityTag == tag)
            // Brackets may stay as they are. Quotes may too, but curl does not escape them in its proof of who asks.
            let bare = try self.curl.send(
                "GET", Self.lists + "/~~/resource-lists/list[@name=%22friends%22]/entry[1]/@uri")
            #expect(bare.body == "sip:bob@bench.test")
            #expect(bare.fields["content-type"] == "application/xcap-att+xml")
            let carol = friends + "/entry%5B@uri=%22sip:carol@bench.test%22%5D"
            let added = try self.curl.send(
                "PUT", carol, fields: [Self.elementType],
                text: "<entry uri=\"sip:carol@bench.test\"><display-name>C</display-name></entry>")
            #expect(added.status == 201)
            #expect(added.entityTag != tag)
            let whole = try self.curl.send("GET", Self.lists).body
            #expect(whole.contains("<!-- mine -->"))
            #expect(
                whole.contains("<entry uri=\"sip:bob@bench.test\"/><entry uri=\"sip:carol@bench.test\">"), "\(whole)")
            let named = try self.curl.send(
                "PUT", carol + "/display-name/@xml:lang?xmlns(xml=http://www.w3.org/XML/1998/namespace)",
                fields: ["Content-Type: application/xcap-att+xml"], text: "en")
            #expect(named.status == 201, "\(named)")
            let prefixed = try self.curl.send(
                "GET",
                Self.lists + "/~~/r:resource-lists/r:list/r:entry[2]/r:display-name/@*"
                    + "?xmlns(r=urn:ietf:params:xml:ns:resource-lists)")
            #expect(prefixed.status == 404)
            let text = try self.curl.send(
                "GET",
                Self.lists + "/~~/r:resource-lists/r:list/r:entry[2]/r:display-name"
                    + "?xmlns(r=urn:ietf:params:xml:ns:resource-lists)")
            #expect(text.body == "<display-name xml:lang=\"en\">C</display-name>", "\(text)")
            let bindings = try self.curl.send("GET", friends + "/namespace::*")
            #expect(bindings.fields["content-type"] == "application/xcap-ns+xml")
            #expect(bindings.body.contains("xmlns=\"urn:ietf:params:xml:ns:resource-lists\""))
            #expect(try self.curl.send("DELETE", carol).status == 200)
            try self.expectUnchanged("after an element came and went")
        }

        @Test(
            "what does not fit is refused with the word of the standard, and changes nothing",
            .spec(
                "RFC 4825 §8.1/1", "RFC 4825 §8.2.1/2", "RFC 4825 §8.2.2/1", "RFC 4825 §8.2.2/2", "RFC 4825 §8.2.2/3",
                "RFC 4825 §8.2.2/4", "RFC 4825 §8.2.3/5", "RFC 4825 §8.2.5/1", "RFC 4825 §8.2.5/2",
                "RFC 4825 §8.2.5/5", "RFC 4825 §11.1/1"))
        func conflicts() throws {
            _ = try self.store()
            let friends = Self.lists + "/~~/resource-lists/list[@name=%22friends%22]"
            let cases: [(String, String, String, String)] = [
                ("not-well-formed", Self.lists, Self.listsType, "<resource-lists"),
                (
                    "schema-validation-error", Self.lists, Self.listsType,
                    "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><nonsense/></resource-lists>"
                ),
                (
                    "uniqueness-failure", Self.lists, Self.listsType,
                    "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list name=\"a\"/><list name=\"a\"/>"
                        + "</resource-lists>"
                ),
                ("not-xml-frag", friends, Self.elementType, "no element"),
                ("cannot-insert", friends, Self.elementType, "<list name=\"others\"/>"),
                (
                    "no-parent", Self.lists + "/~~/resource-lists/list[@name=%22none%22]/entry[@uri=%22sip:x@y%22]",
                    Self.elementType, "<entry uri=\"sip:x@y\"/>"
                ),
            ]
            for (condition, path, type, body) in cases {
                let answer = try self.curl.send("PUT", path, fields: [type], text: body)
                #expect(answer.status == 409, "\(condition): \(answer)")
                #expect(answer.condition == condition, "\(answer)")
            }
            let latin = try self.curl.send(
                "PUT", Self.lists, fields: [Self.listsType],
                body: Array("<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><!-- ".utf8) + [0xE9]
                    + Array(" --></resource-lists>".utf8))
            #expect(latin.status == 409)
            #expect(latin.condition == "not-utf-8")
            for path in [Self.lists, friends] {
                let answer = try self.curl.send("PUT", path, fields: ["Content-Type: text/plain"], text: "x")
                #expect(answer.status == 415, "\(answer)")
            }
            let posted = try self.curl.send("POST", Self.lists, fields: [Self.listsType], text: Self.text)
            #expect(posted.status == 405)
            #expect(posted.fields["allow"]?.contains("PUT") == true)
            try self.expectUnchanged("after all that")
        }

        @Test(
            "everybody proves who they are, and touches only what is theirs, however the path is spelt",
            .spec(
                "RFC 4825 §5.7/1", "RFC 4825 §6.2/2", "REQ-33141-15", "REQ-33141-D5", "REQ-33141-41", "REQ-33141-42"))
        func strangers() throws {
            _ = try self.store()
            let nobody = try self.curl.send("GET", Self.lists, as: nil)
            #expect(nobody.status == 401)
            #expect(nobody.fields["www-authenticate"]?.hasPrefix("Digest ") == true)
            #expect(!nobody.body.contains("bob"))
            #expect(try self.curl.send("GET", Self.lists, password: "guessed").status == 401)
            for header in ["X-3GPP-Asserted-Identity", "X-XCAP-Asserted-Identity"] {
                let claimed = try self.curl.send(
                    "GET", Self.lists, as: nil, fields: ["\(header): \"sip:alice@bench.test\""])
                #expect(claimed.status == 401)
            }
            for owner in [
                "sip:alice@bench.test", "SIP:alice@BENCH.test", "sip%3Aalice%40bench.test", "alice@bench.test",
                "sip:%61lice@bench.test",
            ] {
                for method in ["GET", "DELETE"] {
                    let answer = try self.curl.send(method, "resource-lists/users/\(owner)/index", as: "bob")
                    #expect(answer.status == 403, "\(method) \(owner): \(answer)")
                }
                let written = try self.curl.send(
                    "PUT", "resource-lists/users/\(owner)/index", as: "bob", fields: [Self.listsType], text: Self.text)
                #expect(written.status == 403, "\(owner)")
            }
            for path in [
                "resource-lists/users/sip:bob@bench.test/../sip:alice@bench.test/index",
                "resource-lists/users/sip:bob@bench.test/%2e%2e/sip:alice@bench.test/index",
                "resource-lists/users/sip:bob@bench.test%2f..%2fsip:alice@bench.test/index",
                "resource-lists/users/sip:bob@bench.test/..%2f..%2f..%2f..%2fetc%2fpasswd",
                "../../../../etc/passwd", "..%5c..%5cetc%5cpasswd", "resource-lists/users//index",
                "resource-lists/users/sip:bob@bench.test/index%00.xml",
                "resource-lists/users/sip:bob%252fx@bench.test/i",
            ] {
                let answer = try self.curl.send("GET", path, as: "bob")
                #expect([400, 403, 404].contains(answer.status), "\(path): \(answer)")
                #expect(!answer.body.contains("root:") && !answer.body.contains("friends"), "\(path)")
            }
            try self.expectUnchanged("after strangers")
        }

        @Test(
            "bombs, entities, depth and sheer size are refused, and the node neither grows nor stumbles",
            .spec("RFC 4825 §8.2.2/2", "RFC 4825 §8.2.5/5", "REQ-33141-D9"))
        func attacks() throws {
            _ = try self.store()
            let before = try #require(self.server.tool.residentBytes)
            let root = "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">"
            let laughs = (1...9).map { "<!ENTITY a\($0) \"\(String(repeating: "&a\($0 - 1);", count: 10))\">" }.joined()
            let bodies: [(String, String)] = [
                ("a bomb", "<!DOCTYPE x [<!ENTITY a0 \"ha\">\(laughs)]>\(root)&a9;</resource-lists>"),
                (
                    "an external entity",
                    "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>\(root)&e;</resource-lists>"
                ),
                ("a DTD from outside", "<!DOCTYPE x SYSTEM \"http://127.0.0.1:9/x.dtd\">\(root)</resource-lists>"),
                ("depth", root + String(repeating: "<list>", count: 20_000)),
                (
                    "attributes",
                    root + "<list " + (0..<20_000).map { "a\($0)=\"\"" }.joined(separator: " ")
                        + "/></resource-lists>"
                ),
            ]
            for (name, body) in bodies {
                let answer = try self.curl.send("PUT", Self.lists, fields: [Self.listsType], text: body)
                #expect([409, 413].contains(answer.status), "\(name): \(answer)")
                #expect(!answer.body.contains("root:"), "\(name)")
            }
            // 100 MB, of which the disk holds nothing.
            let huge = self.folder.path("huge.xml")
            #expect(try Tool.run("truncate", ["-s", "100M", huge]).status == 0)
            let refused = try self.curl.send("PUT", Self.lists, fields: [Self.listsType], file: huge)
            #expect(refused.status == 413, "\(refused)")
            #expect(try Tool.run("gzip", ["-k1", huge]).status == 0)
            let packed = try self.curl.send(
                "PUT", Self.lists, fields: [Self.listsType, "Content-Encoding: gzip"], file: huge + ".gz")
            #expect(packed.status == 413, "\(packed)")
            let selector = Self.lists + "/~~/" + String(repeating: "*/", count: 4000) + "*"
            #expect([400, 404, 414].contains(try self.curl.send("GET", selector).status))
            try self.expectUnchanged("after attacks")
            let growth = try #require(self.server.tool.residentBytes) - before
            #expect(growth < 32 << 20, "the node grew by \(growth) bytes")
        }

        @Test(
            "of several writers who saw the same document one wins, and without conditions the last",
            .spec("RFC 4825 §8.2.6/2", "RFC 4825 §8.5/1"))
        func writers() throws {
            let tag = try #require(try self.store().entityTag)
            func text(_ name: Int) -> [UInt8] {
                Array(Self.text.replacingOccurrences(of: "friends", with: "list-\(name)").utf8)
            }
            let bound = try (0..<8).map {
                try self.curl.start(
                    "PUT", Self.lists, fields: [Self.listsType, "If-Match: \(tag)"], body: text($0))
            }.map { $0.answer() }
            #expect(bound.filter { $0.status == 200 }.count == 1, "\(bound.map(\.status))")
            #expect(bound.filter { $0.status == 412 }.count == 7, "\(bound.map(\.status))")
            let winner = try #require(bound.firstIndex { $0.status == 200 })
            let read = try self.curl.send("GET", Self.lists)
            #expect(read.bytes == text(winner))
            #expect(read.entityTag == bound[winner].entityTag)
            let free = try (10..<18).map {
                try self.curl.start("PUT", Self.lists, fields: [Self.listsType], body: text($0))
            }.map { $0.answer() }
            #expect(free.allSatisfy { $0.status == 200 })
            #expect(Set(free.compactMap(\.entityTag)).count == 8)
            let last = try self.curl.send("GET", Self.lists)
            let index = try #require(free.firstIndex { $0.entityTag == last.entityTag })
            #expect(last.bytes == text(10 + index))
        }

        @Test("what was acknowledged is there after kill -9, with its entity tag", .spec("RFC 4825 §8.5/1"))
        func killed() throws {
            let tag = try self.store().entityTag
            try self.server.killAndRestart()
            let again = Curl(root: try self.server.documentRoot(), folder: try Folder())
            let answer = try again.send("GET", Self.lists)
            #expect(answer.status == 200)
            #expect(answer.body == Self.text)
            #expect(answer.entityTag == tag)
        }
    }
}
