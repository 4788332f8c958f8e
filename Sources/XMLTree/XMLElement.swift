package import Ground

/// An element of a document, for reading: the document and a number.
package struct XMLElement: Sendable {
    package let document: XMLDocument
    package let id: XMLDocument.NodeID

    package init(document: XMLDocument, id: XMLDocument.NodeID) {
        self.document = document
        self.id = id
    }

    /// The local name.
    package var name: Octets { self.document.name(self.document[self.id].name) }

    /// The namespace; empty if it has none.
    package var namespace: Octets { self.document.namespace(self.document[self.id].namespace) }

    /// All text inside.
    package var text: Octets { self.document.stringValue(self.id) }

    /// The elements right under it, in order.
    package var children: [XMLElement] {
        var found: [XMLElement] = []
        var cursor = self.document[self.id].firstChild
        while cursor >= 0 {
            if self.document[cursor].kind == .element { found.append(XMLElement(document: self.document, id: cursor)) }
            cursor = self.document[cursor].next
        }
        return found
    }

    /// The first child with a name, in a namespace or in any.
    package func child(_ name: String, namespace: String? = nil) -> XMLElement? {
        self.children.first { $0.matches(name, namespace) }
    }

    /// The children with a name, in a namespace or in any.
    package func children(_ name: String, namespace: String? = nil) -> [XMLElement] {
        self.children.filter { $0.matches(name, namespace) }
    }

    /// The value of an attribute without a namespace.
    package func attribute(_ name: String) -> Octets? {
        guard let number = self.document.nameNumber(Array(name.utf8)[...]) else { return nil }
        let id = self.document.attribute(number, of: self.id)
        return id >= 0 ? self.document.value(id) : nil
    }

    private func matches(_ name: String, _ namespace: String?) -> Bool {
        guard self.name.elementsEqual(name.utf8) else { return false }
        guard let namespace else { return true }
        return self.namespace.elementsEqual(namespace.utf8)
    }
}
