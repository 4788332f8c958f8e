import PresenceDocuments

/// Watchers as people like to read them, and as scripts do.
package enum WatcherText {
    /// One line: the watcher, how its subscription stands, and why.
    package static func line(for watcher: KnownWatcher, style: PresenceText.Style) -> String {
        let word = PresenceText.padded(watcher.status.rawValue, 10)
        var line = PresenceText.padded(self.name(of: watcher), 28) + "  "
        line += PresenceText.emphasised(word, self.emphasis(of: watcher.status), style) + "  "
        return line + self.words(for: watcher)
    }

    /// The watcher's URI, with the name that it gives itself.
    package static func name(of watcher: KnownWatcher) -> String {
        if watcher.isAnonymous { return "somebody without a name" }
        let uri = PresenceText.harmless(watcher.uri)
        guard let displayName = watcher.displayName, !displayName.isEmpty else { return uri }
        return "\(uri) \"\(PresenceText.harmless(displayName))\""
    }

    /// What brought the watcher to its status (RFC 3857 §4.7.1).
    package static func words(for watcher: KnownWatcher) -> String {
        switch (watcher.status, watcher.event) {
        case (.pending, _): "waits for your consent"
        case (.waiting, _): "was here, and still waits for your consent"
        case (.active, .approved): "watches, with your consent"
        case (.active, _): "watches"
        case (.terminated, .approved): "has your consent, and may come again"
        case (.terminated, .rejected): "was refused"
        case (.terminated, .deactivated): "was sent to another server"
        case (.terminated, .probation): "was asked to come again later"
        case (.terminated, .giveup): "waits no longer for your consent"
        case (.terminated, .noresource): "was told that there is no such user"
        case (.terminated, .subscribe), (.terminated, .timeout): "watches no longer"
        }
    }

    /// The members of a JSON object: who watches, and who changed.
    static func describe(_ report: WatcherReport, in object: inout JSONObject) {
        object.add("watchers", objects: report.watchers.map { self.object(for: $0) })
        object.add("changes", objects: report.changes.map { self.object(for: $0) })
    }

    /// A watcher as a JSON object.
    package static func object(for watcher: KnownWatcher) -> JSONObject {
        var object = JSONObject()
        object.add("watcher", text: watcher.uri)
        object.add("id", text: watcher.id)
        object.add("status", text: watcher.status.rawValue)
        object.add("cause", text: watcher.event.rawValue)
        object.add("name", text: watcher.displayName)
        if let expiration = watcher.expiration { object.add("expires", Int(clamping: expiration)) }
        if let duration = watcher.durationSubscribed { object.add("subscribed", Int(clamping: duration)) }
        return object
    }

    private static func emphasis(of status: WatcherInformation.Status) -> PresenceText.Emphasis {
        switch status {
        case .pending, .waiting: .warning
        case .active: .good
        case .terminated: .muted
        }
    }
}
