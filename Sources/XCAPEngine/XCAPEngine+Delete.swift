internal import Ground
internal import XMLTree

// RFC 4825 §8.4.
extension XCAPEngine {
    /// Removes a document or a node, and nothing around it.
    func delete(
        _ request: XCAPRequest, from current: XCAPDocument?, usage: ApplicationUsage, context: UsageContext,
        newEntityTag: [UInt8]
    ) throws(XCAPFault) -> Edit {
        guard let current else { throw XCAPFault(status: 404) }
        guard let node = request.selector.node else { return Edit(status: 200, entityTag: nil, change: .removed) }
        let before = ParsedDocument(bytes: current.bytes, tree: try self.parse(current, usage: usage))
        let place = try Self.place(of: node, in: before, usage: usage)
        let bytes = NodeEditor.replacing(place, of: before.bytes, by: [])
        let tree: XMLDocument
        do {
            tree = try XMLDocument.parseUTF8(bytes[...], vocabulary: usage.vocabulary, limits: self.limits.xml)
        } catch {
            // Only the root element leaves no document behind.
            throw XCAPFault(.schemaValidationError, "a document needs its root element")
        }
        guard !Self.selects(node, in: tree, usage: usage) else {
            throw XCAPFault(.cannotDelete, "the request would select another node afterwards")
        }
        try usage.validate(tree, text: bytes[...], context: context)
        let document = XCAPDocument(bytes: bytes, entityTag: newEntityTag)
        return Edit(status: 200, entityTag: newEntityTag, change: .replaced(document))
    }

    /// Where a node lies; an attribute with the white space before it.
    private static func place(
        of node: NodeSelector, in document: ParsedDocument, usage: ApplicationUsage
    ) throws(XCAPFault) -> Range<Int> {
        let tree = document.tree
        guard case .element(let id) = node.evaluate(in: tree, defaultNamespace: usage.defaultNamespace) else {
            throw XCAPFault(status: 404)
        }
        guard case .attribute(let name) = node.terminal else {
            guard let found = document.map.element(id, of: tree) else { throw XCAPFault(status: 500) }
            return found.start..<found.end
        }
        let attribute = node.attribute(name, of: id, in: tree)
        guard attribute >= 0 else { throw XCAPFault(status: 404) }
        guard let found = document.map.attribute(attribute, of: tree) else { throw XCAPFault(status: 500) }
        return found.start..<(found.value.upperBound + 1)
    }

    private static func selects(_ node: NodeSelector, in tree: XMLDocument, usage: ApplicationUsage) -> Bool {
        switch node.evaluate(in: tree, defaultNamespace: usage.defaultNamespace) {
        case .noMatch: return false
        case .ambiguous: return true
        case .element(let id):
            guard case .attribute(let name) = node.terminal else { return true }
            return node.attribute(name, of: id, in: tree) >= 0
        }
    }
}
