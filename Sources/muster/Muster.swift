import ArgumentParser
import Glibc
import Ground

/// The command `muster`: server, user agent, administration and load generator.
///
/// Exit status: 0 done, 1 refused or failed, 2 used wrongly. Results go to standard output, all else to standard error.
@main
struct Muster: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "muster", abstract: "An IMS presence service, and everything to use, run and measure it.",
        subcommands: [],
        groupedSubcommands: [
            CommandGroup(name: "Run a service", subcommands: [ServeCommand.self, DemoCommand.self]),
            CommandGroup(
                name: "Use one",
                subcommands: [PublishCommand.self, WatchCommand.self, FetchCommand.self, RegisterCommand.self]),
            CommandGroup(
                name: "Decide who sees you",
                subcommands: [
                    PolicyCommand.self, WatchersCommand.self, ListCommand.self, XCAPCommand.self,
                ]),
            CommandGroup(
                name: "Administer one",
                subcommands: [SubscriberCommand.self, CheckConfigCommand.self, ExampleConfigCommand.self]),
            CommandGroup(name: "Measure one", subcommands: [LoadCommand.self]),
        ])

    /// Runs the command that the arguments name, and ends the process with the status that says how it went.
    static func main() async {
        // A reader that goes away ends the writing, not the process by a signal in the middle of a goodbye.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try self.parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            self.end(with: error)
        }
    }

    private static func end(with error: any Error) -> Never {
        if let failure = error as? CommandFailure {
            Terminal.remark("muster: \(failure)")
            Glibc.exit(1)
        }
        if let fault = error as? Fault {
            Terminal.remark("muster: \(fault)")
            Glibc.exit(1)
        }
        let code = self.exitCode(for: error)
        let message = self.fullMessage(for: error)
        if code == .success {
            // Help and version are results.
            Terminal.result(message)
            Glibc.exit(0)
        }
        Terminal.remark(message)
        Glibc.exit(code == .validationFailure ? 2 : 1)
    }
}
