internal import Ground
internal import XMLTree

/// Makes the operations of RFC 5261 that lead from one tree to another.
///
/// Children are worked on from the last to the first, so that the positions in the selectors are those of the old
/// document: what an operation changes lies behind everything that is still to be selected. Selectors name places and
/// not elements, so that they need no namespaces.
struct TreeDifference {
    let old: XMLDocument
    let new: XMLDocument
    private let oldDigests: SubtreeDigests
    private let newDigests: SubtreeDigests
    private var output: [UInt8] = []
    private var count = 0
    private var isTooComplex = false

    /// Elements deeper than this are replaced as a whole: a selector has a bounded number of steps.
    private static let depth = 24
    /// Bytes of operations that are not weighed against the whole element.
    private static let smallGrowth = 256
    /// Products of numbers of children beyond which no longest common sequence is looked for.
    static let comparisons = 250_000

    init(from old: XMLDocument, to new: XMLDocument) {
        self.old = old
        self.new = new
        self.oldDigests = SubtreeDigests(of: old)
        self.newDigests = SubtreeDigests(of: new)
    }

    /// The operations as text in the default namespace of xcap-diff; empty if there is nothing to do, nil if there
    /// would be too many.
    mutating func operations() -> [UInt8]? {
        guard self.old.root >= 0, self.new.root >= 0 else { return nil }
        self.children(of: 0, to: 0, path: [], depth: 0)
        guard !self.isTooComplex, self.count <= XPathLimits.patchOperations else { return nil }
        return self.output
    }

    // MARK: Children

    /// Two things that stay in their place, by their indices among the things of their parents.
    struct Pair {
        let old: Int
        let new: Int
    }

    private mutating func children(
        of parent: XMLDocument.NodeID, to wanted: XMLDocument.NodeID, path: [UInt8], depth: Int
    ) {
        let left = Siblings(of: parent, in: self.old, self.oldDigests)
        let right = Siblings(of: wanted, in: self.new, self.newDigests)
        let pairs = self.align(left, right, isProlog: depth == 0)
        var index = pairs.count
        while index >= 0, self.count <= XPathLimits.patchOperations {
            let before = index > 0 ? pairs[index - 1] : nil
            let after = index < pairs.count ? pairs[index] : nil
            self.gap(
                Gap(
                    old: (before.map { $0.old + 1 } ?? 0)..<(after?.old ?? left.things.count),
                    new: (before.map { $0.new + 1 } ?? 0)..<(after?.new ?? right.things.count),
                    before: before?.old, after: after?.old, path: path),
                left, right)
            if let before {
                self.thing(
                    left.things[before.old], to: right.things[before.new], path: path, depth: depth)
            }
            index -= 1
        }
    }

    /// Makes a thing that stays like the one it is to be.
    private mutating func thing(_ mine: Siblings.Thing, to theirs: Siblings.Thing, path: [UInt8], depth: Int) {
        guard mine.digest != theirs.digest else { return }
        let selector = Self.selector(of: mine.kind, mine.position, under: path)
        let mark = (output: self.output.count, count: self.count)
        if self.canDescend(mine.id, theirs.id), depth < Self.depth {
            self.attributes(of: mine.id, to: theirs.id, path: selector)
            self.children(of: mine.id, to: theirs.id, path: selector, depth: depth + 1)
            // A few changes are told one by one; where they say more than the whole, the whole is told.
            let growth = self.output.count - mark.output
            guard growth > Self.smallGrowth || self.count > XPathLimits.patchOperations else { return }
            let whole = DifferenceDocument.fragment(of: theirs.id, in: self.new)
            if growth <= whole.count + 64, self.count <= XPathLimits.patchOperations { return }
            self.output.removeSubrange(mark.output...)
            self.count = mark.count
        }
        self.open("replace", selector)
        self.output.append(contentsOf: DifferenceDocument.fragment(of: theirs.id, in: self.new))
        self.close("replace")
    }

    /// Whether an element can be made into another by changing what is in it.
    func canDescend(_ mine: XMLDocument.NodeID, _ theirs: XMLDocument.NodeID) -> Bool {
        guard self.old[mine].kind == .element, self.new[theirs].kind == .element else { return false }
        guard SubtreeDigests.shape(of: mine, in: self.old) == SubtreeDigests.shape(of: theirs, in: self.new) else {
            return false
        }
        return !Siblings(of: mine, in: self.old, self.oldDigests).hasNeighbouringTexts
            && !Siblings(of: theirs, in: self.new, self.newDigests).hasNeighbouringTexts
    }

    // MARK: Gaps

    /// What stands between two things that stay: old things that go, new things that come, and texts.
    private struct Gap {
        /// Indices of the things that go.
        let old: Range<Int>
        /// Indices of the things that come.
        let new: Range<Int>
        /// The old index of the thing before the gap; nil at the beginning.
        let before: Int?
        /// The old index of the thing behind the gap; nil at the end.
        let after: Int?
        /// The selector of the parent; empty for the document.
        let path: [UInt8]
    }

    private mutating func gap(_ gap: Gap, _ left: Siblings, _ right: Siblings) {
        let oldTexts = left.texts[gap.old.lowerBound...gap.old.upperBound]
        let newTexts = right.texts[gap.new.lowerBound...gap.new.upperBound]
        if self.replaceInPlace(gap, left, right, oldTexts, newTexts) { return }
        for index in gap.old.reversed() {
            let thing = left.things[index]
            self.empty("remove", Self.selector(of: thing.kind, thing.position, under: gap.path))
        }
        // With the things gone the texts between them are one.
        let text = oldTexts.reduce(into: [UInt8]()) { $0.append(contentsOf: $1) }
        let first = Array(newTexts.first ?? [])
        guard !gap.new.isEmpty else { return self.text(text, to: first, gap, left) }
        if text == Array(newTexts.last ?? []), text != first {
            var content: [UInt8] = []
            for (index, thing) in gap.new.enumerated() {
                XMLWriter.escape(newTexts[newTexts.startIndex + index], inAttribute: false, into: &content)
                content.append(contentsOf: DifferenceDocument.fragment(of: right.things[thing].id, in: self.new))
            }
            return self.insert(content, gap, left, isFront: true)
        }
        var content: [UInt8] = []
        if text.isEmpty {
            XMLWriter.escape(first[...], inAttribute: false, into: &content)
        } else {
            self.text(text, to: first, gap, left)
        }
        for (index, thing) in gap.new.enumerated() {
            content.append(contentsOf: DifferenceDocument.fragment(of: right.things[thing].id, in: self.new))
            XMLWriter.escape(newTexts[newTexts.startIndex + index + 1], inAttribute: false, into: &content)
        }
        self.insert(content, gap, left, isFront: false)
    }

    /// The short way where as many things of the same kinds come as go, and the texts stay.
    private mutating func replaceInPlace(
        _ gap: Gap, _ left: Siblings, _ right: Siblings, _ oldTexts: ArraySlice<Octets>, _ newTexts: ArraySlice<Octets>
    ) -> Bool {
        guard gap.old.count == gap.new.count, oldTexts.elementsEqual(newTexts),
            zip(gap.old, gap.new).allSatisfy({ left.things[$0].kind == right.things[$1].kind })
        else { return false }
        for (mine, theirs) in zip(gap.old, gap.new).reversed() {
            let thing = left.things[mine]
            self.open("replace", Self.selector(of: thing.kind, thing.position, under: gap.path))
            self.output.append(contentsOf: DifferenceDocument.fragment(of: right.things[theirs].id, in: self.new))
            self.close("replace")
        }
        return true
    }

    /// Changes the text of a gap in which nothing else is left.
    private mutating func text(_ text: [UInt8], to wanted: [UInt8], _ gap: Gap, _ left: Siblings) {
        guard text != wanted else { return }
        guard !text.isEmpty else {
            var content: [UInt8] = []
            XMLWriter.escape(wanted[...], inAttribute: false, into: &content)
            return self.insert(content, gap, left, isFront: false)
        }
        let position = left.texts[..<gap.old.lowerBound].count { !$0.isEmpty } + 1
        let selector = Self.selector(of: .text, position, under: gap.path)
        guard !wanted.isEmpty else { return self.empty("remove", selector) }
        self.open("replace", selector)
        XMLWriter.escape(wanted[...], inAttribute: false, into: &self.output)
        self.close("replace")
    }

    /// Puts content into a gap from which the old things are gone.
    /// - Parameter isFront: whether it goes before the text of the gap or behind it.
    private mutating func insert(_ content: [UInt8], _ gap: Gap, _ left: Siblings, isFront: Bool) {
        guard !content.isEmpty else { return }
        let isProlog = gap.path.isEmpty
        if isFront, let before = gap.before {
            let thing = left.things[before]
            self.open("add", Self.selector(of: thing.kind, thing.position, under: gap.path), position: "after")
        } else if let after = gap.after, !isFront || isProlog {
            let thing = left.things[after]
            let gone = left.things[gap.old].count { $0.kind == thing.kind }
            self.open(
                "add", Self.selector(of: thing.kind, thing.position - gone, under: gap.path), position: "before")
        } else if let before = gap.before, isProlog {
            let thing = left.things[before]
            self.open("add", Self.selector(of: thing.kind, thing.position, under: gap.path), position: "after")
        } else if isFront {
            self.open("add", gap.path, position: "prepend")
        } else {
            self.open("add", gap.path)
        }
        self.output.append(contentsOf: content)
        self.close("add")
    }

    // MARK: Attributes

    private mutating func attributes(of mine: XMLDocument.NodeID, to theirs: XMLDocument.NodeID, path: [UInt8]) {
        let wanted = self.new.attributes(of: theirs)
        let present = self.old.attributes(of: mine)
        for attribute in present {
            let name = self.old.expandedName(attribute)
            guard let match = wanted.first(where: { self.new.expandedName($0) == name }) else {
                self.attribute("remove", path, attribute, of: self.old, value: nil)
                continue
            }
            let value = self.new.value(match)
            guard value != self.old.value(attribute) else { continue }
            self.attribute("replace", path, attribute, of: self.old, value: value)
        }
        for attribute in wanted {
            let name = self.new.expandedName(attribute)
            guard !present.contains(where: { self.old.expandedName($0) == name }) else { continue }
            self.attribute("add", path, attribute, of: self.new, value: self.new.value(attribute))
        }
    }

    private mutating func attribute(
        _ operation: StaticString, _ path: [UInt8], _ id: XMLDocument.NodeID, of tree: XMLDocument, value: Octets?
    ) {
        let node = tree[id]
        var name: [UInt8] = []
        var declaration: (prefix: Octets, namespace: Octets)?
        if node.namespace != XMLVocabulary.noNamespace {
            let prefix = tree.name(node.prefix)
            name.append(contentsOf: prefix)
            name.append(UInt8(ascii: ":"))
            if node.namespace != XMLVocabulary.xmlNamespace { declaration = (prefix, tree.namespace(node.namespace)) }
        }
        name.append(contentsOf: tree.name(node.name))
        let isAddition = operation.withUTF8Buffer { $0.elementsEqual("add".utf8) }
        let selector = isAddition ? path : path + Array("/@".utf8) + name
        guard let value else { return self.empty(operation, selector, declaring: declaration) }
        self.open(
            operation, selector, type: isAddition ? [UInt8(ascii: "@")] + name : nil, declaring: declaration)
        XMLWriter.escape(value, inAttribute: false, into: &self.output)
        self.close(operation)
    }

    // MARK: Writing

    /// The selector of a child by its kind and place.
    private static func selector(of kind: XMLDocument.Kind, _ position: Int, under path: [UInt8]) -> [UInt8] {
        var selector = path
        if !path.isEmpty { selector.append(UInt8(ascii: "/")) }
        switch kind {
        case .element: selector.append(UInt8(ascii: "*"))
        case .text: selector.append(literal: "text()")
        case .comment: selector.append(literal: "comment()")
        case .instruction: selector.append(literal: "processing-instruction()")
        case .document, .attribute, .namespace: break
        }
        // There is one root element.
        guard !path.isEmpty || kind != .element else { return selector }
        selector.append(UInt8(ascii: "["))
        selector.append(decimal: UInt64(clamping: position))
        selector.append(UInt8(ascii: "]"))
        return selector
    }

    private mutating func begin(
        _ operation: StaticString, _ selector: [UInt8], declaring declaration: (prefix: Octets, namespace: Octets)?
    ) {
        self.count += 1
        if selector.count > XPathLimits.bytes { self.isTooComplex = true }
        self.output.append(UInt8(ascii: "<"))
        self.output.append(literal: operation)
        if let declaration {
            self.output.append(literal: " xmlns:")
            self.output.append(contentsOf: declaration.prefix)
            self.output.append(literal: "=\"")
            XMLWriter.escape(declaration.namespace, inAttribute: true, into: &self.output)
            self.output.append(UInt8(ascii: "\""))
        }
        self.output.append(literal: " sel=\"")
        XMLWriter.escape(selector[...], inAttribute: true, into: &self.output)
        self.output.append(UInt8(ascii: "\""))
    }

    private mutating func open(
        _ operation: StaticString, _ selector: [UInt8], position: StaticString? = nil, type: [UInt8]? = nil,
        declaring declaration: (prefix: Octets, namespace: Octets)? = nil
    ) {
        self.begin(operation, selector, declaring: declaration)
        if let position {
            self.output.append(literal: " pos=\"")
            self.output.append(literal: position)
            self.output.append(UInt8(ascii: "\""))
        }
        if let type {
            self.output.append(literal: " type=\"")
            self.output.append(contentsOf: type)
            self.output.append(UInt8(ascii: "\""))
        }
        self.output.append(UInt8(ascii: ">"))
    }

    private mutating func empty(
        _ operation: StaticString, _ selector: [UInt8],
        declaring declaration: (prefix: Octets, namespace: Octets)? = nil
    ) {
        self.begin(operation, selector, declaring: declaration)
        self.output.append(literal: "/>")
    }

    private mutating func close(_ operation: StaticString) {
        self.output.append(literal: "</")
        self.output.append(literal: operation)
        self.output.append(UInt8(ascii: ">"))
    }
}
