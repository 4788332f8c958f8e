internal import Ground
internal import XMLTree

/// References to MIME objects that travel beside the document (RFC 2392, TS 24.141).
extension PresenceDocument {
    /// The Content-IDs that the document refers to by `cid:` URIs, each once, in the order of the text.
    ///
    /// A reference is the whole value of an attribute or the whole text of an element; what merely stands somewhere
    /// in a sentence is none.
    package var contentReferences: [[UInt8]] {
        var found: [[UInt8]] = []
        var seen: Set<[UInt8]> = []
        let top = self.tree.root
        var cursor = top
        while cursor >= 0 {
            let node = self.tree[cursor]
            if node.kind == .element {
                var attribute = node.firstAttribute
                while attribute >= 0 {
                    if self.tree[attribute].kind == .attribute {
                        Self.note(self.tree.value(attribute), in: &found, &seen)
                    }
                    attribute = self.tree[attribute].next
                }
            } else if node.kind == .text {
                let parent = self.tree[node.parent]
                if parent.firstChild == parent.lastChild { Self.note(self.tree.value(cursor), in: &found, &seen) }
            }
            cursor = self.tree.following(cursor, within: top)
        }
        return found
    }

    private static func note(_ value: Octets, in found: inout [[UInt8]], _ seen: inout Set<[UInt8]>) {
        guard let identifier = ContentReference.identifier(of: value), seen.insert(identifier).inserted else { return }
        found.append(identifier)
    }
}

/// The `cid:` URI (RFC 2392 §2).
enum ContentReference {
    /// The Content-ID, without angle brackets, that a URI refers to. Nil for everything that is no `cid:` URI.
    static func identifier(of text: Octets) -> [UInt8]? {
        let uri = text.trimmingSpace
        guard uri.count > 4, uri.prefix(4).equalsIgnoringCase("cid:") else { return nil }
        var identifier: [UInt8] = []
        identifier.reserveCapacity(uri.count - 4)
        var rest = uri.dropFirst(4)
        while let byte = rest.popFirst() {
            // Blanks stand in no URI.
            guard byte > 0x20 else { return nil }
            guard byte == UInt8(ascii: "%") else {
                identifier.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap({ ASCII.hexValue($0) }),
                let low = rest.popFirst().flatMap({ ASCII.hexValue($0) })
            else { return nil }
            identifier.append(high << 4 | low)
        }
        return identifier
    }
}
