package import Ground

/// A parsed request target below the XCAP root (RFC 4825 §6): a document, or a node in it.
package struct XCAPSelector: Hashable, Sendable {
    /// Where the documents of an application usage lie (RFC 4825 §6.2).
    package enum Tree: Hashable, Sendable {
        case global
        /// Below the directory of a user, whose XCAP User Identifier is decoded.
        case user([UInt8])
    }

    /// The application usage, decoded.
    package let auid: [UInt8]
    package let tree: Tree
    /// The document below the tree: `index` or `folder/name`, decoded.
    package let path: [UInt8]
    /// What is meant inside the document; nil is the document itself.
    package let node: NodeSelector?

    package init(auid: [UInt8], tree: Tree, path: [UInt8], node: NodeSelector? = nil) {
        self.auid = auid
        self.tree = tree
        self.path = path
        self.node = node
    }

    /// The key of the document: `auid/users/xui/path` or `auid/global/path`, decoded.
    package var documentSelector: [UInt8] {
        var key = self.directory
        key.append(contentsOf: self.path)
        return key
    }

    /// The directory of the tree, with a slash at its end, decoded.
    package var directory: [UInt8] {
        var key = self.auid
        switch self.tree {
        case .global: key.append(literal: "/global/")
        case .user(let identifier):
            key.append(literal: "/users/")
            key.append(contentsOf: identifier)
            key.append(UInt8(ascii: "/"))
        }
        return key
    }

    /// The folder that the document lies in, below the tree; empty for the tree itself.
    package var folder: Octets {
        guard let slash = self.path.lastIndex(of: UInt8(ascii: "/")) else { return [] }
        return self.path[..<slash]
    }

    /// Reads a request target.
    /// - Parameters:
    ///   - target: what follows the XCAP root and its slash, still percent-encoded, with its query.
    ///   - limits: bounds of the target and of the steps of a node selector.
    /// - Throws: 400 for a prefix that the query does not bind and for percent signs that encode nothing, 414 for a
    ///   target that is too long, 404 for everything else that names nothing: what no rule of the grammar fits is an
    ///   extension that is not understood (RFC 4825 §6.3).
    package static func parse(
        _ target: Octets, limits: XCAPLimits = .standard
    ) throws(XCAPFault) -> XCAPSelector {
        guard target.count <= limits.targetBytes else { throw XCAPFault(status: 414) }
        let question = target.firstIndex(of: UInt8(ascii: "?"))
        let (document, node) = try Self.split(target[..<(question ?? target.endIndex)])
        let segments = try Self.segments(of: document)
        let selector = try Self.document(segments)
        guard let node else { return selector }
        let query = question.map { target[($0 + 1)...] } ?? []
        let bindings = try NamespaceBindings.parse(query)
        return XCAPSelector(
            auid: selector.auid, tree: selector.tree, path: selector.path,
            node: try NodeSelector.parse(encoded: node, bindings: bindings, limits: limits))
    }

    /// The parts before and after the first path segment that is `~~`.
    private static func split(_ path: Octets) throws(XCAPFault) -> (document: Octets, node: Octets?) {
        var start = path.startIndex
        while start <= path.endIndex {
            let end = path[start...].firstIndex(of: UInt8(ascii: "/")) ?? path.endIndex
            if Self.isSeparator(path[start..<end]) {
                guard start > path.startIndex, end < path.endIndex else { throw XCAPFault(status: 404) }
                return (path[..<(start - 1)], path[(end + 1)...])
            }
            start = end + 1
        }
        return (path, nil)
    }

    /// Whether a segment is `~~`; a tilde may be encoded, which is the same (RFC 3986 §6.2.2.2).
    private static func isSeparator(_ segment: Octets) -> Bool {
        guard segment.count >= 2, segment.count <= 6 else { return false }
        guard segment.first == UInt8(ascii: "~") || segment.first == UInt8(ascii: "%") else { return false }
        return PercentEncoding.decoded(segment)?.elementsEqual("~~".utf8) ?? false
    }

    /// The segments of a document selector, decoded. None may be empty or go up, and none may hold what would make it
    /// look like another: a slash, a control character, bytes that are not UTF-8.
    private static func segments(of path: Octets) throws(XCAPFault) -> [[UInt8]] {
        var segments: [[UInt8]] = []
        for part in path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            guard let decoded = PercentEncoding.decoded(part) else { throw XCAPFault(status: 400) }
            guard !decoded.isEmpty, decoded != [0x2E], decoded != [0x2E, 0x2E],
                decoded.allSatisfy({ $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "/") }),
                String(validating: decoded, as: UTF8.self) != nil
            else { throw XCAPFault(status: 404) }
            segments.append(decoded)
        }
        return segments
    }

    private static func document(_ segments: [[UInt8]]) throws(XCAPFault) -> XCAPSelector {
        guard segments.count >= 3 else { throw XCAPFault(status: 404) }
        let auid = segments[0]
        if segments[1].elementsEqual("global".utf8) {
            return XCAPSelector(auid: auid, tree: .global, path: Self.joined(segments[2...]))
        }
        guard segments[1].elementsEqual("users".utf8), segments.count >= 4 else { throw XCAPFault(status: 404) }
        return XCAPSelector(auid: auid, tree: .user(segments[2]), path: Self.joined(segments[3...]))
    }

    private static func joined(_ segments: ArraySlice<[UInt8]>) -> [UInt8] {
        Array(segments.joined(separator: [UInt8(ascii: "/")]))
    }
}
