internal import Ground
internal import PresenceDocuments

/// A change of documents acts on live subscriptions at once, in the turn in which it comes (RFC 5025 §3.2.1,
/// REQ-24141-26, REQ-33141-D2, RFC 4827 §1).
extension PresenceServer {
    mutating func documentsChanged(
        _ changed: [SubscriberDocument], at now: Instant, into effects: inout [Effect]
    ) {
        var judged: [[UInt8]] = []
        var composed: [[UInt8]] = []
        for document in changed where self.documents.apply(document) {
            switch document.kind {
            case .rules: judged.append(document.owner)
            case .hardState: composed.append(document.owner)
            case .resourceLists:
                // Lists that no rule of a watched presentity names change nothing; the rules of the others are read
                // when somebody comes.
                let policy = self.readDocuments[document.owner]?.policy
                if policy?.listed.selectors.contains(document.selector) ?? false { judged.append(document.owner) }
            }
        }
        // At a start there is nobody yet, and nothing was read.
        guard !self.presentityPlaces.isEmpty || !self.readDocuments.isEmpty else { return }
        let isJudged = Self.distinct(judged)
        let isComposed = Self.distinct(composed)
        for presentity in isComposed {
            self.readDocuments[presentity]?.hardState = nil
            if let place = self.presentityPlaces[presentity] { self.presentities[place].revision &+= 1 }
        }
        // The rules first: nothing new is told to whom the new rules deny it.
        for presentity in isJudged {
            self.readDocuments[presentity]?.policy = nil
            guard let place = self.presentityPlaces[presentity] else { continue }
            self.judgeAgain(place, at: now, into: &effects)
        }
        for presentity in isComposed {
            guard let place = self.presentityPlaces[presentity] else { continue }
            self.stateChanged(place, at: now, into: &effects)
        }
    }

    /// Each once, in order.
    private static func distinct(_ presentities: [[UInt8]]) -> [[UInt8]] {
        guard presentities.count > 1 else { return presentities }
        var seen: Set<[UInt8]> = []
        return presentities.filter { seen.insert($0).inserted }
    }
}
