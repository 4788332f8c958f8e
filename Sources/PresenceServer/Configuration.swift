package import DigestAuth
package import EventNotification
package import PresenceDocuments

extension PresenceServer {
    /// How a presence server behaves: good for one domain as it stands.
    package struct Configuration: Sendable {
        /// Who is a user of the served domains.
        package enum Users: Sendable, Equatable {
            /// Every name.
            case everyone
            /// These canonical identities and nobody else (REQ-22141-28).
            case provisioned(Set<[UInt8]>)
        }

        /// How a request proves who sent it, where the trust domain did not say so.
        package enum Authentication: Sendable {
            /// Not at all: such a request is anonymous.
            case none
            /// By SIP digest (RFC 3261 §22, RFC 8760).
            case digest(DigestAuthenticator.Configuration)
        }

        /// What happens to a document whose entity is not the presentity it was published for.
        package enum ForeignEntity: Sendable, Equatable {
            /// 400.
            case refuse
            /// It is taken as if it named the presentity.
            case accept
        }

        /// The domains whose presentities live here, in lower case; ``servesTelephone`` is for `tel:`.
        package var servedDomains: [[UInt8]]
        /// Whether `tel:` presentities live here.
        package var servesTelephone = true
        package var users = Users.everyone
        /// How long publications live, in seconds.
        package var publicationExpiry = ExpiryPolicy(standard: 3600, minimum: 60, maximum: 7200)
        /// How long subscriptions live, in seconds.
        package var subscriptionExpiry = ExpiryPolicy(standard: 3600, minimum: 60, maximum: 86_400)
        /// What happens to an authenticated watcher whom no rule mentions (RFC 5025 §3.2.1: block).
        package var defaultHandling = AuthorizationRule.Handling.block
        /// What happens to an anonymous watcher whom no rule mentions (REQ-22141-16).
        package var anonymousHandling = AuthorizationRule.Handling.block
        package var authentication = Authentication.none
        /// Whether the From header stands in for an identity that the trust domain did not assert. For measurements
        /// on a closed machine only: From can be written by anyone.
        package var fromStandsInForIdentity = false
        /// Canonical identities that may publish for every presentity: network agents (REQ-24141-23).
        package var trustedPublishers: Set<[UInt8]> = []
        package var foreignEntity = ForeignEntity.refuse
        /// The least time between two notifications of a subscription that asked for no maximum rate. Zero: none
        /// (REQ-24141-22; RFC 3856 §6.10 advises five seconds).
        package var minimumInterval = Duration.zero
        /// The least time between two notifications of watcher information that only tell of changes (RFC 3857 §4.10:
        /// five seconds). Zero: none.
        package var watcherInformationInterval = Duration.seconds(5)
        /// How long a subscription that nobody decided about is still told of after its end, so that the presentity can
        /// decide (RFC 3857 §4.7.1, the state `waiting`). Zero: not at all.
        package var waitingPeriod = Duration.seconds(7 * 86_400)
        package var composition = CompositionPolicy.standard
        /// The XCAP roots under which the documents of this operator are reached, without a slash at the end: rules name
        /// lists by such URIs. A URI under another root leads nowhere.
        package var documentRoots: [[UInt8]] = []
        /// The host that watchers reach this server at, an IPv6 address in brackets; nil takes the address that the
        /// SUBSCRIBE came to. The port is always the one that it came to.
        package var contactHost: [UInt8]?
        /// Whether partial notification is used where the watcher accepts it as gladly as the whole document.
        package var prefersPartialNotification = true
        /// The credentials for proxies and watchers that challenge a NOTIFY; by realm.
        package var notifierCredentials: [NotifierCredentials] = []
        /// After a restart every watcher is told the state once more within this time, because the NOTIFY that was
        /// under way when the process ended may be lost. Nil: only what changed is told.
        package var resynchronisation: Duration?
        /// Whether subscriptions are ended as "deactivated" when the server is drained, so that watchers come back
        /// to another one (RFC 6665 §4.4.4). Without it they stay and go on after the restart.
        package var deactivatesWhenDrained = false
        package var limits = Limits()

        /// - Parameter servedDomains: domain names; their case does not matter.
        package init(servedDomains: [String]) {
            self.servedDomains = servedDomains.map { Array($0.lowercased().utf8) }
        }
    }
}
