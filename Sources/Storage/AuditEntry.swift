import Ground

/// A decision as it is kept for operators: who asked for what, what became of it, and why.
package struct AuditEntry: Hashable, Sendable {
    package var time: Instant
    /// What was asked for, in a word, for example `subscription`.
    package var matter: String
    /// Canonical identity of the presentity.
    package var presentity: [UInt8]
    /// Canonical identity of who asked; empty for an anonymous one.
    package var watcher: [UInt8]
    /// What became of it, in a word, for example `allow`.
    package var handling: String
    /// Why, in words.
    package var reason: String
    /// The selector of the document whose rule decided; empty where none did.
    package var document: [UInt8]
    /// The id of the rule that decided; empty where none did.
    package var rule: String

    package init(
        time: Instant, matter: String, presentity: [UInt8], watcher: [UInt8], handling: String, reason: String,
        document: [UInt8] = [], rule: String = ""
    ) {
        self.time = time
        self.matter = matter
        self.presentity = presentity
        self.watcher = watcher
        self.handling = handling
        self.reason = reason
        self.document = document
        self.rule = rule
    }
}

/// Which entries of the audit log somebody wants to see.
package struct AuditQuery: Hashable, Sendable {
    /// Only of this presentity.
    package var presentity: [UInt8]?
    /// Only of this watcher; empty for anonymous ones.
    package var watcher: [UInt8]?
    /// Only of this time and later.
    package var since: Instant?
    /// Only of earlier than this time.
    package var until: Instant?
    /// The most entries that are given.
    package var limit: Int

    package init(
        presentity: [UInt8]? = nil, watcher: [UInt8]? = nil, since: Instant? = nil, until: Instant? = nil,
        limit: Int = 100
    ) {
        self.presentity = presentity
        self.watcher = watcher
        self.since = since
        self.until = until
        self.limit = limit
    }

    /// Whether an entry is wanted.
    func accepts(_ entry: AuditEntry) -> Bool {
        if let presentity, presentity != entry.presentity { return false }
        if let watcher, watcher != entry.watcher { return false }
        if let since, entry.time < since { return false }
        if let until, entry.time >= until { return false }
        return true
    }
}

/// A place that keeps the audit log. It is no part of ``Store``: a decision that is written a moment late, or that a
/// power failure takes along, breaks no promise to a peer, and writing it must not hold up what does.
///
/// All methods block the calling thread, and may be called from any.
package protocol AuditStore: Sendable {
    /// Adds entries, all of them or none. They survive the end of the process, not a power failure.
    func append(_ entries: [AuditEntry]) throws(Fault)

    /// The entries that a query asks for, the one that was added last first.
    func entries(_ query: AuditQuery) throws(Fault) -> [AuditEntry]

    /// Removes the oldest entries: those of before a time, and those beyond a number.
    /// - Returns: how many were removed.
    func prune(before: Instant, keeping most: Int) throws(Fault) -> Int

    /// Ends the use of the log. What comes after it throws.
    func close()
}
