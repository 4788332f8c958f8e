/// Why a watcher is treated as it is: the answer of `/api/policy/explain`, written by the node and read by the command
/// line. `docs/reference/administration.md` says what the members mean.
package struct PolicyReport: Codable, Equatable, Sendable {
    /// What one rule says about the watcher.
    package struct Rule: Codable, Equatable, Sendable {
        /// Selector of the document; nil for a rule of the rules file.
        package let document: String?
        package let rule: String
        package let matches: Bool
        package let decides: Bool
        package let handling: String?
        package let reason: String

        package init(
            document: String?, rule: String, matches: Bool, decides: Bool, handling: String?, reason: String
        ) {
            self.document = document
            self.rule = rule
            self.matches = matches
            self.decides = decides
            self.handling = handling
            self.reason = reason
        }
    }

    package let presentity: String
    package let watcher: String
    package let handling: String
    package let reason: String
    package let rules: [Rule]
    package let documents: [String]
    package let sphere: String?
    package let sees: String

    package init(
        presentity: String, watcher: String, handling: String, reason: String, rules: [Rule], documents: [String],
        sphere: String?, sees: String
    ) {
        self.presentity = presentity
        self.watcher = watcher
        self.handling = handling
        self.reason = reason
        self.rules = rules
        self.documents = documents
        self.sphere = sphere
        self.sees = sees
    }
}

/// The decisions that were made: the answer of `/api/audit`, the latest first.
package struct AuditReport: Codable, Equatable, Sendable {
    /// One decision of the audit log.
    package struct Decision: Codable, Equatable, Sendable {
        /// As `2025-03-01T12:00:00.250Z`.
        package let time: String
        package let matter: String
        package let presentity: String
        package let watcher: String
        package let handling: String
        package let reason: String
        /// Selector of the document that decided; nil where none did.
        package let document: String?
        package let rule: String?

        package init(
            time: String, matter: String, presentity: String, watcher: String, handling: String, reason: String,
            document: String?, rule: String?
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

    package let decisions: [Decision]

    package init(decisions: [Decision]) { self.decisions = decisions }
}
