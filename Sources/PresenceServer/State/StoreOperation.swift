package import Ground

extension PresenceServer {
    /// A change of durable state. Operations are applied in the order in which they were given.
    package enum StoreOperation: Equatable, Sendable {
        /// Inserts the publication, or replaces the one with the same id.
        case putPublication(PublicationRecord)
        /// Gives the publication with this id a new entity tag and end; nothing happens if there is none.
        case touchPublication(UInt64, entityTag: [UInt8], expires: Instant)
        /// Removes the publication with this id; nothing happens if there is none.
        case removePublication(UInt64)
        /// Inserts the subscription, or replaces the one with the same id.
        case putSubscription(SubscriptionRecord)
        /// Removes the subscription with this id and its marks; nothing happens if there is none.
        case removeSubscription(UInt64)
        /// Advances the numbers of subscriptions. A mark of a subscription that is not stored is ignored.
        case notified([NotificationMark])
    }
}
