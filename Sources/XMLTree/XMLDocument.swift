package import Ground

/// An XML document as a value: one array of nodes that name each other by number, and one run of bytes that their
/// texts are slices of.
///
/// Node 0 is the document itself. Attributes and namespace declarations are nodes too, in a list of their own.
/// Removing a node only unlinks it; its place is given back when the document is written and read again.
package struct XMLDocument: Sendable {
    /// What a node is.
    package enum Kind: UInt8, Sendable {
        case document, element, attribute, namespace, text, comment, instruction
    }

    /// A node. Links are numbers of other nodes; -1 is none.
    package struct Node: Sendable {
        package var kind: Kind
        /// The local name of an element or attribute, the target of an instruction, the prefix of a declaration.
        package var name: UInt16 = 0
        /// The prefix of an element or attribute, as the author wrote it.
        package var prefix: UInt16 = 0
        /// The namespace of an element or attribute, or the namespace that a declaration binds.
        package var namespace: UInt16 = 0
        package var parent: Int32 = -1
        package var firstChild: Int32 = -1
        package var lastChild: Int32 = -1
        package var next: Int32 = -1
        package var firstAttribute: Int32 = -1
        /// Where the text of a text, comment, attribute or instruction lies in ``XMLDocument/storage``.
        var start: UInt32 = 0
        var count: UInt32 = 0

        init(_ kind: Kind) { self.kind = kind }

        /// Whether it is an element. A pattern, unlike `==`, is one comparison in other rooms too.
        @inline(__always)
        package var isElement: Bool { if case .element = self.kind { true } else { false } }

        /// Whether it is a text.
        @inline(__always)
        package var isText: Bool { if case .text = self.kind { true } else { false } }

        /// Whether it is an attribute, and not a namespace declaration.
        @inline(__always)
        package var isAttribute: Bool { if case .attribute = self.kind { true } else { false } }
    }

    /// The number of a node.
    package typealias NodeID = Int32

    /// The nodes by number.
    package internal(set) var nodes: [Node]
    /// The bytes the texts of nodes and the names of this document are slices of.
    package internal(set) var storage: [UInt8]
    /// Names and namespaces of this document.
    var table: NameTable

    /// The vocabulary the document was read with.
    package var vocabulary: XMLVocabulary { self.table.vocabulary }

    /// A document without a root element, to be built up.
    package init(vocabulary: XMLVocabulary = .empty) {
        self.nodes = [Node(.document)]
        self.storage = []
        self.table = NameTable(vocabulary)
    }

    init(nodes: [Node], storage: [UInt8], table: NameTable) {
        self.nodes = nodes
        self.storage = storage
        self.table = table
    }

    /// The root element, or -1 in a document that is still empty.
    package var root: NodeID {
        var child = self.nodes[0].firstChild
        while child >= 0, self.nodes[Int(child)].kind != .element { child = self.nodes[Int(child)].next }
        return child
    }

    /// The root element as a cursor; nil in a document that is still empty.
    package var rootElement: XMLElement? { self.root >= 0 ? XMLElement(document: self, id: self.root) : nil }

    @inline(__always)
    package subscript(_ id: NodeID) -> Node { self.nodes[Int(id)] }

    /// The text of a text, comment, attribute or instruction node.
    package func value(_ id: NodeID) -> Octets {
        let node = self.nodes[Int(id)]
        return self.storage[Int(node.start)..<Int(node.start &+ node.count)]
    }

    /// The bytes of a name by its number.
    package func name(_ number: UInt16) -> Octets { self.table.name(number, in: self.storage) }

    /// The bytes of a namespace by its number.
    package func namespace(_ number: UInt16) -> Octets { self.table.namespace(number, in: self.storage) }

    /// The number of a name, if the document or its vocabulary has it.
    package func nameNumber(_ bytes: Octets) -> UInt16? {
        self.table.findName(bytes, in: self.storage)
    }

    /// The number of a namespace, if the document or its vocabulary has it.
    package func namespaceNumber(_ bytes: Octets) -> UInt16? {
        self.table.findNamespace(bytes, in: self.storage)
    }

    /// All text inside a node, in document order: its string value as XPath sees it.
    package func stringValue(_ id: NodeID) -> Octets {
        let node = self.nodes[Int(id)]
        guard node.kind == .element || node.kind == .document else {
            return node.kind == .namespace ? self.namespace(node.namespace) : self.value(id)
        }
        // The usual case is one text and nothing else, which needs no copy.
        if node.firstChild < 0 { return [] }
        if node.firstChild == node.lastChild, self.nodes[Int(node.firstChild)].kind == .text {
            return self.value(node.firstChild)
        }
        var text: [UInt8] = []
        var cursor = node.firstChild
        while cursor >= 0 {
            if self.nodes[Int(cursor)].kind == .text { text.append(contentsOf: self.value(cursor)) }
            cursor = self.following(cursor, within: id)
        }
        return text[...]
    }

    /// The node after `id` in document order inside `top`, or -1.
    @inline(__always)
    package func following(_ id: NodeID, within top: NodeID) -> NodeID {
        let child = self.nodes[Int(id)].firstChild
        return child >= 0 ? child : self.followingSkippingChildren(id, within: top)
    }

    /// The node after the end of `id` in document order inside `top`, or -1.
    @inline(__always)
    package func followingSkippingChildren(_ id: NodeID, within top: NodeID) -> NodeID {
        var cursor = id
        while cursor != top, cursor >= 0 {
            let next = self.nodes[Int(cursor)].next
            if next >= 0 { return next }
            cursor = self.nodes[Int(cursor)].parent
        }
        return -1
    }

    /// An attribute of an element by number of name and namespace, or -1.
    package func attribute(
        _ name: UInt16, namespace: UInt16 = XMLVocabulary.noNamespace, of element: NodeID
    ) -> NodeID {
        var cursor = self.nodes[Int(element)].firstAttribute
        while cursor >= 0 {
            let node = self.nodes[Int(cursor)]
            if node.kind == .attribute, node.name == name, node.namespace == namespace { return cursor }
            cursor = node.next
        }
        return -1
    }

    /// How many elements stand around a node.
    package func depth(of id: NodeID) -> Int {
        var depth = 0
        var cursor = self.nodes[Int(id)].parent
        while cursor > 0 {
            depth += 1
            cursor = self.nodes[Int(cursor)].parent
        }
        return depth
    }

    /// The namespace a prefix stands for at an element; nil if it is not declared there.
    package func resolve(prefix: UInt16, at element: NodeID) -> UInt16? {
        if prefix == XMLVocabulary.xml { return XMLVocabulary.xmlNamespace }
        var cursor = element
        while cursor > 0 {
            var declaration = self.nodes[Int(cursor)].firstAttribute
            while declaration >= 0 {
                let node = self.nodes[Int(declaration)]
                if node.kind == .namespace, node.name == prefix { return node.namespace }
                declaration = node.next
            }
            cursor = self.nodes[Int(cursor)].parent
        }
        return prefix == XMLVocabulary.noName ? XMLVocabulary.noNamespace : nil
    }
}

extension XMLDocument: Equatable {
    /// Whether two documents say the same: the same elements, attributes (in any order), texts, comments and
    /// instructions. Prefixes and the places of namespace declarations do not matter.
    package static func == (left: XMLDocument, right: XMLDocument) -> Bool {
        left.subtree(0, equals: right, 0)
    }

    /// Whether two subtrees, perhaps of different documents, say the same.
    package func subtree(_ top: NodeID, equals other: XMLDocument, _ otherTop: NodeID) -> Bool {
        var mine = top
        var theirs = otherTop
        while mine >= 0, theirs >= 0 {
            guard self.nodeAlone(mine, equals: other, theirs) else { return false }
            let left = self.nodes[Int(mine)]
            let right = other.nodes[Int(theirs)]
            guard (left.firstChild >= 0) == (right.firstChild >= 0) else { return false }
            if left.firstChild < 0, mine != top {
                // Both walks climb the same number of steps only if they end their sibling lists together.
                guard self.climb(mine, within: top) == other.climb(theirs, within: otherTop) else { return false }
            }
            mine = self.following(mine, within: top)
            theirs = other.following(theirs, within: otherTop)
        }
        return mine < 0 && theirs < 0
    }

    private func climb(_ id: NodeID, within top: NodeID) -> Int {
        var steps = 0
        var cursor = id
        while cursor != top, cursor >= 0, self.nodes[Int(cursor)].next < 0 {
            steps += 1
            cursor = self.nodes[Int(cursor)].parent
        }
        return cursor == top ? -1 : steps
    }

    private func nodeAlone(_ mine: NodeID, equals other: XMLDocument, _ theirs: NodeID) -> Bool {
        let left = self.nodes[Int(mine)]
        let right = other.nodes[Int(theirs)]
        guard left.kind == right.kind else { return false }
        switch left.kind {
        case .document: return true
        case .text, .comment: return self.value(mine) == other.value(theirs)
        case .instruction:
            return self.name(left.name) == other.name(right.name) && self.value(mine) == other.value(theirs)
        case .namespace: return self.namespace(left.namespace) == other.namespace(right.namespace)
        case .attribute:
            return self.sameName(left, as: right, of: other) && self.value(mine) == other.value(theirs)
        case .element:
            guard self.sameName(left, as: right, of: other) else { return false }
            let attributes = self.attributes(of: mine)
            let theirAttributes = other.attributes(of: theirs)
            guard attributes.count == theirAttributes.count else { return false }
            return attributes.allSatisfy { one in
                theirAttributes.contains { self.nodeAlone(one, equals: other, $0) }
            }
        }
    }

    /// Whether two nodes have the same expanded name.
    func sameName(_ node: Node, as otherNode: Node, of other: XMLDocument) -> Bool {
        if self.vocabulary === other.vocabulary {
            let known = UInt16(self.vocabulary.names.count)
            let knownSpaces = UInt16(self.vocabulary.namespaces.count)
            if (node.name < known || otherNode.name < known) && node.name != otherNode.name { return false }
            if (node.namespace < knownSpaces || otherNode.namespace < knownSpaces)
                && node.namespace != otherNode.namespace
            {
                return false
            }
            if node.name < known, node.namespace < knownSpaces { return true }
        }
        return self.name(node.name) == other.name(otherNode.name)
            && self.namespace(node.namespace) == other.namespace(otherNode.namespace)
    }

    /// The attributes of an element without the namespace declarations.
    package func attributes(of element: NodeID) -> [NodeID] {
        var found: [NodeID] = []
        var cursor = self.nodes[Int(element)].firstAttribute
        while cursor >= 0 {
            if self.nodes[Int(cursor)].kind == .attribute { found.append(cursor) }
            cursor = self.nodes[Int(cursor)].next
        }
        return found
    }
}
