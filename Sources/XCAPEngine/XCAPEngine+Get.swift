internal import Ground
internal import XMLTree

// RFC 4825 §8.3.
extension XCAPEngine {
    /// The media types of what is smaller than a document (RFC 4825 §15.2).
    enum FragmentType {
        static let element = Array("application/xcap-el+xml".utf8)
        static let attribute = Array("application/xcap-att+xml".utf8)
        static let namespaces = Array("application/xcap-ns+xml".utf8)
    }

    /// Answers GET and HEAD. A condition counts only where the request would succeed without it (RFC 9110 §13.2.1).
    func read(
        _ request: XCAPRequest, from current: XCAPDocument?, usage: ApplicationUsage
    ) throws(XCAPFault) -> XCAPReply {
        guard let current else { throw XCAPFault(status: request.preconditions.ifMatch == nil ? 404 : 412) }
        var contentType = usage.mediaType
        var body = current.bytes
        if let node = request.selector.node {
            (contentType, body) = try self.fragment(node, of: current, usage: usage)
        }
        guard request.preconditions.guardHolds(for: current) else { throw XCAPFault(status: 412) }
        guard !request.preconditions.isKnown(current) else {
            return XCAPReply(status: 304, entityTag: current.entityTag)
        }
        return XCAPReply(status: 200, contentType: contentType, entityTag: current.entityTag, body: body)
    }

    /// The bytes of a node as the document has them.
    private func fragment(
        _ node: NodeSelector, of document: XCAPDocument, usage: ApplicationUsage
    ) throws(XCAPFault) -> ([UInt8], [UInt8]) {
        let tree = try self.parse(document, usage: usage)
        guard case .element(let id) = node.evaluate(in: tree, defaultNamespace: usage.defaultNamespace) else {
            throw XCAPFault(status: 404)
        }
        let map = XMLSourceMap(of: document.bytes)
        switch node.terminal {
        case nil:
            guard let place = map.element(id, of: tree) else { throw XCAPFault(status: 500) }
            return (FragmentType.element, Array(document.bytes[place.start..<place.end]))
        case .attribute(let name):
            let attribute = node.attribute(name, of: id, in: tree)
            guard attribute >= 0 else { throw XCAPFault(status: 404) }
            guard let place = map.attribute(attribute, of: tree) else { throw XCAPFault(status: 500) }
            return (FragmentType.attribute, Array(document.bytes[place.value]))
        case .namespaces:
            return (FragmentType.namespaces, Self.bindings(at: id, of: tree))
        }
    }

    /// RFC 4825 §10: an empty element with the name of the one selected, which declares all that is in scope there.
    private static func bindings(at element: XMLDocument.NodeID, of tree: XMLDocument) -> [UInt8] {
        var seen: Set<UInt16> = []
        var declarations: [(prefix: UInt16, namespace: UInt16)] = []
        var cursor = element
        while cursor > 0 {
            var node = tree[cursor].firstAttribute
            while node >= 0 {
                let one = tree[node]
                if one.kind == .namespace, seen.insert(one.name).inserted {
                    declarations.append((one.name, one.namespace))
                }
                node = one.next
            }
            cursor = tree[cursor].parent
        }
        var out: [UInt8] = [UInt8(ascii: "<")]
        let node = tree[element]
        if node.prefix != XMLVocabulary.noName {
            out.append(contentsOf: tree.name(node.prefix))
            out.append(UInt8(ascii: ":"))
        }
        out.append(contentsOf: tree.name(node.name))
        // A default that was taken back binds nothing.
        for (prefix, namespace) in declarations where namespace != XMLVocabulary.noNamespace {
            out.append(literal: " xmlns")
            if prefix != XMLVocabulary.noName {
                out.append(UInt8(ascii: ":"))
                out.append(contentsOf: tree.name(prefix))
            }
            out.append(literal: "=\"")
            NodeSelector.appendEscaped(Array(tree.namespace(namespace)), to: &out)
            out.append(UInt8(ascii: "\""))
        }
        out.append(literal: "/>")
        return out
    }
}
