import ArgumentParser
import UserAgent

/// `muster register`: registers this terminal and keeps the registration alive until Ctrl-C.
struct RegisterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "register", abstract: "Register with the server.",
        discussion: """
            The registration is refreshed until Ctrl-C, which removes it; with --once it is left to expire.

            Example: muster register --as sip:alice@home.example --server sip:127.0.0.1:5060 --ask-password
            """)

    @OptionGroup var options: ClientOptions

    @Option(
        help: ArgumentHelp("The instance of this terminal, for GRUU (RFC 5627).", valueName: "urn:uuid:..."))
    var instance: String?

    @Flag(help: "Register and end; the registration stays until it expires.")
    var once = false

    func validate() throws {
        guard let instance = self.instance else { return }
        guard instance.hasPrefix("urn:"), !instance.contains(where: { "<>\"\\ \r\n".contains($0) }) else {
            throw ValidationError(
                "--instance \(instance) is no URN; it looks like urn:uuid:00000000-0000-1000-8000-0123456789ab")
        }
    }

    func run() async throws {
        let session = try await ClientSession.start(self.options) { agent in
            agent.instance = self.instance
            agent.persistent = !self.once
        }
        await session.runner.order(.register)
        var failure: CommandFailure?
        for await timed in session.runner.events {
            session.show(timed)
            switch timed.event {
            case .registered where self.once: await session.runner.shutDown()
            case .registrationFailed(let problem, nil):
                failure = CommandFailure("not registered", problem)
                await session.runner.shutDown()
            default: break
            }
        }
        if let failure { throw failure }
    }
}
