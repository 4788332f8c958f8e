import Ground

extension UserAgent {
    /// What a user agent is set up with.
    package struct Configuration: Sendable {
        /// The public user identity, such as `sip:bob@home.example`.
        package var identity: String
        /// Where this user agent can be reached: the URI of its Contact, such as `sip:bob@192.0.2.7:5062;transport=tcp`.
        package var contact: String
        /// Where requests go first: an outbound proxy or the server itself. Nil: where the Request-URI leads. With the
        /// `lr` parameter it stands in a Route header as RFC 3261 §8.1.2 recommends.
        package var server: String?
        /// Name and password for digest challenges (RFC 7616).
        package var credentials: Credentials?
        /// The instance of this terminal, `urn:uuid:…`, for outbound and GRUU (RFC 5626 §4.1, RFC 5627).
        package var instance: String?
        /// Whether the registration asks for outbound (RFC 5626): the server reaches this terminal over its connection.
        package var usesOutbound = false
        /// Seconds to ask for in a registration.
        package var registrationExpires: UInt32 = 3600
        /// Seconds to ask for in a publication.
        package var publicationExpires: UInt32 = 3600
        /// Whether changes are published as differences (RFC 5264).
        package var partialPublication = false
        /// The least time between two publications of changed state (REQ-24141-5: a configured maximum rate).
        package var minimumPublicationInterval: Duration = .zero
        /// Whether failed publications, registrations and subscriptions are tried again.
        package var persistent = true
        /// T1 of RFC 3261 §17.1.2.1, of which Timer N is made (RFC 6665 §4.1.2.4).
        package var t1: Duration = .milliseconds(500)
        /// The User-Agent header.
        package var product = "Muster"

        package init(identity: String, contact: String, server: String? = nil, credentials: Credentials? = nil) {
            self.identity = identity
            self.contact = contact
            self.server = server
            self.credentials = credentials
        }
    }

    /// A name and a password.
    package struct Credentials: Sendable {
        package let user: String
        package let password: Redacted<String>

        package init(user: String, password: Redacted<String>) {
            self.user = user
            self.password = password
        }
    }
}
