package import Ground

// Building and changing documents. Every function works on numbers of nodes; a node that is taken out stays in the
// array, unlinked, and can be linked again.
extension XMLDocument {
    /// The number of a name, which is added to the document if it is new; nil when there are too many.
    package mutating func intern(_ bytes: Octets) -> UInt16? {
        if let known = self.table.findName(bytes, in: self.storage) { return known }
        let start = self.storage.count
        self.storage.append(contentsOf: bytes)
        return self.table.addName(bytes, start: start)
    }

    /// The number of a namespace, which is added to the document if it is new; nil when there are too many.
    package mutating func intern(namespace bytes: Octets) -> UInt16? {
        if let known = self.table.findNamespace(bytes, in: self.storage) { return known }
        let start = self.storage.count
        self.storage.append(contentsOf: bytes)
        return self.table.addNamespace(bytes, start: start)
    }

    mutating func insertNode(_ node: Node) -> NodeID {
        self.nodes.append(node)
        return NodeID(truncatingIfNeeded: self.nodes.count - 1)
    }

    /// A new element that stands nowhere yet.
    package mutating func makeElement(name: UInt16, namespace: UInt16, prefix: UInt16 = 0) -> NodeID {
        var node = Node(.element)
        node.name = name
        node.namespace = namespace
        node.prefix = prefix
        return self.insertNode(node)
    }

    /// A new text that stands nowhere yet.
    package mutating func makeText(_ text: Octets) -> NodeID {
        let id = self.insertNode(Node(.text))
        self.setValue(text, of: id)
        return id
    }

    mutating func makeComment(_ text: Octets) -> NodeID {
        let id = self.insertNode(Node(.comment))
        self.setValue(text, of: id)
        return id
    }

    mutating func makeInstruction(target: UInt16, _ text: Octets) -> NodeID {
        var node = Node(.instruction)
        node.name = target
        let id = self.insertNode(node)
        self.setValue(text, of: id)
        return id
    }

    /// Gives a text, comment, instruction or attribute another value.
    package mutating func setValue(_ text: some Collection<UInt8>, of id: NodeID) {
        let start = self.storage.count
        self.storage.append(contentsOf: text)
        self.nodes[Int(id)].start = UInt32(truncatingIfNeeded: start)
        self.nodes[Int(id)].count = UInt32(truncatingIfNeeded: text.count)
    }

    /// Sets an attribute of an element, new or present.
    package mutating func setAttribute(
        _ name: UInt16, namespace: UInt16 = 0, prefix: UInt16 = 0, of element: NodeID, to text: Octets
    ) {
        let present = self.attribute(name, namespace: namespace, of: element)
        if present >= 0 {
            self.setValue(text, of: present)
            return
        }
        var node = Node(.attribute)
        node.name = name
        node.namespace = namespace
        node.prefix = prefix
        let id = self.insertNode(node)
        self.setValue(text, of: id)
        self.appendAttribute(id, to: element)
    }

    /// Declares a prefix at an element, unless it is declared there already.
    package mutating func declare(prefix: UInt16, namespace: UInt16, at element: NodeID) {
        guard self.declaration(of: prefix, at: element) < 0 else { return }
        var node = Node(.namespace)
        node.name = prefix
        node.namespace = namespace
        self.appendAttribute(self.insertNode(node), to: element)
    }

    /// The declaration of a prefix that stands at an element itself, or -1.
    package func declaration(of prefix: UInt16, at element: NodeID) -> NodeID {
        var cursor = self.nodes[Int(element)].firstAttribute
        while cursor >= 0 {
            let node = self.nodes[Int(cursor)]
            if node.kind == .namespace, node.name == prefix { return cursor }
            cursor = node.next
        }
        return -1
    }

    mutating func appendAttribute(_ id: NodeID, to element: NodeID) {
        self.nodes[Int(id)].parent = element
        self.nodes[Int(id)].next = -1
        var last = self.nodes[Int(element)].firstAttribute
        guard last >= 0 else {
            self.nodes[Int(element)].firstAttribute = id
            return
        }
        while self.nodes[Int(last)].next >= 0 { last = self.nodes[Int(last)].next }
        self.nodes[Int(last)].next = id
    }

    /// Hangs a node as the last child under another.
    package mutating func append(_ id: NodeID, to parent: NodeID) {
        self.insert(id, under: parent, after: self.nodes[Int(parent)].lastChild)
    }

    /// Hangs a node under another, after one of its children; as the first child if `after` is -1.
    package mutating func insert(_ id: NodeID, under parent: NodeID, after previous: NodeID) {
        self.nodes[Int(id)].parent = parent
        if previous >= 0 {
            self.nodes[Int(id)].next = self.nodes[Int(previous)].next
            self.nodes[Int(previous)].next = id
        } else {
            self.nodes[Int(id)].next = self.nodes[Int(parent)].firstChild
            self.nodes[Int(parent)].firstChild = id
        }
        if self.nodes[Int(parent)].lastChild == previous { self.nodes[Int(parent)].lastChild = id }
    }

    /// The child before a node, or -1.
    package func previous(_ id: NodeID) -> NodeID {
        let parent = self.nodes[Int(id)].parent
        guard parent >= 0 else { return -1 }
        var cursor = self.nodes[Int(parent)].firstChild
        if cursor == id { return -1 }
        while cursor >= 0 {
            let next = self.nodes[Int(cursor)].next
            if next == id { return cursor }
            cursor = next
        }
        return -1
    }

    /// Takes a node, with all that hangs under it, out of its place.
    package mutating func detach(_ id: NodeID) {
        let node = self.nodes[Int(id)]
        guard node.parent >= 0 else { return }
        if node.kind == .attribute || node.kind == .namespace {
            var cursor = self.nodes[Int(node.parent)].firstAttribute
            if cursor == id {
                self.nodes[Int(node.parent)].firstAttribute = node.next
            } else {
                while cursor >= 0, self.nodes[Int(cursor)].next != id { cursor = self.nodes[Int(cursor)].next }
                if cursor >= 0 { self.nodes[Int(cursor)].next = node.next }
            }
        } else {
            let before = self.previous(id)
            if before >= 0 {
                self.nodes[Int(before)].next = node.next
            } else {
                self.nodes[Int(node.parent)].firstChild = node.next
            }
            if self.nodes[Int(node.parent)].lastChild == id { self.nodes[Int(node.parent)].lastChild = before }
        }
        self.nodes[Int(id)].parent = -1
        self.nodes[Int(id)].next = -1
    }

    /// Copies a subtree of a document (this one or another) to a place that is still free.
    ///
    /// The prefixes that are declared above the subtree in its old document are declared at the copy where the
    /// subtree uses them, in names or, as far as a text can show it, in values.
    package mutating func copySubtree(_ top: NodeID, of source: XMLDocument) -> NodeID {
        var translation = Translation(from: source, to: self)
        let copy = self.copyNode(top, of: source, &translation)
        var parents: [(source: NodeID, copy: NodeID)] = [(top, copy)]
        var cursor = source.following(top, within: top)
        while cursor >= 0 {
            while let last = parents.last, last.source != source[cursor].parent { parents.removeLast() }
            let made = self.copyNode(cursor, of: source, &translation)
            if let parent = parents.last { self.append(made, to: parent.copy) }
            if source[cursor].firstChild >= 0 { parents.append((cursor, made)) }
            cursor = source.following(cursor, within: top)
        }
        if source[top].kind == .element {
            for (prefix, namespace) in source.inheritedDeclarations(usedIn: top) {
                let mine = translation.name(prefix, &self)
                if self.declaration(of: mine, at: copy) < 0 {
                    self.declare(prefix: mine, namespace: translation.namespace(namespace, &self), at: copy)
                }
            }
        }
        return copy
    }

    private mutating func copyNode(
        _ id: NodeID, of source: XMLDocument, _ translation: inout Translation
    ) -> NodeID {
        let original = source[id]
        var node = Node(original.kind)
        node.name = translation.name(original.name, &self)
        node.prefix = translation.name(original.prefix, &self)
        node.namespace = translation.namespace(original.namespace, &self)
        let copy = self.insertNode(node)
        if original.count > 0 { self.setValue(source.value(id), of: copy) }
        var last: NodeID = -1
        var attribute = original.firstAttribute
        while attribute >= 0 {
            let made = self.copyNode(attribute, of: source, &translation)
            self.nodes[Int(made)].parent = copy
            if last >= 0 {
                self.nodes[Int(last)].next = made
            } else {
                self.nodes[Int(copy)].firstAttribute = made
            }
            last = made
            attribute = source[attribute].next
        }
        return copy
    }

    /// Numbers of one document as numbers of another.
    private struct Translation {
        private let source: XMLDocument
        private let isSameVocabulary: Bool

        init(from source: XMLDocument, to target: XMLDocument) {
            self.source = source
            self.isSameVocabulary = source.vocabulary === target.vocabulary
        }

        func name(_ number: UInt16, _ target: inout XMLDocument) -> UInt16 {
            if self.isSameVocabulary, Int(number) < self.source.vocabulary.names.count { return number }
            // A document cannot have more names than its bytes allow; a full table keeps the name it has for "".
            return target.intern(self.source.name(number)) ?? XMLVocabulary.noName
        }

        func namespace(_ number: UInt16, _ target: inout XMLDocument) -> UInt16 {
            if self.isSameVocabulary, Int(number) < self.source.vocabulary.namespaces.count { return number }
            return target.intern(namespace: self.source.namespace(number)) ?? XMLVocabulary.noNamespace
        }
    }

    /// The prefixes declared above an element that it or something inside it uses: as a prefix of a name, or before
    /// a colon in a value (a qualified name as content).
    func inheritedDeclarations(usedIn top: NodeID) -> [(prefix: UInt16, namespace: UInt16)] {
        var found: [(prefix: UInt16, namespace: UInt16)] = []
        var seen: Set<UInt16> = []
        var cursor = self.nodes[Int(top)].parent
        while cursor > 0 {
            var declaration = self.nodes[Int(cursor)].firstAttribute
            while declaration >= 0 {
                let node = self.nodes[Int(declaration)]
                if node.kind == .namespace, seen.insert(node.name).inserted, self.uses(prefix: node.name, in: top) {
                    found.append((node.name, node.namespace))
                }
                declaration = node.next
            }
            cursor = self.nodes[Int(cursor)].parent
        }
        return found
    }

    private func uses(prefix: UInt16, in top: NodeID) -> Bool {
        let text = Array(self.name(prefix)) + [UInt8(ascii: ":")]
        var cursor = top
        while cursor >= 0 {
            let node = self.nodes[Int(cursor)]
            if node.kind == .element, node.prefix == prefix { return true }
            if node.kind == .text, prefix != 0, Self.mentions(text, in: self.value(cursor)) { return true }
            var attribute = node.firstAttribute
            while attribute >= 0 {
                let one = self.nodes[Int(attribute)]
                if one.kind == .attribute, prefix != 0 {
                    if one.prefix == prefix || Self.mentions(text, in: self.value(attribute)) { return true }
                }
                attribute = one.next
            }
            cursor = self.following(cursor, within: top)
        }
        return false
    }

    private static func mentions(_ prefix: [UInt8], in value: Octets) -> Bool {
        guard value.count >= prefix.count else { return false }
        var start = value.startIndex
        while start <= value.endIndex - prefix.count {
            if value[start] == prefix[0],
                start == value.startIndex || !XMLScanner.isNameByte(value[start - 1]),
                value[start..<start + prefix.count].elementsEqual(prefix)
            {
                return true
            }
            start += 1
        }
        return false
    }
}

extension XMLDocument {
    /// Takes many nodes out at once, in time proportional to the document.
    package mutating func detach(all doomed: [NodeID]) {
        var isDoomed = [Bool](repeating: false, count: self.nodes.count)
        var parents: Set<NodeID> = []
        for id in doomed {
            isDoomed[Int(id)] = true
            if self.nodes[Int(id)].parent >= 0 { parents.insert(self.nodes[Int(id)].parent) }
        }
        for parent in parents {
            let (firstChild, lastChild) = self.relink(self.nodes[Int(parent)].firstChild, isDoomed)
            self.nodes[Int(parent)].firstChild = firstChild
            self.nodes[Int(parent)].lastChild = lastChild
            self.nodes[Int(parent)].firstAttribute = self.relink(self.nodes[Int(parent)].firstAttribute, isDoomed).0
        }
    }

    /// A list of siblings without those that are doomed: the first and the last that stay.
    private mutating func relink(_ first: NodeID, _ isDoomed: [Bool]) -> (NodeID, NodeID) {
        var newFirst: NodeID = -1
        var last: NodeID = -1
        var cursor = first
        while cursor >= 0 {
            let next = self.nodes[Int(cursor)].next
            if isDoomed[Int(cursor)] {
                self.nodes[Int(cursor)].parent = -1
                self.nodes[Int(cursor)].next = -1
            } else {
                if last >= 0 { self.nodes[Int(last)].next = cursor } else { newFirst = cursor }
                last = cursor
            }
            cursor = next
        }
        if last >= 0 { self.nodes[Int(last)].next = -1 }
        return (newFirst, last)
    }
}
