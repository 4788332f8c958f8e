package import Ground
package import XMLTree

/// A validated presence document: PIDF (RFC 3863) with the extensions of RFC 4479, RFC 4480, RFC 4481, RFC 4482,
/// RFC 5196 and OMA; elements of namespaces that are not known are kept untouched.
package struct PresenceDocument: Sendable {
    /// The document as its publisher ordered it.
    package let tree: XMLDocument
    /// The children of `presence` in the canonical order: tuples, persons and devices each by id.
    let order: [XMLDocument.NodeID]
    /// Where in ``order`` the tuples, notes, persons and devices end.
    private let ends: (tuples: Int, notes: Int, persons: Int, devices: Int)
    /// The permissions that the document was already cut to (RFC 5025 §3.3).
    var shownTo: Permissions?

    /// Validates a tree.
    package init(validating tree: XMLDocument) throws(DocumentFault) {
        guard tree.root >= 0 else { throw .invalid("no root element") }
        precondition(tree.vocabulary === PresenceNames.vocabulary, "presence is read with the names of presence")
        let root = tree.root
        let (hasSpacedIdentifier, order, ends) = try tree.read { (reader) throws(DocumentFault) in
            var validator = PresenceValidator(reader)
            try validator.validate(root)
            let (order, ends) = Self.canonicalOrder(of: reader, root: root)
            return (validator.hasSpacedIdentifier, order, ends)
        }
        self.tree = hasSpacedIdentifier ? Self.withBareIdentifiers(tree) : tree
        self.order = order
        self.ends = ends
    }

    /// The tree with identifiers as their type has them: `xs:ID` knows no white space around a value, and what is
    /// written elsewhere (patches, other occurrences of the element) has none either.
    private static func withBareIdentifiers(_ tree: XMLDocument) -> XMLDocument {
        var bare = tree
        var cursor = tree[tree.root].firstChild
        while cursor >= 0 {
            let node = tree[cursor]
            if node.isElement, Self.isKeyed(Self.rank(of: node)) {
                let attribute = tree.attribute(Term.id, of: cursor)
                if attribute >= 0, tree.value(attribute).count != tree.occurrenceID(cursor).count {
                    bare.setValue(Array(tree.occurrenceID(cursor)), of: attribute)
                }
            }
            cursor = node.next
        }
        return bare
    }

    /// Reads and validates the body of a PUBLISH or NOTIFY (`application/pidf+xml`).
    /// - Throws: a fault with the status 400, or 413 for a document that is over a limit in bytes.
    package static func parse(
        _ body: Octets, limits: XMLLimits = .standard
    ) throws(DocumentFault) -> PresenceDocument {
        guard body.count <= limits.bytes else {
            throw DocumentFault(kind: .overLimit, status: 413, reason: "Presence document too large")
        }
        let tree: XMLDocument
        do {
            tree = try XMLDocument.parse(body, vocabulary: PresenceNames.vocabulary, limits: limits)
        } catch {
            throw DocumentFault(error)
        }
        return try PresenceDocument(validating: tree)
    }

    /// The document of a presentity about whom nothing is known, or nothing is told: one closed tuple, always the
    /// same, as a real user who is offline would have it (RFC 5025 §3.2.3).
    package static func offline(entity: Octets) -> PresenceDocument {
        var document = PresenceDraft(entity: entity)
        document.tuples.append(.init(id: "offline", isOpen: false))
        return document.document
    }

    /// A document that says nothing but whom it is about.
    package static func empty(entity: Octets) -> PresenceDocument { PresenceDraft(entity: entity).document }

    /// The presentity, as the `entity` attribute names it.
    package var entity: String { self.entityOctets.text }

    /// The bytes of the `entity` attribute.
    package var entityOctets: Octets {
        let attribute = self.tree.attribute(Term.entity, of: self.tree.root)
        return attribute >= 0 ? self.tree.value(attribute).trimmingSpace : []
    }

    /// The entity as a key: `sip:user@host` with the host in lower case, no port and no parameters, also for `sips:`
    /// and `pres:`; `tel:+digits` without separators.
    package var canonicalEntity: [UInt8] { EntityURI.canonical(self.entityOctets) }

    /// Whether the document is about a presentity, named as ``canonicalEntity`` names one.
    package func isAbout(_ presentity: [UInt8]) -> Bool {
        let entity = self.entityOctets
        // The usual case: the publisher writes the key itself. Where there is an escape, a closer look is needed.
        if entity.count == presentity.count, entity.elementsEqual(presentity), !entity.contains(UInt8(ascii: "%")) {
            return true
        }
        return EntityURI.canonical(entity) == presentity
    }

    /// The tuples by id.
    package var tuples: ArraySlice<XMLDocument.NodeID> { self.order[..<self.ends.tuples] }
    /// The notes of the document as a whole, in the order of the publisher.
    package var notes: ArraySlice<XMLDocument.NodeID> { self.order[self.ends.tuples..<self.ends.notes] }
    /// The persons by id.
    package var persons: ArraySlice<XMLDocument.NodeID> { self.order[self.ends.notes..<self.ends.persons] }
    /// The devices by id.
    package var devices: ArraySlice<XMLDocument.NodeID> { self.order[self.ends.persons..<self.ends.devices] }
    /// Other extensions of `presence`, in the order of the publisher.
    package var others: ArraySlice<XMLDocument.NodeID> { self.order[self.ends.devices...] }

    private static func canonicalOrder(
        of tree: XMLTreeReader, root: XMLDocument.NodeID
    ) -> ([XMLDocument.NodeID], (tuples: Int, notes: Int, persons: Int, devices: Int)) {
        var order: [XMLDocument.NodeID] = []
        order.reserveCapacity(4)
        var ends = (tuples: 0, notes: 0, persons: 0, devices: 0)
        var isSorted = true
        var last: UInt8 = 0
        var cursor = tree[root].firstChild
        while cursor >= 0 {
            let node = tree[cursor]
            if node.isElement {
                let rank = Self.rank(of: node)
                if !order.isEmpty, last > rank || (last == rank && Self.isKeyed(rank)) { isSorted = false }
                last = rank
                order.append(cursor)
                if rank <= 0 { ends.tuples += 1 }
                if rank <= 1 { ends.notes += 1 }
                if rank <= 2 { ends.persons += 1 }
                if rank <= 3 { ends.devices += 1 }
            }
            cursor = node.next
        }
        if !isSorted {
            // Stable: what has no key keeps the order it had.
            order.sort { left, right in
                let rank = Self.rank(of: tree[left])
                let other = Self.rank(of: tree[right])
                if rank != other { return rank < other }
                guard Self.isKeyed(rank) else { return left < right }
                return tree.occurrenceID(left).lexicographicallyPrecedes(tree.occurrenceID(right))
            }
        }
        return (order, ends)
    }

    private static func isKeyed(_ rank: UInt8) -> Bool { rank == 0 || rank == 2 || rank == 3 }

    private static func rank(of node: XMLDocument.Node) -> UInt8 {
        if node.namespace == Space.pidf { return node.name == Term.tuple ? 0 : 1 }
        if node.namespace == Space.dataModel {
            if node.name == Term.person { return 2 }
            if node.name == Term.device { return 3 }
        }
        return 4
    }
}

extension PresenceDocument: Equatable {
    /// Whether two documents say the same: their canonical forms are equal.
    package static func == (left: PresenceDocument, right: PresenceDocument) -> Bool {
        left.serialised() == right.serialised()
    }
}

extension XMLTreeReader {
    /// The id of a tuple, person or device.
    func occurrenceID(_ node: XMLDocument.NodeID) -> Bytes {
        let attribute = self.attribute(Term.id, of: node)
        return attribute >= 0 ? self.value(attribute).trimmingSpace : Bytes(start: nil, count: 0)
    }
}

extension XMLDocument {
    /// The id of a tuple, person or device.
    func occurrenceID(_ node: NodeID) -> Octets {
        let attribute = self.attribute(Term.id, of: node)
        return attribute >= 0 ? self.value(attribute).trimmingSpace : []
    }
}

// MARK: The canonical form

extension PresenceDocument {
    /// The document in its canonical form: children of `presence` in a fixed order, the prefixes of
    /// ``PresenceNames``, no white space between elements, no comments. Equal state gives equal bytes.
    package func serialised() -> [UInt8] {
        self.serialised(root: .presence, skipping: [])
    }

    /// The root that a document is written with.
    enum Root {
        case presence
        /// `pidf-full` of RFC 5262, with the version if there is one.
        case full(version: UInt32?)
    }

    func serialised(root: Root, skipping skipped: Set<XMLDocument.NodeID>) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(self.tree.storage.count + 256)
        output.append(literal: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
        switch root {
        case .presence: output.append(literal: "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\"")
        case .full:
            output.append(
                literal:
                    "<p:pidf-full xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:p=\"urn:ietf:params:xml:ns:pidf-diff\"")
        }
        let bound = self.declareNamespaces(skipping: skipped, into: &output)
        output.append(literal: " entity=\"")
        XMLWriter.escape(self.entityOctets, inAttribute: true, into: &output)
        output.append(UInt8(ascii: "\""))
        if case .full(let version?) = root {
            output.append(literal: " version=\"")
            output.append(decimal: UInt64(version))
            output.append(UInt8(ascii: "\""))
        }
        output.append(UInt8(ascii: ">"))
        var writer = XMLWriter(self.tree, form: .canonical, bound: bound)
        for child in self.order { writer.write(child, skipping: skipped, into: &output) }
        switch root {
        case .presence: output.append(literal: "</presence>")
        case .full: output.append(literal: "</p:pidf-full>")
        }
        return output
    }

    /// Declares the known namespaces that the written nodes use, in a fixed order.
    private func declareNamespaces(
        skipping skipped: Set<XMLDocument.NodeID>, into output: inout [UInt8]
    ) -> [(prefix: UInt16, namespace: UInt16)] {
        var used: UInt32 = 0
        if skipped.isEmpty {
            for node in self.tree.nodes where node.isElement || node.isAttribute {
                if node.namespace <= Space.known.upperBound { used |= 1 << UInt32(node.namespace) }
            }
        } else {
            var cursor = self.tree[self.tree.root].firstChild
            while cursor >= 0 {
                let isSkipped = skipped.contains(cursor)
                if !isSkipped { used |= self.namespaces(of: cursor) }
                cursor =
                    isSkipped
                    ? self.tree.followingSkippingChildren(cursor, within: self.tree.root)
                    : self.tree.following(cursor, within: self.tree.root)
            }
        }
        var bound: [(prefix: UInt16, namespace: UInt16)] = [(XMLVocabulary.noName, Space.pidf)]
        for namespace in (Space.pidf + 1)...Space.known.upperBound where used & 1 << UInt32(namespace) != 0 {
            let prefix = PresenceNames.prefix(of: namespace)
            bound.append((prefix, namespace))
            output.append(literal: " xmlns:")
            output.append(contentsOf: self.tree.name(prefix))
            output.append(literal: "=\"")
            output.append(contentsOf: self.tree.namespace(namespace))
            output.append(UInt8(ascii: "\""))
        }
        return bound
    }

    private func namespaces(of id: XMLDocument.NodeID) -> UInt32 {
        let node = self.tree[id]
        guard node.isElement else { return 0 }
        var used: UInt32 = 0
        if node.namespace <= Space.known.upperBound { used |= 1 << UInt32(node.namespace) }
        for attribute in self.tree.attributes(of: id) {
            let namespace = self.tree[attribute].namespace
            if namespace <= Space.known.upperBound { used |= 1 << UInt32(namespace) }
        }
        return used
    }

    /// The document without some of its elements.
    func without(_ skipped: Set<XMLDocument.NodeID>) -> PresenceDocument {
        guard !skipped.isEmpty else { return self }
        return (try? PresenceDocument.parse(self.serialised(root: .presence, skipping: skipped)[...])) ?? self
    }

    /// The document in the order its publisher gave: what is stored of a publication, so that a later partial
    /// publication (RFC 5264) finds the nodes where its publisher thinks they are.
    package func serialisedAsPublished() -> [UInt8] { self.tree.serialised() }
}
