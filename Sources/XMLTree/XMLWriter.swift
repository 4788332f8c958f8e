package import Ground

/// Writes nodes as text and keeps namespaces right, wherever the nodes came from: a prefix that does not stand for
/// the namespace of a name at its new place is declared there.
package struct XMLWriter: ~Copyable {
    /// How a subtree is written.
    package enum Form: Sendable {
        /// Prefixes, comments and white space as they are.
        case faithful
        /// Names of the vocabulary's namespaces with the vocabulary's prefixes, without declarations, comments and
        /// white space around elements; what the vocabulary does not know as it is.
        case canonical
    }

    /// An element whose end tag is still to be written.
    private struct Open {
        var node: Int32
        var undoMark: Int
        var prefix: UInt16
        var isForeign: Bool
        var hasElements: Bool
    }

    /// What is read while it is written.
    private struct Source {
        let tree: XMLTreeReader
        /// The names of the vocabulary.
        let names: HashedNamesReader
    }

    private let document: XMLDocument
    private let form: Form
    /// What is written and not yet handed over.
    private var output: ByteBuilder
    /// The prefixes of the vocabulary's namespaces, in the canonical form; empty in the other.
    private let prefixes: [UInt16]
    /// The namespace that each prefix stands for at this place, by the prefix's number.
    private var bindings: [UInt16]
    private var undo: [(prefix: UInt16, namespace: UInt16)] = []
    private var open: [Open] = []
    private var generated = 0

    /// - Parameter bound: the prefixes that are declared around what will be written.
    package init(_ document: XMLDocument, form: Form, bound: [(prefix: UInt16, namespace: UInt16)] = []) {
        self.document = document
        self.form = form
        self.output = ByteBuilder(expecting: document.storage.count)
        self.prefixes = form == .canonical ? document.vocabulary.prefixes : []
        self.bindings = [UInt16](repeating: XMLVocabulary.undefined, count: document.table.nameCount)
        self.bindings[Int(XMLVocabulary.noName)] = XMLVocabulary.noNamespace
        self.bindings[Int(XMLVocabulary.xml)] = XMLVocabulary.xmlNamespace
        for (prefix, namespace) in bound where Int(prefix) < self.bindings.count {
            self.bindings[Int(prefix)] = namespace
        }
        self.open.reserveCapacity(16)
    }

    /// Writes a node and all that hangs under it.
    /// - Parameter skipped: elements that are left out, each with all that is in it.
    package mutating func write(
        _ top: XMLDocument.NodeID, skipping skipped: Set<XMLDocument.NodeID> = [], into output: inout [UInt8]
    ) {
        let document = self.document
        document.read { tree in
            document.vocabulary.nameTable.read { names in
                self.write(top, skipping: skipped, of: Source(tree: tree, names: names))
            }
        }
        self.output.move(to: &output)
    }

    private mutating func write(
        _ top: XMLDocument.NodeID, skipping skipped: Set<XMLDocument.NodeID>, of source: Source
    ) {
        var cursor = top
        while true {
            let node = source.tree[cursor]
            var descends = false
            if skipped.isEmpty || !skipped.contains(cursor) {
                switch node.kind {
                case .element: descends = self.element(cursor, node, skipped, of: source)
                case .text: self.text(cursor, of: source)
                case .comment, .instruction: self.markup(cursor, node)
                case .document, .attribute, .namespace: break
                }
            }
            if descends {
                cursor = node.firstChild
                continue
            }
            // Up until there is a sibling, closing what ends.
            while cursor != top, source.tree[cursor].next < 0 {
                cursor = source.tree[cursor].parent
                self.close(of: source)
            }
            if cursor == top { return }
            cursor = source.tree[cursor].next
        }
    }

    @inline(__always)
    private func isKnown(_ namespace: UInt16) -> Bool {
        Int(namespace) < self.prefixes.count && self.prefixes[Int(namespace)] != XMLVocabulary.undefined
    }

    // MARK: Elements

    /// Writes a start tag, or the whole element if it is empty. Returns whether its children follow.
    private mutating func element(
        _ id: Int32, _ node: XMLDocument.Node, _ skipped: Set<Int32>, of source: Source
    ) -> Bool {
        let undoMark = self.undo.count
        let known = self.isKnown(node.namespace)
        var declarations: [(prefix: UInt16, namespace: UInt16)] = []
        if !known {
            self.collectDeclarations(of: id, into: &declarations)
        }
        var prefix = known ? self.prefixes[Int(node.namespace)] : node.prefix
        var madeUp: [(number: Int, namespace: UInt16)] = []
        if self.bindings[Int(prefix)] != node.namespace {
            prefix = self.settle(
                prefix, node.namespace, isAttribute: false, pinned: [], &declarations, &madeUp)
        }
        self.output.append(UInt8(ascii: "<"))
        self.name(prefix, node.name, of: source)
        if node.firstAttribute >= 0 {
            self.attributes(of: node, elementPrefix: prefix, &declarations, &madeUp, of: source)
        }
        for (prefix, namespace) in declarations {
            self.output.append(literal: prefix == 0 ? " xmlns" : " xmlns:")
            if prefix != 0 { self.output.append(self.document.name(prefix)) }
            self.output.append(literal: "=\"")
            self.escapeNamespace(namespace)
            self.output.append(UInt8(ascii: "\""))
        }
        for (number, namespace) in madeUp {
            self.output.append(literal: " xmlns:n")
            self.output.append(decimal: number)
            self.output.append(literal: "=\"")
            self.escapeNamespace(namespace)
            self.output.append(UInt8(ascii: "\""))
        }
        let (hasContent, hasElements) = known ? self.content(of: node, skipped, source) : (node.firstChild >= 0, false)
        guard hasContent else {
            self.output.append(literal: "/>")
            self.restore(to: undoMark)
            return false
        }
        self.output.append(UInt8(ascii: ">"))
        self.open.append(
            Open(node: id, undoMark: undoMark, prefix: prefix, isForeign: !known, hasElements: hasElements))
        return true
    }

    /// The declarations an element brings with it, as far as they are not in force already.
    private mutating func collectDeclarations(
        of id: Int32, into declarations: inout [(prefix: UInt16, namespace: UInt16)]
    ) {
        var cursor = self.document[id].firstAttribute
        while cursor >= 0 {
            let node = self.document[cursor]
            if node.kind == .namespace, self.bindings[Int(node.name)] != node.namespace {
                self.bind(node.name, to: node.namespace)
                declarations.append((node.name, node.namespace))
            }
            cursor = node.next
        }
        guard self.form == .canonical, !(self.open.last?.isForeign ?? false) else { return }
        // The first foreign element below known ones brings the prefixes that its values use from further up.
        for (prefix, namespace) in self.document.inheritedDeclarations(usedIn: id)
        where self.bindings[Int(prefix)] != namespace && self.document.declaration(of: prefix, at: id) < 0 {
            self.bind(prefix, to: namespace)
            declarations.append((prefix, namespace))
        }
    }

    /// Finds or declares a prefix for a namespace. Made-up prefixes are returned as 0xFF00 and up.
    /// - Parameter pinned: prefixes that this element uses and that must keep what they stand for.
    private mutating func settle(
        _ wanted: UInt16, _ namespace: UInt16, isAttribute: Bool, pinned: [UInt16],
        _ declarations: inout [(prefix: UInt16, namespace: UInt16)],
        _ madeUp: inout [(number: Int, namespace: UInt16)]
    ) -> UInt16 {
        var prefix = wanted
        if namespace == XMLVocabulary.noNamespace { prefix = XMLVocabulary.noName }
        let usable = !isAttribute || prefix != XMLVocabulary.noName
        if usable, self.bindings[Int(prefix)] == namespace { return prefix }
        let isReserved = prefix == XMLVocabulary.xml || prefix == XMLVocabulary.xmlns
        // A prefix that this very element declares otherwise cannot be declared a second time.
        if usable, !isReserved, !pinned.contains(prefix), !declarations.contains(where: { $0.prefix == prefix }) {
            self.bind(prefix, to: namespace)
            declarations.append((prefix, namespace))
            return prefix
        }
        if namespace == XMLVocabulary.noNamespace, let own = declarations.firstIndex(where: { $0.prefix == 0 }) {
            // An element without a namespace has no prefix to fall back to: its own default goes.
            self.bind(XMLVocabulary.noName, to: namespace)
            declarations[own].namespace = namespace
            return XMLVocabulary.noName
        }
        for candidate in 1..<self.bindings.count where self.bindings[candidate] == namespace {
            return UInt16(truncatingIfNeeded: candidate)
        }
        if let same = madeUp.first(where: { $0.namespace == namespace }) { return Self.madeUp(same.number) }
        repeat { self.generated = (self.generated + 1) & 0xFF } while self.isTaken(self.generated)
        madeUp.append((self.generated, namespace))
        return Self.madeUp(self.generated)
    }

    /// Whether a prefix that would be made up is a name of the document already.
    private func isTaken(_ number: Int) -> Bool {
        var text: [UInt8] = [UInt8(ascii: "n")]
        text.append(decimal: UInt64(number))
        return self.document.nameNumber(text[...]) != nil && number < 0xF0
    }

    private static func madeUp(_ number: Int) -> UInt16 { 0xFF00 &+ UInt16(truncatingIfNeeded: number & 0xFF) }

    private mutating func attributes(
        of node: XMLDocument.Node, elementPrefix: UInt16,
        _ declarations: inout [(prefix: UInt16, namespace: UInt16)],
        _ madeUp: inout [(number: Int, namespace: UInt16)], of source: Source
    ) {
        var pinned: [UInt16] = []
        var cursor = node.firstAttribute
        while cursor >= 0 {
            let attribute = source.tree[cursor]
            if attribute.isAttribute {
                var prefix = self.wantedPrefix(of: attribute)
                if !self.isSettled(attribute, prefix) {
                    if pinned.isEmpty { pinned = [elementPrefix] + self.settledPrefixes(of: node) }
                    prefix = self.settle(
                        prefix, attribute.namespace, isAttribute: true, pinned: pinned, &declarations, &madeUp)
                    pinned.append(prefix)
                }
                self.output.append(UInt8(ascii: " "))
                self.name(prefix, attribute.name, of: source)
                self.output.append(literal: "=\"")
                Self.escape(source.tree.value(cursor), inAttribute: true, into: &self.output)
                self.output.append(UInt8(ascii: "\""))
            }
            cursor = attribute.next
        }
    }

    private func wantedPrefix(of attribute: XMLDocument.Node) -> UInt16 {
        if attribute.namespace == XMLVocabulary.noNamespace { return XMLVocabulary.noName }
        if self.isKnown(attribute.namespace) {
            let canonical = self.prefixes[Int(attribute.namespace)]
            if canonical != XMLVocabulary.noName { return canonical }
        }
        return attribute.prefix
    }

    @inline(__always)
    private func isSettled(_ attribute: XMLDocument.Node, _ prefix: UInt16) -> Bool {
        if attribute.namespace == XMLVocabulary.noNamespace { return true }
        return prefix != XMLVocabulary.noName && self.bindings[Int(prefix)] == attribute.namespace
    }

    /// The prefixes of the attributes of an element that stand for the right namespace as it is.
    private func settledPrefixes(of node: XMLDocument.Node) -> [UInt16] {
        var found: [UInt16] = []
        var cursor = node.firstAttribute
        while cursor >= 0 {
            let attribute = self.document[cursor]
            if attribute.isAttribute {
                let prefix = self.wantedPrefix(of: attribute)
                if self.isSettled(attribute, prefix) { found.append(prefix) }
            }
            cursor = attribute.next
        }
        return found
    }

    @inline(__always)
    private mutating func name(_ prefix: UInt16, _ name: UInt16, of source: Source) {
        if prefix != XMLVocabulary.noName {
            self.name(prefix, of: source)
            self.output.append(UInt8(ascii: ":"))
        }
        self.name(name, of: source)
    }

    @inline(__always)
    private mutating func name(_ number: UInt16, of source: Source) {
        if Int(number) < source.names.count {
            source.names.append(number, to: &self.output)
        } else if number >= 0xFF00 {
            self.output.append(UInt8(ascii: "n"))
            self.output.append(decimal: Int(number &- 0xFF00))
        } else {
            self.output.append(self.document.name(number))
        }
    }

    private mutating func escapeNamespace(_ namespace: UInt16) {
        let text = self.document.namespace(namespace)
        text.withUnsafeBufferPointer { Self.escape($0, inAttribute: true, into: &self.output) }
    }

    /// Whether a known element has anything to be written inside, and whether it has elements.
    private func content(
        of node: XMLDocument.Node, _ skipped: Set<Int32>, _ source: Source
    ) -> (Bool, Bool) {
        var hasText = false
        var hasBlanks = false
        var hasElements = false
        var cursor = node.firstChild
        while cursor >= 0 {
            let child = source.tree[cursor]
            if child.isElement {
                hasElements = true
                if skipped.isEmpty || !skipped.contains(cursor) { return (true, true) }
            } else if child.isText, !hasText {
                hasText = !Self.isBlank(source.tree.value(cursor))
                hasBlanks = true
            }
            cursor = child.next
        }
        // Comments and instructions of a known element are left out: alone they leave it empty.
        return (hasText || (!hasElements && hasBlanks), hasElements)
    }

    private mutating func close(of source: Source) {
        guard let last = self.open.popLast() else { return }
        self.output.append(literal: "</")
        self.name(last.prefix, source.tree[last.node].name, of: source)
        self.output.append(UInt8(ascii: ">"))
        self.restore(to: last.undoMark)
    }

    private mutating func bind(_ prefix: UInt16, to namespace: UInt16) {
        self.undo.append((prefix, self.bindings[Int(prefix)]))
        self.bindings[Int(prefix)] = namespace
    }

    private mutating func restore(to mark: Int) {
        while self.undo.count > mark, let last = self.undo.popLast() {
            self.bindings[Int(last.prefix)] = last.namespace
        }
    }

    // MARK: Texts

    private static func isBlank(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        for byte in text where !XMLScanner.isSpace(byte) { return false }
        return true
    }

    private mutating func text(_ id: Int32, of source: Source) {
        let text = source.tree.value(id)
        // White space between the elements of a known element says nothing.
        if self.form == .canonical, let open = self.open.last, !open.isForeign, open.hasElements, Self.isBlank(text) {
            return
        }
        Self.escape(text, inAttribute: false, into: &self.output)
    }

    private mutating func markup(_ id: Int32, _ node: XMLDocument.Node) {
        if self.form == .canonical, !(self.open.last?.isForeign ?? false) { return }
        if node.kind == .comment {
            self.output.append(literal: "<!--")
            self.output.append(self.document.value(id))
            self.output.append(literal: "-->")
        } else {
            self.output.append(literal: "<?")
            self.output.append(self.document.name(node.name))
            if node.count > 0 { self.output.append(UInt8(ascii: " ")) }
            self.output.append(self.document.value(id))
            self.output.append(literal: "?>")
        }
    }

    /// Writes a text so that reading it gives the same text again.
    package static func escape(_ text: Octets, inAttribute: Bool, into output: inout [UInt8]) {
        text.withUnsafeBufferPointer { bytes in
            var start = 0
            while let (index, reference) = Self.nextReference(in: bytes, from: start, inAttribute: inAttribute) {
                output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<index]))
                output.append(literal: reference)
                start = index + 1
            }
            output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start...]))
        }
    }

    static func escape(_ bytes: UnsafeBufferPointer<UInt8>, inAttribute: Bool, into output: inout ByteBuilder) {
        var start = 0
        while let (index, reference) = Self.nextReference(in: bytes, from: start, inAttribute: inAttribute) {
            output.append(UnsafeBufferPointer(rebasing: bytes[start..<index]))
            output.append(literal: reference)
            start = index + 1
        }
        output.append(UnsafeBufferPointer(rebasing: bytes[start...]))
    }

    /// The next byte that cannot stand for itself, and what stands for it.
    @inline(__always)
    private static func nextReference(
        in bytes: UnsafeBufferPointer<UInt8>, from start: Int, inAttribute: Bool
    ) -> (index: Int, reference: StaticString)? {
        var index = start
        while index < bytes.count {
            if bytes.count - index >= 8, Self.isPlain(bytes, index) {
                index += 8
                continue
            }
            let end = min(index + 8, bytes.count)
            while index < end {
                if let reference = Self.reference(for: bytes[index], inAttribute: inAttribute) {
                    return (index, reference)
                }
                index += 1
            }
        }
        return nil
    }

    /// Whether none of eight bytes is below 0x20, a quotation mark, `&`, `<` or `>`.
    @inline(__always)
    private static func isPlain(_ bytes: UnsafeBufferPointer<UInt8>, _ index: Int) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let word = UnsafeRawBufferPointer(bytes).loadUnaligned(fromByteOffset: index, as: UInt64.self)
        // `"` and `&` differ in one bit, and so do `<` and `>`.
        let quotes = (word & ~(ones &* 0x04)) ^ (ones &* 0x22)
        let brackets = (word & ~(ones &* 0x02)) ^ (ones &* 0x3C)
        let found = (quotes &- ones) | (brackets &- ones) | (word &- (ones &* 0x20))
        return found & ~word & (ones &* 0x80) == 0
    }

    @inline(__always)
    private static func reference(for byte: UInt8, inAttribute: Bool) -> StaticString? {
        if byte > 0x3E { return nil }
        switch byte {
        case UInt8(ascii: "&"): return "&amp;"
        case UInt8(ascii: "<"): return "&lt;"
        case UInt8(ascii: ">"): return "&gt;"
        case 0x0D: return "&#13;"
        case UInt8(ascii: "\"") where inAttribute: return "&quot;"
        case 0x0A where inAttribute: return "&#10;"
        case 0x09 where inAttribute: return "&#9;"
        default: return nil
        }
    }
}

extension XMLDocument {
    /// The document as text.
    /// - Parameter declaration: whether `<?xml version="1.0" encoding="UTF-8"?>` comes first.
    package func serialised(declaration: Bool = true) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(self.storage.count + 64)
        if declaration { output.append(literal: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n") }
        var writer = XMLWriter(self, form: .faithful)
        var cursor = self.nodes[0].firstChild
        while cursor >= 0 {
            writer.write(cursor, into: &output)
            cursor = self.nodes[Int(cursor)].next
        }
        return output
    }
}
