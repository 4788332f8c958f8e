internal import EventNotification
internal import Ground
internal import PresenceDocuments

/// Somebody whose presence is published or watched.
struct Presentity: Sendable {
    /// Canonical identity.
    let identity: [UInt8]
    /// Places of the subscriptions, in no order.
    var watchers: [UInt32] = []
    /// Place of what is known of its watchers beyond their subscriptions; ``Subscription/nowhere`` if nobody asks and
    /// nobody waits.
    var watcherInformation = Subscription.nowhere
    /// Places of the live publications, in the order of their arrival.
    var publications: [UInt32] = []
    /// Places of the views that somebody uses.
    var views: [UInt32] = []
    /// Changes whenever the composed state may have changed.
    var revision: UInt32 = 0
    /// When time alone changes the composed state; distant future if never.
    var nextChange = Instant.distantFuture
    /// When time alone changes what the rules say of the watchers; distant future if never.
    var nextJudgement = Instant.distantFuture
    /// The deadline that stands in the queue; distant future if none.
    var armed = Instant.distantFuture

    /// Stands in empty places.
    static let vacant = Presentity(identity: [])
}

/// A live publication (RFC 3903 §4.1).
struct Publication: Sendable {
    let id: UInt64
    /// Place of the presentity.
    let presentity: UInt32
    var tag: EntityTag
    /// Canonical identity; empty if nobody is named.
    var publisher: [UInt8]
    /// The document as it was published.
    var body: [UInt8]
    /// The MIME objects that the document refers to; none for nearly all.
    var parts: [PublishedPart] = []
    var publishedAt: Instant
    var expires: Instant
    /// The deadline that stands in the queue.
    var armed = Instant.distantFuture
    /// The parsed document, kept only while several sources of a watched presentity have to be composed.
    var document: PresenceDocument?

    /// Stands in empty places.
    static let vacant = Publication(
        id: 0, presentity: 0, tag: .none, publisher: [], body: [], publishedAt: .zero, expires: .zero)
}

/// A live subscription (RFC 6665 §4.2). About 100 bytes here and some 350 in its dialog.
struct Subscription: Sendable {
    /// Also the local tag of the dialog, as 16 hexadecimal digits.
    let id: UInt64
    var dialog: WatcherDialog
    /// Place of the presentity.
    let presentity: UInt32
    /// Where the subscription stands among the watchers of its presentity.
    var position: UInt32 = 0
    /// Place of the view that the watcher is shown; ``nowhere`` in a subscription to watcher information.
    var view: UInt32
    /// Place of what only few subscriptions need; ``nowhere`` for most.
    var extras: UInt32 = Subscription.nowhere
    var machine: NotifierSubscription
    var expires: Instant
    /// The deadline that stands in the queue; distant future if none.
    var armed = Instant.distantFuture
    /// When the last NOTIFY was sent.
    var lastNotified = Instant.zero
    /// ``EventNotification/ContentTag`` of the state that was sent last; 0 if none was or it is not known. In a
    /// subscription to watcher information: the number of the last change that was told.
    var lastTag: UInt64 = 0
    /// CSeq number of the last NOTIFY.
    var localCSeq: UInt32 = 0
    /// Version of the last partial document; in a subscription to watcher information that of the next document.
    var partialVersion: UInt32 = 0
    /// Number of the event package in the registry.
    let package: UInt8
    /// Whether the notification that ends the subscription carries the state.
    var endsWithState = false
    /// Whether the storage has a record; a fetch has none.
    var isStored = false
    /// Whether the gauge of pending subscriptions counts this one.
    var countsAsPending = false

    /// No place.
    static let nowhere = UInt32.max

    /// Stands in empty places.
    static let vacant = Subscription(
        id: 0, dialog: .vacant, presentity: 0, view: 0, machine: .pending(.idle), expires: .zero, package: 0)
}

/// What only subscriptions with wishes need.
struct SubscriptionExtras: Sendable {
    var wishes: WatcherWishes
    var rate: RateControl
    /// The document that the watcher holds, for the next difference; nil means that it gets a whole one.
    var base: PresenceDocument?
    /// The tag of ``base``.
    var baseTag: UInt64 = 0
    /// The composed state when the watcher was last notified, for the triggers of its filter.
    var lastSeen: PresenceDocument?

    /// Stands in empty places.
    static let vacant = SubscriptionExtras(wishes: .none, rate: RateControl(.none, at: .zero))
}

/// What some watchers of a presentity are shown: one serialised body for all of them.
struct View: Sendable {
    /// Place of the presentity.
    let presentity: UInt32
    /// What the rules say of those who have the view. The document of all that the publications say is shown to whom
    /// is allowed, as far as the permissions go; everybody else is shown somebody who is never there, or nothing.
    let outcome: PolicyOutcome
    /// The watcher's filters; nil for all that the rules give.
    let filter: WatcherFilterSet?
    /// How many subscriptions use the view.
    var users = 0
    /// The presentity's revision that the rest was made of; nil if nothing was made yet.
    var revision: UInt32?
    /// Whether somebody published parts, so that the document of this revision may refer to them.
    var mayHaveParts = false
    /// The body for `application/pidf+xml`; empty if the filter leaves nothing.
    var body: [UInt8] = []
    var tag = ContentTag(raw: 1)
    /// Partial documents that were already made for this revision.
    var renderings: [PartialRendering] = []
    /// The document of this revision, where it is not the composed one and partial documents are made of it.
    var shown: PresenceDocument?
    /// The body with the parts that it refers to, once a watcher of this revision wanted it.
    var compound: CompoundBody?

    /// Stands in empty places.
    static let vacant = View(presentity: 0, outcome: .nothing, filter: nil)
}

/// A partial document without its version, which is another one in every dialog.
struct PartialRendering: Sendable {
    /// The tag of the document that the difference starts from; nil for a whole document.
    let base: UInt64?
    let head: [UInt8]
    let tail: [UInt8]
}

/// The kinds of deadlines.
enum DeadlineKind {
    static let subscription: UInt8 = 0
    static let publication: UInt8 = 1
    static let presentity: UInt8 = 2
    static let watcherInformation: UInt8 = 3
}
