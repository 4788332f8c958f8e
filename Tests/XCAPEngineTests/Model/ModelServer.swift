/// RFC 4825 §8 by the book, on a ``ModelDocument``.
struct ModelServer {
    var document: ModelDocument

    /// What a request is answered with.
    struct Answer: Equatable {
        var status: Int
        /// The error element of a 409.
        var condition: String?
        /// What GET answers.
        var body = ""

        static func conflict(_ condition: String) -> Answer { Answer(status: 409, condition: condition) }
    }

    // MARK: GET

    func get(_ selector: ModelSelector) -> Answer {
        let found = selector.evaluate(in: self.document)
        guard found.count == 1, let element = self.document[found[0]] else { return Answer(status: 404) }
        switch selector.terminal {
        case .element: return Answer(status: 200, body: element.text)
        case .attribute(let name):
            guard let attribute = ModelSelector.attribute(name, of: found[0], in: self.document) else {
                return Answer(status: 404)
            }
            return Answer(status: 200, body: attribute.value)
        case .namespaces:
            let scope = self.document.scope(at: found[0]).filter { !$0.value.isEmpty }
            return Answer(status: 200, body: element.name + Self.sorted(scope))
        }
    }

    /// Bindings in one order, whatever order they are declared in.
    static func sorted(_ scope: [String: String]) -> String {
        scope.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
    }

    // MARK: PUT

    /// - Parameter body: nil stands for a body that is not one element.
    mutating func put(_ body: ModelElement?, _ selector: ModelSelector) -> Answer {
        let step = selector.steps[selector.steps.count - 1]
        let parents = selector.evaluate(in: self.document, steps: selector.steps.count - 1)
        let isRoot = selector.steps.count == 1
        guard isRoot || parents.count == 1 else { return .conflict("no-parent") }
        let outer = isRoot ? [:] : self.document.scope(at: parents[0])
        guard let body, body.isBound(outer) else { return .conflict("not-xml-frag") }
        var changed = self.document
        let target: ModelDocument.Path
        let present = selector.evaluate(in: self.document)
        if present.count == 1 {
            target = present[0]
            changed.change(target) { $0 = body }
        } else {
            guard !isRoot, let index = self.place(for: step, under: parents[0]) else {
                return .conflict("cannot-insert")
            }
            target = parents[0] + [index]
            changed.change(parents[0]) { parent in
                parent.children.insert(.element(body), at: index)
                parent.isEmptyTag = false
            }
        }
        guard selector.evaluate(in: changed) == [target] else { return .conflict("cannot-insert") }
        self.document = changed
        return Answer(status: present.count == 1 ? 200 : 201)
    }

    /// The table of RFC 4825 §8.2.3: where among the children a new element goes.
    private func place(for step: ModelSelector.Step, under parent: ModelDocument.Path) -> Int? {
        let children = self.document[parent]?.children ?? []
        let elements = children.indices.filter { children[$0].element != nil }
        let siblings = elements.filter { ModelSelector.matches(step.name, parent + [$0], in: self.document) }
        switch (step.name, step.position) {
        case (_, nil) where siblings.isEmpty: return children.count
        case (nil, nil): return children.count
        case (.some, nil): return siblings[siblings.count - 1] + 1
        case (_, 0): return nil
        case (_, 1) where siblings.isEmpty: return children.count
        case (_, 1): return step.attribute == nil ? nil : siblings[0]
        case (_, .some(let position)): return position - 2 < siblings.count ? siblings[position - 2] + 1 : nil
        }
    }

    /// - Parameter value: as it is written, well-formed; nil stands for what is no value.
    mutating func put(value: String?, _ name: ModelSelector.Name, _ selector: ModelSelector) -> Answer {
        let found = selector.evaluate(in: self.document)
        guard found.count == 1 else { return .conflict("no-parent") }
        guard let value, !(value.contains("\"") && value.contains("'")) else { return .conflict("not-xml-att-value") }
        let quote = value.contains("\"") ? "'" : "\""
        var changed = self.document
        let present = ModelSelector.attribute(name, of: found[0], in: self.document)
        if let present {
            changed.change(found[0]) { element in
                guard let index = element.attributes.firstIndex(of: present) else { return }
                element.attributes[index].value = value
                if value.contains(present.quote) { element.attributes[index].quote = quote }
            }
        } else {
            let scope = self.document.scope(at: found[0])
            var written = name.local
            var declaration: ModelAttribute?
            if !name.namespace.isEmpty {
                let prefix: String
                if let bound = self.boundPrefix(of: name.namespace, at: found[0]) {
                    prefix = bound
                } else {
                    prefix = ([name.prefix] + (1...99).map { "\(name.prefix)\($0)" }).first { scope[$0] == nil } ?? ""
                    declaration = ModelAttribute(lead: " ", name: "xmlns:" + prefix, value: name.namespace)
                }
                written = prefix + ":" + name.local
            }
            changed.change(found[0]) { element in
                if let declaration { element.attributes.append(declaration) }
                element.attributes.append(ModelAttribute(lead: " ", name: written, value: value, quote: quote))
            }
        }
        guard selector.evaluate(in: changed) == found else { return .conflict("cannot-insert") }
        self.document = changed
        return Answer(status: present == nil ? 201 : 200)
    }

    /// The prefix for a namespace that is declared closest and means it still.
    private func boundPrefix(of namespace: String, at path: ModelDocument.Path) -> String? {
        let scope = self.document.scope(at: path)
        for count in stride(from: path.count, through: 0, by: -1) {
            for attribute in self.document[Array(path.prefix(count))]?.attributes ?? [] {
                if let prefix = attribute.declared, !prefix.isEmpty, ModelText.decoded(attribute.value) == namespace,
                    scope[prefix] == namespace
                {
                    return prefix
                }
            }
        }
        return nil
    }

    // MARK: DELETE

    mutating func delete(_ selector: ModelSelector) -> Answer {
        let found = selector.evaluate(in: self.document)
        guard found.count == 1 else { return Answer(status: 404) }
        var changed = self.document
        if case .attribute(let name) = selector.terminal {
            guard let attribute = ModelSelector.attribute(name, of: found[0], in: self.document) else {
                return Answer(status: 404)
            }
            changed.change(found[0]) { $0.attributes.removeAll { $0 == attribute } }
        } else {
            guard let index = found[0].last else { return .conflict("schema-validation-error") }
            changed.change(Array(found[0].dropLast())) { parent in
                parent.children.remove(at: index)
            }
            guard selector.evaluate(in: changed).isEmpty else { return .conflict("cannot-delete") }
        }
        self.document = changed
        return Answer(status: 200)
    }
}
