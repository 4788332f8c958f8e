extension XDMServer {
    /// The bounds of everything a peer can make grow here. Each is counted when it is hit.
    package struct Limits: Hashable, Sendable {
        /// Documents of all users together. Beyond it: 507.
        package var documents = 4_000_000
        /// Documents of one user in all application usages. Beyond it: 507.
        package var documentsPerUser = 64
        /// Bytes of one document, as it stands after the change. Beyond it: 413.
        package var documentBytes = 256 * 1024
        /// Bytes of all documents of one user. Beyond it: 507.
        package var bytesPerUser = 2 * 1024 * 1024
        /// Bytes of a request target. Beyond it: 414.
        package var targetBytes = 8_192
        /// Bytes of a header that names identities. What is longer asserts nothing.
        package var assertionBytes = 4_096
        /// Identities that one request may assert. Those after them do not count.
        package var assertedIdentities = 32
        /// Bytes of the whole index of list services, which is written where somebody asks for all of it. Beyond it: 507.
        /// Single services are found whatever the size.
        package var serviceIndexBytes = 16 * 1024 * 1024
        /// Requests that wait for the credentials of their user. Beyond it: 503.
        package var challengesInFlight = 10_000
        /// Seconds in the Retry-After of those 503.
        package var retryAfterSeconds: UInt32 = 30
        /// Subscriptions to changes of documents (RFC 5875). Beyond it: 503.
        package var subscriptions = 100_000
        /// URIs that one SUBSCRIBE may name. Beyond it: 413.
        package var watchedResources = 256
        /// Elements and attributes among them, each of which is looked up with every change of its document. Beyond it:
        /// 488.
        package var watchedComponents = 32
        /// Documents that the collections of one SUBSCRIBE may hold when it comes. Beyond it: 488.
        package var watchedDocuments = 1_024
        /// Bytes of the body of a NOTIFY. Beyond it contents become references, and what is left goes with the next one.
        package var notificationBytes = 48_000
        /// Changes that wait for a NOTIFY of one subscription, and the bytes of the documents that they keep. Beyond it
        /// they are told as references.
        package var queuedChanges = 64
        package var queuedBytes = 1_024 * 1_024

        package init() {}
    }
}
