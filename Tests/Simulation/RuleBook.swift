import PresenceServer

/// The subscription authorization of a world: it outlives the server, as the documents behind it do. It judges by
/// itself, so that the judgement of the server has something to be compared with.
package struct RuleBook: Sendable {
    private var named: [[UInt8]: [[UInt8]: AuthorizationRule.Handling]] = [:]
    private var everyone: [[UInt8]: AuthorizationRule.Handling] = [:]
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

    /// How a watcher is treated.
    package func judge(_ presentity: [UInt8], watcher: [UInt8]) -> AuthorizationRule.Handling {
        if presentity == watcher { return .allow }
        return self.named[presentity]?[watcher] ?? self.everyone[presentity] ?? self.defaultHandling
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
