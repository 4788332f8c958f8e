import ArgumentParser
import Cryptography
import Foundation
import Ground
import MusterNode

/// `muster demo`: a presence service, its users, and what happens between them.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Show the presence service at work, with real users over real sockets.")

    @Flag(help: "End when the story is told: status 0 if everything happened as told.")
    var once = false

    func run() async throws {
        var passwords: [String: Redacted<String>] = [:]
        for name in DemoStory.names {
            passwords[name] = Redacted(String(decoding: Hexadecimal.encode(SecureRandom.bytes(8)), as: UTF8.self))
        }
        let server = try DemoServer(passwords: passwords)
        defer { server.stop() }
        let users = try await DemoStory(server: server, passwords: passwords).tell()
        if self.once {
            for user in users { await user.runner.shutDown() }
            Terminal.result("\nThe story is told: everything happened.")
            return
        }
        try await self.stay(server, passwords)
    }

    /// Leaves the service running and says how to play with it.
    private func stay(_ server: DemoServer, _ passwords: [String: Redacted<String>]) async throws {
        var files: [String: String] = [:]
        for name in ["alice", "dave"] {
            let file = server.file("\(name).password")
            try passwords[name]?.reveal().write(to: file, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
            files[name] = "--password-file \(file.path)"
        }
        let (alice, dave) = (files["alice"] ?? "", files["dave"] ?? "")
        let (sip, xcap) = ("--server sip:\(server.endpoint)", "--xcap-root \(server.documents)")
        Terminal.result(
            """

            The service goes on. In other terminals:
              muster watch sip:alice@\(server.domain) --as sip:dave@\(server.domain) \(dave) \(sip)
              muster publish --as sip:alice@\(server.domain) \(alice) \(sip) --status closed --note "gone"
              muster watchers sip:alice@\(server.domain) \(alice) \(sip) \(xcap)
              muster policy show --as sip:alice@\(server.domain) \(alice) \(xcap)
              muster policy block dave --as sip:alice@\(server.domain) \(alice) \(xcap)
              muster policy explain alice dave --admin \(server.administration.origin)
            Control-C ends it.
            """)
        let ended = AsyncStream<Void>.makeStream()
        let interrupt = Interrupt { ended.continuation.finish() }
        for await _ in ended.stream {}
        _ = interrupt
    }
}
