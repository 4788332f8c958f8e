internal import Ground
internal import XMLTree

/// Reads the rules of a tree (RFC 4745 §13, RFC 5025 §7, OMA).
struct RulesetReader {
    private let tree: XMLDocument
    /// What is left of ``PolicyLimits/names`` and ``PolicyLimits/periods``.
    private var names = PolicyLimits.names
    private var periods = PolicyLimits.periods
    /// The permissions of the rules so far: equal ones share their memory.
    private var known: Set<Permissions> = [.nothing, .everything]

    init(_ tree: XMLDocument) { self.tree = tree }

    mutating func rules() throws(DocumentFault) -> [Rule] {
        guard self.tree.root >= 0, self.isElement(self.tree.root, PolicyTerm.ruleset, PolicySpace.common) else {
            throw .ruleset("root is not ruleset of urn:ietf:params:xml:ns:common-policy")
        }
        var rules: [Rule] = []
        var identifiers: Set<[UInt8]> = []
        for child in self.elements(under: self.tree.root) {
            // Only rules may stand here; what stands here anyway grants nothing.
            guard self.isElement(child, PolicyTerm.rule, PolicySpace.common) else { continue }
            guard rules.count < PolicyLimits.rules else { throw Self.overLimit("too many rules") }
            let rule = try self.rule(child)
            guard identifiers.insert(rule.id).inserted else { throw .ruleset("id used twice") }
            rules.append(rule)
        }
        return rules
    }

    private static func overLimit(_ reason: String) -> DocumentFault {
        DocumentFault(kind: .overLimit, status: 413, reason: "Bad ruleset: " + reason)
    }

    private mutating func rule(_ id: XMLDocument.NodeID) throws(DocumentFault) -> Rule {
        guard let name = self.attribute(PolicyTerm.id, of: id), LexicalForms.isIdentifier(name) else {
            throw .ruleset("rule without id")
        }
        var conditions: [Rule.Condition]?
        var handling: SubHandling??
        var permissions: Permissions?
        for child in self.elements(under: id) where self.tree[child].namespace == PolicySpace.common {
            switch self.tree[child].name {
            case PolicyTerm.conditions:
                guard conditions == nil else { throw .ruleset("second conditions in a rule") }
                conditions = try self.conditions(child)
            case PolicyTerm.actions:
                guard handling == nil else { throw .ruleset("second actions in a rule") }
                handling = .some(self.handling(child))
            case PolicyTerm.transformations:
                guard permissions == nil else { throw .ruleset("second transformations in a rule") }
                permissions = self.known.insert(try self.permissions(child)).memberAfterInsert
            default: continue
            }
        }
        return Rule(
            id: Array(name), conditions: conditions ?? [], handling: handling ?? nil,
            permissions: permissions ?? .nothing)
    }

    // MARK: Conditions

    private mutating func conditions(_ parent: XMLDocument.NodeID) throws(DocumentFault) -> [Rule.Condition] {
        var conditions: [Rule.Condition] = []
        for child in self.elements(under: parent) {
            guard conditions.count < PolicyLimits.conditions else { throw Self.overLimit("too many conditions") }
            let node = self.tree[child]
            switch (node.namespace, node.name) {
            case (PolicySpace.common, PolicyTerm.identity): conditions.append(.identity(try self.identity(child)))
            case (PolicySpace.common, PolicyTerm.sphere):
                conditions.append(.sphere(Self.words(self.attribute(PolicyTerm.value, of: child) ?? [])))
            case (PolicySpace.common, PolicyTerm.validity): conditions.append(.validity(try self.validity(child)))
            case (PolicySpace.omaCommon, PolicyTerm.otherIdentity): conditions.append(.otherIdentity)
            case (PolicySpace.omaCommon, PolicyTerm.externalList):
                conditions.append(.externalList(try self.anchors(child)))
            case (PolicySpace.omaCommon, PolicyTerm.anonymousRequest): conditions.append(.anonymousRequest)
            default:
                conditions.append(
                    .unknown(
                        name: Array(self.tree.name(node.name)), namespace: Array(self.tree.namespace(node.namespace))))
            }
        }
        return conditions
    }

    private mutating func identity(_ parent: XMLDocument.NodeID) throws(DocumentFault) -> IdentityCondition {
        var ones: [[UInt8]] = []
        var groups: [IdentityCondition.Group] = []
        var hasUnknown = false
        for child in self.elements(under: parent) {
            try self.takeName()
            let children = self.elements(under: child)
            if self.isElement(child, PolicyTerm.one, PolicySpace.common) {
                // What stands inside restricts the alternative in a way that is not understood.
                guard let id = self.attribute(PolicyTerm.id, of: child), !id.isEmpty, children.isEmpty else {
                    hasUnknown = true
                    continue
                }
                ones.append(PolicyIdentity.key(id))
            } else if self.isElement(child, PolicyTerm.many, PolicySpace.common), let group = try self.group(child) {
                groups.append(group)
            } else {
                hasUnknown = true
            }
        }
        return IdentityCondition(ones: ones, groups: groups, hasUnknown: hasUnknown)
    }

    /// A `many` element; nil where something in it is not understood, so that nobody is meant rather than too many.
    private mutating func group(_ id: XMLDocument.NodeID) throws(DocumentFault) -> IdentityCondition.Group? {
        var identities: [[UInt8]] = []
        var domains: [[UInt8]] = []
        var isUnderstood = true
        for child in self.elements(under: id) {
            try self.takeName()
            guard self.isElement(child, PolicyTerm.exception, PolicySpace.common),
                self.elements(under: child).isEmpty
            else {
                isUnderstood = false
                continue
            }
            let identity = self.attribute(PolicyTerm.id, of: child)
            let domain = self.attribute(PolicyTerm.domain, of: child)
            if let identity { identities.append(PolicyIdentity.key(identity)) }
            if let domain, let key = PolicyIdentity.domainKey(domain) {
                domains.append(key)
            } else if domain != nil || identity == nil {
                isUnderstood = false
            }
        }
        let domain = self.attribute(PolicyTerm.domain, of: id)
        let key = domain.flatMap { PolicyIdentity.domainKey($0) }
        guard isUnderstood, domain == nil || key?.isEmpty == false else { return nil }
        return IdentityCondition.Group(domain: key, exceptedIdentities: identities, exceptedDomains: domains)
    }

    /// Pairs of `from` and `until`. A time that is none makes its pair one that never holds.
    private mutating func validity(_ parent: XMLDocument.NodeID) throws(DocumentFault) -> [Rule.Period] {
        var periods: [Rule.Period] = []
        var from: Instant?
        for child in self.elements(under: parent) {
            if self.isElement(child, PolicyTerm.from, PolicySpace.common) {
                guard self.periods > 0 else { throw Self.overLimit("too many periods") }
                self.periods -= 1
                from = LexicalForms.dateTime(self.tree.stringValue(child))
            } else if self.isElement(child, PolicyTerm.until, PolicySpace.common) {
                if let start = from, let end = LexicalForms.dateTime(self.tree.stringValue(child)), start < end {
                    periods.append(Rule.Period(from: start, until: end))
                }
                from = nil
            } else {
                from = nil
            }
        }
        return periods
    }

    private mutating func anchors(_ parent: XMLDocument.NodeID) throws(DocumentFault) -> [[UInt8]] {
        var anchors: [[UInt8]] = []
        for child in self.elements(under: parent) {
            try self.takeName()
            guard self.isElement(child, PolicyTerm.entry, PolicySpace.omaCommon),
                let anchor = self.attribute(PolicyTerm.anchor, of: child), !anchor.isEmpty
            else { continue }
            anchors.append(Array(anchor))
        }
        return anchors.sortedOnce()
    }

    /// The words of a `value`, in lower case.
    private static func words(_ text: Octets) -> [[UInt8]] {
        text.split(whereSeparator: { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D })
            .map { $0.map { ASCII.lowercased($0) } }.sortedOnce()
    }

    private mutating func takeName() throws(DocumentFault) {
        guard self.names > 0 else { throw Self.overLimit("too many names") }
        self.names -= 1
    }

    // MARK: Actions

    /// The `sub-handling`; of several, which the schema does not exclude, the least.
    private func handling(_ parent: XMLDocument.NodeID) -> SubHandling? {
        var handling: SubHandling?
        for child in self.elements(under: parent)
        where self.isElement(child, PolicyTerm.subHandling, PolicySpace.presence) {
            let value = SubHandling(word: self.tree.stringValue(child).trimmingSpace.text) ?? .block
            handling = Swift.min(handling ?? value, value)
        }
        return handling
    }

    // MARK: Transformations

    private func permissions(_ parent: XMLDocument.NodeID) throws(DocumentFault) -> Permissions {
        var grants = Grants()
        for child in self.elements(under: parent) {
            let node = self.tree[child]
            switch (node.namespace, node.name) {
            case (PolicySpace.presence, PolicyTerm.provideDevices):
                grants.devices.formUnion(try self.occurrences(child, all: PolicyTerm.allDevices, Self.deviceMembers))
            case (PolicySpace.presence, PolicyTerm.providePersons):
                grants.persons.formUnion(try self.occurrences(child, all: PolicyTerm.allPersons, Self.personMembers))
            case (PolicySpace.presence, PolicyTerm.provideServices):
                grants.services.formUnion(
                    try self.occurrences(child, all: PolicyTerm.allServices, Self.serviceMembers))
            case (PolicySpace.presence, PolicyTerm.provideUserInput):
                let level = Grants.UserInput(word: self.tree.stringValue(child).trimmingSpace)
                grants.userInput = Swift.max(grants.userInput, level ?? .none)
            case (PolicySpace.presence, PolicyTerm.provideUnknownAttribute):
                guard let unknown = self.unknownAttribute(child) else { continue }
                guard grants.unknown.count < PolicyLimits.members else { throw Self.overLimit("too many attributes") }
                grants.unknown.insert(unknown)
            case (PolicySpace.presence, PolicyTerm.provideAllAttributes): grants.providesAll = true
            case (PolicySpace.omaPresence, PolicyTerm.provideGeopriv):
                if self.tree.stringValue(child).trimmingSpace.equals("full") { grants.attributes.insert(.geopriv) }
            default:
                guard let attribute = Grants.Attributes(provider: node),
                    LexicalForms.boolean(self.tree.stringValue(child)) == true
                else { continue }
                grants.attributes.formUnion(attribute)
            }
        }
        return Permissions(grants)
    }

    private typealias Members = [UInt16: Grants.Selector.Kind]
    private static let deviceMembers: Members = [
        PolicyTerm.deviceID: .deviceID, PolicyTerm.occurrenceID: .occurrenceID,
        PolicyTerm.classification: .classification,
    ]
    private static let personMembers: Members = [
        PolicyTerm.occurrenceID: .occurrenceID, PolicyTerm.classification: .classification,
    ]
    private static let serviceMembers: Members = [
        PolicyTerm.serviceURI: .serviceURI, PolicyTerm.serviceURIScheme: .serviceURIScheme,
        PolicyTerm.occurrenceID: .occurrenceID, PolicyTerm.classification: .classification,
    ]

    private func occurrences(
        _ parent: XMLDocument.NodeID, all: UInt16, _ members: Members
    ) throws(DocumentFault) -> Grants.Occurrences {
        var selectors: Set<Grants.Selector> = []
        for child in self.elements(under: parent) {
            let node = self.tree[child]
            if node.namespace == PolicySpace.presence, node.name == all { return .all }
            var kind = node.namespace == PolicySpace.presence ? members[node.name] : nil
            if node.namespace == PolicySpace.omaPresence, node.name == PolicyTerm.serviceID,
                all == PolicyTerm.allServices
            {
                kind = .serviceID
            }
            let value = self.tree.stringValue(child).trimmingSpace
            guard let kind, !value.isEmpty else { continue }
            guard selectors.count < PolicyLimits.members else { throw Self.overLimit("too many members") }
            selectors.insert(
                Grants.Selector(kind: kind, value: kind == .deviceID ? DeviceURN.key(value) : Array(value)))
        }
        return .some(selectors)
    }

    private func unknownAttribute(_ id: XMLDocument.NodeID) -> Grants.UnknownAttribute? {
        guard let name = self.attribute(PolicyTerm.name, of: id),
            let namespace = self.attribute(PolicyTerm.namespace, of: id), !name.isEmpty,
            LexicalForms.boolean(self.tree.stringValue(id)) == true
        else { return nil }
        let unknown = Grants.UnknownAttribute(name: Array(name), namespace: Array(namespace))
        // RFC 5025 §3.3.2.14: what has a permission of its own is not unknown.
        return Grants.isKnown(unknown) ? nil : unknown
    }

    // MARK: The tree

    private func elements(under parent: XMLDocument.NodeID) -> [XMLDocument.NodeID] {
        var found: [XMLDocument.NodeID] = []
        var cursor = self.tree[parent].firstChild
        while cursor >= 0 {
            if self.tree[cursor].kind == .element { found.append(cursor) }
            cursor = self.tree[cursor].next
        }
        return found
    }

    private func isElement(_ id: XMLDocument.NodeID, _ name: UInt16, _ namespace: UInt16) -> Bool {
        self.tree[id].name == name && self.tree[id].namespace == namespace
    }

    private func attribute(_ name: UInt16, of id: XMLDocument.NodeID) -> Octets? {
        let attribute = self.tree.attribute(name, of: id)
        return attribute >= 0 ? self.tree.value(attribute).trimmingSpace : nil
    }
}
