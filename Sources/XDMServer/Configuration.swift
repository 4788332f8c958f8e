package import DigestAuth
package import EventNotification
package import XCAPEngine

extension XDMServer {
    /// How an XDM server behaves: good for one domain as it stands.
    package struct Configuration: Sendable {
        /// Who is a user of the served domains, and so has a home directory.
        package enum Users: Sendable, Equatable {
            /// Every name.
            case everyone
            /// These canonical identities and nobody else (REQ-22141-28).
            case provisioned(Set<[UInt8]>)
        }

        /// How a request proves who sent it, where no trusted peer said so.
        package enum Authentication: Sendable {
            /// Not at all: such a request is refused.
            case none
            /// By HTTP digest (RFC 7616).
            case digest(DigestAuthenticator.Configuration)
        }

        /// The XCAP root as clients write it, without a slash at its end: `http://127.0.0.1:8070/xcap`.
        package var rootURI: [UInt8]
        /// The domains whose users have documents here, in lower case; ``servesTelephone`` is for `tel:`.
        package var servedDomains: [[UInt8]]
        /// Whether `tel:` identities have documents here.
        package var servesTelephone = true
        package var users = Users.everyone
        /// How requests on Ut are authenticated.
        package var authentication = Authentication.none
        /// How SUBSCRIBE requests for xcap-diff are authenticated.
        package var subscriberAuthentication = Authentication.none
        /// Whether the owner in the path stands in for an identity that nobody asserted. For measurements on a closed
        /// machine only: it lets everybody do everything.
        package var xuiStandsInForIdentity = false
        /// Whether From stands in for the identity of a subscriber to xcap-diff. For measurements on a closed machine
        /// only.
        package var fromStandsInForIdentity = false
        /// Other names of a user: from a canonical identity, or from a plain token, to the identity whose home
        /// directory it means.
        package var aliases: [[UInt8]: [UInt8]] = [:]
        /// Canonical identities that may read the documents of everybody and the index of all list services: presence
        /// servers and resource list servers (RFC 4825 §5.7).
        package var trustedReaders: Set<[UInt8]> = []
        /// Whether the entity of a hard state document may be somebody else than its owner (the standard has no rule about it).
        package var acceptsForeignEntity = false
        /// The application usages that are served.
        package var registry = ApplicationUsageRegistry.standard
        /// The bounds of what one request may ask of the engine.
        package var engineLimits = XCAPLimits.standard
        /// How long subscriptions to changes live, in seconds (RFC 5875 §4.5: an hour as a rule).
        package var subscriptionExpiry = ExpiryPolicy(standard: 3600, minimum: 60, maximum: 86_400)
        /// The least time between two notifications of a subscription that asked for no maximum rate (RFC 5875 §4.10).
        package var notificationInterval = Duration.seconds(5)
        /// After a restart every subscriber is told what there is once more within this time, because the NOTIFY that was
        /// under way when the process ended may be lost. Nil: with the next change.
        package var resynchronisation: Duration?
        /// The host that subscribers reach this server at, an IPv6 address in brackets; nil takes the address that the
        /// SUBSCRIBE came to.
        package var contactHost: [UInt8]?
        package var limits = Limits()

        /// - Parameters:
        ///   - rootURI: see ``rootURI``; a slash at its end is taken away.
        ///   - servedDomains: domain names; their case does not matter.
        package init(rootURI: String, servedDomains: [String]) {
            var root = Array(rootURI.utf8)
            while root.last == UInt8(ascii: "/") { root.removeLast() }
            self.rootURI = root
            self.servedDomains = servedDomains.map { Array($0.lowercased().utf8) }
        }
    }
}
