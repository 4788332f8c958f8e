import Ground
import PresenceServer

/// The subscription authorization of a world: it outlives the server, as the documents behind it do. It judges by
/// itself, so that the judgement of the server has something to be compared with.
package struct RuleBook: Sendable {
    private var named: [[UInt8]: [[UInt8]: AuthorizationRule.Handling]] = [:]
    private var everyone: [[UInt8]: AuthorizationRule.Handling] = [:]
    /// The rules that presentities keep as documents.
    package var documents: [[UInt8]: RulesDocument] = [:]
    /// What happens to a watcher whom no rule mentions.
    package var defaultHandling = AuthorizationRule.Handling.block

    package init() {}

    /// Sets the handling of one watcher, or of everybody else where the watcher is nil; nil removes the rule.
    package mutating func set(
        _ presentity: [UInt8], watcher: [UInt8]?, _ handling: AuthorizationRule.Handling?
    ) {
        if let watcher {
            self.named[presentity, default: [:]][watcher] = handling
        } else {
            self.everyone[presentity] = handling
        }
    }

    /// How a watcher is treated, and what it may be shown; an empty identity is a stranger's. Where a presentity keeps
    /// rules as a document, these decide.
    package func judge(_ presentity: [UInt8], watcher: [UInt8], at now: Instant) -> Verdict {
        if presentity == watcher { return Verdict(.allow, .everything) }
        if let document = self.documents[presentity] { return document.judge(watcher[...].text, at: now) }
        if watcher.isEmpty { return Verdict(.block, Shown()) }
        let handling = self.named[presentity]?[watcher] ?? self.everyone[presentity] ?? self.defaultHandling
        return Verdict(handling, .everything)
    }

    /// The rules of one presentity in the form of the server.
    package func rules(of presentity: [UInt8]) -> [AuthorizationRule] {
        var rules: [AuthorizationRule] = []
        let named = (self.named[presentity] ?? [:]).sorted { $0.key.lexicographicallyPrecedes($1.key) }
        for (watcher, handling) in named {
            rules.append(
                AuthorizationRule(
                    id: "r\(rules.count + 1)", presentity: .identity(presentity), watcher: .identity(watcher),
                    handling: handling))
        }
        if let handling = self.everyone[presentity] {
            rules.append(
                AuthorizationRule(
                    id: "others", presentity: .identity(presentity), watcher: .everyone, handling: handling))
        }
        return rules
    }

    /// All rules there are.
    package var all: [AuthorizationRule] {
        Set(self.named.keys).union(self.everyone.keys).sorted { $0.lexicographicallyPrecedes($1) }
            .flatMap { self.rules(of: $0) }
    }
}
