import Ground
import SIPTransactions
import Signalling
import Synchronization
import Telemetry

/// Traces of all messages, as `--trace` and `--trace-ladder` ask for them.
enum MessageTrace {
    /// What the transports call for each message; nil if nothing is traced.
    ///
    /// - Parameters:
    ///   - pcap: the capture file.
    ///   - ladder: whether lines go to standard error.
    static func sink(pcap: String?, ladder: Bool) throws(Fault) -> TraceSink? {
        guard pcap != nil || ladder else { return nil }
        var writer: PcapWriter?
        if let pcap { writer = try PcapWriter(path: pcap) }
        let file = writer
        let lines = ladder ? LadderOutput() : nil
        return { bytes, flow, direction, at in
            let isSent = direction == .sent
            let message = TracedMessage(
                at: at, carrier: flow.transport == .udp ? .datagram : .stream,
                source: isSent ? flow.local : flow.remote, destination: isSent ? flow.remote : flow.local,
                bytes: bytes)
            file?.write(message)
            // A trace is looked at after the command has ended, in whatever way: nothing may wait in a buffer.
            file?.flush()
            lines?.write(message)
        }
    }

    /// Lines on standard error, one a message.
    private final class LadderOutput: Sendable {
        private let ladder = Mutex(Ladder())

        func write(_ message: TracedMessage) {
            Terminal.remark(self.ladder.withLock { $0.line(for: message) })
        }
    }
}
