internal import EventNotification
internal import PresenceDocuments

/// The bodies of views that nobody uses just now. A presentity that is asked for again and again, each time by a fetch
/// that leaves nothing behind, is composed once and not every time.
///
/// A place for each number of a presentity modulo the size: the newer body takes the place of the older.
struct RestingViews: Sendable {
    /// A body and what it was made of.
    private struct Entry: Sendable {
        let outcome: PolicyOutcome
        let presentity: UInt32
        let generation: UInt32
        let revision: UInt32
        let body: [UInt8]
        let tag: ContentTag
    }

    private var entries: [Entry?] = []
    private let capacity: Int

    /// - Parameter capacity: how many bodies are kept at most; 0 keeps none.
    init(capacity: Int) { self.capacity = capacity }

    /// Keeps the body of a view that somebody who is allowed has without a filter.
    mutating func keep(_ view: View, generation: UInt32) {
        guard self.capacity > 0, let revision = view.revision, view.outcome.handling == .allow, view.filter == nil
        else { return }
        if self.entries.isEmpty { self.entries = Array(repeating: nil, count: self.capacity) }
        self.entries[Int(view.presentity) % self.capacity] = Entry(
            outcome: view.outcome, presentity: view.presentity, generation: generation, revision: revision,
            body: view.body, tag: view.tag)
    }

    /// Gives a new view the body that was kept for it, if there is one of this revision.
    func wake(_ view: inout View, generation: UInt32, revision: UInt32) -> Bool {
        guard !self.entries.isEmpty, view.filter == nil,
            let entry = self.entries[Int(view.presentity) % self.capacity], entry.presentity == view.presentity,
            entry.generation == generation, entry.revision == revision, entry.outcome == view.outcome
        else { return false }
        view.body = entry.body
        view.tag = entry.tag
        view.renderings = []
        view.shown = nil
        view.revision = revision
        return true
    }
}
