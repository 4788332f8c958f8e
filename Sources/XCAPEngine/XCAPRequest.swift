package import Ground

/// A document as it is kept.
package struct XCAPDocument: Equatable, Sendable {
    package var bytes: [UInt8]
    /// Without quotes. One tag for the document and everything in it (RFC 4825 §8.5).
    package var entityTag: [UInt8]
    /// When it was changed last; nil where that is not known.
    package var modified: Instant?

    package init(bytes: [UInt8], entityTag: [UInt8], modified: Instant? = nil) {
        self.bytes = bytes
        self.entityTag = entityTag
        self.modified = modified
    }
}

/// What a request wants to do with a resource.
package struct XCAPRequest: Sendable {
    package var method: XCAPMethod
    package var selector: XCAPSelector
    package var preconditions: Preconditions
    /// The value of Content-Type, if there is one.
    package var contentType: [UInt8]?
    /// Empty without a body.
    package var body: Octets

    package init(
        method: XCAPMethod, selector: XCAPSelector, preconditions: Preconditions = Preconditions(),
        contentType: [UInt8]? = nil, body: Octets = []
    ) {
        self.method = method
        self.selector = selector
        self.preconditions = preconditions
        self.contentType = contentType
        self.body = body
    }
}

/// The answer to an ``XCAPRequest``.
package struct XCAPReply: Equatable, Sendable {
    package var status: Int
    /// The media type of the body; nil without a body.
    package var contentType: [UInt8]?
    /// The entity tag of the document as it is after the request, without quotes; nil when there is none.
    package var entityTag: [UInt8]?
    package var body: [UInt8]
    /// For Allow; only with 405.
    package var allow: [XCAPMethod]

    package init(
        status: Int, contentType: [UInt8]? = nil, entityTag: [UInt8]? = nil, body: [UInt8] = [],
        allow: [XCAPMethod] = []
    ) {
        self.status = status
        self.contentType = contentType
        self.entityTag = entityTag
        self.body = body
        self.allow = allow
    }

    /// The answer that a fault is.
    package init(_ fault: XCAPFault) {
        let body = fault.document()
        self.init(
            status: fault.status, contentType: body.isEmpty ? nil : XCAPFault.mediaType, body: body,
            allow: fault.allow)
    }
}

/// What a request did to a document.
package enum XCAPChange: Equatable, Sendable {
    /// There was none.
    case created(XCAPDocument)
    case replaced(XCAPDocument)
    case removed
}
