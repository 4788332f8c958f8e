import Glibc
import Ground
import Logging
import Synchronization

/// Where log lines go: a file descriptor, one system call a line, lines never mixed.
package final class LogOutput: Sendable {
    package let format: LogLine.Format
    private let descriptor: Int32
    private let lost = Atomic<UInt64>(0)
    private let lock = Mutex(())

    /// - Parameter descriptor: standard error unless told otherwise.
    package init(format: LogLine.Format, descriptor: Int32 = STDERR_FILENO) {
        self.format = format
        self.descriptor = descriptor
    }

    /// Makes this the output of every `Logger` of the process. To be called once, at the start.
    package func install(level: Logger.Level) {
        LoggingSystem.bootstrap { label in StructuredLogHandler(label: label, output: self, logLevel: level) }
    }

    /// A logger with this output, without installing it.
    package func logger(_ label: String, level: Logger.Level) -> Logger {
        Logger(label: label) { label in StructuredLogHandler(label: label, output: self, logLevel: level) }
    }

    /// Lines that could not be written.
    package var lostLines: UInt64 { self.lost.load(ordering: .relaxed) }

    func write(_ line: [UInt8]) {
        let isWritten = self.lock.withLock { _ in
            line.withUnsafeBytes { buffer in
                var position = 0
                while position < buffer.count {
                    let count = Glibc.write(
                        self.descriptor, buffer.baseAddress?.advanced(by: position), buffer.count - position)
                    if count > 0 { position += count } else if errno != EINTR { return false }
                }
                return true
            }
        }
        if !isWritten { self.lost.wrappingAdd(1, ordering: .relaxed) }
    }
}

/// The handler behind `Logger`.
package struct StructuredLogHandler: LogHandler {
    private let label: String
    private let output: LogOutput
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?

    package init(label: String, output: LogOutput, logLevel: Logger.Level) {
        self.label = label
        self.output = output
        self.logLevel = logLevel
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var all = self.metadata
        if let provided = self.metadataProvider?.get() { all.merge(provided) { _, new in new } }
        if let own = event.metadata { all.merge(own) { _, new in new } }
        let pairs = all.sorted { $0.key < $1.key }.map { (key: $0.key, value: "\($0.value)") }
        self.output.write(
            LogLine.write(
                self.output.format, at: Self.now, level: event.level, label: self.label, message: "\(event.message)",
                metadata: pairs))
    }

    private static var now: Instant {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Instant(nanoseconds: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec))
    }
}
