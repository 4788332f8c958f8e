internal import Ground
internal import XMLTree

/// Collects what should have been unique in a document, for one answer (RFC 4825 §11.1).
struct UniquenessReport {
    private var duplicates: [XCAPFault.Duplicate] = []

    /// Notes an attribute whose value exists already.
    /// - Parameters:
    ///   - attribute: without a namespace, as all that must be unique here are.
    ///   - usage: the default namespace of selectors, whose elements need no prefix.
    mutating func add(
        attribute: String, of element: XMLDocument.NodeID, in tree: XMLDocument, defaultNamespace: String,
        alternatives: [[UInt8]] = []
    ) {
        guard self.duplicates.count < ReportLimits.duplicates else { return }
        self.duplicates.append(
            XCAPFault.Duplicate(
                field: Self.field(attribute, of: element, in: tree, defaultNamespace: Array(defaultNamespace.utf8)),
                alternatives: alternatives))
    }

    /// uniqueness-failure if anything was noted.
    var fault: XCAPFault? {
        self.duplicates.isEmpty ? nil : XCAPFault(.uniquenessFailure(self.duplicates), "something exists already")
    }

    /// The attribute as a selector relative to the document: each element by its name and, where others have the same
    /// name, its position among them.
    private static func field(
        _ attribute: String, of element: XMLDocument.NodeID, in tree: XMLDocument, defaultNamespace: [UInt8]
    ) -> [UInt8] {
        var path: [[UInt8]] = []
        var bindings: [NamespaceBindings.Binding] = []
        var cursor = element
        while cursor > 0 {
            path.append(Self.step(to: cursor, in: tree, defaultNamespace, &bindings))
            cursor = tree[cursor].parent
        }
        var text = Array(path.reversed().joined(separator: [UInt8(ascii: "/")]))
        text.append(literal: "/@")
        text.append(text: attribute)
        var field: [UInt8] = []
        PercentEncoding.appendEncoded(text[...], to: &field)
        if !bindings.isEmpty { NodeSelector.appendQuery(bindings, to: &field) }
        return field
    }

    private static func step(
        to element: XMLDocument.NodeID, in tree: XMLDocument, _ defaultNamespace: [UInt8],
        _ bindings: inout [NamespaceBindings.Binding]
    ) -> [UInt8] {
        let node = tree[element]
        var step: [UInt8] = []
        let namespace = Array(tree.namespace(node.namespace))
        if namespace != defaultNamespace {
            if let known = bindings.first(where: { $0.namespace == namespace }) {
                step.append(contentsOf: known.prefix)
            } else {
                var prefix: [UInt8] = [UInt8(ascii: "n")]
                prefix.append(decimal: UInt64(bindings.count))
                bindings.append(NamespaceBindings.Binding(prefix: prefix, namespace: namespace))
                step.append(contentsOf: prefix)
            }
            step.append(UInt8(ascii: ":"))
        }
        step.append(contentsOf: tree.name(node.name))
        var position: UInt64 = 0
        var count = 0
        var sibling = node.parent >= 0 ? tree[node.parent].firstChild : -1
        while sibling >= 0 {
            if tree[sibling].kind == .element, tree[sibling].name == node.name,
                tree[sibling].namespace == node.namespace
            {
                count += 1
                if sibling == element { position = UInt64(count) }
            }
            sibling = tree[sibling].next
        }
        if count > 1 {
            step.append(UInt8(ascii: "["))
            step.append(decimal: position)
            step.append(UInt8(ascii: "]"))
        }
        return step
    }
}
