import Ground
import PresenceServer
import Storage

/// The packed form of notification marks: one blob a commit, because a row for each NOTIFY would cost as much as
/// writing its subscription again.
enum MarkLog {
    /// The first byte: how the rest is made.
    private static let format: UInt8 = 1
    /// The most marks that one blob gets when the log is folded.
    static let foldedBlobSize = 65_536

    /// The log is folded when this many marks were added, or twice as many as it holds when folded, whichever is more:
    /// so folding costs a constant time for each mark.
    static let foldThreshold = 32_768

    static func encode(_ marks: some Sequence<NotificationMark>) -> [UInt8] {
        var writer = PackedWriter(reserving: 32)
        writer.append(number: UInt64(Self.format))
        for mark in marks {
            writer.append(number: mark.subscription)
            writer.append(number: UInt64(mark.cseq))
            writer.append(number: UInt64(mark.partialVersion))
        }
        return writer.bytes
    }

    /// Merges a blob into the latest marks by subscription. False if the blob is damaged; what could be read of it is
    /// merged all the same, because a number that is too high does no harm.
    static func merge(_ blob: [UInt8], into latest: inout [UInt64: NotificationMark]) -> Bool {
        var reader = PackedReader(blob[...])
        guard reader.number() == UInt64(Self.format) else { return false }
        while !reader.isAtEnd {
            guard let id = reader.number(), let cseq = reader.number32(), let version = reader.number32() else {
                return false
            }
            if cseq > latest[id]?.cseq ?? 0 {
                latest[id] = NotificationMark(subscription: id, cseq: cseq, partialVersion: version)
            }
        }
        return true
    }
}
