package import Ground
package import SIPTransactions
package import SIPWire

/// What a ``Notifier`` wants done by the box it lives in, in this order.
package enum NotifierOrder: Sendable {
    /// A whole response to a request.
    case respond(ServerTransactionID, [UInt8])
    /// A NOTIFY.
    case send(ClientTransactionID, OutgoingRequest)
    /// Insert this record, or replace the one with its id. It is durable before anything of this turn is sent.
    case store(NotifierRecord)
    /// Remove the record with this id.
    case forget(UInt64)
    /// A NOTIFY of this subscription is due: the box asks ``Notifier/occasion(of:)`` and answers with
    /// ``Notifier/notify(_:_:at:into:)`` or ``Notifier/nothingNew(_:at:)``, in the same turn.
    case contentWanted(UInt64)
    /// The NOTIFY of this subscription was challenged with this response: the box answers with
    /// ``Notifier/authorize(_:with:at:into:)``, in the same turn.
    case challenged(UInt64, SIPMessage, requestURI: [UInt8])
    /// The last NOTIFY of this subscription was taken.
    case delivered(UInt64)
    /// The subscription is no more: what the box keeps of it goes.
    case ended(UInt64)
    /// Something happened that operators count.
    case observed(NotifierObservation)
}

/// What is worth a line in a log when it happens.
package enum NotifierObservation: String, Hashable, Sendable, CaseIterable {
    /// A bound of ``NotifierLimits`` refused something.
    case subscriptionLimit, watcherLimit, bodyLimit
    /// Somebody without the right tried to use a dialog of another subscriber.
    case foreignDialog
    /// A NOTIFY was challenged, and there are no credentials for the realm.
    case notificationChallenged
    /// A stored record could not be read and was left out.
    case damagedRecord
}

/// How much a NOTIFY has to tell.
package enum NotifierOccasion: UInt8, Hashable, Sendable, Comparable {
    /// What is new since the last one; if nothing is, no NOTIFY is sent.
    case change
    /// All of the state: after a SUBSCRIBE, after a NOTIFY that was lost, after a restart, after a decision. A NOTIFY
    /// is sent in any case.
    case whole

    package static func < (left: NotifierOccasion, right: NotifierOccasion) -> Bool { left.rawValue < right.rawValue }
}

/// What a NOTIFY carries.
package struct NotifierContent: Equatable, Sendable {
    /// One of the package's types; nil without a body.
    package var contentType: StaticString?
    package var body: [UInt8]
    /// Names the state that the subscriber knows after this NOTIFY (RFC 5839 §6.1). Where the body is only a change,
    /// it still is the tag of all of the state (§6.4).
    package var tag: ContentTag

    package init(contentType: StaticString? = nil, body: [UInt8] = [], tag: ContentTag) {
        self.contentType = contentType
        self.body = body
        self.tag = tag
    }

    package static func == (left: NotifierContent, right: NotifierContent) -> Bool {
        left.body == right.body && left.tag == right.tag
            && left.contentType?.description == right.contentType?.description
    }
}

/// What there is to know about a live subscription.
package struct NotifierStanding: Sendable {
    /// Names the subscription; also the local tag of its dialog, as 16 hexadecimal digits.
    package let id: UInt64
    package let resource: [UInt8]
    /// Canonical identity; empty for an anonymous subscriber.
    package let watcher: [UInt8]
    /// The number of the event package in the registry.
    package let package: Int
    package let isPending: Bool
    package let isTerminated: Bool
    package let expires: Instant
    /// The type of the NOTIFY bodies.
    package let contentType: StaticString
    /// What the box keeps with the subscription.
    package let context: [UInt8]
}
