import Ground
import PresenceDocuments
import UserAgent
import WebEdge

/// Rules and decisions as people like to read them, and as scripts do.
enum PolicyText {
    /// Whom a change of rules is about: a user, `*@domain` for everybody there, `others`, or `anonymous`.
    ///
    /// - Parameter domain: that of the presentity, for names without one.
    static func subject(_ text: String, domain: String?) -> RulesetEditing.Subject? {
        switch text {
        case "others": return .others
        case "anonymous": return .anonymous
        case _ where text.hasPrefix("*@"):
            let name = text.dropFirst(2)
            guard UserName.identity("x@" + name) != nil, !name.contains("@") else { return nil }
            return .domain(Array(name.lowercased().utf8))
        default: return UserName.identity(text, domain: domain).map { .identity(Array($0.utf8)) }
        }
    }

    /// A subject in words.
    static func name(of subject: RulesetEditing.Subject) -> String {
        switch subject {
        case .identity(let uri): PresenceText.harmless(uri[...].text)
        case .domain(let domain): "everybody of \(PresenceText.harmless(domain[...].text))"
        case .others: "everybody else"
        case .anonymous: "anonymous watchers"
        }
    }

    /// What a handling means for a subject.
    static func sentence(_ handling: SubHandling, _ subject: RulesetEditing.Subject, of presentity: String) -> String {
        let (who, whom) = (self.name(of: subject), PresenceText.harmless(presentity))
        return switch handling {
        case .allow: "\(who) may see \(whom)"
        case .block: "\(who) may not see \(whom)"
        case .politeBlock: "\(who) always sees \(whom) as away, and is not told why"
        case .confirm: "\(who) has to wait until \(whom) decides"
        }
    }

    private static func emphasis(of word: String) -> PresenceText.Emphasis {
        switch SubHandling(word: word) {
        case .allow: .good
        case .confirm: .warning
        case .block: .bad
        case .politeBlock, nil: .muted
        }
    }

    private static func handling(_ word: String?, _ style: PresenceText.Style) -> String {
        guard let word else { return PresenceText.padded("-", 12) }
        let harmless = PresenceText.harmless(word)
        return PresenceText.emphasised(PresenceText.padded(harmless, 12), self.emphasis(of: word), style)
    }

    // MARK: Rules

    /// A line for each rule of a document.
    static func table(_ rules: [RuleSummary]) -> String {
        let rows = rules.map { rule in
            [
                rule.rule, rule.handling?.word ?? "-", rule.who, rule.when.isEmpty ? "always" : rule.when,
                rule.handling == .allow ? rule.shows : "-",
            ]
        }
        return TextTable.aligned([["RULE", "HANDLING", "WHO", "WHEN", "SHOWS"]] + rows)
    }

    static func object(_ rule: RuleSummary) -> JSONObject {
        var object = JSONObject()
        object.add("rule", text: rule.rule)
        object.add("handling", text: rule.handling?.word)
        object.add("who", text: rule.who)
        object.add("when", text: rule.when.isEmpty ? nil : rule.when)
        object.add("shows", text: rule.shows)
        return object
    }

    // MARK: Explanations

    /// Why a watcher is treated as it is, in some lines.
    static func lines(_ report: PolicyReport, style: PresenceText.Style) -> [String] {
        let handling = PresenceText.emphasised(
            PresenceText.harmless(report.handling), self.emphasis(of: report.handling), style)
        let reason = PresenceText.harmless(report.reason)
        var lines = [
            "\(PresenceText.harmless(report.watcher)) watches \(PresenceText.harmless(report.presentity)): \(handling)",
            "  because of \(reason)",
        ]
        if let sphere = report.sphere { lines.append("  the sphere is \(PresenceText.harmless(sphere))") }
        lines.append("")
        if report.rules.isEmpty {
            lines.append(
                report.documents.isEmpty
                    ? "There are no rules." : "No rule could be read; nobody but the presentity is let in.")
        } else {
            let hasSeveral = Set(report.rules.map(\.document)).count > 1
            lines.append("The rules (* decides, + matches, - does not):")
            let width = min(report.rules.map(\.rule.count).max() ?? 0, 32)
            lines += report.rules.map { rule in
                let mark = rule.decides ? "*" : rule.matches ? "+" : "-"
                let name = PresenceText.padded(PresenceText.harmless(rule.rule), width)
                let place = hasSeveral ? "  (\(PresenceText.harmless(rule.document ?? "the rules file")))" : ""
                return "  \(mark) \(name)  \(self.handling(rule.handling, style))  "
                    + PresenceText.harmless(rule.reason) + place
            }
        }
        lines.append("")
        return lines + self.sight(report, style: style)
    }

    /// What the watcher sees.
    private static func sight(_ report: PolicyReport, style: PresenceText.Style) -> [String] {
        guard !report.sees.isEmpty else { return ["The watcher is told nothing."] }
        guard let document = try? PresenceDocument.parse(Array(report.sees.utf8)[...]) else {
            return ["The watcher sees:", PresenceText.harmless(report.sees)]
        }
        let summary = document.summary
        var lines = ["The watcher sees:", "  " + PresenceText.line(for: report.presentity, summary, style: style)]
        let details = PresenceText.details(of: summary, style: style)
        if !details.isEmpty { lines += details.split(separator: "\n").map { "  " + $0 } }
        return lines
    }

    // MARK: The audit log

    static func table(_ decisions: [AuditReport.Decision]) -> String {
        let rows = decisions.map { [$0.time, $0.handling, $0.matter, $0.watcher, $0.presentity, $0.reason] }
        return TextTable.aligned([["TIME", "HANDLING", "MATTER", "WATCHER", "PRESENTITY", "REASON"]] + rows)
    }

    static func object(_ decision: AuditReport.Decision) -> JSONObject {
        var object = JSONObject()
        object.add("time", text: decision.time)
        object.add("matter", text: decision.matter)
        object.add("presentity", text: decision.presentity)
        object.add("watcher", text: decision.watcher)
        object.add("handling", text: decision.handling)
        object.add("reason", text: decision.reason)
        object.add("document", text: decision.document)
        object.add("rule", text: decision.rule)
        return object
    }
}
