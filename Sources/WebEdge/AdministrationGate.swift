import Ground
import HTTPTypes
import Hummingbird
import NIOCore

/// Finds the route of a request and answers what has none.
struct AdministrationGate: HTTPResponder {
    typealias Context = BasicRequestContext

    private let routes: [AdministrationRoute]
    private let limits: AdministrationLimits

    init(routes: [AdministrationRoute], limits: AdministrationLimits) {
        // The longest path first, so that a route below another one is found.
        self.routes = routes.sorted { $0.path.utf8.count > $1.path.utf8.count }
        self.limits = limits
    }

    func respond(to request: Request, context: BasicRequestContext) async throws -> Response {
        let answer = await self.answer(to: request)
        var headers = HTTPFields()
        headers[.contentType] = answer.contentType
        headers[.cacheControl] = "no-store"
        headers[.xContentTypeOptions] = "nosniff"
        if answer.status == 405 { headers[.allow] = self.allowed(at: Self.path(of: request) ?? "") }
        let isHead = request.method == .head
        return Response(
            status: HTTPResponse.Status(code: answer.status), headers: headers,
            body: isHead ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
    }

    private func answer(to request: Request) async -> AdministrationResponse {
        guard Self.namesThisServer(request.head.authority) else {
            return .text("the request names another server; use the address or localhost", status: 421)
        }
        guard let path = Self.path(of: request) else { return .text("the path is not well-formed", status: 400) }
        let matching = self.routes.filter { Self.rest(of: path, below: $0.path) != nil }
        guard let longest = matching.first else { return .text("there is nothing here", status: 404) }
        // HEAD is GET without the body (RFC 9110 §9.3.2).
        let name = request.method == .head ? "GET" : request.method.rawValue
        guard let method = AdministrationRequest.Method(rawValue: name),
            let route = matching.first(where: { $0.method == method && $0.path == longest.path })
        else { return .text("this method is not for this path", status: 405) }
        if method != .get, request.headers[.origin] != nil {
            return .text("changes do not come from web pages", status: 403)
        }
        var body: [UInt8] = []
        do {
            let collected = try await request.body.collect(upTo: self.limits.bodyBytes)
            body = Array(collected.readableBytesView)
        } catch {
            return .text("the body is larger than \(self.limits.bodyBytes) bytes", status: 413)
        }
        var query: [String: String] = [:]
        for (key, value) in request.uri.queryParameters { query[String(key)] = String(value) }
        return await route.handler(
            AdministrationRequest(
                method: method, rest: Self.rest(of: path, below: route.path) ?? "", query: query, body: body))
    }

    private func allowed(at path: String) -> String {
        let methods = self.routes.filter { Self.rest(of: path, below: $0.path) != nil }.map(\.method.rawValue)
        return Set(methods).sorted().joined(separator: ", ")
    }

    /// The path without its query, percent-decoded; nil if an escape is broken.
    private static func path(of request: Request) -> String? { PercentEncoding.decode(request.uri.path) }

    /// What of a path lies below another one; nil if it does not lie there.
    private static func rest(of path: String, below base: String) -> String? {
        guard path.hasPrefix(base) else { return nil }
        let rest = path.dropFirst(base.count)
        if rest.isEmpty { return "" }
        return rest.first == "/" ? String(rest.dropFirst()) : nil
    }

    /// Whether a Host header names an address or `localhost`: a name that somebody else points to us does not.
    static func namesThisServer(_ authority: String?) -> Bool {
        guard let authority, !authority.isEmpty else { return true }
        if let address = IPAddress(authority) { return !address.isIPv6 || authority.hasPrefix("[") }
        if Endpoint(authority) != nil { return true }
        let host = authority.split(separator: ":", maxSplits: 1).first.map { $0.lowercased() }
        return host == "localhost"
    }
}

/// The escapes of URIs (RFC 3986 §2.1).
enum PercentEncoding {
    /// The text without escapes; nil if one is broken or the result is not UTF-8.
    static func decode(_ text: String) -> String? {
        let bytes = Array(text.utf8)
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%") {
                guard index + 2 < bytes.count, let high = ASCII.hexValue(bytes[index + 1]),
                    let low = ASCII.hexValue(bytes[index + 2])
                else { return nil }
                decoded.append(high << 4 | low)
                index += 3
            } else {
                decoded.append(bytes[index])
                index += 1
            }
        }
        return String(validating: decoded, as: UTF8.self)
    }
}

extension HTTPField.Name {
    static var xContentTypeOptions: Self {
        guard let name = Self("X-Content-Type-Options") else { preconditionFailure("this is a header name") }
        return name
    }
}
