package import Ground

/// What a storage keeps of one live publication (RFC 3903 §4.1): the document as the publisher sent it and the rest
/// of the table row of the event state compositor.
package struct PublicationRecord: Equatable, Sendable {
    /// Names the publication for its whole life, through every change of the entity tag; never reused.
    package var id: UInt64
    /// Whose state it is: the canonical identity, `sip:user@domain` or `tel:+digits`.
    package var presentity: [UInt8]
    /// The event package, for example `presence`.
    package var package: [UInt8]
    /// The entity tag that is valid now.
    package var entityTag: [UInt8]
    /// Who published: a canonical identity, empty when the policy let somebody unnamed publish.
    package var publisher: [UInt8]
    /// The media type of ``body``: that of a whole document, or `multipart/related` with its parameters for a document
    /// with the parts that it refers to.
    package var contentType: [UInt8]
    /// The full document, with its parts behind it if it has some.
    package var body: [UInt8]
    /// When the document last changed (a refresh leaves it as it is).
    package var publishedAt: Instant
    /// When the publication ends without a refresh.
    package var expires: Instant

    package init(
        id: UInt64, presentity: [UInt8], package: [UInt8], entityTag: [UInt8], publisher: [UInt8],
        contentType: [UInt8], body: [UInt8], publishedAt: Instant, expires: Instant
    ) {
        self.id = id
        self.presentity = presentity
        self.package = package
        self.entityTag = entityTag
        self.publisher = publisher
        self.contentType = contentType
        self.body = body
        self.publishedAt = publishedAt
        self.expires = expires
    }
}

/// What a storage keeps of one live subscription (RFC 6665 §4.2).
package struct SubscriptionRecord: Equatable, Sendable {
    /// Names the subscription; never reused.
    package var id: UInt64
    /// Whose state is watched: a canonical identity.
    package var presentity: [UInt8]
    /// Who watches: a canonical identity, empty for an anonymous watcher.
    package var watcher: [UInt8]
    /// The event package, for example `presence`.
    package var package: [UInt8]
    /// The raw value of the notifier's state (pending or active).
    package var state: UInt8
    /// When the subscription ends without a refresh.
    package var expires: Instant
    /// CSeq number of the last NOTIFY that was sent in the dialog; 0 before the first.
    package var localCSeq: UInt32
    /// Version of the last partial notification (RFC 5263 §4.4); 0 before the first.
    package var partialVersion: UInt32
    /// The rest of the dialog and of what the watcher asked for, in a versioned binary form that only this box reads.
    package var dialog: [UInt8]

    package init(
        id: UInt64, presentity: [UInt8], watcher: [UInt8], package: [UInt8], state: UInt8, expires: Instant,
        localCSeq: UInt32, partialVersion: UInt32, dialog: [UInt8]
    ) {
        self.id = id
        self.presentity = presentity
        self.watcher = watcher
        self.package = package
        self.state = state
        self.expires = expires
        self.localCSeq = localCSeq
        self.partialVersion = partialVersion
        self.dialog = dialog
    }
}

/// That a NOTIFY went out: the two numbers of a subscription that must never be used twice.
///
/// One is written for each NOTIFY, so storage keeps them cheaply and folds them into the subscription later.
package struct NotificationMark: Equatable, Sendable {
    /// The subscription's ``SubscriptionRecord/id``.
    package var subscription: UInt64
    /// CSeq number of the NOTIFY.
    package var cseq: UInt32
    /// Version of the partial document in it; unchanged if it carried none.
    package var partialVersion: UInt32

    package init(subscription: UInt64, cseq: UInt32, partialVersion: UInt32) {
        self.subscription = subscription
        self.cseq = cseq
        self.partialVersion = partialVersion
    }
}

/// Everything a storage kept, as it stands at a start: marks are already folded into the subscriptions.
package struct StoredPresence: Equatable, Sendable {
    package var publications: [PublicationRecord]
    package var subscriptions: [SubscriptionRecord]

    package init(publications: [PublicationRecord] = [], subscriptions: [SubscriptionRecord] = []) {
        self.publications = publications
        self.subscriptions = subscriptions
    }
}
