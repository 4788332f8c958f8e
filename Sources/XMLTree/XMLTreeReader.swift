/// A document while it is only read: its nodes and texts, without counting references at every step. What it hands out
/// must not outlive the call of ``XMLDocument/read(_:)``.
package struct XMLTreeReader {
    /// The nodes by number.
    let nodes: UnsafeBufferPointer<XMLDocument.Node>
    /// What the texts are slices of.
    let storage: UnsafeBufferPointer<UInt8>

    init(nodes: UnsafeBufferPointer<XMLDocument.Node>, storage: UnsafeBufferPointer<UInt8>) {
        self.nodes = nodes
        self.storage = storage
    }

    /// A node by its number.
    @inline(__always)
    package subscript(_ id: XMLDocument.NodeID) -> XMLDocument.Node {
        precondition(id >= 0 && Int(id) < self.nodes.count, "a node of the document")
        return self.nodes[Int(id)]
    }

    /// The text of a text, comment, attribute or instruction node.
    package func value(_ id: XMLDocument.NodeID) -> UnsafeBufferPointer<UInt8> {
        let node = self[id]
        let start = Int(node.start)
        let count = Int(node.count)
        precondition(start + count <= self.storage.count, "a text lies in the storage")
        return UnsafeBufferPointer(start: self.storage.baseAddress.map { $0 + start }, count: count)
    }

    /// An attribute of an element by number of name and namespace, or -1.
    package func attribute(
        _ name: UInt16, namespace: UInt16 = XMLVocabulary.noNamespace, of element: XMLDocument.NodeID
    ) -> XMLDocument.NodeID {
        var cursor = self[element].firstAttribute
        while cursor >= 0 {
            let node = self[cursor]
            if node.name == name, node.namespace == namespace, node.isAttribute { return cursor }
            cursor = node.next
        }
        return -1
    }

    /// Calls `body` with all text right under an element that has no elements inside.
    package func withText<Result>(
        of element: XMLDocument.NodeID, _ body: (UnsafeBufferPointer<UInt8>) -> Result
    ) -> Result {
        let node = self[element]
        if node.firstChild < 0 { return body(UnsafeBufferPointer(start: nil, count: 0)) }
        // The usual case is one text and nothing else, which needs no copy.
        if node.firstChild == node.lastChild, self[node.firstChild].kind == .text {
            return body(self.value(node.firstChild))
        }
        var text: [UInt8] = []
        var cursor = node.firstChild
        while cursor >= 0 {
            if self[cursor].isText { text.append(contentsOf: self.value(cursor)) }
            cursor = self[cursor].next
        }
        return text.withUnsafeBufferPointer(body)
    }
}

extension XMLDocument {
    /// Reads the document at the speed of pointers.
    package func read<Result, Failure: Error>(
        _ body: (XMLTreeReader) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try self.nodes.withUnsafeBufferPointer { (nodes) throws(Failure) in
            try self.storage.withUnsafeBufferPointer { (storage) throws(Failure) in
                try body(XMLTreeReader(nodes: nodes, storage: storage))
            }
        }
    }
}
