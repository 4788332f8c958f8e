package import PresenceDocuments

/// How a watcher of a presentity is treated, why, and what it sees: for people who ask (design law 7).
package struct PolicyExplanation: Sendable {
    /// What became of one rule.
    package struct Verdict: Sendable, Equatable {
        /// Where the rule stands.
        package enum Source: Sendable, Equatable {
            /// In a document of the presentity, by its selector.
            case document(selector: [UInt8])
            /// In the operator's rules file.
            case rulesFile
        }

        package var source: Source
        /// The `id` of the rule.
        package var rule: String
        /// What the rule gives a watcher that it matches; nil if it says nothing about subscriptions.
        package var handling: SubHandling?
        /// What the rule shows a watcher that it matches.
        package var permissions: Permissions
        /// Whether all conditions of the rule hold.
        package var isMatch: Bool
        /// Whether the rule gave the watcher its handling.
        package var isDeciding: Bool
        /// Why the rule counts or does not, as one phrase: "does not name sip:bob@home1.net".
        package var reason: String

        package init(
            source: Source, rule: String, handling: SubHandling?, permissions: Permissions, isMatch: Bool,
            isDeciding: Bool, reason: String
        ) {
            self.source = source
            self.rule = rule
            self.handling = handling
            self.permissions = permissions
            self.isMatch = isMatch
            self.isDeciding = isDeciding
            self.reason = reason
        }
    }

    /// What is decided, and by what.
    package var decision: Decision
    /// What of the presence is shown to a watcher that is allowed.
    package var permissions: Permissions
    /// The verdict of every rule that was looked at. Where the presentity keeps documents, these and the rules of the
    /// file for this very presentity; otherwise those of the file for the presentity, its domain and everybody.
    package var verdicts: [Verdict]
    /// Selectors of the rules documents that the presentity keeps.
    package var documents: [[UInt8]]
    /// The sphere that the presentity is in, if a rule asks for it and it is known.
    package var sphere: [UInt8]?
    /// The body of the NOTIFY that the watcher would be sent now (`application/pidf+xml`), before any filter of its
    /// own; empty for one that is told nothing.
    package var body: [UInt8]

    package init(
        decision: Decision, permissions: Permissions, verdicts: [Verdict], documents: [[UInt8]], sphere: [UInt8]?,
        body: [UInt8]
    ) {
        self.decision = decision
        self.permissions = permissions
        self.verdicts = verdicts
        self.documents = documents
        self.sphere = sphere
        self.body = body
    }
}
