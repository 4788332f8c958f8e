import Foundation
import Testing

/// A program of somebody else, or ours, run as a process of its own.
struct Tool {
    /// What a finished run left.
    struct Outcome {
        let status: Int32
        let output: String
    }

    /// Where a program is, or nil where it is not installed.
    static func path(of name: String) -> String? {
        for folder in (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":") {
            let path = "\(folder)/\(name)"
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        return nil
    }

    /// The executable of this build, which lies beside the test bundle.
    static let muster: String = {
        let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        return bundle.deletingLastPathComponent().appendingPathComponent("muster").path
    }()

    /// Runs a program to its end; `timeout` seconds later it is stopped and the status is not 0.
    static func run(
        _ name: String, _ arguments: [String], timeout: Int = 60, in folder: URL? = nil, input: String? = nil
    ) throws -> Outcome {
        let program = name.contains("/") ? name : try #require(Self.path(of: name), "\(name) is not installed")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        process.arguments = ["-k", "5", "\(timeout)", program] + arguments
        if let folder { process.currentDirectoryURL = folder }
        let output = folder ?? FileManager.default.temporaryDirectory
        let file = output.appendingPathComponent("tool-\(UUID().uuidString).log")
        FileManager.default.createFile(atPath: file.path, contents: nil)
        let handle = try FileHandle(forWritingTo: file)
        process.standardOutput = handle
        process.standardError = handle
        let pipe = Pipe()
        process.standardInput = pipe
        try process.run()
        if let input { pipe.fileHandleForWriting.write(Data(input.utf8)) }
        try pipe.fileHandleForWriting.close()
        process.waitUntilExit()
        try handle.close()
        let text = String(decoding: try Data(contentsOf: file), as: UTF8.self)
        try FileManager.default.removeItem(at: file)
        return Outcome(status: process.terminationStatus, output: text)
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

    func write(_ text: String, as name: String) throws -> String {
        let file = self.url.appendingPathComponent(name)
        try text.write(to: file, atomically: true, encoding: .utf8)
        return file.path
    }

    func path(_ name: String) -> String { self.url.appendingPathComponent(name).path }
}
