/// Reads the documents that practically everyone sends, in one pass over their bytes: UTF-8, ASCII names, elements,
/// attributes, texts, character references, comments, instructions.
///
/// It accepts only what it fully understands. Whatever else it meets (a DTD, a CDATA section, a foreign encoding,
/// any mistake) it leaves to libxml2, which has the last word on everything irregular: see ``LibXML2Reader``. So the
/// scanner may give up for any reason, but what it accepts must be what libxml2 would have read; a property test and
/// a fuzz target compare the two.
struct XMLScanner {
    /// Why the scanner stopped.
    enum Stop: Error {
        /// Not for the scanner: libxml2 decides.
        case irregular
        /// Over a limit that holds whoever reads the text.
        case overLimit(String)
    }

    /// An element whose end tag is still to come.
    struct Open {
        var node: Int32
        var nameStart: Int
        var nameCount: Int
        var undoMark: Int
        var lastChild: Int32
    }

    let source: UnsafeBufferPointer<UInt8>
    let limits: XMLLimits
    var position = 0
    var nodes: [XMLDocument.Node]
    /// Decoded texts that are no slices of the source; they come after it in the storage of the document.
    var decoded: [UInt8] = []
    var table: NameTable
    var open: [Open] = []
    /// The namespace that each prefix stands for at this place, by the prefix's number.
    var bindings: [UInt16]
    var undo: [(prefix: UInt16, namespace: UInt16)] = []
    var hasRoot = false

    private init(_ source: UnsafeBufferPointer<UInt8>, vocabulary: XMLVocabulary, limits: XMLLimits) {
        self.source = source
        self.limits = limits
        self.nodes = []
        self.nodes.reserveCapacity(96)
        self.nodes.append(XMLDocument.Node(.document))
        self.table = NameTable(vocabulary)
        self.bindings = [UInt16](repeating: XMLVocabulary.undefined, count: vocabulary.names.count + 8)
        self.bindings[Int(XMLVocabulary.noName)] = XMLVocabulary.noNamespace
        self.bindings[Int(XMLVocabulary.xml)] = XMLVocabulary.xmlNamespace
        self.open.reserveCapacity(16)
    }

    /// - Throws: ``Stop`` where the text is not for the scanner.
    static func scan(
        _ bytes: [UInt8], vocabulary: XMLVocabulary, limits: XMLLimits
    ) throws(Stop) -> XMLDocument {
        let parts = try bytes.withUnsafeBufferPointer {
            (source) throws(Stop) -> ([XMLDocument.Node], [UInt8], NameTable) in
            guard UTF8Check.isXMLText(source) else { throw .irregular }
            var scanner = XMLScanner(source, vocabulary: vocabulary, limits: limits)
            try scanner.document()
            return (scanner.nodes, scanner.decoded, scanner.table)
        }
        var storage = bytes
        if !parts.1.isEmpty { storage.append(contentsOf: parts.1) }
        return XMLDocument(nodes: parts.0, storage: storage, table: parts.2)
    }

    // MARK: The document

    mutating func document() throws(Stop) {
        if self.source.count >= 3, self.source[0] == 0xEF { throw .irregular }
        try self.declaration()
        var lastTop: Int32 = -1
        while true {
            if self.open.isEmpty {
                self.skipSpace()
                if self.position == self.source.count { break }
                guard self.source[self.position] == UInt8(ascii: "<") else { throw .irregular }
            } else if self.position >= self.source.count {
                throw .irregular
            }
            if self.source[self.position] != UInt8(ascii: "<") {
                try self.text()
                continue
            }
            guard self.position + 1 < self.source.count else { throw .irregular }
            switch self.source[self.position + 1] {
            case UInt8(ascii: "/"): try self.endTag()
            case UInt8(ascii: "!"): try self.link(self.comment(), &lastTop)
            case UInt8(ascii: "?"): try self.link(self.instruction(), &lastTop)
            default:
                if self.open.isEmpty {
                    guard !self.hasRoot else { throw .irregular }
                    self.hasRoot = true
                }
                try self.startTag(&lastTop)
            }
        }
        guard self.hasRoot else { throw .irregular }
    }

    /// Accepts `<?xml version="1.0" encoding="UTF-8" standalone="…"?>` in its usual spellings, or nothing.
    mutating func declaration() throws(Stop) {
        guard self.matches("<?xml") else { return }
        guard self.position + 5 < self.source.count, Self.isSpace(self.source[self.position + 5]) else {
            throw .irregular
        }
        self.position += 5
        self.skipSpace()
        guard self.take("version="), try self.quoted(["1.0"]) else { throw .irregular }
        var spaced = self.skipSpace()
        if spaced, self.take("encoding=") {
            guard try self.quoted(["utf-8", "us-ascii"]) else { throw .irregular }
            spaced = self.skipSpace()
        }
        if spaced, self.take("standalone=") {
            guard try self.quoted(["yes", "no"], ignoringCase: false) else { throw .irregular }
            self.skipSpace()
        }
        guard self.take("?>") else { throw .irregular }
    }

    mutating func quoted(_ allowed: [StaticString], ignoringCase: Bool = true) throws(Stop) -> Bool {
        guard self.position < self.source.count else { return false }
        let quote = self.source[self.position]
        guard quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else { return false }
        for literal in allowed {
            let count = literal.utf8CodeUnitCount
            guard self.position + count + 1 < self.source.count, self.source[self.position + count + 1] == quote
            else { continue }
            let same = literal.withUTF8Buffer { text in
                for index in 0..<count {
                    let byte = self.source[self.position + 1 + index]
                    let folded = ignoringCase && byte &- 0x41 < 26 ? byte | 0x20 : byte
                    if folded != text[index] { return false }
                }
                return true
            }
            if same {
                self.position += count + 2
                return true
            }
        }
        return false
    }

    // MARK: Nodes

    mutating func add(_ node: XMLDocument.Node) throws(Stop) -> Int32 {
        guard self.nodes.count < self.limits.nodes else { throw .overLimit("too many nodes") }
        self.nodes.append(node)
        return Int32(truncatingIfNeeded: self.nodes.count - 1)
    }

    /// Hangs a node under the element that is open, or under the document.
    @inline(__always)
    mutating func link(_ id: Int32, _ lastTop: inout Int32) {
        if let last = self.open.indices.last {
            let parent = self.open[last].node
            self.nodes[Int(id)].parent = parent
            let previous = self.open[last].lastChild
            if previous >= 0 {
                self.nodes[Int(previous)].next = id
            } else {
                self.nodes[Int(parent)].firstChild = id
            }
            self.open[last].lastChild = id
            self.nodes[Int(parent)].lastChild = id
        } else {
            self.nodes[Int(id)].parent = 0
            if lastTop >= 0 { self.nodes[Int(lastTop)].next = id } else { self.nodes[0].firstChild = id }
            self.nodes[0].lastChild = id
            lastTop = id
        }
    }

    mutating func text() throws(Stop) {
        var node = XMLDocument.Node(.text)
        let start = self.position
        var cursor = start
        let end = self.source.count
        while cursor < end {
            let byte = self.source[cursor]
            if byte == UInt8(ascii: "<") { break }
            if byte == UInt8(ascii: "&") || byte == 0x0D {
                self.position = cursor
                try self.decodedText(from: start)
                return
            }
            if byte == UInt8(ascii: "]"), cursor + 2 < end, self.source[cursor + 1] == byte,
                self.source[cursor + 2] == UInt8(ascii: ">")
            {
                throw .irregular
            }
            cursor += 1
        }
        self.position = cursor
        node.start = UInt32(truncatingIfNeeded: start)
        node.count = UInt32(truncatingIfNeeded: cursor - start)
        var none: Int32 = -1
        self.link(try self.add(node), &none)
    }

    /// Goes on with a text from the first place where it is not its own value: a reference or a carriage return.
    mutating func decodedText(from start: Int) throws(Stop) {
        let outStart = self.decoded.count
        self.decoded.append(contentsOf: UnsafeBufferPointer(rebasing: self.source[start..<self.position]))
        while self.position < self.source.count {
            let byte = self.source[self.position]
            if byte == UInt8(ascii: "<") { break }
            if byte == UInt8(ascii: "&") {
                try self.reference()
                continue
            }
            if byte == UInt8(ascii: "]"), self.matches("]]>") { throw .irregular }
            self.position += 1
            if byte == 0x0D {
                // XML 1.0 §2.11: every line end is one line feed.
                if self.position < self.source.count, self.source[self.position] == 0x0A { continue }
                self.decoded.append(0x0A)
            } else {
                self.decoded.append(byte)
            }
        }
        var node = XMLDocument.Node(.text)
        node.start = UInt32(truncatingIfNeeded: self.source.count + outStart)
        node.count = UInt32(truncatingIfNeeded: self.decoded.count - outStart)
        var none: Int32 = -1
        self.link(try self.add(node), &none)
    }

    /// One of the five predefined entities, or a character reference.
    mutating func reference() throws(Stop) {
        if self.take("&amp;") {
            self.decoded.append(UInt8(ascii: "&"))
        } else if self.take("&lt;") {
            self.decoded.append(UInt8(ascii: "<"))
        } else if self.take("&gt;") {
            self.decoded.append(UInt8(ascii: ">"))
        } else if self.take("&quot;") {
            self.decoded.append(UInt8(ascii: "\""))
        } else if self.take("&apos;") {
            self.decoded.append(UInt8(ascii: "'"))
        } else if self.take("&#") {
            let isHex = self.take("x")
            var value: UInt32 = 0
            var digits = 0
            while self.position < self.source.count, self.source[self.position] != UInt8(ascii: ";") {
                let byte = self.source[self.position]
                guard digits < 8, let digit = Self.digit(byte), isHex || digit < 10 else { throw .irregular }
                value = value * (isHex ? 16 : 10) + UInt32(digit)
                digits += 1
                self.position += 1
            }
            guard digits > 0, self.take(";"), let scalar = Unicode.Scalar(value), UTF8Check.isXMLCharacter(value)
            else { throw .irregular }
            self.decoded.append(contentsOf: UTF8.encode(scalar).unsafelyUnwrapped)
        } else {
            throw .irregular
        }
    }

    mutating func comment() throws(Stop) -> Int32 {
        guard self.take("<!--") else { throw .irregular }
        let start = self.position
        while self.position + 2 < self.source.count {
            if self.source[self.position] == 0x0D { throw .irregular }
            if self.source[self.position] == UInt8(ascii: "-"), self.source[self.position + 1] == UInt8(ascii: "-") {
                guard self.source[self.position + 2] == UInt8(ascii: ">") else { throw .irregular }
                var node = XMLDocument.Node(.comment)
                node.start = UInt32(truncatingIfNeeded: start)
                node.count = UInt32(truncatingIfNeeded: self.position - start)
                self.position += 3
                return try self.add(node)
            }
            self.position += 1
        }
        throw .irregular
    }

    mutating func instruction() throws(Stop) -> Int32 {
        self.position += 2
        let name = try self.bareName()
        guard name.count != 3 || !Self.isXMLIgnoringCase(self.source, name.start) else { throw .irregular }
        var node = XMLDocument.Node(.instruction)
        node.name = try self.intern(name)
        let spaced = self.skipSpace()
        let start = self.position
        while self.position + 1 < self.source.count {
            if self.source[self.position] == 0x0D { throw .irregular }
            if self.source[self.position] == UInt8(ascii: "?"), self.source[self.position + 1] == UInt8(ascii: ">") {
                guard spaced || self.position == start else { throw .irregular }
                node.start = UInt32(truncatingIfNeeded: start)
                node.count = UInt32(truncatingIfNeeded: self.position - start)
                self.position += 2
                return try self.add(node)
            }
            self.position += 1
        }
        throw .irregular
    }

    // MARK: Tags

    mutating func startTag(_ lastTop: inout Int32) throws(Stop) {
        self.position += 1
        let nameStart = self.position
        let (prefix, name) = try self.qualifiedName()
        let nameCount = self.position - nameStart
        var node = XMLDocument.Node(.element)
        node.name = name
        node.prefix = prefix
        let id = try self.add(node)
        let undoMark = self.undo.count
        self.link(id, &lastTop)
        let isEmpty = try self.attributes(of: id)
        guard let namespace = self.binding(prefix) else { throw .irregular }
        self.nodes[Int(id)].namespace = namespace
        guard !isEmpty else {
            self.restore(to: undoMark)
            return
        }
        guard self.open.count < self.limits.depth else { throw .overLimit("too deep") }
        self.open.append(
            Open(node: id, nameStart: nameStart, nameCount: nameCount, undoMark: undoMark, lastChild: -1))
    }

    /// Reads attributes up to the end of the tag. Returns whether it was `/>`.
    mutating func attributes(of element: Int32) throws(Stop) -> Bool {
        let first = self.nodes.count
        var needsNamespaces = false
        while true {
            let spaced = self.skipSpace()
            guard self.position < self.source.count else { throw .irregular }
            let byte = self.source[self.position]
            if byte == UInt8(ascii: ">") {
                self.position += 1
                break
            }
            if byte == UInt8(ascii: "/") {
                guard self.take("/>") else { throw .irregular }
                try self.finishAttributes(of: element, from: first, resolving: needsNamespaces)
                return true
            }
            guard spaced else { throw .irregular }
            guard self.nodes.count - first < self.limits.attributes else { throw .overLimit("too many attributes") }
            if try self.attribute() { needsNamespaces = true }
        }
        try self.finishAttributes(of: element, from: first, resolving: needsNamespaces)
        return false
    }

    /// Reads one attribute or namespace declaration. Returns whether its prefix waits to be resolved.
    mutating func attribute() throws(Stop) -> Bool {
        let (prefix, name) = try self.qualifiedName()
        self.skipSpace()
        guard self.take("=") else { throw .irregular }
        self.skipSpace()
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
            _ = try self.add(node)
            self.bind(node.name, to: node.namespace)
            return false
        }
        var node = XMLDocument.Node(.attribute)
        node.prefix = prefix
        node.name = name
        node.start = UInt32(truncatingIfNeeded: start)
        node.count = UInt32(truncatingIfNeeded: count)
        _ = try self.add(node)
        return prefix != XMLVocabulary.noName
    }

    /// Resolves prefixes, links the attributes, and makes sure that none stands twice.
    mutating func finishAttributes(of element: Int32, from first: Int, resolving: Bool) throws(Stop) {
        let end = self.nodes.count
        guard first < end else { return }
        self.nodes[Int(element)].firstAttribute = Int32(truncatingIfNeeded: first)
        for index in first..<end {
            self.nodes[index].parent = element
            if index + 1 < end { self.nodes[index].next = Int32(truncatingIfNeeded: index + 1) }
            if resolving, self.nodes[index].kind == .attribute, self.nodes[index].prefix != XMLVocabulary.noName {
                guard let namespace = self.binding(self.nodes[index].prefix) else { throw .irregular }
                self.nodes[index].namespace = namespace
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
        guard self.position < self.source.count else { throw .irregular }
        let quote = self.source[self.position]
        guard quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else { throw .irregular }
        self.position += 1
        let start = self.position
        while self.position < self.source.count {
            let byte = self.source[self.position]
            if byte == quote {
                self.position += 1
                return (start, self.position - 1 - start)
            }
            if byte == UInt8(ascii: "<") { throw .irregular }
            if byte == UInt8(ascii: "&") || byte < 0x20 { break }
            self.position += 1
        }
        // XML 1.0 §3.3.3: white space becomes spaces, references become what they stand for.
        let outStart = self.decoded.count
        self.decoded.append(contentsOf: UnsafeBufferPointer(rebasing: self.source[start..<self.position]))
        while self.position < self.source.count {
            let byte = self.source[self.position]
            if byte == quote {
                self.position += 1
                return (self.source.count + outStart, self.decoded.count - outStart)
            }
            if byte == UInt8(ascii: "<") { throw .irregular }
            if byte == UInt8(ascii: "&") {
                try self.reference()
                continue
            }
            self.position += 1
            if byte == 0x0D, self.position < self.source.count, self.source[self.position] == 0x0A { continue }
            self.decoded.append(byte < 0x20 ? 0x20 : byte)
        }
        throw .irregular
    }

    mutating func endTag() throws(Stop) {
        guard let element = self.open.popLast() else { throw .irregular }
        self.position += 2
        let end = self.position + element.nameCount
        guard end < self.source.count else { throw .irregular }
        for index in 0..<element.nameCount
        where self.source[self.position + index] != self.source[element.nameStart + index] {
            throw .irregular
        }
        self.position = end
        if self.source[end] != UInt8(ascii: ">") { self.skipSpace() }
        guard self.take(">") else { throw .irregular }
        self.restore(to: element.undoMark)
    }
}
