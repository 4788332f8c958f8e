import ArgumentParser
import Cryptography
import Foundation
import Ground
import UserAgent
import WebEdge

/// Where the administration port is.
struct AdministrationOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The administration port of the server.", valueName: "http://127.0.0.1:8091"))
    var admin = "http://127.0.0.1:8091"

    @Flag(help: "As JSON, for scripts.")
    var json = false

    func validate() throws {
        do { _ = try HTTPAddress(self.admin) } catch { throw ValidationError("--admin \(error.reason)") }
    }

    func client() throws -> AdministrationClient { AdministrationClient(try HTTPAddress(self.admin)) }
}

/// Asks the administration port of a node (docs/reference/administration.md).
struct AdministrationClient: Sendable {
    private let address: HTTPAddress

    init(_ address: HTTPAddress) { self.address = address }

    /// The body of the answer to a question.
    func get(_ path: String, _ query: [(name: String, value: String)]) async throws -> [UInt8] {
        let client = HTTPClient(self.address.origin, entropy: .system)
        let target = Self.target(path, query)
        let answer: HTTPClient.Answer
        do throws(Fault) {
            answer = try await client.send(HTTPClient.Request("GET", target))
        } catch {
            let reason =
                error.code == "http.unreachable"
                ? "\(self.address.origin) cannot be reached [\(error.code)]" : error.description
            throw CommandFailure(
                reason, advice: "Check that the server runs with administration.enabled, and --admin.")
        }
        await client.close()
        guard answer.status == 200 else {
            let text = PresenceText.harmless(
                answer.body.prefix(500).text.trimmingCharacters(in: .whitespacesAndNewlines))
            throw CommandFailure("\(self.address.origin): \(text.isEmpty ? "refused" : text) [\(answer.status)]")
        }
        return answer.body
    }

    /// How a watcher of a presentity is treated, and why.
    func explanation(presentity: String, watcher: String) async throws -> (report: PolicyReport, body: [UInt8]) {
        let body = try await self.get(
            "/api/policy/explain", [("presentity", presentity), ("watcher", watcher)])
        return (try Self.decode(PolicyReport.self, body), body)
    }

    static func decode<Value: Decodable>(_ type: Value.Type, _ body: [UInt8]) throws -> Value {
        do { return try JSONDecoder().decode(type, from: Data(body)) } catch {
            throw CommandFailure(
                "the server's answer cannot be read: \(error)", advice: "Is --admin the port of a Muster node?")
        }
    }

    /// A path with a query (RFC 3986 §3.4).
    static func target(_ path: String, _ query: [(name: String, value: String)]) -> String {
        let plain = Set("-._~:@".utf8)
        let members = query.map { member in
            let value = member.value.utf8.map { byte -> String in
                if ASCII.isLetter(byte) || ASCII.isDigit(byte) || plain.contains(byte) {
                    return String(UnicodeScalar(byte))
                }
                return "%" + Hexadecimal.encode([byte])[...].text
            }
            return "\(member.name)=\(value.joined())"
        }
        return members.isEmpty ? path : path + "?" + members.joined(separator: "&")
    }
}
