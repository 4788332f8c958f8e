import PresenceServer
import XDMServer

/// Who is a user of the served domains, by the setting `presence.known-users`.
package enum KnownUsers: Sendable {
    /// Every name.
    case everyone
    /// These canonical identities.
    case subscribers(Set<[UInt8]>)

    var ofPresence: PresenceServer.Configuration.Users {
        switch self {
        case .everyone: .everyone
        case .subscribers(let identities): .provisioned(identities)
        }
    }

    var ofDocuments: XDMServer.Configuration.Users {
        switch self {
        case .everyone: .everyone
        case .subscribers(let identities): .provisioned(identities)
        }
    }
}
