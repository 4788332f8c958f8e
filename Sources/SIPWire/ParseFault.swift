/// What is wrong with a message: the peer's fault, in the terms of the protocol.
package struct ParseFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// The fault as counters name it.
    package let kind: Kind

    package init(_ kind: Kind) { self.kind = kind }

    /// The status code of the answer to a request that has the fault.
    package var status: Int { self.kind.status }
    /// Names the fault; stands as the reason phrase of the answer.
    package var reason: String { self.kind.reason }

    package var description: String { "\(self.status) \(self.reason)" }
}

extension ParseFault {
    /// Every fault that this room tells apart. The raw value is the label of a counter.
    package enum Kind: String, CaseIterable, Sendable {
        // Structure
        case notSIP = "not-sip"
        case badRequestLine = "bad-request-line"
        case badStatusLine = "bad-status-line"
        case badVersion = "bad-version"
        case badHeaderLine = "bad-header-line"
        case badLineEnding = "bad-line-ending"
        case unfinishedHead = "unfinished-head"
        // Limits
        case messageTooLarge = "message-too-large"
        case headTooLarge = "head-too-large"
        case tooManyHeaders = "too-many-headers"
        case headerTooLong = "header-too-long"
        case requestURITooLong = "request-uri-too-long"
        case tooManyVias = "too-many-vias"
        case tooManyElements = "too-many-elements"
        case tooManyParts = "too-many-parts"
        case tooManyEmptyLines = "too-many-empty-lines"
        // Headers that stand exactly once
        case missingVia = "missing-via"
        case missingFrom = "missing-from"
        case missingTo = "missing-to"
        case missingCallID = "missing-call-id"
        case missingCSeq = "missing-cseq"
        case missingContact = "missing-contact"
        case missingContentLength = "missing-content-length"
        case duplicateHeader = "duplicate-header"
        // Headers whose value breaks the grammar
        case badRequestURI = "bad-request-uri"
        case badVia = "bad-via"
        case badFrom = "bad-from"
        case badTo = "bad-to"
        case badCallID = "bad-call-id"
        case badCSeq = "bad-cseq"
        case cseqMethodMismatch = "cseq-method-mismatch"
        case badMaxForwards = "bad-max-forwards"
        case badContact = "bad-contact"
        case badRoute = "bad-route"
        case badRecordRoute = "bad-record-route"
        case badPath = "bad-path"
        case badExpires = "bad-expires"
        case badMinExpires = "bad-min-expires"
        case badEvent = "bad-event"
        case badSubscriptionState = "bad-subscription-state"
        case badEntityTag = "bad-entity-tag"
        case badAccept = "bad-accept"
        case badContentType = "bad-content-type"
        case badContentLength = "bad-content-length"
        case contentLengthMismatch = "content-length-mismatch"
        case badOptionTags = "bad-option-tags"
        case badTokenList = "bad-token-list"
        case badAssertedIdentity = "bad-asserted-identity"
        case badReferTo = "bad-refer-to"
        case badRetryAfter = "bad-retry-after"
        case badTimestamp = "bad-timestamp"
        // Parts of values
        case badURI = "bad-uri"
        case unsupportedScheme = "unsupported-scheme"
        case badHost = "bad-host"
        case badPort = "bad-port"
        case badTelephoneNumber = "bad-telephone-number"
        case badNameAddress = "bad-name-address"
        case badQuotedString = "bad-quoted-string"
        case badParameter = "bad-parameter"
        case duplicateParameter = "duplicate-parameter"
        case badNumber = "bad-number"
        case badMultipart = "bad-multipart"

        /// Whether the message was larger than it may be, in one way or another.
        package var isLimit: Bool {
            switch self {
            case .messageTooLarge, .headTooLarge, .headerTooLong, .tooManyHeaders: true
            default: false
            }
        }

        /// The status code of the answer: 400 unless the standard has a better one.
        package var status: Int {
            switch self {
            case .messageTooLarge: 413
            case .requestURITooLong: 414
            case .unsupportedScheme: 416
            case .badVersion: 505
            case .headTooLarge, .headerTooLong, .tooManyHeaders: 513
            default: 400
            }
        }

        /// The fault in words of RFC 3261, made from the raw value where that reads well.
        package var reason: String {
            switch self {
            case .notSIP: "Not SIP"
            case .badRequestLine: "Bad Request-Line"
            case .badStatusLine: "Bad Status-Line"
            case .badVersion: "Version Not Supported"
            case .badHeaderLine: "Bad Header Line"
            case .badLineEnding: "Bad Line Ending"
            case .unfinishedHead: "Unfinished Header Section"
            case .messageTooLarge: "Request Entity Too Large"
            case .headTooLarge, .headerTooLong: "Message Too Large"
            case .tooManyHeaders: "Too Many Headers"
            case .requestURITooLong: "Request-URI Too Long"
            case .tooManyVias: "Too Many Via"
            case .tooManyElements: "Too Many List Elements"
            case .tooManyParts: "Too Many Body Parts"
            case .tooManyEmptyLines: "Too Many Empty Lines"
            case .missingVia: "Missing Via"
            case .missingFrom: "Missing From"
            case .missingTo: "Missing To"
            case .missingCallID: "Missing Call-ID"
            case .missingCSeq: "Missing CSeq"
            case .missingContact: "Missing Contact"
            case .missingContentLength: "Missing Content-Length"
            case .duplicateHeader: "Duplicate Header"
            default: self.valueReason
            }
        }

        private var valueReason: String {
            switch self {
            case .badRequestURI: "Bad Request-URI"
            case .badVia: "Bad Via"
            case .badFrom: "Bad From"
            case .badTo: "Bad To"
            case .badCallID: "Bad Call-ID"
            case .badCSeq: "Bad CSeq"
            case .cseqMethodMismatch: "CSeq Method Mismatch"
            case .badMaxForwards: "Bad Max-Forwards"
            case .badContact: "Bad Contact"
            case .badRoute: "Bad Route"
            case .badRecordRoute: "Bad Record-Route"
            case .badPath: "Bad Path"
            case .badExpires: "Bad Expires"
            case .badMinExpires: "Bad Min-Expires"
            case .badEvent: "Bad Event"
            case .badSubscriptionState: "Bad Subscription-State"
            case .badEntityTag: "Bad Entity-Tag"
            case .badAccept: "Bad Accept"
            case .badContentType: "Bad Content-Type"
            case .badContentLength: "Bad Content-Length"
            case .contentLengthMismatch: "Content-Length Mismatch"
            case .badOptionTags: "Bad Option Tags"
            case .badTokenList: "Bad Token List"
            case .badAssertedIdentity: "Bad Asserted Identity"
            case .badReferTo: "Bad Refer-To"
            case .badRetryAfter: "Bad Retry-After"
            case .badTimestamp: "Bad Timestamp"
            case .badURI: "Bad URI"
            case .unsupportedScheme: "Unsupported URI Scheme"
            case .badHost: "Bad Host"
            case .badPort: "Bad Port"
            case .badTelephoneNumber: "Bad Telephone Number"
            case .badNameAddress: "Bad Name-Address"
            case .badQuotedString: "Bad Quoted String"
            case .badParameter: "Bad Parameter"
            case .duplicateParameter: "Duplicate Parameter"
            case .badNumber: "Bad Number"
            default: "Bad Multipart Body"
            }
        }
    }
}
