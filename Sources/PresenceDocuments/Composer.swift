package import Ground

/// How several publications become one document.
package struct CompositionPolicy: Sendable, Hashable {
    /// What makes two tuples of different sources the same service.
    package enum ServiceKey: Sendable, Hashable {
        /// Service description, contact and class, and the tuple id where there is neither description nor contact.
        case service
        /// The tuple id alone.
        case tupleID
    }

    /// What makes two tuples of different sources the same service.
    package var serviceKey: ServiceKey
    /// Whether a presentity without any state is shown as one closed tuple; if not, as an empty document.
    package var showsOfflineTuple: Bool

    package init(serviceKey: ServiceKey = .service, showsOfflineTuple: Bool = true) {
        self.serviceKey = serviceKey
        self.showsOfflineTuple = showsOfflineTuple
    }

    /// The policy of Muster: later publication wins, element by element.
    package static let standard = CompositionPolicy()
}

/// The composed state of a presentity at an instant.
package struct Composed: Sendable, Equatable {
    /// The one document that all live sources make.
    package var document: PresenceDocument
    /// When time alone changes the document (the next end of a validity range); nil if never.
    package var nextChange: Instant?

    package init(document: PresenceDocument, nextChange: Instant?) {
        self.document = document
        self.nextChange = nextChange
    }
}

/// Makes one presence document of the live sources of a presentity (RFC 3903 §3, RFC 4479 §5).
package enum Composer {
    /// One live publication, or the hard state of the presentity.
    package struct Source: Sendable {
        /// Names the publication; never reused, and smaller for an earlier one.
        package var id: UInt64
        /// When its document was last published; the later wins.
        package var publishedAt: Instant
        /// What it says.
        package var document: PresenceDocument
        /// Whether it is hard state, which only fills what no publication says.
        package var isHardState: Bool

        package init(id: UInt64, publishedAt: Instant, document: PresenceDocument, isHardState: Bool = false) {
            self.id = id
            self.publishedAt = publishedAt
            self.document = document
            self.isHardState = isHardState
        }
    }

    /// Composes the live sources. The caller has already dropped the expired ones.
    package static func compose(
        entity: Octets, sources: [Source], policy: CompositionPolicy = .standard, at now: Instant
    ) -> Composed {
        guard let newest = sources.max(by: { $0.publishedAt < $1.publishedAt }) else {
            return Composed(document: .offline(entity: entity), nextChange: nil)
        }
        return Composed(document: newest.document, nextChange: nil)
    }
}
