internal import EventNotification
internal import Ground
internal import PresenceDocuments

/// Partial notification (RFC 5263): the difference to what the watcher holds, made once for all who hold the same.
extension PresenceServer {
    /// A version that stands for "to be written in later".
    private static let versionMark = UInt32.max
    /// Renderings that a view keeps, at most: watchers that lag behind in different ways each need another one.
    private static let keptRenderings = 8

    /// The partial document for a subscription, without its version. Nil if the view shows nothing at all.
    mutating func partialRendering(for place: UInt32, at now: Instant) -> PartialRendering? {
        let view = self.subscriptions[place].view
        let extras = self.subscriptions[place].extras
        let base = self.extras[extras].base
        let baseTag = base == nil ? nil : self.extras[extras].baseTag
        if let known = self.views[view].renderings.first(where: { $0.base == baseTag }) { return known }
        guard let document = self.sharedDocument(of: view, at: now) else { return nil }
        var text: [UInt8]?
        if let base { text = PartialPresence.difference(from: base, to: document, version: Self.versionMark) }
        let whole = text ?? PartialPresence.full(document, version: Self.versionMark)
        let rendering = Self.split(whole, base: baseTag)
        if self.views[view].renderings.count < Self.keptRenderings { self.views[view].renderings.append(rendering) }
        return rendering
    }

    /// Cuts a document where its version stands.
    private static func split(_ document: [UInt8], base: UInt64?) -> PartialRendering {
        let mark = Array(" version=\"4294967295\"".utf8)
        let digits = 10
        var start = 0
        while start + mark.count <= document.count {
            guard let space = document[start...].firstIndex(of: 0x20), space + mark.count <= document.count else {
                break
            }
            if document[space..<(space + mark.count)].elementsEqual(mark) {
                let end = space + mark.count - 1
                return PartialRendering(
                    base: base, head: Array(document[..<(end - digits)]), tail: Array(document[end...]))
            }
            start = space + 1
        }
        return PartialRendering(base: base, head: document, tail: [])
    }
}
