import Ground
import Synchronization

/// An audit log that lasts as long as the process: the reference, and what a node uses that has no other.
package final class InMemoryAuditStore: AuditStore {
    /// Everything that is kept.
    private struct State {
        /// The oldest first.
        var entries: [AuditEntry] = []
        var isClosed = false
    }

    private let state = Mutex(State())

    package init() {}

    package func append(_ entries: [AuditEntry]) throws(Fault) {
        try self.withOpenState { $0.entries += entries }
    }

    package func entries(_ query: AuditQuery) throws(Fault) -> [AuditEntry] {
        try self.withOpenState { state in
            Array(state.entries.reversed().lazy.filter { query.accepts($0) }.prefix(max(query.limit, 0)))
        }
    }

    package func prune(before: Instant, keeping most: Int) throws(Fault) -> Int {
        try self.withOpenState { state in
            let old = state.entries.prefix { $0.time < before }.count
            let removed = max(old, state.entries.count - max(most, 0))
            state.entries.removeFirst(removed)
            return removed
        }
    }

    package func close() { self.state.withLock { $0.isClosed = true } }

    private func withOpenState<Result: Sendable>(_ body: (inout State) -> Result) throws(Fault) -> Result {
        let result: Result? = self.state.withLock { $0.isClosed ? nil : body(&$0) }
        guard let result else { throw .storageUnavailable("the audit log was closed") }
        return result
    }
}
