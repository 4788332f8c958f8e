import Glibc
import Ground
import Synchronization
import UserAgent

/// Where commands write: results to standard output, the rest to standard error. Colour only on a terminal.
enum Terminal {
    /// How text on standard output may look. `NO_COLOR` in the environment turns colours off (no-color.org).
    static var style: PresenceText.Style {
        isatty(STDOUT_FILENO) == 1 && getenv("NO_COLOR") == nil ? .coloured : .plain
    }

    /// Whether a person can be asked something.
    static var isInteractive: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }

    /// A line on standard output, at once, so that a reader behind a pipe gets it too.
    static func result(_ line: String) { self.write(line + "\n", to: STDOUT_FILENO) }

    /// A line on standard error.
    static func remark(_ line: String) { self.write(line + "\n", to: STDERR_FILENO) }

    private static let lock = Mutex<Void>(())

    private static func write(_ text: String, to descriptor: Int32) {
        let bytes = Array(text.utf8)
        self.lock.withLock { _ in
            var position = 0
            while position < bytes.count {
                let count = bytes.withUnsafeBytes { buffer in
                    Glibc.write(descriptor, buffer.baseAddress?.advanced(by: position), buffer.count - position)
                }
                if count > 0 {
                    position += count
                } else if errno != EINTR {
                    return
                }
            }
        }
    }

    /// The time of day here, `14:03:07`.
    static func clock(_ instant: Instant) -> String {
        var seconds = time_t(instant.seconds)
        var parts = tm()
        guard localtime_r(&seconds, &parts) != nil else { return CalendarTime(instant).clock }
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : String(number) }
        return "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
    }

    /// Asks for something that nobody may read over the shoulder. Nil without a terminal, or at its end.
    static func askSecretly(_ question: String) -> String? {
        guard self.isInteractive else { return nil }
        self.write(question, to: STDERR_FILENO)
        var before = termios()
        guard tcgetattr(STDIN_FILENO, &before) == 0 else { return nil }
        var silent = before
        silent.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
        defer {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
            self.write("\n", to: STDERR_FILENO)
        }
        return readLine(strippingNewline: true)
    }
}
