internal import Ground
internal import XMLTree

// RFC 4825 §8.2.
extension XCAPEngine {
    /// Creates or replaces a document or a node.
    func put(
        _ request: XCAPRequest, on current: XCAPDocument?, usage: ApplicationUsage, context: UsageContext,
        newEntityTag: [UInt8]
    ) throws(XCAPFault) -> Edit {
        try self.checkFolder(of: request.selector, usage: usage, context: context)
        guard let node = request.selector.node else {
            return try self.putDocument(
                request, on: current, usage: usage, context: context, newEntityTag: newEntityTag)
        }
        guard let current else {
            throw XCAPFault(.noParent(ancestor: Self.uri(of: request.selector.directory, in: context)))
        }
        let before = ParsedDocument(bytes: current.bytes, tree: try self.parse(current, usage: usage))
        let editor = NodeEditor(
            document: before, node: node, usage: usage, context: context, body: request.body, limits: self.limits)
        let after: ParsedDocument
        let isNew: Bool
        switch node.terminal {
        case .attribute(let name):
            let parent = try editor.parent(steps: node.steps.count)
            try Self.check(request.contentType, is: FragmentType.attribute)
            try self.checkSize(request.body)
            (after, isNew) = try editor.puttingAttribute(name, of: parent)
        case .namespaces, nil:
            let parent = try editor.parent(steps: node.steps.count - 1)
            try Self.check(request.contentType, is: FragmentType.element)
            try self.checkSize(request.body)
            (after, isNew) = try editor.puttingElement(under: parent)
        }
        guard after.bytes != current.bytes else {
            return Edit(status: 200, entityTag: current.entityTag, change: nil)
        }
        try usage.validate(after.tree, text: after.bytes[...], context: context)
        let document = XCAPDocument(bytes: after.bytes, entityTag: newEntityTag)
        return Edit(status: isNew ? 201 : 200, entityTag: newEntityTag, change: .replaced(document))
    }

    private func putDocument(
        _ request: XCAPRequest, on current: XCAPDocument?, usage: ApplicationUsage, context: UsageContext,
        newEntityTag: [UInt8]
    ) throws(XCAPFault) -> Edit {
        try Self.check(request.contentType, is: usage.mediaType)
        try self.checkSize(request.body)
        let tree: XMLDocument
        do {
            tree = try XMLDocument.parseUTF8(request.body, vocabulary: usage.vocabulary, limits: self.limits.xml)
        } catch {
            throw XCAPFault(error, otherwise: .notWellFormed)
        }
        guard usage.permitsDocument(request.selector) else {
            throw XCAPFault(.constraintFailure, "the application usage has no document of this name")
        }
        let bytes = Array(request.body)
        if let current, current.bytes == bytes {
            return Edit(status: 200, entityTag: current.entityTag, change: nil)
        }
        try usage.validate(tree, text: bytes[...], context: context)
        let document = XCAPDocument(bytes: bytes, entityTag: newEntityTag)
        return Edit(
            status: current == nil ? 201 : 200, entityTag: newEntityTag,
            change: current == nil ? .created(document) : .replaced(document))
    }

    /// The directory of a user exists as soon as the user does; below it only the folders of the usage do.
    private func checkFolder(
        of selector: XCAPSelector, usage: ApplicationUsage, context: UsageContext
    ) throws(XCAPFault) {
        guard !selector.folder.isEmpty, !usage.folders.contains(Array(selector.folder)) else { return }
        throw XCAPFault(.noParent(ancestor: Self.uri(of: selector.directory, in: context)), "no such folder")
    }

    private func checkSize(_ body: Octets) throws(XCAPFault) {
        guard body.count <= self.limits.documentBytes else { throw XCAPFault(status: 413) }
    }

    /// Parameters such as charset do not count: what the bytes are decides.
    private static func check(_ contentType: [UInt8]?, is mediaType: [UInt8]) throws(XCAPFault) {
        guard let contentType else { throw XCAPFault(status: 415) }
        var value = contentType.prefix { $0 != UInt8(ascii: ";") }
        while let last = value.last, last == 0x20 || last == 0x09 { value = value.dropLast() }
        while let first = value.first, first == 0x20 || first == 0x09 { value = value.dropFirst() }
        guard value.equalsIgnoringCase(mediaType[...]) else { throw XCAPFault(status: 415) }
    }

    /// The absolute URI of a document or directory, percent-encoded.
    static func uri(of selector: [UInt8], in context: UsageContext) -> [UInt8] {
        var uri = context.rootURI
        uri.append(UInt8(ascii: "/"))
        PercentEncoding.appendEncoded(selector[...], to: &uri)
        return uri
    }
}

extension XCAPFault {
    /// The fault of a body that is refused as XML.
    /// - Parameter condition: what a body is that is not well-formed.
    init(_ fault: XMLFault, otherwise condition: Condition) {
        switch fault.kind {
        case .encoding: self.init(.notUTF8, fault.reason)
        case .notWellFormed, .documentType: self.init(condition, fault.reason)
        case .overLimit:
            if fault.reason == "too large" {
                self.init(status: 413)
            } else {
                self.init(.constraintFailure, fault.reason)
            }
        }
    }
}

/// A text with the document that it is and the places of its elements.
struct ParsedDocument {
    let bytes: [UInt8]
    let tree: XMLDocument
    let map: XMLSourceMap

    init(bytes: [UInt8], tree: XMLDocument) {
        self.bytes = bytes
        self.tree = tree
        self.map = XMLSourceMap(of: bytes)
    }
}
