import Foundation
import Testing

/// All tests with programs of others and with real sockets: one after the other, because each brings up servers.
@Suite("Interoperation", .serialized)
enum Interop {}

/// Programs of others, and ours, run to their end.
enum Tool {
    /// What a finished run left.
    struct Outcome {
        let status: Int32
        let output: String
    }

    /// Where a program is. A missing one is a failure: `./test` installs them all.
    static func path(of name: String) throws -> String {
        if name.contains("/") { return name }
        for folder in (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":") {
            let path = "\(folder)/\(name)"
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw Missing(description: "\(name) is not installed; ./test installs what the tests need")
    }

    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    /// The executable of this build, which lies beside the test bundle.
    static let muster: String = {
        let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        return bundle.deletingLastPathComponent().appendingPathComponent("muster").path
    }()

    /// Runs a program to its end.
    ///
    /// - Parameters:
    ///   - timeout: seconds after which it is stopped; the status is 124 then.
    ///   - input: what it reads from standard input, which ends after that.
    static func run(
        _ name: String, _ arguments: [String], timeout: Int = 60, in folder: URL? = nil, input: String? = nil
    ) throws -> Outcome {
        let tool = try RunningTool(name, arguments, timeout: timeout, in: folder)
        if let input { tool.say(input) }
        tool.closeInput()
        let status = tool.awaitEnd(within: timeout + 10)
        return Outcome(status: status, output: tool.output)
    }

    /// Runs our own executable.
    static func muster(_ arguments: [String], timeout: Int = 60, input: String? = nil) throws -> Outcome {
        try self.run(self.muster, arguments, timeout: timeout, input: input)
    }
}

/// A folder that lives as long as its owner.
final class Folder: Sendable {
    let url: URL

    init() throws {
        self.url = FileManager.default.temporaryDirectory.appendingPathComponent("muster-interop-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: self.url) }

    @discardableResult
    func write(_ text: String, as name: String) throws -> String {
        let file = self.url.appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: file, atomically: true, encoding: .utf8)
        return file.path
    }

    func path(_ name: String) -> String { self.url.appendingPathComponent(name).path }

    func read(_ name: String) -> String { (try? String(contentsOfFile: self.path(name), encoding: .utf8)) ?? "" }
}
