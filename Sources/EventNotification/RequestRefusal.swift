/// A final answer other than success, as a value: what a check of a request ends with.
package struct RequestRefusal: Error, Hashable, Sendable {
    /// 300 to 699.
    package let status: Int
    /// The reason phrase; nil for the usual one.
    package let reason: String?
    /// A header that the standard asks for with this answer.
    package let remedy: Remedy

    /// What the answer tells the client to do better.
    package enum Remedy: Hashable, Sendable {
        case none
        /// 405, and OPTIONS: the methods that are served.
        case allow
        /// 489: the event packages that are served.
        case allowEvents
        /// 406 and 415: the media types that are understood, as the value of Accept.
        case accept([UInt8])
        /// 415: the content codings that are understood.
        case acceptEncoding
        /// 420: the option tags that are not understood.
        case unsupported([UInt8])
        /// 423: the shortest duration that is granted, in seconds.
        case minExpires(UInt32)
        /// 503: seconds until another try makes sense.
        case retryAfter(UInt32)
        /// 401: challenges, one a header.
        case challenges([[UInt8]])
        /// 488: a warning (RFC 3261 §20.43).
        case warning(code: Int, text: String)
    }

    package init(_ status: Int, _ reason: String? = nil, remedy: Remedy = .none) {
        self.status = status
        self.reason = reason
        self.remedy = remedy
    }
}
