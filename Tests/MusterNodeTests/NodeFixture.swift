import Foundation
import Ground
import Logging
import MusterNode
import Settings
import XDMServer

/// A node in this process with a data directory of its own, on ports that the system chooses.
final class NodeFixture {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("node-\(UUID().uuidString)").path

    deinit {
        do { try FileManager.default.removeItem(atPath: self.folder) } catch {
            print("left behind: \(self.folder): \(error)")
        }
    }

    /// Settings under which everybody exists, From says who somebody is, and watchers are let in.
    func settings(_ more: String = "", knownUsers: String = "any", functions: String = "presence, documents") throws
        -> NodeConfiguration
    {
        let text = """
            node:
              data-directory: \(self.folder)
              functions: [\(functions)]
            sip:
              listen: ["udp:127.0.0.1:0"]
              trusted-loopback: true
            presence:
              default-handling: allow
              known-users: \(knownUsers)
              notification-interval: 0s
              winfo-interval: 0s
              from-stands-in-for-identity: true
            \(more)
            registrar:
              challenge: false
            storage:
              durability: relaxed
            """
        return try LoadedConfiguration.read(file: ("test.yaml", text)).configuration
    }

    func start(_ settings: NodeConfiguration) async throws -> Node {
        var log = Logger(label: "test")
        log.logLevel = .critical
        return try await Node.start(settings, log: log)
    }

    /// Waits until every NOTIFY that was sent is answered, so that the next one leaves at once.
    func settle(_ node: Node) async {
        while await node.status().presence?.notificationsUnderWay != 0 { await Task.yield() }
    }

    /// A request of a user about a document, as a trusted proxy passes it on.
    static func request(
        _ method: String, _ target: String, of user: String, body: String = "",
        type: String = "application/auth-policy+xml", ifMatch: String? = nil
    ) -> UtRequest {
        UtRequest(
            method: Array(method.utf8), target: Array(target.utf8), requestTarget: Array("/xcap/\(target)".utf8),
            assertedIdentity: Array("\"sip:\(user)@home.test\"".utf8), isTrustedPeer: true,
            contentType: body.isEmpty ? nil : Array(type.utf8), ifMatch: ifMatch.map { Array($0.utf8) },
            body: Array(body.utf8), remote: Endpoint(.loopback, 4711))
    }

    static func rulesTarget(of user: String) -> String { "pres-rules/users/sip:\(user)@home.test/index" }

    /// One rule for one watcher.
    static func rules(_ watcher: String, _ handling: String) -> String {
        """
        <ruleset xmlns="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules">\
        <rule id="r1"><conditions><identity><one id="sip:\(watcher)@home.test"/></identity></conditions>\
        <actions><pr:sub-handling>\(handling)</pr:sub-handling></actions>\
        <transformations><pr:provide-services><pr:all-services/></pr:provide-services>\
        <pr:provide-note>true</pr:provide-note></transformations></rule></ruleset>
        """
    }
}
