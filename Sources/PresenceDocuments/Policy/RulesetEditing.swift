package import Ground
internal import XMLTree

/// Changes of a ruleset that people ask for: how one watcher, a domain, strangers or anonymous watchers are treated.
///
/// Rules only ever grant (RFC 4745 §10.2), so that "block bob" also has to take bob out of every rule that grants
/// more. Everything else in the document stays as it is: other rules, comments, white space, prefixes.
package enum RulesetEditing {
    /// Whom a change is about.
    package enum Subject: Hashable, Sendable {
        /// One watcher, by URI.
        case identity([UInt8])
        /// Every authenticated watcher of a domain.
        case domain([UInt8])
        /// Everybody whom no other rule is about (OMA `other-identity`).
        case others
        /// Watchers without an identity, or who hide it (OMA `anonymous-request`).
        case anonymous
    }

    /// The outcome of a change.
    package struct Change: Equatable, Sendable {
        /// The new document.
        package let document: [UInt8]
        /// Rules that still grant the subject more than was asked for, because of conditions that nobody can be
        /// taken out of: no identity at all, or a list.
        package let remaining: [[UInt8]]

        package init(document: [UInt8], remaining: [[UInt8]]) {
            self.document = document
            self.remaining = remaining
        }
    }

    /// The document after a subject is treated in a new way.
    /// - Parameters:
    ///   - handling: how the subject is treated from now on. Who is allowed sees everything, unless a rule that
    ///     allows the subject already says what is shown.
    ///   - document: the ruleset as it stands; nil where there is none yet.
    ///   - others: how everybody else is treated by a document that is made for this change. Without a rule for
    ///     them they are blocked.
    /// - Throws: a fault where the document cannot be read, or has become too large.
    package static func setting(
        _ handling: SubHandling, for subject: Subject, in document: Octets?, others: SubHandling? = .confirm
    ) throws(DocumentFault) -> Change {
        var editor = try RulesetEditor(document)
        if document == nil, subject != .others, let others { try editor.set(others, for: .others) }
        try editor.set(handling, for: subject)
        return try editor.change(keeping: handling, subject)
    }

    /// The document after all that is said about a subject is forgotten; nil where nothing was.
    package static func removing(_ subject: Subject, from document: Octets) throws(DocumentFault) -> [UInt8]? {
        var editor = try RulesetEditor(document)
        guard try editor.remove(subject) else { return nil }
        return try editor.change(keeping: nil, subject).document
    }
}

/// One editing of a ruleset.
struct RulesetEditor {
    private var tree: XMLDocument
    private let root: XMLDocument.NodeID

    init(_ document: Octets?) throws(DocumentFault) {
        let empty =
            "<ruleset xmlns=\"urn:ietf:params:xml:ns:common-policy\" xmlns:pr=\"urn:ietf:params:xml:ns:pres-rules\" "
            + "xmlns:ocp=\"urn:oma:xml:xdm:common-policy\">\n</ruleset>\n"
        let text = document ?? Array(empty.utf8)[...]
        // What is edited has to be understood first.
        _ = try Ruleset.parse(text)
        do {
            self.tree = try XMLDocument.parse(text, vocabulary: PolicyNames.vocabulary, limits: .ruleset)
        } catch {
            throw DocumentFault(error)
        }
        self.root = self.tree.root
    }

    /// What the document has become.
    /// - Parameter handling: what the subject was to get, nil where it was forgotten.
    func change(
        keeping handling: SubHandling?, _ subject: RulesetEditing.Subject
    ) throws(DocumentFault) -> RulesetEditing.Change {
        let bytes = self.tree.serialised()
        let ruleset = try Ruleset.parse(bytes[...])
        guard let handling, case .identity(let uri) = subject else {
            return RulesetEditing.Change(document: bytes, remaining: [])
        }
        let key = PolicyIdentity.key(uri[...])
        let remaining = ruleset.rules.filter { rule in
            guard rule.handling ?? .block > handling else { return false }
            return rule.conditions.allSatisfy { condition in
                switch condition {
                case .identity(let identity): identity.ones.containsSorted(key)
                case .otherIdentity, .anonymousRequest, .unknown: false
                case .sphere, .validity, .externalList: true
                }
            }
        }
        return RulesetEditing.Change(document: bytes, remaining: remaining.map(\.id))
    }

    // MARK: The changes

    mutating func set(_ handling: SubHandling, for subject: RulesetEditing.Subject) throws(DocumentFault) {
        var isSaid = false
        for rule in self.children(self.root, PolicyTerm.rule, PolicySpace.common) {
            let current = self.handling(of: rule)
            switch subject {
            case .others, .anonymous:
                guard self.soleCondition(of: rule) == Self.condition(of: subject) else { continue }
                // Of several such rules one is enough.
                if isSaid { self.remove(rule) } else { try self.give(handling, to: rule) }
                isSaid = true
            case .identity, .domain:
                if current == handling, self.isNamed(subject, by: rule), self.hasIdentityAlone(rule) {
                    isSaid = true
                } else if current != nil, current != handling {
                    _ = self.takeOut(subject, of: rule)
                }
                if let current, current > handling { try self.except(subject, in: rule) }
            }
        }
        if !isSaid { try self.add(subject, handling) }
    }

    /// - Returns: whether anything was said about the subject.
    mutating func remove(_ subject: RulesetEditing.Subject) throws(DocumentFault) -> Bool {
        var found = false
        for rule in self.children(self.root, PolicyTerm.rule, PolicySpace.common) {
            switch subject {
            case .others, .anonymous:
                guard self.soleCondition(of: rule) == Self.condition(of: subject) else { continue }
                self.remove(rule)
                found = true
            case .identity, .domain:
                for exception in self.exceptions(of: subject, in: rule) {
                    self.remove(exception)
                    found = true
                }
                if self.takeOut(subject, of: rule) { found = true }
            }
        }
        return found
    }

    /// Takes the alternatives that name a subject out of a rule, and the rule away with the last of them: without
    /// alternatives it would be about somebody else.
    private mutating func takeOut(_ subject: RulesetEditing.Subject, of rule: XMLDocument.NodeID) -> Bool {
        var found = false
        for identity in self.identities(of: rule) {
            let alternatives = self.elements(under: identity)
            let named = alternatives.filter { self.names($0, subject) }
            guard !named.isEmpty else { continue }
            found = true
            guard named.count < alternatives.count else {
                self.remove(rule)
                return true
            }
            for alternative in named { self.remove(alternative) }
        }
        return found
    }

    /// Excepts a subject from the groups of a rule that it belongs to.
    private mutating func except(
        _ subject: RulesetEditing.Subject, in rule: XMLDocument.NodeID
    ) throws(DocumentFault) {
        for identity in self.identities(of: rule) {
            for group in self.children(identity, PolicyTerm.many, PolicySpace.common) {
                let domain = self.attribute(PolicyTerm.domain, of: group).map { PolicyIdentity.hostKey($0) }
                let name: UInt16
                let value: [UInt8]
                switch subject {
                case .identity(let uri):
                    let own = Array(PolicyIdentity.domain(ofKey: PolicyIdentity.key(uri[...])))
                    guard domain == nil || domain == own else { continue }
                    (name, value) = (PolicyTerm.id, uri)
                case .domain(let uri):
                    guard domain == nil else { continue }
                    (name, value) = (PolicyTerm.domain, uri)
                case .others, .anonymous: continue
                }
                guard !self.elements(under: group).contains(where: { self.isException($0, of: subject) }) else {
                    continue
                }
                let exception = self.make(PolicyTerm.exception, like: group)
                self.tree.setAttribute(name, of: exception, to: value[...])
                self.append(exception, to: group)
            }
        }
    }

    private mutating func add(
        _ subject: RulesetEditing.Subject, _ handling: SubHandling
    ) throws(DocumentFault) {
        switch subject {
        case .others: _ = try self.addRule("others", handling, Self.condition(of: subject))
        case .anonymous: _ = try self.addRule("anonymous", handling, Self.condition(of: subject))
        case .identity(let uri):
            let identity = try self.sharedIdentity(handling)
            let one = self.make(PolicyTerm.one, like: identity)
            self.tree.setAttribute(PolicyTerm.id, of: one, to: uri[...])
            self.append(one, to: identity)
        case .domain(let domain):
            let identity = try self.sharedIdentity(handling)
            let many = self.make(PolicyTerm.many, like: identity)
            self.tree.setAttribute(PolicyTerm.domain, of: many, to: domain[...])
            self.append(many, to: identity)
        }
    }

    /// The `identity` of the rule that this editor keeps for a handling, which is made where it is missing.
    private mutating func sharedIdentity(_ handling: SubHandling) throws(DocumentFault) -> XMLDocument.NodeID {
        for rule in self.children(self.root, PolicyTerm.rule, PolicySpace.common) {
            guard self.attribute(PolicyTerm.id, of: rule)?.text == handling.word, self.handling(of: rule) == handling,
                self.hasIdentityAlone(rule), let identity = self.identities(of: rule).first,
                !self.elements(under: identity).isEmpty
            else { continue }
            return identity
        }
        return try self.addRule(handling.word, handling, (PolicyTerm.identity, PolicySpace.common))
    }

    /// Adds a rule with one empty condition.
    /// - Returns: the condition.
    private mutating func addRule(
        _ name: String, _ handling: SubHandling, _ condition: (name: UInt16, namespace: UInt16)
    ) throws(DocumentFault) -> XMLDocument.NodeID {
        let rule = self.make(PolicyTerm.rule, like: self.root)
        self.tree.setAttribute(PolicyTerm.id, of: rule, to: self.unusedIdentifier(name)[...])
        self.append(rule, to: self.root)
        let conditions = self.make(PolicyTerm.conditions, like: self.root)
        self.append(conditions, to: rule)
        let element = try self.make(condition.name, condition.namespace)
        self.append(element, to: conditions)
        try self.give(handling, to: rule)
        return element
    }

    /// Sets the `sub-handling` of a rule. A rule that allows has to show something.
    private mutating func give(_ handling: SubHandling, to rule: XMLDocument.NodeID) throws(DocumentFault) {
        var actions = self.children(rule, PolicyTerm.actions, PolicySpace.common).first
        if actions == nil {
            let made = self.make(PolicyTerm.actions, like: self.root)
            let conditions = self.children(rule, PolicyTerm.conditions, PolicySpace.common).first
            self.insert(made, under: rule, after: conditions)
            actions = made
        }
        guard let actions else { return }
        for old in self.children(actions, PolicyTerm.subHandling, PolicySpace.presence) { self.remove(old) }
        let element = try self.make(PolicyTerm.subHandling, PolicySpace.presence)
        self.tree.append(self.tree.makeText(Array(handling.word.utf8)[...]), to: element)
        self.append(element, to: actions)
        if handling == .allow, self.children(rule, PolicyTerm.transformations, PolicySpace.common).isEmpty {
            try self.showEverything(in: rule)
        }
    }

    private mutating func showEverything(in rule: XMLDocument.NodeID) throws(DocumentFault) {
        let transformations = self.make(PolicyTerm.transformations, like: self.root)
        self.append(transformations, to: rule)
        for (provider, all) in [
            (PolicyTerm.provideServices, PolicyTerm.allServices), (PolicyTerm.providePersons, PolicyTerm.allPersons),
            (PolicyTerm.provideDevices, PolicyTerm.allDevices),
        ] {
            let occurrences = try self.make(provider, PolicySpace.presence)
            self.append(occurrences, to: transformations)
            self.append(try self.make(all, PolicySpace.presence), to: occurrences)
        }
        self.append(try self.make(PolicyTerm.provideAllAttributes, PolicySpace.presence), to: transformations)
    }
}

// MARK: What a rule says

extension RulesetEditor {
    private static func condition(of subject: RulesetEditing.Subject) -> (name: UInt16, namespace: UInt16) {
        subject == .others
            ? (PolicyTerm.otherIdentity, PolicySpace.omaCommon) : (PolicyTerm.anonymousRequest, PolicySpace.omaCommon)
    }

    private func handling(of rule: XMLDocument.NodeID) -> SubHandling? {
        self.children(rule, PolicyTerm.actions, PolicySpace.common)
            .flatMap { self.children($0, PolicyTerm.subHandling, PolicySpace.presence) }
            .map { SubHandling(word: self.tree.stringValue($0).trimmingSpace.text) ?? .block }.min()
    }

    private func conditions(of rule: XMLDocument.NodeID) -> [XMLDocument.NodeID] {
        self.children(rule, PolicyTerm.conditions, PolicySpace.common).flatMap { self.elements(under: $0) }
    }

    private func soleCondition(of rule: XMLDocument.NodeID) -> (name: UInt16, namespace: UInt16) {
        let conditions = self.conditions(of: rule)
        guard conditions.count == 1 else { return (XMLVocabulary.noName, XMLVocabulary.noNamespace) }
        return (self.tree[conditions[0]].name, self.tree[conditions[0]].namespace)
    }

    private func identities(of rule: XMLDocument.NodeID) -> [XMLDocument.NodeID] {
        self.conditions(of: rule).filter {
            self.tree[$0].name == PolicyTerm.identity && self.tree[$0].namespace == PolicySpace.common
        }
    }

    private func hasIdentityAlone(_ rule: XMLDocument.NodeID) -> Bool {
        self.soleCondition(of: rule) == (PolicyTerm.identity, PolicySpace.common)
    }

    private func isNamed(_ subject: RulesetEditing.Subject, by rule: XMLDocument.NodeID) -> Bool {
        self.identities(of: rule).contains { identity in
            self.elements(under: identity).contains { self.names($0, subject) }
        }
    }

    /// Whether an alternative is the one that names a subject. What stands inside it makes it another.
    private func names(_ alternative: XMLDocument.NodeID, _ subject: RulesetEditing.Subject) -> Bool {
        let node = self.tree[alternative]
        guard node.namespace == PolicySpace.common else { return false }
        switch subject {
        case .identity(let uri):
            guard node.name == PolicyTerm.one, let id = self.attribute(PolicyTerm.id, of: alternative) else {
                return false
            }
            return PolicyIdentity.key(id) == PolicyIdentity.key(uri[...])
        case .domain(let domain):
            guard node.name == PolicyTerm.many, let own = self.attribute(PolicyTerm.domain, of: alternative) else {
                return false
            }
            return PolicyIdentity.hostKey(own) == PolicyIdentity.hostKey(domain[...])
        case .others, .anonymous: return false
        }
    }

    private func exceptions(
        of subject: RulesetEditing.Subject, in rule: XMLDocument.NodeID
    ) -> [XMLDocument.NodeID] {
        self.identities(of: rule).flatMap { self.children($0, PolicyTerm.many, PolicySpace.common) }
            .flatMap { self.elements(under: $0) }.filter { self.isException($0, of: subject) }
    }

    private func isException(_ element: XMLDocument.NodeID, of subject: RulesetEditing.Subject) -> Bool {
        let node = self.tree[element]
        guard node.name == PolicyTerm.exception, node.namespace == PolicySpace.common else { return false }
        switch subject {
        case .identity(let uri):
            guard let id = self.attribute(PolicyTerm.id, of: element) else { return false }
            return PolicyIdentity.key(id) == PolicyIdentity.key(uri[...])
        case .domain(let domain):
            guard let own = self.attribute(PolicyTerm.domain, of: element) else { return false }
            return PolicyIdentity.hostKey(own) == PolicyIdentity.hostKey(domain[...])
        case .others, .anonymous: return false
        }
    }

    private func unusedIdentifier(_ name: String) -> [UInt8] {
        let used = Set(
            self.elements(under: self.root).compactMap { self.attribute(PolicyTerm.id, of: $0)?.text })
        var candidate = name
        var number = 1
        while used.contains(candidate) {
            number += 1
            candidate = "\(name)-\(number)"
        }
        return Array(candidate.utf8)
    }
}

// MARK: The tree

extension RulesetEditor {
    private func elements(under parent: XMLDocument.NodeID) -> [XMLDocument.NodeID] {
        var found: [XMLDocument.NodeID] = []
        var cursor = self.tree[parent].firstChild
        while cursor >= 0 {
            if self.tree[cursor].kind == .element { found.append(cursor) }
            cursor = self.tree[cursor].next
        }
        return found
    }

    private func children(
        _ parent: XMLDocument.NodeID, _ name: UInt16, _ namespace: UInt16
    ) -> [XMLDocument.NodeID] {
        self.elements(under: parent).filter { self.tree[$0].name == name && self.tree[$0].namespace == namespace }
    }

    private func attribute(_ name: UInt16, of id: XMLDocument.NodeID) -> Octets? {
        let attribute = self.tree.attribute(name, of: id)
        return attribute >= 0 ? self.tree.value(attribute).trimmingSpace : nil
    }

    /// An element of common policy with the prefix of another one.
    private mutating func make(_ name: UInt16, like sibling: XMLDocument.NodeID) -> XMLDocument.NodeID {
        self.tree.makeElement(name: name, namespace: PolicySpace.common, prefix: self.tree[sibling].prefix)
    }

    /// An element with the prefix that the document has for its namespace, or a usual one.
    private mutating func make(_ name: UInt16, _ namespace: UInt16) throws(DocumentFault) -> XMLDocument.NodeID {
        if namespace == PolicySpace.common { return self.make(name, like: self.root) }
        for node in self.tree.nodes where node.kind == .namespace && node.namespace == namespace {
            if self.tree.resolve(prefix: node.name, at: self.root) == namespace {
                return self.tree.makeElement(name: name, namespace: namespace, prefix: node.name)
            }
        }
        let usual = namespace == PolicySpace.presence ? "pr" : "ocp"
        guard let prefix = self.tree.intern(Array(usual.utf8)[...]) else {
            throw DocumentFault(kind: .overLimit, status: 413, reason: "Bad ruleset: too many names")
        }
        return self.tree.makeElement(name: name, namespace: namespace, prefix: prefix)
    }

    private mutating func append(_ id: XMLDocument.NodeID, to parent: XMLDocument.NodeID) {
        self.insert(id, under: parent, after: self.elements(under: parent).last)
    }

    /// Hangs an element after another one on a line of its own, as deep as it stands.
    private mutating func insert(
        _ id: XMLDocument.NodeID, under parent: XMLDocument.NodeID, after previous: XMLDocument.NodeID?
    ) {
        let depth = self.tree.depth(of: parent) + 1
        let line = Array("\n".utf8) + [UInt8](repeating: 0x20, count: 2 * depth)
        let space = self.tree.makeText(line[...])
        self.tree.insert(space, under: parent, after: previous ?? -1)
        self.tree.insert(id, under: parent, after: space)
        guard self.tree[id].next < 0 else { return }
        self.tree.append(self.tree.makeText(line.dropLast(2)[...]), to: parent)
    }

    /// Takes an element away with the white space before it.
    private mutating func remove(_ id: XMLDocument.NodeID) {
        let before = self.tree.previous(id)
        if before >= 0, self.tree[before].kind == .text, self.tree.value(before).trimmingSpace.isEmpty {
            self.tree.detach(before)
        }
        self.tree.detach(id)
    }
}
