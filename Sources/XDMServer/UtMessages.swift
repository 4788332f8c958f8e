package import Ground

/// A request on the Ut reference point (HTTP, TS 24.141 §6), as the listener understood it.
package struct UtRequest: Sendable, Equatable {
    /// What is wrong with the body, where the listener could not read it.
    package enum BodyFault: Sendable, Equatable {
        /// It is longer than the listener takes, as it came or unpacked.
        case tooLarge
        /// Its Content-Encoding is one that the listener does not know.
        case unknownEncoding
        /// It cannot be unpacked.
        case broken
    }

    /// The method as it came, for example `PUT`.
    package var method: [UInt8]
    /// The path below the XCAP root without a leading slash, still percent-encoded, with its query.
    package var target: [UInt8]
    /// The whole request target, as digest authentication covers it.
    package var requestTarget: [UInt8]
    package var authorization: [UInt8]?
    /// Who the trust domain says is asking: X-3GPP-Asserted-Identity or X-XCAP-Asserted-Identity. It counts only from
    /// a trusted peer.
    package var assertedIdentity: [UInt8]?
    /// Who the user agent would like to be: X-3GPP-Intended-Identity.
    package var intendedIdentity: [UInt8]?
    /// Whether the peer is a proxy that the configuration trusts to assert identities.
    package var isTrustedPeer: Bool
    package var contentType: [UInt8]?
    package var ifMatch: [UInt8]?
    package var ifNoneMatch: [UInt8]?
    package var ifModifiedSince: [UInt8]?
    package var ifUnmodifiedSince: [UInt8]?
    /// Unpacked, if it came packed.
    package var body: [UInt8]
    /// The body as it came, where it was packed: what a client proves that protects its body (RFC 7616 §3.4.3).
    package var packedBody: [UInt8]?
    package var bodyFault: BodyFault?
    package var remote: Endpoint

    package init(
        method: [UInt8], target: [UInt8], requestTarget: [UInt8], authorization: [UInt8]? = nil,
        assertedIdentity: [UInt8]? = nil, intendedIdentity: [UInt8]? = nil, isTrustedPeer: Bool = false,
        contentType: [UInt8]? = nil, ifMatch: [UInt8]? = nil, ifNoneMatch: [UInt8]? = nil,
        ifModifiedSince: [UInt8]? = nil, ifUnmodifiedSince: [UInt8]? = nil, body: [UInt8] = [],
        bodyFault: BodyFault? = nil, remote: Endpoint
    ) {
        self.method = method
        self.target = target
        self.requestTarget = requestTarget
        self.authorization = authorization
        self.assertedIdentity = assertedIdentity
        self.intendedIdentity = intendedIdentity
        self.isTrustedPeer = isTrustedPeer
        self.contentType = contentType
        self.ifMatch = ifMatch
        self.ifNoneMatch = ifNoneMatch
        self.ifModifiedSince = ifModifiedSince
        self.ifUnmodifiedSince = ifUnmodifiedSince
        self.body = body
        self.bodyFault = bodyFault
        self.remote = remote
    }
}

/// The answer to a ``UtRequest``.
package struct UtResponse: Sendable, Equatable {
    /// A header field of a response.
    package struct Field: Sendable, Equatable {
        package var name: String
        package var value: [UInt8]

        package init(_ name: String, _ value: [UInt8]) {
            self.name = name
            self.value = value
        }
    }

    package var status: Int
    package var fields: [Field]
    /// Empty where the status has no body; the listener leaves it out of the answer to HEAD.
    package var body: [UInt8]

    package init(status: Int, fields: [Field] = [], body: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.body = body
    }
}
