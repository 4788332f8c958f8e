package import Ground

/// Writes nodes as text and keeps namespaces right, wherever the nodes came from: a prefix that does not stand for
/// the namespace of a name at its new place is declared there.
package struct XMLWriter {
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

    private let document: XMLDocument
    private let form: Form
    /// The namespace that each prefix stands for at this place, by the prefix's number.
    private var bindings: [UInt16]
    private var undo: [(prefix: UInt16, namespace: UInt16)] = []
    private var open: [Open] = []
    private var generated = 0

    /// - Parameter bound: the prefixes that are declared around what will be written.
    package init(_ document: XMLDocument, form: Form, bound: [(prefix: UInt16, namespace: UInt16)] = []) {
        self.document = document
        self.form = form
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
        var cursor = top
        while true {
            let node = self.document[cursor]
            var descends = false
            if skipped.isEmpty || !skipped.contains(cursor) {
                switch node.kind {
                case .element: descends = self.element(cursor, node, skipped, into: &output)
                case .text: self.text(cursor, node, into: &output)
                case .comment, .instruction: self.markup(cursor, node, into: &output)
                case .document, .attribute, .namespace: break
                }
            }
            if descends {
                cursor = node.firstChild
                continue
            }
            // Up until there is a sibling, closing what ends.
            while cursor != top, self.document[cursor].next < 0 {
                cursor = self.document[cursor].parent
                self.close(into: &output)
            }
            if cursor == top { return }
            cursor = self.document[cursor].next
        }
    }

    @inline(__always)
    private func isKnown(_ namespace: UInt16) -> Bool {
        self.form == .canonical && Int(namespace) < self.document.vocabulary.prefixes.count
            && self.document.vocabulary.prefixes[Int(namespace)] != XMLVocabulary.undefined
    }

    // MARK: Elements

    /// Writes a start tag, or the whole element if it is empty. Returns whether its children follow.
    private mutating func element(
        _ id: Int32, _ node: XMLDocument.Node, _ skipped: Set<Int32>, into output: inout [UInt8]
    ) -> Bool {
        let undoMark = self.undo.count
        let known = self.isKnown(node.namespace)
        var declarations: [(prefix: UInt16, namespace: UInt16)] = []
        if !known {
            self.collectDeclarations(of: id, into: &declarations)
        }
        var prefix = known ? self.document.vocabulary.prefixes[Int(node.namespace)] : node.prefix
        var madeUp: [(number: Int, namespace: UInt16)] = []
        if self.bindings[Int(prefix)] != node.namespace {
            prefix = self.settle(
                prefix, node.namespace, isAttribute: false, pinned: [], &declarations, &madeUp)
        }
        output.append(UInt8(ascii: "<"))
        self.name(prefix, node.name, into: &output)
        if node.firstAttribute >= 0 {
            self.attributes(of: node, elementPrefix: prefix, &declarations, &madeUp, into: &output)
        }
        for (prefix, namespace) in declarations {
            output.append(literal: prefix == 0 ? " xmlns" : " xmlns:")
            if prefix != 0 { output.append(contentsOf: self.document.name(prefix)) }
            output.append(literal: "=\"")
            Self.escape(self.document.namespace(namespace), inAttribute: true, into: &output)
            output.append(UInt8(ascii: "\""))
        }
        for (number, namespace) in madeUp {
            output.append(literal: " xmlns:n")
            output.append(decimal: UInt64(number))
            output.append(literal: "=\"")
            Self.escape(self.document.namespace(namespace), inAttribute: true, into: &output)
            output.append(UInt8(ascii: "\""))
        }
        let (hasContent, hasElements) = known ? self.content(of: node, skipped) : (node.firstChild >= 0, false)
        guard hasContent else {
            output.append(literal: "/>")
            self.restore(to: undoMark)
            return false
        }
        output.append(UInt8(ascii: ">"))
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
        _ madeUp: inout [(number: Int, namespace: UInt16)], into output: inout [UInt8]
    ) {
        var pinned: [UInt16] = []
        var cursor = node.firstAttribute
        while cursor >= 0 {
            let attribute = self.document[cursor]
            if attribute.isAttribute {
                var prefix = self.wantedPrefix(of: attribute)
                if !self.isSettled(attribute, prefix) {
                    if pinned.isEmpty { pinned = [elementPrefix] + self.settledPrefixes(of: node) }
                    prefix = self.settle(
                        prefix, attribute.namespace, isAttribute: true, pinned: pinned, &declarations, &madeUp)
                    pinned.append(prefix)
                }
                output.append(UInt8(ascii: " "))
                self.name(prefix, attribute.name, into: &output)
                output.append(literal: "=\"")
                Self.escape(self.document.value(cursor), inAttribute: true, into: &output)
                output.append(UInt8(ascii: "\""))
            }
            cursor = attribute.next
        }
    }

    private func wantedPrefix(of attribute: XMLDocument.Node) -> UInt16 {
        if attribute.namespace == XMLVocabulary.noNamespace { return XMLVocabulary.noName }
        if self.isKnown(attribute.namespace) {
            let canonical = self.document.vocabulary.prefixes[Int(attribute.namespace)]
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
    private func name(_ prefix: UInt16, _ name: UInt16, into output: inout [UInt8]) {
        if prefix >= 0xFF00 {
            output.append(UInt8(ascii: "n"))
            output.append(decimal: UInt64(prefix &- 0xFF00))
            output.append(UInt8(ascii: ":"))
        } else if prefix != XMLVocabulary.noName {
            output.append(contentsOf: self.document.name(prefix))
            output.append(UInt8(ascii: ":"))
        }
        output.append(contentsOf: self.document.name(name))
    }

    /// Whether a known element has anything to be written inside, and whether it has elements.
    private func content(of node: XMLDocument.Node, _ skipped: Set<Int32>) -> (Bool, Bool) {
        var hasText = false
        var hasBlanks = false
        var hasElements = false
        var cursor = node.firstChild
        while cursor >= 0 {
            let child = self.document[cursor]
            if child.isElement {
                hasElements = true
                if skipped.isEmpty || !skipped.contains(cursor) { return (true, true) }
            } else if child.isText, !hasText {
                hasText = !self.isBlank(cursor)
                hasBlanks = true
            }
            cursor = child.next
        }
        // Comments and instructions of a known element are left out: alone they leave it empty.
        return (hasText || (!hasElements && hasBlanks), hasElements)
    }

    private mutating func close(into output: inout [UInt8]) {
        guard let last = self.open.popLast() else { return }
        output.append(literal: "</")
        self.name(last.prefix, self.document[last.node].name, into: &output)
        output.append(UInt8(ascii: ">"))
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

    private func isBlank(_ id: Int32) -> Bool { self.document.value(id).allSatisfy { XMLScanner.isSpace($0) } }

    private func text(_ id: Int32, _ node: XMLDocument.Node, into output: inout [UInt8]) {
        // White space between the elements of a known element says nothing.
        if self.form == .canonical, let open = self.open.last, !open.isForeign, open.hasElements, self.isBlank(id) {
            return
        }
        Self.escape(self.document.value(id), inAttribute: false, into: &output)
    }

    private func markup(_ id: Int32, _ node: XMLDocument.Node, into output: inout [UInt8]) {
        if self.form == .canonical, !(self.open.last?.isForeign ?? false) { return }
        if node.kind == .comment {
            output.append(literal: "<!--")
            output.append(contentsOf: self.document.value(id))
            output.append(literal: "-->")
        } else {
            output.append(literal: "<?")
            output.append(contentsOf: self.document.name(node.name))
            if node.count > 0 { output.append(UInt8(ascii: " ")) }
            output.append(contentsOf: self.document.value(id))
            output.append(literal: "?>")
        }
    }

    /// Writes a text so that reading it gives the same text again.
    package static func escape(_ text: Octets, inAttribute: Bool, into output: inout [UInt8]) {
        text.withUnsafeBufferPointer { bytes in
            var start = 0
            for index in 0..<bytes.count {
                let byte = bytes[index]
                if byte > 0x3E { continue }
                let reference: StaticString
                switch byte {
                case UInt8(ascii: "&"): reference = "&amp;"
                case UInt8(ascii: "<"): reference = "&lt;"
                case UInt8(ascii: ">"): reference = "&gt;"
                case 0x0D: reference = "&#13;"
                case UInt8(ascii: "\"") where inAttribute: reference = "&quot;"
                case 0x0A where inAttribute: reference = "&#10;"
                case 0x09 where inAttribute: reference = "&#9;"
                default: continue
                }
                output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<index]))
                output.append(literal: reference)
                start = index + 1
            }
            output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<bytes.count]))
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
