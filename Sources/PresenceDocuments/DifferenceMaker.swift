internal import Ground
internal import XMLTree

/// Makes the operations that lead from one canonical tree to another (RFC 5261). It keeps a working copy to which it
/// does what it writes, because each selector is evaluated after the operations before it.
struct DifferenceMaker {
    private var work: XMLDocument
    private let goal: XMLDocument
    private var output: [UInt8] = []
    private var count = 0

    init(from old: XMLDocument, to new: XMLDocument) {
        self.work = old
        self.goal = new
    }

    /// The operations as text; nil if the roots differ or there are too many.
    mutating func operations() -> [UInt8]? {
        guard self.goal.root >= 0, self.work.root >= 0 else { return nil }
        self.children(of: self.work.root, to: self.goal.root, path: Array("*".utf8))
        return self.count <= 64 ? self.output : nil
    }

    // MARK: Comparing

    /// What makes two children the same child: the name, and the id if there is one.
    private struct Identity: Hashable {
        var name: XMLDocument.ExpandedName
        var id: Octets
    }

    private static func identity(_ id: XMLDocument.NodeID, in tree: XMLDocument) -> Identity {
        Identity(name: tree.expandedName(id), id: tree.occurrenceID(id))
    }

    private static func elements(of parent: XMLDocument.NodeID, in tree: XMLDocument) -> [XMLDocument.NodeID] {
        var found: [XMLDocument.NodeID] = []
        var cursor = tree[parent].firstChild
        while cursor >= 0 {
            if tree[cursor].kind == .element { found.append(cursor) }
            cursor = tree[cursor].next
        }
        return found
    }

    /// Makes one element like another of the same name.
    private mutating func element(_ mine: XMLDocument.NodeID, to theirs: XMLDocument.NodeID, path: [UInt8]) {
        if self.work.subtree(mine, equals: self.goal, theirs) { return }
        let canDescend =
            Space.known.contains(self.work[mine].namespace) && self.hasOnlyElements(mine, self.work)
            && self.hasOnlyElements(theirs, self.goal) && self.attributesEqual(mine, theirs)
        if canDescend {
            self.children(of: mine, to: theirs, path: path)
            return
        }
        if let text = self.onlyText(mine, self.work), let wanted = self.onlyText(theirs, self.goal),
            self.attributesEqual(mine, theirs), Space.known.contains(self.work[mine].namespace)
        {
            self.open("replace", path + Array("/text()".utf8))
            XMLWriter.escape(self.goal.value(wanted), inAttribute: false, into: &self.output)
            self.close("replace")
            self.work.setValue(Array(self.goal.value(wanted)), of: text)
            return
        }
        self.open("replace", path)
        self.write(theirs)
        self.close("replace")
        let copy = self.work.copySubtree(theirs, of: self.goal)
        self.work.insert(copy, under: self.work[mine].parent, after: mine)
        self.work.detach(mine)
    }

    private func hasOnlyElements(_ id: XMLDocument.NodeID, _ tree: XMLDocument) -> Bool {
        var cursor = tree[id].firstChild
        while cursor >= 0 {
            if tree[cursor].kind != .element { return false }
            cursor = tree[cursor].next
        }
        return true
    }

    private func onlyText(_ id: XMLDocument.NodeID, _ tree: XMLDocument) -> XMLDocument.NodeID? {
        let child = tree[id].firstChild
        guard child >= 0, child == tree[id].lastChild, tree[child].kind == .text else { return nil }
        return child
    }

    private func attributesEqual(_ mine: XMLDocument.NodeID, _ theirs: XMLDocument.NodeID) -> Bool {
        let left = self.work.attributes(of: mine)
        let right = self.goal.attributes(of: theirs)
        guard left.count == right.count else { return false }
        return left.allSatisfy { one in
            right.contains { other in
                self.work.expandedName(one) == self.goal.expandedName(other)
                    && self.work.value(one) == self.goal.value(other)
            }
        }
    }

    /// Makes the children of one element like those of another: removes, then walks along the wanted ones.
    private mutating func children(
        of parent: XMLDocument.NodeID, to wanted: XMLDocument.NodeID, path: [UInt8]
    ) {
        self.removeSuperfluous(under: parent, wanted: wanted, path: path)
        var current = self.work[parent].firstChild
        for theirs in Self.elements(of: wanted, in: self.goal) {
            guard self.count <= 64 else { return }
            let isSame =
                current >= 0
                && Self.identity(current, in: self.work) == Self.identity(theirs, in: self.goal)
            if isSame {
                let next = self.work[current].next
                self.element(current, to: theirs, path: path + self.step(current))
                current = next
                continue
            }
            self.add(theirs, under: parent, before: current, path: path)
        }
        // What is left stands in another order in the goal, and was added anew above.
        while current >= 0 {
            let next = self.work[current].next
            self.remove(current, path: path)
            current = next
        }
    }

    private mutating func removeSuperfluous(
        under parent: XMLDocument.NodeID, wanted: XMLDocument.NodeID, path: [UInt8]
    ) {
        var budget: [Identity: Int] = [:]
        for child in Self.elements(of: wanted, in: self.goal) {
            budget[Self.identity(child, in: self.goal), default: 0] += 1
        }
        for child in Self.elements(of: parent, in: self.work) {
            guard self.count <= 64 else { return }
            let identity = Self.identity(child, in: self.work)
            if let left = budget[identity], left > 0 {
                budget[identity] = left - 1
            } else {
                self.remove(child, path: path)
            }
        }
    }

    private mutating func remove(_ child: XMLDocument.NodeID, path: [UInt8]) {
        self.count += 1
        self.output.append(literal: "<p:remove sel=\"")
        XMLWriter.escape((path + self.step(child))[...], inAttribute: true, into: &self.output)
        self.output.append(literal: "\"/>")
        self.work.detach(child)
    }

    private mutating func add(
        _ theirs: XMLDocument.NodeID, under parent: XMLDocument.NodeID, before current: XMLDocument.NodeID,
        path: [UInt8]
    ) {
        if current >= 0 {
            self.open("add", path + self.step(current), position: "before")
        } else {
            self.open("add", path)
        }
        self.write(theirs)
        self.close("add")
        let copy = self.work.copySubtree(theirs, of: self.goal)
        let previous = current >= 0 ? self.work.previous(current) : self.work[parent].lastChild
        self.work.insert(copy, under: parent, after: previous)
    }

    // MARK: Writing

    private mutating func open(_ operation: StaticString, _ selector: [UInt8], position: StaticString? = nil) {
        self.count += 1
        self.output.append(literal: "<p:")
        self.output.append(literal: operation)
        self.output.append(literal: " sel=\"")
        XMLWriter.escape(selector[...], inAttribute: true, into: &self.output)
        if let position {
            self.output.append(literal: "\" pos=\"")
            self.output.append(literal: position)
        }
        self.output.append(literal: "\">")
    }

    private mutating func close(_ operation: StaticString) {
        self.output.append(literal: "</p:")
        self.output.append(literal: operation)
        self.output.append(literal: ">")
    }

    private mutating func write(_ id: XMLDocument.NodeID) {
        var bound: [(prefix: UInt16, namespace: UInt16)] = []
        for namespace in Space.known { bound.append((PresenceNames.prefix(of: namespace), namespace)) }
        var writer = XMLWriter(self.goal, form: .canonical, bound: bound)
        writer.write(id, into: &self.output)
    }

    /// The step of a selector that leads from the parent to a child of the working copy.
    private func step(_ child: XMLDocument.NodeID) -> [UInt8] {
        let node = self.work[child]
        var step: [UInt8] = [UInt8(ascii: "/")]
        let isKnown = Space.known.contains(node.namespace)
        let siblings = Self.elements(of: node.parent, in: self.work)
        guard isKnown else {
            // A foreign name would need a declaration of its own; its place among all elements says the same.
            step.append(literal: "*[")
            step.append(decimal: UInt64((siblings.firstIndex(of: child) ?? 0) + 1))
            step.append(UInt8(ascii: "]"))
            return step
        }
        let prefix = PresenceNames.prefix(of: node.namespace)
        if prefix != XMLVocabulary.noName {
            step.append(contentsOf: self.work.name(prefix))
            step.append(UInt8(ascii: ":"))
        }
        step.append(contentsOf: self.work.name(node.name))
        let alike = siblings.filter { self.work[$0].name == node.name && self.work[$0].namespace == node.namespace }
        guard alike.count > 1 else { return step }
        let id = self.work.occurrenceID(child)
        if !id.isEmpty, alike.filter({ self.work.occurrenceID($0) == id }).count == 1 {
            step.append(literal: "[@id='")
            step.append(contentsOf: id)
            step.append(literal: "']")
        } else {
            step.append(UInt8(ascii: "["))
            step.append(decimal: UInt64((alike.firstIndex(of: child) ?? 0) + 1))
            step.append(UInt8(ascii: "]"))
        }
        return step
    }
}
