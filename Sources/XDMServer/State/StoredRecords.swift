package import EventNotification
package import Ground

/// A document as it is kept and stored.
package struct DocumentRecord: Equatable, Sendable {
    /// The document selector `auid/users/xui/path` or `auid/global/path`, decoded, with the canonical XUI: the key.
    package var selector: [UInt8]
    /// The application usage.
    package var auid: [UInt8]
    /// Whose document it is: a canonical identity, empty in the global tree.
    package var owner: [UInt8]
    /// Without quotes.
    package var entityTag: [UInt8]
    package var modified: Instant
    package var body: [UInt8]

    package init(
        selector: [UInt8], auid: [UInt8], owner: [UInt8], entityTag: [UInt8], modified: Instant, body: [UInt8]
    ) {
        self.selector = selector
        self.auid = auid
        self.owner = owner
        self.entityTag = entityTag
        self.modified = modified
        self.body = body
    }
}

/// A document was created, replaced or removed.
package struct DocumentChange: Equatable, Sendable {
    package var selector: [UInt8]
    package var auid: [UInt8]
    package var owner: [UInt8]
    /// What it was; nil if it is new.
    package var previous: DocumentRecord?
    /// What it is; nil if it was removed.
    package var current: DocumentRecord?

    package init(
        selector: [UInt8], auid: [UInt8], owner: [UInt8], previous: DocumentRecord?, current: DocumentRecord?
    ) {
        self.selector = selector
        self.auid = auid
        self.owner = owner
        self.previous = previous
        self.current = current
    }
}

/// A change of durable state. Operations are applied in the order in which they were given.
package enum XDMStoreOperation: Equatable, Sendable {
    /// Inserts the document, or replaces the one with the same selector.
    case putDocument(DocumentRecord)
    /// Removes the document with this selector; nothing happens if there is none.
    case removeDocument(selector: [UInt8])
    /// Inserts the subscription to xcap-diff, or replaces the one with the same id.
    case putSubscription(NotifierRecord)
    /// Removes the subscription with this id; nothing happens if there is none.
    case removeSubscription(UInt64)
}

/// Everything a storage kept for the XDM server, as it stands at a start.
package struct StoredDocuments: Equatable, Sendable {
    package var documents: [DocumentRecord]
    package var subscriptions: [NotifierRecord]

    package init(documents: [DocumentRecord] = [], subscriptions: [NotifierRecord] = []) {
        self.documents = documents
        self.subscriptions = subscriptions
    }
}
