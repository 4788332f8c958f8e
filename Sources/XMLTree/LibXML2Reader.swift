internal import CLibXML2

/// Reads a document through libxml2: the judge of everything that ``XMLScanner`` does not take on itself.
///
/// Nothing is ever loaded: no DTD (the parser is stopped at the word DOCTYPE, before it reads a declaration), no
/// entities beyond the five predefined ones, no network, no external loader.
enum LibXML2Reader {
    /// The library must be set up once before threads use it.
    private static let isReady: Bool = {
        xmlInitParser()
        return true
    }()

    static func read(
        _ bytes: [UInt8], vocabulary: XMLVocabulary, limits: XMLLimits
    ) throws(XMLFault) -> XMLDocument {
        precondition(Self.isReady, "libxml2 is set up once")
        try Self.checkEncoding(bytes)
        try Self.checkAttributeCount(bytes, limit: limits.attributes)
        guard let context = xmlNewParserCtxt() else { throw XMLFault(.overLimit, "out of memory") }
        defer { xmlFreeParserCtxt(context) }
        context.pointee.sax.pointee.internalSubset = { context, _, _, _ in
            if let context { xmlStopParser(context.assumingMemoryBound(to: xmlParserCtxt.self)) }
        }
        let options =
            XML_PARSE_NONET.rawValue | XML_PARSE_NOERROR.rawValue | XML_PARSE_NOWARNING.rawValue
            | XML_PARSE_NOCDATA.rawValue | XML_PARSE_COMPACT.rawValue
        let parsed = bytes.withUnsafeBufferPointer { buffer in
            buffer.baseAddress.flatMap { start in
                start.withMemoryRebound(to: CChar.self, capacity: buffer.count) {
                    xmlCtxtReadMemory(context, $0, Int32(clamping: buffer.count), nil, nil, Int32(options))
                }
            }
        }
        let isStopped = context.pointee.errNo == Int32(XML_ERR_USER_STOP.rawValue)
        guard let document = parsed else {
            if isStopped { throw XMLFault(.documentType, "document type declaration") }
            throw XMLFault(.notWellFormed, Self.reason(context.pointee.lastError))
        }
        defer { xmlFreeDoc(document) }
        guard !isStopped, document.pointee.intSubset == nil, document.pointee.extSubset == nil else {
            throw XMLFault(.documentType, "document type declaration")
        }
        guard context.pointee.wellFormed == 1, context.pointee.nsWellFormed == 1 else {
            throw XMLFault(.notWellFormed, Self.reason(context.pointee.lastError))
        }
        var walk = LibXML2Walk(vocabulary: vocabulary, limits: limits)
        return try walk.document(document)
    }

    private static func reason(_ error: xmlError) -> String {
        let line = error.line > 0 ? " at line \(error.line)" : ""
        guard let message = error.message else { return "not well-formed" + line }
        let text = String(cString: message)
        let plain = text.unicodeScalars.prefix(80).filter { $0.isASCII && $0.value >= 0x20 && $0.value < 0x7F }
        return String(String.UnicodeScalarView(plain)) + line
    }

    /// UTF-8, US-ASCII, ISO-8859-1 and UTF-16 with its mark are read; anything else is refused by name.
    private static func checkEncoding(_ bytes: [UInt8]) throws(XMLFault) {
        if bytes.count >= 2, bytes[0] == 0xFE && bytes[1] == 0xFF || bytes[0] == 0xFF && bytes[1] == 0xFE {
            if bytes.count >= 4, bytes[2] == 0, bytes[3] == 0 { throw XMLFault(.encoding, "UTF-32") }
            return
        }
        if bytes.prefix(4).contains(0) { throw XMLFault(.encoding, "UTF-16 without its mark, or UTF-32") }
        // The library takes a zero byte after the root element for the end of the text.
        if bytes.contains(0) { throw XMLFault(.encoding, "zero byte") }
        if bytes.first == 0x4C { throw XMLFault(.encoding, "EBCDIC") }
        guard let name = Self.declaredEncoding(of: bytes) else { return }
        guard ["utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin1"].contains(name) else {
            throw XMLFault(.encoding, "encoding that is not accepted")
        }
    }

    /// The encoding that the XML declaration names, in lower case; nil if it names none.
    private static func declaredEncoding(of bytes: [UInt8]) -> String? {
        let start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        let head = String(decoding: bytes[start...].prefix(256), as: UTF8.self)
        guard head.hasPrefix("<?xml"), let end = head.firstIndex(of: ">") else { return nil }
        let declaration = head[..<end]
        guard let label = declaration.firstRange(ofBytes: "encoding") else { return nil }
        let rest = declaration[label...].drop { $0 != "\"" && $0 != "'" }
        return rest.dropFirst().prefix { $0 != "\"" && $0 != "'" }.lowercased()
    }

    /// - Throws: ``XMLFault/Kind/encoding`` for a text whose declaration names another encoding than UTF-8, or US-ASCII,
    ///   which is a part of it.
    static func checkIsUTF8(_ bytes: [UInt8]) throws(XMLFault) {
        guard let name = Self.declaredEncoding(of: bytes) else { return }
        guard ["utf-8", "utf8", "us-ascii", "ascii"].contains(name) else {
            throw XMLFault(.encoding, "declared as another encoding than UTF-8")
        }
    }

    /// The library compares every attribute of an element with every other, so their number is bounded before it
    /// starts. A tag reaches from `<` to the next `>` outside quotation marks (zero bytes are skipped for UTF-16).
    private static func checkAttributeCount(_ bytes: [UInt8], limit: Int) throws(XMLFault) {
        var count = 0
        var isInTag = false
        var afterEquals = false
        var quote: UInt8 = 0
        for byte in bytes {
            switch byte {
            case 0, 0x09, 0x0A, 0x0D, 0x20: continue
            case UInt8(ascii: "<"):
                count = 0
                isInTag = true
                quote = 0
                afterEquals = false
            case _ where !isInTag: continue
            case _ where quote != 0: if byte == quote { quote = 0 }
            case UInt8(ascii: ">"): isInTag = false
            case UInt8(ascii: "="): afterEquals = true
            case UInt8(ascii: "\""), UInt8(ascii: "'"):
                guard afterEquals else { continue }
                count += 1
                if count > limit { throw XMLFault(.overLimit, "too many attributes") }
                quote = byte
                afterEquals = false
            default: afterEquals = false
            }
        }
    }
}

extension Substring {
    /// Where an ASCII word starts.
    fileprivate func firstRange(ofBytes word: String) -> Substring.Index? {
        var cursor = self.startIndex
        while cursor < self.endIndex {
            if self[cursor...].hasPrefix(word) { return cursor }
            cursor = self.index(after: cursor)
        }
        return nil
    }
}

/// Makes an ``XMLDocument`` of the tree that libxml2 built.
private struct LibXML2Walk {
    private var result: XMLDocument
    private let limits: XMLLimits

    init(vocabulary: XMLVocabulary, limits: XMLLimits) {
        self.result = XMLDocument(vocabulary: vocabulary)
        self.limits = limits
    }

    mutating func document(_ document: xmlDocPtr) throws(XMLFault) -> XMLDocument {
        var cursor = document.pointee.children
        var parent: Int32 = 0
        var depth = 0
        while let node = cursor {
            let id = try self.convert(node, under: parent)
            if node.pointee.type == XML_ELEMENT_NODE, let child = node.pointee.children {
                depth += 1
                guard depth <= self.limits.depth else { throw XMLFault(.overLimit, "too deep") }
                parent = id
                cursor = child
                continue
            }
            var climbing: xmlNodePtr? = node
            while let here = climbing, here.pointee.next == nil, depth > 0 {
                depth -= 1
                parent = self.result.nodes[Int(parent)].parent
                climbing = here.pointee.parent
            }
            cursor = climbing?.pointee.next
        }
        guard self.result.root >= 0 else { throw XMLFault(.notWellFormed, "no element") }
        return self.result
    }

    private mutating func convert(_ node: xmlNodePtr, under parent: Int32) throws(XMLFault) -> Int32 {
        guard self.result.nodes.count < self.limits.nodes else { throw XMLFault(.overLimit, "too many nodes") }
        switch node.pointee.type {
        case XML_ELEMENT_NODE:
            let id = try self.element(node)
            self.result.append(id, to: parent)
            return id
        case XML_TEXT_NODE, XML_CDATA_SECTION_NODE:
            let last = self.result.nodes[Int(parent)].lastChild
            let text = Self.bytes(node.pointee.content)
            if last >= 0, self.result.nodes[Int(last)].kind == .text {
                self.result.setValue(Array(self.result.value(last)) + text, of: last)
                return last
            }
            guard parent > 0 else { return parent }
            let id = self.result.makeText(text[...])
            self.result.append(id, to: parent)
            return id
        case XML_COMMENT_NODE:
            let id = self.result.makeComment(Self.bytes(node.pointee.content)[...])
            self.result.append(id, to: parent)
            return id
        case XML_PI_NODE:
            let id = self.result.makeInstruction(
                target: try self.name(node.pointee.name), Self.bytes(node.pointee.content)[...])
            self.result.append(id, to: parent)
            return id
        default:
            // Entity references and the like cannot be there without a DTD.
            throw XMLFault(.documentType, "reference to an entity")
        }
    }

    private mutating func element(_ node: xmlNodePtr) throws(XMLFault) -> Int32 {
        var made = XMLDocument.Node(.element)
        made.name = try self.name(node.pointee.name)
        if let namespace = node.pointee.ns {
            made.prefix = try self.name(namespace.pointee.prefix)
            made.namespace = try self.namespace(namespace.pointee.href)
        }
        let id = self.result.insertNode(made)
        var count = 0
        var declaration = node.pointee.nsDef
        while let one = declaration {
            var node = XMLDocument.Node(.namespace)
            node.name = try self.name(one.pointee.prefix)
            node.namespace = try self.namespace(one.pointee.href)
            self.result.appendAttribute(self.result.insertNode(node), to: id)
            declaration = one.pointee.next
            count += 1
        }
        var attribute = node.pointee.properties
        while let one = attribute {
            var node = XMLDocument.Node(.attribute)
            node.name = try self.name(one.pointee.name)
            if let namespace = one.pointee.ns {
                node.prefix = try self.name(namespace.pointee.prefix)
                node.namespace = try self.namespace(namespace.pointee.href)
            }
            let made = self.result.insertNode(node)
            var text: [UInt8] = []
            var part = one.pointee.children
            while let piece = part {
                guard piece.pointee.type == XML_TEXT_NODE else {
                    throw XMLFault(.documentType, "reference to an entity")
                }
                text += Self.bytes(piece.pointee.content)
                part = piece.pointee.next
            }
            self.result.setValue(text, of: made)
            self.result.appendAttribute(made, to: id)
            attribute = one.pointee.next
            count += 1
        }
        guard count <= self.limits.attributes else { throw XMLFault(.overLimit, "too many attributes") }
        return id
    }

    private mutating func name(_ text: UnsafePointer<xmlChar>?) throws(XMLFault) -> UInt16 {
        let bytes = Self.bytes(text)
        guard bytes.count <= self.limits.nameBytes else { throw XMLFault(.overLimit, "name too long") }
        guard self.result.table.extraCount <= self.limits.names, let number = self.result.intern(bytes[...]) else {
            throw XMLFault(.overLimit, "too many names")
        }
        return number
    }

    private mutating func namespace(_ text: UnsafePointer<xmlChar>?) throws(XMLFault) -> UInt16 {
        guard self.result.table.extraCount <= self.limits.names,
            let number = self.result.intern(namespace: Self.decodingAmpersands(Self.bytes(text))[...])
        else { throw XMLFault(.overLimit, "too many namespaces") }
        return number
    }

    /// The library leaves an ampersand in a namespace name as the reference `&#38;`, whichever way it was written.
    private static func decodingAmpersands(_ text: [UInt8]) -> [UInt8] {
        guard text.contains(UInt8(ascii: "&")) else { return text }
        var decoded: [UInt8] = []
        var index = 0
        while index < text.count {
            decoded.append(text[index])
            index += text[index...].starts(with: "&#38;".utf8) ? 5 : 1
        }
        return decoded
    }

    private static func bytes(_ text: UnsafePointer<xmlChar>?) -> [UInt8] {
        guard let text else { return [] }
        return Array(UnsafeBufferPointer(start: text, count: Int(xmlStrlen(text))))
    }
}
