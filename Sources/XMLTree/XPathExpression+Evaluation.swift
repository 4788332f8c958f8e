package import Ground

extension XPathExpression {
    /// The nodes the expression selects in a document, each once.
    /// - Throws: ``XPathFault/tooComplex`` when the evaluation would cost too much.
    package func select(in document: XMLDocument) throws(XPathFault) -> [XMLDocument.NodeID] {
        var evaluation = XPathEvaluation(document: document)
        return try evaluation.nodes(of: self.path, from: 0)
    }
}

/// One evaluation of an expression, with the count of what it has cost.
private struct XPathEvaluation {
    private let document: XMLDocument
    private var visits = 0

    init(document: XMLDocument) { self.document = document }

    mutating func nodes(of path: XPathExpression.Path, from context: Int32) throws(XPathFault) -> [Int32] {
        var current: [Int32] = [path.isAbsolute ? 0 : context]
        if let id = path.id { current = try self.element(withID: id[...]) }
        for step in path.steps {
            var next: [Int32] = []
            var seen: Set<Int32> = []
            // Only a step down from contexts that may lie in each other, or a step up, can meet a node twice.
            let mayRepeat = step.axis == .parent || step.axis == .descendant
            for node in current {
                for found in try self.step(step, from: node) where !mayRepeat || seen.insert(found).inserted {
                    next.append(found)
                }
            }
            current = next
            if current.isEmpty { break }
        }
        return current
    }

    private mutating func visit() throws(XPathFault) {
        self.visits += 1
        guard self.visits <= XPathLimits.visits else { throw .tooComplex }
    }

    private mutating func element(withID id: Octets) throws(XPathFault) -> [Int32] {
        guard let name = self.document.nameNumber(Array("id".utf8)[...]) else { return [] }
        var cursor = self.document.root
        while cursor >= 0 {
            try self.visit()
            if self.document[cursor].kind == .element {
                for namespace in [XMLVocabulary.noNamespace, XMLVocabulary.xmlNamespace] {
                    let attribute = self.document.attribute(name, namespace: namespace, of: cursor)
                    if attribute >= 0, self.document.value(attribute) == id { return [cursor] }
                }
            }
            cursor = self.document.following(cursor, within: self.document.root)
        }
        return []
    }

    private mutating func step(_ step: XPathExpression.Step, from node: Int32) throws(XPathFault) -> [Int32] {
        switch step.axis {
        case .current: return [node]
        case .parent:
            let parent = self.document[node].parent
            return parent >= 0 ? [parent] : []
        case .child: return try self.children(of: node, step)
        case .descendant:
            var found: [Int32] = []
            var cursor = node
            while cursor >= 0 {
                try self.visit()
                let kind = self.document[cursor].kind
                if kind == .element || kind == .document { found += try self.children(of: cursor, step) }
                cursor = self.document.following(cursor, within: node)
            }
            return found
        }
    }

    private mutating func children(of node: Int32, _ step: XPathExpression.Step) throws(XPathFault) -> [Int32] {
        var found: [Int32] = []
        var cursor: Int32
        switch step.test {
        case .anyAttribute, .attribute, .namespace: cursor = self.document[node].firstAttribute
        default: cursor = self.document[node].firstChild
        }
        while cursor >= 0 {
            try self.visit()
            if self.matches(step.test, self.document[cursor]) { found.append(cursor) }
            cursor = self.document[cursor].next
        }
        for predicate in step.predicates where !found.isEmpty {
            var kept: [Int32] = []
            for (index, node) in found.enumerated()
            where try self.holds(predicate, at: node, position: index + 1) {
                kept.append(node)
            }
            found = kept
        }
        return found
    }

    private func matches(_ test: XPathExpression.Test, _ node: XMLDocument.Node) -> Bool {
        switch test {
        case .anyElement: return node.kind == .element
        case .anyElementOf(let namespace):
            return node.kind == .element && self.document.namespace(node.namespace) == namespace[...]
        case .element(let namespace, let name):
            return node.kind == .element && self.document.name(node.name) == name[...]
                && self.document.namespace(node.namespace) == namespace[...]
        case .text: return node.kind == .text
        case .comment: return node.kind == .comment
        case .instruction(let target):
            return node.kind == .instruction && (target.map { self.document.name(node.name) == $0[...] } ?? true)
        case .anyAttribute: return node.kind == .attribute
        case .attribute(let namespace, let name):
            return node.kind == .attribute && self.document.name(node.name) == name[...]
                && self.document.namespace(node.namespace) == namespace[...]
        case .namespace(let prefix):
            return node.kind == .namespace && self.document.name(node.name) == prefix[...]
        }
    }

    private mutating func holds(
        _ predicate: XPathExpression.Predicate, at node: Int32, position: Int
    ) throws(XPathFault) -> Bool {
        switch predicate {
        case .position(let wanted): return position == wanted
        case .exists(let path): return try !self.nodes(of: path, from: node).isEmpty
        case .and(let left, let right):
            guard try self.holds(left, at: node, position: position) else { return false }
            return try self.holds(right, at: node, position: position)
        case .or(let left, let right):
            if try self.holds(left, at: node, position: position) { return true }
            return try self.holds(right, at: node, position: position)
        case .compare(let left, let comparison, let right):
            let isNumeric = Self.isNumber(left) || Self.isNumber(right)
            let lefts = try self.values(left, at: node)
            let rights = try self.values(right, at: node)
            // XPath 1.0 §3.4: true if it is true for any pair.
            for one in lefts {
                for other in rights {
                    try self.visit()
                    if Self.compare(one, comparison, other, isNumeric: isNumeric) { return true }
                }
            }
            return false
        }
    }

    private static func isNumber(_ operand: XPathExpression.Operand) -> Bool {
        if case .number = operand { return true }
        return false
    }

    private mutating func values(_ operand: XPathExpression.Operand, at node: Int32) throws(XPathFault) -> [Octets] {
        switch operand {
        case .literal(let text): return [text[...]]
        case .number(let number): return [Array("\(number)".utf8)[...]]
        case .path(let path):
            var found: [Octets] = []
            for id in try self.nodes(of: path, from: node) { found.append(self.document.stringValue(id)) }
            return found
        }
    }

    private static func compare(
        _ left: Octets, _ comparison: XPathExpression.Comparison, _ right: Octets, isNumeric: Bool
    ) -> Bool {
        if !isNumeric {
            if comparison == .equal { return left == right }
            if comparison == .unequal { return left != right }
        }
        guard let one = XPathNumber.parse(left), let other = XPathNumber.parse(right) else { return false }
        switch comparison {
        case .equal: return one == other
        case .unequal: return one != other
        case .less: return one < other
        case .greater: return one > other
        case .lessOrEqual: return one <= other
        case .greaterOrEqual: return one >= other
        }
    }
}

/// Numbers as XPath 1.0 §3.5 writes them.
package enum XPathNumber {
    /// The number that a text is, with white space around it; nil if it is none.
    package static func parse(_ text: Octets) -> Double? {
        let trimmed = text.trimmingSpace
        guard !trimmed.isEmpty, trimmed.count <= 64,
            trimmed.allSatisfy({
                ASCII.isDigit($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+")
            })
        else { return nil }
        return Double(trimmed.text)
    }
}

extension ArraySlice<UInt8> {
    /// The bytes without XML white space at both ends.
    package var trimmingSpace: Octets {
        var slice = self
        while let first = slice.first, XMLScanner.isSpace(first) { slice = slice.dropFirst() }
        while let last = slice.last, XMLScanner.isSpace(last) { slice = slice.dropLast() }
        return slice
    }
}
