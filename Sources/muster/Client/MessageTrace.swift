import Ground
import SIPTransactions
import Signalling
import Telemetry

/// Traces of all messages, as `--trace`, `--trace-ladder` and the settings of a server ask for them.
struct MessageTrace: Sendable {
    private let pcap: PcapWriter?
    private let ladder: LadderWriter?
    private let flushesEach: Bool

    /// - Parameters:
    ///   - pcap: the capture file; empty for none.
    ///   - ladder: the file of lines, `/dev/stdout` or `/dev/stderr`; empty for none.
    ///   - flushesEach: whether every message is in the capture file at once. A command may end in any way; a server
    ///     writes large pieces, and calls ``flush()`` when it ends.
    init(pcap: String, ladder: String, flushesEach: Bool) throws(Fault) {
        self.pcap = pcap.isEmpty ? nil : try PcapWriter(path: pcap)
        self.ladder = ladder.isEmpty ? nil : try LadderWriter(path: ladder)
        self.flushesEach = flushesEach
    }

    /// What the transports call with each message; nil where nothing is traced.
    var sink: TraceSink? {
        guard self.pcap != nil || self.ladder != nil else { return nil }
        let (pcap, ladder, flushesEach) = (self.pcap, self.ladder, self.flushesEach)
        return { bytes, flow, direction, at in
            let isSent = direction == .sent
            let message = TracedMessage(
                at: at, carrier: flow.transport == .udp ? .datagram : .stream,
                source: isSent ? flow.local : flow.remote, destination: isSent ? flow.remote : flow.local,
                bytes: bytes)
            pcap?.write(message)
            if flushesEach { pcap?.flush() }
            ladder?.write(message)
        }
    }

    func flush() { self.pcap?.flush() }
}
