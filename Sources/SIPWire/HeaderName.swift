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
    package var canonical: StaticString {
        switch self {
        case .other: ""
        case .via: "Via"
        case .from: "From"
        case .to: "To"
        case .callID: "Call-ID"
        case .cseq: "CSeq"
        case .contact: "Contact"
        case .maxForwards: "Max-Forwards"
        case .route: "Route"
        case .recordRoute: "Record-Route"
        case .expires: "Expires"
        case .minExpires: "Min-Expires"
        case .event: "Event"
        case .allowEvents: "Allow-Events"
        case .subscriptionState: "Subscription-State"
        case .sipETag: "SIP-ETag"
        case .sipIfMatch: "SIP-If-Match"
        case .suppressIfMatch: "Suppress-If-Match"
        case .accept: "Accept"
        case .acceptEncoding: "Accept-Encoding"
        case .acceptLanguage: "Accept-Language"
        case .allow: "Allow"
        case .supported: "Supported"
        case .require: "Require"
        case .proxyRequire: "Proxy-Require"
        case .unsupported: "Unsupported"
        case .contentType: "Content-Type"
        case .contentLength: "Content-Length"
        case .contentEncoding: "Content-Encoding"
        case .contentDisposition: "Content-Disposition"
        case .contentLanguage: "Content-Language"
        case .contentID: "Content-ID"
        case .contentTransferEncoding: "Content-Transfer-Encoding"
        case .mimeVersion: "MIME-Version"
        case .authorization: "Authorization"
        case .wwwAuthenticate: "WWW-Authenticate"
        case .proxyAuthorization: "Proxy-Authorization"
        case .proxyAuthenticate: "Proxy-Authenticate"
        case .authenticationInfo: "Authentication-Info"
        case .proxyAuthenticationInfo: "Proxy-Authentication-Info"
        case .pAssertedIdentity: "P-Asserted-Identity"
        case .pPreferredIdentity: "P-Preferred-Identity"
        case .privacy: "Privacy"
        case .path: "Path"
        case .serviceRoute: "Service-Route"
        case .pAssociatedURI: "P-Associated-URI"
        case .pAccessNetworkInfo: "P-Access-Network-Info"
        case .pChargingVector: "P-Charging-Vector"
        case .pChargingFunctionAddresses: "P-Charging-Function-Addresses"
        case .pVisitedNetworkID: "P-Visited-Network-ID"
        case .pCalledPartyID: "P-Called-Party-ID"
        case .pServedUser: "P-Served-User"
        case .pProfileKey: "P-Profile-Key"
        case .pUserDatabase: "P-User-Database"
        case .pPreferredService: "P-Preferred-Service"
        case .pAssertedService: "P-Asserted-Service"
        case .pEarlyMedia: "P-Early-Media"
        case .securityClient: "Security-Client"
        case .securityServer: "Security-Server"
        case .securityVerify: "Security-Verify"
        case .retryAfter: "Retry-After"
        case .warning: "Warning"
        case .timestamp: "Timestamp"
        case .date: "Date"
        case .userAgent: "User-Agent"
        case .server: "Server"
        case .subject: "Subject"
        case .organization: "Organization"
        case .flowTimer: "Flow-Timer"
        case .referTo: "Refer-To"
        case .referredBy: "Referred-By"
        case .referSub: "Refer-Sub"
        case .replaces: "Replaces"
        case .join: "Join"
        case .targetDialog: "Target-Dialog"
        case .reason: "Reason"
        case .alertInfo: "Alert-Info"
        case .callInfo: "Call-Info"
        case .errorInfo: "Error-Info"
        case .inReplyTo: "In-Reply-To"
        case .priority: "Priority"
        case .replyTo: "Reply-To"
        case .rack: "RAck"
        case .rseq: "RSeq"
        case .sessionExpires: "Session-Expires"
        case .minSE: "Min-SE"
        case .acceptContact: "Accept-Contact"
        case .rejectContact: "Reject-Contact"
        case .requestDisposition: "Request-Disposition"
        case .identity: "Identity"
        case .historyInfo: "History-Info"
        case .geolocation: "Geolocation"
        case .featureCaps: "Feature-Caps"
        case .infoPackage: "Info-Package"
        case .recvInfo: "Recv-Info"
        case .maxBreadth: "Max-Breadth"
        case .sessionID: "Session-ID"
        case .permissionMissing: "Permission-Missing"
        case .triggerConsent: "Trigger-Consent"
        case .answerMode: "Answer-Mode"
        case .resourcePriority: "Resource-Priority"
        case .acceptResourcePriority: "Accept-Resource-Priority"
        }
    }

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
