/// A document as a tree of enums that remembers how it is written: slow, and plain to see through. What it writes is
/// the text byte for byte, so that comparing texts proves that an edit changed nothing else.
indirect enum ModelNode: Equatable {
    case element(ModelElement)
    /// Anything else as it is written: text, a comment, an instruction, a CDATA section.
    case other(String)

    var text: String {
        switch self {
        case .element(let element): element.text
        case .other(let text): text
        }
    }

    var element: ModelElement? {
        if case .element(let element) = self { return element }
        return nil
    }
}

/// An attribute or a declaration of a namespace.
struct ModelAttribute: Equatable {
    /// White space before it.
    var lead: String
    /// With its prefix, as it is written.
    var name: String
    /// As it is written, without quotes.
    var value: String
    var quote: String = "\""

    var text: String { "\(self.lead)\(self.name)=\(self.quote)\(self.value)\(self.quote)" }

    /// The prefix that it declares; nil for an attribute.
    var declared: String? {
        if self.name == "xmlns" { return "" }
        return self.name.hasPrefix("xmlns:") ? String(self.name.dropFirst(6)) : nil
    }
}

/// An element.
struct ModelElement: Equatable {
    /// With its prefix, as it is written.
    var name: String
    var attributes: [ModelAttribute] = []
    /// White space before the end of the start tag.
    var tail = ""
    var children: [ModelNode] = []
    /// Whether it is written as `<a/>`.
    var isEmptyTag = false

    var text: String {
        let start = "<\(self.name)" + self.attributes.map(\.text).joined() + self.tail
        if self.isEmptyTag { return start + "/>" }
        return start + ">" + self.children.map(\.text).joined() + "</\(self.name)>"
    }

    /// What is bound inside of the element, where `outer` is bound outside.
    func scope(_ outer: [String: String]) -> [String: String] {
        var scope = outer
        for attribute in self.attributes {
            if let prefix = attribute.declared { scope[prefix] = ModelText.decoded(attribute.value) }
        }
        return scope
    }

    /// Whether all prefixes inside are bound.
    func isBound(_ outer: [String: String]) -> Bool {
        let scope = self.scope(outer)
        for name in [self.name] + self.attributes.filter({ $0.declared == nil }).map(\.name) {
            let prefix = ModelText.parts(name).prefix
            if !prefix.isEmpty, scope[prefix] == nil { return false }
        }
        return self.children.allSatisfy { $0.element?.isBound(scope) ?? true }
    }
}

/// Names and values.
enum ModelText {
    static func parts(_ name: String) -> (prefix: String, local: String) {
        let parts = name.split(separator: ":").map(String.init)
        return parts.count == 2 ? (parts[0], parts[1]) : ("", name)
    }

    /// The value that a written one means.
    static func decoded(_ value: String) -> String {
        var result = value
        for (written, meant) in [
            ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("\n", " "), ("&amp;", "&"),
        ] {
            result = result.replacing(written, with: meant)
        }
        return result
    }
}

/// A document: what stands before the root, the root, what stands behind it.
struct ModelDocument: Equatable {
    var before = ""
    var root: ModelElement
    var behind = ""

    var text: String { self.before + self.root.text + self.behind }

    /// The way to an element: the numbers of children among all nodes, from the root on. The empty way is the root.
    typealias Path = [Int]

    subscript(path: Path) -> ModelElement? {
        var element = self.root
        for index in path {
            guard let child = element.children[index].element else { return nil }
            element = child
        }
        return element
    }

    /// What is bound at an element.
    func scope(at path: Path) -> [String: String] {
        var scope: [String: String] = [:]
        for count in 0...path.count { scope = self[Array(path.prefix(count))]?.scope(scope) ?? scope }
        return scope
    }

    mutating func change(_ path: Path, _ body: (inout ModelElement) -> Void) {
        func inside(_ element: inout ModelElement, _ rest: ArraySlice<Int>) {
            guard let index = rest.first else { return body(&element) }
            guard var child = element.children[index].element else { return }
            inside(&child, rest.dropFirst())
            element.children[index] = .element(child)
        }
        inside(&self.root, path[...])
    }
}
