import Foundation
import Ground
import PresenceServer
import SCSCF
import Storage
import StorageSQLite
import Testing

/// A kind of storage, and how it is opened again as after a restart.
enum Backend: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case memory, sqlite, sqliteRelaxed

    var testDescription: String { self.rawValue }

    /// A storage under test.
    final class Instance {
        private let backend: Backend
        private let folder: TemporaryFolder
        private(set) var store: any Store

        fileprivate init(_ backend: Backend) throws {
            self.backend = backend
            self.folder = try TemporaryFolder()
            self.store = try Self.open(backend, self.folder)
        }

        private static func open(_ backend: Backend, _ folder: TemporaryFolder) throws -> any Store {
            switch backend {
            case .memory: InMemoryStore()
            case .sqlite: try folder.open()
            case .sqliteRelaxed: try folder.open(durability: .relaxed)
            }
        }

        /// Closes the storage and opens it again. The one in memory has nothing to open: it goes on.
        func restart() throws {
            guard self.backend != .memory else { return }
            self.store.close()
            self.store = try Self.open(self.backend, self.folder)
        }
    }

    func make() throws -> Instance { try Instance(self) }
}

/// What every storage has to do, whatever it is made of.
@Suite("every storage")
struct StorageConformanceTests {
    @Test("is empty at first", arguments: Backend.allCases)
    func startsEmpty(_ backend: Backend) throws {
        let instance = try backend.make()
        #expect(try instance.store.load() == StoredState())
        #expect(try instance.store.subscribers().isEmpty)
    }

    @Test("gives back after a restart exactly what was put", arguments: Backend.allCases)
    func keepsRecords(_ backend: Backend) throws {
        let instance = try backend.make()
        try instance.store.commit([
            .presence(.putPublication(Samples.publication(2))), .presence(.putSubscription(Samples.subscription(9))),
            .presence(.putPublication(Samples.publication(1))),
            .registrar(.putBinding(Samples.binding(4, instance: Array("urn:uuid:1".utf8)))),
            .registrar(.putBinding(Samples.binding(3))),
        ])
        try instance.restart()
        let state = try instance.store.load()
        #expect(state.presence.publications == [Samples.publication(1), Samples.publication(2)])
        #expect(state.presence.subscriptions == [Samples.subscription(9)])
        #expect(state.bindings == [Samples.binding(3), Samples.binding(4, instance: Array("urn:uuid:1".utf8))])
        #expect(state.damages.isEmpty)
    }

    @Test("holds extreme values: ids of all 64 bits, empty strings, the largest numbers", arguments: Backend.allCases)
    func keepsExtremes(_ backend: Backend) throws {
        let instance = try backend.make()
        let ids: [UInt64] = [0, 1, UInt64(Int64.max), UInt64(Int64.max) + 1, .max]
        for id in ids {
            var record = Samples.subscription(id, cseq: .max, dialogBytes: 0)
            record.watcher = []
            record.state = .max
            record.expires = .distantFuture
            record.partialVersion = .max
            try instance.store.commit([.presence(.putSubscription(record))])
        }
        var binding = Samples.binding(.max)
        binding.path = []
        binding.instance = []
        try instance.store.commit([.registrar(.putBinding(binding))])
        try instance.restart()
        let state = try instance.store.load()
        #expect(state.presence.subscriptions.map(\.id) == ids)
        #expect(state.presence.subscriptions.allSatisfy { $0.localCSeq == .max && $0.partialVersion == .max })
        #expect(state.presence.subscriptions.allSatisfy { $0.expires == .distantFuture && $0.dialog.isEmpty })
        #expect(state.bindings == [binding])
    }

    @Test("replaces a record that is put again, and removes one that is taken away", arguments: Backend.allCases)
    func replacesAndRemoves(_ backend: Backend) throws {
        let instance = try backend.make()
        try instance.store.commit([
            .presence(.putPublication(Samples.publication(1))), .presence(.putPublication(Samples.publication(2))),
            .presence(.putSubscription(Samples.subscription(1))), .registrar(.putBinding(Samples.binding(1))),
        ])
        try instance.store.commit([
            .presence(.putPublication(Samples.publication(1, expires: 9000))), .presence(.removePublication(2)),
            .presence(.removeSubscription(1)), .registrar(.removeBinding(1)), .presence(.removePublication(404)),
        ])
        try instance.restart()
        let state = try instance.store.load()
        #expect(state.presence == StoredPresence(publications: [Samples.publication(1, expires: 9000)]))
        #expect(state.bindings.isEmpty)
    }

    @Test("gives a publication its new tag and end, and keeps the rest", arguments: Backend.allCases)
    func touches(_ backend: Backend) throws {
        let instance = try backend.make()
        try instance.store.commit((1...3).map { .presence(.putPublication(Samples.publication($0))) })
        try instance.restart()
        let end = Instant(seconds: 9000)
        try instance.store.commit([
            .presence(.touchPublication(1, entityTag: [1], expires: end)),
            .presence(.putPublication(Samples.publication(2, expires: 7000))),
            .presence(.touchPublication(2, entityTag: [2], expires: end)),
            .presence(.touchPublication(404, entityTag: [4], expires: end)),
            .presence(.removePublication(3)), .presence(.touchPublication(3, entityTag: [3], expires: end)),
        ])
        try instance.restart()
        var first = Samples.publication(1, expires: 9000)
        first.entityTag = [1]
        var second = Samples.publication(2, expires: 9000)
        second.entityTag = [2]
        #expect(try instance.store.load().presence.publications == [first, second])
    }

    @Test("applies the operations of one commit in their order", arguments: Backend.allCases)
    func keepsOrder(_ backend: Backend) throws {
        let instance = try backend.make()
        try instance.store.commit([
            .presence(.putPublication(Samples.publication(1))), .presence(.removePublication(1)),
            .presence(.removePublication(2)), .presence(.putPublication(Samples.publication(2))),
        ])
        #expect(try instance.store.load().presence.publications == [Samples.publication(2)])
    }

    @Test("folds the numbers of notifications into subscriptions", arguments: Backend.allCases)
    func foldsMarks(_ backend: Backend) throws {
        let instance = try backend.make()
        try instance.store.commit([
            .presence(.putSubscription(Samples.subscription(1, cseq: 1))),
            .presence(.putSubscription(Samples.subscription(2, cseq: 50))),
            .presence(.notified([NotificationMark(subscription: 1, cseq: 2, partialVersion: 1)])),
        ])
        try instance.store.commit([
            .presence(
                .notified([
                    NotificationMark(subscription: 1, cseq: 3, partialVersion: 2),
                    NotificationMark(subscription: 2, cseq: 49, partialVersion: 9),
                    NotificationMark(subscription: 404, cseq: 1, partialVersion: 0),
                ]))
        ])
        for _ in 0..<3 {
            try instance.restart()
            let state = try instance.store.load()
            #expect(state.presence.subscriptions.map(\.localCSeq) == [3, 50])
            #expect(state.presence.subscriptions.map(\.partialVersion) == [2, 0])
        }
    }

    @Test("never lets a number be used twice, although the subscription is put again", arguments: Backend.allCases)
    func numbersNeverGoBack(_ backend: Backend) throws {
        let instance = try backend.make()
        try instance.store.commit([
            .presence(.putSubscription(Samples.subscription(1, cseq: 5))),
            .presence(.notified([NotificationMark(subscription: 1, cseq: 8, partialVersion: 3)])),
        ])
        try instance.store.commit([.presence(.putSubscription(Samples.subscription(1, cseq: 6)))])
        try instance.restart()
        #expect(try instance.store.load().presence.subscriptions.map(\.localCSeq) == [8])
        try instance.store.commit([.presence(.putSubscription(Samples.subscription(1, cseq: 10)))])
        try instance.restart()
        #expect(try instance.store.load().presence.subscriptions.map(\.localCSeq) == [10])
    }

    @Test("folds a hundred thousand marks without losing the latest of any", arguments: Backend.allCases)
    func foldsManyMarks(_ backend: Backend) throws {
        let instance = try backend.make()
        try instance.store.commit(
            (1...200).map { .presence(.putSubscription(Samples.subscription($0, dialogBytes: 8))) })
        for round in 1...500 {
            let marks = (1...200).map {
                NotificationMark(subscription: UInt64($0), cseq: UInt32(round + $0), partialVersion: UInt32(round))
            }
            try instance.store.commit([.presence(.notified(marks))])
            if round == 400 { try instance.store.commit([.presence(.removeSubscription(77))]) }
        }
        try instance.restart()
        let subscriptions = try instance.store.load().presence.subscriptions
        #expect(subscriptions.count == 199)
        #expect(subscriptions.allSatisfy { $0.localCSeq == 500 + UInt32($0.id) && $0.partialVersion == 500 })
    }

    @Test("keeps subscribers with their secrets, and finds them by user name and realm", arguments: Backend.allCases)
    func keepsSubscribers(_ backend: Backend) throws {
        let instance = try backend.make()
        try instance.store.putSubscriber(Samples.subscriber("bob"))
        try instance.store.putSubscriber(Samples.subscriber("alice", realm: "other.test"))
        try instance.store.putSubscriber(Samples.subscriber("alice"))
        try instance.store.putSubscriber(Samples.subscriber("bob", password: "changed"))
        try instance.restart()
        #expect(
            try instance.store.subscribers() == [
                Samples.subscriber("alice"), Samples.subscriber("bob", password: "changed"),
                Samples.subscriber("alice", realm: "other.test"),
            ])
        #expect(
            try instance.store.subscriber(user: "bob", realm: "home.test")?.ha1SHA256
                == Samples.subscriber("bob", password: "changed").ha1SHA256)
        #expect(try instance.store.subscriber(user: "bob", realm: "other.test") == nil)
        #expect(try instance.store.subscriber(user: "Bob", realm: "home.test") == nil)
        #expect(try instance.store.hasSubscriber(identity: Array("sip:bob@home.test".utf8)))
        #expect(try !instance.store.hasSubscriber(identity: Array("sip:carol@home.test".utf8)))
        #expect(try instance.store.removeSubscriber(user: "bob", realm: "home.test"))
        #expect(try !instance.store.removeSubscriber(user: "bob", realm: "home.test"))
        #expect(try instance.store.subscriber(user: "bob", realm: "home.test") == nil)
    }

    @Test("counts every change of the subscribers, and no failed one", arguments: Backend.allCases)
    func countsChanges(_ backend: Backend) throws {
        let instance = try backend.make()
        var seen = try instance.store.subscriberChanges()
        func changed() throws -> Bool {
            let now = try instance.store.subscriberChanges()
            defer { seen = now }
            return now != seen
        }
        try instance.store.putSubscriber(Samples.subscriber("bob"))
        #expect(try changed())
        try instance.store.putSubscriber(Samples.subscriber("bob", password: "changed"))
        #expect(try changed())
        #expect(try instance.store.subscriberIdentities() == [Array("sip:bob@home.test".utf8)])
        #expect(try !instance.store.removeSubscriber(user: "carol", realm: "home.test"))
        #expect(try !changed())
        #expect(try instance.store.removeSubscriber(user: "bob", realm: "home.test"))
        #expect(try changed())
        #expect(try instance.store.subscriberIdentities().isEmpty)
    }

    @Test("takes names with quotes, blanks, other alphabets and a zero byte as they are", arguments: Backend.allCases)
    func keepsHostileNames(_ backend: Backend) throws {
        let instance = try backend.make()
        for name in ["o'brien\"; DROP TABLE subscriber;--", "日本語", "a\u{0}b", "a", ""] {
            try instance.store.putSubscriber(Samples.subscriber(name))
            #expect(try instance.store.subscriber(user: name, realm: "home.test") == Samples.subscriber(name))
        }
        #expect(try instance.store.subscribers().count == 5)
    }

    @Test("throws after it was closed, and can be closed twice", arguments: Backend.allCases)
    func refusesAfterClose(_ backend: Backend) throws {
        let store = try backend.make().store
        store.close()
        store.close()
        #expect(throws: Fault.storageUnavailable("")) { try store.commit([.presence(.removePublication(1))]) }
        #expect(throws: Fault.storageUnavailable("")) { try store.load() }
        #expect(throws: Fault.storageUnavailable("")) { try store.subscribers() }
    }

    @Test("equals the one in memory after a long random history", arguments: [1, 2, 3] as [UInt64])
    func equalsReference(_ seed: UInt64) throws {
        var entropy = Entropy.seeded(seed)
        let reference = InMemoryStore()
        let instance = try Backend.sqlite.make()
        for round in 1...60 {
            var operations: [StoreOperation] = []
            for _ in 0...entropy.next(below: 20) {
                let id = entropy.next(below: 30)
                let number = UInt32(entropy.next(below: 100)) + UInt32(round)
                switch entropy.next(below: 7) {
                case 0: operations.append(.presence(.putPublication(Samples.publication(id, expires: Int64(number)))))
                case 1: operations.append(.presence(.removePublication(id)))
                case 2, 3: operations.append(.presence(.putSubscription(Samples.subscription(id, cseq: number))))
                case 4:
                    let mark = NotificationMark(subscription: id, cseq: number, partialVersion: number / 2)
                    operations.append(.presence(.notified([mark])))
                case 5: operations.append(.registrar(.putBinding(Samples.binding(id))))
                default: operations.append(.registrar(.removeBinding(id)))
                }
            }
            try reference.commit(operations)
            try instance.store.commit(operations)
            if round % 20 == 0 {
                try instance.restart()
                #expect(try instance.store.load() == reference.load())
            }
        }
    }
}
