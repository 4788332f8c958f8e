package import Ground
package import XMLTree

/// An application usage (RFC 4825 §5): what documents of one kind are and which rules they keep. A new one is a new
/// value in an ``ApplicationUsageRegistry``; the members are the points that RFC 4825 §5.9 asks every usage to settle.
package struct ApplicationUsage: Sendable {
    /// A rule that a document keeps beyond its schema: what breaks it, or nil. It is asked after the schema found nothing
    /// wrong.
    package typealias Constraint = @Sendable (XMLDocument, UsageContext) -> XCAPFault?

    /// Which trees the usage has documents in.
    package enum Scope: Sendable { case users, global, both }

    /// The qualified name of the root element.
    package struct Root: Sendable {
        package let name: [UInt8]
        package let namespace: [UInt8]

        package init(_ name: String, namespace: String) {
            self.name = Array(name.utf8)
            self.namespace = Array(namespace.utf8)
        }
    }

    /// The application unique id (RFC 4825 §5.1).
    package let auid: [UInt8]
    /// What an element name without a prefix in a node selector belongs to (RFC 4825 §5.2).
    package let defaultNamespace: [UInt8]
    /// The media type of the documents.
    package let mediaType: [UInt8]
    /// The element that every document begins with; nil where any will do.
    package let root: Root?
    /// The schema (RFC 4825 §5.3); nil where a constraint judges the whole document.
    package let schema: XMLSchema?
    /// The names that documents are read with, for constraints that need a certain vocabulary.
    package let vocabulary: XMLVocabulary
    /// Further rules in the order in which they are asked; those of uniqueness come first (RFC 4825 §8.2.5).
    package let constraints: [Constraint]
    package let scope: Scope
    /// Whether clients may change a document; some are made by the server.
    package let isWritable: @Sendable (XCAPSelector) -> Bool
    /// Which documents may be made (RFC 4825 §5.5): whether a path below the tree is one the usage allows.
    package let permitsDocument: @Sendable (XCAPSelector) -> Bool
    /// The folders below the directory of a user; any other does not exist, since nothing makes folders.
    package let folders: Set<[UInt8]>
    /// The namespaces that documents of the usage are known to use, for xcap-caps (RFC 4825 §12).
    package let namespaces: [String]

    package init(
        auid: String, defaultNamespace: String, mediaType: String, root: Root?, schema: XMLSchema?,
        vocabulary: XMLVocabulary = .empty, constraints: [Constraint] = [], scope: Scope = .users,
        isWritable: @escaping @Sendable (XCAPSelector) -> Bool = { _ in true },
        permitsDocument: @escaping @Sendable (XCAPSelector) -> Bool = { _ in true }, folders: Set<String> = [],
        namespaces: [String] = []
    ) {
        self.auid = Array(auid.utf8)
        self.defaultNamespace = Array(defaultNamespace.utf8)
        self.mediaType = Array(mediaType.utf8)
        self.root = root
        self.schema = schema
        self.vocabulary = vocabulary
        self.constraints = constraints
        self.scope = scope
        self.isWritable = isWritable
        self.permitsDocument = permitsDocument
        self.folders = Set(folders.map { Array($0.utf8) })
        self.namespaces = namespaces
    }

    /// Whether the usage has documents in a tree.
    package func hasTree(_ tree: XCAPSelector.Tree) -> Bool {
        switch (self.scope, tree) {
        case (.both, _), (.users, .user), (.global, .global): return true
        case (.users, .global), (.global, .user): return false
        }
    }

    /// Checks a document against schema and constraints, in the order of RFC 4825 §8.2.5.
    /// - Parameters:
    ///   - tree: the document, read with ``vocabulary``.
    ///   - bytes: its text.
    /// - Throws: schema-validation-error, uniqueness-failure or constraint-failure.
    package func validate(_ tree: XMLDocument, text bytes: Octets, context: UsageContext) throws(XCAPFault) {
        if let root = self.root {
            let node = tree[tree.root]
            guard tree.name(node.name).elementsEqual(root.name),
                tree.namespace(node.namespace).elementsEqual(root.namespace)
            else {
                throw XCAPFault(
                    .schemaValidationError, "the root element is not \(String(decoding: root.name, as: UTF8.self))")
            }
        }
        if let violation = self.schema?.violation(in: bytes) { throw XCAPFault(.schemaValidationError, violation) }
        for constraint in self.constraints {
            if let fault = constraint(tree, context) { throw fault }
        }
    }
}

/// What the constraints of a usage may ask about the world around a document.
package struct UsageContext: Sendable {
    /// What the request names.
    package let selector: XCAPSelector
    /// The XCAP root as clients write it, without a slash at its end: `http://host:port/xcap`.
    package let rootURI: [UInt8]
    /// The identities of the owner of the tree, canonical.
    package let ownerIdentities: [[UInt8]]
    /// Whether a URI, in its canonical form, already names a service or another resource outside this document.
    package let isServiceURITaken: @Sendable ([UInt8]) -> Bool

    package init(
        selector: XCAPSelector, rootURI: [UInt8], ownerIdentities: [[UInt8]] = [],
        isServiceURITaken: @escaping @Sendable ([UInt8]) -> Bool = { _ in false }
    ) {
        self.selector = selector
        self.rootURI = rootURI
        self.ownerIdentities = ownerIdentities
        self.isServiceURITaken = isServiceURITaken
    }
}
