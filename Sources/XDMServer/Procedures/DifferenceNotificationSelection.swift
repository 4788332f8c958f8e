internal import EventNotification
internal import Ground
internal import PresenceDocuments
internal import XCAPEngine
internal import XMLTree

/// Which resources a SUBSCRIBE names (RFC 5875 §4.4).
extension XDMServer {
    /// The URIs of a list: those of the entries right in the lists of the document. Everything else in it is passed over.
    func watchedURIs(in body: Octets) throws(RequestRefusal) -> [[UInt8]] {
        let tree: XMLDocument
        do { tree = try XMLDocument.parse(body, limits: self.configuration.engineLimits.xml) } catch {
            throw RequestRefusal(400, "Bad resource-lists")
        }
        guard let root = tree.rootElement, root.name.equals("resource-lists"),
            root.namespace.elementsEqual(ResourceLists.namespace.utf8)
        else { throw RequestRefusal(400, "Bad resource-lists") }
        var uris: [[UInt8]] = []
        var seen: Set<[UInt8]> = []
        for list in root.children("list", namespace: ResourceLists.namespace) {
            for entry in list.children("entry", namespace: ResourceLists.namespace) {
                guard let uri = entry.attribute("uri"), !uri.isEmpty else { continue }
                guard uri.count <= self.configuration.engineLimits.targetBytes else { throw RequestRefusal(413) }
                if seen.insert(Array(uri)).inserted { uris.append(Array(uri)) }
                guard uris.count <= self.configuration.limits.watchedResources else { throw RequestRefusal(413) }
            }
        }
        return uris
    }

    /// What a URI means. What is no resource of this server is watched all the same, and nothing ever comes of it: a
    /// subscriber does not learn what there could be (RFC 5875 §4.4, §7).
    func resource(_ uri: [UInt8], for identities: [[UInt8]]) -> WatchedResource {
        let kind = self.kind(of: uri, for: identities)
        if let owner = Self.owner(of: kind), !owner.isEmpty, let scope = self.scope(of: identities),
            !scope.contains(owner)
        {
            // Documents of somebody else: they are not even looked at when they change.
            return WatchedResource(uri: uri, kind: .nothing)
        }
        return WatchedResource(uri: uri, kind: kind)
    }

    /// Whose documents somebody may read (RFC 4825 §5.7); nil for everybody's.
    func scope(of identities: [[UInt8]]) -> [[UInt8]]? {
        if identities.contains(where: { self.configuration.trustedReaders.contains($0) }) { return nil }
        return identities.compactMap { self.home(of: $0) }
    }

    /// Whose documents alone a resource can be; empty for those that belong to nobody, nil if several users' can.
    private static func owner(of kind: WatchedResource.Kind) -> [UInt8]? {
        switch kind {
        case .document(let key), .component(let key, _): Self.owner(of: key)
        case .collection(let folder): Self.owner(of: folder)
        case .home(let owner): owner
        case .nothing: nil
        }
    }

    private func kind(of uri: [UInt8], for identities: [[UInt8]]) -> WatchedResource.Kind {
        guard !uri.isEmpty else {
            return identities.first.flatMap { self.home(of: $0) }.map { .home($0) } ?? .nothing
        }
        guard let target = self.relative(uri) else { return .nothing }
        if target.last == UInt8(ascii: "/") { return self.collection(target) }
        guard let selector = self.selector(target) else { return .nothing }
        guard let node = selector.node else { return .document(selector.documentSelector) }
        // RFC 5875 §4.4: the bindings of namespaces are no resource that is watched.
        return node.terminal == .namespaces ? .nothing : .component(key: selector.documentSelector, selector)
    }

    /// What follows the XCAP root; nil for a URI elsewhere.
    private func relative(_ uri: [UInt8]) -> Octets? {
        let root = self.configuration.rootURI
        if uri.starts(with: root) {
            let rest = uri[root.count...]
            guard rest.first == UInt8(ascii: "/") else { return nil }
            return rest.dropFirst()
        }
        guard uri.first != UInt8(ascii: "/") else { return nil }
        return uri[...]
    }

    /// A target as a selector with the canonical owner; nil where it names nothing that can be here.
    private func selector(_ target: Octets) -> XCAPSelector? {
        guard let selector = try? XCAPSelector.parse(target, limits: self.configuration.engineLimits),
            let usage = self.registry[auid: selector.auid], usage.hasTree(selector.tree)
        else { return nil }
        guard case .user(let name) = selector.tree else { return selector }
        guard let home = self.home(of: name) else { return nil }
        return XCAPSelector(auid: selector.auid, tree: .user(home), path: selector.path, node: selector.node)
    }

    /// A folder: of an application usage, of all its users, of one of them, or below.
    private func collection(_ target: Octets) -> WatchedResource.Kind {
        let parts = target.dropLast().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard let first = parts.first, let auid = PercentEncoding.decoded(first),
            self.registry[auid: auid] != nil
        else { return .nothing }
        if parts.count == 1 { return .collection(auid + [UInt8(ascii: "/")]) }
        if parts.count == 2, parts[1].equals("users") {
            var folder = auid
            folder.append(literal: "/users/")
            return .collection(folder)
        }
        // A document that the folder could hold says which folder it is.
        guard let selector = self.selector(target + [UInt8(ascii: "x")]), selector.node == nil else { return .nothing }
        return .collection(Array(selector.documentSelector.dropLast()))
    }

    /// The documents of a resource that stands for several, in the order of their keys.
    /// - Parameters:
    ///   - scope: whose documents are looked at beside those of nobody; nil for everybody's.
    ///   - limit: where to stop looking; one more than that may be returned.
    func documents(in resource: WatchedResource, scope: [[UInt8]]?, limit: Int) -> [DocumentRecord] {
        let folder: [UInt8]
        switch resource.kind {
        case .document, .component, .nothing: return []
        case .home(let owner): return Array(self.documents.documents(of: owner).prefix(limit + 1))
        case .collection(let name): folder = name
        }
        var found: [DocumentRecord] = []
        func look(_ owner: [UInt8]) {
            for record in self.documents.documents(of: owner) where record.selector.starts(with: folder) {
                guard found.count <= limit else { return }
                found.append(record)
            }
        }
        if let owner = Self.owner(of: folder) {
            look(owner)
        } else if let scope {
            for owner in Set(scope + [[]]) { look(owner) }
        } else {
            for owner in self.documents.owners where found.count <= limit { look(owner) }
        }
        return found.sorted { $0.selector.lexicographicallyPrecedes($1.selector) }
    }

    /// Whose documents alone a key or a folder belongs to: empty for those of nobody; nil if several users' do.
    static func owner(of key: [UInt8]) -> [UInt8]? {
        let parts = key.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count >= 3 else { return nil }
        if parts[1].equals("global") { return [] }
        guard parts.count >= 4, parts[1].equals("users") else { return nil }
        return Array(parts[2])
    }
}
