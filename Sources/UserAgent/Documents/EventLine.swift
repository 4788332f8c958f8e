import Ground
import PresenceDocuments

/// An event of a user agent as one line for people or as one JSON object for scripts.
package enum EventLine {
    /// One JSON object.
    ///
    /// - Parameters:
    ///   - time: when it happened.
    ///   - resource: what the subscription with that identifier is to.
    package static func json(
        _ event: UserAgent.Event, at time: Instant, resource: (SubscriptionID) -> String
    ) -> String {
        var object = JSONObject()
        object.add("time", text: CalendarTime(time).text)
        switch event {
        case .registered(let expires, let gruu):
            object.add("event", text: "registered")
            object.add("expires", Int(expires))
            object.add("gruu", text: gruu)
        case .deregistered: object.add("event", text: "deregistered")
        case .registrationFailed(let problem, let retryAt):
            object.add("event", text: "registration-failed")
            self.describe(problem, retryAt: retryAt, in: &object)
        case .published(let entityTag, let expires):
            object.add("event", text: "published")
            object.add("etag", text: entityTag)
            object.add("expires", Int(expires))
        case .unpublished: object.add("event", text: "unpublished")
        case .publicationFailed(let problem, let retryAt):
            object.add("event", text: "publication-failed")
            self.describe(problem, retryAt: retryAt, in: &object)
        case .subscriptionChanged(let id, let status):
            object.add("event", text: "subscription")
            object.add("presentity", text: resource(id))
            switch status {
            case .pending(let expires):
                object.add("state", text: "pending")
                object.add("expires", Int(expires))
            case .active(let expires):
                object.add("state", text: "active")
                object.add("expires", Int(expires))
            }
        case .presenceChanged(let id, let document):
            object.add("event", text: "presence")
            object.add("presentity", text: resource(id))
            PresenceText.describe(document.summary, in: &object)
        case .watchersChanged(let id, let report):
            object.add("event", text: "watchers")
            object.add("presentity", text: resource(id))
            WatcherText.describe(report, in: &object)
        case .notified(let id, let contentType, let body):
            object.add("event", text: "notification")
            object.add("presentity", text: resource(id))
            object.add("type", text: contentType)
            object.add("body", text: String(decoding: body, as: UTF8.self))
        case .notificationUnreadable(let id, let reason):
            object.add("event", text: "unreadable")
            object.add("presentity", text: resource(id))
            object.add("reason", text: reason)
        case .stateUnchanged(let id):
            object.add("event", text: "unchanged")
            object.add("presentity", text: resource(id))
        case .subscriptionEnded(let id, let reason, let retryAt):
            object.add("event", text: "ended")
            object.add("presentity", text: resource(id))
            object.add("reason", text: self.words(for: reason))
            if let retryAt { object.add("retry", text: CalendarTime(retryAt).text) }
        case .closed: object.add("event", text: "closed")
        }
        return object.text
    }

    private static func describe(_ problem: UserAgent.Problem, retryAt: Instant?, in object: inout JSONObject) {
        if case .refused(let status, _) = problem { object.add("status", status) }
        object.add("reason", text: self.words(for: problem))
        if let retryAt { object.add("retry", text: CalendarTime(retryAt).text) }
    }

    /// One line for people; nil for what they need not see.
    package static func human(
        _ event: UserAgent.Event, at time: Instant, style: PresenceText.Style, resource: (SubscriptionID) -> String
    ) -> String? {
        func name(_ id: SubscriptionID) -> String { PresenceText.padded(PresenceText.harmless(resource(id)), 28) }
        switch event {
        case .registered(let expires, _): return "registered, for \(self.duration(expires))"
        case .deregistered: return "no longer registered"
        case .registrationFailed(let problem, let retryAt):
            return "not registered: " + self.words(for: problem) + self.retry(retryAt, at: time)
        case .published(_, let expires): return "published, for \(self.duration(expires))"
        case .unpublished: return "no longer published"
        case .publicationFailed(let problem, let retryAt):
            return "not published: " + self.words(for: problem) + self.retry(retryAt, at: time)
        case .subscriptionChanged(let id, .pending):
            let word = PresenceText.emphasised("pending", .warning, style)
            return name(id) + "  " + word + "  waits for the consent of the user"
        case .subscriptionChanged(_, .active), .stateUnchanged, .closed, .subscriptionEnded(_, .asOrdered, _):
            return nil
        case .presenceChanged(let id, let document):
            return PresenceText.line(for: resource(id), document.summary, style: style)
        case .watchersChanged(_, let report):
            return report.changes.isEmpty
                ? nil : report.changes.map { WatcherText.line(for: $0, style: style) }.joined(separator: "\n")
        case .notified(let id, let contentType, let body):
            return name(id) + "  \(PresenceText.harmless(contentType)), \(body.count) bytes"
        case .notificationUnreadable(let id, let reason):
            return name(id) + "  " + PresenceText.emphasised("unreadable", .bad, style) + "  "
                + PresenceText.harmless(reason)
        case .subscriptionEnded(let id, let reason, let retryAt):
            let word = PresenceText.emphasised("ended  ", retryAt == nil ? .bad : .warning, style)
            return name(id) + "  " + word + "  " + self.words(for: reason) + self.retry(retryAt, at: time)
        }
    }

    private static func retry(_ instant: Instant?, at now: Instant) -> String {
        guard let instant else { return "" }
        let seconds = max(0, (instant - now).wholeSeconds)
        return seconds == 0 ? "; trying again" : "; next try in \(self.duration(UInt32(clamping: seconds)))"
    }

    /// A length of time in words: `45 s`, `20 min`, `1 h`, `1 h 30 min`.
    package static func duration(_ seconds: UInt32) -> String {
        if seconds < 60 { return "\(seconds) s" }
        let minutes = seconds / 60
        if minutes < 60 { return seconds % 60 == 0 ? "\(minutes) min" : "\(minutes) min \(seconds % 60) s" }
        return minutes % 60 == 0 ? "\(minutes / 60) h" : "\(minutes / 60) h \(minutes % 60) min"
    }

    /// Why something failed.
    package static func words(for problem: UserAgent.Problem) -> String {
        switch problem {
        case .refused(let status, let reason): "refused, \(status) \(PresenceText.harmless(reason))"
        case .passwordNeeded(let realm): "\(PresenceText.harmless(realm)) asks for a password"
        case .passwordWrong(let realm): "\(PresenceText.harmless(realm)) does not accept the password"
        case .unanswered: "no answer"
        case .unreachable: "the server cannot be reached"
        case .unresolvable: "the address leads nowhere"
        case .answerUnusable(let text): PresenceText.harmless(text)
        }
    }

    /// Why a subscription ended.
    package static func words(for reason: UserAgent.EndReason) -> String {
        switch reason {
        case .asOrdered: "as ordered"
        case .terminated(let reason): self.words(for: reason)
        case .failed(let problem): self.words(for: problem)
        case .neverNotified: "the server never notified"
        case .expired: "the time is over"
        }
    }

    private static func words(for reason: UserAgent.TerminationReason) -> String {
        switch reason {
        case .deactivated: "the server moves the subscription elsewhere"
        case .probation: "the server wants a pause"
        case .rejected: "the user does not allow it"
        case .timeout: "it was not refreshed in time"
        case .giveUp: "nobody decided about it"
        case .noResource: "there is no such user"
        case .invariant: "the state will never change"
        case .badFilter: "the filter cannot be used"
        case .other(let reason): reason.map { "the server said: \(PresenceText.harmless($0))" } ?? "the server ended it"
        }
    }

    /// What a person can do about a problem.
    package static func advice(for problem: UserAgent.Problem) -> String {
        switch problem {
        case .passwordNeeded: "Give the password with --password-file, or in the environment as MUSTER_PASSWORD."
        case .passwordWrong: "Check the user name (--user) and the password."
        case .unanswered, .unreachable: "Check that the server runs, and --server and --transport."
        case .unresolvable: "Check the address, or name the server with --server sip:host:port."
        case .refused(403, _), .refused(603, _): "Ask the user, or the operator of the server, for permission."
        case .refused(404, _), .refused(604, _): "Check the address of the user."
        case .refused(489, _): "The server does not offer presence."
        case .refused, .answerUnusable: "A trace of the messages (--trace-ladder) shows more."
        }
    }
}
