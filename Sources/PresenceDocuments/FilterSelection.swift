internal import Ground
internal import XMLTree

/// The nodes of a document that a filter lets through.
struct Selected {
    private let tree: XMLDocument
    private var kept: [Bool]
    /// Whether anything was selected.
    private(set) var hasAny = false

    init(_ tree: XMLDocument) {
        self.tree = tree
        self.kept = [Bool](repeating: false, count: tree.nodes.count)
    }

    /// Takes a node in: with all inside it, its ancestors, and what these must have.
    mutating func include(_ node: XMLDocument.NodeID) {
        self.hasAny = true
        if self.tree[node].kind == .attribute {
            self.kept[Int(node)] = true
            self.includeAncestors(of: node)
        } else {
            self.includeSubtree(node)
            self.includeAncestors(of: node)
        }
    }

    mutating func includeSubtree(_ top: XMLDocument.NodeID) {
        self.hasAny = true
        // A subtree that is in already need not be walked again; selections may repeat themselves.
        if self.kept[Int(top)], top != self.tree.root, self.isWhole(top) { return }
        var cursor = top
        while cursor >= 0 {
            self.kept[Int(cursor)] = true
            var attribute = self.tree[cursor].firstAttribute
            while attribute >= 0 {
                self.kept[Int(attribute)] = true
                attribute = self.tree[attribute].next
            }
            cursor = self.tree.following(cursor, within: top)
        }
    }

    private func isWhole(_ top: XMLDocument.NodeID) -> Bool {
        let last = self.tree[top].lastChild
        return last < 0
            || self.kept[Int(last)] && self.kept[Int(self.tree[top].firstChild)]
                && self.tree[top].firstChild == last && self.tree[last].kind == .text
    }

    private mutating func includeAncestors(of node: XMLDocument.NodeID) {
        var cursor = self.tree[node].parent
        while cursor > 0 {
            let isNew = !self.kept[Int(cursor)]
            self.kept[Int(cursor)] = true
            if isNew { self.includeMandatory(of: cursor) }
            cursor = self.tree[cursor].parent
        }
    }

    /// RFC 4661 §3.5: what the schema makes mandatory comes along.
    private mutating func includeMandatory(of element: XMLDocument.NodeID) {
        var attribute = self.tree[element].firstAttribute
        while attribute >= 0 {
            if self.isMandatory(attribute) { self.kept[Int(attribute)] = true }
            attribute = self.tree[attribute].next
        }
        var cursor = self.tree[element].firstChild
        while cursor >= 0 {
            if self.tree[cursor].kind == .element, self.isMandatory(cursor), !self.kept[Int(cursor)] {
                self.kept[Int(cursor)] = true
                // The text of a device id, but not what else a status may hold.
                let isStatus = self.tree[cursor].name == Term.status
                if !isStatus { self.includeSubtree(cursor) }
            }
            cursor = self.tree[cursor].next
        }
    }

    /// Whether the schema needs a node where it stands.
    private func isMandatory(_ id: XMLDocument.NodeID) -> Bool {
        let node = self.tree[id]
        guard node.parent > 0 else { return true }
        let parent = self.tree[node.parent]
        switch (parent.namespace, parent.name) {
        case (Space.pidf, Term.presence): return node.kind == .attribute && node.name == Term.entity
        case (Space.pidf, Term.tuple):
            return node.namespace == (node.kind == .attribute ? 0 : Space.pidf)
                && (node.name == Term.id || node.name == Term.status)
        case (Space.dataModel, Term.person), (Space.dataModel, Term.device):
            if node.kind == .attribute { return node.name == Term.id && node.namespace == 0 }
            return node.namespace == Space.dataModel && node.name == Term.deviceID && parent.name == Term.device
        case (Space.oma, Term.serviceDescription):
            return node.namespace == Space.oma && (node.name == Term.serviceId || node.name == Term.version)
        case (Space.timedStatus, Term.timedStatus): return node.kind == .attribute && node.name == Term.from
        default: return false
        }
    }

    /// Takes a node out, with all inside it, unless the schema needs it.
    mutating func exclude(_ node: XMLDocument.NodeID) {
        guard self.kept[Int(node)], node != self.tree.root, !self.isMandatory(node) else { return }
        // The text of a value that must be there stays as well.
        if self.tree[node].kind == .text, self.tree[node].parent > 0, !self.canBeEmpty(self.tree[node].parent) {
            return
        }
        self.kept[Int(node)] = false
    }

    private func canBeEmpty(_ element: XMLDocument.NodeID) -> Bool {
        let node = self.tree[element]
        return node.name == Term.note || !Space.known.contains(node.namespace)
    }

    /// What is left, as a document.
    func document() -> PresenceDocument? {
        var copy = self.tree
        var cursor = self.tree.root
        var doomed: [XMLDocument.NodeID] = []
        while cursor >= 0 {
            let node = self.tree[cursor]
            guard self.kept[Int(cursor)] else {
                if node.kind == .element || node.kind == .text { doomed.append(cursor) }
                cursor = self.tree.followingSkippingChildren(cursor, within: self.tree.root)
                continue
            }
            var attribute = node.firstAttribute
            while attribute >= 0 {
                let kind = self.tree[attribute].kind
                if kind == .attribute, !self.kept[Int(attribute)] { doomed.append(attribute) }
                attribute = self.tree[attribute].next
            }
            cursor = self.tree.following(cursor, within: self.tree.root)
        }
        copy.detach(all: doomed)
        return try? PresenceDocument.parse(copy.serialised()[...])
    }
}
