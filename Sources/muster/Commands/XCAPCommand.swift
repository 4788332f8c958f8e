import ArgumentParser
import Ground
import UserAgent
import WebEdge
import XCAPEngine

/// `muster xcap`: any document on the server, or anything in one.
struct XCAPCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "xcap", abstract: "Get, put and delete documents and what is in them (RFC 4825).",
        discussion: """
            A path is below the XCAP root; ~ stands for you in it. What may not stand in a URL is escaped by itself.

              resource-lists/users/~/index
              resource-lists/users/~/index/~~/resource-lists/list[@name="friends"]
              pres-rules/users/~/index/~~/cr:ruleset/cr:rule[@id="work"]
                with --namespace cr=urn:ietf:params:xml:ns:common-policy
              xcap-caps/global/index

            Example: muster xcap get pres-rules/users/~/index --as sip:alice@home.example
            """,
        subcommands: [Get.self, Put.self, Delete.self])
}

/// What is meant, and by whom.
struct SelectorArguments: ParsableArguments {
    @Argument(help: ArgumentHelp("What is meant, below the XCAP root.", valueName: "path"))
    var path: String

    @OptionGroup var documents: DocumentOptions

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("What a prefix in the path stands for.", valueName: "prefix=uri"))
    var namespace: [String] = []

    @Option(help: ArgumentHelp("Only if the document has this entity tag.", valueName: "etag"))
    var ifMatch: String?

    @Option(help: ArgumentHelp("Only if the document has another one; * for: if there is none.", valueName: "etag"))
    var ifNoneMatch: String?

    @Flag(help: "Show status, entity tag and type on standard error.")
    var headers = false

    func validate() throws {
        _ = try self.documents.owner()
        _ = try self.target()
        for binding in self.namespace {
            let parts = binding.split(separator: "=", maxSplits: 1)
            let isWhole = parts.count == 2 && !parts[1].contains(")")
            guard isWhole, parts[0].utf8.allSatisfy({ Self.isPrefixByte($0) }) else {
                throw ValidationError("--namespace \(binding) binds nothing; it looks like pr=urn:example")
            }
        }
    }

    private static func isPrefixByte(_ byte: UInt8) -> Bool {
        ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == 0x2D || byte == 0x2E || byte == 0x5F
    }

    /// The selector below the root, escaped, with the bindings of its prefixes as query (RFC 4825 §6.4).
    func target() throws -> String {
        let owner = try self.documents.owner()
        var path = self.path[...]
        if let root = try? self.documents.root.address(besides: self.documents.server).description,
            path.hasPrefix(root)
        {
            path = path.dropFirst(root.count)
        }
        while path.hasPrefix("/") { path = path.dropFirst() }
        guard !path.isEmpty, !path.hasPrefix("http:"), !path.hasPrefix("https:") else {
            throw ValidationError("\(self.path) is no path below the XCAP root; it looks like pres-rules/users/~/index")
        }
        let question = path.firstIndex(of: "?") ?? path.endIndex
        var segments = path[..<question].split(separator: "/", omittingEmptySubsequences: false).map {
            Self.escaped(String($0))
        }
        if segments.count > 2, segments[1] == "users", segments[2] == "~" {
            segments[2] = DocumentClient.escaped(owner, keepsSlash: false)
        }
        let bindings = self.namespace.map { binding in
            let parts = binding.split(separator: "=", maxSplits: 1)
            return "xmlns(\(Self.escaped(String(parts[0])))=\(Self.escaped(String(parts.last ?? ""))))"
        }
        let given = path[question...].dropFirst()
        let query = (given.isEmpty ? "" : Self.escaped(String(given))) + bindings.joined()
        return segments.joined(separator: "/") + (query.isEmpty ? "" : "?" + query)
    }

    /// Escapes what may not stand in a URL, and leaves escapes that are there alone.
    private static func escaped(_ text: String) -> String {
        var result = ""
        var rest = text[...]
        while let percent = rest.firstIndex(of: "%") {
            result += DocumentClient.escaped(String(rest[..<percent]))
            let digits = rest[percent...].dropFirst().prefix(2)
            let isEscape = digits.count == 2 && digits.utf8.allSatisfy { ASCII.hexValue($0) != nil }
            result += isEscape ? "%" : "%25"
            rest = rest[rest.index(after: percent)...]
        }
        return result + DocumentClient.escaped(String(rest))
    }

    /// The media type of what is put: of the usage for a document, else of an element or of an attribute's value.
    func mediaType() throws -> String {
        let target = try self.target()
        let path = target.prefix { $0 != "?" }
        guard let node = path.range(of: "/~~/") else {
            let usage = path.prefix { $0 != "/" }
            guard let known = ApplicationUsageRegistry.standard[auid: Array(usage.utf8)] else {
                throw CommandFailure(
                    "the type of documents of \(usage) is not known here", advice: "Name it with --type.")
            }
            return known.mediaType[...].text
        }
        let isAttribute = path[node.upperBound...].split(separator: "/").last?.hasPrefix("@") == true
        return isAttribute ? "application/xcap-att+xml" : "application/xcap-el+xml"
    }

    /// An entity tag as HTTP writes it: in quotes, which a shell likes to take away.
    static func quoted(_ tag: String) -> String {
        tag == "*" || tag.hasPrefix("\"") || tag.hasPrefix("W/") ? tag : "\"\(tag)\""
    }

    /// Sends the request.
    ///
    /// - Returns: an answer of the 200s, or 304.
    func send(_ method: String, fields: [HTTPClient.Field] = [], body: [UInt8] = []) async throws -> HTTPClient.Answer {
        let client = try self.documents.client(for: try self.documents.owner())
        let target = try self.target()
        var fields = fields
        if let tag = self.ifMatch { fields.append(HTTPClient.Field("If-Match", Self.quoted(tag))) }
        if let tag = self.ifNoneMatch { fields.append(HTTPClient.Field("If-None-Match", Self.quoted(tag))) }
        let answer = try await client.send(method, target, fields: fields, body: body)
        await client.close()
        if self.headers {
            Terminal.remark("status: \(answer.status)")
            for name in ["ETag", "Content-Type", "Last-Modified"] {
                if let value = answer[name] { Terminal.remark("\(name): \(PresenceText.harmless(value))") }
            }
        }
        guard (200..<300).contains(answer.status) || answer.status == 304 else {
            throw DocumentProblem.failure(answer, target)
        }
        return answer
    }

    /// An answer as a JSON object.
    func object(_ answer: HTTPClient.Answer) throws -> JSONObject {
        var object = JSONObject()
        object.add("path", text: try self.target())
        object.add("status", answer.status)
        object.add("etag", text: answer["ETag"])
        object.add("type", text: answer["Content-Type"])
        if !answer.body.isEmpty { object.add("body", text: answer.body[...].text) }
        return object
    }
}

extension XCAPCommand {
    /// `muster xcap get`
    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a document, or a part of one.")

        @OptionGroup var selector: SelectorArguments

        func run() async throws {
            let answer = try await self.selector.send("GET")
            if self.selector.documents.json {
                Terminal.result(try self.selector.object(answer).text)
            } else if answer.status == 304 {
                Terminal.remark("It has not changed.")
            } else {
                let text = answer.body[...].text
                Terminal.result(text.hasSuffix("\n") ? String(text.dropLast()) : text)
            }
        }
    }

    /// `muster xcap put`
    struct Put: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Write a document, or a part of one.")

        @OptionGroup var selector: SelectorArguments

        @Argument(help: ArgumentHelp("What is written; standard input without it, or with -.", valueName: "file"))
        var file: String = "-"

        @Option(help: ArgumentHelp("The media type; without it, the one that fits.", valueName: "type"))
        var type: String?

        func run() async throws {
            let type = try self.type ?? self.selector.mediaType()
            let body = try SmallFile.read(self.file)
            let answer = try await self.selector.send(
                "PUT", fields: [HTTPClient.Field("Content-Type", type)], body: body)
            if self.selector.documents.json {
                Terminal.result(try self.selector.object(answer).text)
            } else {
                let tag = answer["ETag"].map { ", entity tag \(PresenceText.harmless($0))" } ?? ""
                Terminal.result((answer.status == 201 ? "created" : "replaced") + tag)
            }
        }
    }

    /// `muster xcap delete`
    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete a document, or a part of one.")

        @OptionGroup var selector: SelectorArguments

        func run() async throws {
            let answer = try await self.selector.send("DELETE")
            if self.selector.documents.json {
                Terminal.result(try self.selector.object(answer).text)
            } else {
                let tag = answer["ETag"].map { ", entity tag of the document \(PresenceText.harmless($0))" } ?? ""
                Terminal.result("deleted" + tag)
            }
        }
    }
}
