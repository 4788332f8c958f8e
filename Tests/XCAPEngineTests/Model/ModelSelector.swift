/// A node selector of the model: written for a request, and evaluated by the book.
struct ModelSelector {
    /// A name: the prefix in the request, the namespace it stands for, the local name.
    struct Name: Equatable {
        var prefix: String
        var namespace: String
        var local: String

        var text: String { self.prefix.isEmpty ? self.local : "\(self.prefix):\(self.local)" }
    }

    /// A step; no name is the asterisk.
    struct Step {
        var name: Name?
        var position: Int?
        var attribute: (name: Name, value: String)?
    }

    /// What is meant of the element.
    enum Terminal {
        case element
        case attribute(Name)
        case namespaces
    }

    var steps: [Step]
    var terminal: Terminal
    /// The prefixes of the query.
    var bindings: [String: String]
    /// Whether brackets and quotes are percent-encoded.
    var isEncoded: Bool

    /// As it stands in a request, behind `/~~/`.
    var text: String {
        var parts = self.steps.map { step in
            var text = step.name?.text ?? "*"
            if let position = step.position { text += "[\(position)]" }
            if let (name, value) = step.attribute {
                let escaped = value.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
                text += "[@\(name.text)=\"\(escaped.replacing("\"", with: "&quot;"))\"]"
            }
            return text
        }
        switch self.terminal {
        case .element: break
        case .attribute(let name): parts.append("@" + name.text)
        case .namespaces: parts.append("namespace::*")
        }
        var text = parts.joined(separator: "/").replacing(" ", with: "%20")
        if self.isEncoded {
            text = text.replacing("[", with: "%5B").replacing("]", with: "%5D").replacing("\"", with: "%22")
        }
        let query = self.bindings.sorted { $0.key < $1.key }.map { "xmlns(\($0.key)=\($0.value))" }.joined()
        return query.isEmpty ? text : text + "?" + query
    }

    /// The elements that the first steps select, in document order; nil stands for the document itself (no steps).
    func evaluate(in document: ModelDocument, steps count: Int? = nil) -> [ModelDocument.Path] {
        var context: [ModelDocument.Path]?
        for step in self.steps.prefix(count ?? self.steps.count) {
            var found: [ModelDocument.Path] = []
            guard let parents = context else {
                context = Self.selected(by: step, of: [[]], in: document)
                continue
            }
            for parent in parents {
                let children = (document[parent]?.children ?? []).indices.map { parent + [$0] }
                found += Self.selected(by: step, of: children.filter { document[$0] != nil }, in: document)
            }
            context = found
        }
        return context ?? []
    }

    /// Which of the children of one parent a step selects.
    private static func selected(
        by step: Step, of children: [ModelDocument.Path], in document: ModelDocument
    ) -> [ModelDocument.Path] {
        var found = children.filter { Self.matches(step.name, $0, in: document) }
        if let position = step.position {
            found = position >= 1 && position <= found.count ? [found[position - 1]] : []
        }
        if let (name, value) = step.attribute {
            found = found.filter { path in
                Self.attribute(name, of: path, in: document).map { ModelText.decoded($0.value) } == value
            }
        }
        return found
    }

    /// Whether an element has the name of a step.
    static func matches(_ name: Name?, _ path: ModelDocument.Path, in document: ModelDocument) -> Bool {
        guard let name, let element = document[path] else { return true }
        let (prefix, local) = ModelText.parts(element.name)
        return local == name.local && (document.scope(at: path)[prefix] ?? "") == name.namespace
    }

    /// The attribute of an element with a name.
    static func attribute(
        _ name: Name, of path: ModelDocument.Path, in document: ModelDocument
    ) -> ModelAttribute? {
        let scope = document.scope(at: path)
        return document[path]?.attributes.first { attribute in
            guard attribute.declared == nil else { return false }
            let (prefix, local) = ModelText.parts(attribute.name)
            let namespace = prefix.isEmpty ? "" : scope[prefix] ?? ""
            return local == name.local && namespace == name.namespace
        }
    }
}
