import DigestAuth
import Ground
import SIPTransactions
import SIPWire

extension SCSCF {
    /// What the box needs to know about its domain. Good for one machine as it stands, but for the domain.
    package struct Configuration: Sendable {
        /// How users prove who they are.
        package enum Authentication: Sendable {
            /// By digest (RFC 3261 §22), unless a trusted peer has asserted an identity.
            case digest
            /// Not at all: everybody may register everything. For laboratories and benchmarks.
            case none
        }

        /// Who exists, for the choice between 404 and 480.
        package enum Directory: Sendable {
            /// Every user of a served domain: 480 for whoever has no contact.
            case everyUserExists
            /// Those whom the shell finds by ``SCSCF/Effect/lookUp(_:identity:)``: 404 for the others.
            case subscribers
        }

        /// The domains that we are responsible for, lower-case; the first is the main one.
        package var domains: [String]
        /// The realm of digest authentication; the main domain where it is nil.
        package var realm: String?
        package var authentication = Authentication.digest
        package var directory = Directory.everyUserExists
        /// What digests are offered, most preferred first (RFC 8760 §2.3).
        package var algorithms: [DigestAlgorithm] = [.sha256, .md5]
        /// How long a nonce may be used.
        package var nonceLifetime: Duration = .seconds(300)
        /// Whether responses without qop are taken (RFC 2617 §3.2.2).
        package var allowsMissingProtection = false
        /// Under which host and port we listen, for each transport: recognises our own Routes, and stands in Record-Route.
        package var sentBy: [Transport: TransactionLayer.Configuration.SentBy]
        /// Other host names and addresses that lead to us.
        package var otherNames: [String] = []
        /// Domains of peers inside the trust domain (RFC 3325 §2.3), to whom asserted identities may be shown although privacy was
        /// asked for.
        package var trustedDomains: [String] = []
        /// Expiry for contacts that name none (RFC 3261 §10.3), in seconds.
        package var defaultExpires: UInt32 = 3600
        /// The shortest expiry that is granted, in seconds: below it 423 (RFC 3261 §10.3).
        package var minimumExpires: UInt32 = 60
        /// The longest expiry that is granted, in seconds; more is cut down to it.
        package var maximumExpires: UInt32 = 7200
        /// Flow-Timer for connections, in seconds (RFC 5626 §4.4, §6); 0 leaves it out.
        package var flowTimer: UInt32 = 120
        /// Route values that clients are to put on their requests (RFC 3608), as `<sip:…;lr>`.
        package var serviceRoutes: [String] = []
        /// Whether the proxy stays on the path of dialogs. Clients behind address translation need it.
        package var recordsRoute = true
        /// What Allow-Events says in the answer to OPTIONS, the event packages of the node.
        package var allowEvents: [String] = []
        /// Methods that the node serves beside those of the box, for Allow in the answer to OPTIONS.
        package var allow: [String] = [
            "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "REGISTER", "MESSAGE", "SUBSCRIBE", "NOTIFY", "PUBLISH",
            "REFER", "INFO", "UPDATE", "PRACK",
        ]
        /// Signs nonces. Made anew at every start, and shared by all shards of the process. Nil draws one.
        package var nonceSecret: Redacted<[UInt8]>?
        /// Signs what stands in Record-Route. Shared by all shards, and kept over restarts if dialogs are to live on. Nil draws one.
        package var routeSecret: Redacted<[UInt8]>?
        /// Seals temporary GRUUs (RFC 5627 §3.1.2): 32 bytes, shared by all shards, and kept over restarts. Nil draws one.
        package var temporaryGRUUKey: Redacted<[UInt8]>?
        package var proxy = ForkingProxy.Configuration()
        package var limits = RegistrarLimits.standard

        /// - Parameter domains: at least one.
        package init(domains: [String], sentBy: [Transport: TransactionLayer.Configuration.SentBy] = [:]) {
            precondition(!domains.isEmpty, "a registrar serves at least one domain")
            self.domains = domains.map { $0.lowercased() }
            self.sentBy = sentBy
        }
    }
}
