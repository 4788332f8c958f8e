internal import EventNotification
internal import Ground
internal import PresenceDocuments
internal import XCAPEngine
internal import XMLTree

/// The documents that nobody writes: what this server can (RFC 4825 §12), what a user has (OMA XDM), and all list
/// services (RFC 4826 §4.4.8).
extension XDMServer {
    /// A document that is made when it is asked for.
    enum GeneratedDocument: Sendable {
        case capabilities
        case directory(owner: [UInt8])
        case serviceIndex
    }

    /// What kind of generated document a selector names.
    func generated(_ selector: XCAPSelector) -> GeneratedDocument? {
        switch selector.tree {
        case .global:
            guard selector.path[...].equals("index") else { return nil }
            if selector.auid[...].equals("xcap-caps") { return .capabilities }
            return selector.auid[...].equals("rls-services") ? .serviceIndex : nil
        case .user(let owner):
            guard selector.auid == Self.directoryUsage, selector.path[...].equals("directory.xml") else { return nil }
            return .directory(owner: owner)
        }
    }

    static let directoryUsage = Array("org.openmobilealliance.xcap-directory".utf8)

    func isGenerated(_ selector: XCAPSelector) -> Bool { self.generated(selector) != nil }

    /// Reads a generated document, or a part of it. Everything else is 405.
    mutating func performGenerated(
        _ request: XCAPRequest, _ kind: GeneratedDocument, into effects: inout [Effect]
    ) throws(UtRefusal) -> XCAPReply {
        guard request.method == .get else { return XCAPReply(status: 405, allow: [.get, .head]) }
        let document: XCAPDocument
        switch kind {
        case .capabilities: document = self.capabilities
        case .directory(let owner): document = self.directory(of: owner)
        case .serviceIndex:
            let wanted = Self.wantedService(request.selector)
            guard let index = self.serviceIndex(only: wanted) else {
                self.observe(.serviceIndexLimit, into: &effects)
                throw UtRefusal(507)
            }
            document = index
        }
        return self.generator.perform(
            request, on: document, context: self.context(request.selector, owner: []), newEntityTag: []
        ).reply
    }

    // MARK: xcap-caps

    /// RFC 4825 §12: the application usages, no extensions, the namespaces whose schemas are known.
    private var capabilities: XCAPDocument {
        var body = Self.declaration
        body.append(literal: "<xcap-caps xmlns=\"urn:ietf:params:xml:ns:xcap-caps\">\n<auids>\n")
        for usage in self.registry.all { Self.append("auid", usage.auid, to: &body) }
        body.append(literal: "</auids>\n<extensions/>\n<namespaces>\n")
        let namespaces = self.registry.all.flatMap(\.namespaces)
        for namespace in Set(namespaces).sorted() { Self.append("namespace", Array(namespace.utf8), to: &body) }
        body.append(literal: "</namespaces>\n</xcap-caps>\n")
        return XCAPDocument(bytes: body, entityTag: Self.contentTag(body))
    }

    // MARK: xcap-directory

    /// OMA XDM: a folder for each application usage in which users have documents, with an entry for each document.
    private func directory(of owner: [UInt8]) -> XCAPDocument {
        let records = self.documents.documents(of: owner)
        var body = Self.declaration
        body.append(literal: "<xcap-directory xmlns=\"urn:oma:xml:xdm:xcap-directory\">\n")
        for usage in self.registry.all where Self.hasHomes(usage, owner) {
            body.append(literal: "<folder auid=\"")
            XMLWriter.escape(usage.auid[...], inAttribute: true, into: &body)
            body.append(literal: "\">\n")
            for record in records where record.auid == usage.auid {
                body.append(literal: "<entry uri=\"")
                XMLWriter.escape(self.uri(of: record.selector)[...], inAttribute: true, into: &body)
                body.append(literal: "\" etag=\"")
                XMLWriter.escape(record.entityTag[...], inAttribute: true, into: &body)
                body.append(literal: "\" last-modified=\"")
                body += CalendarText.xml(record.modified)
                body.append(literal: "\" size=\"")
                body.append(decimal: UInt64(record.body.count))
                body.append(literal: "\"/>\n")
            }
            body.append(literal: "</folder>\n")
        }
        body.append(literal: "</xcap-directory>\n")
        return XCAPDocument(bytes: body, entityTag: Self.contentTag(body))
    }

    /// Whether users can have documents of their own in an application usage.
    private static func hasHomes(_ usage: ApplicationUsage, _ owner: [UInt8]) -> Bool {
        let sample = XCAPSelector(auid: usage.auid, tree: .user(owner), path: Array("index".utf8))
        return usage.hasTree(sample.tree) && usage.isWritable(sample)
    }

    /// The HTTP URI of a document.
    private func uri(of selector: [UInt8]) -> [UInt8] {
        var uri = self.configuration.rootURI
        uri.append(UInt8(ascii: "/"))
        PercentEncoding.appendEncoded(selector[...], to: &uri)
        return uri
    }

    // MARK: rls-services

    /// The index of all services, or as much of it as a selector can mean. Nil where the whole would be too large.
    private func serviceIndex(only wanted: [UInt8]?) -> XCAPDocument? {
        var body = Self.declaration
        body.append(literal: "<rls-services xmlns=\"urn:ietf:params:xml:ns:rls-services\">\n")
        if let wanted {
            if let holder = self.services.holder(of: wanted), self.services.isListed(holder),
                let record = self.documents[holder]
            {
                self.services.append(record.body, only: wanted, to: &body)
            }
        } else {
            for selector in self.services.listedDocuments {
                guard let record = self.documents[selector] else { continue }
                self.services.append(record.body, only: nil, to: &body)
                guard body.count <= self.configuration.limits.serviceIndexBytes else { return nil }
            }
        }
        body.append(literal: "</rls-services>\n")
        return XCAPDocument(bytes: body, entityTag: self.services.entityTag)
    }

    /// The canonical URI of the only service that a selector can mean: `rls-services/service[@uri="…"]`, as resource
    /// list servers ask. Nil for every other selector.
    private static func wantedService(_ selector: XCAPSelector) -> [UInt8]? {
        guard let steps = selector.node?.steps, steps.count >= 2, steps[0].position ?? 1 == 1,
            steps[0].attribute == nil, steps[1].position == nil, let test = steps[1].attribute,
            test.name.prefix.isEmpty, test.name.local[...].equals("uri"),
            let name = steps[1].name, name.local[...].equals("service")
        else { return nil }
        return ServiceURI.canonical(test.value[...])
    }

    // MARK: Writing

    private static let declaration = Array("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".utf8)

    private static func append(_ element: StaticString, _ text: [UInt8], to body: inout [UInt8]) {
        body.append(UInt8(ascii: "<"))
        body.append(literal: element)
        body.append(UInt8(ascii: ">"))
        XMLWriter.escape(text[...], inAttribute: false, into: &body)
        body.append(literal: "</")
        body.append(literal: element)
        body.append(literal: ">\n")
    }

    /// The same content has the same tag, also after a restart.
    private static func contentTag(_ body: [UInt8]) -> [UInt8] {
        var tag: [UInt8] = []
        ContentTag(of: body).append(to: &tag)
        return tag
    }
}
