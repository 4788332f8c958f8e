import ArgumentParser
import Settings

/// `muster example-config`: prints the configuration with every setting at its default.
struct ExampleConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "example-config", abstract: "Print the configuration with every setting at its default.",
        discussion: "Example: muster example-config > muster.yaml")

    func run() async throws {
        let text = ExampleConfiguration.yaml()
        Terminal.result(text.hasSuffix("\n") ? String(text.dropLast()) : text)
    }
}
