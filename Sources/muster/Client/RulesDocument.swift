import Ground
import PresenceDocuments
import WebEdge
import XCAPEngine

/// The document that says who may see a user (RFC 5025), and its changes: each reads it, changes what is asked for and
/// nothing else, and writes it if nobody else did in between.
struct RulesDocument: Sendable {
    /// Which document of the user.
    enum Place: Sendable {
        /// That of RFC 5025 §9.
        case presenceRules
        /// That of OMA Presence XDM.
        case openMobile

        var usage: ApplicationUsage {
            switch self {
            case .presenceRules: .presenceRules
            case .openMobile: .openMobilePresenceRules
            }
        }

        var path: String {
            switch self {
            case .presenceRules: "index"
            case .openMobile: "pres-rules"
            }
        }
    }

    /// How a change went.
    struct Outcome: Sendable {
        /// The document was made for it.
        var isNew = false
        /// Anything was changed at all.
        var isChanged = false
        /// Rules that still grant more, because nobody can be taken out of them.
        var remaining: [String] = []
    }

    let client: DocumentClient
    var place = Place.presenceRules

    /// The selector of the document, escaped.
    var selector: String { self.client.selector(self.place.usage.auid[...].text, self.place.path) }

    /// The document as it stands; nil if there is none.
    func read() async throws -> [UInt8]? { try await self.client.get(self.selector)?.body }

    /// Treats a subject in a new way.
    ///
    /// - Parameter others: how everybody else is treated by a document that is made for this.
    func set(
        _ handling: SubHandling, for subject: RulesetEditing.Subject, others: SubHandling = .confirm
    ) async throws -> Outcome {
        for _ in 0..<DocumentClient.attempts {
            let found = try await self.client.get(self.selector)
            let change = try self.editing {
                () throws(DocumentFault) in
                try RulesetEditing.setting(handling, for: subject, in: found.map { $0.body[...] }, others: others)
            }
            var outcome = Outcome(isNew: found == nil, remaining: change.remaining.map { $0[...].text })
            guard change.document != found?.body else { return outcome }
            outcome.isChanged = true
            if try await self.write(change.document, over: found) { return outcome }
        }
        throw DocumentClient.outpaced(self.selector)
    }

    /// Forgets what is said about a subject.
    ///
    /// - Returns: whether anything was.
    func remove(_ subject: RulesetEditing.Subject) async throws -> Bool {
        for _ in 0..<DocumentClient.attempts {
            guard let found = try await self.client.get(self.selector) else { return false }
            let changed = try self.editing {
                () throws(DocumentFault) in try RulesetEditing.removing(subject, from: found.body[...])
            }
            guard let changed else { return false }
            if try await self.write(changed, over: found) { return true }
        }
        throw DocumentClient.outpaced(self.selector)
    }

    /// - Returns: whether it is written; not if somebody else was faster.
    private func write(_ document: [UInt8], over found: DocumentClient.Found?) async throws -> Bool {
        try await self.client.put(
            self.selector, document, type: self.place.usage.mediaType[...].text,
            if: DocumentClient.condition(found)) != .preempted
    }

    private func editing<Value>(_ body: () throws(DocumentFault) -> Value) throws(CommandFailure) -> Value {
        do { return try body() } catch {
            throw CommandFailure(
                "\(self.selector) cannot be changed: \(error.reason)", advice: "`muster xcap get` shows it as it is.")
        }
    }
}
