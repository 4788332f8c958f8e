internal import Ground
internal import PresenceDocuments

/// Who stands in the lists that the rules of one presentity name (OMA `external-list`; RFC 4826 §3.1).
///
/// Lists inside lists, references to entries and to lists of other documents are followed, as far as they lead to
/// documents of the presentity itself: so nobody learns from its own rules who stands in the lists of others. What
/// leads elsewhere, in a circle or too far names nobody: what cannot be read never lets anybody in.
struct ListedIdentities: Sendable {
    /// The bounds of following references.
    struct Bounds: Sendable {
        /// How many references may lead from one to the next.
        var depth: Int
        /// How many members the lists of all anchors may have together.
        var members: Int
    }

    /// The keys of everybody who stands in the list of an anchor, by anchor.
    private var listed: [[UInt8]: Set<[UInt8]>] = [:]
    /// Selectors of every document that was looked into or looked for.
    private(set) var selectors: Set<[UInt8]> = []
    /// Whether a bound was hit.
    private(set) var isCut = false

    /// Nobody.
    static let none = ListedIdentities()

    private init() {}

    /// Follows the anchors of a policy.
    /// - Parameters:
    ///   - roots: the XCAP roots that this operator's documents have, without a slash at the end.
    ///   - owner: the presentity.
    init(
        anchors: [[UInt8]], owner: [UInt8], documents: SubscriberDocuments, roots: [[UInt8]], bounds: Bounds
    ) {
        var search = Search(owner: owner, documents: documents, roots: roots, bounds: bounds)
        for anchor in anchors where self.listed[anchor] == nil {
            self.listed[anchor] = search.members(of: anchor)
        }
        self.selectors = search.selectors
        self.isCut = search.isCut
    }

    /// Whether one of the identities stands in the list of an anchor.
    func contains(_ identities: [[UInt8]], in anchor: Octets) -> Bool {
        guard let listed = self.listed[Array(anchor)] else { return false }
        return identities.contains { listed.contains($0) }
    }
}

/// One walk through the lists of a presentity.
private struct Search {
    let owner: [UInt8]
    let documents: SubscriberDocuments
    let roots: [[UInt8]]
    let bounds: ListedIdentities.Bounds
    var selectors: Set<[UInt8]> = []
    var isCut = false
    /// Documents that were read already; nil for one that is not there or cannot be read.
    private var read: [[UInt8]: ResourceLists?] = [:]
    private var found: Set<[UInt8]> = []
    /// How many members may still be taken in.
    private var room: Int
    /// References that are being followed, to notice circles.
    private var path: [[UInt8]] = []

    init(owner: [UInt8], documents: SubscriberDocuments, roots: [[UInt8]], bounds: ListedIdentities.Bounds) {
        self.owner = owner
        self.documents = documents
        self.roots = roots
        self.bounds = bounds
        self.room = bounds.members
    }

    mutating func members(of anchor: [UInt8]) -> Set<[UInt8]> {
        self.found = []
        self.follow(anchor)
        return self.found
    }

    /// Takes in what a reference leads to: a list, a whole document, or one entry.
    private mutating func follow(_ reference: [UInt8]) {
        guard !self.path.contains(reference) else { return }
        guard self.path.count < self.bounds.depth else {
            self.isCut = true
            return
        }
        self.path.append(reference)
        defer { self.path.removeLast() }
        let (list, entry) = EntryStep.split(reference[...])
        guard let anchor = ListAnchor(list), self.isReadable(anchor), let document = self.document(anchor.selector)
        else { return }
        let lists = anchor.steps.isEmpty ? document.lists : document.list(at: anchor.steps).map { [$0] } ?? []
        if let entry {
            guard lists.count == 1, let list = lists.first, let uri = entry.uri(in: list) else { return }
            return self.add(uri)
        }
        for list in lists { self.take(list) }
    }

    private mutating func take(_ list: ResourceList) {
        for member in list.members {
            guard self.room > 0 else {
                self.isCut = true
                return
            }
            switch member {
            case .entry(let entry): self.add(entry.uri)
            case .list(let inner): self.take(inner)
            case .entryReference(let reference), .external(let reference):
                self.room -= 1
                self.follow(reference)
            }
        }
    }

    private mutating func add(_ uri: [UInt8]) {
        guard self.room > 0 else {
            self.isCut = true
            return
        }
        self.room -= 1
        self.found.insert(PolicyIdentity.key(uri[...]))
    }

    /// A presentity's rules reach its own lists, under the names that this operator's documents have.
    private func isReadable(_ anchor: ListAnchor) -> Bool {
        guard anchor.owner == self.owner else { return false }
        if anchor.root.isEmpty || self.roots.contains(anchor.root) { return true }
        // A reference may also be a path on the server of the document that it stands in.
        guard anchor.root.first == UInt8(ascii: "/") else { return false }
        return self.roots.contains { $0.count > anchor.root.count && $0.suffix(anchor.root.count) == anchor.root[...] }
    }

    private mutating func document(_ selector: [UInt8]) -> ResourceLists? {
        if let known = self.read[selector] { return known }
        self.selectors.insert(selector)
        let document = self.documents.list(selector).flatMap { try? ResourceLists.parse($0[...]) }
        self.read[selector] = .some(document)
        return document
    }
}

/// The last step of a reference that leads to one entry: `entry[@uri="sip:bob@home1.net"]`, `entry[2]`, `entry`.
private enum EntryStep {
    case named([UInt8])
    case position(Int)
    case only

    /// Cuts the step off. A reference that does not end with one is a list.
    static func split(_ reference: Octets) -> (list: Octets, entry: EntryStep?) {
        guard let slash = reference.lastIndex(of: UInt8(ascii: "/")),
            let piece = Self.decoded(reference[(slash + 1)...])
        else { return (reference, nil) }
        let name = piece.prefix { $0 != UInt8(ascii: "[") }
        let local = name.firstIndex(of: UInt8(ascii: ":")).map { name[($0 + 1)...] } ?? name
        guard local.equals("entry") else { return (reference, nil) }
        let predicate = piece.dropFirst(name.count)
        let list = reference[..<slash]
        if predicate.isEmpty { return (list, .only) }
        guard predicate.last == UInt8(ascii: "]") else { return (reference, nil) }
        let inner = predicate.dropFirst().dropLast()
        if !inner.isEmpty, inner.count <= 6, inner.allSatisfy({ ASCII.isDigit($0) }) {
            return (list, Int(inner.text).map { .position($0) })
        }
        let key = Array("@uri=".utf8)
        let value = inner.dropFirst(key.count)
        guard inner.starts(with: key), value.count >= 2, let quote = value.first,
            quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'"), value.last == quote
        else { return (reference, nil) }
        return (list, .named(Array(value.dropFirst().dropLast())))
    }

    /// The URI of the entry that the step names among the entries right in a list; nil if there is none.
    func uri(in list: ResourceList) -> [UInt8]? {
        let entries = list.members.compactMap { member -> [UInt8]? in
            if case .entry(let entry) = member { entry.uri } else { nil }
        }
        switch self {
        case .named(let uri): return entries.first { $0 == uri }
        case .position(let number): return number >= 1 && number <= entries.count ? entries[number - 1] : nil
        case .only: return entries.count == 1 ? entries[0] : nil
        }
    }

    /// Undoes percent-encoding once. Nil where it is broken.
    private static func decoded(_ text: Octets) -> Octets? {
        var result: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                result.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap({ ASCII.hexValue($0) }),
                let low = rest.popFirst().flatMap({ ASCII.hexValue($0) })
            else { return nil }
            result.append(high << 4 | low)
        }
        return result[...]
    }
}
