/// The bounds of what is read as one XML document.
package struct XMLLimits: Sendable, Hashable {
    /// The size of the text in bytes.
    package var bytes: Int
    /// How deep elements may stand in each other.
    package var depth: Int
    /// How many nodes (elements, attributes, namespace declarations, texts, comments) a document may have.
    package var nodes: Int
    /// How many attributes and namespace declarations an element may have.
    package var attributes: Int
    /// How many different names and namespaces a document may use beyond those that Muster knows.
    package var names: Int
    /// The size of one name in bytes.
    package var nameBytes: Int

    package init(
        bytes: Int = 256 * 1024, depth: Int = 64, nodes: Int = 32768, attributes: Int = 128, names: Int = 4096,
        nameBytes: Int = 256
    ) {
        self.bytes = bytes
        self.depth = depth
        self.nodes = nodes
        self.attributes = attributes
        self.names = names
        self.nameBytes = nameBytes
    }

    /// What suits bodies of SIP requests and XCAP documents.
    package static let standard = XMLLimits()
}

/// The bounds of selectors and patches.
package enum XPathLimits {
    /// The size of one expression in bytes.
    package static let bytes = 2048
    /// How many steps and predicates one expression may have.
    package static let terms = 64
    /// How deep brackets may stand in each other.
    package static let depth = 8
    /// How many node visits one evaluation may cost.
    package static let visits = 200_000
    /// How many operations one patch may have (RFC 5261).
    package static let patchOperations = 512
}
