import Ground

/// Random documents, fragments, selectors and values, small enough to collide often.
struct ModelGenerator {
    private var entropy: Entropy

    init(seed: UInt64) { self.entropy = Entropy.seeded(seed) }

    mutating func number(below bound: Int) -> Int { Int(self.entropy.next(below: UInt64(bound))) }
    mutating func chance(_ percent: Int) -> Bool { self.number(below: 100) < percent }
    mutating func pick<Value>(_ values: [Value]) -> Value { values[self.number(below: values.count)] }

    private static let namespaces = ["urn:test", "urn:p", "urn:q"]
    static let values = [
        "1", "2", "a/b", "x &amp; y", "&lt;z&gt;", "it's", "say \"so\"", "line\nend", "", "é", "a]b", "&quot;&apos;",
    ]
    private static let others = [
        "\n  ", " ", "text", "<!-- <a x=\"1\"/> -->", "<?t <a/>?>", "<![CDATA[<a></b>]]>", "&amp;", "é>", "\r\n\t",
    ]
    private static let spaces = [" ", "  ", "\n", "\t ", " "]

    mutating func document() -> ModelDocument {
        var root = self.element(depth: 4)
        root.name = self.chance(80) ? "root" : "p:root"
        root.attributes.removeAll { $0.declared != nil }
        let declarations = [("xmlns", "urn:test"), ("xmlns:p", "urn:p"), ("xmlns:q", "urn:q")]
        root.attributes.insert(
            contentsOf: declarations.map { ModelAttribute(lead: " ", name: $0.0, value: $0.1) }, at: 0)
        return ModelDocument(
            before: self.pick([
                "", "<?xml version=\"1.0\"?>\n", "<!-- <root/> -->\n", "<?xml version='1.0' encoding='utf-8'?><?p?>",
            ]),
            root: root, behind: self.pick(["", "\n", "<!-- </root> -->"]))
    }

    /// An element whose prefixes may be unbound where it is put.
    mutating func element(depth: Int) -> ModelElement {
        var element = ModelElement(name: self.pick(["", "", "", "p:", "q:"]) + self.pick(["a", "b", "c"]))
        if self.chance(10) {
            self.declare(
                self.pick([("xmlns", self.pick(Self.namespaces)), ("xmlns:p", "urn:q"), ("xmlns:q", "urn:z")]), &element
            )
        }
        if self.chance(3) { element.name = "u:" + element.name.suffix(1) }
        for name in ["x", "y"] where self.chance(35) { element.attributes.append(self.attribute(name)) }
        // One with a prefix at most: two might mean the same.
        if self.chance(15) { element.attributes.append(self.attribute(self.pick(["p:x", "q:x"]))) }
        if self.chance(20) { element.tail = self.pick(Self.spaces) }
        guard depth > 0, self.chance(75) else {
            element.isEmptyTag = self.chance(70)
            return element
        }
        for _ in 0..<self.number(below: 5) {
            element.children.append(
                self.chance(55) ? .element(self.element(depth: depth - 1)) : .other(self.pick(Self.others)))
        }
        return element
    }

    private mutating func declare(_ declaration: (String, String), _ element: inout ModelElement) {
        element.attributes.append(
            ModelAttribute(
                lead: self.pick(Self.spaces), name: declaration.0, value: declaration.1, quote: self.pick(["'", "\""])))
    }

    private mutating func attribute(_ name: String) -> ModelAttribute {
        var attribute = ModelAttribute(lead: self.pick(Self.spaces), name: name, value: self.pick(Self.values))
        attribute.quote =
            attribute.value.contains("\"") ? "'" : attribute.value.contains("'") ? "\"" : self.pick(["'", "\""])
        return attribute
    }

    // MARK: Selectors

    /// A selector that mostly follows what is there, with prefixes of its own.
    mutating func selector(for document: ModelDocument, terminal: ModelSelector.Terminal) -> ModelSelector {
        if self.chance(25) { return self.position(in: document, terminal: terminal) }
        var selector = ModelSelector(steps: [], terminal: terminal, bindings: [:], isEncoded: self.chance(50))
        var path: ModelDocument.Path? = []
        for _ in 0...self.number(below: 5) {
            selector.steps.append(self.step(towards: path, in: document, &selector.bindings))
            let children = path.flatMap { document[$0]?.children } ?? []
            let next = children.indices.filter { children[$0].element != nil }
            path = next.isEmpty ? nil : path.map { $0 + [self.pick(next)] }
            if path == nil, self.chance(60) { break }
        }
        if case .attribute(let name) = terminal { Self.bind(name, &selector.bindings) }
        return selector
    }

    /// A selector of an element that is there, by positions alone.
    private mutating func position(in document: ModelDocument, terminal: ModelSelector.Terminal) -> ModelSelector {
        var selector = ModelSelector(steps: [.init()], terminal: terminal, bindings: [:], isEncoded: true)
        var path: ModelDocument.Path = []
        while let children = document[path]?.children, self.chance(85) {
            let elements = children.indices.filter { children[$0].element != nil }
            if elements.isEmpty { break }
            let index = self.number(below: elements.count)
            path.append(elements[index])
            selector.steps.append(.init(position: index + 1))
        }
        if case .attribute(let name) = terminal { Self.bind(name, &selector.bindings) }
        return selector
    }

    private mutating func step(
        towards path: ModelDocument.Path?, in document: ModelDocument, _ bindings: inout [String: String]
    ) -> ModelSelector.Step {
        var step = ModelSelector.Step()
        let element = path.flatMap { document[$0] }
        if self.chance(85) {
            var name = ModelSelector.Name(prefix: "", namespace: "urn:test", local: self.pick(["a", "b", "c", "root"]))
            if let path, let element, self.chance(92) {
                let (prefix, local) = ModelText.parts(element.name)
                name.local = local
                name.namespace = document.scope(at: path)[prefix] ?? ""
            }
            if name.namespace != "urn:test" { name.prefix = Self.prefix(of: name.namespace) }
            step.name = name
            Self.bind(name, &bindings)
        }
        if self.chance(35) { step.position = self.pick([0, 1, 1, 1, 2, 2, 2, 3, 3, 4]) }
        if self.chance(35) {
            let present = element?.attributes.filter { $0.declared == nil && !$0.name.contains(":") } ?? []
            if !present.isEmpty, self.chance(70) {
                let one = self.pick(present)
                step.attribute = (.init(prefix: "", namespace: "", local: one.name), ModelText.decoded(one.value))
            } else {
                step.attribute = (self.attributeName(), ModelText.decoded(self.pick(Self.values)))
            }
            if let (name, _) = step.attribute { Self.bind(name, &bindings) }
        }
        return step
    }

    mutating func attributeName() -> ModelSelector.Name {
        if self.chance(70) { return .init(prefix: "", namespace: "", local: self.pick(["x", "y", "z"])) }
        let namespace = self.pick(["urn:p", "urn:q", "urn:new"])
        return .init(prefix: Self.prefix(of: namespace), namespace: namespace, local: "x")
    }

    /// The prefixes of requests: not those of documents, and one that means another thing there.
    private static func prefix(of namespace: String) -> String {
        ["urn:p": "q", "urn:q": "k", "urn:z": "z", "urn:new": "p", "urn:test": "t"][namespace] ?? "n"
    }

    private static func bind(_ name: ModelSelector.Name, _ bindings: inout [String: String]) {
        if !name.prefix.isEmpty { bindings[name.prefix] = name.namespace }
    }

    /// A body for the selector: mostly with the name and attribute that it asks for.
    mutating func body(for selector: ModelSelector) -> ModelElement? {
        if self.chance(3) { return nil }
        var body = self.element(depth: 2)
        let step = selector.steps[selector.steps.count - 1]
        if let name = step.name, self.chance(85) {
            let prefixes = ["urn:test": "", "urn:p": "p:", "urn:q": "q:"]
            body.name = (prefixes[name.namespace] ?? "p:") + name.local
            body.attributes.removeAll { $0.declared != nil && self.chance(80) }
        }
        if let (name, value) = step.attribute, name.prefix.isEmpty, self.chance(85) {
            body.attributes.removeAll { $0.name == name.local }
            let written = value.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(
                "\"", with: "&quot;")
            body.attributes.append(ModelAttribute(lead: " ", name: name.local, value: written))
        }
        return body
    }
}
