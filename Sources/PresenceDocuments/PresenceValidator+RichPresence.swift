internal import Ground
internal import XMLTree

// RPID (RFC 4480), CIPID (RFC 4482) and capabilities (RFC 5196).
extension PresenceValidator {
    mutating func rpid(_ id: Int32, _ node: XMLDocument.Node) throws(DocumentFault) {
        if node.firstAttribute >= 0 { try self.rpidAttributes(of: id) }
        switch node.name {
        case Term.activities: try self.alternatives(node, "activities", RPIDNames.activities)
        case Term.mood: try self.alternatives(node, "mood", RPIDNames.moods)
        case Term.placeType: try self.alternatives(node, "place-type", [Term.other, Term.unknown])
        case Term.relationship: try self.alternatives(node, "relationship", RPIDNames.relationships)
        case Term.serviceClass: try self.alternatives(node, "service-class", RPIDNames.serviceClasses)
        case Term.sphere: try self.sphere(node)
        case Term.privacy:
            try self.alternatives(node, "privacy", [Term.unknown, Term.audio, Term.text, Term.video])
        case Term.placeIs: try self.placeIs(node)
        case Term.classification: _ = try self.text(of: id, "class")
        case Term.statusIcon:
            guard try self.text(of: id, "status-icon", LexicalForms.isURI) else {
                throw .invalid("status-icon is not a URI")
            }
        case Term.timeOffset:
            guard try self.text(of: id, "time-offset", { LexicalForms.isInteger($0) }) else {
                throw .invalid("time-offset is not a number")
            }
        case Term.userInput: try self.userInput(id)
        default: break
        }
    }

    private mutating func rpidAttributes(of id: Int32) throws(DocumentFault) {
        try self.range(of: id)
        let identifier = self.tree.attribute(Term.id, of: id)
        if identifier >= 0 { try self.take(identifier: identifier, "an RPID element") }
    }

    /// note*, then alternatives: elements without content, `other` with text, or elements of other namespaces.
    private mutating func alternatives(
        _ node: XMLDocument.Node, _ what: StaticString, _ allowed: TermSet
    ) throws(DocumentFault) {
        var notesAreOver = false
        try self.eachElement(in: node, what) { (validator, child, element) throws(DocumentFault) in
            guard element.namespace == Space.rpid else {
                notesAreOver = true
                return
            }
            if element.name == Term.note {
                guard !notesAreOver else { throw .invalid("note out of place in \(what)") }
                _ = try validator.text(of: child, "note")
                return
            }
            notesAreOver = true
            guard allowed.contains(element.name) else { throw .invalid("unexpected element in \(what)") }
            guard try validator.text(of: child, what, { element.name == Term.other || $0.trimmingSpace.isEmpty }) else {
                throw .invalid("text inside an element of \(what)")
            }
        }
    }

    private mutating func sphere(_ node: XMLDocument.Node) throws(DocumentFault) {
        // The schema has elements; the examples of common policy have words, which are kept as they are.
        var count = 0
        var cursor = node.firstChild
        while cursor >= 0 {
            let child = self.tree[cursor]
            if child.isElement, child.namespace == Space.rpid {
                guard [Term.home, Term.work, Term.unknown].contains(child.name) else {
                    throw .invalid("unexpected element in sphere")
                }
                count += 1
                guard count == 1 else { throw .invalid("several values in sphere") }
            }
            cursor = child.next
        }
    }

    private mutating func placeIs(_ node: XMLDocument.Node) throws(DocumentFault) {
        try self.eachElement(in: node, "place-is") { (validator, _, element) throws(DocumentFault) in
            guard element.namespace == Space.rpid, element.name != Term.note else { return }
            let allowed: TermSet
            switch element.name {
            case Term.audio: allowed = RPIDNames.audioPlaces
            case Term.video: allowed = RPIDNames.videoPlaces
            case Term.text: allowed = RPIDNames.textPlaces
            default: throw .invalid("unexpected element in place-is")
            }
            try validator.alternatives(element, "place-is", allowed)
        }
    }

    private func userInput(_ id: Int32) throws(DocumentFault) {
        let isKnown = try self.text(of: id, "user-input") {
            $0.trimmingSpace.equals("active") || $0.trimmingSpace.equals("idle")
        }
        guard isKnown else { throw .invalid("user-input is not active or idle") }
        let threshold = self.tree.attribute(Term.idleThreshold, of: id)
        if threshold >= 0, !LexicalForms.isInteger(self.tree.value(threshold), allowsSign: false) {
            throw .invalid("idle-threshold is not a number")
        }
        let last = self.tree.attribute(Term.lastInput, of: id)
        if last >= 0, LexicalForms.dateTime(self.tree.value(last)) == nil {
            throw .invalid("last-input is not a date and time")
        }
    }

    func cipid(_ id: Int32, _ node: XMLDocument.Node) throws(DocumentFault) {
        switch node.name {
        case Term.card, Term.homepage, Term.icon, Term.map, Term.sound:
            guard try self.text(of: id, "CIPID element", LexicalForms.isURI) else {
                throw .invalid("CIPID element is not a URI")
            }
        case Term.displayName: _ = try self.text(of: id, "display-name")
        default: break
        }
    }

    mutating func capabilities(_ id: Int32, _ node: XMLDocument.Node) throws(DocumentFault) {
        guard node.name == Term.servcaps || node.name == Term.devcaps else { return }
        try self.eachElement(in: node, "capabilities") { (validator, child, element) throws(DocumentFault) in
            guard element.namespace == Space.caps else { return }
            switch element.name {
            case Term.application, Term.audio, Term.automata, Term.control, Term.data, Term.isfocus, Term.message,
                Term.text, Term.video:
                guard try validator.text(of: child, "capability", { LexicalForms.boolean($0) != nil }) else {
                    throw .invalid("capability is not a boolean")
                }
            case Term.description, Term.typeName: _ = try validator.text(of: child, "capability")
            case Term.actor, Term.classification, Term.duplex, Term.eventPackages, Term.extensionsSet, Term.methods,
                Term.languages, Term.schemes, Term.priority, Term.mobility:
                try validator.capabilitySet(element)
            default: throw .invalid("unexpected element in capabilities")
            }
        }
    }

    /// supported?, notsupported?
    private mutating func capabilitySet(_ node: XMLDocument.Node) throws(DocumentFault) {
        var stage = 0
        try self.eachElement(in: node, "capability") { (_, _, element) throws(DocumentFault) in
            guard element.namespace == Space.caps else { return }
            if element.name == Term.supported, stage == 0 {
                stage = 1
            } else if element.name == Term.notsupported, stage <= 1 {
                stage = 2
            } else {
                throw .invalid("unexpected element in a capability")
            }
        }
    }
}

/// A set of names by their numbers in ``Term``.
struct TermSet: Sendable, ExpressibleByArrayLiteral {
    /// A bit for each number below 256.
    private var bits = InlineArray<4, UInt64>(repeating: 0)

    init(_ terms: [UInt16]) {
        for term in terms { self.bits[Int(term) / 64] |= 1 << UInt64(term % 64) }
    }

    init(arrayLiteral terms: UInt16...) { self.init(terms) }

    @inline(__always)
    func contains(_ term: UInt16) -> Bool { term < 256 && self.bits[Int(term) / 64] >> UInt64(term % 64) & 1 == 1 }

    /// The numbers from the lowest to the highest.
    var sorted: [UInt16] { (0..<256).filter { self.contains($0) } }
}

/// The values that RFC 4480 lists.
enum RPIDNames {
    static let activities: TermSet = [
        Term.unknown, Term.other, Term.appointment, Term.away, Term.breakfast, Term.busy, Term.dinner, Term.holiday,
        Term.inTransit, Term.lookingForWork, Term.meal, Term.meeting, Term.onThePhone, Term.performance,
        Term.permanentAbsence, Term.playing, Term.presentation, Term.shopping, Term.sleeping, Term.spectator,
        Term.steering, Term.travel, Term.tv, Term.vacation, Term.working, Term.worship,
    ]
    /// The moods stand next to each other in ``Term``.
    static let moods: TermSet = TermSet(Array(Term.afraid...Term.worried) + [Term.unknown, Term.other])
    static let relationships: TermSet = [
        Term.assistant, Term.associate, Term.family, Term.friend, Term.other, Term.oneself, Term.supervisor,
        Term.unknown,
    ]
    static let serviceClasses: TermSet = [
        Term.courier, Term.electronic, Term.freight, Term.inPerson, Term.postal, Term.unknown, Term.other,
    ]
    static let audioPlaces: TermSet = [Term.noisy, Term.ok, Term.quiet, Term.unknown]
    static let videoPlaces: TermSet = [Term.toobright, Term.ok, Term.dark, Term.unknown]
    static let textPlaces: TermSet = [Term.uncomfortable, Term.inappropriate, Term.ok, Term.unknown]
}
