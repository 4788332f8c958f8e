internal import Ground
internal import PresenceDocuments
internal import XMLTree

/// The rules of list services beyond their schema (RFC 4826 §4.4.5).
enum ServiceConstraints {
    static let namespace = "urn:ietf:params:xml:ns:rls-services"
    static let elements = ["rls-services", "service", "resource-list", "list", "packages", "package"]

    /// A service URI is unique in the whole server, also against other resources, in its canonical form.
    /// - Returns: uniqueness-failure, with URIs that are free.
    @Sendable
    static func checkUniqueness(_ tree: XMLDocument, _ context: UsageContext) -> XCAPFault? {
        guard let root = tree.rootElement else { return nil }
        var report = UniquenessReport()
        var seen: Set<[UInt8]> = []
        for service in root.children("service", namespace: Self.namespace) {
            guard let uri = service.attribute("uri") else { continue }
            let canonical = ServiceURI.canonical(uri)
            guard !seen.insert(canonical).inserted || context.isServiceURITaken(canonical) else { continue }
            report.add(
                attribute: "uri", of: service.id, in: tree, defaultNamespace: Self.namespace,
                alternatives: Self.alternatives(to: Array(uri)) { candidate in
                    let canonical = ServiceURI.canonical(candidate[...])
                    return seen.contains(canonical) || context.isServiceURITaken(canonical)
                })
        }
        return report.fault
    }

    /// URIs like one that is taken, which are free: the user part with a number.
    private static func alternatives(to uri: [UInt8], isTaken: ([UInt8]) -> Bool) -> [[UInt8]] {
        guard let at = uri.firstIndex(of: UInt8(ascii: "@")) else {
            return ListConstraints.alternatives(to: uri, isTaken: isTaken)
        }
        let rest = uri[at...]
        return ListConstraints.alternatives(to: Array(uri[..<at])) { isTaken($0 + rest) }.map { $0 + rest }
    }

    /// A resource list is named by an absolute URI under this root, in the resource-lists of the same user.
    /// - Returns: constraint-failure.
    @Sendable
    static func checkReferences(_ tree: XMLDocument, _ context: UsageContext) -> XCAPFault? {
        guard let root = tree.rootElement else { return nil }
        for service in root.children("service", namespace: Self.namespace) {
            guard let list = service.child("resource-list", namespace: Self.namespace) else { continue }
            let uri = Array(list.text.drop { $0 <= 0x20 }.reversed().drop { $0 <= 0x20 }.reversed())
            guard ListConstraints.isHTTP(uri[...]) else {
                return XCAPFault(.constraintFailure, "a resource-list is not an absolute HTTP URI")
            }
            guard let target = Self.target(of: uri, under: context.rootURI) else {
                return XCAPFault(.constraintFailure, "a resource-list is not under the XCAP root of this server")
            }
            guard target.auid.elementsEqual("resource-lists".utf8) else {
                return XCAPFault(.constraintFailure, "a resource-list is not in the application usage resource-lists")
            }
            guard case .user(let owner) = target.tree, Self.isOwner(owner, context) else {
                return XCAPFault(.constraintFailure, "a resource-list is not in the directory of the same user")
            }
        }
        return nil
    }

    private static func target(of uri: [UInt8], under root: [UInt8]) -> XCAPSelector? {
        guard uri.count > root.count + 1, uri[..<root.count].equalsIgnoringCase(root[...]),
            uri[root.count] == UInt8(ascii: "/")
        else { return nil }
        return try? XCAPSelector.parse(uri[(root.count + 1)...])
    }

    private static func isOwner(_ identifier: [UInt8], _ context: UsageContext) -> Bool {
        guard case .user(let own) = context.selector.tree else { return false }
        if identifier == own { return true }
        let canonical = EntityURI.canonical(identifier[...])
        return canonical == EntityURI.canonical(own[...]) || context.ownerIdentities.contains(canonical)
    }
}
