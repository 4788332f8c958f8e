package import Ground
package import XMLTree

/// The copies of documents that a watcher of documents holds, and what becomes of them by what it is told
/// (RFC 5875 §4.8).
package struct DocumentMirror: Sendable {
    /// A document that the server has.
    package struct Copy: Sendable {
        /// The tag of the version that is here; nil before it was fetched.
        package var entityTag: [UInt8]?
        /// Nil before it was fetched.
        package var document: XMLDocument?
    }

    /// What one entry meant.
    package enum Outcome: Equatable, Sendable {
        /// The copy is now of this tag.
        case updated(selector: [UInt8], tag: [UInt8])
        /// The copy was of this tag already.
        case current(selector: [UInt8])
        /// The document has to be fetched; it was of this tag when the server spoke.
        case fetch(selector: [UInt8], tag: [UInt8])
        /// The document is gone.
        case removed(selector: [UInt8])
        /// A change from a version that is not the one that is here: perhaps an older one, since the copy was fetched
        /// while the notification was on its way.
        case ignored(selector: [UInt8])
        /// An element or attribute has this value; nil if there is none, or if it was left out.
        case component(selector: [UInt8], exists: Bool, value: [UInt8]?)
    }

    /// By selector.
    package private(set) var copies: [[UInt8]: Copy] = [:]

    package init() {}

    /// A document was fetched.
    package mutating func fetched(_ selector: [UInt8], tag: [UInt8], body: Octets) throws(DocumentFault) {
        let document: XMLDocument
        do { document = try XMLDocument.parse(body) } catch { throw DocumentFault(error) }
        self.copies[selector] = Copy(entityTag: tag, document: document)
    }

    /// Takes what the server told, entry by entry in its order. Nothing that it tells makes this fail: where a change
    /// cannot be followed the document has to be fetched.
    package mutating func apply(_ received: DifferenceDocument.Received) -> [Outcome] {
        received.entries.map { self.apply($0, of: received) }
    }

    private mutating func apply(
        _ entry: DifferenceDocument.Received.Entry, of received: DifferenceDocument.Received
    ) -> Outcome {
        let selector = entry.selector
        guard entry.kind == .document else {
            return .component(selector: selector, exists: entry.exists, value: entry.content)
        }
        guard let tag = entry.newTag else {
            self.copies[selector] = nil
            return .removed(selector: selector)
        }
        guard let copy = self.copies[selector], let known = copy.entityTag, let document = copy.document else {
            self.copies[selector] = Copy()
            return .fetch(selector: selector, tag: tag)
        }
        if known == tag { return .current(selector: selector) }
        guard let previous = entry.previousTag else { return .fetch(selector: selector, tag: tag) }
        let isReference = entry.operationCount == 0 && !entry.isBodyNotChanged
        if isReference { return .fetch(selector: selector, tag: tag) }
        guard known == previous else { return .ignored(selector: selector) }
        if entry.isBodyNotChanged {
            self.copies[selector]?.entityTag = tag
            return .updated(selector: selector, tag: tag)
        }
        guard let changed = try? received.applying(entry, to: document) else {
            return .fetch(selector: selector, tag: tag)
        }
        // Written and read again, so that what was replaced takes no room any more.
        let fresh = try? XMLDocument.parse(changed.serialised()[...])
        self.copies[selector] = Copy(entityTag: tag, document: fresh ?? changed)
        return .updated(selector: selector, tag: tag)
    }
}
