internal import DigestAuth
internal import Ground
internal import XCAPEngine

/// A request on Ut on its way through the checks.
struct UtExchange: Sendable {
    let ticket: Ticket
    let request: UtRequest
    let method: XCAPMethod
    /// What the target means, or what is wrong with it that only who may ask is told.
    let target: Target

    /// A request target, understood.
    enum Target: Sendable {
        /// A resource, with the home directory that it is in: the canonical XUI, nil in the global tree.
        case resource(XCAPSelector, home: [UInt8]?)
        /// It cannot be understood, and the fault says why.
        case faulty(XCAPFault)
    }
}

extension UtRequest {
    /// What the request asks for before anything is done.
    var preconditions: Preconditions {
        Preconditions(
            ifMatch: self.ifMatch, ifNoneMatch: self.ifNoneMatch, ifModifiedSince: self.ifModifiedSince,
            ifUnmodifiedSince: self.ifUnmodifiedSince)
    }
}

/// A request on Ut whose sender's credentials are being fetched.
struct AwaitedRequest: Sendable {
    let exchange: UtExchange
    let response: DigestResponse
}

/// Who asks on Ut (REQ-33141-15).
struct Caller: Sendable {
    /// Canonical identities; empty only where measurements let anybody read what is public.
    var identities: [[UInt8]]
    /// What the answer proves to a caller who proved itself by digest: the value of Authentication-Info.
    var proof: [UInt8]?
}

/// Why a request on Ut is refused.
struct UtRefusal: Error {
    let response: UtResponse

    init(_ status: Int, fields: [UtResponse.Field] = [], body: [UInt8] = []) {
        self.response = UtResponse(status: status, fields: fields, body: body)
    }

    /// What the engine, or the parser of targets, says.
    init(_ fault: XCAPFault) {
        let body = fault.document()
        var fields: [UtResponse.Field] = []
        if !body.isEmpty { fields.append(.init("Content-Type", XCAPFault.mediaType)) }
        if fault.status == 405 { fields.append(.init("Allow", UtRefusal.allow(fault.allow))) }
        self.init(fault.status, fields: fields, body: body)
    }

    /// The value of Allow.
    static func allow(_ methods: [XCAPMethod]) -> [UInt8] {
        var value: [UInt8] = []
        for method in methods {
            if !value.isEmpty { value.append(literal: ", ") }
            switch method {
            case .get: value.append(literal: "GET")
            case .head: value.append(literal: "HEAD")
            case .put: value.append(literal: "PUT")
            case .delete: value.append(literal: "DELETE")
            case .other: break
            }
        }
        return value
    }
}
