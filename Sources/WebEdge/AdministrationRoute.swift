/// A request to the administration server, as a route sees it.
package struct AdministrationRequest: Sendable {
    /// The methods that routes can be registered for.
    package enum Method: String, Hashable, Sendable, CaseIterable {
        case get = "GET"
        case put = "PUT"
        case post = "POST"
        case delete = "DELETE"
    }

    package let method: Method
    /// The path behind the route's own, without a leading slash, percent-decoded: `sip:alice@home.test` of
    /// `/api/rules/sip:alice@home.test`.
    package let rest: String
    /// The query, percent-decoded.
    package let query: [String: String]
    package let body: [UInt8]

    package init(method: Method, rest: String = "", query: [String: String] = [:], body: [UInt8] = []) {
        self.method = method
        self.rest = rest
        self.query = query
        self.body = body
    }
}

/// What a route answers.
package struct AdministrationResponse: Sendable {
    package let status: Int
    package let contentType: String
    package let body: [UInt8]

    package init(status: Int, contentType: String, body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    /// A JSON answer.
    package static func json(_ body: [UInt8], status: Int = 200) -> AdministrationResponse {
        AdministrationResponse(status: status, contentType: "application/json", body: body)
    }

    /// A line of text.
    package static func text(_ text: String, status: Int = 200) -> AdministrationResponse {
        AdministrationResponse(
            status: status, contentType: "text/plain; charset=utf-8", body: Array((text + "\n").utf8))
    }
}

/// A path of the administration server, and what is done there.
package struct AdministrationRoute: Sendable {
    /// What does the work. It runs outside the event loops of the shards.
    package typealias Handler = @Sendable (AdministrationRequest) async -> AdministrationResponse

    package let method: AdministrationRequest.Method
    /// An absolute path such as `/api/rules`; it serves what lies below it too.
    package let path: String
    package let handler: Handler

    package init(_ method: AdministrationRequest.Method, _ path: String, handler: @escaping Handler) {
        precondition(path.hasPrefix("/") && !path.hasSuffix("/"), "a route's path is absolute and names no folder")
        self.method = method
        self.path = path
        self.handler = handler
    }
}
