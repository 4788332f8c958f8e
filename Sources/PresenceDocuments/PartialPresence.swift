package import Ground
internal import XMLTree

/// Partial presence documents: `application/pidf-diff+xml` (RFC 5262, with the operations of RFC 5261).
package enum PartialPresence {
    /// A whole document as `pidf-full`.
    /// - Parameter version: as RFC 5263 §4.3 counts it; nil in a PUBLISH, where it means nothing.
    package static func full(_ document: PresenceDocument, version: UInt32?) -> [UInt8] {
        document.serialised(root: .full(version: version), skipping: [])
    }

    /// The change between two documents as `pidf-diff`, or nil where `pidf-full` is not larger (RFC 5263 §4.3).
    ///
    /// The selectors fit the canonical form of `old`, which is what ``full(_:version:)`` sent.
    package static func difference(
        from old: PresenceDocument, to new: PresenceDocument, version: UInt32
    ) -> [UInt8]? {
        guard old.entityOctets == new.entityOctets,
            let before = try? PresenceDocument.parse(old.serialised()[...]),
            let after = try? PresenceDocument.parse(new.serialised()[...])
        else { return nil }
        var maker = DifferenceMaker(from: before.tree, to: after.tree)
        guard let operations = maker.operations() else { return nil }
        var output: [UInt8] = []
        output.append(literal: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
        output.append(
            literal: "<p:pidf-diff xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:p=\"urn:ietf:params:xml:ns:pidf-diff\"")
        for namespace in (Space.pidf + 1)...Space.known.upperBound {
            let prefix = PresenceNames.prefix(of: namespace)
            let text = Array(after.tree.name(prefix))
            guard Self.mentions(text + [UInt8(ascii: ":")], operations) else { continue }
            output.append(literal: " xmlns:")
            output.append(contentsOf: text)
            output.append(literal: "=\"")
            output.append(contentsOf: after.tree.namespace(namespace))
            output.append(UInt8(ascii: "\""))
        }
        output.append(literal: " entity=\"")
        XMLWriter.escape(new.entityOctets, inAttribute: true, into: &output)
        output.append(literal: "\" version=\"")
        output.append(decimal: UInt64(version))
        output.append(literal: "\">")
        output.append(contentsOf: operations)
        output.append(literal: "</p:pidf-diff>")
        let whole = Self.full(new, version: version)
        guard output.count < whole.count else { return nil }
        // The last word has the patch itself: what is sent is known to lead to the new document.
        guard let result = try? Self.applying(output[...], to: before), result == new else { return nil }
        return output
    }

    private static func mentions(_ needle: [UInt8], _ text: [UInt8]) -> Bool {
        guard text.count >= needle.count else { return false }
        for start in 0...(text.count - needle.count)
        where text[start] == needle[0] && text[start..<start + needle.count].elementsEqual(needle) {
            return true
        }
        return false
    }

    // MARK: Receiving

    /// A received partial document.
    package enum Received: Sendable, Equatable {
        /// `pidf-full`: replaces what is known.
        case full(PresenceDocument, version: UInt32?)
        /// `pidf-diff`: patches what is known; to be given to ``PartialPresence/applying(_:to:)``.
        case difference(entity: [UInt8], version: UInt32?)
    }

    /// Reads the root of a partial document, and all of it if it is `pidf-full`.
    package static func parse(_ body: Octets) throws(DocumentFault) -> Received {
        let tree = try Self.tree(of: body)
        let root = tree[tree.root]
        guard root.namespace == Space.pidfDiff else { throw Self.fault("root is not of pidf-diff") }
        let version = try Self.version(of: tree)
        switch root.name {
        case Term.pidfFull: return .full(try Self.full(from: tree), version: version)
        case Term.pidfDiff:
            let entity = tree.attribute(Term.entity, of: tree.root)
            return .difference(entity: entity >= 0 ? Array(tree.value(entity)) : [], version: version)
        default: throw Self.fault("root is neither pidf-full nor pidf-diff")
        }
    }

    /// Reads a `pidf-full` document.
    package static func parseFull(_ body: Octets) throws(DocumentFault) -> PresenceDocument {
        guard case .full(let document, _) = try Self.parse(body) else { throw Self.fault("not a pidf-full document") }
        return document
    }

    /// Applies a `pidf-diff` document; the whole of it or, where it throws, nothing of it (RFC 5264 §4.2.3).
    package static func applying(
        _ difference: Octets, to document: PresenceDocument
    ) throws(DocumentFault) -> PresenceDocument {
        let patch = try Self.tree(of: difference)
        let root = patch[patch.root]
        guard root.namespace == Space.pidfDiff, root.name == Term.pidfDiff else {
            throw Self.fault("not a pidf-diff document")
        }
        _ = try Self.version(of: patch)
        let entity = patch.attribute(Term.entity, of: patch.root)
        if entity >= 0, EntityURI.canonical(patch.value(entity)) != document.canonicalEntity {
            throw Self.fault("entity is another presentity")
        }
        let patched: XMLDocument
        do {
            patched = try XMLPatch.applying(
                operationsIn: patch.root, of: patch, namespace: Space.pidfDiff, to: document.tree)
        } catch {
            throw DocumentFault(
                kind: .badPatch, status: 400,
                reason: "Bad pidf-diff: \(error.condition.rawValue) in operation \(error.operation)")
        }
        // Written and read again, so that nothing of what was replaced stays behind.
        return try PresenceDocument.parse(patched.serialised()[...])
    }

    private static func tree(of body: Octets) throws(DocumentFault) -> XMLDocument {
        do {
            return try XMLDocument.parse(body, vocabulary: PresenceNames.vocabulary)
        } catch {
            throw DocumentFault(error)
        }
    }

    private static func fault(_ reason: String) -> DocumentFault {
        DocumentFault(kind: .notValid, status: 400, reason: "Bad pidf-diff: " + reason)
    }

    private static func version(of tree: XMLDocument) throws(DocumentFault) -> UInt32? {
        let attribute = tree.attribute(Term.version, of: tree.root)
        guard attribute >= 0 else { return nil }
        let text = tree.value(attribute).trimmingSpace
        guard LexicalForms.isInteger(text, allowsSign: false), let version = UInt32(text.text) else {
            throw Self.fault("version is not a number")
        }
        return version
    }

    /// Makes `presence` of `pidf-full`, with everything that hangs under it.
    private static func full(from tree: XMLDocument) throws(DocumentFault) -> PresenceDocument {
        var document = XMLDocument(vocabulary: PresenceNames.vocabulary)
        let root = document.makeElement(name: Term.presence, namespace: Space.pidf)
        document.append(root, to: 0)
        let entity = tree.attribute(Term.entity, of: tree.root)
        if entity >= 0 { document.setAttribute(Term.entity, of: root, to: tree.value(entity)) }
        for attribute in tree.attributes(of: tree.root) {
            let node = tree[attribute]
            if node.namespace == 0, node.name != Term.entity, node.name != Term.version {
                throw Self.fault("unexpected attribute")
            }
        }
        var cursor = tree[tree.root].firstChild
        while cursor >= 0 {
            document.append(document.copySubtree(cursor, of: tree), to: root)
            cursor = tree[cursor].next
        }
        return try PresenceDocument(validating: document)
    }

    // MARK: Versions, RFC 5263 §4.4

    /// What a watcher does with a partial document it received.
    package enum Verdict: Sendable, Equatable {
        /// Take it: it is full, or it follows the version known.
        case take
        /// Drop it: it is old.
        case discard
        /// Ask for the full state: something between was lost.
        case refresh
    }

    /// Judges the version of a received document against the version known.
    package static func verdict(received: UInt32, isFull: Bool, known: UInt32?) -> Verdict {
        if isFull { return .take }
        guard let known else { return .refresh }
        if received <= known { return .discard }
        return received - known == 1 ? .take : .refresh
    }
}
