@preconcurrency import Dispatch
import Glibc

/// Ctrl-C and the signal to end: the first asks the command to say goodbye, the second ends it.
final class Interrupt: Sendable {
    private let sources: [any DispatchSourceSignal]

    /// - Parameter first: what the first signal does.
    init(first: @escaping @Sendable () -> Void) {
        let queue = DispatchQueue(label: "muster.interrupt")
        nonisolated(unsafe) var count = 0
        var sources: [any DispatchSourceSignal] = []
        for number in [SIGINT, SIGTERM] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                // Both sources run on one queue, one after the other.
                count += 1
                if count == 1 { first() } else { exit(128 + number) }
            }
            source.resume()
            sources.append(source)
        }
        self.sources = sources
    }

    deinit { for source in self.sources { source.cancel() } }
}
