package import Ground

/// How several publications become one document.
package struct CompositionPolicy: Sendable, Hashable {
    /// What makes two tuples of different sources the same service.
    package enum ServiceKey: Sendable, Hashable {
        /// Service description, contact and class; the tuple id where there is neither description nor contact.
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

    /// The policy of Muster: the later publication wins, element by element.
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
///
/// The policy:
/// * Tuples of different sources are one service if their service description, contact and class agree; persons if
///   their class agrees; devices if their device id and class agree. Elements of one source are never merged with
///   each other: their publisher meant them to be different.
/// * Of elements that are one, the later publication wins child by child: all children of one name come from the
///   latest source that has any of that name. A tuple keeps the device ids of all, and capabilities one by one.
/// * A merged element keeps the id that its oldest source gave it, so that a refresh of another does not rename it.
///   Elements that are different but share an id get another one: that of the younger source, prefixed with the name
///   of the source, which is the same at every composition.
/// * Hard state only fills in elements that no publication has.
/// * RPID elements whose time is over are left out. What is not known is copied untouched.
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
    /// - Parameter entity: the URI of the presentity, as watchers are to see it.
    package static func compose(
        entity: Octets, sources: [Source], policy: CompositionPolicy = .standard, at now: Instant
    ) -> Composed {
        if sources.isEmpty {
            return Composed(
                document: policy.showsOfflineTuple ? .offline(entity: entity) : .empty(entity: entity),
                nextChange: nil)
        }
        if sources.count == 1, let only = sources.first, only.document.entityOctets == entity {
            // The usual case: nothing to merge. The document as it is has the bytes that merging would give.
            let ranges = ValidityRanges(in: only.document, at: now)
            return Composed(document: only.document.without(ranges.expired), nextChange: ranges.nextChange)
        }
        return self.merge(entity: entity, sources: sources, policy: policy, at: now)
    }

    /// Composes by merging, however few sources there are.
    package static func merge(
        entity: Octets, sources: [Source], policy: CompositionPolicy = .standard, at now: Instant
    ) -> Composed {
        var nextChange: Instant?
        var pruned = sources
        for index in pruned.indices {
            let ranges = ValidityRanges(in: pruned[index].document, at: now)
            pruned[index].document = pruned[index].document.without(ranges.expired)
            if let next = ranges.nextChange { nextChange = Swift.min(nextChange ?? next, next) }
        }
        var merger = Merger(policy: policy)
        // The winner comes first: publications before hard state, later before earlier, and among publications of
        // the same instant the one that began later.
        pruned.sort { left, right in
            if left.isHardState != right.isHardState { return right.isHardState }
            if left.publishedAt != right.publishedAt { return left.publishedAt > right.publishedAt }
            return left.id > right.id
        }
        for source in pruned { merger.take(source) }
        return Composed(document: merger.document(entity: entity), nextChange: nextChange)
    }
}
