import Ground
import Logging
import PresenceServer
import Settings
import Storage

/// Writes decisions about subscriptions and publications to the log (design law 7), refusals at `info` and the others at
/// `debug`, and keeps them in the audit log.
struct Auditor: Sendable {
    let log: Logger
    let audit: AuditLog<Decision>
    let isKept: Bool

    func note(_ decision: Decision, at now: Instant) {
        if self.isKept { self.audit.note(decision, at: now) }
        let level: Logger.Level = decision.handling == .allow ? .debug : .info
        guard self.log.logLevel <= level else { return }
        self.log.log(
            level: level, "decided",
            metadata: [
                "matter": "\(decision.matter.word)", "handling": "\(decision.handling.word)",
                "presentity": "\(decision.presentity[...].text)", "by": "\(decision.reason.words)",
                "actor": "\(decision.actor.isEmpty ? "anonymous" : decision.actor[...].text)",
            ])
    }

    /// Whether decisions are kept at all.
    static func isKept(_ settings: NodeConfiguration.Audit) -> Bool { settings.keep > .zero && settings.entries > 0 }

    static func log(_ settings: NodeConfiguration.Audit, store: any AuditStore, log: Logger) -> AuditLog<Decision> {
        var configuration = AuditLog<Decision>.Configuration()
        configuration.age = settings.keep
        configuration.count = settings.entries
        return AuditLog(
            store: store, configuration: configuration, describe: { AuditEntry($0, at: $1) },
            failed: { fault in log.error("decisions were not kept: \(fault)") })
    }
}

extension AuditEntry {
    init(_ decision: Decision, at time: Instant) {
        self.init(
            time: time, matter: decision.matter.word, presentity: decision.presentity, watcher: decision.actor,
            handling: decision.handling.word, reason: decision.reason.words)
        switch decision.reason {
        case .rule(let id): self.rule = id
        case .ruleDocument(let selector, let id):
            self.document = Array(selector.utf8)
            self.rule = id
        case .unusableDocument(let selector): self.document = Array(selector.utf8)
        case .noRule, .defaultHandling, .anonymousHandling, .presentity, .trustedPublisher, .notThePresentity: break
        }
    }
}

extension Decision.Matter {
    /// The matter as one word.
    var word: String {
        switch self {
        case .subscription: "subscription"
        case .publication: "publication"
        case .watcherInformation: "watcher-information"
        }
    }
}

extension Decision.Reason {
    /// The reason for a person.
    var words: String {
        switch self {
        case .rule(let id): "rule \(id) of the rules file"
        case .ruleDocument(let selector, let id): "rule \(id) of \(selector)"
        case .noRule: "no rule of the presentity is about the watcher"
        case .unusableDocument(let selector): "\(selector) cannot be read"
        case .defaultHandling: "no rule; presence.default-handling"
        case .anonymousHandling: "no rule; presence.anonymous-handling"
        case .presentity: "the presentity itself"
        case .trustedPublisher: "a trusted publisher"
        case .notThePresentity: "not the presentity"
        }
    }
}
