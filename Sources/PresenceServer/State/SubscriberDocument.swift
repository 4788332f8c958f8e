/// A document of a subscriber that says how presence is handled, as the XDM server keeps it. Of its bytes nothing is
/// taken for granted.
package struct SubscriberDocument: Equatable, Sendable {
    /// What the document is for.
    package enum Kind: Hashable, Sendable, CaseIterable {
        /// Authorization rules (RFC 5025, or their OMA form): all documents of this kind of an owner count together.
        case rules
        /// Hard state (RFC 4827): shown where nothing that was published says otherwise.
        case hardState
        /// Lists that the `external-list` conditions of OMA rules name (RFC 4826).
        case resourceLists
    }

    package var kind: Kind
    /// Whose document it is: a canonical identity; empty in the global tree.
    package var owner: [UInt8]
    /// The document selector, decoded: `pres-rules/users/sip:ann@home1.net/index`.
    package var selector: [UInt8]
    /// Nil: the document was removed.
    package var body: [UInt8]?

    package init(kind: Kind, owner: [UInt8], selector: [UInt8], body: [UInt8]?) {
        self.kind = kind
        self.owner = owner
        self.selector = selector
        self.body = body
    }
}

/// All documents of all subscribers, as bytes: what is needed of them is read when it is needed.
struct SubscriberDocuments: Sendable {
    /// A document as it is kept.
    struct Kept: Sendable {
        let selector: [UInt8]
        let body: [UInt8]
    }

    /// By owner, in the order of their selectors.
    private var rules: [[UInt8]: [Kept]] = [:]
    private var hardState: [[UInt8]: [Kept]] = [:]
    /// By selector.
    private var lists: [[UInt8]: [UInt8]] = [:]

    var count: (rules: Int, hardState: Int, lists: Int) { (self.rules.count, self.hardState.count, self.lists.count) }

    /// Takes a change in.
    /// - Returns: whether it changed anything.
    mutating func apply(_ document: SubscriberDocument) -> Bool {
        switch document.kind {
        case .rules: Self.apply(document, to: &self.rules)
        case .hardState: Self.apply(document, to: &self.hardState)
        case .resourceLists: self.applyLists(document)
        }
    }

    private mutating func applyLists(_ document: SubscriberDocument) -> Bool {
        guard self.lists[document.selector] != document.body else { return false }
        self.lists[document.selector] = document.body
        return true
    }

    private static func apply(_ document: SubscriberDocument, to table: inout [[UInt8]: [Kept]]) -> Bool {
        var kept = table[document.owner] ?? []
        let index = kept.firstIndex { $0.selector == document.selector }
        if index.map({ kept[$0].body }) == document.body { return false }
        if let index { kept.remove(at: index) }
        if let body = document.body {
            let place = kept.firstIndex { document.selector.lexicographicallyPrecedes($0.selector) } ?? kept.count
            kept.insert(Kept(selector: document.selector, body: body), at: place)
        }
        table[document.owner] = kept.isEmpty ? nil : kept
        return true
    }

    /// Whether a presentity keeps rules. One look-up, and none where nobody keeps any.
    func keepsRules(_ presentity: [UInt8]) -> Bool {
        !self.rules.isEmpty && self.rules[presentity] != nil
    }

    func rules(of presentity: [UInt8]) -> [Kept] { self.rules[presentity] ?? [] }

    /// Whether a presentity keeps hard state. One look-up, and none where nobody keeps any.
    func keepsHardState(_ presentity: [UInt8]) -> Bool {
        !self.hardState.isEmpty && self.hardState[presentity] != nil
    }

    func hardState(of presentity: [UInt8]) -> [Kept] { self.hardState[presentity] ?? [] }

    /// The `resource-lists` document of a selector.
    func list(_ selector: [UInt8]) -> [UInt8]? { self.lists[selector] }
}
