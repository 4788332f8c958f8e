import Foundation

/// The sources of the project as text, for rules that a machine can check.
struct SourceTree {
    /// One Swift file.
    struct File {
        /// The path below the project's root.
        let path: String
        let lines: [String]
        /// The folder below Sources or Tests.
        var room: String { self.path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }
        var isTest: Bool { self.path.hasPrefix("Tests/") }
    }

    /// The folder that holds Package.swift.
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// All Swift files below the given folders of the root, in order of path.
    static func files(in folders: [String]) throws -> [File] {
        var files: [File] = []
        for folder in folders {
            let base = self.root.appendingPathComponent(folder)
            guard let walker = FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil) else {
                continue
            }
            for case let url as URL in walker where url.pathExtension == "swift" {
                let text = try String(contentsOf: url, encoding: .utf8)
                let path = url.path.replacingOccurrences(of: self.root.path + "/", with: "")
                files.append(File(path: path, lines: text.components(separatedBy: "\n")))
            }
        }
        return files.sorted { $0.path < $1.path }
    }
}

extension String {
    /// The number of leading spaces.
    var indentation: Int { self.prefix { $0 == " " }.count }
    var trimmed: String { self.trimmingCharacters(in: .whitespaces) }
    /// The line without a comment at its end. Good enough for rules about calls.
    var withoutComment: String {
        guard let range = self.range(of: "//") else { return self }
        return String(self[..<range.lowerBound])
    }
}
