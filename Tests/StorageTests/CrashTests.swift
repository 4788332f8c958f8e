import Foundation
import Ground
import PresenceServer
import Storage
import StorageSQLite
import Testing
import XDMServer

/// Commits until it is killed. Each commit that returned is acknowledged by a byte in a file, as an answer on the wire
/// would be.
private func commitUntilKilled(folder: String, acknowledged: String) throws {
    let store = try SQLiteStore(path: folder + "/muster.sqlite", vault: Samples.vault())
    let committer = GroupCommitter(store: store)
    let descriptor = open(acknowledged, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    let enough = DispatchSemaphore(value: 0)
    for thread: UInt64 in 0..<2 {
        Thread {
            var number: UInt64 = 1
            while true {
                let id = thread << 32 | number
                do {
                    try committer.commit([
                        .presence(.putSubscription(Samples.subscription(id))),
                        .presence(.notified([NotificationMark(subscription: id, cseq: 100, partialVersion: 4)])),
                        .presence(.putPublication(Samples.publication(id))),
                        .documents(.putDocument(Samples.document(id, version: number))),
                        .documents(.putDocument(Samples.document(.max - thread, version: number))),
                        .documents(.putSubscription(Samples.documentSubscription(id))),
                    ])
                } catch {
                    return
                }
                var line = id
                _ = withUnsafeBytes(of: &line) { write(descriptor, $0.baseAddress, $0.count) }
                number += 1
                if number == 150 { enough.signal() }
            }
        }.start()
    }
    enough.wait()
    kill(getpid(), SIGKILL)
}

@Suite("a crash")
struct CrashTests {
    @Test("with SIGKILL in the middle of commits loses nothing that was acknowledged")
    func killLosesNothing() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path
        let acknowledged = path + "/acknowledged"
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [path = path as String, acknowledged = acknowledged as String] in
            try commitUntilKilled(folder: path, acknowledged: acknowledged)
        }
        let bytes = try Data(contentsOf: URL(fileURLWithPath: acknowledged))
        let ids = stride(from: 0, to: bytes.count / 8 * 8, by: 8).map { start in
            bytes[start..<(start + 8)].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
        #expect(ids.count >= 149)
        let state = try folder.open().load()
        #expect(state.damages.isEmpty)
        let subscriptions = Dictionary(uniqueKeysWithValues: state.presence.subscriptions.map { ($0.id, $0) })
        let publications = Set(state.presence.publications.map(\.id))
        for id in ids {
            #expect(subscriptions[id]?.localCSeq == 100)
            #expect(subscriptions[id]?.partialVersion == 4)
            #expect(publications.contains(id))
        }
        let documents = Dictionary(uniqueKeysWithValues: state.documents.documents.map { ($0.selector, $0) })
        for id in ids {
            let isKept = documents[Samples.selector(id)] == Samples.document(id, version: id & 0xFFFF_FFFF)
            #expect(isKept, "document \(id)")
        }
        // What was not acknowledged is there wholly or not at all.
        #expect(Set(subscriptions.keys) == publications)
        #expect(Set(state.documents.subscriptions.map(\.id)) == publications)
        #expect(Set(documents.keys) == Set((publications + [.max, .max - 1]).map { Samples.selector($0) }))
        // The document that every commit replaced is as the last commit of its thread left it.
        for thread: UInt64 in 0..<2 {
            let last = publications.filter { $0 >> 32 == thread }.map { $0 & 0xFFFF_FFFF }.max() ?? 0
            #expect(
                documents[Samples.selector(.max - thread)]?.entityTag
                    == Array("tag-\(UInt64.max - thread)-\(last)".utf8))
        }
    }
}
