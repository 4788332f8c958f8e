package import Ground
internal import XMLTree

/// A presence document in the making, for those who publish one.
package struct PresenceDraft: Sendable {
    /// A service: one tuple.
    package struct Tuple: Sendable {
        package var id: String
        package var isOpen: Bool?
        package var contact: String?
        package var notes: [String]
        package var timestamp: Instant?

        package init(
            id: String, isOpen: Bool?, contact: String? = nil, notes: [String] = [], timestamp: Instant? = nil
        ) {
            self.id = id
            self.isOpen = isOpen
            self.contact = contact
            self.notes = notes
            self.timestamp = timestamp
        }
    }

    /// What is said about the person.
    package struct Person: Sendable {
        package var id: String
        /// Names of RFC 4480 §3.2, `away` or `on-the-phone`; other words are published as text.
        package var activities: [String]
        /// Names of RFC 4480 §3.4; other words are published as text.
        package var moods: [String]
        package var notes: [String]

        package init(id: String, activities: [String] = [], moods: [String] = [], notes: [String] = []) {
            self.id = id
            self.activities = activities
            self.moods = moods
            self.notes = notes
        }
    }

    package var entity: Octets
    package var tuples: [Tuple] = []
    package var notes: [String] = []
    package var persons: [Person] = []

    package init(entity: Octets) { self.entity = entity }

    /// The words that RFC 4480 knows as activities.
    package static var knownActivities: [String] { Self.texts(RPIDNames.activities) }
    /// The words that RFC 4480 knows as moods.
    package static var knownMoods: [String] { Self.texts(RPIDNames.moods) }

    private static func texts(_ terms: TermSet) -> [String] {
        terms.sorted.map { "\(Term.texts[Int($0 - XMLVocabulary.firstName)])" }
    }

    /// The draft as a document. Ids that are no names, and characters that XML does not have, are replaced.
    package var document: PresenceDocument {
        var tree = XMLDocument(vocabulary: PresenceNames.vocabulary)
        let root = tree.makeElement(name: Term.presence, namespace: Space.pidf)
        tree.append(root, to: 0)
        let entity = LexicalForms.isURI(self.entity) ? self.entity : []
        tree.setAttribute(
            Term.entity, of: root, to: entity.contains(UInt8(ascii: ":")) ? entity : Array("sip:unknown".utf8)[...])
        var used: Set<String> = []
        for tuple in self.tuples { self.add(tuple, &used, under: root, in: &tree) }
        for note in self.notes { Self.add(Term.note, Space.pidf, text: note, under: root, in: &tree) }
        for person in self.persons { self.add(person, &used, under: root, in: &tree) }
        do {
            return try PresenceDocument(validating: tree)
        } catch {
            preconditionFailure("a draft makes a valid document: \(error)")
        }
    }

    private func add(
        _ tuple: Tuple, _ used: inout Set<String>, under root: XMLDocument.NodeID, in tree: inout XMLDocument
    ) {
        let element = tree.makeElement(name: Term.tuple, namespace: Space.pidf)
        tree.append(element, to: root)
        tree.setAttribute(Term.id, of: element, to: Self.identifier(tuple.id, &used))
        let status = tree.makeElement(name: Term.status, namespace: Space.pidf)
        tree.append(status, to: element)
        if let isOpen = tuple.isOpen {
            Self.add(Term.basic, Space.pidf, text: isOpen ? "open" : "closed", under: status, in: &tree)
        }
        if let contact = tuple.contact, LexicalForms.isURI(Array(contact.utf8)[...]) {
            Self.add(Term.contact, Space.pidf, text: contact, under: element, in: &tree)
        }
        for note in tuple.notes { Self.add(Term.note, Space.pidf, text: note, under: element, in: &tree) }
        if let timestamp = tuple.timestamp {
            Self.add(
                Term.timestamp, Space.pidf, text: LexicalForms.text(of: timestamp), under: element, in: &tree)
        }
    }

    private func add(
        _ person: Person, _ used: inout Set<String>, under root: XMLDocument.NodeID, in tree: inout XMLDocument
    ) {
        let element = tree.makeElement(name: Term.person, namespace: Space.dataModel)
        tree.append(element, to: root)
        tree.setAttribute(Term.id, of: element, to: Self.identifier(person.id, &used))
        Self.add(Term.activities, person.activities, RPIDNames.activities, under: element, in: &tree)
        Self.add(Term.mood, person.moods, RPIDNames.moods, under: element, in: &tree)
        for note in person.notes { Self.add(Term.note, Space.dataModel, text: note, under: element, in: &tree) }
    }

    private static func add(
        _ name: UInt16, _ values: [String], _ known: TermSet, under parent: XMLDocument.NodeID,
        in tree: inout XMLDocument
    ) {
        guard !values.isEmpty else { return }
        let element = tree.makeElement(name: name, namespace: Space.rpid)
        tree.append(element, to: parent)
        for value in values {
            let number = tree.nameNumber(Array(value.utf8)[...])
            if let number, known.contains(number), number != Term.other {
                tree.append(tree.makeElement(name: number, namespace: Space.rpid), to: element)
            } else {
                Self.add(Term.other, Space.rpid, text: value, under: element, in: &tree)
            }
        }
    }

    private static func add(
        _ name: UInt16, _ namespace: UInt16, text: String, under parent: XMLDocument.NodeID,
        in tree: inout XMLDocument
    ) {
        let element = tree.makeElement(name: name, namespace: namespace)
        tree.append(element, to: parent)
        let plain = text.unicodeScalars.map { scalar in
            let isControl = scalar.value < 0x20 && scalar.value != 0x09 && scalar.value != 0x0A
            return isControl || scalar.value == 0xFFFE || scalar.value == 0xFFFF ? "\u{FFFD}" : scalar
        }
        var scalars = String.UnicodeScalarView()
        scalars.append(contentsOf: plain)
        tree.append(tree.makeText(Array(String(scalars).utf8)[...]), to: element)
    }

    private static func identifier(_ wanted: String, _ used: inout Set<String>) -> Octets {
        var name = LexicalForms.isIdentifier(Array(wanted.utf8)[...]) ? wanted : "id"
        var number = 1
        while !used.insert(name).inserted {
            number += 1
            name = "\(wanted.prefix(64).filter { $0.isASCII && $0.isLetter })x\(number)"
        }
        return Array(name.utf8)[...]
    }
}
