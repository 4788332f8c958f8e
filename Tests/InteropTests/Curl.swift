import Foundation
import Testing

/// `curl` against the documents of a node: an HTTP client that knows nothing of XCAP, and nothing of us.
final class Curl {
    /// What curl got at last, after it had answered the challenge.
    struct Answer {
        let status: Int
        /// Names in small letters.
        let fields: [String: String]
        let bytes: [UInt8]

        var body: String { String(decoding: self.bytes, as: UTF8.self) }
        var entityTag: String? { self.fields["etag"] }
        /// The name of the error element of an `xcap-error` document.
        var condition: String? {
            guard self.fields["content-type"] == "application/xcap-error+xml" else { return nil }
            guard let root = self.body.range(of: "<xcap-error ") else { return nil }
            let rest = self.body[root.upperBound...]
            guard let start = rest.firstIndex(of: "<") else { return nil }
            return String(rest[start...].dropFirst().prefix { $0.isLetter || $0.isNumber || $0 == "-" })
        }
    }

    /// A request that is under way.
    struct Exchange {
        let tool: RunningTool
        fileprivate let headers: String
        fileprivate let output: String

        /// Waits for the answer.
        func answer() -> Answer {
            // A server that refuses a large body does not take all of it; then curl complains, but has the answer.
            self.tool.awaitEnd(within: 60)
            let head = (try? String(contentsOfFile: self.headers, encoding: .isoLatin1)) ?? ""
            let blocks = head.replacingOccurrences(of: "\r\n", with: "\n").components(separatedBy: "\n\n")
                .filter { $0.hasPrefix("HTTP/") }
            let lines = blocks.last?.split(separator: "\n") ?? []
            let status = lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
            var fields: [String: String] = [:]
            for line in lines.dropFirst() {
                guard let colon = line.firstIndex(of: ":") else { continue }
                fields[line[..<colon].lowercased()] =
                    line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            }
            let data = FileManager.default.contents(atPath: self.output) ?? Data()
            return Answer(status: status, fields: fields, bytes: Array(data))
        }
    }

    let root: String
    private let folder: Folder
    private var count = 0

    init(root: String, folder: Folder) {
        self.root = root
        self.folder = folder
    }

    /// Sends a request and waits for the answer.
    ///
    /// - Parameters:
    ///   - path: below the root, escaped.
    ///   - user: who proves to be asking with digest; nil for nobody.
    ///   - fields: lines such as `If-Match: "x"`.
    func send(
        _ method: String, _ path: String, as user: String? = "alice", password: String? = nil, fields: [String] = [],
        body: [UInt8]? = nil, file: String? = nil, options: [String] = []
    ) throws -> Answer {
        try self.start(
            method, path, as: user, password: password, fields: fields, body: body, file: file, options: options
        ).answer()
    }

    func send(
        _ method: String, _ path: String, as user: String? = "alice", fields: [String] = [], text: String
    ) throws -> Answer {
        try self.send(method, path, as: user, fields: fields, body: Array(text.utf8))
    }

    /// Sends a request.
    func start(
        _ method: String, _ path: String, as user: String? = "alice", password: String? = nil, fields: [String] = [],
        body: [UInt8]? = nil, file: String? = nil, options: [String] = []
    ) throws -> Exchange {
        self.count += 1
        let headers = self.folder.path("curl-\(self.count).head")
        let output = self.folder.path("curl-\(self.count).body")
        var arguments = ["-sS", "--globoff", "--path-as-is", "--max-time", "40", "-D", headers, "-o", output]
        arguments += method == "HEAD" ? ["-I"] : ["-X", method]
        if let user { arguments += ["--digest", "-u", "\(user):\(password ?? "password-of-\(user)")"] }
        for field in fields { arguments += ["-H", field] }
        if let body {
            let input = self.folder.url.appendingPathComponent("curl-\(self.count).in")
            try Data(body).write(to: input)
            arguments += ["--data-binary", "@\(input.path)"]
        }
        if let file { arguments += ["-T", file] }
        let tool = try RunningTool("curl", arguments + options + [self.root + "/" + path])
        return Exchange(tool: tool, headers: headers, output: output)
    }
}
