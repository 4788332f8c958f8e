package import Ground
package import XMLTree

extension DifferenceDocument {
    /// A document of this format as a watcher of documents got it (RFC 5874 §3).
    package struct Received: Sendable {
        /// What an entry is about.
        package enum Kind: Sendable, Equatable {
            case document, element, attribute
        }

        /// One entry.
        package struct Entry: Sendable, Equatable {
            package let kind: Kind
            /// As it is written; relative to the XCAP root for a document.
            package let selector: [UInt8]
            /// Of a document: what it was and what it is; nil for "not there".
            package let previousTag: [UInt8]?
            package let newTag: [UInt8]?
            /// Of a document: whether only the tag changed.
            package let isBodyNotChanged: Bool
            /// Of a document: how many operations stand in it.
            package let operationCount: Int
            /// Of an element or attribute: whether there is one.
            package let exists: Bool
            /// Of an element or attribute: the element as text or the value; nil where it was left out.
            package let content: [UInt8]?
            /// The entry in the document's tree.
            let node: XMLDocument.NodeID
        }

        private let tree: XMLDocument
        private let namespace: UInt16
        /// The XCAP root.
        package let root: [UInt8]
        package let entries: [Entry]

        /// Reads a document. Children that are no part of the format are passed over.
        /// - Throws: a fault where the XML is refused or mandatory parts are missing.
        package static func parse(_ body: Octets, limits: XMLLimits = .standard) throws(DocumentFault) -> Received {
            let tree: XMLDocument
            do { tree = try XMLDocument.parse(body, limits: limits) } catch { throw DocumentFault(error) }
            let own = DifferenceDocument.namespace.withUTF8Buffer { Array($0) }
            guard let namespace = tree.namespaceNumber(own[...]), tree.root >= 0,
                tree[tree.root].namespace == namespace, tree.name(tree[tree.root].name).equals("xcap-diff")
            else { throw Self.fault("root is not xcap-diff") }
            guard let root = Self.attribute("xcap-root", of: tree.root, in: tree) else {
                throw Self.fault("xcap-root is missing")
            }
            var entries: [Entry] = []
            var cursor = tree[tree.root].firstChild
            while cursor >= 0 {
                if tree[cursor].kind == .element, tree[cursor].namespace == namespace {
                    if let entry = try Self.entry(cursor, in: tree, namespace) { entries.append(entry) }
                }
                cursor = tree[cursor].next
            }
            return Received(tree: tree, namespace: namespace, root: root, entries: entries)
        }

        private static func entry(
            _ node: XMLDocument.NodeID, in tree: XMLDocument, _ namespace: UInt16
        ) throws(DocumentFault) -> Entry? {
            let name = tree.name(tree[node].name)
            let kind: Kind
            if name.equals("document") {
                kind = .document
            } else if name.equals("element") {
                kind = .element
            } else if name.equals("attribute") {
                kind = .attribute
            } else {
                return nil
            }
            guard let selector = Self.attribute("sel", of: node, in: tree), !selector.isEmpty else {
                throw Self.fault("entry without sel")
            }
            var operations = 0
            var isBodyNotChanged = false
            var content: [UInt8]?
            var cursor = tree[node].firstChild
            while cursor >= 0 {
                if tree[cursor].kind == .element {
                    switch kind {
                    case .document:
                        let isOurs = tree[cursor].namespace == namespace
                        if isOurs, tree.name(tree[cursor].name).equals("body-not-changed") {
                            isBodyNotChanged = true
                        } else {
                            operations += 1
                        }
                    case .element: content = content ?? DifferenceDocument.fragment(of: cursor, in: tree)
                    case .attribute: break
                    }
                }
                cursor = tree[cursor].next
            }
            let flag = Self.attribute("exists", of: node, in: tree)
            let exists = flag.map { !$0[...].equals("false") && !$0[...].equals("0") } ?? true
            if kind == .attribute, exists, flag == nil { content = Array(tree.stringValue(node)) }
            return Entry(
                kind: kind, selector: selector, previousTag: Self.attribute("previous-etag", of: node, in: tree),
                newTag: Self.attribute("new-etag", of: node, in: tree), isBodyNotChanged: isBodyNotChanged,
                operationCount: operations, exists: exists, content: exists ? content : nil, node: node)
        }

        /// Applies the operations of an entry to a document: all of them or, where it throws, none.
        package func applying(_ entry: Entry, to document: XMLDocument) throws(DocumentFault) -> XMLDocument {
            guard entry.kind == .document, entry.node > 0, Int(entry.node) < self.tree.nodes.count else {
                throw Self.fault("entry has no operations")
            }
            do {
                return try XMLPatch.applying(
                    operationsIn: entry.node, of: self.tree, namespace: self.namespace, to: document)
            } catch {
                throw DocumentFault(
                    kind: .badPatch, status: 400, reason: "Bad patch: \(error.condition.rawValue)")
            }
        }

        private static func attribute(
            _ name: StaticString, of node: XMLDocument.NodeID, in tree: XMLDocument
        ) -> [UInt8]? {
            let bytes = name.withUTF8Buffer { Array($0) }
            guard let number = tree.nameNumber(bytes[...]) else { return nil }
            let id = tree.attribute(number, of: node)
            return id >= 0 ? Array(tree.value(id)) : nil
        }

        private static func fault(_ reason: String) -> DocumentFault {
            DocumentFault(kind: .notValid, status: 400, reason: "Bad xcap-diff: " + reason)
        }
    }
}
