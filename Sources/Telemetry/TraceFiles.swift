import Glibc
import Ground
import Synchronization

/// A file that is only appended to, behind a buffer.
///
/// A trace never disturbs what it traces: after a fault nothing more is written, and the fault can be asked for.
final class TraceFile {
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private(set) var fault: Fault?
    private let path: String

    /// How many bytes gather before they are written.
    private static let bufferSize = 65_536

    init(path: String) throws(Fault) {
        self.path = path
        // Opened anew, a file behind standard output would be emptied, and what the log writes to it overwritten.
        switch path {
        case "/dev/stdout": self.descriptor = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
        case "/dev/stderr": self.descriptor = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)
        default:
            // A trace holds personal data: nobody but the owner may read it.
            self.descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        }
        guard self.descriptor >= 0 else {
            throw .fileUnusable("The trace file \(path) cannot be written: \(String(cString: strerror(errno))).")
        }
    }

    deinit {
        self.flush()
        Glibc.close(self.descriptor)
    }

    func append(_ write: (inout [UInt8]) -> Void) {
        guard self.fault == nil else { return }
        write(&self.buffer)
        if self.buffer.count >= Self.bufferSize { self.flush() }
    }

    func flush() {
        guard self.fault == nil else { return }
        self.buffer.withUnsafeBytes { bytes in
            var position = 0
            while position < bytes.count {
                let count = Glibc.write(
                    self.descriptor, bytes.baseAddress?.advanced(by: position), bytes.count - position)
                if count > 0 {
                    position += count
                } else if errno != EINTR {
                    self.fault = .fileUnusable(
                        "The trace \(self.path) ended early: \(String(cString: strerror(errno))).")
                    return
                }
            }
        }
        self.buffer.removeAll(keepingCapacity: true)
    }
}

/// A capture file of every message, for Wireshark and tshark.
package final class PcapWriter: Sendable {
    /// The file and what belongs to writing it.
    private struct State {
        var file: TraceFile
        var encoder = PcapEncoder()
    }

    private let state: Mutex<State>

    /// Makes the file, replacing an old one.
    package init(path: String) throws(Fault) {
        let file = try TraceFile(path: path)
        file.append { $0 += PcapEncoder.fileHeader }
        self.state = Mutex(State(file: file))
    }

    /// Adds a message. Several shards may do so; order is that of the calls.
    package func write(_ message: TracedMessage) {
        self.state.withLock { state in
            state.file.append { state.encoder.encode(message, into: &$0) }
        }
    }

    /// Hands everything to the operating system.
    package func flush() { self.state.withLock { $0.file.flush() } }

    /// Why nothing more is written, if that is so.
    package var fault: Fault? { self.state.withLock { $0.file.fault } }
}

/// A text file with one line a message: who sent what to whom, and when.
package final class LadderWriter: Sendable {
    /// The file and what belongs to writing it.
    private struct State {
        var file: TraceFile
        var ladder: Ladder
    }

    private let state: Mutex<State>

    /// Makes the file, replacing an old one.
    package init(path: String, ladder: Ladder = Ladder()) throws(Fault) {
        self.state = Mutex(State(file: try TraceFile(path: path), ladder: ladder))
    }

    /// Gives an address a name.
    package func name(_ endpoint: Endpoint, _ name: String) { self.state.withLock { $0.ladder.name(endpoint, name) } }

    /// Adds a message.
    package func write(_ message: TracedMessage) {
        self.state.withLock { state in
            let line = state.ladder.line(for: message)
            state.file.append { $0.append(text: line + "\n") }
            // A ladder is watched while it grows.
            state.file.flush()
        }
    }

    /// Why nothing more is written, if that is so.
    package var fault: Fault? { self.state.withLock { $0.file.fault } }
}
