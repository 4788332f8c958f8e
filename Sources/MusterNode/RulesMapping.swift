import Ground
import PresenceServer
import SIPWire
import Settings

extension AuthorizationRule {
    /// The rule that a line of a rules file means; nil if its identities are no URIs.
    package init?(_ rule: RulesFile.Rule) {
        guard let presentity = Presentity(rule.presentity), let watcher = Watcher(rule.watcher) else { return nil }
        self.init(id: rule.id, presentity: presentity, watcher: watcher, handling: Handling(rule.handling))
    }
}

extension AuthorizationRule.Presentity {
    fileprivate init?(_ pattern: RulesFile.Pattern) {
        switch pattern {
        case .identity(let text):
            guard let uri = SIPURI(text) else { return nil }
            self = .identity(uri.canonicalIdentity)
        case .domain(let domain): self = .domain(Array(domain.utf8))
        case .everyone: self = .every
        case .anonymous: return nil
        }
    }
}

extension AuthorizationRule.Watcher {
    fileprivate init?(_ pattern: RulesFile.Pattern) {
        switch pattern {
        case .identity(let text):
            guard let uri = SIPURI(text) else { return nil }
            self = .identity(uri.canonicalIdentity)
        case .domain(let domain): self = .domain(Array(domain.utf8))
        case .everyone: self = .everyone
        case .anonymous: self = .anonymous
        }
    }
}

extension AuthorizationRule.Handling {
    /// The handling that a setting names.
    package init(_ handling: NodeConfiguration.WatcherHandling) {
        switch handling {
        case .allow: self = .allow
        case .block: self = .block
        case .confirm: self = .confirm
        case .politeBlock: self = .politeBlock
        }
    }
}
