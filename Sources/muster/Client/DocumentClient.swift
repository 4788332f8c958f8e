import Cryptography
import Ground
import UserAgent
import WebEdge
import XCAPEngine

/// The documents of a user on an XCAP server (RFC 4825), as the commands use them.
struct DocumentClient: Sendable {
    /// What a server has under a selector.
    struct Found: Sendable {
        let body: [UInt8]
        /// As it came, in its quotes: of the document, also where a node was asked for (RFC 4825 §7.11).
        let entityTag: String?
        let contentType: String?
    }

    /// What a change is bound to.
    enum Condition: Sendable {
        /// The document is still the one with this tag.
        case unchanged(String)
        /// There is nothing yet.
        case absent
        case none
    }

    /// How a change went.
    enum Outcome: Sendable, Equatable {
        case created(entityTag: String?)
        case replaced(entityTag: String?)
        /// The condition did not hold: somebody else was faster.
        case preempted
    }

    /// The identity whose documents these are: the XCAP User Identifier.
    let owner: String
    let root: HTTPAddress
    private let http: HTTPClient

    /// Changes that somebody else preempted are tried again that many times.
    static let attempts = 5

    init(root: HTTPAddress, owner: String, credentials: UserAgent.Credentials?) {
        self.root = root
        self.owner = owner
        self.http = HTTPClient(
            root.origin,
            configuration: HTTPClient.Configuration(
                credentials: credentials.map { HTTPClient.Credentials(user: $0.user, password: $0.password) }),
            entropy: .system)
    }

    func close() async { await self.http.close() }

    // MARK: Selectors

    /// The selector of a document of the user, below the root and escaped.
    ///
    /// - Parameters:
    ///   - usage: the AUID.
    ///   - path: below the user's directory, such as `index`.
    ///   - node: a node selector, not yet escaped; its quoted values without a slash.
    func selector(_ usage: String, _ path: String = "index", node: String? = nil) -> String {
        let document = "\(usage)/users/\(Self.escaped(self.owner, keepsSlash: false))/\(Self.escaped(path))"
        return node.map { "\(document)/~~/\(Self.escaped($0))" } ?? document
    }

    /// A text as it may stand in a path (RFC 3986 §3.3).
    static func escaped(_ text: String, keepsSlash: Bool = true) -> String {
        var bytes: [UInt8] = []
        PercentEncoding.appendEncoded(Array(text.utf8)[...], to: &bytes)
        let result = bytes[...].text
        return keepsSlash ? result : result.replacing("/", with: "%2F")
    }

    /// A value as it stands in the quotes of a predicate, `[@name="value"]` (RFC 4825 §6.3).
    static func predicate(_ name: String, _ value: String) -> String {
        let quoted = value.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing("\"", with: "&quot;")
        return "[@\(name)=\"\(quoted)\"]"
    }

    // MARK: Requests

    /// Sends a request about a selector and gives the answer, whatever its status.
    func send(
        _ method: String, _ selector: String, fields: [HTTPClient.Field] = [], body: [UInt8] = []
    ) async throws -> HTTPClient.Answer {
        var target = self.root.target
        if !target.hasSuffix("/") { target += "/" }
        // TS 24.109 §6.3: as whom the user acts, where one password stands for several identities.
        let intended = HTTPClient.Field("X-3GPP-Intended-Identity", "\"\(self.owner)\"")
        do throws(Fault) {
            return try await self.http.send(
                HTTPClient.Request(method, target + selector, fields: [intended] + fields, body: body))
        } catch {
            throw DocumentProblem.failure(error, at: self.root)
        }
    }

    /// What there is under a selector; nil if nothing.
    func get(_ selector: String) async throws -> Found? {
        let answer = try await self.send("GET", selector)
        switch answer.status {
        case 200: return Found(body: answer.body, entityTag: answer["ETag"], contentType: answer["Content-Type"])
        case 404: return nil
        default: throw DocumentProblem.failure(answer, selector)
        }
    }

    /// Writes a document or a node.
    func put(
        _ selector: String, _ body: [UInt8], type: String, if condition: Condition
    ) async throws -> Outcome {
        let answer = try await self.send(
            "PUT", selector, fields: [HTTPClient.Field("Content-Type", type)] + Self.fields(condition), body: body)
        switch answer.status {
        case 201: return .created(entityTag: answer["ETag"])
        case 200, 204: return .replaced(entityTag: answer["ETag"])
        case 412: return .preempted
        default: throw DocumentProblem.failure(answer, selector)
        }
    }

    /// Removes a document or a node. What is not there counts as preempted.
    func delete(_ selector: String, if condition: Condition) async throws -> Outcome {
        let answer = try await self.send("DELETE", selector, fields: Self.fields(condition))
        switch answer.status {
        case 200, 204: return .replaced(entityTag: answer["ETag"])
        case 412, 404: return .preempted
        default: throw DocumentProblem.failure(answer, selector)
        }
    }

    private static func fields(_ condition: Condition) -> [HTTPClient.Field] {
        switch condition {
        case .unchanged(let tag): [HTTPClient.Field("If-Match", tag)]
        case .absent: [HTTPClient.Field("If-None-Match", "*")]
        case .none: []
        }
    }

    /// What a document that is found allows a change to be bound to.
    static func condition(_ found: Found?) -> Condition {
        guard let found else { return .absent }
        return found.entityTag.map { .unchanged($0) } ?? .none
    }

    /// Others changed the document again and again.
    static func outpaced(_ selector: String) -> CommandFailure {
        CommandFailure(
            "\(selector) was changed by somebody else \(self.attempts) times in a row", advice: "Try again.")
    }
}
