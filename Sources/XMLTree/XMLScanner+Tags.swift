// Tags and attributes.
extension XMLScanner {
    mutating func startTag() throws(Stop) {
        self.position += 1
        let nameStart = self.position
        var node = XMLDocument.Node(.element)
        (node.prefix, node.name) = try self.qualifiedName()
        node.start = UInt32(truncatingIfNeeded: nameStart)
        node.count = UInt32(truncatingIfNeeded: self.position - nameStart)
        let id = try self.addChild(node)
        let isEmpty: Bool
        if self.source[self.position] == UInt8(ascii: ">") {
            self.position += 1
            isEmpty = false
        } else {
            isEmpty = try self.attributes(of: id)
        }
        self.nodes[id].namespace = try self.binding(node.prefix)
        if isEmpty { return self.closeElement(id) }
        guard self.depth < self.limits.depth else { throw .overLimit("too deep") }
        self.depth += 1
        self.current = id
    }

    mutating func endTag() throws(Stop) {
        guard self.depth > 0 else { throw .irregular }
        let element = self.nodes[self.current]
        let start = self.position + 2
        let end = start + Int(element.count)
        guard end < self.source.count,
            self.source.equal(start, Int(element.start), count: Int(element.count))
        else { throw .irregular }
        self.position = end
        if self.source[end] != UInt8(ascii: ">") {
            self.skipSpace()
            guard self.source[self.position] == UInt8(ascii: ">") else { throw .irregular }
        }
        self.position += 1
        self.closeElement(self.current)
        self.depth -= 1
        self.current = element.parent
    }

    /// Ends what held inside an element only.
    @inline(__always)
    private mutating func closeElement(_ id: Int32) {
        self.nodes[id].start = 0
        self.nodes[id].count = 0
        while let last = self.undo.last, last.element == id {
            self.bindings[Int(last.prefix)] = last.namespace
            self.undo.removeLast()
        }
    }

    /// Reads attributes up to the end of the tag. Returns whether it was `/>`.
    mutating func attributes(of element: Int32) throws(Stop) -> Bool {
        let first = self.nodes.count
        var needsNamespaces = false
        while true {
            let spaced = self.skipSpace()
            let byte = self.source[self.position]
            if byte == UInt8(ascii: ">") || byte == UInt8(ascii: "/") {
                let isEmpty = byte == UInt8(ascii: "/")
                if isEmpty, self.source[self.position + 1] != UInt8(ascii: ">") { throw .irregular }
                self.position += isEmpty ? 2 : 1
                try self.finishAttributes(of: element, from: first, resolving: needsNamespaces)
                return isEmpty
            }
            guard spaced else { throw .irregular }
            guard self.nodes.count - first < self.limits.attributes else { throw .overLimit("too many attributes") }
            if try self.attribute(of: element) { needsNamespaces = true }
        }
    }

    /// Reads one attribute or namespace declaration. Returns whether its prefix waits to be resolved.
    mutating func attribute(of element: Int32) throws(Stop) -> Bool {
        let (prefix, name) = try self.qualifiedName()
        if self.source[self.position] != UInt8(ascii: "=") { self.skipSpace() }
        guard self.source[self.position] == UInt8(ascii: "=") else { throw .irregular }
        self.position += 1
        let (start, count) = try self.attributeValue()
        let isDeclaration = prefix == XMLVocabulary.xmlns
        if isDeclaration || (prefix == XMLVocabulary.noName && name == XMLVocabulary.xmlns) {
            var node = XMLDocument.Node(.namespace)
            node.name = isDeclaration ? name : XMLVocabulary.noName
            node.namespace = try self.internNamespace(start: start, count: count)
            // Rebinding the reserved ones, or taking a prefix back, is rare and has rules of its own.
            guard node.name != XMLVocabulary.xml, node.name != XMLVocabulary.xmlns, node.namespace != 1,
                node.namespace != 2, !(isDeclaration && node.namespace == XMLVocabulary.noNamespace)
            else { throw .irregular }
            try self.addAttribute(node, of: element)
            self.bind(node.name, to: node.namespace, at: element)
            return false
        }
        var node = XMLDocument.Node(.attribute)
        node.prefix = prefix
        node.name = name
        node.start = UInt32(truncatingIfNeeded: start)
        node.count = UInt32(truncatingIfNeeded: count)
        try self.addAttribute(node, of: element)
        return prefix != XMLVocabulary.noName
    }

    /// Adds an attribute or declaration behind those that the element has: they stand next to each other.
    @inline(__always)
    private mutating func addAttribute(_ node: XMLDocument.Node, of element: Int32) throws(Stop) {
        var node = node
        node.parent = element
        let id = try self.add(node)
        if self.nodes[element].firstAttribute < 0 {
            self.nodes[element].firstAttribute = id
        } else {
            self.nodes[id - 1].next = id
        }
    }

    /// Resolves prefixes, and makes sure that no attribute stands twice.
    mutating func finishAttributes(of element: Int32, from first: Int, resolving: Bool) throws(Stop) {
        let first = Int32(truncatingIfNeeded: first)
        let end = Int32(truncatingIfNeeded: self.nodes.count)
        guard resolving || end - first > 1 else { return }
        for index in first..<end {
            if resolving, self.nodes[index].kind == .attribute, self.nodes[index].prefix != XMLVocabulary.noName {
                self.nodes[index].namespace = try self.binding(self.nodes[index].prefix)
            }
            let mine = self.nodes[index]
            for other in first..<index
            where self.nodes[other].name == mine.name && self.nodes[other].kind == mine.kind
                && (mine.kind == .namespace || self.nodes[other].namespace == mine.namespace)
            {
                throw .irregular
            }
        }
    }

    mutating func attributeValue() throws(Stop) -> (start: Int, count: Int) {
        var quote = self.source[self.position]
        if Self.isSpace(quote) {
            self.skipSpace()
            quote = self.source[self.position]
        }
        guard quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else { throw .irregular }
        self.position += 1
        let start = self.position
        try self.skipPlain(and: quote)
        if self.source[self.position] == quote {
            self.position += 1
            return (start, self.position - 1 - start)
        }
        return try self.decodedValue(from: start, quote)
    }

    /// Goes on with a value from the first place where it is not what stands there.
    mutating func decodedValue(from start: Int, _ quote: UInt8) throws(Stop) -> (start: Int, count: Int) {
        let outStart = self.decoded.count
        var runStart = start
        while true {
            self.decoded.append(contentsOf: self.source.bytes(runStart, self.position - runStart))
            switch self.source[self.position] {
            case quote:
                self.position += 1
                return (self.source.count + outStart, self.decoded.count - outStart)
            case UInt8(ascii: "&"): try self.reference()
            case 0x09, 0x0A, 0x0D:
                // XML 1.0 §3.3.3: white space becomes spaces, a line end of two bytes becomes one.
                if self.source[self.position] != 0x0D || self.source[self.position + 1] != 0x0A {
                    self.decoded.append(0x20)
                }
                self.position += 1
            default: throw .irregular
            }
            runStart = self.position
            try self.skipPlain(and: quote)
        }
    }
}
