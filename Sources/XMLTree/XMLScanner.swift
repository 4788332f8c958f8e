/// Reads the documents that practically everyone sends, in one pass over their bytes: UTF-8, ASCII names, elements,
/// attributes, texts, character references, comments, instructions.
///
/// It accepts only what it fully understands. Whatever else it meets (a DTD, a CDATA section, a foreign encoding,
/// any mistake) it leaves to libxml2, which has the last word on everything irregular: see ``LibXML2Reader``. So the
/// scanner may give up for any reason, but what it accepts must be what libxml2 would have read; a property test and
/// a fuzz target compare the two.
struct XMLScanner: ~Copyable {
    /// Why the scanner stopped.
    enum Stop: Error {
        /// Not for the scanner: libxml2 decides.
        case irregular
        /// Over a limit that holds whoever reads the text.
        case overLimit(String)
    }

    /// What a prefix stood for before an element declared it.
    struct Rebinding {
        var element: Int32
        var prefix: UInt16
        var namespace: UInt16
    }

    let source: PaddedText
    let limits: XMLLimits
    let knownNames: HashedNamesReader
    let knownNamespaces: HashedNamesReader
    var position = 0
    var nodes: NodeBuilder
    /// Decoded texts that are no slices of the source; they come after it in the storage of the document.
    var decoded: [UInt8] = []
    var table: NameTable
    /// The element that is open, or the document. While an element is open its `start` and `count` say where its name
    /// stands in the source.
    var current: Int32 = 0
    /// How many elements are open.
    var depth = 0
    /// The namespace that each prefix stands for at this place, by the prefix's number.
    var bindings: [UInt16]
    var undo: [Rebinding] = []
    var hasRoot = false

    private init(
        _ source: PaddedText, vocabulary: XMLVocabulary, names: HashedNamesReader, namespaces: HashedNamesReader,
        limits: XMLLimits
    ) {
        self.source = source
        self.limits = limits
        self.knownNames = names
        self.knownNamespaces = namespaces
        // Documents have a node for every 20 to 40 bytes.
        self.nodes = NodeBuilder(expecting: source.count / 24 + 16)
        _ = self.nodes.append(XMLDocument.Node(.document))
        self.table = NameTable(vocabulary)
        self.bindings = [UInt16](repeating: XMLVocabulary.undefined, count: names.count + 8)
        self.bindings[Int(XMLVocabulary.noName)] = XMLVocabulary.noNamespace
        self.bindings[Int(XMLVocabulary.xml)] = XMLVocabulary.xmlNamespace
    }

    /// - Throws: ``Stop`` where the text is not for the scanner.
    static func scan(
        _ bytes: ArraySlice<UInt8>, vocabulary: XMLVocabulary, limits: XMLLimits
    ) throws(Stop) -> XMLDocument {
        var storage = PaddedText.storage(of: bytes)
        let (nodes, decoded, table) = try PaddedText.read(storage) { (source) throws(Stop) in
            try vocabulary.nameTable.read { (names) throws(Stop) in
                try vocabulary.namespaceTable.read { (namespaces) throws(Stop) in
                    var scanner = XMLScanner(
                        source, vocabulary: vocabulary, names: names, namespaces: namespaces, limits: limits)
                    do throws(Stop) {
                        try scanner.document()
                    } catch {
                        // A text that is no UTF-8 is that first of all, wherever it is over a limit.
                        throw UTF8Check.isXMLText(source.bytes) ? error : .irregular
                    }
                    return (scanner.nodes.array, scanner.decoded, scanner.table)
                }
            }
        }
        storage.removeLast(PaddedText.padding)
        if !decoded.isEmpty { storage.append(contentsOf: decoded) }
        return XMLDocument(nodes: nodes, storage: storage, table: table)
    }

    // MARK: The document

    mutating func document() throws(Stop) {
        try self.declaration()
        while true {
            if self.source[self.position] != UInt8(ascii: "<") {
                if self.depth > 0 {
                    try self.text()
                    continue
                }
                self.skipSpace()
                if self.position == self.source.count { break }
                guard self.source[self.position] == UInt8(ascii: "<") else { throw .irregular }
            }
            switch self.source[self.position + 1] {
            case UInt8(ascii: "/"): try self.endTag()
            case UInt8(ascii: "!"): try self.comment()
            case UInt8(ascii: "?"): try self.instruction()
            default:
                if self.depth == 0 {
                    guard !self.hasRoot else { throw .irregular }
                    self.hasRoot = true
                }
                try self.startTag()
            }
        }
        guard self.hasRoot else { throw .irregular }
    }

    /// Accepts `<?xml version="1.0" encoding="UTF-8" standalone="…"?>` in its usual spellings, or nothing.
    mutating func declaration() throws(Stop) {
        if self.take("<?xml version=\"1.0\" encoding=\"UTF-8\"?>") { return }
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

    /// Adds an attribute, or a node that hangs nowhere yet.
    @inline(__always)
    mutating func add(_ node: XMLDocument.Node) throws(Stop) -> Int32 {
        guard self.nodes.count < self.limits.nodes else { throw .overLimit("too many nodes") }
        return self.nodes.append(node)
    }

    /// Adds a node under the element that is open, or under the document.
    @inline(__always)
    mutating func addChild(_ node: XMLDocument.Node) throws(Stop) -> Int32 {
        var node = node
        node.parent = self.current
        let id = try self.add(node)
        let previous = self.nodes[self.current].lastChild
        if previous >= 0 {
            self.nodes[previous].next = id
        } else {
            self.nodes[self.current].firstChild = id
        }
        self.nodes[self.current].lastChild = id
        return id
    }

    /// Adds a text, comment or instruction that ends at this place.
    @inline(__always)
    mutating func addChild(_ kind: XMLDocument.Kind, name: UInt16 = 0, from start: Int) throws(Stop) {
        var node = XMLDocument.Node(kind)
        node.name = name
        node.start = UInt32(truncatingIfNeeded: start)
        node.count = UInt32(truncatingIfNeeded: self.position - start)
        _ = try self.addChild(node)
    }

    mutating func text() throws(Stop) {
        let start = self.position
        while true {
            try self.skipPlain(and: UInt8(ascii: "]"))
            switch self.source[self.position] {
            case UInt8(ascii: "<"): return try self.addChild(.text, from: start)
            case UInt8(ascii: "&"), 0x0D: return try self.decodedText(from: start)
            case UInt8(ascii: "]"): try self.bracket()
            case 0x09, 0x0A: self.position += 1
            default: throw .irregular
            }
        }
    }

    /// Passes a `]` that is not the beginning of `]]>`.
    mutating func bracket() throws(Stop) {
        if self.matches("]]>") { throw .irregular }
        self.position += 1
    }

    /// Goes on with a text from the first place where it is not its own value: a reference or a carriage return.
    mutating func decodedText(from start: Int) throws(Stop) {
        let outStart = self.decoded.count
        var runStart = start
        while true {
            switch self.source[self.position] {
            case UInt8(ascii: "]"): try self.bracket()
            case 0x09, 0x0A: self.position += 1
            case UInt8(ascii: "<"):
                self.decoded.append(contentsOf: self.source.bytes(runStart, self.position - runStart))
                var node = XMLDocument.Node(.text)
                node.start = UInt32(truncatingIfNeeded: self.source.count + outStart)
                node.count = UInt32(truncatingIfNeeded: self.decoded.count - outStart)
                _ = try self.addChild(node)
                return
            case UInt8(ascii: "&"):
                self.decoded.append(contentsOf: self.source.bytes(runStart, self.position - runStart))
                try self.reference()
                runStart = self.position
            case 0x0D:
                // XML 1.0 §2.11: every line end is one line feed.
                self.decoded.append(contentsOf: self.source.bytes(runStart, self.position - runStart))
                self.position += 1
                runStart = self.position
                if self.source[self.position] != 0x0A { self.decoded.append(0x0A) }
            default: throw .irregular
            }
            try self.skipPlain(and: UInt8(ascii: "]"))
        }
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

    mutating func comment() throws(Stop) {
        guard self.take("<!--") else { throw .irregular }
        let start = self.position
        while true {
            try self.skipPlain(and: UInt8(ascii: "-"))
            switch self.source[self.position] {
            case UInt8(ascii: "-") where self.source[self.position + 1] == UInt8(ascii: "-"):
                guard self.matches("-->") else { throw .irregular }
                try self.addChild(.comment, from: start)
                self.position += 3
                return
            case UInt8(ascii: "-"), UInt8(ascii: "<"), UInt8(ascii: "&"), 0x09, 0x0A: self.position += 1
            default: throw .irregular
            }
        }
    }

    mutating func instruction() throws(Stop) {
        self.position += 2
        let name = try self.bareName()
        guard name.count != 3 || !self.isXMLIgnoringCase(name.start) else { throw .irregular }
        let target = try self.intern(name)
        let spaced = self.skipSpace()
        let start = self.position
        while true {
            try self.skipPlain(and: UInt8(ascii: "?"))
            switch self.source[self.position] {
            case UInt8(ascii: "?") where self.source[self.position + 1] == UInt8(ascii: ">"):
                guard spaced || self.position == start else { throw .irregular }
                try self.addChild(.instruction, name: target, from: start)
                self.position += 2
                return
            case UInt8(ascii: "?"), UInt8(ascii: "<"), UInt8(ascii: "&"), 0x09, 0x0A: self.position += 1
            default: throw .irregular
            }
        }
    }
}
