package import Ground

/// The filters of one subscription (RFC 4660, RFC 4661).
package struct WatcherFilterSet: Sendable, Equatable {
    private var bytes: [UInt8]

    /// Reads the body of a SUBSCRIBE (`application/simple-filter+xml`).
    /// - Parameters:
    ///   - package: the event package of the subscription, e.g. `presence`.
    ///   - resource: the canonical identity of the resource the subscription is to.
    package static func parse(
        _ body: Octets, package eventPackage: Octets, resource: Octets
    ) throws(DocumentFault) -> WatcherFilterSet {
        guard !body.isEmpty else { throw .filter("empty") }
        return WatcherFilterSet(bytes: Array(body))
    }

    /// Takes the filters of a refresh in: replaced by id, removed, enabled or disabled (RFC 4660 §4).
    package mutating func merge(_ refresh: WatcherFilterSet) throws(DocumentFault) { self.bytes = refresh.bytes }

    /// What of a document the watcher wants to see; nil if nothing of it is selected.
    package func apply(to document: PresenceDocument) -> PresenceDocument? { document }

    /// Whether the change from the document last seen to the current one is one the watcher wants to hear of.
    package func isTriggered(previous: PresenceDocument?, current: PresenceDocument) -> Bool { previous != current }

    /// The filters as XML, which ``parse(_:package:resource:)`` reads back as an equal value.
    package func serialised() -> [UInt8] { self.bytes }
}
