internal import Ground
package import XMLTree

/// What a request means inside a document (RFC 4825 §6.3): steps to one element, and perhaps an attribute of it or its
/// namespace bindings.
package struct NodeSelector: Hashable, Sendable {
    /// A qualified name.
    package struct Name: Hashable, Sendable {
        /// As the request wrote it; empty without one.
        package let prefix: [UInt8]
        package let local: [UInt8]
        /// Nil is the default document namespace of the application usage: an element name without a prefix.
        package let namespace: [UInt8]?
    }

    /// `[@name="value"]`
    package struct AttributeTest: Hashable, Sendable {
        package let name: Name
        /// With its references resolved.
        package let value: [UInt8]
    }

    /// `name`, `name[1]`, `name[@a="b"]` or `name[1][@a="b"]`, where the name may be an asterisk.
    package struct Step: Hashable, Sendable {
        /// Nil is the asterisk.
        package let name: Name?
        /// From 1; a zero selects nothing.
        package let position: Int?
        package let attribute: AttributeTest?
    }

    /// What is meant of the element.
    package enum Terminal: Hashable, Sendable {
        case attribute(Name)
        case namespaces
    }

    /// At least one.
    package let steps: [Step]
    /// Nil is the element itself.
    package let terminal: Terminal?
    /// What the query bound.
    package let bindings: NamespaceBindings

    /// What a selector finds.
    package enum Outcome: Equatable, Sendable {
        case element(XMLDocument.NodeID)
        /// Nothing.
        case noMatch
        /// More than one element.
        case ambiguous
    }

    /// The element that the first steps select; all steps unless said otherwise. No step selects the document node.
    package func evaluate(
        in tree: XMLDocument, defaultNamespace: [UInt8], steps count: Int? = nil
    ) -> Outcome {
        var context: [XMLDocument.NodeID] = [0]
        for step in self.steps.prefix(count ?? self.steps.count) {
            let test = StepTest(step, in: tree, defaultNamespace: defaultNamespace)
            var found: [XMLDocument.NodeID] = []
            for parent in context { test.select(under: parent, in: tree, into: &found) }
            if found.isEmpty { return .noMatch }
            context = found
        }
        return context.count == 1 ? .element(context[0]) : .ambiguous
    }

    /// The node of an attribute of an element, or -1.
    package func attribute(
        _ name: Name, of element: XMLDocument.NodeID, in tree: XMLDocument
    ) -> XMLDocument.NodeID {
        guard let local = tree.nameNumber(name.local[...]),
            let namespace = tree.namespaceNumber((name.namespace ?? [])[...])
        else { return -1 }
        return tree.attribute(local, namespace: namespace, of: element)
    }

    /// The selector up to a step as a URI has it: percent-encoded, with a query if it needs one.
    package func encoded(steps count: Int) -> [UInt8] {
        var text: [UInt8] = []
        var prefixes: [[UInt8]] = []
        for (number, step) in self.steps.prefix(count).enumerated() {
            if number > 0 { text.append(UInt8(ascii: "/")) }
            if let name = step.name {
                Self.append(name, to: &text, &prefixes)
            } else {
                text.append(UInt8(ascii: "*"))
            }
            if let position = step.position {
                text.append(UInt8(ascii: "["))
                text.append(decimal: UInt64(position))
                text.append(UInt8(ascii: "]"))
            }
            if let test = step.attribute {
                text.append(literal: "[@")
                Self.append(test.name, to: &text, &prefixes)
                text.append(literal: "=\"")
                Self.appendEscaped(test.value, to: &text)
                text.append(literal: "\"]")
            }
        }
        var out: [UInt8] = []
        PercentEncoding.appendEncoded(text[...], to: &out)
        let bound = prefixes.compactMap { prefix in
            self.bindings.all.last { $0.prefix == prefix }
        }
        if !bound.isEmpty { Self.appendQuery(bound, to: &out) }
        return out
    }

    /// A query that binds prefixes, with its question mark.
    static func appendQuery(_ bindings: [NamespaceBindings.Binding], to out: inout [UInt8]) {
        out.append(UInt8(ascii: "?"))
        for binding in bindings {
            var part: [UInt8] = Array("xmlns(".utf8)
            part.append(contentsOf: binding.prefix)
            part.append(UInt8(ascii: "="))
            for byte in binding.namespace {
                if "()^".utf8.contains(byte) { part.append(UInt8(ascii: "^")) }
                part.append(byte)
            }
            part.append(UInt8(ascii: ")"))
            PercentEncoding.appendEncoded(part[...], to: &out)
        }
    }

    private static func append(_ name: Name, to text: inout [UInt8], _ prefixes: inout [[UInt8]]) {
        if !name.prefix.isEmpty {
            text.append(contentsOf: name.prefix)
            text.append(UInt8(ascii: ":"))
            if !prefixes.contains(name.prefix) { prefixes.append(name.prefix) }
        }
        text.append(contentsOf: name.local)
    }

    /// The value of an attribute as it stands between double quotes.
    static func appendEscaped(_ value: [UInt8], to text: inout [UInt8]) {
        for byte in value {
            switch byte {
            case UInt8(ascii: "&"): text.append(literal: "&amp;")
            case UInt8(ascii: "<"): text.append(literal: "&lt;")
            case UInt8(ascii: "\""): text.append(literal: "&quot;")
            default: text.append(byte)
            }
        }
    }
}

/// A step with its names as numbers of one document.
struct StepTest {
    /// A name in numbers; nil where the document does not have it, so that nothing can match.
    private enum Numbers {
        case any
        case named(name: UInt16, namespace: UInt16)
        case absent
    }

    private let name: Numbers
    private let attribute: Numbers
    private let step: NodeSelector.Step

    init(_ step: NodeSelector.Step, in tree: XMLDocument, defaultNamespace: [UInt8]) {
        self.step = step
        self.name = Self.numbers(of: step.name, in: tree, default: defaultNamespace)
        self.attribute = Self.numbers(of: step.attribute?.name, in: tree, default: [])
    }

    private static func numbers(
        of name: NodeSelector.Name?, in tree: XMLDocument, default namespace: [UInt8]
    ) -> Numbers {
        guard let name else { return .any }
        guard let local = tree.nameNumber(name.local[...]),
            let space = tree.namespaceNumber((name.namespace ?? namespace)[...])
        else { return .absent }
        return .named(name: local, namespace: space)
    }

    /// Whether an element has the name.
    func matchesName(_ id: XMLDocument.NodeID, in tree: XMLDocument) -> Bool {
        switch self.name {
        case .any: return true
        case .named(let name, let namespace): return tree[id].name == name && tree[id].namespace == namespace
        case .absent: return false
        }
    }

    /// Whether an element has the attribute with the value, or none is asked for.
    private func matchesAttribute(_ id: XMLDocument.NodeID, in tree: XMLDocument) -> Bool {
        guard let test = self.step.attribute else { return true }
        guard case .named(let name, let namespace) = self.attribute else { return false }
        let node = tree.attribute(name, namespace: namespace, of: id)
        return node >= 0 && tree.value(node).elementsEqual(test.value)
    }

    /// The children of a node that the step selects, in their order.
    func select(under parent: XMLDocument.NodeID, in tree: XMLDocument, into found: inout [XMLDocument.NodeID]) {
        if case .absent = self.name { return }
        var seen = 0
        var child = tree[parent].firstChild
        while child >= 0 {
            if tree[child].kind == .element, self.matchesName(child, in: tree) {
                seen += 1
                if let position = self.step.position {
                    if seen == position {
                        if self.matchesAttribute(child, in: tree) { found.append(child) }
                        return
                    }
                } else if self.matchesAttribute(child, in: tree) {
                    found.append(child)
                }
            }
            child = tree[child].next
        }
    }
}
