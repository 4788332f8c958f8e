internal import Ground
internal import XMLTree

/// The rules of lists beyond their schema (RFC 4826 §3.4.5), also of those inside list services.
enum ListConstraints {
    static let namespace = "urn:ietf:params:xml:ns:resource-lists"
    static let elements = ["resource-lists", "list", "entry", "entry-ref", "external", "display-name"]

    /// What must be unique among the elements of one name under one parent, compared byte for byte.
    private static let unique = [("list", "name"), ("entry", "uri"), ("entry-ref", "ref"), ("external", "anchor")]

    /// A value of an attribute, hashed as one run of bytes.
    private struct Value: Hashable {
        let bytes: Octets

        static func == (left: Value, right: Value) -> Bool { left.bytes == right.bytes }

        func hash(into hasher: inout Hasher) { self.bytes.withUnsafeBytes { hasher.combine(bytes: $0) } }
    }

    /// - Returns: uniqueness-failure.
    @Sendable
    static func checkUniqueness(_ tree: XMLDocument, _ context: UsageContext) -> XCAPFault? {
        guard let namespace = tree.namespaceNumber(Array(Self.namespace.utf8)[...]) else { return nil }
        var report = UniquenessReport()
        for (element, attribute) in Self.unique {
            guard let name = tree.nameNumber(Array(element.utf8)[...]),
                let key = tree.nameNumber(Array(attribute.utf8)[...])
            else { continue }
            // By the list that the elements stand in.
            var seen: [XMLDocument.NodeID: Set<Value>] = [:]
            var cursor = tree.root
            while cursor >= 0 {
                let node = tree[cursor]
                if node.kind == .element, node.name == name, node.namespace == namespace {
                    let value = tree.attribute(key, of: cursor)
                    if value >= 0,
                        !seen[node.parent, default: []].insert(Value(bytes: tree.value(value))).inserted
                    {
                        let taken = seen[node.parent, default: []]
                        report.add(
                            attribute: attribute, of: cursor, in: tree,
                            defaultNamespace: Self.defaultNamespace(of: context),
                            alternatives: element == "list"
                                ? Self.alternatives(to: Array(tree.value(value))) {
                                    taken.contains(Value(bytes: $0[...]))
                                }
                                : [])
                    }
                }
                cursor = tree.following(cursor, within: tree.root)
            }
        }
        return report.fault
    }

    private static func defaultNamespace(of context: UsageContext) -> String {
        context.selector.auid.elementsEqual("rls-services".utf8) ? ServiceConstraints.namespace : Self.namespace
    }

    /// Names like one that is taken, which are free.
    static func alternatives(to name: [UInt8], isTaken: ([UInt8]) -> Bool) -> [[UInt8]] {
        var found: [[UInt8]] = []
        var number: UInt64 = 1
        while found.count < ReportLimits.alternatives, number <= UInt64(ReportLimits.candidates) {
            var candidate = name
            candidate.append(UInt8(ascii: "-"))
            candidate.append(decimal: number)
            if !isTaken(candidate) { found.append(candidate) }
            number += 1
        }
        return found
    }

    /// `ref` is relative to the XCAP root, `anchor` is an absolute HTTP URI.
    /// - Returns: constraint-failure.
    @Sendable
    static func checkReferences(_ tree: XMLDocument, _ context: UsageContext) -> XCAPFault? {
        guard let namespace = tree.namespaceNumber(Array(Self.namespace.utf8)[...]) else { return nil }
        let reference = tree.nameNumber(Array("entry-ref".utf8)[...])
        let external = tree.nameNumber(Array("external".utf8)[...])
        guard reference != nil || external != nil else { return nil }
        var cursor = tree.root
        while cursor >= 0 {
            let node = tree[cursor]
            if node.kind == .element, node.namespace == namespace {
                let element = XMLElement(document: tree, id: cursor)
                if node.name == reference, let path = element.attribute("ref"), !Self.isRelativePath(path) {
                    return XCAPFault(.constraintFailure, "the ref of an entry-ref is not a relative path")
                }
                if node.name == external, let anchor = element.attribute("anchor"), !Self.isHTTP(anchor) {
                    return XCAPFault(.constraintFailure, "the anchor of an external is not an absolute HTTP URI")
                }
            }
            cursor = tree.following(cursor, within: tree.root)
        }
        return nil
    }

    /// Whether a URI has neither a scheme nor an absolute path (RFC 3986 §4.2).
    private static func isRelativePath(_ uri: Octets) -> Bool {
        guard let first = uri.first, first != UInt8(ascii: "/"), first != UInt8(ascii: "?"), first != UInt8(ascii: "#")
        else { return false }
        let segment = uri.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        return !segment.contains(UInt8(ascii: ":"))
    }

    /// Whether a URI is absolute and HTTP's.
    static func isHTTP(_ uri: Octets) -> Bool {
        for scheme: StaticString in ["http://", "https://"]
        where uri.count > scheme.utf8CodeUnitCount
            && uri.prefix(scheme.utf8CodeUnitCount).equalsIgnoringCase(scheme)
        {
            return true
        }
        return false
    }
}
