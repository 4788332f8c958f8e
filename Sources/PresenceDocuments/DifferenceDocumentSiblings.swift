internal import Ground
internal import XMLTree

/// A number for every node of a tree that is equal where all of what hangs under two nodes is written alike: names,
/// prefixes, declarations, attributes in any order, texts, comments, instructions.
struct SubtreeDigests: Sendable {
    private var values: [UInt64]

    init(of tree: XMLDocument) {
        self.values = [UInt64](repeating: 0, count: tree.nodes.count)
        // Children have their values before their parents: along document order, backwards.
        var order: [XMLDocument.NodeID] = []
        order.reserveCapacity(tree.nodes.count)
        var cursor: XMLDocument.NodeID = 0
        while cursor >= 0 {
            order.append(cursor)
            cursor = tree.following(cursor, within: 0)
        }
        for id in order.reversed() { self.values[Int(id)] = self.digest(id, of: tree) }
    }

    subscript(id: XMLDocument.NodeID) -> UInt64 { self.values[Int(id)] }

    private func digest(_ id: XMLDocument.NodeID, of tree: XMLDocument) -> UInt64 {
        let node = tree[id]
        var digest = Self.mix(0x9E37_79B9_7F4A_7C15, UInt64(node.kind.rawValue))
        switch node.kind {
        case .text, .comment: return Self.mix(digest, tree.value(id))
        case .instruction: return Self.mix(Self.mix(digest, tree.name(node.name)), tree.value(id))
        case .document: break
        case .element, .attribute, .namespace: digest = Self.mix(digest, Self.shape(of: id, in: tree))
        }
        var attributes: UInt64 = 0
        var cursor = node.firstAttribute
        while cursor >= 0 {
            if tree[cursor].kind == .attribute {
                attributes &+= Self.mix(Self.shape(of: cursor, in: tree), tree.value(cursor))
            }
            cursor = tree[cursor].next
        }
        digest = Self.mix(digest, attributes)
        cursor = node.firstChild
        while cursor >= 0 {
            digest = Self.mix(digest, self.values[Int(cursor)])
            cursor = tree[cursor].next
        }
        return digest
    }

    /// What an element is without its attributes and its content: its name as it is written, and its declarations.
    static func shape(of id: XMLDocument.NodeID, in tree: XMLDocument) -> UInt64 {
        let node = tree[id]
        var shape = Self.mix(0x1234_5678_9ABC_DEF1, tree.name(node.name))
        shape = Self.mix(shape, tree.namespace(node.namespace))
        shape = Self.mix(shape, tree.name(node.prefix))
        var declarations: UInt64 = 0
        var cursor = node.firstAttribute
        while cursor >= 0 {
            let one = tree[cursor]
            if one.kind == .namespace {
                declarations &+= Self.mix(Self.mix(7, tree.name(one.name)), tree.namespace(one.namespace))
            }
            cursor = one.next
        }
        return Self.mix(shape, declarations)
    }

    private static func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = (left ^ right).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return (product.high ^ product.low) &+ (left &<< 7 | left &>> 57)
    }

    private static func mix(_ left: UInt64, _ bytes: Octets) -> UInt64 {
        var digest: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { digest = (digest ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return Self.mix(left, digest ^ UInt64(bytes.count))
    }
}

/// The children of a node, seen as things with texts between them: before each thing, and behind the last one, there
/// is a text, which may be empty.
struct Siblings: Sendable {
    /// A child that is no text.
    struct Thing: Sendable {
        let id: XMLDocument.NodeID
        let kind: XMLDocument.Kind
        let digest: UInt64
        /// Its place among the things of its kind, from 1.
        let position: Int
    }

    private(set) var things: [Thing] = []
    /// One more than there are things.
    private(set) var texts: [Octets] = []
    /// Whether two texts stand side by side, so that "the second text" may mean different things.
    private(set) var hasNeighbouringTexts = false

    init(of parent: XMLDocument.NodeID, in tree: XMLDocument, _ digests: SubtreeDigests) {
        var text: Octets = []
        var positions: [XMLDocument.Kind: Int] = [:]
        var wasText = false
        var cursor = tree[parent].firstChild
        while cursor >= 0 {
            let node = tree[cursor]
            if node.kind == .text {
                if wasText { self.hasNeighbouringTexts = true }
                text = wasText ? text + tree.value(cursor) : tree.value(cursor)
            } else {
                self.texts.append(text)
                text = []
                let position = (positions[node.kind] ?? 0) + 1
                positions[node.kind] = position
                self.things.append(
                    Thing(id: cursor, kind: node.kind, digest: digests[cursor], position: position))
            }
            wasText = node.kind == .text
            cursor = node.next
        }
        self.texts.append(text)
    }
}
