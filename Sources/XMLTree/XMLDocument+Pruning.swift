extension XMLDocument {
    /// The document without some of its nodes, each with all that hangs under it. What is left is numbered anew in
    /// document order; texts are shared with this document.
    ///
    /// Unlike ``detach(all:)`` this leaves no trace of what is gone among ``nodes``.
    /// - Parameter isDoomed: for each number of a node, whether it goes.
    package func pruned(_ isDoomed: [Bool]) -> XMLDocument {
        precondition(isDoomed.count == self.nodes.count, "a mark for each node")
        var kept: [Node] = []
        kept.reserveCapacity(self.nodes.count)
        kept.append(Self.alone(self.nodes[0]))
        // The elements that are open, by their old and new numbers.
        var open: [(old: NodeID, new: NodeID)] = [(0, 0)]
        var cursor = self.nodes[0].firstChild
        while cursor >= 0 {
            let node = self.nodes[Int(cursor)]
            while let last = open.last, last.old != node.parent { open.removeLast() }
            guard let parent = open.last, !isDoomed[Int(cursor)] else {
                cursor = self.followingSkippingChildren(cursor, within: 0)
                continue
            }
            let number = NodeID(truncatingIfNeeded: kept.count)
            kept.append(Self.alone(node))
            kept[Int(number)].parent = parent.new
            let previous = kept[Int(parent.new)].lastChild
            if previous >= 0 {
                kept[Int(previous)].next = number
            } else {
                kept[Int(parent.new)].firstChild = number
            }
            kept[Int(parent.new)].lastChild = number
            if node.firstAttribute >= 0 { self.copyAttributes(of: node, to: number, isDoomed, &kept) }
            if node.firstChild >= 0 { open.append((cursor, number)) }
            cursor = self.following(cursor, within: 0)
        }
        return XMLDocument(nodes: kept, storage: self.storage, table: self.table)
    }

    private func copyAttributes(of node: Node, to element: NodeID, _ isDoomed: [Bool], _ kept: inout [Node]) {
        var last: NodeID = -1
        var cursor = node.firstAttribute
        while cursor >= 0 {
            let attribute = self.nodes[Int(cursor)]
            if !isDoomed[Int(cursor)] {
                let number = NodeID(truncatingIfNeeded: kept.count)
                kept.append(Self.alone(attribute))
                kept[Int(number)].parent = element
                if last >= 0 { kept[Int(last)].next = number } else { kept[Int(element)].firstAttribute = number }
                last = number
            }
            cursor = attribute.next
        }
    }

    /// A node without its links.
    private static func alone(_ node: Node) -> Node {
        var copy = node
        copy.parent = -1
        copy.firstChild = -1
        copy.lastChild = -1
        copy.next = -1
        copy.firstAttribute = -1
        return copy
    }
}
