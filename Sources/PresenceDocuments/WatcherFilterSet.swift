package import Ground
internal import XMLTree

/// The filters of one subscription (RFC 4660, RFC 4661).
///
/// One filter applies to the resource: the one with its URI, else the one with its domain, else the one without
/// either. A disabled filter behaves as if it were not there.
package struct WatcherFilterSet: Sendable {
    /// The canonical identity of the resource that is subscribed to.
    package let resource: [UInt8]
    private let eventPackage: [UInt8]
    private var filters: [WatcherFilter]

    /// Reads the body of a SUBSCRIBE (`application/simple-filter+xml`).
    /// - Parameters:
    ///   - package: the event package of the subscription, e.g. `presence`.
    ///   - resource: the canonical identity of the resource the subscription is to.
    /// - Throws: a fault with the status 488 (RFC 4660 §5), or 413 for a body over the limit.
    package static func parse(
        _ body: Octets, package eventPackage: Octets, resource: Octets
    ) throws(DocumentFault) -> WatcherFilterSet {
        guard body.count <= FilterLimits.bytes else {
            throw DocumentFault(kind: .overLimit, status: 413, reason: "Filter too large")
        }
        let tree: XMLDocument
        do {
            tree = try XMLDocument.parse(body, vocabulary: PresenceNames.vocabulary)
        } catch {
            throw DocumentFault(error, status: 488)
        }
        var reader = Reader(tree)
        let filters = try reader.filters(package: eventPackage)
        let set = WatcherFilterSet(
            resource: EntityURI.canonical(resource), eventPackage: Array(eventPackage), filters: filters)
        try set.checkStorable()
        return set
    }

    /// A set is stored as XML and must come back as it is; names in `ns-binding` that are no URIs would not.
    private func checkStorable() throws(DocumentFault) {
        guard let tree = try? XMLDocument.parse(self.serialised()[...], vocabulary: PresenceNames.vocabulary) else {
            throw .filter("a namespace is not a URI")
        }
        var reader = Reader(tree)
        let again = try reader.filters(package: self.eventPackage[...])
        guard self == WatcherFilterSet(resource: self.resource, eventPackage: self.eventPackage, filters: again) else {
            throw .filter("a namespace is not a URI")
        }
    }

    /// Whether no filter is left, not even a disabled one.
    package var isEmpty: Bool { self.filters.allSatisfy(\.isRemoved) }

    /// Takes the filters of a refresh in (RFC 4660 §4): the same id replaces, `remove` deletes, new ones are added.
    /// - Throws: 488 where a refresh gives a resource a filter under another id; nothing is changed then.
    package mutating func merge(_ refresh: WatcherFilterSet) throws(DocumentFault) {
        var merged = self.filters.filter { !$0.isRemoved }
        for filter in refresh.filters {
            if filter.isRemoved {
                merged.removeAll { $0.id == filter.id }
            } else if let index = merged.firstIndex(where: { $0.id == filter.id }) {
                merged[index] = filter
            } else {
                merged.append(filter)
            }
        }
        guard Set(merged.map(\.scope)).count == merged.count else {
            throw .filter("the filter of a resource has changed its id")
        }
        guard merged.count <= FilterLimits.filters else { throw .filter("too many filters") }
        self.filters = merged
    }

    /// The filter that applies to the resource.
    private var effective: WatcherFilter? {
        let live = self.filters.filter { $0.isEnabled && !$0.isRemoved }
        if let own = live.first(where: { $0.scope == .resource(self.resource) }) { return own }
        if let at = self.resource.lastIndex(of: UInt8(ascii: "@")) {
            let domain = Array(self.resource[(at + 1)...])
            if let own = live.first(where: { $0.scope == .domain(domain) }) { return own }
        }
        return live.first { $0.scope == .any }
    }

    /// The filters as XML, which ``parse(_:package:resource:)`` reads back as an equal value.
    package func serialised() -> [UInt8] {
        var output: [UInt8] = []
        output.append(literal: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
        output.append(literal: "<filter-set xmlns=\"urn:ietf:params:xml:ns:simple-filter\" package=\"")
        XMLWriter.escape(self.eventPackage[...], inAttribute: true, into: &output)
        output.append(literal: "\">")
        for filter in self.filters { output.append(contentsOf: filter.xml) }
        output.append(literal: "</filter-set>")
        return output
    }
}

extension WatcherFilterSet: Equatable {
    /// Whether two sets filter alike.
    package static func == (left: WatcherFilterSet, right: WatcherFilterSet) -> Bool {
        guard left.resource == right.resource, left.eventPackage == right.eventPackage,
            left.filters.count == right.filters.count
        else { return false }
        return zip(left.filters, right.filters).allSatisfy { one, other in
            one.id == other.id && one.scope == other.scope && one.isRemoved == other.isRemoved
                && one.isEnabled == other.isEnabled && one.includes == other.includes
                && one.excludes == other.excludes && one.triggers == other.triggers
        }
    }
}

// MARK: What a watcher sees, RFC 4660 §5.3

extension WatcherFilterSet {
    /// What of a document the watcher wants to see; nil if nothing of it is selected.
    ///
    /// What is selected comes with its ancestors and with what the schema makes mandatory; an exclusion that would
    /// break the schema is not made.
    package func apply(to document: PresenceDocument) -> PresenceDocument? {
        guard let filter = self.effective, !(filter.includes.isEmpty && filter.excludes.isEmpty) else {
            return document
        }
        let tree = document.tree
        var kept = Selected(tree)
        if filter.includes.isEmpty {
            kept.includeSubtree(tree.root)
        } else {
            for selection in filter.includes {
                for node in Self.nodes(selection, in: tree) { kept.include(node) }
            }
            guard kept.hasAny else { return nil }
        }
        for selection in filter.excludes {
            for node in Self.nodes(selection, in: tree) { kept.exclude(node) }
        }
        guard kept.hasAny else { return nil }
        return kept.document()
    }

    /// An expression that costs too much selects nothing (RFC 4660 §5.5: an erroneous filter is ignored).
    private static func nodes(
        _ selection: WatcherFilter.Selection, in tree: XMLDocument
    ) -> [XMLDocument.NodeID] {
        switch selection {
        case .expression(let expression, _): return (try? expression.select(in: tree)) ?? []
        case .namespace(let namespace):
            guard let number = tree.namespaceNumber(namespace[...]) else { return [] }
            var found: [XMLDocument.NodeID] = []
            var cursor = tree.root
            while cursor >= 0 {
                if tree[cursor].kind == .element, tree[cursor].namespace == number { found.append(cursor) }
                cursor = tree.following(cursor, within: tree.root)
            }
            return found
        }
    }
}

// MARK: Triggers, RFC 4660 §5.4

extension WatcherFilterSet {
    /// Whether the change from the document last seen to the current one is one the watcher wants to hear of.
    ///
    /// Both documents are unfiltered. Without a trigger every change counts.
    package func isTriggered(previous: PresenceDocument?, current: PresenceDocument) -> Bool {
        guard let filter = self.effective, !filter.triggers.isEmpty else {
            return previous != current
        }
        return filter.triggers.contains { conditions in
            conditions.allSatisfy { Self.holds($0, previous: previous, current: current) }
        }
    }

    private static func holds(
        _ condition: WatcherFilter.Condition, previous: PresenceDocument?, current: PresenceDocument
    ) -> Bool {
        let before = previous.map { Self.instances(condition.expression, in: $0.tree) } ?? [:]
        let after = Self.instances(condition.expression, in: current.tree)
        switch condition.kind {
        case .added: return after.keys.contains { before[$0] == nil }
        case .removed: return before.keys.contains { after[$0] == nil }
        case .changed(let from, let to, let by):
            return after.contains { path, value in
                guard let old = before[path] else {
                    // A value that appears has become what it is, but has not changed from anything.
                    return to.map { $0 == value } ?? false && from == nil && by == nil
                }
                guard old != value else { return false }
                if let from, from != old { return false }
                if let to, to != value { return false }
                if let by {
                    guard let one = XPathNumber.parse(old[...]), let other = XPathNumber.parse(value[...]) else {
                        return false
                    }
                    return Swift.abs(other - one) >= by
                }
                return true
            }
        }
    }

    /// The selected nodes under names that stay the same from one document to the next, with their values.
    private static func instances(_ expression: XPathExpression, in tree: XMLDocument) -> [[UInt8]: [UInt8]] {
        var found: [[UInt8]: [UInt8]] = [:]
        for node in (try? expression.select(in: tree)) ?? [] {
            found[Self.path(to: node, in: tree)] = Array(tree.stringValue(node).trimmingSpace)
        }
        return found
    }

    /// Names and ids from the root down; elements without id are counted among those of their name.
    private static func path(to node: XMLDocument.NodeID, in tree: XMLDocument) -> [UInt8] {
        var path: [UInt8] = []
        var cursor = node
        while cursor > 0 {
            let one = tree[cursor]
            path.append(one.kind == .attribute ? UInt8(ascii: "@") : UInt8(ascii: "/"))
            path.append(contentsOf: tree.namespace(one.namespace))
            path.append(UInt8(ascii: ":"))
            path.append(contentsOf: tree.name(one.name))
            if one.kind == .element {
                let id = tree.occurrenceID(cursor)
                if id.isEmpty {
                    var position: UInt64 = 0
                    var sibling = tree[one.parent].firstChild
                    while sibling >= 0, sibling != cursor {
                        if tree[sibling].name == one.name, tree[sibling].namespace == one.namespace { position += 1 }
                        sibling = tree[sibling].next
                    }
                    path.append(decimal: position)
                } else {
                    path.append(UInt8(ascii: "="))
                    path.append(contentsOf: id)
                }
            }
            cursor = one.parent
        }
        return path
    }
}
