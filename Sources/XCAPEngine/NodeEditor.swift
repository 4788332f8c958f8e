internal import Ground
internal import XMLTree

/// Puts an element or attribute into the text of a document (RFC 4825 §8.2.1 to §8.2.4). Every byte outside the node
/// stays as it is.
struct NodeEditor {
    let document: ParsedDocument
    let node: NodeSelector
    let usage: ApplicationUsage
    let context: UsageContext
    let body: Octets
    let limits: XCAPLimits

    private var tree: XMLDocument { self.document.tree }

    // MARK: Where

    /// The element that the first steps select, or the document node for none (RFC 4825 §8.2.1).
    /// - Throws: no-parent, with the closest ancestor that exists.
    func parent(steps count: Int) throws(XCAPFault) -> XMLDocument.NodeID {
        let namespace = self.usage.defaultNamespace
        if case .element(let id) = self.node.evaluate(in: self.tree, defaultNamespace: namespace, steps: count) {
            return id
        }
        var ancestor = XCAPEngine.uri(of: self.context.selector.documentSelector, in: self.context)
        for shorter in stride(from: count - 1, to: 0, by: -1) {
            if case .element = self.node.evaluate(in: self.tree, defaultNamespace: namespace, steps: shorter) {
                ancestor.append(literal: "/~~/")
                ancestor.append(contentsOf: self.node.encoded(steps: shorter))
                break
            }
        }
        throw XCAPFault(.noParent(ancestor: ancestor))
    }

    /// Where a new element goes among the children of its parent (RFC 4825 §8.2.3).
    private enum InsertionPoint {
        /// Behind everything, also texts and comments.
        case last
        case before(XMLDocument.NodeID)
        /// Right behind, before what follows.
        case after(XMLDocument.NodeID)
    }

    /// Nil where no place would make the selector find the new element.
    private func insertionPoint(under parent: XMLDocument.NodeID, for step: NodeSelector.Step) -> InsertionPoint? {
        let test = StepTest(step, in: self.tree, defaultNamespace: self.usage.defaultNamespace)
        var siblings: [XMLDocument.NodeID] = []
        var child = self.tree[parent].firstChild
        while child >= 0 {
            if self.tree[child].kind == .element, test.matchesName(child, in: self.tree) { siblings.append(child) }
            child = self.tree[child].next
        }
        guard let position = step.position else {
            // Any name will do, so that no sibling is more like the new one than the others.
            guard step.name != nil, let last = siblings.last else { return .last }
            return .after(last)
        }
        guard position > 0, siblings.count >= position - 1 else { return nil }
        if position > 1 { return .after(siblings[position - 2]) }
        guard let first = siblings.first else { return .last }
        return step.attribute == nil ? nil : .before(first)
    }

    // MARK: Elements

    /// - Returns: the document with the body in it, and whether the element is new.
    func puttingElement(under parent: XMLDocument.NodeID) throws(XCAPFault) -> (ParsedDocument, isNew: Bool) {
        guard let step = self.node.steps.last else { throw XCAPFault(status: 404) }
        let namespace = self.usage.defaultNamespace
        let place: Range<Int>
        var isNew = false
        var wrapped = self.element
        var lead = 0
        if case .element(let present) = self.node.evaluate(in: self.tree, defaultNamespace: namespace) {
            guard let found = self.document.map.element(present, of: self.tree) else { throw XCAPFault(status: 500) }
            place = found.start..<found.end
        } else {
            isNew = true
            guard parent > 0 else { throw self.secondRoot() }
            guard let point = self.insertionPoint(under: parent, for: step) else {
                _ = try self.splice(atTheEndOf: parent)
                throw XCAPFault(.cannotInsert, "no place makes the element the one that is selected")
            }
            switch point {
            case .before(let sibling):
                guard let found = self.document.map.element(sibling, of: self.tree) else {
                    throw XCAPFault(status: 500)
                }
                place = found.start..<found.start
            case .after(let sibling):
                guard let found = self.document.map.element(sibling, of: self.tree) else {
                    throw XCAPFault(status: 500)
                }
                place = found.end..<found.end
            case .last: (place, wrapped, lead) = try self.endOf(parent)
            }
        }
        let after = try self.splicing(wrapped, into: place, lead: lead)
        try self.checkSelects(in: after, elementAt: place.lowerBound + lead)
        return (after, isNew)
    }

    /// The element of the body without the white space around it.
    private var element: Octets {
        var slice = self.body
        while let first = slice.first, Self.isSpace(first) { slice = slice.dropFirst() }
        while let last = slice.last, Self.isSpace(last) { slice = slice.dropLast() }
        return slice
    }

    /// The place before the end tag of an element, and what goes there: the body, with the tags that an empty-element
    /// tag needs to take something in, and how many bytes stand before it.
    private func endOf(_ parent: XMLDocument.NodeID) throws(XCAPFault) -> (Range<Int>, Octets, lead: Int) {
        guard let found = self.document.map.element(parent, of: self.tree) else { throw XCAPFault(status: 500) }
        guard found.isEmptyTag else { return (found.endTagStart..<found.endTagStart, self.element, 0) }
        var text: [UInt8] = [UInt8(ascii: ">")]
        text.append(contentsOf: self.element)
        text.append(literal: "</")
        text.append(contentsOf: self.document.bytes[(found.start + 1)..<found.nameEnd])
        text.append(UInt8(ascii: ">"))
        return ((found.end - 2)..<found.end, text[...], 1)
    }

    /// Whether the body is an element at all comes before whether there is a place for it.
    private func splice(atTheEndOf parent: XMLDocument.NodeID) throws(XCAPFault) -> ParsedDocument {
        let (place, text, lead) = try self.endOf(parent)
        return try self.splicing(text, into: place, lead: lead)
    }

    /// A document has one root, so that a second one cannot be put; but first the body must be an element.
    private func secondRoot() -> XCAPFault {
        do {
            let alone = try XMLDocument.parseUTF8(self.element, limits: self.limits.xml)
            let places = XMLSourceMap(of: Array(self.element)).elements
            guard let root = places.first, root.start == 0, root.end == self.element.count, alone.root >= 0 else {
                return XCAPFault(.notXMLFragment, "not exactly one element")
            }
            return XCAPFault(.cannotInsert, "a document has one root element")
        } catch {
            return XCAPFault(error, otherwise: .notXMLFragment)
        }
    }

    /// The document with a text in the place of another, if the body is exactly one element of the result: then it is
    /// well-formed with the prefixes that are bound where it stands.
    private func splicing(_ text: Octets, into place: Range<Int>, lead: Int) throws(XCAPFault) -> ParsedDocument {
        let after = try self.parsing(text, in: place, otherwise: .notXMLFragment)
        let start = place.lowerBound + lead
        let end = start + self.element.count
        guard after.map.elements.contains(where: { $0.start == start && $0.end == end }) else {
            throw XCAPFault(.notXMLFragment, "not exactly one element")
        }
        return after
    }

    /// RFC 4825 §8.2.3, §8.2.4: afterwards the request must select what was put; a GET would bring it back.
    private func checkSelects(in after: ParsedDocument, elementAt start: Int) throws(XCAPFault) {
        guard
            case .element(let selected) = self.node.evaluate(
                in: after.tree, defaultNamespace: self.usage.defaultNamespace),
            after.map.element(selected, of: after.tree)?.start == start
        else { throw XCAPFault(.cannotInsert, "the request would not select the element that it puts") }
    }

    // MARK: Attributes

    /// - Returns: the document with the body as the value, and whether the attribute is new.
    func puttingAttribute(
        _ name: NodeSelector.Name, of element: XMLDocument.NodeID
    ) throws(XCAPFault) -> (ParsedDocument, isNew: Bool) {
        guard let found = self.document.map.element(element, of: self.tree) else { throw XCAPFault(status: 500) }
        let quote = try self.quoteForValue()
        let present = self.node.attribute(name, of: element, in: self.tree)
        let place: Range<Int>
        var text: [UInt8] = []
        if present >= 0 {
            guard let old = self.document.map.attribute(present, of: self.tree) else { throw XCAPFault(status: 500) }
            place = (old.value.lowerBound - 1)..<(old.value.upperBound + 1)
            // The author's quotes stay, unless the value holds one.
            let mark = self.document.bytes[place.lowerBound]
            text.append(self.body.contains(mark) ? quote : mark)
        } else {
            let end = self.document.map.attributes(of: found).last.map { $0.value.upperBound + 1 } ?? found.nameEnd
            place = end..<end
            text = self.newAttribute(name, of: element)
            text.append(quote)
        }
        let start = place.lowerBound + text.count
        text.append(contentsOf: self.body)
        text.append(text[start - place.lowerBound - 1])
        let after = try self.parsing(text[...], in: place, otherwise: .notXMLAttributeValue)
        let value = start..<(start + self.body.count)
        guard
            case .element(let selected) = self.node.evaluate(
                in: after.tree, defaultNamespace: self.usage.defaultNamespace)
        else { throw XCAPFault(.cannotInsert, "the request would not select the attribute that it puts") }
        let put = self.node.attribute(name, of: selected, in: after.tree)
        guard put >= 0, after.map.attribute(put, of: after.tree)?.value == value else {
            throw XCAPFault(.cannotInsert, "the request would not select the attribute that it puts")
        }
        return (after, present < 0)
    }

    /// The quotes that a value can stand between (XML 1.0 §2.3 AttValue).
    private func quoteForValue() throws(XCAPFault) -> UInt8 {
        guard self.body.contains(UInt8(ascii: "\"")) else { return UInt8(ascii: "\"") }
        guard self.body.contains(UInt8(ascii: "'")) else { return UInt8(ascii: "'") }
        throw XCAPFault(.notXMLAttributeValue, "both kinds of quotes stand in the value")
    }

    /// What stands before the value of a new attribute: white space, its name and, where no prefix is bound to its
    /// namespace, a declaration.
    private func newAttribute(_ name: NodeSelector.Name, of element: XMLDocument.NodeID) -> [UInt8] {
        var text: [UInt8] = [0x20]
        if let namespace = name.namespace, !namespace.isEmpty {
            let prefix: [UInt8]
            if let bound = self.boundPrefix(of: namespace, at: element) {
                prefix = bound
            } else {
                prefix = self.freePrefix(like: name.prefix, at: element)
                text.append(literal: "xmlns:")
                text.append(contentsOf: prefix)
                text.append(literal: "=\"")
                NodeSelector.appendEscaped(namespace, to: &text)
                text.append(literal: "\" ")
            }
            text.append(contentsOf: prefix)
            text.append(UInt8(ascii: ":"))
        }
        text.append(contentsOf: name.local)
        text.append(UInt8(ascii: "="))
        return text
    }

    /// A prefix that stands for a namespace at an element.
    private func boundPrefix(of namespace: [UInt8], at element: XMLDocument.NodeID) -> [UInt8]? {
        if namespace.elementsEqual(self.tree.namespace(XMLVocabulary.xmlNamespace)) { return Array("xml".utf8) }
        var cursor = element
        while cursor > 0 {
            var node = self.tree[cursor].firstAttribute
            while node >= 0 {
                let one = self.tree[node]
                if one.kind == .namespace, one.name != XMLVocabulary.noName,
                    self.tree.namespace(one.namespace).elementsEqual(namespace),
                    self.tree.resolve(prefix: one.name, at: element) == one.namespace
                {
                    return Array(self.tree.name(one.name))
                }
                node = one.next
            }
            cursor = self.tree[cursor].parent
        }
        return nil
    }

    /// A prefix that nothing binds at an element: the client's own, or one like it.
    private func freePrefix(like wish: [UInt8], at element: XMLDocument.NodeID) -> [UInt8] {
        var candidate = wish
        var number: UInt64 = 0
        while let known = self.tree.nameNumber(candidate[...]), self.tree.resolve(prefix: known, at: element) != nil {
            number += 1
            candidate = wish
            candidate.append(decimal: number)
        }
        return candidate
    }

    // MARK: Texts

    private func parsing(
        _ text: Octets, in place: Range<Int>, otherwise condition: XCAPFault.Condition
    ) throws(XCAPFault) -> ParsedDocument {
        let bytes = Self.replacing(place, of: self.document.bytes, by: text)
        guard bytes.count <= self.limits.documentBytes else { throw XCAPFault(status: 413) }
        do {
            let tree = try XMLDocument.parseUTF8(
                bytes[...], vocabulary: self.usage.vocabulary, limits: self.limits.xml)
            return ParsedDocument(bytes: bytes, tree: tree)
        } catch {
            throw XCAPFault(error, otherwise: condition)
        }
    }

    /// A text with a part of it replaced.
    static func replacing(_ place: Range<Int>, of bytes: [UInt8], by text: Octets) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count - place.count + text.count)
        result.append(contentsOf: bytes[..<place.lowerBound])
        result.append(contentsOf: text)
        result.append(contentsOf: bytes[place.upperBound...])
        return result
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }
}
