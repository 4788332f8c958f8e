import Foundation
import Glibc
import Testing

/// A program that runs beside the test, whose output can be waited for.
///
/// It runs under `timeout`, so that it ends even where the test does not live to end it.
final class RunningTool: @unchecked Sendable {
    let name: String
    private let process = Process()
    private let input = Pipe()
    private let pipe = Pipe()
    private let said = Said()
    /// How much of the text the last wait has gone past, in UTF-8 bytes.
    private var seen = 0

    /// What the program has said, filled by a thread that reads until the end.
    private final class Said: @unchecked Sendable {
        /// Guards what follows; signalled when it changes.
        let condition = NSCondition()
        var text = ""
        var isClosed = false

        func read(from handle: FileHandle) {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = Glibc.read(handle.fileDescriptor, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                self.condition.lock()
                if count > 0 {
                    self.text += String(decoding: buffer[..<count], as: UTF8.self)
                } else {
                    self.isClosed = true
                }
                self.condition.broadcast()
                self.condition.unlock()
                if count <= 0 { return }
            }
        }
    }

    /// Starts a program.
    ///
    /// - Parameter timeout: seconds after which it is stopped, whatever happens.
    init(
        _ name: String, _ arguments: [String], timeout: Int = 120, in folder: URL? = nil,
        environment: [String: String] = [:]
    ) throws {
        self.name = name
        self.process.executableURL = URL(fileURLWithPath: try Tool.path(of: "timeout"))
        self.process.arguments = ["-k", "5", "\(timeout)", try Tool.path(of: name)] + arguments
        self.process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        if let folder { self.process.currentDirectoryURL = folder }
        self.process.standardInput = self.input
        self.process.standardOutput = self.pipe
        self.process.standardError = self.pipe
        // Writing to a program that has ended must not end the tests.
        signal(SIGPIPE, SIG_IGN)
        try Self.withOpenSignals { try self.process.run() }
        let (said, handle) = (self.said, self.pipe.fileHandleForReading)
        Thread.detachNewThread { said.read(from: handle) }
    }

    /// Threads of tests hold signals back, and a process inherits that from the thread that starts it: without this
    /// nobody could ask it to end.
    private static func withOpenSignals(_ body: () throws -> Void) rethrows {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try body()
    }

    deinit {
        if self.process.isRunning { self.kill() }
    }

    /// Everything it has said.
    var output: String {
        self.said.condition.lock()
        defer { self.said.condition.unlock() }
        return self.said.text
    }

    /// Waits until it says something that it had not said when the last wait ended.
    ///
    /// - Returns: the line in which the text ends.
    /// - Throws: when it has ended, or `seconds` are over.
    @discardableResult
    func awaitText(_ wanted: String, within seconds: Double = 30) throws -> String {
        try self.await("\"\(wanted)\"", within: seconds) { text in
            guard let range = text.range(of: wanted) else { return nil }
            let start =
                text[..<range.lowerBound].lastIndex(where: \.isNewline).map(text.index(after:)) ?? text.startIndex
            let end = text[range.upperBound...].firstIndex(where: \.isNewline) ?? text.endIndex
            return (String(text[start..<end]), end)
        }
    }

    /// Waits for a line that fits, among those that no earlier wait has gone past.
    func awaitLine(_ what: String, within seconds: Double = 30, _ fits: (Substring) -> Bool) throws -> String {
        try self.await(what, within: seconds) { text in
            var start = text.startIndex
            while let end = text[start...].firstIndex(where: \.isNewline) {
                if fits(text[start..<end]) { return (String(text[start..<end]), text.index(after: end)) }
                start = text.index(after: end)
            }
            return nil
        }
    }

    private func await(
        _ what: String, within seconds: Double, _ find: (Substring) -> (String, String.Index)?
    ) throws -> String {
        let deadline = Date(timeIntervalSinceNow: seconds)
        self.said.condition.lock()
        defer { self.said.condition.unlock() }
        while true {
            let start = self.said.text.utf8.index(self.said.text.startIndex, offsetBy: self.seen)
            if let (found, end) = find(self.said.text[start...]) {
                self.seen = self.said.text.utf8.distance(from: self.said.text.startIndex, to: end)
                return found
            }
            guard !self.said.isClosed, self.said.condition.wait(until: deadline) else {
                throw Silence(
                    description:
                        "\(self.name) \(self.said.isClosed ? "ended" : "kept silent") before \(what); it said:\n"
                        + self.said.text.suffix(3000))
            }
        }
    }

    /// What was waited for did not come.
    struct Silence: Error, CustomStringConvertible {
        let description: String
    }

    /// Types something.
    func say(_ text: String) { try? self.input.fileHandleForWriting.write(contentsOf: Data(text.utf8)) }

    func closeInput() { try? self.input.fileHandleForWriting.close() }

    /// Asks it to end, as Control-C does. Not by way of `timeout`, which passes a signal on twice.
    func interrupt() { self.send(SIGINT) }

    func terminate() { self.send(SIGTERM) }

    private func send(_ signal: Int32) {
        if let child = self.child { Glibc.kill(child, signal) }
    }

    /// Ends it at once, without a chance to say goodbye.
    func kill() {
        let own = self.process.processIdentifier
        if let child = self.child { Glibc.kill(child, SIGKILL) }
        Glibc.kill(own, SIGKILL)
        self.process.waitUntilExit()
    }

    /// The process itself, below `timeout`.
    var child: Int32? {
        let own = self.process.processIdentifier
        let text = try? String(contentsOfFile: "/proc/\(own)/task/\(own)/children", encoding: .utf8)
        return text?.split(separator: " ").first.flatMap { Int32($0) }
    }

    /// Resident memory, in bytes.
    var residentBytes: Int? {
        guard let child, let text = try? String(contentsOfFile: "/proc/\(child)/status", encoding: .utf8) else {
            return nil
        }
        let line = text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
    }

    var isRunning: Bool { self.process.isRunning }

    /// Waits for the end, and kills what does not end by itself.
    ///
    /// - Returns: the exit status; that of a killed one is not 0.
    @discardableResult
    func awaitEnd(within seconds: Int = 20) -> Int32 {
        let deadline = Date(timeIntervalSinceNow: Double(seconds))
        self.said.condition.lock()
        var isInTime = true
        while !self.said.isClosed, isInTime { isInTime = self.said.condition.wait(until: deadline) }
        self.said.condition.unlock()
        if !isInTime {
            Issue.record("\(self.name) did not end within \(seconds) s; it said:\n\(self.output.suffix(3000))")
            self.kill()
        }
        self.process.waitUntilExit()
        return self.process.terminationStatus
    }
}
