package import EventNotification

extension EventPackage {
    /// Watcher information about presence: the template `winfo` (RFC 3857 §4) applied to ``presence``. Watcher
    /// information about watcher information is not offered.
    package static let presenceWatcherInformation = EventPackage(
        name: "presence.winfo",
        defaultExpires: 3600,
        notifyBodies: ["application/watcherinfo+xml"],
        advisedInterval: 5,
        forking: .manyDialogs,
        isTemplate: true)
}
