internal import Ground
internal import XMLTree

/// One run of ``Composer/merge(entity:sources:policy:at:)``. Sources come in with the winner first.
struct Merger {
    /// What makes elements of different sources the same.
    private enum Key: Hashable {
        case service(id: Octets, version: Octets, contact: [UInt8], classification: Octets)
        case tuple(id: Octets, classification: Octets)
        case person(classification: Octets)
        case device(id: [UInt8], classification: Octets)
    }

    /// An element of one source.
    private struct Part {
        var source: Int
        var node: XMLDocument.NodeID
    }

    /// An element of the result: one or more elements that are the same, the winner first.
    private struct Slot {
        var key: Key
        var parts: [Part]
    }

    private let policy: CompositionPolicy
    private var sources: [Composer.Source] = []
    private var slots: [Slot] = []
    private var slotsByKey: [Key: [Int]] = [:]
    private var notes: [Part] = []
    private var others: [Part] = []

    init(policy: CompositionPolicy) { self.policy = policy }

    // MARK: Taking sources in

    mutating func take(_ source: Composer.Source) {
        let index = self.sources.count
        self.sources.append(source)
        let document = source.document
        for tuple in document.tuples {
            self.place(Part(source: index, node: tuple), self.tupleKey(tuple, document.tree))
        }
        for person in document.persons {
            let classification = document.tree.classification(of: person)
            self.place(Part(source: index, node: person), .person(classification: classification))
        }
        for device in document.devices {
            let id = document.tree.childText(Term.deviceID, Space.dataModel, of: device) ?? []
            let classification = document.tree.classification(of: device)
            self.place(
                Part(source: index, node: device),
                .device(id: id.map { ASCII.lowercased($0) }, classification: classification))
        }
        self.notes += document.notes.map { Part(source: index, node: $0) }
        self.others += document.others.map { Part(source: index, node: $0) }
    }

    private func tupleKey(_ tuple: XMLDocument.NodeID, _ tree: XMLDocument) -> Key {
        let classification = tree.classification(of: tuple)
        guard self.policy.serviceKey == .service else {
            return .tuple(id: tree.occurrenceID(tuple), classification: [])
        }
        let contact = tree.childText(Term.contact, Space.pidf, of: tuple) ?? []
        let service = tree.child(Term.serviceDescription, Space.oma, of: tuple)
        guard service >= 0 || !contact.isEmpty else {
            return .tuple(id: tree.occurrenceID(tuple), classification: classification)
        }
        return .service(
            id: service >= 0 ? tree.childText(Term.serviceId, Space.oma, of: service) ?? [] : [],
            version: service >= 0 ? tree.childText(Term.version, Space.oma, of: service) ?? [] : [],
            contact: Self.comparable(contact), classification: classification)
    }

    /// Scheme and host of a URI are compared without case, the rest as it is.
    private static func comparable(_ uri: Octets) -> [UInt8] {
        var bytes = Array(uri)
        let colon = bytes.firstIndex(of: UInt8(ascii: ":")) ?? 0
        let at = bytes.lastIndex(of: UInt8(ascii: "@")) ?? bytes.count
        for index in 0..<colon { bytes[index] = ASCII.lowercased(bytes[index]) }
        for index in at..<bytes.count {
            if bytes[index] == UInt8(ascii: ";") || bytes[index] == UInt8(ascii: "?") { break }
            bytes[index] = ASCII.lowercased(bytes[index])
        }
        return bytes
    }

    private mutating func place(_ part: Part, _ key: Key) {
        let source = self.sources[part.source]
        // Elements of one source are never merged with each other.
        for slot in self.slotsByKey[key] ?? []
        where self.slots[slot].parts.last.map({ $0.source != part.source }) ?? true {
            let isFilled = self.slots[slot].parts.contains { !self.sources[$0.source].isHardState }
            if !source.isHardState || !isFilled { self.slots[slot].parts.append(part) }
            return
        }
        self.slotsByKey[key, default: []].append(self.slots.count)
        self.slots.append(Slot(key: key, parts: [part]))
    }

    // MARK: The result

    func document(entity: Octets) -> PresenceDocument {
        var tree = XMLDocument(vocabulary: PresenceNames.vocabulary)
        let root = tree.makeElement(name: Term.presence, namespace: Space.pidf)
        tree.append(root, to: 0)
        tree.setAttribute(Term.entity, of: root, to: entity)
        let identifiers = self.identifiers()
        var taken = Set(identifiers)
        for (index, slot) in self.slots.enumerated() {
            let element = self.merged(slot, into: &tree)
            tree.setAttribute(Term.id, of: element, to: identifiers[index])
            self.renameInner(under: element, slot, &taken, in: &tree)
            tree.append(element, to: root)
        }
        self.addDistinct(self.notes, under: root, in: &tree)
        self.addDistinct(self.others, under: root, in: &tree)
        do {
            return try PresenceDocument(validating: tree)
        } catch {
            // What valid documents are merged into is valid; were it ever not, the winner alone is.
            return self.sources[0].document
        }
    }

    private func tree(_ part: Part) -> XMLDocument { self.sources[part.source].document.tree }

    /// The id of each slot: that of its oldest part, made different where two slots would share one.
    private func identifiers() -> [Octets] {
        var wanted: [(slot: Int, source: UInt64, id: Octets)] = []
        for (index, slot) in self.slots.enumerated() {
            guard let oldest = slot.parts.min(by: { self.sources[$0.source].id < self.sources[$1.source].id }) else {
                continue
            }
            wanted.append(
                (index, self.sources[oldest.source].id, self.tree(oldest).occurrenceID(oldest.node)))
        }
        // The older source keeps its id.
        wanted.sort { $0.source != $1.source ? $0.source < $1.source : $0.slot < $1.slot }
        var result = [Octets](repeating: [], count: self.slots.count)
        var taken: Set<Octets> = []
        for item in wanted {
            result[item.slot] = Self.unused(item.id, source: item.source, &taken)
        }
        return result
    }

    private static func unused(_ id: Octets, source: UInt64, _ taken: inout Set<Octets>) -> Octets {
        if taken.insert(id).inserted { return id }
        var candidate = Array("s\(String(source, radix: 16))-".utf8) + id.suffix(200)
        while !taken.insert(candidate[...]).inserted { candidate.append(UInt8(ascii: "_")) }
        return candidate[...]
    }

    /// RPID elements may have ids too, which must differ from all others.
    private func renameInner(
        under element: XMLDocument.NodeID, _ slot: Slot, _ taken: inout Set<Octets>, in tree: inout XMLDocument
    ) {
        let source = slot.parts.first.map { self.sources[$0.source].id } ?? 0
        var cursor = tree.following(element, within: element)
        while cursor >= 0 {
            if tree[cursor].kind == .element, tree[cursor].namespace == Space.rpid {
                let attribute = tree.attribute(Term.id, of: cursor)
                if attribute >= 0 {
                    let id = tree.value(attribute).trimmingSpace
                    let unused = Self.unused(id, source: source, &taken)
                    if unused != id { tree.setValue(unused, of: attribute) }
                }
            }
            cursor = tree.following(cursor, within: element)
        }
    }

    private func merged(_ slot: Slot, into tree: inout XMLDocument) -> XMLDocument.NodeID {
        let winner = slot.parts[0]
        let element = tree.copySubtree(winner.node, of: self.tree(winner))
        for loser in slot.parts.dropFirst() { self.fill(element, from: loser, in: &tree) }
        return element
    }

    /// Adds the children that an element lacks, at the places the schema has for them.
    private func fill(_ element: XMLDocument.NodeID, from loser: Part, in tree: inout XMLDocument) {
        let source = self.tree(loser)
        let present = tree.childNames(of: element)
        var cursor = source[loser.node].firstChild
        while cursor >= 0 {
            let node = source[cursor]
            defer { cursor = node.next }
            guard node.kind == .element else { continue }
            // When a thing was last said is known of the winner only.
            if node.name == Term.timestamp, node.namespace == Space.pidf || node.namespace == Space.dataModel {
                continue
            }
            if node.namespace == Space.pidf, node.name == Term.status {
                self.fillChildren(of: tree.child(Term.status, Space.pidf, of: element), from: cursor, source, &tree)
            } else if node.namespace == Space.caps, node.name == Term.servcaps || node.name == Term.devcaps,
                tree.child(node.name, Space.caps, of: element) >= 0
            {
                self.fillChildren(of: tree.child(node.name, Space.caps, of: element), from: cursor, source, &tree)
            } else if node.namespace == Space.dataModel, node.name == Term.deviceID,
                tree[element].name == Term.tuple
            {
                self.addDeviceID(cursor, of: source, to: element, in: &tree)
            } else if !present.contains(source.expandedName(cursor)) {
                let copy = tree.copySubtree(cursor, of: source)
                tree.insert(copy, under: element, after: tree.place(for: node, in: element))
            }
        }
    }

    private func fillChildren(
        of element: XMLDocument.NodeID, from other: XMLDocument.NodeID, _ source: XMLDocument,
        _ tree: inout XMLDocument
    ) {
        guard element >= 0 else { return }
        let present = tree.childNames(of: element)
        var cursor = source[other].firstChild
        while cursor >= 0 {
            if source[cursor].kind == .element, !present.contains(source.expandedName(cursor)) {
                let copy = tree.copySubtree(cursor, of: source)
                let isBasic = source[cursor].namespace == Space.pidf
                tree.insert(copy, under: element, after: isBasic ? -1 : tree[element].lastChild)
            }
            cursor = source[cursor].next
        }
    }

    private func addDeviceID(
        _ id: XMLDocument.NodeID, of source: XMLDocument, to tuple: XMLDocument.NodeID, in tree: inout XMLDocument
    ) {
        let text = source.stringValue(id).trimmingSpace
        var cursor = tree[tuple].firstChild
        while cursor >= 0 {
            let node = tree[cursor]
            if node.kind == .element, node.namespace == Space.dataModel, node.name == Term.deviceID,
                tree.stringValue(cursor).trimmingSpace.equalsIgnoringCase(text)
            {
                return
            }
            cursor = node.next
        }
        let copy = tree.copySubtree(id, of: source)
        tree.insert(copy, under: tuple, after: tree.place(for: source[id], in: tuple))
    }

    /// Adds the elements that are not there yet, compared as trees.
    private func addDistinct(_ parts: [Part], under root: XMLDocument.NodeID, in tree: inout XMLDocument) {
        var added: [(part: Part, source: Int)] = []
        for part in parts {
            let source = self.tree(part)
            // Within one source repetition is meant; between sources it says the same thing twice.
            let isKnown = added.contains {
                $0.source != part.source && self.tree($0.part).subtree($0.part.node, equals: source, part.node)
            }
            if isKnown { continue }
            tree.append(tree.copySubtree(part.node, of: source), to: root)
            added.append((part, part.source))
        }
    }
}

extension XMLDocument {
    /// A name with its namespace.
    struct ExpandedName: Hashable {
        var name: Octets
        var namespace: Octets
    }

    func expandedName(_ id: NodeID) -> ExpandedName {
        ExpandedName(name: self.name(self[id].name), namespace: self.namespace(self[id].namespace))
    }

    /// The names of the elements right under an element.
    func childNames(of element: NodeID) -> Set<ExpandedName> {
        var found: Set<ExpandedName> = []
        var cursor = self[element].firstChild
        while cursor >= 0 {
            if self[cursor].kind == .element { found.insert(self.expandedName(cursor)) }
            cursor = self[cursor].next
        }
        return found
    }

    /// The first child element of a name, or -1.
    func child(_ name: UInt16, _ namespace: UInt16, of element: NodeID) -> NodeID {
        var cursor = self[element].firstChild
        while cursor >= 0 {
            let node = self[cursor]
            if node.kind == .element, node.name == name, node.namespace == namespace { return cursor }
            cursor = node.next
        }
        return -1
    }

    /// The text of the first child element of a name, without white space around it.
    func childText(_ name: UInt16, _ namespace: UInt16, of element: NodeID) -> Octets? {
        let child = self.child(name, namespace, of: element)
        return child >= 0 ? self.stringValue(child).trimmingSpace : nil
    }

    /// The RPID class of a tuple, person or device; empty if it has none.
    func classification(of element: NodeID) -> Octets {
        self.childText(Term.classification, Space.rpid, of: element) ?? []
    }

    /// The child after which a new child belongs: the last one whose place in the schema is not behind its own.
    func place(for node: Node, in element: NodeID) -> NodeID {
        let isDevice = self[element].name == Term.device
        let rank = Self.rank(node, isDevice: isDevice)
        var place: NodeID = -1
        var cursor = self[element].firstChild
        while cursor >= 0 {
            let child = self[cursor]
            if child.kind == .element, Self.rank(child, isDevice: isDevice) <= rank { place = cursor }
            cursor = child.next
        }
        return place
    }

    /// The order of the children of tuple (RFC 3863), person and device (RFC 4479).
    private static func rank(_ node: Node, isDevice: Bool) -> Int {
        switch (node.namespace, node.name) {
        case (Space.dataModel, Term.deviceID): isDevice ? 2 : 1
        case (Space.pidf, Term.status): 0
        case (Space.pidf, Term.contact): 2
        case (Space.dataModel, Term.note), (Space.pidf, Term.note): 3
        case (Space.pidf, Term.timestamp), (Space.dataModel, Term.timestamp): 4
        default: 1
        }
    }
}
