internal import Ground
internal import XMLTree

/// What a person wants to know of a presence document.
package struct PresenceSummary: Sendable, Equatable {
    /// A service of the presentity: one tuple.
    package struct Service: Sendable, Equatable {
        package var id: String
        /// True for open, false for closed, nil if not said.
        package var isOpen: Bool?
        package var contact: String?
        package var priority: String?
        package var serviceID: String?
        package var classification: String?
        package var notes: [String]
        package var activities: [String]
        package var timestamp: String?
    }

    /// What is said about the person.
    package struct Person: Sendable, Equatable {
        package var id: String
        package var activities: [String]
        package var moods: [String]
        package var places: [String]
        package var sphere: String?
        package var notes: [String]
        package var displayName: String?
        package var timestamp: String?
    }

    /// A device of the person.
    package struct Device: Sendable, Equatable {
        package var id: String
        package var deviceID: String
        package var notes: [String]
    }

    package var entity: String
    package var services: [Service]
    package var persons: [Person]
    package var devices: [Device]
    /// Notes about the presentity as a whole.
    package var notes: [String]
    /// Extensions that must be understood (RFC 3863 §4.2.3) and are not: what stands here may mean something else.
    package var mandatoryExtensions: [String]

    /// Open if one service is, closed if services are known and none is, nil if nothing is known.
    package var isOpen: Bool? {
        if self.services.contains(where: { $0.isOpen == true }) { return true }
        return self.services.contains { $0.isOpen == false } ? false : nil
    }
}

extension PresenceDocument {
    /// The document for a person to read.
    package var summary: PresenceSummary {
        PresenceSummary(
            entity: self.entity, services: self.tuples.map(self.service), persons: self.persons.map(self.person),
            devices: self.devices.map(self.device), notes: self.notes.map { self.tree.stringValue($0).text },
            mandatoryExtensions: self.mandatoryExtensions)
    }

    /// Names of elements of unknown namespaces that are marked as mandatory to understand.
    package var mandatoryExtensions: [String] {
        var found: [String] = []
        var cursor = self.tree.root
        while cursor >= 0 {
            let node = self.tree[cursor]
            if node.kind == .element, !Space.known.contains(node.namespace) {
                let attribute = self.tree.attribute(Term.mustUnderstand, namespace: Space.pidf, of: cursor)
                if attribute >= 0, LexicalForms.boolean(self.tree.value(attribute)) == true {
                    found.append("{\(self.tree.namespace(node.namespace).text)}\(self.tree.name(node.name).text)")
                }
            }
            cursor = self.tree.following(cursor, within: self.tree.root)
        }
        return found
    }

    private func service(_ id: XMLDocument.NodeID) -> PresenceSummary.Service {
        let status = self.tree.child(Term.status, Space.pidf, of: id)
        let basic = status >= 0 ? self.tree.childText(Term.basic, Space.pidf, of: status) : nil
        let contact = self.tree.child(Term.contact, Space.pidf, of: id)
        let priority = contact >= 0 ? self.tree.attribute(Term.priority, of: contact) : -1
        let description = self.tree.child(Term.serviceDescription, Space.oma, of: id)
        return PresenceSummary.Service(
            id: self.tree.occurrenceID(id).text, isOpen: basic.map { $0.equals("open") },
            contact: contact >= 0 ? self.tree.stringValue(contact).trimmingSpace.text : nil,
            priority: priority >= 0 ? self.tree.value(priority).text : nil,
            serviceID: description >= 0 ? self.tree.childText(Term.serviceId, Space.oma, of: description)?.text : nil,
            classification: self.tree.childText(Term.classification, Space.rpid, of: id)?.text,
            notes: self.texts(Term.note, Space.pidf, of: id), activities: self.words(Term.activities, of: id),
            timestamp: self.tree.childText(Term.timestamp, Space.pidf, of: id)?.text)
    }

    private func person(_ id: XMLDocument.NodeID) -> PresenceSummary.Person {
        PresenceSummary.Person(
            id: self.tree.occurrenceID(id).text, activities: self.words(Term.activities, of: id),
            moods: self.words(Term.mood, of: id), places: self.words(Term.placeType, of: id),
            sphere: self.words(Term.sphere, of: id).first, notes: self.texts(Term.note, Space.dataModel, of: id),
            displayName: self.tree.childText(Term.displayName, Space.cipid, of: id)?.text,
            timestamp: self.tree.childText(Term.timestamp, Space.dataModel, of: id)?.text)
    }

    private func device(_ id: XMLDocument.NodeID) -> PresenceSummary.Device {
        PresenceSummary.Device(
            id: self.tree.occurrenceID(id).text,
            deviceID: self.tree.childText(Term.deviceID, Space.dataModel, of: id)?.text ?? "",
            notes: self.texts(Term.note, Space.dataModel, of: id))
    }

    private func texts(_ name: UInt16, _ namespace: UInt16, of element: XMLDocument.NodeID) -> [String] {
        self.elements(under: element).filter { self.tree[$0].name == name && self.tree[$0].namespace == namespace }
            .map { self.tree.stringValue($0).trimmingSpace.text }
    }

    /// The alternatives inside an RPID element: their names, the text of `other`, or the text itself.
    private func words(_ name: UInt16, of element: XMLDocument.NodeID) -> [String] {
        var found: [String] = []
        for parent in self.elements(under: element)
        where self.tree[parent].name == name && self.tree[parent].namespace == Space.rpid {
            let inner = self.elements(under: parent).filter { self.tree[$0].name != Term.note }
            if inner.isEmpty, self.elements(under: parent).isEmpty {
                let text = self.tree.stringValue(parent).trimmingSpace
                if !text.isEmpty { found.append(text.text) }
            }
            for child in inner {
                let text = self.tree.stringValue(child).trimmingSpace
                found.append(text.isEmpty ? self.tree.name(self.tree[child].name).text : text.text)
            }
        }
        return found
    }

    private func elements(under element: XMLDocument.NodeID) -> [XMLDocument.NodeID] {
        var found: [XMLDocument.NodeID] = []
        var cursor = self.tree[element].firstChild
        while cursor >= 0 {
            if self.tree[cursor].kind == .element { found.append(cursor) }
            cursor = self.tree[cursor].next
        }
        return found
    }
}
