import Ground
import PresenceDocuments
import SIPWire
import Testing

@testable import PresenceServer

extension Notification {
    /// The watcher information in it.
    func information() throws -> WatcherInformation { try WatcherInformation.parse(self.message.body) }

    /// Its watchers, each as "uri status event".
    func watchers() throws -> [String] {
        try self.information().lists.flatMap(\.watchers).map {
            "\($0.uri[...].text) \($0.status.rawValue) \($0.event.rawValue)"
        }
    }
}

extension Bench {
    /// A bench that tells of watchers at once, and whose rules ask the presentity about everybody it does not know.
    static func ofWatchers(_ change: (inout PresenceServer.Configuration) -> Void = { _ in }) -> Bench {
        Bench {
            $0.watcherInformationInterval = .zero
            change(&$0)
        }
    }

    /// Asks for the watchers of a user in the user's own name.
    mutating func watchWatchers(
        _ user: String, as watcher: String? = nil, extra: String = "", expires: String? = "600",
        event: String = "presence.winfo"
    ) throws -> WatcherDialogUnderTest {
        try self.subscribe(user, as: watcher ?? user, extra: extra, event: event, expires: expires)
    }

    /// Takes the notifications of watcher information since the last time; those of presence go too.
    mutating func drainInformation() -> [Notification] {
        self.drain().filter { $0.header(.event).hasPrefix("presence.winfo") }
    }
}
