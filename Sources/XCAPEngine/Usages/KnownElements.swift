internal import Ground
internal import XMLTree

/// The elements of a namespace whose schema is known. A schema lets foreign elements stand where it does not name them,
/// but what claims to be of a known namespace and is not in it cannot be valid (RFC 4825 §5.3).
struct KnownElements: Sendable {
    private let namespace: [UInt8]
    private let names: Set<[UInt8]>

    init(_ namespace: String, _ names: [String]) {
        self.namespace = Array(namespace.utf8)
        self.names = Set(names.map { Array($0.utf8) })
    }

    /// A constraint of application usages.
    /// - Returns: schema-validation-error.
    @Sendable
    func check(_ tree: XMLDocument, _ context: UsageContext) -> XCAPFault? {
        guard let namespace = tree.namespaceNumber(self.namespace[...]) else { return nil }
        // Each name is looked up once, however many elements have it.
        var judged: Set<UInt16> = []
        var cursor = tree.root
        while cursor >= 0 {
            let node = tree[cursor]
            if node.kind == .element, node.namespace == namespace, judged.insert(node.name).inserted {
                let name = Array(tree.name(node.name))
                guard self.names.contains(name) else {
                    let text = String(decoding: name.prefix(64).filter { $0 < 0x80 }, as: UTF8.self)
                    return XCAPFault(.schemaValidationError, "there is no element \(text) in its namespace")
                }
            }
            cursor = tree.following(cursor, within: tree.root)
        }
        return nil
    }
}
