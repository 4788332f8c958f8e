internal import EventNotification
internal import Ground
internal import PresenceDocuments
internal import XMLTree

/// Which list service stands in which document: for the uniqueness of service URIs, and for the index of all services
/// (RFC 4826 §4.4.5, §4.4.8).
///
/// Only the URIs are kept here; the elements are taken from the documents where somebody asks for them.
struct ServiceIndex: Sendable {
    private let limits: XMLLimits
    /// From the canonical URI of a service to the selector of its document.
    private var holders: [[UInt8]: [UInt8]] = [:]
    /// The services of each document, canonical, in document order; those that the index of all shows are marked.
    private var services: [[UInt8]: (uris: [[UInt8]], isListed: Bool, tag: UInt64)] = [:]
    /// The number of services that the index of all shows.
    private(set) var count = 0
    /// Folds the selectors and entity tags of all documents that are shown; their order does not matter, so that it
    /// is kept up to date in constant time and is the same after a restart.
    private var fold: UInt64 = 0

    /// - Parameter limits: what a document may be made of.
    init(limits: XMLLimits) { self.limits = limits }

    /// The entity tag of the index of all: another one whenever one of its documents changes.
    var entityTag: [UInt8] {
        var tag: [UInt8] = []
        tag.append(hex: self.fold)
        return tag
    }

    /// The selectors of the documents that the index of all shows, in the order of their bytes.
    var listedDocuments: [[UInt8]] {
        self.services.filter { $0.value.isListed }.keys.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// Takes in what a document holds now.
    /// - Parameter isListed: whether it is named `index`, so that the index of all shows it.
    mutating func put(_ record: DocumentRecord, isListed: Bool) {
        self.remove(record.selector)
        guard let document = try? ListServices.parse(record.body[...], limits: self.limits) else { return }
        let uris = document.services.map(\.canonicalURI)
        var text = record.selector
        text.append(0)
        text += record.entityTag
        let tag = ContentTag(of: text).raw
        self.services[record.selector] = (uris, isListed, tag)
        for uri in uris where self.holders[uri] == nil { self.holders[uri] = record.selector }
        if isListed {
            self.count += uris.count
            self.fold &+= tag
        }
    }

    /// Forgets a document.
    mutating func remove(_ selector: [UInt8]) {
        guard let old = self.services.removeValue(forKey: selector) else { return }
        for uri in old.uris where self.holders[uri] == selector { self.holders[uri] = nil }
        if old.isListed {
            self.count -= old.uris.count
            self.fold &-= old.tag
        }
    }

    /// The document that holds a service.
    /// - Parameter uri: in any spelling.
    func holder(of uri: [UInt8]) -> [UInt8]? { self.holders[ServiceURI.canonical(uri[...])] }

    /// Whether the index of all shows a document.
    func isListed(_ selector: [UInt8]) -> Bool { self.services[selector]?.isListed ?? false }

    /// Appends the `service` elements of a document, each for itself readable, with canonical URIs.
    /// - Parameter wanted: the canonical URI of the only one that is wanted; nil for all.
    func append(_ body: [UInt8], only wanted: [UInt8]?, to output: inout [UInt8]) {
        guard var tree = try? XMLDocument.parse(body[...], limits: self.limits), let document = try? ListServices(tree)
        else { return }
        let name = tree.nameNumber(Array("uri".utf8)[...])
        for service in document.services {
            let uri = service.canonicalURI
            if let wanted, wanted != uri { continue }
            if let name, uri != service.uri {
                tree.setValue(uri, of: tree.attribute(name, of: service.element))
            }
            var writer = XMLWriter(tree, form: .faithful)
            writer.write(service.element, into: &output)
            output.append(0x0A)
        }
    }
}
