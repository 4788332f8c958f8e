/// Where the elements of a document lie in its text, so that an edit can change the text and leave every other byte as
/// its author wrote it.
///
/// It is made of a text that was read as a document before: what that refused is not looked for again. It costs one
/// pass over the bytes and is made only for edits.
package struct XMLSourceMap: Sendable {
    /// The place of an element, as positions in the text.
    package struct Element: Sendable, Equatable {
        /// The `<` of the start tag.
        package let start: Int
        /// Behind the name in the start tag.
        package let nameEnd: Int
        /// Behind the `>` of the start tag.
        package internal(set) var startTagEnd: Int
        /// The `<` of the end tag; ``end`` for an empty-element tag.
        package internal(set) var endTagStart: Int
        /// Behind the element.
        package internal(set) var end: Int

        /// Whether the element is one tag that ends with `/>`.
        package var isEmptyTag: Bool { self.endTagStart == self.end }
    }

    /// The place of an attribute or namespace declaration, as positions in the text.
    package struct Attribute: Sendable, Equatable {
        /// Behind what stands before the white space in front of the attribute.
        package let start: Int
        /// The name with its prefix.
        package let name: Range<Int>
        /// The value without its quotes.
        package let value: Range<Int>
    }

    /// The text.
    package let bytes: [UInt8]
    /// The elements in document order: the order in which ``XMLDocument`` numbers them when it reads the same text.
    package private(set) var elements: [Element] = []

    /// - Parameter bytes: a text that ``XMLDocument/parse(_:vocabulary:limits:)`` accepted, in UTF-8.
    package init(of bytes: [UInt8]) {
        self.bytes = bytes
        self.elements.reserveCapacity(32)
        var found = self.elements
        bytes.withUnsafeBufferPointer { Self.scan($0, into: &found) }
        self.elements = found
    }

    /// The place of an element by its number in the document that was read from the same text.
    package func element(_ id: XMLDocument.NodeID, of tree: XMLDocument) -> Element? {
        var ordinal = 0
        for index in 0..<Int(id) where tree.nodes[index].kind == .element { ordinal += 1 }
        return ordinal < self.elements.count ? self.elements[ordinal] : nil
    }

    /// The attributes and namespace declarations of an element, in their order.
    package func attributes(of element: Element) -> [Attribute] {
        var found: [Attribute] = []
        var position = element.nameEnd
        while position < element.startTagEnd {
            let start = position
            while position < element.startTagEnd, XMLScanner.isSpace(self.bytes[position]) { position += 1 }
            let nameStart = position
            while position < element.startTagEnd, !Self.endsName(self.bytes[position]) { position += 1 }
            let name = nameStart..<position
            while position < element.startTagEnd, self.bytes[position] != UInt8(ascii: "\""),
                self.bytes[position] != UInt8(ascii: "'"), self.bytes[position] != UInt8(ascii: ">")
            {
                position += 1
            }
            guard !name.isEmpty, position < element.startTagEnd, self.bytes[position] != UInt8(ascii: ">") else {
                break
            }
            let quote = self.bytes[position]
            let valueStart = position + 1
            position = valueStart
            while position < element.startTagEnd, self.bytes[position] != quote { position += 1 }
            found.append(Attribute(start: start, name: name, value: valueStart..<position))
            position += 1
        }
        return found
    }

    /// The place of an attribute by its number in the document that was read from the same text.
    package func attribute(_ id: XMLDocument.NodeID, of tree: XMLDocument) -> Attribute? {
        let node = tree[id]
        guard let element = self.element(node.parent, of: tree) else { return nil }
        var name = Array(tree.name(node.prefix))
        if !name.isEmpty { name.append(UInt8(ascii: ":")) }
        name.append(contentsOf: tree.name(node.name))
        return self.attributes(of: element).first { self.bytes[$0.name].elementsEqual(name) }
    }

    private static func endsName(_ byte: UInt8) -> Bool {
        XMLScanner.isSpace(byte) || byte == UInt8(ascii: "=") || byte == UInt8(ascii: "/") || byte == UInt8(ascii: ">")
    }

    private static func scan(_ text: UnsafeBufferPointer<UInt8>, into elements: inout [Element]) {
        var open: [Int] = []
        var position = 0
        while position < text.count {
            guard text[position] == UInt8(ascii: "<"), position + 1 < text.count else {
                position += 1
                continue
            }
            switch text[position + 1] {
            case UInt8(ascii: "?"): position = Self.end(of: "?>", in: text, from: position + 2)
            case UInt8(ascii: "!"):
                let isComment = position + 2 < text.count && text[position + 2] == UInt8(ascii: "-")
                position =
                    isComment
                    ? Self.end(of: "-->", in: text, from: position + 4)
                    : Self.end(of: "]]>", in: text, from: position + 9)
            case UInt8(ascii: "/"):
                let end = Self.end(of: ">", in: text, from: position + 2)
                if let element = open.popLast() {
                    elements[element].endTagStart = position
                    elements[element].end = end
                }
                position = end
            default: position = Self.startTag(at: position, in: text, &elements, &open)
            }
        }
    }

    private static func startTag(
        at start: Int, in text: UnsafeBufferPointer<UInt8>, _ elements: inout [Element], _ open: inout [Int]
    ) -> Int {
        var position = start + 1
        while position < text.count, !Self.endsName(text[position]) { position += 1 }
        let nameEnd = position
        var quote: UInt8 = 0
        while position < text.count {
            let byte = text[position]
            if quote != 0 {
                if byte == quote { quote = 0 }
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                quote = byte
            } else if byte == UInt8(ascii: ">") {
                break
            }
            position += 1
        }
        let end = min(position + 1, text.count)
        if position < text.count, text[position - 1] != UInt8(ascii: "/") { open.append(elements.count) }
        elements.append(Element(start: start, nameEnd: nameEnd, startTagEnd: end, endTagStart: end, end: end))
        return end
    }

    /// The position behind the next place of a literal, or the end of the text.
    private static func end(
        of literal: StaticString, in text: UnsafeBufferPointer<UInt8>, from start: Int
    ) -> Int {
        let count = literal.utf8CodeUnitCount
        let bytes = literal.utf8Start
        var position = start
        while position + count <= text.count {
            if text[position] == bytes[0] {
                var length = 1
                while length < count, text[position + length] == bytes[length] { length += 1 }
                if length == count { return position + count }
            }
            position += 1
        }
        return text.count
    }
}
