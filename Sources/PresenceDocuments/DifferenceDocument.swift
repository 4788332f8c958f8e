internal import Ground
package import XMLTree

/// An `xcap-diff` document (RFC 5874): which documents of an XCAP server changed, from which entity tag to which, and
/// perhaps how; which elements and attributes are there, and with what content.
package struct DifferenceDocument: Equatable, Sendable {
    /// The media type of the format.
    package static let contentType: StaticString = "application/xcap-diff+xml"
    /// The namespace of the format, and of the operations in it.
    package static let namespace: StaticString = "urn:ietf:params:xml:ns:xcap-diff"

    /// What became of a document, where both of its tags are told (RFC 5874 §3).
    package enum Change: Equatable, Sendable {
        /// It changed; who wants to know how fetches it.
        case reference
        /// Its entity tag is another one, and what it says is the same.
        case bodyNotChanged
        /// These operations of RFC 5261 lead from the old document to the new one. They are text that stands in the
        /// default namespace of this format.
        case patched([UInt8])
    }

    /// The value of an element or attribute.
    package enum Component: Equatable, Sendable {
        /// There is none.
        case absent
        /// There is one, and what is in it was left out, because it is too large.
        case existing
        /// An element as ``DifferenceDocument/fragment(of:in:)`` writes it, or the value of an attribute.
        case present([UInt8])
    }

    /// One thing that is told.
    package enum Entry: Equatable, Sendable {
        /// A document. Only a new tag: it was created, or exists. Only a previous tag: it was removed.
        /// - selector: relative to the XCAP root, percent-encoded.
        case document(selector: [UInt8], previousTag: [UInt8]?, newTag: [UInt8]?, Change)
        /// An element: its selector as the subscriber wrote it.
        case element(selector: [UInt8], Component)
        /// An attribute: its selector as the subscriber wrote it.
        case attribute(selector: [UInt8], Component)
    }

    /// The XCAP root with a slash at its end.
    package var root: [UInt8]
    /// In the order in which things happened.
    package var entries: [Entry]

    package init(root: [UInt8], entries: [Entry] = []) {
        self.root = root
        self.entries = entries
    }

    /// The document as text.
    package func serialised() -> [UInt8] {
        var output = Self.head(root: self.root)
        for entry in self.entries { Self.append(entry, to: &output) }
        output.append(literal: "</xcap-diff>")
        return output
    }

    /// What stands before the first entry.
    package static func head(root: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        output.append(literal: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xcap-diff xmlns=\"")
        output.append(literal: Self.namespace)
        output.append(literal: "\" xcap-root=\"")
        XMLWriter.escape(root[...], inAttribute: true, into: &output)
        output.append(literal: "\">")
        return output
    }

    /// Writes one entry.
    package static func append(_ entry: Entry, to output: inout [UInt8]) {
        switch entry {
        case .document(let selector, let previousTag, let newTag, let change):
            output.append(literal: "\n<document sel=\"")
            XMLWriter.escape(selector[...], inAttribute: true, into: &output)
            if let newTag { Self.append(" new-etag=\"", newTag, to: &output) }
            if let previousTag { Self.append(" previous-etag=\"", previousTag, to: &output) }
            switch change {
            case .reference: output.append(literal: "\"/>")
            case .bodyNotChanged: output.append(literal: "\"><body-not-changed/></document>")
            case .patched(let operations):
                output.append(literal: "\">")
                output.append(contentsOf: operations)
                output.append(literal: "</document>")
            }
        case .element(let selector, let value): Self.append("element", selector, value, isText: false, to: &output)
        case .attribute(let selector, let value): Self.append("attribute", selector, value, isText: true, to: &output)
        }
    }

    /// Closes the value before and opens an attribute with the next.
    private static func append(_ start: StaticString, _ value: [UInt8], to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        output.append(literal: start)
        XMLWriter.escape(value[...], inAttribute: true, into: &output)
    }

    private static func append(
        _ name: StaticString, _ selector: [UInt8], _ value: Component, isText: Bool, to output: inout [UInt8]
    ) {
        output.append(literal: "\n<")
        output.append(literal: name)
        output.append(literal: " sel=\"")
        XMLWriter.escape(selector[...], inAttribute: true, into: &output)
        switch value {
        case .absent: output.append(literal: "\" exists=\"false\"/>")
        case .existing: output.append(literal: "\" exists=\"true\"/>")
        case .present(let bytes):
            output.append(literal: "\">")
            if isText {
                XMLWriter.escape(bytes[...], inAttribute: false, into: &output)
            } else {
                output.append(contentsOf: bytes)
            }
            output.append(literal: "</")
            output.append(literal: name)
            output.append(literal: ">")
        }
    }

    /// A node as it stands in an entry or an operation: with the declarations that it needs there, where the default
    /// namespace is that of this format.
    package static func fragment(of node: XMLDocument.NodeID, in document: XMLDocument) -> [UInt8] {
        var copy = XMLDocument(vocabulary: document.vocabulary)
        let id = copy.copySubtree(node, of: document)
        let own = Self.namespace.withUTF8Buffer { Array($0) }
        let number = copy.intern(namespace: own[...])
        var writer = XMLWriter(copy, form: .faithful, bound: number.map { [(XMLVocabulary.noName, $0)] } ?? [])
        var output: [UInt8] = []
        writer.write(id, into: &output)
        return output
    }

    /// How one version of a document leads to another.
    ///
    /// The operations are tried before they are given away: what cannot be proven to lead to the new document, what is
    /// not smaller than it, and what is too complex becomes a reference.
    /// - Parameter limit: bytes of operations, at most.
    package static func change(
        from old: [UInt8], to new: [UInt8], limit: Int = 65_536, limits: XMLLimits = .standard
    ) -> Change {
        if old == new { return .bodyNotChanged }
        guard let before = try? XMLDocument.parse(old[...], limits: limits),
            let after = try? XMLDocument.parse(new[...], limits: limits)
        else { return .reference }
        var maker = TreeDifference(from: before, to: after)
        guard let operations = maker.operations() else { return .reference }
        guard !operations.isEmpty else { return before == after ? .bodyNotChanged : .reference }
        guard operations.count <= limit, operations.count < new.count else { return .reference }
        let proof = DifferenceDocument(
            root: [UInt8(ascii: "/")],
            entries: [
                .document(
                    selector: [UInt8(ascii: "d")], previousTag: [0x31], newTag: [0x32], .patched(operations))
            ])
        guard let received = try? Received.parse(proof.serialised()[...]), let entry = received.entries.first,
            let result = try? received.applying(entry, to: before), result == after
        else { return .reference }
        return .patched(operations)
    }
}
