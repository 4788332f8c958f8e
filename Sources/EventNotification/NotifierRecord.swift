package import Ground

/// What a storage keeps of one live subscription of a ``EventPackage`` that is served by the generic notifier
/// (RFC 6665 §4.2).
package struct NotifierRecord: Equatable, Sendable {
    /// Names the subscription; never reused.
    package var id: UInt64
    /// What is watched: a canonical identity or a document.
    package var resource: [UInt8]
    /// Who watches: a canonical identity, empty for an anonymous watcher.
    package var watcher: [UInt8]
    /// The event package, for example `xcap-diff`.
    package var package: [UInt8]
    /// The raw value of the notifier's state (pending or active).
    package var state: UInt8
    /// When the subscription ends without a refresh.
    package var expires: Instant
    /// CSeq number of the last NOTIFY that was sent in the dialog; 0 before the first.
    package var localCSeq: UInt32
    /// The rest of the dialog and of what the watcher asked for, in a versioned binary form that only its box reads.
    package var dialog: [UInt8]

    package init(
        id: UInt64, resource: [UInt8], watcher: [UInt8], package: [UInt8], state: UInt8, expires: Instant,
        localCSeq: UInt32, dialog: [UInt8]
    ) {
        self.id = id
        self.resource = resource
        self.watcher = watcher
        self.package = package
        self.state = state
        self.expires = expires
        self.localCSeq = localCSeq
        self.dialog = dialog
    }
}
