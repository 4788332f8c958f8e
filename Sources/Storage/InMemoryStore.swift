import DigestAuth
import EventNotification
import Ground
import PresenceServer
import SCSCF
import Synchronization
import XDMServer

/// A storage that lasts as long as the process: the reference that says what the others have to do, and what tests use.
package final class InMemoryStore: Store {
    /// Everything that is kept.
    private struct State {
        var publications: [UInt64: PublicationRecord] = [:]
        var subscriptions: [UInt64: SubscriptionRecord] = [:]
        /// The latest mark of each subscription; it stays when the subscription is put again.
        var marks: [UInt64: NotificationMark] = [:]
        var bindings: [UInt64: BindingRecord] = [:]
        var documents: [[UInt8]: DocumentRecord] = [:]
        var documentSubscriptions: [UInt64: NotifierRecord] = [:]
        var subscribers: [SubscriberKey: SubscriberRecord] = [:]
        /// Counts the changes of ``subscribers``.
        var subscriberChanges: Int64 = 0
        var isClosed = false
    }

    /// A user name in a realm; ordered by realm first.
    private struct SubscriberKey: Hashable, Comparable {
        let realm: String
        let user: String

        static func < (left: SubscriberKey, right: SubscriberKey) -> Bool {
            (left.realm, left.user) < (right.realm, right.user)
        }
    }

    private let state = Mutex(State())

    package init() {}

    package func load() throws(Fault) -> StoredState {
        try self.withOpenState { state in
            state.marks = state.marks.filter { state.subscriptions[$0.key] != nil }
            let subscriptions = state.subscriptions.values.map { stored in
                var record = stored
                if let mark = state.marks[record.id] { record.advance(to: mark) }
                return record
            }
            return StoredState(
                presence: StoredPresence(
                    publications: state.publications.values.sorted { $0.id < $1.id },
                    subscriptions: subscriptions.sorted { $0.id < $1.id }),
                bindings: state.bindings.values.sorted { $0.id < $1.id },
                documents: StoredDocuments(
                    documents: state.documents.values.sorted { $0.selector.lexicographicallyPrecedes($1.selector) },
                    subscriptions: state.documentSubscriptions.values.sorted { $0.id < $1.id }))
        }
    }

    package func commit(_ operations: [StoreOperation]) throws(Fault) {
        try self.withOpenState { state in
            for operation in operations {
                switch operation {
                case .presence(let change): Self.apply(change, to: &state)
                case .registrar(.putBinding(let record)): state.bindings[record.id] = record
                case .registrar(.removeBinding(let id)): state.bindings[id] = nil
                case .documents(.putDocument(let record)): state.documents[record.selector] = record
                case .documents(.removeDocument(let selector)): state.documents[selector] = nil
                case .documents(.putSubscription(let record)): state.documentSubscriptions[record.id] = record
                case .documents(.removeSubscription(let id)): state.documentSubscriptions[id] = nil
                }
            }
        }
    }

    private static func apply(_ change: PresenceServer.StoreOperation, to state: inout State) {
        switch change {
        case .putPublication(let record): state.publications[record.id] = record
        case .touchPublication(let id, let entityTag, let expires):
            state.publications[id]?.entityTag = entityTag
            state.publications[id]?.expires = expires
        case .removePublication(let id): state.publications[id] = nil
        case .putSubscription(let record): state.subscriptions[record.id] = record
        case .removeSubscription(let id):
            state.subscriptions[id] = nil
            state.marks[id] = nil
        case .notified(let marks):
            for mark in marks where mark.cseq > state.marks[mark.subscription]?.cseq ?? 0 {
                state.marks[mark.subscription] = mark
            }
        }
    }

    package func subscriber(user: String, realm: String) throws(Fault) -> SubscriberRecord? {
        try self.withOpenState { $0.subscribers[SubscriberKey(realm: realm, user: user)] }
    }

    package func putSubscriber(_ record: SubscriberRecord) throws(Fault) {
        try self.withOpenState {
            $0.subscribers[SubscriberKey(realm: record.realm, user: record.digestUser)] = record
            $0.subscriberChanges += 1
        }
    }

    package func removeSubscriber(user: String, realm: String) throws(Fault) -> Bool {
        try self.withOpenState {
            guard $0.subscribers.removeValue(forKey: SubscriberKey(realm: realm, user: user)) != nil else {
                return false
            }
            $0.subscriberChanges += 1
            return true
        }
    }

    package func subscriberIdentities() throws(Fault) -> [[UInt8]] {
        try self.withOpenState { state in state.subscribers.values.map(\.identity) }
    }

    package func subscriberChanges() throws(Fault) -> Int64 {
        try self.withOpenState { state in state.subscriberChanges }
    }

    package func subscribers() throws(Fault) -> [SubscriberRecord] {
        try self.withOpenState { state in state.subscribers.sorted { $0.key < $1.key }.map(\.value) }
    }

    package func hasSubscriber(identity: [UInt8]) throws(Fault) -> Bool {
        try self.withOpenState { state in state.subscribers.values.contains { $0.identity == identity } }
    }

    package func close() { self.state.withLock { $0.isClosed = true } }

    private func withOpenState<Result: Sendable>(
        _ body: (inout State) -> Result
    ) throws(Fault) -> Result {
        let result: Result? = self.state.withLock { $0.isClosed ? nil : body(&$0) }
        guard let result else { throw .storageUnavailable("the storage was closed") }
        return result
    }
}

extension SubscriptionRecord {
    /// Takes over the numbers of a NOTIFY that went out, unless they are older than what is here.
    package mutating func advance(to mark: NotificationMark) {
        guard mark.cseq > self.localCSeq else { return }
        self.localCSeq = mark.cseq
        self.partialVersion = mark.partialVersion
    }
}
