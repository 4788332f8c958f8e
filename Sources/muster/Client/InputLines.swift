import Glibc
import Ground

/// The lines that are typed, or piped in, while a command does something else.
enum InputLines {
    /// A longer line is cut into several.
    private static let maximumBytes = 4096

    /// Reads standard input on a thread of its own until it ends. In the background of a shell there is nothing to read.
    static func stream() -> AsyncStream<String> {
        let (stream, continuation) = AsyncStream<String>.makeStream(bufferingPolicy: .bufferingOldest(1024))
        // A process in the background that reads from its terminal would be stopped; so it gets an error instead.
        signal(SIGTTIN, SIG_IGN)
        let reader = Reader(continuation)
        var thread = pthread_t()
        let context = Unmanaged.passRetained(reader)
        let status = pthread_create(&thread, nil, Self.main, context.toOpaque())
        guard status == 0 else {
            context.release()
            continuation.finish()
            return stream
        }
        pthread_detach(thread)
        return stream
    }

    private static let main: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
        guard let context else { return nil }
        Unmanaged<Reader>.fromOpaque(context).takeRetainedValue().read()
        return nil
    }

    /// What the reading thread holds.
    private final class Reader: Sendable {
        private let continuation: AsyncStream<String>.Continuation

        init(_ continuation: AsyncStream<String>.Continuation) { self.continuation = continuation }

        func read() {
            var line: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 1024)
            while true {
                let count = Glibc.read(STDIN_FILENO, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                for byte in buffer[..<count] {
                    if byte == 0x0A || line.count == InputLines.maximumBytes {
                        self.continuation.yield(line[...].text)
                        line = []
                    }
                    if byte != 0x0A { line.append(byte) }
                }
            }
            if !line.isEmpty { self.continuation.yield(line[...].text) }
            self.continuation.finish()
        }
    }
}
