internal import Ground
internal import XMLTree

extension PresenceDocument {
    /// The sphere that the persons of the document say they are in (RFC 4480 §3.8): the name of the element, or the
    /// text of one that is not known. Nil where none is said, or several that differ: then nobody knows (RFC 5025
    /// §3.1.2).
    package var sphere: [UInt8]? {
        var found: [UInt8]?
        for person in self.persons {
            let sphere = self.tree.child(Term.sphere, Space.rpid, of: person)
            guard sphere >= 0, let value = self.value(ofSphere: sphere) else { continue }
            if let found, found != value { return nil }
            found = value
        }
        return found
    }

    private func value(ofSphere sphere: XMLDocument.NodeID) -> [UInt8]? {
        var cursor = self.tree[sphere].firstChild
        while cursor >= 0 {
            let node = self.tree[cursor]
            if node.kind == .element {
                let text = self.tree.stringValue(cursor).trimmingSpace
                guard text.isEmpty else { return text.map { ASCII.lowercased($0) } }
                // The word of RPID for "it is not known".
                return node.name == Term.unknown ? nil : Array(self.tree.name(node.name))
            }
            cursor = node.next
        }
        let text = self.tree.stringValue(sphere).trimmingSpace
        return text.isEmpty ? nil : text.map { ASCII.lowercased($0) }
    }
}
