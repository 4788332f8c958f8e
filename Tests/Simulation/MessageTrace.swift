import Ground
import SIPWire

/// The last messages that went through the network, for the story of a failure.
package struct MessageTrace: Sendable {
    /// What became of a message.
    package enum Fate: Sendable {
        case carried, lost
    }

    private struct Entry: Sendable {
        let at: Instant
        let from: String
        let to: String
        let bytes: [UInt8]
        let note: String
    }

    private let limit: Int
    private let start: Instant
    private var entries: [Entry] = []

    /// - Parameter limit: how many messages are kept.
    package init(limit: Int, start: Instant) {
        self.limit = limit
        self.start = start
    }

    package mutating func add(_ bytes: [UInt8], from: String, to: String, fate: Fate, at now: Instant) {
        self.append(Entry(at: now, from: from, to: to, bytes: bytes, note: fate == .lost ? "  (lost)" : ""))
    }

    /// Adds an event that is no message.
    package mutating func add(event: String, at now: Instant) {
        self.append(Entry(at: now, from: "", to: "", bytes: [], note: event))
    }

    private mutating func append(_ entry: Entry) {
        guard self.limit > 0 else { return }
        if self.entries.count >= 2 * self.limit { self.entries.removeFirst(self.limit) }
        self.entries.append(entry)
    }

    /// The ladder of the last messages, oldest first.
    package var lines: [String] {
        self.entries.suffix(self.limit).map { entry in
            let time = LadderLine.time(entry.at, since: self.start)
            guard !entry.from.isEmpty else { return "\(time)  \(entry.note)" }
            var names = LadderNames.plain
            return "\(time)  \(entry.from) ▸ \(entry.to)  "
                + LadderLine.text(of: entry.bytes, names: &names, detail: .full) + entry.note
        }
    }
}
