internal import Ground

/// Why a patch cannot be applied: the error conditions of RFC 5261 §5 under their names there.
package struct XMLPatchFault: Error, Hashable, Sendable {
    /// The error conditions of RFC 5261 §5.1.
    package enum Condition: String, CaseIterable, Sendable {
        case invalidAttributeValue = "invalid-attribute-value"
        case invalidDiffFormat = "invalid-diff-format"
        case invalidNamespacePrefix = "invalid-namespace-prefix"
        case invalidNamespaceURI = "invalid-namespace-uri"
        case invalidNodeTypes = "invalid-node-types"
        case invalidPatchDirective = "invalid-patch-directive"
        case invalidRootElementOperation = "invalid-root-element-operation"
        case invalidPrologOperation = "invalid-xml-prolog-operation"
        case invalidWhitespaceDirective = "invalid-whitespace-directive"
        case unlocatedNode = "unlocated-node"
    }

    package let condition: Condition
    /// Which operation it is, counted from 1.
    package let operation: Int

    package init(_ condition: Condition, operation: Int = 0) {
        self.condition = condition
        self.operation = operation
    }
}

/// The operations of RFC 5261, applied to a document.
package struct XMLPatch {
    private let patch: XMLDocument
    private var target: XMLDocument
    private let limits: XMLLimits

    private init(_ patch: XMLDocument, _ target: XMLDocument, _ limits: XMLLimits) {
        self.patch = patch
        self.target = target
        self.limits = limits
    }

    /// Applies all `add`, `replace` and `remove` children of an element to a document, in order.
    ///
    /// All or nothing: the result is a new document, and a fault leaves nothing behind.
    /// - Parameter namespace: the number, in the patch's document, of the namespace the operations are in.
    package static func applying(
        operationsIn root: XMLDocument.NodeID, of patch: XMLDocument, namespace: UInt16, to document: XMLDocument,
        limits: XMLLimits = .standard
    ) throws(XMLPatchFault) -> XMLDocument {
        var work = XMLPatch(patch, document, limits)
        var cursor = patch[root].firstChild
        var count = 0
        while cursor >= 0 {
            let node = patch[cursor]
            if node.kind == .element {
                count += 1
                guard count <= XPathLimits.patchOperations, node.namespace == namespace else {
                    throw XMLPatchFault(.invalidDiffFormat, operation: count)
                }
                do {
                    try work.apply(cursor)
                } catch {
                    throw XMLPatchFault(error.condition, operation: count)
                }
            } else if node.kind == .text, !patch.value(cursor).trimmingSpace.isEmpty {
                throw XMLPatchFault(.invalidDiffFormat, operation: count + 1)
            }
            cursor = node.next
        }
        return work.target
    }

    private mutating func apply(_ operation: Int32) throws(XMLPatchFault) {
        let name = self.patch.name(self.patch[operation].name)
        guard let selector = self.attribute("sel", of: operation) else { throw XMLPatchFault(.invalidDiffFormat) }
        let node = try self.locate(selector, operation)
        if name.equals("add") {
            try self.add(operation, at: node)
        } else if name.equals("replace") {
            try self.replace(operation, node)
        } else if name.equals("remove") {
            try self.remove(operation, node)
        } else {
            throw XMLPatchFault(.invalidDiffFormat)
        }
    }

    private func attribute(_ name: StaticString, of operation: Int32) -> Octets? {
        let bytes = name.withUTF8Buffer { Array($0) }
        guard let number = self.patch.nameNumber(bytes[...]) else { return nil }
        let id = self.patch.attribute(number, of: operation)
        return id >= 0 ? self.patch.value(id) : nil
    }

    /// RFC 5261 §4.1: the selector must locate one node, neither none nor several. Names without a prefix are in the
    /// default namespace of the patch (§4.2.1).
    private func locate(_ selector: Octets, _ operation: Int32) throws(XMLPatchFault) -> Int32 {
        let found: [Int32]
        do {
            let expression = try XPathExpression.parse(selector, dialect: .patch) { prefix in
                guard let number = self.patch.nameNumber(prefix[...]),
                    let namespace = self.patch.resolve(prefix: number, at: operation)
                else { return nil }
                return Array(self.patch.namespace(namespace))
            }
            found = try expression.select(in: self.target)
        } catch {
            switch error {
            case .undeclaredPrefix: throw XMLPatchFault(.invalidNamespacePrefix)
            case .syntax: throw XMLPatchFault(.invalidAttributeValue)
            case .tooComplex: throw XMLPatchFault(.unlocatedNode)
            }
        }
        guard found.count == 1, found[0] > 0 else { throw XMLPatchFault(.unlocatedNode) }
        return found[0]
    }

    // MARK: add, RFC 5261 §4.3

    private mutating func add(_ operation: Int32, at node: Int32) throws(XMLPatchFault) {
        let kind = self.target[node].kind
        if let type = self.attribute("type", of: operation) {
            guard kind == .element, self.attribute("pos", of: operation) == nil else {
                throw XMLPatchFault(.invalidPatchDirective)
            }
            if type.first == UInt8(ascii: "@") {
                try self.addAttribute(type.dropFirst(), operation, to: node)
            } else if type.starts(with: "namespace::".utf8) {
                try self.addNamespace(type.dropFirst(11), operation, to: node)
            } else {
                throw XMLPatchFault(.invalidAttributeValue)
            }
            return
        }
        let position = self.attribute("pos", of: operation)
        if let position, position.equals("before") || position.equals("after") {
            guard kind != .attribute, kind != .namespace else { throw XMLPatchFault(.invalidNodeTypes) }
            let parent = self.target[node].parent
            if parent == 0 { try self.checkProlog(operation) }
            let previous = position.equals("before") ? self.target.previous(node) : node
            try self.insertContent(of: operation, under: parent, after: previous)
            return
        }
        guard position == nil || position?.equals("prepend") == true else {
            throw XMLPatchFault(.invalidAttributeValue)
        }
        guard kind == .element else { throw XMLPatchFault(.invalidNodeTypes) }
        let previous = position == nil ? self.target[node].lastChild : -1
        try self.insertContent(of: operation, under: node, after: previous)
    }

    /// Beside the root element only comments and instructions may stand.
    private func checkProlog(_ operation: Int32) throws(XMLPatchFault) {
        var cursor = self.patch[operation].firstChild
        while cursor >= 0 {
            switch self.patch[cursor].kind {
            case .element: throw XMLPatchFault(.invalidRootElementOperation)
            case .text: throw XMLPatchFault(.invalidPrologOperation)
            default: break
            }
            cursor = self.patch[cursor].next
        }
    }

    private mutating func insertContent(
        of operation: Int32, under parent: Int32, after first: Int32
    ) throws(XMLPatchFault) {
        var previous = first
        let depth = self.target.depth(of: parent) + 1
        var cursor = self.patch[operation].firstChild
        while cursor >= 0 {
            try self.checkSize(of: cursor, at: depth)
            let copy = self.target.copySubtree(cursor, of: self.patch)
            self.target.insert(copy, under: parent, after: previous)
            previous = copy
            cursor = self.patch[cursor].next
        }
        self.joinTexts(under: parent)
    }

    private func checkSize(of subtree: Int32, at depth: Int) throws(XMLPatchFault) {
        var cursor = subtree
        var count = self.target.nodes.count
        let base = self.patch.depth(of: subtree)
        while cursor >= 0 {
            count += 1
            if self.patch[cursor].kind == .element,
                depth + self.patch.depth(of: cursor) - base >= self.limits.depth
            {
                throw XMLPatchFault(.invalidPatchDirective)
            }
            cursor = self.patch.following(cursor, within: subtree)
        }
        // Replaced nodes stay in the array until the document is written, hence twice the bound.
        guard count <= self.limits.nodes * 2, self.target.storage.count <= self.limits.bytes * 4 else {
            throw XMLPatchFault(.invalidPatchDirective)
        }
    }

    /// RFC 5261 §4.3: texts that have become neighbours are one text node.
    private mutating func joinTexts(under parent: Int32) {
        var cursor = self.target[parent].firstChild
        while cursor >= 0 {
            let next = self.target[cursor].next
            if next >= 0, self.target[cursor].kind == .text, self.target[next].kind == .text {
                self.target.setValue(Array(self.target.value(cursor)) + self.target.value(next), of: cursor)
                self.target.detach(next)
                continue
            }
            cursor = next
        }
    }

    private mutating func addAttribute(
        _ name: Octets, _ operation: Int32, to element: Int32
    ) throws(XMLPatchFault) {
        let text = try self.textContent(of: operation)
        let parts = name.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count <= 2, let local = parts.last, Self.isName(local), parts.allSatisfy(Self.isName) else {
            throw XMLPatchFault(.invalidAttributeValue)
        }
        var namespace = XMLVocabulary.noNamespace
        var prefix = XMLVocabulary.noName
        if parts.count == 2 {
            guard let number = self.patch.nameNumber(parts[0]),
                let known = self.patch.resolve(prefix: number, at: operation),
                let mine = self.target.intern(namespace: self.patch.namespace(known)),
                let myPrefix = self.target.intern(parts[0])
            else { throw XMLPatchFault(.invalidNamespacePrefix) }
            namespace = mine
            prefix = myPrefix
        }
        guard let number = self.target.intern(local) else { throw XMLPatchFault(.invalidPatchDirective) }
        guard self.target.attribute(number, namespace: namespace, of: element) < 0,
            !(prefix == 0 && number == XMLVocabulary.xmlns), prefix != XMLVocabulary.xmlns
        else { throw XMLPatchFault(.invalidPatchDirective) }
        self.target.setAttribute(number, namespace: namespace, prefix: prefix, of: element, to: text)
    }

    private mutating func addNamespace(
        _ prefix: Octets, _ operation: Int32, to element: Int32
    ) throws(XMLPatchFault) {
        let uri = try self.textContent(of: operation).trimmingSpace
        guard !uri.isEmpty else { throw XMLPatchFault(.invalidNamespaceURI) }
        guard Self.isName(prefix), !prefix.equals("xml"), !prefix.equals("xmlns"),
            let number = self.target.intern(prefix)
        else { throw XMLPatchFault(.invalidNamespacePrefix) }
        guard self.target.declaration(of: number, at: element) < 0 else {
            throw XMLPatchFault(.invalidPatchDirective)
        }
        guard let namespace = self.target.intern(namespace: uri), namespace != XMLVocabulary.xmlNamespace,
            namespace != XMLVocabulary.xmlnsNamespace
        else { throw XMLPatchFault(.invalidNamespaceURI) }
        self.target.declare(prefix: number, namespace: namespace, at: element)
    }

    private static func isName(_ text: Octets) -> Bool {
        guard let first = text.first, text.count <= 256 else { return false }
        guard XMLScanner.isNameStart(first) || first >= 0x80 else { return false }
        return text.allSatisfy { XMLScanner.isNameByte($0) || $0 >= 0x80 }
    }

    /// The content of an operation that may only be text.
    private func textContent(of operation: Int32) throws(XMLPatchFault) -> Octets {
        var cursor = self.patch[operation].firstChild
        while cursor >= 0 {
            if self.patch[cursor].kind == .element { throw XMLPatchFault(.invalidNodeTypes) }
            cursor = self.patch[cursor].next
        }
        return self.patch.stringValue(operation)
    }
}

// MARK: replace, RFC 5261 §4.4, and remove, §4.5

extension XMLPatch {
    fileprivate mutating func replace(_ operation: Int32, _ node: Int32) throws(XMLPatchFault) {
        let old = self.target[node]
        switch old.kind {
        case .attribute:
            self.target.setValue(Array(try self.textContent(of: operation)), of: node)
        case .namespace:
            let uri = try self.textContent(of: operation).trimmingSpace
            guard !uri.isEmpty, let namespace = self.target.intern(namespace: uri) else {
                throw XMLPatchFault(.invalidNamespaceURI)
            }
            guard !self.isUsed(node) else { throw XMLPatchFault(.invalidNamespaceURI) }
            self.target.nodes[Int(node)].namespace = namespace
        case .text:
            let text = Array(try self.textContent(of: operation))
            if text.isEmpty { self.target.detach(node) } else { self.target.setValue(text, of: node) }
        case .element, .comment, .instruction:
            let replacement = try self.onlyChild(of: operation, kind: old.kind)
            try self.checkSize(of: replacement, at: self.target.depth(of: old.parent) + 1)
            let copy = self.target.copySubtree(replacement, of: self.patch)
            self.target.insert(copy, under: old.parent, after: node)
            self.target.detach(node)
        case .document: throw XMLPatchFault(.unlocatedNode)
        }
    }

    /// The one child of a kind that a replacement is; white space around it is tolerated.
    private func onlyChild(of operation: Int32, kind: XMLDocument.Kind) throws(XMLPatchFault) -> Int32 {
        var found: Int32 = -1
        var cursor = self.patch[operation].firstChild
        while cursor >= 0 {
            let node = self.patch[cursor]
            if node.kind == kind {
                guard found < 0 else { throw XMLPatchFault(.invalidNodeTypes) }
                found = cursor
            } else if node.kind != .text || !self.patch.value(cursor).trimmingSpace.isEmpty {
                throw XMLPatchFault(.invalidNodeTypes)
            }
            cursor = node.next
        }
        guard found >= 0 else { throw XMLPatchFault(.invalidNodeTypes) }
        return found
    }

    fileprivate mutating func remove(_ operation: Int32, _ node: Int32) throws(XMLPatchFault) {
        let old = self.target[node]
        guard self.patch[operation].firstChild < 0 || self.patch.stringValue(operation).trimmingSpace.isEmpty else {
            throw XMLPatchFault(.invalidDiffFormat)
        }
        let space = self.attribute("ws", of: operation)
        switch old.kind {
        case .attribute, .text, .namespace:
            guard space == nil else { throw XMLPatchFault(.invalidWhitespaceDirective) }
            if old.kind == .namespace, self.isUsed(node) { throw XMLPatchFault(.invalidNamespacePrefix) }
        case .element, .comment, .instruction:
            if old.kind == .element, old.parent == 0 { throw XMLPatchFault(.invalidRootElementOperation) }
            if let space { try self.removeSpace(space, around: node) }
        case .document: throw XMLPatchFault(.unlocatedNode)
        }
        self.target.detach(node)
        if old.kind != .attribute, old.kind != .namespace { self.joinTexts(under: old.parent) }
    }

    private mutating func removeSpace(_ directive: Octets, around node: Int32) throws(XMLPatchFault) {
        let isBoth = directive.equals("both")
        guard isBoth || directive.equals("before") || directive.equals("after") else {
            throw XMLPatchFault(.invalidAttributeValue)
        }
        var doomed: [Int32] = []
        if isBoth || directive.equals("before") { doomed.append(self.target.previous(node)) }
        if isBoth || directive.equals("after") { doomed.append(self.target[node].next) }
        for text in doomed {
            guard text >= 0, self.target[text].kind == .text, self.target.value(text).trimmingSpace.isEmpty else {
                throw XMLPatchFault(.invalidWhitespaceDirective)
            }
            self.target.detach(text)
        }
    }

    /// Whether a name inside the element of a declaration depends on it.
    private func isUsed(_ declaration: Int32) -> Bool {
        let node = self.target[declaration]
        var cursor = node.parent
        while cursor >= 0 {
            let one = self.target[cursor]
            if one.kind == .element {
                if one.prefix == node.name, one.namespace == node.namespace { return true }
                for attribute in self.target.attributes(of: cursor)
                where self.target[attribute].prefix == node.name && node.name != XMLVocabulary.noName {
                    return true
                }
            }
            cursor = self.target.following(cursor, within: node.parent)
        }
        return false
    }
}
