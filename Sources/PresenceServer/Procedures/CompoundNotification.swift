internal import EventNotification
internal import Ground
internal import PresenceDocuments

/// Documents with the objects that they refer to, for the watchers who take `multipart/related` (TS 24.141,
/// REQ-24141-21).
extension PresenceServer {
    /// Whether somebody publishes parts for a presentity: where nobody does, nothing of this file is done.
    func keepsParts(_ presentity: UInt32) -> Bool {
        for publication in self.presentities[presentity].publications
        where !self.publications[publication].parts.isEmpty { return true }
        return false
    }

    /// The tag of what a subscription is shown now (RFC 5839 §4).
    mutating func shownTag(of place: UInt32, at now: Instant) -> ContentTag {
        let view = self.subscriptions[place].view
        guard self.views[view].mayHaveParts else { return self.views[view].tag }
        return self.shownTag(in: view, withParts: self.subscriptions[place].dialog.takesParts, at: now)
    }

    /// The same for somebody who takes parts or does not.
    mutating func shownTag(in view: UInt32, withParts: Bool, at now: Instant) -> ContentTag {
        guard withParts, let compound = self.compoundBody(of: view, at: now) else { return self.views[view].tag }
        return compound.tag
    }

    /// The body of an up-to-date view with the parts that it refers to; nil if it refers to none. It is made when the
    /// first watcher wants it and is the same for all of them.
    mutating func compoundBody(of view: UInt32, at now: Instant) -> CompoundBody? {
        guard self.views[view].mayHaveParts else { return nil }
        if let known = self.views[view].compound { return known === CompoundBody.absent ? nil : known }
        let compound = self.newCompoundBody(of: view, at: now)
        self.views[view].compound = compound ?? .absent
        return compound
    }

    private mutating func newCompoundBody(of view: UInt32, at now: Instant) -> CompoundBody? {
        // What a part was published for decides nothing: only what this view still refers to goes with it.
        guard let document = self.views[view].shown ?? self.shownDocument(of: view, at: now) else { return nil }
        let known = self.partsByName(of: self.views[view].presentity)
        var parts: [PublishedPart] = []
        var room = self.configuration.limits.notifiedPartBytes
        for identifier in document.contentReferences {
            guard let part = known[identifier] else { continue }
            guard part.octets.count <= room else {
                self.counted.observations[.partLimit, default: 0] += 1
                continue
            }
            room -= part.octets.count
            parts.append(part)
        }
        guard !parts.isEmpty else { return nil }
        // Publishers cannot know it, so no part can contain it.
        var boundary: [UInt8] = []
        boundary.append(hex: self.entropy.next())
        boundary.append(hex: self.entropy.next())
        return CompoundBody(document: self.views[view].body, parts: parts, boundary: boundary)
    }

    /// The parts of all live publications by name. Of several of one name the one that was published last counts, as it
    /// does for elements.
    private func partsByName(of presentity: UInt32) -> [[UInt8]: PublishedPart] {
        var found: [[UInt8]: (publishedAt: Instant, part: PublishedPart)] = [:]
        for place in self.presentities[presentity].publications {
            let publishedAt = self.publications[place].publishedAt
            for part in self.publications[place].parts {
                if let other = found[part.contentID], other.publishedAt > publishedAt { continue }
                found[part.contentID] = (publishedAt, part)
            }
        }
        return found.mapValues(\.part)
    }
}
