internal import Ground
internal import XCAPEngine

/// The start, the end, and the change of who is a user.
extension XDMServer {
    /// Takes in what the storage kept. A record whose selector does not say what the record says is left out: it could
    /// be reached under a name that nobody guards.
    mutating func restore(_ stored: StoredDocuments, at now: Instant, into effects: inout [Effect]) {
        for var record in stored.documents {
            guard Self.isConsistent(record) else {
                self.observe(.damagedRecord, into: &effects)
                continue
            }
            record.auid = self.shared(record.auid)
            self.documents.put(record)
            self.indexServices(of: record)
        }
        self.restoreSubscriptions(stored.subscriptions, at: now, into: &effects)
        self.removeWithdrawn(at: now, into: &effects)
    }

    /// REQ-22141-29, REQ-22141-31: what belongs to a user goes with the user.
    mutating func usersChanged(_ users: Configuration.Users, at now: Instant, into effects: inout [Effect]) {
        self.users = users
        self.removeWithdrawn(at: now, into: &effects)
        self.subscribersWithdrawn(at: now, into: &effects)
    }

    private mutating func removeWithdrawn(at now: Instant, into effects: inout [Effect]) {
        guard case .provisioned(let known) = self.users else { return }
        let withdrawn = self.documents.owners.filter { !$0.isEmpty && !known.contains($0) }
            .sorted { $0.lexicographicallyPrecedes($1) }
        for owner in withdrawn {
            for record in self.documents.documents(of: owner) { self.forget(record.selector, at: now, into: &effects) }
        }
    }

    /// No new work is taken; what waits for credentials is answered, because its listener goes too.
    mutating func drain(at now: Instant, into effects: inout [Effect]) {
        self.isDraining = true
        self.drainSubscriptions(at: now, into: &effects)
    }

    private static func isConsistent(_ record: DocumentRecord) -> Bool {
        var start = record.auid
        guard !record.auid.isEmpty else { return false }
        if record.owner.isEmpty {
            start.append(literal: "/global/")
        } else {
            start.append(literal: "/users/")
            start += record.owner
            start.append(literal: "/")
        }
        return record.selector.starts(with: start) && record.selector.count > start.count && !record.entityTag.isEmpty
    }
}
