package import Ground

/// The name of a header field, as a number. A name that is not known here is ``other``; its own text stays with the
/// field (RFC 3261 §7.3.1: unknown header fields are kept and ignored).
package enum HeaderName: UInt8, Sendable, CaseIterable {
    case other
    case via
    case from
    case to
    case callID
    case cseq
    case contact
    case maxForwards
    case route
    case recordRoute
    case expires
    case minExpires
    case event
    case allowEvents
    case subscriptionState
    case sipETag
    case sipIfMatch
    case suppressIfMatch
    case accept
    case acceptEncoding
    case acceptLanguage
    case allow
    case supported
    case require
    case proxyRequire
    case unsupported
    case contentType
    case contentLength
    case contentEncoding
    case contentDisposition
    case contentLanguage
    case contentID
    case contentTransferEncoding
    case mimeVersion
    case authorization
    case wwwAuthenticate
    case proxyAuthorization
    case proxyAuthenticate
    case authenticationInfo
    case proxyAuthenticationInfo
    case pAssertedIdentity
    case pPreferredIdentity
    case privacy
    case path
    case serviceRoute
    case pAssociatedURI
    case pAccessNetworkInfo
    case pChargingVector
    case pChargingFunctionAddresses
    case pVisitedNetworkID
    case pCalledPartyID
    case pServedUser
    case pProfileKey
    case pUserDatabase
    case pPreferredService
    case pAssertedService
    case pEarlyMedia
    case securityClient
    case securityServer
    case securityVerify
    case retryAfter
    case warning
    case timestamp
    case date
    case userAgent
    case server
    case subject
    case organization
    case flowTimer
    case referTo
    case referredBy
    case referSub
    case replaces
    case join
    case targetDialog
    case reason
    case alertInfo
    case callInfo
    case errorInfo
    case inReplyTo
    case priority
    case replyTo
    case rack
    case rseq
    case sessionExpires
    case minSE
    case acceptContact
    case rejectContact
    case requestDisposition
    case identity
    case historyInfo
    case geolocation
    case featureCaps
    case infoPackage
    case recvInfo
    case maxBreadth
    case sessionID
    case permissionMissing
    case triggerConsent
    case answerMode
    case resourcePriority
    case acceptResourcePriority

    /// Reads a name in any case, long or compact (RFC 3261 §7.3.3).
    package init(_ name: Octets) {
        self = name.withUnsafeBufferPointer { buffer in
            guard buffer.allSatisfy({ CharacterClass.token.contains($0) }) else { return .other }
            return HeaderNameTable.shared.name(buffer)
        }
    }

    /// The name as RFC 3261 §20 and its extensions write it; empty for ``other``.
    package var canonical: StaticString { Self.canonicalNames[Int(self.rawValue)] }

    /// In the order of the cases.
    private static let canonicalNames: [StaticString] = [
        "",
        "Via",
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Contact",
        "Max-Forwards",
        "Route",
        "Record-Route",
        "Expires",
        "Min-Expires",
        "Event",
        "Allow-Events",
        "Subscription-State",
        "SIP-ETag",
        "SIP-If-Match",
        "Suppress-If-Match",
        "Accept",
        "Accept-Encoding",
        "Accept-Language",
        "Allow",
        "Supported",
        "Require",
        "Proxy-Require",
        "Unsupported",
        "Content-Type",
        "Content-Length",
        "Content-Encoding",
        "Content-Disposition",
        "Content-Language",
        "Content-ID",
        "Content-Transfer-Encoding",
        "MIME-Version",
        "Authorization",
        "WWW-Authenticate",
        "Proxy-Authorization",
        "Proxy-Authenticate",
        "Authentication-Info",
        "Proxy-Authentication-Info",
        "P-Asserted-Identity",
        "P-Preferred-Identity",
        "Privacy",
        "Path",
        "Service-Route",
        "P-Associated-URI",
        "P-Access-Network-Info",
        "P-Charging-Vector",
        "P-Charging-Function-Addresses",
        "P-Visited-Network-ID",
        "P-Called-Party-ID",
        "P-Served-User",
        "P-Profile-Key",
        "P-User-Database",
        "P-Preferred-Service",
        "P-Asserted-Service",
        "P-Early-Media",
        "Security-Client",
        "Security-Server",
        "Security-Verify",
        "Retry-After",
        "Warning",
        "Timestamp",
        "Date",
        "User-Agent",
        "Server",
        "Subject",
        "Organization",
        "Flow-Timer",
        "Refer-To",
        "Referred-By",
        "Refer-Sub",
        "Replaces",
        "Join",
        "Target-Dialog",
        "Reason",
        "Alert-Info",
        "Call-Info",
        "Error-Info",
        "In-Reply-To",
        "Priority",
        "Reply-To",
        "RAck",
        "RSeq",
        "Session-Expires",
        "Min-SE",
        "Accept-Contact",
        "Reject-Contact",
        "Request-Disposition",
        "Identity",
        "History-Info",
        "Geolocation",
        "Feature-Caps",
        "Info-Package",
        "Recv-Info",
        "Max-Breadth",
        "Session-ID",
        "Permission-Missing",
        "Trigger-Consent",
        "Answer-Mode",
        "Resource-Priority",
        "Accept-Resource-Priority",
    ]

    /// The one-letter form, or nil.
    package var compact: UInt8? {
        switch self {
        case .via: UInt8(ascii: "v")
        case .from: UInt8(ascii: "f")
        case .to: UInt8(ascii: "t")
        case .callID: UInt8(ascii: "i")
        case .contact: UInt8(ascii: "m")
        case .event: UInt8(ascii: "o")
        case .allowEvents: UInt8(ascii: "u")
        case .supported: UInt8(ascii: "k")
        case .contentType: UInt8(ascii: "c")
        case .contentLength: UInt8(ascii: "l")
        case .contentEncoding: UInt8(ascii: "e")
        case .subject: UInt8(ascii: "s")
        case .referTo: UInt8(ascii: "r")
        case .referredBy: UInt8(ascii: "b")
        case .sessionExpires: UInt8(ascii: "x")
        case .acceptContact: UInt8(ascii: "a")
        case .rejectContact: UInt8(ascii: "j")
        case .requestDisposition: UInt8(ascii: "d")
        case .identity: UInt8(ascii: "y")
        default: nil
        }
    }

    /// Whether several values may stand in one line, separated by commas, and several lines mean one list
    /// (RFC 3261 §7.3.1). The credentials and challenges contain commas of their own and are no lists.
    package var isList: Bool {
        switch self {
        case .via, .contact, .route, .recordRoute, .path, .serviceRoute, .accept, .acceptEncoding, .acceptLanguage,
            .allow,
            .allowEvents, .supported, .require, .proxyRequire, .unsupported, .contentEncoding, .contentLanguage,
            .inReplyTo, .alertInfo, .callInfo, .errorInfo, .warning, .pAssertedIdentity, .pPreferredIdentity,
            .pAssociatedURI, .pVisitedNetworkID, .securityClient, .securityServer, .securityVerify, .historyInfo,
            .acceptContact, .rejectContact, .requestDisposition, .reason, .geolocation, .featureCaps, .recvInfo,
            .permissionMissing, .triggerConsent, .resourcePriority, .acceptResourcePriority, .pAccessNetworkInfo,
            .pChargingFunctionAddresses:
            true
        default: false
        }
    }
}
