internal import DigestAuth
internal import EventNotification
internal import Ground
internal import PresenceDocuments
internal import XMLTree

/// One thing that a NOTIFY tells.
typealias DifferenceEntry = DifferenceDocument.Entry

/// A SUBSCRIBE whose sender's credentials are being fetched.
struct AwaitedSubscriber: Sendable {
    let request: NotifierRequest
    let package: Int
    let response: DigestResponse
}

/// Two versions of a document. A tag is never given twice, so they say which bytes are meant.
struct DifferenceName: Equatable, Sendable {
    let key: [UInt8]
    let previousTag: [UInt8]
    let newTag: [UInt8]
}

/// All subscriptions to changes, and who has to hear of which document.
struct DifferenceTable: Sendable {
    var notifier: Notifier
    var authenticator: DigestAuthenticator?
    /// Requests whose sender's credentials are being fetched.
    var awaiting: [Ticket: AwaitedSubscriber] = [:]
    private(set) var subscriptions: [UInt64: DifferenceSubscription] = [:]
    /// Who watches a document or something in it, by key.
    private var byDocument: [[UInt8]: Set<UInt64>] = [:]
    /// Who watches a folder, by its name with a slash at the end.
    private var byFolder: [[UInt8]: Set<UInt64>] = [:]
    /// Who watches everything of a user.
    private var byOwner: [[UInt8]: Set<UInt64>] = [:]
    /// Differences that were made lately, in their order: several subscribers need the same.
    private var differences: [(name: DifferenceName, change: DifferenceDocument.Change)] = []
    /// The document that something was looked for in last.
    private var tree: (key: [UInt8], tag: [UInt8], document: XMLDocument?)?

    init(configuration: XDMServer.Configuration, entropy: Entropy) {
        var limits = NotifierLimits()
        limits.subscriptions = configuration.limits.subscriptions
        limits.retryAfterSeconds = configuration.limits.retryAfterSeconds
        var settings = NotifierConfiguration(
            packages: [.xcapDifference], expiry: configuration.subscriptionExpiry, transactionMark: 2, limits: limits)
        settings.minimumInterval = configuration.notificationInterval
        settings.contactHost = configuration.contactHost
        settings.resynchronisation = configuration.resynchronisation
        self.notifier = Notifier(configuration: settings, entropy: entropy)
        if case .digest(let settings) = configuration.subscriberAuthentication {
            self.authenticator = DigestAuthenticator(settings)
        }
    }

    /// What is kept of a subscription. Its resources do not change in place: see ``replace(_:with:)``.
    subscript(id: UInt64) -> DifferenceSubscription? {
        get { self.subscriptions[id] }
        set { self.subscriptions[id] = newValue }
    }

    /// Puts a subscription in place, new or instead of what there was under its name.
    mutating func replace(_ id: UInt64, with subscription: DifferenceSubscription) {
        self.remove(id)
        self.subscriptions[id] = subscription
        for place in Self.places(of: subscription) {
            switch place {
            case .document(let key): self.byDocument[key, default: []].insert(id)
            case .folder(let folder): self.byFolder[folder, default: []].insert(id)
            case .owner(let owner): self.byOwner[owner, default: []].insert(id)
            }
        }
    }

    mutating func remove(_ id: UInt64) {
        guard let subscription = self.subscriptions.removeValue(forKey: id) else { return }
        for place in Self.places(of: subscription) {
            switch place {
            case .document(let key): Self.drop(id, key, from: &self.byDocument)
            case .folder(let folder): Self.drop(id, folder, from: &self.byFolder)
            case .owner(let owner): Self.drop(id, owner, from: &self.byOwner)
            }
        }
    }

    /// Where a subscription stands in the indices.
    private enum Place {
        case document([UInt8])
        case folder([UInt8])
        case owner([UInt8])
    }

    /// A folder of several users stands with each user whose documents the subscriber may read, so that nobody's change
    /// has to look at strangers.
    private static func places(of subscription: DifferenceSubscription) -> [Place] {
        subscription.resources.flatMap { resource -> [Place] in
            switch resource.kind {
            case .document(let key), .component(let key, _): return [.document(key)]
            case .home(let owner): return [.owner(owner)]
            case .nothing: return []
            case .collection(let folder):
                guard let scope = subscription.scope, folder.count(where: { $0 == UInt8(ascii: "/") }) < 3 else {
                    return [.folder(folder)]
                }
                let usage = folder.prefix { $0 != UInt8(ascii: "/") }
                return scope.map { .owner($0) } + [.folder(usage + Array("/global/".utf8))]
            }
        }
    }

    private static func drop(_ id: UInt64, _ key: [UInt8], from index: inout [[UInt8]: Set<UInt64>]) {
        guard var ids = index.removeValue(forKey: key) else { return }
        ids.remove(id)
        if !ids.isEmpty { index[key] = ids }
    }

    /// Who has to hear of a document, in the order of the subscriptions' names.
    func watchers(of key: [UInt8], owner: [UInt8]) -> [UInt64] {
        var found = self.byDocument[key] ?? []
        if !self.byFolder.isEmpty {
            for index in key.indices where key[index] == UInt8(ascii: "/") {
                if let ids = self.byFolder[Array(key[...index])] { found.formUnion(ids) }
            }
        }
        if !owner.isEmpty, let ids = self.byOwner[owner] { found.formUnion(ids) }
        return found.sorted()
    }

    /// How one version of a document leads to another; a reference where the versions are not kept.
    mutating func difference(of change: QueuedChange, limits: XDMServer.Limits) -> DifferenceDocument.Change {
        guard let previousTag = change.previousTag, let newTag = change.newTag else { return .reference }
        if change.isSameBody { return .bodyNotChanged }
        guard let old = change.previousBody, let new = change.newBody else { return .reference }
        let name = DifferenceName(key: change.key, previousTag: previousTag, newTag: newTag)
        if let known = self.differences.first(where: { $0.name == name }) { return known.change }
        let difference = DifferenceDocument.change(
            from: old, to: new, limit: limits.notificationBytes, limits: XMLLimits(bytes: limits.documentBytes))
        if self.differences.count >= limits.queuedChanges { self.differences.removeFirst() }
        self.differences.append((name, difference))
        return difference
    }

    /// A document as a tree; nil if it cannot be read.
    mutating func tree(of record: DocumentRecord, limits: XMLLimits) -> XMLDocument? {
        if let tree, tree.key == record.selector, tree.tag == record.entityTag { return tree.document }
        let document = try? XMLDocument.parse(record.body[...], limits: limits)
        self.tree = (record.selector, record.entityTag, document)
        return document
    }
}
