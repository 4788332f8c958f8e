import Ground
import Storage
import Testing
import XDMServer

/// What every storage has to do with documents.
@Suite("every storage, of documents,")
struct DocumentConformanceTests {
    private static func put(_ record: DocumentRecord) -> StoreOperation { .documents(.putDocument(record)) }
    private static func remove(_ number: UInt64) -> StoreOperation {
        .documents(.removeDocument(selector: Samples.selector(number)))
    }

    @Test("gives back after a restart exactly what was put, in the order of the selectors", arguments: Backend.allCases)
    func keepsDocuments(_ backend: Backend) throws {
        let instance = try backend.make()
        try instance.store.commit([
            Self.put(Samples.document(2)), Self.put(Samples.document(1)), Self.put(Samples.document(30)),
            .documents(.putSubscription(Samples.documentSubscription(9))),
            .documents(.putSubscription(Samples.documentSubscription(8))),
        ])
        try instance.restart()
        let state = try instance.store.load()
        #expect(
            state.documents
                == StoredDocuments(
                    documents: [Samples.document(1), Samples.document(2), Samples.document(30)],
                    subscriptions: [Samples.documentSubscription(8), Samples.documentSubscription(9)]))
        #expect(state.unreadableDocuments.isEmpty)
        #expect(state.damages.isEmpty)
    }

    @Test("replaces by selector, removes by selector, and applies one commit in its order", arguments: Backend.allCases)
    func replaces(_ backend: Backend) throws {
        let instance = try backend.make()
        try instance.store.commit((1...4).map { Self.put(Samples.document($0)) })
        try instance.restart()
        try instance.store.commit([
            Self.put(Samples.document(1, version: 2)), Self.put(Samples.document(1, version: 3)), Self.remove(2),
            Self.remove(3), Self.put(Samples.document(3, version: 2)), Self.put(Samples.document(5)), Self.remove(5),
            Self.remove(404), .documents(.putSubscription(Samples.documentSubscription(1))),
            .documents(.putSubscription(Samples.documentSubscription(1, cseq: 7))),
            .documents(.putSubscription(Samples.documentSubscription(2))), .documents(.removeSubscription(2)),
            .documents(.removeSubscription(404)),
        ])
        let expected = StoredDocuments(
            documents: [Samples.document(1, version: 3), Samples.document(3, version: 2), Samples.document(4)],
            subscriptions: [Samples.documentSubscription(1, cseq: 7)])
        for _ in 0..<3 {
            #expect(try instance.store.load().documents == expected)
            try instance.restart()
        }
    }

    @Test(
        "takes any bytes as selector, tag and body, and bodies from nothing to a megabyte", arguments: Backend.allCases)
    func keepsExtremes(_ backend: Backend) throws {
        let instance = try backend.make()
        var documents: [DocumentRecord] = []
        for (selector, bytes) in [
            ([], 0), ([0], 1), ([0, 0], 4096), (Array("a' OR 1=1 --".utf8), 1 << 20), ([255], 9),
        ]
            as [([UInt8], Int)]
        {
            var record = Samples.document(UInt64(bytes), bytes: bytes)
            record.selector = selector
            record.owner = []
            record.entityTag = [0, 255]
            record.modified = bytes == 0 ? .distantFuture : Instant(nanoseconds: .min)
            documents.append(record)
        }
        try instance.store.commit(documents.reversed().map { Self.put($0) })
        var subscription = Samples.documentSubscription(.max, cseq: .max)
        subscription.watcher = []
        subscription.state = .max
        try instance.store.commit([.documents(.putSubscription(subscription))])
        try instance.restart()
        let state = try instance.store.load()
        #expect(state.documents.documents == documents)
        #expect(state.documents.subscriptions == [subscription])
    }

    @Test("equals the one in memory after a long random history", arguments: [1, 2, 3] as [UInt64])
    func equalsReference(_ seed: UInt64) throws {
        var entropy = Entropy.seeded(seed)
        let reference = InMemoryStore()
        let instance = try Backend.sqlite.make()
        for round in 1...60 {
            var operations: [StoreOperation] = []
            for _ in 0...entropy.next(below: 12) {
                let number = entropy.next(below: 20)
                switch entropy.next(below: 5) {
                case 0, 1: operations.append(Self.put(Samples.document(number, version: UInt64(round))))
                case 2: operations.append(Self.remove(number))
                case 3:
                    let record = Samples.documentSubscription(number, cseq: UInt32(round))
                    operations.append(.documents(.putSubscription(record)))
                default: operations.append(.documents(.removeSubscription(number)))
                }
            }
            try reference.commit(operations)
            try instance.store.commit(operations)
            if round % 10 == 0 {
                try instance.restart()
                #expect(try instance.store.load() == reference.load())
            }
        }
    }
}
