package import Ground

extension XMLDocument {
    /// Reads a document.
    ///
    /// A document type declaration is refused, so that no entity can be declared; UTF-8 and US-ASCII are read
    /// directly, UTF-16 with its mark and ISO-8859-1 are converted, other encodings are refused.
    /// - Throws: what is wrong with the text, in the words of XML.
    package static func parse(
        _ bytes: Octets, vocabulary: XMLVocabulary = .empty, limits: XMLLimits = .standard
    ) throws(XMLFault) -> XMLDocument {
        guard bytes.count <= limits.bytes else { throw XMLFault(.overLimit, "too large") }
        do {
            return try XMLScanner.scan(bytes, vocabulary: vocabulary, limits: limits)
        } catch {
            switch error {
            case .irregular: return try LibXML2Reader.read(Array(bytes), vocabulary: vocabulary, limits: limits)
            case .overLimit(let reason): throw XMLFault(.overLimit, reason)
            }
        }
    }

    /// Reads a document that must be in UTF-8, as XCAP asks of everything (RFC 4825 §5.3): a text in another encoding is
    /// refused with the fault ``XMLFault/Kind/encoding``, also where ``parse(_:vocabulary:limits:)`` would convert it.
    package static func parseUTF8(
        _ bytes: Octets, vocabulary: XMLVocabulary = .empty, limits: XMLLimits = .standard
    ) throws(XMLFault) -> XMLDocument {
        // What the scanner accepts is UTF-8.
        if let scanned = Self.parseByScanner(bytes, vocabulary: vocabulary, limits: limits) { return scanned }
        guard bytes.count <= limits.bytes else { throw XMLFault(.overLimit, "too large") }
        guard String(validating: bytes, as: UTF8.self) != nil, !bytes.prefix(4).contains(0) else {
            throw XMLFault(.encoding, "not UTF-8")
        }
        try LibXML2Reader.checkIsUTF8(Array(bytes))
        return try Self.parse(bytes, vocabulary: vocabulary, limits: limits)
    }

    /// Reads a document with the scanner alone; nil where it leaves the judgement to libxml2. For tests and fuzzing.
    package static func parseByScanner(
        _ bytes: Octets, vocabulary: XMLVocabulary = .empty, limits: XMLLimits = .standard
    ) -> XMLDocument? {
        guard bytes.count <= limits.bytes else { return nil }
        return try? XMLScanner.scan(bytes, vocabulary: vocabulary, limits: limits)
    }

    /// Reads a document with libxml2 alone. For tests and fuzzing.
    package static func parseByLibrary(
        _ bytes: Octets, vocabulary: XMLVocabulary = .empty, limits: XMLLimits = .standard
    ) throws(XMLFault) -> XMLDocument {
        guard bytes.count <= limits.bytes else { throw XMLFault(.overLimit, "too large") }
        return try LibXML2Reader.read(Array(bytes), vocabulary: vocabulary, limits: limits)
    }
}
