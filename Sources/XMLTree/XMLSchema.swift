internal import CLibXML2
package import Ground
internal import Synchronization

/// A schema (XML Schema 1.0) that documents are validated against, over libxml2.
///
/// It is read once from texts in memory and shared: validating changes nothing in it, so several threads may. An import
/// finds only the other texts that were given with it; no file and no address is ever opened.
package final class XMLSchema: Sendable {
    /// A schema text with the name that imports call it by (`schemaLocation`).
    package struct Source: Sendable {
        package let name: String
        package let text: String

        package init(name: String, _ text: String) {
            self.name = name
            self.text = text
        }
    }

    /// The schema of the library, which nobody changes after it was read. The type of the library is not named, so
    /// that those who import this module need not read the headers of the library.
    private struct Handle: @unchecked Sendable {
        let pointer: OpaquePointer
    }

    private let handle: Handle

    /// Reads a schema.
    /// - Parameters:
    ///   - main: the schema itself.
    ///   - imports: what it and they import.
    /// - Throws: what the library finds wrong with it.
    package init(_ main: Source, imports: [Source] = []) throws(XMLFault) {
        var found: SchemaComplaint?
        let pointer = SchemaLoader.withSources(imports) { () -> xmlSchemaPtr? in
            var complaint = SchemaComplaint()
            let text = Array(main.text.utf8)
            let schema = text.withUnsafeBufferPointer { buffer -> xmlSchemaPtr? in
                guard let start = buffer.baseAddress else { return nil }
                return start.withMemoryRebound(to: CChar.self, capacity: buffer.count) { characters in
                    guard let parser = xmlSchemaNewMemParserCtxt(characters, Int32(clamping: buffer.count)) else {
                        return nil
                    }
                    defer { xmlSchemaFreeParserCtxt(parser) }
                    return withUnsafeMutablePointer(to: &complaint) { pointer in
                        xmlSchemaSetParserStructuredErrors(parser, SchemaComplaint.collect, pointer)
                        return xmlSchemaParse(parser)
                    }
                }
            }
            found = complaint
            return schema
        }
        guard let pointer else { throw XMLFault(.notWellFormed, found?.phrase ?? "schema cannot be read") }
        self.handle = Handle(pointer: pointer)
    }

    deinit { xmlSchemaFree(self.handle.pointer) }

    /// What is wrong with a document, in one phrase of ASCII; nil if it is valid.
    /// - Parameter bytes: a text that ``XMLDocument/parse(_:vocabulary:limits:)`` accepted, so that its limits hold.
    package func violation(in bytes: Octets) -> String? {
        // The tree is read and not changed, so that short texts may lie in their nodes.
        let options =
            XML_PARSE_NONET.rawValue | XML_PARSE_NOERROR.rawValue | XML_PARSE_NOWARNING.rawValue
            | XML_PARSE_COMPACT.rawValue
        let document = bytes.withUnsafeBufferPointer { buffer in
            buffer.baseAddress.flatMap { start in
                start.withMemoryRebound(to: CChar.self, capacity: buffer.count) {
                    xmlReadMemory($0, Int32(clamping: buffer.count), nil, nil, Int32(options))
                }
            }
        }
        guard let document else { return "not well-formed" }
        defer { xmlFreeDoc(document) }
        guard document.pointee.intSubset == nil else { return "document type declaration" }
        guard let validator = xmlSchemaNewValidCtxt(self.handle.pointer) else { return "out of memory" }
        defer { xmlSchemaFreeValidCtxt(validator) }
        var complaint = SchemaComplaint()
        let status = withUnsafeMutablePointer(to: &complaint) { pointer in
            xmlSchemaSetValidStructuredErrors(validator, SchemaComplaint.collect, pointer)
            return xmlSchemaValidateDoc(validator, document)
        }
        return status == 0 ? nil : complaint.phrase
    }
}

/// What the library says first about a document or a schema.
private struct SchemaComplaint {
    private var message = ""
    private var line: Int32 = 0

    /// One sentence without the names of namespaces, which make the messages of the library hard to read.
    var phrase: String {
        if self.message.isEmpty { return "breaks the schema" }
        var text = ""
        var depth = 0
        for scalar in self.message.unicodeScalars {
            switch scalar {
            case "{": depth += 1
            case "}": depth = max(0, depth - 1)
            case "\n": break
            default:
                guard depth == 0, text.utf8.count < 200 else { continue }
                text.unicodeScalars.append(scalar.isASCII && scalar.value >= 0x20 ? scalar : "?")
            }
        }
        while text.hasSuffix(" ") || text.hasSuffix(".") { text.removeLast() }
        return self.line > 0 ? text + ", line \(self.line)" : text
    }

    static let collect: xmlStructuredErrorFunc = { data, error in
        guard let data, let error else { return }
        let complaint = data.assumingMemoryBound(to: SchemaComplaint.self)
        guard complaint.pointee.message.isEmpty, let message = error.pointee.message else { return }
        complaint.pointee.message = String(cString: message)
        complaint.pointee.line = Int32(clamping: error.pointee.line)
    }
}

/// Gives the library the texts of imported schemas, and nothing else, ever: it takes the place of the loader that
/// opens files and addresses, for the whole process.
private enum SchemaLoader {
    /// A text that ends with a zero byte, for the library.
    private struct Text: @unchecked Sendable {
        let pointer: UnsafeMutablePointer<UInt8>
    }

    /// The texts by name while a schema is being read.
    private static let texts = Mutex<[String: Text]>([:])
    /// One schema is read at a time.
    private static let turn = Mutex<Void>(())

    private static let isReady: Bool = {
        xmlInitParser()
        xmlSetExternalEntityLoader { name, _, context in
            guard let name, let context else { return nil }
            guard let text = SchemaLoader.text(named: String(cString: name)) else { return nil }
            return xmlNewStringInputStream(context, text)
        }
        return true
    }()

    private static func text(named name: String) -> UnsafeMutablePointer<UInt8>? {
        Self.texts.withLock { $0[name]?.pointer }
    }

    /// Does something while imports find the sources.
    static func withSources<Result>(_ sources: [XMLSchema.Source], _ body: () -> Result) -> Result {
        precondition(Self.isReady, "libxml2 is set up once")
        return Self.turn.withLock { _ in
            for source in sources {
                let bytes = Array(source.text.utf8)
                let pointer = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count + 1)
                for (index, byte) in bytes.enumerated() { pointer[index] = byte }
                pointer[bytes.count] = 0
                let previous = Self.texts.withLock { $0.updateValue(Text(pointer: pointer), forKey: source.name) }
                previous?.pointer.deallocate()
            }
            defer {
                Self.texts.withLock { texts in
                    for text in texts.values { text.pointer.deallocate() }
                    texts = [:]
                }
            }
            return body()
        }
    }
}
