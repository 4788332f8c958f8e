internal import Ground

/// What answers instead of success: a status and, for 409, one error element of RFC 4825 §11 that says what went wrong.
package struct XCAPFault: Error, Hashable, Sendable {
    /// The error elements of RFC 4825 §11.1.
    package enum Condition: Hashable, Sendable {
        /// The body should be a document and is not well-formed.
        case notWellFormed
        /// The body should be one element and is not.
        case notXMLFragment
        /// The body should be the value of an attribute and is not.
        case notXMLAttributeValue
        /// The body is not in UTF-8.
        case notUTF8
        /// There is nothing to insert into. The ancestor is the HTTP URI, percent-encoded, of what exists closest to it.
        case noParent(ancestor: [UInt8]?)
        /// After the insertion the request URI would not select what was inserted.
        case cannotInsert
        /// After the removal the request URI would still select something.
        case cannotDelete
        /// The document that results breaks the schema of its application usage.
        case schemaValidationError
        /// Something that must be unique is not: one entry for each field that exists already.
        case uniquenessFailure([Duplicate])
        /// The document that results breaks another rule of its application usage.
        case constraintFailure
        /// An error that an application usage defines: an element with its own namespace declarations.
        case extended([UInt8])
    }

    /// A value that should have been unique.
    package struct Duplicate: Hashable, Sendable {
        /// The element or attribute that should have been unique: a node selector relative to the document,
        /// percent-encoded, with a query if it uses prefixes.
        package let field: [UInt8]
        /// Values that are free now.
        package let alternatives: [[UInt8]]

        package init(field: [UInt8], alternatives: [[UInt8]] = []) {
            self.field = field
            self.alternatives = alternatives
        }
    }

    /// The HTTP status.
    package let status: Int
    /// What went wrong; only with 409.
    package let condition: Condition?
    /// What went wrong, for people: a few words of ASCII.
    package let phrase: String?
    /// What is allowed; only with 405.
    package let allow: [XCAPMethod]

    /// A fault without a body: any status but 409.
    package init(status: Int, allow: [XCAPMethod] = []) {
        self.status = status
        self.condition = nil
        self.phrase = nil
        self.allow = allow
    }

    /// A conflict: status 409 with a body that says why.
    package init(_ condition: Condition, _ phrase: String? = nil) {
        self.status = 409
        self.condition = condition
        self.phrase = phrase
        self.allow = []
    }

    /// The media type of ``document()``.
    package static let mediaType = Array("application/xcap-error+xml".utf8)

    /// The body of the answer (RFC 4825 §11.1, application/xcap-error+xml); empty for a status other than 409.
    package func document() -> [UInt8] {
        guard let condition = self.condition else { return [] }
        var out: [UInt8] = []
        out.append(literal: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
        out.append(literal: "<xcap-error xmlns=\"urn:ietf:params:xml:ns:xcap-error\">")
        switch condition {
        case .notWellFormed: self.append("not-well-formed", [], to: &out)
        case .notXMLFragment: self.append("not-xml-frag", [], to: &out)
        case .notXMLAttributeValue: self.append("not-xml-att-value", [], to: &out)
        case .notUTF8: self.append("not-utf-8", [], to: &out)
        case .cannotInsert: self.append("cannot-insert", [], to: &out)
        case .cannotDelete: self.append("cannot-delete", [], to: &out)
        case .schemaValidationError: self.append("schema-validation-error", [], to: &out)
        case .constraintFailure: self.append("constraint-failure", [], to: &out)
        case .extended(let content): self.append("extension", content, hasPhrase: false, to: &out)
        case .noParent(let ancestor):
            var content: [UInt8] = []
            if let ancestor {
                content.append(literal: "<ancestor>")
                Self.appendEscaped(ancestor[...], to: &content)
                content.append(literal: "</ancestor>")
            }
            self.append("no-parent", content, to: &out)
        case .uniquenessFailure(let duplicates):
            self.append("uniqueness-failure", Self.content(of: duplicates), to: &out)
        }
        out.append(literal: "</xcap-error>")
        return out
    }

    private static func content(of duplicates: [Duplicate]) -> [UInt8] {
        var content: [UInt8] = []
        for duplicate in duplicates {
            content.append(literal: "<exists field=\"")
            Self.appendEscaped(duplicate.field[...], to: &content)
            content.append(literal: "\">")
            for alternative in duplicate.alternatives {
                content.append(literal: "<alt-value>")
                Self.appendEscaped(alternative[...], to: &content)
                content.append(literal: "</alt-value>")
            }
            content.append(literal: "</exists>")
        }
        return content
    }

    private func append(
        _ element: StaticString, _ content: [UInt8], hasPhrase: Bool = true, to out: inout [UInt8]
    ) {
        out.append(UInt8(ascii: "<"))
        out.append(literal: element)
        if hasPhrase, let phrase = self.phrase, !phrase.isEmpty {
            out.append(literal: " phrase=\"")
            Self.appendEscaped(Array(phrase.utf8)[...], to: &out)
            out.append(UInt8(ascii: "\""))
        }
        if content.isEmpty {
            out.append(literal: "/>")
            return
        }
        out.append(UInt8(ascii: ">"))
        out.append(contentsOf: content)
        out.append(literal: "</")
        out.append(literal: element)
        out.append(UInt8(ascii: ">"))
    }

    private static func appendEscaped(_ text: Octets, to out: inout [UInt8]) {
        for byte in text {
            switch byte {
            case UInt8(ascii: "<"): out.append(literal: "&lt;")
            case UInt8(ascii: ">"): out.append(literal: "&gt;")
            case UInt8(ascii: "&"): out.append(literal: "&amp;")
            case UInt8(ascii: "\""): out.append(literal: "&quot;")
            case 0..<0x20: out.append(literal: " ")
            default: out.append(byte)
            }
        }
    }
}
