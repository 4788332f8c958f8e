import Foundation
import Ground
import PresenceDocuments
import PresenceServer
import SIPWire
import Storage
import WebEdge

/// What the administration port says about decisions: why a watcher sees what it sees, and what was decided before.
/// `docs/reference/administration.md` describes it.
package struct NodeAdministration: Sendable {
    private let node: Node

    package init(_ node: Node) { self.node = node }

    /// The most entries of the audit log that one answer has.
    private static let auditLimit = 10_000

    package var routes: [AdministrationRoute] {
        let node = self.node
        return [
            AdministrationRoute(.get, "/api/policy/explain") { request in await Self.explain(request, node) },
            AdministrationRoute(.get, "/api/audit") { request in await Self.audit(request, node) },
        ]
    }

    // MARK: explain

    private static func explain(_ request: AdministrationRequest, _ node: Node) async -> AdministrationResponse {
        guard let presentity = Self.identity(request.query["presentity"], node) else {
            return .text("presentity has to be a SIP or telephone URI, for example sip:alice@home.test", status: 400)
        }
        let asked = request.query["watcher"] ?? ""
        let watcher: PolicyWatcher
        if asked.isEmpty || asked == "anonymous" {
            watcher = .anonymous
        } else if let identity = Self.identity(asked, node) {
            watcher = PolicyWatcher(identities: [identity])
        } else {
            return .text("watcher has to be a SIP or telephone URI, or anonymous", status: 400)
        }
        guard let explanation = await node.explain(presentity: presentity, watcher: watcher) else {
            return .text("no Presence Server runs here", status: 503)
        }
        return Self.json(PolicyReport(explanation))
    }

    /// The canonical identity that a URI means, or a name as people type it: `alice@home.test`, and `alice` for a user of
    /// the main domain.
    private static func identity(_ text: String?, _ node: Node) -> [UInt8]? {
        guard var text, !text.isEmpty else { return nil }
        if !text.contains(":") {
            if !text.contains("@") { text += "@" + (node.settings.node.domains.first ?? "") }
            text = "sip:" + text
        }
        guard let uri = SIPURI(text), !uri.isSIP || uri.user?.isEmpty == false else { return nil }
        return uri.canonicalIdentity
    }

    // MARK: audit

    private static func audit(_ request: AdministrationRequest, _ node: Node) async -> AdministrationResponse {
        var query = AuditQuery()
        if let presentity = request.query["presentity"], !presentity.isEmpty {
            guard let identity = Self.identity(presentity, node) else {
                return .text("presentity has to be a SIP or telephone URI", status: 400)
            }
            query.presentity = identity
        }
        if let watcher = request.query["watcher"], !watcher.isEmpty {
            guard let identity = watcher == "anonymous" ? [] : Self.identity(watcher, node) else {
                return .text("watcher has to be a SIP or telephone URI, or anonymous", status: 400)
            }
            query.watcher = identity
        }
        if let limit = request.query["limit"] {
            guard let number = Int(limit), (1...Self.auditLimit).contains(number) else {
                return .text("limit has to be a number from 1 to \(Self.auditLimit)", status: 400)
            }
            query.limit = number
        }
        for (name, path) in [("since", \AuditQuery.since), ("until", \AuditQuery.until)] {
            guard let text = request.query[name] else { continue }
            guard let time = Self.time(text) else {
                return .text("\(name) has to be a time such as 2025-03-01T12:00:00Z", status: 400)
            }
            query[keyPath: path] = time
        }
        do {
            return Self.json(AuditReport(decisions: try await node.decisions(query).map { AuditReport.Decision($0) }))
        } catch {
            return .text("the audit log cannot be read: \(error)", status: 503)
        }
    }

    // MARK: forms

    private static func time(_ text: String) -> Instant? {
        guard let date = try? Date.ISO8601FormatStyle().parse(text) else { return nil }
        // Years that the log can never have would not fit into nanoseconds.
        guard abs(date.timeIntervalSince1970) < 9e9 else { return nil }
        return Instant(seconds: Int64(date.timeIntervalSince1970))
    }

    fileprivate static func text(_ time: Instant) -> String {
        Date.ISO8601FormatStyle(includingFractionalSeconds: true)
            .format(Date(timeIntervalSince1970: Double(time.nanoseconds) / 1e9))
    }

    private static func json(_ value: some Encodable) -> AdministrationResponse {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            return .json(Array(try encoder.encode(value)))
        } catch {
            return .text("the answer cannot be written: \(error)", status: 500)
        }
    }
}

extension PolicyReport {
    fileprivate init(_ explanation: PolicyExplanation) {
        let decision = explanation.decision
        self.init(
            presentity: decision.presentity[...].text,
            watcher: decision.actor.isEmpty ? "anonymous" : decision.actor[...].text,
            handling: decision.handling.word, reason: decision.reason.words,
            rules: explanation.verdicts.map { Rule($0) }, documents: explanation.documents.map { $0[...].text },
            sphere: explanation.sphere.map { $0[...].text }, sees: explanation.body[...].text)
    }
}

extension PolicyReport.Rule {
    fileprivate init(_ verdict: PolicyExplanation.Verdict) {
        let document: String? =
            switch verdict.source {
            case .document(let selector): selector[...].text
            case .rulesFile: nil
            }
        self.init(
            document: document, rule: verdict.rule, matches: verdict.isMatch, decides: verdict.isDeciding,
            handling: verdict.handling?.word, reason: verdict.reason)
    }
}

extension AuditReport.Decision {
    fileprivate init(_ entry: AuditEntry) {
        self.init(
            time: NodeAdministration.text(entry.time), matter: entry.matter, presentity: entry.presentity[...].text,
            watcher: entry.watcher.isEmpty ? "anonymous" : entry.watcher[...].text, handling: entry.handling,
            reason: entry.reason, document: entry.document.isEmpty ? nil : entry.document[...].text,
            rule: entry.rule.isEmpty ? nil : entry.rule)
    }
}
