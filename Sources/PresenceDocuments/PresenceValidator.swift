internal import Ground
internal import XMLTree

/// The structure of presence documents, by hand: what the schemas of RFC 3863, RFC 4479, RFC 4480, RFC 4481,
/// RFC 4482, RFC 5196 and OMA ask, at the speed of comparing numbers.
///
/// Two things that deployed clients get wrong are tolerated, because they cannot be misunderstood and the canonical
/// form puts them right or keeps them harmless: the children of `presence` in another order, and an RPID element of
/// alternatives without any. Elements of namespaces that are not known are not looked into.
struct PresenceValidator {
    let tree: XMLTreeReader
    /// The first values of xs:ID attributes: most documents have not more, for which no table is needed.
    private var firstIdentifiers = InlineArray<4, Bytes>(repeating: Bytes(start: nil, count: 0))
    private var identifierCount = 0
    /// The values of xs:ID attributes after these.
    private var moreIdentifiers: Set<[UInt8]> = []
    /// Whether an xs:ID has white space around it, which is no part of it.
    private(set) var hasSpacedIdentifier = false

    init(_ tree: XMLTreeReader) { self.tree = tree }

    /// Validates a whole document.
    mutating func validate(_ root: XMLDocument.NodeID) throws(DocumentFault) {
        let node = self.tree[root]
        guard node.name == Term.presence, node.namespace == Space.pidf else {
            throw .invalid("root is not presence of urn:ietf:params:xml:ns:pidf")
        }
        try self.attributes(of: root, allowed: Term.entity)
        let entity = self.tree.attribute(Term.entity, of: root)
        guard entity >= 0 else { throw .invalid("presence without entity") }
        let value = self.tree.value(entity).trimmingSpace
        guard !value.isEmpty, LexicalForms.isURI(value), value.contains(UInt8(ascii: ":")) else {
            throw .invalid("entity is not a URI")
        }
        var cursor = node.firstChild
        while cursor >= 0 {
            let child = self.tree[cursor]
            if child.isElement {
                if child.namespace != Space.pidf {
                    try self.extensionElement(cursor, child)
                } else if child.name == Term.tuple {
                    try self.tuple(cursor, child)
                } else if child.name == Term.note {
                    try self.note(cursor)
                } else {
                    throw .invalid("unexpected element in presence")
                }
            } else {
                try self.noText(cursor, child, "presence")
            }
            cursor = child.next
        }
    }

    // MARK: PIDF, RFC 3863 §4.1

    private mutating func tuple(_ id: Int32, _ node: XMLDocument.Node) throws(DocumentFault) {
        try self.attributes(of: id, allowed: Term.id)
        try self.identifier(of: id, "tuple")
        var stage = 0
        var cursor = node.firstChild
        while cursor >= 0 {
            let child = self.tree[cursor]
            if child.isElement {
                stage = try self.tupleChild(cursor, child, stage)
            } else {
                try self.noText(cursor, child, "tuple")
            }
            cursor = child.next
        }
        guard stage > 0 else { throw .invalid("tuple without status") }
    }

    /// status, extensions*, contact?, note*, timestamp?: the stages are 1, 2, 3, 4, 5.
    private mutating func tupleChild(
        _ id: Int32, _ node: XMLDocument.Node, _ stage: Int
    ) throws(DocumentFault) -> Int {
        guard node.namespace == Space.pidf else {
            guard stage > 0 else { throw .invalid("tuple without status in first place") }
            guard stage <= 2 else { throw .invalid("extension after contact, note or timestamp in tuple") }
            try self.extensionElement(id, node)
            return 2
        }
        switch node.name {
        case Term.status:
            guard stage == 0 else { throw .invalid("second status in tuple") }
            try self.status(id, node)
            return 1
        case Term.contact:
            guard (1...2).contains(stage) else { throw .invalid("contact out of place") }
            try self.attributes(of: id, allowed: Term.priority)
            let priority = self.tree.attribute(Term.priority, of: id)
            if priority >= 0, !LexicalForms.isPriority(self.tree.value(priority)) {
                throw .invalid("contact priority is not 0 to 1")
            }
            guard try self.text(of: id, "contact", LexicalForms.isURI) else { throw .invalid("contact is not a URI") }
            return 3
        case Term.note:
            guard (1...4).contains(stage) else { throw .invalid("note out of place") }
            try self.note(id)
            return 4
        case Term.timestamp:
            guard (1...4).contains(stage) else { throw .invalid("timestamp out of place") }
            try self.attributes(of: id)
            guard try self.text(of: id, "timestamp", { LexicalForms.dateTime($0) != nil }) else {
                throw .invalid("timestamp is not a date and time")
            }
            return 5
        default: throw .invalid("unexpected element in tuple")
        }
    }

    private mutating func status(_ id: Int32, _ node: XMLDocument.Node) throws(DocumentFault) {
        try self.attributes(of: id)
        var isFirst = true
        var cursor = node.firstChild
        while cursor >= 0 {
            let child = self.tree[cursor]
            if child.isElement {
                if child.namespace != Space.pidf {
                    try self.extensionElement(cursor, child)
                } else {
                    guard child.name == Term.basic, isFirst else { throw .invalid("unexpected element in status") }
                    try self.attributes(of: cursor)
                    try self.basic(cursor)
                }
                isFirst = false
            } else {
                try self.noText(cursor, child, "status")
            }
            cursor = child.next
        }
    }

    private func basic(_ id: Int32) throws(DocumentFault) {
        guard try self.text(of: id, "basic", { $0.equals("open") || $0.equals("closed") }) else {
            throw .invalid("basic is not open or closed")
        }
    }

    private func note(_ id: Int32) throws(DocumentFault) {
        try self.attributes(of: id)
        _ = try self.text(of: id, "note")
    }

    // MARK: Extensions

    /// An element where the schema of its parent allows any of another namespace.
    private mutating func extensionElement(_ id: Int32, _ node: XMLDocument.Node) throws(DocumentFault) {
        if node.firstAttribute >= 0 {
            let mandatory = self.tree.attribute(Term.mustUnderstand, namespace: Space.pidf, of: id)
            if mandatory >= 0, LexicalForms.boolean(self.tree.value(mandatory)) == nil {
                throw .invalid("mustUnderstand is not a boolean")
            }
        }
        switch node.namespace {
        case Space.dataModel: try self.dataModel(id, node)
        case Space.rpid: try self.rpid(id, node)
        case Space.cipid: try self.cipid(id, node)
        case Space.caps: try self.capabilities(id, node)
        case Space.timedStatus where node.name == Term.timedStatus: try self.timedStatus(id, node)
        case Space.oma: try self.oma(id, node)
        default: break
        }
    }

    // MARK: Data model, RFC 4479 §5

    private mutating func dataModel(_ id: Int32, _ node: XMLDocument.Node) throws(DocumentFault) {
        switch node.name {
        case Term.person, Term.device: try self.occurrence(id, node)
        case Term.deviceID:
            guard try self.text(of: id, "deviceID", { !$0.trimmingSpace.isEmpty && LexicalForms.isURI($0) }) else {
                throw .invalid("deviceID is not a URI")
            }
        case Term.note: _ = try self.text(of: id, "note")
        default: break
        }
    }

    /// person: extensions*, note*, timestamp?. device: extensions*, deviceID, note*, timestamp?.
    private mutating func occurrence(_ id: Int32, _ node: XMLDocument.Node) throws(DocumentFault) {
        let isDevice = node.name == Term.device
        let what: StaticString = isDevice ? "device" : "person"
        try self.attributes(of: id, allowed: Term.id)
        try self.identifier(of: id, what)
        var stage = 0
        var hasDeviceID = false
        var cursor = node.firstChild
        while cursor >= 0 {
            let child = self.tree[cursor]
            if !child.isElement {
                try self.noText(cursor, child, what)
            } else if child.namespace != Space.dataModel {
                guard stage == 0 else { throw .invalid("extension out of place in \(what)") }
                try self.extensionElement(cursor, child)
            } else if child.name == Term.deviceID, isDevice {
                guard stage == 0 else { throw .invalid("deviceID out of place") }
                try self.dataModel(cursor, child)
                hasDeviceID = true
                stage = 1
            } else if child.name == Term.note {
                guard stage <= 2 else { throw .invalid("note out of place in \(what)") }
                try self.dataModel(cursor, child)
                stage = 2
            } else if child.name == Term.timestamp {
                guard stage <= 2, try self.text(of: cursor, "timestamp", { LexicalForms.dateTime($0) != nil }) else {
                    throw .invalid("timestamp of \(what)")
                }
                stage = 3
            } else {
                throw .invalid("unexpected element in \(what)")
            }
            cursor = child.next
        }
        if isDevice, !hasDeviceID { throw .invalid("device without deviceID") }
    }

    // MARK: Simple pieces

    /// Only one attribute without a namespace is allowed; those of other namespaces are left alone.
    func attributes(of id: Int32, allowed: UInt16 = XMLVocabulary.noName) throws(DocumentFault) {
        var cursor = self.tree[id].firstAttribute
        while cursor >= 0 {
            let node = self.tree[cursor]
            if node.isAttribute, node.namespace == XMLVocabulary.noNamespace, node.name != allowed {
                throw .invalid("unexpected attribute")
            }
            cursor = node.next
        }
    }

    mutating func identifier(of id: Int32, _ what: StaticString) throws(DocumentFault) {
        let attribute = self.tree.attribute(Term.id, of: id)
        guard attribute >= 0 else { throw .invalid("\(what) without id") }
        try self.take(identifier: attribute, what)
    }

    /// xs:ID: a name, and once only in the document.
    mutating func take(identifier attribute: Int32, _ what: StaticString) throws(DocumentFault) {
        let value = self.tree.value(attribute)
        guard LexicalForms.isIdentifier(value) else { throw .invalid("id of \(what) is not a name") }
        let trimmed = value.trimmingSpace
        if trimmed.count != value.count { self.hasSpacedIdentifier = true }
        let kept = min(self.identifierCount, self.firstIdentifiers.count)
        for index in 0..<kept where self.firstIdentifiers[index].equals(trimmed) { throw .invalid("id used twice") }
        if kept < self.firstIdentifiers.count {
            self.firstIdentifiers[kept] = trimmed
        } else {
            guard self.moreIdentifiers.insert(Array(trimmed)).inserted else { throw .invalid("id used twice") }
        }
        self.identifierCount += 1
    }

    /// Makes sure that an element has no elements inside, and that its text is as it must be.
    /// - Returns: what `isValid` says of the text.
    @inline(__always)
    func text(
        of id: Int32, _ what: StaticString, _ isValid: (Bytes) -> Bool = { _ in true }
    ) throws(DocumentFault) -> Bool {
        var cursor = self.tree[id].firstChild
        while cursor >= 0 {
            let child = self.tree[cursor]
            if child.isElement { throw .invalid("element inside \(what)") }
            cursor = child.next
        }
        return self.tree.withText(of: id, isValid)
    }

    /// Between elements only white space, comments and instructions may stand.
    func noText(_ id: Int32, _ node: XMLDocument.Node, _ what: StaticString) throws(DocumentFault) {
        guard node.isText else { return }
        for byte in self.tree.value(id) where byte != 0x20 && byte != 0x0A && byte != 0x0D && byte != 0x09 {
            throw .invalid("text in \(what)")
        }
    }

    mutating func timedStatus(_ id: Int32, _ node: XMLDocument.Node) throws(DocumentFault) {
        let from = self.tree.attribute(Term.from, of: id)
        guard from >= 0 else { throw .invalid("timed-status without from") }
        try self.range(of: id)
        try self.eachElement(in: node, "timed-status") { (validator, child, element) throws(DocumentFault) in
            if element.namespace == Space.timedStatus, element.name == Term.basic { try validator.basic(child) }
        }
    }

    /// `from` and `until`, where they stand (RFC 4480 §3.2).
    func range(of id: Int32) throws(DocumentFault) {
        for name in [Term.from, Term.until] {
            let attribute = self.tree.attribute(name, of: id)
            if attribute >= 0, LexicalForms.dateTime(self.tree.value(attribute)) == nil {
                throw .invalid("from or until is not a date and time")
            }
        }
    }

    mutating func oma(_ id: Int32, _ node: XMLDocument.Node) throws(DocumentFault) {
        switch node.name {
        case Term.willingness, Term.overridingWillingness, Term.sessionParticipation:
            var count = 0
            try self.eachElement(in: node, "willingness") { (validator, child, element) throws(DocumentFault) in
                guard element.namespace == Space.oma, element.name == Term.basic else { return }
                count += 1
                guard count == 1 else { throw .invalid("second basic in willingness") }
                try validator.basic(child)
            }
        case Term.registrationState, Term.barringState:
            let isState = try self.text(of: id, "registration-state") {
                $0.trimmingSpace.equals("active") || $0.trimmingSpace.equals("terminated")
            }
            guard isState else {
                throw .invalid("state is not active or terminated")
            }
        case Term.serviceDescription:
            var found: (Int, Int) = (0, 0)
            try self.eachElement(in: node, "service-description") { (validator, child, element) throws(DocumentFault) in
                guard element.namespace == Space.oma else { return }
                if element.name == Term.serviceId { found.0 += 1 }
                if element.name == Term.version { found.1 += 1 }
                _ = try validator.text(of: child, "service-description")
            }
            guard found == (1, 1) else { throw .invalid("service-description without service-id and version") }
        default: break
        }
    }

    /// Calls `body` for each element right under a node; text between them is refused.
    mutating func eachElement(
        in node: XMLDocument.Node, _ what: StaticString,
        _ body: (inout PresenceValidator, Int32, XMLDocument.Node) throws(DocumentFault) -> Void
    ) throws(DocumentFault) {
        var cursor = node.firstChild
        while cursor >= 0 {
            let child = self.tree[cursor]
            if child.isElement {
                try body(&self, cursor, child)
            } else {
                try self.noText(cursor, child, what)
            }
            cursor = child.next
        }
    }
}
