internal import Ground
internal import XMLTree

/// One filter of a filter set (RFC 4661 §3.3).
struct WatcherFilter: Sendable, Equatable {
    /// A selection: `include` or `exclude`, or the expression of a trigger.
    enum Selection: Sendable, Equatable {
        case expression(XPathExpression, text: [UInt8])
        case namespace([UInt8])
    }

    /// `changed`, `added` or `removed` (RFC 4661 §3.6).
    struct Condition: Sendable, Equatable {
        /// How the text of an include or exclude is read.
        enum Kind: Sendable, Equatable {
            case changed(from: [UInt8]?, to: [UInt8]?, by: Double?)
            case added
            case removed
        }
        var kind: Kind
        var expression: XPathExpression
    }

    /// Which resource the filter is for.
    enum Scope: Sendable, Hashable {
        case any
        case resource([UInt8])
        case domain([UInt8])
    }

    var id: [UInt8]
    var scope: Scope
    var isRemoved: Bool
    var isEnabled: Bool
    var includes: [Selection]
    var excludes: [Selection]
    /// Each trigger is a list of conditions that must all hold; one trigger is enough (RFC 4661 §3.6).
    var triggers: [[Condition]]
    /// The filter element as text, with the declarations that its expressions use.
    var xml: [UInt8]
}

extension WatcherFilterSet {
    /// Reads filter sets.
    struct Reader {
        let tree: XMLDocument
        private var bindings: [[UInt8]: [UInt8]] = [:]

        init(_ tree: XMLDocument) { self.tree = tree }

        mutating func filters(package eventPackage: Octets) throws(DocumentFault) -> [WatcherFilter] {
            let root = self.tree[self.tree.root]
            guard root.namespace == Space.simpleFilter, root.name == Term.filterSet else {
                throw .filter("root is not filter-set")
            }
            if let named = self.attribute(Term.packageName, of: self.tree.root), named != eventPackage {
                throw .filter("for another event package")
            }
            var filters: [WatcherFilter] = []
            var sawBindings = false
            for child in try self.elements(under: self.tree.root) {
                let node = self.tree[child]
                if node.namespace != Space.simpleFilter { continue }
                switch node.name {
                case Term.nsBindings:
                    guard !sawBindings, filters.isEmpty else { throw .filter("ns-bindings out of place") }
                    sawBindings = true
                    try self.readBindings(child)
                case Term.filter:
                    guard filters.count < FilterLimits.filters else { throw .filter("too many filters") }
                    filters.append(try self.filter(child))
                default: throw .filter("unexpected element in filter-set")
                }
            }
            guard !filters.isEmpty else { throw .filter("no filter") }
            try Self.checkUnique(filters)
            return filters
        }

        private static func checkUnique(_ filters: [WatcherFilter]) throws(DocumentFault) {
            guard Set(filters.map(\.id)).count == filters.count else { throw .filter("filter id used twice") }
            let live = filters.filter { !$0.isRemoved }
            // RFC 4660 §5: two filters for one resource contradict each other.
            guard Set(live.map(\.scope)).count == live.count else { throw .filter("two filters for one resource") }
        }

        private mutating func readBindings(_ id: XMLDocument.NodeID) throws(DocumentFault) {
            for child in try self.elements(under: id) {
                guard self.tree[child].name == Term.nsBinding, let prefix = self.attribute(Term.prefix, of: child),
                    let urn = self.attribute(Term.urn, of: child), !urn.isEmpty
                else { throw .filter("ns-binding without prefix and urn") }
                guard self.bindings.updateValue(Array(urn), forKey: Array(prefix)) == nil else {
                    throw .filter("prefix bound twice")
                }
            }
        }

        // MARK: A filter

        private func filter(_ id: XMLDocument.NodeID) throws(DocumentFault) -> WatcherFilter {
            guard let name = self.attribute(Term.id, of: id), !name.isEmpty else { throw .filter("filter without id") }
            let uri = self.attribute(Term.uri, of: id)
            let domain = self.attribute(Term.domain, of: id)
            guard uri == nil || domain == nil else { throw .filter("filter with uri and domain") }
            if let uri, !LexicalForms.isURI(uri) || !uri.contains(UInt8(ascii: ":")) {
                throw .filter("uri of a filter")
            }
            var filter = WatcherFilter(
                id: Array(name), scope: .any, isRemoved: try self.boolean(Term.remove, of: id, default: false),
                isEnabled: try self.boolean(Term.enabled, of: id, default: true), includes: [], excludes: [],
                triggers: [], xml: self.text(of: id))
            if let uri { filter.scope = .resource(EntityURI.canonical(uri)) }
            if let domain { filter.scope = .domain(domain.map { ASCII.lowercased($0) }) }
            var sawWhat = false
            var sawTrigger = false
            for child in try self.elements(under: id) where self.tree[child].namespace == Space.simpleFilter {
                switch self.tree[child].name {
                case Term.what:
                    guard !sawWhat, !sawTrigger else { throw .filter("what out of place") }
                    sawWhat = true
                    try self.what(child, into: &filter)
                case Term.trigger:
                    sawTrigger = true
                    let conditions = try self.trigger(child)
                    // RFC 4660 §5.2: an empty trigger counts as none.
                    if !conditions.isEmpty { filter.triggers.append(conditions) }
                default: throw .filter("unexpected element in filter")
                }
            }
            return filter
        }

        private func what(_ id: XMLDocument.NodeID, into filter: inout WatcherFilter) throws(DocumentFault) {
            for child in try self.elements(under: id) where self.tree[child].namespace == Space.simpleFilter {
                guard filter.includes.count + filter.excludes.count < FilterLimits.selections else {
                    throw .filter("too many selections")
                }
                switch self.tree[child].name {
                case Term.include: filter.includes.append(try self.selection(child))
                case Term.exclude: filter.excludes.append(try self.selection(child))
                default: throw .filter("unexpected element in what")
                }
            }
        }

        private func selection(_ id: XMLDocument.NodeID) throws(DocumentFault) -> WatcherFilter.Selection {
            let type = self.attribute(Term.typeName, of: id)
            let text = self.tree.stringValue(id).trimmingSpace
            if let type, type.equals("namespace") {
                guard !text.isEmpty else { throw .filter("empty namespace") }
                return .namespace(Array(text))
            }
            guard type == nil || type?.equals("xpath") == true else { throw .filter("unknown type of selection") }
            return .expression(try self.expression(text, at: id), text: Array(text))
        }

        private func trigger(_ id: XMLDocument.NodeID) throws(DocumentFault) -> [WatcherFilter.Condition] {
            var conditions: [WatcherFilter.Condition] = []
            for child in try self.elements(under: id) where self.tree[child].namespace == Space.simpleFilter {
                guard conditions.count < FilterLimits.selections else { throw .filter("too many conditions") }
                let expression = try self.expression(self.tree.stringValue(child).trimmingSpace, at: child)
                let kind: WatcherFilter.Condition.Kind
                switch self.tree[child].name {
                case Term.changed:
                    var delta: Double?
                    if let by = self.attribute(Term.by, of: child) {
                        guard let number = XPathNumber.parse(by) else { throw .filter("by is not a number") }
                        delta = Swift.abs(number)
                    }
                    kind = .changed(
                        from: self.attribute(Term.from, of: child).map { Array($0) },
                        to: self.attribute(Term.to, of: child).map { Array($0) }, by: delta)
                case Term.added: kind = .added
                case Term.removed: kind = .removed
                default: throw .filter("unexpected element in trigger")
                }
                conditions.append(.init(kind: kind, expression: expression))
            }
            return conditions
        }

        /// Prefixes are those of ns-bindings, then those in force in the document. A name without a prefix is of the
        /// namespace of the event package, as the examples of RFC 4661 have it.
        private func expression(
            _ text: Octets, at id: XMLDocument.NodeID
        ) throws(DocumentFault) -> XPathExpression {
            guard text.first == UInt8(ascii: "/") else { throw .filter("expression is not absolute") }
            do {
                return try XPathExpression.parse(text, dialect: .filter) { prefix in
                    if let bound = self.bindings[prefix] { return bound }
                    if prefix.isEmpty { return Array("urn:ietf:params:xml:ns:pidf".utf8) }
                    guard let number = self.tree.nameNumber(prefix[...]),
                        let namespace = self.tree.resolve(prefix: number, at: id)
                    else { return nil }
                    return Array(self.tree.namespace(namespace))
                }
            } catch {
                throw .filter(error.reason)
            }
        }

        // MARK: Pieces

        private func attribute(_ name: UInt16, of id: XMLDocument.NodeID) -> Octets? {
            let attribute = self.tree.attribute(name, of: id)
            return attribute >= 0 ? self.tree.value(attribute).trimmingSpace : nil
        }

        private func boolean(
            _ name: UInt16, of id: XMLDocument.NodeID, default value: Bool
        ) throws(DocumentFault) -> Bool {
            guard let text = self.attribute(name, of: id) else { return value }
            guard let read = LexicalForms.boolean(text) else { throw .filter("attribute is not a boolean") }
            return read
        }

        private func elements(under id: XMLDocument.NodeID) throws(DocumentFault) -> [XMLDocument.NodeID] {
            var found: [XMLDocument.NodeID] = []
            var cursor = self.tree[id].firstChild
            while cursor >= 0 {
                let node = self.tree[cursor]
                if node.kind == .element {
                    found.append(cursor)
                } else if node.kind == .text, !self.tree.value(cursor).trimmingSpace.isEmpty {
                    throw .filter("text between elements")
                }
                cursor = node.next
            }
            return found
        }

        /// The filter element as text that stands by itself: the bindings become declarations.
        private func text(of id: XMLDocument.NodeID) -> [UInt8] {
            var copy = XMLDocument(vocabulary: PresenceNames.vocabulary)
            let element = copy.copySubtree(id, of: self.tree)
            copy.append(element, to: 0)
            for (prefix, namespace) in self.bindings.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
                guard !prefix.isEmpty, LexicalForms.isIdentifier(prefix[...]),
                    let name = copy.intern(prefix[...]), name != XMLVocabulary.xml, name != XMLVocabulary.xmlns,
                    let space = copy.intern(namespace: namespace[...]), space > XMLVocabulary.xmlnsNamespace
                else { continue }
                let present = copy.declaration(of: name, at: element)
                if present >= 0 { copy.detach(present) }
                copy.declare(prefix: name, namespace: space, at: element)
            }
            return copy.serialised(declaration: false)
        }
    }
}

/// The bounds of filters.
package enum FilterLimits {
    /// How many filters one subscription may have.
    package static let filters = 32
    /// How many selections, or conditions, one filter may have.
    package static let selections = 32
    /// The size of a filter document in bytes.
    package static let bytes = 32 * 1024
}
