internal import Ground
internal import XMLTree

extension Permissions {
    /// The privacy filter: the part of a document that these permissions show (RFC 5025 §3.3). The result is valid,
    /// and applying the same permissions to it changes nothing.
    ///
    /// A class that nobody may see still selects what it was given for: what a document was cut to is remembered.
    package func apply(to document: PresenceDocument) -> PresenceDocument {
        if self == .everything || document.shownTo == self { return document }
        var filter = PrivacyFilter(document, self)
        return filter.filtered()
    }
}

/// One application of permissions to a document.
struct PrivacyFilter {
    /// Where an element stands.
    private enum Container {
        case presence, tuple, person, device, status, serviceDescription
    }

    private let document: PresenceDocument
    private let tree: XMLDocument
    private let permissions: Permissions
    private let grants: Grants
    /// The number of the namespace of location objects in this document.
    private let geopriv: UInt16?
    private var isDoomed: [Bool]
    private var hasDoomed = false

    init(_ document: PresenceDocument, _ permissions: Permissions) {
        self.document = document
        self.tree = document.tree
        self.permissions = permissions
        self.grants = permissions.grants
        self.geopriv = document.tree.namespaceNumber(Array(Grants.geoprivNamespace.utf8)[...])
        self.isDoomed = [Bool](repeating: false, count: document.tree.nodes.count)
    }

    mutating func filtered() -> PresenceDocument {
        for tuple in self.document.tuples { self.occurrence(tuple, .tuple, self.shows(tuple: tuple)) }
        for person in self.document.persons {
            self.occurrence(person, .person, self.shows(person, self.grants.persons))
        }
        for device in self.document.devices { self.occurrence(device, .device, self.shows(device: device)) }
        for note in self.document.notes { self.attribute(note, .presence) }
        for other in self.document.others { self.attribute(other, .presence) }
        self.foreignAttributes(of: self.tree.root)
        var result = self.document
        if self.hasDoomed {
            do {
                result = try PresenceDocument(validating: self.tree.pruned(self.isDoomed))
            } catch {
                // What is left of a valid document is valid; were it ever not, nothing is shown.
                result = PresenceDocument.empty(entity: self.document.entityOctets)
            }
        }
        result.shownTo = self.permissions
        return result
    }

    private mutating func doom(_ id: XMLDocument.NodeID) {
        self.isDoomed[Int(id)] = true
        self.hasDoomed = true
    }

    // MARK: Occurrences, RFC 5025 §3.3.1

    private func shows(_ id: XMLDocument.NodeID, _ occurrences: Grants.Occurrences) -> Bool {
        guard case .some(let selectors) = occurrences else { return true }
        guard !selectors.isEmpty else { return false }
        let name = Grants.Selector(kind: .occurrenceID, value: Array(self.tree.occurrenceID(id)))
        if selectors.contains(name) { return true }
        var cursor = self.tree[id].firstChild
        while cursor >= 0 {
            let node = self.tree[cursor]
            if node.kind == .element, node.namespace == Space.rpid, node.name == Term.classification {
                let text = Array(self.tree.stringValue(cursor).trimmingSpace)
                if selectors.contains(Grants.Selector(kind: .classification, value: text)) { return true }
            }
            cursor = node.next
        }
        return false
    }

    private func shows(device id: XMLDocument.NodeID) -> Bool {
        if self.shows(id, self.grants.devices) { return true }
        guard case .some(let selectors) = self.grants.devices, !selectors.isEmpty,
            let device = self.tree.childText(Term.deviceID, Space.dataModel, of: id)
        else { return false }
        return selectors.contains(Grants.Selector(kind: .deviceID, value: DeviceURN.key(device)))
    }

    private func shows(tuple id: XMLDocument.NodeID) -> Bool {
        if self.shows(id, self.grants.services) { return true }
        guard case .some(let selectors) = self.grants.services, !selectors.isEmpty else { return false }
        if let contact = self.tree.childText(Term.contact, Space.pidf, of: id), !contact.isEmpty {
            if self.permissions.grants(serviceURI: contact) { return true }
            if let colon = contact.firstIndex(of: UInt8(ascii: ":")) {
                let scheme = Grants.Selector(kind: .serviceURIScheme, value: Array(contact[..<colon]))
                if selectors.contains(scheme) { return true }
            }
        }
        let service = self.tree.child(Term.serviceDescription, Space.oma, of: id)
        guard service >= 0, let name = self.tree.childText(Term.serviceId, Space.oma, of: service) else { return false }
        return selectors.contains(Grants.Selector(kind: .serviceID, value: Array(name)))
    }

    private mutating func occurrence(_ id: XMLDocument.NodeID, _ container: Container, _ isShown: Bool) {
        guard isShown else { return self.doom(id) }
        self.children(of: id, container)
    }

    // MARK: Attributes, RFC 5025 §3.3.2

    private mutating func children(of id: XMLDocument.NodeID, _ container: Container) {
        // Nothing in what is shown is hidden then.
        if self.grants.providesAll { return }
        self.foreignAttributes(of: id)
        var cursor = self.tree[id].firstChild
        while cursor >= 0 {
            let node = self.tree[cursor]
            if node.kind == .element { self.attribute(cursor, container) }
            cursor = node.next
        }
    }

    private mutating func attribute(_ id: XMLDocument.NodeID, _ container: Container) {
        if self.grants.providesAll { return }
        let node = self.tree[id]
        switch self.kind(of: node, in: container) {
        case .always:
            if container == .tuple, node.namespace == Space.pidf, node.name == Term.status {
                self.children(of: id, .status)
            } else if container == .tuple, node.namespace == Space.oma, node.name == Term.serviceDescription {
                // Anything may stand in it, but only what says which service it is belongs to everybody.
                self.children(of: id, .serviceDescription)
            } else {
                self.foreignAttributes(of: id)
            }
        case .granted(let attributes): if !self.grants.attributes.contains(attributes) { self.doom(id) }
        case .userInput: self.userInput(id)
        case .unknown: if !self.isNamed(node) { self.doom(id) }
        }
    }

    /// What an element needs to be shown at its place. A name means what its specification says only where the
    /// specification puts it.
    private func kind(of node: XMLDocument.Node, in container: Container) -> AttributeKind {
        if node.namespace == self.geopriv {
            return self.tree.name(node.name).equals("geopriv") ? .granted(.geopriv) : .unknown
        }
        if container == .serviceDescription { return node.namespace == Space.oma ? .always : .unknown }
        let kind = AttributeKind(name: node.name, namespace: node.namespace)
        if container == .device, node.namespace == Space.dataModel, node.name == Term.deviceID { return .always }
        guard kind == .always else { return kind }
        let isAtHome =
            switch container {
            case .presence: false
            case .tuple: node.namespace != Space.dataModel
            case .status: node.namespace == Space.pidf
            case .person, .device: node.namespace == Space.dataModel
            case .serviceDescription: node.namespace == Space.oma
            }
        return isAtHome ? .always : .unknown
    }

    private func isNamed(_ node: XMLDocument.Node) -> Bool {
        guard !self.grants.unknown.isEmpty else { return false }
        return self.grants.unknown.contains(
            Grants.UnknownAttribute(
                name: Array(self.tree.name(node.name)), namespace: Array(self.tree.namespace(node.namespace))))
    }

    private mutating func userInput(_ id: XMLDocument.NodeID) {
        guard self.grants.userInput > .none else { return self.doom(id) }
        guard self.grants.userInput < .full else { return }
        self.doomAttribute(Term.lastInput, of: id)
        // What other attributes tell of the input is not asked for by less than all of it.
        self.foreignAttributes(of: id)
        if self.grants.userInput < .thresholds { self.doomAttribute(Term.idleThreshold, of: id) }
    }

    private mutating func doomAttribute(_ name: UInt16, of id: XMLDocument.NodeID) {
        let attribute = self.tree.attribute(name, of: id)
        if attribute >= 0 { self.doom(attribute) }
    }

    /// XML attributes that no schema of presence has on an element of its own are information too.
    private mutating func foreignAttributes(of id: XMLDocument.NodeID) {
        if self.grants.providesAll { return }
        var cursor = self.tree[id].firstAttribute
        while cursor >= 0 {
            let node = self.tree[cursor]
            if node.kind == .attribute, node.namespace > XMLVocabulary.xmlNamespace, node.namespace != Space.pidf {
                self.doom(cursor)
            }
            cursor = node.next
        }
    }
}

/// URNs of devices as keys: the case of letters means nothing in the kinds that RFC 4479 §3.4 names.
enum DeviceURN {
    static func key(_ urn: Octets) -> [UInt8] {
        let text = urn.trimmingSpace
        let parts = text.split(separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].equalsIgnoringCase("urn") else { return Array(text) }
        let isCaseless = ["uuid", "imei", "gsma", "meid", "esn", "mac", "dev"].contains { name in
            parts[1].count == name.utf8.count && zip(parts[1], name.utf8).allSatisfy { ASCII.lowercased($0) == $1 }
        }
        let head = parts[2].startIndex
        return text[..<head].map { ASCII.lowercased($0) }
            + (isCaseless ? parts[2].map { ASCII.lowercased($0) } : Array(parts[2]))
    }
}
