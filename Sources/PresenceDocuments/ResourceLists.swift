package import Ground
package import XMLTree

/// A `resource-lists` document (RFC 4826 §3), as those who use its lists need it: names, entries, references, in
/// document order. What a schema of somebody else added is left out.
package struct ResourceLists: Hashable, Sendable {
    /// The namespace of the format.
    package static let namespace = "urn:ietf:params:xml:ns:resource-lists"

    /// The lists right under the root.
    package let lists: [ResourceList]

    /// Reads a document.
    /// - Throws: a fault where the XML is refused or the root is no `resource-lists`; an entry without its URI is left
    ///   out, because the schema has been checked when the document was stored.
    package static func parse(_ body: Octets, limits: XMLLimits = .standard) throws(DocumentFault) -> ResourceLists {
        let tree: XMLDocument
        do { tree = try XMLDocument.parse(body, limits: limits) } catch { throw DocumentFault(error) }
        guard let root = tree.rootElement, root.name.equals("resource-lists"),
            root.namespace.elementsEqual(Self.namespace.utf8)
        else {
            throw DocumentFault(kind: .notValid, status: 400, reason: "Bad resource-lists: another root element")
        }
        return ResourceLists(lists: root.children("list", namespace: Self.namespace).map { ResourceList($0) })
    }

    /// The list that a path leads to: its first step among the lists of the document, the next among those inside of
    /// it. Nil if there is none, or if a step means several.
    package func list(at path: [ListAnchor.Step]) -> ResourceList? {
        var candidates = self.lists
        var found: ResourceList?
        for step in path {
            let matching: [ResourceList]
            switch step {
            case .named(let name): matching = candidates.filter { $0.name == name }
            case .position(let number): matching = Array(candidates.dropFirst(number - 1).prefix(1))
            case .only: matching = candidates
            }
            guard let next = matching.first, matching.count == 1 else { return nil }
            found = next
            candidates = next.lists
        }
        return found
    }
}

/// A list: entries, other lists, and references to either (RFC 4826 §3.1).
package struct ResourceList: Hashable, Sendable {
    /// What a list holds, in its order.
    package indirect enum Member: Hashable, Sendable {
        /// A list in the list.
        case list(ResourceList)
        /// A URI.
        case entry(Entry)
        /// An entry of another document: a path relative to the XCAP root, still percent-encoded.
        case entryReference([UInt8])
        /// A list of another document, perhaps on another server: an absolute URI, still percent-encoded.
        case external([UInt8])
    }

    /// A member of a list that is named by its URI.
    package struct Entry: Hashable, Sendable {
        /// As it is written.
        package var uri: [UInt8]
        /// What people see; empty if there is none.
        package var displayName: [UInt8]

        package init(uri: [UInt8], displayName: [UInt8] = []) {
            self.uri = uri
            self.displayName = displayName
        }

        /// The URI as identities are compared.
        package var identity: [UInt8] { EntityURI.canonical(self.uri[...]) }
    }

    /// Nil for a list without a name.
    package var name: [UInt8]?
    /// What people see; empty if there is none.
    package var displayName: [UInt8]
    package var members: [Member]

    package init(name: [UInt8]? = nil, displayName: [UInt8] = [], members: [Member]) {
        self.name = name
        self.displayName = displayName
        self.members = members
    }

    /// The lists right in this one.
    package var lists: [ResourceList] {
        self.members.compactMap { if case .list(let list) = $0 { list } else { nil } }
    }

    /// Reads a `list` element, also the one inside of a `service`. Its depth is bounded by ``XMLTree/XMLLimits``.
    package init(_ element: XMLElement) {
        self.name = element.attribute("name").map { Array($0) }
        self.displayName = Self.displayName(of: element)
        self.members = element.children.compactMap { child in
            guard child.namespace.elementsEqual(ResourceLists.namespace.utf8) else { return nil }
            if child.name.equals("list") { return .list(ResourceList(child)) }
            if child.name.equals("entry") {
                return child.attribute("uri").map {
                    .entry(Entry(uri: Array($0), displayName: Self.displayName(of: child)))
                }
            }
            if child.name.equals("entry-ref") {
                return child.attribute("ref").map { .entryReference(Array($0)) }
            }
            guard child.name.equals("external") else { return nil }
            return child.attribute("anchor").map { .external(Array($0)) }
        }
    }

    /// Every entry in this list and in the lists in it, in document order; references are not followed.
    package var entries: [Entry] {
        var found: [Entry] = []
        self.collect(into: &found)
        return found
    }

    /// The anchors of every list that this one takes in from elsewhere, in document order.
    package var anchors: [[UInt8]] {
        self.members.flatMap { member -> [[UInt8]] in
            switch member {
            case .external(let anchor): [anchor]
            case .list(let list): list.anchors
            case .entry, .entryReference: []
            }
        }
    }

    private func collect(into found: inout [Entry]) {
        for member in self.members {
            switch member {
            case .entry(let entry): found.append(entry)
            case .list(let list): list.collect(into: &found)
            case .entryReference, .external: break
            }
        }
    }

    private static func displayName(of element: XMLElement) -> [UInt8] {
        element.child("display-name", namespace: ResourceLists.namespace).map { Array($0.text) } ?? []
    }
}
