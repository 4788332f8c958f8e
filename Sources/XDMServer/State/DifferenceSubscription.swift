internal import EventNotification
internal import Ground
internal import XCAPEngine

/// How a subscriber wants to hear of changes (RFC 5875 §4.3). A notifier may do less than what is asked, never more.
enum DifferenceProcessing: UInt8, Sendable {
    /// `no-patching`: that a document changed.
    case references
    /// `xcap-patching`: every change, with the operations that make it.
    case patches
    /// `aggregate`: what changed since the last notification, with operations.
    case aggregate

    /// Reads the parameter of an Event header: absent, or a value that is not known, is the simplest.
    init(parameter: Octets?) {
        guard let parameter else {
            self = .references
            return
        }
        if parameter.equalsIgnoringCase("xcap-patching") {
            self = .patches
        } else if parameter.equalsIgnoringCase("aggregate") {
            self = .aggregate
        } else {
            self = .references
        }
    }
}

/// A resource that a subscription names (RFC 5875 §4.4).
struct WatchedResource: Sendable {
    /// What a URI means.
    enum Kind: Sendable {
        /// A document, by its key.
        case document([UInt8])
        /// An element or attribute of a document.
        case component(key: [UInt8], XCAPSelector)
        /// All documents below a folder, whose name ends with a slash.
        case collection([UInt8])
        /// All documents of a user: what a SUBSCRIBE without a list means.
        case home([UInt8])
        /// Nothing that this server could ever have.
        case nothing
    }

    /// As the subscriber wrote it, octet by octet; empty for a home.
    let uri: [UInt8]
    let kind: Kind

    /// Whether a document belongs to the resource as a whole.
    func covers(_ key: [UInt8], owner: [UInt8]) -> Bool {
        switch self.kind {
        case .document(let own): own == key
        case .collection(let folder): key.starts(with: folder)
        case .home(let own): own == owner
        case .component, .nothing: false
        }
    }
}

/// A change of a document that was not told yet.
struct QueuedChange: Sendable {
    let key: [UInt8]
    let owner: [UInt8]
    /// Nil if there was no document.
    var previousTag: [UInt8]?
    /// Nil if there is none any more.
    var newTag: [UInt8]?
    /// Nil where only a reference can be told.
    var previousBody: [UInt8]?
    var newBody: [UInt8]?
    /// Whether both bodies are equal, octet by octet.
    var isSameBody: Bool

    /// Bytes that the change keeps alive.
    var bytes: Int { (self.previousBody?.count ?? 0) + (self.newBody?.count ?? 0) }

    /// This change and the next one of the same document as one.
    func merged(with next: QueuedChange) -> QueuedChange {
        QueuedChange(
            key: self.key, owner: self.owner, previousTag: self.previousTag, newTag: next.newTag,
            previousBody: self.previousBody, newBody: next.newBody, isSameBody: self.isSameBody && next.isSameBody)
    }
}

/// What this box keeps of a subscription to changes, beside what the notifier keeps.
struct DifferenceSubscription: Sendable {
    /// Canonical identities of the subscriber, the main one first.
    let identities: [[UInt8]]
    var processing: DifferenceProcessing
    var resources: [WatchedResource]
    /// Whose documents the subscriber may read beside those of nobody; nil for a trusted reader, who may read all.
    var scope: [[UInt8]]? = []
    /// The documents that the subscriber was told of, by key, with the tag that was told last.
    var told: [[UInt8]: [UInt8]] = [:]
    /// The components that the subscriber knows to exist, by URI, with a digest of the content that was told last.
    var toldComponents: [[UInt8]: UInt64] = [:]
    /// Documents and components whose end is told by the NOTIFY under way; documents with their last tag.
    var leaving: [[UInt8]: [UInt8]] = [:]
    var leavingComponents: Set<[UInt8]> = []
    /// In the order in which things happened.
    var queue: [QueuedChange] = []
    var queuedBytes = 0
    /// Documents whose latest word to the subscriber was a reference: it may hold any version since then.
    var unsettled: Set<[UInt8]> = []
    /// What did not fit into the last NOTIFY.
    var backlog: [DifferenceEntry] = []
    /// Names what the stored record says about ``told``.
    var storedInventory: UInt64 = 0

    init(identities: [[UInt8]], processing: DifferenceProcessing, resources: [WatchedResource]) {
        self.identities = identities
        self.processing = processing
        self.resources = resources
    }

    /// Takes a change up for the next NOTIFY.
    mutating func enqueue(_ change: QueuedChange, limits: XDMServer.Limits) {
        var change = change
        if self.processing == .references {
            change.previousBody = nil
            change.newBody = nil
        }
        if self.processing != .patches, let index = self.queue.lastIndex(where: { $0.key == change.key }) {
            guard self.processing == .references || !self.unsettled.contains(change.key) else {
                return self.append(change, limits: limits)
            }
            self.queuedBytes -= self.queue[index].bytes
            change = self.queue.remove(at: index).merged(with: change)
        }
        self.append(change, limits: limits)
    }

    private mutating func append(_ change: QueuedChange, limits: XDMServer.Limits) {
        self.queue.append(change)
        self.queuedBytes += change.bytes
        guard self.queue.count > limits.queuedChanges || self.queuedBytes > limits.queuedBytes else { return }
        // Too much to keep: what remains is that these documents changed.
        var order: [[UInt8]] = []
        var merged: [[UInt8]: QueuedChange] = [:]
        for change in self.queue {
            let known = merged[change.key]?.merged(with: change) ?? change
            merged[change.key] = known
            order.removeAll { $0 == change.key }
            order.append(change.key)
        }
        self.queue = order.compactMap { merged[$0] }
        for index in self.queue.indices {
            self.queue[index].previousBody = nil
            self.queue[index].newBody = nil
        }
        self.queuedBytes = 0
    }

    /// Names the state that the subscriber knows when it was told everything (RFC 5839 §6.1, RFC 5875 §4.7): the URIs in
    /// whatever order, what there is, and of which tag.
    var stateTag: ContentTag {
        var bytes: [UInt8] = []
        for uri in self.resources.map(\.uri).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            bytes += uri
            bytes.append(0)
        }
        for (key, tag) in self.told.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            bytes += key
            bytes.append(1)
            bytes += tag
            bytes.append(2)
        }
        for (uri, digest) in self.toldComponents.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            bytes += uri
            bytes.append(3)
            bytes.append(hex: digest)
        }
        return ContentTag(of: bytes)
    }

    /// Names what there is, whatever its tags are.
    var inventory: UInt64 {
        var bytes: [UInt8] = []
        for name in (Array(self.told.keys) + Array(self.leaving.keys)).sorted(by: { $0.lexicographicallyPrecedes($1) })
        {
            bytes += name
            bytes.append(0)
        }
        bytes.append(1)
        let components = Set(self.toldComponents.keys).union(self.leavingComponents)
        for name in components.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            bytes += name
            bytes.append(0)
        }
        return ContentTag(of: bytes).raw
    }

    /// The URIs that a document is told under: those that name it, else its place below a folder.
    func selectors(of key: [UInt8]) -> [[UInt8]] {
        let named = self.resources.compactMap { resource -> [UInt8]? in
            guard case .document(let own) = resource.kind, own == key else { return nil }
            return resource.uri
        }
        guard named.isEmpty else { return named }
        var encoded: [UInt8] = []
        PercentEncoding.appendEncoded(key[...], to: &encoded)
        return [encoded]
    }

    /// Whether the subscriber asked for a document or for something in it.
    func concerns(_ key: [UInt8], owner: [UInt8]) -> Bool {
        self.resources.contains { resource in
            if case .component(let own, _) = resource.kind { return own == key }
            return resource.covers(key, owner: owner)
        }
    }

    /// Whether the subscriber asked for a document as a whole.
    func covers(_ key: [UInt8], owner: [UInt8]) -> Bool { self.resources.contains { $0.covers(key, owner: owner) } }
}

// The stored form: a version, the processing, then lists of byte strings: identities, URIs, documents and their tags,
// components. What is leaving is stored as if it were there, so that a restart tells its end once more.
extension DifferenceSubscription {
    private static let version: UInt8 = 1

    /// What the notifier's record keeps of the subscription.
    var encoded: [UInt8] {
        var bytes: [UInt8] = [Self.version, self.processing.rawValue]
        Self.append(self.identities, to: &bytes)
        Self.append(self.resources.map(\.uri), to: &bytes)
        let documents = self.told.merging(self.leaving) { told, _ in told }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) }
        Self.append(documents.flatMap { [$0.key, $0.value] }, to: &bytes)
        let components = Set(self.toldComponents.keys).union(self.leavingComponents)
        Self.append(components.sorted { $0.lexicographicallyPrecedes($1) }, to: &bytes)
        return bytes
    }

    private static func append(_ list: [[UInt8]], to bytes: inout [UInt8]) {
        Self.append(list.count, to: &bytes)
        for text in list {
            Self.append(text.count, to: &bytes)
            bytes += text
        }
    }

    private static func append(_ number: Int, to bytes: inout [UInt8]) {
        for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
    }

    /// Reads what ``encoded`` wrote. Nil if it does not hold together.
    /// - Parameter resolve: what a URI means.
    init?(encoded: [UInt8], resolve: ([UInt8]) -> WatchedResource) {
        var rest = encoded[...]
        guard rest.popFirst() == Self.version, let raw = rest.popFirst(),
            let processing = DifferenceProcessing(rawValue: raw), let identities = Self.list(&rest),
            let uris = Self.list(&rest), let documents = Self.list(&rest), documents.count % 2 == 0,
            let components = Self.list(&rest), rest.isEmpty
        else { return nil }
        self.init(identities: identities, processing: processing, resources: uris.map(resolve))
        for index in stride(from: 0, to: documents.count, by: 2) { self.told[documents[index]] = documents[index + 1] }
        // Which content was told is not known any more.
        for uri in components { self.toldComponents[uri] = 0 }
        self.storedInventory = self.inventory
    }

    private static func list(_ rest: inout Octets) -> [[UInt8]]? {
        guard let count = Self.number(&rest), count <= rest.count / 4 else { return nil }
        var list: [[UInt8]] = []
        list.reserveCapacity(count)
        for _ in 0..<count {
            guard let length = Self.number(&rest), length <= rest.count else { return nil }
            list.append(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        return list
    }

    private static func number(_ rest: inout Octets) -> Int? {
        guard rest.count >= 4 else { return nil }
        var number = 0
        for byte in rest.prefix(4) { number = number << 8 | Int(byte) }
        rest = rest.dropFirst(4)
        return number
    }
}
