internal import EventNotification
internal import Ground
internal import PresenceDocuments
internal import XCAPEngine
internal import XMLTree

/// What a NOTIFY tells (RFC 5875 §4.7).
extension XDMServer {
    /// Answers the notifier that wants content.
    mutating func provideContent(_ id: UInt64, at now: Instant, into orders: inout [NotifierOrder]) {
        guard let occasion = self.differences.notifier.occasion(of: id), var subscription = self.differences[id] else {
            return self.differences.notifier.nothingNew(id, at: now)
        }
        let rendering: DifferenceRendering
        switch occasion {
        case .whole: rendering = self.renderWhole(&subscription)
        case .change:
            rendering = self.renderChanges(&subscription)
            if rendering.isEmpty {
                self.differences[id] = subscription
                return self.differences.notifier.nothingNew(id, at: now)
            }
        }
        subscription.backlog = rendering.rest
        let body = rendering.finished
        // While something is left over the subscriber does not hold the state that its tag stands for.
        let tag = rendering.rest.isEmpty ? subscription.stateTag : ContentTag(of: body)
        if subscription.inventory != subscription.storedInventory {
            subscription.storedInventory = subscription.inventory
            self.differences.notifier.setContext(subscription.encoded, of: id, stores: true, into: &orders)
        }
        self.differences[id] = subscription
        let content = NotifierContent(contentType: DifferenceDocument.contentType, body: body, tag: tag)
        self.differences.notifier.notify(id, content, at: now, into: &orders)
        if !subscription.backlog.isEmpty { self.differences.notifier.changed(id, at: now, into: &orders) }
    }

    // MARK: All of the state

    /// What there is, as references and contents; and what the subscriber knows that is no more.
    mutating func renderWhole(_ subscription: inout DifferenceSubscription) -> DifferenceRendering {
        let known = subscription.told.merging(subscription.leaving) { told, _ in told }
        let knownComponents = Set(subscription.toldComponents.keys).union(subscription.leavingComponents)
        var rendering = self.rendering
        subscription.told = [:]
        subscription.toldComponents = [:]
        subscription.leaving = [:]
        subscription.leavingComponents = []
        subscription.queue = []
        subscription.queuedBytes = 0
        subscription.backlog = []
        for resource in subscription.resources {
            guard case .document(let key) = resource.kind, let record = self.documents[key],
                self.mayRead(record, subscription)
            else { continue }
            subscription.told[key] = record.entityTag
            rendering.append(
                .document(selector: resource.uri, previousTag: nil, newTag: record.entityTag, .reference))
        }
        self.renderFolders(&subscription, into: &rendering)
        self.renderComponents(of: nil, known: knownComponents, &subscription, into: &rendering)
        for (key, tag) in known.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) })
        where subscription.told[key] == nil && subscription.covers(key, owner: Self.owner(of: key) ?? []) {
            subscription.leaving[key] = tag
            for selector in subscription.selectors(of: key) {
                rendering.append(.document(selector: selector, previousTag: tag, newTag: nil, .reference))
            }
        }
        subscription.unsettled = Set(subscription.told.keys)
        return rendering
    }

    private func renderFolders(
        _ subscription: inout DifferenceSubscription, into rendering: inout DifferenceRendering
    ) {
        for resource in subscription.resources {
            let limit = self.configuration.limits.watchedDocuments
            for record in self.documents(in: resource, scope: subscription.scope, limit: limit)
            where subscription.told[record.selector] == nil && self.mayRead(record, subscription) {
                subscription.told[record.selector] = record.entityTag
                for selector in subscription.selectors(of: record.selector) {
                    rendering.append(
                        .document(selector: selector, previousTag: nil, newTag: record.entityTag, .reference))
                }
            }
        }
    }

    /// Tells the elements and attributes whose content is not what the subscriber was told.
    /// - Parameters:
    ///   - key: only those of this document; nil for all.
    ///   - known: the components that the subscriber may know to exist.
    private mutating func renderComponents(
        of key: [UInt8]?, known: Set<[UInt8]>, _ subscription: inout DifferenceSubscription,
        into rendering: inout DifferenceRendering
    ) {
        for resource in subscription.resources {
            guard case .component(let own, let selector) = resource.kind, key == nil || key == own else { continue }
            let uri = resource.uri
            let isAttribute = selector.node?.terminal != nil
            guard let content = self.content(of: selector, key: own, for: subscription) else {
                subscription.toldComponents[uri] = nil
                guard known.contains(uri) else { continue }
                subscription.leavingComponents.insert(uri)
                rendering.append(
                    isAttribute ? .attribute(selector: uri, .absent) : .element(selector: uri, .absent))
                continue
            }
            let digest = ContentTag(of: content).raw
            guard subscription.toldComponents[uri] != digest else { continue }
            subscription.toldComponents[uri] = digest
            rendering.append(
                isAttribute
                    ? .attribute(selector: uri, .present(content)) : .element(selector: uri, .present(content)))
        }
    }

    /// The element or the value that a selector means now; nil if there is none that the subscriber may read.
    private mutating func content(
        of selector: XCAPSelector, key: [UInt8], for subscription: DifferenceSubscription
    ) -> [UInt8]? {
        guard let node = selector.node, let record = self.documents[key], self.mayRead(record, subscription),
            let usage = self.registry[auid: selector.auid],
            let tree = self.differences.tree(of: record, limits: self.configuration.engineLimits.xml),
            case .element(let element) = node.evaluate(in: tree, defaultNamespace: usage.defaultNamespace)
        else { return nil }
        switch node.terminal {
        case nil: return DifferenceDocument.fragment(of: element, in: tree)
        case .attribute(let name):
            let attribute = node.attribute(name, of: element, in: tree)
            return attribute >= 0 ? Array(tree.value(attribute)) : nil
        case .namespaces: return nil
        }
    }

    private func mayRead(_ record: DocumentRecord, _ subscription: DifferenceSubscription) -> Bool {
        self.mayRead(identities: subscription.identities, auid: record.auid, owner: record.owner)
    }

    private var rendering: DifferenceRendering {
        DifferenceRendering(
            root: self.configuration.rootURI + [UInt8(ascii: "/")], limit: self.configuration.limits.notificationBytes)
    }

    // MARK: What is new

    /// What happened since the last NOTIFY, in its order.
    private mutating func renderChanges(_ subscription: inout DifferenceSubscription) -> DifferenceRendering {
        var rendering = self.rendering
        for entry in subscription.backlog { rendering.append(entry) }
        let queue = subscription.queue
        let knownComponents = Set(subscription.toldComponents.keys)
        subscription.queue = []
        subscription.queuedBytes = 0
        var settled: Set<[UInt8]> = []
        for (index, change) in queue.enumerated() {
            if subscription.covers(change.key, owner: change.owner) {
                self.render(change, &subscription, &settled, into: &rendering)
            }
            // RFC 5875 §4.7: what is in a component is told as it is now, when the last change of its document is.
            if !queue[(index + 1)...].contains(where: { $0.key == change.key }) {
                self.renderComponents(of: change.key, known: knownComponents, &subscription, into: &rendering)
            }
        }
        subscription.unsettled.subtract(settled)
        return rendering
    }

    /// Tells one change under every name that the subscriber gave the document.
    /// - Parameter settled: gets the document if the subscriber holds the new version after this.
    private mutating func render(
        _ change: QueuedChange, _ subscription: inout DifferenceSubscription, _ settled: inout Set<[UInt8]>,
        into rendering: inout DifferenceRendering
    ) {
        let key = change.key
        guard let newTag = change.newTag else {
            guard let previousTag = change.previousTag, subscription.told[key] != nil else { return }
            subscription.told[key] = nil
            subscription.leaving[key] = previousTag
            subscription.unsettled.remove(key)
            for selector in subscription.selectors(of: key) {
                rendering.append(.document(selector: selector, previousTag: previousTag, newTag: nil, .reference))
            }
            return
        }
        let wasTold = subscription.told[key] != nil
        subscription.told[key] = newTag
        subscription.leaving[key] = nil
        var difference = DifferenceDocument.Change.reference
        if wasTold, subscription.processing != .references || change.isSameBody {
            difference = self.differences.difference(of: change, limits: self.configuration.limits)
        }
        var isComplete = difference != .reference
        for selector in subscription.selectors(of: key) {
            let previousTag = wasTold ? change.previousTag : nil
            let fitted = rendering.append(
                .document(selector: selector, previousTag: previousTag, newTag: newTag, difference))
            isComplete = isComplete && fitted
        }
        if isComplete {
            settled.insert(key)
        } else {
            settled.remove(key)
            subscription.unsettled.insert(key)
        }
    }
}

/// The body of a NOTIFY in the making, which never grows beyond its bound: what is too large is told shorter, and what
/// does not fit at all is left for the next one.
struct DifferenceRendering: Sendable {
    private var text: [UInt8]
    private let limit: Int
    private var count = 0
    /// What did not fit, in its order.
    private(set) var rest: [DifferenceEntry] = []

    private static let end: StaticString = "\n</xcap-diff>"

    init(root: [UInt8], limit: Int) {
        self.text = DifferenceDocument.head(root: root)
        self.limit = limit
    }

    /// Whether nothing was told.
    var isEmpty: Bool { self.count == 0 && self.rest.isEmpty }

    /// The document.
    var finished: [UInt8] {
        var body = self.text
        body.append(literal: Self.end)
        return body
    }

    /// Tells something.
    /// - Returns: whether it stands there in full.
    @discardableResult
    mutating func append(_ entry: DifferenceEntry) -> Bool {
        guard self.rest.isEmpty else {
            self.rest.append(Self.shortened(entry))
            return false
        }
        if self.fit(entry) { return true }
        let short = Self.shortened(entry)
        // The first entry stands there in any case, so that every NOTIFY brings the rest forward.
        if self.count == 0 || self.fit(short) {
            if self.count == 0 {
                DifferenceDocument.append(short, to: &self.text)
                self.count += 1
            }
        } else {
            self.rest.append(short)
        }
        return false
    }

    private mutating func fit(_ entry: DifferenceEntry) -> Bool {
        let mark = self.text.count
        DifferenceDocument.append(entry, to: &self.text)
        guard self.text.count + Self.end.utf8CodeUnitCount <= self.limit else {
            self.text.removeSubrange(mark...)
            return false
        }
        self.count += 1
        return true
    }

    /// The shortest form that is still true.
    private static func shortened(_ entry: DifferenceEntry) -> DifferenceEntry {
        switch entry {
        case .document(let selector, let previousTag, let newTag, .patched):
            .document(selector: selector, previousTag: previousTag, newTag: newTag, .reference)
        case .element(let selector, .present): .element(selector: selector, .existing)
        case .attribute(let selector, .present): .attribute(selector: selector, .existing)
        case .document, .element, .attribute: entry
        }
    }
}
